"""What a number may be derived from: sums, differences, ratios, shares, means and counts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

from llmos_nb.process.evidence.claims import Claim
from llmos_nb.process.evidence.lexicon import (
    APART,
    COMPARED,
    COUNTED,
    DOWN,
    ENDS,
    MEAN,
    RATIO,
    TIMES,
    TOTAL,
    UP,
)
from llmos_nb.process.evidence.mentions import (
    clause,
    columns_named,
    labels_of,
    numeric,
    places,
    precise,
    shared,
)
from llmos_nb.process.evidence.numbers import UNITS, Quantity, singular
from llmos_nb.process.evidence.tables import Row, Table, number

_OF_ALL = re.compile(r"\d\s+(?:out\s+)?(?:of|von)\s+(?:the\s+|all\s+|den\s+)?$", re.IGNORECASE)
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
    whole : bool
        Whether it is the sum of a whole column.
    free : bool
        Whether it may be computed with what stands in another table: it is said in the sentence, or alone in its own.
    """

    value: float
    text: str
    call: str
    row: str
    column: str
    group: tuple[int, str, str]
    place: int = 0
    whole: bool = False
    free: bool = False


@dataclass(frozen=True, slots=True)
class Formula:
    """How a number follows from others: ``3570.68 + 3366.36``, and the call of the first."""

    text: str
    call: str


Candidate = tuple[float, str, str]


def agrees(value: float, q: Quantity, scale: float = 1.0, signless: bool = False) -> bool:
    """Return whether a value is what was said, at the precision at which it was said."""
    for said, half in q.readings:
        shown, wanted = value * scale, said
        if signless:
            shown, wanted = abs(shown), abs(wanted)
        if abs(shown - wanted) <= half * (1 + 1e-9) + 1e-12 * abs(wanted):
            return True
    return False


def derived(claim: Claim, tables: Sequence[Table], found: Sequence[Operand], goal: str) -> Formula | None:
    """Return a formula by which a number follows from what was shown, or None.

    Parameters
    ----------
    claim : Claim
        A number of the answer.
    tables : sequence of Table
        What was shown.
    found : sequence of Operand
        Values that other numbers of the same sentence were found to be.
    goal : str
        What was asked.
    """
    q = claim.value
    if not isinstance(q, Quantity):
        return None
    operands = _operands(claim, tables, found, goal)
    candidates = [*_whole(q, claim, tables), *_pairs(q, claim, operands), *_parts(q, claim, operands, tables)]
    for value, text, call in candidates:
        for scale in _scales(q, tables, call):
            if agrees(value, q, scale, signless=not q.signed):
                return Formula(text if scale == 1 else f"({text}) · {scale:.6g}", call)
    return None


def _scales(q: Quantity, tables: Sequence[Table], call: str) -> list[float]:
    """Return by which factors a result may be told: its unit in that of the claim."""
    found = [1.0]
    for table in (t for t in tables if t.call == call):
        units = {
            table.unit,
            *(p.lower() for c in table.columns for p in re.split(r"[\s_()]+", c)),
        } & UNITS.keys()
        if q.unit in UNITS:
            found += [UNITS[u][1] / UNITS[q.unit][1] for u in units if UNITS[u][0] == UNITS[q.unit][0]]
            found += [1e-3] if not units and q.unit in ("kg", "km", "l", "t") else []
    return list(dict.fromkeys(found))


def _operands(claim: Claim, tables: Sequence[Table], found: Sequence[Operand], goal: str) -> list[Operand]:
    """Return the numbers that the sentence, or the one before it, speaks of."""
    result = list(found)
    for place, table in enumerate(tables):
        rows = _rows(claim, table, goal)
        columns = _columns_of(claim, table)
        cells = [(r, c, v) for r in rows for c, t in r.cells if c in columns and (v := number(t)) is not None]
        if len(cells) <= MOST_OPERANDS:
            result += [_operand(place, table, r, c, v, i) for i, (r, c, v) in enumerate(cells)]
        if TOTAL.search(claim.sentence.text) and not table.cut:
            result += [
                Operand(sum(vs), f"{sum(vs):.12g}", table.call, "", c, (place, "", c), i, whole=True)
                for i, (c, vs) in enumerate(whole_columns(table)) if c in columns and len(vs) > 1
            ]  # fmt: skip
    return list(dict.fromkeys(result))[: 2 * MOST_OPERANDS]


