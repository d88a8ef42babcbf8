"""Calls of functions, intercepted however they are spelled: while a step runs, their code is one that asks first.

Whoever holds the function (an alias, a bound method, a `partial`, ``map``) calls the same function object, so it is the
object's code that is exchanged. A function of a C library has no such code, and is not intercepted.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE
from types import CodeType, FunctionType
from typing import Any
from weakref import WeakValueDictionary

from llmos_nb.tools.protocol import CallContext, current_call
from llmos_nb.tools.schema.signature import behind

Enter = Callable[[FunctionType, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
"""``enter(function, original, args, kwargs)`` returns what the call gives, or raises."""
_MARK = 846_923_517  # stands in the compiled code where the callable is put
_lock = threading.RLock()  # a handler of a signal may come in between
# the function's own code, that which asks, and how many steps hold it
_installed: dict[FunctionType, tuple[CodeType, CodeType, int]] = {}
_gates: dict[int, tuple[Enter, int]] = {}  # by step that runs, and how many of its threads do
_steps: WeakValueDictionary[int, CallContext] = WeakValueDictionary()


def functions_of(fn: Any) -> list[FunctionType]:
    """Return the Python functions that a call of this callable runs: of a method, partial, wrapper or object."""
    found: list[FunctionType] = []
    while fn is not None and len(found) < 10:
        while isinstance(fn, functools.partial):
            fn = fn.func
        layer = getattr(fn, "__func__", fn)
        if not isinstance(layer, FunctionType) and not isinstance(layer, type):
            layer = vars(type(layer)).get("__call__")
        if not isinstance(layer, FunctionType) or layer in found:
            break
        found.append(layer)
        fn = getattr(layer, "__wrapped__", None)
    return found


@contextmanager
def intercepted(functions: Iterable[FunctionType], context: CallContext, enter: Enter) -> Iterator[None]:
    """Have `enter` called in the place of these functions, wherever the code of a call calls them.

    Parameters
    ----------
    functions : iterable of function
        Generators are left as they are.
    context : CallContext
        The call; what other code calls meanwhile is not intercepted.
    enter : callable
        Gets the function, one like it with its own code, and the arguments.
    """
    held = [f for f in functions if not f.__code__.co_flags & CO_ASYNC_GENERATOR]
    step = id(context)
    try:
        with _lock:
            _steps[step], _gates[step] = context, (enter, _gates.get(step, (enter, 0))[1] + 1)
            for function in held:
                _hold(function)
        yield
    finally:
        with _lock:
            for function in held:
                _release(function)
            if (left := _gates.pop(step)[1] - 1) > 0:
                _gates[step] = enter, left


def again(context: CallContext | None) -> AbstractContextManager[object]:
    """Return what intercepts the calls of a job that a step has handed to another thread, however long it lasts."""
    known = context is not None and _steps.get(id(context)) is context
    return context.within() if context is not None and known else nullcontext()


@contextmanager
def calling(context: CallContext, enter: Enter) -> Iterator[None]:
    """Have `enter` called for what a tool calls that a step has called, as long as the tool's call lasts."""
    _gates[id(context)] = enter, 1
    try:
        yield
    finally:
        _gates.pop(id(context), None)


def _hold(function: FunctionType) -> None:
    if function not in _installed:
        own = behind(function.__code__)
        _installed[function] = own, _asking(function, own), 0
    own, asking, held = _installed[function]
    _installed[function] = own, asking, held + 1
    function.__code__ = asking


def renew() -> None:
    """Have the functions that steps hold ask again, where taking back a step has put other code there."""
    with _lock:
        for function, (_, asking, _held) in _installed.items():
            function.__code__ = asking


def _release(function: FunctionType) -> None:
    own, asking, held = _installed[function]
    if held > 1:
        _installed[function] = own, asking, held - 1
        return
    del _installed[function]
    function.__code__ = own


def _asking(function: FunctionType, own: CodeType) -> CodeType:
    """Return code that asks in the place of a function's own; it has the same free variables."""
    original = FunctionType(own, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    original.__kwdefaults__ = function.__kwdefaults__
    original.__qualname__ = function.__qualname__

    def entered(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        context = current_call.get()
        with again(context) if id(context) not in _gates else nullcontext():  # a task that a step has left
            enter, _ = _gates.get(id(context), (None, 0))
            return original(*args, **kwargs) if enter is None else enter(function, original, args, kwargs)

    entered.own = own  # type: ignore[attr-defined]
    free = "".join(f"{name}, " for name in own.co_freevars)
    coroutine = bool(own.co_flags & CO_COROUTINE)
    lines = (
        f"def make({free}):",
        f"    {'async ' if coroutine else ''}def asking(*args, **kwargs):",
        f"        ({free})",
        f"        enter = {_MARK}",
        f"        return {'await ' if coroutine else ''}enter(args, kwargs)",
        "    return asking",
    )
    made: dict[str, Any] = {}
    exec("\n".join(lines), made)  # noqa: S102 - its only variable parts are names of variables
    code: CodeType = made["make"](*[None] * len(own.co_freevars)).__code__
    constants = tuple(entered if c == _MARK and type(c) is int else c for c in code.co_consts)
    return code.replace(
        co_consts=constants, co_name=own.co_name, co_qualname=own.co_qualname, co_filename=own.co_filename,
        co_firstlineno=own.co_firstlineno,
    )  # fmt: skip
