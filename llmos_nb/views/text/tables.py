"""Tables and lists for commands (`ps`, `top`, `cost`, `log`, `diff`): plain rows in, text or HTML out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

from llmos_nb.journal import Event
from llmos_nb.views.contract import TimelineEvent
from llmos_nb.views.text import lines
from llmos_nb.views.timeline import Timeline
from llmos_nb.views.wording import count, visible

WIDTH = 120
DIFF_MOST = 60  # lines: a screenful or two


def table(rows: Sequence[Sequence[object]], heads: Sequence[str], width: int = WIDTH) -> str:
    """Return a table as text.

    Parameters
    ----------
    rows : sequence of sequence
        One a line; each cell is said as text.
    heads : sequence of str
        Over the columns.
    width : int
        Columns of the terminal; the widest column wraps.
    """
    grid = [list(heads), *([str(c) for c in row] for row in rows)]
    return "\n".join(lines.table(grid, width=width))


def told(events: Sequence[Event], since: int = 0) -> list[tuple[Event, TimelineEvent]]:
    """Return the events of a journal from one on, each with what is said of it."""
    shown = events[since:]
    return list(zip(shown, Timeline(shown, events[:since]).events, strict=True))


def logged(pairs: Iterable[tuple[Event, TimelineEvent]]) -> str:
    """Return events with what is said of them, one a line: position, time, kind, a few words."""
    return "\n".join(f"{e.n:>5}  {e.at[11:23]}  {e.k:<17}  {visible(t['t'])}".rstrip() for e, t in pairs)


def diff(one: Sequence[Event], two: Sequence[Event]) -> str:
    """Say where two runs differ: what only the first did (``-``), what only the second did (``+``)."""
    a, b = _lines(one), _lines(two)
    # no junk heuristic: it would pass over the lines that come up most often
    parts = SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
    out = []
    for what, i, j, k, m in parts:
        if what == "equal":
            out.append(f"  {count(j - i, 'event')} the same")
        else:
            out += [f"- {line}" for line in a[i:j]] + [f"+ {line}" for line in b[k:m]]
    if len(out) > DIFF_MOST:
        out = [*out[:DIFF_MOST], f"  … {len(out) - DIFF_MOST} more lines"]
    return "\n".join(out)


def _lines(events: Sequence[Event]) -> list[str]:
    """Say events without their times and amounts, which always differ."""
    kept = (t for t in Timeline(events).events if not t["k"].startswith("budget."))
    return [f"{t['k']:<17}  {visible(t['t'])}".rstrip() for t in kept]
