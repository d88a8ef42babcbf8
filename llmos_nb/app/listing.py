"""The processes of a home as lines: `%agent ps`, `llmos ps`, and the line that the extension says when it loads."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from llmos_nb.app.notice import named
from llmos_nb.journal import Home, driver_of
from llmos_nb.journal.events import RunPaused, RunResumed, RunStarted
from llmos_nb.session import Process, table
from llmos_nb.views import standing
from llmos_nb.views.text import table as grid


def home_table(home: Home, everything: bool, here: Mapping[int, table.Entry] | None = None) -> Iterator[str]:
    """Yield the lines of a home's table.

    Parameters
    ----------
    home : Home
        Whose.
    everything : bool
        Those that have ended, too.
    here : mapping, optional
        The processes of this notebook, by pid.
    """
    own = [e for e in (here or {}).values() if everything or not e.ended]
    found = sorted([*own, *table.entries(home, everything, here or ())], key=lambda e: e.pid)
    yield grid([e.row for e in found], table.HEADS) if found else f"nothing is unfinished in {home.root}"


def plain(home: Home, everything: bool) -> Iterator[str]:
    """Yield a process a line, as JSON."""
    for e in table.entries(home, everything):
        found = {**vars(e), "folder": str(e.folder)}
        yield json.dumps(found)


def elsewhere(home: Home, here: Collection[int]) -> str:
    """Say in one line what else is unfinished in a home; nothing where nothing is."""
    found = table.entries(home, but=here)
    if not found:
        return ""
    driven, waits = sum(bool(e.driver) for e in found), sum(e.waiting for e in found)
    kinds = ((waits, "waiting for you"), (driven, "running in another notebook"))
    how = ", ".join(f"{n} {words}" for n, words in kinds if n)
    more = "1 more process is" if len(found) == 1 else f"{len(found)} more processes are"
    which = named([(e.pid, e.name) for e in found])
    return f"{more} unfinished in this home{f' ({how})' if how else ''}: {which}. %agent ps --all shows all"


def stands(process: Process) -> str:
    """Say how a process stands: by what is at hand, or where it is at work elsewhere or broke off, by its journal."""
    s = process.run.state
    if not process.cold:
        return standing(s)
    kept = (e.body for e in reversed(process.events))
    last = next((b for b in kept if isinstance(b, RunPaused | RunResumed | RunStarted)), None)
    if s.status == "paused" and not isinstance(last, RunPaused):  # it is held here; in the journal it goes on
        s = replace(s, status="running")
    return standing(s, elsewhere=bool(driver_of(process.journal.path)), driven=False)
