"""The long-term memory of a home: texts that somebody kept, and the words of former runs, found by full-text search.

Each text has a label. What came from a process that had read untrusted data stays untrusted when it is recalled; what
is secret is never stored: known values become handles, and words of a process that had read secret data are left out.
"""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmos_nb.errors import JournalError, StoreError, UsageError
from llmos_nb.journal import Event, Home, events as told, history, opened, pid_of, scan, writing
from llmos_nb.messages import ToolResult, now
from llmos_nb.policy import Label, labels
from llmos_nb.policy.secrets import redact
from llmos_nb.process import Run
from llmos_nb.process.state import excerpt
from llmos_nb.session.parts import Part
from llmos_nb.session.protocols import ProcessLike
from llmos_nb.tools import bounded, current_call

if TYPE_CHECKING:
    from llmos_nb.session.config import Settings


def passages(events: Sequence[Event], path: Path, last: int = -1) -> Iterator[tuple[object, ...]]:
    """Return the words of a run after event `last`, with the label that the process had when they were said.

    Yields
    ------
    tuple
        ``(text, at, run, n, label, by)``.
    """
    label, run = labels.TRUSTED, path.parent.name
    inherited = history(events, path)
    first = len(inherited) - len(events)
    for i, e in enumerate(inherited):
        if e.k not in _HEARD:
            continue
        if isinstance(e.body, told.LabelChanged) and e.body.name == labels.CONTEXT:
            label = labels.parse(e.body.label)
        if i < first or e.n <= last or label.secret:
            continue
        for by, text in _said(e.body):
            if text.strip():
                yield redact(bounded(text)[0]), e.at, run, e.n, str(label), by


_HEARD = frozenset(c.kind for c in (
    told.LabelChanged, told.RunStarted, told.ModelResponded, told.CallFinished, told.QuestionAnswered,
    told.SignalReceived,
))  # fmt: skip  # of the other events not even the data is read


def _said(body: told.Body) -> Iterator[tuple[str, str]]:
    """Return who said what in an event."""
    match body:
        case told.RunStarted(goal=goal):
            yield "you", goal
        case told.ModelResponded(text=text, calls=calls):
            code = [c["arguments"].get("code", "") for c in calls if isinstance(c["arguments"], dict)]
            yield "the model", "\n".join([text, *map(str, code)])
        case told.CallFinished(call=call, result=result, facts=facts) if "private" not in facts:
            yield f"call {call}", result
        case told.QuestionAnswered(by=by, text=text) | told.SignalReceived(signal="steer", by=by, text=str(text)):
            yield by.describe(), text


_TEXTS = """USING fts5(
  text, at UNINDEXED, run UNINDEXED, n UNINDEXED, label UNINDEXED, by UNINDEXED, tokenize='porter unicode61')"""
_SCHEMA = f"""
CREATE VIRTUAL TABLE IF NOT EXISTS memories {_TEXTS};
CREATE VIRTUAL TABLE IF NOT EXISTS passages {_TEXTS};
CREATE TABLE IF NOT EXISTS scanned(run TEXT PRIMARY KEY, size INTEGER, n INTEGER);
"""
_COLUMNS = "text, at, run, n, label, by"
_INSERT = f"INSERT INTO {{}}({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608 - our own names
_ID = re.compile(r"m(\d+)")
TOGETHER = 100  # runs whose words are stored in one go: a disk syncs once for all


@dataclass(frozen=True, slots=True)
class Remembered:
    """A text that was remembered, or words of a former run.

    Parameters
    ----------
    id : str
        ``m3``; empty for words of a run.
    text : str
        Exact words.
    at : str
        ISO 8601 time.
    run : str
        Folder of the run that it came from; empty where a person said it.
    n : int
        Event of that run, -1 for none.
    label : str
        ``trusted``, ``untrusted``.
    by : str
        Who said it: ``you``, ``the model``, a tool's name.
    """

    id: str
    text: str
    at: str
    run: str
    n: int
    label: str
    by: str

    @property
    def origin(self) -> str:
        """Where it came from, in a few words."""
        source = f"process {pid_of(self.run)}" if self.run else ""
        event = f"event {self.n}" if self.run and self.n >= 0 else ""
        what = [self.id, self.at[:10], source, event, self.by if not self.id else "", self.label]
        return ", ".join(w for w in what if w and w != "trusted")


