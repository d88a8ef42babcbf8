"""What is remembered over runs: texts that somebody kept, and the words of former runs, found by full-text search.

Each text has a label. What came from a process that had read untrusted data stays untrusted when it is recalled; what
is secret is never stored: known values become handles, and words of a process that had read secret data are left out.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from llmos_nb.errors import JournalError, StoreError, UsageError
from llmos_nb.journal import Event, Home, history, opened, pid_of, scan, writing
from llmos_nb.journal.events import (
    Body,
    CallFinished,
    LabelChanged,
    ModelResponded,
    QuestionAnswered,
    RunStarted,
    SignalReceived,
)
from llmos_nb.messages import now
from llmos_nb.policy import Label, labels
from llmos_nb.policy.secrets import redact
from llmos_nb.tools import bounded


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
        if isinstance(e.body, LabelChanged) and e.body.name == labels.CONTEXT:
            label = labels.parse(e.body.label)
        if i < first or e.n <= last or label.secret:
            continue
        for by, text in _said(e.body):
            if text.strip():
                yield redact(bounded(text)[0]), e.at, run, e.n, str(label), by


_HEARD = frozenset(
    c.kind for c in (LabelChanged, RunStarted, ModelResponded, CallFinished, QuestionAnswered, SignalReceived)
)  # of the other events not even the data is read


def _said(body: Body) -> Iterator[tuple[str, str]]:
    """Return who said what in an event."""
    match body:
        case RunStarted(goal=goal):
            yield "you", goal
        case ModelResponded(text=text, calls=calls):
            code = [c["arguments"].get("code", "") for c in calls if isinstance(c["arguments"], dict)]
            yield "the model", "\n".join([text, *map(str, code)])
        case CallFinished(call=call, result=result):
            yield f"call {call}", result
        case QuestionAnswered(by=by, text=text) | SignalReceived(signal="steer", by=by, text=str(text)):
            yield by, text


_SCHEMA = """
CREATE VIRTUAL TABLE IF NOT EXISTS memories USING fts5(
  text, at UNINDEXED, run UNINDEXED, n UNINDEXED, label UNINDEXED, by UNINDEXED, tokenize='porter unicode61');
CREATE VIRTUAL TABLE IF NOT EXISTS passages USING fts5(
  text, at UNINDEXED, run UNINDEXED, n UNINDEXED, label UNINDEXED, by UNINDEXED, tokenize='porter unicode61');
CREATE TABLE IF NOT EXISTS scanned(run TEXT PRIMARY KEY, size INTEGER, n INTEGER);
"""
_COLUMNS = "text, at, run, n, label, by"
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
        source = (
            f"process {pid_of(self.run)}" + (f", event {self.n}" if self.n >= 0 else "") if self.run else ""
        )
        what = [self.id, self.at[:10], source, self.by if not self.id else "", self.label]
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
            return self.home.database.exists() and bool(self.latest(1))
        return False

    def remember(
        self, text: str, *, label: Label = labels.TRUSTED, run: str = "", n: int = -1, by: str = "you"
    ) -> str:
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
            made = found[0] if found else _put(db, "memories", [row])
        return f"m{made}"

    def latest(self, limit: int = 20) -> list[Remembered]:
        """Return what was remembered last, the newest first."""
        with opened(self.home, _SCHEMA) as db:
            rows = db.execute(f"SELECT rowid, {_COLUMNS} FROM memories ORDER BY rowid DESC LIMIT ?", (limit,))  # noqa: S608 - our own names
            return [_remembered(r, "m") for r in rows]

    def recall(
        self, query: str, everywhere: bool = False, limit: int = 5, without: str = ""
    ) -> list[Remembered]:
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
                raise UsageError(
                    f"forget {name!r}: nothing is remembered under this name (%agent recall lists all)"
                )
            db.execute("DELETE FROM memories WHERE rowid = ?", key)
        return str(row["text"])

    def drop(self, run: str) -> None:
        """Take the words of a run out of the index; what still stands in its journal is read anew."""
        if self.home.database.exists():
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


def _put(db: sqlite3.Connection, table: str, rows: Iterable[tuple[object, ...]]) -> int:
    """Insert rows and give the last one's number."""
    last = 0
    for row in rows:
        last = db.execute(f"INSERT INTO {table}({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)", row).lastrowid or 0  # noqa: S608
    return last


def _drop(db: sqlite3.Connection, run: str) -> None:
    db.execute("DELETE FROM passages WHERE run = ?", (run,))
    db.execute("DELETE FROM scanned WHERE run = ?", (run,))


def _remembered(row: sqlite3.Row, kind: str) -> Remembered:
    return Remembered(f"{kind}{row['rowid']}" if kind else "", *(row[c] for c in _COLUMNS.split(", ")))


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
            found.append(
                (
                    path.parent.name,
                    size,
                    last,
                    events[-1].n if events else -1,
                    list(passages(events, path, last)),
                )
            )
    with writing(db):
        for run, size, last, n, rows in found:
            now_there = db.execute("SELECT n FROM scanned WHERE run = ?", (run,)).fetchone()
            if (now_there[0] if now_there else -1) == last:  # no other notebook was faster
                _put(db, "passages", rows)
                db.execute("INSERT OR REPLACE INTO scanned VALUES (?, ?, ?)", (run, size, n))
