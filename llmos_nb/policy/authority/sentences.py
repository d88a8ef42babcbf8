"""The user's words, read for what they authorise: sentences with their typed tokens, each in one form. Pure.

Words that the user quotes are not the user's own: an act in quotation marks, in a block that is quoted or fenced, or
behind the header of a mail orders nothing, and a token there counts only where it alone is what is quoted. Two tokens
are the same only where a machine would take them for the same: no letter is folded but A to Z, so that an address in
look-alike letters is another address.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache

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
    rf"(?i)\b(?:on|by|at|for|to|until|till|due)\s+(?:the\s+)?({_DATE})"
    rf"|\bfrom\s+(?:the\s+)?({_DATE})(?=\s+(?:to|until|till)\b)"
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
    return _minutes(text) if kind == "duration" else _account(text) if kind == "iban" else lower(text)


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


_NOT = re.compile(r"\b(not|never|don't|dont|without|unless|no longer|instead of)\b|n't\b", re.IGNORECASE)
# Quoted passages, each a group: fences, quoted lines, what stands behind a mail's header, marks (one left open, too).
_QUOTED = re.compile(
    r"(?ms)```(.*?)(?:```|\Z)|^[ \t]*>(.*?)$|^((?:From|Subject|Sent|Reply-To):\s.*)\Z"
    r"|[\"“]([^\"”]*)(?:[\"”]|\Z)|(?<!\w)[‘']((?:[^‘’'\n]|(?<=\w)['’](?=\w))+)['’](?!\w)"
)
_NEAR = 60  # characters before a token in which the word that leads to it may stand
_FIRST, _MOST = 0xE000, 6_000  # private characters that stand for quoted passages
_MARKS = re.compile(r"[\ue000-\uf8ff]")
# What a token comes from is not what it goes to.
_SOURCE = re.compile(
    r"(?i)\b(?:from|off|by)\s+(?:(?:my|the|their|his|her|your|our)\s+)?(?:account|e-?mail|mail|address)?\s*$"
)


@dataclass(frozen=True)
class Sentence:
    """One sentence of the user's words.

    Parameters
    ----------
    text : str
        Their own, with one private character for each passage that they quote.
    passages : tuple of str
        What these stand for.
    """

    text: str
    passages: Sequence[str] = ()

    @property
    def quotes(self) -> list[str]:
        """The passages that it quotes."""
        return [self.passages[ord(m[0]) - _FIRST] for m in _MARKS.finditer(self.text)]

    @cached_property
    def plain(self) -> str:
        """Their own words, with the quoted passages that are one token and nothing else."""
        return _MARKS.sub(lambda m: _token_alone(self.passages[ord(m[0]) - _FIRST]), self.text)

    @cached_property
    def tokens(self) -> dict[str, frozenset[str]]:
        """Typed tokens by kind, each in one normal form; ``quoted`` stands beside the others."""
        rest, found = self.plain, dict[str, frozenset[str]]()
        for kind, pattern in KINDS.items():
            matches = [m for m in pattern.finditer(rest) if not self._came_from(kind, rest, m.start())]
            found[kind] = frozenset(text for m in matches if (text := normal(kind, said_by(m))))
            rest = pattern.sub(lambda m: " " * len(m[0]), rest)
        short = [q for q in self.quotes if 2 <= len(q) <= 120]
        return {**found, "quoted": frozenset(normal("quoted", q) for q in short)}

    @staticmethod
    def _came_from(kind: str, text: str, at: int) -> bool:
        return kind in ("iban", "email") and _SOURCE.search(text[max(at - _NEAR, 0) : at]) is not None

    @property
    def dates(self) -> frozenset[str]:
        """The dates that say when something is to be done, rather than of what day something was."""
        return dates_meant(self.plain) if len(self.tokens["date"]) > 1 else self.tokens["date"]

    def names(self, act: str) -> bool:
        """Return whether the sentence says an act, such as ``create event``: all its words, and no denial."""
        own = _MARKS.sub(" ", self.text)
        stems = (rf"\b{re.escape(stem)}(?:s|es|d|ed|ing)?\b" for stem in act.split())
        return not _NOT.search(own) and all(re.search(s, own, re.IGNORECASE) for s in stems)

    def says(self, phrase: str) -> bool:
        """Return whether a phrase stands in it as whole words, or is what it quotes."""
        wanted = normal("quoted", phrase)
        quoted = wanted in (normal("quoted", q) for q in self.quotes)
        return quoted or (bool(wanted) and bool(re.search(_whole(wanted), normal("quoted", self.plain))))

    def calls(self, name: str) -> bool:
        """Return whether something goes by a name in it: in quotes, or with a capital and beside no other capital."""
        if len(name) < 3 or name != name.strip():
            return False
        if name in (q.strip() for q in self.quotes):
            return True
        found = re.finditer(_whole(name), self.plain) if name[0].isupper() else ()
        return any(_whole_name(self.plain[: m.start()], self.plain[m.end() :]) for m in found)

    def behind(self, phrase: str) -> Sentence:
        """Return what stands behind a phrase."""
        parts = re.split(re.escape(phrase), self.text, maxsplit=1, flags=re.IGNORECASE)
        return Sentence(parts[-1], self.passages)

    def led(self, kind: str, phrase: str) -> frozenset[str]:
        """Return the tokens that follow a phrase directly, as in ``cc a@x.org and b@x.org``."""
        token = f"(?:{KINDS[kind].pattern})"
        several = rf"({token}(?:(?:\s*,\s*|\s+and\s+|\s*&\s*){token})*)"
        lists = re.finditer(rf"\b{re.escape(phrase)}\b\W{{0,3}}{several}", self.plain, re.IGNORECASE)
        return frozenset(normal(kind, m[0]) for part in lists for m in KINDS[kind].finditer(part[1]))


def _whole(text: str) -> str:
    return rf"(?<![\w@.-]){re.escape(text)}(?![\w@-])"


def _whole_name(before: str, behind: str) -> bool:
    """Return whether no word beside a name belongs to it; the first of a sentence is written with a capital anyway."""
    first = re.search(r"(\w+)[ '’-]$", before)
    longer = first is not None and first[1][0].isupper() and first.start() > 0
    return not longer and re.match(r"[ '’-][A-Z0-9]", behind) is None


def _token_alone(passage: str) -> str:
    """Return a passage that is one typed token, or nothing."""
    text = passage.strip()
    alone = any(p.fullmatch(text) for kind, p in KINDS.items() if kind != "amount")
    return f" {text} " if alone else " "


@lru_cache(maxsize=8)
def sentences(text: str) -> tuple[Sentence, ...]:
    """Split words into sentences; the number of an item of a list ends none."""
    passages: list[str] = []

    def kept(match: re.Match[str]) -> str:
        if len(passages) >= _MOST:
            return " "
        passages.append(next((g for g in match.groups() if g is not None), ""))
        return chr(_FIRST + len(passages) - 1)

    marked = _QUOTED.sub(kept, _MARKS.sub(" ", text))
    parts = re.split(r"(?<=[.?!])(?<!\b\d\.)\s+|\n+|(?<=\s)\d\.\s+", marked)
    return tuple(Sentence(p, passages) for p in parts if p and p.strip())


def clauses(sentence: Sentence) -> list[Sentence]:
    """Split a sentence where one thing to do ends and another begins."""
    parts = re.split(r"[,;:]\s|\s(?:and|but|or|then)\s", sentence.text, flags=re.IGNORECASE)
    return [Sentence(p, sentence.passages) for p in parts]


def within(text: str, said: Iterable[Sentence]) -> bool:
    """Return whether a text is made of the user's own words alone, or of what they quote."""
    known = {w for s in said for t in (s.text, *s.quotes) for w in re.findall(r"\w+", lower(t))}
    return set(re.findall(r"\w+", lower(text))) <= known
