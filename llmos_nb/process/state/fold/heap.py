"""What a rebuild of the namespace does to the state."""

from __future__ import annotations

from llmos_nb.journal import Event
from llmos_nb.journal.events import REBUILD, HeapChanged, HeapRestored
from llmos_nb.process.state import prompts
from llmos_nb.process.state.news import note
from llmos_nb.process.state.state import State, say


def fold_heap(s: State, e: Event) -> None:
    """Take in what came back, and tell the model what did not; what a person is asked about it is told after that."""
    if isinstance(e.body, HeapChanged):
        note(s, prompts.others_changed(s, e.body.names, e.body.now))
    if not isinstance(e.body, HeapRestored):
        return
    b = e.body
    new = {n: c for n, c in b.missing.items() if n not in s.lost}
    s.questions.pop(REBUILD, None)
    s.lost, s.again = dict(b.missing), []
    _ran_again(s, b)
    if b.by:
        note(s, say(s, "run_again", who=b.by.describe("the user"), calls=", ".join(b.rerun)))
    told = {} if b.asks else new
    if told or b.differs:
        note(s, prompts.names_gone(s, told, b.differs), changes=True)


def _ran_again(s: State, b: HeapRestored) -> None:
    """Note what is known of the last run of calls: a value that was read is of the first one, any other of this one."""
    for call in s.calls.keys() & set(b.stored):
        s.calls[call].facts.pop("again", None)
    for call in s.calls.keys() & set(b.rerun):
        s.calls[call].facts["again"] = dict(b.again.get(call, {}))


def heap_decided(s: State, again: bool) -> None:
    """Take in what a person said of what is missing."""
    if again:
        s.again = list(dict.fromkeys(s.lost.values()))
    else:
        note(s, prompts.names_gone(s, s.lost, ()), changes=True)
