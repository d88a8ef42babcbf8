"""Of which rows and columns of a table a sentence speaks where it gives a number."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from llmos_nb.process.evidence.claims import Claim, Sentence
from llmos_nb.process.evidence.lexicon import (
    ALIASES,
    AT,
    CLAUSE,
    DEGREES,
    DOWN,
    EARLIER,
    FROM,
    FROM_A_NUMBER,
    LATER,
    METRICS,
    NOISE,
    PART,
    STATISTIC,
    TO,
    UP,
    UP_TO,
)
from llmos_nb.process.evidence.numbers import MONTHS, UNITS, Quantity, dates, singular
from llmos_nb.process.evidence.tables import Row, Table, number

_BEHIND = re.compile(r"[^\d|,;:()]{0,24}?" + AT, re.IGNORECASE)
NEAR = 2.5  # values of a row within this factor could be taken for one another
SIGNIFICANT = 3  # digits from which an equal number in an unnamed column of the row is no accident


@dataclass(frozen=True, slots=True)
class Spoken:
    """How a sentence speaks of a row and a column: 1 of this one, 0 of none, -1 of another one."""

    row: int
    column: int


def clause(sentence: Sentence, start: int) -> tuple[int, int]:
    """Return the part of a sentence around a place, as places in the sentence."""
    return _around(CLAUSE, sentence, start)


def _around(cut: re.Pattern[str], sentence: Sentence, start: int) -> tuple[int, int]:
    at, left, right = start - sentence.start, 0, len(sentence.text)
    for m in cut.finditer(sentence.text):
        if m.end() <= at:
            left = m.end()
        elif m.start() >= at:
            right = m.start()
            break
    return left, right


@lru_cache(maxsize=8192)
def _pattern(label: str) -> re.Pattern[str]:
    parts = [p for p in re.split(r"[\s_]+", label.strip()) if p]
    if len(parts) > 2 and parts[-1].lower() in UNITS:  # "flipper length" is `flipper_length_mm`
        parts = parts[:-1]
    spelled = r"[\s_-]+".join(map(re.escape, parts)) or r"(?!)"
    ending = r"\w{0,3}" if len(parts) == 1 and re.fullmatch(r"[^\W\d_]{4,}", parts[0]) else r"(?:s|es|'s|’s)?"
    alias = ALIASES.get(label.lower())
    both = f"(?:{spelled}{ending}|{alias})" if alias else spelled + ending
    return re.compile(rf"(?<![\w.]){both}(?![\w]|[.,]\d)", re.IGNORECASE if len(label) > 1 else 0)


def places(text: str, labels: Iterable[str]) -> list[tuple[int, int, str]]:
    """Return where labels stand in a text: the longest where they overlap, and dates however they are spelled."""
    found: list[tuple[int, int, str]] = []
    labels = {x for x in labels if x.strip()}
    if said := list(dates(text)):
        for label in labels:
            for d in dates(label):
                found += [(s.start, s.end, label) for s in said if s.agrees(d.parts)]
    taken = [(a, b) for a, b, _ in found]
    for label in sorted(labels, key=len, reverse=True):
        for m in _pattern(label).finditer(text):
            if not any(m.start() < b and a < m.end() for a, b in taken):
                found.append((*m.span(), label))
                taken.append(m.span())
    return sorted(found)


def labels_of(table: Table) -> set[str]:
    """Return the labels of a table's rows that name something, and its columns where they are categories."""
    found = {x for r in table.rows for x in r.labels}
    whole = {x for r in table.rows for x in r.labels[:1] if x.isdigit()}
    if whole and not table.prose and not all(len(x) == 4 for x in whole):
        found -= {x for x in whole if len(x) < 3}  # told beside the name of the index
    return found | ({*table.columns} if table.across else set())


def numeric(table: Table) -> list[str]:
    """Return the columns that hold numbers."""
    return [
        c
        for c in table.columns
        if any(c == name and number(t) is not None for r in table.rows for name, t in r.cells)
    ]


def spoken(claim: Claim, table: Table, row: Row, column: str, goal: str, others: list[Claim]) -> Spoken:
    """Return how the claim's sentence speaks of a cell.

    Parameters
    ----------
    claim : Claim
        The number.
    table, row, column : Table, Row, str
        Where an equal value stands.
    goal : str
        What was asked: it counts where the answer names nothing.
    others : list of Claim
        All claims of the answer: numbers and labels in a row belong together in their order.
    """
    if table.prose:
        return Spoken(_of_words(claim, table, row, goal, others), 0)
    if len({*table.columns} & {x for r in table.rows for x in r.labels}) > 1:
        return _of_both(claim, row, column)
    return Spoken(
        _of_rows(claim, table, row, goal, others), _of_columns(claim, table, row, column, goal, others)
    )


