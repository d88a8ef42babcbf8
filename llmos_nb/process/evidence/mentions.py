"""Of which rows and columns of a table a sentence speaks where it gives a number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby, pairwise

from llmos_nb.process.evidence.cells import FEW
from llmos_nb.process.evidence.claims import Claim
from llmos_nb.process.evidence.columns import (
    columns_named,
    named_by_words,
    of_parts,
    of_things,
    precise,
    shared,
    stem,
    stems,
)
from llmos_nb.process.evidence.labels import (
    around,
    clause,
    labels_of,
    leftwards,
    levels,
    numbered,
    numbered_places,
    places,
)
from llmos_nb.process.evidence.lexicon import (
    AT,
    COUNTED,
    DOWN,
    FROM,
    FROM_A_NUMBER,
    PART,
    RANK,
    STATISTIC,
    TO,
    TOTAL,
    UP,
    UP_TO,
)
from llmos_nb.process.evidence.lines import TOLD, between, of_words
from llmos_nb.process.evidence.numbers import Quantity
from llmos_nb.process.evidence.tables import MARGINS, Row, Table, number, numeric, whole_ones

_BEHIND = re.compile(r"[^\d|,;:()]{0,24}?" + AT, re.IGNORECASE)
_IN_BRACKETS = re.compile(r"\s?[^\W\d_]{0,3}\s?\((?:[^\W\d_]+\s)?(?=[^()]*\))")
_THAT_OF = re.compile(r"\b(?:that|those|der|die|das)\s+(?:of|for|in|von)\b", re.IGNORECASE)
_THAN = re.compile(
    r"\b(?:than|als|against|gegen|versus|vs\.?|behind|hinter)\s+(?:in\s+|the\s+|der\s+|die\s+)*\Z",
    re.IGNORECASE,
)
_NOUN = re.compile(r"\s([^\W\d_]{3,})")
NEXT = 16  # letters and signs between numbers that are listed
NEAR = 1.5  # values of a row within this factor could be taken for one another


@dataclass(frozen=True, slots=True)
class Spoken:
    """How a sentence speaks of a row and a column: 1 of this one, 0 of none, -1 of another one."""

    row: int
    column: int


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
        return Spoken(of_words(claim, table, row, goal, others), 0)
    inner = {*table.columns} - {"..."}
    if len(inner) > 1 and inner <= {x for r in table.rows for x in r.labels[:1]}:
        return _of_both(claim, table, row, column)
    return Spoken(
        _of_rows(claim, table, row, column, goal, others), _of_columns(claim, table, row, column, goal, others)
    )


def _of_both(claim: Claim, table: Table, row: Row, column: str) -> Spoken:
    """Return the same for a table of everything by everything, such as correlations: the pair must be named."""
    labels = {x for r in table.rows for x in r.labels} | {*table.columns}
    found = named_by_words(claim.sentence.text, labels)
    at = claim.start - claim.sentence.start
    left, right = around(PART, claim.sentence, claim.start)
    part = [(a, x) for a, x in found if left <= a < right]
    found = part if len({x for _, x in part}) > 1 else found
    before = [x for a, x in found if a < at]
    left, right = clause(claim.sentence, claim.start)
    here = {x for a, x in found if left <= a < right}
    pair = (
        here if len(here) == 2 else {*before[:1], *before[-1:]} if len({*before}) > 1 else {x for _, x in found}
    )
    return Spoken(1, 1) if len(pair) == 2 and pair == {*row.labels[:1], column} else Spoken(-1, -1)


def _of_rows(claim: Claim, table: Table, row: Row, column: str, goal: str, others: list[Claim]) -> int:
    labels = {x for r in table.rows for x in r.labels if x.lower() not in MARGINS} & labels_of(table)
    told = [*places(claim.sentence.text, labels), *numbered_places(claim.sentence.text, table)]
    named = assigned(claim, sorted(told), others)
    constant = len({t for r in table.rows for c, t in r.cells if c == column}) == 1  # "each of them has 12"
    if table.single or constant:
        return 1
    left, right = clause(claim.sentence, claim.start)
    named |= _statistics(_with_signs(claim, claim.sentence.text[left:right]), table)
    named = named or called_by_number(claim, table, others)
    for text in ("" if named else claim.sentence.before, goal):
        if not named:
            named = {x for *_, x in places(text, labels)} | numbered(text, table)
    if several := levels(table):
        return _of_levels(named, sorted(told), several, row, claim.start - claim.sentence.start)
    if not named and any("_" in x for x in labels):  # keys: words of them are enough
        for text in leftwards(claim):
            scores = [shared(text, r) for r in table.rows]
            if (best := max(scores)) > 0:
                return 1 if shared(text, row) == best else -1
    if not named:
        bare = not table.index and not any(r.labels for r in table.rows)
        if lines := _rows_of_others(claim, table, others):
            return 1 if row in lines else -1
        alone = len(table.rows) == 1 or (of_things(claim) and whole_ones(table) == 1)
        return int(bare and (alone or precise(claim) or claim.text.strip() == "0"))
    scores = [len(named & {*r.labels}) for r in table.rows]
    best = max(scores)
    return 0 if not best else (1 if len(named & {*row.labels}) == best else -1)


def _of_levels(
    named: set[str], told: list[tuple[int, int, str]], several: list[set[str]], row: Row, at: int
) -> int:
    """Return how a sentence speaks of a row with a label of each level: all must be named, some before the clause."""
    for level, mine in zip(several, row.labels, strict=True):
        here = named & level or {x for a, _, x in told if a < at and x in level and not named & level}
        last = [x for a, _, x in told if a < at and x in here][-1:] if not named & level else [*here]
        if mine not in last:
            return -1 if named or last else 0
    return 1


def called_by_number(claim: Claim, table: Table, others: list[Claim]) -> set[str]:
    """Return the row labels that other numbers are: in the head's column of a row of the answer, or in the clause."""
    labels = {v: x for r in table.rows for x in r.labels[:1] if (v := number(x)) is not None}
    text, start = claim.sentence.text, claim.sentence.start
    if text.lstrip().startswith("|"):
        pairs = zip(claim.sentence.before.split("|"), text.split("|"), strict=False)
        index = {i.lower() for i in table.index}
        return {labels[v] for h, x in pairs if h.strip().lower() in index and (v := number(x)) in labels}
    left, right = clause(claim.sentence, claim.start)
    beside = [
        c for c in others if c is not claim and left <= c.start - start < right and c.sentence == claim.sentence
    ]
    said = {v for c in beside if isinstance(c.value, Quantity) for v, _ in c.value.readings[:1]}
    return {labels[v] for v in said & labels.keys()} if precise(claim) else set()


