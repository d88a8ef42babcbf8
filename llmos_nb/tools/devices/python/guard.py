"""Ending synchronous code on the main thread: the user's Stop, and the deadline of a call.

Only a signal handler reaches `time.sleep`, a pure loop or a runaway regex; one long C call ends when it returns
(law 6). Code that swallows the interrupt is interrupted again as soon as it has let go of it, so that
``except: pass`` in a loop ends too. Limits: on any other thread than the main one a guard does nothing, since
Python gives signals to the main thread only; code that sends itself SIGINT counts as an interrupt; code that sets its
own handlers is on its own until it returns, and then the old ones are put back.
"""

from __future__ import annotations

import _thread
import math
import operator
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Protocol

from llmos_nb.errors import ToolTimeout
from llmos_nb.journal import INTERRUPT, NO_ONE, YOU, Decider, host
from llmos_nb.tools.outcome import Stopped
from llmos_nb.tools.protocol import current_call

LEAST_S, AGAIN_S = 0.001, 0.2
Ring = Callable[[int, FrameType | None], None]
# signal.signal looks for the enum member of each handler, which costs more than the call; this is what it wraps
_handle: Callable[[int, Any], Any] = getattr(signal, "_signal", signal).signal
# what a step that is watched calls by this name is Python, in which Stop would raise before the guard has begun
_set_timer: Callable[..., Any] = getattr(signal, "setitimer", None)  # type: ignore[assignment]  # not on Windows


class Alarm(Protocol):
    """Rings once, after a while, on the main thread."""

    def set(self, seconds: float) -> None:
        """Ring after so many seconds, and not as was said before."""

    def stop(self) -> None:
        """Ring no more, and leave everything as it was found."""


class TimerThread:
    """An alarm for where there is no other (Windows); a call that keeps other threads out delays it.

    Where there is one thread alone, nothing rings.
    """

    def __init__(self, ring: Ring) -> None:
        self._timer: threading.Timer | None = None

    def set(self, seconds: float) -> None:
        """Ring by SIGINT, whose handler must tell this from the user's interrupt."""
        self.stop()
        self._timer = threading.Timer(seconds, _thread.interrupt_main)
        self._timer.daemon = True
        if not host.ALONE:
            self._timer.start()

    def stop(self) -> None:
        """Ring no more."""
        if self._timer is not None:
            self._timer.cancel()


if sys.platform != "win32":

    class Itimer:
        """The operating system's timer: it reaches code that lets no other thread run."""

        def __init__(self, ring: Ring) -> None:
            self._began = time.monotonic()
            self._handler = _handle(signal.SIGALRM, ring)
            self._left = _set_timer(signal.ITIMER_REAL, 0)

        def set(self, seconds: float) -> None:
            """Ring by SIGALRM, and again: a signal just before the code blocks does not wake it."""
            _set_timer(signal.ITIMER_REAL, seconds, AGAIN_S)

        def stop(self) -> None:
            """Put the old handler back, with what is left of its time."""
            _set_timer(signal.ITIMER_REAL, 0)
            _handle(signal.SIGALRM, self._handler if self._handler is not None else signal.SIG_DFL)
            if self._left[0]:
                left = self._left[0] - (time.monotonic() - self._began)
                _set_timer(signal.ITIMER_REAL, max(left, LEAST_S), self._left[1])


def new(ring: Ring) -> Alarm:
    """Return the best alarm of this platform, which calls `ring` as a signal handler."""
    return TimerThread(ring) if sys.platform == "win32" or host.ALONE else Itimer(ring)


def interrupt_main_thread() -> None:
    """Send the main thread SIGINT, so that it also leaves a system call."""
    if sys.platform == "win32" or host.ALONE:
        _thread.interrupt_main()
    else:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


TICK_S = 0.05
_STUBBORN = 3
# The garbage collector may run in the middle of what holds it, and what it destroys may be code that is ended guarded.
_lock = threading.RLock()
_guards: list[Guard] = []
_begun: list[Begun] = []
_waited: dict[str, float] = {}


class Interrupted(KeyboardInterrupt):
    """What running code sees of the user's Stop."""


class DeadlinePassed(BaseException):
    """What running code sees of its deadline; ``except Exception`` lets it through."""


