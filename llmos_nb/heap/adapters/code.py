"""Adapters for instances, functions, classes, modules and closure cells."""

from __future__ import annotations

import site
import sys
import sysconfig
import types
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain
from operator import attrgetter, is_
from typing import Any

from llmos_nb.heap.adapters.base import ABSENT, HEAP_TYPE, Adapter, Attributes, Parts, Scope, differs
from llmos_nb.heap.digest.digest import home

_vars = attrgetter("__dict__")
_ABOUT: dict[str, Any] = {k: vars(type)[k] for k in ("__name__", "__qualname__", "__bases__")}
_NOT_STATE = frozenset(("__dict__", "__weakref__", "_abc_impl", "__abstractmethods__"))


class Instances(Adapter):
    """Instances of one Python class: their class and which dict holds their attributes.

    The attributes are the state of that dict, which is walked as any other.

    Parameters
    ----------
    kind : type
        The class.
    """

    def __init__(self, kind: type) -> None:
        self.kind = kind

    def children(self, objects: Sequence[Any], scope: Scope) -> Iterable[object]:
        """Return the dicts of attributes, and the class."""
        return chain(map(_vars, objects), (self.kind,))

    def save(self, objects: Sequence[Any], scope: Scope) -> Any:
        """Note the dicts."""
        return list(map(_vars, objects))

    def read(self, item: Any) -> Any:
        """Note the class and the dict."""
        return type(item), _vars(item)

    def pick(self, saved: Any, index: int) -> Any:
        """Return one state."""
        return self.kind, saved[index]

    def changed(self, objects: Sequence[Any], saved: Any) -> list[int]:
        """Find those with another class or another dict."""
        same = set(map(type, objects)) == {self.kind} and all(map(is_, saved, map(_vars, objects)))
        return [] if same else super().changed(objects, saved)

    def same(self, item: Any, state: Any) -> bool:
        """Compare class and dict by identity."""
        return type(item) is state[0] and _vars(item) is state[1]

    def write(self, item: Any, state: Any) -> None:
        """Set class and dict back."""
        if type(item) is not state[0]:
            object.__setattr__(item, "__class__", state[0])
        if _vars(item) is not state[1]:
            object.__setattr__(item, "__dict__", state[1])


class Slots(Parts):
    """The slots of instances of one class, read and set past any `__setattr__`.

    Parameters
    ----------
    kind : type
        The class.
    members : list of member descriptors
        Its slots and those of its bases.
    """

    unit = 8

    def __init__(self, kind: type, members: Sequence[types.MemberDescriptorType]) -> None:
        self.kind, self.members = kind, members

    def children(self, objects: Sequence[Any], scope: Scope) -> Iterable[object]:
        """Return the slots' values, and the class."""
        return chain(super().children(objects, scope), (self.kind,))

    def read(self, item: Any) -> list[object]:
        """Note the slots."""
        return [_slot(m, item) for m in self.members]

    def write(self, item: Any, state: list[object]) -> None:
        """Set the slots back."""
        for member, old in zip(self.members, state, strict=True):
            now = _slot(member, item)
            if old is ABSENT and now is not ABSENT:
                member.__delete__(item)
            elif old is not now:
                member.__set__(item, old)

    def details(self, item: Any, state: list[object]) -> list[str]:
        """Name the slots that changed."""
        pairs = zip(self.members, state, self.read(item), strict=True)
        return [m.__name__ for m, old, new in pairs if differs(old, new)]


def _slot(member: types.MemberDescriptorType, item: object) -> object:
    """Read one slot; ABSENT where it is empty."""
    try:
        return member.__get__(item, type(item))
    except AttributeError:
        return ABSENT


