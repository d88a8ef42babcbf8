"""Which processes of a home have ended: an index of its journals, so that thousands are looked through at once.

The journals are the truth. The index is a cache in the home: an entry counts while its journal has the size and time
that it had, and what is missing or differs is read again, from the first line and the last ones alone, unverified.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from llmos_nb.journal.home import Home, pid_of

VERSION = 1
TAIL = 16_384  # bytes that hold the last events of nearly every journal
UNREADABLE = "unreadable"
_CHAINED = ("n", "at", "k", "d")


class Glance(NamedTuple):
    """What the first line and the last lines of a journal say.

    Parameters
    ----------
    folder : str
        Of the run, in the home's folder of runs.
    size, changed : int
        Of the journal: bytes, and when it was written last, in nanoseconds since 1970.
    pid, name : int, str
        Of the process; the name may be empty.
    began, at : str
        ISO 8601 times of its first event and its last.
    reason : str
        Why it ended; empty where it has not. ``unreadable`` where the file does not begin as a journal does.
    """

    folder: str
    size: int
    changed: int
    pid: int
    name: str
    began: str
    at: str
    reason: str


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at the journals of a home found.

    Parameters
    ----------
    runs : list of Glance
        In the order in which the processes were started.
    whole : bool
        Whether there was time to read all that was not in the index.
    """

    runs: list[Glance]
    whole: bool

    @property
    def unfinished(self) -> list[Glance]:
        """Those that have not ended."""
        return [g for g in self.runs if not g.reason]


def look(home: Home, patience_s: float = math.inf) -> Look:
    """Look through the journals of a home, and keep what was read anew in its index.

    Parameters
    ----------
    home : Home
        Whose.
    patience_s : float
        Seconds for reading what is not in the index; the newest are read first.
    """
    known, journals = _kept(home), _journals(home)
    until = time.monotonic() + patience_s
    found: list[Glance] = []
    longer: dict[str, Glance] = {}  # what knows of lines that are gone by now: `last_known` tells
    fresh, whole = 0, True
    for _, folder, size, changed in journals:
        old = known.pop(folder, None)
        if old is not None and (old.size, old.changed) == (size, changed):
            found.append(old)
        elif time.monotonic() > until:
            whole = False
        elif (new := _glance(home.runs / folder, size, changed)) is not None:
            found.append(new)
            fresh += 1
            if old is not None and old.size > size and old.at > new.at:
                longer[folder] = old
    if fresh or known:
        _keep(home, [longer.get(g.folder, g) for g in found])
    return Look(found[::-1], whole)


def last_known(journal: Path) -> Glance | None:
    """Return what the index of its home knows of a journal from before, however the file stands now."""
    runs = journal.absolute().parent.parent
    return _kept(Home(runs.parent)).get(journal.absolute().parent.name) if runs.name == "runs" else None


def driver_of(journal: Path) -> str:
    """Return who writes a journal at this moment, as in ``process 4711 on host``; an empty text for nobody.

    What an interpreter that died left behind counts for nothing. Of another machine nobody here can know more than
    that its mark is there.
    """
    try:
        said = journal.with_suffix(".owner").read_text(encoding="utf-8")
    except OSError:
        return ""
    import platform  # it is slow to import, as the lock is, and few journals have a mark

    from filelock import FileLock, Timeout

    pid, _, host = said.removeprefix("process ").partition(" on ")
    if host != platform.node():
        return said
    if not pid.isdecimal() or not _alive(int(pid)):
        return ""
    lock = FileLock(str(journal.with_suffix(".lock")), timeout=0)
    try:
        lock.acquire()
    except Timeout:
        return said
    except OSError:
        return ""
    lock.release()
    return ""  # the number is another program's by now


def _alive(pid: int) -> bool:
    """Return whether an interpreter of this number may be there."""
    if os.name == "nt":  # there, asking would end it; the lock decides
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # somebody else's
    return True


def _journals(home: Home) -> list[tuple[int, str, int, int]]:
    """Return pid, folder, size and time of each journal, the newest process first."""
    found = []
    try:
        folders = os.listdir(home.runs)  # noqa: PTH208 - of thousands, and their names are all that is wanted
    except OSError:
        return []
    runs = str(home.runs)
    for folder in folders:
        if folder[0] == "." or not (pid := pid_of(folder)):
            continue
        try:
            stat = os.stat(f"{runs}/{folder}/journal.jsonl")  # noqa: PTH116 - of thousands: a `Path` costs more
        except OSError:
            continue
        if stat.st_size:
            found.append((pid, folder, stat.st_size, stat.st_mtime_ns))
    return sorted(found, reverse=True)


def _file(home: Home) -> Path:
    return home.root / "index.json"


def _kept(home: Home) -> dict[str, Glance]:
    """Return the entries of the index; of one that cannot be read, or that a stranger may have made, none."""
    if not home.made_here:
        return {}
    try:
        raw = json.loads(_file(home).read_bytes())
        if raw["version"] != VERSION:
            return {}
        return {row[0]: Glance(*row) for row in raw["runs"]}
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return {}


def _keep(home: Home, found: list[Glance]) -> None:
    """Write the index in one go; a home that cannot be written, or that is a stranger's, goes without."""
    if not home.made_here:
        return
    raw = json.dumps({"version": VERSION, "runs": found}, separators=(",", ":"))
    new = _file(home).with_suffix(f".{os.getpid()}.tmp")
    try:
        new.write_text(raw, encoding="ascii")
        new.replace(_file(home))
    except OSError:
        with contextlib.suppress(OSError):
            new.unlink()


def _glance(folder: Path, size: int, changed: int) -> Glance | None:
    """Read the ends of a journal; None where it cannot be opened."""
    try:
        with (folder / "journal.jsonl").open("rb") as file:
            first = _event(file.readline())
            file.seek(max(size - TAIL, 0))
            tail = file.read()
            reason = _reason(tail, partial=size > TAIL)
            if reason is None:
                file.seek(0)
                tail = file.read()
                reason = _reason(tail, partial=False) or ""
    except OSError:
        return None
    if first is None or first["k"] != "run.started":
        return Glance(folder.name, size, changed, pid_of(folder.name), "", "", "", UNREADABLE)
    last = next((e for line in reversed(tail.splitlines()) if (e := _event(line)) is not None), first)
    pid, name = first["d"].get("pid"), first["d"].get("name")
    pid = pid if isinstance(pid, int) and pid else pid_of(folder.name)
    return Glance(folder.name, size, changed, pid, str(name or ""), first["at"], last["at"], reason)


def _reason(tail: bytes, partial: bool) -> str | None:
    """Return why the process ended, or an empty text where it goes on; None where the tail does not say."""
    for line in reversed(tail.splitlines()[partial:]):
        event = _event(line)
        if event is None:
            continue
        if event["k"] == "run.ended":
            return str(event["d"].get("reason") or "ended")
        if event["k"].startswith(("run.", "model.")):  # after the end, only what takes it back may come
            return ""
    return None


def _event(line: bytes) -> dict[str, Any] | None:
    """Return a line as an event, or None where it is none."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    whole = isinstance(found, dict) and all(key in found for key in _CHAINED)
    return found if whole and isinstance(found["d"], dict) and isinstance(found["k"], str) else None