def _of_both(claim: Claim, row: Row, column: str) -> Spoken:
    """Return the same for a table of everything by everything, such as correlations: both must be named."""
    left, right = _around(PART, claim.sentence, claim.start)
    named = {x for *_, x in places(claim.sentence.text[left:right], {*row.labels, column})}
    return (
        Spoken(1, 1)
        if column in named and named & {*row.labels} and column not in row.labels
        else Spoken(-1, -1)
    )


def _of_rows(claim: Claim, table: Table, row: Row, goal: str, others: list[Claim]) -> int:
    if table.single:
        return 1
    labels = {x for r in table.rows for x in r.labels} & labels_of(table)
    named = assigned(claim, places(claim.sentence.text, labels), others)
    left, right = clause(claim.sentence, claim.start)
    named |= _numbered(claim.sentence.text[left:right], table) or _numbered(claim.sentence.text, table)
    named |= _statistics(_with_signs(claim, claim.sentence.text[left:right]), table)
    for text in ("" if named else claim.sentence.before, goal):
        if not named:
            named = {x for *_, x in places(text, labels)} | _numbered(text, table)
    if not named and any("_" in x for x in labels):  # keys: words of them are enough
        scores = [shared(claim.sentence.text, r) for r in table.rows]
        if (best := max(scores)) > 0:
            return 1 if shared(claim.sentence.text, row) == best else -1
    if not named:
        bare = not any(r.labels for r in table.rows)
        if bare and (lines := _rows_of_others(claim, table, others)):
            return 1 if row in lines else -1
        return int(bare and (len(table.rows) == 1 or precise(claim) or claim.text.strip() == "0"))
    scores = [len(named & {*r.labels}) for r in table.rows]
    best = max(scores)
    return 0 if not best else (1 if len(named & {*row.labels}) == best else -1)


def _rows_of_others(claim: Claim, table: Table, others: list[Claim]) -> list[Row]:
    """Return the rows in which the other numbers of the sentence stand."""
    values = [
        {v for v, _ in o.value.readings}
        for o in others
        if isinstance(o.value, Quantity) and o is not claim and o.sentence == claim.sentence
    ]
    cells = [(r, {number(t) for _, t in r.cells}) for r in table.rows if len(r.cells) > 1]
    return [r for r, held in cells if any(v & held for v in values)]


def assigned(claim: Claim, found: list[tuple[int, int, str]], others: list[Claim]) -> set[str]:
    """Return the labels of a sentence that belong to one number of it."""
    left, right = clause(claim.sentence, claim.start)
    at = claim.start - claim.sentence.start
    found = [f for f in found if not f[0] <= at < f[1]]
    inside = [f for f in found if left <= f[0] < right]
    numbers = sorted(
        c.start - claim.sentence.start for c in others if c.sentence == claim.sentence and c.kind == "number"
    )
    if len(numbers) == len(found) > 1 and found[-1][0] < numbers[0] and at in numbers:
        return {found[numbers.index(at)][2]}  # "A and B have 1 and 2"
    behind = _BEHIND.match(claim.sentence.text[claim.end - claim.sentence.start : right])
    if behind and (close := [x for a, _, x in found if a == claim.end - claim.sentence.start + behind.end()]):
        return {*close}
    if inside or not found:
        return {x for *_, x in inside}
    before = [f for f in found if f[0] < at]
    if before:
        group = clause(claim.sentence, claim.sentence.start + before[-1][0])
        return {x for a, _, x in before if group[0] <= a < group[1]} or {before[-1][2]}
    return {found[0][2]}


def _statistics(text: str, table: Table) -> set[str]:
    """Return the row labels that are statistics which a text names by another word."""
    words = {STATISTIC.get(w.lower()) for w in re.findall(r"\d+%|[\w%±]+", text)} - {None}
    spans = UP_TO.search(text)
    words |= {"max"} if spans else set()
    return {x for r in table.rows for x in r.labels if STATISTIC.get(x.lower()) in words}


def _with_signs(claim: Claim, text: str) -> str:
    """Add the names of the statistics that signs around a number stand for: ``97.5 ± 1.1``, ``13 airports``."""
    at = claim.start - claim.sentence.start
    if claim.text.startswith("±") or claim.sentence.text[:at].rstrip().endswith("±"):
        return "std"
    if claim.sentence.text[at + len(claim.text) :].lstrip().startswith("±"):
        return text + " mean"
    if FROM.search(claim.sentence.text[:at]):
        return "min"
    if FROM_A_NUMBER.search(claim.sentence.text[:at]):
        return "max"
    return text + (" count" if _of_things(claim) else "")


