"""Exact change lists, undo and redo of steps in a live namespace, in place.

Before a step the bindings of all names and shallow states of the mutable containers that its names reach are noted;
after it, identities are compared. Undo puts the old content back into the very same objects, so aliases, closures
and instances see it. Nothing is pickled, and a step that changed nothing keeps nothing.

Known holes: writes past the public surface of pandas (``df["a"].array[0] = 1``, ``df._mgr``), arrays that were
read-only before the step, are over 1 MB and were written through ``flags.writeable`` (seen, not undone), tables built
over an array without a copy (undone, but the change list names the array only), attributes set on modules and
classes of libraries, state in C code (reported as opaque before the step), and whatever lives outside the process.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import chain
from typing import Any

from llmos_nb import ambient
from llmos_nb.ambient import Ambient
from llmos_nb.errors import SnapshotConflict
from llmos_nb.fingerprint import digest
from llmos_nb.holders import ABSENT, holders_of
from llmos_nb.holders.base import differs
from llmos_nb.holders.tables import Tables
from llmos_nb.reach import Change, Image, Walk, names_reaching

KEEP_CALLS = 200
KEEP_BYTES = 2 << 30
_DETAILS = 50
_HIDDEN = re.compile(r"__.*__|_+|_i+|_\d+|_i\d+|_[iod]h|In|Out|get_ipython|exit|quit|open")


def hidden(name: str) -> bool:
    """Tell whether a name is IPython's or Python's own rather than the user's."""
    return _HIDDEN.fullmatch(name) is not None


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
class _Entry:
    """One step that may be undone, or was undone and may be redone."""

    call: str
    before: Before
    bindings: dict[str, tuple[Any, Any]]  # what undo, and what redo, binds
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
        return sorted({why for c in self.changes if (why := c.holder.lost(c.state))})

    @property
    def size(self) -> int:
        """Bytes of old content that only this entry keeps, in changed containers."""
        return sum(c.holder.size(c.item, c.state) for c in self.changes)

    def meets(self, names: set[str]) -> set[str]:
        """Give those of the names that this step read or changed."""
        used = self.before.names
        return names if used is None else names & (used | self.touched)


