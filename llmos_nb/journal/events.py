"""Events in a hash chain, and how a file of them is read.

``hash = sha256(prev + canonical([n, at, k, d]))`` over sorted, compact ASCII JSON.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from llmos_nb.errors import JournalError, JournalTampered
from llmos_nb.journal.blobs import HOLDERS, Blobs, put_inside
from llmos_nb.messages import finite

GENESIS = "0" * 64
VERSION = 1
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def canonical(value: object) -> str:
    """Encode plain data as sorted, compact ASCII JSON; NaN and infinities become null."""
    try:
        return _encode(value)
    except ValueError:
        return _encode(finite(value))


def now() -> str:
    """Return the time in UTC as ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


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
    """

    n: int
    at: str
    k: str
    d: dict[str, Any]
    prev: str = GENESIS
    hash: str = ""


def chained(n: int, at: str, k: str, d: dict[str, Any], prev: str) -> tuple[Event, bytes]:
    """Make the next event of a chain and its line; `d` is encoded once."""
    body = canonical(d)
    digest = sha256(f'{prev}[{n},"{at}","{k}",{body}]'.encode()).hexdigest()
    line = f'{{"at":"{at}","d":{body},"hash":"{digest}","k":"{k}","n":{n},"prev":"{prev}"}}\n'
    return Event(n, at, k, d, prev, digest), line.encode()


def _parse(raw: bytes, path: Path, line: int) -> Event:
    """Read one line; anything but a whole event is tampering (a torn last line is handled by `read`)."""
    try:
        d = json.loads(raw)
        return Event(d["n"], d["at"], d["k"], d["d"], d["prev"], d["hash"])
    except (ValueError, TypeError, KeyError) as error:
        raise JournalTampered(str(path), line, f"not an event ({error})") from error


def read(path: str | os.PathLike[str]) -> list[Event]:
    """Load and verify a journal; a torn last line is dropped.

    Raises
    ------
    JournalTampered
        Names the first line that does not fit the chain.
    """
    return scan(Path(path))[0]


def first(path: Path) -> Event:
    """Read the first event alone, as it stands in the file."""
    with path.open("rb") as file:
        return _parse(file.readline(), path, 1)


def scan(path: Path) -> tuple[list[Event], int]:
    """Read all events and the number of bytes that hold them."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise JournalError(f"cannot read {path}: {error.strerror or error}") from error
    lines = raw.split(b"\n")
    events: list[Event] = []
    prev, used = GENESIS, 0
    for i, line in enumerate(lines):
        last = i == len(lines) - 1
        if last and (not line or not _whole(line)):
            break
        event = _parse(line, path, i + 1)
        _check_link(event, prev, i, path)
        if event.k in HOLDERS:
            event = replace(event, d=put_inside(event.d, Blobs(path.parent / "blobs")))
        events.append(event)
        prev, used = event.hash, used + len(line) + (not last)
    return events, used


def _whole(line: bytes) -> bool:
    """Tell a whole last line that lacks its newline from a torn one."""
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _check_link(event: Event, prev: str, n: int, path: Path) -> None:
    """Raise where an event does not continue the chain."""
    body = f'{prev}[{event.n},"{event.at}","{event.k}",{canonical(event.d)}]'
    if event.n != n:
        raise JournalTampered(str(path), n + 1, f"event {event.n} where {n} belongs")
    if event.prev != prev:
        raise JournalTampered(str(path), n + 1, "it does not continue the line before")
    if sha256(body.encode()).hexdigest() != event.hash:
        raise JournalTampered(str(path), n + 1, "its content does not match its hash")


def history(events: Sequence[Event], path: str | os.PathLike[str]) -> list[Event]:
    """Return all events of a process, with those of its parents up to where it was forked.

    Parameters
    ----------
    events : sequence of Event
        Its own.
    path : path-like
        Its journal, from whose folder the parent's is found: a home may be moved.
    """
    parent = events[0].d.get("parent") if events and events[0].k == "run.started" else None
    if not parent or "at" not in parent:
        return list(events)
    file = Path(path).parent / parent["path"]
    return until(read(file), file, parent["at"]) + list(events)


def until(events: Sequence[Event], path: str | os.PathLike[str], at: int) -> list[Event]:
    """Return the history of a process up to its own event `at`."""
    whole = history(events, path)
    return whole[: len(whole) - len(events) + at + 1]
