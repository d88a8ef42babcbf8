"""Digests of values: the same for equal content in another process, under another hash seed.

A digest covers all content: containers in order, sets in the order of their elements' digests, instances by class
and attributes, functions by code, arrays and tables by their data, and which parts are one and the same object.
What has state that cannot be read is ``opaque:Type``; what is too large is ``unhashed:size``.
"""

from __future__ import annotations

import datetime
import decimal
import fractions
import io
import marshal
import pathlib
import re
import sys
import types
import uuid
from array import array
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from hashlib import sha256
from itertools import chain
from typing import Any

_CORES = (dict, list, tuple, deque, set, frozenset, BaseException, types.SimpleNamespace)
_HIDDEN = ("matplotlib", "ipywidgets", "IPython", "ipykernel", "asyncio", "threading", "socket", "torch")


def home(kind: type) -> str:
    """Return the full name of a class's module; a few classes hide it behind a descriptor of their instances."""
    module = kind.__module__
    return module if isinstance(module, str) else "builtins"


def object_state(value: Any) -> list[Any] | None:
    """Return an instance's attributes and slots as a flat list, or None where C code hides them."""
    kind = type(value)
    if home(kind).partition(".")[0] in _HIDDEN or isinstance(value, io.IOBase):
        return None
    if home(kind).startswith("sklearn.") and not hasattr(value, "__dict__"):
        state = getattr(value, "__getstate__", lambda: None)()
        return [state] if state is not None else None
    slotted = (m for c in kind.__mro__ if "__slots__" in vars(c) for m in vars(c).values())
    slots = [m for m in slotted if isinstance(m, types.MemberDescriptorType)]
    attributes = getattr(value, "__dict__", None)
    if attributes is None and not slots and not isinstance(value, _CORES):
        return None
    found: list[Any] = [attributes] if attributes else []
    for slot in slots:
        with suppress(AttributeError):  # an empty slot
            found += [slot.__name__, slot.__get__(value, kind)]
    return found + ([value.args] if isinstance(value, BaseException) else [])


ATOMS = frozenset((type(None), bool, int, float, complex, str, bytes, type(...)))
_BOXES = frozenset((list, tuple, dict))
_TREE = ATOMS | _BOXES
_TREE_DEPTH, _TREE_BOXES = 500, 2_000_000  # marshal takes up to 1,000 levels on some platforms


def is_tree(value: object) -> bool:
    """Return whether a value is made of lists, tuples and dicts of plain atoms, none of which stands at two places."""
    level: list[Any] = [value]
    boxes: dict[int, Any] = {}
    count = 0
    for _ in range(_TREE_DEPTH):
        kinds = set(map(type, level))
        if not kinds <= _TREE:
            return False
        level = [o for o in level if type(o) in _BOXES] if kinds & ATOMS else level
        if not level:
            return count > 0
        count += len(level)
        known, own = len(boxes), [o for o in level if type(o) is not tuple]
        boxes.update(zip(map(id, own), own, strict=True))
        if len(boxes) != known + len(own) or count > _TREE_BOXES:
            return False
        level = list(chain.from_iterable(chain(*o.items()) if type(o) is dict else o for o in level))
    return False


# bounds, as a digest is made of every name that a step has changed
LIMIT_BYTES = 256 << 20
LIMIT_NODES = 1_000_000

_BY_REPR = (
    datetime.date, datetime.time, datetime.timedelta, datetime.tzinfo, decimal.Decimal, fractions.Fraction,
    uuid.UUID, pathlib.PurePath, re.Pattern, range, slice, types.GenericAlias,
)  # fmt: skip


class _TooLarge(Exception):
    """The value passes a bound."""


class _Opaque(Exception):
    """A value as a whole cannot be read."""


def digest(value: Any, limit: int = LIMIT_BYTES) -> str:
    """Hash a value's whole content.

    Parameters
    ----------
    value : object
        Anything.
    limit : int
        Bytes of data above which nothing is hashed.

    Returns
    -------
    str
        64 hex digits, ``opaque:Type`` where the value itself cannot be read, or ``unhashed:size``.
    """
    try:
        writer = _Writer(limit)
        # a tree goes in one piece, at the speed of C
        writer.data("tree", marshal.dumps(value, 0)) if is_tree(value) else writer.put(value)
    except (_TooLarge, RecursionError, MemoryError):
        return "unhashed:size"
    except _Opaque as why:
        return f"opaque:{why}"
    except Exception:  # an object's own code may raise anything
        return f"opaque:{type(value).__name__}"
    return writer.hash.hexdigest()


