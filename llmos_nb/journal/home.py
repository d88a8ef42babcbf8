"""The home of processes: a folder of journals, the pids given in it, and whether it was made here.

What is made here is authenticated with a key of this user that stands outside every folder: a home by a mark in it, and
each event of a journal, each goal, server and skill by its own. A stranger has no such key.
"""

from __future__ import annotations

import getpass
import hmac
import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from llmos_nb.errors import ConfigError, JournalUnwritable

_ADDRESS = re.compile(r"[A-Za-z][\w+.-]+:/")  # and no drive of Windows
_FOLDER = re.compile(r"(?:\d{4}-\d{2}-\d{2}-|\.pid-)(\d+)")

MARK, INTERPRETERS = "made-here", "interpreters"
HOW = "`%agent trust` (in a terminal `llmos trust`) says what it would do, and asks"
_KEY_BYTES = 32

_LAST: dict[Path, int] = {}  # the last pid given here, so that a home of many need not be listed for each


class Home:
    """A folder of journals, which writes its own .gitignore.

    Parameters
    ----------
    root : path
        The folder; made when the first process needs it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.runs = self.root / "runs"
        self.notebooks = self.root / "notebooks"  # journals of users' cells
        self.commands = self.root / "commands"  # of people, to processes that another interpreter has at hand
        self.interpreters = self.root / INTERPRETERS  # those that have processes of it at hand
        self.service = self.root / "service"  # who serves it
        self.database = self.root / "memory.db"  # goals and memories; not there before somebody keeps one

    @property
    def made_here(self) -> bool:
        """Whether nothing in it is a stranger's: this user made it here, took it over, or it is not there."""
        return self.marked or not self.root.exists() or not any(self.root.iterdir())

    @property
    def marked(self) -> bool:
        """Whether it is there, and bears the mark of this user."""
        try:
            return self._mark in (self.root / MARK).read_text(encoding="ascii").split()
        except (OSError, ValueError):
            return False

    @property
    def remembers(self) -> bool:
        """Whether it has a database that was made here; a stranger's is not opened."""
        return self.database.exists() and self.made_here

    @property
    def _mark(self) -> str:
        return mac("home")

    def _make(self) -> None:
        draft = self.root.with_name(f"{self.root.name}.{secrets.token_hex(4)}.tmp")
        draft.mkdir()
        (draft / MARK).write_text(f"{self._mark}\n", encoding="ascii")
        try:
            draft.rename(self.root)
        except OSError:  # another interpreter was faster
            (draft / MARK).unlink()
            draft.rmdir()

    def take_over(self) -> None:
        """Mark it as made here; of several users each has a mark."""
        with (self.root / MARK).open("a", encoding="ascii") as file:
            file.write(f"{self._mark}\n")

    def give_up(self) -> None:
        """Take the mark of this user away."""
        with suppress(OSError, ValueError):
            marks = (self.root / MARK).read_text(encoding="ascii").split()
            (self.root / MARK).write_text("".join(f"{m}\n" for m in marks if m != self._mark), encoding="ascii")

    def prepare(self) -> None:
        """Make the folder, hidden from git; a new one is there with its mark or not at all."""
        self.root.parent.mkdir(parents=True, exist_ok=True)
        if not self.root.exists():
            self._make()
        elif not (self.root / MARK).exists() and self.made_here:
            self.take_over()
        ignore = self.root / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")

    def new(self, words: str) -> tuple[Path, int]:
        """Make the folder of a new process; its pid is unique here, also beside other kernels."""
        slug = _slug(words, "process")
        try:
            self.prepare()
            self.runs.mkdir(exist_ok=True)
            pid = self._next_pid()
            folder = self.runs / f"{date.today().isoformat()}-{pid}-{slug}"
            folder.mkdir()
        except OSError as error:
            raise JournalUnwritable(f"cannot write {self.runs}: {error.strerror or error}") from error
        return folder, pid

    def new_notebook(self, name: str) -> Path:
        """Make the folder of a notebook's journal; it bears the name of the notebook and a number of its own."""
        stem = f"{date.today().isoformat()}-{_slug(Path(name).stem, 'notebook')}"
        try:
            self.prepare()
            self.notebooks.mkdir(exist_ok=True)
            for n in count(1):
                folder = self.notebooks / (f"{stem}-{n}" if n > 1 else stem)
                with suppress(FileExistsError):
                    folder.mkdir()
                    break
        except OSError as error:
            raise JournalUnwritable(f"cannot write {self.notebooks}: {error.strerror or error}") from error
        return folder

    def _next_pid(self) -> int:
        """Take the next number by making a file that only one can make."""
        pid = _LAST.get(self.runs, 0)
        if not pid or not (self.runs / f".pid-{pid}").exists():  # the folder was made anew since
            pid = max((pid_of(p.name) for p in self.runs.iterdir()), default=0)
        while True:
            pid += 1
            try:
                (self.runs / f".pid-{pid}").touch(exist_ok=False)
            except FileExistsError:
                continue
            _LAST[self.runs] = pid
            return pid

    def find(self, pid: int) -> Path | None:
        """Return the folder of a process, or None."""
        return next((f for f in self.runs.glob("*/") if pid_of(f.name) == pid), None)


