"""Registry: the adapter that snapshots and restores each type."""

from __future__ import annotations

import array
import contextvars
import decimal
import functools
import gc
import io
import logging
import pathlib
import random
import re
import sys
import types
import weakref
from collections import OrderedDict, defaultdict, deque, namedtuple
from typing import Any

from llmos_nb.heap.adapters.arrays import Arrays
from llmos_nb.heap.adapters.base import FIXED_TYPE, HEAP_TYPE, Adapter, Attributes, Frames, Opaque, Through
from llmos_nb.heap.adapters.code import Cells, Classes, Functions, Instances, Modules, Slots
from llmos_nb.heap.adapters.containers import ByteArrays, Deques, Dicts, Lists, OrderedDicts, Sets
from llmos_nb.heap.adapters.stateful import (
    Caches,
    ContextVars,
    Exceptions,
    Loggers,
    MemoryViews,
    Partials,
    Stateful,
)
from llmos_nb.heap.adapters.tables import ExtensionArrays, Indexes, Polars, Tables
from llmos_nb.heap.digest.digest import home

Adapters = tuple[Adapter, ...]

# Libraries whose objects stay as they are, or live outside the namespace.
ATOMIC_ROOTS = frozenset((
    "logging", "typing", "abc", "_abc", "warnings", "llmos_nb", "IPython", "ipykernel", "pyarrow", "zoneinfo", "enum",
    # what loads modules: each module holds its loader, and that of pytest all tests
    "importlib", "_frozen_importlib", "_frozen_importlib_external", "_pytest",
))  # fmt: skip
OPAQUE_ROOTS = {
    **dict.fromkeys(("matplotlib", "mpl_toolkits"), "a figure or part of one: what is drawn stays drawn"),
    "ipywidgets": "a widget, which the page shows too",
    "traitlets": "an object that tells others of its changes",
    "asyncio": "a part of the event loop",
    "torch": "a tensor or model of torch",
    **dict.fromkeys(("sqlite3", "duckdb"), "a database connection"),
    "socket": "a socket",
    **dict.fromkeys(("subprocess", "multiprocessing"), "another process"),
    **dict.fromkeys(("threading", "_thread"), "a lock or another tool of threads"),
    "_io": "an open file or stream",
}
_WITHIN = ("matplotlib", "mpl_toolkits", "torch")  # by these nothing is done outside
# C code whose objects do not change once they are made.
FIXED_ROOTS = frozenset((
    "datetime", "decimal", "numpy", "pandas", "polars", "sklearn", "scipy", "_operator", "operator", "uuid", "types",
    "_contextvars", "_struct", "pydantic_core",
))  # fmt: skip

_THROUGH = Through()
_ITERATOR = Opaque("an iterator: what it gave cannot be given again", look_inside=True, acts=False)
_FRAMES = Frames("a generator or coroutine: what it gave cannot be given again", acts=False)


def _atoms(*kinds: type) -> dict[type, Adapters]:
    return dict.fromkeys(kinds, ())


# Kinds as they are; subclasses are put together from their parts.
_EXACT: dict[type, Adapters] = {
    **_atoms(type(None), bool, int, float, complex, str, bytes, range, type(...), type(NotImplemented)),
    **_atoms(re.Pattern, re.Match, types.CodeType, types.GenericAlias, types.UnionType),
    **_atoms(weakref.ReferenceType, types.MemberDescriptorType, types.GetSetDescriptorType),
    type(vars(namedtuple("_", "x"))["x"]): (),
    functools.cached_property: (Attributes("func"),),
    **_atoms(types.WrapperDescriptorType, types.MethodDescriptorType, types.ClassMethodDescriptorType, object),
    **dict.fromkeys((tuple, frozenset, slice, types.MethodType, types.BuiltinFunctionType), (_THROUGH,)),
    **dict.fromkeys((types.MethodWrapperType, types.MappingProxyType), (_THROUGH,)),
    memoryview: (MemoryViews(),),
    type(gc.get_referents(memoryview(b""))[0]): (_THROUGH,),  # what stands between a view and its bytes
    **dict.fromkeys((type({}.keys()), type({}.values()), type({}.items())), (_THROUGH,)),
    list: (Lists(),),
    dict: (Dicts(),),
    defaultdict: (Dicts(), Attributes("default_factory")),
    OrderedDict: (OrderedDicts(),),
    set: (Sets(),),
    deque: (Deques(),),
    **dict.fromkeys((bytearray, array.array), (ByteArrays(),)),
    types.CellType: (Cells(),),
    types.FunctionType: (Functions(),),
    types.ModuleType: (Modules(),),
    functools._lru_cache_wrapper: (Caches(),),
    **dict.fromkeys((logging.Logger, logging.RootLogger), (Loggers(),)),
    contextvars.ContextVar: (ContextVars("a context variable", acts=False),),
}

# What a Python class may have as its C part; the part's own adapters.
_CORES: dict[type, Adapters] = {
    **_EXACT,
    **dict.fromkeys((property, staticmethod, classmethod, super), (_THROUGH,)),
    functools.partial: (Partials(),),
    **_atoms(object, types.SimpleNamespace, pathlib.PurePath, weakref.ref),
    type: (Classes(),),
    random.Random: (Stateful(random.Random.getstate, random.Random.setstate),),
    decimal.Context: (Attributes("prec", "rounding", "Emin", "Emax", "capitals", "clamp"),),
}

