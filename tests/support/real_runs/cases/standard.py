"""The standard library, after its docstrings and its documentation."""

from real_runs.scenario import agent, study

STANDARD = (
    study(
        "statistics_summary",
        "statistics: mean, quantiles and a line",
        "import statistics as st\nheights = [171, 165, 180, 158, 177, 169, 174]",
        agent(
            "Summarise",
            "centre = st.mean(heights), st.median(heights)\ncentre",
            "quarts = st.quantiles(heights, n=4)\nquarts",
            "line = st.linear_regression(range(7), sorted(heights))\nline",
        ),
    ),
    study(
        "re_log_lines",
        "re: fields of log lines, named groups, a substitution by a function",
        "import re\nlog = '''10:01 ERROR disk full\n10:02 INFO ok\n10:05 ERROR net down'''",
        agent(
            "Which errors?",
            "errors = [m.groupdict() for m in re.finditer(r'(?P<at>\\d\\d:\\d\\d) ERROR (?P<what>.+)', log)]\nerrors",
            "hidden = re.sub(r'\\d', lambda m: str((int(m[0]) + 1) % 10), log)\nhidden.splitlines()[0]",
            "first = re.search(r'ERROR', log)\nfirst",
        ),
    ),
    study(
        "itertools_recipes",
        "itertools: recipes of its documentation",
        "import itertools as it\ndef grouper(items, n):\n    return it.zip_longest(*[iter(items)] * n)",
        agent(
            "Use the recipes",
            "groups = list(grouper('ABCDEFG', 3))\ngroups",
            "pairs = sum(1 for _ in it.combinations(range(6), 2))\npairs",
            "runs = [(k, len(list(g))) for k, g in it.groupby('aaabccd')]\nruns",
        ),
    ),
    study(
        "collections_kinds",
        "collections: Counter, deque, ChainMap, namedtuple, defaultdict",
        "from collections import ChainMap, Counter, OrderedDict, defaultdict, deque, namedtuple\nPoint = namedtuple('Point', 'x y')",
        agent(
            "Count and rotate",
            "letters = Counter('mississippi')\nletters.most_common(2)",
            "ring = deque([1, 2, 3, 4], maxlen=4)\nring.rotate(1)\nring.append(9)\nring",
            "places = defaultdict(list)\nfor i, c in enumerate('abca'):\n    places[c].append(i)\nplaces",
            "where = Point(3, 4)\nsettings = ChainMap({'a': 1}, {'a': 2, 'b': 3})\nwhere, settings['b']",
        ),
    ),
    study(
        "datetime_calendar",
        "datetime, zoneinfo, calendar: fixed days, no clock",
        "from datetime import date, datetime, timedelta\nfrom zoneinfo import ZoneInfo\nborn = date(1999, 2, 28)",
        agent(
            "Dates",
            "ages = [(date(y, 2, 28) - born) // timedelta(days=365) for y in (2009, 2024)]\nages",
            "meet = datetime(2024, 3, 31, 1, 30, tzinfo=ZoneInfo('Europe/Berlin')) + timedelta(hours=2)\nmeet.isoformat()",
            "import calendar\nleaps = [y for y in range(1896, 1913) if calendar.isleap(y)]\nleaps",
        ),
    ),
    study(
        "decimal_context",
        "decimal: a context that the user sets, and fractions",
        "from decimal import Decimal, getcontext\nfrom fractions import Fraction\ngetcontext().prec = 6",
        agent(
            "Divide exactly",
            "third = Decimal(1) / Decimal(3)\nthird",
            "total = sum([Fraction(1, 3), Fraction(1, 6)])\ntotal",
            "money = Decimal('2.675').quantize(Decimal('0.01'))\nmoney",
        ),
    ),
    study(
        "json_csv_texts",
        "json, csv and io: one form into another, in memory",
        "import csv, io, json\nraw = 'name,age\\nAda,36\\nBo,22\\n'",
        agent(
            "Turn it round",
            "rows = list(csv.DictReader(io.StringIO(raw)))\nrows",
            "text = json.dumps({r['name']: int(r['age']) for r in rows}, sort_keys=True)\ntext",
            "back = json.loads(text, object_pairs_hook=list)\nback",
        ),
    ),
    study(
        "heap_bisect",
        "heapq and bisect: a queue by priority, grades by limits",
        "import bisect, heapq\nqueue = [(3, 'mop'), (1, 'cook')]",
        agent(
            "What first?",
            "heapq.heapify(queue)\nheapq.heappush(queue, (2, 'eat'))\nfirst = heapq.heappop(queue)\nfirst",
            "grades = ['FDCBA'[bisect.bisect([60, 70, 80, 90], s)] for s in (33, 99, 77, 70)]\ngrades",
        ),
        also=("queue",),
    ),
    study(
        "functools_tools",
        "functools: reduce, partial, a cache and dispatch by type",
        "import functools, operator\ncalls = []\n@functools.lru_cache\ndef fib(n):\n    calls.append(n)\n    return n if n < 2 else fib(n - 1) + fib(n - 2)",
        "fib(10)",
        agent(
            "Count the calls",
            "value = fib(12)\nprint(len(calls))\nvalue",
            "@functools.singledispatch\ndef kind(x):\n    return 'other'\n@kind.register\ndef _(x: int):\n    return 'int'\nkinds = [kind(1), kind('a')]\nkinds",
            "power = functools.partial(pow, 2)\nproduct = functools.reduce(operator.mul, [power(i) for i in range(4)])\nproduct",
        ),
        also=("calls",),
        skip=("kind", "_"),
    ),
    study(
        "hash_and_pack",
        "hashlib, base64, struct, zlib: bytes",
        "import base64, hashlib, struct, zlib\nword = b'spam and eggs ' * 4",
        agent(
            "Bytes",
            "digest = hashlib.sha256(word).hexdigest()[:12]\ndigest",
            "packed = struct.pack('>Hf', 258, 1.5)\npacked",
            "small = zlib.compress(word, 9)\nround(len(small) / len(word), 3)",
            "text = base64.b64encode(packed).decode()\ntext",
        ),
    ),
    study(
        "dataclass_account",
        "dataclasses: the user's class, changed in place",
        "from dataclasses import dataclass, field\nLIMIT = -100",
        "@dataclass\nclass Account:\n    owner: str\n    moves: list = field(default_factory=list)\n    def pay(self, amount):\n        if self.balance() + amount < LIMIT:\n"
        "            raise ValueError('limit')\n        self.moves.append(amount)\n        return self\n    def balance(self):\n        return sum(self.moves)",
        "account = Account('Ada')\naccount.pay(50)\naccount.pay(-20)",
        agent("The balance", "account.pay(-60)\nbalance = account.balance()\nbalance"),
        also=("account",),
    ),
    study(
        "enum_and_match",
        "enum, typing and match: an order's way",
        "from enum import Enum, Flag, auto\nclass State(Enum):\n    NEW = auto()\n    PAID = auto()\n    SENT = auto()\nclass Right(Flag):\n    READ = auto()\n    WRITE = auto()",
        agent(
            "Move it on",
            "def after(state):\n    match state:\n        case State.NEW:\n            return State.PAID\n        case State.PAID:\n            return State.SENT\n        case _:\n            return state\n"
            "way = [State.NEW, after(State.NEW), after(after(State.NEW))]\nway",
            "both = Right.READ | Right.WRITE\nRight.WRITE in both",
        ),
    ),
    study(
        "graph_order",
        "graphlib and difflib: an order of tasks, a difference of texts",
        "from graphlib import TopologicalSorter\ntasks = {'test': ['build'], 'build': ['fetch'], 'ship': ['test']}",
        agent(
            "In which order?",
            "order = list(TopologicalSorter(tasks).static_order())\norder",
            "import difflib\nlines = list(difflib.ndiff(['one', 'two'], ['one', 'tree']))\nlines",
            "near = difflib.get_close_matches('appel', ['ape', 'apple', 'peach'])\nnear",
        ),
    ),
    study(
        "text_shapes",
        "textwrap, string, html, unicodedata: text",
        "import html, string, textwrap, unicodedata\nquote = 'The quick brown fox jumps over the lazy dog. ' * 2",
        agent(
            "Shape it",
            "wrapped = textwrap.fill(quote, 30)\nprint(wrapped)\nlen(wrapped)",
            "filled = string.Template('$who owes $$$sum').substitute(who='Ada', sum=5)\nfilled",
            "safe = html.escape('<b>\"x\"</b>')\nplain = unicodedata.normalize('NFD', 'Zoë')\nlen(plain), safe",
        ),
    ),
    study(
        "xml_config",
        "xml and configparser: values out of markup",
        'import configparser\nimport xml.etree.ElementTree as ET\nmarkup = \'<shop><item n="2">pen</item><item n="5">ink</item></shop>\'',
        agent(
            "Read it",
            "items = {e.text: int(e.get('n')) for e in ET.fromstring(markup)}\nitems",
            "config = configparser.ConfigParser()\nconfig.read_string('[net]\\nport = 80\\n')\nport = config.getint('net', 'port')\nport",
        ),
        skip=("config",),
    ),
    study(
        "network_names",
        "ipaddress and urllib.parse: addresses taken apart, no network",
        "import ipaddress\nfrom urllib.parse import parse_qs, urlencode, urlsplit\nlink = 'https://example.org:8080/a/b?q=1&q=2&r=x'",
        agent(
            "Take it apart",
            "parts = urlsplit(link)\nparts.port, parts.path",
            "query = parse_qs(parts.query)\nquery",
            "hosts = [str(h) for h in ipaddress.ip_network('10.0.0.0/30').hosts()]\nhosts",
        ),
    ),
    study(
        "sympy_like_search",
        "plain Python: sieve, knapsack and a search with a stack",
        "maze = ['S.#', '..#', '#.E']",
        agent(
            "Find the way",
            "def neighbours(r, c):\n    for a, b in ((r + 1, c), (r, c + 1), (r - 1, c), (r, c - 1)):\n        if 0 <= a < 3 and 0 <= b < 3 and maze[a][b] != '#':\n            yield a, b\n"
            "seen, todo = {(0, 0): None}, [(0, 0)]\nwhile todo:\n    here = todo.pop(0)\n    for there in neighbours(*here):\n        if there not in seen:\n            seen[there] = here\n            todo.append(there)\nlen(seen)",
            "way, at = [], (2, 2)\nwhile at is not None:\n    way.append(at)\n    at = seen[at]\nway[::-1]",
        ),
    ),
)
