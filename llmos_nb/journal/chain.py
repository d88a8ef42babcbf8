"""The lines of a journal in a hash chain, and how a file of them is read.

``hash = sha256(prev + canonical([n, at, k, d]))`` over sorted, compact ASCII JSON.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from llmos_nb.errors import JournalError, JournalTampered
from llmos_nb.journal.blobs import HOLDERS, Blobs, put_inside
from llmos_nb.journal.events import VERSION, Body, RunStarted, parse
from llmos_nb.messages import canonical

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a journal.

    Parameters
    ----------
    n : int
        Position, from 0.
    at : str
        ISO 8601 time.
    k : str
        Kind, such as ``call.started``.
    d : dict
        What happened, as plain data.
    prev, hash : str
        The chain, hexadecimal.
    body : Body
        What happened, typed: one class a kind.
    """

    n: int
    at: str
    k: str
    d: dict[str, Any]
    prev: str
    hash: str
    body: Body = field(compare=False, repr=False)


def chained(n: int, at: str, body: Body, d: dict[str, Any], prev: str) -> tuple[Event, bytes]:
    """Make the next event of a chain and its line; `d`, the data of `body`, is encoded once."""
    k, encoded = body.kind, canonical(d)
    digest = sha256(f'{prev}[{n},"{at}","{k}",{encoded}]'.encode()).hexdigest()
    line = f'{{"at":"{at}","d":{encoded},"hash":"{digest}","k":"{k}","n":{n},"prev":"{prev}"}}\n'
    return Event(n, at, k, d, prev, digest, body), line.encode()


_KEYS = {"n": int, "at": str, "k": str, "d": dict, "prev": str, "hash": str}


class _Reader:
    """Reads the lines of one file in order; it knows of which version they are, and what the last one's hash was."""

    def __init__(self, path: Path) -> None:
        self.path, self.blobs = path, Blobs(path.parent / "blobs")
        self.version, self.prev, self.line = 1, GENESIS, 0

    def read(self, raw: bytes) -> Event:
        """Read the next line; anything but a whole event that continues the chain is tampering."""
        self.line += 1
        try:
            given = self._plain(raw)
            self._check_version(given)
            n, at, k, d, prev, digest = (given[key] for key in _KEYS)
            self._check_link(n, f'{prev}[{n},"{at}","{k}",{canonical(d)}]', prev, digest)
            d = put_inside(d, self.blobs) if k in HOLDERS else d
            body = parse(k, d, self.version)
        except RecursionError as error:
            raise self.wrong("not an event (nested too deeply)") from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise self.wrong(f"not an event ({error})") from error
        self.prev = digest
        return Event(n, at, k, d, prev, digest, body)

    def wrong(self, why: str) -> JournalTampered:
        """Return the error that names the line."""
        return JournalTampered(str(self.path), self.line, why)

    @staticmethod
    def _plain(raw: bytes) -> dict[str, Any]:
        given = json.loads(raw)
        if not isinstance(given, dict):
            raise ValueError("no JSON object")
        for key, kind in _KEYS.items():
            if type(given.get(key)) is not kind:
                raise ValueError(
                    f"`{key}` cannot be {given[key]!r:.60}" if key in given else f"`{key}` is missing"
                )
        if datetime.fromisoformat(given["at"]).tzinfo is None:
            raise ValueError(f"`at` lacks its time zone: {given['at']!r:.60}")
        return given

    def _check_version(self, given: dict[str, Any]) -> None:
        """Note the version of the format, which stands in the first event; no `version` is version 1."""
        if given["k"] != RunStarted.kind:
            return
        found = given["d"].get("version", 1)
        if type(found) is not int or found > VERSION:
            raise JournalError(
                f"{self.path} is of version {found} of the format, and this llmos_nb knows {VERSION} at most: "
                "update llmos_nb to read it"
            )
        self.version = found

    def _check_link(self, n: int, told: str, prev: str, digest: str) -> None:
        """Raise where an event does not continue the chain."""
        if n != self.line - 1:
            raise self.wrong(f"event {n} where {self.line - 1} belongs")
        if prev != self.prev:
            raise self.wrong("it does not continue the line before")
        if sha256(told.encode()).hexdigest() != digest:
            raise self.wrong("its content does not match its hash")


def read(path: str | os.PathLike[str]) -> list[Event]:
    """Load and verify a journal; a torn last line is dropped.

    Raises
    ------
    JournalTampered
        Names the first line that does not fit the chain.
    """
    return scan(Path(path))[0]


def first(path: Path) -> Event:
    """Read the first event alone."""
    with path.open("rb") as file:
        return _Reader(path).read(file.readline())


def scan(path: Path) -> tuple[list[Event], int]:
    """Read all events and the number of bytes that hold them."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise JournalError(f"cannot read {path}: {error.strerror or error}") from error
    lines = raw.split(b"\n")
    reader, events, used = _Reader(path), list[Event](), 0
    for i, line in enumerate(lines):
        last = i == len(lines) - 1
        if last and (not line or not _whole(line)):
            break
        events.append(reader.read(line))
        used += len(line) + (not last)
    return events, used


def _whole(line: bytes) -> bool:
    """Tell a whole last line that lacks its newline from a torn one."""
    try:
        return isinstance(json.loads(line), dict)
    except RecursionError:
        return True
    except ValueError:
        return False


def history(events: Sequence[Event], path: str | os.PathLike[str]) -> list[Event]:
    """Return all events of a process, with those of its parents up to where it was forked.

    Parameters
    ----------
    events : sequence of Event
        Its own.
    path : path-like
        Its journal, from whose folder the parent's is found: a home may be moved.
    """
    began = events[0].body if events else None
    parent = began.parent if isinstance(began, RunStarted) else None
    if not parent or "at" not in parent:
        return list(events)
    file = Path(path).parent / parent["path"]
    return until(read(file), file, parent["at"]) + list(events)


def until(events: Sequence[Event], path: str | os.PathLike[str], at: int) -> list[Event]:
    """Return the history of a process up to its own event `at`."""
    whole = history(events, path)
    return whole[: len(whole) - len(events) + at + 1]
