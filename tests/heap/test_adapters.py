"""One kind of object after the other: every change of it is told, undone and redone, and a user's change is no loss."""

from __future__ import annotations

import re
import sys

import pytest
from snapshot_tools import Notebook, changed

from llmos_nb.heap import Walk
from llmos_nb.heap.adapters import registry
from llmos_nb.heap.adapters.arrays import Arrays
from llmos_nb.heap.adapters.stateful import Exceptions
from llmos_nb.heap.adapters.tables import Indexes

pytestmark = pytest.mark.filterwarnings("ignore")
PANDAS = "import pandas as pd, numpy as np\n"
# kind -> code that makes `x`, what it looks like, changes
KINDS: dict[str, tuple[str, str, list[str]]] = {
    "DataFrame": (
        PANDAS + "x = pd.DataFrame({'a': [2, 1], 'b': list('xy'), 'c': pd.Categorical(list('uv'))}, "
        "index=pd.date_range('2020', periods=2, tz='UTC', name='d'))",
        "x.to_dict(), [(list(a), a.dtype, *a.names, getattr(a, 'freq', 0)) for a in x.axes], x.attrs, "
        "x.flags.allows_duplicate_labels, list(x.dtypes), list(x['c'].cat.categories) if 'c' in x else 0",
        [
            "x.index.name = 'i'", "x.columns.name = 'k'", "x.attrs['z'] = [1]", "x.attrs = {'q': 1}", "x.index.freq = None",
            "x.flags.allows_duplicate_labels = False", "x['c'] = x['c'].cat.rename_categories({'u': 'w'})", "x['a'] *= 2",
            "x['c'] = x['c'].cat.as_ordered()", "x.index = x.index.tz_convert('CET')", "x['a'] = x['a'].astype('Int64')",
            "x.rename_axis('f', inplace=True)", "x.index.names = ['t']", "x.drop(columns='b', inplace=True)",
        ],
    ),
    "MultiIndex": (
        PANDAS + "x = pd.DataFrame([[1], [2]], index=pd.MultiIndex.from_tuples([(1, 'a'), (2, 'b')], names=['l', 'm']))",
        "x.to_dict(), list(x.index.names), list(x.index)",
        ["x.index.names = ['u', 'v']", "x.index = x.index.swaplevel()", "x.sort_index(level=1, ascending=False, inplace=True)"],
    ),
    "Series": (
        PANDAS + "x = pd.Series([3, 1], index=list('ab'), name='s')",
        "x.to_dict(), x.name, x.index.name, x.dtype, x.attrs, x.flags.allows_duplicate_labels",
        ["x.name = 't'", "x.index.name = 'i'", "x.attrs['a'] = 1", "x.flags.allows_duplicate_labels = False", "x.loc['q'] = 1"],
    ),
    "Index": (PANDAS + "x = pd.date_range('2020', periods=2)", "x.name, x.freq", ["x.name = 'n'", "x.freq = None"]),
    "subclass of DataFrame": (
        PANDAS + "class F(pd.DataFrame):\n    _metadata = ['meta']\nx = F({'a': [1]}); x.meta = [1]",
        "x.to_dict(), x.meta", ["x.meta.append(1)", "x.meta = 3", "x['b'] = 1"],
    ),
    "array": (
        PANDAS + "x = np.arange(6.0)", "x.tolist(), x.shape, x.strides, x.dtype, x.flags.writeable",
        ["x[0] = 9", "x.shape = (2, 3)", "x.dtype = 'i8'", "x.flags.writeable = False", "x.resize(8, refcheck=False)", "x[::-1].sort()"],
    ),
    "view": (
        PANDAS + "b = np.arange(12); x = b[::2]", "x.tolist(), b.tolist(), x.shape, x.dtype, x.strides",
        ["x[0] = 9", "b[2] = 8", "x.shape = (2, 3)", "x.dtype = np.uint64", "x.strides = (8,)"],
    ),
    "array of records": (
        PANDAS + "x = np.zeros(2, dtype=[('a', 'i4'), ('b', 'f8')])", "x.tolist(), x.dtype.names",
        ["x['a'] = 1", "x.dtype.names = ('p', 'q')", "x[0] = (3, 4.0)"],
    ),
    "array of texts": (PANDAS + "x = np.array(['aa', 'b'], dtype='T')", "x.tolist()", ["x[0] = 'q' * 99", "x[::-1].sort()"]),
    "masked array": (
        PANDAS + "x = np.ma.array([1, 2, 3], mask=[0, 1, 0])", "repr(x)", ["x[0] = 9", "x.mask[0] = True", "x.fill_value = 5"]
    ),
    "deque": (
        "from collections import deque\nx = deque([1, 2], maxlen=3)", "list(x), x.maxlen",
        ["x.append(5)", "x.extendleft([7, 8])", "x.__init__([1], maxlen=5)", "x.reverse()"],
    ),
    "defaultdict": (
        "from collections import defaultdict\nx = defaultdict(list, a=[1])", "dict(x), x.default_factory",
        ["x['z']", "x.default_factory = int", "x['a'].append(2)"],
    ),
    "Counter": ("from collections import Counter\nx = Counter('aab')", "list(x.items())", ["x.update('c')", "x['a'] -= 1"]),
    "array.array": ("import array\nx = array.array('i', [1, 2])", "x.tolist()", ["x.append(3)", "x.reverse()", "x.byteswap()"]),
    "memoryview": ("b = bytearray(b'ab'); x = memoryview(b)", "bytes(b)", ["x[0] = 7", "x[:] = b'zz'"]),
    "dataclass": (
        "from dataclasses import dataclass, field\n@dataclass\nclass D:\n    a: int = 1\n    l: list = field(default_factory=list)\nx = D()",
        "x.a, x.l, D.a", ["x.a = 2", "x.l.append(1)", "D.a = 7; x.a = 8"],
    ),
    "dataclass with slots": (
        "from dataclasses import dataclass\n@dataclass(slots=True, frozen=True)\nclass D:\n    a: int = 1\nx = D()",
        "x.a", ["object.__setattr__(x, 'a', 5)"],
    ),
    "namedtuple": ("from collections import namedtuple\nP = namedtuple('P', 'a')\nx = P([1])", "x.a", ["x.a.append(1)"]),
    "Enum": ("from enum import Enum\nclass C(Enum):\n    R = [1]\nx = C.R", "x.value, getattr(x, 'n', 0)", ["x.n = 1", "x.value.append(3)"]),
    "closure": (
        "def make():\n    n = 0; l = []\n    def f():\n        nonlocal n\n        n += 1; l.append(n)\n    return f\nx = make()",
        "[c.cell_contents for c in x.__closure__]", ["x()", "x(); x()"],
    ),
    "function": (
        "def x(a=[1], *, k={}):\n    return a",
        "x.__defaults__, x.__kwdefaults__, x.__dict__, x.__code__, x.__name__, x.__qualname__, x.__annotations__, x.__module__",
        [
            "x.__defaults__ = (2,)", "x.__kwdefaults__['k']['z'] = 1", "x.__code__ = (lambda a=1, *, k=2: 9).__code__", "x.n = 1",
            "x.__annotations__['b'] = 1", "x.__annotations__ = {'a': int}", "x.__qualname__ = 'q'", "x.__module__ = 'm'", "x().append(1)",
        ],
    ),
    "partial": (
        "from functools import partial\nx = partial(int, base=2)", "x.func, x.args, x.keywords, vars(x)",
        ["x.keywords['base'] = 8", "x.note = 1", "x.__setstate__((float, (), {}, {}))"],
    ),
    "class": (
        "class A: pass\nclass B: pass\nclass x(A):\n    a = 1\n    l = []",
        "sorted(k for k in vars(x)), getattr(x, 'a', 0), x.l, x.__name__, x.__qualname__, x.__bases__",
        ["x.a = 2", "x.l.append(1)", "del x.a", "x.__name__ = 'Y'", "x.__qualname__ = 'Y'", "x.__bases__ = (B,)"],
    ),
    "instance": (
        "class A:\n    def __init__(self): self._v = [1]\n    @property\n    def v(self): return self._v\n    @v.setter\n    def v(self, z): self._v = z\nx = A()",
        "x.v, type(x).__name__", ["x.v = 2", "x.v.append(2)", "x.__class__ = type('B', (A,), {})", "x.__dict__ = {'_v': 5}"],
    ),
    "exception": (
        "x = OSError(2, 'no', 'f')", "x.args, x.errno, x.filename, x.__cause__, x.__suppress_context__, vars(x), x.__traceback__",
        ["x.args = ('b',)", "x.errno = 5", "x.filename = 'g'", "x.__cause__ = KeyError()", "x.add_note('n')", "try:\n    raise x\nexcept OSError: pass"],
    ),
    "exceptions in a group": ("x = ExceptionGroup('g', [ValueError(1)])", "x.exceptions[0].args", ["x.exceptions[0].args = (2,)"]),
    "module": ("import types\nx = types.ModuleType('mine'); x.a = 1", "getattr(x, 'a', 0)", ["x.a = 2", "del x.a"]),
    "random": (PANDAS + "x = np.random.default_rng(1)", "x.bit_generator.state, x.bit_generator.seed_seq.state", ["x.random()", "x.spawn(2)"]),
    "decimal": ("import decimal\nx = decimal.getcontext()", "x.prec", ["x.prec += 1"]),
    "logger": ("import logging\nx = logging.getLogger('a name of this test')", "x.level, x.handlers", ["x.setLevel(10)", "x.addHandler(None)"]),
    "scikit-learn": (
        "from sklearn.linear_model import LinearRegression\nx = LinearRegression()", "sorted(map(str, vars(x).items()))",
        ["x.fit([[1], [2]], [1, 2])", "x.set_params(fit_intercept=False)"],
    ),
    "polars": (
        "import polars as pl\nx = pl.DataFrame({'a': [1, 2]})", "x.to_dict(as_series=False), x.schema", ["x[0, 'a'] = 9", "x.columns = ['p']", "x.extend(x)"]
    ),
    "sparse matrix": (
        "import scipy.sparse, numpy as np\nx = scipy.sparse.lil_matrix(np.eye(2))", "x.toarray().tolist(), x.shape", ["x[0, 1] = 5", "x.resize(3, 3)"]
    ),
    "xml": ("import configparser\nx = configparser.ConfigParser(); x['a'] = {'k': 'v'}", "{s: dict(x[s]) for s in x}", ["x['a']['k'] = 'w'", "x['b'] = {}"]),
}  # fmt: skip
CASES = [(kind, change) for kind, (_, _, changes) in KINDS.items() for change in changes]