class _Echo(weakref.ref[BaseException]):
    """Trips the interrupt again at the moment when the exception that it watches is let go of.

    The callback must be C all the way: Python code in it would be what gets interrupted.
    """

    trip = staticmethod(_thread.interrupt_main)


def _key() -> str:
    """Return the key of the call whose code runs here."""
    call = current_call.get()
    return call.key if call is not None else ""


class Begun:
    """A call that has begun: remembers a Stop that comes while no guard is there to hear it, and says whose it was.

    Parameters
    ----------
    key : str
        The call's.
    """

    def __init__(self, key: str) -> None:
        self.key, self.by = key, NO_ONE
        self.entered = False  # whether it has begun indeed

    def __enter__(self) -> Begun:
        self.entered = True
        with _lock:
            _begun.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        with _lock:
            _begun.remove(self)
        _waited.pop(self.key, None)


def check_stop() -> None:
    """Raise `Stopped` where the call whose code is to run here was stopped since it began.

    Inside a guard: what comes later finds that one.
    """
    key = _key()
    with _lock:
        by = next((b.by for b in _begun if b.key == key and b.by), NO_ONE)
    if by:
        raise Stopped(by)


def heard_late(by: Decider) -> None:
    """Note a Stop of the call whose code has ended here: what that did stands, and whoever began it pauses."""
    with _lock:
        for call in (b for b in _begun if b.key == _key()):
            call.by = by


