"""Retention carried out: payloads and whole runs that are older than they may be are deleted, dry unless told.

Only runs that ended are touched, under the lock of their journal: what waits, is paused or is at work stays, and so
does what such a run or a kept fork goes back to. A run that is kept without its payloads has a whole chain.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from llmos_nb.errors import JournalError, JournalLocked, JournalUnwritable, UsageError
from llmos_nb.journal import (
    INLINE,
    Blobs,
    Event,
    Home,
    Journal,
    Retention,
    first,
    history,
    parse_retention,
    pid_of,
    read,
    references,
    scan,
)
from llmos_nb.journal.events import Body, RunEnded, RunResumed, RunStarted, SignalReceived
from llmos_nb.process import Run, open_journal
from llmos_nb.process.state.fold import fold
from llmos_nb.session import config
from llmos_nb.session.memory.store import Memory
from llmos_nb.views import count, runs
from llmos_nb.views.text import table


def forget(run: Run, call: str, by: str = "you") -> int:
    """Delete the payload of a call's result, and the stored values that it made, and give their size in bytes.

    What the process said of it (its answer, a step's evidence) stays: that is in the chain.

    Raises
    ------
    UsageError
        The process is at work, or nothing of the call stands beside the journal.
    """
    if run.tasks:
        raise UsageError(f"process {run.state.pid} is at work: pause it, then forget")
    if call not in run.state.calls:
        raise UsageError(f"call {call!r}: process {run.state.pid} has no such call")
    with run.journal.held():
        run.journal.flush_now()
        values = (run.state.calls[call].changes.values or {}).values()
        found = [*references(_raw(run, call)), *(v for v in values if "blob" in v)]
        if not found:
            raise UsageError(
                f"call {call}: a result of at most {INLINE:,} bytes stands in the chain itself; only larger ones"
                " can be forgotten"
            )
        blobs = Blobs(run.journal.path.parent / "blobs")
        size = sum(int(ref["size"]) for ref in found if blobs.forget(ref))
        run.journal.events[:] = scan(run.journal.path)[0]
        run.state = fold(history(run.journal.events, run.journal.path))
        run.values = replace(
            run.values, refs={}, current={}, folders=[], used=0
        )  # it looks anew at what is there
        run.append(SignalReceived(signal="forget", by=by, call=call, bytes=size))
    Memory.beside(run.journal.path).drop(run.journal.path.parent.name)
    return size


def _raw(run: Run, call: str) -> dict[str, Any]:
    """Return a finished call as it stands in the file."""
    for line in run.journal.path.read_bytes().splitlines():
        event = json.loads(line)
        if event["k"] == "call.finished" and event["d"]["call"] == call:
            return dict(event["d"])
    raise UsageError(f"call {call}: its result is not in this journal (a fork's calls are in its parent's)")


DAY_S = 86_400
PAYLOADS, RUN = "payloads", "the run"


@dataclass(frozen=True)
class Gone:
    """What goes, or went.

    Parameters
    ----------
    journal : Path
        Of the run.
    what : str
        ``payloads`` or ``the run``.
    days : float
        Since it ended.
    bytes : int
        How much.
    """

    journal: Path
    what: str
    days: float
    bytes: int


@dataclass(frozen=True)
class _Run:
    journal: Path
    events: list[Event]
    days: float
    ended: bool

    @property
    def folder(self) -> Path:
        return self.journal.parent

    @property
    def parent(self) -> Path | None:
        """The journal that a fork goes back to."""
        named = _parent(self.events[0])
        return (self.folder / named["path"]).resolve() if "path" in named else None


def due(home: Home, kept: Retention, live: Collection[int] = (), now: float | None = None) -> list[Gone]:
    """Say what goes; nothing is touched.

    Parameters
    ----------
    home : Home
        Where the runs are.
    kept : Retention
        How long what is kept.
    live : collection of int
        Pids that a notebook still holds.
    now : float, optional
        Seconds since 1970.
    """
    young = min(d for d in (kept.payload_days, kept.runs_days, math.inf) if d is not None)
    found = list(_known(home, time.time() if now is None else now, young))
    newest = {r.journal for r in sorted(found, key=lambda r: r.days)[: kept.keep]}
    free = [r for r in found if r.ended and r.journal not in newest and pid_of(r.folder.name) not in live]
    old = [r for r in free if kept.runs_days is not None and r.days > kept.runs_days]
    held = _gone_back_to([r for r in found if r not in old])
    gone = [r for r in old if r.journal.resolve() not in held]
    needed = _gone_back_to([r for r in found if not r.ended])
    bare = [
        r for r in free
        if r not in gone and kept.payload_days is not None and r.days > kept.payload_days
        and r.journal.resolve() not in needed and _size(r.folder / "blobs")
    ]  # fmt: skip
    return [
        *(Gone(r.journal, RUN, r.days, _size(r.folder)) for r in gone),
        *(Gone(r.journal, PAYLOADS, r.days, _size(r.folder / "blobs")) for r in bare),
    ]


def _known(home: Home, now: float, young: float) -> Iterator[_Run]:
    """Read the runs of a home, of young ones the beginning; one that cannot be read is nobody's to delete."""
    for path in runs(home):
        days = (now - path.stat().st_mtime) / DAY_S
        try:
            events = read(path) if days > young else [first(path)]
        except (JournalError, ValueError, KeyError):
            continue
        if events:
            last = next((e for e in reversed(events) if not _forgets(e.body)), events[0])
            ends = next((e.k for e in reversed(events) if isinstance(e.body, RunEnded | RunResumed)), "")
            since = (now - datetime.fromisoformat(last.at).timestamp()) / DAY_S if days > young else days
            yield _Run(path, events, since, ends == "run.ended")


def _parent(event: Event) -> Mapping[str, Any]:
    return (event.body.parent or {}) if isinstance(event.body, RunStarted) else {}


def _forgets(body: Body) -> bool:
    return isinstance(body, SignalReceived) and body.signal == "forget"


def _gone_back_to(found: list[_Run]) -> set[Path]:
    """Return the journals that these runs were forked from, and those of their forks in turn."""
    parents = {r.parent for r in found} - {None}
    held: set[Path] = set()
    while parents:
        path = parents.pop()
        if path is None or path in held or not path.exists():
            continue
        held.add(path)
        named = _parent(first(path))
        parents |= {(path.parent / named["path"]).resolve()} if "path" in named else set()
    return held


def prune(home: Home, kept: Retention, live: Collection[int] = ()) -> list[Gone]:
    """Delete what is due and give what went; a run that somebody holds meanwhile is left."""
    return [one for one in due(home, kept, live) if _delete(home, one)]


def _delete(home: Home, one: Gone) -> bool:
    journal = open_journal(one.journal)
    try:
        journal.acquire()
    except JournalLocked:
        return False
    try:
        if one.what == RUN:
            _delete_run(home, one.journal)
        else:
            _delete_payloads(journal, one.bytes)
    except OSError as error:
        raise JournalUnwritable(f"prune: {one.journal.parent}: {error.strerror or error}") from error
    finally:
        journal.release()
    Memory.beside(one.journal).drop(one.journal.parent.name)
    return True


def _delete_run(home: Home, journal: Path) -> None:
    """Put a run aside, so that nobody finds a half of it, and delete it."""
    aside = journal.parent.with_name(f".gone-{journal.parent.name}")
    _mark_batch(home, journal)
    journal.parent.rename(aside)
    shutil.rmtree(aside)


def _delete_payloads(journal: Journal, size: int) -> None:
    """Delete what stands beside a chain, and say so in it; the run is no younger for that."""
    times = journal.path.stat()
    shutil.rmtree(journal.path.parent / "blobs")
    journal.append(SignalReceived(signal="forget", by="retention", call="all", bytes=size))
    journal.flush_now()
    os.utime(journal.path, ns=(times.st_atime_ns, times.st_mtime_ns))


def _mark_batch(home: Home, journal: Path) -> None:
    """Have a batch know that it ran: what is deleted is not run a second time."""
    named = journal.relative_to(home.root).as_posix()
    for note in home.root.glob("batch/*/run.json"):
        known = json.loads(note.read_text(encoding="utf-8"))
        if known.get("journal") == named:
            note.write_text(
                json.dumps({**known, "deleted": datetime.now(UTC).date().isoformat()}), encoding="utf-8"
            )


def _size(path: Path) -> int:
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())


