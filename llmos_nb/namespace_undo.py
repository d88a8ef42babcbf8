"""Undo, redo and fork on the shared namespace, in place and on the record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmos_nb.errors import SnapshotConflict, UsageError
from llmos_nb.scheduler import Run
from llmos_nb.state import Call

if TYPE_CHECKING:
    from llmos_nb.process import Process


def undoable(run: Run) -> list[Call]:
    """Give the calls that changed the namespace and stand, in the order in which they ended."""
    return [c for c in run.state.surviving if c.changes]


def undo_calls(run: Run, to: int | None) -> None:
    """Take back the last step that changed the namespace, or those of step `to` and all after it.

    Raises
    ------
    SnapshotConflict
        Names what somebody changed since; nothing is taken back.
    UsageError
        There is nothing to undo.
    """
    calls = undoable(run)
    if to is not None:
        first = next((i for i, c in enumerate(calls) if c.step >= to), len(calls))
        wanted = calls[first:]
    else:
        wanted = [c for c in calls if calls and c.step == calls[-1].step and (c.step or c is calls[-1])]
    if not wanted:
        raise UsageError(f"process {run.state.pid}: no step that changed the namespace is left to undo")
    for call in reversed(wanted):
        take_back(run, call)


def take_back(run: Run, call: Call) -> None:
    """Take one call's changes back."""
    if run.snapshots is None:
        raise UsageError(f"process {run.state.pid} has no namespace")
    why = run.snapshots.can_undo(call.key)
    if why:
        raise SnapshotConflict(f"call {call.id} cannot be undone: {why}")
    run.snapshots.undo(call.key)
    run.append("call.undone", call=call.id)


def redo_last(run: Run) -> None:
    """Put back what was undone last."""
    if not run.state.undone:
        raise UsageError(f"process {run.state.pid}: nothing was undone")
    call = run.state.calls[run.state.undone[-1]]
    run.snapshots.redo(call.key)
    run.append("call.redone", call=call.id)


def fork_in_place(process: Process, at: int) -> None:
    """Take the namespace back to event `at` and end the process as ``forked``."""
    run = process.run
    finished = {e.d["call"]: e.n for e in run.journal.events if e.k == "call.finished"}
    later = [c for c in undoable(run) if finished.get(c.id, -1) > at]
    with run.journal.held():
        for call in reversed(later):
            take_back(run, call)
        if run.state.status != "ended":
            run.append("run.ended", reason="forked", detail=f"forked at event {at}", answer=None)
