"""Numbers and dates as texts spell them: English and German, digits and words, with percent signs, scales and units."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_DIGITS = r"\d{1,3}(?:[.,'_\u2009\u202f\u00a0]\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d+)?|\.\d+"
_NUMBER = re.compile(
    rf"(?<![\w.,])(?<!\d[-−–:/])(?<![^\W\d_]-)(?P<sign>[-+−±]\s?)?(?P<body>{_DIGITS})"
    r"(?:(?P<exp>[eE][-+−]?\d+)|\s?[×x·*]\s?10\^?(?P<power>[-−]?\d+|[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))?(?P<th>st|nd|rd|th)?(?![\w]|[.,:/-]\d)"
)
_AFTER = re.compile(
    r"(?:[\s\u00a0\u202f]?(?P<scale>k|thousand|million|billion|mio\.?|mrd\.?|tsd\.?|tausend|millionen|milliarden)(?![\w]))?"
    r"[\s\u00a0\u202f-]?(?P<unit>%|‰|°[CF]?|percent(?:age points?)?|per cent|prozent(?:punkte)?|"
    r"[a-zäöüA-Zµμ$€£]{1,12}\b)?",
    re.IGNORECASE,
)
_SCALES = {
    "k": 1e3, "thousand": 1e3, "tsd": 1e3, "tausend": 1e3, "million": 1e6, "millionen": 1e6, "mio": 1e6,
    "billion": 1e9, "milliarden": 1e9, "mrd": 1e9,
}  # fmt: skip
PERCENT = {"%", "percent", "per cent", "prozent", "percentage point", "percentage points", "prozentpunkte"}
_SIZES = {
    "mass": {"µg": 1e-6, "mg": 1e-3, "lb": 453.59237,
             "lbs": 453.59237, "pound": 453.59237, "oz": 28.349523,
             "g": 1.0, "gram": 1.0, "gramm": 1.0, "kg": 1e3, "kilogram": 1e3, "t": 1e6, "tonne": 1e6, "ton": 1e6},
    "length": {"mm": 1e-3, "cm": 1e-2, "m": 1.0, "meter": 1.0, "metre": 1.0, "km": 1e3, "kilometer": 1e3,
               "kilometre": 1e3, "mile": 1609.344, "ft": 0.3048, "inch": 0.0254},
    "time": {"ms": 1e-3, "s": 1.0, "sec": 1.0, "second": 1.0, "sekunde": 1.0, "min": 60.0, "minute": 60.0, "h": 3600.0,
             "hour": 3600.0, "stunde": 3600.0, "d": 86400.0, "day": 86400.0, "tag": 86400.0, "week": 604800.0},
    "volume": {"ml": 1e-3, "l": 1.0, "liter": 1.0, "litre": 1.0},
    "bytes": {"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12},
    "celsius": {"°c": 1.0, "celsius": 1.0}, "fahrenheit": {"°f": 1.0, "fahrenheit": 1.0},
    "money": {"cent": 0.01, "ct": 0.01, "dollar": 1.0, "usd": 1.0, "$": 1.0},
}  # fmt: skip
UNITS = {name: (kind, size) for kind, sizes in _SIZES.items() for name, size in sizes.items()}

_WORDS = {
    "none": 0, "zero": 0, "null": 0, "two": 2, "zwei": 2, "three": 3, "drei": 3, "four": 4, "vier": 4, "five": 5,
    "fünf": 5, "six": 6, "sechs": 6, "seven": 7, "sieben": 7, "eight": 8, "acht": 8, "nine": 9, "neun": 9, "ten": 10,
    "zehn": 10, "eleven": 11, "elf": 11, "twelve": 12, "zwölf": 12, "a dozen": 12, "ein dutzend": 12, "twenty": 20,
    "zwanzig": 20, "thirty": 30, "fifty": 50, "a hundred": 100, "one hundred": 100,
}  # fmt: skip
_SHARES = {
    "half": 1 / 2, "hälfte": 1 / 2, "a third": 1 / 3, "one third": 1 / 3, "one-third": 1 / 3, "ein drittel": 1 / 3,
    "two thirds": 2 / 3, "two-thirds": 2 / 3, "zwei drittel": 2 / 3, "a quarter": 1 / 4, "one quarter": 1 / 4,
    "ein viertel": 1 / 4, "three quarters": 3 / 4, "three-quarters": 3 / 4, "a fifth": 1 / 5, "one fifth": 1 / 5,
    "an eighth": 1 / 8, "one eighth": 1 / 8, "a tenth": 1 / 10, "one tenth": 1 / 10,
    "twice": 2, "double": 2, "doubled": 2, "doppelt": 2, "thrice": 3, "three times": 3, "triple": 3, "tripled": 3,
    "dreimal": 3, "four times": 4, "viermal": 4, "five times": 5, "ten times": 10,
}  # fmt: skip
_SPELLED = re.compile(
    r"(?<![\w-])("
    + "|".join(sorted(map(re.escape, [*_WORDS, *_SHARES]), key=len, reverse=True))
    + r")(?![\w-])",
    re.I,
)
LOOSE = 0.1  # "twice" says no more than that
_RAISED = str.maketrans("−⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "--0123456789")

MONTHS = {
    name: n
    for n, names in enumerate(
        [
            "january jan januar",
            "february feb februar",
            "march mar märz",
            "april apr",
            "may mai",
            "june jun juni",
            "july jul juli",
            "august aug",
            "september sep sept",
            "october oct oktober okt",
            "november nov",
            "december dec dezember dez",
        ],
        1,
    )
    for name in names.split()
}
ROUGH = 0.05  # of a number; what is rounded further is met by too many sums
_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
_DATES = (
    re.compile(
        r"(?<![\w-])(?P<y>\d{4})[-/](?P<m>\d{1,2})[-/](?P<d>\d{1,2})(?!\d)(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?"
    ),
    re.compile(r"(?<![\w.])(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})(?!\d)"),
    re.compile(r"\b(?:date|datetime|Timestamp)\((?P<y>\d{4}), ?(?P<m>\d{1,2}), ?(?P<d>\d{1,2})\b"),
    re.compile(
        rf"(?<!\w)(?P<d>\d{{1,2}})(?:st|nd|rd|th|\.)?\s(?:of\s)?(?P<month>{_MONTH})\.?,?\s(?P<y>\d{{4}})\b",
        re.I,
    ),
    re.compile(rf"(?<!\w)(?P<month>{_MONTH})\.?\s(?P<d>\d{{1,2}})(?:st|nd|rd|th)?,?\s(?P<y>\d{{4}})\b", re.I),
    re.compile(rf"(?<!\w)(?P<month>{_MONTH})\.?,?\s(?P<y>\d{{4}})\b", re.I),
    re.compile(r"(?<![\w.-])(?P<y>\d{4})-(?P<m>0[1-9]|1[0-2])(?![\w-])"),
    re.compile(rf"(?<![\w.,])(?P<d>\d{{1,2}})(?:st|nd|rd|th|\.)\s(?:of\s)?(?P<month>{_MONTH})\b", re.I),
    re.compile(rf"(?<![\w.,])(?P<d>\d{{1,2}})\s(?P<month>{_MONTH.title()})\b"),  # "3 may" is none
)
_YEAR = re.compile(r"\d{4}")  # all but the last two forms have one


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number that stands in a text.

    Attributes
    ----------
    text : str
        As it is spelled, with its percent sign.
    start, end : int
        Where it stands.
    readings : tuple of (float, float)
        What it may mean, each with half a unit of its last digit: ``1.234`` is 1.234 or, in German, 1,234.
    percent : bool
        Whether a percent sign, or the word, follows.
    unit : str
        The word that follows, in lower case and singular; empty for none.
    exact : bool
        Whether all its digits count; ``twice`` and ``about half`` are loose.
    signed : bool
        Whether it has a sign.
    """

    text: str
    start: int
    end: int
    readings: tuple[tuple[float, float], ...]
    percent: bool = False
    unit: str = ""
    exact: bool = True
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Date:
    """A date that stands in a text: ``parts`` is (year, month, day), with 0 for what it does not say."""

    text: str
    start: int
    end: int
    parts: tuple[int, int, int]

    def agrees(self, other: tuple[int, int, int]) -> bool:
        """Return whether another date says the same, wherever this one says something."""
        return all(a in (0, b) for a, b in zip(self.parts, other, strict=True))


