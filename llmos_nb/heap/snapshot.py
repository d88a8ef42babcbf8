"""Exact change lists, undo and redo of steps in a live namespace, in place.

Before a step the bindings of all names and shallow states of the mutable containers that its names reach are noted;
after it, identities are compared. Undo puts the old content back into the very same objects, so aliases, closures
and instances see it. Nothing is pickled, and a step that changed nothing keeps nothing.

Known holes: writes past the public surface of pandas (``df["a"].array[0] = 1``, ``df._mgr``) and of scikit-learn
(``tree_.value[:] = 0``), arrays that were read-only before the step, are over 1 MB and were written through
``flags.writeable`` (seen, not undone), tables built over an array without a copy (undone, but the change list names the
array only), attributes set on modules and classes of libraries, classes registered with an abstract base, state in C
code (reported as opaque before the step), and whatever lives outside the process.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain, takewhile
from typing import Any

from llmos_nb.errors import SnapshotConflict
from llmos_nb.heap import ambient
from llmos_nb.heap.adapters.base import ABSENT, differs
from llmos_nb.heap.adapters.containers import Dicts, Lists
from llmos_nb.heap.adapters.registry import adapters_of
from llmos_nb.heap.ambient import Ambient
from llmos_nb.heap.changes import Before, Pairs, compare, hidden, violations
from llmos_nb.heap.digest.digest import digest
from llmos_nb.heap.walk import Change, Image, Walk, loaded, names_reaching

# whichever is reached first; the journal can still tell what an older step did
KEEP_STEPS = 200
KEEP_BYTES = 2 << 30


@dataclass
class Entry:
    """One step that may be undone, or was undone and may be redone."""

    call: str
    before: Before
    bindings: Pairs  # what undo, and what redo, binds
    changes: list[Change]  # with the states that the next undo or redo puts in
    left: Ambient | None
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
        self.changes, self.undone = present, not self.undone
        if self.left is None:
            return []
        moods = (self.before.around, self.left)
        return ambient.restore(*(moods if self.undone else reversed(moods)))


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


class Snapshots:
    """The undo store of one namespace.

    Parameters
    ----------
    namespace : dict
        The live global names; it is changed in place.
    ignore : callable, optional
        ``ignore(name) -> bool``: names that are nobody's work, such as IPython's own.
    steps, size : int
        How many steps, and how many bytes of what only they keep alive, can be undone; beyond, the oldest are let go.
    """

    def __init__(
        self, namespace: dict[str, Any], ignore: Any = hidden, steps: int = KEEP_STEPS, size: int = KEEP_BYTES
    ) -> None:
        self.namespace, self.ignore = namespace, ignore
        self._entries = Entries(steps, size)

    def begin(self, names: Iterable[str] | None = None) -> Before:
        """Note the state before a step.

        Parameters
        ----------
        names : iterable of str, optional
            Names in the step's code; None stands for all. Those that called functions use are added here.

        Returns
        -------
        Before
            To be given to `end` or `rollback`.
        """
        bindings = self._bindings()
        used = bindings.keys() if names is None else bindings.keys() & set(names)
        walk = Walk(self.namespace)
        image = walk.run([*(bindings[n] for n in used), *ambient.settings().values()])
        everything = names is None or walk.everything
        reached = None if everything else frozenset((*names, *image.names))  # type: ignore[misc]  # names is not None
        return Before(reached, bindings, image, Ambient.now(), self._opaque(image, reached, bindings))

    def _bindings(self) -> dict[str, Any]:
        return {n: v for n, v in self.namespace.items() if not self.ignore(n)}

    def _opaque(self, image: Image, names: frozenset[str] | None, bindings: dict[str, Any]) -> dict[str, str]:
        """Say by name what cannot be put back."""
        used = bindings if names is None else {n: bindings[n] for n in names & bindings.keys()}
        if not image.whole:
            why = "more objects than are looked at before a step"
            return {n: why for n, v in used.items() if adapters_of(type(v))}
        found = names_reaching(image.opaque, used, self.namespace)
        return {n: image.opaque[i] for n, i in sorted(found.items())}

    def handles(self, before: Before, names: Iterable[str] | None = None) -> dict[str, str]:
        """Say through what a step may act unseen, also through modules that it imports.

        Parameters
        ----------
        before : Before
            The state before the step.
        names : iterable of str, optional
            Those given to `begin`.

        Returns
        -------
        dict of str to str
            By name, what that is: a file, a connection, a thread, or what nobody knows.
        """
        image, reached, bindings = before.image, before.names, before.bindings
        used = bindings if reached is None else {n: bindings[n] for n in reached & bindings.keys()}
        if not image.whole:
            return {n: "more objects than are looked at before a step" for n, v in used.items() if adapters_of(type(v))}
        modules = {m.__name__: m for m in loaded(sys.modules if names is None else names)}
        more = Walk(self.namespace, keep=False, known=image).run(modules.values())
        if not (acting := image.handles | more.handles):
            return {}
        found = names_reaching(acting, {**modules, **used}, self.namespace, follow=True)
        return {n: acting[i] for n, i in sorted(found.items())} or {"what it calls": next(iter(acting.values()))}

    def end(self, before: Before, call_id: str) -> dict[str, Any]:
        """Compare with the state before a step, and keep what undo needs.

        Parameters
        ----------
        before : Before
            From `begin`.
        call_id : str
            The name under which the step can be undone.

        Returns
        -------
        dict
            Plain data: names ``created``, ``rebound``, ``mutated``, ``deleted``; ``digests`` of the changed names;
            ``details`` (columns, keys, attributes); ``cwd``, ``environ``, ``figures``, ``random``, ``settings``;
            ``opaque``, what could not be looked at; ``let_go``, the earlier steps that cannot be undone any more.
        """
        entry = self._entry(before, call_id)
        names = sorted(entry.touched & self.namespace.keys())
        values = {id(v): v for v in map(self.namespace.get, names)}
        hashes = {i: digest(v) for i, v in values.items()}  # names of one object share the work
        entry.report["digests"] = {n: hashes[id(self.namespace[n])] for n in names}
        entry.watch(self.namespace, before.image)
        before.image = Image(names=before.image.names)  # what did not change is let go
        before.bindings = {}
        entry.report["let_go"] = self._entries.add(call_id, entry)
        return entry.report

    def changed(self, before: Before) -> set[str]:
        """Return what is another than before, or holds something else: names, and random generators; keep nothing."""
        now = self._bindings()
        values = ((n, before.bindings.get(n, ABSENT), now.get(n, ABSENT)) for n in before.bindings.keys() | now)
        moved = {n for n, old, new in values if differs(old, new)}
        within = names_reaching({id(c.item) for c in before.image.changes()}, now, self.namespace)
        return moved | within.keys() | set(Ambient.now().moved(before.around))

    def _entry(self, before: Before, call_id: str = "") -> Entry:
        return Entry(call_id, before, *compare(self.namespace, self._bindings(), before))

    def rollback(self, before: Before) -> dict[str, Any]:
        """Take back a step that did not end well, as far as it came.

        Parameters
        ----------
        before : Before
            From `begin`.

        Returns
        -------
        dict
            What was taken back, as `end` says it, and under ``lost`` what could not be.
        """
        entry = self._entry(before)
        lost = entry.lost
        entry.changes = [c for c in entry.changes if not c.adapter.lost(c.state)]
        return {**entry.report, "digests": {}, "lost": lost + entry.swap(self.namespace)}

    def drop(self, calls: Iterable[str], why: str = "its snapshot was dropped") -> None:
        """Drop what undo and redo of some steps need; `can_undo` says why from now on."""
        self._entries.drop(calls, why)

    def holds(self, call_id: str) -> bool:
        """Return whether what undo and redo of a step need is kept here."""
        return call_id in self._entries

    def can_undo(self, call_id: str) -> str | None:
        """Say why a step cannot be undone now; None when it can."""
        if (entry := self._entries.get(call_id)) is None:
            return self._entries.gone.get(call_id, "there is no snapshot of it in this session")
        if entry.undone:
            return "it is undone already"
        if entry.lost:
            return f"it changed {', '.join(entry.lost)}"
        for later in self._after(entry):
            if names := later.meets(entry.touched):
                return f"the later call {later.call} used {_list(names)}; undo that first"
        return self._conflict(entry)

    def can_redo(self, call_id: str) -> str | None:
        """Say why a step cannot be redone now; None when it can."""
        entry = self._entries.get(call_id)
        if entry is None or not entry.undone:
            return "it was not undone in this session"
        for other in takewhile(lambda e: e is not entry, self._entries.values()):
            if other.undone and (names := entry.meets(other.touched)):
                return f"it used {_list(names)} of the earlier call {other.call}; redo that first"
        for later in self._after(entry):
            if names := later.meets(entry.touched):
                return f"call {later.call} has used {_list(names)} since"
        return self._conflict(entry)

    def _after(self, entry: Entry) -> list[Entry]:
        """Return the later steps that were not undone."""
        calls = list(self._entries.values())
        return [e for e in calls[calls.index(entry) + 1 :] if not e.undone]

    def _conflict(self, entry: Entry) -> str | None:
        """Name what is not as the step (or its undo) left it."""
        now = {n: self.namespace.get(n, ABSENT) for n in entry.bindings}
        names = {n for n, pair in entry.bindings.items() if differs(pair[not entry.undone], now[n])}
        stay = {n: v for n, v in entry.mutated.items() if self.namespace.get(n, v) is v}
        changes = {id(c.item) for c in entry.changes}
        names |= entry.mutated.keys() - names_reaching(changes, stay, self.namespace).keys()
        changed = {id(c.item) for c in entry.guard.changes()}
        if not names and not changed:
            return None
        names |= names_reaching(changed, self._bindings(), self.namespace).keys()
        return f"{_list(names) if names else 'a container without a name'} changed since, outside this step"

    def undo(self, call_id: str) -> dict[str, Any]:
        """Take a step back, in place.

        Parameters
        ----------
        call_id : str
            The step.

        Returns
        -------
        dict
            ``call``, the changed ``names``, what ``stays`` as later steps changed it too, and what is ``opaque``.

        Raises
        ------
        SnapshotConflict
            A later step depends on it, or the present state is not what it left; nothing is changed.
        """
        if why := self.can_undo(call_id):
            raise SnapshotConflict(f"call {call_id} cannot be undone: {why}")
        return self._turn(self._entries[call_id])

    def redo(self, call_id: str) -> dict[str, Any]:
        """Put an undone step back, in place; the mirror of `undo`."""
        if why := self.can_redo(call_id):
            raise SnapshotConflict(f"call {call_id} cannot be redone: {why}")
        return self._turn(self._entries[call_id])

    violations = staticmethod(violations)

    def _turn(self, entry: Entry) -> dict[str, Any]:
        stays = entry.swap(self.namespace)
        entry.watch(self.namespace)
        names, opaque = sorted(entry.touched), entry.report["opaque"]
        return {"call": entry.call, "names": names, "stays": stays, "opaque": opaque}


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
