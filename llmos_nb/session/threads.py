"""The two threads of a process: "llmos", where all processes of the interpreter are driven, and the user's own.

State, journals, timers and requests to models live on "llmos" and nowhere else. It never blocks and never touches the
user's objects: work on those visits the user's thread, one piece at a time, on the event loop of the cell, or the
script, that owns the process, and in the context of that cell, so that its outputs appear there whoever let it begin.
Any other thread only posts.
"""

from __future__ import annotations

import asyncio
import atexit
import inspect
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from contextvars import Context
from functools import partial
from types import FrameType
from typing import Any, NamedTuple, TypeVar

from llmos_nb.errors import JournalError
from llmos_nb.journal import Journal, host
from llmos_nb.tools import reentry

T = TypeVar("T")
LAST_WORDS_S, PARKED_S, SLICE_S = 3.0, 1.0, 0.1


class Leaving(NamedTuple):
    """What says the last words of a process at work, and its way to the user's loop, which may have to run for them."""

    leave: Callable[[], Coroutine[Any, Any, object]]
    visits: Visits


class Runtime:
    """One event loop on a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.leaving: dict[object, Leaving] = {}
        self.thread = threading.Thread(target=self._run, name="llmos", daemon=True)
        # a debugger that stops every thread at a breakpoint of the user's would stop all processes, too
        self.thread.pydev_do_not_trace = self.thread.is_pydev_daemon_thread = True  # type: ignore[attr-defined]
        self.thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    @property
    def here(self) -> bool:
        """Whether the caller is on this thread."""
        return threading.get_ident() == self.thread.ident

    def post(self, act: Callable[..., object], *args: Any, context: Context | None = None) -> None:
        """Have something done there, and go on at once; safe in a signal handler."""
        self.loop.call_soon_threadsafe(act, *args, context=reentry.carried(context))

    def ask(self, act: Callable[[], T], context: Context | None = None) -> T:
        """Have something done there and wait for what it returns or raises."""
        if self.here or not self.thread.is_alive():
            return act()
        answer: Future[T] = Future()

        def carry_out() -> None:
            try:
                answer.set_result(act())
            except BaseException as error:
                answer.set_exception(error)

        self.post(carry_out, context=context)
        return answer.result()

    async def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine there and wait for it, from any event loop."""
        if self.here:
            return await work()
        begun = reentry.carried().run(asyncio.run_coroutine_threadsafe, work(), self.loop)
        return await asyncio.wrap_future(begun)

    # the end of the interpreter, and forks

    def close(self) -> None:
        """Let what is at work say its last words, and stop."""
        if not self.thread.is_alive() or self.here:
            return
        left = list(self.leaving.values())
        with suppress(Exception, KeyboardInterrupt):  # the interpreter ends: there is nobody left to tell
            words = asyncio.run_coroutine_threadsafe(self._last_words(left), self.loop)
            _serve({v.visits.loop for v in left if v.visits.idle}, words)
            for one in left:
                self.post(one.visits.abandon)
            words.result(LAST_WORDS_S)
        self.post(self.loop.stop)
        self.thread.join(LAST_WORDS_S)

    async def _last_words(self, left: list[Leaving]) -> None:
        await asyncio.gather(*(one.leave() for one in left), return_exceptions=True)

    def park(self) -> Callable[[], None]:
        """Hold the thread still, for a fork; return what lets it go on.

        A fork copies locks as they are: one that this thread held would stay locked in the copy for ever.
        """
        parked, go_on = threading.Event(), threading.Event()

        def hold() -> None:
            parked.set()
            go_on.wait(PARKED_S)

        if self.thread.is_alive() and not self.here:
            self.post(hold)
            parked.wait(PARKED_S)
        return go_on.set


def _serve(loops: Collection[asyncio.AbstractEventLoop | None], words: Future[None]) -> None:
    """Run the user's loops that stand still, so that steps in the middle of an await end as they do after Stop."""

    async def served() -> None:
        await asyncio.wait({asyncio.wrap_future(words)}, timeout=SLICE_S)
        await asyncio.sleep(0)  # what hangs on to the loop lets go of it

    until = time.monotonic() + LAST_WORDS_S
    while loops and time.monotonic() < until and not words.done():
        for loop in loops:
            if loop is not None and not loop.is_closed():
                loop.run_until_complete(served())
    with suppress(TimeoutError):
        words.result(0 if loops else LAST_WORDS_S)


class Shared(Runtime):
    """Where there is one thread alone, its event loop: processes and the user take turns on it."""

    def __init__(self) -> None:
        self.leaving, self.thread = {}, threading.main_thread()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:  # type: ignore[override]
        """The loop of whoever asks."""
        return asyncio.get_event_loop()


_making = threading.Lock()
_there: Runtime | None = None
_unpark: list[Callable[[], None]] = []


def runtime() -> Runtime:
    """Return the runtime of this interpreter; it is started at the first use."""
    global _there  # noqa: PLW0603 - one an interpreter
    if _there is None:
        with _making:
            if _there is None:
                _there = Shared() if host.ALONE else Runtime()
    return _there


def _before_fork() -> None:
    if _there is not None:
        _unpark.append(_there.park())


def _after_fork() -> None:
    while _unpark:
        _unpark.pop()()


def _in_the_copy() -> None:
    """Forget the runtime: its thread is not in a forked process."""
    global _there, _making
    _there, _making = None, threading.Lock()
    _unpark.clear()


def _close() -> None:
    if _there is not None:
        _there.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_the_copy)
# `atexit` comes after the interpreter has waited for threads, and later than executors may be used
getattr(threading, "_register_atexit", atexit.register)(_close)


