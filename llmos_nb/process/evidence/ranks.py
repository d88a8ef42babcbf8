"""Whether the row that a sentence calls highest, lowest, second or more than another is so in its table."""

from __future__ import annotations

import re

from llmos_nb.process.evidence.claims import Claim
from llmos_nb.process.evidence.lexicon import ASKS, LESS, MORE, NTH, OF, RANK, THAN
from llmos_nb.process.evidence.mentions import clause, columns_named, labels_of, numeric, places
from llmos_nb.process.evidence.tables import Row, Table, number


def ranked(claim: Claim, table: Table, row: Row, column: str, goal: str) -> bool | None:
    """Return whether a row has the rank that the clause gives it, and None where it gives none.

    Parameters
    ----------
    claim : Claim
        A name, or a number of the row.
    table, row : Table, Row
        Where it stands.
    column : str
        In which column; empty for a name: then the columns that are named count, else any.
    goal : str
        Where the answer names no rank, that of the question counts for a name.
    """
    text = claim.sentence.text
    left, right = clause(claim.sentence, claim.start)
    part = text[left:right]
    if claim.kind != "number" and (THAN.search(text) and (MORE.search(text) or LESS.search(text))):
        return _compared(claim, table, row)
    rank = RANK.search(part)
    if (
        rank is None
        and claim.kind != "number"
        and ASKS.search(goal)
        and not re.search(r"\d", text)
        and not RANK.search(text)
    ):
        rank, part = RANK.search(goal), goal
    if rank is None or table.prose or len(table.rows) < 2:
        return None
    if (
        claim.kind != "number"
        and re.match("min|max", rank.group(), re.I)
        and re.search("min|max", " ".join(table.columns), re.I)
    ):
        return None  # it names a column
    if claim.kind == "number" and not ASKS.search(goal) and not RANK.search(text):
        return None
    if claim.kind != "number" and OF.search(text[: claim.start - claim.sentence.start]):
        return None  # "the highest close of IBM" ranks among what is of IBM
    nth = NTH.get((rank["nth"] or "").lower(), 0)
    ways = [True] if rank["high"] else [False] if rank["low"] else [True, False]
    columns = [column] if column else _columns(table, text)
    return any(_is_nth(table, row, c, nth, high) for c in columns for high in ways)


def _columns(table: Table, text: str) -> list[str]:
    """Return the columns that a text names best, else all."""
    return columns_named(text, numeric(table)) or numeric(table)


def _value(row: Row, column: str) -> float | None:
    return next((v for c, t in row.cells if c == column and (v := number(t)) is not None), None)


def _is_nth(table: Table, row: Row, column: str, nth: int, high: bool) -> bool:
    values = sorted({v for r in table.rows if (v := _value(r, column)) is not None}, reverse=high)
    return len(values) > nth and _value(row, column) == values[nth]


def _compared(claim: Claim, table: Table, row: Row) -> bool | None:
    """Return whether the first of two rows is more, or less, than the second, as the sentence says."""
    text = claim.sentence.text
    found = list(dict.fromkeys(x for *_, x in places(text, labels_of(table))))
    if len(found) != 2 or table.prose:
        return None
    one, two = (next(r for r in table.rows if x in r.labels) for x in found)
    more = bool(MORE.search(text))
    pairs = [
        (a, b)
        for c in _columns(table, text)
        if (a := _value(one, c)) is not None and (b := _value(two, c)) is not None
    ]
    return any((a > b) if more else (a < b) for a, b in pairs) if pairs else None
