"""TAB after `%agent`: verbs, then processes, then options; after `%%agent`, the options of the cell."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from llmos_nb.app import options
from llmos_nb.errors import UsageError
from llmos_nb.session import Form

_LINE = re.compile(r"\s*(?:[\w.]+\s*=\s*)?(%%?)agent\s+(.*)", re.DOTALL)
Processes = Callable[[], Iterable[str]]


def candidates(text: str, processes: Processes) -> list[str] | None:
    """Return what may stand next on a line.

    Parameters
    ----------
    text : str
        The line up to the cursor.
    processes : callable
        Returns pids and names of the processes that are at hand.

    Returns
    -------
    list of str or None
        Words that begin with the unfinished one; None where the line is none of ours.
    """
    line = _LINE.match(text)
    if line is None:
        return None
    *before, word = re.split(r"\s+", line[2])
    return sorted({c for c in _next(line[1], before, word, processes) if c.startswith(word)})


def _next(percents: str, before: list[str], word: str, processes: Processes) -> Iterator[str]:
    if percents == "%%":
        yield from (f for flag in options.cell_flags() for f in flag.names if f.startswith("--"))
        return
    if not before:
        yield from ("--help", *(v.name for v in options.offered("agent")))
        return
    try:
        form = options.find(before[0], "agent")
    except UsageError:
        return
    if not word.startswith("-"):
        yield from _words(form, len(before) - 1, processes)
    yield from (f for flag in form.flags for f in flag.names if f not in before)


def _words(form: Form, at: int, processes: Processes) -> Iterator[str]:
    """Yield what may stand at a place, by the usage: a process where it says P or Q, or one of several acts."""
    usage = form.words.strip("[]").split(" | ")
    if at < len(usage[0].split()) and usage[0].split()[at].strip("[]") in ("P", "Q"):
        yield from processes()
    elif at == 0:
        yield from (act for act in (way.split()[0] for way in usage if way) if re.fullmatch("[a-z]+", act))
