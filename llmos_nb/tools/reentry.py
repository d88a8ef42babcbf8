"""Telling whether something comes from inside a step: nothing that runs there may decide for a person.

A step is known by its context, by its code wherever it stands on the stack (a callback that fires later, a thread, a
finalizer), also where it compiles that code itself, and by the threads that it makes or starts. A verb that nobody at
hand calls, such as one that an event loop was handed with no context, counts as a step's, too. This stops code that
reaches for a process by any ordinary way; code that is hostile runs with the user's authority, and nothing in Python
holds it (see the page on security).
"""

from __future__ import annotations

import _thread
import logging
import os
import socket
import sys
import sysconfig
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context, ContextVar, copy_context
from functools import lru_cache, partial, wraps
from inspect import CO_COROUTINE
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

from llmos_nb.errors import CallDenied
from llmos_nb.tools import trampolines, unheard
from llmos_nb.tools.protocol import CallContext, current_call

F = TypeVar("F", bound=Callable[..., Any])
DENIED = "code that runs inside a step cannot steer or approve a process"
FORGED: Final = "forged_approval"
_DECISIONS = frozenset((
    "call.decided", "plan.decided", "policy.changed", "question.answered", "effect.decided", "call.resolved",
    "signal.received", "act.used", "act.moved", "state.saved",
))  # fmt: skip
_RECORDS = (FORGED, "late_effect")  # signals that say what code of a step did, and decide nothing
_codes: WeakValueDictionary[int, CodeType] = WeakValueDictionary()
_owners: dict[int, CallContext] = {}  # by code: the call of the step that it belongs to
# threads, handlers of logs and files of sockets that steps made, whoever starts or calls them
_made: WeakKeyDictionary[object, CallContext] = WeakKeyDictionary()
_apart: ContextVar[bool] = ContextVar("apart", default=False)  # whether threads that start here are in no step
_known: ContextVar[bool] = ContextVar("known", default=False)
_carried: ContextVar[bool] = ContextVar("carried", default=False)  # whether code of a step handed over what runs here
_gates: set[CodeType] = set()
# What calls back whoever registered there: a verb that is called straight from here was handed over by nobody at hand.
_MACHINERY = ("IPython/core/events.py", "weakref.py", "concurrent/futures/_base.py")
_LOOP = "asyncio/events.py"
# what is called where the code looks like no call of it: a step may have put it into a class of somebody else's, and
# whoever prints, compares or copies a value has asked for nothing else
_LOOKS = """get set getattr getattribute init_subclass set_name repr str format hash eq ne lt le gt ge bool len
    length_hint dir sizeof class doc int float index fspath bytes reduce reduce_ex getstate copy deepcopy instancecheck
    subclasscheck"""  # fmt: skip
_BY_ITSELF = frozenset(f"__{name}__" for name in _LOOKS.split())
MOST_NOTES = 100  # a step may have put what tries again into what hears of each note
SPARE = 256  # owners of code that is gone
_LIBRARIES = (f"{Path(__file__).parents[1]}{os.sep}", f"{sysconfig.get_path('stdlib')}{os.sep}", "<frozen")


def mark(code: CodeType, owner: CallContext | None = None) -> None:
    """Remember that code belongs to a step, that of the caller or another, with all functions and classes in it."""
    _codes[id(code)] = code  # by identity: a cell of the user's with the same text is another code
    owner = owner or current_call.get()
    if owner is not None:
        _owners[id(code)] = owner
    if len(_owners) > 2 * len(_codes) + SPARE:
        for gone in _owners.keys() - set(_codes):
            _owners.pop(gone, None)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            mark(constant, owner)


def adopt(code: object, caller: FrameType) -> None:
    """Mark code that is about to run where code of a step compiled it, or got it from somewhere."""
    if isinstance(code, CodeType) and of_step(caller.f_code):
        mark(code, _owners.get(id(caller.f_code)))


def leaves() -> bool:
    """Return whether there is code of a step that may still be called, or an object that acts for one."""
    return bool(_codes or _made)


