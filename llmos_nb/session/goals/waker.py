"""Goals wake when they are due: the timer, what hinders one, and how the last process of a goal stands."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Container
from contextlib import suppress
from functools import partial
from typing import Any
from weakref import WeakSet

from llmos_nb.errors import JournalError, JournalLocked, LlmosError
from llmos_nb.journal import held_elsewhere
from llmos_nb.journal.events import RunEnded, RunPaused, RunResumed
from llmos_nb.policy.secrets import redact
from llmos_nb.process import holds, open_journal
from llmos_nb.session.commands.watch import watch
from llmos_nb.session.goals.calendar import back_off, set_back
from llmos_nb.session.goals.goals import DONE, GIVEN_UP, OPEN, Goal, Goals, made_here
from llmos_nb.session.named_tools import listed, tools_named
from llmos_nb.session.outcome import unanswered
from llmos_nb.session.parts import Part
from llmos_nb.session.process import Process
from llmos_nb.session.session import Session
from llmos_nb.views import count, short

UNREADABLE = "unreadable"
_ENDS = (RunEnded.kind, RunPaused.kind, RunResumed.kind)


def standing(session: Session, pid: int | None) -> tuple[str, bool]:
    """Say how a process stands (ended, paused, at work, broken off, unreadable), and whether it surely answered."""
    if pid in session.processes:
        process = session.processes[pid]
        how = process.state if process.over or process.state == "paused" else "at work"
        return how, how == "ended" and process.reason == "answered"
    folder = session.home.find(pid) if pid is not None else None
    if folder is None or not (path := folder / "journal.jsonl").exists():
        return "ended", False
    try:
        journal = open_journal(path)
        last = next((e.body for e in reversed(journal.events) if e.k in _ENDS), None)
    except JournalError:  # nothing goes on from it, and it may have answered
        return UNREADABLE if held_elsewhere(path) is None else "at work", False
    if isinstance(last, RunEnded | RunPaused) and getattr(last, "why", "") != STOPPED:
        return last.kind.removeprefix("run."), isinstance(last, RunEnded) and last.reason == "answered"
    try:
        journal.acquire()
    except JournalLocked:
        return "at work", False
    journal.release()
    waits = held_elsewhere(journal.path) is not None  # for a person, in the interpreter that has it
    return "at work" if waits else "broken off", False


_wakers: WeakSet[Waker] = WeakSet()
LOOK_S = 60.0  # a clock may be set and a notebook sleep: it looks again after so many seconds
_CHECK_S = 10.0
SERVICE = "the service"
STOPPED = f"stopped by {SERVICE}"  # why what the end of a service paused is paused: it goes on
_AGAIN = frozenset(("failed", "empty", "truncated", "unverified", "budget", "refused"))
"""Ends that are failures; what a person ended is none."""
_WELL: dict[str, Any] = {"failures": 0, "rest": None}


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
    chance : callable
        Gives a number from 0 to 1.
    """

    attended = True  # whether a person reads what it says

    def __init__(
        self,
        session: Session,
        clock: Callable[[], float] = time.time,
        say: Callable[[str], object] = print,
        chance: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(session)
        self.session: Session = session
        self.clock, self.say, self.chance = clock, say, chance
        self.blocked: dict[int, str] = {}
        self.following: set[asyncio.Task[None]] = set()
        self.timer: asyncio.Task[None] | None = None
        self._moved, self._told = asyncio.Event(), dict[int, asyncio.Event]()
        self._waking = asyncio.Lock()
        _wakers.add(self)

    @property
    def goals(self) -> Goals:
        """The goals of the home."""
        return Goals(self.session.home)

    def _tell(self, line: str) -> None:
        """Tell the user one line, with the commands of where it is read."""
        self.say(line if self.attended else line.replace("%agent", "llmos"))

    # looking

    def begin(self) -> bool:
        """Look after the goals from now on; tell whether an event loop runs, without which there is no timer."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return False
        if not self.watches:
            self.timer = loop.create_task(self._watch())
        self.look()
        return True

    @property
    def watches(self) -> bool:
        """Whether a timer looks after the goals."""
        return self.timer is not None and not self.timer.done()

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
            self._tell(f"goals do not wake: {error}")
        finally:
            if events is not None:
                events.unregister("post_run_cell", self._cell)

    async def tick(self) -> float | None:
        """Wake what is due and give the seconds until the next is; None where none will be."""
        async with self._waking:  # what the timer is about to wake is at work when a command has waited for this
            for goal in await asyncio.to_thread(self.goals.all):
                try:
                    await self._see(goal)
                except Exception as error:  # of one goal, whatever it is: the others wake
                    self._block(goal, f"cannot wake: {type(error).__name__}: {error}")
        left = [g for g in await asyncio.to_thread(self.goals.all) if g.state == OPEN and g.wakes is not None]
        waits = [LOOK_S if g.n in self.blocked else max((g.wakes or 0.0) - self.clock(), 0.0) for g in left]
        return min(waits, default=None)

    async def _see(self, goal: Goal) -> None:
        """Wake a goal that is due, and say once of one that it was given up."""
        if goal.recurs and set_back(goal.claimed, self.clock()):
            self.goals.change(goal.n, due=goal.after(self.clock()), claimed=self.clock())
        elif goal.is_due(self.clock()):
            await self.wake(goal)
        elif goal.state == GIVEN_UP and self.attended and self.goals.tell(goal, self.clock()):
            self._tell(f"goal {goal.n} {goal.said} (%agent goals wake {goal.n} lets it try again)")

    async def look_back(self) -> None:
        """See what became of the last processes: what broke off and what is not done yet is due now."""
        for goal in await asyncio.to_thread(self.goals.all):
            if goal.state != OPEN or goal.pid is None:
                continue
            how, answered = await asyncio.to_thread(standing, self.session, goal.pid)
            if answered and goal.once:
                self._write_down(goal, f"process {goal.pid} answered", done=True)
            elif how == UNREADABLE and self._again(goal):
                why = f"the journal of process {goal.pid} cannot be read, so whether it answered is not known"
                self._block(goal, f"does not begin anew: {why}; %agent goals wake {goal.n} lets it")
            elif how == "broken off" or (how == "ended" and self._again(goal)):
                self.goals.change(goal.n, due=self.clock(), rest=None)

    def _again(self, goal: Goal) -> bool:
        """Return whether a goal without a schedule begins anew, as it does when a notebook opens.

        A service begins it anew only where nobody has seen how its process ended.
        """
        return goal.first is None and (self.attended or goal.said == _at_work(goal.pid))

    # waking

    async def wake(self, goal: Goal) -> None:
        """Run a due goal, unless it is done already, cannot begin yet, or somebody else has it."""
        if (why := self._hindrance(goal)) is not None:
            return self._block(goal, why)
        how, _ = await asyncio.to_thread(standing, self.session, goal.pid)
        if goal.missed == "all" and how in ("at work", "paused"):  # one of its times after the other
            return self._block(goal, f"is due and waits for its process {goal.pid}")
        if not await asyncio.to_thread(self.goals.claim, goal, self.clock()):
            return None
        return await self._take_up(goal, how) if how not in ("ended", UNREADABLE) else self._start(goal)

    def _hindrance(self, goal: Goal) -> str | None:
        """Say why a goal does not begin now: it is a stranger's, done already, or lacks what it speaks of."""
        if not made_here(goal):
            return f"was written elsewhere and does not wake; %agent goals trust {goal.n} lets it"
        names = self.session.namespace or {}
        if goal.holds and holds(goal.holds, {**names, "answer": ""}, _CHECK_S)[0]:
            self._write_down(goal, "its check holds", done=True)
            return "is done: its check holds"
        missing = lacking(goal, names)
        return f"is due and waits for {missing}" if missing else None

    def _block(self, goal: Goal, why: str) -> None:
        """Tell once why a goal does not begin."""
        if self.blocked.get(goal.n) != why:
            self.blocked[goal.n] = why
            self._tell(f"goal {goal.n} {why}")

    def _start(self, goal: Goal) -> None:
        given: dict[str, Any] = {n: getattr(goal, n) or None for n in ("model", "approve", "budget")}
        try:
            tools = tools_named(self.session, listed(goal.tools), goal.folder)
            process = self.session.create(
                goal.goal, name=f"goal-{goal.n}", check=goal.holds or None, tools=tools, **given
            )
        except LlmosError as error:
            why = redact(f"cannot begin: {error}")
            self.goals.change(goal.n, due=self.clock(), claimed=goal.claimed, pid=goal.pid, said=why)
            return self._block(goal, f"is due and cannot begin: {error}")
        self.blocked.pop(goal.n, None)
        _stand(process)  # before anybody who reads its number looks how it stands
        self.goals.change(goal.n, pid=process.pid, said=_at_work(process.pid))
        process.start()
        woke = f"goal {goal.n} woke as process {process.pid}"
        self._tell(f"{woke}: {short(goal.goal)} (%agent show {process.pid})")
        return self._follow(goal, process)

    async def _take_up(self, goal: Goal, how: str) -> None:
        """Go on with a goal's last process where it broke off; one that is at work or paused is left alone."""
        self.goals.change(goal.n, pid=goal.pid)
        if how == "paused":
            self._tell(f"goal {goal.n}: its process {goal.pid} is paused; %agent resume {goal.pid} goes on")
        if how != "broken off" or goal.pid is None:
            return
        try:
            process = self._found(goal, goal.pid)
            await self.session.resume(process)
        except LlmosError as error:
            self._tell(f"goal {goal.n}: process {goal.pid} cannot go on yet: {error}")
            return
        self._tell(f"goal {goal.n}: process {goal.pid} goes on where it broke off (%agent show {goal.pid})")
        self._follow(goal, process)

    def _found(self, goal: Goal, pid: int) -> Process:
        """Return the process of a goal, with the functions that the goal names."""
        folder = self.session.home.find(pid)
        functions = [name for name in listed(goal.tools) if ":" in name]
        if not functions or pid in self.session.processes or folder is None:
            return self.session.find(pid)
        return self.session.load(folder, tools=tools_named(self.session, functions, goal.folder))

    # following

    @property
    def at_work(self) -> list[Process]:
        """The processes of goals that it follows."""
        return [p for p in self.session.processes.values() if p.pid in self._told and p.state != "ended"]

    def _follow(self, goal: Goal, process: Process) -> None:
        told = self._told[process.pid] = asyncio.Event()
        task = asyncio.get_running_loop().create_task(self._until_settled(goal, process, told))
        self.following.add(task)
        task.add_done_callback(self.following.discard)
        task.add_done_callback(lambda _: told.set())

    async def told(self) -> None:
        """Wait until the user was told of each process of a goal how it ended, or that it waits for somebody."""
        await asyncio.gather(*(told.wait() for told in self._told.values()))

    async def _until_settled(self, goal: Goal, process: Process, told: asyncio.Event) -> None:
        """Wait for a goal's process, also for people, and write down how it ended."""
        await process.attend(patient=False, interruptible=False)
        if process.state == "waiting":
            self._write_down(goal, f"process {process.pid} waits for a person", done=False)
            waits = f"process {process.pid} waits for {process.waits_for}: llmos show {process.pid}"
            self._tell(f"goal {goal.n}: {unanswered(process) if self.attended else waits}")
            told.set()
        await process.attend(patient=True, interruptible=False)  # a person may have let it go on meanwhile
        answered = process.reason == "answered"
        said = f"process {process.pid} answered" if answered else str(unanswered(process))
        more = f": {short(process.answer or '')}" if answered else ""
        if process.reason in _AGAIN:
            said, more = self._failed(goal, said), ""
        else:
            self._write_down(goal, said, done=answered and goal.once, **(_WELL if answered else {}))
        self._tell(f"goal {goal.n}: {said}{more}")

    def _failed(self, goal: Goal, said: str) -> str:
        """Let a goal that failed try again later, or no more; return what is said of it."""
        failures = self.goals.find(goal.n).failures + 1
        if failures >= goal.tries:
            said = f"is given up after {count(failures, 'failure')}: {said}"
            told = self.clock() if self.attended else None
            self._write_down(goal, said, state=GIVEN_UP, due=None, failures=failures, told=told)
            return said
        wait = back_off(failures, self.chance())
        again = self.clock() + wait
        due = goal.due if goal.missed == "all" else again  # of those each counts: this one is tried again
        self._write_down(goal, said, due=due, rest=again, failures=failures)
        return f"{said}; it tries again in {wait / 60:.0f} min"

    def _write_down(self, goal: Goal, said: str, done: bool = False, **values: Any) -> None:
        self.blocked.pop(goal.n, None)
        values |= {"state": DONE, "due": None} if done else {}
        self.goals.change(goal.n, said=said, **values)


def lacking(goal: Goal, names: Container[str]) -> str:
    """Name the variables that a goal speaks of and that are not there."""
    return ", ".join(f"`{n}`" for n in goal.needs.split() if n not in names)


def _stand(process: Process) -> None:
    """Write the first lines of a process, and mark that it is at hand here."""
    with process.journal.held():
        process.dispatch.ask(partial(watch.follow, process))


def _at_work(pid: int | None) -> str:
    return f"process {pid} is at work"


def stop_all() -> None:
    """Stop every timer of this interpreter."""
    for waker in list(_wakers):
        waker.stop()
