"""What a number may be derived from: sums, differences, ratios, shares, means and counts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

from llmos_nb.process.evidence.claims import Claim
from llmos_nb.process.evidence.columns import columns_named, precise, stem
from llmos_nb.process.evidence.labels import clause, labels_of, places
from llmos_nb.process.evidence.lexicon import (
    APART,
    COMPARED,
    COUNTED,
    DIFFER,
    DOWN,
    LESS,
    MEAN,
    RATIO,
    TIMES,
    TOTAL,
    UP,
)
from llmos_nb.process.evidence.names import listed
from llmos_nb.process.evidence.numbers import UNITS, Quantity, agrees, quantities, rough, singular
from llmos_nb.process.evidence.operands import Operand, changes, meant
from llmos_nb.process.evidence.tables import MARGINS, Table, number, numeric, whole_columns

_EXTREME = {"std", "min", "max"}  # the mean of these says nothing
_TIMES = re.compile(
    r"\S+\s*(?:times|fold|mal|[x×]|-fold)\b|(?:(?:a|an|one|ein\w*|die)\s+)?(?:half|third|quarter|tenth|hälfte|drittel|viertel)\b"
    r"|twice\b|doubled?\b|tripled?\b|doppelt\b",
    re.IGNORECASE,
)
_OF_ALL = re.compile(r"\d\s+(?:out\s+)?(?:of|von)\s+(?:the\s+|all\s+|den\s+)?$", re.IGNORECASE)
_AS = re.compile(r"\b(?:as|than|of|that|compared|wie|als|von)\b", re.IGNORECASE)
_MORE_THAN = re.compile(r"\b(?:more than|over|mehr als|über)\s+$", re.IGNORECASE)
_PART_OF = re.compile(r"\d\s+(?:of|von)\s+(?:the\s+|all\s+|den\s+)?\d[^()]*\(\s*$", re.IGNORECASE)
FEW = 10.0  # what is no more is often a difference of numbers that have nothing to do with it


@dataclass(frozen=True, slots=True)
class Formula:
    """How a number follows from others: ``3570.68 + 3366.36``, and the call of the first."""

    text: str
    call: str
    value: float


Candidate = tuple[float, str, str]


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
    operands = meant(claim, tables, found, goal)
    candidates = [
        *_whole(q, claim, tables),
        *_pairs(q, claim, operands, found),
        *_parts(q, claim, operands, tables),
    ]
    for value, text, call in candidates:
        for scale in _scales(q, tables, call):
            if agrees(value, q, scale, signless=not q.signed) or _over(claim, q, value * scale):
                return Formula(text if scale == 1 else f"({text}) · {scale:.6g}", call, value * scale)
    return None


def _over(claim: Claim, q: Quantity, value: float) -> bool:
    """Whether a value is what "more than doubled" says: over it, and under what one would say instead."""
    said = q.readings[0][0]
    before = claim.sentence.text[: claim.start - claim.sentence.start]
    return not q.exact and _MORE_THAN.search(before) is not None and said <= value < 1.5 * said


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


def _whole(q: Quantity, claim: Claim, tables: Sequence[Table]) -> Iterator[Candidate]:
    """Return what whole columns add up to, and how many rows there are."""
    text = claim.sentence.text
    part = text[slice(*clause(claim.sentence, claim.start))]
    total, mean = bool(TOTAL.search(text)), bool(MEAN.search(text))
    for table in (t for t in tables if not t.prose):
        here = {x for *_, x in places(text if text.lstrip().startswith("|") else part, labels_of(table))}
        alone = len(here) == 1
        named = columns_named(TOTAL.sub("", part), numeric(table), claim) or table.columns
        for column, values in (x for x in whole_columns(table) if x[0] in named):
            what = f"{column or 'values'} of {len(values)} rows"
            small = len(numeric(table)) == 1 and len(values) <= 4 and all(v == int(v) for v in values)
            small &= not _few(q) or all(places(text, r.labels) for r in table.rows)
            several = len(values) > 1 and not q.percent and not rough(q, values)
            if several and (total or small or (not alone and precise(claim))):
                told = " + ".join(f"{v:.12g}" for v in values) if len(values) <= 6 else f"sum of {what}"
                yield sum(values), told, table.call
            if (
                mean
                and not alone
                and len(values) > 1
                and not _EXTREME & {stem(w) for w in re.split(r"[\W_]+", column)}
            ):
                yield sum(values) / len(values), f"mean of {what}", table.call
        if not table.cut and not q.percent and _counts(claim, table):
            yield float(len(table.rows)), f"number of rows of {table.call or 'its input'}", table.call
        in_turn = listed(text, labels_of(table))
        if q.exact and not q.percent and len(in_turn) > 1:
            yield float(len(in_turn)), f"number of names: {', '.join(in_turn)}", table.call


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
    if {"date", "month", "year", "day"} & names and any(w.startswith(TIMES) for w in words):
        return True
    return any(w == n or (len(w) > 3 and len(n) > 3 and w[:4] == n[:4]) for w in words for n in names | COUNTED)


def _pairs(
    q: Quantity, claim: Claim, operands: Sequence[Operand], found: Sequence[Operand]
) -> Iterator[Candidate]:
    """Return what two numbers of one column, of one row, or of the same sentence give."""
    text, at = claim.sentence.text, claim.start - claim.sentence.start
    left, right = clause(claim.sentence, claim.start)
    part = text[left:right] if changes(text[left:right]) else text
    ratio = RATIO.search(text[left:right])
    share = _PART_OF.search(text[:at]) is not None  # "11 of the 20 (55 %)"
    change = changes(text) or (COMPARED.search(text[left:right]) and not share)
    differs = q.signed or change or any(words.search(text) for words in (COMPARED, APART, DIFFER))
    times = not q.percent and _TIMES.match(text[at:])
    here = {o.row for o in operands if times and o.row and places(text[left:at], {o.row})}  # told of these
    several = len({o.row for o in operands if o.row}) > 1
    for a, b in permutations(operands, 2):
        if not _together(a, b) or a == b or min(abs(a.value), abs(b.value)) <= q.readings[0][1] * 1e-3:
            continue
        if times:  # "20 times", "half": a ratio, of one row to another where two are named
            told = not here or (a.row in here and (b.row in here or _AS.search(text[left:right])))
            across = several and a.row == b.row and a.column != b.column
            if b.value and told and not (across and not _named(text, a, b)):
                yield a.value / b.value, f"{a.text} / {b.text}", a.call
            continue
        loose = not q.percent and _loose(q, a, b)
        apart = _few(q) and not all(o in found or _told(text, o, a.row == b.row) for o in (a, b))
        in_turn = a.words and b.words and {a, b} <= {*found} and _in_turn(part, a, b, found)
        moved = (a.place > b.place) if q.signed else in_turn or _moved(part, a, b)
        if differs and not loose and not apart and moved:
            yield from _difference(q, a, b, share, LESS.search(part) is not None)
        if (
            not q.percent
            and not loose
            and a.value >= b.value
            and not change
            and (TOTAL.search(text) or (not ratio and _both(claim, text[left:right], a, b)))
        ):
            yield a.value + b.value, f"{a.text} + {b.text}", a.call
        if q.percent:
            yield from () if change else _percent(claim, a, b, found)
            continue
        average = (a.words or a.column != b.column) and MEAN.search(text) and {a, b} <= {*found}
        if b.value not in (0, 1) and not apart and (ratio or not q.exact or average):  # by 1: the number itself
            yield a.value / b.value, f"{a.text} / {b.text}", a.call


def _percent(claim: Claim, a: Operand, b: Operand, found: Sequence[Operand]) -> Iterator[Candidate]:
    """Return which percentages two numbers give that the text tells, or whose rows or columns it names."""
    text = claim.sentence.text
    alike = a.text.endswith("%") == b.text.endswith("%")
    if alike and {a, b} <= {*found} and (both := a.value + b.value):
        yield 100 * a.value / both, f"100 · {a.text} / ({a.text} + {b.text})", a.call
    said = {v for o in quantities(text, words=False) for v, _ in o.readings} | {o.value for o in found}
    known = (o.free or o.words or o.value in said or _told(text, o, a.row == b.row) for o in (a, b))
    if not all(known):
        return
    if a.value >= b.value >= 0:
        scale, factor = (100.0, "100 · ") if a.value <= 1 else (1.0, "")
        yield scale * (a.value + b.value), f"{factor}({a.text} + {b.text})", a.call
    if b.value not in (0, 1):
        yield 100 * a.value / b.value, f"100 · {a.text} / {b.text}", a.call


def _difference(q: Quantity, a: Operand, b: Operand, share: bool, less: bool) -> Iterator[Candidate]:
    counts = all(o.value == int(o.value) and not o.text.endswith("%") for o in (a, b))
    if not (q.percent and counts):
        yield a.value - b.value, f"{a.text} - {b.text}", a.call
    if q.percent and b.value and not share:
        told = f"100 · ({a.text} - {b.text})"
        yield 100 * (a.value - b.value) / abs(b.value), f"{told} / {b.text}", a.call
        yield 100 * (a.value - b.value), told, a.call
        if a.value > b.value >= 0:
            yield 100 * (a.value - b.value) / a.value, f"{told} / {a.text}", a.call


def _few(q: Quantity) -> bool:
    return q.exact and not q.percent and q.readings[0][0] <= FEW and not re.search(r"[.,]", q.text)


def _told(text: str, o: Operand, by_column: bool) -> bool:
    """Whether a text names the row of a number, or its column: a few are the difference of too many others."""
    return bool(columns_named(text, [o.column]) if by_column else o.row and places(text, {o.row}))


def _loose(q: Quantity, a: Operand, b: Operand) -> bool:
    """Whether a number is told so roughly that a sum or a difference is no proof: one of the two is it, or many are."""
    return min(abs(a.value), abs(b.value)) <= q.readings[0][1] or rough(q, (a.value, b.value))


def _named(text: str, a: Operand, b: Operand) -> bool:
    """Whether a text names the columns of both numbers."""
    return all(columns_named(text, [o.column]) for o in (a, b))


def _both(claim: Claim, text: str, a: Operand, b: Operand) -> bool:
    """Whether a text names the rows of both numbers, or of one row both columns."""
    if a.row == b.row and a.column != b.column:
        return _named(text, a, b)
    return precise(claim) or all(places(text, {o.row}) for o in (a, b) if o.row)


def _moved(text: str, a: Operand, b: Operand) -> bool:
    """Whether going from `b` to `a` is what the words say: a rise, a fall, or neither."""
    up, down = bool(UP.search(text)), bool(DOWN.search(text))
    along = a.row == b.row or (a.column == b.column and a.row[:4].isdigit() and b.row[:4].isdigit())
    if up == down or (not along and COMPARED.search(text)):
        return a.value >= b.value
    return a.place > b.place and (a.value >= b.value) == up


def _in_turn(text: str, a: Operand, b: Operand, found: Sequence[Operand]) -> bool:
    """Whether a text tells of two values of lines in their order, and of the rise or fall between them."""
    up, down = bool(UP.search(text)), bool(DOWN.search(text))
    return up != down and found.index(a) > found.index(b) and (a.value >= b.value) == up


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
            mine = [o for o in operands if o.group[0] == place and o.column == column]
            mine = list({(o.group, o.value): o for o in mine}.values())  # one that is said is found twice
            if q.percent or not q.exact or RATIO.search(text):
                yield from _shares(q, _said(claim, mine), whole.get(column, []), table.call)
            if q.percent and change and len(mine) == 1 and 0 < mine[0].value < 2:
                yield 100 * (mine[0].value - 1), f"100 · ({mine[0].text} - 1)", table.call
            if len(mine) >= 2 and MEAN.search(text) and not (_few(q) and table.prose):
                told = f"mean of {', '.join(o.text for o in mine)}"
                yield sum(o.value for o in mine) / len(mine), told, table.call
            if len(mine) >= 3 and not q.percent and not rough(q, [o.value for o in mine]):
                yield sum(o.value for o in mine), " + ".join(o.text for o in mine), table.call
        lines = {o.group[1]: o for o in operands if o.group[0] == place}
        for line, first in lines.items():  # what a row adds up to, and shares of that
            row = next((r for r in table.rows if r.line == line), None)
            inner = [t for c, t in row.cells if c.lower() not in MARGINS] if row else []
            values = [v * table.scale for t in inner if (v := number(t)) is not None]
            if len(values) < 2 or change:
                continue
            if _OF_ALL.search(text[: claim.start - claim.sentence.start]) and not q.percent:
                yield sum(values), " + ".join(f"{v:.12g}" for v in values), first.call
                yield from ((a + b, f"{a:.12g} + {b:.12g}", first.call) for a, b in combinations(values[:6], 2))
            if (q.percent or not q.exact) and table.across:
                yield from _shares(q, [o for o in operands if o.group[:2] == (place, line)], values, table.call)


def _said(claim: Claim, mine: Sequence[Operand]) -> Sequence[Operand]:
    """Return the numbers whose rows the sentence itself names, where it names some; several of them may be a share."""
    left, right = clause(claim.sentence, claim.start)
    texts = (claim.sentence.text[left:right], claim.sentence.text)
    named = ([o for o in mine if o.row and places(text, {o.row})] for text in texts)
    return next(filter(None, named), mine[:1])


def _shares(q: Quantity, mine: Sequence[Operand], values: Sequence[float], call: str) -> Iterator[Candidate]:
    scale, factor = (100.0, "100 · ") if q.percent else (1.0, "")
    total = sum(values)
    for size in (1, 2, 3):
        for part in combinations(mine[:6], size):
            if total and len(values) > 1 and not any(abs(total - one) < 0.02 * one for one in (1.0, 100.0)):
                said = " + ".join(o.text for o in part)
                yield scale * sum(o.value for o in part) / total, f"{factor}({said}) / {total:.12g}", call