def owner(frame: FrameType | None) -> CallContext | None:
    """Return the call of the step whose code, or callback, stands on a stack; none where a cell names that code itself.

    Whoever names a function in code of their own has called it, and it acts for them. A finalizer, a callback and a
    function that was put in the place of another are called without that, and stay the step's. What a thread does
    belongs to whoever started it.
    """
    found: CallContext | None = None
    below: list[CodeType] = []  # of steps
    last: CodeType | None = None
    while frame is not None:
        code = frame.f_code
        if of_step(code):
            found = _owners.get(id(code), found)
            below.append(code)
        elif code is acting_for.__code__:  # the thread, or its job, was started by a step or by nobody's
            return frame.f_locals["context"] if below else None
        elif below and _of_user(code) and _names(frame, below, last):
            return None
        frame, last = frame.f_back, code
    return found


def _names(frame: FrameType, below: list[CodeType], last: CodeType | None) -> bool:
    """Return whether code of the user's names what stands below it, or calls it by an operator."""
    code = frame.f_code
    if any(c.co_name == "__del__" for c in below):
        return False
    if last is below[-1] and last.co_name.startswith("__") and last.co_name not in _BY_ITSELF:
        return True
    named = {*code.co_names, *code.co_varnames, *code.co_freevars, *code.co_cellvars, *code.co_consts}
    called = {part for c in below for part in c.co_qualname.split(".")}
    held = (getattr(frame.f_globals.get(name), "__code__", None) for name in code.co_names)
    return bool(named & called) or any(c is b for c in held if c is not None for b in below)


@lru_cache(maxsize=512)
def _of_user(code: CodeType) -> bool:
    return not code.co_filename.startswith(_LIBRARIES) and "site-packages" not in code.co_filename


def of_step(code: CodeType) -> bool:
    """Return whether code belongs to a step."""
    return _codes.get(id(code)) is code


def standing() -> tuple[int, str]:
    """Return the line of a step's code that this thread stands in, and the place in the user's code that it called."""
    frame: FrameType | None = sys._getframe(1)
    line, place = 0, ""
    while frame is not None:
        code = frame.f_code
        if of_step(code):
            line = frame.f_lineno
        elif not line and not place and _of_user(code):
            file = "a cell of yours" if "ipykernel" in code.co_filename else Path(code.co_filename).name
            place = f"{file} line {frame.f_lineno}, in {code.co_name}"
        frame = frame.f_back
    return line, place


def acquaint() -> None:
    """Mark the context of the caller, who starts a process, so that it is told from one that a step makes up."""
    _known.set(True)


def outside() -> Context:
    """Return a context that is in no step: what a message of one process wakes in another is not done by the first."""
    context = copy_context()
    context.run(current_call.set, None)
    context.run(_apart.set, True)
    return context


def gate(decides: F) -> F:
    """Mark a function in which the gate holds a step and asks: what it calls is not done by the step below it."""
    _gates.add(decides.__code__)
    return decides


def carried(context: Context | None = None) -> Context:
    """Return the context in which something runs that is handed to another thread, marked where a step hands it over.

    Parameters
    ----------
    context : Context, optional
        The one that it would run in; the caller's if None.
    """
    found = copy_context() if context is None else context
    if inside():
        found = found.copy()
        found.run(_carried.set, True)
    return found


def inside() -> bool:
    """Return whether the caller runs in a step, or was called by code or by a thread of one."""
    frame: FrameType | None = sys._getframe(1)
    handed = current_call.get() is not None or _carried.get() or _handed_over(frame)
    if handed or threading.current_thread() in _made:
        return True
    while frame is not None and frame.f_code not in _gates:
        if of_step(frame.f_code):
            return True
        frame = frame.f_back
    return False


def _handed_over(frame: FrameType | None) -> bool:
    """Return whether the package was entered straight from what calls callbacks back, with no code of a person's."""
    entered = frame
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "llmos_nb":
        entered, frame = frame, frame.f_back
    if frame is None:  # the main thread: at the end of the interpreter; any other begins with what it is to call
        return threading.current_thread() is threading.main_thread()
    file = frame.f_code.co_filename.replace("\\", "/")
    # a function of its own stands between from Python 3.13 on
    names = (frame.f_code.co_name, frame.f_back.f_code.co_name if frame.f_back is not None else "")
    ending = file.endswith("threading.py") and "_shutdown" in names
    called = file.endswith(_LOOP) and entered is not None and not entered.f_code.co_flags & CO_COROUTINE
    # a coroutine of ours is what a plain script gives to `asyncio.run`, with no context of its own, either
    return ending or file.endswith(_MACHINERY) or (called and not len(copy_context()))


