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

from llmos_nb.heap.digest.tables import Writer, put_ndarray, put_pandas, put_polars

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
    slots = [m for c in kind.__mro__ if "__slots__" in vars(c) for m in vars(c).values() if _is_slot(m)]
    attributes = getattr(value, "__dict__", None)
    if attributes is None and not slots and not isinstance(value, _CORES):
        return None
    found: list[Any] = [attributes] if attributes else []
    for slot in slots:
        with suppress(AttributeError):  # an empty slot
            found += [slot.__name__, slot.__get__(value, kind)]
    return found + ([value.args] if isinstance(value, BaseException) else [])


def _is_slot(member: object) -> bool:
    return isinstance(member, types.MemberDescriptorType)


def put_function(w: Writer, value: types.FunctionType) -> None:
    """Add a function by code, defaults and what it closes over."""
    _code(w, value.__code__)
    w.put(value.__defaults__)
    w.put(value.__kwdefaults__)
    w.items("closure", [c.cell_contents for c in value.__closure__ or () if c != types.CellType()])


def _code(w: Writer, code: types.CodeType) -> None:
    w.data("code", code.co_code)
    w.items("names", (*code.co_names, *code.co_varnames, *code.co_freevars, *code.co_cellvars))
    for const in code.co_consts:
        _code(w, const) if isinstance(const, types.CodeType) else w.put(const)


def put_class(w: Writer, value: type) -> None:
    """Add a class by name, and one that was written in the notebook by its attributes too."""
    w.data("class", f"{home(value)}.{value.__qualname__}".encode())
    if home(value) in ("__main__", "builtins") and value.__flags__ & (1 << 9):  # written in the notebook
        hidden = ("__dict__", "__weakref__", "__doc__", "_abc_impl", "__firstlineno__", "__static_attributes__")
        w.items("attributes", (x for k, v in vars(value).items() if k not in hidden for x in (k, v)))
        w.items("bases", value.__bases__)


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
        if is_tree(value):
            writer.data("tree", marshal.dumps(value, 0))  # in one piece, at the speed of C
        else:
            writer.put(value)
    except (_TooLarge, RecursionError, MemoryError):
        return "unhashed:size"
    except _Opaque as why:
        return f"opaque:{why}"
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
            self.data(kind.__name__, marshal.dumps(value, 0))
            return
        self.nodes -= 1
        if self.nodes < 0:
            raise _TooLarge
        if kind is not tuple and self._again(value):
            return
        writer = _EXACT.get(kind) or _writer_of(kind, value)
        writer(self, value)

    def _again(self, value: object) -> bool:
        """Add only a reference to an object that was added before."""
        place = self.seen.setdefault(id(value), len(self.seen))
        if place < len(self.kept):
            self.data("ref", str(place).encode())
            return True
        self.kept.append(value)
        return False

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
    _core(w, value)
    state = object_state(value)
    if state is None:
        if len(w.kept) == 1:
            raise _Opaque(name)
        w.data("opaque", name.encode())
        return
    w.data("instance", name.encode())
    w.items("state", state)


def _core(w: _Writer, value: Any) -> None:
    """Add what an instance holds as a subclass of a builtin."""
    if isinstance(value, dict):
        _mapping(w, value)
    elif isinstance(value, list | tuple | deque):
        w.items("items", value)
    elif isinstance(value, set | frozenset):
        _set(w, value)
    elif isinstance(value, int | float | str | bytes | complex):
        w.data("repr", repr(value).encode("utf-8", "surrogatepass"))


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
    if isinstance(value, type):
        return put_class
    if isinstance(value, _BY_REPR):
        return _text(kind.__name__, repr)
    if found := _of_numpy(value):
        return found
    root = home(kind).partition(".")[0]
    return _of_library(root, kind, value) if root in ("pandas", "polars") else _special(kind)


def _of_numpy(value: Any) -> Callable[[_Writer, Any], None] | None:
    """Choose for arrays, scalars and dtypes of numpy."""
    numpy = sys.modules.get("numpy")
    if numpy is None or not isinstance(value, numpy.ndarray | numpy.generic | numpy.dtype):
        return None
    if isinstance(value, numpy.dtype):
        return _text("dtype", repr)
    return put_ndarray if isinstance(value, numpy.ndarray) else lambda w, v: put_ndarray(w, numpy.asarray(v))


def _of_library(root: str, kind: type, value: Any) -> Callable[[_Writer, Any], None]:
    """Choose for what pandas or polars made."""
    if root == "polars":
        table = hasattr(value, "to_dicts") or hasattr(value, "to_list")
        return put_polars if table else _text(kind.__name__, repr)
    if (hasattr(value, "dtype") or hasattr(value, "columns")) and hasattr(value, "shape"):
        return put_pandas
    return _special(kind) if hasattr(value, "__dict__") else _text(kind.__name__, repr)


def _special(kind: type) -> Callable[[_Writer, Any], None]:
    """Choose among random generators, partials and instances."""
    if hasattr(kind, "bit_generator"):
        return lambda w, v: w.put(v.bit_generator.state)
    if kind.__name__ == "RandomState":
        return lambda w, v: w.put(v.get_state(legacy=False))
    if hasattr(kind, "getstate") and hasattr(kind, "setstate"):
        return lambda w, v: w.put(v.getstate())
    if kind.__name__ == "partial":
        return lambda w, v: w.items("partial", (v.func, v.args, v.keywords))
    return _instance
