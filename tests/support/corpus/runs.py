"""Thirty varied runs: what the user did, what the process did, and what kinds of work that was."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from corpus.runner import Runner


@dataclass(frozen=True)
class Kind:
    """A run of the corpus: its words, what it needs of the exporter, and what builds it."""

    name: str
    words: str
    needs: str
    build: Callable[[Path], Runner]


RUNS: dict[str, Kind] = {}


def run(words: str, needs: str = ""):
    """Register a builder; `needs` names the part of the exporter without which the run cannot verify."""

    def register(build):
        RUNS[build.__name__] = Kind(build.__name__, words, needs, build)
        return build

    return register


def file(folder: Path, name: str, text: str | bytes) -> None:
    """Write a file that was there long before the run."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    os.utime(path, (1_700_000_000, 1_700_000_000))


SALES = "region,month,amount,units\n" + "".join(
    f"{r},{m},{(i * 37 % 101) + 0.5},{i % 7 + 1}\n"
    for i, (r, m) in enumerate((r, m) for r in ("north", "south", "west") for m in range(1, 9))
)
PEOPLE = "region,manager\nnorth,Ada\nsouth,Bo\nwest,Cy\n"


@run("pandas: group and mean", "inputs")
def pandas_group(folder):
    file(folder, "sales.csv", SALES)
    r = Runner("What is the mean amount by region?", folder, "group")
    r.user("import pandas as pd")
    r.user("sales = pd.read_csv('sales.csv')\nsales.head()")
    r.begin(("Group and average", "three rows"), ("Find the highest", "one region"))
    r.step("means = sales.groupby('region')['amount'].mean().round(2)\nmeans")
    r.step("best = means.idxmax()\nprint(best, means.max())")
    r.end(f"The highest mean is in {r.namespace['best']}.")
    return r


@run("pandas: two files, merge, pivot", "inputs")
def pandas_merge(folder):
    file(folder, "data/sales.csv", SALES)
    file(folder, "data/people.csv", PEOPLE)
    r = Runner("Amount by manager and month", folder)
    r.user("import pandas as pd\nfrom pathlib import Path\nDATA = Path('data')")
    r.user(
        "sales = pd.read_csv(DATA / 'sales.csv')\npeople = pd.read_csv('data/people.csv')\nunused = sales.copy()"
    )
    r.begin(("Merge", "24 rows"), ("Pivot", "3 by 8"))
    r.step("both = sales.merge(people, on='region', how='left')\nprint(len(both))")
    r.step("table = both.pivot_table(index='manager', columns='month', values='amount', aggfunc='sum')\ntable")
    r.end("The table has three managers.")
    return r


@run("pandas: changes in place, whose order matters", "order")
def pandas_in_place(folder):
    r = Runner("Clean the table step by step", folder)
    r.user("import pandas as pd\ndf = pd.DataFrame({'v': [1.0, None, 3.0, 4.0], 'k': list('abab')})")
    r.user("df['v'] = df['v'].fillna(2.0)")
    r.user("alias = df\nalias.loc[len(alias)] = [10.0, 'c']")
    r.begin()
    r.step("df['v'] += 1")
    r.step("df['v'] *= df['v'].iloc[0]")
    r.step("df.drop(index=0, inplace=True)\ndf.rename(columns={'v': 'value'}, inplace=True)")
    r.step("total = df['value'].sum()\ntotal")
    r.end(f"The total is {r.namespace['total']}.")
    return r


@run("numpy: draws of the global state, recorded")
def numpy_recorded(folder):
    r = Runner("Estimate pi", folder, "pi")
    r.user("import numpy as np")
    r.begin()
    r.step("points = np.random.rand(2000, 2)")
    r.step("pi = 4 * float(((points**2).sum(axis=1) < 1).mean())\npi")
    r.end(f"About {r.namespace['pi']}.")
    return r


@run("numpy: seeded by the user")
def numpy_seeded(folder):
    r = Runner("Mean of the noise", folder, record_random=False)
    r.user("import numpy as np\nnp.random.seed(42)")
    r.user("noise = np.random.normal(size=100)")
    r.begin()
    r.step("noise2 = noise + np.random.normal(size=100)\nmean = float(noise2.mean())\nmean")
    r.end(f"{r.namespace['mean']:.3f}")
    return r


@run("numpy: draws that nobody seeded", "seeds")
def numpy_unseeded(folder):
    r = Runner("Simulate 100 throws", folder, record_random=False)
    r.user("import numpy as np")
    r.begin()
    r.step(
        "throws = np.random.randint(1, 7, size=100)\ncount = int((throws == 6).sum())\nprint('sixes:', count)"
    )
    r.end(f"{r.namespace['count']} sixes.")
    return r


