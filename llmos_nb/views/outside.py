"""What calls did outside the namespace, and what of them Undo does not take back, in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePath

from llmos_nb.journal.events import CallUndone
from llmos_nb.policy import listed
from llmos_nb.process.state import State
from llmos_nb.tools import Call
from llmos_nb.views.wording import few

_ACTED = {
    "write": "wrote", "delete": "deleted", "network": "connected to", "process": "started", "signal": "signalled",
    "database": "wrote to the database", "call": "called", "setting": "changed for the whole interpreter, by",
    "changed": "used, although it had changed,",
}  # fmt: skip
_MANY = re.compile(r"(?:(.*)[/\\])?\* \((\d+ files)\)")  # as the record names many files
FILES = 8  # that are named
_FORETOLD = "(by its code)"
_SEEN_AS = {
    "file": ("write", "delete", "database"), "deletion": ("delete",), "network": ("network",),
    "process": ("process", "signal"),
}  # fmt: skip
_CHANGES = f"not undoable {_FORETOLD}"


def outside(calls: Iterable[Call]) -> list[str]:
    """Say what calls did outside the namespace; nothing of a call into which nobody looked."""
    said: dict[str, None] = {}
    looked = bool(found := list(calls))
    for call in found:
        effects = call.facts.get("effects")
        looked = looked and effects == [] and not call.facts.get("made") and not call.changes.files
        reads = call.facts.get("outside", {}).get("files", ())
        said |= dict.fromkeys(f"read {_many(path)}" for path in listed([f["path"] for f in reads], FILES))
        said |= dict.fromkeys(map(acted, _told(effects or ())))
        said |= dict.fromkeys(f"called {m['tool']}" for m in call.facts.get("made", ()))
    if not looked:
        return list(said)
    return [*said, "no file written, no network"] if said else ["no file, no network"]


def acts(calls: Iterable[Call]) -> list[str]:
    """Say what calls were seen to do outside, a phrase each: ``wrote x.csv``, ``deleted y.csv``."""
    told = (effect.partition(" ") for c in calls for effect in _told(c.facts.get("effects") or ()))
    seen = ((kind, target) for kind, _, target in told if kind in _ACTED and not target.endswith(_FORETOLD))
    return list(dict.fromkeys(_done(kind, at, brief=kind in ("write", "delete")) for kind, at in seen))


def stays(s: State, calls: Iterable[Call]) -> str:
    """Say what calls did outside that Undo does not take back: ``wrote x.csv and deleted y.csv``."""
    back = {c.undoes for c in s.calls.values() if c.undoes and c.status == "done"}
    return few(acts(c for c in calls if c.id not in back and not c.changes.files))


def _done(kind: str, target: str, brief: bool = False) -> str:
    """Say that something was done: ``wrote x.csv``, ``made the folder out``, ``wrote 292 files in out``."""
    made = kind == "write" and target.endswith(("/", "\\"))
    return f"{'made the folder' if made else _ACTED.get(kind, kind)} {_many(target, brief)}".strip()


def _many(target: str, brief: bool = False) -> str:
    """Return a path in words, which may stand for many files of a folder; `brief` leaves out where that is."""
    found = _MANY.fullmatch(target)
    where = target if found is None else found[1] or "the working folder"
    shown = (PurePath(where).name or where) if brief else where
    return shown if found is None else f"{found[2]} in {shown}"


def _told(effects: Iterable[str]) -> list[str]:
    """Leave out what the text of a step foretold and was then seen."""
    found = list(map(str, effects))
    seen = {effect.partition(" ")[0] for effect in found if not effect.endswith(_FORETOLD)}
    return [e for e in found if not (e.endswith(_FORETOLD) and seen & set(_SEEN_AS.get(e.partition(" ")[0], ())))]


def acted(effect: str) -> str:
    """Say in words what was noted of an effect: ``wrote x.csv``."""
    kind, _, target = effect.partition(" ")
    if kind == "handle":
        return f"could reach {target}, through which it may act unseen"
    if effect.endswith(_FORETOLD):
        what = "it goes too deep to be read" if kind == "unread" else effect.removesuffix(_FORETOLD).strip()
        return f"its code may act by native code, which is not seen: {what}"
    return _done(kind, target)


def left_by(s: State, b: CallUndone) -> list[str]:
    """Say, a phrase each, what stays after a call was taken back.

    That is what a later step made of its names; what was seen of it outside; and what nobody can look into or put back,
    of which it is not known whether it has changed: what a generator gave, a connection, what is set in a module.
    """
    later = [f"{name} stays as it was left by a later step" for name in b.stays]
    call = [s.calls[b.call]]
    stands = stays(s, call)
    return [*later, *([f"it {stands}: that stays as it is"] if stands else []), *not_put_back(call)]


def not_put_back(calls: Iterable[Call]) -> list[str]:
    """Say of what nobody knows whether calls changed it that Undo does not put it back, a phrase each."""
    return list(dict.fromkeys(_not_put_back(calls)))


def _not_put_back(calls: Iterable[Call]) -> Iterator[str]:
    for call in calls:
        named = call.changes.opaque or {}
        yield from (f"{name} is not put back, if it changed ({why})" for name, why in named.items())
        if _CHANGES in (call.facts.get("effects") or ()):
            more = "something else" if named else "something"
            yield f"its code may have changed {more} that Undo does not reach, which is not put back"


def taken_back(s: State, calls: Iterable[Call]) -> str:
    """Say that calls were undone, and what of them stands all the same."""
    found = list(calls)
    stands = stays(s, found)
    head = f"undone, except that it {stands}" if stands else "undone"
    return "; ".join([head, *not_put_back(found)])


def interrupted(s: State, call: Call) -> str:
    """Say that a call was cut off and taken back, and what of it stands all the same."""
    stands = stays(s, [call])
    return f"interrupted, taken back, except that it {stands}" if stands else "interrupted, taken back"
