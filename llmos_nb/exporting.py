"""From a process to its plain notebook."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmos_nb import revive, toolbox
from llmos_nb.secrets import box as secrets_box

if TYPE_CHECKING:
    from llmos_nb.process import Process
    from llmos_nb.session import Session


def export(session: Session, process: Process, path: Path, **options: Any) -> Path:
    """Write the plain notebook of what survived."""
    from llmos_nb.notebook.export import ExportSource, export  # nbformat is slow to import

    run = process.run
    settings = {"approve": run.state.mode, "budget": run.state.budget.limits, "plan": run.state.planning}
    source = ExportSource(
        goal=run.state.goal,
        name=run.state.name,
        pid=process.pid,
        model=run.state.model,
        settings=settings,
        state=run.state,
        events=revive.history(run.journal.events, run.journal.path),
        tools=run.tools,
        user_cells=toolbox.user_cells(session.ip),
        namespace=session.namespace,
        blobs=run.journal.path.parent / "blobs",
        secrets=secrets_box.box.values(),
    )
    return export(source, path, **options)
