"""Numbers, dates and times as texts spell them, and what each spelling says.

A literal says the same as another one where its value is equal: ``2,264`` and ``2264``, ``+2.96`` and ``2.96``,
``12 %`` and ``12``, ``3 March 2024`` and ``2024-03-03``, and a minus by whichever sign. Nothing is rounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

_ALIKE = str.maketrans("‐‑−﹣－٫٬’", "-----.,'")  # what is read as another sign; never another length
_BLANK = str.maketrans("\u00a0\u2009\u202f", "   ")
_GAP = "'_\u2009\u202f\u00a0"  # what may stand between groups of three digits, besides a comma or a point
_DATE = "\0"  # stands for each letter of a date while numbers are looked for
_NAME = r"[A-ZÄÖÜ][a-zäöü]{2,8}"
_YEAR = r"(?P<y>(?:1[6-9]|2[01])\d\d)\b"
_DAYS = (
    re.compile(r"(?P<y>\d{4})([-/])(?P<m>\d{1,2})\2(?P<d>\d{1,2})(?!\d)"),
    re.compile(r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})\b"),
    re.compile(
        r"(?:datetime\.)?(?:date|datetime)\((?P<y>\d{4}), (?P<m>\d{1,2}), (?P<d>\d{1,2})(?=\)|, )"
    ),  # as Python shows one
    re.compile(rf"(?P<d>\d{{1,2}})(?:st|nd|rd|th|\.)? (?:of )?(?P<name>{_NAME}|[a-zäöü]{{3,9}})\b(?:\.?,? {_YEAR})?"),
    re.compile(rf"(?P<name>{_NAME})\.? (?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?![\w:]|[.,]\d| ?%)(?:,? {_YEAR})?"),
    re.compile(rf"(?P<name>{_NAME})\.?,? {_YEAR}"),
    re.compile(r"(?P<y>\d{4})-(?P<m>0[1-9]|1[0-2])(?![-\d])"),
)
_BEFORE = r"(?<![\w.^])(?<!\d,)"  # no name, version, power, footnote or list goes on here
_TOKEN = re.compile(
    rf"(?P<time>(?:(?<![\w.:/])(?<!\d,)|(?<={_DATE}T))(?P<h>\d{{1,2}}):(?P<min>\d\d)(?::(?P<s>\d\d(?:\.\d+)?))?"
    r"(?: ?(?P<half>[aApP])\.?[mM]\b|Z\b|(?P<zone>[-+]\d\d:\d\d)?(?![\w:])))"
    r"|(?P<day>(?<![\w./])(?:(?:0?\d|1[0-2])/(?:[0-2]?\d|3[01])|(?:[0-2]?\d|3[01])/(?:0?\d|1[0-2]))/(?:\d{4}|\d\d)(?![\w/]))"
    r"|(?P<sign>(?<![\w)\]])[-+][$€£¥]?|(?<![^\s([|*:=<>≈~])(?<!\d\s)–(?=[$€£¥]?[\d.]))?"
    rf"{_BEFORE}(?P<body>(?:\d+|(?=\.\d))(?:[.,{_GAP}]\d+)*)"
    r"(?:[eE](?P<e>[-+]?\d{1,3})(?!\d)|\s?[×·x]\s?10(?:(?:\^|\*\*)(?P<power>[-+]?\d{1,3})(?!\d)"
    r"|(?P<raised>[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,3}))"
    r"|(?<=10)(?<!\d10)(?<![.,]10)(?:(?:\^|\*\*)(?P<of_ten>[-+]?\d{1,3})(?!\d|[.,]\d)|(?P<ten_raised>[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,3})))?(?P<tail>[\w^\ufe0f\u20e3]*)"
)
_FURTHER = r"(?: ?[-–/&] ?|,? [a-zäöü]{1,3} |, )"  # between two days of a month: 12 and 14, 12–14
_DAY_BEFORE = re.compile(rf"(?<![\w.,:/-])(\d{{1,2}})(?:st|nd|rd|th|\.)?{_FURTHER}\Z")
_DAY_BEHIND = re.compile(rf"{_FURTHER}(\d{{1,2}})(?:st|nd|rd|th|\.)?(?![\w:/-]|[.,]\d| ?%)")
_HALF = re.compile(r"[ \u00a0\u202f]?([aApP])\.?[mM]\b")
_TELEPHONE = re.compile(  # +49 30 1234567, (030) 1234567; +49 300 500 may be a sum
    r"(?<![\w.])(?!\+\d{1,3}(?: \d{3})+(?![ /-]?\d))\+\d{1,3}(?:[ /-]\(?\d{2,}\)?){2,}"
    r"|(?<![\w.,])(?:\(0\d{2,4}\) |0\d{2,4}[/-])\d{3,}(?:[ -]\d{2,})*"
)
_ADDRESS = re.compile(r"(?:https?://|www\.)[^\s<>)|]+|\b[\da-fA-F]{8}-(?:[\da-fA-F]{4}-){3}[\da-fA-F]{12}\b|&#\w+;")
_OF_A_NAME = re.compile(r"[^\W\d_][\w./-]*[-/]\Z")
_OF_A_FILE = re.compile(r"\.[^\W\d_]")  # 42.csv
_SCALE = re.compile(
    r"(?:(?P<k>[kK]|[ \u00a0\u202f]?(?:thousand|[tT]ausend|[tT]sd\.?))"
    r"|(?P<M>M|[ \u00a0\u202f]?(?:[mM]illion(?:en)?|[mM]io\.?))"
    r"|(?P<B>bn|[ \u00a0\u202f]?(?:billion|bn|[mM]rd\.?|[mM]illiarden?)))(?!\w)"
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
_RAISED = str.maketrans("⁻⁺⁰¹²³⁴⁵⁶⁷⁸⁹", "-+0123456789")
_COMMA_DECIMAL = re.compile(r"\d+,\d{1,2}|\d+,\d{4,}|\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}")
_POINT_DECIMAL = re.compile(
    r"\d*\.\d{1,2}|\d*\.\d{4,}|\d{4,}\.\d+|\d{1,3}(?:,\d{3})+\.\d+|\d{1,3}(?:,\d{3}){2,}|0\.\d+"
)
_PYTHON_TIME = re.compile(r"(\b(?:(?:datetime|Timestamp)\(\d{4}, \d+, \d+,|time\()) ?(\d+), (\d+)(?:, (\d+))?(?=[,)])")
_QUOTED = re.compile(r'"[^"\n]*"')
_HEADER = re.compile(r"\s*(?:[^\s,\d][^,]*)?(?:,[^\s,\d][^,]*)+\s*")
_POSSIBLE = re.compile(r"\d,\d|\d\.\d{3}\.\d")
_SIMPLE = re.compile(r"\d+(?:\.\d+)?")
_LISTED = re.compile(r"[\[{]-?\d+,\d|\w\(-?\d+,\d|\d,\d+,\d")

Value = Decimal | tuple[int, int, int] | str
"""A number; year, month and day, with 0 for what is not said; a time of day, or what is compared as it is spelled."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, a date or a time that stands in a text.

    Attributes
    ----------
    start, end : int
        Where it stands.
    value : Decimal, tuple of (int, int, int), or str
        What it says.
    bare : Literal, optional
        The number alone, where a month may only stand beside it: "in May 12 stations".
    month : int
        Of a `bare` one, the month that stands beside it; else 0.
    also : str
        Of a full hour, as in ``7 pm``, the time that it says as well.
    glued : str
        With the letters that stand at it: ``12B``, which is another gate than 12.
    """

    start: int
    end: int
    value: Value
    bare: Literal | None = None
    month: int = 0
    also: str = ""
    glued: str = ""


def literals(text: str, decimal_comma: bool = False) -> tuple[Literal, ...]:
    """Return the literals of a text, in order.

    Parameters
    ----------
    text : str
        Any text. What has letters before its digits is a name (``r2``, ``COVID-19``), and so is what has more digits
        behind letters (``7f3a``), or stands in an address, a file's name or a telephone's number; ``1.2.3`` is no
        number. Days with slashes (``3/5/2024``) of which nobody knows which is the month, and digits behind a zero
        (``0042``), say what is spelled.
    decimal_comma : bool
        Whether ``1,234`` is one and a bit, as in German, rather than a thousand; see `has_decimal_comma`.
    """
    plain = text.translate(_ALIKE)
    for no_number in (_ADDRESS, _TELEPHONE):
        plain = no_number.sub(lambda m: "x" * len(m.group()), plain)
    dates = [*_dates(plain.translate(_BLANK))]
    parts, at = [], 0
    for date in sorted(dates, key=lambda each: each.start):
        parts += [plain[at : date.start], _DATE * (date.end - date.start)]
        at = date.end
    found = [*dates, *_numbers("".join((*parts, plain[at:])), decimal_comma)]
    return tuple(sorted(found, key=lambda each: each.start))


def columns(text: str) -> str:
    """Return a text in which the commas between the columns of CSV, below a line of names, are semicolons."""
    lines, most = text.split("\n"), 0
    for i, line in enumerate(lines):
        bare = _QUOTED.sub(lambda m: m.group().replace(",", "\1"), line)
        if not (n := bare.count(",")):
            most = 0
        elif n == most or _HEADER.fullmatch(bare):
            most = n
            lines[i] = bare.replace(",", ";").replace("\1", ",")
        else:
            most = 0
    return "\n".join(lines)


def clocks(text: str) -> str:
    """Spell the times of Python's ``datetime(2024, 2, 29, 7, 30)`` as ``7:30``; the text stays as long as it is."""
    return _PYTHON_TIME.sub(_clock, text)


