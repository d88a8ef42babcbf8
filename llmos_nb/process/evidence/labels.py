"""Where labels of tables stand in a text, and in which part of a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from llmos_nb.process.evidence.claims import Claim, Sentence
from llmos_nb.process.evidence.lexicon import ALIASES, CLAUSE
from llmos_nb.process.evidence.numbers import MONTHS, dates, singular
from llmos_nb.process.evidence.tables import Table

_YEARLY = re.compile(r"(\d{4})-(12-31|01-01)(?:[ T]00:00:00)?")
_LETTERS = re.compile(r"[^\W\d_]")


def clause(sentence: Sentence, start: int) -> tuple[int, int]:
    """Return the part of a sentence around a place, as places in the sentence."""
    left, right = around(CLAUSE, sentence, start)
    if sentence.text[:left].endswith("(") and not _LETTERS.search(sentence.text[left:right]):  # "(38 %)"
        left = around(CLAUSE, sentence, sentence.start + left - 1)[0]
    return left, right


def around(cut: re.Pattern[str], sentence: Sentence, start: int) -> tuple[int, int]:
    """Return the part of a sentence between two cuts around a place, as places in the sentence."""
    at, left, right = start - sentence.start, 0, len(sentence.text)
    for m in cut.finditer(sentence.text):
        if m.end() <= at:
            left = m.end()
        elif m.start() >= at:
            right = m.start()
            break
    return left, right


def leftwards(claim: Claim) -> Iterator[str]:
    """Return the clause of a claim, those before it, the nearest first, and the whole sentence."""
    text, at = claim.sentence.text, claim.start
    while at > claim.sentence.start:
        left, right = clause(claim.sentence, at)
        yield text[left:right]
        at = claim.sentence.start + left - 1
    yield text


@lru_cache(maxsize=8192)
def _pattern(label: str) -> re.Pattern[str]:
    parts = [p for p in re.split(r"[\s_]+", label.strip()) if p]
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
    for year, label in _years(labels):
        for m in re.finditer(rf"(?<![\w.-]){year}(?![\w-]|\.\d)", text):
            found += [(*m.span(), label)] if not any(m.start() < b and a < m.end() for a, b in taken) else []
    for month, label in _months(labels):
        for m in re.finditer(r"(?<![\w-])[A-ZÄ][a-zä]+(?![\w-])", text):
            named = MONTHS.get(m.group().lower()) == month
            found += (
                [(*m.span(), label)]
                if named and not any(m.start() < b and a < m.end() for a, b in taken)
                else []
            )
    for label in sorted(labels, key=len, reverse=True):
        for m in _pattern(label).finditer(text):
            if not any(m.start() < b and a < m.end() for a, b in taken):
                found.append((*m.span(), label))
                taken.append(m.span())
    return sorted(found)


def _years(labels: set[str]) -> list[tuple[str, str]]:
    """Return the years that name rows, where the dates of all rows are the ends, or the beginnings, of years."""
    ends = [m for x in labels if (m := _YEARLY.fullmatch(x))]
    dated = sum(x[:4].isdigit() and x[4:5] == "-" for x in labels)
    same = len({m[2] for m in ends}) == 1 and len(ends) == dated
    return [(m[1], m[0]) for m in ends] if same and (len(ends) > 1 or ends[0][2] == "12-31") else []


def _months(labels: set[str]) -> list[tuple[int, str]]:
    """Return the months that name rows, where the rows are months and none of them stands twice."""
    dated = [(d.parts, x) for x in labels if x[:4].isdigit() and x[4:5] == "-" for d in dates(x)]
    once = len({month for (_, month, _), _ in dated}) == len(dated)
    whole = any(all(day in days for (*_, day), _ in dated) for days in ((0,), (1,), range(28, 32)))
    return [(month, x) for (_, month, _), x in dated] if once and whole else []


def labels_of(table: Table) -> set[str]:
    """Return the labels of a table's rows that name something, and its columns where they are categories."""
    found = {x for r in table.rows for x in r.labels}
    whole = {x for r in table.rows for x in r.labels[:1] if x.isdigit()}
    if not table.prose and not all(len(x) == 4 for x in whole):
        found -= {x for x in whole if len(x) < 3}  # told beside the name of the index
    return found | ({*table.columns} if table.across else set())


def numbered(text: str, table: Table) -> set[str]:
    """Return the row labels that are numbers and are named in a text."""
    return {x for *_, x in numbered_places(text, table)}


def numbered_places(text: str, table: Table) -> list[tuple[int, int, str]]:
    """Return where labels are named that are numbers: beside the name of the index (``8 cylinders``), or as months."""
    found: list[tuple[int, int, str]] = []
    whole = {x for r in table.rows for x in r.labels if x.isdigit()}
    names = [singular(t.lower()) for i in table.index for t in re.split(r"[\s_]+", i) if len(t) > 2]
    for label in whole:
        for name in (re.escape(n[:3]) for n in names):
            beside = rf"\b{label}[\s-]+{name}|\b{name}\w*\s+(?:=\s*|of\s+)?{label}\b"
            found += [(*m.span(), label) for m in re.finditer(beside, text, re.I)]
    if {*names} & {"date", "month", "monat", "datum"} and all(1 <= int(x) <= 12 for x in whole):
        for m in re.finditer(r"[a-zä]+", text, re.I):
            label = str(MONTHS.get(m.group().lower(), ""))
            found += [(*m.span(), label)] if label in whole and m.group() != "may" else []
    return found


def levels(table: Table) -> list[set[str]]:
    """Return the labels of each level of an index in which the outer ones stand more than once; else none."""
    outer = [r.labels[:-1] for r in table.rows]
    if not table.index[1:] or len({len(x) for x in outer}) != 1 or len({*outer}) == len(outer):
        return []
    found = [{*level} for level in zip(*(r.labels for r in table.rows), strict=True)]
    return (
        found if sum(map(len, found)) == len(set().union(*found)) else []
    )  # "yes" of one is not that of the other
