"""The processes of a notebook and what is unfinished in its home, as rows that pages follow by differences."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Protocol

from llmos_nb.app.listing import stands
from llmos_nb.app.present import byhome
from llmos_nb.app.present.panel import Said, begin, carry_out, comm_of
from llmos_nb.app.present.widget import Feed, Pacer
from llmos_nb.errors import LlmosError
from llmos_nb.journal import Event, Home, scan
from llmos_nb.process import saved
from llmos_nb.process.state import State
from llmos_nb.session import Process, abreast, runtime, table
from llmos_nb.views import ELSEWHERE, phrase, upper
from llmos_nb.views.panel import Agent, AgentRow

QUICK = frozenset(("approve", "reject", "resolve", "pause", "stop", "resume"))
"""What a page may ask for here; it is done as a panel does it."""
LAST_S, MOST_ENDED, ENDED_S = 180.0, 20, 12 * 3600.0
LOOK_S, PART = 2.0, 20  # between two looks at the home; of a large one, so many times as long as a look takes


class Pages(Protocol):
    """The way to the pages, and to the processes that they follow."""

    @property
    def cells(self) -> Mapping[int, str]:
        """The cell in which each process was shown last."""

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message to every page."""

    def home(self) -> Home:
        """Return the home as the settings name it now."""

    @property
    def processes(self) -> Mapping[int, Process]:
        """The processes of this notebook."""


class Rows(Feed):
    """What pages show of the processes; it lives on the thread that drives them.

    Parameters
    ----------
    pages : Pages
        The way to the pages, and to the processes.
    """

    def __init__(self, pages: Pages) -> None:
        super().__init__(self._act)
        self._pages, self._pacer = pages, Pacer(gap=0.5)  # at once after a pause; a panel beside needs the rest
        self._agents: dict[int, Agent] = {}
        self._changed: set[int] = set()
        self._asked = False
        self._cleared: set[int] = set()
        self._folders: dict[int, Path] = {}  # of what other interpreters have at hand
        self._again: asyncio.TimerHandle | None = None
        self._looking: asyncio.Task[None] | None = None
        self._wanted["home"] = []

    # from any thread

    def take(self, message: dict[str, Any]) -> None:
        """Take what a page says."""
        runtime().post(self._receive, self, message)

    def follow(self, process: Process) -> None:
        """Follow a process from now on."""
        process.dispatch.tell(self._follow, process)

    def changed(self, process: Process) -> None:
        """Tell the pages how a process stands."""
        process.dispatch.tell(self._change, process.pid)

    # on the thread of the processes

    def _follow(self, process: Process) -> None:
        run = process.run
        agent = self._agents[process.pid] = Agent(run.journal.events)
        run.listeners.append(partial(self._heard, process.pid, agent))
        abreast.follow(process, partial(self._went_on, process.pid, agent))
        self._change(process.pid)
        self._look_home()

    def _heard(self, pid: int, agent: Agent, event: Event, state: State) -> None:
        self._went_on(pid, agent, [event])

    def _went_on(self, pid: int, agent: Agent, fresh: Iterable[Event]) -> None:
        for event in fresh:
            agent.heard(event)
        self._cleared.discard(pid)
        self._change(pid)

    def _change(self, pid: int) -> None:
        self._changed.add(pid)
        self._send_soon()

    def send(self, message: dict[str, Any]) -> None:
        """Send a message to every page, with the time on the clock of this machine."""
        self._pages.send({**message, "at": time.time()})

    def flush(self) -> None:
        """Send what differs from what pages have, once one has asked."""
        if self._asked:
            self._draw()
            super().flush()

    def _draw(self) -> None:
        """Draw the rows of the processes that changed."""
        for pid in self._changed:
            process, agent = self._pages.processes.get(pid), self._agents.get(pid)
            if process is None or agent is None:
                continue
            row = agent.row(process.run.state)
            row["cell"], row["comm"] = self._pages.cells.get(pid, ""), comm_of(process)
            times = agent.times(LAST_S)
            if process.cold and not row["ended"]:
                row = _opened(row, stands(process), where := abreast.whereabouts(process))
                times["open"] = times["open"] and bool(where)  # what broke off took no time since
            self._wanted[f"p{pid}"], self._wanted[f"t{pid}"] = row, times
        self._changed.clear()
        ended = self._ended()
        old = [pid for pid in ended if time.time() - self._agents[pid].last > ENDED_S]
        for pid in {*ended[:-MOST_ENDED], *old, *self._cleared}:
            for key in (f"p{pid}", f"t{pid}"):
                self._wanted.pop(key, None)  # what was cleared before is not there any more

    def _ended(self) -> list[int]:
        return [pid for pid in self._agents if self._wanted.get(f"p{pid}", {}).get("ended")]

    # what pages say

    def _receive(self, _widget: object, content: dict[str, Any], _buffers: object = None) -> None:
        if content.get("verb") != "clear":
            return super()._receive(_widget, content, _buffers)
        self._cleared |= set(self._ended())
        return self._send_soon()

    def _act(self, message: dict[str, Any]) -> None:
        pid = message.pop("pid", 0)
        process, folder = self._pages.processes.get(pid), self._folders.get(pid)
        if process is not None and message["verb"] in QUICK:
            return carry_out(process, message, partial(self._say, pid))
        if folder is not None and message["verb"] in QUICK:
            return self._send_home(pid, folder, message)
        return self.note(f"{message['verb']}: not offered here, or there is no such process")

    def _send_home(self, pid: int, folder: Path, message: dict[str, Any]) -> None:
        """Have a click carried out by the interpreter that has the process at hand."""
        row: Mapping[str, Any] = next((r for r in self._wanted["home"] if r["pid"] == pid), {})
        if message["verb"] == "approve" and (row.get("ask") or {}).get("danger"):
            return self._say(pid, "it goes where others chose: look at its card")
        where = abreast.place(folder / "journal.jsonl")
        return begin(byhome.send(folder, where, pid, message), partial(self._say, pid))

    def _say(self, pid: int, said: Said) -> None:
        if not isinstance(said, dict):
            self.send({"kind": "note", "pid": pid, "text": str(said)})

    def _sync(self, rev: object) -> None:
        """Send a page all there is, unless it has that."""
        self._asked = True
        self.flush()
        super()._sync(rev)
        self._look_home()

    # the home

    def _look_home(self) -> None:
        """Look in the background at what is unfinished in the home and not here, now and again."""
        if self._asked and (self._looking is None or self._looking.done()):
            if self._again is not None:
                self._again.cancel()
            self._looking = asyncio.get_running_loop().create_task(self._looked())

    async def _looked(self) -> None:
        here, home, began = set(self._pages.processes), self._pages.home(), time.monotonic()
        try:
            found = await asyncio.to_thread(_others, home, here)
        except (LlmosError, OSError):
            found = {}
        self._folders = {pid: folder for pid, (folder, row) in found.items() if "run" in row}
        self._wanted["root"], self._wanted["home"] = str(home.root), [row for _, row in found.values()]
        self._send_soon()
        wait = max(LOOK_S, PART * (time.monotonic() - began))
        self._again = asyncio.get_running_loop().call_later(wait, self._look_home)


