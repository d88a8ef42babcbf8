"""The workspace as a process sees it, with what it has changed and not committed: what a test run is given."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from llmos_nb.errors import ToolError, UsageError
from llmos_nb.messages import canonical
from llmos_nb.tools.devices.files.folder import Entry, Store
from llmos_nb.tools.devices.workspace import Workspace

MOST_FILES, LINKED_FROM, COPIED = (
    20_000,
    1 << 20,
    64 << 20,
)  # files; bytes of one, and of all, beyond which: links
_PLAIN = 0o644

Version = str | list[int]


@dataclass(frozen=True)
class Tree:
    """Files at one time.

    Parameters
    ----------
    copied : mapping of str to (int, bytes)
        Mode and content by name.
    linked : mapping of str to Path
        Files that are too large to copy, which are read where they are.
    versions : mapping of str to (str or list of int)
        Hash of each file, or size and time of one that is linked.
    """

    copied: Mapping[str, tuple[int, bytes]]
    linked: Mapping[str, Path]
    versions: Mapping[str, Version]

    def pack(self, file: IO[bytes]) -> None:
        """Write a line that says what there is, then what is copied."""
        copied = [[n, mode, len(raw)] for n, (mode, raw) in self.copied.items()]
        head = {"linked": [str(p) for p in self.linked.values()], "copied": copied}
        file.write(json.dumps(head).encode() + b"\n")
        for _, raw in self.copied.values():
            file.write(raw)


def tree_of(workspace: Workspace, store: Store, overlay: Mapping[str, Entry]) -> Tree:
    """Return the files of a workspace as they are now, with those of an overlay in the place of theirs.

    Raises
    ------
    UsageError
        They are too many.
    """
    names = [n for n in workspace.files() if n not in overlay]
    if len(names) > MOST_FILES:
        raise UsageError(
            f"there are {len(names):,} files below {workspace.root.name}/; start in the project's own folder"
        )
    copied, linked, versions = dict[str, tuple[int, bytes]](), dict[str, Path](), dict[str, Version]()
    room = COPIED
    for name in names:
        path = workspace.root / name
        try:
            found = path.lstat()
            if found.st_size > min(room, LINKED_FROM):
                linked[name], versions[name] = path, [found.st_size, found.st_mtime_ns]
                continue
            raw = path.read_bytes()
        except OSError:  # it went meanwhile, or nobody may read it
            continue
        room -= len(raw)
        copied[name], versions[name] = (stat.S_IMODE(found.st_mode), raw), sha256(raw).hexdigest()
    for name, entry in overlay.items():
        if entry.wanted:
            copied[name], versions[name] = (_mode(workspace.root / name), store.get(entry.wanted)), entry.wanted
    return Tree(copied, linked, versions)


def _mode(path: Path) -> int:
    try:
        return stat.S_IMODE(path.lstat().st_mode)
    except OSError:
        return _PLAIN


def keep_versions(store: Store, tree: Tree) -> str:
    """Keep which versions of which files a tree holds, and give the hash by which they are found."""
    return store.put(canonical(dict(tree.versions)).encode())


def differing(store: Store, kept: str, tree: Tree) -> list[str] | None:
    """Name the files that are others now than they were in a tree that was kept; None where nobody can tell."""
    try:
        before: dict[str, Any] = json.loads(store.get(kept))
    except (ToolError, ValueError):
        return None
    return sorted(n for n in {*before, *tree.versions} if before.get(n) != tree.versions.get(n))


def few(found: Iterable[str], most: int = 3) -> list[str]:
    """Name a few files or tests, and say how many more there are."""
    names = list(found)
    return [*names[:most], *([f"{len(names) - most} more"] if len(names) > most else [])]
