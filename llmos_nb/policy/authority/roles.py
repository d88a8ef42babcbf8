"""What a manifest says of tools, so that a call's arguments can be compared with the user's words. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from llmos_nb.errors import ConfigError, check_keys, nearest

KINDS = (
    "email", "iban", "amount", "date", "path", "url", "name", "quoted", "start", "end", "record", "text", "choice",
    "flag", "none",
)  # fmt: skip
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Role:
    """What an argument means.

    Parameters
    ----------
    kind : str
        One of `KINDS`. ``name`` is a whole name as the words write it; ``record`` is the id of a record; ``text`` is
        content; what is ``none`` must be empty.
    record, field : str
        Kind of record, and its field that may stand for a token.
    when : str
        What the words must say for that, or for a flag to be set.
    choices : mapping
        For a choice, the words by value.
    start : str
        For an end, the argument with the start.
    also : tuple of Role
        Other records that may stand for the token.
    """

    kind: str
    record: str = ""
    field: str = "id"
    when: str = ""
    choices: Mapping[str, str] = dataclasses.field(default_factory=dict)
    start: str = ""
    also: tuple[Role, ...] = ()


@dataclass(frozen=True)
class Power:
    """What a tool does, as its user says it.

    Parameters
    ----------
    tool : str
        Its name.
    acts : tuple of str
        How the user's words name it: ``create event`` stands for both words in one sentence.
    roles : mapping
        Role by argument; an argument with none is ``none``.
    target : str
        The argument that says what is acted on.
    outward : tuple of str
        Arguments that, where given, let content leave; ``*`` where it always does.
    """

    tool: str
    acts: tuple[str, ...]
    roles: Mapping[str, Role]
    target: str = ""
    outward: tuple[str, ...] = ()


@dataclass(frozen=True)
class Book:
    """Records of one kind, looked up by the gate itself.

    Parameters
    ----------
    rows : sequence of mapping
        All of them.
    key : str
        The field by which words name one.
    date : str
        A field that a date in the same sentence must agree with.
    most : mapping
        Field by superlative: ``{"largest": "size"}``.
    """

    rows: Sequence[Row]
    key: str = "name"
    date: str = ""
    most: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class Standing:
    """Whether a call is covered by the user's words.

    Parameters
    ----------
    holds : bool
        It does.
    why : str
        What is missing.
    origins : mapping
        By argument, where its value comes from, in words.
    """

    holds: bool
    why: str = ""
    origins: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class Shelf:
    """A lookup: the read-only tool by which the gate finds records of one kind.

    Parameters
    ----------
    kind : str
        What roles call them.
    lookup : str
        The tool that returns them all; it only reads.
    arguments : mapping
        What it is called with.
    key, date, most
        As of a `Book`.
    """

    kind: str
    lookup: str
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    key: str = "name"
    date: str = ""
    most: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def book(self, rows: Sequence[Row]) -> Book:
        """Return its records as a book; a row without the key names nothing."""
        return Book([r for r in rows if r.get(self.key) is not None], self.key, self.date, self.most)


def parse_shelf(kind: str, raw: Any) -> Shelf:
    """Read ``[books.NAME]`` of a manifest."""
    where = f"books.{kind}"
    if not isinstance(raw, Mapping) or not isinstance(raw.get("lookup"), str):
        raise ConfigError(f"{where}: must be a table with lookup = the tool that gives the records")
    check_keys(raw, [f.name for f in fields(Shelf)][1:], where, ConfigError)
    for key, value in raw.items():
        wanted, what = (Mapping, "a table") if key in ("arguments", "most") else (str, "a text")
        if not isinstance(value, wanted):
            raise ConfigError(f"{where}: {key} = {value!r} must be {what}")
    return Shelf(kind, **raw)


def parse_power(tool: str, raw: Mapping[str, Any]) -> Power:
    """Read what ``[tools.NAME]`` of a manifest says of authority.

    Raises
    ------
    ConfigError
        A key, kind or type that is none, with the place where it stands.
    """
    for key in ("acts", "outward"):
        if isinstance(raw.get(key, ()), str) or not all(isinstance(v, str) and v for v in raw.get(key, ())):
            raise ConfigError(f"tools.{tool}: {key} = {raw[key]!r} must be a list of texts")
    if not isinstance(raw.get("roles", {}), Mapping) or not isinstance(raw.get("target", ""), str):
        raise ConfigError(f"tools.{tool}: roles must be a table, and target the name of an argument")
    roles = {n: _named(n, _role(r, f"tools.{tool}.roles.{n}")) for n, r in raw.get("roles", {}).items()}
    return Power(tool, tuple(raw.get("acts", ())), roles, raw.get("target", ""), tuple(raw.get("outward", ())))


def _named(argument: str, role: Role) -> Role:
    """Add the phrase before a copy's addressee: who gets a copy is not who is written to."""
    copies = role.kind == "email" and argument in ("cc", "bcc") and not role.when and not role.record
    return dataclasses.replace(role, when=argument) if copies else role


def _role(given: Any, where: str) -> Role:
    if not isinstance(given, str | Mapping):
        raise ConfigError(f"{where} = {given!r} must be a kind, or a table with one")
    raw: dict[str, Any] = {"kind": given} if isinstance(given, str) else dict(given)
    kind = str(raw.get("kind"))
    if kind not in KINDS:
        raise ConfigError(f"{where}: unknown kind {kind!r}{nearest(kind, KINDS)}")
    check_keys(raw, [f.name for f in fields(Role)], where, ConfigError)
    also = tuple(_role({"kind": kind, **a}, where) for a in raw.get("also", ()))
    return Role(**{**raw, "also": also})