def _opened(row: AgentRow, how: str, where: str) -> AgentRow:
    """Say how a process stands that was only opened here: what nobody has at hand can go on, what waits be decided."""
    if where and how != ELSEWHERE:
        return _elsewhere(row, where)
    clock = {**row["clock"], "since": ""}
    shown: AgentRow = {**row, "state": upper(how), "what": "", "tone": "", "glyph": "pause", "ask": None}
    return {**shown, "acts": [] if where else ["Resume"], "clock": clock}


def _elsewhere(row: AgentRow, where: str) -> AgentRow:
    """Say of a process that another interpreter has at hand where that is."""
    return {**row, "state": f"{row['state']}, {where}"}


def _others(home: Home, here: Collection[int]) -> dict[int, tuple[Path, Mapping[str, Any]]]:
    """Return what is unfinished in a home and not here: by pid, its folder and its row.

    What the service has comes with what can be said to it; the rest, with the command that goes on with it, or shows it
    where another notebook has it. Notebooks show what is at work in them.
    """
    found: dict[int, tuple[Path, Mapping[str, Any]]] = {}
    for e in table.entries(home, False, here):
        where = abreast.place(journal := e.folder / "journal.jsonl")
        if e.driver and where.startswith("in "):
            continue
        stat = journal.stat()
        at_service = where.startswith("at ")
        there = _elsewhere(_row(journal, stat.st_size, stat.st_mtime_ns), where) if at_service else None
        found[e.pid] = (e.folder, there or _left(e, where))
    return found


def _left(e: table.Entry, where: str) -> dict[str, Any]:
    said = {"pid": e.pid, "name": e.name or f"process {e.pid}", "goal": phrase(e.goal), "waiting": e.waiting}
    if where:  # a panel here steers it where it is at hand; to resume it here is refused
        return {**said, "state": f"{e.state}, {where}", "command": f"%agent show {e.pid}"}
    return {**said, "state": e.state, "command": f"%agent resume {e.pid}"}


@lru_cache(maxsize=100)
def _row(journal: Path, size: int, changed: int) -> AgentRow:
    """Return the row of a process by its journal; of one that is as it was, the same as before."""
    events = scan(journal)[0]
    return Agent(events).row(saved.folded(events, journal))
