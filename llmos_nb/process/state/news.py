"""News for the model: what it is told beside the results of its calls, in words that are true when it reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from llmos_nb.messages import Message
from llmos_nb.process.state.prompts import changed_by
from llmos_nb.process.state.state import Note, State, say
from llmos_nb.tools import CLOSED, Call


def note(s: State, text: str, changes: bool = False) -> None:
    """Tell the model something with its next prompt.

    Never between a call and its result, and never before an answer that is under way: that one cannot know of it.

    Parameters
    ----------
    s : State
        The process.
    text : str
        The words.
    changes : bool
        They tell how variables stand: what changes them before the model reads it, is told with it.
    """
    closed = tuple(i for i in (s.turn.calls if s.turn else ()) if s.calls[i].status in CLOSED)
    s.notes.append(Note(text, closed if changes else None))
    if s.turn is None and not s.request:
        flush_notes(s, ())


def ask_again(s: State) -> None:
    """Let the model answer what it was told, unless something else comes first."""
    s.todo = "ask" if s.todo in ("", "answer") else s.todo


def flush_notes(
    s: State, before: tuple[Message, ...], first: int | None = None, whole: Mapping[str, str] | None = None
) -> None:
    """Append messages and the notes that waited for them as one group; `whole` as in `Context.add`."""
    calls = [s.calls[c.id] for m in before for c in m.calls]
    messages = (*before, *(Message("user", _as_it_is_now(s, n, calls)) for n in s.notes))
    s.notes = []
    if messages:
        s.context.add(messages, s.n if first is None else first, s.n, whole)


def _as_it_is_now(s: State, said: Note, calls: Iterable[Call]) -> str:
    """Return the words of a note, with what calls changed after that of which it tells."""
    since = () if said.closed is None else [c for c in calls if c.id not in said.closed and c.status != "undone"]
    names = changed_by(s, {n: c.id for c in since for n in c.changed})
    return said.text + (say(s, "changed_since", names=names) if names else "")