def _rows_of_others(claim: Claim, table: Table, others: list[Claim]) -> list[Row]:
    """Return the rows in which the other numbers of the clause, or else of the sentence, stand."""
    cells = [(r, {number(t) for _, t in r.cells}) for r in table.rows if len(r.cells) > 1]
    left, right = clause(claim.sentence, claim.start)
    beside = [o for o in others if o is not claim and o.sentence == claim.sentence]
    inside = [o for o in beside if left <= o.start - claim.sentence.start < right]
    for told in (inside, beside):
        values = [{v for v, _ in o.value.readings} for o in told if isinstance(o.value, Quantity)]
        if rows := [r for r, held in cells if any(v & held for v in values)]:
            return rows
    return []


def assigned(claim: Claim, found: list[tuple[int, int, str]], others: list[Claim]) -> set[str]:
    """Return the labels of a sentence that belong to one number of it."""
    left, right = clause(claim.sentence, claim.start)
    at = claim.start - claim.sentence.start
    found = [f for f in found if not f[0] <= at < f[1]]
    inside = [f for f in found if left <= f[0] < right]
    numbers = sorted(
        c.start - claim.sentence.start for c in others if c.sentence == claim.sentence and c.kind in TOLD
    )
    if (paired := _paired(claim.sentence.text, at, found, numbers)) is not None:
        return {paired}
    rest = claim.sentence.text[claim.end - claim.sentence.start :]
    behind = _IN_BRACKETS.match(rest) or _BEHIND.match(rest[: right - claim.end + claim.sentence.start])
    if behind and (close := [x for a, _, x in found if a == claim.end - claim.sentence.start + behind.end()]):
        return {*close}
    if inside or not found:
        return {x for *_, x in inside}
    before = [f for f in found if f[0] < at]
    before = [
        f for f in before if not _THAN.search(claim.sentence.text[: f[0]])
    ] or before  # "their" are the others
    if before:
        group = clause(claim.sentence, claim.sentence.start + before[-1][0])
        return {x for a, _, x in before if group[0] <= a < group[1]} or {before[-1][2]}
    return {found[0][2]}


def _paired(text: str, at: int, found: list[tuple[int, int, str]], numbers: list[int]) -> str | None:
    """Return the label of a number where as many labels as numbers follow each other: "A and B have 1 and 2"."""
    spans = [(a, b) for a, b, _ in found]
    events = [(a, x) for a, _, x in found]
    events += [(n, "") for n in numbers if not any(a <= n < b for a, b in spans)]
    runs = [list(run) for _, run in groupby(sorted(events), lambda e: bool(e[1]))]
    for names, values in pairwise(runs):
        places_ = [n for n, _ in values]
        if names[0][1] and at in places_ and len(names) == len(values) > 1:
            near = all(len(re.sub(r"[\d.,]+", "", text[a:b])) <= NEXT for a, b in pairwise(places_))
            return names[places_.index(at)][1] if near else None
    return None


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
    return text + (" count" if of_things(claim) else "")


