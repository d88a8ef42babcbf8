"""What a manifest says of tools, so that a call's arguments can be held against the user's words. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from llmos_nb.errors import ConfigError, nearest

KINDS = (
    "email", "iban", "amount", "date", "path", "url", "quoted", "start", "end", "record", "text", "choice", "flag",
    "none",
)  # fmt: skip
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Role:
    """What an argument means.

    Parameters
    ----------
    kind : str
        One of `KINDS`. ``record`` is the id of a record; ``text`` is content; what is ``none`` must be empty.
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
    """Whether a call stands on the user's words.

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


def parse_power(tool: str, raw: Mapping[str, Any]) -> Power:
    """Read ``[tools.NAME]`` of a manifest."""
    roles = {n: _role(r, f"tools.{tool}.roles.{n}") for n, r in raw.get("roles", {}).items()}
    return Power(tool, tuple(raw.get("acts", ())), roles, raw.get("target", ""), tuple(raw.get("outward", ())))


def _role(given: Any, where: str) -> Role:
    raw: dict[str, Any] = {"kind": given} if isinstance(given, str) else dict(given)
    kind, known = str(raw.get("kind")), [f.name for f in fields(Role)]
    if kind not in KINDS:
        raise ConfigError(f"{where}: unknown kind {kind!r}{nearest(kind, KINDS)}")
    for key in raw:
        if key not in known:
            raise ConfigError(f"{where}: unknown key {key!r}{nearest(key, known)}")
    also = tuple(_role({"kind": kind, **a}, where) for a in raw.get("also", ()))
    return Role(**{**raw, "also": also})