def _numbered(text: str, table: Table) -> set[str]:
    """Return the row labels that are numbers: beside what the index is called (``8 cylinders``), or as a month."""
    found = set()
    whole = {x for r in table.rows for x in r.labels if x.isdigit()}
    names = [singular(t.lower()) for i in table.index for t in re.split(r"[\s_]+", i) if len(t) > 2]
    for label in whole:
        for name in names:
            if re.search(rf"\b{label}[\s-]+{name[:3]}|\b{name[:3]}\w*\s+(?:=\s*)?{label}\b", text, re.I):
                found.add(label)
    if {*names} & {"date", "month", "monat", "datum"} and all(1 <= int(x) <= 12 for x in whole):
        months = {
            str(MONTHS[w])
            for w in re.findall(r"[a-zä]+", text.lower())
            if w in MONTHS and (w != "may" or "May" in text)
        }
        found |= months & whole
    return found


def _of_words(claim: Claim, table: Table, row: Row, goal: str, others: list[Claim]) -> int:
    """Return how a sentence speaks of a line of words: by sharing some that the other lines do not have."""
    if len(table.rows) == 1 or not row.labels:
        return 1
    left, right = clause(claim.sentence, claim.start)
    part = claim.sentence.text[left:right]
    if claim.sentence.text[: claim.start - claim.sentence.start].rstrip().endswith(
        "±"
    ) or claim.text.startswith("±"):
        part = "std"
    names = {x for r in table.rows for x in r.labels if not x.islower()}
    if named := assigned(claim, places(claim.sentence.text, names), others):
        scores = [len(named & {*r.labels}) for r in table.rows]
        if max(scores) > 0 and len(named & {*row.labels}) < max(scores):
            return -1
    for text in (part, claim.sentence.text, claim.sentence.before, goal):
        scores = [shared(text, r) for r in table.rows]
        if (best := max(scores)) > 0:
            mine = shared(text, row)
            if mine == best or text != goal or not precise(claim):
                return 1 if mine == best else -1
    words = {_stem(w) for w in re.findall(r"[^\W\d_]+\d?", claim.sentence.text.lower())}
    return 0 if words & METRICS else 1  # nothing else is spoken of, and no other measure named


def shared(text: str, row: Row) -> int:
    """Return how many words a text has in common with the labels of a line."""
    words = {_stem(w) for w in re.findall(r"[^\W\d_]+|%|±", text.lower())} - NOISE
    return len(words & ({_stem(w) for x in row.labels for w in re.split(r"[\s_-]+", x.lower())} - NOISE))


def _stem(word: str) -> str:
    return STATISTIC.get(word) or STATISTIC.get(singular(word)) or singular(word)


def _of_columns(claim: Claim, table: Table, row: Row, column: str, goal: str, others: list[Claim]) -> int:
    """Return how a sentence speaks of a column, by the words of its name and of those of the others."""
    columns = numeric(table)
    if isinstance(claim.value, Quantity) and claim.value.percent:
        columns = [c for c in columns if _of_parts(table, c)] or columns
    if len(columns) == 1 and column in columns:
        return 0
    if claim.sentence.text.lstrip().startswith("|"):
        heads = claim.sentence.before.split("|")
        place = claim.sentence.text[: claim.start - claim.sentence.start].count("|")
        if place < len(heads) and (named := columns_named(heads[place], columns, claim, table.across)):
            return 1 if column in named else -1
    left, right = clause(claim.sentence, claim.start)
    if named := columns_named(_between(claim, left, right, others), columns, claim):
        return 1 if column in named else -1
    for text in (claim.sentence.text[left:right], claim.sentence.text, claim.sentence.before, goal):
        if named := columns_named(text, columns, claim):
            return 1 if column in named else _unnamed(claim, table, row, column)
    return _unnamed(claim, table, row, column)


def _between(claim: Claim, left: int, right: int, others: list[Claim]) -> str:
    """Return the part of the clause that stands between the numbers before and behind a number."""
    start = claim.sentence.start
    spans = [
        (c.start - start, c.end - start)
        for c in others
        if c.sentence == claim.sentence
        and c is not claim
        and not re.fullmatch(r"\d{4}", c.text)  # a year names
    ]
    left = max([left, *(b for _, b in spans if b <= claim.start - start)])
    right = min([right, *(a for a, _ in spans if a >= claim.end - start)])
    return claim.sentence.text[left:right]


