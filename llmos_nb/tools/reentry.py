"""Telling whether something comes from inside a step: nothing that runs there may decide for a person.

A step is known by its context, by its code wherever it stands on the stack (a callback that fires later, a thread, a
finalizer), also where it compiles that code itself, and by the threads that it makes or starts. A verb that nobody at
hand calls, such as one that an event loop was handed with no context, counts as a step's, too. This stops code that
reaches for a process by any ordinary way; code that is hostile runs with the user's authority, and nothing in Python
holds it (see the page on security).
"""

from __future__ import annotations

import asyncio
import os
import sys
import sysconfig
import threading
from collections.abc import Callable, Mapping
from contextvars import Context, ContextVar, copy_context
from functools import lru_cache, partial, wraps
from inspect import CO_COROUTINE, CO_NEWLOCALS
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

from llmos_nb.errors import CallDenied
from llmos_nb.tools import naming, trampolines
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
_marked: set[int] = set()  # ids of code that is or was of a step: most never was, and each frame of a stack is asked
_owners: dict[int, CallContext] = {}  # by code: the call of the step that it belongs to
# threads, handlers of logs and files of sockets that steps made, whoever starts or calls them
made: WeakKeyDictionary[object, CallContext] = WeakKeyDictionary()
_apart: ContextVar[bool] = ContextVar("apart", default=False)  # whether threads that start here are in no step
_known: ContextVar[bool] = ContextVar("known", default=False)
_carried: ContextVar[bool] = ContextVar("carried", default=False)  # whether code of a step handed over what runs here
_gates: set[CodeType] = set()
# What calls back whoever registered there: a verb that is called straight from here was handed over by nobody at hand.
_MACHINERY = ("IPython/core/events.py", "weakref.py", "concurrent/futures/_base.py")
_LOOP = "asyncio/events.py"
# what is called where the code looks like no call of it: a step may have put it into a class of somebody else's, and
# whoever prints, compares or copies a value has asked for nothing else
_LOOKS = """get set delete getattr getattribute setattr delattr set_name init_subclass mro_entries class_getitem
    prepare repr str format bytes fspath hash eq ne lt le gt ge bool len length_hint dir sizeof class doc int float
    complex index round trunc floor ceil reduce reduce_ex getstate getnewargs getnewargs_ex setstate copy deepcopy
    instancecheck subclasscheck subclasshook"""  # fmt: skip
_BY_ITSELF = frozenset(f"__{name}__" for name in _LOOKS.split())
MOST_NOTES = 100  # a step may have put what tries again into what hears of each note
SPARE = 256  # owners of code that is gone
_STDLIB = f"{sysconfig.get_path('stdlib')}{os.sep}"
_IPYTHON = f"{os.sep}IPython{os.sep}"
_LIBRARIES = (f"{Path(__file__).parents[1]}{os.sep}", _STDLIB, "<frozen")


def mark(code: CodeType, owner: CallContext | None = None) -> None:
    """Remember that code belongs to a step, that of the caller or another, with all functions and classes in it."""
    _codes[id(code)] = code  # by identity: a cell of the user's with the same text is another code
    _marked.add(id(code))
    owner = owner or current_call.get()
    if owner is not None:
        _owners[id(code)] = owner
    if len(_owners) > 2 * len(_codes) + SPARE:
        for gone in _owners.keys() - set(_codes):
            _owners.pop(gone, None)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            mark(constant, owner)


def adopt(code: CodeType, caller: FrameType, sure: bool = False) -> None:
    """Mark code that is about to run where code of a step compiled it, or got it from somewhere, or it is `sure`."""
    if sure or of_step(caller.f_code):
        mark(code, _owners.get(id(caller.f_code)))


def leaves() -> bool:
    """Return whether there is code of a step that may still be called, or an object that acts for one."""
    return bool(_codes or made)


def owner(frame: FrameType | None) -> CallContext | None:
    """Return the call of the step whose code, or callback, stands on a stack; none where a cell has called that itself.

    Whoever has what a step defined in a variable of their own code has called it, and it acts for them (`naming`). A
    finalizer, a callback and a function that was put in the place of another are called without that, and stay the
    step's. What a thread does belongs to whoever started it.
    """
    found: CallContext | None = None
    below: list[CodeType] = []  # of steps
    outermost = frame
    marked, acting = _marked, acting_for.__code__  # each event asks this of each frame of a stack
    while frame is not None:
        code = frame.f_code
        if id(code) in marked and of_step(code):
            found = _owners.get(id(code), found)
            below.append(code)
            outermost = frame
        elif code is acting and not _stands_in_step(frame.f_back):
            # the thread, or its job, was started by a step or by nobody's
            return frame.f_locals["context"] if below else None
        elif below and outermost is not None and _of_user(code) and _calls(frame, outermost, below):
            return None
        frame = frame.f_back
    return found


