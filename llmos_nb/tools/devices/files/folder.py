"""From overlay to folder: a commit is checked whole, then applied file by file; it can be taken back."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from llmos_nb.errors import SnapshotConflict, ToolError
from llmos_nb.tools.devices.files.overlay import GONE, Entry
from llmos_nb.tools.devices.workspace import Workspace


class Store:
    """A folder of contents.

    Parameters
    ----------
    folder : path
        Made when something is put in.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, raw: bytes) -> str:
        """Keep a content and give its hash; on disk before this returns."""
        name = sha256(raw).hexdigest()
        path = self._folder / name
        if not path.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            replaced(path, raw)
        return name

    def get(self, name: str) -> bytes:
        """Return a content.

        Raises
        ------
        ToolError
            It is not there any more, or not what it was.
        """
        try:
            raw = (self._folder / name).read_bytes()
        except OSError as error:
            raise ToolError(f"the kept content {name[:12]} cannot be read ({error.strerror})") from None
        if sha256(raw).hexdigest() != name:
            raise ToolError(f"the kept content {name[:12]} is not what it was")
        return raw


def replaced(path: Path, raw: bytes) -> None:
    """Put a content in the place of a file in one go, with the file's mode; on disk before this returns."""
    # beside the file, since only within one file system is a rename one step
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:32]}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, temporary)
        else:
            os.umask(mask := os.umask(0o077))  # it can only be read by setting it
            Path(temporary).chmod(0o666 & ~mask)
        Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise


def digest_at(path: Path) -> str:
    """Return the hash of a file; `GONE` where there is none."""
    try:
        return sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return GONE


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
        """Return the entries whose file is neither what it was nor already what is wanted."""
        return [e for e in entries if digest_at(self._workspace.place(e.path)) not in (e.base, e.wanted)]

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
            with suppress(OSError):  # the folders that it leaves empty, up to the workspace
                while (path := path.parent) != self._workspace.root:
                    path.rmdir()
