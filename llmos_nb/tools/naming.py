"""Whether code of the user's calls what a step has defined, or what a step has put in the place of something else.

Both are functions of a step, and names do not tell them apart: a step may leave a function under any name in a module,
in a class of the user's, in a registry, or as the code of a function of theirs, and whoever calls that has not asked
for it. So the object decides. The user has called it where a variable that their code loads holds it: the function, a
class that the step made or an object of one, a `partial`, or a list or table of the step's with these in it. What
stands in a module, a function that was given other code, and what a step that may have read others' words has bound to
a name that was there before, is in the place of something else.
"""

from __future__ import annotations

import builtins
import dis
import functools
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from inspect import CO_NEWLOCALS
from types import CodeType, FrameType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any
from weakref import WeakValueDictionary

_FUNCTIONS = (FunctionType, type(functools.lru_cache(len)))
_LOADS = ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS")
_NAMESPACES = (globals, locals, vars)  # each gives all variables to whoever has their names as texts
_HOLD = (dict, list, tuple, set, SimpleNamespace)
# by what stands in a class: where it has functions
_METHODS: dict[type, tuple[str, ...]] = {
    property: ("fget", "fset", "fdel"), staticmethod: ("__func__",), classmethod: ("__func__",),
    functools.cached_property: ("func",), functools.partialmethod: ("func",),
}  # fmt: skip
# by identity: an object of a step's says of itself what it likes when it is compared
_made: WeakValueDictionary[int, Any] = WeakValueDictionary()  # functions and classes that steps have left
_taken: WeakValueDictionary[int, Any] = WeakValueDictionary()  # what stands in the place of something else
_bound: dict[tuple[int, str], int] = {}  # by namespace and name: what a step has bound to it
_placed: dict[tuple[int, int], bool] = {}  # whether an object stands in a module, as it was when the last step ended


@contextmanager
def defining(space: dict[str, Any], of_step: Callable[[CodeType], bool], exposed: Callable[[], bool]) -> Iterator[None]:
    """Learn what a step defines in its namespace; `exposed` tells at its end whether it may have read others' words."""
    before = {name: _identity(value) for name, value in [*space.items()]}  # held, they would live longer than in a cell
    classes = {id(kinds[0]): kinds for kinds in map(_kinds, [*space.values()])}
    others = {name for name, value in [*space.items()] if not _by_step(value, of_step)}
    try:
        yield
    finally:
        _placed.clear()
        home, taking = space.get("__name__", builtins.__name__), exposed()
        bound = [(n, v) for n, v in [*space.items()] if before.get(n) != _identity(v)]
        for name, value in bound:
            _bound[id(space), name] = id(value)
            own = _kinds(value)[0] is value and id(value) not in classes and _within(value).get("__module__") == home
            if own or type(value) in _FUNCTIONS:
                _made[id(value)] = value
        for name, value in bound if taking else ():
            there = name in others or (name not in before and name in vars(builtins))
            if there and _by_step(value, of_step):
                take(value)
        for kinds in classes.values():
            if _kinds(kinds[0]) is not kinds:
                take(kinds[0])  # it was given other bases


def take(value: Any) -> None:
    """Remember that a step has put this in the place of something else, or has given it other code."""
    try:
        _taken[id(value)] = value
    except TypeError:  # there are no weak references to it
        _taken[id(type(value))] = type(value)


def called(frame: FrameType, step: FrameType) -> bool:
    """Return whether the code of a frame has, in a variable that it loads, the definition that runs in a step's one."""
    code, user, names = frame.f_code, frame.f_globals, _loaded(frame.f_code)
    spaces = [user] if code.co_flags & CO_NEWLOCALS else [frame.f_locals, user]
    given = [vars(builtins).get(n) for n in names if n not in user]
    at_hand = [*frame.f_locals.values(), *(user.get(n) for n in names)]
    if any(one is g for one in _NAMESPACES for g in given) or any(v is step.f_globals for v in at_hand):
        names, spaces = names | {c for c in code.co_consts if type(c) is str}, [*spaces, step.f_globals]
    return any(
        _defined(one, step.f_code, user)
        for space in spaces for name in names if type(space) is dict and name in space
        for one in _held(space[name], _bound.get((id(space), name)))
    )  # fmt: skip


