"""The lines of a journal in a hash chain, and how a file of them is read.

``hash = sha256(prev + canonical([n, at, k, d]))`` over sorted, compact ASCII JSON.

`scan` checks of each line its form, place, time, kind, version and hash: that is what opening looks at. What an event
says is read when somebody asks for it, and a line that cannot be read is named then. `read` asks for all of them, and
verifies the payloads, too.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn

from llmos_nb.errors import JournalError, JournalTampered
from llmos_nb.journal import events as ev
from llmos_nb.journal.blobs import HOLDERS, Blobs, put_inside, references
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
    mac : str
        Of whoever wrote it, over its hash, with a key that does not stand beside it; empty where there was none.
    """

    n: int
    at: str
    k: str
    d: dict[str, Any]
    prev: str
    hash: str
    body: ev.Body = field(compare=False, repr=False)
    mac: str = field(default="", compare=False, repr=False)
    _unread: tuple[_Reader, str | dict[str, Any]] | None = field(default=None, init=False, compare=False, repr=False)

    def __getattr__(self, name: str) -> Any:  # of a slot that is still empty
        if name not in ("d", "body"):
            raise AttributeError(name)
        if (unread := self._unread) is not None:
            reader, data = unread
            d, body = reader.meaning(self.n, self.k, data)
            _put(self, "d", d)
            _put(self, "body", body)
            _put(self, "_unread", None)
        return object.__getattribute__(self, name)


_put = object.__setattr__


def _unread(
    n: int, at: str, k: str, prev: str, digest: str, mac: str, source: tuple[_Reader, str | dict[str, Any]]
) -> Event:
    """Return an event whose `d` and `body` are read when somebody asks for them."""
    event = object.__new__(Event)
    _put(event, "n", n)
    _put(event, "at", at)
    _put(event, "k", k)
    _put(event, "prev", prev)
    _put(event, "hash", digest)
    _put(event, "mac", mac)
    _put(event, "_unread", source)
    return event


_FIRST = (ev.RunStarted.kind, ev.NotebookOpened.kind)  # what a journal of the format begins with
_KEYS = {"n": int, "at": str, "k": str, "d": dict, "prev": str, "hash": str}
_LINE = re.compile(  # as `journal.chained` writes it; any other form of the same JSON is read by `json`
    r'{"at":"([^"\\]*)","d":({.*}),"hash":"([0-9a-f]{64})","k":"([^"\\]*)",(?:"mac":"([0-9a-f]{64})",)?'
    r'"n":([0-9]+),"prev":"([0-9a-f]{64})"}',
    re.DOTALL,
)


def _refused(token: str) -> NoReturn:
    raise ValueError(f"{token} is no number of JSON")


def _finite(token: str) -> float:
    value = float(token)
    return value if value - value == 0 else _refused(token)


_decode = json.JSONDecoder(parse_constant=_refused, parse_float=_finite).decode


