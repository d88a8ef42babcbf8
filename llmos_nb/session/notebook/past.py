"""The notebooks of a home, read back from their journals."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from llmos_nb.errors import JournalError
from llmos_nb.journal import Event, Home, Journal, first
from llmos_nb.journal.events import CellRan, NotebookOpened, ProcessJoined


@dataclass(frozen=True)
class Notebook:
    """What one interpreter ran of a notebook.

    Parameters
    ----------
    id : str
        As steps name it.
    at : str
        ISO 8601 time when it began.
    path : Path
        Its journal.
    cells : tuple of CellRan
        In the order of their places.
    processes : tuple of (int, Path)
        Pid and journal of each process that worked on its variables.
    folder : Path
        Where it was when it began; relative file names of its first cell start there.
    """

    id: str
    at: str
    path: Path
    cells: tuple[CellRan, ...] = ()
    processes: tuple[tuple[int, Path], ...] = ()
    folder: Path = Path()


def paths(home: Home) -> list[Path]:
    """Return the journals of the notebooks of a home, the oldest first by name."""
    return sorted(home.notebooks.glob("*/journal.jsonl"))


def notebooks(home: Home) -> Iterator[tuple[str, Path]]:
    """Return id and journal of each notebook of a home; one that cannot be read is left out."""
    for path in paths(home):
        try:
            body = first(path).body
        except (JournalError, ValueError):
            continue
        if isinstance(body, NotebookOpened):
            yield body.notebook, path


def load(path: Path) -> Notebook:
    """Read the journal of a notebook.

    Raises
    ------
    JournalError
        It cannot be read, or is no journal of a notebook.
    NotTrusted
        It may be a stranger's.
    """
    journal = Journal(path)
    journal.check_maker()
    return of_events(journal.events, path)


def of_events(events: list[Event], path: Path) -> Notebook:
    """Return what the events of a notebook's journal say."""
    opened = events[0].body if events else None
    if not isinstance(opened, NotebookOpened):
        raise JournalError(f"{path} does not begin with {NotebookOpened.kind}: it is no journal of a notebook")
    cells = sorted((e.body for e in events if isinstance(e.body, CellRan)), key=lambda c: c.place)
    joined = [e.body for e in events if isinstance(e.body, ProcessJoined)]
    processes = tuple((b.pid, Path(os.path.normpath(path.parent / b.journal))) for b in joined)
    return Notebook(opened.notebook, events[0].at, path, tuple(cells), processes, Path(opened.folder))
