"""The home of processes: a folder of journals, and the pids given in it."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

from llmos_nb.errors import JournalUnwritable

_FOLDER = re.compile(r"(?:\d{4}-\d{2}-\d{2}-|\.pid-)(\d+)")

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
        self.database = self.root / "memory.db"  # goals and memories; not there before somebody keeps one

    def prepare(self) -> None:
        """Make the folder, hidden from git."""
        self.root.mkdir(parents=True, exist_ok=True)
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
    """The home that is meant: as given, by ``LLMOS_HOME``, as configured, or ``.llmos`` in the working folder."""
    return Home(Path(given or os.environ.get("LLMOS_HOME") or (configured or {}).get("home") or ".llmos"))


def pid_of(folder: str) -> int:
    """Read the pid from the name of a process's folder."""
    found = _FOLDER.match(folder)
    return int(found.group(1)) if found else 0


def who() -> str:
    """Name whoever starts a process here."""
    return os.environ.get("LLMOS_USER") or getpass.getuser()


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on disk, where the system can do so."""
    if os.name == "nt":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
