"""Thread-safe dispatch of commands to a process, and the task on the runtime's thread that drives it.

Whoever acts, from whichever thread: it is done on the thread "llmos", in its turn; there runs the deadline timer, too.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from contextvars import Context
from functools import partial
from typing import Any, TypeVar

from llmos_nb.errors import CallDenied, JournalError
from llmos_nb.journal import Event, events as ev, host
from llmos_nb.policy import approval
from llmos_nb.process import Run, check_key
from llmos_nb.process.state import State, decide
from llmos_nb.session.threads import Leaving, Visits, runtime
from llmos_nb.tools import reentry
from llmos_nb.tools.devices.python import stop_main_thread

T = TypeVar("T")
_log = logging.getLogger(__name__)
ACKNOWLEDGED_S = 0.5  # a verb waits so long for its turn, and then trusts that it will be heard
TOGETHER_S = 1.0  # processes that code starts in one go, and what it says of them, come before the first begins


class Dispatch:
    """One process's way to the thread that drives it, and from there to the user's.

    Parameters
    ----------
    run : Run
        What is acted on.
    drive : callable
        Drives the process until it is settled or waits.
    review : callable
        Lets parts see whether what processes wait for is there.
    hopeful : callable
        ``hopeful(people)``: whether a part, or with `people` a person, may still end the wait of the process.
    """

    def __init__(
        self,
        run: Run,
        drive: Callable[[], Awaitable[None]],
        review: Callable[[], None],
        hopeful: Callable[[bool], bool],
    ) -> None:
        self.run, self._drive, self._review, self._hopeful = run, drive, review, hopeful
        self.task: asyncio.Task[None] | None = None
        self._touching: asyncio.Task[None] | None = None  # kept, so that it is not collected while it works
        self.visits = Visits()
        self._wanted = self._starting = False  # somebody has started it; it has yet to begin
        self._begun = asyncio.Event()
        self.moved = asyncio.Event()  # something happened that whoever waits beside it may wait for
        self.catch_up: Callable[[], object] = lambda: None  # takes in what others wrote since
        run.visit, run.relay = self.visits, self
        if isinstance(run.journal.guard, reentry.Guard):
            run.journal.guard.note = self._note_forgery

    @property
    def driven(self) -> bool:
        """Whether something drives the process now."""
        return self._starting or (self.task is not None and not self.task.done())

    # the two threads

    @property
    def here(self) -> bool:
        """Whether the caller is on the thread that drives the process."""
        return threading.get_ident() == runtime().thread.ident

    def ask(self, act: Callable[[], T]) -> T:
        """Do something on that thread, with outputs in the owner's cell; return what it returns."""
        return runtime().ask(act, self._context())

    def tell(self, act: Callable[..., object], *args: Any) -> None:
        """Do the same without waiting."""
        if self.here:
            act(*args)
        else:
            runtime().post(act, *args, context=self._context())

    async def there(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine on that thread, from any event loop."""
        return await runtime().run(work)

    async def home(self, work: Callable[[], Any]) -> Any:
        """Run what touches the user's objects on their thread, from any event loop."""
        if self.visits.here:
            found = work()
            return await found if asyncio.iscoroutine(found) else found
        return await self.there(partial(self.visits, work))

    def _context(self) -> Context:
        return self.visits.context.copy()

    def adopt(self, ip: Any) -> None:
        """Let outputs from now on appear in the cell that calls this; a click is no cell, and changes nothing.

        The caller's event loop is where the user's objects live, where no other one is known to run.
        """
        if self.here and not host.ALONE:
            return
        reentry.acquaint()
        with suppress(RuntimeError):  # no loop runs here
            self.visits.settle(asyncio.get_running_loop(), threading.get_ident())
        backend = getattr(ip, "kernel", None)
        if backend is None or host.parent_of(backend).get("header", {}).get("msg_type") == "execute_request":
            self.visits.context = reentry.outside()

    # driving

    def start(self, mark: Callable[[], object]) -> None:
        """Begin to drive: as soon as the code that calls this awaits or ends, and in a moment whatever it does.

        `mark` says that the process is at hand here; that, and how it began, is on disk before this returns.
        """
        self._wanted = True
        self._record(mark)
        if self.here or self.visits.loop is None or not self.visits.here:
            self.ask(self._start)
            return
        self._starting = True
        self._begun.clear()
        asyncio.get_running_loop().call_soon(self.tell, self._start_now, context=Context())
        self.tell(lambda: asyncio.get_running_loop().call_later(TOGETHER_S, self._start_now))

    def _record(self, mark: Callable[[], object]) -> None:
        """Wait until it is on disk: whoever is told of the process finds it after a crash, and nobody else takes it."""

        async def recorded() -> None:
            self.run.journal.acquire()
            try:
                mark()
                await self.run.journal.flush()
            finally:
                self.run.journal.release()

        if self.here:  # what runs there waits for no disk
            mark()
            return
        with suppress(JournalError):  # whoever drives meets it again, and says so
            self._context().run(asyncio.run_coroutine_threadsafe, recorded(), runtime().loop).result()

    def _start_now(self) -> None:
        if self._starting:
            self._start()

    def _start(self) -> None:
        self._starting = False
        self._begun.set()
        if not self.driven:
            self.task = asyncio.get_running_loop().create_task(self._main(), context=self._context())
            self.visits.hang_on(self.task, partial(self._leave, ev.Decider("process", "the notebook")))

    async def _main(self) -> None:
        """Drive; an error that nobody foresaw ends the process where everybody sees it."""
        leaving = runtime().leaving
        leaving[self] = Leaving(partial(self._leave, ev.Decider("process", "the end of the interpreter")), self.visits)
        try:
            await self._drive()
        except Exception as error:
            _log.exception("the driver of process %s failed", self.run.state.pid)
            why = f"the driver failed: {type(error).__name__}: {error}"
            if self.run.state.status != "ended":
                with self.run.journal.held():
                    self.run.append(ev.RunEnded(reason="failed", detail=why, answer=None))
        finally:
            leaving.pop(self, None)
            self.moved.set()

    async def _leave(self, by: ev.Decider) -> None:
        """Pause what is under way, since the user's loop or the interpreter ends, and wait until that is on disk."""
        if self.driven:
            self._rest(by, self.run.anew)  # as whoever paused it just now has said
            await self.idle()

    def go_on(self) -> None:
        """Drive again where there is something to do."""
        s = self.run.state
        self.moved.set()
        self.run.wake.set()
        at_rest = (s.status != "running" or not self._wanted) and not s.undoing and not self.run.halting
        if self.driven or at_rest or not (decide(s) or self.run.halting):
            return
        self._start()

    # waiting beside it

    async def idle(self) -> None:
        """Wait until nothing drives the process."""
        while self.driven:
            if self._starting:
                await self._begun.wait()
            elif self.task is not None:
                await asyncio.wait([self.task])

    async def settled(self) -> None:
        """Wait until the process ended, paused, or waits for somebody."""
        while True:
            await self.idle()
            if not (self.run.state.expecting and self._wanted):  # one that was only opened waits elsewhere
                return
            self._review()
            if self.driven:  # what is to be told had not been told yet
                continue
            if self.run.halting or not self._hopeful(False):
                return
            self.moved.clear()
            await self.moved.wait()

    async def attended(self, patient: bool, background: bool) -> None:
        """Wait until it is settled; `patient` waits for people too."""
        await self.settled()
        while patient and self._wanted and self._may_move(background):
            self.moved.clear()
            if not self.run.halting:
                await self.moved.wait()
            await self.settled()

    def _may_move(self, background: bool) -> bool:
        """Whether a person may let it go on, or somebody whose message it waits for."""
        s = self.run.state
        return s.waiting or (s.expecting and (background or self._hopeful(True)))

    # acts

    def apply(self, act: Callable[[], object]) -> None:
        """Carry an act out, on the thread that drives the process."""
        with self.run.journal.held():  # whoever drives may give it up before they are said to drive no more
            self.catch_up()
            act()
        self.go_on()

    def call(self, act: Callable[[], object]) -> None:
        """Carry out what a person does; what is wrong with it is raised here, where its turn comes in time."""
        self.only_people()
        done: Future[None] = Future()
        self.tell(self.run.afterwards, partial(self._settle, act, done))
        with suppress(TimeoutError):
            done.result(0 if self.here else ACKNOWLEDGED_S)

    def _settle(self, act: Callable[[], object], done: Future[None]) -> None:
        try:
            self.apply(act)
            done.set_result(None)
        except Exception as error:
            done.set_exception(error)

    def touch(self, act: Callable[[], object]) -> None:
        """Carry out what a person does to the user's objects, too: on their thread, while nothing else happens."""
        self.only_people()
        if self.here and not self.visits.here:
            self._touching = asyncio.get_running_loop().create_task(self._touched(act))
            return
        self.ask(self.run.enter)
        try:
            with self.run.journal.held():
                self.ask(self.catch_up)
                act()
        finally:
            self.ask(self.run.leave)
        self.ask(self.go_on)

    async def _touched(self, act: Callable[[], object]) -> None:
        try:
            await self.touched(act)
        except Exception as error:
            _log.warning("process %s: %s", self.run.state.pid, error)

    async def touched(self, act: Callable[[], object]) -> None:
        """Do the same from the thread that drives the process, and wait for it; what is wrong with it is raised."""
        try:
            with self.run.journal.held():
                self.catch_up()
                await self.run.section(act)
        finally:
            self.go_on()

    def only_people(self) -> None:
        """Refuse a verb that code of a step calls, and put the attempt on the record."""
        if reentry.inside():
            self._note_forgery()
            raise CallDenied(reentry.DENIED)

    def _note_forgery(self) -> None:
        self.post(self.run.append, ev.SignalReceived(signal=reentry.FORGED, by=ev.Decider("process", "a step")))

    async def hear(self, act: Callable[[], object]) -> None:
        """Carry out what another process does to this one, in its turn, and wait until it is on disk."""

        async def heard() -> None:
            done: Future[None] = Future()
            self.run.afterwards(partial(self._settle, act, done))
            await asyncio.shield(asyncio.wrap_future(done))
            await self.run.journal.flush()

        await self.there(heard)

    def post(self, act: Callable[..., object], *args: Any) -> None:
        """Carry out what another process does to this one, in its turn, without waiting."""
        told = partial(self.apply, partial(act, *args))
        if self.here:
            self.run.afterwards(told)
        else:
            runtime().post(self.run.afterwards, told, context=reentry.outside())

    def note(self, act: Callable[[], object]) -> None:
        """Write down what code has done behind everybody's back, from any thread and at the end of the interpreter."""
        if runtime().thread.is_alive():
            runtime().post(self.run.afterwards, partial(self.apply, act), context=reentry.outside())
        else:
            self.apply(act)

    def look(self) -> None:
        """Let whoever waits beside it look again."""
        self.tell(self.moved.set)

    def halt(self, how: str, by: ev.Decider) -> None:
        """End what is under way now, also where the main thread is in a step.

        Raises
        ------
        JournalLocked
            The process is at work elsewhere; nothing was changed.
        """
        self.only_people()
        self.ask(partial(self.apply, partial(self._halt, how, by)))

    def halt_soon(self, how: str, by: ev.Decider) -> None:
        """Do the same from a signal handler, which may not wait."""
        runtime().post(self.halt_here, how, by, context=Context())

    def rest_soon(self, by: ev.Decider) -> None:
        """Pause what is under way, from a signal handler: nobody means it, and what is cut off begins anew."""
        runtime().post(self._rest, by, True, context=Context())

    def _rest(self, by: ev.Decider, anew: bool = False) -> None:
        """Pause what is under way; what waits for somebody waits on, also while that is still being written."""
        if self.run.tasks or self.run.busy or decide(self.run.state):
            self.halt_here("paused", by, anew)

    def halt_here(self, how: str, by: ev.Decider, anew: bool = False) -> None:
        """End what is under way, on the thread that drives the process."""
        self.run.anew = anew
        self._halt(how, by)
        self.go_on()

    def _halt(self, how: str, by: ev.Decider) -> None:
        self.run.halt(how, by)
        running = (c.key for c in self.run.state.open_calls if c.status == "running")
        for key in (check_key(self.run), *running):
            stop_main_thread(by, key=key)


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
        if event.k in (ev.QuestionAsked.kind, ev.QuestionEscalated.kind):
            self.arm()

    def arm(self) -> None:
        """Set the timer for the deadline that comes first; what has passed while nobody looked counts at once."""
        s = self.run.state
        asked = [q for k, q in s.questions.items() if k in s.undoing or not s.settled]
        left = [seconds for q in asked if (seconds := approval.left_s(q)) is not None]
        if self._timer is not None:
            self._timer.cancel()
        if left:  # the timer is set anew each day: a machine may sleep
            self._timer = asyncio.get_running_loop().call_later(min(max(min(left), 0.0), 86_400.0), self.ring)

    def ring(self) -> None:
        """Record which deadlines have passed."""
        self.dispatch.ask(partial(self.run.afterwards, self._ring))

    def _ring(self) -> None:
        s = self.run.state
        passed = [k for k, q in s.questions.items() if approval.late(q) and not q.get("due")]
        if passed and (not s.settled or s.undoing):
            self.dispatch.apply(lambda: [self.run.append(ev.QuestionDue(question=k)) for k in passed])
        self.arm()
