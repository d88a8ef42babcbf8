"""The user's words, read for what they authorise: sentences with their typed tokens. Pure.

Words that the user quotes are not the user's own: an act in quotation marks, in a block that is quoted or fenced, or
behind the header of a mail orders nothing, and a token there counts only where it alone is what is quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from llmos_nb.policy.authority.tokens import KINDS, dates_meant, lower, normal, said_by

_NOT = re.compile(r"\b(not|never|don't|dont|without|unless|no longer|instead of)\b|n't\b", re.IGNORECASE)
# Quoted passages, each a group: fences, quoted lines, what stands behind a mail's header, marks (one left open, too).
_QUOTED = re.compile(
    r"```(.*?)(?:```|\Z)|^[ \t]*>(.*?)$|^((?:From|Subject|Sent|Reply-To):\s.*)\Z"
    r"|[\"“]([^\"”]*)(?:[\"”]|\Z)|(?<!\w)[‘']((?:[^‘’'\n]|(?<=\w)['’](?=\w))+)['’](?!\w)",
    re.MULTILINE | re.DOTALL,
)
_NEAR = 60  # characters before a token in which the word that leads to it may stand
_FIRST, _MOST = 0xE000, 6_000  # private characters that stand for quoted passages
_MARKS = re.compile(r"[\ue000-\uf8ff]")
# What a token comes from is not what it goes to.
_SOURCE = re.compile(
    r"\b(?:from|off|by)\s+(?:(?:my|the|their|his|her|your|our)\s+)?(?:account|e-?mail|mail|address)?\s*$",
    re.IGNORECASE,
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

    def part(self, text: str) -> Sentence:
        """Return a part of it as a sentence."""
        return Sentence(text, self.passages)

    def behind(self, phrase: str) -> Sentence:
        """Return what stands behind a phrase."""
        return self.part(re.split(re.escape(phrase), self.text, maxsplit=1, flags=re.IGNORECASE)[-1])

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
    return [sentence.part(p) for p in parts]


def within(text: str, said: Iterable[Sentence]) -> bool:
    """Return whether a text is made of the user's own words alone, or of what they quote."""
    known = {w for s in said for t in (s.text, *s.quotes) for w in re.findall(r"\w+", lower(t))}
    return set(re.findall(r"\w+", lower(text))) <= known
