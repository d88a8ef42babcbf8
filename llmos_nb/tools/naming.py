"""Who acts where a cell of the user's comes to a function that a step has left: the user, or still the step.

The user does where their code has that function in a variable that it loads, since they have called it then::

    save()               # def save(): ...
    Report().save()      # class Report: ...
    map(save, paths)     # or partial(save), frame.apply(save)
    table["save"]()      # table = {"save": save}

The step does where it has put the function in the place of something else::

    json.dumps(1)        # json.dumps = save
    clean(1)             # clean.__code__ = save.__code__
    box.size()           # box.__class__ = Report
    clean(1)             # clean = save, where the step may have read others' words

That holds for what threads and callbacks of a step put there later, too.
A step may give a function any name, so it is objects that are compared.
"""

from __future__ import annotations

import ast
import builtins
import dis
import functools
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from inspect import CO_NEWLOCALS
from types import CodeType, FrameType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any, NamedTuple
from weakref import WeakValueDictionary, ref

from llmos_nb.policy.code import bound_by, own, parsed_code

_FUNCTIONS = (FunctionType, type(functools.lru_cache(len)))
_WRAPPERS = (functools.partial, MethodType)
_TABLES = (dict, list, tuple, set, SimpleNamespace)
_LOADS = ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS")
_STORES = ("STORE_NAME", "STORE_GLOBAL")
_ALL_VARIABLES = (globals, locals, vars)
# by what stands in a class: where it has functions
_METHODS: dict[type, tuple[str, ...]] = {
    property: ("fget", "fset", "fdel"), staticmethod: ("__func__",), classmethod: ("__func__",),
    functools.cached_property: ("func",), functools.partialmethod: ("func",),
}  # fmt: skip
# By id: an object of a step's may say of itself that it equals any other.
_defined: WeakValueDictionary[int, Any] = WeakValueDictionary()  # functions and classes that steps have defined
_taken: WeakValueDictionary[int, Any] = WeakValueDictionary()  # what stands in the place of something else
_bound: dict[tuple[int, str], int] = {}  # by namespace and name: the object that a step has bound to it
_replaced: set[tuple[int, str]] = set()  # namespaces and names of the user's that steps have bound anew, or deleted
_cells: dict[int, Cells] = {}  # by namespace
# by object and the namespace of whoever calls it: whether it stands in a module, as it was when the last step ended
_placed: dict[tuple[int, int], tuple[ref[Any], bool]] = {}


@contextmanager
def defining(
    space: dict[str, Any], of_step: Callable[[CodeType], bool], exposed: Callable[[], bool], ip: Any = None
) -> Iterator[None]:
    """Learn what a step defines in its namespace, and what it puts in the place of something else there.

    Parameters
    ----------
    space : dict
        The namespace.
    of_step : callable
        Returns whether code is of a step.
    exposed : callable
        Asked at the end of the step: returns whether it may have read others' words.
    ip : InteractiveShell, optional
        Whose cells are followed from then on, since what such a step has left may bind names later.
    """
    cells = _cells.get(id(space))
    if cells is not None:
        cells.compare()
    before = _look(space, of_step)
    classes = {id(kinds[0]): kinds for kinds in (_kinds(value) for _, value in _variables(space))}
    try:
        yield
    finally:
        _placed.clear()
        after, taking = dict(_variables(space)), exposed()
        bound = {name: value for name, value in after.items() if not before.has(name, value)}
        _replaced.update((id(space), name) for name in before.users if name in bound or name not in after)
        for value in bound.values():
            if type(value) in _FUNCTIONS or (id(value) not in classes and _is_class_of(value, space)):
                _defined[id(value)] = value
        for name, value in bound.items():
            if not (taking and _is_replaced(space, name)):
                _bound[id(space), name] = id(value)
                continue
            _take_as(name, value, space, of_step)
        for kinds in classes.values():
            if _kinds(kinds[0]) is not kinds:
                take(kinds[0])  # it was given other bases
        if cells is None and taking and ip is not None:
            cells = Cells(ip, of_step)
        if cells is not None:
            cells.look()


class _Look(NamedTuple):
    """What the variables of a namespace were at some moment, and which of them were not a step's own."""

    values: dict[str, tuple[int, int, ref[Any] | None]]  # held themselves, they would live longer
    users: frozenset[str]

    def has(self, name: str, value: Any) -> bool:
        """Return whether a variable was this object then, of the same class: an object may be given another one."""
        known, kind, held = self.values.get(name, (0, 0, None))
        return (known, kind) == (id(value), id(type(value))) and (held is None or held() is value)


