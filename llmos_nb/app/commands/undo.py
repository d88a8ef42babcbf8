"""The `%agent undo` and `%agent redo` commands."""

from __future__ import annotations

from collections.abc import Collection

from llmos_nb.app.options import Command
from llmos_nb.journal.events import CallRedone, CallUndone
from llmos_nb.process import beyond_undo
from llmos_nb.session import Process, Session
from llmos_nb.tools import Call


async def undo(session: Session, command: Command) -> None:
    process = session.find(command.process)
    mark, known = len(process.events), set(process.run.state.calls)
    done = process.undo(command.flags.get("to")) if command.verb == "undo" else process.redo()
    if process.run.state.settled:
        await done  # until what acted outside is asked for, or taken back
    for event in process.events[mark:]:
        if isinstance(b := event.body, CallUndone | CallRedone):
            told = "taken back" if isinstance(b, CallUndone) else "put back"
            print(f"{told}: {_named_undo(process.run.state.calls[b.call])}")
    if command.verb == "undo":
        _tell_outside(process, known)


def _named_undo(call: Call) -> str:
    """Name a call and what it changed."""
    changed = sorted(set(call.changes.names))
    return f"{call.id} {call.name}" + (f" ({', '.join(f'`{n}`' for n in changed)})" if changed else "")


def _tell_outside(process: Process, known: Collection[str]) -> None:
    """Say what became of what acted outside: taken back, asked for, or not to be taken back."""
    s = process.run.state
    for call in (c for c in s.calls.values() if c.undoes and c.id not in known):
        asks = f"acted outside: %agent approve {process.pid} {call.id} has its tool take it back"
        became = {
            "done": "was taken back by its tool",
            "failed": f"stays: {call.result}",
            "rejected": f"stays: {call.why}",
        }
        print(f"{call.undoes} ({s.calls[call.undoes].name}) {became.get(call.status, asks)}")
    if stays := beyond_undo(process.run, s.surviving):
        print(f"{stays}; it stays as it is")
