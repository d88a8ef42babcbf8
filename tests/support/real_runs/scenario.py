"""A notebook as data: what a user types, what the model answers, and what is asked of the export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LOOK, RESTART = "<look>", "<restart>"


@dataclass(frozen=True)
class Cell:
    """One cell.

    Parameters
    ----------
    code : str
        What the user types; `LOOK` where the values are those that the export is to have, `RESTART` for a new kernel.
    turns : sequence
        What the model answers, for a cell that starts a process; its code has ``{spec}`` for the model.
    raises : str
        The name of the error that the cell is to end with; ``|`` stands between several that it may.
    """

    code: str
    turns: tuple[Any, ...] = ()
    raises: str = ""


@dataclass(frozen=True)
class Scenario:
    """A notebook and its export.

    Parameters
    ----------
    name, words : str
        A short name; what it is about.
    cells : sequence of Cell
        In the order in which they are run.
    files : mapping
        By path, the text or the bytes of files that were there long before.
    export : str
        What stands between ``%agent export`` and the file; or ``journal`` or ``home`` for the `llmos` command.
    pids : sequence of int
        The processes whose steps must be in it; by default the last one.
    also, skip : sequence of str
        Names to be compared besides those that the steps bind; names that are not.
    """

    name: str
    words: str
    cells: tuple[Cell, ...]
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    export: str = ""
    pids: tuple[int, ...] = ()
    also: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()

    @property
    def starts(self) -> int:
        """How many processes its cells start."""
        return sum(bool(c.turns) for c in self.cells)

    @property
    def exported(self) -> tuple[int, ...]:
        """The processes whose steps the export must have."""
        return self.pids or (self.starts,)


def study(name: str, words: str, *cells: str | Cell, **more: Any) -> Scenario:
    """Return a scenario; a text among its cells is one of the user's."""
    return Scenario(name, words, tuple(Cell(c) if isinstance(c, str) else c for c in cells), **more)


def user(code: str, raises: str = "") -> Cell:
    """Return a cell of the user's."""
    return Cell(code, raises=raises)


def agent(
    goal: str, *turns: Any, answer: str = "Done.", name: str = "", options: str = "-a auto", raises: str = ""
) -> Cell:
    """Return a cell that starts a process.

    Parameters
    ----------
    goal : str
        Its body.
    turns : str or dict
        A text is a step of Python code; a mapping is a turn as it stands in a script.
    answer : str
        What the model says last.
    name, options : str
        For the cell's first line.
    raises : str
        The error that the cell is to end with.
    """
    said = tuple(python(t) if isinstance(t, str) else t for t in turns)
    return Cell(f"%%agent {name} -m {{spec}} {options}\n{goal}", (*said, {"text": answer}), raises)


def python(code: str) -> dict[str, Any]:
    """Return a turn with one step of code."""
    return call("python", code=code)


def call(tool: str, **arguments: Any) -> dict[str, Any]:
    """Return a turn with one call."""
    return {"calls": [{"name": tool, "arguments": arguments}]}


def plan(*steps: tuple[str, str]) -> dict[str, Any]:
    """Return a turn with a plan of titles and expectations."""
    return {"plan": [{"title": title, "expect": expect} for title, expect in steps]}
