"""Who waits for whom: which waits can still end, and what is to be said of those that cannot. Pure over the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from llmos_nb.process.state import State
from llmos_nb.session.protocols import ProcessLike

Table = Mapping[int, ProcessLike]
There = Callable[[ProcessLike, Mapping[str, Any]], bool]
Verdict = tuple[ProcessLike, str, bool, str]


def title(s: State) -> str:
    """Name a process in a sentence."""
    return f"{s.name} (process {s.pid})" if s.name else f"process {s.pid}"


def verdicts(table: Table, waiting: list[int], there: There) -> Iterator[Verdict]:
    """Say of each wait that ends now whether it ends well, and if not why.

    Parameters
    ----------
    table : mapping
        All processes by pid.
    waiting : list of int
        Those that wait for messages, in the order in which they began.
    there : callable
        ``there(process, wait)``: whether what it waits for is there.

    Yields
    ------
    tuple
        The process, the key of its wait, whether it goes on, and why not.
    """
    found = False
    for pid in waiting:
        process = table[pid]
        for key, wait in list(process.run.state.awaited.items()):
            if process.run.state.status != "running" or wait["what"] == "input":
                continue
            ready = there(process, wait)
            why = "" if ready else _nobody(table, process, wait)
            if ready or why:
                found = True
                yield process, key, ready, why
    if not found:
        yield from _deadlock(table, waiting)


def _nobody(table: Table, process: ProcessLike, wait: Mapping[str, Any]) -> str:
    """Say why nobody can end this wait, or nothing."""
    if gone := [table[p] for p in wait["whom"] if p in table and table[p].state == "ended"]:
        what = "no message will come" if wait["what"] == "message" else "its mailbox is not read any more"
        return f"{title(gone[0].run.state)} has ended ({gone[0].reason}); {what}"
    s = process.run.state
    keys = dict.fromkeys([*wait.get("wrote", ()), *s.posted.values(), *s.arrived.values()])
    partners = [table[key] for key in keys if isinstance(key, int) and key in table]  # not a shared mailbox
    if wait["whom"] or _others(table, process):
        return ""
    gone = partners or [p for p in table.values() if p.state == "ended" and p.run.state.at >= wait["since"]]
    ended = ", ".join(f"{title(p.run.state)}: {p.reason}" for p in gone)
    who = "all that it wrote with" if partners else "all others"
    return f"no message will come: {who} have ended ({ended})" if gone else ""


def _others(table: Table, process: ProcessLike) -> list[ProcessLike]:
    return [p for p in table.values() if p is not process and p.state != "ended"]


def _whom(table: Table, process: ProcessLike) -> list[ProcessLike]:
    """Return those of whom any could end a wait of this process."""
    waits = process.run.state.awaited.values()
    if any(not w["whom"] for w in waits):
        return _others(table, process)
    return [table[p] for w in waits for p in w["whom"] if p in table]


def _deadlock(table: Table, waiting: list[int]) -> Iterator[Verdict]:
    """Tell the last of those that all wait for one another; the others then have somebody who goes on."""
    moving = _moving(table, lambda p: p.state != "ended" and not p.run.state.expecting)
    if stuck := [table[p] for p in waiting if p not in moving and _others(table, table[p])]:
        names = " and ".join(title(p.run.state) for p in stuck)
        last = stuck[-1]
        key = next(iter(last.run.state.awaited))
        if last.run.state.awaited[key]["what"] != "input":
            yield last, key, False, f"deadlock: {names} all wait for one another; somebody must send first"


def _moving(table: Table, begins: Callable[[ProcessLike], bool]) -> set[int]:
    """Return the processes that can go on, or wait for one that can."""
    moving = {pid for pid, p in table.items() if begins(p)}
    while True:
        held = [p for pid, p in table.items() if pid not in moving and p.run.state.expecting]
        if not (more := {p.pid for p in held if any(q.pid in moving for q in _whom(table, p))}):
            return moving
        moving |= more


def hopeful(table: Table, process: ProcessLike, people: bool) -> bool:
    """Whether somebody at work may still end the wait of a process; with `people`, one who waits for a person too."""
    return process.pid in _moving(table, lambda p: p.state == "running" or (people and p.run.state.waiting))
