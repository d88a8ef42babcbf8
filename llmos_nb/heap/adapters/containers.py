"""Adapters for Python's own containers.

Lists and dicts are noted in bulk: one flat list of items for all of them, compared by identity at the speed of C.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain
from operator import is_
from typing import Any

from llmos_nb.heap.adapters.base import ABSENT, Adapter, Parts, Scope, alike, differs


class Bulk(Adapter):
    """Containers of one kind, noted in bulk as ``(offsets, items)`` or ``(offsets, keys, values)``.

    A state is a tuple of one list a part. Only what a subclass may have overridden goes the slower way.
    """

    kind: Any

    def parts(self, objects: Sequence[Any]) -> tuple[Iterable[Iterable[object]], ...]:
        """Return what iterates over each container (a dict: over its keys)."""
        return (objects if type(objects[0]) is self.kind else map(self.kind.__iter__, objects),)

    def offsets(self, objects: Sequence[Any]) -> list[int]:
        """Return where each container begins in the flat lists."""
        lengths = map(len if type(objects[0]) is self.kind else self.kind.__len__, objects)
        return list(accumulate(lengths, initial=0))

    def children(self, objects: Sequence[Any], scope: Scope) -> Iterable[object]:
        """Return all that they hold."""
        return chain.from_iterable(map(chain.from_iterable, self.parts(objects)))

    def size(self, item: Any, state: Any) -> int:
        """Count the bytes of each entry."""
        return self.unit * len(state[0])

    def save(self, objects: Sequence[Any], scope: Scope) -> Any:
        """Note all in flat lists."""
        return self.offsets(objects), *(list(chain.from_iterable(part)) for part in self.parts(objects))

    def chunks(self, objects: Sequence[Any], saved: Any, scope: Scope) -> Iterable[Sequence[object]]:
        """Return the flat lists."""
        return saved[1:] if saved is not None else super().chunks(objects, saved, scope)

    def pick(self, saved: Any, index: int) -> tuple[list[object], ...]:
        """Cut one container out of the flat lists."""
        cut = slice(saved[0][index], saved[0][index + 1])
        return tuple([part[cut] for part in saved[1:]])

    def changed(self, objects: Sequence[Any], saved: Any) -> list[int]:
        """Compare all at once, and one by one only if that finds a difference."""
        offsets, *flat = saved
        if self.offsets(objects) == offsets:
            now = map(chain.from_iterable, self.parts(objects))
            if all(all(map(is_, old, new)) for old, new in zip(flat, now, strict=True)):
                return []
        return super().changed(objects, saved)


class Lists(Bulk):
    """Lists."""

    kind, unit = list, 8

    def read(self, item: Any) -> tuple[list[object]]:
        """Copy the items."""
        return (list(list.__iter__(item)),)

    def same(self, item: Any, state: Any) -> bool:
        """Compare the items by identity and order."""
        return alike(state[0], list(list.__iter__(item)))

    def write(self, item: Any, state: Any) -> None:
        """Replace the items in place."""
        list.__setitem__(item, slice(None), state[0])


class Dicts(Bulk):
    """Dicts; the order of the keys counts."""

    kind, unit, late = dict, 16, True

    def parts(self, objects: Sequence[Any]) -> tuple[Iterable[Iterable[object]], ...]:
        """Return what iterates over the keys of each dict, and over its values."""
        return *super().parts(objects), map(dict.values, objects)

    def read(self, item: Any) -> tuple[list[object], list[object]]:
        """Copy keys and values."""
        return list(dict.keys(item)), list(dict.values(item))

    def same(self, item: Any, state: Any) -> bool:
        """Compare keys and values by identity."""
        return alike(state[0], list(dict.keys(item))) and alike(state[1], list(dict.values(item)))

    def write(self, item: Any, state: Any) -> None:
        """Fill the same dict again."""
        dict.clear(item)
        dict.update(item, zip(*state, strict=True))

    def details(self, item: Any, state: Any) -> list[str]:
        """Name the keys that came, went or hold something else."""
        old, new = dict(zip(*state, strict=True)), item
        keys = [*old, *(k for k in dict.keys(new) if k not in old)]
        return [str(k) for k in keys if differs(old.get(k, ABSENT), dict.get(new, k, ABSENT))]


class OrderedDicts(Parts):
    """OrderedDict keeps its own order beside the dict's; the state is its keys and values in turn."""

    late, unit = True, 4

    def read(self, item: Any) -> list[object]:
        """Copy the entries in order."""
        return [o for k in OrderedDict.__iter__(item) for o in (k, OrderedDict.__getitem__(item, k))]

    def write(self, item: Any, state: list[object]) -> None:
        """Fill the same dict again, in order."""
        OrderedDict.clear(item)
        for key, value in zip(state[::2], state[1::2], strict=True):
            OrderedDict.__setitem__(item, key, value)


class Sets(Adapter):
    """Sets: which objects they hold, in no order."""

    late, unit = True, 8

    def children(self, objects: Sequence[Any], scope: Scope) -> Iterable[object]:
        """Return all elements."""
        return chain.from_iterable(map(set.__iter__, objects))

    def read(self, item: Any) -> Any:
        """Copy the elements."""
        return frozenset(set.__iter__(item))

    def same(self, item: Any, state: Any) -> bool:
        """Compare by identity of the elements."""
        return set(map(id, set.__iter__(item))) == set(map(id, state))

    def write(self, item: Any, state: Any) -> None:
        """Fill the same set again."""
        set.clear(item)
        set.update(item, state)


class Deques(Parts):
    """Deques: how many items they may have, and their items."""

    unit = 8

    def read(self, item: Any) -> list[Any]:
        """Copy bound and items."""
        return [item.maxlen, *deque.__iter__(item)]

    def write(self, item: Any, state: list[Any]) -> None:
        """Fill the same deque again."""
        deque.__init__(item, state[1:], state[0])


class ByteArrays(Adapter):
    """Bytearrays and arrays of numbers: compared by value."""

    def read(self, item: Any) -> Any:
        """Copy the content."""
        return item[:]

    def same(self, item: Any, state: Any) -> bool:
        """Compare the bytes."""
        return memoryview(item).tobytes() == memoryview(state).tobytes()

    def write(self, item: Any, state: Any) -> None:
        """Replace the content in place."""
        item[:] = state

    def size(self, item: Any, state: Any) -> int:
        """Count the bytes of the copy."""
        return memoryview(state).nbytes
