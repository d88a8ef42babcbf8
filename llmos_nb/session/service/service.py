"""The service of a home: it begins what it is handed, takes up what it had begun, and wakes goals.

Its processes run as those of a notebook do: driven on the thread "llmos", their steps one at a time on the main thread,
each process with variables of its own. So it is steered as a notebook is, by commands in the home.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from llmos_nb.errors import LlmosError
from llmos_nb.journal import PLACE, Glance, Home, driver_of, held_elsewhere, holder_of, look
from llmos_nb.journal.events import Decider, RunPaused, RunResumed
from llmos_nb.process import open_journal
from llmos_nb.process.scheduling import NamespaceLock
from llmos_nb.process.state import resumes
from llmos_nb.session.commands import (
    FURTHER,
    Command,
    Done,
    carry,
    files,
    listen,
    order_of,
    stands,
    take,
    watch,
)
from llmos_nb.session.goals import SERVICE, STOPPED, Waker
from llmos_nb.session.named_tools import tools_named
from llmos_nb.session.process import Process
from llmos_nb.session.service.claim import Claim
from llmos_nb.session.service.orders import NOBODY, VERB
from llmos_nb.session.session import Session
from llmos_nb.session.threads import runtime
from llmos_nb.views import phrase, standing

LOOK_S, REST_S, LEAVE_S = 1.0, 5.0, 20.0
KEPT = 20
_log = logging.getLogger(__name__)


class Service:
    """What serves a home.

    Parameters
    ----------
    home : Home
        Which.
    say : callable
        Tells whoever looks on one line.
    http : int, optional
        The port on which the process table is served, too; 0 for any.
    clock : callable
        Gives the time by which goals are due, in seconds since 1970.
    """

    def __init__(
        self,
        home: Home,
        say: Callable[[str], object] = print,
        http: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.home, self.say, self.http, self.clock = home, say, http, clock
        self._table: Any = None
        self.claim = Claim(home)
        self.sessions: list[Session] = []
        self._writes = NamespaceLock()  # streams, working folder and environment are shared by all steps here
        self._moved, self._leaving = asyncio.Event(), asyncio.Event()
        self._following: set[asyncio.Task[None]] = set()
        self._carried: dict[str, int] | None = None  # what was begun, by the ids of the commands
        self._others: set[str] = set()  # commands that others carry out
        self._waker: Waker | None = None
        self._rest = 0.0

    async def run(self) -> str:
        """Serve until somebody ends it; return who serves the home instead, where somebody does."""
        loop = asyncio.get_running_loop()
        if other := self.claim.take(listen(loop, self._moved.set)):
            return other
        watch.place = PLACE
        try:
            where = await self._serve_table()
            self.say(f"serving {self.home.root}: llmos start hands a goal over, llmos ps shows all (Ctrl-C ends)")
            if where:
                self.say(where)
            await self._take_up()
            while not self._leaving.is_set():
                await self._look()
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await self._moved.wait()
                self._moved.clear()
            await self._leave()
        finally:
            if self._table is not None:
                await runtime().run(self._table.end)
            self.claim.release()
        return ""

    async def _serve_table(self) -> str:
        """Serve the process table by HTTP, where that is wanted, on the thread that no step holds; say where."""
        if self.http is None:
            return ""
        from llmos_nb.session.service import web  # few services want it

        self._table = web.Table(self.home)
        await runtime().run(partial(self._table.begin, self.http))
        return f"http://{web.HOST}:{self._table.port}/processes; the token stands in {web.token_file(self.home)}"

    def end(self) -> None:
        """Stop what is under way, and serve no more; safe in a signal handler, also in the middle of a step."""
        for process in self._at_work:
            process.dispatch.rest_soon(Decider("process", SERVICE))
        self._leaving.set()
        self._moved.set()

    @property
    def _at_work(self) -> list[Process]:
        return [p for s in list(self.sessions) for p in list(s.processes.values()) if p.dispatch.driven]

    async def _leave(self) -> None:
        """Pause what is at work, and wait until that is on disk; what waits for a person goes on waiting."""
        self.end()
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_S):
                await asyncio.gather(*(p.dispatch.there(p.dispatch.idle) for p in self._at_work))
        for task in self._following:
            task.cancel()
        await asyncio.gather(*self._following, return_exceptions=True)
        self.say("ended: what was at work is paused, and goes on with the next llmos serve")

    # what was begun before

    async def _take_up(self) -> None:
        """Go on with what a service began here: with what broke off, and what its end paused."""
        for glance in look(self.home).unfinished:
            try:
                if order_of(self.home.runs / glance.folder) is not None and not self._elsewhere(glance):
                    await self._go_on(self.home.runs / glance.folder)
            except LlmosError as error:
                self.say(f"process {glance.pid} cannot go on yet: {error}")

    def _elsewhere(self, glance: Glance) -> bool:
        journal = self.home.runs / glance.folder / "journal.jsonl"
        return held_elsewhere(journal) is not None or bool(driver_of(journal))

    async def _go_on(self, folder: Path) -> None:
        process = self._load(folder)
        process.dispatch.tell(watch.follow, process)
        kept = (e.body for e in reversed(process.events))
        last = next((b for b in kept if isinstance(b, RunPaused | RunResumed)), None)
        if isinstance(last, RunPaused) and last.why != STOPPED:
            self.say(f"process {process.pid} is paused: {last.why}; llmos resume {process.pid} goes on")
            return
        await process.session.resume(process)
        self._goes_on(process)

    def _load(self, folder: Path) -> Process:
        """Open a process that a service began, with the functions that it was handed over with."""
        session, journal = self._session(), open_journal(folder / "journal.jsonl")
        journal.check_maker()  # before anything is imported that it names
        order = journal.began.order or {}
        functions = [n for n in order.get("tools", ()) if ":" in n]  # of the others it knows itself
        process = session.load(folder, tools=tools_named(session, functions, order.get("folder", "")))
        process.dispatch.adopt(None)
        return process

    def _goes_on(self, process: Process) -> None:
        self.say(f"process {process.pid} goes on: {phrase(process.run.state.goal)}")
        self._follow(process)

    # what it is handed

    async def _look(self) -> None:
        """Begin what is wanted, and look after the goals."""
        for pid, path in list(files.pending(self.home.root)):
            if pid == NOBODY:
                await self._carry(path)
            elif path.name not in self._others and not any(pid in s.processes for s in self.sessions):
                await self._late(pid, path)
        await self._wake()

    async def _late(self, pid: int, path: Path) -> None:
        """Carry out a command to a process that has ended and was let go, by this service or with one before it."""
        folder, command = self.home.find(pid), files.read(self.home.root, path)
        if folder is None:
            self._others.add(path.name)
            return
        journal = folder / "journal.jsonl"
        holder, asked = holder_of(journal), command is not None and command.verb in FURTHER
        further = asked and order_of(folder) is not None and not driver_of(journal)
        if not (further if holder is None else holder.here):
            self._others.add(path.name)
            return
        try:
            if command is not None and further:
                return files.answer(path, await self._further(self._load(folder), command))
            process = Session({}, self.home.root).load(folder)
        except LlmosError as error:
            files.answer(path, Done(False, str(error)))
            return
        process.dispatch.adopt(None)
        await process.dispatch.there(partial(take, self.home.root, path, process))

    async def _further(self, process: Process, command: Command) -> Done:
        """Go on with a process that has ended, as a person asks for it."""
        done: Done = await process.dispatch.there(partial(carry, process, command))
        if process.state == "ended" and resumes(process.run.state):
            await process.session.resume(process)
        if not process.dispatch.driven:
            return done
        process.dispatch.tell(watch.follow, process)
        self._goes_on(process)
        return Done(done.ok, stands(process))

    async def _carry(self, path: Path) -> None:
        command = files.read(self.home.root, path)
        if command is None:
            files.drop(path)
            self.say("a command that this user did not write here is dropped")
            return
        try:
            done = await self._begin(command)
        except LlmosError as error:
            done = Done(False, f"{type(error).__name__}: {error}")
        except Exception as error:  # of the modules that hold its tools
            _log.exception("a goal could not be begun")
            done = Done(False, f"it could not be begun: {type(error).__name__}: {error}")
        if not done.final:
            return
        files.answer(path, done)

    async def _begin(self, command: Command) -> Done:
        """Begin a process as a command asks for it; one that was begun before is not begun again."""
        if self._carried is None:
            self._carried = self._known()
        if command.id in self._carried:
            return Done(True, f"it was begun before, as process {self._carried[command.id]}")
        if command.verb != VERB:
            return Done(False, f"{command.verb}: the service is not asked for that")
        options = dict(command.options)
        names, folder = options.pop("tools", None) or (), str(options.pop("folder", ""))
        session = self._session()
        order = {"id": command.id, "tools": list(names), **({"folder": folder} if folder else {})}
        tools = tools_named(session, names, folder)
        process = session.create(command.words[0], tools=tools, ordered=order, **options)
        with process.journal.held():
            pass  # on disk, and so begun, before the command goes
        self._carried[command.id] = process.pid
        process.start()
        self._follow(process)
        self.say(f"process {process.pid} begins: {phrase(process.run.state.goal)}")
        return Done(True, f"process {process.pid} is begun: llmos show {process.pid}")

    def _known(self) -> dict[str, int]:
        """Return the commands whose processes are there, which a service began that was killed before it said so."""
        found: dict[str, int] = {}
        for glance in look(self.home).runs:
            with suppress(LlmosError):
                if order := order_of(self.home.runs / glance.folder):
                    found[str(order.get("id"))] = glance.pid
        return found

    def _session(self) -> Session:
        session = Session({}, self.home.root)
        session.writes = self._writes
        self.sessions.append(session)
        return session

    async def _wake(self) -> None:
        """Look after the goals of the home, once there are some."""
        if time.monotonic() < self._rest or not self.home.remembers:
            return
        try:
            if self._waker is None:
                self._waker = Waker(self._session(), self.clock, self.say)
                self._waker.attended = False
                await self._waker.look_back()
            wait = await self._waker.tick()
        except LlmosError as error:
            self.say(f"goals do not wake: {error}")
            wait = None
        self._rest = time.monotonic() + min(REST_S if wait is None else max(wait, LOOK_S), REST_S)

    # following

    def _follow(self, process: Process) -> None:
        task = asyncio.get_running_loop().create_task(self._until_ended(process))
        self._following.add(task)
        task.add_done_callback(self._following.discard)

    async def _until_ended(self, process: Process) -> None:
        """Say how a process settles; sessions whose processes have ended long ago are let go."""
        await process.attend(patient=False, interruptible=False)
        if process.state == "waiting":
            self.say(f"process {process.pid} waits for {process.waits_for}: llmos show {process.pid}")
            await process.attend(patient=True, interruptible=False)
        if self._leaving.is_set():
            return
        self.say(f"process {process.pid}: {standing(process.run.state)}")
        over = [s for s in self.sessions if all(p.state == "ended" for p in s.processes.values())]
        for session in over[:-KEPT]:  # the last ones may be asked further
            self.sessions.remove(session)
