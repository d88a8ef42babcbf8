"""What is compared, and what comes of it: a call's result, a stretch that was computed, a claim with its mark."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from llmos_nb.process.evidence.claims import Claim
from llmos_nb.process.evidence.numbers import Quantity, quantities
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
        text = "\n".join(texts)
        self._folded = re.sub(r"\s+", " ", text).casefold()
        self._values = {(abs(v), q.percent) for q in quantities(text) for v, _ in q.readings}

    def number(self, q: Quantity, elsewhere: bool) -> bool:
        """Return whether a number stands there; a small one that stands in a result, too, is no proof."""
        if elsewhere and q.readings[0][0] < SMALL:
            return False
        return any((abs(v), q.percent) in self._values for v, _ in q.readings)

    def text(self, text: str) -> bool:
        """Return whether a text stands there."""
        return re.sub(r"\s+", " ", text).strip().casefold() in self._folded


def at(claim: Claim, mark: Mark, table: Table, row: Row, column: str = "", how: str = "") -> Marked:
    """Return a claim that was found in a row."""
    return Marked(claim, mark, table.call, named(row), column, how or row.line)


def named(row: Row) -> str:
    """Return what a row is called."""
    return " ".join(row.labels[:2])
