"""What is unfinished in a home, in one line; it imports little, since it is said when the extension loads."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from llmos_nb.journal import Home, Look, driver_of, holder_of

NAMED = 5  # processes that one line names
_ODD = re.compile(r"[^\w-]")  # a journal may be a stranger's, and a name of ours has nothing of that kind


def unfinished(home: Home, found: Look) -> str:
    """Say which processes of a home have not ended and are at work nowhere; nothing where there are none."""
    left = [g for g in found.unfinished if _by_nobody(home.runs / g.folder / "journal.jsonl")]
    if not left:
        return ""
    count = "1 process is" if len(left) == 1 else f"{len(left)} processes are"
    which = named([(g.pid, g.name) for g in left])
    return f"llmos: {count} unfinished here: {which}. %agent ps --all shows all, %agent resume P goes on"


def _by_nobody(journal: Path) -> bool:
    """Return whether no interpreter has a process at hand, and none writes its journal."""
    return holder_of(journal) is None and not driver_of(journal)


def named(found: Collection[tuple[int, str]]) -> str:
    """Name processes by number and name, of many the last ones."""
    words = [f"{pid} {_ODD.sub('?', name)}".rstrip() for pid, name in sorted(found)[-NAMED:]]
    return ", ".join([*([f"{len(found) - NAMED} before"] if len(found) > NAMED else []), *words])