class _Writer:
    """Feeds a value, piece by piece and unambiguously, into one hash."""

    def __init__(self, limit: int) -> None:
        self.hash = sha256()
        self.room, self.nodes = limit, LIMIT_NODES
        self.seen: dict[int, int] = {}
        self.kept: list[object] = []  # a number in `seen` stays that object's as long as this holds it

    def data(self, tag: str, piece: Any) -> None:
        """Add raw data under a tag that says how long it is."""
        size = memoryview(piece).nbytes
        self.room -= size
        if self.room < 0:
            raise _TooLarge
        self.hash.update(f"{tag}:{size};".encode())
        self.hash.update(piece)

    def put(self, value: Any) -> None:
        """Add one value."""
        kind = type(value)
        if kind in ATOMS:
            return self.data(kind.__name__, marshal.dumps(value, 0))
        self.nodes -= 1
        if self.nodes < 0:
            raise _TooLarge
        if kind is not tuple:
            place = self.seen.setdefault(id(value), len(self.seen))
            if place < len(self.kept):  # it was added before
                return self.data("ref", str(place).encode())
            self.kept.append(value)
        return (_EXACT.get(kind) or _writer_of(kind, value))(self, value)

    def items(self, tag: str, values: Iterable[Any]) -> None:
        """Add a sequence; plain ones in one piece."""
        values = list(values)
        if ATOMS.issuperset(map(type, values)):
            self.data(tag, marshal.dumps(values, 0))
            return
        self.data(tag, str(len(values)).encode())
        for value in values:
            self.put(value)

    def nested(self, value: object) -> bytes:
        """Hash one value apart from the rest, for what has no order."""
        inner = _Writer(self.room)
        inner.put(value)
        return inner.hash.digest()


def put_function(w: _Writer, value: types.FunctionType) -> None:
    """Add a function by code, defaults and what it closes over."""
    _code(w, value.__code__)
    w.put(value.__defaults__)
    w.put(value.__kwdefaults__)
    w.items("closure", [c.cell_contents for c in value.__closure__ or () if c != types.CellType()])


def _code(w: _Writer, code: types.CodeType) -> None:
    w.data("code", code.co_code)
    w.items("names", (*code.co_names, *code.co_varnames, *code.co_freevars, *code.co_cellvars))
    for const in code.co_consts:
        _code(w, const) if isinstance(const, types.CodeType) else w.put(const)


def put_class(w: _Writer, value: type) -> None:
    """Add a class by name, and one that was written in the notebook by its attributes too."""
    w.data("class", f"{home(value)}.{value.__qualname__}".encode())
    if home(value) in ("__main__", "builtins") and value.__flags__ & (1 << 9):  # written in the notebook
        hidden = ("__dict__", "__weakref__", "__doc__", "_abc_impl", "__firstlineno__", "__static_attributes__")
        w.items("attributes", (x for k, v in vars(value).items() if k not in hidden for x in (k, v)))
        w.items("bases", value.__bases__)


def _mapping(w: _Writer, value: Any) -> None:
    w.items(f"{type(value).__name__}-keys", value.keys())
    w.items("values", value.values())
    if isinstance(value, defaultdict):
        w.put(value.default_factory)


def _set(w: _Writer, value: Any) -> None:
    w.data(type(value).__name__, b"".join(sorted(map(w.nested, value))))


def _text(tag: str, words: Callable[[Any], str]) -> Callable[[_Writer, Any], None]:
    """Make a writer for values that a text says in full."""
    return lambda w, value: w.data(tag, words(value).encode("utf-8", "surrogatepass"))


def _instance(w: _Writer, value: Any) -> None:
    """Add an instance by class and state; without readable state it is opaque."""
    kind = type(value)
    name = f"{home(kind)}.{kind.__qualname__}".removeprefix("builtins.")
    if isinstance(value, dict):  # what it holds as a subclass of a builtin
        _mapping(w, value)
    elif isinstance(value, list | tuple | deque):
        w.items("items", value)
    elif isinstance(value, set | frozenset):
        _set(w, value)
    elif isinstance(value, int | float | str | bytes | complex):
        w.data("repr", repr(value).encode("utf-8", "surrogatepass"))
    state = object_state(value)
    if state is None and len(w.kept) == 1:
        raise _Opaque(name)
    w.data("opaque" if state is None else "instance", name.encode())
    if state is not None:
        w.items("state", state)


