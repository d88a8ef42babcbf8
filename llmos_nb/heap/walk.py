"""What can be reached from names: one walk, chunk by chunk and kind by kind, at the speed of C where it counts.

A walk follows containers, instances, closures and, where asked, the global names that reached functions use; it can
note the shallow state of all that can change on its way (an `Image`).
"""

from __future__ import annotations

import sys
import types
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import cache
from typing import Any, NamedTuple

from llmos_nb.heap.adapters.base import Adapter
from llmos_nb.heap.adapters.code import is_owned
from llmos_nb.heap.adapters.registry import adapters_of


@cache
def used_names(code: types.CodeType) -> frozenset[str]:
    """Return every name that code, or code inside it, may look up outside."""
    inner = [used_names(c) for c in code.co_consts if isinstance(c, types.CodeType)]
    return frozenset(code.co_names).union(*inner)


COPY_BYTES = 64 << 20  # that a step may copy, so that it begins at once
OBJECTS = 2_000_000  # that a walk looks at before a step; what it has not seen by then is said to be opaque
FEW = 4  # kinds up to which a pass for each is faster than one in Python
_EVERYTHING = frozenset(("exec", "eval", "globals", "__import__", "get_ipython", "__builtins__"))


Ids = dict[int, None]  # a dict, as ids lie so close together that a set of them is slow
Until = Callable[[Ids], bool] | None


class Shelf(NamedTuple):
    """Objects of one kind, found together, with their states."""

    adapter: Adapter
    objects: Sequence[Any]
    saved: Any


class Change(NamedTuple):
    """An object whose state has changed."""

    adapter: Adapter
    item: Any
    state: Any


