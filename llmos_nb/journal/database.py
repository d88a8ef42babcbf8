"""The one small database of a home: what outlives runs. Several notebooks may use it at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from llmos_nb.errors import NotTrusted, StoreError
from llmos_nb.journal.home import HOW, Home

BUSY_S = 5.0


@contextmanager
def opened(home: Home, schema: str) -> Iterator[sqlite3.Connection]:
    """Open the database with the tables of `schema`; each statement is its own transaction unless one is begun.

    Raises
    ------
    NotTrusted
        The home may be a stranger's.
    StoreError
        It cannot be read or written, or SQLite lacks the full-text search.
    """
    path = home.database
    if not home.made_here:
        raise NotTrusted(f"{home.root} was not made here: {HOW}")
    try:
        home.prepare()
        with closing(sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)) as db:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA secure_delete=ON")  # what is forgotten must not stay in free pages
            _share(db)
            db.executescript(schema)
            yield db
    except (sqlite3.Error, OSError) as error:
        lacks = "no such module" in str(error)
        what = "this Python's SQLite has no full-text search (FTS5)" if lacks else f"cannot use {path}: {error}"
        raise StoreError(what) from error


def _share(db: sqlite3.Connection) -> None:
    """Let readers and one writer work side by side; where the file system cannot, they take turns."""
    if db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        with suppress(sqlite3.OperationalError):  # another notebook is doing so at this moment
            db.execute("PRAGMA journal_mode=WAL")


@contextmanager
def writing(db: sqlite3.Connection) -> Iterator[None]:
    """Hold the database for several statements: all of them take effect, or none."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
