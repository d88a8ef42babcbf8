"""From overlay to folder: a commit is checked whole, then applied file by file; it can be taken back."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from llmos_nb.errors import SnapshotConflict, ToolError, UsageError, nearest
from llmos_nb.tools.devices.context import Site
from llmos_nb.tools.devices.files.overlay import GONE, Entry, folded
from llmos_nb.tools.devices.workspace import Workspace, fits


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
            Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise


def _umask() -> int:
    # it can only be read by setting it
    now = os.umask(0o077)
    os.umask(now)
    return now


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


LARGEST = 1 << 20


class View:
    """Files by their names.

    Parameters
    ----------
    site : Site
        Where the process stands.
    run : Run, optional
        The process, whose surviving calls make the overlay; without one there is nothing to fold.
    """

    def __init__(self, site: Site, run: Any = None) -> None:
        self._site, self._run = site, run
        self._workspace, self._store = site.workspace, Store(site.home / "files")
        self._under_way: dict[str, dict[str, Any]] = {}

    def overlay(self) -> dict[str, Entry]:
        """Return what is written and not committed, by path."""
        calls = self._run.state.calls if self._run is not None else {}
        done = [c.facts for c in self._run.state.surviving] if self._run is not None else []
        under_way = {k: f for k, f in self._under_way.items() if k in calls and calls[k].status == "running"}
        self._under_way = under_way
        return folded([*done, *under_way.values()])

    def _content(self, path: str) -> bytes | None:
        """Return a file as the process sees it, or None."""
        entry = self.overlay().get(path)
        if entry is not None:
            return self._store.get(entry.wanted) if entry.wanted else None
        place = self._workspace.place(path)
        if not place.exists():
            return None
        if not place.is_file():
            raise UsageError(f"{path!r} is no regular file")
        if place.stat().st_size > LARGEST:
            size = f"{place.stat().st_size:,} bytes; at most {LARGEST:,} are read"
            raise UsageError(f"{path!r}: {size} (use sql or python)")
        return place.read_bytes()

    def _name(self, path: object) -> str:
        return self._workspace.name(self._workspace.place(str(path)))

    def _there(self, path: str) -> bytes:
        raw = self._content(path)
        if raw is None:
            raise UsageError(f"{path!r}: there is no such file{nearest(path, self._names())}")
        return raw

    def _names(self, pattern: str = "*") -> list[str]:
        overlay = self.overlay()
        new = [p for p, e in overlay.items() if e.wanted and fits(p, pattern)]
        there = [n for n in self._workspace.files(pattern) if n not in overlay or overlay[n].wanted]
        return sorted({*new, *there})
