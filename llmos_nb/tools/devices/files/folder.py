"""From overlay to folder: what a process wants files to be, folded from its calls, and its commit to the folder.

Each call that changed the overlay carries its entries as a fact of the journal, so overlay and journal cannot
disagree, and a call that is undone leaves the overlay with it. A commit is checked whole, then applied file by file; it
can be taken back.
"""

from __future__ import annotations

import difflib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from llmos_nb.errors import SnapshotConflict, ToolError
from llmos_nb.tools.devices.workspace import Workspace

GONE = ""


@dataclass(frozen=True)
class Entry:
    """What a process wants one file to be.

    Parameters
    ----------
    path : str
        Relative to the workspace, with forward slashes.
    wanted : str
        Hash of the new content; `GONE` where the file is deleted.
    base : str
        Hash of the file as it was in the folder when the process first changed it; `GONE` where there was none.
    """

    path: str
    wanted: str
    base: str

    def plain(self) -> list[str]:
        """Return it as it stands in the journal."""
        return [self.path, self.wanted, self.base]


def folded(facts: Iterable[Mapping[str, Any]]) -> dict[str, Entry]:
    """Return the overlay that calls left behind, by path.

    Parameters
    ----------
    facts : iterable of mapping
        Of the surviving calls, in order: ``wrote`` holds entries, ``dropped`` the paths that left the overlay.
    """
    found: dict[str, Entry] = {}
    for fact in facts:
        for path, wanted, base in fact.get("wrote", ()):
            found[path] = Entry(path, wanted, base)
        for path in fact.get("dropped", ()):
            found.pop(path, None)
    return {p: e for p, e in found.items() if e.wanted != e.base}


def text_of(raw: bytes) -> str | None:
    """Return bytes as text, or None where they are none."""
    with suppress(UnicodeDecodeError):
        return raw.decode("utf-8") if b"\0" not in raw else None
    return None


def about(raw: bytes) -> str:
    """Say what a file is that cannot be shown."""
    return f"{len(raw):,} bytes, sha256 {sha256(raw).hexdigest()[:12]}"


_PARTS = "narrow the glob, read one by its path, or look for lines in them with search_files(pattern, files=…)"


def together(sizes: Mapping[str, int], content: Callable[[str], bytes], room: int) -> str:
    """Return files whole, each under its name; those that take more than `room` bytes as a list, with what to do next.

    Parameters
    ----------
    sizes : mapping of str to int
        Bytes by name.
    content : callable
        Returns the content of a file by its name.
    room : int
        Bytes that are shown.
    """
    heads = {name: f"== {name}\n" for name in sizes}
    if sum(sizes.values()) + sum(len(h.encode()) + 1 for h in heads.values()) <= room:
        raws = {name: content(name) for name in sizes}
        texts = {n: f"no text: {about(raw)}" if (t := text_of(raw)) is None else t for n, raw in raws.items()}
        return "\n".join(heads[n] + t.removesuffix("\n") for n, t in texts.items())
    lines, left = list[str](), room - 2 * len(_PARTS)
    for name, size in sizes.items():
        line = f"{name}: {size:,} bytes"
        left -= len(line.encode()) + 1
        if left < 0:
            break
        lines.append(line)
    more = [f"and {len(sizes) - len(lines):,} more"] if len(lines) < len(sizes) else []
    all_ = f"[{len(sizes):,} files, {sum(sizes.values()):,} bytes, are too much for one result: {_PARTS}]"
    return "\n".join([*lines, *more, all_])


class Store:
    """A folder of contents, by their hashes.

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

    def diff(self, entries: Iterable[Entry]) -> str:
        """Return a unified diff; of what is no text, only sizes and hashes."""
        return "\n".join(map(self._diff, entries)) or "nothing is changed"

    def _diff(self, entry: Entry) -> str:
        old, new = (self.get(h) if h else b"" for h in (entry.base, entry.wanted))
        left = f"a/{entry.path}" if entry.base else "/dev/null"
        right = f"b/{entry.path}" if entry.wanted else "/dev/null"
        before, after = text_of(old), text_of(new)
        if before is None or after is None:
            return f"--- {left}\n+++ {right}\nbinary: {about(old)} → {about(new)}"
        lines = difflib.unified_diff(before.splitlines(), after.splitlines(), left, right, lineterm="")
        uneven = before and after and before.endswith("\n") != after.endswith("\n")
        end = "\n(one of the two has no line break at its end)" if uneven else ""
        return "\n".join(list(lines) or [f"--- {left}", f"+++ {right}"]) + end

    def summary(self, entries: Iterable[Entry]) -> str:
        """Say in one line what would change: ``src/a.py (+3 −1), new b.py (+10)``."""
        said = []
        for entry in entries:
            lines = self._diff(entry).splitlines()[2:]
            more, less = (sum(line.startswith(sign) for line in lines) for sign in "+-")
            word = "delete " if not entry.wanted else "new " if not entry.base else ""
            said.append(f"{word}{entry.path} (+{more} −{less})")
        return ", ".join(said)


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
    with suppress(FileNotFoundError):
        return sha256(path.read_bytes()).hexdigest()
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
