"""Which notebooks of a home have a door: a file each, for this user alone, which goes when the door closes."""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from llmos_nb.errors import UsageError
from llmos_nb.journal import Home

HOST, CONNECT_S = "127.0.0.1", 2.0
GIVEN = "LLMOS_DOOR"  # names the door for the way of an agent that a process has begun


@dataclass(frozen=True)
class Place:
    """Where a door is.

    Parameters
    ----------
    pid, port : int
        Of the interpreter, and on this machine.
    token : str
        What a client has to know.
    folder : str
        The working folder of the notebook.
    """

    pid: int
    port: int
    token: str
    folder: str

    @property
    def url(self) -> str:
        """Where MCP is served."""
        return f"http://{HOST}:{self.port}/mcp"


def file_of(home: Home, pid: int) -> Path:
    """Return the file of an interpreter's door."""
    return home.root / "doors" / f"{pid}.json"


def write(home: Home, place: Place) -> Path:
    """Write down where a door is; nobody but this user may read it."""
    home.prepare()
    file = file_of(home, place.pid)
    file.parent.mkdir(mode=0o700, exist_ok=True)
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as out:
        json.dump(asdict(place), out)
    return file


def given() -> Place | None:
    """Return the door that a process has handed to its own agent, which begins this program."""
    said = os.environ.get(GIVEN)
    return Place(**json.loads(said)) if said else None


def find(home: Home, pid: int | None = None) -> Place:
    """Return the door of a home that is open: of one interpreter, of the only one, or of the one in this folder.

    Raises
    ------
    UsageError
        There is none, or there are several and nobody said which.
    """
    found = [p for file in sorted((home.root / "doors").glob("*.json")) if (p := _live(file)) is not None]
    wanted = [p for p in found if pid in (None, p.pid)]
    if len(wanted) > 1:
        wanted = [p for p in wanted if Path(p.folder) == Path.cwd()] or wanted
    if len(wanted) == 1:
        return wanted[0]
    there = ", ".join(f"--kernel {p.pid} (in {p.folder})" for p in found)
    if wanted:
        raise UsageError(f"llmos mcp: several notebooks have a door open; say which: {there}")
    hint = f"; there are: {there}" if there else "; write %agent door on in a cell, or say --home FOLDER/.llmos"
    raise UsageError(
        f"llmos mcp: no notebook has{f' number {pid} with' if pid else ''} a door open in {home.root}{hint}"
    )


def _live(file: Path) -> Place | None:
    """Return a door that somebody stands behind; the file of an interpreter that was killed goes."""
    with suppress(OSError, ValueError, TypeError):
        place = Place(**json.loads(file.read_text(encoding="ascii")))
        try:
            socket.create_connection((HOST, place.port), CONNECT_S).close()
        except ConnectionRefusedError:
            file.unlink(missing_ok=True)
        else:
            return place
    return None