def _clock(m: re.Match[str]) -> str:
    told = f"{m[1]}{' ' * m[1].endswith(',')}{m[2]}:{m[3]:0>2}{f':{m[4]:0>2}' if m[4] else ''}"
    return told.ljust(len(m.group()))


def has_decimal_comma(text: str) -> bool:
    """Return whether a text has numbers that can only be read with a decimal comma, and none with a decimal point."""
    if not _POSSIBLE.search(text):
        return False
    bodies = [m["body"] for m in _TOKEN.finditer(text) if m["body"]]
    comma = any(_COMMA_DECIMAL.fullmatch(b) for b in bodies)
    return comma and not any(_POINT_DECIMAL.fullmatch(b) for b in bodies) and not _LISTED.search(text)


def _dates(text: str) -> Iterator[Literal]:
    taken, named = set[int](), list[Literal]()
    for pattern in _DAYS:
        for m in pattern.finditer(text):
            start, end = m.span()
            if (
                start in taken
                or end - 1 in taken
                or (start and (text[start - 1].isalnum() or text[start - 1] in "_.-/"))
            ):
                continue
            g = m.groupdict()
            month = _month(g["name"]) if g.get("name") else int(g["m"])
            day = int(g.get("d") or 0)
            if 1 <= month <= 12 and day <= 31:
                taken.update(range(start, end))
                # beside a month's name alone nobody knows whether a number is a day
                unsure = day and g.get("name") and not g.get("y") and (m[0][-1].isdigit() or m[0].islower())
                bare = Literal(*m.span("d"), Decimal(day), month=month) if unsure else None
                date = Literal(start, end, (int(g.get("y") or 0), month, day), bare)
                named += [date] if day and g.get("name") else []
                yield date
    for date in named:
        yield from (x for x in _further(text, date) if x.start not in taken)