@functools.lru_cache(maxsize=512)
def _loaded(code: CodeType) -> frozenset[str]:
    """Return the variables that code loads and that are no function's own."""
    return frozenset(one.argval for one in dis.get_instructions(code) if one.opname in _LOADS)


def _held(value: Any, bound: int | None) -> list[Any]:
    """Return a value and, if a step has bound the name to it, what it holds; a step may add to what is the user's."""
    if bound != id(value) or type(value) not in _HOLD:
        return [value]
    table = vars(value) if type(value) is SimpleNamespace else value
    return [value, *(table.values() if type(table) is dict else table)]


def _defined(value: Any, code: CodeType, user: Mapping[str, Any]) -> bool:
    """Return whether a value is a function, a class or an object of a class that a step has made with this code."""
    layers = [*_unwrapped(value)]
    kinds = [k for k in _kinds(layers[-1]) if _among(_made, k) and any(_runs(m, code) for m in _methods(k))]
    found = layers[-1] if _runs(layers[-1], code) else kinds[0] if kinds else None
    taken = any(_among(_taken, one) or _among(_taken, type(one)) for one in (*layers, found))
    return found is not None and not taken and not any(_in_module(one, user) for one in (*layers, found))


def _by_step(value: Any, of_step: Callable[[CodeType], bool]) -> bool:
    *_, inner = _unwrapped(value)
    runs = type(inner) is FunctionType and of_step(inner.__code__)
    return runs or any(_among(_made, one) for one in (inner, *_kinds(inner)))


def _unwrapped(value: Any) -> Iterator[Any]:
    yield value
    while type(value) in (functools.partial, MethodType):
        value = value.func if type(value) is functools.partial else value.__self__
        yield value


def _runs(value: Any, code: CodeType) -> bool:
    """Return whether a function has this code in it, or in what it wraps, if it is a step that has wrapped that."""
    inner = vars(value).get("__wrapped__") if type(value) in _FUNCTIONS and _among(_made, value) else None
    codes = [one.__code__ for one in (value, inner) if type(one) is FunctionType]
    return any(code is part for one in codes for part in (one, *_nested(one)))


def _nested(code: CodeType) -> Iterator[CodeType]:
    for one in code.co_consts:
        if type(one) is CodeType:
            yield one
            yield from _nested(one)


def _methods(kind: type) -> Iterator[Any]:
    for one in [*_within(kind).values()]:
        yield one
        yield from (getattr(one, name) for name in _METHODS.get(type(one), ()))


def _in_module(found: Any, user: Mapping[str, Any]) -> bool:
    """Return whether an object stands in a module other than the one whose code calls it, or in the place of one."""
    key = id(found), id(user)
    if key not in _placed:
        spaces = [sys.modules, *(vars(m) for m in [*sys.modules.values()] if issubclass(type(m), ModuleType))]
        _placed[key] = any(one is not user and id(found) in map(id, [*one.values()]) for one in spaces)
    return _placed[key]


def _kinds(value: Any) -> tuple[type, ...]:
    """Return the class of an object, or a class itself, and what it inherits from; no code of these is asked."""
    kind = value if issubclass(type(value), type) else type(value)
    return type.__dict__["__mro__"].__get__(kind)  # type: ignore[no-any-return]


def _identity(value: Any) -> tuple[int, int]:
    return id(value), id(type(value))  # an object may be given another class


def _within(kind: type) -> Mapping[str, Any]:
    return type.__dict__["__dict__"].__get__(kind)  # type: ignore[no-any-return]  # as above


def _among(known: WeakValueDictionary[int, Any], value: Any) -> bool:
    return known.get(id(value)) is value
