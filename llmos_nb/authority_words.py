"""The user's words, read for what they authorise: sentences with their typed tokens. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property

_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_MONTH = "|".join(m[:3] + f"(?:{m[3:]})?" for m in _MONTHS)
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NUMBERS = {w: i for i, w in enumerate(_WORDS)}
# In this order: what one kind has taken is blank for the next, so that a number inside an IBAN is no amount.
_KINDS = {
    "url": re.compile(r"\bhttps?://[^\s'\"<>]+"),
    "email": re.compile(r"(?<![\w.@+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+(?<!\.)"),
    "iban": re.compile(r"(?<!\w)[A-Z]{2}\d{2}[A-Z0-9]{8,30}(?!\w)"),
    "path": re.compile(r"(?<![\w/.])[\w./~-]*[\w-]\.(?=[a-z0-9]*[a-z])[a-z0-9]{2,5}(?![\w@])"),
    "date": re.compile(
        rf"(?<!\d)\d{{4}}-\d\d-\d\d(?!\d)|\b(?:{_MONTH})\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+\d{{4}}\b"
        rf"|\b\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?(?:{_MONTH}),?\s+\d{{4}}\b",
        re.IGNORECASE,
    ),
    "time": re.compile(r"(?<![\d:])(?:[01]?\d|2[0-3]):[0-5]\d(?![\d:])"),
    "percent": re.compile(r"(?<![\w.])\d+(?:\.\d+)?\s?%"),
    "duration": re.compile(rf"\b(\d+|an?|half an?|{'|'.join(_NUMBERS)})[\s-]+(hour|minute)s?\b", re.IGNORECASE),
    "amount": re.compile(
        r"(?:[$€£]\s?|\b(?:is|of|for|pay|send|refund|transfer|amount|rent|fee|that|exactly)\s+[$€£]?)"
        r"(\d+(?:[.,]\d\d)?)(?![\w.,]*\w)|(?<![\w.,-])(\d+\.\d\d)(?![\w.,]*\w)",
        re.IGNORECASE,
    ),
}
_NOT = re.compile(r"\b(not|never|don't|dont|without|unless|no longer|instead of)\b|n't\b", re.IGNORECASE)


@dataclass(frozen=True)
class Sentence:
    """One sentence of the user's words."""

    text: str

    @cached_property
    def tokens(self) -> dict[str, frozenset[str]]:
        """Typed tokens by kind, each in one normal form; ``quoted`` stands beside the others."""
        rest, found = self.text, dict[str, frozenset[str]]()
        for kind, pattern in _KINDS.items():
            found[kind] = frozenset(normal(kind, _said(m)) for m in pattern.finditer(rest))
            rest = pattern.sub(lambda m: " " * len(m[0]), rest)
        quoted = re.findall(r"(?<!\w)['\"‘“]([^'\"’”]{2,120})['\"’”](?!\w)", self.text)
        return {**found, "quoted": frozenset(normal("quoted", q) for q in quoted)}

    def names(self, act: str) -> bool:
        """Tell whether the sentence says an act, such as ``create event``: all its words, and no denial."""
        stems = act.split()
        return not _NOT.search(self.text) and all(_inflected(s).search(self.text) for s in stems)

    def says(self, phrase: str) -> bool:
        """Tell whether a phrase stands in it as whole words."""
        wanted = re.escape(normal("quoted", phrase))
        return re.search(rf"(?<![\w@.-]){wanted}(?![\w@-])", normal("quoted", self.text)) is not None


def _inflected(stem: str) -> re.Pattern[str]:
    return re.compile(rf"\b{re.escape(stem)}(?:s|es|d|ed|ing)?\b", re.IGNORECASE)


def _said(match: re.Match[str]) -> str:
    """Give what a match says: the number of an amount without the word before it."""
    return next((g for g in match.groups() if g), match[0]) if match.re is _KINDS["amount"] else match[0]


def sentences(text: str) -> list[Sentence]:
    """Split words into sentences; the number of an item of a list ends none."""
    parts = re.split(r"(?<=[.?!])(?<!\b\d\.)\s+|\n+|(?<=\s)\d\.\s+", text)
    return [Sentence(p) for p in parts if p and p.strip()]


def normal(kind: str, text: str) -> str:
    """Give the one form of a token by which two of a kind are compared."""
    text = re.sub(r"\s+", " ", text).strip()
    if kind == "amount":
        return amount(text)
    if kind == "date":
        return _date(text)
    if kind == "time":
        return text.zfill(5)
    if kind == "duration":
        return _minutes(text)
    return text if kind == "iban" else text.casefold()


def amount(value: object) -> str:
    """Give a number as an amount: ``2200`` and ``2200.00`` are the same."""
    try:
        return f"{float(str(value).replace(',', '.')):.2f}"
    except ValueError:
        return ""


def _date(text: str) -> str:
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return text
    month = next((i for i, m in enumerate(_MONTHS, 1) if m[:3] in text.lower()), 0)
    numbers = re.findall(r"\d+", text)
    try:
        day, year = map(int, numbers)
        return date(year, month, day).isoformat()
    except (ValueError, OverflowError):
        return ""


def _minutes(text: str) -> str:
    """Give a duration in minutes."""
    how, _, unit = re.sub(r"[\s-]+(?=hour|minute)", "|", text.lower()).partition("|")
    number = 0.5 if how.startswith("half") else 1 if how in ("a", "an") else _NUMBERS.get(how) or int(how)
    return str(int(number * (60 if unit.startswith("hour") else 1)))


def within(text: str, said: Iterable[Sentence]) -> bool:
    """Tell whether a text is made of the user's own words alone."""
    known = {w for s in said for w in re.findall(r"\w+", s.text.casefold())}
    return set(re.findall(r"\w+", text.casefold())) <= known