def _further(text: str, known: Literal) -> Iterator[Literal]:
    """Return what may be further days of the same month, as the 12 of "12 and 14 May"."""
    assert isinstance(known.value, tuple)  # noqa: S101 - it is a day
    year, month, _ = known.value
    first = text[known.start].isdigit()
    at = known.start if first else known.end
    while m := _DAY_BEFORE.search(text, max(at - 12, 0), at) if first else _DAY_BEHIND.match(text, at):
        bare = Literal(*m.span(1), Decimal(m[1]), month=month)
        if 1 <= int(m[1]) <= 31:
            yield replace(bare, value=(year, month, int(m[1])), bare=bare, month=0)
        at = m.start(1) if first else m.end(1)


def _month(name: str) -> int:
    """Return the month of a name, in English or German; 0 for another word."""
    return _MONTH_NAMES.get(name.rstrip(".").casefold(), 0)


def _numbers(text: str, decimal_comma: bool) -> Iterator[Literal]:
    for m in _TOKEN.finditer(text):
        if m["time"]:
            yield Literal(*m.span(), _time(m))
        elif m["day"]:
            yield Literal(*m.span(), _slashed(m["day"]))
        elif any(c.isdigit() or c in "_\u20e3" for c in m["tail"]) or _OF_A_FILE.match(text, m.end()):
            continue
        elif not (text[m.start() - 1 : m.start()] in ("-", "/") and _OF_A_NAME.search(text, m.start() - 40, m.start())):
            yield from _read(m, decimal_comma)


