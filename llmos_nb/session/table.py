"""The process table of a home: what has not ended, and on demand every process, from the journals alone.

The index says which journals are those of processes that have not ended; each of these is folded, so that its state is
what the journal says. Nothing is loaded, and nothing can be steered by what stands here.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from llmos_nb.errors import LlmosError
from llmos_nb.journal import Glance, Home, driver_of, first, look, scan
from llmos_nb.journal.events import RunStarted
from llmos_nb.policy.secrets import redact
from llmos_nb.process import saved
from llmos_nb.process.state import State
from llmos_nb.views import moment, standing


@dataclass(frozen=True)
class Entry:
    """One process of a home.

    Parameters
    ----------
    pid, name, goal : int, str, str
        Its number, its name (may be empty), and what is wanted.
    state : str
        How it stands, in words.
    at : str
        ISO 8601 time of its last event.
    driver : str
        Who drives it at this moment, as in ``process 4711 on host``; an empty text for nobody.
    ended, waiting : bool
        Whether it has ended; whether it waits for a person.
    parent : int
        The pid of the process that started it; 0 where no process did.
    folder : Path
        Of the run.
    """

    pid: int
    name: str
    goal: str
    state: str
    at: str
    driver: str
    ended: bool
    waiting: bool
    parent: int
    folder: Path

    @property
    def row(self) -> list[str]:
        """Return it as the cells of a table, under `HEADS`."""
        by = self.driver.partition(" on ")[0] if self.driver else "" if self.ended else "nobody"
        at = moment(self.at) if self.at else ""
        return [str(self.pid), self.name, self.state, at, by, " ".join(self.goal.split())[:40]]


HEADS = ("pid", "name", "state", "last event", "driven by", "goal")


def entries(home: Home, everything: bool = False, but: Container[int] = ()) -> list[Entry]:
    """Return the processes of a home that have not ended, or all, in the order in which they were started.

    Parameters
    ----------
    home : Home
        Whose.
    everything : bool
        Those that have ended, too.
    but : container of int
        Pids of processes that are left out.
    """
    found = look(home).runs
    return [_entry(home, g) for g in found if (everything or not g.reason) and g.pid not in but]


def named(home: Home, name: str) -> Path | None:
    """Return the folder of the last process of this name; one that has not ended comes before one that has."""
    found = [g for g in look(home).runs if name and g.name == name]
    return _folder(home, [g for g in found if not g.reason] or found)


def last(home: Home) -> Path | None:
    """Return the folder of the last process that has not ended, or of the last of all."""
    found = look(home)
    return _folder(home, found.unfinished or found.runs)


def _folder(home: Home, found: list[Glance]) -> Path | None:
    return home.runs / found[-1].folder if found else None


def _entry(home: Home, g: Glance) -> Entry:
    """Return one process; of a journal that cannot be read, what is wrong with it."""
    folder = home.runs / g.folder
    journal = folder / "journal.jsonl"
    try:
        if g.reason:
            body = first(journal).body
            goal = body.goal if isinstance(body, RunStarted) else ""
            state = standing(State(status="ended", reason=g.reason))
            return Entry(g.pid, g.name, goal, state, g.at, "", True, False, 0, folder)
        s, driver = _folded(journal, g.size, g.changed), driver_of(journal)
    except LlmosError as error:
        said = f"cannot be read: {redact(str(error))}"
        return Entry(g.pid, g.name, "", said, g.at, "", bool(g.reason), False, 0, folder)
    state = standing(s, elsewhere=bool(driver), driven=False)
    waits = s.waiting and not driver
    return Entry(g.pid, g.name, s.goal, state, s.at, driver, s.status == "ended", waits, s.started_by, folder)


@lru_cache(maxsize=1000)
def _folded(journal: Path, size: int, changed: int) -> State:
    """Return what the table needs of a journal's state; of one that is as it was, the same as before."""
    s = saved.folded(scan(journal)[0], journal)
    asked = {k: {"since": q.get("since", "")} for k, q in s.questions.items()} if s.waiting else {}
    waits = s.awaited.items() if s.expecting else ()
    awaited = {k: {n: w.get(n, "") for n in ("since", "title")} for k, w in waits}
    kept = {n: getattr(s, n) for n in ("goal", "status", "reason", "at", "parent")}
    return State(**kept, questions=asked, awaited=awaited)
