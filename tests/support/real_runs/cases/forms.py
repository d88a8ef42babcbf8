"""Forms of code: magics, await, closures, generators, IPython's own names, and ways to bind a name that hide it."""

from real_runs.scenario import agent, study

FORMS = (
    study(
        "timeit_no_assignment",
        "%timeit of what looks like an assignment",
        "def f():\n    return 1, 2\na, b = 10, 20",
        agent("Time it", "%timeit -n 1 -r 1 a, b = f()\npair = (a, b)\npair"),
        also=("a", "b"),
    ),
    study(
        "time_assigns",
        "%time of an assignment, and %%time of a cell",
        "n = 1000",
        agent("Time it", "%time total = sum(range(n))\ntotal", "%%time\ntwice = total * 2\ntwice"),
    ),
    study(
        "capture_cell",
        "%%capture keeps what a step prints",
        agent("Quietly", "%%capture out\nprint('not seen')\nx = 3", "y = x + 1\ntext = out.stdout\ntext"),
        skip=("out", "text"),
    ),
    study(
        "change_folder_magic",
        "%cd in a step",
        agent(
            "Go there", "%cd -q data\nvalue = open('v.txt').read().strip()\nvalue", "long = len(value)\nlong"
        ),
        files={"data/v.txt": "seven\n"},
    ),
    study(
        "pip_magic",
        "%pip in a step",
        agent("Which?", "%pip --version\nready = True\nready", "count = 2\ncount"),
    ),
    study(
        "await_at_the_top",
        "await, gather and a queue, at the top of a step",
        "import asyncio\nasync def work(n):\n    await asyncio.sleep(0)\n    return n * n",
        agent(
            "Wait for all",
            "squares = await asyncio.gather(*(work(n) for n in range(5)))\nsquares",
            "queue = asyncio.Queue()\nfor s in squares:\n    await queue.put(s)\nfirst = await queue.get()\nfirst",
            "async def numbers():\n    for n in range(3):\n        yield n\ncollected = [n async for n in numbers()]\ncollected",
        ),
        skip=("queue", "s"),
    ),
    study(
        "generator_consumed",
        "a generator of the user's is consumed in part",
        "stream = (i * i for i in range(10))\nnext(stream)",
        agent("Take two", "two = [next(stream), next(stream)]\ntwo", "rest = sum(stream)\nrest"),
    ),
    study(
        "iterator_shared",
        "an iterator that process and user take from in turn",
        "letters = iter('abcdef')",
        agent("Take", "first = next(letters)\nfirst"),
        "skipped = next(letters)",
        agent("Take again", "third = next(letters)\nthird"),
    ),
    study(
        "closure_counter",
        "a closure that counts, called by user and process",
        "def counter():\n    n = 0\n    def up():\n        nonlocal n\n        n += 1\n        return n\n    return up\ntick = counter()",
        "tick(); tick()",
        agent("Count", "third = tick()\nthird", "fourth = tick()\nfourth"),
    ),
    study(
        "function_changes_a_global",
        "functions that change global names and lists",
        "total = 0\nlog = []\ndef add(n):\n    global total\n    total += n\n    log.append(n)\n    return total",
        "add(5)",
        agent("Add", "now = add(7)\nnow", "then = add(1)\nlog"),
        also=("total", "log"),
    ),
    study(
        "hidden_change_of_a_list",
        "changes by __setitem__, operator, setattr and a bound method kept",
        "import operator\nd = {'a': 1}\nclass Box:\n    pass\nbox = Box()\nitems = []\npush = items.append",
        "d.__setitem__('b', 2)\noperator.setitem(d, 'c', 3)\nsetattr(box, 'size', 4)\npush('x')",
        agent(
            "Look",
            "keys = sorted(d)\nkeys",
            "size = box.size + len(items)\nsize",
            "push('y')\nmany = len(items)\nmany",
        ),
        also=("d", "items"),
    ),
    study(
        "names_by_globals",
        "names bound by globals() and exec",
        "globals()['hidden'] = 11\nexec('made = hidden * 2')",
        agent("Use them", "both = hidden + made\nboth", "globals()['late'] = both\nvalue = late\nvalue"),
    ),
    study(
        "patched_module",
        "the user patches a function of a module",
        "import math\n_old = math.floor\nmath.floor = lambda v: _old(v) + 100",
        agent("Round down", "low = math.floor(2.7)\nlow"),
    ),
    study(
        "patched_class",
        "the user adds a method to a class of the library",
        "from collections import Counter\nCounter.top = lambda self: self.most_common(1)[0][0]",
        agent("The top", "top = Counter('mississippi').top()\ntop"),
    ),
    study(
        "outputs_of_ipython",
        "Out and _ of IPython are read by the user",
        "[1, 2, 3]",
        "last = _",
        agent("Sum", "total = sum(last)\ntotal"),
        also=("last",),
    ),
    study(
        "outputs_in_a_step",
        "the process reads what the user's cell showed",
        "6 * 7",
        agent("Read it", "seen = max(v for v in Out.values() if isinstance(v, int))\nseen"),
    ),
    study(
        "walrus_and_star",
        "names bound by walrus, star, with, for and an exception's name",
        "rows = ['1', 'x', '3']",
        agent(
            "Read the numbers",
            "bad = []\nfor row in rows:\n    try:\n        int(row)\n    except ValueError as error:\n        bad.append(str(error))\nbad",
            "if (n := len(rows)) > 2:\n    head, *tail = rows\nn, tail",
        ),
        skip=("row", "error"),
    ),
    study(
        "decorated_class",
        "a class with properties, slots, a class variable that counts",
        "class Sensor:\n    made = 0\n    __slots__ = ('name', '_v')\n    def __init__(self, name):\n        type(self).made += 1\n        self.name, self._v = name, 0\n"
        "    @property\n    def v(self):\n        return self._v\n    @v.setter\n    def v(self, new):\n        self._v = round(new, 1)",
        "one = Sensor('t')",
        agent("Set it", "one.v = 3.14159\none.v", "two = Sensor('p')\nmade = Sensor.made\nmade"),
        also=("one",),
    ),
    study(
        "threads_and_pool",
        "a pool of threads, its results in order",
        "from concurrent.futures import ThreadPoolExecutor\ndef cube(n):\n    return n**3",
        agent(
            "Cube",
            "with ThreadPoolExecutor(3) as pool:\n    cubes = list(pool.map(cube, range(6)))\ncubes",
            "total = sum(cubes)\ntotal",
        ),
        skip=("pool",),
    ),
    study(
        "unicode_and_texts",
        "names in other scripts, texts with signs of magics in them",
        "größe = 3\ntext = '''\n%not a magic\n!nor this\n'''",
        agent(
            "Measure",
            "fläche = größe**2\nfläche",
            "lines = [s for s in text.splitlines() if s]\nlines",
            "rest = 17 \\\n    % 5\nrest",
        ),
    ),
    study(
        "help_and_semicolons",
        "a question mark, a semicolon that hides, a bare comment",
        "xs = [1, 2]",
        agent("Look", "xs?\nys = xs * 2;\nys", "# nothing but a word\nzs = len(ys)\nzs"),
    ),
    study(
        "progress_line",
        "a progress bar of carriage returns, and words on stderr",
        "import sys",
        agent(
            "Go on",
            "for i in range(3):\n    print(f'\\r{i + 1}/3', end='')\nprint()\ndone = i\ndone",
            "print('careful', file=sys.stderr)\nok = True\nok",
        ),
        skip=("i",),
    ),
    study(
        "bare_expressions",
        "steps that bind nothing: an expression and a print",
        "data = [2, 4, 9]",
        agent("Say it", "sum(data) / len(data)", "print(max(data) - min(data))"),
        also=("data",),
    ),
    study(
        "rich_display",
        "HTML and Markdown displayed by a step",
        "from IPython.display import HTML, Markdown, display",
        agent(
            "Show it",
            "display(Markdown('**bold**'))\nn = 2\nn",
            "page = HTML('<b>x</b>')\nsize = len(page.data)\nsize",
        ),
        skip=("page",),
    ),
)
