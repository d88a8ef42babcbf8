"""The overlay of a process, folded from its calls: what it has written and not committed. Pure.

Each call that changed the overlay carries its entries as a fact of the journal, so overlay and journal cannot
disagree, and a call that is undone leaves the overlay with it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

GONE = ""
Contents = Callable[[str], bytes]


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


def diff(entries: Iterable[Entry], contents: Contents) -> str:
    """Return a unified diff; of what is no text, only sizes and hashes."""
    return "\n".join(_one(e, contents) for e in entries) or "nothing is changed"


def _one(entry: Entry, contents: Contents) -> str:
    old, new = (contents(h) if h else b"" for h in (entry.base, entry.wanted))
    left = f"a/{entry.path}" if entry.base else "/dev/null"
    right = f"b/{entry.path}" if entry.wanted else "/dev/null"
    before, after = text_of(old), text_of(new)
    if before is None or after is None:
        return f"--- {left}\n+++ {right}\nbinary: {about(old)} → {about(new)}"
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), left, right, lineterm="")
    uneven = before and after and before.endswith("\n") != after.endswith("\n")
    end = "\n(one of the two has no line break at its end)" if uneven else ""
    return "\n".join(list(lines) or [f"--- {left}", f"+++ {right}"]) + end


def summary(entries: Iterable[Entry], contents: Contents) -> str:
    """Say in one line what would change: ``src/a.py (+3 −1), new b.py (+10)``."""
    said = []
    for entry in entries:
        lines = _one(entry, contents).splitlines()[2:]
        more, less = (sum(line.startswith(sign) for line in lines) for sign in "+-")
        word = "delete " if not entry.wanted else "new " if not entry.base else ""
        said.append(f"{word}{entry.path} (+{more} −{less})")
    return ", ".join(said)


def text_of(raw: bytes) -> str | None:
    """Return bytes as text, or None where they are none."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def about(raw: bytes) -> str:
    """Say what a file is that cannot be shown."""
    return f"{len(raw):,} bytes, sha256 {sha256(raw).hexdigest()[:12]}"
