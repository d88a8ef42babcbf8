"""`%agent loop`: where a process stands in the loop, in one line, and the whole run as a graph."""

from __future__ import annotations

from collections.abc import Sequence

from llmos_nb.journal import Event
from llmos_nb.process.state import State
from llmos_nb.views.counts import Counts
from llmos_nb.views.loop import loop, run_graph, run_text
from llmos_nb.views.report.model import Drawing, Note, Piece, Report
from llmos_nb.views.wording import count, standing


def run(s: State, events: Sequence[Event]) -> Report:
    """Return the loop in one line, and all that happened from left to right.

    Parameters
    ----------
    s : State
        The process.
    events : sequence of Event
        Its journal.
    """
    counts = Counts.of(events)
    drawn, said = run_graph(s, events), run_text(s, events)
    name = s.name or f"process {s.pid}"
    told = f"{count(s.responses, 'answer')} and {count(len(s.calls), 'call')}"
    alt = f"The run of {name} from left to right: {told}, {standing(s)}. %agent log lists its events."
    graph: Piece = Drawing("The run, from left to right", alt, drawn, said)
    if not drawn.startswith("<"):  # no Graphviz is there
        graph = Note(said, verbatim=True)
    return Report("", [Note(loop.line(counts.stage, counts.shown())), graph])
