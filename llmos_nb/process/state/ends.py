"""What goes on after an end: by Resume alone, by words of a person's, or not at all."""

from __future__ import annotations

from llmos_nb.journal.events import FURTHER, SINCE, Body, may_follow
from llmos_nb.process.state.state import State


def resumes(s: State) -> bool:
    """Return whether an ended process goes on without a word: it ended from outside, or the model is to be asked."""
    return s.reason in ("budget", "failed") or (s.reason in FURTHER and s.todo == "ask")


def follows(s: State, body: Body) -> bool:
    """Return whether an event may come next: of what follows an end only what may."""
    if s.status != "ended" or s.version < SINCE:
        return True
    return may_follow(s.reason, body, s.undoing, [c.id for c in s.calls.values() if c.status == "running"])