def _look(space: dict[str, Any], of_step: Callable[[CodeType], bool]) -> _Look:
    values = {name: (id(value), id(type(value)), _weakly(value)) for name, value in _variables(space)}
    return _Look(values, frozenset(n for n, value in _variables(space) if not _steps(space, n, value, of_step)))


def _weakly(value: Any) -> ref[Any] | None:
    """Return a reference that tells an object from one that is made later in the same place."""
    try:
        return ref(value)
    except TypeError:
        return None


def _is_replaced(space: dict[str, Any], name: str) -> bool:
    return (id(space), name) in _replaced or name in vars(builtins)


def _take_as(name: str, value: Any, space: dict[str, Any], of_step: Callable[[CodeType], bool]) -> None:
    _bound.pop((id(space), name), None)  # so what a table has, or will have, in it is not called by it
    if _by_step(value, of_step):
        take(value)


class Cells:
    """Learns what threads and callbacks of steps bind in a namespace after those steps have ended.

    What a cell of the user's binds is told by its source. Cells are followed from the end of the first step that may
    have read others' words.

    Parameters
    ----------
    ip : InteractiveShell
        Whose cells; its namespace.
    of_step : callable
        Returns whether code is of a step.
    """

    def __init__(self, ip: Any, of_step: Callable[[CodeType], bool]) -> None:
        self._ip, self._space, self._of_step = ip, ip.user_ns, of_step
        self._binds: Collection[str] = ()  # by the cell under way
        self.look()
        self._hooks = {"pre_run_cell": self._begins, "post_run_cell": self._ended}
        for name, hook in self._hooks.items():
            ip.events.register(name, hook)
        _cells[id(self._space)] = self

    def end(self) -> None:
        """Follow the cells no more."""
        for name, hook in self._hooks.items():
            self._ip.events.unregister(name, hook)

    def look(self) -> None:
        """Learn what the variables are."""
        self._last = _look(self._space, self._of_step)

    def compare(self) -> None:
        """Note what was bound or deleted since they were looked at, but for what the cell under way binds."""
        now = dict(_variables(self._space))
        gone = self._last.users - now.keys() - {*self._binds}
        _replaced.update((id(self._space), name) for name in gone)
        for name, value in now.items():
            self.note(name, value)

    def note(self, name: str, value: Any) -> None:
        """Note what one variable is, before it is told who acts where it is called."""
        if name in self._binds or self._last.has(name, value):
            return
        if name in self._last.users:
            _replaced.add((id(self._space), name))
        if _is_replaced(self._space, name) and _by_step(value, self._of_step):
            _take_as(name, value, self._space, self._of_step)

    def _begins(self, info: Any) -> None:
        self.compare()
        tree = parsed_code(str(getattr(info, "raw_cell", "") or ""))
        self._binds = _bound_in(tree) if tree is not None else ()

    def _ended(self, _: Any) -> None:
        self.compare()
        self._binds = ()
        self.look()


def forget(ip: Any) -> None:
    """Follow the cells of a notebook no more, until another step has ended that may have read others' words."""
    if (cells := _cells.pop(id(ip.user_ns), None)) is not None:
        cells.end()


def _bound_in(tree: ast.Module) -> set[str]:
    """Return the variables that a cell binds, and those that its functions say they do."""
    declared = {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}
    return declared | {name for node in own(tree.body) for name in bound_by(node)}


