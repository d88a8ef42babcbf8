"""Which interpreter has a process at hand, and whether it is still there: a mark beside the journal.

The lock of a journal says who writes it at this moment; the mark says who holds the process, also while it waits. An
interpreter is told from a later one of the same number by the time at which it was started; each stands once
in its home.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import secrets
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from llmos_nb.errors import JournalLocked
from llmos_nb.journal.home import INTERPRETERS, Home

MARK = ".interpreter"
PLACE = "service"  # what stands for a notebook where there is none: the service of the home

_entered: set[tuple[Path, int]] = set()


@dataclass(frozen=True, slots=True)
class Interpreter:
    """An interpreter on some machine.

    Parameters
    ----------
    pid : int
        As the operating system numbers it.
    started : str
        When it was started, as its machine tells that; empty where it does not.
    host : str
        Its machine.
    notebook : str
        The file name of the notebook; empty where there is none.
    port : int
        A datagram there, on its machine, has it look for commands; 0 for none.
    home : str
        The real path of the home in which this is said: a copy of that is at hand nowhere.
    """

    pid: int
    started: str
    host: str
    notebook: str = ""
    port: int = 0
    home: str = ""

    @property
    def here(self) -> bool:
        """Whether it is this one."""
        return self.pid == os.getpid() and self.host == platform.node() and self.started == _started(self.pid)

    @property
    def alive(self) -> bool:
        """Whether it is still there; of another machine nobody here can know more than that its mark is there."""
        return self.host != platform.node() or _is_there(self.pid, self.started)

    def wake(self) -> None:
        """Have it look for commands now."""
        if self.port and self.host == platform.node():
            with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as said:
                said.sendto(b"", ("127.0.0.1", self.port))

    @property
    def words(self) -> str:
        """Say which one it is: ``process 4711``, with its notebook and its machine where these say more."""
        where = f" on {self.host}" if self.host != platform.node() else ""
        return f"process {self.pid}" + (f" ({self.notebook})" if self.notebook else "") + where

    @property
    def where(self) -> str:
        """Say where a process is that it has at hand: ``at the service``, ``in book.ipynb``."""
        away = f" on {self.host}" if self.host != platform.node() else ""
        return f"at the {PLACE}{away}" if self.notebook == PLACE else f"in {self.notebook or self.words}"


def mark_holder(journal: Path, notebook: str = "", port: int = 0) -> None:
    """Mark that this interpreter has the process of a journal at hand from now on."""
    with contextlib.suppress(OSError):  # the journal itself says what is wrong
        name = _enter(journal.parents[2] / INTERPRETERS, os.getpid(), notebook, port)
        _replace(journal.with_suffix(MARK), name)


def let_go(journal: Path) -> None:
    """Mark that this interpreter has a process no more, where it had it."""
    if (holder := holder_of(journal)) is not None and holder.here:
        journal.with_suffix(MARK).unlink(missing_ok=True)


def holder_of(journal: Path) -> Interpreter | None:
    """Return the interpreter that has a process at hand; None where that has ended, or nobody ever had."""
    try:
        name = journal.with_suffix(MARK).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    return interpreter(journal.parents[2], name)


def held_elsewhere(journal: Path) -> Interpreter | None:
    """Return the same, where that is another interpreter than this."""
    holder = holder_of(journal)
    return None if holder is None or holder.here else holder


def check_holder(journal: Path) -> None:
    """Raise `JournalLocked` where another interpreter has a process at hand: nobody else writes its journal."""
    if (holder := held_elsewhere(journal)) is None:
        return
    told = f"{journal} belongs to {holder.words}, which has its process at hand"
    left = f" (where that machine has it no more, delete {journal.with_suffix(MARK)})"
    raise JournalLocked(told if holder.host == platform.node() else told + left)


def interpreter(root: Path, name: str) -> Interpreter | None:
    """Return an interpreter by the name of its entry in a home; None where it has ended."""
    return entered(root / INTERPRETERS / name) if name and name == Path(name).name else None


def among_ancestors(root: Path) -> Interpreter | None:
    """Return the interpreter of a home by which this program was started, as its child or a child of that."""
    names = (_name(pid) for pid in _ancestors())
    return next((found for name in names if (found := interpreter(root, name)) is not None), None)


def _name(pid: int) -> str:
    return f"{pid}-{re.sub(r'[^A-Za-z0-9.-]', '_', platform.node())}"


def _enter(folder: Path, pid: int, notebook: str, port: int) -> str:
    """Enter this interpreter in a home, once; those that have ended leave."""
    name = _name(pid)
    if (folder, pid) in _entered and (folder / name).exists():
        return name
    folder.mkdir(mode=0o700, exist_ok=True)
    for entry in folder.iterdir():
        if (found := _read(entry)) is not None and not found.alive:
            entry.unlink(missing_ok=True)
    enter(folder / name, notebook, port)
    _entered.add((folder, pid))
    return name


def enter(entry: Path, notebook: str, port: int) -> None:
    """Say in a file of a folder of a home that this interpreter is the one which is meant there."""
    home, pid = os.path.realpath(entry.parents[1]), os.getpid()
    this = Interpreter(pid, _started(pid), platform.node(), Path(notebook).name, port, home)
    _replace(entry, json.dumps(asdict(this)))


def _replace(path: Path, text: str) -> None:
    """Write a file that is never seen half written."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def entered(entry: Path) -> Interpreter | None:
    """Return the interpreter that such a file names; None where it has ended, or the home is a copy."""
    found = _read(entry)
    if found is None or found.home != os.path.realpath(entry.parents[1]):
        return None
    return found if found.alive else None


def service_entry(home: Home) -> Path:
    """Return the file that says who serves a home."""
    return home.service / "holder"


def server_of(home: Home) -> Interpreter | None:
    """Return who serves a home; None where nobody does."""
    return entered(service_entry(home))


def _read(entry: Path) -> Interpreter | None:
    try:
        return Interpreter(**json.loads(entry.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def _is_there(pid: int, started: str) -> bool:
    now = _started(pid)
    return bool(now) and (now == started or not started)


def _started(pid: int) -> str:
    """Return when a program of this machine was started; empty where there is none of that number."""
    try:
        stat, boot = Path(f"/proc/{pid}/stat").read_text("ascii", "replace"), _boot()
    except OSError:
        return "" if Path("/proc/self/stat").exists() else _elsewhere(pid)
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state in ("Z", "X") else f"{fields[18]}@{boot}"  # one that is dead may wait to be reaped


@cache
def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


def _elsewhere(pid: int) -> str:
    """Do the same where there is no ``/proc``."""
    import psutil  # ipykernel has it

    try:
        found = psutil.Process(pid)
        return "" if found.status() == psutil.STATUS_ZOMBIE else str(found.create_time())
    except psutil.Error:
        return ""


def _ancestors() -> Iterator[int]:
    """Yield the numbers of the programs that this one was started by, the nearest first, where the machine tells."""
    pid = os.getppid()
    while pid > 1:
        yield pid
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            return