_EXACT: dict[type, Callable[[_Writer, Any], None]] = {
    list: lambda w, v: w.items("list", v),
    tuple: lambda w, v: w.items("tuple", v),
    deque: lambda w, v: w.items(f"deque{v.maxlen}", v),
    dict: _mapping,
    OrderedDict: _mapping,
    defaultdict: _mapping,
    set: _set,
    frozenset: _set,
    bytearray: lambda w, v: w.data("bytearray", v),
    array: lambda w, v: w.data(f"array{v.typecode}", v),
    types.FunctionType: put_function,
    types.MethodType: lambda w, v: w.items("method", (v.__func__, v.__self__)),
    types.BuiltinFunctionType: _text("builtin", lambda v: f"{v.__module__}.{v.__qualname__}"),
    type(NotImplemented): _text("singleton", repr),
    types.ModuleType: _text("module", lambda v: v.__name__),
}


def _writer_of(kind: type, value: Any) -> Callable[[_Writer, Any], None]:
    """Choose how a value of a less plain kind is added."""
    root, numpy = home(kind).partition(".")[0], sys.modules.get("numpy")
    by_repr = _text(kind.__name__, repr)
    of_pandas, of_polars = root == "pandas", root == "polars"
    tabular = of_pandas and (hasattr(value, "dtype") or hasattr(value, "columns")) and hasattr(value, "shape")
    choices: tuple[tuple[bool, Callable[[_Writer, Any], None]], ...] = (
        (isinstance(value, type), put_class),
        (isinstance(value, _BY_REPR), by_repr),
        (numpy is not None and isinstance(value, numpy.dtype), _text("dtype", repr)),
        (numpy is not None and isinstance(value, numpy.ndarray | numpy.generic), put_ndarray),
        (of_polars and (hasattr(value, "to_dicts") or hasattr(value, "to_list")), put_polars),
        (tabular, put_pandas),
        (of_polars or (of_pandas and not hasattr(value, "__dict__")), by_repr),
        (hasattr(kind, "bit_generator"), lambda w, v: w.put(v.bit_generator.state)),
        (kind.__name__ == "RandomState", lambda w, v: w.put(v.get_state(legacy=False))),
        (hasattr(kind, "getstate") and hasattr(kind, "setstate"), lambda w, v: w.put(v.getstate())),
        (kind.__name__ == "partial", lambda w, v: w.items("partial", (v.func, v.args, v.keywords))),
    )
    return next((writer for fits, writer in choices if fits), _instance)


def put_ndarray(w: _Writer, value: Any) -> None:
    """Add an array or scalar by type, shape and data."""
    value = sys.modules["numpy"].asanyarray(value)
    w.data("ndarray", f"{value.dtype!s}{value.shape}".encode())
    if value.dtype.names:
        for name in value.dtype.names:  # field by field: what lies between them is anything
            put_ndarray(w, value[name])
    elif value.dtype.hasobject or value.dtype.kind == "T":  # texts of any length lie elsewhere
        w.items("objects", value.ravel().tolist())
    else:
        w.data("data", sys.modules["numpy"].ascontiguousarray(value).reshape(-1).view("u1"))
        if hasattr(value, "mask"):
            w.put(value.mask)


def put_pandas(w: _Writer, value: Any) -> None:
    """Add a table, column, index or array of pandas."""
    kind = type(value).__name__
    if hasattr(value, "columns"):
        w.data(kind, str(value.shape).encode())
        _index(w, value.columns)
        for i in range(value.shape[1]):
            _column(w, value.iloc[:, i].array)
        _index(w, value.index)
    elif hasattr(value, "index"):
        w.data(kind, repr(value.name).encode())
        _column(w, value.array)
        _index(w, value.index)
    else:
        _index(w, value) if hasattr(value, "names") else _column(w, value)


def _index(w: _Writer, value: Any) -> None:
    w.data(type(value).__name__, repr(list(value.names)).encode())
    if hasattr(value, "levels"):
        for level in range(value.nlevels):
            _column(w, value.get_level_values(level).array)
    elif type(value).__name__ == "RangeIndex":
        w.data("range", repr(range(value.start, value.stop, value.step)).encode())
    else:
        _column(w, value.array)


def _column(w: _Writer, value: Any) -> None:
    """Add an array of pandas: numbers as they are, the rest by pandas' own hash of the values."""
    w.data("column", str(value.dtype).encode())
    if str(value.dtype) == "object":
        w.items("objects", value.tolist())
    elif type(value).__name__ == "NumpyExtensionArray":
        put_ndarray(w, value.to_numpy())
    else:
        w.data("hashes", sys.modules["pandas"].util.hash_array(value))


def put_polars(w: _Writer, value: Any) -> None:
    """Add a table or column of polars."""
    frame = value if hasattr(value, "columns") else value.to_frame()
    w.data(type(value).__name__, repr(list(zip(frame.columns, map(str, frame.dtypes), strict=True))).encode())
    for name in frame.columns:
        w.items("column", frame[name].to_list())