class Heap(Notebook):
    """A notebook with one object in it."""

    def __init__(self, kind: str) -> None:
        code, self.words, self.changes_of_it = KINDS[kind]
        super().__init__(code)

    def looks(self) -> str:
        """What it is like now."""
        return re.sub("0x[0-9a-f]+", "", repr(eval(self.words, self.ns)))


def told_and_turned(kind: str, change: str) -> None:
    book = Heap(kind)
    before = book.looks()
    said = book.step(change)
    after = book.looks()
    assert (before != after, book.opaque, book.error) == (True, {}, None)
    assert changed(said) or said["settings"]
    book.undo()
    assert book.looks() == before
    book.redo()
    assert book.looks() == after


@pytest.mark.parametrize(("kind", "change"), CASES)
def test_every_change_is_reported_undone_and_redone(kind, change):
    for package in re.findall(r"(?:import|from) (sklearn|polars|scipy)", KINDS[kind][0]):
        pytest.importorskip(package)
    told_and_turned(kind, change)


@pytest.mark.parametrize(
    "kind", ["DataFrame", "Series", "array", "deque", "function", "class", "instance", "exception"]
)
def test_later_changes_by_the_user_are_never_lost(kind):
    """Either the undo is refused, or afterwards what the user did looks as it does with no step before it."""
    for step in KINDS[kind][2]:
        for user in KINDS[kind][2]:
            book, alone = Heap(kind), Heap(kind)
            book.step(step)
            left = book.looks()
            try:
                book.user(user)
                alone.user(user)
            except Exception:
                continue  # it does not go with the step
            if book.looks() != left and book.snapshots.can_undo(book.call) is None:
                book.undo()
                assert book.looks() == alone.looks(), (step, user)