class Functions(Attributes):
    """Python functions: code, defaults, attributes, and through them closure cells and the globals they use."""

    def __init__(self) -> None:
        # from Python 3.14 on, reading annotations runs the user's code
        annotations = "__annotations__" if sys.version_info < (3, 14) else "__annotate__"
        names = ("__doc__", "__name__", "__qualname__", "__module__", annotations)
        super().__init__("__code__", "__defaults__", "__kwdefaults__", "__dict__", *names)

    def children(self, objects: Sequence[Any], scope: Scope) -> Iterable[object]:
        """Return defaults, attributes, closure cells and used globals."""
        for function in objects:
            yield from self.read(function)
            yield from function.__closure__ or ()
            yield from scope.globals_of(function.__code__, function.__globals__)

    def details(self, item: Any, state: tuple[object, ...]) -> list[str]:
        """Name what changed."""
        return [n for n, old, new in zip(self.names, state, self.read(item), strict=True) if differs(old, new)]


class Cells(Parts):
    """Closure cells."""

    def read(self, item: Any) -> tuple[object, ...]:
        """Note the content."""
        try:
            return (item.cell_contents,)
        except ValueError:
            return ()

    def write(self, item: Any, state: tuple[object, ...]) -> None:
        """Set the content back."""
        if state:
            item.cell_contents = state[0]
        elif self.read(item):
            del item.cell_contents


class Classes(Adapter):
    """Classes that the user wrote: their attributes, names and bases; classes of libraries hold nothing here."""

    unit = 16

    def children(self, objects: Sequence[Any], scope: Scope) -> Iterable[object]:
        """Return attributes, bases and metaclass."""
        for kind in objects:
            if is_written(kind):
                yield from self.read(kind).values()
                yield type(kind)

    def note(self, item: Any, scope: Scope) -> dict[str, object] | None:
        """Note the attributes of the user's classes."""
        return self.read(item) if is_written(item) else None

    def read(self, item: Any) -> dict[str, object]:
        """Note the attributes."""
        about = {k: d.__get__(item) for k, d in _ABOUT.items()}
        return {k: v for k, v in vars(item).items() if k not in _NOT_STATE} | about

    def same(self, item: Any, state: dict[str, object] | None) -> bool:
        """Compare the attributes by identity."""
        return state is None or not self.details(item, state)

    def write(self, item: Any, state: dict[str, object]) -> None:
        """Set the attributes back, past any metaclass."""
        for name in self.details(item, state):
            type.__setattr__(item, name, state[name]) if name in state else type.__delattr__(item, name)

    def details(self, item: Any, state: dict[str, object]) -> list[str]:
        """Name the attributes that changed."""
        now = self.read(item)
        return [k for k in {**state, **now} if differs(state.get(k, ABSENT), now.get(k, ABSENT))]


@cache
def _library_roots() -> tuple[str, ...]:
    paths = [*sysconfig.get_paths().values(), *site.getsitepackages(), site.getusersitepackages()]
    # of another environment that this one is laid over, as `uv run --with` does
    paths += [p for p in sys.path if p.endswith(("site-packages", "dist-packages"))]
    return tuple({p for p in [*paths, sys.base_prefix + "/lib"] if len(p) > 1})


def is_owned(module: str) -> bool:
    """Return whether a module, by its full name, is the user's own code: in the notebook or in a file of their own."""
    if module in ("__main__", "builtins", ""):
        return True
    if module.partition(".")[0] == "llmos_nb":
        return False
    path = vars(sys.modules.get(module, object)).get("__file__")
    return path is not None and not path.startswith(_library_roots())


def is_written(kind: type) -> bool:
    """Return whether the user wrote this class."""
    return bool(kind.__flags__ & HEAP_TYPE) and is_owned(home(kind))


class Modules(Adapter):
    """Modules that the user wrote; modules of libraries are left alone, as importing changes them."""

    keeps = False

    def children(self, objects: Sequence[Any], scope: Scope) -> Iterable[object]:
        """Return the dicts of the user's modules."""
        # one made by hand, as `types.ModuleType("mine")` gives it, was not imported and has no spec
        known = (getattr(m, "__spec__", None) or sys.modules.get(m.__name__) is m for m in objects)
        return [vars(m) for m, k in zip(objects, known, strict=True) if not k or is_owned(m.__name__ or "")]