def asked(
    home: Home,
    given: Mapping[str, Any],
    yes: bool,
    live: Collection[int] = (),
    configured: Mapping[str, Any] | None = None,
) -> str:
    """Do what a command asks for, and say what goes or went; what is given stands before what is configured."""
    named = {k: given[k] for k in ("payload_days", "runs_days", "keep") if given.get(k) is not None}
    where = "prune: --payload-days, --runs-days, --keep"
    kept = config.load({}, configured).retention
    if named:
        kept = config.load(
            {"retention": parse_retention({**asdict(kept), **named}, where)}, configured
        ).retention
    if not kept.ends:
        raise UsageError(
            "prune: nothing says how long what is kept; write payload_days or runs_days under [retention]"
        )
    return report(prune(home, kept, live) if yes else due(home, kept, live), yes)


def report(found: list[Gone], done: bool) -> str:
    """Say what goes or went."""
    if not found:
        return "nothing is older than it may be"
    rows = [
        [pid_of(g.journal.parent.name), g.journal.parent.name, g.what, f"{g.days:.0f}", f"{g.bytes:,}"]
        for g in found
    ]
    total = f"{count(len(found), 'run')}, {sum(g.bytes for g in found):,} bytes "
    how = "deleted; the chains of what stays hold" if done else "would go; --yes deletes them"
    return f"{table(rows, ['pid', 'run', 'what', 'days', 'bytes'])}\n{total}{how}"