def _variables(space: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return names and values; a key of a class of its own would act when it is compared."""
    return [(name, value) for name, value in [*space.items()] if type(name) is str]


def _steps(space: dict[str, Any], name: str, value: Any, of_step: Callable[[CodeType], bool]) -> bool:
    """Return whether a variable is a step's own: a function, an object of a class or a table that it has bound."""
    return _bound.get((id(space), name)) == id(value) and (type(value) in _TABLES or _by_step(value, of_step))


def _by_step(value: Any, of_step: Callable[[CodeType], bool]) -> bool:
    *_, inner = _unwrapped(value)
    runs = type(inner) is FunctionType and of_step(inner.__code__)
    return runs or any(_among(_defined, one) for one in (inner, *_kinds(inner)))


def _is_class_of(value: Any, space: dict[str, Any]) -> bool:
    return _kinds(value)[0] is value and _within(value).get("__module__") == space.get("__name__", builtins.__name__)


def take(value: Any) -> None:
    """Remember that a step has put this in the place of something else, or has given it other code."""
    try:
        _taken[id(value)] = value
    except TypeError:  # there are no weak references to it
        _taken[id(type(value))] = type(value)


def called(frame: FrameType, step: FrameType) -> bool:
    """Return whether the code of a frame has, in a variable that it loads, the definition that runs in a step's one."""
    user = frame.f_globals
    for space, name in _loads(frame, step):
        value = space[name]
        if id(space) in _cells:
            _cells[id(space)].note(name, value)
        if any(_defines(one, step.f_code, user) for one in _held(value, _bound.get((id(space), name)))):
            return True
    return False


def _loads(frame: FrameType, step: FrameType) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the variables that the code of a frame loads: the namespace of each, and its name."""
    code, user, names = frame.f_code, frame.f_globals, _loaded(frame.f_code)
    spaces = [user] if code.co_flags & CO_NEWLOCALS else [frame.f_locals, user]
    given = [vars(builtins).get(n) for n in names if n not in user]
    at_hand = [*frame.f_locals.values(), *(user.get(n) for n in names)]
    if any(one is g for one in _ALL_VARIABLES for g in given) or any(v is step.f_globals for v in at_hand):
        names |= {c for c in code.co_consts if type(c) is str}  # it has all of them, by their names as texts
        spaces.append(step.f_globals)
    yield from ((space, name) for space in spaces for name in names if type(space) is dict and name in space)


@functools.lru_cache(maxsize=512)
def _loaded(code: CodeType) -> frozenset[str]:
    """Return the variables that code loads and has not bound before; none of them is a function's own."""
    first: dict[str, bool] = {}
    for one in dis.get_instructions(code):
        if one.opname in (*_LOADS, *_STORES):
            first.setdefault(one.argval, one.opname in _LOADS)
    return frozenset(name for name, loads in first.items() if loads)


def _held(value: Any, bound: int | None) -> list[Any]:
    """Return a value and, if a step has bound the name to it, what it holds; a step may add to what is the user's."""
    if bound != id(value) or type(value) not in _TABLES:
        return [value]
    table = vars(value) if type(value) is SimpleNamespace else value
    return [value, *(table.values() if type(table) is dict else table)]


# what a value is


def _defines(value: Any, code: CodeType, user: Mapping[str, Any]) -> bool:
    """Return whether a value is a function, a class or an object of a class that a step has defined with this code.

    Not where it, or a function or method in it, stands in the place of something else.
    """
    layers = [*_unwrapped(value)]
    kinds = (k for k in _kinds(layers[-1]) if _among(_defined, k) and any(_runs(m, code) for m in _methods(k)))
    found = layers[-1] if _runs(layers[-1], code) else next(kinds, None)
    return found is not None and not any(
        _among(_taken, one) or _among(_taken, type(one)) or _in_module(one, user) for one in (*layers, found)
    )


def _unwrapped(value: Any) -> Iterator[Any]:
    yield value
    while type(value) in _WRAPPERS:
        value = value.func if type(value) is functools.partial else value.__self__
        yield value


def _runs(value: Any, code: CodeType) -> bool:
    """Return whether a function has this code in it, or in what it wraps, if it is a step that has wrapped that."""
    inner = vars(value).get("__wrapped__") if type(value) in _FUNCTIONS and _among(_defined, value) else None
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


def _in_module(value: Any, user: Mapping[str, Any]) -> bool:
    """Return whether an object stands in a module other than the one whose code calls it, or in the place of one."""
    key = id(value), id(user)
    held, found = _placed.get(key, (None, False))
    if held is not None and held() is value:
        return found
    spaces = [sys.modules, *(vars(m) for m in [*sys.modules.values()] if issubclass(type(m), ModuleType))]
    found = any(one is not user and id(value) in map(id, [*one.values()]) for one in spaces)
    if (held := _weakly(value)) is not None:
        _placed[key] = held, found
    return found


# No code of an object or of its class is asked what it is.


def _kinds(value: Any) -> tuple[type, ...]:
    """Return the class of an object, or a class itself, and what it inherits from."""
    kind = value if issubclass(type(value), type) else type(value)
    return type.__dict__["__mro__"].__get__(kind)  # type: ignore[no-any-return]


def _within(kind: type) -> Mapping[str, Any]:
    return type.__dict__["__dict__"].__get__(kind)  # type: ignore[no-any-return]


def _among(known: WeakValueDictionary[int, Any], value: Any) -> bool:
    return known.get(id(value)) is value
