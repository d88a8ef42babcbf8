"""With ``trace``: what did not survive, as raw cells that nothing runs."""

from __future__ import annotations

from collections.abc import Iterator

from llmos_nb.notebook.cells import Cell
from llmos_nb.notebook.source import ExportSource
from llmos_nb.notebook.steps import LOOKING, call_code
from llmos_nb.state import CONTROL


def trace_cells(run: ExportSource) -> Iterator[Cell]:
    """Give the plan, and each undone, rejected, skipped or failed call with why."""
    plan = run.state.plan
    if len(plan):
        lines = [
            f"{s.n}. {s.title} ({s.status})" + (f"; expected: {s.expect}" if s.expect else "")
            for s in plan.steps
        ]
        yield Cell("raw", "plan", "\n".join([f"Plan of process {run.pid}, version {plan.version}", *lines]))
    for call in run.state.calls.values():
        if call.status not in ("undone", "rejected", "skipped", "failed", "in_doubt") or call.name in (
            *CONTROL,
            *LOOKING,
        ):
            continue
        why = f": {call.why or call.error}" if call.why or call.error else ""
        text = f"{call.id} {call.name}, {call.status}{why}\n\n{call_code(run, call)}"
        yield Cell("raw", "left-out", text, {"call": call.id, "status": call.status})
    for call in run.state.calls.values():
        if call.original is not None and call.original != call.arguments:
            original = (
                call.original.get("code", call.original) if isinstance(call.original, dict) else call.original
            )
            yield Cell(
                "raw",
                "original",
                f"{call.id} as the model proposed it, before it was edited\n\n{original}",
                {"call": call.id},
            )
