"""A process as its user holds it: what it is, and how one waits for it. The verbs are in `verbs`.

Verbs return at once, work from any thread and may be awaited. Each is an event; `drive` does the rest.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from contextvars import Context, copy_context
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from llmos_nb.errors import CallDenied, UsageError
from llmos_nb.journal import Event, Journal
from llmos_nb.journal.events import PolicyChanged, QuestionDue, SignalReceived
from llmos_nb.policy import approval, in_advance, parse_rule
from llmos_nb.process import Run, drive
from llmos_nb.process.state import State, decide
from llmos_nb.session.ipc.deadlock import may_move
from llmos_nb.session.verbs import Pending, Verbs
from llmos_nb.tools import current_call, reentry
from llmos_nb.tools.devices.python import stop_main_thread, tick

if TYPE_CHECKING:
    from llmos_nb.session.session import Session


def outside() -> Context:
    """Return a context that is in no step: what a message of one process wakes in another is not done by the first."""
    context = copy_context()
    context.run(current_call.set, None)
    return context


class Hearing(ABC):
    """A process as what happens elsewhere reaches it."""

    run: Run
    _driver: asyncio.Task[None] | None
    _loop: asyncio.AbstractEventLoop | None
    _moved: asyncio.Event

    @property
    def driven(self) -> bool:
        """Whether something drives it now."""
        return self._driver is not None and not self._driver.done()

    @abstractmethod
    def _go_on(self) -> None:
        """Drive again where there is something to do."""

    @staticmethod
    def _on(loop: asyncio.AbstractEventLoop) -> bool:
        with suppress(RuntimeError):
            return asyncio.get_running_loop() is loop
        return False

    def _apply(self, act: Callable[[], object]) -> None:
        if self._driver is not None and not self._driver.done():
            act()
        else:
            with self.run.journal.held():
                act()
        self._go_on()

    def _only_people(self) -> None:
        """Refuse a verb that code of a step calls, and put the attempt on the record."""
        if reentry.inside():
            self.hear_soon(lambda: self.run.append(SignalReceived(signal=reentry.FORGED, by="a step")))
            raise CallDenied(reentry.DENIED)

    async def hear(self, act: Callable[[], object]) -> None:
        """Carry out on its own loop what another process does to this one, and wait until it is on disk."""
        if self._loop is None or self._on(self._loop) or not self._loop.is_running():
            self._apply(act)
            await self.run.journal.flush()
        else:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self.hear(act), self._loop))

    def hear_soon(self, act: Callable[[], object]) -> None:
        """Do the same without waiting."""
        if self._loop is None or self._on(self._loop) or not self._loop.is_running():
            self._apply(act)
        else:
            self._loop.call_soon_threadsafe(self._apply, act, context=outside())

    def look(self) -> None:
        """Let whoever waits beside it look again at what it waits for."""
        loop = self._loop
        if loop is None or self._on(loop):
            self._moved.set()
        else:
            loop.call_soon_threadsafe(self._moved.set)


_DAY_S = 86_400.0  # a timer of the loop is set anew each day: a machine may sleep


class Clocked(Hearing):
    """A process whose questions have deadlines."""

    _timer: asyncio.TimerHandle | None = None

    def _watch(self) -> None:
        """Set the timer whenever something is asked."""
        self.run.listeners.append(self._asks)

    def _asks(self, event: Event, state: State) -> None:
        if event.k in ("question.asked", "question.escalated"):
            self._arm()

    def _arm(self) -> None:
        """Set the timer for the deadline that comes first; what has passed while nobody looked counts at once."""
        s, loop = self.run.state, self._loop
        asked = [q for k, q in s.questions.items() if k in s.undoing or not s.settled]
        left = [seconds for q in asked if (seconds := approval.left_s(q)) is not None]
        if self._timer is not None:
            self._timer.cancel()
        if left and loop is not None and loop.is_running():
            self._timer = loop.call_later(min(max(min(left), 0.0), _DAY_S), self._ring)

    def _ring(self) -> None:
        s = self.run.state
        passed = [k for k, q in s.questions.items() if approval.late(q) and not q.get("due")]
        if passed and (not s.settled or s.undoing):
            self._apply(lambda: [self.run.append(QuestionDue(question=k)) for k in passed])
        self._arm()


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


class Process(Clocked, Verbs):
    """A process: its state and its verbs.

    Parameters
    ----------
    run : Run
        What drives it.
    session : Session
        Where it lives.
    """

    def __init__(self, run: Run, session: Session) -> None:
        self.run, self.session = run, session
        self._driver: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._moved: asyncio.Event = asyncio.Event()
        self.cold = False
        self.watcher: asyncio.Task[None] | None = None
        self._watch()

    def __repr__(self) -> str:
        end = f", {self.reason}" if self.reason else ""
        return f"<process {self.pid} {self.state}{end}: {self.run.state.goal.strip()[:60]!r}>"

    # what it is

    @property
    def state(self) -> str:
        """``running``, ``waiting``, ``paused`` or ``ended``."""
        s = self.run.state
        return "waiting" if s.waiting or s.expecting else s.status

    @property
    def reason(self) -> str | None:
        """Why it ended; None while it has not."""
        return self.run.state.reason or None

    @property
    def detail(self) -> str:
        """More about why it ended or paused."""
        return self.run.state.detail or self.run.trouble or self.run.state.why

    @property
    def answer(self) -> str | None:
        """The answer, once there is one."""
        return self.run.state.answer

    @property
    def events(self) -> list[Event]:
        """The events of its journal, in order."""
        return list(self.run.journal.events)

    @property
    def journal(self) -> Journal:
        """The journal; ``journal.path`` is its file."""
        return self.run.journal

    @property
    def digest(self) -> str:
        """Hash of the folded state."""
        return self.run.state.digest

    # waiting for it

    def __await__(self) -> Generator[Any, None, Process]:
        return self._until_settled().__await__()

    async def _until_settled(self) -> Process:
        """Wait until it ended, paused, or waits for somebody."""
        while True:
            while self._driver is not None and not self._driver.done():
                await asyncio.wait([self._driver])
            if self._driver is not None and self._driver.done() and not self._driver.cancelled():
                self._driver.result()
            if self.session.post.settles(self):
                continue
            if self.run.halting or not self.session.post.hopeful(self):
                return self
            self._moved.clear()
            await self._moved.wait()

    async def attend(self, patient: bool, interruptible: bool = True) -> Process:
        """Wait beside it; `patient` waits for people too. An interrupt of the waiting code stops it.

        Where nobody at work can send the message that it waits for, only the background goes on waiting.

        Stop may come at any instant, also between two steps: so the interrupt is taken by the process itself, rather
        than by the cancellation of whoever waits, which would arrive only after the next step.
        """
        try:
            with interrupts(self._interrupted if interruptible else None):
                async with tick():
                    await self._until_settled()
                    while patient and may_move(self.session.processes, self, not interruptible):
                        self._moved.clear()
                        if not self.run.halting:
                            await self._moved.wait()
                        await self._until_settled()
        except asyncio.CancelledError:
            self._interrupted()
            await self._until_settled()
        return self

    def _interrupted(self) -> None:
        self._halt_here("paused", "you")

    def start(self) -> Process:
        """Begin to drive on the running loop."""
        self._loop = asyncio.get_running_loop()
        if self._driver is None or self._driver.done():
            self._driver = self._loop.create_task(self._drive(), context=outside())
        return self

    async def _drive(self) -> None:
        self._arm()
        await drive(self.run)
        close = getattr(self.run.model, "aclose", None)
        if self.run.state.status == "ended" and close is not None and self.run.owns_model:
            await close()

    def _go_on(self) -> None:
        """Drive again where there is something to do and a loop to do it on."""
        s = self.run.state
        self._moved.set()
        self.run.wake.set()
        driving = self._driver is not None and not self._driver.done()
        at_rest = s.status != "running" and not s.undoing and not self.run.halting
        if driving or at_rest or not (decide(s) or self.run.halting):
            return
        with suppress(RuntimeError):  # no loop runs here: `await proc.resume()` or the next await drives it
            self.start()

    def _do(self, act: Callable[[], object]) -> Pending:
        """Carry a verb out on the process's own thread; nothing inside a step may."""
        self._only_people()
        loop = self._loop
        if loop is None or not loop.is_running() or self._on(loop):
            self._apply(act)
            return Pending(self)
        done: threading.Event = threading.Event()
        failure: list[BaseException] = []

        def there() -> None:
            try:
                self._apply(act)
            except Exception as error:
                failure.append(error)
            finally:
                done.set()

        loop.call_soon_threadsafe(there)
        if done.wait(0.5) and failure:
            raise failure[0]
        return Pending(self)

    def _halt(self, how: str, by: str) -> Pending:
        if self.state == "ended" or (how == "paused" and self.state == "paused"):
            return Pending(self)
        self._only_people()
        if self._loop is None or self._on(self._loop) or not self._loop.is_running():
            self._apply(lambda: self.run.halt(how, by))
            return Pending(self)
        self._loop.call_soon_threadsafe(self._halt_here, how, by)
        if any(c.status == "running" for c in self.run.state.open_calls):
            stop_main_thread()
        return Pending(self)

    def _halt_here(self, how: str, by: str) -> None:
        self.run.halt(how, by)
        self._go_on()

    async def resume(self, model: Any = None) -> Process:
        """Go on after a pause, a crash or a restart; a cold namespace is rebuilt first."""
        await self.session.resume(self, model)
        return await self._until_settled()

    def approve_rest(self, call: str, *, digest: str = "", by: str = "you") -> Pending:
        """Approve a call, and by a rule the calls to come of the same tool that bear no other kind of risk."""
        asked, question = self.run.state.calls.get(call), self.run.state.questions.get(call, {})
        kinds = sorted({str(risk[0]) for risk in question.get("risks", ())})
        if asked is None or not in_advance(asked.name, kinds):
            raise UsageError(f"call {call}: nothing like it can be approved in advance")
        return self._do(lambda: self._approve_by_rule(call, digest, by, {"risks": kinds}))

    def approve_same(self, call: str, *, digest: str = "", by: str = "you") -> Pending:
        """Approve a call, and by a rule every later one of the same tool with exactly these arguments."""
        asked = self.run.state.calls.get(call)
        if asked is None or call not in self.run.state.questions or not isinstance(asked.arguments, dict):
            raise UsageError(f"call {call!r}: it does not wait for you")
        where = dict(asked.arguments)
        return self._do(lambda: self._approve_by_rule(call, digest, by, {"where": where, "exact": True}))

    def _approve_by_rule(self, call: str, digest: str, by: str, what: dict[str, Any]) -> None:
        found = self.run.state.calls[call]
        self._approve(call, by, digest, None)
        if found.status == "approved":  # a stale approval makes no rule either
            rule = parse_rule({"tool": found.name, "do": "allow", "by": by, **what}).plain()
            self.run.append(PolicyChanged(rule=rule, by=by))

    # the namespace and the record

    def undo(self, to: int | None = None) -> Pending:
        """Take back the last step that changed the namespace, or all of step `to` and after it."""
        return self._do(lambda: self.session.undo(self, to))

    def redo(self) -> Pending:
        """Put back what was undone last."""
        return self._do(lambda: self.session.redo(self))

    def fork(self, at: int, isolate: bool = False) -> Process:
        """Go on from event `at` as a new process; this one ends as ``forked``, unless the new one is isolated."""
        return self.session.fork(self, at, isolate)

    def export(self, path: str | Path, **options: Any) -> Path:
        """Write what survived as a plain notebook that runs with no model."""
        return self.session.export(self, Path(path), **options)
