"""Telling whether something comes from inside a step: nothing that runs there may decide for a person.

A step is known by its context, by its code wherever it stands on the stack (a callback that fires later, a thread, a
finalizer), also where it compiles that code itself, and by the threads that it makes or starts. A verb that nobody at
hand calls, such as one that an event loop was handed with no context, counts as a step's, too. This stops code that
reaches for a process by any ordinary way; code that is hostile runs with the user's authority, and nothing in Python
holds it (see the page on security).
"""

from __future__ import annotations

import _thread
import sys
import threading
from collections.abc import Callable, Mapping
from contextvars import Context, ContextVar, copy_context
from functools import lru_cache, wraps
from inspect import CO_COROUTINE
from types import CodeType, FrameType, TracebackType
from typing import Any, Final
from weakref import WeakSet, WeakValueDictionary

from llmos_nb.errors import CallDenied
from llmos_nb.tools.protocol import CallContext, current_call

DENIED = "code that runs inside a step cannot steer or approve a process"
FORGED: Final = "forged_approval"
_DECISIONS = frozenset(
    ("call.decided", "plan.decided", "policy.changed", "question.answered", "call.resolved", "signal.received")
)
_NOBODY = (
    "",
    "plan",
    "words",
    "schema",
    "repeat",
    "budget",
    "tools",
    "deadline",
    "conflict",
    "reconcile",
    "a step",
)
_codes: WeakValueDictionary[int, CodeType] = WeakValueDictionary()
_made: WeakSet[threading.Thread] = WeakSet()  # threads that a step has made, whoever starts them
_known: ContextVar[bool] = ContextVar("known", default=False)
# What calls back whoever registered there: a verb that is called straight from here was handed over by nobody at hand.
_MACHINERY = ("IPython/core/events.py", "weakref.py", "concurrent/futures/_base.py")
_LOOP = "asyncio/events.py"


def mark(code: CodeType) -> None:
    """Remember that code belongs to a step, with all functions, classes and lambdas in it."""
    _codes[id(code)] = code  # by identity: a cell of the user's with the same text is another code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            mark(constant)


def adopt(code: object, caller: FrameType) -> None:
    """Mark code that is about to run where code of a step compiled it, or got it from somewhere."""
    if isinstance(code, CodeType) and _codes.get(id(caller.f_code)) is caller.f_code:
        mark(code)


def acquaint() -> None:
    """Mark the context of the caller, who starts a process, so that it is told from one that a step makes up."""
    _known.set(True)


def outside() -> Context:
    """Return a context that is in no step: what a message of one process wakes in another is not done by the first."""
    context = copy_context()
    context.run(current_call.set, None)
    return context


def inside() -> bool:
    """Return whether the caller runs in a step, or was called by code or by a thread of one."""
    frame: FrameType | None = sys._getframe(1)
    if current_call.get() is not None or _handed_over(frame) or threading.current_thread() in _made:
        return True
    while frame is not None:
        if _codes.get(id(frame.f_code)) is frame.f_code:
            return True
        frame = frame.f_back
    return False


def _handed_over(frame: FrameType | None) -> bool:
    """Return whether the package was entered straight from what calls callbacks back, with no code of a person's."""
    entered = frame
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "llmos_nb":
        entered, frame = frame, frame.f_back
    if (
        frame is None
    ):  # the main thread: at the end of the interpreter; any other begins with what it is to call
        return threading.current_thread() is threading.main_thread()
    file = frame.f_code.co_filename.replace("\\", "/")
    ending = file.endswith("threading.py") and frame.f_code.co_name == "_shutdown"
    called = file.endswith(_LOOP) and entered is not None and not entered.f_code.co_flags & CO_COROUTINE
    # a coroutine of ours is what a plain script gives to `asyncio.run`, with no context of its own, either
    return ending or file.endswith(_MACHINERY) or (called and not len(copy_context()))


def forged(k: str, d: Mapping[str, Any]) -> bool:
    """Return whether an event that is to be written would be a person's word from inside a step."""
    by = str(d.get("by", ""))
    ours = by in _NOBODY or (":" in by and not by.startswith("approver:")) or by.startswith("the ")
    return k in _DECISIONS and not ours and d.get("signal") != FORGED and inside()


def refuse(k: str, d: Mapping[str, Any]) -> None:
    """Refuse to write what only a person may say.

    Raises
    ------
    CallDenied
        The caller runs inside a step.
    """
    if k in _DECISIONS and forged(k, d):
        raise CallDenied(DENIED)


class Threads:
    """While this is open, threads that a step makes or starts count as inside it, for as long as they run."""

    def __enter__(self) -> None:
        self._kept = [(m, n, getattr(m, n)) for m, n in _STARTERS if hasattr(m, n)]
        for module, name, start in self._kept:
            setattr(module, name, _marking(start))
        self._init = threading.Thread.__init__
        threading.Thread.__init__ = _noting(self._init)  # type: ignore[method-assign]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for module, name, start in self._kept:
            setattr(module, name, start)
        threading.Thread.__init__ = self._init  # type: ignore[method-assign]


_STARTERS = ((_thread, "start_new_thread"), (_thread, "start_new"), (threading, "_start_new_thread"))


@lru_cache(maxsize=2)  # a step is entered again at each of its awaits
def _noting(init: Callable[..., None]) -> Callable[..., None]:
    @wraps(init)
    def begin(self: threading.Thread, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        if current_call.get() is not None:
            _made.add(self)

    return begin


def _marking(start: Callable[..., int]) -> Callable[..., int]:
    def begin(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> int:
        context = current_call.get()
        if context is None:  # somebody else's thread, started meanwhile
            return start(fn, args, kwargs or {})
        return start(_within, (context, fn, args, kwargs or {}))

    return begin


def _within(
    context: CallContext, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    current_call.set(context)
    fn(*args, **kwargs)
