"""Whether a call is covered by the user's own words: the act, and each argument that carries authority. Pure.

After an untrusted read a model's arguments may be an attacker's. A call then needs no approval only where the user's
words name the act, and every argument with authority is a typed token of these words in its role, or a field of the
one record that they name. A bare id never is, nor a part of a longer token, nor a token of another kind.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from llmos_nb.messages import canonical
from llmos_nb.policy.authority.roles import Book, Power, Role, Row, Standing
from llmos_nb.policy.authority.sentences import Sentence, clauses, exact, normal, sentences, within

UNDECLARED = ("email", "iban", "url", "path", "date", "quoted")
BEFORE, BEHIND = 1, 2  # sentences around the one that names an act, in which its details may stand
WORDS = "your words"


Given = Mapping[str, Any]  # the arguments of a call
Books = Mapping[str, Book]
Ids = Collection[str]


def standing(
    power: Power, arguments: Given, words: str, books: Books, tainted: Ids = (), planned: bool = False
) -> Standing:
    """Return whether a call is covered by the user's words.

    Parameters
    ----------
    power : Power
        What the tool does.
    arguments : mapping
        The call's arguments.
    words : str
        Everything that the user said.
    books : mapping
        Records by kind.
    tainted : collection of str
        Ids of records, and files, that were made of untrusted data.
    planned : bool
        A plan that was approved before anything untrusted was read names the act.
    """
    said = sentences(words)
    at = [i for i, s in enumerate(said) if planned or any(s.names(act) for act in power.acts)]
    best = Standing(False, f"your words do not say to {power.acts[0] if power.acts else power.tool}")
    for i in at:
        best = _Check(power, arguments, said, i, books, tainted).all()
        if best.holds:
            return best
    return best


def spoken(value: Any, words: str) -> str:
    """Return the kind of the whole token that a value is in words; empty where it is none.

    This is what can be said of an argument whose role nobody has declared.
    """
    said = sentences(words)
    for kind in ("amount",) if isinstance(value, int | float) else UNDECLARED:
        text = exact(kind, value)
        if text and any(text in s.tokens.get(kind, ()) for s in said):
            return kind
    return ""


@dataclass
class _Check:
    """The check of one call against one sentence that names its act, and those beside it."""

    power: Power
    arguments: Given
    said: Sequence[Sentence]
    at: int
    books: Books
    tainted: Ids

    def __post_init__(self) -> None:
        self.act = self.said[self.at]
        self.near = self.said[max(self.at - BEFORE, 0) : self.at + BEHIND + 1]
        self.outward = any(o == "*" or self.arguments.get(o) for o in self.power.outward)

    def all(self) -> Standing:
        """Check every argument; what is not given carries nothing."""
        origins: dict[str, str] = {}
        wrong = ""
        for name, value in self.arguments.items():
            if value is None or value in ("", [], {}):
                continue
            role = self.power.roles.get(name, Role("none"))
            values = value if isinstance(value, list) else [value]
            froms = [self.origin(role, v) for v in values]
            if all(froms):
                origins[name] = froms[0]
            elif not wrong:
                bad = next(v for v, f in zip(values, froms, strict=True) if not f)
                wrong = f"`{name}` = {str(bad)[:60]!r} does not come from your words"
        return Standing(not wrong, wrong, origins)

    def origin(self, role: Role, value: Any) -> str:
        """Say where a value comes from; empty where nothing of the user's covers it."""
        if (method := getattr(self, f"_{role.kind}", None)) is not None:
            return str(method(role, value))
        text = exact(role.kind, value)
        # a file that was made of untrusted data does not leave
        leaks = role.kind == "path" and self.outward and str(value) in self.tainted
        if text and text in self._tokens(role) and not leaks:
            return WORDS
        return next((found for r in (role, *role.also) if r.record and (found := self._field(r, value))), "")

    def _tokens(self, role: Role) -> frozenset[str]:
        """The tokens that may fill a role: those after its phrase, or those after no other role's phrase."""
        kind, near = role.kind, frozenset[str]().union(*(s.tokens.get(role.kind, ()) for s in self.near))
        if role.when and not role.record:
            return frozenset[str]().union(*(s.led(kind, role.when) for s in self.near))
        others = [r for r in self.power.roles.values() if r.kind == kind and r.when and not r.record]
        return near.difference(*(s.led(kind, r.when) for r in others for s in self.near))

    def _field(self, role: Role, value: Any) -> str:
        """A field of the one record that the words name; where a phrase must lead to it, behind that phrase."""
        said = [s.behind(role.when) for s in self.near if s.says(role.when)] if role.when else self.near
        named = self._named(role.record, said)
        if len(named) != 1 and role.when:
            return ""
        held = [h for row in named for h in _listed(row.get(role.field))]
        return f"the {role.record} that you named" if normal("quoted", str(value)) in held else ""

    def _named(self, kind: str, said: Sequence[Sentence]) -> list[Row]:
        """Return the records that the words name; two that go by one name are none."""
        book = self.books.get(kind, Book(()))
        if not (found := [r for r in book.rows if any(self._names(book, r, s) for s in said)]):
            return self._most(book)
        keys = [normal("quoted", str(r[book.key])) for r in found]
        longest = [k for k in keys if not any(k in other and k != other for other in keys)]
        return [r for r, k in zip(found, keys, strict=True) if k in longest and keys.count(k) == 1]

    def _names(self, book: Book, row: Row, sentence: Sentence) -> bool:
        """Return whether a sentence names a record; a date that the call itself is given does not describe it."""
        key = str(row.get(book.key, ""))
        if len(key) < 4 or not sentence.says(key):
            return False
        given = canonical(self.arguments)
        dates = {d for d in sentence.tokens["date"] if d not in given}
        return not (book.date and dates) or str(row.get(book.date))[:10] in dates

    def _most(self, book: Book) -> list[Row]:
        """Return the record that a superlative names, where one alone is it."""
        for word, name in book.most.items():
            if self.act.says(word) and book.rows:
                top = max(row[name] for row in book.rows)
                found = [row for row in book.rows if row[name] == top]
                return found if len(found) == 1 else []
        return []

    def _record(self, role: Role, value: Any) -> str:
        """An id stands only for the one record that the words name, and that nobody else's data is in."""
        named = self._named(role.record, [self.act]) or self._named(role.record, self.near)
        if len(named) != 1 or str(value) in self.tainted or str(named[0].get(role.field)) != str(value):
            return ""
        return f"the {role.record} that you named"

    def _amount(self, role: Role, value: Any) -> str:
        """An amount stands where the act's sentence says it; where none does, where the one says it that names whom."""
        to = str(self.arguments.get(self.power.target, "")) if self.power.target else ""
        bound = [self.act] if self.act.tokens["amount"] else [s for s in self.near if to and _holds(s, to)]
        return WORDS if any(_paired(s, to) == {exact("amount", value)} for s in bound) else ""

    def _date(self, role: Role, value: Any) -> str:
        """A date stands where the act's sentence says it, else where one beside it does."""
        said = self.act.dates or frozenset[str]().union(*(s.dates for s in self.near))
        return WORDS if exact("date", value) in said - {""} else ""

    def _start(self, role: Role, value: Any) -> str:
        """A day and a time stand where one sentence says both, or where each is said once."""
        found = re.fullmatch(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d)(?::00)?", str(value), re.ASCII)
        if found is None:
            return ""
        said = [(s.tokens["date"], s.tokens["time"]) for s in (self.act, *self.near)]
        pairs = next(((d, t) for d, t in said if d and t), None)
        dates, times = pairs or tuple(frozenset[str]().union(*kind) for kind in zip(*said, strict=True))
        if pairs is None and (len(dates) > 1 or len(times) > 1):
            return ""
        return WORDS if found[1] in dates and found[2] in times else ""

    def _end(self, role: Role, value: Any) -> str:
        """An end stands where it is said, or where the duration is."""
        begin = str(self.arguments.get(role.start, ""))
        try:
            minutes = (datetime.fromisoformat(str(value)) - datetime.fromisoformat(begin)).total_seconds() / 60
        except (ValueError, TypeError):
            return ""
        lengths = frozenset[str]().union(*(s.tokens["duration"] for s in self.near))
        return WORDS if f"{minutes:.0f}" in lengths and minutes % 1 == 0 else self._start(role, value)

    def _text(self, role: Role, value: Any) -> str:
        """Content may be anything where nobody else gets it, else only the user's own words."""
        if not self.outward:
            return "what it has read; it stays with you"
        return WORDS if within(str(value), self.said) else ""

    def _name(self, role: Role, value: Any) -> str:
        """A name stands where the words write exactly it, and no longer one."""
        return WORDS if any(s.calls(str(value)) for s in self.near) else ""

    def _choice(self, role: Role, value: Any) -> str:
        word = role.choices.get(str(getattr(value, "value", value)), "")
        return WORDS if word and any(s.says(word) for s in self.near) else ""

    def _flag(self, role: Role, value: Any) -> str:
        """A flag is set where the words say so, and not set where they do not."""
        said = any(s.says(role.when) for s in self.near) if role.when else False
        return WORDS if isinstance(value, bool) and value == said else ""

    def _none(self, role: Role, value: Any) -> str:
        return ""


def _paired(sentence: Sentence, to: str) -> set[str]:
    """Return the one amount of a sentence; of several, the one in the clause that names whom it is for."""
    found = set(sentence.tokens["amount"])
    if len(found) == 1:
        return found
    return {a for c in clauses(sentence) if to and _holds(c, to) for a in c.tokens["amount"]}


def _holds(sentence: Sentence, value: str) -> bool:
    return any(exact(kind, value) in sentence.tokens[kind] for kind in ("iban", "email"))


def _listed(held: Any) -> list[str]:
    return [normal("quoted", str(h)) for h in (held if isinstance(held, list | tuple | set) else [held])]
