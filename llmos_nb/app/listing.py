"""The processes of a home as lines: `%agent ps`, `llmos ps`, and the line that the extension says when it loads."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from llmos_nb.app.notice import named
from llmos_nb.journal import Home
from llmos_nb.policy import show
from llmos_nb.session import table
from llmos_nb.views import phrase, standing, visible
from llmos_nb.views.report import Grid, Note, Report, Told, words

if TYPE_CHECKING:  # the list is made in a terminal, too, which drives no process
    from llmos_nb.session import Process

LAST = 500  # of those that have ended, a table has so many
NUMBERS, NBSP = frozenset({"pid"}), "\u00a0"  # the latter, as a page would drop spaces


def home_report(home: Home, everything: bool, here: Mapping[int, table.Entry] | None = None) -> Report:
    """Return a home's table.

    Parameters
    ----------
    home : Home
        Whose.
    everything : bool
        Those that have ended, too.
    here : mapping, optional
        The processes of this notebook, by pid.
    """
    own = [e for e in (here or {}).values() if everything or not e.ended]
    others, away = table.listed(home, everything, here or (), LAST)
    found = sorted([*own, *others], key=lambda e: e.pid)
    rows = [_row(e) for e in found]
    return _home_grid(home, "", table.HEADS, rows, NUMBERS, away)


def _row(e: table.Entry) -> list[str]:
    pid, name, _, *rest = e.row
    return [pid, name, _state(e), *rest]


def _state(e: table.Entry) -> Told:
    return Told(e.state, "ask" if e.waiting else "bad" if e.status == "interrupted" else "")


def home_table(home: Home, everything: bool) -> Iterator[str]:
    """Yield the lines of a home's table."""
    yield words(home_report(home, everything))


TOP = ("pid", "name", "state", "waits for", "steps", "tokens", "cost", "busy", "owner")
AMOUNTS = frozenset({"pid", "steps", "tokens", "cost", "busy"})


def top_report(home: Home) -> Report:
    """Return what the unfinished processes of a home have used, those that run first."""
    found = sorted(table.entries(home), key=lambda e: (e.status != "running", -e.spent.get("tokens", 0.0)))
    return _home_grid(home, "have used", TOP, [_used(e) for e in found], AMOUNTS)


def _home_grid(
    home: Home, what: str, heads: Sequence[str], rows: list[list[str]], numbers: frozenset[str], away: int = 0
) -> Report:
    none = f"nothing is unfinished in {home.root}"
    grid = Grid(f"Processes of {home.root} {what}".strip(), heads, rows, numbers, none=none)
    return Report("", [grid, *map(Note, _left_out(away))])


def _left_out(away: int) -> list[str]:
    return [f"{away:,} that ended before are left out: llmos ps --all --json lists them"] if away else []


def _used(e: table.Entry) -> list[str]:
    spent = [f"{e.spent.get(u, 0):,.0f}" for u in ("steps", "tokens")]
    cost, busy = show("$", e.spent.get("$", 0.0)), show("s", round(e.spent.get("s", 0.0), 1))
    return [str(e.pid), e.name, _state(e), phrase(e.waits_for), *spent, cost, busy, e.place]


def tree_report(home: Home, everything: bool) -> Report:
    """Return the processes of a home with those that they started, or that were forked from them, below them."""
    entries, away = table.listed(home, everything, last=LAST)
    found = list(branches(entries, lambda e: e.above))
    rows = [[mark.replace(" ", NBSP) + _named(e), *_told(e)] for mark, e in found]
    lines = [f"{mark}{_named(e)} [{e.state}] {phrase(e.goal)}" for mark, e in found]
    report = _home_grid(home, "and their children", ("process", *TREE), rows, frozenset(), away)
    return Report(report.title, report.parts, "\n".join([*lines, *_left_out(away)]))


TREE = ("state", "waits for", "owner", "goal")


def _named(e: table.Entry) -> str:
    return f"{e.pid} {visible(e.name)}".rstrip()


def _told(e: table.Entry) -> list[str]:
    return [_state(e), phrase(e.waits_for), e.place, phrase(e.goal)]


class Numbered(Protocol):
    """What has a pid."""

    @property
    def pid(self) -> int:
        """Its number."""


N = TypeVar("N", bound=Numbered)


def branches(found: Iterable[N], above: Callable[[N], int | None]) -> Iterator[tuple[str, N]]:
    """Yield processes as a tree, each with the mark in front of it; `above` gives the pid of the one above."""
    known = {p.pid: p for p in found}
    children: dict[int, list[N]] = {}
    for p in known.values():
        over = above(p) or 0
        children.setdefault(over if over in known and over != p.pid else 0, []).append(p)
    yield from _branch(children, 0, "")


def _branch(children: Mapping[int, list[N]], of: int, indent: str) -> Iterator[tuple[str, N]]:
    found = children.get(of, ())
    for i, p in enumerate(found):
        last = i == len(found) - 1
        mark = "" if not of else "└─ " if last else "├─ "
        below = "" if not of else "   " if last else "│  "
        yield indent + mark, p
        yield from _branch(children, p.pid, indent + below)


def plain(home: Home, everything: bool) -> Iterator[str]:
    """Yield a process a line, as JSON."""
    for e in table.entries(home, everything):
        yield json.dumps(e.plain)


def elsewhere(home: Home, here: Collection[int]) -> str:
    """Say in one line what else is unfinished in a home; nothing where nothing is."""
    found = table.entries(home, but=here)
    if not found:
        return ""
    driven, waits = sum(bool(e.driver) and not e.waiting for e in found), sum(e.waiting for e in found)
    kinds = ((waits, "waiting for you"), (driven, "running elsewhere"))
    how = ", ".join(f"{n} {words}" for n, words in kinds if n)
    more = "1 more process is" if len(found) == 1 else f"{len(found)} more processes are"
    which = named([(e.pid, e.name) for e in found])
    return f"{more} unfinished in this home{f' ({how})' if how else ''}: {which}. %agent ps --all shows all"


def stands(process: Process) -> str:
    """Say how a process stands: by what is at hand, or where it is at work elsewhere or broke off, by its journal."""
    from llmos_nb.journal.events import RunPaused, RunResumed, RunStarted
    from llmos_nb.session import abreast  # a terminal has no process at hand

    s = process.run.state
    if not process.cold or s.status == "ended":
        return standing(s)
    if where := abreast.whereabouts(process):
        told = standing(s, elsewhere=s.status == "running" and where.startswith("in "))
        return told if told.endswith(")") else f"{told}, {where}"
    kept = (e.body for e in reversed(process.events))
    last = next((b for b in kept if isinstance(b, RunPaused | RunResumed | RunStarted)), None)
    if s.status == "paused" and not isinstance(last, RunPaused):  # it is held here; in the journal it goes on
        s = replace(s, status="running")
    return standing(s, driven=False)
