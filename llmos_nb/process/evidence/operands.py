"""The numbers that a sentence speaks of, from which another may follow."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from llmos_nb.process.evidence.claims import Claim
from llmos_nb.process.evidence.columns import columns_named, shared
from llmos_nb.process.evidence.labels import clause, labels_of, places
from llmos_nb.process.evidence.lexicon import APART, DOWN, ENDS, UP
from llmos_nb.process.evidence.mentions import headed
from llmos_nb.process.evidence.tables import Row, Table, number, numeric

_FOOT = re.compile(r"\d[\d,]* rows?(?:, \d+ shown)?(?:;.*)?")  # how long a result of SQL is: no value of it
_YEARS = range(1900, 2101)  # in a line of words more often a date than a value
MOST_OPERANDS = 24


@dataclass(frozen=True, slots=True)
class Operand:
    """A number that was shown, with the call, row and column that it stands in.

    Attributes
    ----------
    value, text : float, str
        The number, in the unit of its table, and as it was shown.
    call, row, column : str
        Where it stands.
    group : tuple of (int, str, str)
        Its table, line and column: what stands in one of them may be computed with each other.
    place : int
        Its place in the order of what was shown, by which a rise is told from a fall.
    free : bool
        Whether it may be computed with what stands in another table: it is said in the sentence, or alone in its own.
    words : bool
        Whether it stands in a line of words.
    """

    value: float
    text: str
    call: str
    row: str
    column: str
    group: tuple[int, str, str]
    place: int = 0
    free: bool = False
    words: bool = False


def meant(claim: Claim, tables: Sequence[Table], found: Sequence[Operand], goal: str) -> list[Operand]:
    """Return the numbers that the sentence, or the one before it, speaks of."""
    result = list(found)
    for place, table in enumerate(tables):
        rows = _rows(claim, table, goal)
        columns = _columns_of(claim, table)
        cells = [(r, c, v) for r in rows for c, t in r.cells if c in columns and (v := number(t)) is not None]
        cells = [x for x in cells if not (table.prose and x[2] in _YEARS)]
        if len(cells) <= MOST_OPERANDS:
            result += [_operand(place, table, r, c, v, i) for i, (r, c, v) in enumerate(cells)]
    return list(dict.fromkeys(result))[: 2 * MOST_OPERANDS]


def _operand(place: int, table: Table, row: Row, column: str, value: float, at: int) -> Operand:
    value *= table.scale
    label = row.labels[0] if row.labels else ""
    alone = sum(len(r.cells) for r in table.rows) == 1
    return Operand(
        value,
        f"{value:.12g}",
        table.call,
        label,
        column,
        (place, row.line, column),
        at,
        free=alone,
        words=table.prose,
    )


def _columns_of(claim: Claim, table: Table) -> list[str]:
    columns = numeric(table)
    if named := headed(claim, table, columns):
        return named
    left, right = clause(claim.sentence, claim.start)
    part = claim.sentence.text[left:right]
    for text in (part, "" if changes(part) else claim.sentence.text) if len(columns) > 1 else ():
        named = columns_named(text, columns, claim)
        if named and not (len(named) == 1 and changes(part)):  # of a change, another column is the other end
            return named
    return columns


def _rows(claim: Claim, table: Table, goal: str) -> list[Row]:
    if table.prose:
        return [r for r in _lines(claim, table, goal) if not _FOOT.fullmatch(r.line)]
    if len(table.rows) <= 2:
        return table.rows
    names = {x for r in table.rows for x in r.labels} & labels_of(table)
    for text in (claim.sentence.text, claim.sentence.before + " " + claim.sentence.text):
        said = {x for *_, x in places(text, names)}
        for ends in ENDS if APART.search(text) else ():
            said |= ends if ends <= names else set()
        if rows := [r for r in table.rows if said & {*r.labels}]:
            return rows if len(rows) <= MOST_OPERANDS else []
    return []


def _lines(claim: Claim, table: Table, goal: str) -> list[Row]:
    """Return the lines of words that share most with what is said."""
    for text in (claim.sentence.text, goal):
        scores = [shared(text, r) for r in table.rows]
        if (best := max(scores)) > 0:
            return [r for r, n in zip(table.rows, scores, strict=True) if n == best][:6]
    return table.rows if len(table.rows) <= 4 else []


def changes(text: str) -> bool:
    """Return whether a text tells of a rise or a fall."""
    return bool(UP.search(text) or DOWN.search(text))
