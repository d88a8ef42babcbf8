"""Which values of an answer occur in what the process was told or saw. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

_NUMBER = re.compile(
    r"(?<![\w.])[-+−]?\d[\d,_\u202f\u00a0]*(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w])|(?<![\w.])[-+−]?\.\d+"
)
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_QUOTED = re.compile(r"[`“\"]([^`”\"\n]{2,60})[`”\"]")
_CALL_ID = re.compile(r"\br\d+\.\d+\b")
_MARKER = re.compile(r"(?m)^\s*\d+[.)]\s")
FREE = 2.0  # 0, 1 and 2 are words more often than values


def ungrounded(answer: str, sources: Iterable[str]) -> list[str]:
    """Return the numbers, dates and quoted names of an answer that occur in no source.

    Parameters
    ----------
    answer : str
        What the model said.
    sources : iterable of str
        The goal, the observations, and what the user said.

    Returns
    -------
    list of str
        As they stand in the answer, in order, each once. Numbers are compared at the answer's own precision, and
        also times 100 for percents.
    """
    text = _MARKER.sub(" ", _CALL_ID.sub(" ", answer))
    seen = "\n".join(sources)
    folded = seen.casefold()
    missing = [d for d in _DATE.findall(text) if d not in seen]
    text = _DATE.sub(" ", text)
    known = sorted({abs(v) for v in _values(_DATE.sub(" ", seen))} | {abs(v) for v in _values(seen)})
    for found in _NUMBER.finditer(text):
        percent = text[found.end() : found.end() + 2].lstrip().startswith("%")
        if not _known(found.group(), known, percent):
            missing.append(found.group().strip(","))
    missing += [q for q in _QUOTED.findall(text) if not _NUMBER.fullmatch(q) and q.casefold() not in folded]
    return list(dict.fromkeys(missing))


def _clean(number: str) -> str:
    return re.sub(r"[,_\u202f\u00a0]", "", number).replace("−", "-")


def _values(text: str) -> list[float]:
    return [float(_clean(n.group())) for n in _NUMBER.finditer(text)]


def _known(raw: str, known: list[float], percent: bool) -> bool:
    """Compare one number with all that were seen, at its own precision."""
    number = _clean(raw)
    value = abs(float(number))
    if value <= FREE and "." not in number:
        return True
    mantissa, _, exponent = number.lower().partition("e")
    digits = len(mantissa.partition(".")[2])
    half = 0.5 * 10.0 ** (int(exponent or 0) - digits) * (1 + 1e-9)
    scales = (1.0, 100.0) if percent else (1.0,)
    return any(
        abs(seen * scale - value) <= max(half, 1e-12) if digits or exponent else _same(seen * scale, value)
        for seen in known
        for scale in scales
    )


def _same(seen: float, value: float) -> bool:
    """Compare where the answer gave a whole number: an exact one, or one that was rounded."""
    return seen == value or (seen != int(seen) and abs(seen - value) <= 0.5)
