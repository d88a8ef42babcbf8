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

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from itertools import takewhile
from typing import Any

from llmos_nb.errors import SnapshotConflict
from llmos_nb.heap import ambient
from llmos_nb.heap.adapters.base import ABSENT, differs
from llmos_nb.heap.adapters.registry import adapters_of
from llmos_nb.heap.ambient import Ambient
from llmos_nb.heap.digest.digest import digest
from llmos_nb.heap.entry import KEEP_BYTES, KEEP_STEPS, Before, Entries, Entry, compare
from llmos_nb.heap.walk import Image, Walk, names_reaching

_HIDDEN = re.compile(r"__.*__|_+|_i+|_\d+|_i\d+|_[iod]h|In|Out|get_ipython|exit|quit|open")


def hidden(name: str) -> bool:
    """Return whether a name is IPython's or Python's own rather than the user's."""
    return _HIDDEN.fullmatch(name) is not None


def violations(changes: dict[str, Any], allowed: str | Iterable[str]) -> list[str]:
    """Return the changed names that a process may not write, by its `--bind`.

    Parameters
    ----------
    changes : dict
        From `Snapshots.end`.
    allowed : str or iterable of str
        Globs, separated by commas or spaces; a leading minus takes names out.

    Returns
    -------
    list of str
        Names, sorted.
    """
    globs = re.findall(r"[^,\s]+", allowed) if isinstance(allowed, str) else list(allowed)
    minus = [g[1:] for g in globs if g.startswith("-")]
    plus = [g for g in globs if not g.startswith("-")] or ["*"]
    names = {n for kind in ("created", "rebound", "mutated", "deleted") for n in changes.get(kind, ())}
    may = {n for n in names for g in plus if fnmatchcase(n, g)}
    return sorted(names - may | {n for n in may for g in minus if fnmatchcase(n, g)})


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
        entry = compare(self.namespace, self._bindings(), before, call_id)
        names = sorted(entry.touched & self.namespace.keys())
        values = {id(v): v for v in map(self.namespace.get, names)}
        hashes = {i: digest(v) for i, v in values.items()}  # names of one object share the work
        entry.report["digests"] = {n: hashes[id(self.namespace[n])] for n in names}
        entry.watch(self.namespace, before.image)
        before.image = Image(names=before.image.names)  # what did not change is let go
        before.bindings = {}
        entry.report["let_go"] = self._entries.add(call_id, entry)
        return entry.report

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
        entry = compare(self.namespace, self._bindings(), before, "")
        lost = entry.lost
        entry.changes = [c for c in entry.changes if not c.adapter.lost(c.state)]
        return {**entry.report, "digests": {}, "lost": lost + entry.swap(self.namespace)}

    def drop(self, calls: Iterable[str], why: str = "its snapshot was dropped") -> None:
        """Drop what undo and redo of some steps need; `can_undo` says why from now on."""
        self._entries.drop(calls, why)

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