def _operand(place: int, table: Table, row: Row, column: str, value: float, at: int) -> Operand:
    value *= table.scale
    label = row.labels[0] if row.labels else ""
    alone = sum(len(r.cells) for r in table.rows) == 1
    return Operand(value, f"{value:.12g}", table.call, label, column, (place, row.line, column), at, free=alone)


def _columns_of(claim: Claim, table: Table) -> list[str]:
    columns = numeric(table)
    left, right = clause(claim.sentence, claim.start)
    part = claim.sentence.text[left:right]
    for text in (part, "" if changes(part) else claim.sentence.text) if len(columns) > 1 else ():
        named = columns_named(text, columns, claim)
        if named and not (len(named) == 1 and changes(part)):  # of a change, another column is the other end
            return named
    return columns


def _rows(claim: Claim, table: Table, goal: str) -> list[Row]:
    if table.prose:
        return _lines(claim, table, goal)
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


def whole_columns(table: Table) -> Iterator[tuple[str, list[float]]]:
    """Return the numbers of each column that was shown whole."""
    for column in table.columns if not table.cut else ():
        texts = [t for r in table.rows for c, t in r.cells if c == column]
        values = [v * table.scale for t in texts if (v := number(t)) is not None]
        if values and len(values) == len(texts):
            yield column, values


def _whole(q: Quantity, claim: Claim, tables: Sequence[Table]) -> Iterator[Candidate]:
    """Return what whole columns add up to, and how many rows there are."""
    text = claim.sentence.text
    total, mean = bool(TOTAL.search(text)), bool(MEAN.search(text))
    for table in (t for t in tables if not t.prose):
        for column, values in whole_columns(table):
            what = f"{column or 'values'} of {len(values)} rows"
            small = len(numeric(table)) == 1 and len(values) <= 4 and all(v == int(v) for v in values)
            if (total or small or precise(claim)) and len(values) > 1 and not q.percent:
                told = " + ".join(f"{v:.12g}" for v in values) if len(values) <= 6 else f"sum of {what}"
                yield sum(values), told, table.call
            if mean and len(values) > 1:
                yield sum(values) / len(values), f"mean of {what}", table.call
        if not table.cut and not q.percent and _counts(claim, table):
            yield float(len(table.rows)), f"number of rows of {table.call or 'its input'}", table.call
        listed = _listed(text, labels_of(table))
        if q.exact and not q.percent and len(listed) > 1:
            yield float(len(listed)), f"number of names: {', '.join(listed)}", table.call


def _listed(text: str, labels: set[str]) -> list[str]:
    """Return the labels that a sentence lists one after the other."""
    found = places(text, labels)
    best: list[str] = []
    run: list[str] = []
    for i, (a, _, label) in enumerate(found):
        between = text[found[i - 1][1] : a] if i else ""
        run = (
            [*run, label]
            if i and re.fullmatch(r"[\s,`\"*“”]*(?:and|und|or|oder|&)?[\s,`\"*“”]*", between)
            else [label]
        )
        best = max(best, run, key=len)
    return best if len({*best}) == len(best) else []


def _counts(claim: Claim, table: Table) -> bool:
    """Whether the word behind a number says what the rows are."""
    after = claim.sentence.text[claim.end - claim.sentence.start :]
    words = [singular(w.lower()) for w in re.findall(r"[^\W\d_]+", after)[:3]]
    names = {
        singular(p.lower())
        for c in (*table.index, *table.columns)
        for p in re.split(r"[\s_]+", c)
        if len(p) > 2
    }
    if len(table.rows) < 2:
        return False
    if {"date", "month", "year", "day"} & names and any(w.startswith(TIMES) for w in words):
        return True
    return any(w == n or (len(w) > 3 and len(n) > 3 and w[:4] == n[:4]) for w in words for n in names | COUNTED)