_STREAM = Stateful(lambda s: (s.getvalue(), s.tell()), lambda s, state: _put_stream(s, *state))
_OPAQUE: tuple[tuple[Any, Adapters], ...] = (
    ((types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType), (_FRAMES,)),
    ((io.StringIO, io.BytesIO), (_STREAM,)),
    (io.IOBase, (Opaque("an open file or stream"),)),
)


def adapters_of(kind: type) -> Adapters:
    """Return the adapters for objects of exactly this class.

    Parameters
    ----------
    kind : type
        The class of the objects.

    Returns
    -------
    tuple of Adapter
        Empty for what cannot change and holds nothing.
    """
    if kind in _EXACT:
        return _EXACT[kind]
    root = home(kind).partition(".")[0]
    if root in ATOMIC_ROOTS and not issubclass(kind, type):
        return (Opaque("a file of pyarrow"),) if root == "pyarrow" and hasattr(kind, "close") else ()
    if root in OPAQUE_ROOTS and not issubclass(kind, dict | type):  # matplotlib's settings are a dict
        return (Opaque(OPAQUE_ROOTS[root], acts=root not in _WITHIN),)
    known = next((h for kinds, h in _OPAQUE if issubclass(kind, kinds)), None)
    return _by_parts(kind) if known is None else known


def _by_parts(kind: type) -> Adapters:
    """Put together what a class adds in Python and what its C part holds."""
    core = next(c for c in kind.__mro__ if c in _CORES or not _in_python(c))
    data = _of_data(kind)
    if data is not None and not isinstance(data, Arrays):
        return (data,)  # their attributes are caches
    found: list[Adapter] = [data] if data is not None else [*_core_adapters(core, kind)]
    slotted = [vars(c).values() for c in kind.__mro__[: kind.__mro__.index(core)] if "__slots__" in vars(c)]
    members = [m for own in slotted for m in own if isinstance(m, types.MemberDescriptorType)]
    if members:
        found.append(Slots(kind, members))
    if kind.__dictoffset__ and not issubclass(kind, type | types.ModuleType):
        found.append(Instances(kind))
    return tuple(found)


def _in_python(kind: type) -> bool:
    """Return whether a class was made by a class statement rather than by C code.

    C types say so by their flags, by a `__new__` of their own, or by memory that no slot explains.
    """
    base = kind.__base__
    if base is None or kind.__flags__ & (HEAP_TYPE | FIXED_TYPE) != HEAP_TYPE:
        return False
    if getattr(kind.__new__, "__self__", None) is kind:
        return False
    slots = sum(isinstance(m, types.MemberDescriptorType) for m in vars(kind).values())
    return kind.__basicsize__ - base.__basicsize__ - 8 * slots <= 16


def _core_adapters(core: type, kind: type) -> Adapters:
    """Return the adapters of a class's C part."""
    if core in _CORES:
        return _CORES[core]
    if issubclass(core, BaseException):
        return (Exceptions(core),)
    if hasattr(kind, "__next__"):
        return (_ITERATOR,)
    if home(core).partition(".")[0] in FIXED_ROOTS:
        return (_THROUGH,)
    return (Opaque(f"state in C code of {home(core)}.{core.__qualname__}"),)


def _of_data(kind: type) -> Adapter | None:
    """Return the adapter of what numpy, pandas or polars made, or of what derives from it."""
    for module, name, adapter in _DATA:
        base: Any = sys.modules.get(module)
        for part in name.split("."):
            base = getattr(base, part, None)
        if base is not None and issubclass(kind, base):
            return adapter
    return None


def _put_stream(stream: Any, content: Any, place: int) -> None:
    stream.seek(0)
    stream.truncate()
    stream.write(content)
    stream.seek(place)


def _put_bits(generator: Any, state: Any, seeds: Any) -> None:
    generator.state = state
    if seeds is not None:
        generator.seed_seq.__init__(**seeds)


_SEEDS = Stateful(lambda s: s.state, lambda s, state: s.__init__(**state))  # they count what they gave birth to
_BITS = Stateful(lambda b: (b.state, getattr(b.seed_seq, "state", None)), lambda b, s: _put_bits(b, *s))
_GENERATOR = Stateful(lambda g: _BITS.get(g.bit_generator), lambda g, s: _BITS.put(g.bit_generator, s))
_DATA: tuple[tuple[str, str, Adapter], ...] = (
    ("numpy", "ndarray", Arrays()),
    ("numpy", "random.RandomState", Stateful(lambda r: r.get_state(legacy=False), lambda r, s: r.set_state(s))),
    ("numpy", "random.Generator", _GENERATOR),
    ("numpy", "random.BitGenerator", _BITS),
    ("numpy", "random.SeedSequence", _SEEDS),
    *(("pandas", name, Tables()) for name in ("DataFrame", "Series")),
    ("pandas", "Index", Indexes()),
    ("pandas", "api.extensions.ExtensionArray", ExtensionArrays()),
    *(("polars", name, Polars()) for name in ("DataFrame", "Series")),
)
