"""One step in the undo store: what it changed, and how to exchange before and after."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from llmos_nb.errors import SnapshotConflict
from llmos_nb.heap import ambient
from llmos_nb.heap.adapters.base import ABSENT, differs
from llmos_nb.heap.adapters.containers import Dicts, Lists
from llmos_nb.heap.adapters.registry import adapters_of
from llmos_nb.heap.adapters.tables import Tables
from llmos_nb.heap.ambient import Ambient
from llmos_nb.heap.walk import Change, Image, Walk, names_reaching

DETAILS = 50
Pairs = dict[str, tuple[Any, Any]]


@dataclass
class Before:
    """The namespace as it stood before a step.

    Parameters
    ----------
    names : frozenset of str, optional
        Names that the step may reach; None stands for all.
    bindings : dict
        Every name's value.
    image : Image
        States of the containers that the names reach.
    around : Ambient
        Random states, directory, environment, figures.
    opaque : dict
        By name, why what it holds cannot be put back if the step changes it.
    """

    names: frozenset[str] | None
    bindings: dict[str, Any]
    image: Image
    around: Ambient
    opaque: dict[str, str]


@dataclass
class Entry:
    """One step that may be undone, or was undone and may be redone."""

    call: str
    before: Before
    bindings: Pairs  # what undo, and what redo, binds
    changes: list[Change]  # with the states that the next undo or redo puts in
    left: Ambient
    report: dict[str, Any]
    mutated: dict[str, Any]  # the names whose containers changed, with what they hold
    guard: Image = field(default_factory=Image)  # the state in which undo, or redo, may happen
    undone: bool = False

    @property
    def touched(self) -> set[str]:
        """Every name that the step changed."""
        return {n for kind in ("created", "rebound", "mutated", "deleted") for n in self.report[kind]}

    @property
    def lost(self) -> list[str]:
        """Why the step's changes cannot all be taken back."""
        return sorted({why for c in self.changes if (why := c.adapter.lost(c.state))})

    @property
    def size(self) -> int:
        """Bytes of old content that only this entry keeps, in changed containers."""
        return sum(c.adapter.size(c.item, c.state) for c in self.changes)

    @property
    def kept(self) -> int:
        """Bytes that this entry may keep alive: `size`, and the tables and arrays that the step let go.

        It does not look whether something else holds them too, as that takes a walk through the whole namespace.
        """
        old = [pair[self.undone] for pair in self.bindings.values()]
        old += chain.from_iterable(_let_go(c) for c in self.changes if isinstance(c.adapter, Dicts | Lists))
        large = {id(v): v for v in old if hasattr(v, "nbytes") or hasattr(v, "memory_usage")}
        return self.size + sum(map(nbytes, large.values()))

    def meets(self, names: set[str]) -> set[str]:
        """Return those of the names that this step read or changed."""
        used = self.before.names
        return names if used is None else names & (used | self.touched)

    def watch(self, namespace: dict[str, Any], known: Image | None = None) -> None:
        """Note the state of everything that an undo or redo from here would overwrite or drop."""
        if known is not None:
            for change in self.changes:
                known.seen.pop(id(change.item), None)
        values = [namespace[n] for n in self.bindings if n in namespace]
        walk = Walk(namespace, light=True, follow=False, known=known or Image())
        self.guard = walk.run([*values, *(c.item for c in self.changes)])

    def swap(self, namespace: dict[str, Any]) -> list[str]:
        """Exchange the present state for the one that is kept; return the part that stays."""
        present = [Change(c.adapter, c.item, c.adapter.read(c.item)) for c in self.changes]
        try:
            _write(self.changes)
        except Exception as error:  # such as a bytearray that somebody exports
            _write(present)  # all or nothing: what was put back already is exchanged again
            why = f"{type(error).__name__}: {error}; nothing was changed"
            raise SnapshotConflict(f"call {self.call}: {why}") from error
        for name, pair in self.bindings.items():
            namespace[name] = pair[self.undone]
            if namespace[name] is ABSENT:
                del namespace[name]
        moods = (self.left, self.before.around) if self.undone else (self.before.around, self.left)
        self.changes, self.undone = present, not self.undone
        return ambient.restore(*moods)


