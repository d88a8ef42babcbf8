"""Which columns a text names, and by which words: stems, units, the noun behind a number."""

from __future__ import annotations

import re
from collections.abc import Iterable, Set as AbstractSet
from functools import lru_cache

from llmos_nb.process.evidence.claims import Claim
from llmos_nb.process.evidence.lexicon import (
    ALIASES,
    COMPARED,
    DEGREES,
    DOWN,
    EARLIER,
    LATER,
    NOISE,
    STATISTIC,
    UP,
)
from llmos_nb.process.evidence.numbers import MONTHS, UNITS, Quantity, singular
from llmos_nb.process.evidence.tables import Row, Table, number

STEM = 6  # letters: executed, executions
_CHANGE = frozenset({"chg", "change", "diff", "difference", "delta"})
_REACHED = re.compile(r"\b(?:to|from|auf|von)\s+\W?\Z", re.IGNORECASE)
SIGNIFICANT = 3  # digits from which an equal number in an unnamed column of the row is no accident


def columns_named(text: str, columns: list[str], claim: Claim | None = None, across: str = "") -> list[str]:
    """Return the columns that a text names best; none where it names none."""
    if len(ends := sorted({y for c in columns for y in re.findall(r"[A-Za-z]*\d+$", c)})) > 1:
        text = LATER.sub(ends[-1], text)
        text = EARLIER.sub(ends[0], text)
    rates = {c: m[1] for c in columns if (m := re.search(r"(?:^|_)per_([a-z]+)$", c, re.I))}
    told = [c for c, of in rates.items() if re.search(rf"\b(?:an?|per|pro|je|each)\s+{of[:STEM]}", text, re.I)]
    if told and claim is not None:
        return told  # "6.9 loans a book"
    scores = {c: column_score(text, c, claim, across) for c in columns}
    best = max(scores.values(), default=0.0)
    return [c for c in columns if scores[c] == best] if best >= 0.5 else []


def column_score(text: str, column: str, claim: Claim | None = None, across: str = "") -> float:
    """Return which share of the words of a column's name a text has; a unit counts where the number has that unit."""
    if len(column) <= 2 and across:  # a category that is a letter or a number
        beside = rf"{re.escape(across[:3])}\w*\s+" if column.isdigit() else ""
        if across.lower() in ("month", "monat") and any(
            str(MONTHS.get(m.group().lower(), "")) == column and m.group() != "may"
            for m in re.finditer(r"[^\W\d_]+", text)
        ):
            return 1.0
        return float(bool(re.search(rf"\b{beside}{re.escape(column)}\b", text)))
    names = [p.lower() for p in re.split(r"[\s_.()/\[\]-]+|(?<=[a-z])(?=[A-Z])", column) if p]
    words = _words(text)
    if claim is not None and _CHANGE.intersection(names) and not _REACHED.search(claim_before(claim)):
        words |= _CHANGE if any(w.search(text) for w in (UP, DOWN, COMPARED)) else set()
    plain = [n for n in names if (n not in UNITS or len(names) == 1) and (len(n) > 1 or len(names) == 1)]
    if not plain:
        return 0.0
    apart = re.fullmatch(r"([^\W\d_]{2,})_?(\d+)", column)  # `per100`: "per 100"
    if apart and re.search(rf"\b{apart[1]}\s{apart[2]}\b", text, re.I):
        return 1.5
    hits = sum(_has(words, n) for n in plain)
    score = hits / len(plain) + 0.01 * hits
    letters = {
        p for p in re.split(r"[\s_.()/\[\]-]+", column) if len(p) == 1 and p.isalpha() and len(names) > 1
    }
    score += 0.3 * any(re.search(rf"(?<!\w){p}(?!\w)", text) for p in letters)  # "X mean": the mean of X
    value = claim.value if claim is not None else None
    if isinstance(value, Quantity):
        unit = value.unit in UNITS and any(n in UNITS and UNITS[n][0] == UNITS[value.unit][0] for n in names)
        warm = any(re.fullmatch(r"t(?:emp\w*|max|min|mean)?", n) for n in names) and DEGREES.search(
            claim.sentence.text if claim else ""
        )
        score += 0.5 * bool(unit or warm)
        if value.percent and stem(names[-1]) == "share":
            score += 0.5
        if claim is not None and of_things(claim) and stem(names[0]) == "count":
            score += 0.5
    return score


