"""The folder that devices may touch: a name given by a model becomes a path in it, or an error."""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path

from llmos_nb.errors import UsageError

HIDDEN = frozenset((".git", ".hg", ".svn", ".llmos", ".ssh", ".gnupg", ".aws", ".netrc"))
_SKIPPED = frozenset(("__pycache__", ".ipynb_checkpoints", "node_modules", ".venv"))
_SHORT = re.compile(r"~\d")  # Windows' second name for a long one
_LONGEST = 1_024


class Workspace:
    """A folder and everything below it, but for what belongs to version control, keys and this package.

    Parameters
    ----------
    folder : path
        The folder; links to it are followed once.
    closed : iterable of path
        Folders in it that are closed too, such as the home of journals.
    """

    def __init__(self, folder: Path, closed: tuple[Path, ...] = ()) -> None:
        self.root = Path(folder).resolve()
        self._closed = tuple(p.resolve() for p in closed)

    def place(self, name: str) -> Path:
        """Return the one path of a file in the folder, links followed.

        Raises
        ------
        UsageError
            The name leads out of the folder, into a closed part of it, or is none.
        """
        _check_words(name)
        path = self.root / name
        try:
            found = path.resolve()
            if any(p.is_symlink() for p in (found, *found.parents)):  # Python 3.13 says nothing of it by itself
                raise OSError("a link that leads back to itself")
        except (OSError, RuntimeError, ValueError) as error:
            raise UsageError(f"{name!r}: not a usable path ({error})") from None
        if not found.is_relative_to(self.root):
            raise UsageError(f"{name!r} leads out of the workspace; name a file below {self.root.name}/")
        if self._is_closed(found):
            why = "version control, keys and journals stay as they are"
            raise UsageError(f"{name!r} is closed to devices: {why}")
        _check_case(self.root, found, name)
        return found

    def name(self, path: Path) -> str:
        """Return a path as it is named from the folder, with forward slashes."""
        return path.relative_to(self.root).as_posix()

    def _is_closed(self, path: Path) -> bool:
        parts = {folded(p) for p in path.relative_to(self.root).parts}
        return bool(parts & HIDDEN) or any(path.is_relative_to(c) for c in self._closed)

    def files(self, pattern: str = "*") -> list[str]:
        """Name the regular files below the folder that a glob fits, sorted; a glob with no / fits any folder."""
        return sorted(n for n in self._walk() if fits(n, pattern))

    def _walk(self) -> Iterator[str]:
        for folder, folders, names in os.walk(self.root):
            at = Path(folder)
            folders[:] = sorted(f for f in folders if f not in _SKIPPED and not self._is_closed(at / f))
            yield from (self.name(at / n) for n in names if not self._is_closed(at / n) and is_file(at / n))


def fits(name: str, pattern: str) -> bool:
    """Return whether a glob fits a relative path; one with no / fits the file's own name, ``**/`` also no folder."""
    whole = name if "/" in pattern else name.rpartition("/")[2]
    return fnmatchcase(whole, pattern) or ("**/" in pattern and fnmatchcase(name, pattern.replace("**/", "")))


def is_file(path: Path) -> bool:
    """Return whether a path is a regular file itself: no link, pipe or device."""
    with suppress(OSError):
        return stat.S_ISREG(path.lstat().st_mode)
    return False


def folded(part: str) -> str:
    """Return a name as the most forgiving file system would compare it."""
    plain = "".join(c for c in unicodedata.normalize("NFKC", part) if unicodedata.category(c) != "Cf")
    return plain.casefold().rstrip(". ")


def _check_words(name: str) -> None:
    """Refuse what cannot be a plain relative name on any system."""
    parts = name.split("/")
    wrong = (
        "empty" if not name.strip()
        else "too long" if len(name) > _LONGEST
        else "with characters that nobody sees" if any(unicodedata.category(c) in ("Cc", "Cf", "Cs") for c in name)
        else "absolute" if name.startswith(("/", "~")) or re.match(r"[A-Za-z]:", name)
        else "a backslash; write /" if "\\" in name
        else "with .." if any(folded(p) == "" and p.strip(". ") == "" and len(p.strip()) > 1 for p in parts)
        else "a short name of Windows" if any(_SHORT.search(p) for p in parts)
        else ""
    )  # fmt: skip
    if wrong:
        raise UsageError(f"path {name[:80]!r} is {wrong}: give one relative to the workspace, such as src/a.py")


def _check_case(root: Path, path: Path, name: str) -> None:
    """Refuse a second spelling of a file that is there, on systems that do not tell the two apart."""
    for at in (path, *path.parents):
        if at == root or not at.is_relative_to(root):
            return
        if at.exists() and at.name not in {e.name for e in at.parent.iterdir()}:
            hint = "use the one that list_files gives"
            raise UsageError(f"{name!r} is another spelling of a file that is there; {hint}")
