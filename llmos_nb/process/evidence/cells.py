"""The cells that hold a number: as it is, rounded, as a share, in another unit, or without its sign."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from llmos_nb.process.evidence.claims import Claim
from llmos_nb.process.evidence.columns import of_things, stem
from llmos_nb.process.evidence.labels import clause
from llmos_nb.process.evidence.lexicon import BELOW_ZERO, DOWN, MEAN, STATISTIC
from llmos_nb.process.evidence.numbers import UNITS, Quantity, agrees, quantities, singular
from llmos_nb.process.evidence.tables import Row, Table, number

_IN_UNIT = re.compile(
    r"(?:(?P<of>\w+)\s+)?\bin\s+(?:degrees\s+)?(?P<unit>[a-zµ]{1,3}\b|°[CF]\b|celsius|fahrenheit)(?:/\w+)?"
    r"|\bunit is (?P<is>\w+)",
    re.I,
)
_SCALED = re.compile(r"(?:\bin |\()(?:(thousands?|tausend|1,?000s?)|millions?|millionen|mio)\b", re.I)
_PERCENT = re.compile(r"%|pct|percent|prozent|share|rate|anteil", re.I)
_SEEKS = re.compile(
    r"(?:nlargest|nsmallest|sort_values|argsort|rank)\([^)]*|order by [^'\"]*"
    r"|[\w.\[\]'\"]+\.(?:idxmax|idxmin|max|min)\(",
    re.I,
)
_SUFFIX = re.compile(r"[A-Za-z]_([a-zA-Z]{1,3})\b")
FEW = 10.0  # what is less may be a count, or a measure that is rounded
SHARE = 1.5  # what is larger is no share that could be told in percent


_CORRELATED = re.compile(r"\.corr\(|corrwith|corrcoef|pearsonr|spearmanr|kendalltau", re.I)
_RATE = re.compile(r"(?:\b|_)per_?\d", re.I)  # of other things than the percentage is said to be of
_OF_DATE = re.compile(r"\.(?P<part>month|hour|quarter|weekday|dayofweek|day|year)\b")


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
    endings = {u.lower() for u in _SUFFIX.findall(code)}
    units = endings & UNITS.keys() - {"d", "t"} if len(endings) == 1 else set()
    found = [((m["of"] or "").lower(), (m["unit"] or m["is"]).lower()) for m in _IN_UNIT.finditer(goal)]
    said = {unit for _, unit in found} & UNITS.keys()
    table.units = {c: unit for c in table.columns for of, unit in found if of == c.lower() and unit in UNITS}
    table.unit = next(iter(units or said)) if len(units or said) == 1 else ""
    seeks = " ".join(m[0] for m in _SEEKS.finditer(code))
    table.sought = {c for c in table.columns if c and re.search(rf"(?<!\w){re.escape(c)}(?!\w)", seeks)}
    if (scaled := _SCALED.search(goal)) is not None:
        table.scale = 1e3 if scaled[1] else 1e6
    sought = [way for way, word in ((True, "nlargest"), (False, "nsmallest")) if word in code]
    table.seeks = (*sought,) if len(sought) == 1 else table.seeks
    table.percent = bool(_PERCENT.search(code) or "100" in code)
    table.shares = not _CORRELATED.search(code)
    if (part := _OF_DATE.search(code)) is not None and not table.prose and not table.index:
        _called(table, part["part"])
    return table


def _called(table: Table, part: str) -> None:
    """Call rows that are numbered from 1 by these numbers, where the code groups by a part of the date."""
    numbers = [r.line.partition(" ")[0] for r in table.rows]
    if all(not r.labels for r in table.rows) and numbers == [str(i + 1) for i in range(len(numbers))]:
        table.rows = [Row((n,), r.cells, r.line) for n, r in zip(numbers, table.rows, strict=True)]
        table.index = (part,)


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
        for scale, how, fits in _scales(q, table, row, column, text, value, share):
            if agrees(value, q, scale, signless):
                same = any(value == v or (signless and abs(value) == abs(v)) for v, _ in q.readings)
                exact = fits and (
                    (scale == 1.0 and same) or (scale == table.scale != 1.0 and _spelled(value * scale, q))
                )
                if (
                    not exact
                    and scale == 1.0
                    and abs(value) < FEW
                    and of_things(claim)
                    and not MEAN.search(part)
                ):
                    break  # 0.96 and 3.99 are no counts
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
        or table.units.get(column, table.unit)
    )
    if theirs == "min" and any(
        "max" in x.lower() for x in (*table.columns, *(x for r in table.rows for x in r.labels))
    ):
        theirs = ""  # the lowest, no minutes
    mine = q.unit if q.unit in UNITS else ""
    if mine and theirs and UNITS[mine] != UNITS[theirs]:
        if UNITS[mine][0] == UNITS[theirs][0]:
            yield UNITS[theirs][1] / UNITS[mine][1], f"{theirs} in {mine}", True
        yield 1.0, f"in {theirs}", False
        return
    if mine and STATISTIC.get(column.lower()) == "count":
        yield 1.0, "is a count", False
        return
    percent = bool(text.strip().endswith("%") or _PERCENT.search(column))
    if share and not _is_share(table, row, column):
        yield 100.0, "is no share", False
        return
    if share and abs(value) <= (1.0 if percent else SHARE) and "%" not in text:
        yield 100.0, "· 100", True
    if q.percent and not percent and (abs(value) > 100 or _RATE.search(column) or _counts(table, column)):
        yield 1.0, "is no percentage", False
        return
    yield 1.0, "", True
    if table.scale != 1.0:
        yield table.scale, f"· {table.scale:g}", True
    if mine in ("kg", "km", "l", "t") and not theirs:
        yield 1e-3, f"/ 1000, in {mine}", True


def _counts(table: Table, column: str) -> bool:
    """Whether a column holds whole numbers only, and neither code nor goal says that they are percentages."""
    return (
        not table.prose
        and not table.percent
        and all(t.isdigit() for r in table.rows for c, t in r.cells if c == column)
    )


def _is_share(table: Table, row: Row, column: str) -> bool:
    """Whether a value may be told in percent: a correlation may not."""
    called = {stem(w) for x in (column, *row.labels) for w in re.split(r"[\W_]+", x.lower())}
    return table.shares and "corr" not in called


def _unit(column: str, text: str) -> str:
    """Return the unit that a column's name ends with, or that stands behind the number."""
    parts = [*reversed(re.split(r"[\s_()\[\]/.]+", column.strip())), *re.findall(r"[A-Za-z]+$", text.strip())]
    return next((u for p in parts if (u := singular(p.lower())) in UNITS), "")
