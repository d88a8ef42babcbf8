"""States saved beside long journals, so that opening one need not read and fold all of its events.

The state after an event stands in a payload, as plain JSON, and the next event, `StateSaved`, names it by its salted
hash: what is not the very bytes that the chain names is not used. Nor is what was saved by other code than this, nor
anything once a payload is missing that an event before it names: then all events are folded, as if nothing were saved.

So opening checks the form and the hash of every line, from the first, and that the saved state is the one that was
written into this chain; it reads what the events say from there on alone. `%agent log --verify` reads every line, and
folds them all to see that they give the state that was saved.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from inspect import getsourcefile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmos_nb.errors import JournalTampered
from llmos_nb.journal import Blobs, Event, history, lineage, payloads, reference
from llmos_nb.journal.events import StateSaved
from llmos_nb.messages import Message, compact
from llmos_nb.policy import Budget, Rule
from llmos_nb.process.state import state as definition
from llmos_nb.process.state.fold.fold import fold
from llmos_nb.process.state.plain import from_plain, to_plain
from llmos_nb.process.state.state import State
from llmos_nb.tools import Call

if TYPE_CHECKING:  # what reads a journal needs nothing that writes one
    from llmos_nb.journal import Journal

EVERY = 2_000  # events
MOST_BYTES = 32_000_000


def due(events: Sequence[Event]) -> int:
    """Return how many events a journal has when its state is saved next: a quarter more, so that steps stay cheap."""
    last = next((e.n for e in reversed(events) if e.k == StateSaved.kind), 0)
    return last + max(EVERY, last // 4)


def made(journal: Journal, state: State) -> tuple[StateSaved, list[tuple[str, bytes]]] | None:
    """Return the event that names a state, with the payload, which takes the place of the one before.

    None where it is too large, or of a fork: that would hold payloads of its parent, and stay when these are forgotten.
    """
    if "at" in (journal.began.parent or {}):
        return None
    data = compact({"state": to_plain(state)})
    if len(data) > MOST_BYTES:
        return None
    forget(journal.path, journal.events)
    ref = reference(data, "application/json")
    return StateSaved(state=ref, code=code()), [(ref["blob"], data)]


def forget(path: Path, events: Sequence[Event]) -> None:
    """Delete the states that were saved of a process: they hold what its payloads hold."""
    for event in events:
        if event.k == StateSaved.kind:
            Blobs(path.parent / "blobs").forget(event.d["state"])


def folded(events: Sequence[Event], path: Path) -> State:
    """Return the state of a process: what was saved of it last, with the events since; else all of them, folded.

    Parameters
    ----------
    events : sequence of Event
        Its own.
    path : Path
        Its journal.

    Raises
    ------
    JournalError
        An event cannot be read, or does not fit what came before it.
    """
    parts = list(lineage(events, path))
    last = next((e for e in reversed(events) if e.k == StateSaved.kind), None)
    state = _restored(last, path, [file for file, _ in parts]) if last is not None else None
    if last is not None and state is not None and state.n == last.n - 1:
        return fold(events[last.n :], state, str(path))
    state = State()
    for file, part in reversed(parts):
        fold(part, state, str(file))
    return state


def _restored(event: Event, path: Path, files: Sequence[Path]) -> State | None:
    """Return the state that an event names, or None where it cannot be used."""
    if not isinstance(event.body, StateSaved) or event.body.code != code():
        return None
    data = Blobs(path.parent / "blobs").intact(event.body.state)
    if data is None or any(not blobs.there(ref) for blobs, ref in payloads(files)):
        return None
    try:
        return from_plain(json.loads(data)["state"])
    except Exception:  # the chain names it, and yet it is no state: it is of no use, whatever it is
        return None


def check(events: Sequence[Event], path: Path) -> None:
    """Verify that what was saved last is what its events fold to.

    Raises
    ------
    JournalTampered
        It is not; names the line that names it.
    """
    last = next((e for e in reversed(events) if e.k == StateSaved.kind), None)
    state = _restored(last, path, [file for file, _ in lineage(events, path)]) if last is not None else None
    if (
        last is not None
        and state is not None
        and to_plain(state) != _again(fold(history(events[: last.n], path)))
    ):
        raise JournalTampered(
            str(path), last.n + 1, "the events before it do not fold to the state that it names"
        )


def _again(state: State) -> Any:
    """Return a state as it is once it was written and read."""
    return to_plain(from_plain(json.loads(compact(to_plain(state)))))


@cache
def code() -> str:
    """Return a digest of the code that folds: other code may fold the same events to another state."""
    folder = Path(definition.__file__).parent
    known = {
        *folder.rglob("*.py"),
        *(Path(f) for cls in (Message, Call, Budget, Rule) if (f := getsourcefile(cls))),
    }
    known |= {Path(f) for f in (getsourcefile(StateSaved),) if f}
    return sha256(b"".join(file.read_bytes() for file in sorted(known))).hexdigest()[:16]
