"""Results of calls as tables: cells with the row and the column that each stands in."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

MARGINS = frozenset({"all", "total", "sum", "gesamt", "summe", "insgesamt"})
"""What rows and columns are called that add up the others."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table: what it is called by, and its cells by column.

    Attributes
    ----------
    labels : tuple of str
        Its index, and its cells that are texts.
    cells : tuple of (str, str)
        Column and text of each cell.
    line : str
        The line as it was shown.
    """

    labels: tuple[str, ...]
    cells: tuple[tuple[str, str], ...]
    line: str


@dataclass(slots=True)
class Table:
    """What one call showed in one piece.

    Attributes
    ----------
    call : str
        The call.
    index : tuple of str
        What its index is called.
    columns : tuple of str
        Names of its columns; a single empty one where they have none.
    rows : list of Row
        As they were shown.
    prose : bool
        Whether it is a line of words rather than a table: its labels are then all words of the line.
    cut : bool
        Whether rows are missing, so that sums over it say nothing.
    across : str
        What its columns are called, where they are categories.
    unit : str
        The unit of its values where its columns name none.
    units : dict of str to str
        The units of columns of which the goal says one.
    sought : set of str
        The columns that the code sorts by, or of which it seeks the highest or lowest.
    seeks : tuple of bool
        Whether its rows are the highest or the lowest that the code seeks; both where it does not say.
    scale : float
        By what its values are to be taken, such as 1,000 where they are in thousands.
    shares : bool
        Whether a value of it may be told in percent; correlations may not.
    percent : bool
        Whether the code makes percentages.
    """

    call: str
    index: tuple[str, ...] = ()
    columns: tuple[str, ...] = ("",)
    rows: list[Row] = field(default_factory=list)
    prose: bool = False
    cut: bool = False
    across: str = ""
    unit: str = ""
    units: dict[str, str] = field(default_factory=dict)
    sought: set[str] = field(default_factory=set)
    seeks: tuple[bool, ...] = (True, False)
    scale: float = 1.0
    shares: bool = True
    percent: bool = False

    @property
    def single(self) -> bool:
        """Whether it has one row only, so that nothing else can be meant."""
        return len(self.rows) == 1


def number(text: str) -> float | None:
    """Return the number that a cell is, or None where it is a text."""
    bare = text.strip().rstrip("%").replace(",", "").replace("_", "").replace("−", "-").lstrip("$€£")
    try:
        value = float(bare)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def numeric(table: Table) -> list[str]:
    """Return the columns that hold numbers."""
    return [
        c
        for c in table.columns
        if any(c == name and number(t) is not None for r in table.rows for name, t in r.cells)
    ]


def whole_columns(table: Table) -> Iterator[tuple[str, list[float]]]:
    """Return the numbers of each column that was shown whole."""
    rows = (
        [r for r in table.rows if not MARGINS & {x.lower() for x in r.labels}]
        if not table.prose
        else table.rows
    )
    for column in table.columns if not table.cut else ():
        texts = [t for r in rows for c, t in r.cells if c == column]
        values = [v * table.scale for t in texts if (v := number(t)) is not None]
        if values and len(values) == len(texts):
            yield column, values


def whole_ones(table: Table) -> int:
    """Return how many whole numbers a table holds: one alone is what is counted."""
    return sum((v := number(t)) is not None and v == int(v) for r in table.rows for _, t in r.cells)


def make_row(labels: tuple[str, ...], cells: list[tuple[str, str]], line: str) -> Row:
    """Return a row; what of its cells is no number is a label, too."""
    texts = tuple(
        t
        for _, t in cells
        if number(t) is None and t not in ("NaN", "None", "NaT", "<NA>", "null", "nan", "...", "…")
    )
    return Row((*labels, *texts), tuple(cells), re.sub(r"\s+", " ", line.strip()))