def dates(text: str) -> Iterator[Date]:
    """Return the dates of a text, the most precise reading of each place."""
    taken: list[tuple[int, int]] = []
    for pattern in _DATES if _YEAR.search(text) else _DATES[-2:]:
        for m in pattern.finditer(text):
            if any(m.start() < b and a < m.end() for a, b in taken):
                continue
            g = m.groupdict()
            month = MONTHS[g["month"].lower()] if g.get("month") else int(g["m"])
            if 1 <= month <= 12 and int(g.get("d") or 1) <= 31:
                taken.append(m.span())
                yield Date(m.group(), *m.span(), (int(g.get("y") or 0), month, int(g.get("d") or 0)))


def quantities(text: str, words: bool = True) -> Iterator[Quantity]:
    """Return the numbers of a text, those in words too where `words` says so; dates are not among them."""
    for d in sorted(dates(text), key=lambda d: d.start, reverse=True):
        text = text[: d.start] + " " * (d.end - d.start) + text[d.end :]
    for m in _NUMBER.finditer(text):
        if not m["th"]:
            yield _quantity(text, m)
    for m in _SPELLED.finditer(text) if words else ():
        word = m.group().lower()
        if word in _SHARES:
            value = _SHARES[word]
            yield Quantity(m.group(), *m.span(), ((value, value * LOOSE),), exact=False)
        else:
            yield Quantity(m.group(), *m.span(), ((float(_WORDS[word]), 0.0),))