def compare(namespace: dict[str, Any], now: dict[str, Any], before: Before, call: str) -> Entry:
    """Find out what a step changed."""
    names = sorted(before.bindings.keys() | now.keys())
    pairs = {n: (before.bindings.get(n, ABSENT), now.get(n, ABSENT)) for n in names}
    moved = {n: p for n, p in pairs.items() if differs(*p)}
    changes, left = before.image.changes(), Ambient.now()
    targets = {id(c.item) for c in changes}
    stay = {n: v for n, v in now.items() if n not in moved}
    mutated = {n: now[n] for n in sorted(names_reaching(targets, stay, namespace))}
    report = {
        "created": [n for n, (old, _) in moved.items() if old is ABSENT],
        "rebound": [n for n, (old, new) in moved.items() if old is not ABSENT and new is not ABSENT],
        "mutated": list(mutated),
        "deleted": [n for n, (_, new) in moved.items() if new is ABSENT],
        "details": _details(changes, mutated, moved),
        **left.changes(before.around),
        "settings": sorted(names_reaching(targets, ambient.settings(), namespace)),
        "opaque": before.opaque,
    }
    return Entry(call, before, moved, changes, left, report, mutated)


def _details(changes: list[Change], mutated: dict[str, Any], moved: Pairs) -> dict[str, list[str]]:
    """Name columns, keys and attributes that changed, by name."""
    by_id = {id(c.item): c for c in changes}
    found: dict[str, list[str]] = {}
    for name, value in mutated.items():
        parts = [by_id[i] for i in (id(value), id(getattr(value, "__dict__", None))) if i in by_id]
        found[name] = [d for c in parts for d in c.adapter.details(c.item, c.state)]
    for name, (old, new) in moved.items():
        kinds = adapters_of(type(new)) if type(old) is type(new) else ()
        found[name] = [d for h in kinds if isinstance(h, Tables) for d in h.details(new, h.read(old))]
    return {n: [d[:80] for d in details[:DETAILS]] for n, details in found.items() if details}


def _write(changes: list[Change]) -> None:
    """Write states back; containers that hash their content come last."""
    for change in sorted(changes, key=lambda c: c.adapter.late):
        change.adapter.write(change.item, change.state)


def _let_go(change: Change) -> list[object]:
    """Return what a container held and holds no more."""
    states = change.state, change.adapter.read(change.item)
    old, now = ({id(v): v for v in s[-1]} for s in states)
    return [v for i, v in old.items() if i not in now]


def nbytes(value: Any) -> int:
    """Estimate what one object holds by itself; a class says of its instances what they hold."""
    if isinstance(value, type):
        return sys.getsizeof(value)
    size, own = getattr(value, "memory_usage", None), getattr(value, "nbytes", None)
    if callable(size) and hasattr(value, "axes"):
        used = size(deep=False)
        return int(used if isinstance(used, int) else used.sum())
    return int(own) if isinstance(own, int | float) else sys.getsizeof(value, 0)


# whichever is reached first; the journal can still tell what an older step did
KEEP_STEPS = 200
KEEP_BYTES = 2 << 30


class Entries(dict[str, Entry]):
    """Steps in order, bounded.

    Parameters
    ----------
    steps, size : int
        How many steps, and how many bytes of what only they may keep alive; beyond, the oldest are let go.
    """

    def __init__(self, steps: int, size: int) -> None:
        super().__init__()
        self.steps, self.size = steps, size
        self.gone: dict[str, str] = {}  # why a step is not there any more
        self._sizes: dict[tuple[str, bool], int] = {}  # measured once, and again when it was undone or redone

    def add(self, call: str, entry: Entry) -> list[str]:
        """Add the latest step; return those that were dropped for it."""
        self.pop(call, None)
        self.gone.pop(call, None)
        self[call] = entry
        known = {k: size for k, size in self._sizes.items() if k[0] != call}
        self._sizes = {k: known.get(k) or e.kept for c, e in self.items() for k in [(c, e.undone)]}
        total, gone = sum(self._sizes.values()), list[str]()
        for (old, _), size in list(self._sizes.items())[:-1]:
            if len(self) - len(gone) <= self.steps and total <= self.size:
                break
            total -= size
            gone.append(old)
        self.drop(gone, f"the last {self.steps} steps and {self.size >> 20:,} MB are kept, and it is older")
        return gone

    def drop(self, calls: Iterable[str], why: str) -> None:
        """Drop steps; one that is not there is passed over."""
        self.gone.update((c, why) for c in calls if self.pop(c, None) is not None)
