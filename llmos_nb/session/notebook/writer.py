"""The thread that writes a notebook's journal: hashes, the scan for secrets and the disk hold nobody up."""

from __future__ import annotations

import atexit
import os
import platform
import queue
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmos_nb.errors import JournalError
from llmos_nb.journal import host
from llmos_nb.journal.events import VERSION, Body, CellRan, NotebookOpened, ProcessJoined
from llmos_nb.policy.secrets import vault
from llmos_nb.tools import contents

if TYPE_CHECKING:
    from llmos_nb.journal import Home, Journal

LAST_S = 3.0  # seconds that the end of the interpreter waits for what is left
_NOTHING = re.compile(r"\s*(%|import\b|from\b|#|$)")  # lines before which no home is made: they may say where it is
Make = Callable[[Path], Body]


class Writer:
    """Writes what is recorded, in order.

    Parameters
    ----------
    notebook : str
        The journal's id.
    home : callable
        Returns the home in which it stands.
    kept : callable
        Told each cell as it was written.
    name : callable
        Returns the notebook's file, or an empty text.
    """

    def __init__(
        self,
        notebook: str,
        home: Callable[[], Home],
        kept: Callable[[CellRan], object],
        name: Callable[[], str],
        began_in: str,
    ) -> None:
        self._began_in = began_in
        self.notebook, self._home, self._told, self._name = notebook, home, kept, name
        self.folder: Path | None = None
        self.trouble = ""
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._waiting: list[Make] = []
        self._journal: Journal | None = None
        self._thread: threading.Thread | None = None
        self._mutex = threading.Lock()

    def cell(self, cell: CellRan) -> None:
        """Write a cell, with the hashes of what it read."""
        self._put(lambda: self._write_cell(cell))

    def hide(self, named: dict[str, str]) -> None:
        """Hide from now on what names say is secret, and what the environment holds of that kind."""
        if named:
            self._put(lambda: vault.look(named))

    def joined(self, pid: int, journal: Path, place: int) -> None:
        """Write that a process works on the notebook's variables."""
        self._put(lambda: self._write(lambda folder: _joined(folder, pid, journal, place)))

    def _put(self, job: Callable[[], None] | None) -> None:
        self._jobs.put(job)
        if host.ALONE:
            self._jobs.put(None)
            return self._work()
        with self._mutex:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="llmos-record", daemon=True)
                self._thread.start()
                atexit.register(self.close)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except (JournalError, OSError, ValueError) as error:
                self.trouble = str(error)

    def _write_cell(self, cell: CellRan) -> None:
        known = replace(cell, reads=contents.hashed(cell.reads)) if cell.reads else cell
        self._told(known)
        bare = all(_NOTHING.match(line) for line in known.source.splitlines())
        self._write(lambda _: known, soon=not bare)

    def _write(self, make: Make, soon: bool = True) -> None:
        """Append an event; the folder is made with the first one that is worth one."""
        self._waiting.append(make)
        if not soon and self.folder is None:
            return
        journal = self._journal if self._journal is not None else self._opened()
        folder = journal.path.parent
        while self._waiting:
            journal.append(self._waiting[0](folder))
            self._waiting.pop(0)
        journal.written(self._settled)

    def _settled(self, error: JournalError | None) -> None:
        self.trouble = str(error) if error is not None else ""

    def _opened(self) -> Journal:
        from llmos_nb.process import open_journal  # slow to import, and beside the user's thread

        vault.learn()
        folder, name = self._home().new_notebook(self._name()), self._name()
        journal = open_journal(folder / "journal.jsonl")
        journal.acquire()
        opened = NotebookOpened(
            version=VERSION, notebook=self.notebook, name=Path(name).name, folder=self._began_in,
            python=platform.python_version(),
        )  # fmt: skip
        journal.append(opened)
        self.folder, self._journal = folder, journal
        return journal

    def flush(self) -> None:
        """Wait until all is written that was handed over so far."""
        with self._mutex:
            alive = self._thread is not None and self._thread.is_alive()
        if not alive:
            return
        done = threading.Event()
        self._put(lambda: self._flush(done))
        done.wait()

    def _flush(self, done: threading.Event) -> None:
        try:
            if self._journal is not None:
                self._journal.flush_now()
        finally:
            done.set()

    def close(self) -> None:
        """Write what is left, and give the journal up."""
        thread = self._thread
        if thread is None:
            return
        atexit.unregister(self.close)
        self._jobs.put(None)
        thread.join(LAST_S)
        if self._journal is not None:
            self._journal.release()


def _joined(folder: Path, pid: int, journal: Path, place: int) -> Body:
    try:
        named: Any = Path(os.path.relpath(journal, folder)).as_posix()
    except ValueError:  # another drive
        named = str(journal)
    return ProcessJoined(pid=pid, journal=named, place=place)
