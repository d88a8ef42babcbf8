"""What goes on after an end: by Resume alone, by words of a person's, or not at all."""

from __future__ import annotations

from llmos_nb.journal.events import FURTHER
from llmos_nb.process.state.state import State


def resumes(s: State) -> bool:
    """Return whether an ended process goes on without a word: it ended from outside, or the model is to be asked."""
    return s.reason in ("budget", "failed") or (s.reason in FURTHER and s.todo == "ask")