class Memory:
    """The long-term memory of a home.

    Parameters
    ----------
    home : Home
        Where the journals are; the memory stands beside them in ``memory.db``.
    """

    def __init__(self, home: Home) -> None:
        self.home = home

    @classmethod
    def beside(cls, journal: Path) -> Memory:
        """Return the memory of the home that a journal lies in."""
        return cls(Home(journal.parents[2]))

    @property
    def any(self) -> bool:
        """Whether anything is remembered; looks without making anything, and a broken memory holds nothing up."""
        with suppress(StoreError):
            return self.home.remembers and bool(self.latest(1))
        return False

    def remember(self, text: str, *, label: Label = labels.TRUSTED, run: str = "", n: int = -1, by: str = "you") -> str:
        """Keep a text and give its name, such as ``m3``; the same text with the same label is kept once.

        Raises
        ------
        UsageError
            There is nothing to keep, or it is labelled secret.
        StoreError
            The database cannot be used.
        """
        if not text.strip():
            raise UsageError("remember: there is nothing to remember; write what, in quotes")
        if label.secret:
            raise UsageError("remember: this comes from secret data, of which nothing is kept")
        row = (redact(text.strip()), now(), run, n, str(label), by)
        with opened(self.home, _SCHEMA) as db, writing(db):
            same = "SELECT rowid FROM memories WHERE text = ? AND label = ?"
            found = db.execute(same, (row[0], row[4])).fetchone()
            made = found[0] if found else db.execute(_INSERT.format("memories"), row).lastrowid
        return f"m{made}"

    def latest(self, limit: int = 20) -> list[Remembered]:
        """Return what was remembered last, the newest first."""
        with opened(self.home, _SCHEMA) as db:
            rows = db.execute(f"SELECT rowid, {_COLUMNS} FROM memories ORDER BY rowid DESC LIMIT ?", (limit,))  # noqa: S608 - our own names
            return [_remembered(r, "m") for r in rows]

    def recall(self, query: str, everywhere: bool = False, limit: int = 5, without: str = "") -> list[Remembered]:
        """Find by words: those with all of them first, then those with some.

        Parameters
        ----------
        query : str
            Words, in any writing; nothing in it is an operator.
        everywhere : bool
            Also in the journals of former runs.
        limit : int
            How many of each kind.
        without : str
            Folder of a run to leave out.
        """
        if not query.strip():
            raise UsageError("recall: give words to look for")
        with opened(self.home, _SCHEMA) as db:
            found = [_remembered(r, "m") for r in _search(db, "memories", query, limit, "")]
            if everywhere:
                self._take_in(db, without)
                found += [_remembered(r, "") for r in _search(db, "passages", query, limit, without)]
        return found

    def forget(self, name: str) -> str:
        """Delete what was remembered under a name and give its text."""
        found = _ID.fullmatch(name)
        with opened(self.home, _SCHEMA) as db, writing(db):
            key = (int(found[1]),) if found else (-1,)
            row = db.execute("SELECT text FROM memories WHERE rowid = ?", key).fetchone()
            if row is None:
                hint = "(%agent recall lists all)"
                raise UsageError(f"forget {name!r}: nothing is remembered under this name {hint}")
            db.execute("DELETE FROM memories WHERE rowid = ?", key)
        return str(row["text"])

    def still_in(self, text: str) -> list[str]:
        """Return the files of runs and notebooks in which a text stands, by their names in the home."""
        words = {text.encode(errors="replace"), json.dumps(text)[1:-1].encode()}  # of payloads, and of lines
        files = (p for top in (self.home.runs, self.home.notebooks) for p in sorted(top.rglob("*")) if p.is_file())
        return [p.relative_to(self.home.root).as_posix() for p in files if any(w in _bytes_of(p) for w in words)]

    def drop(self, run: str) -> None:
        """Take the words of a run out of the index; what still stands in its journal is read anew."""
        if self.home.remembers:
            with opened(self.home, _SCHEMA) as db, writing(db):
                _drop(db, run)

    def _take_in(self, db: sqlite3.Connection, without: str) -> None:
        """Index what journals have gained since the last time, and drop runs whose folder is gone."""
        known = {r["run"]: r for r in db.execute("SELECT * FROM scanned")}
        found = {p.parent.name: p for p in self.home.runs.glob("*/journal.jsonl")}
        for run in known.keys() - found.keys():
            with writing(db):
                _drop(db, run)
        changed = []
        for run, path in found.items() - {(without, found.get(without))}:
            size, before = path.stat().st_size, known.get(run)
            if before is None or before["size"] != size:
                changed.append((path, size, before["n"] if before else -1))
        for i in range(0, len(changed), TOGETHER):
            _index(db, changed[i : i + TOGETHER])


def _drop(db: sqlite3.Connection, run: str) -> None:
    db.execute("DELETE FROM passages WHERE run = ?", (run,))
    db.execute("DELETE FROM scanned WHERE run = ?", (run,))


def _remembered(row: sqlite3.Row, kind: str) -> Remembered:
    return Remembered(f"{kind}{row['rowid']}" if kind else "", *(row[c] for c in _COLUMNS.split(", ")))


