"""Adapters: how one kind of object is noted, compared and restored; and those for objects without state of their own.

An `Adapter` knows one kind of object: what it holds (`children`), how to note its state (`read`), whether that state
still stands (`same`) and how to put it back into the very same object (`write`). States are shallow; many objects of
one kind are noted at once (`save`), because lists and dicts come in tens of thousands.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Sequence
from gc import get_referents
from itertools import chain, repeat
from operator import is_
from typing import Any, Protocol

ABSENT: Any = type("Absent", (), {"__slots__": (), "__repr__": lambda self: "ABSENT"})()
HEAP_TYPE, FIXED_TYPE = 1 << 9, 1 << 8  # flags of a class: made at run time; its attributes cannot be set
_PLAIN = frozenset((int, str, bytes))


def differs(old: object, new: object) -> bool:
    """Return whether another object stands here, one that is not merely an equal number or text."""
    return old is not new and not (type(old) is type(new) and type(old) in _PLAIN and old == new)


def alike(old: Sequence[object], new: Sequence[object]) -> bool:
    """Return whether two sequences hold the same objects in the same order."""
    return len(old) == len(new) and (all(map(is_, old, new)) or not any(map(differs, old, new)))


class Scope(Protocol):
    """What an adapter may ask of the walk that calls it."""

    light: bool  # marks instead of copies of data
    room: int  # bytes of data that may still be copied
    cap: int  # the same, before the first copy

    def globals_of(self, code: types.CodeType, names: dict[str, Any]) -> Iterable[object]:
        """Return what code can reach through its global names."""

    def opaque(self, item: object, why: str) -> None:
        """Report that this object's state cannot be restored."""

    def handle(self, item: object, why: str) -> None:
        """Report that by this object something may be done outside that nobody sees."""


class Adapter:
    """One kind of object that holds values; this base holds nothing that could change."""

    keeps = True  # has a state of its own
    late = False  # written after all others: its hashes may hang on their state
    unit = 0  # bytes that a state keeps for each of its items

    def children(self, objects: Sequence[Any], scope: Scope) -> Iterable[object]:
        """Return everything the objects hold, one level down."""
        return ()

    def read(self, item: Any) -> Any:
        """Note one object's state."""
        return None

    def same(self, item: Any, state: Any) -> bool:
        """Return whether the object still has the state."""
        return bool(self.read(item) == state)

    def write(self, item: Any, state: Any) -> None:
        """Put the state back into the object."""

    def lost(self, state: Any) -> str:
        """Return why this state cannot be restored; empty where it can."""
        return ""

    def size(self, item: Any, state: Any) -> int:
        """Return the bytes that the state keeps beside the object."""
        return self.unit and self.unit * len(state)

    def details(self, item: Any, state: Any) -> list[str]:
        """Name the parts (keys, columns, attributes) that changed since the state was noted."""
        return []

    def save(self, objects: Sequence[Any], scope: Scope) -> Any:
        """Note the states of many objects."""
        return [self.note(o, scope) for o in objects]

    def note(self, item: Any, scope: Scope) -> Any:
        """Note one object's state within the bounds of a walk."""
        return self.read(item)

    def chunks(self, objects: Sequence[Any], saved: Any, scope: Scope) -> Iterable[Sequence[object]]:
        """Return what the objects hold in lists, reusing those that `save` made (None where it did not run)."""
        return [list(self.children(objects, scope))]

    def pick(self, saved: Any, index: int) -> Any:
        """Return one state out of what `save` returned."""
        return saved[index]

    def changed(self, objects: Sequence[Any], saved: Any) -> list[int]:
        """Return the positions of the objects whose state has changed."""
        return [i for i, o in enumerate(objects) if not self.same(o, self.pick(saved, i))]


class Through(Adapter):
    """Holds others, and cannot change itself."""

    keeps = False

    def children(self, objects: Sequence[Any], scope: Scope) -> Iterable[object]:
        """Ask the collector what they refer to."""
        return get_referents(*objects)


class Opaque(Adapter):
    """Has state that Python cannot read or put back; it is reported, with the reason.

    Parameters
    ----------
    why : str
        The reason.
    look_inside : bool
        Whether what it holds is looked at, too.
    acts : bool
        Whether it may be a way out of the interpreter: a file, a connection, a thread, or what nobody knows.
    """

    keeps = False

    def __init__(self, why: str, look_inside: bool = False, acts: bool = True) -> None:
        self.why, self.look_inside, self.acts = why, look_inside, acts

    def children(self, objects: Sequence[Any], scope: Scope) -> Iterable[object]:
        """Report them; an iterator is looked through, as it may change what it runs over."""
        for item in objects:
            scope.opaque(item, self.why)
            if self.acts:
                scope.handle(item, self.why)
        return Through().children(objects, scope) if self.look_inside else ()


class Frames(Opaque):
    """Generators and coroutines: what they yielded cannot be yielded again, and their code may change what it sees."""

    def children(self, objects: Sequence[Any], scope: Scope) -> Iterable[object]:
        """Return the local variables of the suspended frame and the globals that its code names."""
        found: list[object] = list(super().children(objects, scope))
        for item in objects:
            for frame in (getattr(item, a, None) for a in ("gi_frame", "cr_frame", "ag_frame")):
                if frame is not None:
                    found += [*frame.f_locals.values(), *scope.globals_of(frame.f_code, frame.f_globals)]
        return found


class Parts(Adapter):
    """Whose state is the sequence of the objects that it holds, compared by identity."""

    def children(self, objects: Sequence[Any], scope: Scope) -> Iterable[object]:
        """Return the parts."""
        return chain.from_iterable(map(self.read, objects))

    def same(self, item: Any, state: Any) -> bool:
        """Compare the parts by identity and order."""
        return alike(state, self.read(item))


class Attributes(Parts):
    """A few named attributes of objects of one kind, through `getattr` and `setattr`."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def read(self, item: Any) -> tuple[object, ...]:
        """Note the attributes."""
        return tuple(map(getattr, repeat(item), self.names, repeat(ABSENT)))

    def write(self, item: Any, state: tuple[object, ...]) -> None:
        """Set those that differ."""
        for name, old, new in zip(self.names, state, self.read(item), strict=True):
            if old is not new:
                delattr(item, name) if old is ABSENT else setattr(item, name, old)
