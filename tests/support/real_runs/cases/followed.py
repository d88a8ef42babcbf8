"""What is not said by the names of a step alone: caches, defaults, results of threads, folders, streams."""

from real_runs.scenario import agent, call, study

TABLE = "import pandas as pd\nsales = pd.DataFrame({'city': ['A', 'B', 'A'], 'n': [1, 2, 3]})"

FOLLOWED = (
    study(
        "sql_then_python",
        "a query of a live table, then a step of plain Python that uses no table",
        TABLE,
        agent(
            "Sum it",
            call("sql", query="select city, sum(n) as n from sales group by city order by city", into="by_city"),
            "answer = 40 + 2\nanswer",
            options="-a auto -t sql",
        ),
    ),
    study(
        "folder_and_back",
        "a step goes into a folder, reads a file there, and goes back",
        "import os",
        agent("Read it", "os.chdir('sub')\ntext = open('in.txt').read()\nos.chdir('..')\nlen(text)"),
        files={"sub/in.txt": "one\ntwo\n"},
    ),
    study(
        "integer_of_4300_digits",
        "an int longer than Python turns into text",
        agent("Power", "big = 7 ** 6000\nbits = big.bit_length()\nbits"),
    ),
    study(
        "captured_by_the_user",
        "a cell of the user's takes its output by a magic, and a step reads it",
        "%%capture cap\nprint('three words here')",
        agent("Count", "words = len(cap.stdout.split())\nwords"),
    ),
    study(
        "engine_of_two_processes",
        "an engine of SQLAlchemy that one process fills and another reads",
        "import sqlalchemy as sa\nengine = sa.create_engine('sqlite://', poolclass=sa.pool.StaticPool)",
        agent(
            "Fill",
            "with engine.begin() as c:\n    c.execute(sa.text('create table t (n int)'))\n    c.execute(sa.text('insert into t values (1), (41)'))",
        ),
        agent(
            "Read",
            "with engine.connect() as c:\n    total = c.execute(sa.text('select sum(n) from t')).scalar()\ntotal",
        ),
    ),
    study(
        "cache_of_a_function",
        "a cached function whose answer was kept from before the data changed",
        "from functools import lru_cache\nrate = [2]\n\n@lru_cache\ndef price(n):\n    return n * rate[0]",
        "first = price(10)\nrate[0] = 3",
        agent("Ask it", "again = price(10)\nagain"),
    ),
    study(
        "mutable_default",
        "a function that keeps what it was called with in its default",
        "def keep(x, seen=[]):\n    seen.append(x)\n    return list(seen)",
        "keep('user')",
        agent("Keep", "kept = keep('step')\nkept"),
    ),
    study(
        "two_processes_and_a_default",
        "two processes call a function that keeps its calls in a default",
        "def count(seen=[]):\n    seen.append(1)\n    return len(seen)",
        agent("First", "one = count()\none"),
        agent("Second", "two = count()\ntwo"),
    ),
    study(
        "results_of_threads",
        "threads fill a list of the user's, and a step sorts it",
        "import threading\nfound = []\ndef work(n):\n    found.append(n * n)",
        "ts = [threading.Thread(target=work, args=(n,)) for n in range(4)]\nfor t in ts: t.start()\nfor t in ts: t.join()",
        agent("Sort", "ordered = sorted(found)\nordered"),
    ),
    study(
        "mapped_method",
        "a method of a dict is handed over, and changes it",
        "d = {'a': 1, 'b': 2, 'c': 3}\ntaken = list(map(d.pop, ['a', 'b']))",
        agent("Look", "left = sorted(d)\nleft"),
    ),
    study(
        "mapped_method_of_a_step",
        "a step of one process hands a method over, another process sees what it changed",
        "d = {'a': 1, 'b': 2, 'c': 3}",
        agent("Pop", "taken = list(map(d.pop, ['a', 'b']))\ntaken"),
        agent("Look", "left = sorted(d)\nleft"),
    ),
    study(
        "path_of_modules",
        "a cell puts a folder on the path, and a step imports from it",
        "import sys\nsys.path.insert(0, 'lib')",
        agent("Import", "import helper_of_mine\nvalue = helper_of_mine.double(21)\nvalue"),
        files={"lib/helper_of_mine.py": "def double(n):\n    return 2 * n\n"},
    ),
    study(
        "generator_of_two_numbers",
        "a generator of numpy seeded by a list",
        "import numpy as np",
        agent("Draw", "rng = np.random.default_rng([1, 2])\ndrawn = rng.integers(0, 100, 4).tolist()\ndrawn"),
    ),
    study(
        "resampled_and_summed",
        "a table over time by months",
        "import pandas as pd\nts = pd.DataFrame({'v': range(90)}, index=pd.date_range('2024-01-01', periods=90))",
        agent("Sum", "monthly = ts.resample('MS').sum()\nmonthly"),
    ),
    study(
        "folder_in_three_steps",
        "one step goes into a folder, the next reads there, the third goes back",
        "import os",
        agent(
            "Read",
            "os.chdir('sub')\nhere = 1",
            "text = open('in.txt').read()\ntext",
            "os.chdir('..')\nn = len(text)\nn",
        ),
        files={"sub/in.txt": "one\ntwo\n"},
    ),
    study(
        "engine_filled_by_to_sql",
        "an engine in memory that one process fills by pandas and another reads",
        "import pandas as pd\nimport sqlalchemy as sa\nengine = sa.create_engine('sqlite://')",
        agent("Fill", "pd.DataFrame({'n': [1, 41]}).to_sql('t', engine, index=False)"),
        agent("Read", "total = int(pd.read_sql('select sum(n) as s from t', engine).s[0])\ntotal"),
    ),
    study(
        "property_computed_once",
        "a property that is computed once, before what it rests on changed",
        "from functools import cached_property\nclass Shop:\n    rate = 2\n    @cached_property\n"
        "    def price(self):\n        return self.rate * 10\nshop = Shop()",
        "shop.price\nshop.rate = 3",
        agent("Ask", "again = shop.price\nagain"),
    ),
    study(
        "method_under_another_name",
        "a bound method has a name of its own, and is handed over",
        "seen = set()\nadd = seen.add",
        "any(map(add, [1, 2]))",
        agent("Look", "found = sorted(seen)\nfound"),
    ),
    study(
        "threads_of_a_class",
        "a thread of a class of the user's fills a list",
        "import threading\nout = []\nclass Worker(threading.Thread):\n    def run(self):\n        out.append(3)",
        "w = Worker()\nw.start()\nw.join()",
        agent("Look", "n = len(out)\nn"),
    ),
    study(
        "package_beside_the_notebook",
        "a package of two files beside the notebook, imported by a step",
        agent("Import", "import pkg_of_mine\nvalue = pkg_of_mine.three\nvalue"),
        files={"pkg_of_mine/__init__.py": "from .inner import three\n", "pkg_of_mine/inner.py": "three = 3\n"},
    ),
    study(
        "reached_by_no_name",
        "a list of the user's that a cell finds among all objects, and changes",
        "import gc\nxs = [1, 'only here']",
        "next(o for o in gc.get_objects() if isinstance(o, list) and o[1:] == ['only here']).append(5)",
        agent("Look", "n = len(xs)\nn"),
    ),
    study(
        "generator_by_its_own_name",
        "a generator of numpy that is imported by name, seeded",
        "from numpy.random import PCG64, Generator, default_rng",
        agent(
            "Draw",
            "a = default_rng([1, 2]).integers(0, 100, 3).tolist()\nb = Generator(PCG64(5)).integers(0, 100, 3).tolist()\na + b",
        ),
    ),
    study(
        "default_of_a_closure",
        "a function made by another keeps its calls in a default",
        "def outer():\n    def inner(x, seen=[]):\n        seen.append(x)\n        return len(seen)\n    return inner\nf = outer()",
        "f(1)",
        agent("Call", "n = f(2)\nn"),
    ),
    study(
        "rows_by_a_function_handed_over",
        "a function of the user's that changes rows, mapped over them",
        "rows = [{'a': 1}, {'a': 2}]\ndef fix(row):\n    row['x'] = row['a'] * 10",
        "done = list(map(fix, rows))",
        agent("Sum", "total = sum(row['x'] for row in rows)\ntotal"),
    ),
)
