"""`drive`: carry out what `decide` gives and append what happens, until nothing can go on by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from llmos_nb.errors import JournalError
from llmos_nb.journal import Event
from llmos_nb.journal.events import RunEnded, RunPaused, SignalReceived
from llmos_nb.process import ask, compute, finish, restore
from llmos_nb.process.gate import compensate, judge, plan, servers, start
from llmos_nb.process.run import Run
from llmos_nb.process.state.decide import (
    Ask,
    Check,
    Command,
    Compute,
    Connect,
    End,
    Evict,
    Finish,
    Integrate,
    Judge,
    JudgePlan,
    Overdue,
    Pause,
    Propose,
    RunAgain,
    Start,
    TakenBack,
    decide,
)

CarryOut = Callable[[Run, Any], Awaitable[None] | None]
# Who carries out which command: at once, or as a coroutine.
EXECUTORS: dict[type[Command], CarryOut] = {
    Connect: servers.connect,
    Propose: plan.propose,
    JudgePlan: plan.judge_the_plan,
    Overdue: plan.overdue,
    Judge: judge.judge_in_section,
    Start: start.start,
    RunAgain: restore.run_again,
    TakenBack: compensate.taken_back,
    Evict: ask.evict,
    Ask: ask.ask,
    Integrate: finish.integrate,
    Check: finish.check,
    Compute: compute.compute,
    Finish: judge.finish,
    Pause: finish.pause,
    End: finish.end,
}


async def drive(run: Run) -> None:
    """Carry commands out until the process is settled or waits for somebody."""
    run.journal.acquire()
    try:
        more = True
        while more:
            while step(run):
                await run.wake.wait()
                run.wake.clear()
            await run.journal.flush()
            more = bool(run.halting or decide(run.state))  # somebody may have spoken while the disk was busy
    except asyncio.CancelledError:
        run.halt("paused", "the notebook")
        await _finish_halting(run)
        raise
    except JournalError as error:
        _broken(run, error)
    finally:
        for task in run.tasks.values():
            task.cancel()
        run.tasks.clear()
        run.journal.release()


def step(run: Run) -> bool:
    """Start all that can run now; tell whether something is still under way."""
    _reap(run)
    while not (run.halting or run.busy):
        wanted = decide(run.state)
        for command in [c for c in run.waits if c not in wanted and c in run.tasks]:
            run.tasks[command].cancel()  # it has not begun, and somebody changed what comes next
        fresh = [c for c in wanted if c not in run.tasks]
        before = run.state.n
        for command in fresh:
            work = _begin(run, command)
            if work is not None:
                _task(run, command, work)
        if run.state.n == before:
            break
    if run.halting and not run.tasks:
        _halted(run)
    run.journal.kick()
    return bool(run.tasks)


def _begin(run: Run, command: Command) -> Awaitable[None] | None:
    """Carry out a command, or begin to."""
    try:
        return EXECUTORS[type(command)](run, command)
    except JournalError:
        raise
    except Exception as error:
        _unexpected(run, command, error)
        return None


def _unexpected(run: Run, command: Command, error: BaseException) -> None:
    """End the process with its reason, for an error that no executor foresaw."""
    if run.state.status != "ended":
        detail = f"{type(command).__name__}: {type(error).__name__}: {error}"
        run.append(RunEnded(reason="failed", detail=detail, answer=None))


def _task(run: Run, command: Command, work: Awaitable[None]) -> None:
    """Carry a command out beside others; its end wakes whoever drives, unless they have seen it already."""
    assert isinstance(work, Coroutine)  # noqa: S101 - executors are async functions or plain ones
    task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
    run.tasks[command] = task
    task.add_done_callback(lambda _: run.wake.set() if run.tasks.get(command) is task else None)


def _reap(run: Run) -> None:
    """Take finished tasks off; an error that no executor expected ends the process with its reason."""
    for command, task in [(c, t) for c, t in run.tasks.items() if t.done()]:
        del run.tasks[command]
        error = None if task.cancelled() else task.exception()
        if isinstance(error, JournalError):
            raise error
        if error is not None:
            _unexpected(run, command, error)


def _halted(run: Run) -> None:
    """Record that Stop or kill took effect."""
    (how, by), run.halting = run.halting or ("paused", ""), None
    if run.state.status == "ended" or (how == "paused" and run.state.status == "paused"):
        return
    run.append(SignalReceived(signal="stop" if how == "paused" else "kill", by=by))
    if how != "paused":
        run.append(RunEnded(reason="killed", detail=f"killed by {by}", answer=None))
    else:
        run.append(RunPaused(why=f"stopped by {by}"))


async def _finish_halting(run: Run) -> None:
    """Let cancelled tasks record their end, whoever cancels meanwhile."""
    for task in (tasks := list(run.tasks.values())):
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=2)
    step(run)
    await run.journal.flush()


def _broken(run: Run, error: JournalError) -> None:
    """The journal cannot be written: nothing goes on, and what is in memory says why."""
    for task in run.tasks.values():
        task.cancel()
    run.trouble, run.state.status, run.state.why = str(error), "paused", str(error)
    body, s = RunPaused(why=str(error)), run.state
    run.tell(Event(s.n, s.at, body.kind, body.plain(), "", "", body))
