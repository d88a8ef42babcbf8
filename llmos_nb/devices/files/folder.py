"""From overlay to folder: a commit is checked whole, then applied file by file; it can be taken back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from llmos_nb.devices.files.overlay import Entry
from llmos_nb.devices.files.store import Store, digest_at, replaced
from llmos_nb.devices.workspace import Workspace
from llmos_nb.errors import SnapshotConflict, ToolError


class Folder:
    """The files as everybody sees them.

    Parameters
    ----------
    workspace : Workspace
        Where they are.
    store : Store
        Contents by hash.
    """

    def __init__(self, workspace: Workspace, store: Store) -> None:
        self._workspace, self._store = workspace, store

    def conflicts(self, entries: Iterable[Entry]) -> list[Entry]:
        """Give the entries whose file is neither what it was nor already what is wanted."""
        return [e for e in entries if self._now(e.path) not in (e.base, e.wanted)]

    def _now(self, path: str) -> str:
        return digest_at(self._workspace.place(path))

    def apply(self, entries: Sequence[Entry]) -> None:
        """Make every file what is wanted; one that already is stays untouched, so this may run again.

        Raises
        ------
        ToolError
            A file changed while this ran; those before it are done, and nothing of it was overwritten.
        """
        for done, entry in enumerate(entries):
            if self.conflicts([entry]):
                raise ToolError(f"{entry.path} changed while files were written; {done} before it are written")
            self._put(entry.path, entry.wanted)

    def take_back(self, entries: Sequence[Entry]) -> None:
        """Put back what stood there before a commit.

        Raises
        ------
        SnapshotConflict
            A file was changed since; nothing is taken back.
        """
        turned = [Entry(e.path, e.base, e.wanted) for e in reversed(entries)]
        if changed := self.conflicts(turned):
            raise SnapshotConflict(f"{', '.join(e.path for e in changed)} changed since it was committed")
        for entry in turned:
            self._put(entry.path, entry.wanted)

    def _put(self, name: str, wanted: str) -> None:
        path = self._workspace.place(name)
        if digest_at(path) == wanted:
            return
        if wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            replaced(path, self._store.get(wanted))
        else:
            path.unlink(missing_ok=True)
            self._tidy(path.parent)

    def _tidy(self, folder: Path) -> None:
        """Remove folders that a deleted file leaves empty, up to the workspace."""
        with suppress(OSError):
            while folder != self._workspace.root:
                folder.rmdir()
                folder = folder.parent
