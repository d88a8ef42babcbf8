"""Running somebody's code so that whatever it raises comes back as a value, within a deadline.

The one thing that is not turned into a value is the end of our own task: it ends the code and goes on up.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import threading
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager
from contextvars import copy_context
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from llmos_nb.errors import ToolTimeout
from llmos_nb.journal import YOU, Decider, host
from llmos_nb.messages import ToolResult
from llmos_nb.tools.text import preview, safe_text

T = TypeVar("T")
Guard = Callable[[float], AbstractContextManager[object]]

GRACE_S, _PREVIEW_S, _IDLE_S = 0.5, 5.0, 10.0
TURNS = 20  # of the event loop
_FRAMES, _TRACE, _MESSAGE = 4, 1200, 2000
_HERE = f"{Path(__file__).parents[1]}{os.sep}"
_abandoned: set[asyncio.Future[Any]] = set()


class Stopped(BaseException):
    """A Stop, raised by a guard in the middle of a tool's code; it is never an answer.

    Parameters
    ----------
    by : Decider
        Who stops it.
    """

    def __init__(self, by: Decider = YOU) -> None:
        super().__init__(by.describe())
        self.by = by


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of running something.

    Parameters
    ----------
    value : object
        What it gave.
    error : BaseException, optional
        What it raised.
    ended : bool
        False where it passed its deadline and goes on somewhere.
    """

    value: Any = None
    error: BaseException | None = None
    ended: bool = True


def unguarded(_: float) -> AbstractContextManager[object]:
    """Set no deadline: what a sync call gets where there is no guard for the main thread."""
    return contextlib.nullcontext()


def captured(fn: Callable[[], Any], deadline_s: float = 0, guard: Guard = unguarded) -> Outcome:
    """Run on this thread, under a guard that may raise at the deadline."""
    try:
        with guard(deadline_s):
            return Outcome(fn())
    except BaseException as error:  # SystemExit and KeyboardInterrupt of a tool's own are answers, too
        return Outcome(error=error)


class _Threads:
    """Threads that do one job after the other; one that is busy, or hangs in a tool, keeps no other job waiting.

    They are daemons: an executor's threads would hold the interpreter's end back until a hung tool returns.
    """

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._mutex, self._idle = threading.Lock(), 0

    def put(self, job: Callable[[], None]) -> None:
        """Have a job done, by a thread that is idle or by a new one."""
        if host.ALONE:
            return job()
        with self._mutex:
            if self._idle:
                self._idle -= 1
                self._jobs.put(job)
                return
        threading.Thread(target=self._work, args=(job,), name="llmos-tool", daemon=True).start()

    def _work(self, job: Callable[[], None] | None) -> None:
        while job is not None:
            job()
            with self._mutex:
                self._idle += 1
            job = self._next()

    def _next(self) -> Callable[[], None] | None:
        """Return the next job; None where none comes for a while."""
        try:
            return self._jobs.get(timeout=_IDLE_S)
        except queue.Empty:
            with self._mutex:
                try:
                    return self._jobs.get_nowait()
                except queue.Empty:
                    self._idle -= 1
                    return None


_threads = _Threads()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_threads.__init__)  # type: ignore[misc]  # a copy has none of the threads


async def in_thread(fn: Callable[[], Any], deadline_s: float) -> Outcome:
    """Run beside the main thread, with the context's variables; a thread cannot be ended, only left behind."""
    loop, context = asyncio.get_running_loop(), copy_context()
    future: asyncio.Future[Outcome] = loop.create_future()

    def settle(outcome: Outcome) -> None:
        if not future.done():
            future.set_result(outcome)

    def work() -> None:
        outcome = captured(lambda: context.run(fn))
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, outcome)

    late = loop.call_later(deadline_s, lambda: settle(Outcome(error=_late(deadline_s, ended=False), ended=False)))
    _threads.put(work)
    try:
        return await future
    finally:
        late.cancel()


async def awaited(awaitable: Awaitable[Any], deadline_s: float) -> Outcome:
    """Await in a task of its own, so that a cancellation by the code itself is told from one of ours."""
    task = asyncio.ensure_future(_settled(awaitable))
    try:
        await asyncio.wait({task}, timeout=deadline_s)
    except asyncio.CancelledError:
        if not task.done():  # else it had ended, and whoever waits was to go on with that in a moment
            await _ended(task)
            raise
    if task.done():
        return task.result()
    ended = await _ended(task)
    return Outcome(error=_late(deadline_s, ended), ended=ended)


