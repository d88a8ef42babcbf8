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


def _lengths(objects: Sequence[Any], kind: Any) -> Iterable[int]:
    """Return the lengths of containers; only what a subclass may have overridden goes the slower way."""
    return map(len if type(objects[0]) is kind else kind.__len__, objects)


def _iterators(objects: Sequence[Any], kind: Any) -> Iterable[Iterable[object]]:
    """Return what iterates over each container (a dict: over its keys)."""
    return objects if type(objects[0]) is kind else map(kind.__iter__, objects)


class Lists(Parts):
    """Lists, noted in bulk as ``(offsets, items)``."""

    unit = 8

    def children(self, objects: Sequence[Any], scope: Scope) -> Iterable[object]:
        """Return all items."""
        return chain.from_iterable(_iterators(objects, list))

    def read(self, item: Any) -> list[object]:
        """Copy the items."""
        return list(list.__iter__(item))

    def write(self, item: Any, state: list[object]) -> None:
        """Replace the items in place."""
        list.__setitem__(item, slice(None), state)

    def save(self, objects: Sequence[Any], scope: Scope) -> Any:
        """Note all in two flat lists."""
        return list(accumulate(_lengths(objects, list), initial=0)), list(self.children(objects, scope))

    def chunks(self, objects: Sequence[Any], saved: Any, scope: Scope) -> Iterable[Sequence[object]]:
        """Return the flat list."""
        return [saved[1]] if saved is not None else super().chunks(objects, saved, scope)

    def pick(self, saved: Any, index: int) -> list[object]:
        """Cut one list out of the flat one."""
        offsets, items = saved
        return items[offsets[index] : offsets[index + 1]]  # type: ignore[no-any-return]  # `saved` is what save gave

    def changed(self, objects: Sequence[Any], saved: Any) -> list[int]:
        """Compare all at once, and one by one only if that finds a difference."""
        offsets, items = saved
        now = chain.from_iterable(_iterators(objects, list))
        if list(accumulate(_lengths(objects, list), initial=0)) == offsets and all(map(is_, items, now)):
            return []
        return [i for i, o in enumerate(objects) if not self.same(o, self.pick(saved, i))]


def _parts(objects: Sequence[Any]) -> tuple[Iterable[Iterable[object]], Iterable[Iterable[object]]]:
    """Return what iterates over the keys of each dict, and over its values."""
    return _iterators(objects, dict), map(dict.values, objects)


class Dicts(Adapter):
    """Dicts, noted in bulk as ``(offsets, keys, values)``; the order of the keys counts."""

    late = True

    def children(self, objects: Sequence[Any], scope: Scope) -> Iterable[object]:
        """Return all keys and values."""
        return chain(*(chain.from_iterable(part) for part in _parts(objects)))

    def read(self, item: Any) -> tuple[list[object], list[object]]:
        """Copy keys and values."""
        return list(dict.keys(item)), list(dict.values(item))

    def same(self, item: Any, state: Any) -> bool:
        """Compare keys and values by identity."""
        keys, values = self.read(item)
        return alike(state[0], keys) and alike(state[1], values)

    def write(self, item: Any, state: Any) -> None:
        """Fill the same dict again."""
        dict.clear(item)
        dict.update(item, zip(*state, strict=True))

    def size(self, item: Any, state: Any) -> int:
        """Count sixteen bytes an entry."""
        return 16 * len(state[0])

    def details(self, item: Any, state: Any) -> list[str]:
        """Name the keys that came, went or hold something else."""
        old, new = dict(zip(*state, strict=True)), item
        keys = [*old, *(k for k in dict.keys(new) if k not in old)]
        return [str(k) for k in keys if differs(old.get(k, ABSENT), dict.get(new, k, ABSENT))]

    def save(self, objects: Sequence[Any], scope: Scope) -> Any:
        """Note all in three flat lists."""
        keys, values = (list(chain.from_iterable(part)) for part in _parts(objects))
        return list(accumulate(_lengths(objects, dict), initial=0)), keys, values

    def chunks(self, objects: Sequence[Any], saved: Any, scope: Scope) -> Iterable[Sequence[object]]:
        """Return the flat lists."""
        return saved[1:] if saved is not None else super().chunks(objects, saved, scope)

    def pick(self, saved: Any, index: int) -> Any:
        """Cut one dict's keys and values out of the flat lists."""
        offsets, keys, values = saved
        cut = slice(offsets[index], offsets[index + 1])
        return keys[cut], values[cut]

    def changed(self, objects: Sequence[Any], saved: Any) -> list[int]:
        """Compare all at once, and one by one only if that finds a difference."""
        offsets, keys, values = saved
        if list(accumulate(_lengths(objects, dict), initial=0)) == offsets:
            now = (chain.from_iterable(part) for part in _parts(objects))
            if all(all(map(is_, old, new)) for old, new in zip((keys, values), now, strict=True)):
                return []
        return [i for i, o in enumerate(objects) if not self.same(o, self.pick(saved, i))]


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