class Guard:
    """Refuses what code of a step may not write: a decision, whoever it names, or a state that nothing folds to.

    Attributes
    ----------
    note : callable
        Called with no arguments for each attempt, up to `MOST_NOTES`, so that it is on the record.
    """

    def __init__(self) -> None:
        self.note: Callable[[], object] = lambda: None
        self._noted = 0

    def __call__(self, kind: str, d: Mapping[str, Any]) -> None:
        """Refuse an event that is to be written.

        Raises
        ------
        CallDenied
            Code of a step writes it.
        """
        if kind not in _DECISIONS or d.get("signal") in _RECORDS or not inside():
            return
        self._noted += 1
        if self._noted <= MOST_NOTES:
            self.note()
        raise CallDenied(DENIED)


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
    for place, name, at in _REGISTRARS:
        kind, _, call = name.rpartition(".")
        owner: Any = getattr(sys.modules.get(place), kind, None) if kind else sys.modules.get(place)
        if owner is not None and hasattr(owner, call):
            unheard.place(owner, call, _leaving(getattr(owner, call), at))


def _noting(init: Callable[..., None]) -> Callable[..., None]:
    @wraps(init)
    def begin(self: object, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        if (context := _caller()) is not None:
            _made[self] = context

    return begin


def _for_maker(method: Callable[..., Any]) -> Callable[..., Any]:
    """Have an object that a step made act for that step, whoever calls it: a handler of a log, a file of a socket."""

    @wraps(method)
    def act(self: object, *given: Any) -> Any:
        maker = _made.get(self)
        return method(self, *given) if maker is None else acting_for(maker, method, self, *given)

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
        return start(acting_for, (_maker(fn), fn, *args), kwargs or {})

    return begin


def _starting_joinable(start: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(start)
    def begin(fn: Callable[[], Any], *args: Any, **kwargs: Any) -> Any:
        maker = _maker(fn)
        _into_context(getattr(fn, "__self__", None), maker)
        return start(partial(acting_for, maker, fn), *args, **kwargs)

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
    return (_made.get(thread) if isinstance(thread, threading.Thread) else None) or _caller()


def _submitting(submit: Callable[..., Future[Any]]) -> Callable[..., Future[Any]]:
    @wraps(submit)
    def handed(self: Any, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if _in_interpreters(self):  # it is pickled, and runs where nobody hears what it does
            sys.audit("llmos.interpreter", (), {})
            return submit(self, fn, *args, **kwargs)
        return submit(self, acting_for, _caller(), fn, *args, **kwargs)

    return handed


def _in_interpreters(pool: object) -> bool:
    """Return whether the workers of a pool of threads are interpreters of their own, as from Python 3.14 on."""
    kind = getattr(sys.modules.get("concurrent.futures.interpreter"), "InterpreterPoolExecutor", None)
    return isinstance(kind, type) and isinstance(pool, kind)


def _leaving(register: Callable[..., Any], at: int) -> Callable[..., Any]:
    """Have a callback that the code of a step registers act for that step, whenever it is called."""

    @wraps(register)
    def begin(*args: Any, **kwargs: Any) -> Any:
        context = _caller() if of_step(sys._getframe(1).f_code) else None
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
        return acting_for(self.context, self.fn, *args, **kwargs)

    def __eq__(self, other: object) -> bool:
        return self is other or bool(self.fn == other)

    def __hash__(self) -> int:
        return hash(self.fn)


def _caller() -> CallContext | None:
    return current_call.get() or (None if _apart.get() else owner(sys._getframe(2)))


def acting_for(context: CallContext | None, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Call a function for the step that wanted it, or for none: a thread may serve one after the other."""
    token = current_call.set(context)
    try:
        with trampolines.again(context):
            return fn(*args, **kwargs)
    finally:
        current_call.reset(token)