class Snapshots:
    """The undo store of one namespace.

    Parameters
    ----------
    namespace : dict
        The live global names; it is changed in place.
    ignore : callable, optional
        ``ignore(name) -> bool``: names that are nobody's work, such as IPython's own.
    """

    def __init__(self, namespace: dict[str, Any], ignore: Any = hidden) -> None:
        self.namespace = namespace
        self.ignore = ignore
        self._entries: dict[str, _Entry] = {}

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
            return {n: "more objects than are looked at before a step" for n, v in used.items() if holders_of(type(v))}
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
            ``opaque``, what could not be looked at.
        """
        entry = self._compare(before, call_id)
        entry.report["digests"] = self._digests(entry)
        entry.guard = self._guard(entry, before.image)
        before.image = Image(names=before.image.names)  # what did not change is let go
        before.bindings = {}
        self._entries.pop(call_id, None)
        self._entries[call_id] = entry
        self._trim()
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
        entry = self._compare(before, "")
        lost = entry.lost
        entry.changes = [c for c in entry.changes if not c.holder.lost(c.state)]
        stays = self._swap(entry)
        return {**entry.report, "digests": {}, "lost": lost + stays}

    def _compare(self, before: Before, call: str) -> _Entry:
        """Find out what a step changed."""
        now = self._bindings()
        names = sorted(before.bindings.keys() | now.keys())
        pairs = {n: (before.bindings.get(n, ABSENT), now.get(n, ABSENT)) for n in names}
        moved = {n: p for n, p in pairs.items() if differs(*p)}
        changes, left = before.image.changes(), Ambient.now()
        targets = {id(c.item) for c in changes}
        stay = {n: v for n, v in now.items() if n not in moved}
        mutated = {n: now[n] for n in sorted(names_reaching(targets, stay, self.namespace))}
        report = {
            "created": [n for n, (old, _) in moved.items() if old is ABSENT],
            "rebound": [n for n, (old, new) in moved.items() if old is not ABSENT and new is not ABSENT],
            "mutated": list(mutated),
            "deleted": [n for n, (_, new) in moved.items() if new is ABSENT],
            "details": _details(changes, mutated, moved),
            **left.changes(before.around),
            "settings": sorted(names_reaching(targets, ambient.settings(), self.namespace)),
            "opaque": before.opaque,
        }
        return _Entry(call, before, moved, changes, left, report, mutated)

    def _digests(self, entry: _Entry) -> dict[str, str]:
        """Hash what the changed names hold now; names of one object share the work."""
        names = sorted(entry.touched & self.namespace.keys())
        values = {id(self.namespace[n]): self.namespace[n] for n in names}
        hashes = {i: digest(v) for i, v in values.items()}
        return {n: hashes[id(self.namespace[n])] for n in names}

    def _guard(self, entry: _Entry, known: Image | None = None) -> Image:
        """Note the state of everything that an undo or redo from here would overwrite or drop."""
        if known is not None:
            for change in entry.changes:
                known.seen.pop(id(change.item), None)
        values = [self.namespace[n] for n in entry.bindings if n in self.namespace]
        walk = Walk(self.namespace, light=True, follow=False, known=known)
        return walk.run([*values, *(c.item for c in entry.changes)])

    def _trim(self) -> None:
        """Let the oldest entries go when there are too many or they keep too much."""
        total = sum(e.size for e in self._entries.values()) if len(self._entries) > 1 else 0
        while len(self._entries) > KEEP_CALLS or total > KEEP_BYTES:
            total -= self._entries.pop(next(iter(self._entries))).size

    def can_undo(self, call_id: str) -> str | None:
        """Say why a step cannot be undone now; None when it can."""
        entry = self._entries.get(call_id)
        if entry is None:
            return "there is no snapshot of it in this session"
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
        for other in self._entries.values():
            if other is entry:
                break
            if other.undone and (names := entry.meets(other.touched)):
                return f"it used {_list(names)} of the earlier call {other.call}; redo that first"
        for later in self._after(entry):
            if names := later.meets(entry.touched):
                return f"call {later.call} has used {_list(names)} since"
        return self._conflict(entry)

    def _after(self, entry: _Entry) -> list[_Entry]:
        """Give the later steps that stand."""
        calls = list(self._entries.values())
        return [e for e in calls[calls.index(entry) + 1 :] if not e.undone]

    def _conflict(self, entry: _Entry) -> str | None:
        """Name what is not as the step (or its undo) left it."""
        side = 0 if entry.undone else 1
        names = {n for n, pair in entry.bindings.items() if differs(pair[side], self.namespace.get(n, ABSENT))}
        names |= {n for n, v in entry.mutated.items() if self.namespace.get(n, v) is not v}
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
            ``call``, the ``names`` that changed, what ``stays`` because later steps changed it too, and what is
            ``opaque``.

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

    def _turn(self, entry: _Entry) -> dict[str, Any]:
        stays = self._swap(entry)
        entry.guard = self._guard(entry)
        return {
            "call": entry.call,
            "names": sorted(entry.touched),
            "stays": stays,
            "opaque": entry.report["opaque"],
        }

    def _swap(self, entry: _Entry) -> list[str]:
        """Exchange the present state for the one that the entry keeps."""
        present = [Change(c.holder, c.item, c.holder.read(c.item)) for c in entry.changes]
        try:
            _write(entry.changes)
        except Exception as error:  # such as a bytearray that somebody exports
            _write(present)
            raise SnapshotConflict(f"call {entry.call}: {type(error).__name__}: {error}; nothing was changed") from error
        for name, pair in entry.bindings.items():
            value = pair[1 if entry.undone else 0]
            if value is ABSENT:
                self.namespace.pop(name, None)
            else:
                self.namespace[name] = value
        moods = (entry.left, entry.before.around) if entry.undone else (entry.before.around, entry.left)
        entry.changes, entry.undone = present, not entry.undone
        return ambient.restore(*moods)

    def stored_bytes(self, call_id: str) -> int:
        """Count the bytes that only the undo store keeps alive for a step."""
        entry = self._entries[call_id]
        alive = Walk(self.namespace, follow=False, keep=False).run(self.namespace.values())
        old = [pair[1 if entry.undone else 0] for pair in entry.bindings.values()]
        only = Walk(self.namespace, follow=False, keep=False, known=alive).run(old).held
        return entry.size + sum(_nbytes(v) for v in chain.from_iterable(only))

    @staticmethod
    def violations(changes: dict[str, Any], allowed: str | Iterable[str]) -> list[str]:
        """Give the changed names that may not be written.

        Parameters
        ----------
        changes : dict
            From `end`.
        allowed : str or iterable of str
            Globs, separated by commas or spaces; a leading minus takes names out.

        Returns
        -------
        list of str
            Names, sorted.
        """
        globs = [g for g in re.split(r"[,\s]+", allowed) if g] if isinstance(allowed, str) else list(allowed)
        minus = [g[1:] for g in globs if g.startswith("-")]
        plus = [g for g in globs if not g.startswith("-")] or ["*"]
        names = {n for kind in ("created", "rebound", "mutated", "deleted") for n in changes.get(kind, ())}
        return sorted(n for n in names if not _matches(n, plus) or _matches(n, minus))


def _matches(name: str, globs: Iterable[str]) -> bool:
    return any(fnmatchcase(name, g) for g in globs)


def _write(changes: list[Change]) -> None:
    """Write states back; containers that hash their content come last."""
    for change in sorted(changes, key=lambda c: c.holder.late):
        change.holder.write(change.item, change.state)


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _details(changes: list[Change], mutated: dict[str, Any], moved: dict[str, tuple[Any, Any]]) -> dict[str, list[str]]:
    """Name columns, keys and attributes that changed, by name."""
    by_id = {id(c.item): c for c in changes}
    found: dict[str, list[str]] = {}
    for name, value in mutated.items():
        parts = [by_id[i] for i in (id(value), id(getattr(value, "__dict__", None))) if i in by_id]
        found[name] = [d for c in parts for d in c.holder.details(c.item, c.state)]
    for name, (old, new) in moved.items():
        kinds = holders_of(type(new)) if type(old) is type(new) else ()
        found[name] = [d for h in kinds if isinstance(h, Tables) for d in h.details(new, h.read(old))]
    return {n: [d[:80] for d in details[:_DETAILS]] for n, details in found.items() if details}


def _nbytes(value: Any) -> int:
    """Estimate what one object holds by itself."""
    size = getattr(value, "memory_usage", None)
    if callable(size) and hasattr(value, "axes"):
        used = size(deep=False)
        return int(used if isinstance(used, int) else used.sum())
    return int(getattr(value, "nbytes", 0) or value.__sizeof__())