def _pairs(q: Quantity, claim: Claim, operands: Sequence[Operand]) -> Iterator[Candidate]:
    """Return what two numbers of one column, of one row, or of the same sentence give."""
    text = claim.sentence.text
    left, right = clause(claim.sentence, claim.start)
    part = text[left:right] if changes(text[left:right]) else text
    ratio, change = RATIO.search(text), changes(text) or COMPARED.search(text)
    for a, b in permutations(operands, 2):
        if not _together(a, b) or a == b or min(abs(a.value), abs(b.value)) <= q.readings[0][1] * 1e-3:
            continue
        if a.whole != b.whole and a.column != b.column:
            continue
        if (a.place > b.place) if q.signed else _moved(part, a, b):
            yield a.value - b.value, f"{a.text} - {b.text}", a.call
            if q.percent and b.value and a.whole == b.whole:
                yield (
                    100 * (a.value - b.value) / abs(b.value),
                    f"100 · ({a.text} - {b.text}) / {b.text}",
                    a.call,
                )
                yield 100 * (a.value - b.value), f"100 · ({a.text} - {b.text})", a.call
        if (
            not q.percent
            and a.value >= b.value
            and not a.whole
            and not b.whole
            and not change
            and (TOTAL.search(text) or not ratio)
        ):
            yield a.value + b.value, f"{a.text} + {b.text}", a.call
        if q.percent and a.value >= b.value >= 0 and not change:
            scale = 100.0 if a.value <= 1 else 1.0
            yield scale * (a.value + b.value), f"{'100 · ' if scale > 1 else ''}({a.text} + {b.text})", a.call
        if b.value and not (q.percent and change) and (q.percent or ratio or not q.exact):
            scale, factor = (100.0, "100 · ") if q.percent else (1.0, "")
            yield scale * a.value / b.value, f"{factor}{a.text} / {b.text}", a.call


def changes(text: str) -> bool:
    """Return whether a text tells of a rise or a fall."""
    return bool(UP.search(text) or DOWN.search(text))


def _moved(text: str, a: Operand, b: Operand) -> bool:
    """Whether going from `b` to `a` is what the words say: a rise, a fall, or neither."""
    up, down = bool(UP.search(text)), bool(DOWN.search(text))
    along = a.row == b.row or (a.column == b.column and a.row[:4].isdigit() and b.row[:4].isdigit())
    if up == down or (not along and COMPARED.search(text)):
        return a.value >= b.value
    if not along:
        return False
    return a.place > b.place and (a.value >= b.value) == up


def _together(a: Operand, b: Operand) -> bool:
    """Whether two numbers may be computed with each other: of one column, one row, or named apart."""
    if a.group[0] != b.group[0]:
        return a.free and b.free
    return a.column == b.column or a.group[1] == b.group[1]


def _parts(
    q: Quantity, claim: Claim, operands: Sequence[Operand], tables: Sequence[Table]
) -> Iterator[Candidate]:
    """Return sums and means of several rows that are named, and shares of a column."""
    text = claim.sentence.text
    change = changes(text)
    for place, table in enumerate(tables):
        whole = dict(whole_columns(table))
        for column in table.columns:
            mine = [o for o in operands if o.group[0] == place and o.column == column and not o.whole]
            if (q.percent or not q.exact or RATIO.search(text)) and not change:
                yield from _shares(q, mine, whole.get(column, []), table.call)
            if q.percent and change and len(mine) == 1 and 0 < mine[0].value < 2:
                yield 100 * (mine[0].value - 1), f"100 · ({mine[0].text} - 1)", table.call
            if len(mine) >= 2 and MEAN.search(text):
                yield (
                    sum(o.value for o in mine) / len(mine),
                    f"mean of {', '.join(o.text for o in mine)}",
                    table.call,
                )
            if len(mine) >= 3 and not q.percent:
                yield sum(o.value for o in mine), " + ".join(o.text for o in mine), table.call
        lines = {o.group[1]: o for o in operands if o.group[0] == place and not o.whole}
        for line, first in lines.items():  # what a row adds up to, and shares of that
            row = next((r for r in table.rows if r.line == line), None)
            values = [v * table.scale for _, t in row.cells if (v := number(t)) is not None] if row else []
            if len(values) < 2 or change:
                continue
            if _OF_ALL.search(text[: claim.start - claim.sentence.start]) and not q.percent:
                yield sum(values), " + ".join(f"{v:.12g}" for v in values), first.call
                yield from ((a + b, f"{a:.12g} + {b:.12g}", first.call) for a, b in combinations(values[:6], 2))
            if q.percent and table.across:
                yield from _shares(q, [o for o in operands if o.group[:2] == (place, line)], values, table.call)


def _shares(q: Quantity, mine: Sequence[Operand], values: Sequence[float], call: str) -> Iterator[Candidate]:
    scale, factor = (100.0, "100 · ") if q.percent else (1.0, "")
    total = sum(values)
    for size in (1, 2, 3):
        for part in combinations(mine[:6], size):
            if total and len(values) > 1 and not any(abs(total - one) < 0.02 * one for one in (1.0, 100.0)):
                said = " + ".join(o.text for o in part)
                yield scale * sum(o.value for o in part) / total, f"{factor}({said}) / {total:.12g}", call
