"""The cells that hold a number: as it is, rounded, as a share, in another unit, or without its sign."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from llmos_nb.process.evidence.claims import Claim
from llmos_nb.process.evidence.derive import agrees, changes
from llmos_nb.process.evidence.lexicon import BELOW_ZERO, DOWN
from llmos_nb.process.evidence.mentions import clause
from llmos_nb.process.evidence.numbers import UNITS, Quantity, quantities, singular
from llmos_nb.process.evidence.tables import Row, Table, number

_IN_UNIT = re.compile(r"\bin\s+(?P<unit>[a-zµ]{1,3})\b(?:/\w+)?|\bunit is (?P<is>\w+)", re.I)
_THOUSANDS = re.compile(r"\bin (?:thousands?|tausend|1,?000s?)\b|\(thousands?\b", re.I)
_PERCENT = re.compile(r"%|pct|percent|prozent|share|rate|anteil", re.I)
_SUFFIX = re.compile(r"[A-Za-z]_([a-zA-Z]{1,3})\b")
SHARE = 1.5  # what is larger is no share that could be told in percent


@dataclass(frozen=True, slots=True)
class Hit:
    """A cell that holds a number of the answer.

    Attributes
    ----------
    table, place : Table, int
        Its table, and which of all that is.
    row, column : Row, str
        Where it stands.
    value : float
        What it holds.
    exact : bool
        Whether the answer says it as it stands there.
    how : str
        In words how it was told otherwise.
    fits : bool
        Whether its unit is that of the answer, or can be turned into it.
    """

    table: Table
    place: int
    row: Row
    column: str
    value: float
    exact: bool
    how: str
    fits: bool = True


def measured(table: Table, code: str, goal: str) -> Table:
    """Give a table the unit that the code's names end with, or that the goal says, where there is one only."""
    units = {u.lower() for u in _SUFFIX.findall(code)} & UNITS.keys() - {"d", "t"}
    said = {(m["unit"] or m["is"]).lower() for m in _IN_UNIT.finditer(goal)} & UNITS.keys()
    table.unit = next(iter(units or said)) if len(units or said) == 1 else ""
    table.scale = 1000.0 if _THOUSANDS.search(goal) else 1.0
    return table


def hits(claim: Claim, q: Quantity, tables: Sequence[Table]) -> Iterator[Hit]:
    """Return the cells that hold a number of the answer, in the order in which they were shown."""
    left, right = clause(claim.sentence, claim.start)
    part, before = claim.sentence.text[left:right], claim.sentence.text[: claim.start - claim.sentence.start]
    error = claim.text.startswith("±") or before.rstrip().endswith("±")
    signless = error or bool(BELOW_ZERO.search(part) or DOWN.search(part))
    share = q.percent or (error and "%" in claim.sentence.text)
    cells = ((p, t, r, c, x) for p, t in enumerate(tables) for r in t.rows for c, x in r.cells)
    for place, table, row, column, text in cells:
        value = _value(text)
        if value is None:
            continue
        of_whole = share and not (abs(value) >= 1 and changes(part))  # a factor of 1.25 is no gain of 125 %
        for scale, how, fits in _scales(q, table, row, column, text, value, of_whole):
            if agrees(value, q, scale, signless):
                same = any(value == v or (signless and abs(value) == abs(v)) for v, _ in q.readings)
                exact = fits and (
                    (scale == 1.0 and same) or (scale == table.scale != 1.0 and _spelled(value * scale, q))
                )
                told = f"{value:.12g} {how}" if how else "" if exact else f"{value:.12g}, rounded"
                yield Hit(table, place, row, column, value, exact, told, fits)
                break


def _spelled(value: float, q: Quantity) -> bool:
    return not q.text[-1:].isdigit() and any(value == v for v, _ in q.readings)


def _value(text: str) -> float | None:
    """Return the number that a cell is, or the only one in its words."""
    if (value := number(text)) is not None:
        return value
    found = list(quantities(text, words=False)) if len(text) < 40 else []
    return found[0].readings[0][0] if len(found) == 1 else None


def _scales(
    q: Quantity, table: Table, row: Row, column: str, text: str, value: float, share: bool
) -> Iterator[tuple[float, str, bool]]:
    """Return by which factors a cell may be told, in words how, and whether that is right."""
    theirs = (
        _unit(column, text)
        or next((u for x in row.labels if re.search(r"[_(]", x) and (u := _unit(x, ""))), "")
        or table.unit
    )
    mine = q.unit if q.unit in UNITS else ""
    if mine and theirs and UNITS[mine] != UNITS[theirs]:
        if UNITS[mine][0] == UNITS[theirs][0]:
            yield UNITS[theirs][1] / UNITS[mine][1], f"{theirs} in {mine}", True
        yield 1.0, f"in {theirs}", False
        return
    percent = bool(text.strip().endswith("%") or _PERCENT.search(column))
    if share and abs(value) <= (1.0 if percent else SHARE) and "%" not in text:
        yield 100.0, "· 100", True
    if q.percent and not percent and abs(value) > 100:
        yield 1.0, "is no percentage", False
        return
    yield 1.0, "", True
    if table.scale != 1.0:
        yield table.scale, f"· {table.scale:g}", True
    if mine in ("kg", "km", "l", "t") and not theirs:
        yield 1e-3, f"/ 1000, in {mine}", True


def _unit(column: str, text: str) -> str:
    """Return the unit that a column's name ends with, or that stands behind the number."""
    parts = [*reversed(re.split(r"[\s_()\[\]/.]+", column.strip())), *re.findall(r"[A-Za-z]+$", text.strip())]
    return next((u for p in parts if (u := singular(p.lower())) in UNITS), "")
