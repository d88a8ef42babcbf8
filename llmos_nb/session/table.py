"""The process table of a home: what has not ended, and on demand every process, from the journals alone.

The index says which journals are those of processes that have not ended; each of these is folded, so that its state is
what the journal says. Nothing is loaded, and nothing can be steered by what stands here.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from functools import lru_cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from llmos_nb.errors import LlmosError, UsageError
from llmos_nb.journal import Glance, Home, driver_of, first, holder_of, look, scan
from llmos_nb.journal.events import RunStarted
from llmos_nb.policy import approval
from llmos_nb.policy.secrets import redact
from llmos_nb.process import saved
from llmos_nb.process.state import State
from llmos_nb.views import moment, phrase, standing, visible

SHOWN = 9


Status = Literal["running", "waiting", "paused", "interrupted", "ended"]


class Entry(NamedTuple):
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
    run : str
        Its folder.
    status : str
        How it stands, in one word; ``interrupted`` where it would go on and nobody has it at hand.
    owner : str
        Who has it at hand, also while it waits: ``process 4711 (book.ipynb)``; an empty text for nobody.
    elsewhere : bool
        Whether another interpreter than this has it at hand, or writes its journal.
    waits_for, since : str
        What it waits for, in words, and the ISO 8601 time since when.
    above : int
        The same as `parent`; of a fork, the process that it was forked from.
    spent : dict of str to float
        What an unfinished process has used, by unit.
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
    run: str
    status: Status = "running"
    owner: str = ""
    elsewhere: bool = False
    waits_for: str = ""
    since: str = ""
    above: int = 0
    spent: Mapping[str, float] = MappingProxyType({})

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        return Path(self.run)

    @property
    def place(self) -> str:
        """Say who has it at hand; ``nobody`` of one that has not ended and that nobody has."""
        return self.owner or self.driver.partition(" on ")[0] or ("" if self.ended else "nobody")

    @property
    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it; its folder by that name."""
        found = {**self._asdict(), "spent": dict(self.spent), "folder": self.run}
        del found["run"]
        return found

    @property
    def row(self) -> list[str]:
        """Return it as the cells of a table, under `HEADS`."""
        at = moment(self.at) if self.at else ""
        return [str(self.pid), self.name, self.state, at, self.place, phrase(self.waits_for), phrase(self.goal)]


HEADS = ("pid", "name", "state", "last event", "owner", "waits for", "goal")


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
    return listed(home, everything, but)[0]


def listed(home: Home, everything: bool, but: Container[int] = (), last: int | None = None) -> tuple[list[Entry], int]:
    """Return the same, and of those that have ended only the last so many; with how many these leave out."""
    found = [g for g in look(home).runs if (everything or not g.reason) and g.pid not in but]
    ended = [g.pid for g in found if g.reason] if last is not None else []
    away = set(ended[: len(ended) - (last or 0)])
    made = [_entry(home, g) for g in found if g.pid not in away]
    return [e for e in made if everything or not e.ended], len(away)  # one may have ended meanwhile


def one(home: Home, folder: Path) -> Entry:
    """Return the process of one run."""
    return next(_entry(home, g) for g in look(home).runs if g.folder == folder.name)


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


def find(home: Home, key: str) -> Path:
    """Return the folder of a process by pid or name; without one, that of the last.

    Raises
    ------
    UsageError
        There is none.
    """
    folder = (home.find(int(key)) if key.isdecimal() else None) or (named(home, key) if key else last(home))
    if folder is None:
        left = ", ".join(f"{g.pid} {visible(g.name)}".rstrip() for g in look(home).unfinished[-SHOWN:])
        which = f"process {key!r}: no such process in" if key else "there is no process in"
        raise UsageError(f"{which} {home.root} (unfinished: {left or 'none'})")
    return folder


def _entry(home: Home, g: Glance) -> Entry:
    """Return one process; of a journal that cannot be read, what is wrong with it."""
    run = home.runs / g.folder
    made = partial(Entry, g.pid, g.name, run=str(run))
    journal = run / "journal.jsonl"
    try:
        if g.reason:
            body = first(journal).body
            goal, origin = (body.goal, body.parent) if isinstance(body, RunStarted) else ("", None)
            parent, above = _above(origin)
            state = _ended(g.reason)
            return made(goal, state, g.at, "", True, False, parent, status="ended", above=above)
        s, driver, holder = _folded(journal, g.size, g.changed), driver_of(journal), holder_of(journal)
    except LlmosError as error:
        said = f"cannot be read: {redact(str(error))}"
        return made("", said, g.at, driver="", ended=bool(g.reason), waiting=False, parent=0)
    owner = holder.words if holder is not None else ""
    parent, above = _above(s.parent)
    waits = (*s.questions.values(), *s.awaited.values())
    return made(
        s.goal,
        standing(s, elsewhere=bool(driver), driven=bool(owner)),
        s.at,
        driver=driver,
        ended=s.status == "ended",
        waiting=s.waiting,
        status=_status(s, bool(driver or owner)),
        owner=owner,
        elsewhere=bool(driver) or (holder is not None and not holder.here),
        waits_for=", ".join(map(approval.wanted, waits)),
        since=min((q["since"] for q in waits), default=""),
        spent=s.spent,
        parent=parent,
        above=above,
    )


def _above(origin: Mapping[str, Any] | None) -> tuple[int, int]:
    """Return the process that started one, and the one that it stands below: that, or the one it was forked from."""
    pid = int((origin or {}).get("pid", 0))
    return 0 if "at" in (origin or {}) else pid, pid


def _status(s: State, at_hand: bool) -> Status:
    if s.status == "running":
        return "waiting" if s.waiting or s.expecting else "running" if at_hand else "interrupted"
    return "ended" if s.status == "ended" else "paused"


@lru_cache(maxsize=100)
def _ended(reason: str) -> str:
    return standing(State(status="ended", reason=reason))


@lru_cache(maxsize=1000)
def _folded(journal: Path, size: int, changed: int) -> State:
    """Return what the table needs of a journal's state; of one that is as it was, the same as before."""
    s = saved.folded(scan(journal)[0], journal)
    asked = s.questions.items() if s.waiting else ()
    waits = s.awaited.items() if s.expecting else ()
    kept = {n: getattr(s, n) for n in ("goal", "status", "reason", "at", "parent", "spent")}
    return State(**kept, questions={k: _wait(q) for k, q in asked}, awaited={k: _wait(w) for k, w in waits})


def _wait(given: Mapping[str, Any]) -> dict[str, Any]:
    names = ("kind", "title", "until", "then", "escalate")
    return {"since": given.get("since", ""), **{n: given[n] for n in names if n in given}}
