"""Numbers, dates and times as texts spell them, and what each spelling says.

A literal says the same as another one where its value is equal: ``2,264`` and ``2264``, ``+2.96`` and ``2.96``,
``12 %`` and ``12``, ``3 March 2024`` and ``2024-03-03``, and a minus by whichever sign. Nothing is rounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache

_GAP = "'_\u2009\u202f\u00a0"  # what may stand between groups of three digits, besides a comma or a point
_DATE = "\0"  # stands for each letter of a date while numbers are looked for
_NAME = r"[A-ZÄÖÜ][a-zäöü]{2,8}\.?"
_DAYS = (
    re.compile(r"(?P<y>\d{4})([-/])(?P<m>\d{1,2})\2(?P<d>\d{1,2})(?!\d)"),
    re.compile(r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})\b"),
    re.compile(
        r"(?:datetime\.)?(?:date|datetime)\((?P<y>\d{4}), (?P<m>\d{1,2}), (?P<d>\d{1,2})(?=\)|, )"
    ),  # as Python shows one
    re.compile(rf"(?P<d>\d{{1,2}})(?:st|nd|rd|th|\.)? (?:of )?(?P<name>{_NAME}),?(?: (?P<y>\d{{4}})\b)?"),
    re.compile(rf"(?P<name>{_NAME}) (?P<d>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (?P<y>\d{{4}})\b)?"),
    re.compile(rf"(?P<name>{_NAME}),? (?P<y>\d{{4}})\b"),
    re.compile(r"(?P<y>\d{4})-(?P<m>0[1-9]|1[0-2])(?![-\d])"),
)
_TOKEN = re.compile(
    rf"(?P<time>(?:(?<![\w.,:])|(?<={_DATE}T))\d{{1,2}}:\d\d(?::\d\d(?:\.\d+)?)?(?![\w:]))"
    rf"|(?P<sign>(?<![\w)\]])[-+−])?(?<![\w.,])(?P<body>(?:\d+|(?=\.\d))(?:[.,{_GAP}]\d+)*)"
    r"(?:[eE](?P<e>[-+−]?\d+)|\s?[×·]\s?10(?:\^|\*\*)?(?P<power>[-+−]?\d+|[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+))?(?P<tail>\w*)"
)
_MONTH_NAMES = {
    spelled: n
    for n, names in enumerate(
        (
            "january januar", "february februar", "march märz", "april", "may mai", "june juni", "july juli", "august",
            "september sept", "october oktober okt", "november", "december dezember dez",
        ),
        1,
    )
    for name in names.split()
    for spelled in (name, name[:3])
}  # fmt: skip
_RAISED = str.maketrans("−⁻⁺⁰¹²³⁴⁵⁶⁷⁸⁹", "--+0123456789")
_COMMA_DECIMAL = re.compile(r"\d+,\d{1,2}|\d+,\d{4,}|\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}")
_POINT_DECIMAL = re.compile(
    r"\d*\.\d{1,2}|\d*\.\d{4,}|\d{4,}\.\d+|\d{1,3}(?:,\d{3})+\.\d+|\d{1,3}(?:,\d{3}){2,}|0\.\d+"
)

Value = Decimal | tuple[int, int, int] | str
"""A number; year, month and day, with 0 for what is not said; a time of day as it is spelled."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, a date or a time that stands in a text.

    Attributes
    ----------
    start, end : int
        Where it stands.
    value : Decimal, tuple of (int, int, int), or str
        What it says.
    """

    start: int
    end: int
    value: Value

    def says(self, other: Value) -> bool:
        """Return whether another value has all that this one says: less of a date than is there, such as its year."""
        if isinstance(other, tuple):
            if isinstance(self.value, tuple):
                return all(mine in (0, its) for mine, its in zip(self.value, other, strict=True))
            return bool(self.value == other[0])
        return type(self.value) is type(other) and self.value == other


@lru_cache(maxsize=512)
def literals(text: str, decimal_comma: bool = False) -> tuple[Literal, ...]:
    """Return the literals of a text, in order.

    Parameters
    ----------
    text : str
        Any text. What has letters before its digits is a name (``r2``, ``COVID-19``), and so is what has more digits
        behind letters (``7f3a``); ``1.2.3`` is no number.
    decimal_comma : bool
        Whether ``1,234`` is one and a bit, as in German, rather than a thousand; see `has_decimal_comma`.
    """
    dates = [*_dates(text)]
    rest = text
    for date in dates:
        rest = f"{rest[: date.start]}{_DATE * (date.end - date.start)}{rest[date.end :]}"
    found = [*dates, *_numbers(rest, decimal_comma)]
    return tuple(sorted(found, key=lambda each: each.start))


def has_decimal_comma(text: str) -> bool:
    """Return whether a text has numbers that can only be read with a decimal comma, and none with a decimal point."""
    bodies = [m["body"] for m in _TOKEN.finditer(text) if m["body"]]
    comma = any(_COMMA_DECIMAL.fullmatch(b) for b in bodies)
    return comma and not any(_POINT_DECIMAL.fullmatch(b) for b in bodies)


def _dates(text: str) -> Iterator[Literal]:
    taken: list[tuple[int, int]] = []
    for pattern in _DAYS:
        for m in pattern.finditer(text):
            start, end = m.span()
            if any(start < b and a < end for a, b in taken) or (start and _joins(text[start - 1])):
                continue
            g = m.groupdict()
            month = _month(g["name"]) if g.get("name") else int(g["m"])
            day = int(g.get("d") or 0)
            if 1 <= month <= 12 and day <= 31:
                taken.append((start, end))
                yield Literal(start, end, (int(g.get("y") or 0), month, day))


def _joins(letter: str) -> bool:
    return letter.isalnum() or letter in "_.,-/"


def _month(name: str) -> int:
    """Return the month of a name, in English or German; 0 for another word."""
    return _MONTH_NAMES.get(name.rstrip(".").casefold(), 0)


def _numbers(text: str, decimal_comma: bool) -> Iterator[Literal]:
    for m in _TOKEN.finditer(text):
        if m["time"]:
            yield Literal(*m.span(), m["time"])
        elif not any(c.isdigit() or c == "_" for c in m["tail"]) and not _of_a_name(text, m.start()):
            yield from _read(m, decimal_comma)


def _of_a_name(text: str, at: int) -> bool:
    """Whether a hyphen joins it to a word before it, as in ``COVID-19``."""
    return text[at - 1 : at] == "-" and text[max(at - 2, 0) : at - 1].isalpha()


def _read(m: re.Match[str], decimal_comma: bool) -> Iterator[Literal]:
    body = m["body"]
    power = int((m["e"] or m["power"] or "0").translate(_RAISED))
    plain = _plain(body, decimal_comma)
    if plain is not None:
        sign = -1 if m["sign"] in ("-", "−") else 1
        end = m.end() - len(m["tail"])
        try:
            yield Literal(m.start(), end, (sign * Decimal(plain)).scaleb(power))
        except InvalidOperation:  # an exponent of another world
            return
    elif set(re.sub(r"\d", "", body)) == {","}:  # a list: 3,5,7
        for part in re.finditer(r"\d+", body):
            yield Literal(m.start("body") + part.start(), m.start("body") + part.end(), Decimal(part.group()))


def _plain(body: str, decimal_comma: bool) -> str | None:
    """Return digits with a point where the fraction begins; None for what is no number."""
    body = body if not re.search(f"[{_GAP}]", body) else _ungrouped(body, f"[{_GAP}]") or "x"
    group, point = (".", ",") if decimal_comma else (",", ".")
    if body.count(",") and body.count("."):
        group, point = (",", ".") if body.rindex(",") < body.rindex(".") else (".", ",")
    whole, mark, part = body.partition(point)
    if group in whole:
        whole = _ungrouped(whole, re.escape(group)) or "x"
    if not (whole or "0").isdigit() or (mark and not part.isdigit()):
        return None
    return f"{whole or '0'}.{part}" if mark else whole


def _ungrouped(body: str, separator: str) -> str:
    """Return digits without what separates groups of three; empty where the groups are not of three."""
    whole = rf"\d{{1,3}}(?:{separator}\d{{3}})+(?:[.,]\d+)?"
    return re.sub(separator, "", body) if re.fullmatch(whole, body) else ""
