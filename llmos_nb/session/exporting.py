"""What an export is made from: the processes asked for, and beside them all that ran in the same notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmos_nb.errors import LlmosError
from llmos_nb.journal import Home, history
from llmos_nb.policy.secrets import vault
from llmos_nb.session import toolbox
from llmos_nb.session.notebook import Notebook, past

if TYPE_CHECKING:
    from llmos_nb.export import ExportSource
    from llmos_nb.session.process import Process
    from llmos_nb.session.protocols import ProcessLike
    from llmos_nb.session.session import Session


def source_of(session: Session, process: ProcessLike, wanted: bool = True) -> ExportSource:
    """Return one process as the exporter sees it, with the cells of this interpreter's history."""
    from llmos_nb.export import ExportSource  # its room is slow to import

    run = process.run
    settings = {"approve": run.state.mode, "budget": run.state.budget.limits, "plan": run.state.planning}
    return ExportSource(
        goal=run.state.goal,
        name=run.state.name,
        pid=process.pid,
        model=run.state.model,
        settings=settings,
        state=run.state,
        events=history(run.journal.events, run.journal.path),
        tools=run.tools,
        user_cells=toolbox.user_cells(session.ip),
        namespace=session.namespace,
        blobs=run.journal.path.parent / "blobs",
        secrets=vault.values(),
        wanted=wanted,
    )


def sources(session: Session, processes: Sequence[ProcessLike]) -> list[ExportSource]:
    """Return the processes asked for, and those that worked on the same variables, in the order of what they ran.

    Where nothing is recorded of their notebook, they stand alone, with the cells of this interpreter's history.
    """
    from llmos_nb.export import Ran, ordered, places  # as above

    found = [source_of(session, p) for p in processes]
    named = {notebook for one in found for notebook, _ in places(one).values()}
    books = _notebooks(session, named, [Home(p.journal.path.parents[2]) for p in processes])
    if not books:
        return found
    others = [source_of(session, p, wanted=False) for p in _beside(session, processes, books)]
    return [
        one
        for one in ordered([*found, *others], [Ran(b.id, b.cells) for b in books])
        if one.wanted or one.placed
    ]


def _notebooks(session: Session, named: set[str], homes: Iterable[Home]) -> list[Notebook]:
    """Return the notebooks in which steps ran, the oldest first; this interpreter's own as it stands now."""
    recorder = session.notebook
    if recorder is not None:
        recorder.settled()
    found: dict[str, Notebook] = {}
    for home in {h.root: h for h in homes}.values():
        for notebook, path in past.notebooks(home):
            if notebook in named and notebook not in found:
                found[notebook] = past.load(path)
    return sorted(found.values(), key=lambda b: b.at)


def _beside(
    session: Session, processes: Sequence[ProcessLike], books: Iterable[Notebook]
) -> Iterator[ProcessLike]:
    """Return the other processes that worked on the variables of these notebooks."""
    seen = {p.journal.path.resolve() for p in processes}
    for path in (path for book in books for _, path in book.processes):
        if path.resolve() in seen or not path.exists():
            continue
        seen.add(path.resolve())
        process = _process(session, path)
        if process is not None and not process.run.journal.began.apart:
            yield process


def _process(session: Session, path: Path) -> Process | None:
    """Return the process of a journal: the live one, or as it was; None of one that cannot be read."""
    live = (p for p in session.processes.values() if p.journal.path.resolve() == path.resolve())
    if (found := next(live, None)) is not None:
        return found
    try:
        return session.replay(path)
    except LlmosError:
        return None


def export(session: Session, processes: Sequence[ProcessLike], path: Path, **options: Any) -> Path:
    """Write the plain notebook of what survived of one or more processes."""
    from llmos_nb.export import export as write  # as above

    return write(sources(session, processes), path, **options)
