"""Twelve notebooks that were written when all others were mended, and run once before anything was done for them."""

from real_runs.scenario import LOOK, agent, study, user

KILNS = "[north]\nheat = 1240\nshelves = 7\n\n[south]\nheat = 980\nshelves = 11\n"
CROPS = "[wheat]\nwater = 4.5\n[barley]\nwater = 3.25\n"
HONEY = "\n".join(f"{day},{(day * 17) % 23 / 4}" for day in range(1, 41))
BOTH = {"export": "2 --of 1,2", "pids": (1, 2)}

AFRESH = (
    study(
        "kilns_by_config",
        "a configuration is read by configparser; an answer asks a counter of the user's for its next number",
        "import configparser, itertools\nkilns = configparser.ConfigParser()\nkilns.read('kilns.ini')\nticket = itertools.count(500)",
        agent(
            "Which is hottest?",
            "heat = {k: kilns.getint(k, 'heat') for k in kilns.sections()}\nheat",
            "hottest = max(heat, key=heat.get)\nhottest",
            answer="{{hottest}} with {{heat[hottest]:,}} °C; ticket {{next(ticket)}}.",
        ),
        agent("Number it", "number = next(ticket)\nnumber", answer="It is {{number}}."),
        files={"kilns.ini": KILNS},
        **BOTH,
    ),
    study(
        "package_with_resources",
        "a package of the user's reads its own data by importlib.resources when it is imported",
        "import fields",
        agent(
            "Water them",
            "litres = fields.need('wheat', 120)\nlitres",
            "thirsty = max(fields.CROPS, key=lambda c: fields.CROPS[c]['water'])\nthirsty",
            answer="{{litres:.0f}} l, most for {{thirsty}}.",
        ),
        files={
            "fields/__init__.py": "import tomllib\nfrom importlib.resources import files\nCROPS = tomllib.loads(files(__package__).joinpath('crops.toml').read_text())\ndef need(crop, m2):\n    return CROPS[crop]['water'] * m2\n",
            "fields/crops.toml": CROPS,
        },
    ),
    study(
        "quarters_scanned",
        "polars scans tables of several folders by a pattern, lazily",
        "import polars as pl\nlots = pl.scan_csv('q*/lots.csv')",
        agent(
            "Sum them",
            "sums = lots.group_by('kind').agg(pl.col('kg').sum()).sort('kind').collect()\nsums",
            "rows = lots.select(pl.len()).collect().item()\nrows",
            answer="{{rows}} lots, {{sums['kg'].sum()}} kg.",
        ),
        files={f"q{n}/lots.csv": f"kind,kg\noak,{n * 3}\nash,{n + 5}\n" for n in (1, 2, 3)},
    ),
    study(
        "user_goes_into_a_folder",
        "a cell of the user's goes into a folder, where a process reads and writes; the last cell comes back",
        "import os, csv\nos.chdir('field')",
        agent(
            "How much?",
            "days = [(int(d), float(v)) for d, v in csv.reader(open('honey.csv'))]\nlen(days)",
            "best = max(days, key=lambda d: d[1])\nopen('best.txt', 'w').write(repr(best))\nbest",
            answer="{{best[1]:.2f}} kg on day {{best[0]}}.",
        ),
        LOOK,
        "os.chdir(os.pardir)",
        files={"field/honey.csv": HONEY},
    ),
    study(
        "shelf_of_the_user",
        "a shelf on disk that a cell fills and a process reads and adds to",
        "import shelve\nwith shelve.open('herbs') as shelf:\n    shelf['sage'] = [3, 4]\n    shelf['thyme'] = [1]",
        agent(
            "Count",
            "with shelve.open('herbs') as s:\n    counts = {k: len(s[k]) for k in sorted(s)}\n    s['mint'] = []\ncounts",
            "with shelve.open('herbs', 'r') as s:\n    names = sorted(s)\nnames",
            answer="{{counts['sage']}} of sage; {{', '.join(names)}}.",
        ),
        skip=("s",),
    ),
    study(
        "arrays_in_a_new_folder",
        "arrays are saved by a cell in a folder that it makes, and read by a step",
        "import numpy as np\nfrom pathlib import Path\nstore = Path('cache/runs')\nstore.mkdir(parents=True, exist_ok=True)\nwaves = np.sin(np.arange(12) / 3)",
        "np.savez(store / 'a.npz', waves=waves, squares=waves**2)",
        agent(
            "Read them",
            "held = np.load(store / 'a.npz')\ntop = float(held['waves'].max().round(6))\ntop",
            "total = float(held['squares'].sum().round(6))\ntotal",
            answer="At most {{top:.3f}}, {{total:.2f}} in squares.",
        ),
        skip=("held",),
    ),
    study(
        "queues_looked_at",
        "an answer pops from a heap and a deque, and draws from the seeded generator of the module",
        "import heapq, random\nfrom collections import deque\nrandom.seed(11)\nurgent = [(2, 'b'), (1, 'a'), (3, 'c')]\nheapq.heapify(urgent)\nlater = deque('xyz')",
        agent(
            "What first?",
            "first = heapq.heappop(urgent)\nfirst",
            answer="{{first[1]}}, then {{heapq.heappop(urgent)[1]}} and {{later.popleft()}}; lot {{random.choice(later)}}.",
        ),
        agent(
            "And then?",
            "then = heapq.heappop(urgent), later.popleft(), random.randrange(1000)\nthen",
            answer="{{then[0][1]}}, {{then[1]}}, {{then[2]}}.",
        ),
        also=("urgent", "later"),
        **BOTH,
    ),
    study(
        "undone_line_in_a_file",
        "an undone step has put a line behind those of a file, which the next process reads",
        "tally = [4, 8]",
        agent("Add one", "tally.append(15)\nwith open('tally.txt', 'a') as f:\n    f.write('15\\n')\ntally"),
        "%agent undo 1",
        agent("Read it", "lines = open('tally.txt').read().split()\nlines", "n = len(lines) - len(tally)\nn"),
        files={"tally.txt": "4\n8\n"},
        also=("tally",),
        skip=("f",),
    ),
    study(
        "lake_of_a_query",
        "a database of duckdb is filled by a cell from a file that the query names, and asked by a process",
        "import duckdb\nlake = duckdb.connect()\nlake.execute(\"create table nests as select * from read_csv_auto('nests.csv')\")",
        agent(
            "Where are most?",
            'most = lake.execute("select cliff, sum(eggs) as eggs from nests group by cliff order by eggs desc, cliff").fetchall()\nmost',
            "mean = round(lake.execute('select avg(eggs) from nests').fetchone()[0], 4)\nmean",
            answer="{{most[0][0]}} with {{most[0][1]}}; {{mean:.2f}} on average.",
        ),
        files={"nests.csv": "cliff,eggs\n" + "".join(f"{'KLM'[n % 3]},{n % 5}\n" for n in range(31))},
    ),
    study(
        "script_by_a_magic",
        "a script run by a magic defines a function and a table, which a step uses",
        "%run prep.py",
        agent("Use them", "warm = [c for c in cities if to_f(cities[c]) > 60]\nwarm", answer="{{len(warm)}} warm."),
        files={"prep.py": "cities = {'Oslo': 6, 'Rome': 19, 'Cadiz': 21}\ndef to_f(c):\n    return c * 9 / 5 + 32\n"},
    ),
    study(
        "paths_shown",
        "files found by their whole paths, which a step shows; what is read from them is the same anywhere",
        "import glob, json, os\nbase = os.path.dirname(os.path.abspath('x'))",
        agent(
            "Read them all",
            "paths = sorted(glob.glob(os.path.join(base, 'boats', '*.json')))\nprint(paths)",
            "boats = {os.path.basename(p)[:-5]: json.load(open(p)) for p in paths}\nboats",
            "longest = max(boats, key=lambda b: boats[b]['m'])\nlongest",
            answer="{{longest}}, {{boats[longest]['m']}} m, in {{os.path.basename(base)}}.",
        ),
        files={"boats/gull.json": '{"m": 7.5}', "boats/tern.json": '{"m": 11.25}'},
        skip=("paths",),
    ),
    study(
        "forgotten_and_failed",
        "one step fails and is taken back, one is forgotten, and the export stands on the rest",
        "words = ['loom', 'warp', 'weft', 'reed'] * 300",
        agent(
            "Sort and count",
            "words.sort()\nprint('\\n'.join(words))\nwords[-1]",
            "words.clear()\nraise ValueError('no')",
            "counts = {w: words.count(w) for w in sorted(set(words))}\ncounts",
            answer="{{len(words)}} words, {{counts['weft']}} of weft.",
        ),
        user("%agent forget 1 r1.0"),
        also=("words",),
    ),
)
