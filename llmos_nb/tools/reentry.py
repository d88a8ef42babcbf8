"""Telling whether something comes from inside a step: nothing that runs there may decide for a person.

A step is known by its context, by its code wherever it stands on the stack (a callback that fires later, a thread, a
finalizer), and by the threads that it starts. This stops code that reaches for a process by any ordinary way; code that
is hostile runs with the user's authority, and nothing in Python holds it (see the page on security).
"""

from __future__ import annotations

import _thread
import sys
import threading
from collections.abc import Callable, Mapping
from contextvars import Context, copy_context
from types import CodeType, FrameType, TracebackType
from typing import Any, Final
from weakref import WeakValueDictionary

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
# What calls back whoever registered there: a verb that is called straight from here was handed over by nobody at hand.
_MACHINERY = ("IPython/core/events.py", "weakref.py", "concurrent/futures/_base.py")


def mark(code: CodeType) -> None:
    """Remember that code belongs to a step, with all functions, classes and lambdas in it."""
    _codes[id(code)] = code  # by identity: a cell of the user's with the same text is another code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            mark(constant)


def outside() -> Context:
    """Return a context that is in no step: what a message of one process wakes in another is not done by the first."""
    context = copy_context()
    context.run(current_call.set, None)
    return context


def inside() -> bool:
    """Return whether the caller runs in a step, or was called by code or by a thread of one."""
    frame: FrameType | None = sys._getframe(1)
    if current_call.get() is not None or _handed_over(frame):
        return True
    while frame is not None:
        if _codes.get(id(frame.f_code)) is frame.f_code:
            return True
        frame = frame.f_back
    return False


def _handed_over(frame: FrameType | None) -> bool:
    """Return whether the package was entered straight from what calls callbacks back."""
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "llmos_nb":
        frame = frame.f_back
    return frame is not None and frame.f_code.co_filename.replace("\\", "/").endswith(_MACHINERY)


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
    """While this is open, threads that a step starts count as inside it, for as long as they run."""

    def __enter__(self) -> None:
        self._kept = [(m, n, getattr(m, n)) for m, n in _STARTERS if hasattr(m, n)]
        for module, name, start in self._kept:
            setattr(module, name, _marking(start))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for module, name, start in self._kept:
            setattr(module, name, start)


_STARTERS = ((_thread, "start_new_thread"), (_thread, "start_new"), (threading, "_start_new_thread"))


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
