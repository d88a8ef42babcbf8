"""Who waits for whom: which waits can still end, and what is to be said of those that cannot. Pure over the table."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any, Protocol

from llmos_nb.process.state import State
from llmos_nb.session.protocols import ProcessLike

Table = Mapping[int, ProcessLike]
There = Callable[[ProcessLike, Mapping[str, Any]], bool]


class Far(Protocol):
    """What is known of the processes of a home that are not at hand."""

    def ended(self, pid: int) -> str:
        """Say how one has ended; nothing of one that lives."""

    def some_may_come(self, near: Container[int]) -> bool:
        """Return whether another than those at hand lives, or a service may start one."""

    def under_way(self, pid: int) -> bool:
        """Return whether something that another sent to a process stands in the home still."""


Verdict = tuple[ProcessLike, str, bool, str]


def title(s: State) -> str:
    """Name a process in a sentence."""
    return f"{s.name} (process {s.pid})" if s.name else f"process {s.pid}"


def verdicts(table: Table, waiting: list[int], there: There, far: Far) -> Iterator[Verdict]:
    """Say of each wait that ends now whether it ends well, and if not why.

    Parameters
    ----------
    table : mapping
        The processes that are at hand, by pid.
    waiting : list of int
        Those that wait for messages, in the order in which they began.
    there : callable
        ``there(process, wait)``: whether what it waits for is there.
    far : Far
        What is known of the others of the home.

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
            why = "" if ready else _nobody(table, process, wait, far)
            if why and far.under_way(pid):  # asked last: who has ended has sent all that it will
                continue
            if ready or why:
                found = True
                yield process, key, ready, why
    if not found:
        yield from _deadlock(table, waiting, far)


def _nobody(table: Table, process: ProcessLike, wait: Mapping[str, Any], far: Far) -> str:
    """Say why nobody can end this wait, or nothing: whoever comes later may end one that is for anybody."""
    for who in filter(None, (_ended(table[p]) if p in table else far.ended(p) for p in wait["whom"])):
        what = "no message will come" if wait["what"] == "message" else "its mailbox is not read any more"
        return f"{who}; {what}"
    if wait["whom"] or _others(table, process) or _comers(table, process, wait, far):
        return ""
    gone = [table.get(pid) or pid for pid in _partners(process, wait)]
    ended = ", ".join(f"process {p}" if isinstance(p, int) else f"{title(p.run.state)}: {p.reason}" for p in gone)
    return f"no message will come: all that it wrote with have ended ({ended})"


def _partners(process: ProcessLike, wait: Mapping[str, Any]) -> list[int]:
    """Return those that it wrote with, or that wrote to the mailbox."""
    s = process.run.state
    keys = dict.fromkeys([*(wait.get("wrote") or ()), *s.posted.values(), *s.arrived.values()])
    return [key for key in keys if isinstance(key, int)]  # not a shared mailbox


def _comers(table: Table, process: ProcessLike, wait: Mapping[str, Any], far: Far) -> bool:
    """Return whether a wait is for whoever comes: nobody wrote yet, or others are there or may be started."""
    return bool(wait.get("sender")) or not _partners(process, wait) or far.some_may_come(table)


def _ended(process: ProcessLike) -> str:
    return f"{title(process.run.state)} has ended ({process.reason})" if process.over else ""


def _others(table: Table, process: ProcessLike) -> list[ProcessLike]:
    return [p for p in table.values() if p is not process and not p.over]


def _whom(table: Table, process: ProcessLike) -> list[ProcessLike]:
    """Return those of whom any could end a wait of this process."""
    waits = process.run.state.awaited.values()
    if any(not w["whom"] for w in waits):
        return _others(table, process)
    return [table[p] for w in waits for p in w["whom"] if p in table]


def _deadlock(table: Table, waiting: list[int], far: Far) -> Iterator[Verdict]:
    """Tell the last of those that all wait for one another; the others then have somebody who goes on.

    One that waits for whoever comes, or for one who is not at hand, is none of them.
    """

    def goes_on(p: ProcessLike) -> bool:
        waits = p.run.state.awaited.values() if p.run.state.expecting else ()
        away = any(pid not in table for w in waits for pid in w["whom"]) or far.under_way(p.pid)
        return not p.over and (not waits or away or any(not w["whom"] and _comers(table, p, w, far) for w in waits))

    moving = _moving(table, goes_on)
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
    return process.pid in _moving(table, lambda p: _goes_on(p) or (people and p.run.state.waiting))


def _goes_on(p: ProcessLike) -> bool:
    return p.state == "running" or (p.state == "ended" and not p.over)  # what follows from an end is still to come
