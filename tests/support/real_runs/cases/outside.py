"""What is outside the namespace: files, databases, the environment, the clock, chance, other programs."""

import sqlite3
import tempfile
from pathlib import Path

from real_runs.scenario import LOOK, agent, study


def shop() -> bytes:
    """Return a database of orders."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shop.db"
        db = sqlite3.connect(path)
        with db:
            db.execute("create table orders (id integer, price real)")
            db.executemany("insert into orders values (?, ?)", [(i, i * 1.25) for i in range(50)])
        db.close()
        return path.read_bytes()


OUTSIDE = (
    study(
        "file_written_and_read",
        "files written by one step and read by the next",
        "import json\nfrom pathlib import Path",
        agent(
            "Write a report",
            "Path('out').mkdir(exist_ok=True)\nsize = Path('out/report.json').write_text(json.dumps({'n': 3, 'mean': 2.5}))\nsize",
            "back = json.loads(Path('out/report.json').read_text())\nback['mean']",
        ),
    ),
    study(
        "files_by_a_pattern",
        "many files by a pattern",
        "import glob, json",
        agent(
            "Count the errors",
            "days = []\nfor name in sorted(glob.glob('logs/*.json')):\n    with open(name) as f:\n        days.append(json.load(f))\nlen(days)",
            "errors = sum(d['errors'] for d in days)\nerrors",
        ),
        files={f"logs/day{i}.json": f'{{"day": {i}, "errors": {i * i % 4}}}' for i in range(5)},
        skip=("f", "name"),
    ),
    study(
        "file_changed_by_the_run",
        "a file is read, then changed, then read again",
        "from pathlib import Path",
        agent(
            "Count visits",
            "before = int(Path('visits.txt').read_text())\nPath('visits.txt').write_text(str(before + 1))\nbefore",
            "after = int(Path('visits.txt').read_text())\nafter",
        ),
        files={"visits.txt": "41"},
    ),
    study(
        "file_changed_after",
        "the user changes the input file after the process, before the export",
        "from pathlib import Path\ntext = Path('notes.txt').read_text()",
        agent("Count words", "words = len(text.split())\nwords"),
        LOOK,
        "Path('notes.txt').write_text('something else, which is longer by far')",
        files={"notes.txt": "one two three"},
    ),
    study(
        "file_removed",
        "a step removes a file that it has read",
        "import os",
        agent(
            "Take it in",
            "lines = open('inbox.txt').read().splitlines()\nos.remove('inbox.txt')\nlines",
            "gone = not os.path.exists('inbox.txt')\ngone",
        ),
        files={"inbox.txt": "a\nb\n"},
    ),
    study(
        "module_beside",
        "a module beside the notebook",
        "from collections import Counter\nfrom words_helper import split",
        agent(
            "The commonest word",
            "with open('text.txt', encoding='utf-8') as f:\n    words = split(f.read())\ncommon = Counter(words).most_common(2)\ncommon",
        ),
        files={
            "words_helper.py": "def split(text):\n    return text.lower().split()\n",
            "text.txt": "the cat and the dog and the bird\n" * 4,
        },
        skip=("f",),
    ),
    study(
        "zip_and_temporary",
        "an archive made and read in a temporary folder",
        "import tempfile, zipfile\nfrom pathlib import Path",
        agent(
            "Pack it",
            "with tempfile.TemporaryDirectory() as folder:\n    archive = Path(folder) / 'a.zip'\n    with zipfile.ZipFile(archive, 'w') as z:\n        z.writestr('x.txt', 'hello')\n"
            "    with zipfile.ZipFile(archive) as z:\n        names, text = z.namelist(), z.read('x.txt').decode()\nnames, text",
        ),
        skip=("folder", "archive", "z"),
    ),
    study(
        "sqlite_in_memory",
        "sqlite in memory: made by the user, changed by the process",
        "import sqlite3\ndb = sqlite3.connect(':memory:')",
        "db.execute('create table t (k text, v real)')\ndb.executemany('insert into t values (?, ?)', [('a', 1), ('b', 2.5), ('a', 3)])",
        agent(
            "Add and sum",
            "done = db.execute('insert into t values (?, ?)', ('c', 10)).rowcount\ndone",
            "rows = db.execute('select k, sum(v) from t group by k order by k').fetchall()\nrows",
        ),
        also=("db",),
    ),
    study(
        "sqlite_file",
        "a database file, read as a table",
        "import sqlite3\nimport pandas as pd",
        agent(
            "How much was sold?",
            "db = sqlite3.connect('shop.db')\norders = pd.read_sql('select * from orders where price > 10', db)\ndb.close()\norders.shape",
            "sold = float(orders['price'].sum())\nsold",
        ),
        files={"shop.db": shop()},
    ),
    study(
        "sqlite_made_by_the_user",
        "a cell makes a database file and fills it, of which the process reads a table, and a query a step",
        "import sqlite3\nimport pandas as pd\nunused = 1\ndb = sqlite3.connect('till.db')\ndb.execute('create table bill(n integer, sum real)')\n"
        "db.executemany('insert into bill values (?, ?)', [(1, 9.5), (2, 20.25)])\ndb.commit()\nbills = pd.read_sql('select * from bill', db)",
        agent(
            "What was taken?",
            "taken = float(bills['sum'].sum())\ntaken",
            "most = pd.read_sql('select max(sum) as most from bill', db)['most'].item()\nmost",
            answer="In all {{taken}}, at most {{most}}.",
        ),
    ),
    study(
        "sqlalchemy_engine",
        "an engine of sqlalchemy, made by the user and filled by the process",
        "import sqlalchemy as sa\nengine = sa.create_engine('sqlite://')\nmeta = sa.MetaData()\nfruit = sa.Table('fruit', meta, sa.Column('name', sa.String), sa.Column('n', sa.Integer))",
        agent(
            "Fill it",
            "meta.create_all(engine)\nwith engine.begin() as c:\n    count = c.execute(fruit.insert(), [{'name': 'fig', 'n': 2}, {'name': 'kiwi', 'n': 5}]).rowcount\ncount",
            "with engine.connect() as c:\n    total = c.execute(sa.select(sa.func.sum(fruit.c.n))).scalar()\ntotal",
        ),
        skip=("c",),
    ),
    study(
        "environment_read",
        "a variable of the environment that the user set, read by a step",
        "import os\nos.environ['REGION'] = 'north'",
        agent("Which region?", "region = os.environ['REGION']\nregion", "upper = region.upper()\nupper"),
    ),
    study(
        "environment_from_outside",
        "a variable of the environment that no cell sets",
        "import os",
        agent("How many?", "home = os.environ.get('HOME', '')\nlong = len(home) > 1\nlong"),
        skip=("home",),
    ),
    study(
        "folder_changed",
        "the user goes to another folder, where the file is",
        "import os\nos.chdir('deep')",
        agent("Read it", "value = float(open('value.txt').read())\nvalue", "half = value / 2\nhalf"),
        files={"deep/value.txt": "2.5"},
    ),
    study(
        "program_run",
        "another program is run and its output read",
        "import subprocess, sys",
        agent(
            "Ask it",
            "out = subprocess.run([sys.executable, '-c', 'print(6 * 7)'], capture_output=True, text=True).stdout\nout",
            "n = int(out)\nn",
        ),
    ),
    study(
        "shell_lines",
        "lines of the shell in a step, with names of Python in them",
        "word = 'there'",
        agent("Say it", "!echo hello {word}\nlines = !printf 'a\\nb\\n'\nlist(lines)", "count = len(lines)\ncount"),
        skip=("lines",),
    ),
    study(
        "user_magics",
        "the user's magics: a file written by a cell, a folder listed, a line timed",
        "%%writefile numbers.txt\n1\n2\n3\n",
        "%matplotlib inline\n%time rows = open('numbers.txt').read().split()",
        agent("Sum", "total = sum(map(int, rows))\ntotal"),
    ),
)
CHANCE = (
    study(
        "numpy_draws",
        "numpy draws from the state that nobody seeded",
        "import numpy as np",
        agent(
            "Estimate pi",
            "points = np.random.rand(2000, 2)\npoints.shape",
            "pi = 4 * float(((points**2).sum(axis=1) < 1).mean())\npi",
        ),
    ),
    study(
        "numpy_seeded",
        "numpy seeded by the user, drawn from by both",
        "import numpy as np\nnp.random.seed(42)",
        "noise = np.random.normal(size=100)",
        agent("The mean", "noise2 = noise + np.random.normal(size=100)\nmean = float(noise2.mean())\nmean"),
    ),
    study(
        "random_draws",
        "random shuffles and samples, not seeded, in two processes",
        "import random\nnames = ['Ada', 'Bo', 'Cy', 'Di', 'Eve', 'Flo']",
        agent("Three winners", "random.shuffle(names)\nwinners = names[:3]\nwinners"),
        "lucky = random.choice(names)",
        agent("One more", "bonus = random.choice([n for n in names if n != lucky])\nbonus"),
        also=("names", "lucky"),
    ),
    study(
        "generator_over_cells",
        "a generator of numpy that user and process draw from in turn",
        "import numpy as np\nrng = np.random.default_rng(7)",
        "first = rng.normal(size=5)",
        agent("Resample", "second = rng.normal(size=5)\nmean = float((first + second).mean())\nmean"),
        "third = rng.normal()",
        agent("Again", "fourth = float(rng.normal()) + third\nfourth"),
        also=("rng",),
    ),
    study(
        "generator_unseeded",
        "a generator of numpy that nobody seeded",
        "import numpy as np",
        agent(
            "Throw dice",
            "rng = np.random.default_rng()\nthrows = rng.integers(1, 7, size=20)\nthrows",
            "sixes = int((throws == 6).sum())\nsixes",
        ),
    ),
    study(
        "own_random",
        "an own instance of random.Random, seeded; and choices with weights",
        "import random\ndice = random.Random(3)",
        agent(
            "Throw",
            "throws = [dice.randint(1, 6) for _ in range(5)]\nthrows",
            "picked = dice.choices('ab', weights=[1, 3], k=4)\npicked",
        ),
        also=("dice",),
    ),
    study(
        "bootstrap",
        "a bootstrap of random, not seeded",
        "import random, statistics\nvalues = [2.1, 3.4, 1.9, 5.6, 4.4, 3.3, 2.8]",
        agent(
            "A confidence interval",
            "means = sorted(statistics.mean(random.choices(values, k=len(values))) for _ in range(500))\nlen(means)",
            "low, high = means[12], means[487]\nround(low, 4), round(high, 4)",
        ),
    ),
    study(
        "clock_in_a_step",
        "the time of day in a step, and what does not depend on it",
        "import time\nfrom datetime import datetime",
        agent(
            "Time it",
            "began = time.perf_counter()\ntotal = sum(range(10**5))\nprint('took', time.perf_counter() - began)\ntotal",
            "stamp = datetime.now().isoformat()\nkind = type(stamp).__name__\nkind",
            "day = time.strftime('%Y')\nyear = len(day)\nyear",
        ),
        skip=("began", "stamp", "day"),
    ),
    study(
        "clock_in_a_user_cell",
        "the time at which the user's cell ran is part of the data",
        "import time\nbegun = time.time()\nid_ = int(begun * 1000) % 97",
        agent("Label it", "label = f'run {id_}'\nlabel"),
        also=("id_",),
    ),
    study(
        "clock_kept_by_a_step",
        "the time at which a step ran decides what it gives",
        "from datetime import datetime",
        agent("Now", "now = datetime.now()\nmicro = now.microsecond\nmicro", "even = micro % 2 == 0\neven"),
        skip=("now",),
    ),
    study(
        "identifiers",
        "uuid and secrets: others each time",
        "import secrets, uuid",
        agent(
            "Make two",
            "key = uuid.uuid4().hex\nlen(key)",
            "token = secrets.token_hex(8)\npair = (len(key), len(token))\npair",
        ),
        skip=("key", "token"),
    ),
    study(
        "process_number",
        "the number of the process and the machine's name are printed",
        "import os, platform",
        agent("Where?", "print(os.getpid())\nwhere = platform.node()\nnumber = os.getpid()\nnumber"),
    ),
    study(
        "order_of_a_set",
        "the order of a set of texts, which each interpreter has its own of",
        "words = {'alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta'}",
        agent(
            "List them",
            "first = list(words)\nfirst",
            "joined = ' '.join(words)\njoined",
            "count = len(words)\ncount",
        ),
    ),
    study(
        "hash_of_a_text",
        "the hash of a text, which each interpreter has its own of",
        agent("Hash it", "h = hash('alpha') % 1000\nh", "bucket = h % 7\nbucket"),
    ),
)
