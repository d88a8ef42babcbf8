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
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from llmos_nb import journal as journals
from llmos_nb.errors import JournalError, JournalLocked, JournalUnwritable, NotTrusted, UsageError
from llmos_nb.journal import Home, Retention, history, pid_of, scan
from llmos_nb.journal.events import YOU, Decider, RunEnded, RunResumed, RunStarted, SignalReceived
from llmos_nb.process import Run, open_journal, saved
from llmos_nb.process.state.fold import fold
from llmos_nb.session import config
from llmos_nb.session.memory.part import Memory
from llmos_nb.session.notebook import past
from llmos_nb.views import count, runs
from llmos_nb.views.text import table


def forget(run: Run, call: str, by: Decider = YOU) -> int:
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
        found = [*journals.references(_raw(run, call)), *(v for v in values if "blob" in v)]
        if not found:
            small = f"a result of at most {journals.INLINE:,} bytes stands in the chain itself"
            raise UsageError(f"call {call}: {small}; only larger ones can be forgotten")
        blobs = journals.Blobs(run.journal.path.parent / "blobs")
        size = sum(int(ref["size"]) for ref in found if blobs.forget(ref))
        saved.forget(run.journal.path, run.journal.events)
        run.journal.events[:] = scan(run.journal.path)[0]
        run.state = fold(history(run.journal.events, run.journal.path))
        # it looks anew at what is there
        run.values = replace(run.values, refs={}, current={}, folders=[], used=0)
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


Pids = Collection[int]
DAY_S = 86_400
RETENTION = Decider("process", "retention")
PAYLOADS, RUN, NOTEBOOK = "payloads", "the run", "the notebook's cells"


@dataclass(frozen=True)
class Gone:
    """What goes, or went.

    Parameters
    ----------
    journal : Path
        Of the run.
    what : str
        ``payloads``, ``the run`` or ``the notebook's cells``.
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
    events: list[journals.Event]
    days: float
    ended: bool


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
    free = [r for r in found if r.ended and r.journal not in newest and pid_of(r.journal.parent.name) not in live]
    old = [r for r in free if kept.runs_days is not None and r.days > kept.runs_days]
    held = _gone_back_to([r for r in found if r not in old])
    gone = [r for r in old if r.journal.resolve() not in held]
    needed = _gone_back_to([r for r in found if not r.ended])
    bare = [
        r for r in free
        if r not in gone and kept.payload_days is not None and r.days > kept.payload_days
        and r.journal.resolve() not in needed and _size(r.journal.parent / "blobs")
    ]  # fmt: skip
    gone, bare = ([r for r in rs if open_journal(r.journal).made_here] for rs in (gone, bare))
    stays = {r.journal.resolve() for r in found if r not in gone}
    return [
        *(Gone(r.journal, RUN, r.days, _size(r.journal.parent)) for r in gone),
        *_notebooks(home, kept, stays, time.time() if now is None else now),
        *(Gone(r.journal, PAYLOADS, r.days, _size(r.journal.parent / "blobs")) for r in bare),
    ]


def _notebooks(home: Home, kept: Retention, stays: set[Path], now: float) -> Iterator[Gone]:
    """Say which notebooks' cells go: as old as a run that goes, and no run that stays has steps among them."""
    for _, path in past.notebooks(home):
        days = (now - path.stat().st_mtime) / DAY_S
        if kept.runs_days is None or days <= kept.runs_days:
            continue
        with suppress(JournalError, NotTrusted):
            if not {run.resolve() for _, run in past.load(path).processes} & stays:
                yield Gone(path, NOTEBOOK, days, _size(path.parent))


def _known(home: Home, now: float, young: float) -> Iterator[_Run]:
    """Read the runs of a home, of young ones the beginning; one that cannot be read is nobody's to delete."""
    for path in runs(home):
        days = (now - path.stat().st_mtime) / DAY_S
        try:
            events = journals.read(path, payloads=False) if days > young else [journals.first(path)]
        except (JournalError, ValueError, KeyError):
            continue
        if events:
            last = next((e for e in reversed(events) if getattr(e.body, "signal", "") != "forget"), events[0])
            ends = next((e.k for e in reversed(events) if isinstance(e.body, RunEnded | RunResumed)), "")
            since = (now - datetime.fromisoformat(last.at).timestamp()) / DAY_S if days > young else days
            yield _Run(path, events, since, ends == "run.ended")


