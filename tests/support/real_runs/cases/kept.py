"""What outlives a step without standing in a name: files, folders, caches, defaults, drawn numbers, others' inserts."""

import random

from real_runs.scenario import agent, call, plan, study, user

_RNG = random.Random(2718)
STOCK = "sku,place,n\n" + "".join(
    f"s{_RNG.randrange(12):02d},{_RNG.choice(['dock', 'loft'])},{_RNG.randrange(1, 40)}\n" for _ in range(30)
)
FLOW = "at,litres\n" + "".join(
    f"2023-{1 + i // 28:02d}-{1 + i % 28:02d} {_RNG.randrange(24):02d}:30,{_RNG.uniform(0, 9):.2f}\n"
    for i in range(336)
)
ROUTES = "\n".join(f"{_RNG.choice('NESW')}{_RNG.randrange(100)}" for _ in range(25)) + "\n"
UNITS = '"""Lengths."""\nfrom pathlib import Path\nTABLE = dict(l.split() for l in (Path(__file__).parent / "units.txt").read_text().splitlines())\ndef to_m(n, unit):\n    return n * float(TABLE[unit])\n'
ASKS, LAST = "ApprovalNeeded", user("%agent resume 1", "|UsageError")

KEPT = (
    study(
        "values_before_the_last",
        "steps whose lines before the last one have values, too, which a cell does not show",
        "from collections import deque\nplates = ['ash', 'box', 'elm', 'oak']\nline = deque([5, 6, 7])",
        agent(
            "Take one off",
            "plates.pop()\nlen(plates)",
            "line.popleft()\nline.rotate(1)\nlist(line)",
            "sum(line)\nprint('sum', sum(line))\n'and'\nlast = plates[-1]\nlast",
            "len(plates); plates[0] * 2",
            answer="{{len(plates)}} plates, {{last}} on top.",
        ),
        also=("plates", "line"),
    ),
    study(
        "queries_and_plain_steps",
        "SQL, plain Python, SQL again over what was changed, in two processes with a cell between",
        "import pandas as pd\nstock = pd.read_csv('stock.csv')",
        agent(
            "How much lies where?",
            call(
                "sql",
                query="select place, sum(n) as n from stock group by place order by place",
                into="by_place",
            ),
            "motto = 'first in, first out'.title()\nmotto",
            call(
                "sql",
                query="select sku, sum(n) as n from stock group by sku having sum(n) > 60 order by 2 desc, 1",
                into="much",
            ),
            "letters = len(motto)\nletters",
            options="-a auto -t sql",
            answer="{{by_place['n'].sum()}} pieces, {{len(much)}} kinds of them many.",
        ),
        "stock = stock[stock['place'] == 'dock']\nmotto = motto.upper()",
        agent(
            "And on the dock?",
            call("sql", query="select count(*) as kinds, max(n) as most from stock", into="dock"),
            "words = motto.split()\nwords",
            options="-a auto -t sql",
            answer="{{dock['kinds'][0]}} rows.",
        ),
        files={"stock.csv": STOCK},
        export="2 --of 1,2",
        pids=(1, 2),
        also=("stock",),
    ),
    study(
        "undone_but_the_file_stays",
        "an undone step has written a file, which the next process reads",
        "from pathlib import Path\nroute = ['N4', 'E9']",
        agent("Add and write", "route.append('S2')\nPath('route.txt').write_text(','.join(route))\nroute"),
        "%agent undo 1",
        agent(
            "Read it",
            "stored = Path('route.txt').read_text().split(',')\nstored",
            "extra = len(stored) - len(route)\nextra",
        ),
        also=("route",),
    ),
    study(
        "undone_but_the_generator_moved",
        "an undone step has taken from a generator of the user's",
        "def codes():\n    for n in range(100):\n        yield f'K{n * n:03d}'\ncode = codes()\nnext(code)",
        agent("Take two", "two = [next(code), next(code)]\ntwo"),
        "%agent undo 1",
        agent("Take one", "one = next(code)\none"),
    ),
    study(
        "undone_but_the_module_has_it",
        "an undone step has set an attribute of a module, which the next process reads",
        "import calendar, string",
        agent(
            "Begin on Sunday",
            "calendar.setfirstweekday(calendar.SUNDAY)\nstring.sunday = True\nfirst = calendar.firstweekday()\nfirst",
        ),
        "%agent undo 1",
        agent("Show it", "week = calendar.weekheader(2)\nweek", "known = hasattr(string, 'sunday')\nknown"),
    ),
    study(
        "undone_but_inserted",
        "an undone step has inserted into the user's database in memory",
        "import sqlite3\nledger = sqlite3.connect(':memory:')\n_ = ledger.execute('create table entries (day integer, sum real)')\n_ = ledger.executemany('insert into entries values (?, ?)', [(1, 20.5), (2, -4.25)])",
        agent("Add one", "added = ledger.execute('insert into entries values (3, 100)').rowcount\nadded"),
        "%agent undo 1",
        agent("Sum", "balance = ledger.execute('select sum(sum), count(*) from entries').fetchone()\nbalance"),
    ),
    study(
        "plan_edited_and_approved",
        "a person edits a step of the plan and approves it; the answer computes",
        "laps = {'Mo': [61.2, 59.8, 60.4], 'Nia': [58.9, 62.5, 60.0], 'Oz': [63.1, 61.0, 60.9]}",
        agent(
            "Who was fastest?",
            plan(("best laps", "len(best) == 3"), ("winner", "winner in laps"), ("gap", "")),
            "best = {k: min(v) for k, v in laps.items()}\nbest",
            "winner = min(best, key=best.get)\nwinner",
            "gap = round(sorted(best.values())[1] - best[winner], 1)\ngap",
            options="-a plan",
            raises=ASKS,
            answer="{{winner}} by {{gap:.1f}} s.",
        ),
        '%agent edit 1 3 "the gap to the second"',
        "%agent approve 1",
        LAST,
    ),
    study(
        "there_and_back",
        "a step goes into a folder, reads and writes there, and comes back; the next process reads from above",
        "import os, json\nhere = os.getcwd()",
        agent(
            "Count the routes",
            "os.chdir('north')\nroutes = open('routes.txt').read().split()\nwith open('count.json', 'w') as f:\n    json.dump(len(routes), f)\nos.chdir('..')\nlen(routes)",
            "same = os.getcwd() == here\nsame",
        ),
        agent(
            "Read both",
            "count = json.load(open('north/count.json'))\ncount",
            "os.chdir('south')\nother = len(open('routes.txt').read().split())\nos.chdir(here)\nother",
            answer="{{count}} in the north, {{other}} in the south.",
        ),
        files={"north/routes.txt": ROUTES, "south/routes.txt": ROUTES[: len(ROUTES) // 2]},
        export="2 --of 1,2",
        pids=(1, 2),
        skip=("f",),
    ),
    study(
        "captured_by_both",
        "what a cell of the user's and a step print is kept by %%capture, and read by the next process",
        "%%capture cap --no-stderr\nfor n in (3, 1, 2):\n    print('lot', n)",
        agent("Print quietly", "%%capture mine\nprint('sold', len(cap.stdout.splitlines()))\nsold = 3"),
        agent(
            "Read both",
            "lots = sorted(int(l.split()[1]) for l in cap.stdout.splitlines())\nlots",
            "said = mine.stdout.strip()\nsaid",
        ),
        export="2 --of 1,2",
        pids=(1, 2),
        skip=("mine",),
    ),
    study(
        "numbers_of_many_digits",
        "integers that are too long to be written as text, kept, halved and told by their remainder",
        "import math\nn = 1900",
        agent(
            "How many zeros end it?",
            "product = math.factorial(n)\nproduct % 1_000_003",
            "zeros = 0\nrest = product\nwhile rest % 10 == 0:\n    rest, zeros = rest // 10, zeros + 1\nzeros",
            "power = -(3**9500)\n[power % 97, power < 0]",
            answer="{{zeros}} zeros, {{product.bit_length()}} bits.",
        ),
        agent("Halve it", "half = product // 2\nhalf % 1_000_003", answer="{{(product - half) == half}}"),
        export="2 --of 1,2",
        pids=(1, 2),
    ),
    study(
        "engine_and_models",
        "classes of SQLAlchemy over a file: one process fills it, the user corrects it, another asks",
        "from sqlalchemy import create_engine, select, func, text\nfrom sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column\n"
        "engine = create_engine('sqlite:///hives.db')\nclass Base(DeclarativeBase):\n    pass\nclass Hive(Base):\n    __tablename__ = 'hives'\n    id: Mapped[int] = mapped_column(primary_key=True)\n    place: Mapped[str]\n    honey: Mapped[float]",
        agent(
            "Fill it",
            "Base.metadata.create_all(engine)\nwith Session(engine) as s:\n    s.add_all([Hive(place=p, honey=h) for p, h in [('heath', 11.5), ('wood', 8.25), ('heath', 9.0)]])\n    s.commit()\n    stored = s.scalar(select(func.count(Hive.id)))\nstored",
        ),
        "with engine.begin() as c:\n    c.execute(text(\"update hives set honey = honey + 1 where place = 'wood'\"))",
        agent(
            "How much honey?",
            "with Session(engine) as s:\n    honey = [tuple(r) for r in s.execute(select(Hive.place, func.sum(Hive.honey)).group_by(Hive.place).order_by(Hive.place))]\nhoney",
            answer="{{honey[0][1]:.2f}} kg from the heath.",
        ),
        export="2 --of 1,2",
        pids=(1, 2),
        skip=("s",),
    ),
    study(
        "cache_that_was_warmed",
        "a cache that process and user fill: how often it was hit is read by the second process",
        "from functools import lru_cache\ncalls = []\n@lru_cache(maxsize=None)\ndef ways(stairs):\n    calls.append(stairs)\n    return 1 if stairs < 2 else ways(stairs - 1) + ways(stairs - 2)",
        agent("Thirty stairs", "thirty = ways(30)\nthirty"),
        "ways(31)",
        agent(
            "What was kept?",
            "hits, misses = ways.cache_info()[:2]\nhits, misses",
            "more = ways(33)\nmore, len(calls)",
        ),
    ),
    study(
        "memo_in_a_default",
        "a function remembers in its default, filled by two processes and the user",
        "def number(word, known={}):\n    return known.setdefault(word, len(known))",
        agent("Number them", "first = [number(w) for w in 'red green red blue'.split()]\nfirst"),
        "number('black')",
        agent(
            "Go on",
            "second = [number(w) for w in 'white red black'.split()]\nsecond",
            "size = len(number.__defaults__[0])\nsize",
        ),
    ),
    study(
        "threads_and_a_queue",
        "threads of one process fill a dictionary and a queue, which another empties",
        "import threading, queue\nbox, done = {}, queue.Queue()\ndef measure(n):\n    box[n] = n * n % 17\n    done.put(n)\ndef start_and_join(count):\n    crew = [threading.Thread(target=measure, args=(n,)) for n in range(count)]\n    for t in crew:\n        t.start()\n    for t in crew:\n        t.join()",
        agent(
            "Start them",
            "start_and_join(6)\nlen(box)",
        ),
        agent(
            "Collect",
            "ended = sorted(done.get() for _ in range(done.qsize()))\nended",
            "total = sum(box.values())\ntotal",
        ),
    ),
    study(
        "methods_handed_over",
        "methods of the user's objects handed to map, any, reduce and deque, by two processes",
        "from collections import deque\nfrom functools import reduce\norders = {101: 'tea', 102: 'rice', 103: 'oil', 104: 'salt'}\nseen, log = set(), []",
        agent(
            "Send two",
            "sent = list(map(orders.pop, [101, 103]))\nsent",
            "twice = [x for x in 'abca' if x in seen or seen.add(x)]\ntwice",
            "deque(map(log.append, sent), maxlen=0)\nlen(log)",
        ),
        agent(
            "What is left?",
            "left = sorted(orders)\nleft",
            "both = reduce(lambda a, b: a.union(b), [seen, set(log)])\nsorted(both)",
        ),
        also=("orders", "seen", "log"),
        export="2 --of 1,2",
        pids=(1, 2),
    ),
    study(
        "package_on_the_path",
        "a cell puts a folder first on the path; a package there reads a table of its own",
        "import sys\nsys.path.insert(0, 'vendor')",
        agent("Convert", "from lengths import to_m\nfathoms = to_m(7, 'fathom')\nround(fathoms, 4)"),
        agent(
            "Another",
            "import lengths\nyards = lengths.to_m(100, 'yard')\nyards",
            "kinds = sorted(lengths.TABLE)\nkinds",
        ),
        files={"vendor/lengths/__init__.py": UNITS, "vendor/lengths/units.txt": "fathom 1.8288\nyard 0.9144\n"},
        export="2 --of 1,2",
        pids=(1, 2),
    ),
    study(
        "seeded_by_sequences",
        "generators seeded by a list, by spawning and by words; drawn from by user and processes",
        "import numpy as np, random\nmain = np.random.default_rng([1, 2])\nown = random.Random('a seed of words')",
        agent(
            "Draw",
            "a, b = (np.random.default_rng(s) for s in np.random.SeedSequence(5).spawn(2))\npair = a.integers(100, size=3).tolist(), b.integers(100, size=3).tolist()\npair",
            "first = main.permutation(6).tolist()\nfirst",
        ),
        "between = main.random()",
        agent(
            "Again",
            "second = main.choice(['x', 'y', 'z'], size=4).tolist()\nsecond",
            "third = own.sample(range(50), 3)\nthird",
            answer="{{third}} after {{between:.4f}}",
        ),
        also=("main", "own", "between"),
        skip=("a", "b"),
    ),
    study(
        "resampled_flow",
        "a table over time: quarters, half hours, a rolling window and a seeded sample of groups",
        "import pandas as pd\nflow = pd.read_csv('flow.csv', parse_dates=['at']).set_index('at').sort_index()",
        agent(
            "How much by quarter?",
            "quarters = flow.resample('QS').sum()\nquarters",
            "daily = flow['litres'].resample('D').agg(['sum', 'count'])\ndaily.head(3)",
            "picked = flow.groupby(flow.index.month).sample(1, random_state=8)\npicked.shape",
            answer="{{quarters['litres'].idxmax():%B}} begins the highest, {{quarters['litres'].max():.1f}} l.",
        ),
        files={"flow.csv": FLOW},
    ),
    study(
        "forgotten_call",
        "what a call said is deleted from the journal before the export",
        "import random\nnames = [f'patient {n} of ward {n % 3}' for n in range(400)]",
        agent(
            "Count by ward",
            "wards = [n.rsplit(' ', 1)[1] for n in names]\nprint('\\n'.join(names))\nlen(wards)",
            "counts = {w: wards.count(w) for w in sorted(set(wards))}\ncounts",
        ),
        "%agent forget 1 r1.0",
    ),
)
