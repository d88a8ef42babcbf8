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
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from hashlib import sha256
from inspect import getsourcefile
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from llmos_nb.errors import JournalTampered
from llmos_nb.journal import Blobs, Event, history, lineage, payloads, reference
from llmos_nb.journal.events import StateSaved
from llmos_nb.messages import Message, compact
from llmos_nb.policy import Budget, Rule
from llmos_nb.process.state import state as definition
from llmos_nb.process.state.fold.fold import fold
from llmos_nb.process.state.state import State
from llmos_nb.tools import Call

if TYPE_CHECKING:  # what reads a journal needs nothing that writes one
    from llmos_nb.journal import Journal


def _same(value: Any) -> Any:
    return value


class _Form(NamedTuple):
    """How values of a type become JSON, and come back."""

    to: Callable[[Any], Any] = _same
    back: Callable[[Any], Any] = _same


_PLAIN = _Form()


def to_plain(state: State) -> dict[str, Any]:
    """Return a state as plain data, from which `from_plain` makes an equal one."""
    return dict(_form(State).to(state))


def from_plain(plain: dict[str, Any]) -> State:
    """Make a state of plain data.

    Raises
    ------
    Exception
        Of any class: the data is not what `to_plain` returned.
    """
    found = _form(State).back(plain)
    assert isinstance(found, State)  # noqa: S101 - for mypy
    return found


@cache
def _form(hint: Any) -> _Form:
    """Return the form of a type; of what stands in JSON as it is, the values themselves."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return _optional([form for a in args if a is not NoneType and (form := _form(a)) is not _PLAIN])
    if origin is tuple:
        return _tuple(args)
    if origin is list:
        to, back = item = _form(args[0])
        return _PLAIN if item is _PLAIN else _Form(lambda v: [to(i) for i in v], lambda v: [back(i) for i in v])
    if origin in (dict, Mapping, Counter):
        return _table(dict if origin is Mapping else origin, args[0], _form(int if origin is Counter else args[1]))
    if hint is bytes:
        return _Form(bytes.hex, bytes.fromhex)
    return _record(hint) if is_dataclass(hint) else _PLAIN


def _optional(forms: list[_Form]) -> _Form:
    if not forms:
        return _PLAIN
    ((to, back),) = forms
    return _Form(lambda v: None if v is None else to(v), lambda v: None if v is None else back(v))


def _tuple(args: tuple[Any, ...]) -> _Form:
    if args[-1] is Ellipsis:
        to, back = _form(args[0])
        return _Form(lambda v: [to(i) for i in v], lambda v: tuple([back(i) for i in v]))
    each = [_form(a) for a in args]
    return _Form(
        lambda v: [form.to(i) for form, i in zip(each, v, strict=True)],
        lambda v: tuple(form.back(i) for form, i in zip(each, v, strict=True)),
    )


def _table(kind: Any, key: Any, item: _Form) -> _Form:
    """Return the form of a mapping; one whose keys are numbers stands as pairs."""
    to, back = item
    if key is int:
        return _Form(lambda v: [[k, to(i)] for k, i in v.items()], lambda v: kind({k: back(i) for k, i in v}))
    if item is _PLAIN and kind is dict:
        return _Form(dict)
    return _Form(lambda v: {k: to(i) for k, i in v.items()}, lambda v: kind({k: back(i) for k, i in v.items()}))


def _record(cls: Any) -> _Form:
    """Return the form of a dataclass: its fields by name, without those that have their default."""
    hints = get_type_hints(cls)
    known = [
        (f.name, *_form(hints[f.name]), f.default_factory() if f.default_factory is not MISSING else f.default)
        for f in fields(cls)
        if not f.name.startswith("_")
    ]
    backs = {name: back for name, _, back, _ in known if back is not _same}

    def to(value: Any) -> dict[str, Any]:
        return {
            name: to(v)
            for name, to, _, default in known
            if (v := getattr(value, name)) != default or type(v) is not type(default)
        }

    def back(plain: dict[str, Any]) -> Any:
        return cls(**{name: backs[name](v) if name in backs else v for name, v in plain.items()})

    return _Form(to, back)


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
    if last is not None and state is not None and to_plain(state) != _again(fold(history(events[: last.n], path))):
        raise JournalTampered(str(path), last.n + 1, "the events before it do not fold to the state that it names")


def _again(state: State) -> Any:
    """Return a state as it is once it was written and read."""
    return to_plain(from_plain(json.loads(compact(to_plain(state)))))


@cache
def code() -> str:
    """Return a digest of the code that folds: other code may fold the same events to another state."""
    folder = Path(definition.__file__).parent
    others = (getsourcefile(cls) for cls in (Message, Call, Budget, Rule, StateSaved))
    known = {Path(__file__), *folder.rglob("*.py"), *(Path(f) for f in others if f)}
    return sha256(b"".join(file.read_bytes() for file in sorted(known))).hexdigest()[:16]