def _slug(words: str, otherwise: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")[:32] or otherwise


def home_of(given: str | os.PathLike[str] | None = None, configured: Mapping[str, Any] | None = None) -> Home:
    """The home that is meant: as given, by ``LLMOS_HOME``, as configured, or ``.llmos`` in the working folder.

    Raises
    ------
    ConfigError
        It is an address, such as that of a bucket: a home needs the locks of a disk.
    """
    root = os.fspath(given or os.environ.get("LLMOS_HOME") or (configured or {}).get("home") or ".llmos")
    if is_address(root):
        raise ConfigError(
            f"home {root}: a home is a folder on a disk, whose locks keep two from writing one journal; keep it on "
            "one, and copy it to where that is when its processes have ended"
        )
    return Home(Path(root))


def is_address(path: str) -> bool:
    """Return whether a path is an address, such as that of a bucket, rather than on a disk."""
    return _ADDRESS.match(path) is not None


def pid_of(folder: str) -> int:
    """Read the pid from the name of a process's folder."""
    found = _FOLDER.match(folder)
    return int(found.group(1)) if found else 0


def who() -> str:
    """Name whoever starts a process here."""
    return os.environ.get("LLMOS_USER") or getpass.getuser()


def mac(text: str) -> str:
    """Authenticate a text with the key of this user on this machine."""
    return hmac.digest(key(), text.encode(), "sha256").hex()


def keyed() -> hmac.HMAC:
    """Return an HMAC-SHA256 that has taken in the key of this user, for many texts."""
    return _keyed(key())


@cache
def _keyed(secret: bytes) -> hmac.HMAC:
    return hmac.new(secret, digestmod="sha256")


def key() -> bytes:
    """Return the key of this user on this machine; where none can be kept, one that ends with this interpreter."""
    from jupyter_core.paths import jupyter_data_dir  # slow to import

    return _key(Path(jupyter_data_dir(), "llmos_nb", "export.key"))


@cache
def _key(path: Path) -> bytes:
    with suppress(OSError):
        if not path.exists() or path.stat().st_size < _KEY_BYTES:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
            draft.touch(mode=0o600)
            draft.write_bytes(secrets.token_bytes(_KEY_BYTES))
            if path.exists():  # one that was never written whole
                draft.replace(path)
            with suppress(FileExistsError):  # another interpreter was faster
                # a browser has no links, and no other interpreter
                getattr(os, "link", os.rename)(draft, path) if draft.exists() else None
            draft.unlink(missing_ok=True)
        return path.read_bytes()
    return secrets.token_bytes(_KEY_BYTES)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on disk, where the system can do so."""
    if os.name == "nt":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
