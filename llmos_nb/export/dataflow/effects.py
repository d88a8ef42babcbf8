"""What the names of functions and methods say about code: which change their object, which only look, which draw."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

_TOKEN = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/|\"([^\"]+)\"|(\w+)|([(),;])", re.DOTALL)


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# begin what gives rows, so that `from` names a table: not so in `extract(year from at)`
_QUERIES = _set("select with from values describe summarize")
# behind these a comma is none between tables
_BEHIND = _set("select where group having window qualify order limit offset union intersect except set")


@dataclass
class _Level:
    """What stands between two brackets: whether it gives rows, whose definition it is, and where in it one is."""

    query: bool
    own: str = ""
    among: bool = False
    expects: bool = False
    fresh: bool = True


def tables(text: str) -> set[str]:
    """Return the names behind ``from`` and ``join``, without aliases, columns and common table expressions."""
    found, defined = set[str](), set[str]()
    levels, before = [_Level(True)], list[str]()
    for quoted, plain, sign in _TOKEN.findall(text):
        level, word = levels[-1], quoted or plain
        low = plain.lower()
        if sign == "(":
            own = _defines(before)
            defined.add(own)
            own = "" if "recursive" in before else own  # else its own name means the table there
            levels.append(_Level(False, own, expects=level.expects, among=level.expects))
            level.expects = False
        elif sign == ")":
            levels = levels[:-1] or [_Level(True)]
        elif sign == ";":
            levels, defined = [_Level(True)], set()
        elif sign == ",":
            level.expects = level.among
        elif word:
            level.query |= level.fresh and low in _QUERIES
            level.fresh = False
            if low == "join" or (low == "from" and level.query):
                level.among = level.expects = True
            elif low in _BEHIND or low in _QUERIES:
                level.among = level.expects = False
            elif level.expects and low not in ("lateral", "only"):
                level.expects = False
                if word.lower() not in defined or any(one.own == word.lower() for one in levels):
                    found.add(word)
        if sign or word:
            before.append(sign or low or word)
    return found


def _defines(before: list[str]) -> str:
    """Return the common table expression whose definition begins behind these words; empty for none."""
    known = ["", "", *(w for w in before[-4:] if w not in ("not", "materialized"))]
    return known[-2].lower() if known[-1] == "as" else ""


# Methods that change the object they are called on, also where the result is assigned.
MUTATORS = _set(
    "add append appendleft clear discard extend extendleft fill fit fit_predict fit_transform insert load_state_dict "
    "partial_fit pop popitem popleft put read readline remove resize reverse rotate seed set_index_inplace setdefault "
    "setflags sort step update write writelines execute executemany executescript fetchone fetchall fetchmany "
    "random integers normal uniform choice permutation permuted shuffle standard_normal poisson binomial exponential "
    "sample randint rand randn gauss randrange __setitem__ __delitem__ __setattr__ __iadd__ __ior__ __next__ send"
)
# Functions that change their first argument.
CHANGES_FIRST = _set(
    "next setattr delattr shuffle heappush heappop heapify heappushpop heapreplace insort insort_left insort_right "
    "fill_diagonal put place copyto putmask"
)
# Plain functions that change nothing they are given.
HARMLESS = _set(
    "abs all any ascii bin bool bytes callable chr complex dict dir display divmod enumerate filter float format "
    "frozenset getattr hasattr hash help hex id int isinstance issubclass iter len list locals map max min oct ord pow "
    "print range repr reversed round set slice sorted str sum super tuple type vars zip"
)
# Methods that only show something, when they stand as a statement of their own.
LOOKS = _set(
    "count describe display head hist info items keys max mean median memory_usage min nunique plot print quantile "
    "sample shape show std sum tail unique value_counts values var"
)
# Functions that call their first argument with the others, or with what is in them.
CALLS_FIRST = _set("map filter reduce starmap submit imap imap_unordered apply apply_async partial")
# Decorators that keep what a function gave, by what it was given.
MEMOIZES = _set("cache lru_cache")
DYNAMIC = frozenset(("exec", "eval", "globals", "get_ipython", "__import__"))
# Methods that take SQL, or an expression of pandas, in which names of variables may stand.
LOOKS_UP = _set("sql query execute eval from_query read_sql")
_OF_PANDAS = re.compile(r"@([a-z_]\w*)", re.IGNORECASE)
READS_FILES = ("open", "read", "load", "Path", "connect", "imread", "glob", "scan_")
SETS_SEED = frozenset(("seed", "manual_seed", "set_state", "setstate", "set_rng_state"))

PYTHON, NUMPY, TORCH = "$random", "$numpy.random", "$torch.random"
STATE_OF = {"random": PYTHON, "numpy.random": NUMPY}
_PLAIN = _set(
    "random randint uniform choice choices sample shuffle gauss seed randrange normalvariate betavariate expovariate "
    "triangular getrandbits setstate"
)
_TORCH = _set("manual_seed rand randn randint randperm normal bernoulli multinomial set_rng_state")
# Generators, and what they are made of, that take their seed from the machine where they are given none.
_SEEDED = _set("default_rng RandomState Random SeedSequence PCG64 PCG64DXSM MT19937 Philox SFC64")
# Draw from numpy's global state unless they are told a state of their own.
_BY_ARGUMENT = _set(
    "sample train_test_split KFold StratifiedKFold ShuffleSplit KMeans MiniBatchKMeans RandomForestClassifier "
    "RandomForestRegressor GradientBoostingClassifier GradientBoostingRegressor DecisionTreeClassifier "
    "DecisionTreeRegressor MLPClassifier MLPRegressor SGDClassifier SGDRegressor make_classification make_regression "
    "make_blobs make_moons PCA TSNE GaussianMixture ExtraTreesClassifier IsolationForest resample"
)


def looked_up(text: str) -> set[str]:
    """Return the words of a text, in SQL or for pandas, that may be names of variables."""
    return set(_OF_PANDAS.findall(text)) | tables(text)


def dotted(node: ast.AST) -> str:
    """Spell ``a.b.c``; empty for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def random_state(node: ast.Call) -> list[str]:
    """Name the global random states that a call draws from or sets."""
    path = dotted(node.func)
    base, _, last = path.rpartition(".")
    told = [k.value for k in node.keywords if k.arg in ("random_state", "rng", "seed", "generator")]
    own = any(not (isinstance(v, ast.Constant) and v.value is None) for v in told)
    if base == "torch" or base.startswith("torch."):
        return [TORCH] if last in _TORCH and not own else []
    if base in ("np.random", "numpy.random"):
        return [] if makes_generator(last) else [NUMPY]
    if base == "random" and last in _PLAIN:
        return [PYTHON]
    name = last or getattr(node.func, "attr", "")
    if name == "resample" and isinstance(node.func, ast.Attribute) and not base.endswith("utils"):
        return []  # of a table over time, which draws nothing
    return [NUMPY] if name in _BY_ARGUMENT and not own else []


def makes_generator(name: str) -> bool:
    """Return whether a name of a module that draws stands for a generator of one's own, or a part of one: a class."""
    return name[:1].isupper() or name == "default_rng"


def unseeded(tree: ast.AST) -> bool:
    """Return whether code makes a generator of its own without a seed, which no seed cell can help."""
    calls = (n for n in ast.walk(tree) if isinstance(n, ast.Call))
    made = [n for n in calls if dotted(n.func).rpartition(".")[2] in _SEEDED]
    return any(isinstance(v, ast.Constant) and v.value is None for n in made for v in [_seed(n)])


def _seed(node: ast.Call) -> ast.expr:
    """Return what a generator is seeded with: None where it is not."""
    return next(iter([*node.args, *(k.value for k in node.keywords)]), ast.Constant(None))