def _stands_in_step(frame: FrameType | None) -> bool:
    while frame is not None and not of_step(frame.f_code):
        frame = frame.f_back
    return frame is not None


def _calls(frame: FrameType, outermost: FrameType, below: list[CodeType]) -> bool:
    """Return whether code of the user's has called what stands outermost of the step's: it defined that, and no more.

    What is called where the code looks like no call of it, such as how an object is shown, stays the step's.
    """
    if any(c.co_name == "__del__" for c in below) or outermost.f_code.co_name in _BY_ITSELF or _shows(outermost, frame):
        return False
    try:
        return naming.called(frame, outermost)
    except Exception:  # of an object that a step has left, which nobody has called then
        return False


def _shows(outermost: FrameType, user: FrameType) -> bool:
    """Return whether IPython stands between: it calls `_repr_html_` and its like, which are no fixed list."""
    between = outermost.f_back
    while between is not None and between is not user:
        if _IPYTHON in between.f_code.co_filename:
            return True
        between = between.f_back
    return False


@lru_cache(maxsize=512)
def _of_user(code: CodeType) -> bool:
    return not code.co_filename.startswith(_LIBRARIES) and "site-packages" not in code.co_filename


def of_step(code: CodeType) -> bool:
    """Return whether code belongs to a step."""
    return id(code) in _marked and _codes.get(id(code)) is code


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


class Standing:
    """Tells the line of one step's code in which a thread stands, each time that it reads a file.

    What a module calls stands below it as long as it runs, so nothing is looked for beyond the frame that was found to
    be the outermost one of the step. A function's frame is not kept, since its variables would live longer by that, nor
    is a coroutine's, which goes on wherever it is awaited.
    """

    def __init__(self) -> None:
        self._outermost: FrameType | None = None

    def line(self) -> int:
        """Return the line; 0 where no code of a step stands."""
        frame: FrameType | None = sys._getframe(1)
        outermost = self._outermost
        found: FrameType | None = None
        while frame is not None:
            if frame is outermost:
                return frame.f_lineno
            if of_step(frame.f_code):
                found = frame
            frame = frame.f_back
        if found is None:
            return 0
        if not found.f_code.co_flags & (CO_NEWLOCALS | CO_COROUTINE):
            self._outermost = found
        return found.f_lineno

    def forget(self) -> None:
        """Keep no frame: the step has ended."""
        self._outermost = None


def acquaint() -> None:
    """Mark the context of the caller, who starts a process, so that it is told from one that a step makes up."""
    _known.set(True)


def outside() -> Context:
    """Return a context that is in no step: what a message of one process wakes in another is not done by the first."""
    context = copy_context()
    if not of_step(sys._getframe(1).f_code):
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
    if handed or threading.current_thread() in made:
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


def caller() -> CallContext | None:
    """Return the step that has called the function that asks; None for none."""
    return current_call.get() or (None if _apart.get() else owner(sys._getframe(2)))


def queued(init: Callable[..., None], left: Callable[..., object]) -> Callable[..., None]:
    """Have a function that has no frame of a step's act for the step that hands it to an event loop, in any context."""

    @wraps(init)
    def begin(self: object, callback: Any, *given: Any, **more: Any) -> None:
        inner = callback
        while type(inner) is partial:
            inner = inner.func
        if type(inner) is BuiltinFunctionType:
            other = not isinstance(inner.__self__, asyncio.Future)  # a task that goes on is nobody else's
        else:
            other = type(inner) is FunctionType and inner.__code__.co_filename.startswith(_STDLIB)
        context = caller() if other else None
        init(self, callback if context is None else left(context, callback), *given, **more)

    return begin


def acting_for(context: CallContext | None, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Call a function for the step that wanted it, or for none: a thread may serve one after the other."""
    token = current_call.set(context)
    try:
        with trampolines.again(context):
            return fn(*args, **kwargs)
    finally:
        current_call.reset(token)