def _bytes_of(path: Path) -> bytes:
    """Return what a file holds; of one that is gone by now nothing."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _search(db: sqlite3.Connection, table: str, query: str, limit: int, without: str) -> list[sqlite3.Row]:
    """Find all words, then some of them, else the query as a part of a word; every word is quoted."""
    select = f"SELECT rowid, {_COLUMNS} FROM {table} WHERE run != ? AND "  # noqa: S608 - our own names
    words = [f'"{w}"' for w in dict.fromkeys(re.findall(r"\w+", query))]
    found: dict[int, sqlite3.Row] = {}
    for joint in (" AND ", " OR ") if words else ():
        ranked = f"{select} {table} MATCH ? ORDER BY rank, rowid DESC LIMIT ?"
        for row in db.execute(ranked, (without or "-", joint.join(words), limit)):
            found.setdefault(row["rowid"], row)
    if not found:
        part = "%" + re.sub(r"([%_\\])", r"\\\1", query.strip()) + "%"
        like = rf"{select} text LIKE ? ESCAPE '\' ORDER BY rowid DESC LIMIT ?"
        found = {row["rowid"]: row for row in db.execute(like, (without or "-", part, limit))}
    return list(found.values())[:limit]


def _index(db: sqlite3.Connection, journals: Iterable[tuple[Path, int, int]]) -> None:
    """Take the words of journals in, by path, size and the last event that was; one that cannot be read waits."""
    found = []
    for path, size, last in journals:
        with suppress(JournalError, OSError, KeyError):
            events = scan(path)[0]
            n = events[-1].n if events else -1
            found.append((path.parent.name, size, last, n, list(passages(events, path, last))))
    with writing(db):
        for run, size, last, n, rows in found:
            now_there = db.execute("SELECT n FROM scanned WHERE run = ?", (run,)).fetchone()
            if (now_there[0] if now_there else -1) == last:  # no other notebook was faster
                db.executemany(_INSERT.format("passages"), rows)
                db.execute("INSERT OR REPLACE INTO scanned VALUES (?, ?, ?)", (run, size, n))


SHOWN = 600  # characters of one memory


class LongTermMemory(Part):
    """What is remembered over the runs of a session's home."""

    @property
    def store(self) -> Memory:
        """The memory of the home."""
        return Memory(self.session.home)

    def begun(self, run: Run, settings: Settings) -> Mapping[str, Any]:
        """Say whether there is anything that the process may recall."""
        # where it was loaded or forked, its first event has said so
        return {} if run.state.n >= 0 else {"remembers": Memory.beside(run.journal.path).any}

    def remember(self, text: str = "", source: ProcessLike | None = None) -> str:
        """Keep a text over runs and give its name, such as ``m3``.

        Parameters
        ----------
        text : str
            What to keep; by default the answer of `source`.
        source : Process, optional
            Where it comes from: it keeps the label of that process. With none it is the word of whoever calls, and
            untrusted where that is the code of a step.

        Raises
        ------
        UsageError
            There is nothing to keep, or the process had read secret data.
        """
        if source is None:
            inside = current_call.get() is not None
            label = labels.UNTRUSTED if inside else labels.TRUSTED
            return self.store.remember(text, label=label, by="a step" if inside else "you")
        if not (text or source.answer):
            raise UsageError(f"remember: process {source.pid} has no answer; write what, in quotes")
        s, folder = source.run.state, source.journal.path.parent.name
        label, by = labels.context(s.labels), f"process {s.pid}"
        return self.store.remember(text or source.answer or "", label=label, run=folder, n=s.n, by=by)

    async def recalled(self, run: Run, query: str, found: ToolResult | None) -> ToolResult:
        """Return what is remembered beside what the process itself had."""
        own = run.journal.path.parent.name
        remembered = await asyncio.to_thread(self.store.recall, query, everywhere=True, without=own)
        return _joined(found, remembered, query)


def _joined(found: ToolResult | None, remembered: list[Remembered], query: str) -> ToolResult:
    """Join what the process itself had with what is remembered; the labels join too."""
    texts = [found.text] if found else []
    texts += [f"{r.origin}: {excerpt(r.text, query, SHOWN)}" for r in remembered]
    own = found.facts if found else {}
    label = labels.parse(str(own.get("label", ""))).join(*(labels.parse(r.label) for r in remembered))
    whose = [r.id or f"process {pid_of(r.run)}" for r in remembered if labels.parse(r.label) != labels.TRUSTED]
    why = f"it recalled {whose[0]}" if whose else str(own.get("why", ""))
    facts = {"label": str(label), "why": why} if label != labels.TRUSTED else {}
    text = "\n\n".join(texts) or f"nothing fits {query!r:.60}, here or in former runs"
    return ToolResult(True, text, facts=facts)