async def _settled(awaitable: Awaitable[Any]) -> Outcome:
    try:
        return Outcome(await awaitable)
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return Outcome(error=error)
    except BaseException as error:  # a task would throw SystemExit and KeyboardInterrupt into the event loop
        return Outcome(error=error)


async def _ended(task: asyncio.Future[Outcome]) -> bool:
    """Cancel and wait a moment; keep a task that will not end from being collected while it runs."""
    task.cancel()
    await asyncio.wait({task}, timeout=GRACE_S)
    for _ in range(TURNS):  # the loop may have been held up, and what was due meanwhile comes now
        if task.done():
            break
        await asyncio.sleep(0)
    if not task.done():
        _abandoned.add(task)
        task.add_done_callback(_abandoned.discard)
    return task.done()


def _late(deadline_s: float, ended: bool) -> ToolTimeout:
    how = "was ended" if ended else "cannot be ended and may still run"
    return ToolTimeout(f"it passed its deadline of {deadline_s:g} s and {how}")


def at_once(work: Coroutine[Any, Any, T]) -> T | asyncio.Task[T]:
    """Return what a coroutine gives that has to wait for nothing, else a task that goes on with it."""
    context = copy_context()
    try:
        awaited = context.run(work.send, None)
    except StopIteration as end:
        given: T = end.value
        return given
    return asyncio.get_running_loop().create_task(_Begun(work, awaited), context=context)


class _Begun(Coroutine[Any, Any, Any]):
    """A coroutine that has begun, and awaits something."""

    def __init__(self, work: Coroutine[Any, Any, Any], awaited: Any) -> None:
        self._work, self._awaited, self._known = work, awaited, False

    def send(self, value: Any) -> Any:
        """Give what is awaited at first; from then on, go on."""
        if self._known:
            return self._work.send(value)
        self._known = True
        return self._awaited

    def throw(self, *error: Any) -> Any:
        """Raise where it stands."""
        return self._work.throw(*error)

    def close(self) -> None:
        """End it where it stands."""
        self._work.close()

    def __await__(self) -> Any:
        raise TypeError("it goes on in a task")


def unless_stopped(outcome: Outcome) -> Outcome:
    """Return the outcome, or let the user's Stop go on up."""
    if isinstance(outcome.error, Stopped):
        raise outcome.error
    return outcome


def failed(outcome: Outcome) -> ToolResult:
    """Say what was raised, and where in the user's own code."""
    error = outcome.error or RuntimeError("nothing was raised")
    facts: dict[str, Any] = {} if outcome.ended else {"in_doubt": True}
    trace = _trace(error)
    if trace:
        facts["traceback"] = trace
    return ToolResult(False, _message(error), type(error).__name__, facts=facts)


def shown(value: object, guard: Guard) -> ToolResult:
    """Turn a value to text; a repr that raises or never ends costs the preview, not the call."""
    outcome = unless_stopped(captured(lambda: preview(value), _PREVIEW_S, guard))
    if outcome.error is not None:
        why = f"no preview, its repr raised {type(outcome.error).__name__}"
        return ToolResult(True, f"<{type(value).__name__}: {why}>", value=value)
    text, size = outcome.value
    return ToolResult(True, text, facts={"size": size} if size > len(text.encode()) else {}, value=value)


def _message(error: BaseException) -> str:
    """Return ``Type: message``, bounded and safe, even where the error's own text raises."""
    try:
        text = safe_text(str(error))
    except Exception as broken:  # the error's own code
        text = f"its text raised {type(broken).__name__}"
    text = text if len(text) <= _MESSAGE else text[:_MESSAGE] + "…"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _trace(error: BaseException) -> str:
    """Return the last frames of the user's own code, with their lines; none of ours."""
    last = traceback.extract_tb(error.__traceback__, limit=-3 * _FRAMES)
    theirs = [frame for frame in last if not frame.filename.startswith(_HERE)]
    return safe_text("".join(traceback.format_list(theirs[-_FRAMES:])))[-_TRACE:]
