"""What a step hands over to be called later acts for that step: threads, jobs, handlers, callbacks."""

from __future__ import annotations

import _thread
import asyncio
import logging
import socket
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context
from functools import partial, wraps
from typing import Any

from llmos_nb.errors import EffectRefused
from llmos_nb.tools import reentry, unheard
from llmos_nb.tools.protocol import CallContext, current_call

_log = logging.getLogger(__name__)
# what takes a callback, and where that stands among the arguments
_REGISTRARS = (
    ("atexit", "register", 0), ("threading", "_register_atexit", 0), ("signal", "signal", 1), ("_signal", "signal", 1),
    ("weakref", "finalize.__init__", 2), ("multiprocessing.util", "Finalize.__init__", 2),
    ("IPython.core.events", "EventManager.register", 2), ("ipykernel.iostream", "IOPubThread.schedule", 1),
)  # fmt: skip
_STARTERS = ((_thread, "start_new_thread"), (_thread, "start_new"), (threading, "_start_new_thread"))
_JOINABLE = ((_thread, "start_joinable_thread"), (threading, "_start_joinable_thread"))  # from Python 3.13 on


def follow() -> None:
    """Have threads, and what pools of threads are given, belong to whoever starts them, from now on."""
    for module, name in _STARTERS:
        if hasattr(module, name):
            unheard.place(module, name, _starting(getattr(module, name)))
    for module, name in _JOINABLE:
        if hasattr(module, name):
            unheard.place(module, name, _starting_joinable(getattr(module, name)))
    unheard.place(threading.Thread, "__init__", _noting(threading.Thread.__init__))
    unheard.place(logging.Handler, "__init__", _noting(logging.Handler.__init__))
    unheard.place(logging.Handler, "handle", _handling(_for_maker(logging.Handler.handle)))
    unheard.place(socket.SocketIO, "__init__", _noting(socket.SocketIO.__init__))
    unheard.place(socket.SocketIO, "write", _for_maker(socket.SocketIO.write))  # also what is still in a buffer
    unheard.place(ThreadPoolExecutor, "submit", _submitting(ThreadPoolExecutor.submit))
    unheard.place(asyncio.Handle, "__init__", reentry.queued(asyncio.Handle.__init__, _Left))
    for place, name, at in _REGISTRARS:
        kind, _, call = name.rpartition(".")
        owner: Any = getattr(sys.modules.get(place), kind, None) if kind else sys.modules.get(place)
        if owner is not None and hasattr(owner, call):
            unheard.place(owner, call, _leaving(getattr(owner, call), at))


def _noting(init: Callable[..., None]) -> Callable[..., None]:
    @wraps(init)
    def begin(self: object, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        if (context := reentry.caller()) is not None:
            reentry.made[self] = context

    return begin


def _for_maker(method: Callable[..., Any]) -> Callable[..., Any]:
    """Have an object that a step made act for that step, whoever calls it: a handler of a log, a file of a socket."""

    @wraps(method)
    def act(self: object, *given: Any) -> Any:
        maker = reentry.made.get(self)
        return method(self, *given) if maker is None else reentry.acting_for(maker, method, self, *given)

    return act


def _handling(handle: Callable[..., Any]) -> Callable[..., Any]:
    """Have a handler of a log tell of each line."""

    @wraps(handle)
    def act(self: logging.Handler, record: logging.LogRecord) -> Any:
        sys.audit("llmos.log", self)
        return handle(self, record)

    return act


def _starting(start: Callable[..., int]) -> Callable[..., int]:
    @wraps(start)
    def begin(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> int:
        return start(reentry.acting_for, (_maker(fn), fn, *args), kwargs or {})

    return begin


def _starting_joinable(start: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(start)
    def begin(fn: Callable[[], Any], *args: Any, **kwargs: Any) -> Any:
        maker = _maker(fn)
        _into_context(getattr(fn, "__self__", None), maker)
        return start(partial(reentry.acting_for, maker, fn), *args, **kwargs)

    return begin


def _into_context(thread: Any, maker: CallContext | None) -> None:
    """Have a thread be its maker's also where it runs in a context of its own, as each does from Python 3.14 on."""
    context = getattr(thread, "_context", None)
    if maker is not None and isinstance(thread, threading.Thread) and isinstance(context, Context):
        thread._context = context.copy()  # type: ignore[attr-defined]  # it may be somebody's who is in no step
        thread._context.run(current_call.set, maker)  # type: ignore[attr-defined]


def _maker(fn: Callable[..., Any]) -> Any:
    """Return the step that made the thread of a function, or that starts it; None for neither."""
    thread = getattr(fn, "__self__", None)
    return (reentry.made.get(thread) if isinstance(thread, threading.Thread) else None) or reentry.caller()


def _submitting(submit: Callable[..., Future[Any]]) -> Callable[..., Future[Any]]:
    @wraps(submit)
    def handed(self: Any, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if _in_interpreters(self):  # it is pickled, and runs where nobody hears what it does
            sys.audit("llmos.interpreter", (), {})
            return submit(self, fn, *args, **kwargs)
        return submit(self, reentry.acting_for, reentry.caller(), fn, *args, **kwargs)

    return handed


def _in_interpreters(pool: object) -> bool:
    """Return whether the workers of a pool of threads are interpreters of their own, as from Python 3.14 on."""
    kind = getattr(sys.modules.get("concurrent.futures.interpreter"), "InterpreterPoolExecutor", None)
    return isinstance(kind, type) and isinstance(pool, kind)


def _leaving(register: Callable[..., Any], at: int) -> Callable[..., Any]:
    """Have a callback that the code of a step registers act for that step, whenever it is called."""

    @wraps(register)
    def begin(*args: Any, **kwargs: Any) -> Any:
        context = reentry.caller() if reentry.of_step(sys._getframe(1).f_code) else None
        if context is None or len(args) <= at or not callable(args[at]):
            return register(*args, **kwargs)
        given = register(*args[:at], _Left(context, args[at]), *args[at + 1 :], **kwargs)
        return given.fn if isinstance(given, _Left) else given

    return begin


class _Left:
    """A callback of a step; it is equal to the function behind it, by which it is unregistered."""

    def __init__(self, context: CallContext, fn: Callable[..., Any]) -> None:
        self.context, self.fn = context, fn

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return reentry.acting_for(self.context, self.fn, *args, **kwargs)
        except EffectRefused as error:
            if threading.current_thread() is threading.main_thread():
                raise
            _log.warning("%s", error)  # raised there, it would end the loop that writes the notebook's outputs
            return None

    def __eq__(self, other: object) -> bool:
        return self is other or bool(self.fn == other)

    def __hash__(self) -> int:
        return hash(self.fn)