def _quantity(text: str, m: re.Match[str]) -> Quantity:
    after = _AFTER.match(text, m.end())
    scale_word, unit = (
        ((after["scale"] or "").lower().rstrip("."), (after["unit"] or "").lower()) if after else ("", "")
    )
    scale = _SCALES.get(scale_word, 1.0)
    if m["exp"] or m["power"]:
        scale *= 10.0 ** _integer(m["power"] or m["exp"][1:])
    sign = -1.0 if (m["sign"] or "").strip() in ("-", "−") else 1.0
    readings = tuple((sign * value * scale, half * scale) for value, half in _readings(m["body"]))
    percent = unit in PERCENT
    end = after.end() if after and (percent or (scale_word and not unit)) else m.end()
    return Quantity(
        text[m.start() : end].strip(), m.start(), end, readings, percent, unit if percent else singular(unit),
        signed=(m["sign"] or "").strip() in ("-", "−", "+"),
    )  # fmt: skip


def _integer(text: str) -> int:
    return int(text.translate(_RAISED))


def singular(word: str) -> str:
    """Return a word without the letter of its plural."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _readings(body: str) -> list[tuple[float, float]]:
    """Return what digits with points and commas may mean, the English reading first."""
    if body.isdigit():
        return [(float(body), 0.5)]
    plain = re.sub(r"['_\u2009\u202f\u00a0]", "", body)
    marks = [c for c in plain if c in ".,"]
    if len(set(marks)) == 2:
        last = marks[-1]
        return [_read(plain.replace("," if last == "." else ".", ""), last)]
    if len(marks) != 1:
        return [_read(re.sub("[.,]", "", plain), "")]
    whole, part = re.split("[.,]", plain)
    grouped = _read(whole + part, "")
    decimal = _read(plain, marks[0])
    if len(part) != 3 or not 1 <= len(whole) <= 3 or whole.startswith("0"):
        return [decimal]
    return [decimal, grouped] if marks[0] == "." else [grouped, decimal]


def _read(digits: str, mark: str) -> tuple[float, float]:
    places = len(digits.rpartition(mark)[2]) if mark else 0
    return float(digits.replace(",", ".") if mark else digits), 0.5 * 10.0**-places


def agrees(value: float, q: Quantity, scale: float = 1.0, signless: bool = False) -> bool:
    """Return whether a value is what was said, at the precision at which it was said."""
    for said, half in q.readings:
        shown, wanted = value * scale, said
        if signless:
            shown, wanted = abs(shown), abs(wanted)
        if abs(shown - wanted) <= half * (1 + 1e-9) + 1e-12 * abs(wanted):
            return True
    return False


def rough(q: Quantity, values: Iterable[float]) -> bool:
    """Whether a number is rounded so far that many sums of these values would be it."""
    said, half = q.readings[0]
    return half > ROUGH * abs(said) and any(v != int(v) for v in values)