class _Reader:
    """Reads the lines of one file in order; it knows of which version they are, and what the last one's hash was."""

    def __init__(self, path: Path) -> None:
        self.path, self.blobs = path, Blobs(path.parent / "blobs")
        self.version, self.prev, self.line = 1, GENESIS, 0
        self.closed = False  # whether its kinds are those of the format: only a process's journal holds to them

    def read(self, raw: str) -> Event:
        """Read the next line, its bytes as Latin-1; all but a whole event that continues the chain is tampering."""
        self.line += 1
        try:
            n, at, k, prev, digest, mac, data = self._quick(raw) or self._slow(raw)
            if datetime.fromisoformat(at).tzinfo is None:
                raise ValueError(f"`at` lacks its time zone: {at!r:.60}")
            if k in _FIRST:
                self._check_version(_decode(data) if isinstance(data, str) else data)
            self.closed = self.closed or (self.line == 1 and k in _FIRST)
        except RecursionError as error:
            raise self.wrong("not an event (nested too deeply)", self.line) from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise self.wrong(f"not an event ({error})", self.line) from error
        if self.closed and k not in ev.KINDS:
            raise JournalError(
                f"{self.path}, line {self.line}: this llmos_nb does not know events of the kind {k!r:.60}; a newer "
                "one wrote it: update llmos_nb to read it"
            )
        self.prev = digest
        return _unread(n, at, k, prev, digest, mac, (self, data))

    def wrong(self, why: str, line: int) -> JournalTampered:
        """Return the error that names the line."""
        return JournalTampered(str(self.path), line, why)

    def _quick(self, raw: str) -> tuple[int, str, str, str, str, str, str] | None:
        """Take a line apart that has the form in which it was written, and whose hash holds; else None."""
        found = _LINE.fullmatch(raw) if raw.isascii() else None
        if found is None:
            return None
        at, d, digest, k, mac, n, prev = found.groups()
        told = f'{prev}[{n},"{at}","{k}",{d}]'.encode()
        if prev != self.prev or n != str(self.line - 1) or sha256(told).hexdigest() != digest:
            return None
        return self.line - 1, at, k, prev, digest, mac or "", d

    def _slow(self, raw: str) -> tuple[int, str, str, str, str, str, dict[str, Any]]:
        """Take any line apart, or say what is wrong with it."""
        given = _decode(raw.encode("latin-1").decode())
        if not isinstance(given, dict):
            raise ValueError("no JSON object")
        for key, kind in _KEYS.items():
            if type(given.get(key)) is not kind:
                raise ValueError(f"`{key}` cannot be {given[key]!r:.60}" if key in given else f"`{key}` is missing")
        n, at, k, d, prev, digest = (given[key] for key in _KEYS)
        self._check_link(n, f'{prev}[{n},"{at}","{k}",{canonical(d)}]', prev, digest)
        return n, at, k, prev, digest, str(given.get("mac", "")), d

    def _check_version(self, d: dict[str, Any]) -> None:
        """Note the version of the format, which stands in the first event; no `version` is version 1."""
        found = d.get("version", 1)
        if type(found) is not int or found > ev.VERSION:
            raise JournalError(
                f"{self.path} is of version {found} of the format, and this llmos_nb knows {ev.VERSION} at most: "
                "update llmos_nb to read it"
            )
        self.version = found

    def _check_link(self, n: int, told: str, prev: str, digest: str) -> None:
        """Raise where an event does not continue the chain."""
        if n != self.line - 1:
            raise self.wrong(f"event {n} where {self.line - 1} belongs", self.line)
        if prev != self.prev:
            raise self.wrong("it does not continue the line before", self.line)
        if sha256(told.encode()).hexdigest() != digest:
            raise self.wrong("its content does not match its hash", self.line)

    def meaning(self, n: int, k: str, data: str | dict[str, Any]) -> tuple[dict[str, Any], ev.Body]:
        """Read what an event says, with the payloads that stand beside it."""
        try:
            d = _decode(data) if isinstance(data, str) else data
            d = put_inside(d, self.blobs) if k in HOLDERS else d
            return d, ev.parse(k, d, self.version)
        except RecursionError as error:
            raise self.wrong("not an event (nested too deeply)", n + 1) from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise self.wrong(f"not an event ({error})", n + 1) from error


def read(path: str | os.PathLike[str], payloads: bool = True) -> list[Event]:
    """Load a journal and verify it whole: chain, what each line says, payloads; a torn last line is dropped.

    Parameters
    ----------
    path : path-like
        The file.
    payloads : bool
        Whether what stands beside it is verified, too.

    Raises
    ------
    JournalTampered
        Names the first line that does not fit the chain, or its kind, or the payload that is not what was stored.
    JournalError
        It cannot be read, or a newer llmos_nb wrote it.
    """
    events = scan(Path(path))[0]
    after = ev.AfterEnd()
    for event in events:
        if not after.takes(event.body):
            raise JournalTampered(str(path), event.n + 1, f"{event.k} may not follow run.ended")
    if payloads:
        missing_payloads(Path(path))
    return events


def first(path: Path) -> Event:
    """Read the first event alone.

    Raises
    ------
    JournalError
        The file cannot be read, or does not begin with an event.
    """
    try:
        with path.open("rb") as file:
            line = file.readline()
    except OSError as error:
        raise JournalError(f"cannot read {path}: {error.strerror or error}") from error
    event = _Reader(path).read(line.decode("latin-1").removesuffix("\n"))
    event.body  # noqa: B018 - it is read here
    return event


