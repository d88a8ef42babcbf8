"""Whether the row that a sentence calls highest, lowest, second or more than another is so in its table."""

from __future__ import annotations

import re

from llmos_nb.process.evidence.claims import Claim
from llmos_nb.process.evidence.columns import columns_named, shared
from llmos_nb.process.evidence.labels import clause
from llmos_nb.process.evidence.lexicon import ASKS, DOWN, OF, RANK, nth_of
from llmos_nb.process.evidence.tables import Row, Table, number, numeric


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
    if claim.kind != "number" and OF.search(text[: claim.start - claim.sentence.start]):
        return None  # "the highest close of IBM" ranks among what is of IBM
    nth = nth_of(rank)
    ways = [True] if rank["high"] else [False] if rank["low"] else [*table.seeks]
    columns = [c for c in ([column] if column else columns_of(table, text)) if value_of(row, c) is not None]
    return any(is_placed(table, row, c, nth, high, part) for c in columns for high in ways) if columns else None


def columns_of(table: Table, text: str) -> list[str]:
    """Return the columns that a text names best, else all."""
    return columns_named(text, numeric(table)) or numeric(table)


def value_of(row: Row, column: str) -> float | None:
    """Return the number of a row in a column."""
    return next((v for c, t in row.cells if c == column and (v := number(t)) is not None), None)


def is_nth(table: Table, row: Row, column: str, nth: int, high: bool, size: bool = False) -> bool:
    """Return whether a row is the first, second … of its table in a column, by size where signs do not count."""
    found = [(abs(v) if size else v, r) for r in table.rows if (v := value_of(r, column)) is not None]
    values = sorted({v for v, _ in found}, reverse=high)
    return len(values) > nth and any(v == values[nth] and r is row for v, r in found)


def is_placed(table: Table, row: Row, column: str, nth: int, high: bool, text: str, size: bool = False) -> bool:
    """Return whether a row is the first, second … as a text ranks it: what fell most is the lowest of the changes."""
    value = value_of(row, column)
    fell = value is not None and value < 0 and DOWN.search(text) is not None
    return is_nth(table, row, column, nth, high != fell, size)


def beside_it(table: Table, row: Row, text: str) -> list[tuple[Table, Row, str]]:
    """Return the values of the same line that a text names, each in a table of those of the other lines.

    So what a line begins with, and has no name, is ranked by what the text says of it: "k = 3 has the best score".
    """
    others = [r for r in table.rows if r.line == row.line and r is not row and shared(text, r)]
    return [(Table(table.call, rows=[x for x in table.rows if x.labels == r.labels]), r, "") for r in others]
