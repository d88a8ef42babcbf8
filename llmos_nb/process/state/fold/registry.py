"""What the handlers of events share: their registry, and how the model is told something."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from llmos_nb.journal import Event
from llmos_nb.messages import Message
from llmos_nb.process.state.state import State

Handler = Callable[[State, Event], None]
HANDLERS: dict[str, Handler] = {}


def on(*kinds: str) -> Callable[[Handler], Handler]:
    """Register a function as the handler of kinds of events."""

    def register(handler: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(kinds, handler))
        return handler

    return register


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
