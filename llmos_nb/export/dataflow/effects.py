"""What the names of functions and methods say about code: which change their object, which only look, which draw."""

from __future__ import annotations

import ast
import re

from llmos_nb.policy.code import tables_of


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


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
    return set(_OF_PANDAS.findall(text)) | tables_of(text)


def dotted(node: ast.AST) -> str:
    """Spell ``a.b.c``; empty for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def last(function: ast.AST) -> str:
    """Return the last name of ``a.b.c``."""
    return str(getattr(function, "attr", getattr(function, "id", "")))


def random_state(node: ast.Call) -> list[str]:
    """Name the global random states that a call draws from or sets."""
    path = dotted(node.func)
    base, _, final = path.rpartition(".")
    told = [k.value for k in node.keywords if k.arg in ("random_state", "rng", "seed", "generator")]
    own = any(not (isinstance(v, ast.Constant) and v.value is None) for v in told)
    if base == "torch" or base.startswith("torch."):
        return [TORCH] if final in _TORCH and not own else []
    if base in ("np.random", "numpy.random"):
        return [] if makes_generator(final) else [NUMPY]
    if base == "random" and final in _PLAIN:
        return [PYTHON]
    name = final or getattr(node.func, "attr", "")
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
