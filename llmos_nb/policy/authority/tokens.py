"""Typed tokens in the user's words: addresses, accounts, amounts, dates, each in one form. Pure.

Two texts are the same only where a machine would take them for the same: no letter is folded but A to Z, so that an
address in look-alike letters is another address.
"""

from __future__ import annotations

import re
from datetime import date

_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_MONTH = "|".join(m[:3] + f"(?:{m[3:]})?" for m in _MONTHS)
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NUMBERS = {w: i for i, w in enumerate(_WORDS)}
_DATE = (
    rf"(?<!\d)\d{{4}}-\d\d-\d\d(?!\d)|\b(?:{_MONTH})\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+\d{{4}}\b"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?(?:{_MONTH}),?\s+\d{{4}}\b"
)
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d\d)?|\d{1,3}(?:\.\d{3})+,\d\d|\d+(?:[.,]\d\d)?"
# In this order: what one kind has taken is blank for the next, so that a number inside an IBAN is no amount.
KINDS = {
    "url": re.compile(r"\bhttps?://[^\s'\"<>]+"),
    "email": re.compile(r"(?<![\w.@+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+(?<!\.)"),
    "iban": re.compile(
        r"(?<!\w)[A-Z]{2}\d{2}[A-Z0-9]{8,30}(?!\w)|(?<!\w)[A-Z]{2}\d{2}(?: [A-Z0-9]{4}){3,7}(?: [A-Z0-9]{1,3})?(?!\w)"
    ),
    "path": re.compile(r"(?<![\w/.])[\w./~-]*[\w-]\.(?=[a-z0-9]*[a-z])[a-z0-9]{2,5}(?![\w@])"),
    "date": re.compile(_DATE, re.IGNORECASE),
    "time": re.compile(r"(?<![\d:])(?:[01]?\d|2[0-3]):[0-5]\d(?![\d:])"),
    "percent": re.compile(r"(?<![\w.])\d+(?:\.\d+)?\s?%"),
    "duration": re.compile(rf"\b(\d+|an?|half an?|{'|'.join(_NUMBERS)})[\s-]+(hour|minute)s?\b", re.IGNORECASE),
    "amount": re.compile(
        r"(?:[$€£]\s?|\b(?:is|of|for|pay|send|refund|transfer|amount|rent|fee|that|exactly)\s+[$€£]?)"
        rf"({_NUMBER})(?![\w.,]*\w)|(?<![\w.,-])(\d{{1,3}}(?:,\d{{3}})+\.\d\d|\d{{1,3}}(?:\.\d{{3}})+,\d\d|\d+\.\d\d)"
        r"(?![\w.,]*\w)",
        re.IGNORECASE,
    ),
}
_MEANT = re.compile(
    rf"\b(?:on|by|at|for|to|until|till|due)\s+(?:the\s+)?({_DATE})"
    rf"|\bfrom\s+(?:the\s+)?({_DATE})(?=\s+(?:to|until|till)\b)",
    re.IGNORECASE,
)
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def lower(text: str) -> str:
    """Return a text with A to Z small, and every other letter as it is."""
    return text.translate(_LOWER)


def said_by(match: re.Match[str]) -> str:
    """Return what a match says: the number of an amount without the word before it."""
    return next((g for g in match.groups() if g), match[0]) if match.re is KINDS["amount"] else match[0]


def dates_meant(text: str) -> frozenset[str]:
    """Return the dates that a word such as ``on`` leads to."""
    return frozenset(normal("date", m[1] or m[2]) for m in _MEANT.finditer(text))


def normal(kind: str, text: str) -> str:
    """Return the one form of a token by which two of a kind are compared; empty for what is none."""
    text = re.sub(r"\s+", " ", text).strip()
    if kind == "amount":
        return _number(text)
    if kind == "date":
        return _date(text)
    if kind == "time":
        return text.zfill(5)
    if kind == "duration":
        return _minutes(text)
    return _account(text) if kind == "iban" else lower(text)


def exact(kind: str, value: object) -> str:
    """Return a call's argument in the form of a token: what it holds beside the token makes it none."""
    text = str(value)
    if kind == "amount":
        return amount(value)
    if kind == "iban" and " " in text:
        return ""
    return normal(kind, text) if text.isprintable() and text == text.strip() else ""


def amount(value: object) -> str:
    """Return a number of a call as an amount: ``2200`` and ``2200.00`` are the same, ``1,200`` is none."""
    text = str(value)
    if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text, re.ASCII):
        return ""
    number = float(text)
    return f"{number:.2f}" if abs(number - round(number, 2)) < 1e-9 else text


def _number(text: str) -> str:
    """Read a number as people write it: ``1,200.50`` and ``1.200,50``; what may be read in two ways is none."""
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d\d)?", text):
        text = text.replace(",", "")
    elif re.fullmatch(r"\d{1,3}(?:\.\d{3})+,\d\d", text):
        text = text.replace(".", "")
    return amount(text.replace(",", "."))


def _account(text: str) -> str:
    """Return an account without its spaces; one that is written in groups must have the right check digits."""
    if " " not in text:
        return text
    joined = text.replace(" ", "")
    digits = "".join(str(int(c, 36)) for c in joined[4:] + joined[:4])
    return joined if int(digits) % 97 == 1 else ""


def _date(text: str) -> str:
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return text
    month = next((i for i, m in enumerate(_MONTHS, 1) if m[:3] in text.lower()), 0)
    try:
        day, year = map(int, re.findall(r"\d+", text))
        return date(year, month, day).isoformat()
    except (ValueError, OverflowError):
        return ""


def _minutes(text: str) -> str:
    """Return a duration in minutes."""
    how, _, unit = re.sub(r"[\s-]+(?=hour|minute)", "|", text.lower()).partition("|")
    number = 0.5 if how.startswith("half") else 1 if how in ("a", "an") else _NUMBERS.get(how) or int(how)
    return str(int(number * (60 if unit.startswith("hour") else 1)))