@run("random: shuffled and sampled, recorded")
def python_random(folder):
    r = Runner("Draw three winners", folder)
    r.user("import random\nnames = ['Ada', 'Bo', 'Cy', 'Di', 'Eve', 'Flo']")
    r.begin()
    r.step("random.shuffle(names)\nwinners = names[:3]\nwinners")
    r.step("bonus = random.choice(names)\nbonus")
    r.end(f"{r.namespace['winners']}")
    return r


@run("numpy: a generator of its own that is drawn from over cells")
def numpy_generator(folder):
    r = Runner("Resample", folder)
    r.user("import numpy as np\nrng = np.random.default_rng(7)")
    r.user("first = rng.normal(size=5)")
    r.begin()
    r.step("second = rng.normal(size=5)\nmean = float((first + second).mean())\nmean")
    r.end("Done.")
    return r


@run("bootstrap with random, not recorded", "seeds")
def bootstrap(folder):
    r = Runner("A confidence interval", folder, record_random=False)
    r.user("import random, statistics\nvalues = [2.1, 3.4, 1.9, 5.6, 4.4, 3.3, 2.8]")
    r.begin(("Resample", "1000 means"), ("Quantiles", "two numbers"))
    r.step(
        "means = sorted(statistics.mean(random.choices(values, k=len(values))) for _ in range(1000))\nlen(means)"
    )
    r.step("low, high = means[25], means[975]\nprint(f'{low:.4f} to {high:.4f}')")
    r.end("See the interval.")
    return r


@run("matplotlib: a line plot")
def plot_line(folder):
    r = Runner("Plot a parabola", folder, "plot")
    r.user("import matplotlib.pyplot as plt\nimport numpy as np\nx = np.linspace(-2, 2, 41)")
    r.begin()
    r.step("fig, ax = plt.subplots(figsize=(4, 3))\nax.plot(x, x**2)\nax.set_title('a parabola')\nplt.show()")
    r.step("lowest = float((x**2).min())\nlowest")
    r.end("The lowest point is 0.")
    return r


@run("matplotlib: a histogram of unseeded draws", "seeds")
def plot_histogram(folder):
    r = Runner("Plot the spread", folder, record_random=False)
    r.user("import matplotlib.pyplot as plt\nimport numpy as np")
    r.begin()
    r.step("sample = np.random.normal(size=300)\nplt.hist(sample, bins=20)\nplt.show()")
    r.step("spread = float(sample.std())\nspread")
    r.end("About one.")
    return r


@run("scikit-learn: a linear model")
def sklearn_linear(folder):
    r = Runner("Fit amount on units", folder)
    r.user("import numpy as np\nX = np.arange(20.0).reshape(-1, 1)\ny = 3 * X[:, 0] + 1 + np.sin(X[:, 0])")
    r.begin()
    r.step("from sklearn.linear_model import LinearRegression\nmodel = LinearRegression()\nmodel.fit(X, y)")
    r.step("slope, score = float(model.coef_[0]), model.score(X, y)\nprint(round(slope, 6), round(score, 6))")
    r.end("The slope is near 3.")
    return r


@run("scikit-learn: a forest and a split, both unseeded", "seeds")
def sklearn_forest(folder):
    r = Runner("Classify", folder, record_random=False)
    r.user("from sklearn.datasets import load_iris\niris = load_iris()\nX, y = iris.data, iris.target")
    r.begin(("Split", "two parts"), ("Fit and score", "over 0.8"))
    r.step(
        "from sklearn.model_selection import train_test_split\nXa, Xb, ya, yb = train_test_split(X, y, test_size=0.4)\nXb.shape"
    )
    r.step(
        "from sklearn.ensemble import RandomForestClassifier\nforest = RandomForestClassifier(n_estimators=5, max_depth=2)\n"
        "forest.fit(Xa, ya)\nimportance = [float(v) for v in forest.feature_importances_]\nprint(importance)"
    )
    r.end("It works.")
    return r


@run("SQL: sqlite in memory")
def sql_memory(folder):
    r = Runner("Join by SQL", folder)
    r.user("import sqlite3\ndb = sqlite3.connect(':memory:')")
    r.user(
        "db.execute('create table t (k text, v real)')\ndb.executemany('insert into t values (?, ?)', [('a', 1), ('b', 2.5), ('a', 3)])"
    )
    r.begin()
    r.step("rows = db.execute('select k, sum(v) from t group by k order by k').fetchall()\nrows")
    r.step("best = max(rows, key=lambda row: row[1])[0]\nbest")
    r.end("a")
    return r