def _of_columns(claim: Claim, table: Table, row: Row, column: str, goal: str, others: list[Claim]) -> int:
    """Return how a sentence speaks of a column, by the words of its name and of those of the others."""
    columns = numeric(table)
    if isinstance(claim.value, Quantity) and claim.value.percent:
        parts = [c for c in columns if of_parts(table, c)]
        columns = parts if column in parts else columns
    if len(columns) == 1 and column in columns:
        return -1 if _of_other_things(claim, column) else 0
    of_year = column.lower() in ("year", "jahr") and re.fullmatch(r"\d{4}", claim.text)
    if named := [column] if of_year else headed(claim, table, columns):
        return 1 if column in named else -1
    left, right = clause(claim.sentence, claim.start)
    inner = [c for c in columns if c.lower() not in MARGINS]
    if _sums_up(claim, table, inner, columns):
        return 1 if column not in inner else -1
    near_it = between(claim, left, right, others)
    if _THAT_OF.search(near_it):  # "the mean of X is 9 and that of Y 7": the mean, too
        near_it = claim.sentence.text[:left] + near_it
    if named := columns_named(near_it, columns, claim, table.across):
        return 1 if column in named else -1
    near = assigned(claim, places(claim.sentence.text, columns), others) if table.across else set()
    for text in (
        claim.sentence.text[left:right],
        " ".join(near),
        claim.sentence.text,
        claim.sentence.before,
        goal,
    ):
        if named := [c for c in columns if c in near] or columns_named(text, columns, claim, table.across):
            return 1 if column in named else _unnamed(claim, table, row, column, others)
    return _unnamed(claim, table, row, column, [])


def _of_other_things(claim: Claim, column: str) -> bool:
    """Whether a few things are counted of which the only column of numbers says nothing: "5 houses", of `persons`."""
    q, words = claim.value, stems(column.replace("_", " "))
    behind = _NOUN.match(claim.sentence.text[claim.end - claim.sentence.start :])
    if not isinstance(q, Quantity) or behind is None or not words or q.readings[0][0] >= FEW:
        return False
    if claim.text[-1:].isdigit() and not of_things(claim):
        return False
    counted = {stem(behind[1].lower()), "count", *map(stem, COUNTED)}
    return words.isdisjoint(counted) and not columns_named(claim.sentence.text, [column], claim)


def _sums_up(claim: Claim, table: Table, inner: list[str], columns: list[str]) -> bool:
    """Whether a number is told of all parts, where one of the columns is their total: "85 patients in all"."""
    if inner == columns:
        return False
    left, right = around(PART, claim.sentence, claim.start)
    part = claim.sentence.text[left:right]
    told = of_things(claim) or TOTAL.search(part)
    return bool(told) and not columns_named(part, inner, claim, table.across)


def headed(claim: Claim, table: Table, columns: list[str]) -> list[str]:
    """Return the columns that the head over a number names, where the answer gives it in a table of its own."""
    if not claim.sentence.text.lstrip().startswith("|"):
        return []
    heads = claim.sentence.before.split("|")
    place = claim.sentence.text[: claim.start - claim.sentence.start].count("|")
    if place >= len(heads) or (named := columns_named(heads[place], columns, claim, table.across)):
        return named if place < len(heads) else []
    return [c for c in columns if not any(c in columns_named(h, columns) for h in heads if h.strip())]


def _unnamed(claim: Claim, table: Table, row: Row, column: str, others: list[Claim]) -> int:
    """Return how a sentence speaks of a column that it does not name: of none that could be taken for another one."""
    mine = next((abs(v) for c, t in row.cells if c == column and (v := number(t)) is not None), 0.0)
    values = [abs(v) for c, t in row.cells if c != column and (v := number(t)) is not None]
    near = any(mine / NEAR < v < mine * NEAR for v in values) and stem(column.lower()) != "mean"
    before = claim.sentence.text[: claim.start - claim.sentence.start]
    reached = TO.search(before) and (UP.search(before) or DOWN.search(before)) and column == numeric(table)[-1]
    ranks = list(RANK.finditer(before))
    by_rank = ranks and not re.search(r"\d", before[ranks[-1].end() :])
    if table.sought == {column} and by_rank and not columns_named(before, numeric(table)):
        return 0  # "the strongest, 6.4": by what the code sorts
    meant = column in table.sought or reached or not others
    return 0 if precise(claim) and not table.across and meant and (not near or reached) else -1