def scan(path: Path) -> tuple[list[Event], int]:
    """Check the chain of a journal, and tell the number of bytes that hold its events; what they say is read later.

    Raises
    ------
    JournalTampered
        Names the first line that does not fit the chain.
    JournalError
        It cannot be read, or a newer llmos_nb wrote it.
    """
    try:
        raw = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: no file can have this name
        raise JournalError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    lines = raw.decode("latin-1").split("\n")  # one character a byte, whatever they are
    torn = 0 if _whole(lines[-1]) else len(lines.pop())
    reader = _Reader(path)
    return [reader.read(line) for line in lines], len(raw) - torn


def _whole(line: str) -> bool:
    """Tell a whole last line that lacks its newline from a torn one, or none."""
    try:
        return isinstance(_decode(line), dict)
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

    Raises
    ------
    JournalError
        A parent cannot be read, or is not what was forked.
    """
    parts = [part for _, part in lineage(events, path)]
    return [event for part in reversed(parts) for event in part]


def lineage(events: Sequence[Event], path: str | os.PathLike[str]) -> Iterator[tuple[Path, Sequence[Event]]]:
    """Return journals with the events that `history` takes of them: the process's own, its parent's, and so on."""
    file = Path(path)
    yield file, events
    known = {file.absolute()}
    while parent := _forked(events):
        file = Path(os.path.normpath(file.parent.absolute() / parent.get("path", "")))
        at, digest = parent["at"], parent.get("hash")
        if file in known:
            raise JournalTampered(str(file), 1, "it was forked from itself")
        known.add(file)
        events = scan(file)[0]
        if not 0 <= at < len(events) or (digest is not None and events[at].hash != digest):
            raise JournalTampered(str(file), at + 1, "this is not the event that was forked")
        events = events[: at + 1]
        yield file, events


def _forked(events: Sequence[Event]) -> ev.Parent | None:
    """Return where a fork comes from; None of any other process."""
    began = events[0].body if events else None
    parent = began.parent if isinstance(began, ev.RunStarted) else None
    return parent if parent and "at" in parent else None


def until(events: Sequence[Event], path: str | os.PathLike[str], at: int) -> list[Event]:
    """Return the history of a process up to its own event `at`."""
    return history(events[: at + 1], path)


def payloads(paths: Iterable[Path]) -> Iterator[tuple[Blobs, dict[str, Any]]]:
    """Return the references to payloads in journals whose chains hold, with where these stand."""
    for path in paths:
        blobs, raw, end = Blobs(path.parent / "blobs"), path.read_bytes(), 0
        while (at := raw.find(b'"blob"', end)) >= 0:
            end = (raw.find(b"\n", at) + 1 or len(raw) + 1) - 1
            event = json.loads(raw[raw.rfind(b"\n", 0, at) + 1 : end])
            if event["k"] in HOLDERS:
                yield from ((blobs, ref) for ref in references(event["d"]))


def missing_payloads(path: Path) -> int:
    """Tell how many payloads of a journal were deleted or lost.

    Raises
    ------
    JournalTampered
        One of them is not what was stored.
    """
    return sum(blobs.get(ref) is None for blobs, ref in payloads([path]))


def lost_values(path: Path) -> list[str]:
    """Name the stored values that are damaged, and those that are gone though a variable had no later one.

    Earlier ones may have been deleted to make room. A resume reads none of these.
    """
    folder = path.parent / "blobs"
    damaged, gone = list[str](), dict[str, str]()
    bodies = (e.body for e in scan(path)[0] if e.k == ev.NamesChanged.kind)
    for body in (b for b in bodies if isinstance(b, ev.NamesChanged)):
        for name, ref in (body.changes.values or {}).items():
            gone.pop(name, None)
            if "blob" not in ref or Blobs(folder).intact(ref) is not None:
                continue
            about = f"`{name}` of {body.call}"
            if os.path.lexists(folder / Path(str(ref["blob"])).name):
                damaged.append(f"{about} is damaged")
            else:
                gone[name] = f"{about} is gone"
    return [*damaged, *gone.values()]