class Visits:
    """The way of one process to the user's thread."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self.context = reentry.outside()
        self.turn = asyncio.Lock()  # of what takes several visits, such as a resume
        self._thread = 0
        self._waiting: deque[Callable[[], None]] = deque()
        self._open: set[_Visit] = set()

    @property
    def idle(self) -> bool:
        """Whether the loop belongs to the calling thread and stands still: nothing on it goes on unless it is run."""
        loop = self.loop
        return loop is not None and not loop.is_running() and self._thread == threading.get_ident()

    def abandon(self) -> None:
        """Let go of all that is under way there: the loop will not run any more."""
        for visit in list(self._open):
            visit.drop()

    @property
    def here(self) -> bool:
        """Whether the caller may touch the user's objects: it is on their thread, or nobody else is."""
        return self.loop is None or self.loop.is_closed() or threading.get_ident() == self._thread

    def settle(self, loop: asyncio.AbstractEventLoop, thread: int) -> None:
        """Go to this loop from now on, unless the present one is still there; what waits for a loop begins."""
        if self.loop is not loop:
            if self.loop is not None and self.loop.is_running():
                return
            self.loop, self._thread, self.turn = loop, thread, asyncio.Lock()
        while self._waiting:
            self.post(self._waiting.popleft())

    def post(self, act: Callable[[], None]) -> None:
        """Have something done there, and go on at once."""
        try:
            if self.loop is None:
                raise RuntimeError("no loop yet")
            self.loop.call_soon_threadsafe(act, context=self.context.copy())
        except RuntimeError:  # the loop is closed, or there was none: whoever comes next brings one
            self._waiting.append(act)

    def hang_on(self, task: asyncio.Task[None], leave: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Hang on to the loop while a task of the other thread is at work: where the loop ends, that is to leave."""
        loop = self.loop
        if loop is None or loop.is_closed():
            return
        over: list[asyncio.Future[None]] = []

        async def watch() -> None:
            over.append(asyncio.get_running_loop().create_future())
            if task.done():
                return
            try:
                await over[0]
            except asyncio.CancelledError:
                await runtime().run(leave)
                raise

        watching: list[asyncio.Task[None]] = []

        def begin() -> None:
            watching.append(watch_task := loop.create_task(watch()))
            # whoever leaves a loop as it stands is not told of a task that is not theirs
            watch_task._log_destroy_pending = False  # type: ignore[attr-defined]

        loop.call_soon_threadsafe(begin, context=Context())

        def release() -> None:
            if over and not over[0].done():
                over[0].set_result(None)

        def ended(_: object) -> None:
            with suppress(RuntimeError):  # the loop is closed: nothing hangs on to it
                loop.call_soon_threadsafe(release)

        task.add_done_callback(ended)

    async def __call__(self, work: Callable[[], Any], behind: Journal | None = None) -> Any:
        """Run work there and return what it returns, or what the awaitable gives that it returns.

        It does not begin before all is on disk that was appended to the journal `behind`.
        Whoever waits may be cancelled: work that has not begun is withdrawn, a coroutine is cancelled, and anything
        else is waited for; a result that comes nevertheless is a result.
        """
        visit = _Visit(asyncio.get_running_loop(), work)
        self._open.add(visit)
        try:
            if behind is None:
                self.post(visit.begin)
            else:
                behind.written(partial(self._go_on, visit))
            return await visit
        except asyncio.CancelledError:
            if visit.cancelled() or not visit.done():
                raise
            return visit.result()  # it had come, and whoever waited was to go on with it in a moment
        finally:
            self._open.discard(visit)

    def _go_on(self, visit: _Visit, error: JournalError | None) -> None:
        """Let a visit begin that has waited for the disk, straight from the thread that wrote."""
        if error is None:
            self.post(visit.begin)
        else:
            visit.back(None, error)


class _Visit(asyncio.Future[Any]):
    """One piece of work on its way to the user's thread and back; what it returns is its result."""

    def __init__(self, loop: asyncio.AbstractEventLoop, work: Callable[[], Any]) -> None:
        super().__init__(loop=loop)
        self._work = work
        self._mutex = threading.Lock()
        self._begun = self._withdrawn = False
        self._task: asyncio.Future[Any] | None = None

    def begin(self) -> None:
        """Do it, on the user's thread."""
        with self._mutex:
            if self._withdrawn:
                return
            self._begun = True
        try:
            found = self._work()
        except BaseException as error:
            self.back(None, error)
            return
        if not inspect.isawaitable(found):
            self.back(found, None)
            return
        with self._mutex:
            task = self._task = asyncio.ensure_future(found)
            if self._withdrawn:
                task.cancel()
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Future[Any]) -> None:
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        self.back(task.result() if error is None else None, error)

    def back(self, value: Any, error: BaseException | None) -> None:
        """Bring what came of it to whoever waits."""
        self.get_loop().call_soon_threadsafe(self._settle, value, error)

    def _settle(self, value: Any, error: BaseException | None) -> None:
        if self.done():
            return
        if isinstance(error, asyncio.CancelledError):
            super().cancel()
        elif error is not None:
            self.set_exception(error)
        else:
            self.set_result(value)

    def drop(self) -> None:
        """Let nobody wait for it any longer, whatever becomes of it."""
        super().cancel()

    def cancel(self, msg: Any | None = None) -> bool:
        """Withdraw it where it has not begun; else cancel what it awaits, and bring what comes of it nevertheless."""
        with self._mutex:
            self._withdrawn = True
            begun, task = self._begun, self._task
        if not begun:
            return super().cancel(msg)
        if task is not None:
            try:
                task.get_loop().call_soon_threadsafe(task.cancel)
            except RuntimeError:  # the loop is closed: nothing on it ends any more
                return super().cancel(msg)
        return not self.done()


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
