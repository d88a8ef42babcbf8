"""What a rebuild of the namespace does to the state."""

from __future__ import annotations

from llmos_nb.journal import Event
from llmos_nb.journal.events import HeapRestored
from llmos_nb.process.state import prompts
from llmos_nb.process.state.rebuild import REBUILD
from llmos_nb.process.state.state import State, note


def fold_heap(s: State, e: Event) -> None:
    """Take in what came back, and tell the model what did not; what a person is asked about it is told after that."""
    if not isinstance(e.body, HeapRestored):
        return
    b = e.body
    new = {n: c for n, c in b.missing.items() if n not in s.lost}
    s.questions.pop(REBUILD, None)
    s.lost, s.again = dict(b.missing), []
    for call in (
        c for c in b.rerun if c in s.calls
    ):  # what is known of its first run does not hold of this one
        s.calls[call].facts["again"] = dict(b.again.get(call, {}))
    if b.by:
        note(s, prompts.run_again(b.rerun, b.by))
    told = {} if b.asks else new
    if told or b.differs:
        note(s, prompts.names_gone(told, b.differs))


def heap_decided(s: State, again: bool) -> None:
    """Take in what a person said of what is missing."""
    if again:
        s.again = list(dict.fromkeys(s.lost.values()))
    else:
        note(s, prompts.names_gone(s.lost, ()))