@lru_cache(maxsize=2048)
def _words(text: str) -> frozenset[str]:
    """Return the words of a text by which they are compared, and those that it means by others."""
    found = {stem(w) for w in re.findall(r"[^\W\d_]+\d?|[%±]|\d+", text.lower())}
    return frozenset(
        found | {key for key, alias in ALIASES.items() if re.search(rf"\b(?:{alias})\b", text, re.I)}
    )


def claim_before(claim: Claim) -> str:
    """Return what stands before a claim in its sentence."""
    return claim.sentence.text[: claim.start - claim.sentence.start]


def _has(words: AbstractSet[str], name: str) -> bool:
    return stem(name) in words or (
        len(name) > 2
        and any(
            w.startswith(name[:5])
            or (len(w) > 3 and name.startswith(w))
            or (len(w) > 4 and w in name)
            or (len(name) > 4 and name in w)
            for w in words
        )
    )


def named_by_words(text: str, names: Iterable[str]) -> list[tuple[int, str]]:
    """Return where a text has the words of names, each or its beginning: "exams" for `Examination`."""
    found = []
    spans = [(m.start(), m.end()) for m in re.finditer(r"[^\W\d_]+", text)]
    for name in names:
        wide = len([p for p in re.split(r"[\s_.]+", name) if p and p.lower() not in UNITS])
        for i, (a, _) in enumerate(spans):
            b = spans[min(i + max(wide, 1), len(spans)) - 1][1]
            score = column_score(text[a:b], name)
            found.append((score, a, b, name)) if score >= 1 else None
    taken: list[tuple[int, int, str]] = []
    for _, a, b, name in sorted(found, key=lambda x: (-x[0], x[1])):
        if not any(a < d and c < b for c, d, _ in taken):
            taken.append((a, b, name))
    return sorted((a, name) for a, _, name in taken)


def shared(text: str, row: Row) -> int:
    """Return how many words a text has in common with the labels of a line."""
    return len(common(text, row))


def common(text: str, row: Row) -> set[str]:
    """Return the words that a text has in common with the labels of a line."""
    words = {stem(w) for w in re.findall(r"[^\W\d_]+|%|±", text.lower())} - NOISE
    return words & ({stem(w) for x in row.labels for w in re.split(r"[\s_-]+", x.lower())} - NOISE)


def stem(word: str) -> str:
    """Return by what a word is compared: the statistic that it names, or its first letters."""
    return STATISTIC.get(word) or STATISTIC.get(singular(word)) or singular(word)[:STEM]


def stems(text: str) -> set[str]:
    """Return the words of a text by which it is compared with lines of words."""
    text = text.replace("χ", "chi").replace("²", "2")
    return {stem(w) for w in re.findall(r"[^\W\d_]\w*(?:[./]\w+)+|[^\W\d_]+\d?|%|±", text.lower())} - NOISE


def of_parts(table: Table, column: str) -> bool:
    """Whether a column may be told in percent: it is called so, or holds shares."""
    values = [v for r in table.rows for c, t in r.cells if c == column and (v := number(t)) is not None]
    return stem(re.split(r"[\s_]+", column.lower())[-1]) == "share" or all(abs(v) <= 1.5 for v in values)


def of_things(claim: Claim) -> bool:
    """Whether a number is a whole one with a noun behind it: ``13 airports``."""
    q = claim.value
    if not isinstance(q, Quantity) or not q.exact or q.percent or not q.text[-1:].isdigit():
        return False
    noun = (
        q.unit.isalpha()
        and len(q.unit) > 2
        and q.unit not in UNITS
        and q.unit not in ("for", "and", "per")
        and not DEGREES.search(q.unit)
    )
    return noun and all(v == int(v) for v, _ in q.readings)


def precise(claim: Claim) -> bool:
    """Whether a number has so many digits that an equal one in another column of the row would be an accident."""
    digits = re.sub(r"\D", "", claim.text).strip("0")
    return len(digits) >= SIGNIFICANT
