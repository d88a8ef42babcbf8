"""Events of a notebook: the cells that its user ran, and the processes that worked beside them.

They stand in a journal of the notebook's own. Its cells and the steps of all processes are numbered in one order: that
of their beginning in the user's thread.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any

from llmos_nb.journal.events.base import Fact, event


@event("notebook.opened")
class NotebookOpened(Fact):
    """The first event of a notebook's journal: an interpreter began to run its cells.

    Parameters
    ----------
    version : int
        Of the format.
    notebook : str
        The journal's id, which the steps of processes name.
    name : str
        The notebook's file, where it is known.
    folder : str
        The working folder.
    python : str
        Version of the interpreter.
    """

    version: int
    notebook: str
    name: str = ""
    folder: str = ""
    python: str = ""


@event("cell.ran")
class CellRan(Fact):
    """A cell of the user's ended.

    Parameters
    ----------
    place : int
        Its number in the order of cells and steps.
    source : str
        As it was run, without the values of secrets.
    count : int
        Execution count; 0 of a cell that has none.
    ok : bool
        Whether it ran to its end.
    error : str
        Class of the error.
    line : int
        The cell's line that raised; 0 where nobody knows.
    seconds : float
        How long it took.
    outputs : list of dict
        By output: ``type``, media types, ``sha256`` of its text, ``size``; and the ``text`` where it is short.
    changed : list of str
        Of the names in its source, those that it bound to another object.
    reads : dict
        What it read outside the namespace: ``files``, ``environ``.
    random : dict
        Random states as they stood before it, of the generators that it moved.
    before : bool
        It ran before the extension was loaded, so that nothing else is known of it.
    """

    place: int
    source: str
    count: int = 0
    ok: bool = True
    error: str = ""
    line: int = 0
    seconds: float = 0.0
    outputs: list[dict[str, Any]] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    reads: dict[str, Any] = field(default_factory=dict)
    random: dict[str, Any] = field(default_factory=dict)
    before: bool = False


@event("process.joined")
class ProcessJoined(Fact):
    """A process began to work on the notebook's variables, or came back to them.

    Parameters
    ----------
    pid : int
        The process.
    journal : str
        Its journal, relative to the notebook's folder in the home.
    place : int
        Its number in the order of cells and steps.
    """

    pid: int
    journal: str
    place: int
