"""What is compared, and what comes of it: a call's result, a stretch that was computed, a claim with its mark."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from llmos_nb.process.evidence.claims import Claim
from llmos_nb.process.evidence.numbers import Date, Quantity, dates, quantities
from llmos_nb.process.evidence.tables import Row, Table

Mark = Literal["computed", "row", "derived", "given", "same", "absent"]
GREEN = ("computed", "row", "derived")
SMALL = 10.0  # a smaller number stands in code by accident


@dataclass(frozen=True, slots=True)
class Seen:
    """What one call showed.

    Attributes
    ----------
    call : str
        Its id.
    code : str
        What ran.
    result : str
        What was shown.
    """

    call: str
    code: str
    result: str


@dataclass(frozen=True, slots=True)
class Computed:
    """A stretch of an answer that an expression gave.

    Attributes
    ----------
    start, end : int
        Where it stands in the answer.
    code : str
        The expression.
    """

    start: int
    end: int
    code: str


@dataclass(frozen=True, slots=True)
class Marked:
    """A claim and its evidence.

    Attributes
    ----------
    claim : Claim
        What is claimed.
    mark : {"computed", "row", "derived", "given", "same", "absent"}
        Computed by an expression of the answer; found in a row of which the sentence speaks; derived from such values;
        given by the goal or the code; an equal number somewhere else; nowhere.
    call, row, column : str
        Where it was found.
    how : str
        The line in which it stands, or the formula by which it follows.
    """

    claim: Claim
    mark: Mark
    call: str = ""
    row: str = ""
    column: str = ""
    how: str = ""


class Given:
    """What the goal, the user and the code say.

    Parameters
    ----------
    texts : sequence of str
        All of it.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._said = "\n".join(texts)

    @cached_property  # of a long run all of its code is read, and results show most of what an answer says
    def _folded(self) -> str:
        return re.sub(r"\s+", " ", self._said).casefold()

    @cached_property
    def _values(self) -> set[tuple[float, bool]]:
        return {(abs(v), q.percent) for q in quantities(self._said) for v, _ in q.readings}

    @cached_property
    def _dates(self) -> list[tuple[int, int, int]]:
        return [d.parts for d in dates(self._said)]

    def number(self, q: Quantity, elsewhere: bool) -> bool:
        """Return whether a number stands there; a small one that stands in a result, too, is no proof."""
        if elsewhere and q.readings[0][0] < SMALL:
            return False
        said = [abs(v) for v, _ in q.readings]
        rates = (
            [round(x, 9) for v in said for x in (v / 100, 1 + v / 100)] if q.percent else []
        )  # 0.19, 1.19: 19 %
        return any((v, q.percent) in self._values for v in said) or any(
            (x, False) in self._values for x in rates
        )

    def date(self, date: Date) -> bool:
        """Return whether a date stands there, however it is spelled."""
        return any(date.agrees(parts) for parts in self._dates)

    def text(self, text: str) -> bool:
        """Return whether a text stands there."""
        return re.sub(r"\s+", " ", text).strip().casefold() in self._folded


def at(claim: Claim, mark: Mark, table: Table, row: Row, column: str = "", how: str = "") -> Marked:
    """Return a claim that was found in a row."""
    return Marked(claim, mark, table.call, named(row), column, how or row.line)


def named(row: Row) -> str:
    """Return what a row is called."""
    return " ".join(row.labels[:2])