def test_undo_is_refused_where_the_user_moved_the_changed_object():
    book = Notebook("import scipy.sparse, numpy as np\nx = scipy.sparse.csr_matrix(np.eye(2))")
    book.step("x.data[0] = 5")
    book.user("x[0, 1] = 3")  # makes new arrays, which hold the 5 too
    assert "x changed since" in book.snapshots.can_undo(book.call)


def test_read_only_object_array_is_restored_to_its_old_size():
    book = Notebook("import numpy as np\nx = np.array([[1], None, {}, 4] * 50, dtype=object)")
    book.step("x.resize(1, refcheck=False); x.flags.writeable = False")
    book.undo()
    assert book["x"].tolist() == [[1], None, {}, 4] * 50 and book["x"].flags.writeable


def test_released_view_is_reported_as_lost():
    book = Notebook("x = memoryview(bytearray(b'ab'))")
    book.step("x.release()")
    assert book.snapshots.can_undo(book.call) == "it changed a memory view that was released"


@pytest.mark.parametrize(
    ("adapter", "kind", "change"),
    [
        (Arrays, "array", "x.shape = (2, 3)"),
        (Indexes, "Index", "x.name = 'n'"),
        (Exceptions, "exception", "x.errno = 5"),
    ],
)
def test_check_fails_when_an_adapter_misses_a_change(monkeypatch, adapter, kind, change):
    monkeypatch.setattr(adapter, "same", lambda self, item, state: True)
    with pytest.raises(AssertionError):
        told_and_turned(kind, change)


@pytest.mark.parametrize("root", ["_pytest", "_frozen_importlib"])
def test_walk_of_a_module_of_the_users_leaves_out_what_loads_and_tests_it(request, monkeypatch, root):
    """Each module holds its loader, which in pytest holds the session and so all tests."""
    here = [sys.modules[__name__]]
    left_out = id({"_pytest": request.config, "_frozen_importlib": __spec__}[root])
    assert left_out not in Walk({}).run(here).seen
    monkeypatch.setattr(registry, "ATOMIC_ROOTS", registry.ATOMIC_ROOTS - {root})
    assert left_out in Walk({}).run(here).seen
