"""Goals wake when they are due: the timer, what hinders one, and how the last process of a goal stands."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from weakref import WeakSet

from llmos_nb.errors import JournalError, JournalLocked, LlmosError
from llmos_nb.journal.events import RunEnded, RunPaused, RunResumed
from llmos_nb.process import holds, open_journal
from llmos_nb.session.goals.goals import Goal, Goals, made_here
from llmos_nb.session.outcome import unanswered
from llmos_nb.session.parts import Part
from llmos_nb.session.process import Process
from llmos_nb.session.session import Session

_ENDS = (RunEnded.kind, RunPaused.kind, RunResumed.kind)


def standing(session: Session, pid: int | None) -> tuple[str, bool]:
    """Say how a process stands (ended, paused, at work, broken off), and whether it answered."""
    if pid in session.processes:
        process = session.processes[pid]
        how = process.state if process.state in ("ended", "paused") else "at work"
        return how, process.reason == "answered"
    folder = session.home.find(pid) if pid is not None else None
    if folder is None or not (folder / "journal.jsonl").exists():
        return "ended", False
    try:
        journal = open_journal(folder / "journal.jsonl")
        last = next((e.body for e in reversed(journal.events) if e.k in _ENDS), None)
    except JournalError:  # nothing goes on from it
        return "ended", False
    if isinstance(last, RunEnded | RunPaused):
        return last.kind.removeprefix("run."), isinstance(last, RunEnded) and last.reason == "answered"
    try:
        journal.acquire()
    except JournalLocked:
        return "at work", False
    journal.release()
    return "broken off", False


_wakers: WeakSet[Waker] = WeakSet()
LOOK_S = 60.0  # a clock may be set and a notebook sleep: it looks again after so many seconds
SHOWN = 80
_CHECK_S = 10.0


class Waker(Part):
    """Looks after the goals of a session's home.

    Parameters
    ----------
    session : Session
        Where they run.
    clock : callable
        Gives the time in seconds since 1970.
    say : callable
        Tells the user one line.
    """

    def __init__(
        self, session: Session, clock: Callable[[], float] = time.time, say: Callable[[str], object] = print
    ) -> None:
        super().__init__(session)
        self.session: Session = session
        self.clock, self.say = clock, say
        self.blocked: dict[int, str] = {}
        self.following: set[asyncio.Task[None]] = set()
        self.timer: asyncio.Task[None] | None = None
        self._moved, self._pids = asyncio.Event(), set[int]()
        _wakers.add(self)

    @property
    def goals(self) -> Goals:
        """The goals of the home."""
        return Goals(self.session.home)

    # looking

    def begin(self) -> bool:
        """Look after the goals from now on; tell whether an event loop runs, without which there is no timer."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return False
        if self.timer is None or self.timer.done():
            self.timer = loop.create_task(self._watch())
        self.look()
        return True

    def look(self) -> None:
        """Look now rather than when the timer says."""
        self._moved.set()

    def stop(self) -> None:
        """Look no more; what is at work goes on."""
        if self.timer is not None:
            self.timer.cancel()

    def _cell(self, _: Any) -> None:
        """Look again after a cell of the user's: it may have made what a goal waits for."""
        if self.blocked:
            self.look()

    async def _watch(self) -> None:
        """Wake what is due, then sleep until something will be."""
        if (events := getattr(self.session.ip, "events", None)) is not None:
            events.register("post_run_cell", self._cell)
        try:
            await self.look_back()
            while (wait := await self.tick()) is not None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(wait, LOOK_S)):
                        await self._moved.wait()
                self._moved.clear()
        except LlmosError as error:
            self.say(f"goals do not wake: {error}")
        finally:
            if events is not None:
                events.unregister("post_run_cell", self._cell)

    async def tick(self) -> float | None:
        """Wake what is due and give the seconds until the next is; None where none will be."""
        for goal in await asyncio.to_thread(self.goals.all):
            if goal.is_due(self.clock()):
                await self.wake(goal)
        left = [g for g in await asyncio.to_thread(self.goals.all) if g.state == "open" and g.due is not None]
        waits = [LOOK_S if g.n in self.blocked else max((g.due or 0.0) - self.clock(), 0.0) for g in left]
        return min(waits, default=None)

    async def look_back(self) -> None:
        """See what became of the last processes: what broke off and what is not done yet is due now."""
        for goal in await asyncio.to_thread(self.goals.all):
            if goal.state != "open" or goal.pid is None:
                continue
            how, answered = await asyncio.to_thread(standing, self.session, goal.pid)
            if answered and goal.once:
                self._write_down(goal, f"process {goal.pid} answered", done=True)
            elif how == "broken off" or (how == "ended" and goal.first is None):
                self.goals.change(goal.n, due=self.clock())

    # waking

    async def wake(self, goal: Goal) -> None:
        """Run a due goal, unless it is done already, cannot begin yet, or somebody else has it."""
        if (why := self._hindrance(goal)) is not None:
            return self._block(goal, why)
        if not await asyncio.to_thread(self.goals.claim, goal, self.clock()):
            return None
        how, _ = await asyncio.to_thread(standing, self.session, goal.pid)
        return await self._take_up(goal, how) if how != "ended" else self._start(goal)

    def _hindrance(self, goal: Goal) -> str | None:
        """Say why a goal does not begin now: it is a stranger's, done already, or lacks what it speaks of."""
        if not made_here(goal):
            return f"was written elsewhere and does not wake; %agent goals trust {goal.n} lets it"
        names = self.session.namespace or {}
        if goal.holds and holds(goal.holds, {**names, "answer": ""}, _CHECK_S)[0]:
            self._write_down(goal, "its check holds", done=True)
            return "is done: its check holds"
        missing = [f"`{n}`" for n in goal.needs.split() if n not in names]
        return f"is due and waits for {', '.join(missing)}" if missing else None

    def _block(self, goal: Goal, why: str) -> None:
        """Tell once why a goal does not begin."""
        if self.blocked.get(goal.n) != why:
            self.blocked[goal.n] = why
            self.say(f"goal {goal.n} {why}")

    def _start(self, goal: Goal) -> None:
        given: dict[str, Any] = {n: getattr(goal, n) or None for n in ("model", "approve", "budget")}
        try:
            process = self.session.create(goal.goal, name=f"goal-{goal.n}", check=goal.holds or None, **given)
        except LlmosError as error:
            self.goals.change(goal.n, due=self.clock(), claimed=goal.claimed, pid=goal.pid)
            return self._block(goal, f"is due and cannot begin: {error}")
        self.blocked.pop(goal.n, None)
        self.goals.change(goal.n, pid=process.pid, said=f"process {process.pid} is at work")
        process.start()
        woke = f"goal {goal.n} woke as process {process.pid}"
        self.say(f"{woke}: {_short(goal.goal)} (%agent show {process.pid})")
        return self._follow(goal, process)

    async def _take_up(self, goal: Goal, how: str) -> None:
        """Go on with a goal's last process where it broke off; one that is at work or paused is left alone."""
        self.goals.change(goal.n, pid=goal.pid)
        if how == "paused":
            self.say(f"goal {goal.n}: its process {goal.pid} is paused; %agent resume {goal.pid} goes on")
        if how != "broken off" or goal.pid is None:
            return
        try:
            process = self.session.find(goal.pid)
            await self.session.resume(process)
        except LlmosError as error:
            self.say(f"goal {goal.n}: process {goal.pid} cannot go on yet: {error}")
            return
        self.say(f"goal {goal.n}: process {goal.pid} goes on where it broke off (%agent show {goal.pid})")
        self._follow(goal, process)

    # following

    @property
    def at_work(self) -> list[Process]:
        """The processes of goals that it follows."""
        return [p for p in self.session.processes.values() if p.pid in self._pids and p.state != "ended"]

    def _follow(self, goal: Goal, process: Process) -> None:
        task = asyncio.get_running_loop().create_task(self._until_settled(goal, process))
        self.following.add(task)
        self._pids.add(process.pid)
        task.add_done_callback(self.following.discard)

    async def _until_settled(self, goal: Goal, process: Process) -> None:
        """Wait for a goal's process, also for people, and write down how it ended."""
        await process.attend(patient=False, interruptible=False)
        if process.state == "waiting":
            self._write_down(goal, f"process {process.pid} waits for a person", done=False)
            self.say(f"goal {goal.n}: {unanswered(process)}")
        await process.attend(patient=True, interruptible=False)  # a person may have let it go on meanwhile
        answered = process.reason == "answered"
        said = f"process {process.pid} answered" if answered else str(unanswered(process))
        self._write_down(goal, said, done=answered and goal.once)
        self.say(f"goal {goal.n}: {said}" + (f": {_short(process.answer or '')}" if answered else ""))

    def _write_down(self, goal: Goal, said: str, done: bool) -> None:
        self.blocked.pop(goal.n, None)
        values: dict[str, Any] = {"state": "done", "due": None} if done else {}
        self.goals.change(goal.n, said=said, **values)


def stop_all() -> None:
    """Stop every timer of this interpreter."""
    for waker in list(_wakers):
        waker.stop()


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"