@dataclass
class Image:
    """What a walk found.

    Parameters
    ----------
    shelves : list of Shelf
        The states, kind by kind.
    seen : dict of ids
        Ids of all objects that were reached.
    held : list of sequences
        Those objects; holding them keeps the ids valid.
    names : set of str
        Global names that reached functions use.
    opaque : dict
        Reason by id, of what nobody can put back.
    handles : dict
        Reason by id, of that by which something may be done outside unseen.
    whole : bool
        False where the bound on objects ended the walk.
    """

    shelves: list[Shelf] = field(default_factory=list)
    seen: Ids = field(default_factory=dict)
    held: list[Sequence[Any]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    opaque: dict[int, str] = field(default_factory=dict)
    handles: dict[int, str] = field(default_factory=dict)
    whole: bool = True

    def changes(self) -> list[Change]:
        """Return the objects that changed since, with their states of then."""
        found = [(s, i) for s in self.shelves for i in s.adapter.changed(s.objects, s.saved)]
        return [Change(s.adapter, s.objects[i], s.adapter.pick(s.saved, i)) for s, i in found]


@dataclass
class Walk:
    """One walk over what a namespace holds.

    Parameters
    ----------
    namespace : dict
        The global names.
    light : bool
        Mark data instead of copying it.
    follow : bool
        Follow functions into the globals they use.
    keep : bool
        Note states.
    known : Image
        Objects not to enter.
    """

    namespace: dict[str, Any]
    _: KW_ONLY
    light: bool = False
    follow: bool = True
    keep: bool = True
    known: Image = field(default_factory=Image)
    everything: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.cap = self.room = COPY_BYTES
        self.image = Image(seen={id(self.namespace): None})
        self._adapters = cache(adapters_of)

    def run(self, roots: Iterable[object], until: Until = None, leaves: frozenset[int] = frozenset()) -> Image:
        """Walk from the roots, or until what it finds satisfies `until`.

        Parameters
        ----------
        roots : iterable
            Where to start.
        until : callable, optional
            Gets the ids of newly found objects; true ends the walk.
        leaves : frozenset of int
            Ids of texts and the like, which hold nothing and are otherwise passed over.

        Returns
        -------
        Image
            What was found.
        """
        waiting: list[Sequence[Any]] = [list(roots)]
        while waiting:
            chunk = waiting.pop()
            if leaves and (met := dict.fromkeys(leaves.intersection(map(id, chunk)))):
                self.image.seen.update(met)
                if until is not None and until(met):
                    return self.image
            for kind, objects in self._by_kind(chunk):
                ids, fresh = self._fresh(objects)
                if until is not None and until(ids):
                    return self.image
                if ids:
                    waiting += self._enter(kind, fresh)
            if len(self.image.seen) > OBJECTS:
                self.image.whole = False
                break
        return self.image

    def _by_kind(self, objects: Sequence[Any]) -> Iterator[tuple[type, Sequence[Any]]]:
        """Sort objects by class, without those that hold nothing."""
        kinds = set(map(type, objects))
        wanted = [k for k in kinds if self._adapters(k)]
        if len(kinds) == 1:
            yield from ((k, objects) for k in wanted)
        elif len(wanted) <= FEW:
            for kind in wanted:
                yield kind, [o for o in objects if type(o) is kind]
        else:
            sorted_out: dict[type, list[Any]] = {k: [] for k in kinds}
            for item in objects:
                sorted_out[type(item)].append(item)
            yield from ((k, sorted_out[k]) for k in wanted)

    def _fresh(self, objects: Sequence[Any]) -> tuple[Ids, Sequence[Any]]:
        """Return those of the objects that were not met before, with their ids."""
        seen, known = self.image.seen, self.known.seen
        ids = dict.fromkeys(map(id, objects))
        met = not (seen.keys().isdisjoint(ids.keys()) and known.keys().isdisjoint(ids.keys()))
        if met or len(ids) < len(objects):
            by_id = {i: o for o in objects if (i := id(o)) not in seen and i not in known}
            ids, objects = dict.fromkeys(by_id), list(by_id.values())
        seen.update(ids)
        self.image.held.append(objects)
        return ids, objects

    def _enter(self, kind: type, objects: Sequence[Any]) -> Iterator[Sequence[object]]:
        """Note states and return what the objects hold."""
        for adapter in self._adapters(kind):
            try:
                saved = adapter.save(objects, self) if self.keep and adapter.keeps else None
                if saved is not None:
                    self.image.shelves.append(Shelf(adapter, objects, saved))
                yield from adapter.chunks(objects, saved, self)
            except Exception as error:  # an object's own code may raise anything; then it is reported
                for item in objects:
                    self.opaque(item, f"it cannot be read: {type(error).__name__}: {error}")
                    self.handle(item, "it cannot be read")

    def opaque(self, item: object, why: str) -> None:
        """Report that this object's state cannot be restored."""
        self.image.opaque[id(item)] = why

    def handle(self, item: object, why: str) -> None:
        """Report that by this object something may be done outside that nobody sees."""
        self.image.handles[id(item)] = why

    def globals_of(self, code: types.CodeType, names: dict[str, Any]) -> Iterable[object]:
        """Return what code can reach through its global names."""
        if not self.follow:
            return ()
        used = used_names(code)
        if names is not self.namespace:
            return [names, *loaded(used)] if is_owned(str(names.get("__name__", ""))) else ()
        # code that may look up any name reaches all of them, once and for all functions
        if used & _EVERYTHING and not self.everything:
            self.everything = True
            used = frozenset(names)
        here = used & names.keys()
        self.image.names |= here
        return [*(names[n] for n in here), *loaded(used)]


def loaded(names: Iterable[str]) -> list[types.ModuleType]:
    """Return the modules of the user's own of these names that are there: code that imports them has all they hold."""
    found = sys.modules.keys() & names
    return [sys.modules[n] for n in found if n not in ("__main__", "builtins") and is_owned(n)]


def can_change(value: object) -> bool:
    """Return whether data can be changed in place, by itself or in what it holds; of code and modules, not."""
    if isinstance(value, type | types.ModuleType | types.FunctionType | types.BuiltinFunctionType):
        return False
    return bool(Walk({}, light=True, follow=False).run([value]).shelves)


def reachable_names(names: Iterable[str] | None, namespace: dict[str, Any]) -> set[str]:
    """Add the names that called functions use to the names that code uses.

    Parameters
    ----------
    names : iterable of str, optional
        Names in the code; None stands for all.
    namespace : dict
        The global names.

    Returns
    -------
    set of str
        Those of them that exist, and every global name that a reachable user function, method or class uses.
    """
    if names is None:
        return set(namespace)
    known = set(names) & namespace.keys()
    return known | Walk(namespace, keep=False).run([namespace[n] for n in known]).names


def names_reaching(
    targets: Collection[int],
    bindings: Mapping[str, Any],
    namespace: dict[str, Any],
    leaves: bool = False,
    follow: bool = False,
) -> dict[str, int]:
    """Return the names from which one of the objects can be reached.

    Parameters
    ----------
    targets : collection of int
        Ids of the objects.
    bindings : mapping
        Value by name.
    namespace : dict
        The global names, which are not entered.
    leaves : bool
        Texts are looked for, too, although nothing can be reached from them.
    follow : bool
        Functions reach what their globals hold.

    Returns
    -------
    dict
        By name, the id of one of the objects that it reaches.
    """
    found: dict[str, int] = {}
    wanted, atoms = set(targets), frozenset(targets if leaves else ())
    barren = Image()  # objects that lead to no target
    groups: dict[int, list[str]] = defaultdict(list)
    for name, value in bindings.items():
        if wanted and (id(value) in atoms or adapters_of(type(value))):
            groups[id(value)].append(name)
    for names in groups.values():
        walk = Walk(namespace, follow=follow, keep=False, known=barren)
        image = walk.run([bindings[names[0]]], lambda ids: not wanted.isdisjoint(ids.keys()), atoms)
        if (hit := next(iter(image.seen.keys() & wanted), None)) is None:
            barren.seen.update(image.seen)
            barren.held += image.held
        else:
            found.update(dict.fromkeys(names, hit))
    return found