def _unnamed(claim: Claim, table: Table, row: Row, column: str) -> int:
    """Return how a sentence speaks of a column that it does not name: of none that could be taken for another one."""
    mine = next((abs(v) for c, t in row.cells if c == column and (v := number(t)) is not None), 0.0)
    values = [abs(v) for c, t in row.cells if c != column and (v := number(t)) is not None]
    near = any(mine / NEAR < v < mine * NEAR for v in values) and _stem(column.lower()) != "mean"
    before = claim.sentence.text[: claim.start - claim.sentence.start]
    reached = TO.search(before) and (UP.search(before) or DOWN.search(before)) and column == numeric(table)[-1]
    return 0 if precise(claim) and not table.across and (not near or reached) else -1


def _of_parts(table: Table, column: str) -> bool:
    """Whether a column may be told in percent: it is called so, or holds shares."""
    values = [v for r in table.rows for c, t in r.cells if c == column and (v := number(t)) is not None]
    return _stem(re.split(r"[\s_]+", column.lower())[-1]) == "share" or all(abs(v) <= 1.5 for v in values)


def _of_things(claim: Claim) -> bool:
    """Whether a number is a whole one with a noun behind it: ``13 airports``."""
    q = claim.value
    if not isinstance(q, Quantity) or not q.exact or q.percent or not q.text[-1:].isdigit():
        return False
    noun = q.unit.isalpha() and len(q.unit) > 2 and q.unit not in UNITS
    return noun and all(v == int(v) for v, _ in q.readings)


def precise(claim: Claim) -> bool:
    """Whether a number has so many digits that an equal one in another column of the row would be an accident."""
    digits = re.sub(r"\D", "", claim.text).strip("0")
    return len(digits) >= SIGNIFICANT


def columns_named(text: str, columns: list[str], claim: Claim | None = None, across: str = "") -> list[str]:
    """Return the columns that a text names best; none where it names none."""
    if len(ends := sorted({y for c in columns for y in re.findall(r"[A-Za-z]*\d+$", c)})) > 1:
        text = LATER.sub(ends[-1], text)
        text = EARLIER.sub(ends[0], text)
    scores = {c: column_score(text, c, claim, across) for c in columns}
    best = max(scores.values(), default=0.0)
    return [c for c in columns if scores[c] == best] if best >= 0.5 else []


def column_score(text: str, column: str, claim: Claim | None = None, across: str = "") -> float:
    """Return which share of the words of a column's name a text has; a unit counts where the number has that unit."""
    if len(column) <= 2 and across:  # a category that is a letter or a number
        beside = rf"{re.escape(across[:3])}\w*\s+" if column.isdigit() else ""
        return float(bool(re.search(rf"\b{beside}{re.escape(column)}\b", text)))
    names = [p.lower() for p in re.split(r"[\s_.()/\[\]-]+|(?<=[a-z])(?=[A-Z])", column) if p]
    words = {_stem(w) for w in re.findall(r"[^\W\d_]+\d?|[%±]|\d+", text.lower())}
    words |= {key for key, alias in ALIASES.items() if re.search(rf"\b(?:{alias})\b", text, re.I)}
    plain = [
        n for n in names if (n not in UNITS or len(names) == 1) and (len(n) > 1 or len(names) == 1)
    ] or names
    if not plain:
        return 0.0
    if (
        len(plain[0]) == 1
        and len(plain) == 1
        and not (claim and _stem(plain[0]) == "count" and _of_things(claim))
    ):
        return float(bool(re.search(rf"\b{re.escape(plain[0])}\s*[=<>≈]", text)))  # a column called p or n
    hits = sum(_has(words, n) for n in plain)
    score = hits / len(plain) + 0.01 * hits
    value = claim.value if claim is not None else None
    if isinstance(value, Quantity):
        unit = value.unit in UNITS and any(n in UNITS and UNITS[n][0] == UNITS[value.unit][0] for n in names)
        warm = any(re.fullmatch(r"t(?:emp\w*|max|min|mean)?", n) for n in names) and DEGREES.search(
            claim.sentence.text if claim else ""
        )
        score += 0.5 * bool(unit or warm)
        if value.percent and _stem(names[-1]) == "share":
            score += 0.5
        if claim is not None and _of_things(claim) and _stem(names[0]) == "count":
            score += 0.5
    return score


def _has(words: set[str], name: str) -> bool:
    stem = _stem(name)
    return stem in words or (
        len(name) > 2 and any(w.startswith(name[:5]) or (len(w) > 3 and name.startswith(w)) for w in words)
    )
