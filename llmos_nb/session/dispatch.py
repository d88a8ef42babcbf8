"""Thread-safe dispatch of commands to a process's event loop, and the task there that drives it.

Whoever acts, and from whichever thread: an act is carried out on the loop that drives the process, or at once, under
the journal's lock, where no loop does. On that loop runs the deadline timer of open approval requests, too.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from llmos_nb.errors import CallDenied
from llmos_nb.journal import Event
from llmos_nb.journal.events import QuestionDue, RunEnded, SignalReceived
from llmos_nb.policy import approval
from llmos_nb.process import Run
from llmos_nb.process.state import State, decide
from llmos_nb.tools import reentry
from llmos_nb.tools.devices.python import stop_main_thread

_log = logging.getLogger(__name__)
_DAY_S = 86_400.0  # the timer is set anew each day: a machine may sleep
ACKNOWLEDGED_S = 0.5  # a verb waits so long for its loop, and then trusts that it will be heard


def executes_cell(ip: Any) -> bool:
    """Return whether the caller was called by a cell, rather than by a click (a message of a widget)."""
    backend = getattr(ip, "kernel", None)
    if backend is None:
        return True
    header = backend.get_parent("shell").get("header", {})
    return bool(header.get("msg_type") == "execute_request")


class Dispatch:
    """One process's way to its loop.

    Parameters
    ----------
    run : Run
        What is acted on.
    drive : callable
        Drives the process until it is settled or waits.
    """

    def __init__(self, run: Run, drive: Callable[[], Awaitable[None]]) -> None:
        self.run, self._drive = run, drive
        self.task: asyncio.Task[None] | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.moved = asyncio.Event()  # something happened that whoever waits beside it may wait for
        self._owner = reentry.outside()  # the context of the cell that owns it: there its outputs appear

    @property
    def driven(self) -> bool:
        """Whether something drives the process now."""
        return self.task is not None and not self.task.done()

    @property
    def here(self) -> bool:
        """Whether an act can be carried out by the caller: on its loop, or where none runs."""
        if self.loop is None or not self.loop.is_running():
            return True
        with suppress(RuntimeError):
            return asyncio.get_running_loop() is self.loop
        return False

    def start(self) -> None:
        """Begin to drive on the running loop."""
        here = asyncio.get_running_loop()
        if self.driven:
            return
        if here is not self.loop:  # an event belongs to the loop on which somebody waited for it first
            self.moved, self.run.wake = asyncio.Event(), asyncio.Event()
        self.loop = here
        self.task = here.create_task(self._main(), context=self._owner.copy())

    def adopt(self, ip: Any) -> None:
        """Let the outputs from now on appear in the cell that calls this; a click is no cell, and changes nothing."""
        if executes_cell(ip):
            self._owner = reentry.outside()

    async def _main(self) -> None:
        """Drive; an error that nobody foresaw ends the process where everybody sees it."""
        try:
            await self._drive()
        except Exception as error:
            _log.exception("the driver of process %s failed", self.run.state.pid)
            why = f"the driver failed: {type(error).__name__}: {error}"
            if self.run.state.status != "ended":
                with self.run.journal.held():
                    self.run.append(RunEnded(reason="failed", detail=why, answer=None))
        finally:
            self.moved.set()

    def go_on(self) -> None:
        """Drive again where there is something to do and a loop to do it on."""
        s = self.run.state
        self.moved.set()
        self.run.wake.set()
        at_rest = s.status != "running" and not s.undoing and not self.run.halting
        if self.driven or at_rest or not (decide(s) or self.run.halting):
            return
        with suppress(RuntimeError):  # no loop runs here: `await proc.resume()` or the next await drives it
            self.start()

    def apply(self, act: Callable[[], object]) -> None:
        """Carry an act out here and now."""
        if self.driven:
            act()
        else:
            with self.run.journal.held():
                act()
        self.go_on()

    def call(self, act: Callable[[], object]) -> None:
        """Carry out what a person does; what is wrong with it is raised here, where the loop says so in time."""
        self.only_people()
        if self.here:
            self.apply(act)
            return
        assert self.loop is not None  # noqa: S101 - else it is here
        done, failure = threading.Event(), list[BaseException]()

        def there() -> None:
            try:
                self.apply(act)
            except Exception as error:
                failure.append(error)
            finally:
                done.set()

        self.loop.call_soon_threadsafe(there)
        if done.wait(ACKNOWLEDGED_S) and failure:
            raise failure[0]

    def only_people(self) -> None:
        """Refuse a verb that code of a step calls, and put the attempt on the record."""
        if reentry.inside():
            self.post(lambda: self.run.append(SignalReceived(signal=reentry.FORGED, by="a step")))
            raise CallDenied(reentry.DENIED)

    async def hear(self, act: Callable[[], object]) -> None:
        """Carry out what another process does to this one, and wait until it is on disk."""
        if self.here:
            self.apply(act)
            await self.run.journal.flush()
        else:
            assert self.loop is not None  # noqa: S101 - else it is here
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self.hear(act), self.loop))

    def post(self, act: Callable[..., object], *args: Any) -> None:
        """Do the same without waiting."""
        if self.here:
            self.apply(lambda: act(*args))
        else:
            assert self.loop is not None  # noqa: S101 - else it is here
            self.loop.call_soon_threadsafe(self.apply, lambda: act(*args), context=reentry.outside())

    def look(self) -> None:
        """Let whoever waits beside it look again."""
        if self.here:
            self.moved.set()
        elif self.loop is not None:
            self.loop.call_soon_threadsafe(self.moved.set)

    def halt(self, how: str, by: str) -> None:
        """End what is under way now, also where the main thread is in a step."""
        self.only_people()
        if self.here:
            self.apply(lambda: self.run.halt(how, by))
            return
        assert self.loop is not None  # noqa: S101 - else it is here
        self.loop.call_soon_threadsafe(self.halt_here, how, by)
        if any(c.status == "running" for c in self.run.state.open_calls):
            stop_main_thread()

    def halt_here(self, how: str, by: str) -> None:
        """End what is under way, on the process's own loop."""
        self.run.halt(how, by)
        self.go_on()