def _slashed(day: str) -> Value:
    """Return a day with slashes where it is known which is the month: it is at most 12, or both are the same."""
    one, other, year = map(int, day.split("/"))
    if len(day.rpartition("/")[2]) < 4 or (max(one, other) <= 12 and one != other):
        return day
    return year, min(one, other), max(one, other)


def _time(m: re.Match[str]) -> str:
    """Return a time of day in the shortest way: ``9:05``, ``14:02:33``, ``14:02+01:00``."""
    hour = int(m["h"]) if not m["half"] else int(m["h"]) % 12 + 12 * (m["half"] in "pP")
    second = (m["s"] or "00").rstrip("0").rstrip(".") if "." in (m["s"] or "") else m["s"] or "00"
    told = f"{hour}:{m['min']}" if second in ("00", "") else f"{hour}:{m['min']}:{second}"
    return told + (m["zone"] or "")


def _read(m: re.Match[str], decimal_comma: bool) -> Iterator[Literal]:
    if (half := _HALF.match(m.string, m.end("body"))) and m["body"].isdigit() and 1 <= int(m["body"]) <= 12:
        hour = int(m["body"]) % 12 + 12 * (half[1] in "pP")
        yield Literal(*m.span("body"), Decimal(hour), also=f"{hour}:00")
        return
    body, sign = m["body"], "" if (m["sign"] or "+")[0] == "+" else "-"
    of_ten = m["of_ten"] or m["ten_raised"]  # of 10^6, whose body is the 10
    power = int((m["e"] or m["power"] or m["raised"] or of_ten or "0").translate(_RAISED)) - bool(of_ten)
    simple = not decimal_comma and _SIMPLE.fullmatch(body)
    plain, end = body if simple else _plain(body, decimal_comma), m.end() - len(m["tail"])
    if plain is None and "," in body:  # a list: 3,5,7
        for part in re.finditer(r"(?<![.\d])\d+(?:\.\d+)?(?![.\d])", body):
            start = m.start("body") + part.start()
            first = not part.start()
            yield Literal(
                m.start() if first else start,
                m.start("body") + part.end(),
                Decimal(f"{sign if first else ''}{part.group()}"),
            )
    elif body[0] == "0" and len(body) > 1 and body.isdigit() and plain is not None and not m["tail"]:
        yield Literal(m.start(), end, body)
    elif plain is not None:
        if scale := _SCALE.match(m.string, end):
            power += 3 * (1 + ("k", "M", "B").index(scale.lastgroup or "k"))
        glued = f"{body}{m['tail']}" if m["tail"] not in ("", _ordinal(body)) and not scale else ""
        yield Literal(m.start(), end, Decimal(f"{sign}{plain}E{power}"), glued=glued)


def _ordinal(body: str) -> str:
    """Return what an English ordinal ends with: of 22 it is nd."""
    teen = body[-2:-1] == "1"
    return "th" if teen else {"1": "st", "2": "nd", "3": "rd"}.get(body[-1], "th")


def is_of_month(line: str, number: Literal) -> bool:
    """Return whether a line of a result is about months: it names one, or has the month of a number beside that."""
    if any(_month(word) for word in re.findall(r"[^\W\d_]{3,}", line)):
        return True
    found = [x.value for x in literals(line)]
    if number.value in found:
        found.remove(number.value)
    return any((v[1] if isinstance(v, tuple) else v) in (number.month, f"{number.month:02}") for v in found)


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
