"""What the model is told beside results: it waits until no call of the turn is open."""

from __future__ import annotations

from collections.abc import Mapping

from llmos_nb.messages import Message
from llmos_nb.process.state.state import State


def note(s: State, text: str) -> None:
    """Tell the model something with its next prompt; never between a call and its result."""
    s.notes.append(text)
    if s.turn is None:
        flush_notes(s, ())


def flush_notes(
    s: State, before: tuple[Message, ...], first: int | None = None, whole: Mapping[str, str] | None = None
) -> None:
    """Append messages and the notes that waited for them as one group; `whole` as in `Context.add`."""
    messages = (*before, *(Message("user", text) for text in s.notes))
    s.notes = []
    if messages:
        s.context.add(messages, s.n if first is None else first, s.n, whole)
