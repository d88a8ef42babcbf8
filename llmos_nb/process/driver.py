"""`drive`: carry out what `decide` gives and append what happens, until nothing can go on by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from llmos_nb.errors import JournalError
from llmos_nb.journal import Event
from llmos_nb.journal.events import NO_ONE, Decider, RunEnded, RunPaused, SignalReceived
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

Work = Coroutine[Any, Any, None]
TURN = 8  # requests
CarryOut = Callable[[Run, Any], Any]
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
        run.halt("paused", Decider("process", "the notebook"))
        await _finish_halting(run)
        raise
    except JournalError as error:
        _broken(run, error)
    finally:
        for task in run.tasks.values():
            task.cancel()
        run.tasks.clear()
        run.journal.release()


def step(run: Run, carried: Carried | None = None) -> bool:
    """Start all that can run now; tell whether something is still under way.

    What takes time begins in a task of its own, but for the first such command where `carried` is given: that task
    goes on with it.
    """
    _reap(run)
    run.stepping = True
    try:
        _start_all(run, carried)
    finally:
        run.stepping = False
    if run.halting and not run.tasks:
        _halted(run)
    run.journal.kick()
    return bool(run.tasks)


def _start_all(run: Run, carried: Carried | None) -> None:
    """Start what can run now, and then what can run because of that."""
    while not (run.halting or run.busy):
        wanted = decide(run.state)
        for command in [c for c in run.waits if c not in wanted and c in run.tasks] if run.waits else ():
            run.tasks[command].cancel()  # it has not begun, and somebody changed what comes next
        fresh = [c for c in wanted if c not in run.tasks] if run.tasks else wanted
        before = run.state.n
        for command in fresh:
            work = _begin(run, command)
            if work is not None and (carried is None or not carried.take(command, work)):
                Carried(run).begin(command, work)
        if run.state.n == before:
            return


def _begin(run: Run, command: Command) -> Work | None:
    """Carry out a command, or begin to."""
    try:
        work: Work | None = EXECUTORS[type(command)](run, command)
        return work
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


class Carried:
    """A task that carries out one command after the other: with the end of each, what may begin next is known.

    Its end wakes whoever drives.
    """

    def __init__(self, run: Run) -> None:
        self._run, self._next = run, list[tuple[Command, Work]]()

    def begin(self, command: Command, work: Work) -> None:
        """Make the task, beside others."""
        self._next.append((command, work))
        self._task = asyncio.get_running_loop().create_task(self._main())
        self._run.tasks[command] = self._task
        self._task.add_done_callback(self._ended)

    def take(self, command: Command, work: Work) -> bool:
        """Have a command carried out next, where there is none yet; tell whether it is."""
        if self._next:
            return False
        self._next.append((command, work))
        self._run.tasks[command] = self._task
        return True

    async def _main(self) -> None:
        run = self._run
        while self._next and not run.halting:
            command, work = self._next.pop()
            await work
            if isinstance(command, Ask) and not command.request % TURN:
                await asyncio.sleep(0)  # other processes have their turn, however fast a model answers
            if run.halting or run.tasks.get(command) is not self._task:
                return
            del run.tasks[command]
            try:
                step(run, self)
            except BaseException:
                run.tasks[command] = self._task  # there it is found with its error
                raise

    def _ended(self, _: object) -> None:
        for command, work in self._next:  # it was cancelled before that began
            self._run.tasks.pop(command, None)
            work.close()
        self._run.wake.set()


def _reap(run: Run) -> None:
    """Take finished tasks off; an error that no executor expected ends the process with its reason."""
    for command, task in [(c, t) for c, t in run.tasks.items() if t.done()] if run.tasks else ():
        del run.tasks[command]
        error = None if task.cancelled() else task.exception()
        if isinstance(error, JournalError):
            raise error
        if error is not None:
            _unexpected(run, command, error)


def _halted(run: Run) -> None:
    """Record that Stop or kill took effect."""
    (how, by), run.halting = run.halting or ("paused", NO_ONE), None
    if run.state.status == "ended" or (how == "paused" and run.state.status == "paused"):
        return
    run.append(SignalReceived(signal="stop" if how == "paused" else "kill", by=by))
    if how != "paused":
        run.append(RunEnded(reason="killed", detail=f"killed by {by.describe()}", answer=None))
    else:
        run.append(RunPaused(why=f"stopped by {by.describe()}"))


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
