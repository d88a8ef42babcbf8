"""The `%agent` commands that show all processes: ps, top, tree; in a notebook they follow what happens."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime

from llmos_nb.app import listing
from llmos_nb.app.options import Command
from llmos_nb.app.present.report import EVERY_S, Place, follow
from llmos_nb.journal.events import ModelRequested
from llmos_nb.policy import show
from llmos_nb.session import Process, Session, table as processes
from llmos_nb.views import Tone, phrase
from llmos_nb.views.report import Grid, Note, Report, Told

PS = ("pid", "name", "state", "waits for", "nice", "steps", "tokens", "cost", "age", "goal")
TOP = ("pid", "name", "uses now", "waits for", "nice", "tokens", "cost", "busy", "waited")
NUMBERS = frozenset({"pid", "nice", "steps", "tokens", "cost", "age", "busy", "waited"})
NONE = "no processes yet"
HERE = "this notebook"
WAITS, GOAL = 300, 120  # characters; a longer one ends with its last whole word


async def ps(session: Session, command: Command) -> None:
    if command.flags["all"]:
        here = {p.pid: _entry(p) for p in session.processes.values() if not p.cold}
        Place(session.ip).put(listing.home_report(session.home, everything=True, here=here))
        return
    line = listing.elsewhere(session.home, session.processes)  # once: it looks at every journal of the home
    follow(session.ip, lambda: _ps(session, line), lambda: _at_work(session))


def _ps(session: Session, line: str) -> Report:
    now = datetime.now(UTC)
    rows = [_row(session.find(pid), now) for pid in list(session.processes)]
    grid = Grid("Processes of this notebook", PS, rows, NUMBERS, none=NONE)
    return Report("", [grid, *([Note(line)] if line else [])])


def _at_work(session: Session) -> bool:
    return any(p.state in ("running", "waiting") and not p.cold for p in list(session.processes.values()))


def _entry(p: Process) -> processes.Entry:
    """Return a process that is at hand in this notebook as a row of the home's table."""
    s = p.run.state
    return processes.Entry(
        pid=p.pid,
        name=s.name,
        goal=s.goal,
        state=listing.stands(p),
        at=s.at,
        driver="" if s.status == "ended" else HERE,
        owner="" if s.status == "ended" else HERE,
        waits_for=p.waits_for if p.state == "waiting" else "",
        ended=s.status == "ended",
        waiting=s.waiting,
        parent=s.started_by,
        run=str(p.journal.path.parent),
    )


def _row(p: Process, now: datetime) -> list[str]:
    s = p.run.state
    spent = [f"{s.spent.get(u, 0):,.0f}" for u in ("steps", "tokens")]
    began = p.run.journal.events[0].at if p.run.journal.events else s.at
    age = _age((now - datetime.fromisoformat(began)).total_seconds()) if began else ""
    waits, goal = phrase(p.waits_for, WAITS), phrase(s.goal, GOAL)
    return [str(p.pid), s.name, Told(listing.stands(p), _tone(p)), waits, _nice(p), *spent, _cost(p), age, goal]


def _tone(p: Process) -> Tone:
    """Return what its state means for a reader; green is not for an answer that nobody checked."""
    if p.state == "waiting":
        return "ask" if p.run.state.waiting else ""
    if p.state == "running":
        return "" if p.cold else "go"
    return "bad" if p.state == "ended" and p.reason not in ("answered", "forked", "killed") else ""


def _nice(p: Process) -> str:
    return f"{p.run.state.nice:+d}" if p.run.state.nice else "0"


def _cost(p: Process) -> str:
    return show("$", p.run.state.spent.get("$", 0.0)) if p.run.price else "-"


def _age(seconds: float) -> str:
    """Say a time in its largest whole unit."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


async def top(session: Session, command: Command) -> None:
    """Show what each process uses, the busiest first, until none works or somebody stops it."""
    left, place = int(command.flags.get("n") or 0), Place(session.ip)
    if command.flags["all"]:
        return place.put(listing.top_report(session.home))
    while True:
        rows = [_use(p) for p in _busiest(session.processes.values())]
        place.put(Report("", [Grid("What processes use now", TOP, rows, NUMBERS, none=NONE)]))
        left -= 1
        if left == 0 or not any(p.state == "running" and not p.cold for p in session.processes.values()):
            return None
        await asyncio.sleep(EVERY_S)


def _busiest(known: Iterable[Process]) -> list[Process]:
    def key(p: Process) -> tuple[bool, bool, float]:
        return not p.uses, p.state != "running", -p.run.state.spent.get("tokens", 0.0)

    return sorted(known, key=key)


def _use(p: Process) -> list[str]:
    s = p.run.state
    waited = sum(e.body.waited_s for e in p.run.journal.events if isinstance(e.body, ModelRequested))
    uses, busy = Told(p.uses or (p.reason or p.state), _tone(p)), show("s", round(s.spent.get("s", 0.0), 1))
    tokens = f"{s.spent.get('tokens', 0):,.0f}"
    return [str(p.pid), s.name, uses, _waiting(p), _nice(p), tokens, _cost(p), busy, f"{waited:.1f} s"]


async def tree(session: Session, command: Command) -> None:
    """Show parents with their children, started or forked, below them."""
    if command.flags["all"]:
        return Place(session.ip).put(listing.tree_report(session.home, everything=True))
    return follow(session.ip, lambda: _tree(session), lambda: _at_work(session))


def _tree(session: Session) -> Report:
    branches = list(listing.branches(list(session.processes.values()), lambda p: p.parent))
    rows = [
        [
            f"{mark.replace(' ', listing.NBSP)}{p.pid} {p.run.state.name}".rstrip(),
            *(Told(_standing(p), _tone(p)), _waiting(p), _cost(p), _goal(p)),
        ]
        for mark, p in branches
    ]
    heads = ("process", "state", "waits for", "cost", "goal")
    grid = Grid("Processes and their children", heads, rows, frozenset({"cost"}), none=NONE)
    return Report("", [grid], "\n".join(f"{mark}{_named(p)}" for mark, p in branches) or NONE)


def _standing(p: Process) -> str:
    return listing.stands(p) if p.cold or p.state == "ended" else p.state


def _waiting(p: Process) -> str:
    return phrase(p.waits_for, WAITS) if p.state != "ended" else ""


def _goal(p: Process) -> str:
    s = p.run.state
    forked = f" (forked at event {s.parent['at']})" if s.parent and "at" in s.parent else ""
    return phrase(s.goal, GOAL) + forked


def _named(p: Process) -> str:
    name = f" {p.run.state.name}" if p.run.state.name else ""
    waits = f": {said}" if (said := _waiting(p)) else ""
    return f"{p.pid}{name} [{_standing(p)}{waits}] {_goal(p)}"
