"""How the last process of a goal stands, also where another notebook has it."""

from __future__ import annotations

from llmos_nb.errors import JournalError, JournalLocked
from llmos_nb.journal import Journal
from llmos_nb.session import Session


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
        journal = Journal(folder / "journal.jsonl")
    except JournalError:  # nothing goes on from it
        return "ended", False
    last = next(
        (e for e in reversed(journal.events) if e.k in ("run.ended", "run.paused", "run.resumed")), None
    )
    if last is not None and last.k != "run.resumed":
        return last.k.removeprefix("run."), last.d.get("reason") == "answered"
    try:
        journal.acquire()
    except JournalLocked:
        return "at work", False
    journal.release()
    return "broken off", False
