"""All forms of a process in one output: as data for a page that has the panel, as HTML, as Markdown and as text.

A saved notebook holds nothing else of the panel. Who opens it with JupyterLab's extension of ours gets the panel back,
drawn from the data; everywhere else one of the other forms stands, whole, with nothing live in it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

from llmos_nb.journal import Event
from llmos_nb.messages import compact
from llmos_nb.process.state import State
from llmos_nb.views import page
from llmos_nb.views.contract import PanelView, Sheet
from llmos_nb.views.counts import Counts
from llmos_nb.views.panel import output
from llmos_nb.views.panel.past import stilled
from llmos_nb.views.panel.view import view
from llmos_nb.views.text import form

RUN = "application/vnd.llmos.run+json"
FORMAT = 1
MOST_BYTES = 1_000_000
_TICKS = re.compile("`{3,}")


def bundle(state: State, events: Sequence[Event], comm: str = "", kernel_id: str = "") -> dict[str, Any]:
    """Return every form of a process, by MIME type.

    Parameters
    ----------
    state : State
        The process.
    events : sequence of Event
        Its journal.
    comm : str
        Id of the comm by which the panel follows, while the interpreter lives that drew it.
    kernel_id : str
        Id under which the server knows that interpreter.
    """
    shown = view(state, events)
    text = form.render(shown)
    return {
        RUN: run(state, events, {**stilled(shown, state.at), "kernel_id": kernel_id}, comm),
        "text/html": page.html_of(state, shown),
        "text/markdown": _markdown(text),
        "text/plain": text,
    }


def run(state: State, events: Sequence[Event], shown: PanelView, comm: str = "") -> dict[str, Any]:
    """Return a process as data: the panel as last drawn, what its steps gave, and which journal it is of.

    Of a large one the oldest outputs are left out, then the events of the timeline, then what each step gave in words.
    """
    first, last = (events[0].hash, events[-1].hash) if events else ("", "")
    made: dict[str, Any] = {
        "version": FORMAT, "pid": state.pid, "run": first, "head": last, "n": state.n, "comm": comm,
        "view": shown, "outputs": _outputs(state, Counts.of(events), shown),
    }  # fmt: skip
    while made["outputs"] and _size(made) > MOST_BYTES:
        made["outputs"].pop(next(iter(made["outputs"])))
    for key in ("events", "now", "steps"):
        if _size(made) > MOST_BYTES:
            made["view"] = {**made["view"], key: []}
    return made


def _outputs(state: State, counts: Counts, shown: PanelView) -> dict[str, Sheet]:
    """Return the page of each row that has an output, by its number or call; the last ones get room for pictures."""
    made, room = dict[str, Sheet](), MOST_BYTES // 2
    for row in reversed([r for r in shown["steps"] if r.get("out")]):
        pictures = room * 3 // 4  # written, one has a third more letters
        sheet = output.sheet(state, row["n"], counts, pictures)
        if (size := _size(sheet)) <= room:
            made[str(row["n"])], room = sheet, room - size
    return dict(reversed(made.items()))


def _size(data: Any) -> int:
    return len(compact(cast(dict[str, Any], data)))


def _markdown(text: str) -> str:
    """Return a text as a block of Markdown that it cannot end: nothing of the run becomes a link, a picture or HTML."""
    fence = "`" * max([3, *(len(found) + 1 for found in _TICKS.findall(text))])
    return f"{fence}text\n{text}\n{fence}"