class Deadlines:
    """Deadline timer of one process: that one has passed is written at that moment, or as soon as it can be.

    Parameters
    ----------
    dispatch : Dispatch
        The way to its loop.
    """

    def __init__(self, dispatch: Dispatch) -> None:
        self.dispatch, self.run = dispatch, dispatch.run
        self._timer: asyncio.TimerHandle | None = None
        self.run.listeners.append(self._asked)

    def _asked(self, event: Event, state: State) -> None:
        if event.k in ("question.asked", "question.escalated"):
            self.arm()

    def arm(self) -> None:
        """Set the timer for the deadline that comes first; what has passed while nobody looked counts at once."""
        s, loop = self.run.state, self.dispatch.loop
        asked = [q for k, q in s.questions.items() if k in s.undoing or not s.settled]
        left = [seconds for q in asked if (seconds := approval.left_s(q)) is not None]
        if self._timer is not None:
            self._timer.cancel()
        if left and loop is not None and loop.is_running():
            self._timer = loop.call_later(min(max(min(left), 0.0), _DAY_S), self.ring)

    def ring(self) -> None:
        """Record which deadlines have passed."""
        s = self.run.state
        passed = [k for k, q in s.questions.items() if approval.late(q) and not q.get("due")]
        if passed and (not s.settled or s.undoing):
            self.dispatch.apply(lambda: [self.run.append(QuestionDue(question=k)) for k in passed])
        self.arm()


_stops: list[Callable[[], None]] = []
_before: list[Any] = []  # the handler that the last open context puts back


@contextmanager
def interrupts(stop: Callable[[], None] | None) -> Iterator[None]:
    """Call `stop` on SIGINT inside this context; several may be open at once, and then all are called.

    Only the main thread gets signals; elsewhere, and with None, nothing is changed.
    """
    if stop is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    if not _stops:
        _before.append(signal.signal(signal.SIGINT, _heard))
    _stops.append(stop)
    try:
        yield
    finally:
        _stops.remove(stop)
        if not _stops:
            signal.signal(signal.SIGINT, _before.pop() or signal.default_int_handler)


def _heard(number: int, frame: FrameType | None) -> None:
    for stop in list(_stops):
        stop()