@run("SQL: a database file", "inputs")
def sql_file(folder):
    import sqlite3

    path = folder / "shop.db"
    with sqlite3.connect(path) as db:
        db.execute("create table orders (id integer, price real)")
        db.executemany("insert into orders values (?, ?)", [(i, i * 1.25) for i in range(50)])
    db.close()
    os.utime(path, (1_700_000_000, 1_700_000_000))
    r = Runner("How much was sold?", folder)
    r.user("import sqlite3\nimport pandas as pd")
    r.begin()
    r.step(
        "db = sqlite3.connect('shop.db')\norders = pd.read_sql('select * from orders where price > 10', db)\ndb.close()\norders.shape"
    )
    r.step("sold = float(orders['price'].sum())\nsold")
    r.end(f"{r.namespace['sold']}")
    return r


@run("files: written, then read back")
def files_written(folder):
    r = Runner("Write a report", folder)
    r.user("import json\nfrom pathlib import Path")
    r.begin()
    r.step(
        "Path('out').mkdir(exist_ok=True)\nPath('out/report.json').write_text(json.dumps({'n': 3, 'mean': 2.5}))"
    )
    r.step("back = json.loads(Path('out/report.json').read_text())\nback['mean']")
    r.end("Written.")
    return r


@run("files: many, by a pattern", "inputs")
def files_glob(folder):
    for i in range(5):
        file(folder, f"logs/day{i}.json", f'{{"day": {i}, "errors": {i * i % 4}}}')
    r = Runner("Count the errors", folder)
    r.user("import glob, json")
    r.begin()
    r.step(
        "days = []\nfor name in sorted(glob.glob('logs/*.json')):\n    with open(name) as f:\n        days.append(json.load(f))\nlen(days)"
    )
    r.step("errors = sum(d['errors'] for d in days)\nerrors")
    r.end(f"{r.namespace['errors']}")
    return r


@run("text: words of a file, a module beside the notebook", "inputs")
def text_words(folder):
    file(folder, "text.txt", "the cat and the dog and the bird\n" * 4)
    file(folder, "words_helper.py", "def split(text):\n    return text.lower().split()\n")
    r = Runner("The commonest word", folder)
    import sys

    sys.path.insert(0, str(folder))
    r.user("from collections import Counter\nfrom words_helper import split")
    sys.path.remove(str(folder))
    del sys.modules["words_helper"]
    r.begin()
    r.step(
        "with open('text.txt', encoding='utf-8') as f:\n    words = split(f.read())\ncommon = Counter(words).most_common(2)\ncommon"
    )
    r.end("the")
    return r


@run("functions: the user's, called by the process")
def function_tool(folder):
    r = Runner("What does it cost with tax?", folder)
    r.user("RATE = 0.19\ndef tax(price):\n    return price * RATE")
    r.user(
        "def gross(price: float, pieces: int = 1) -> float:\n    '''The price with tax.'''\n    return round((price + tax(price)) * pieces, 2)"
    )
    r.tool("gross", effect="read", repeat="pure")
    r.begin()
    r.call("gross", price=10.0, pieces=3)
    r.step("total = gross(10.0, 3) + gross(2.5)\ntotal")
    r.end(f"{r.namespace['total']}")
    return r


@run("functions: a class and a dataclass of the user's")
def function_class(folder):
    r = Runner("Balance of the account", folder)
    r.user("from dataclasses import dataclass, field\nLIMIT = -100")
    r.user(
        "@dataclass\nclass Account:\n    owner: str\n    moves: list = field(default_factory=list)\n"
        "    def pay(self, amount):\n        if self.balance() + amount < LIMIT:\n            raise ValueError('limit')\n"
        "        self.moves.append(amount)\n    def balance(self):\n        return sum(self.moves)"
    )
    r.user("account = Account('Ada')\naccount.pay(50)\naccount.pay(-20)")
    r.begin()
    r.step("account.pay(-60)\nbalance = account.balance()\nbalance")
    r.end("-30")
    return r


@run("functions: a cache and a counter in globals")
def function_state(folder):
    r = Runner("Count the calls", folder)
    r.user("import functools\ncalls = []")
    r.user(
        "@functools.lru_cache\ndef fib(n):\n    calls.append(n)\n    return n if n < 2 else fib(n - 1) + fib(n - 2)"
    )
    r.user("fib(10)")
    r.begin()
    r.step("value = fib(12)\nprint(value, len(calls))")
    r.end("144")
    return r