def _parent(journal: Path, event: journals.Event) -> Path | None:
    """Return the journal that a fork goes back to."""
    named: Mapping[str, Any] = (event.body.parent or {}) if isinstance(event.body, RunStarted) else {}
    return (journal.parent / named["path"]).resolve() if "path" in named else None


def _gone_back_to(found: list[_Run]) -> set[Path]:
    """Return the journals that these runs were forked from, and those of their forks in turn."""
    parents = [_parent(r.journal, r.events[0]) for r in found]
    held: set[Path] = set()
    while parents:
        path = parents.pop()
        if path is not None and path not in held and path.exists():
            held.add(path)
            parents.append(_parent(path, journals.first(path)))
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
        if one.what in (RUN, NOTEBOOK):  # put aside first, so that nobody finds a half of it
            aside = one.journal.parent.with_name(f".gone-{one.journal.parent.name}")
            _mark_batch(home, one.journal)
            one.journal.parent.rename(aside)
            shutil.rmtree(aside)
        else:  # what stands beside a chain; the chain says so, and the run is no younger for that
            times = one.journal.stat()
            shutil.rmtree(one.journal.parent / "blobs")
            journal.append(SignalReceived(signal="forget", by=RETENTION, call="all", bytes=one.bytes))
            journal.flush_now()
            os.utime(one.journal, ns=(times.st_atime_ns, times.st_mtime_ns))
    except OSError as error:
        raise JournalUnwritable(f"prune: {one.journal.parent}: {error.strerror or error}") from error
    finally:
        journal.release()
    if one.what != NOTEBOOK:
        Memory.beside(one.journal).drop(one.journal.parent.name)
    return True


def _mark_batch(home: Home, journal: Path) -> None:
    """Have a batch know that it ran: what is deleted is not run a second time."""
    named = journal.relative_to(home.root).as_posix()
    for note in home.root.glob("batch/*/run.json"):
        known = json.loads(note.read_text(encoding="utf-8"))
        if known.get("journal") == named:
            known["deleted"] = datetime.now(UTC).date().isoformat()
            note.write_text(json.dumps(known), encoding="utf-8")


def _size(path: Path) -> int:
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())


def asked(home: Home, given: Mapping[str, Any], yes: bool, live: Pids = (), configured: Any = None) -> str:
    """Do what a command asks for, and say what goes or went; what is given stands before what is configured."""
    named = {k: given[k] for k in ("payload_days", "runs_days", "keep") if given.get(k) is not None}
    kept = config.load({}, configured).retention
    if named:
        where = "prune: --payload-days, --runs-days, --keep"
        wanted = journals.parse_retention({**asdict(kept), **named}, where)
        kept = config.load({"retention": wanted}, configured).retention
    if not kept.ends:
        hint = "write payload_days or runs_days under [retention]"
        raise UsageError(f"prune: nothing says how long what is kept; {hint}")
    return report(prune(home, kept, live) if yes else due(home, kept, live), yes)


def report(found: list[Gone], done: bool) -> str:
    """Say what goes or went."""
    if not found:
        return "nothing is older than it may be"
    runs_of = [(g, g.journal.parent.name) for g in found]
    rows = [[pid_of(run) or "", run, g.what, f"{g.days:.0f}", f"{g.bytes:,}"] for g, run in runs_of]
    books = sum(g.what == NOTEBOOK for g in found)
    notebooks = f", {count(books, 'notebook')}" if books else ""
    total = f"{count(len(found) - books, 'run')}{notebooks}, {sum(g.bytes for g in found):,} bytes "
    how = "deleted; the chains of what stays hold" if done else "would go; --yes deletes them"
    return f"{table(rows, ['pid', 'run', 'what', 'days', 'bytes'])}\n{total}{how}"