class Guard:
    """Ends the code that runs inside it at its deadline and on the user's Stop; see `interruptible`."""

    def __init__(self, deadline_s: float | None, ending: bool) -> None:
        self.key, self.ending = _key(), ending
        self.until = math.inf if deadline_s is None else time.monotonic() + deadline_s
        self._seconds, self._stopped_by, self._late, self._tries = deadline_s, NO_ONE, False, 0
        self._armed = self._tracing = False
        self._echo: _Echo | None = None
        self._alarm: Alarm | None = None

    def __enter__(self) -> Guard:
        if threading.current_thread() is threading.main_thread():
            self._base = sys._getframe(1)
            self._old = _handle(signal.SIGINT, self._heard)
            self._alarm = new(self._heard)
            with _lock:
                self.until = min(self.until, _guards[-1].until) if _guards else self.until
                _guards.append(self)
            self._armed = True
            self._wait(self._alarm)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._armed = False
        if self._alarm is None:
            return
        self._echo = None
        del self._base
        with _lock:
            _guards.remove(self)
        self._alarm.stop()
        _handle(signal.SIGINT, self._old if self._old is not None else signal.SIG_DFL)
        if self._tracing:
            sys.settrace(self._old_trace)
        self._say()

    def _say(self) -> None:
        """Tell the caller what happened, whatever the code made of it."""
        if self._stopped_by:
            raise Stopped(self._stopped_by) from None
        if self._late:
            raise ToolTimeout(f"it passed its deadline of {self._seconds or 0:g} s and was ended") from None

    def stop(self, by: Decider) -> None:
        """Note who stops the code and signal it, from any thread."""
        self._stopped_by = by
        interrupt_main_thread()
        if self._alarm is not None:
            self._alarm.set(TICK_S)

    def extend(self, until: float) -> None:
        """Set another deadline, in seconds of the monotonic clock."""
        self.until = until
        if self._alarm is not None:
            self._wait(self._alarm)

    def _wait(self, clock: Alarm) -> None:
        if self.until < math.inf:
            clock.set(max(self.until - time.monotonic(), LEAST_S))
        if self._stopped_by:  # looked at last: a Stop that comes as the deadline is set must not wait for it
            clock.set(LEAST_S)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        """Handle either signal: interrupt the code, but never the guard or a device at work."""
        self._note(number)
        if not self._armed or self._alarm is None:
            return
        if not (self._stopped_by or self._late):
            self._wait(self._alarm)
            return
        self._tries += 1
        self._alarm.set(AGAIN_S if self._tries < _STUBBORN else TICK_S)
        if frame is not None and not self._at_work(frame):
            self._interrupt(frame)

    def _at_work(self, frame: FrameType | None) -> bool:
        """Return whether a device is at work, or a guard in whatever it calls: effects are told as its timer is set."""
        if frame is None or _ours(frame):
            return True
        while frame not in (None, self._base) and frame.f_globals is not globals():
            frame = frame.f_back
        return frame not in (None, self._base)

    def _note(self, number: int) -> None:
        """Tell Stop from the deadline; a timer thread can only ring by SIGINT, too."""
        late = time.monotonic() >= self.until
        by_timer = number != signal.SIGINT or (late and isinstance(self._alarm, TimerThread))
        if self._stopped_by or self._late:
            return
        if by_timer:
            self._late = late
        else:
            self._stopped_by = INTERRUPT

    def _interrupt(self, frame: FrameType) -> None:
        if self._tries >= _STUBBORN:
            self._trace(frame)
        error = self._exception()
        try:
            raise error
        finally:
            del error  # this frame stands in the traceback: only the code may hold the exception now

    def _exception(self) -> BaseException:
        error = Interrupted("stopped") if self._stopped_by else DeadlinePassed("the deadline has passed")
        self._echo = _Echo(error, operator.methodcaller("trip"))
        return error

    def _trace(self, frame: FrameType | None) -> None:
        """Interrupt again at the next line of one caller, each time another: code may keep every exception."""
        if not self._tracing:
            self._old_trace, self._tracing = sys.gettrace(), True
        callers = []
        while frame is not None and frame is not self._base and not _ours(frame):
            callers.append(frame)
            frame = frame.f_back
        if callers:
            callers[self._tries % len(callers)].f_trace = self._line
            sys.settrace(self._line)

    def _line(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "line" and self._armed:
            raise self._exception()


# The code that runs a step and takes it back: an interrupt in the middle of it could leave the namespace half restored.
_OURS = frozenset(
    f"llmos_nb.tools.devices{room}" for room in ("", ".python", ".child", ".namespace", ".programs", ".mcp")
)


def _ours(frame: FrameType) -> bool:
    return frame.f_globals.get("__package__") in _OURS


def interruptible(deadline_s: float | None = None, ending: bool = False) -> Guard:
    """Guard synchronous code on the main thread.

    Parameters
    ----------
    deadline_s : float, optional
        Seconds it may take; no bound where it is missing.
    ending : bool
        The code cleans up, since it was stopped: that same Stop lets it, another one ends it.

    Returns
    -------
    Guard
        A context manager. At its end the signal handlers and timers are as they were.

    Raises
    ------
    Stopped
        It was stopped: by an interrupt from outside, or by `stop_main_thread`.
    ToolTimeout
        It passed its deadline.

    Notes
    -----
    A KeyboardInterrupt that the code raises by itself goes through as it is.
    """
    return Guard(deadline_s, ending)


@contextmanager
def held_up() -> Iterator[None]:
    """Hold code up while a person is asked: the time that this takes does not count for its deadline."""
    began, key = time.monotonic(), _key()
    with _lock:
        held, untils = list(_guards), [guard.until for guard in _guards]
    for guard in held:
        guard.until = math.inf
    try:
        yield
    finally:
        waited = time.monotonic() - began
        with _lock:  # one that has ended meanwhile must not ring any more
            for guard, until in zip(held, untils, strict=True):
                if guard in _guards:
                    guard.extend(until + waited)
        _waited[key] = _waited.get(key, 0.0) + waited


def waited_s(key: str) -> float:
    """Return for how many seconds the code of a call was held up."""
    return _waited.get(key, 0.0)


def stop_main_thread(by: Decider = YOU, key: str = "") -> bool:
    """End the guarded code that runs on the main thread, from any thread.

    Parameters
    ----------
    by : Decider
        Who stops it.
    key : str
        Only the code of the call with this key, such as of one process; empty for any.

    Returns
    -------
    bool
        Whether such code was there. Of a call that awaits, or prepares, no more code begins; cancel its task as well.
    """
    with _lock:
        begun = [b for b in _begun if key in ("", b.key)]
        cleaning = not any(b.by for b in begun)
        at_work = [g for g in _guards[-1:] if key in ("", g.key) and not (g.ending and cleaning)]
        for guard in at_work:
            guard.stop(by)
        for call in [] if at_work else begun:
            call.by = by
        return bool(at_work or begun)
