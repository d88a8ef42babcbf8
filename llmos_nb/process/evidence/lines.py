"""Numbers beside each other, in a clause and in lines of words: which of a line is told, by which words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Set as AbstractSet
from typing import Any

from llmos_nb.process.evidence.claims import Claim
from llmos_nb.process.evidence.columns import of_things, precise, stem, stems
from llmos_nb.process.evidence.labels import around, clause, places
from llmos_nb.process.evidence.lexicon import BROAD, CLAUSE, FROM, METRICS, PART, TO
from llmos_nb.process.evidence.numbers import Quantity
from llmos_nb.process.evidence.tables import Row, Table, number

_MEASURES = frozenset(map(stem, METRICS))
TOLD = ("number", "computed")  # the values of an answer: what it gives by an expression is one, too
_LEAD = re.compile(r"\s*(\S[^\s:=,]*)(?:[:,]\s|\s(?=\d))")  # what a line of words begins with: what it is of


def between(claim: Claim, left: int, right: int, others: list[Claim]) -> str:
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


def lead(row: Row) -> str:
    """Return the word with which a line of words begins: what it is of; empty for none."""
    found = _LEAD.match(row.line)
    return found[1] if found is not None else ""


def _said(claim: Claim) -> str:
    """Return where a claim has the name of what it is of: the first cell of its row, or its clause."""
    text, (left, right) = claim.sentence.text, clause(claim.sentence, claim.start)
    return text.strip("| ").partition("|")[0] if text.lstrip().startswith("|") else text[left:right]


def of_another_line(claim: Claim, row: Row, leads: set[str]) -> bool:
    """Whether a claim has the name with which another line begins, and not that of this one."""
    named = {x for *_, x in places(_said(claim), leads)}
    return bool(named and lead(row)) and lead(row) not in named


def of_words(claim: Claim, table: Table, row: Row, goal: str, others: list[Claim]) -> int:
    """Return how a sentence speaks of a number in lines of words: its line is meant, and no other number of that."""
    lines: dict[str, list[Row]] = {}
    for r in table.rows:
        lines.setdefault(r.line, []).append(r)
    line = lines[row.line]
    before = claim.sentence.text[: claim.start - claim.sentence.start].rstrip(" =:`*")
    if len(line) > 1 and row is line[0] and row.labels and before.lower().endswith(row.labels[-1].lower()):
        return 1  # "k = 3": what a line is called by
    if not any(r.labels for r in table.rows) and len(table.rows) > 1:
        digits = re.sub(r"\D", "", claim.text).lstrip("0")  # one digit alone stands there by accident
        return int(len(digits) > 1 or of_things(claim))
    held = {x: {w for r in rows for w in _words(r)} | {*_values(rows)} for x, rows in lines.items()}
    meant = _best(held, _line_scopes(claim, goal, others))
    if row.line not in meant if meant else (len(lines) > 1 and not precise(claim)):
        return -1
    taken = _beside(claim, others, 0, len(claim.sentence.text))
    cells = {
        i: _words(r) | {*_values(x for x in line if x is not r and x.labels == r.labels)}
        for i, r in enumerate(line)
    }
    near_it, wider = _cell_scopes(claim, others)
    if not (best := _best(cells, near_it) or ({*cells} if len(line) == 1 else set())):
        free = {i: held for i, held in cells.items() if line[i] is row or not taken & {*_values([line[i]])}}
        best = _best(free, wider) or (set() if "=" in row.line and len(line) > 2 else {*free})
    near = {*stems(claim.sentence.text[slice(*clause(claim.sentence, claim.start))])} & _MEASURES
    every = {w for r in table.rows for w in _words(r)}
    return (
        1 if any(line[i] is row for i in best) and not (near and every & _MEASURES and not near & every) else -1
    )


def _best(held: Mapping[Any, AbstractSet[object]], scopes: Iterable[AbstractSet[object]]) -> set[Any]:
    """Return the keys of whose tokens the first scope that tells them apart has most; none where none does."""
    common = set.intersection(*map(set, held.values())) if len(held) > 1 else set()
    for scope in scopes:
        scores = {k: len((tokens & scope) - common) for k, tokens in held.items()}
        if (best := max(scores.values())) > 0:
            return {k for k, n in scores.items() if n == best}
    return set()


def _words(row: Row) -> set[object]:
    return {w for x in row.labels for w in stems(x)}


def _values(rows: Iterable[Row]) -> Iterator[float]:
    yield from (v for r in rows for _, t in r.cells if (v := number(t)) is not None)


def _beside(claim: Claim, others: list[Claim], left: int, right: int) -> set[object]:
    """Return the other numbers of a part of a claim's sentence."""
    start = claim.sentence.start
    return {
        x
        for o in others
        if o is not claim and o.sentence == claim.sentence and left <= o.start - start < right
        if isinstance(o.value, Quantity)
        for v, _ in o.value.readings
        for x in ((v, round(v / 100, 9)) if o.value.percent else (v,))
    }


def _line_scopes(claim: Claim, goal: str, others: list[Claim]) -> Iterator[set[object]]:
    """Return by what a claim may name a line: words, else numbers, of its clause, else of more of its sentence."""
    text = claim.sentence.text
    before = text[: claim.start - claim.sentence.start]
    end = FROM.search(before) or TO.search(before)  # "from 1 to 2": each in a line of its own
    for cut in (CLAUSE, BROAD, PART) if not text.lstrip().startswith("|") else (PART,):
        left, right = (
            clause(claim.sentence, claim.start) if cut is CLAUSE else around(cut, claim.sentence, claim.start)
        )
        yield {*stems(text[left:right])}
        yield _beside(claim, others, left, right) if (cut is not PART or "|" in text[:2]) and not end else set()
    yield {*stems(claim.sentence.before)}
    if not precise(claim):
        yield {*stems(goal)}
        yield _beside(claim, others, *around(PART, claim.sentence, claim.start))


def _cell_scopes(claim: Claim, others: list[Claim]) -> Iterator[list[set[object]]]:
    """Return by what a claim may name one number of a line: words beside it, and then those of its clause or more."""
    left, right = clause(claim.sentence, claim.start)
    if claim.sentence.text.lstrip().startswith("|"):
        yield [{*stems(_head_over(claim))}]
        yield [set()]
        return
    unit = claim.value.unit if isinstance(claim.value, Quantity) else ""
    yield [{*stems(unit)}, {*stems(between(claim, left, right, others))}]
    part = {*stems(claim.sentence.text[left:right])} | _beside(claim, others, left, right)
    count: set[object] = {"count"} if of_things(claim) else set()
    wide: set[object] = {*stems(claim.sentence.text[slice(*around(PART, claim.sentence, claim.start))])}
    yield [part, count, wide, set() if precise(claim) else {*stems(claim.sentence.text)}]


def _head_over(claim: Claim) -> str:
    """Return the head over a number in a table of the answer."""
    heads = claim.sentence.before.split("|")
    place = claim.sentence.text[: claim.start - claim.sentence.start].count("|")
    return heads[place] if place < len(heads) else ""
