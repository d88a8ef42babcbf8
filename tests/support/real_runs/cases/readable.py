"""What strangers met: scores beside times, files of many formats, dicts of frames, databases, seeds, undo, own classes."""

import random

from real_runs.scenario import agent, call, plan, study

_RNG = random.Random(31)
CROPS = "field,soil,rain,yield\n" + "".join(
    f"f{n},{_RNG.choice(['clay', 'loam', 'sand'])},{_RNG.uniform(300, 900):.1f},{_RNG.uniform(2, 9):.2f}\n"
    for n in range(120)
)
SHIFTS = "who,start,end\n" + "".join(
    f"{w},2024-03-{d:02d} {s:02d}:00,2024-03-{d:02d} {s + 6 + d % 3:02d}:30\n"
    for d in range(25, 32)
    for w, s in (("Ada", 6), ("Bo", 9))
)
LOG = "\n".join(f"{_RNG.choice(['GET', 'PUT'])} /api/{_RNG.choice('abc')} {_RNG.choice([200, 200, 404, 500])} {_RNG.randrange(5, 900)}" for _ in range(200))  # fmt: skip

READABLE = (
    study(
        "scores_of_three_models",
        "cross_validate of several models in a dict; only its scores are read on, and one time is shown",
        "import numpy as np\nimport pandas as pd\nfrom sklearn.model_selection import cross_validate\ncrops = pd.read_csv('crops.csv')",
        agent(
            "Which model is best?",
            "from sklearn.linear_model import LinearRegression, Ridge\nfrom sklearn.tree import DecisionTreeRegressor\nX, y = pd.get_dummies(crops[['soil', 'rain']], dtype=float), crops['yield']\nmodels = {'line': LinearRegression(), 'ridge': Ridge(), 'tree': DecisionTreeRegressor(max_depth=3, random_state=0)}\nlist(models)",
            "runs = {name: cross_validate(m, X, y, cv=4, scoring='neg_mean_absolute_error', return_train_score=True) for name, m in models.items()}\nerrors = pd.Series({name: -r['test_score'].mean() for name, r in runs.items()}).round(6)\nerrors",
            "one = cross_validate(models['ridge'], X, y, cv=3)\nspread = one['test_score'].std()\nround(spread, 6)",
            answer="{{errors.idxmin()}} errs least, by {{errors.min():.3f}} t; the scores of ridge spread by {{spread:.3f}}.",
        ),
        files={"crops.csv": CROPS},
        skip=("X", "y", "models"),
    ),
    study(
        "random_search_with_a_seed",
        "RandomizedSearchCV over a pipeline, its table sorted, the best one fitted anew",
        "import pandas as pd\ncrops = pd.read_csv('crops.csv')",
        agent(
            "Tune a forest",
            "from scipy.stats import randint\nfrom sklearn.ensemble import RandomForestRegressor\nfrom sklearn.model_selection import RandomizedSearchCV\nsearch = RandomizedSearchCV(RandomForestRegressor(n_estimators=10, random_state=1), {'max_depth': randint(2, 6)}, n_iter=3, cv=3, random_state=2)\nsearch.fit(crops[['rain']], crops['yield'])\nsearch.best_params_",
            "table = pd.DataFrame(search.cv_results_)\nranked = table[['param_max_depth', 'mean_test_score', 'rank_test_score']].sort_values(['rank_test_score', 'param_max_depth'])\nranked",
            answer="Depth {{search.best_params_['max_depth']}} is best, with {{search.best_score_:.4f}}.",
        ),
        files={"crops.csv": CROPS},
    ),
    study(
        "sheets_archives_and_arrays_written",
        "files whose bytes hold a time (xlsx, npz, gzip, zip) and such as do not (csv, npy, json), read back",
        "import json, gzip, zipfile\nfrom pathlib import Path\nimport numpy as np\nimport pandas as pd",
        agent(
            "Save it in all forms",
            "a = np.arange(12.0).reshape(3, 4)\nframe = pd.DataFrame(a, columns=list('wxyz'))\nout = Path('saved')\nout.mkdir(exist_ok=True)\nframe.to_csv(out / 'a.csv', index=False)\nframe.to_excel(out / 'a.xlsx', index=False)\nnp.save(out / 'a.npy', a)\nnp.savez(out / 'a.npz', a=a)\n(out / 'a.json').write_text(json.dumps(a.tolist()))\nsorted(p.name for p in out.iterdir())",
            "with gzip.open(out / 'a.gz', 'wt') as f:\n    f.write('hello')\nwith zipfile.ZipFile(out / 'a.zip', 'w') as z:\n    z.write(out / 'a.csv', 'a.csv')\nnames = zipfile.ZipFile(out / 'a.zip').namelist()\nnames",
            "same = [bool((pd.read_csv(out / 'a.csv').to_numpy() == a).all()), bool((np.load(out / 'a.npz')['a'] == a).all()), bool((pd.read_excel(out / 'a.xlsx').to_numpy() == a).all())]\nsame",
            answer="{{len(list(out.iterdir()))}} files; {{sum(same)}} of {{len(same)}} were read back the same.",
        ),
        skip=("f", "z"),
    ),
    study(
        "report_with_the_time_in_it",
        "a report that says when it was written, beside a table that does not, in one step",
        "import pandas as pd\nshifts = pd.read_csv('shifts.csv', parse_dates=['start', 'end'])",
        agent(
            "Report the hours",
            "hours = (shifts['end'] - shifts['start']).dt.total_seconds().div(3600).groupby(shifts['who']).sum()\nhours",
            "from datetime import datetime\nfrom pathlib import Path\nhours.to_csv('hours.csv')\nlines = [f'{w}: {h:.1f} h' for w, h in hours.items()]\nlines",
            "stamp = datetime.now()\nsize = Path('report.txt').write_text('\\n'.join([*lines, f'written {stamp:%Y-%m-%d %H:%M}']))\nsize",
            answer="{{hours.idxmax()}} worked most, {{hours.max():.1f}} h.",
        ),
        files={"shifts.csv": SHIFTS},
        skip=("stamp",),
    ),
    study(
        "figures_in_three_formats",
        "a figure saved as png, svg and pdf; the next step looks whether they are there",
        "import matplotlib.pyplot as plt\nimport numpy as np",
        agent(
            "Draw a wave",
            "t = np.linspace(0, 1, 50)\nfig, ax = plt.subplots(figsize=(3, 2))\nax.plot(t, np.sin(6 * t))\nax.set_title('Wave')\nfor kind in ('png', 'svg', 'pdf'):\n    fig.savefig(f'wave.{kind}')\nplt.show()",
            "from pathlib import Path\nthere = sorted(p.suffix for p in Path().glob('wave.*'))\nthere",
            answer="{{len(there)}} pictures of the wave, which peaks at {{np.sin(6 * t).max():.2f}}.",
        ),
        skip=("fig", "ax", "kind"),
    ),
    study(
        "dict_of_frames",
        "frames by key in a dict, changed in a loop and put together again",
        "import pandas as pd\ncrops = pd.read_csv('crops.csv')",
        agent(
            "By soil",
            "by_soil = {soil: part.reset_index(drop=True) for soil, part in crops.groupby('soil')}\n{k: v.shape for k, v in by_soil.items()}",
            "for soil, part in by_soil.items():\n    part['rank'] = part['yield'].rank(ascending=False).astype(int)\ntop = pd.concat({k: v.nsmallest(2, 'rank') for k, v in by_soil.items()}, names=['soil_'])\ntop",
            answer="On {{len(by_soil)}} soils; the best field on loam is {{by_soil['loam'].nsmallest(1, 'rank')['field'].iloc[0]}}.",
        ),
        files={"crops.csv": CROPS},
        skip=("soil", "part"),
    ),
    study(
        "queries_over_a_connection_of_the_users",
        "the sql tool over a connection of sqlite3, with parameters, a colon in a text and rows as objects",
        "import sqlite3\ndb = sqlite3.connect(':memory:')\ndb.execute('create table stop (id integer primary key, name text, at text, n integer)')\ndb.executemany('insert into stop (name, at, n) values (?, ?, ?)', [('Ost', '07:30', 4), ('West', '07:45', 9), ('Ost', '08:00', 7), ('Nord', '08:15', None)])\ndb.commit()",
        agent(
            "Count the riders",
            call(
                "sql",
                query="select name, sum(n) as riders from stop group by name order by riders desc, name",
                database="db",
                into="riders",
            ),
            call(
                "sql",
                query="select name, at from stop where at < '08:00' and n >= :least order by at",
                parameters={"least": 4},
                database="db",
                into="early",
            ),
            "known = riders.dropna()\nknown['riders'] = known['riders'].astype(int)\nknown",
            answer="{{known['name'].iloc[0]}} had {{known['riders'].iloc[0]}} riders; {{len(early)}} stops are early.",
            options="-a auto -t sql",
        ),
    ),
    study(
        "rows_written_to_a_file_of_sqlite",
        "a database file made by a step, filled in a transaction, read by the next, and closed",
        "import sqlite3\nimport pandas as pd\ncrops = pd.read_csv('crops.csv')",
        agent(
            "Keep the wet fields",
            "con = sqlite3.connect('wet.db')\nwith con:\n    n = crops[crops['rain'] > 600].to_sql('wet', con, index=False, if_exists='replace')\nn",
            "means = pd.read_sql('select soil, round(avg(yield), 4) as mean, count(*) as n from wet group by soil order by soil', con)\ncon.close()\nmeans",
            answer="{{int(means['n'].sum())}} fields are wet; the mean is highest on {{means.loc[means['mean'].idxmax(), 'soil']}}.",
        ),
        files={"crops.csv": CROPS},
        skip=("con",),
    ),
    study(
        "undo_of_a_step_that_wrote",
        "a step that wrote a file and counted on is undone and another one done; the file stays from before",
        "count = {'runs': 0}",
        agent(
            "Write the summary",
            "values = [4, 8, 15, 16, 23, 42]\ncount['runs'] += 1\nsum(values)",
            "from pathlib import Path\ncount['runs'] += 1\nsize = Path('sum.txt').write_text(str(sum(values)))\nsize",
            answer="Done.",
        ),
        "%agent undo 1 --to r2.0",
        agent(
            "Write the median instead",
            "import statistics\nfrom pathlib import Path\nsize = Path('median.txt').write_text(str(statistics.median(values)))\nmiddle = float(Path('median.txt').read_text())\nmiddle",
            answer="The median is {{middle}}, after {{count['runs']}} run.",
        ),
        also=("count", "values"),
    ),
    study(
        "class_of_the_notebook_with_slots_and_order",
        "objects of a class with slots, ordering and a property, kept in a heap and in a dict by themselves",
        "import heapq\nfrom functools import total_ordering\n\n@total_ordering\nclass Job:\n    __slots__ = ('name', 'prio')\n    def __init__(self, name, prio):\n        self.name, self.prio = name, prio\n    def __lt__(self, other):\n        return (self.prio, self.name) < (other.prio, other.name)\n    def __eq__(self, other):\n        return (self.prio, self.name) == (other.prio, other.name)\n    def __hash__(self):\n        return hash((self.prio, self.name))\n    @property\n    def urgent(self):\n        return self.prio < 2\n    def __repr__(self):\n        return f'Job({self.name!r}, {self.prio})'",
        agent(
            "Plan the jobs",
            "heap = []\nfor name, prio in [('mail', 3), ('boil', 1), ('sweep', 2), ('call', 1)]:\n    heapq.heappush(heap, Job(name, prio))\nheap[0]",
            "order = [heapq.heappop(heap) for _ in range(3)]\nurgent = {job.name: job.urgent for job in order}\nurgent",
            answer="First {{order[0].name}}, then {{order[1].name}}; {{len(heap)}} is left, {{sum(urgent.values())}} were urgent.",
        ),
        skip=("name", "prio"),
    ),
    study(
        "awaited_in_order_and_at_once",
        "coroutines gathered, a queue filled by tasks, results in the order in which they were asked for",
        "import asyncio\n\nasync def fetch(n):\n    await asyncio.sleep(0.01 * (3 - n % 3))\n    return n * n",
        agent(
            "Fetch them",
            "squares = await asyncio.gather(*(fetch(n) for n in range(6)))\nsquares",
            "async def fill(queue):\n    for n in range(4):\n        await queue.put(await fetch(n))\n    await queue.put(None)\nqueue = asyncio.Queue(maxsize=2)\ntask = asyncio.create_task(fill(queue))\ntaken = []\nwhile (x := await queue.get()) is not None:\n    taken.append(x)\nawait task\ntaken",
            answer="{{sum(squares)}} in all; {{len(taken)}} came through the queue.",
        ),
        skip=("queue", "task", "x"),
    ),
    study(
        "seeds_of_three_kinds",
        "a seeded generator, numpy's global state and random, drawn from in turn by user and steps",
        "import random\nimport numpy as np\nrandom.seed(4)\nnp.random.seed(5)\nrng = np.random.default_rng(6)\nstart = rng.integers(100)",
        agent(
            "Draw",
            "mixed = [rng.integers(10) for _ in range(3)] + [random.randrange(10) for _ in range(3)] + np.random.randint(0, 10, 3).tolist()\nmixed",
            "random.shuffle(mixed)\npicked = rng.choice(mixed, size=4, replace=False)\npicked",
            answer="{{len(mixed)}} draws; picked {{picked.sum()}} in all, from {{start}} on.",
        ),
        "again = rng.random()",
        agent("Once more", "last = round(float(rng.random()) + again, 9)\nlast", answer="{{last:.4f}}."),
        export="2 --of 1,2",
        pids=(1, 2),
    ),
    study(
        "dates_of_many_kinds",
        "periods, business days, weeks of the year, and a span in months, from text in two forms",
        "import pandas as pd\nfrom datetime import date, timedelta\ntexts = ['2024-02-28', '29.02.2024', '2024-03-29', '31.12.2024']",
        agent(
            "Which are working days?",
            "days = [date.fromisoformat(t) if '-' in t else date(*map(int, reversed(t.split('.')))) for t in texts]\ndays",
            "weeks = [d.isocalendar().week for d in days]\nspan = pd.period_range(days[0], days[-1], freq='M')\nfrom pandas.tseries.offsets import BDay\nnext_days = pd.DatetimeIndex([pd.Timestamp(d) + BDay() for d in days])\nnext_days",
            "gaps = [b - a for a, b in zip(days, days[1:])]\nlongest = max(gaps)\nlongest.days, len(span)",
            answer="The longest gap is {{longest.days}} days; it spans {{len(span)}} months, and the last week is {{weeks[-1]}}.",
        ),
    ),
    study(
        "counts_of_a_log_by_regex",
        "a log read by lines, counted, joined with names by a match statement",
        "import re\nfrom collections import Counter, defaultdict",
        agent(
            "Which calls fail?",
            plan(("Read it", "len(calls) == 200"), ("Count it", "sum(codes.values()) == 200")),
            "with open('api.log') as f:\n    calls = [re.fullmatch(r'(\\w+) (\\S+) (\\d+) (\\d+)', line.strip()).groups() for line in f]\nlen(calls)",
            "codes = Counter(int(c[2]) for c in calls)\nslow = defaultdict(list)\nfor verb, path, code, ms in calls:\n    match int(code):\n        case 500:\n            slow[path].append(int(ms))\n        case 404 if verb == 'PUT':\n            slow['lost'].append(int(ms))\n{k: len(v) for k, v in sorted(slow.items())}",
            answer="{{codes[500]}} failed and {{codes[404]}} were not found; the slowest took {{max(max(v) for v in slow.values())}} ms.",
        ),
        files={"api.log": LOG + "\n"},
        skip=("f", "verb", "path", "code", "ms"),
    ),
    study(
        "engine_filled_by_another",
        "an engine of SQLAlchemy in memory, filled by one process and asked by another",
        "import sqlalchemy as sa\nengine = sa.create_engine('sqlite://', poolclass=sa.pool.StaticPool)",
        agent(
            "Fill it",
            "with engine.begin() as c:\n    c.execute(sa.text('create table bird (name text, n integer)'))\n    c.execute(sa.text('insert into bird values (:name, :n)'), [{'name': 'wren', 'n': 4}, {'name': 'rook', 'n': 11}])\nfilled = True\nfilled",
            answer="It is filled.",
        ),
        agent(
            "Ask it",
            "with engine.connect() as c:\n    rows = [tuple(r) for r in c.execute(sa.text('select name, n from bird order by n'))]\nrows",
            answer="{{rows[-1][0]}} has {{rows[-1][1]}}.",
        ),
        export="2 --of 1,2",
        pids=(1, 2),
        skip=("c",),
    ),
    study(
        "cached_and_defaults",
        "a cached function whose table is changed between calls, and a default that keeps what it was given",
        "from functools import lru_cache\nrates = {'EUR': 1.0, 'USD': 1.1}\n@lru_cache\ndef rate(c):\n    return rates[c]\ndef keep(x, seen=[]):\n    seen.append(x)\n    return len(seen)",
        "rate('USD')\nkeep('mine')",
        "rates['USD'] = 1.2",
        agent(
            "Use them",
            "old = rate('USD')\nnew = rates['USD']\nold, new",
            "n = keep('step')\nn",
            answer="The cache says {{old}}, the table {{new}}; {{n}} were kept.",
        ),
    ),
    study(
        "folders_walked_and_left",
        "a step goes into a folder, works there and comes back; the user cells read from both",
        "import os\nfrom pathlib import Path\nhere = len(Path('a.txt').read_text())",
        agent(
            "Sum the parts",
            "os.chdir('parts')\nlengths = {p.name: len(p.read_text()) for p in sorted(Path().glob('*.txt'))}\nPath('sum.txt').write_text(str(sum(lengths.values())))\nos.chdir('..')\nlengths",
            "total = int(Path('parts/sum.txt').read_text()) + here\ntotal",
            answer="{{total}} letters, in {{len(lengths)}} parts and the first file.",
        ),
        files={"a.txt": "first", "parts/b.txt": "second", "parts/c.txt": "third!"},
    ),
    study(
        "polars_lazily_to_parquet",
        "polars: a lazy query written to Parquet and CSV, and read again",
        "import polars as pl",
        agent(
            "Wet fields by soil",
            "wet = pl.scan_csv('crops.csv').filter(pl.col('rain') > 500).group_by('soil').agg(pl.col('yield').mean().round(4), pl.len()).sort('soil').collect()\nwet.to_dicts()",
            "wet.write_parquet('wet.parquet')\nwet.write_csv('wet.csv')\nback = pl.read_parquet('wet.parquet')\nback.equals(wet)",
            answer="{{wet['len'].sum()}} wet fields on {{wet.height}} soils.",
        ),
        files={"crops.csv": CROPS},
    ),
    study(
        "set_order_and_a_clock_beside_results",
        "what rests on the order of a set and on the clock stands beside what does not, which is compared",
        "import time\nwords = 'the tide turns and the tide returns'.split()",
        agent(
            "Count and time it",
            "kinds = set(words)\nfirst = next(iter(kinds))\nsorted(kinds)",
            "begun = time.perf_counter()\ncounts = {w: words.count(w) for w in sorted(kinds)}\ntook = time.perf_counter() - begun\ncounts",
            answer="{{len(kinds)}} words; 'tide' {{counts['tide']}} times.",
        ),
        skip=("first", "begun", "took"),
    ),
    study(
        "logging_to_a_file",
        "a step logs to a file with the time of each line, and counts what it logged",
        "import logging\nfrom pathlib import Path",
        agent(
            "Log three things",
            "handler = logging.FileHandler('work.log')\nhandler.setFormatter(logging.Formatter('%(asctime)s %(message)s'))\nlog = logging.getLogger('work')\nlog.setLevel('INFO')\nlog.propagate = False\nlog.addHandler(handler)\nfor what in ('begin', 'middle', 'end'):\n    log.info(what)\nhandler.close()\nlog.removeHandler(handler)",
            "logged = [line.split()[-1] for line in Path('work.log').read_text().splitlines()]\nlogged",
            answer="{{len(logged)}} lines, the last says {{logged[-1]}}.",
        ),
        skip=("handler", "log", "what"),
    ),
)
