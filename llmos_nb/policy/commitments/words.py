"""Whether a value stands in the user's words: whole tokens in any script, numbers and dates by what they say. Pure."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from functools import lru_cache
from typing import Any

from llmos_nb.policy.commitments.tokens import apart, numbers
from llmos_nb.policy.commitments.values import is_number, leaves, moment, text_form, written

_MONTHS = {
    name: month
    for month, names in enumerate(
        (
            "january jan januar jänner janvier 1月", "february feb februar février fevrier 2月",
            "march mar märz maerz mars 3月", "april apr avril 4月", "may mai 5月", "june jun juni juin 6月",
            "july jul juli juillet 7月", "august aug août aout 8月", "september sep sept septembre 9月",
            "october oct oktober okt octobre 10月", "november nov novembre 11月",
            "december dec dezember dez décembre decembre 12月",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
_COUNTS = {
    name: number
    for number, names in enumerate(
        (
            "one ein eine einen un une 一", "two zwei deux 二 两", "three drei trois 三", "four vier quatre 四",
            "five fünf cinq 五", "six sechs 六", "seven sieben sept 七", "eight acht huit 八", "nine neun neuf 九",
            "ten zehn dix 十", "eleven elf onze", "twelve zwölf douze",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
_MONTH = "|".join(sorted((re.escape(n) for n in _MONTHS if n[0].isalpha()), key=len, reverse=True))
_DATES = (
    re.compile(r"(?<!\d)(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})(?!\d)"),
    re.compile(r"(?<!\d)(?P<d>\d{1,2})[./](?P<m>\d{1,2})[./](?P<y>\d{4})(?!\d)"),
    re.compile(r"(?<!\d)(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{4})(?!\d)"),
    re.compile(rf"\b(?P<n>{_MONTH})\.?\s+(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+(?P<y>\d{{4}}))?"),
    re.compile(rf"(?<!\d)(?P<d>\d{{1,2}})(?:st|nd|rd|th|er|\.)?\s+(?:of\s+)?(?P<n>{_MONTH})\b\.?(?:,?\s+(?P<y>\d{{4}}))?"),
    re.compile(r"(?:(?P<y>\d{4})年)?(?P<m>\d{1,2})月(?P<d>\d{1,2})[日号]"),
)  # fmt: skip
_TIMES = (
    re.compile(r"(?<![\d:])(?P<h>\d{1,2})[:h.](?P<m>[0-5]\d)(?!\d)\s*(?P<x>[ap]\.?m\b)?"),
    re.compile(r"(?<![\d:.])(?P<h>\d{1,2})\s*(?P<x>[ap]\.?m\b)"),
    re.compile(r"(?<![\d:.])(?P<h>\d{1,2})\s*(?:uhr|heures?|h\b|点|時)"),
)
# Scripts that write words without spaces, or grow endings on them: there a word has no end that could be seen.
_JOINED = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI", "LAO", "KHMER", "MYANMAR")


def said(value: Any, words: str) -> bool:
    """Return whether a plain value stands in words; truth values and what is empty say nothing."""
    return all(_stands(v, words) for v in leaves(value))


def _stands(value: Any, words: str) -> bool:
    if isinstance(value, bool) or value == "":
        return True
    if is_number(value):
        return any(abs(value - n) < 1e-9 for n in _numbers(words))
    return holds(words, written(value)) or _dated(value, words)


def holds(words: str, text: str) -> bool:
    """Return whether a text stands in words as whole tokens, small and capital letters alike."""
    wanted = _folded(text)
    return any(_found(within, wanted) for within in _searched(words))


def _found(within: str, wanted: str) -> bool:
    at = within.find(wanted) if wanted else -1
    while at >= 0:
        end = at + len(wanted)
        if _ends(within[max(at - 2, 0) : at], wanted[0], -1) and _ends(within[end : end + 2], wanted[-1], 1):
            return True
        at = within.find(wanted, at + 1)
    return False


@lru_cache(maxsize=32)
def _searched(words: str) -> frozenset[str]:
    return frozenset({_folded(words), _folded(apart(words))})


@lru_cache(maxsize=32)
def _folded(text: str) -> str:
    return re.sub(r"\s+", " ", text_form(text)).casefold()


def _ends(beside: str, edge: str, way: int) -> bool:
    """Return whether a token ends between the character at its edge and those beside it."""
    if not beside:
        return True
    near, far = (beside[0], beside[1:]) if way > 0 else (beside[-1], beside[:-1])
    if _wordy(near):
        return not _wordy(edge) or _joined(near) or _joined(edge)
    joins = "@" if not _wordy(edge) else "@.+-/_&=%:" if edge.isdigit() else "@.+-/_&=%"
    return near not in joins or not far or not _wordy(far)


def _wordy(c: str) -> bool:
    return c.isalnum() or c == "_" or unicodedata.category(c).startswith("M")


def _joined(c: str) -> bool:
    return unicodedata.name(c, "").startswith(_JOINED)


@lru_cache(maxsize=8)
def _numbers(words: str) -> frozenset[float]:
    counted = {float(n) for name, n in _COUNTS.items() if holds(words, name)}
    return frozenset(counted | {abs(n) for n in numbers(words)} | set(numbers(words)))


def _dated(value: str, words: str) -> bool:
    """Return whether the day, and the time where there is one, of an ISO text are said."""
    clock = re.fullmatch(r"(\d\d):(\d\d)(?::00)?", value.strip())
    if clock:
        return (int(clock[1]), int(clock[2])) in _times(words)
    if (at := moment(value)) is None:
        return False
    day, timed = at
    timed = timed and (day.hour, day.minute) != (0, 0)
    return (day.year, day.month, day.day) in _days(words, day.year) and (
        not timed or (day.hour, day.minute) in _times(words)
    )


@lru_cache(maxsize=8)
def _days(words: str, year: int) -> frozenset[tuple[int, int, int]]:
    """Return the days that words say; one without a year is of any."""
    found = set()
    for match in (m for p in _DATES for m in p.finditer(_folded(words))):
        said_at = match.groupdict()
        month = _MONTHS[said_at["n"]] if said_at.get("n") else int(said_at["m"])
        try:
            at = date(int(said_at["y"] or year), month, int(said_at["d"]))
        except ValueError:
            continue
        found.add((at.year, at.month, at.day))
    return frozenset(found)


@lru_cache(maxsize=8)
def _times(words: str) -> frozenset[tuple[int, int]]:
    found = set()
    for match in (m for p in _TIMES for m in p.finditer(_folded(words))):
        parts = match.groupdict()
        hour, half = int(parts["h"]), (parts.get("x") or "")[:1]
        if half:
            hour = hour % 12 + (12 if half == "p" else 0)
        found.add((hour, int(parts.get("m") or 0)))
    return frozenset(found)