@run("images: drawn and measured with Pillow")
def image_pillow(folder):
    r = Runner("How bright is the picture?", folder)
    r.user("from PIL import Image, ImageDraw")
    r.begin()
    r.step(
        "picture = Image.new('RGB', (80, 60), 'navy')\nImageDraw.Draw(picture).rectangle((20, 15, 60, 45), fill='orange')\npicture.size"
    )
    r.step("bright = sum(picture.convert('L').histogram()[100:])\nbright")
    r.end("It has a bright part.")
    return r


@run("errors: a step that failed, then a new plan")
def error_replan(folder):
    r = Runner("Sum the column", folder)
    r.user("import pandas as pd\ndf = pd.DataFrame({'Amount': ['1', '2', 'x', '4']})")
    r.begin(("Sum", "a number"))
    r.step("total = df['amount'].sum()", met=False)
    r.step("numbers = pd.to_numeric(df['Amount'], errors='coerce')\nnumbers")
    r.step("total = float(numbers.sum())\ntotal")
    r.end("7.0")
    return r


@run("undo: steps that were taken back", "order")
def undone(folder):
    r = Runner("Scale the values", folder)
    r.user("values = [3, 1, 2]")
    r.begin()
    r.step("values.sort()")
    wrong = r.step("values.clear()")
    r.undo(wrong)
    r.step("values.append(10)")
    other = r.step("values = None")
    r.undo(other)
    r.step("values[0] *= values[-1]\nvalues")
    r.end("[10, 2, 3, 10]")
    return r


@run("people: rejected, edited and approved steps")
def edited(folder):
    r = Runner("Mean of the list", folder)
    r.user("data = [4, 8, 15, 16, 23, 42]")
    r.begin()
    r.step("import os\nos.remove('data')", reject="leave the files alone")
    r.step("mean = sum(data) / len(data)\nmean", by="you", edited_from="mean = sum(data) / 5")
    r.end("18.0")
    return r


@run("fork: a process that goes on from another")
def forked(folder):
    r = Runner("Try it another way", folder)
    r.user("base = 100")
    r.begin()
    r.step("a = base + 1\na")
    at = len(r.events) - 1
    left = r.step("b = a * 2\nb")
    r.snapshots.undo(left)
    r.fork(at)
    r.step("b = a * 3\nb")
    r.end("303")
    return r


@run("data that no cell makes: a table", "held")
def held_table(folder):
    import pandas as pd

    r = Runner("Count by kind", folder)
    made = pd.DataFrame(
        {
            "kind": ["x", "y", "x", None],
            "n": [1, 2, 3, 4],
            "at": pd.date_range("2024-01-01", periods=4),
            "p": [0.1, 0.2, 0.3, 1 / 3],
        }
    )
    r.namespace["table"] = made
    r.begin()
    r.step("counts = table.groupby('kind', dropna=False)['n'].sum()\ncounts")
    r.step("last = table['at'].max()\nthird = table['p'].iloc[-1]\nprint(last, third)")
    r.end("Counted.")
    return r


@run("data that no cell makes: lists, dictionaries, arrays", "held")
def held_plain(folder):
    import numpy as np

    r = Runner("Weigh the items", folder)
    r.namespace |= {
        "weights": np.linspace(0, 1, 50),
        "names": {"a": 1, "b": [2, 3]},
        "many": list(range(500)),
        "cut": 0.25,
    }
    r.begin()
    r.step("heavy = int((weights > cut).sum())\nheavy")
    r.step("total = sum(many) + names['b'][1]\ntotal")
    r.end("Weighed.")
    return r


@run("volatile: times, addresses, the order of a set, a progress bar")
def volatile(folder):
    r = Runner("Time it", folder)
    r.user("import time, sys\nwords = {'alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta'}")
    r.begin()
    r.step(
        "start = time.perf_counter()\ntotal = sum(range(10**5))\nprint('took', time.perf_counter() - start)\nprint(total)"
    )
    r.step("print(object())\nprint('stable')\nlist(words)")
    r.step(
        "for i in range(3):\n    print(f'\\r{i + 1}/3', end='')\nprint()\nfor i in range(3):\n    print(i, file=sys.stderr)\ncount = len(words)"
    )
    r.end("Timed.")
    return r


@run("people: what somebody entered, and something fetched")
def asked(folder):
    file(folder, "page.txt", "rate 1.25")
    address = (folder / "page.txt").as_uri()
    r = Runner("Convert the amount", folder)
    r.user("amount = 80")
    r.begin(("Ask", "a currency"), ("Fetch the rate", "a number"), ("Convert", "a number"))
    r.ask("Which currency?", "CHF")
    r.step(f"from urllib.request import urlopen\nrate = float(urlopen({address!r}).read().split()[1])\nrate")
    (folder / "page.txt").unlink()
    r.step("converted = amount * rate\nprint(converted)")
    r.end("100.0")
    return r
