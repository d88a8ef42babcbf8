"""What is done with an SQLite database, told apart by SQLite itself: reading is no effect, writing is one."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any
from urllib.parse import parse_qsl, unquote

from llmos_nb.tools import unheard

_READS = frozenset((20, 21, 22, 31, 32, 33))  # READ, SELECT, TRANSACTION, FUNCTION, SAVEPOINT, RECURSIVE
_PRAGMA, _ATTACH, _DETACH = 19, 24, 25
_WRITING_PRAGMAS = (
    "user_version",
    "application_id",
    "journal_mode",
    "writable_schema",
    "schema_version",
    "encoding",
    "auto_vacuum",
)


def tell_writes(connection: sqlite3.Connection, may: Callable[[str], bool]) -> None:
    """Have each statement of a connection that writes told when it is prepared, and not run where it may not.

    Parameters
    ----------
    connection : Connection
        One that was just opened; what stays in memory is left alone, files that are attached are not. An authorizer
        that its owner sets later takes the place of this one.
    may : callable
        ``may(path)`` returns whether the file may be written.
    """
    file = ""
    with suppress(sqlite3.Error, IndexError):
        file = str(sqlite3.Connection.execute(connection, "pragma database_list").fetchall()[0][2] or "")
    path = os.path.realpath(file) if file else ""
    attached: dict[str, None] = {}  # SQLite tells the name of a schema alone, so what is written may be any of these

    def authorize(action: int, one: str | None, two: str | None, database: str | None, _: str | None) -> int:
        if action == _ATTACH and one not in ("", ":memory:"):  # also by "vacuum into"
            # of a bound name SQLite says nothing: it may be a file that is only read, so what is written there is asked
            new, mode = named(one, uri=True) if one else ("an attached database", "")
            attached[new] = None
            if one and makes(new, mode) and not may(new):
                return sqlite3.SQLITE_DENY
        if action in _READS or database == "temp" or action in (_ATTACH, _DETACH):
            return sqlite3.SQLITE_OK
        if action == _PRAGMA and not (two is not None and str(one).lower() in _WRITING_PRAGMAS):
            return sqlite3.SQLITE_OK
        where = [path] if database in (None, "", "main") else [*attached]
        return sqlite3.SQLITE_OK if all(may(file) for file in where if file) else sqlite3.SQLITE_DENY

    sqlite3.Connection.set_authorizer(connection, authorize)  # a class of a step's may have another


_connecting = threading.local()
_wants: list[Callable[[str], bool]] = []


def follow(may: Callable[[str], bool], wanted: Callable[[], bool]) -> None:
    """Have connections that are opened from now on tell what they write.

    Parameters
    ----------
    may : callable
        As in `tell_writes`.
    wanted : callable
        Returns whether the caller's connection is to tell; others are left as they are.
    """
    real, _wants[:] = sqlite3.connect, [may]

    @wraps(real)
    def connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        telling = wanted()
        file = made_by(*args, **kwargs) if telling else ""
        if file and not may(file):
            raise sqlite3.OperationalError(f"not authorized to make {file}")
        _connecting.now = telling
        try:
            made: sqlite3.Connection = real(*args, **kwargs)
        finally:
            _connecting.now = False
        if telling:
            tell_writes(made, may)
        return made

    unheard.place(sqlite3, "connect", connect)
    unheard.place(sqlite3.dbapi2, "connect", connect)


def opened(connection: sqlite3.Connection) -> None:
    """Have a connection of a step tell, too, that was made past `connect`, by its class."""
    if _wants and not told():
        tell_writes(connection, _wants[0])


def made_by(database: object, *more: object, **options: object) -> str:
    """Return the file that is made, and stays empty, where a database is opened that is not there; else nothing."""
    name = os.fsdecode(database) if isinstance(database, str | bytes | os.PathLike) else ""
    path, mode = named(name, bool(options.get("uri")) or more[6:7] == (True,))
    return path if makes(path, mode) else ""


def makes(path: str, mode: str) -> bool:
    """Return whether a database that is opened so is made: it is not there, and the mode lets it be."""
    return bool(path) and mode not in ("ro", "rw") and not os.path.exists(path)  # noqa: PTH110 - a text


def named(name: str, uri: bool) -> tuple[str, str]:
    """Return the real path of a database, empty for one in memory, and the mode that an address gives (``ro``)."""
    mode = ""
    if uri and name.startswith("file:"):
        place, _, query = name.removeprefix("file:").partition("#")[0].partition("?")
        place = place if not place.startswith("//") else f"/{place[2:].partition('/')[2]}"  # behind the host
        name, mode = unquote(place), dict(parse_qsl(query)).get("mode", "")
    memory = name in ("", ":memory:") or mode == "memory"
    return "" if memory else os.path.realpath(name), mode


def told() -> bool:
    """Return whether the connection that is being opened here tells what it writes."""
    return bool(getattr(_connecting, "now", False))
