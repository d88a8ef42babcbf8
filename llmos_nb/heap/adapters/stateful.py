"""Adapters for state in C code that can be read and set: caches, random generators, exceptions, partials."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from gc import get_referents
from typing import Any

from llmos_nb.heap.adapters.base import Adapter, Attributes, Opaque, Parts, Scope, Through
from llmos_nb.heap.digest.digest import digest


class Caches(Adapter):
    """Functions under `functools.cache`: undo empties a cache that a step filled, so that it returns nothing stale."""

    def children(self, objects: Sequence[Any], scope: Scope) -> Iterable[object]:
        """Return the function inside and the cached results; never the cache itself, which C code owns."""
        for item in objects:
            yield item.__wrapped__
            for held in get_referents(item):
                for each in held.values() if type(held) is dict and held is not vars(item) else (held,):
                    yield from get_referents(each) if type(each).__name__ == "_lru_list_elem" else (each,)

    def read(self, item: Any) -> Any:
        """Note how often it had to compute."""
        return item.cache_info()[1::2]

    def write(self, item: Any, state: Any) -> None:
        """Empty the cache."""
        item.cache_clear()


class Stateful(Adapter):
    """Objects with methods that get and set their state, such as random generators and text streams."""

    def __init__(self, get: Callable[[Any], Any], put: Callable[[Any, Any], object]) -> None:
        self.get, self.put = get, put

    def read(self, item: Any) -> Any:
        """Note the state and its digest."""
        state = self.get(item)
        return digest(state), state

    def same(self, item: Any, state: Any) -> bool:
        """Compare the digests."""
        return bool(self.read(item)[0] == state[0])

    def write(self, item: Any, state: Any) -> None:
        """Set the state back."""
        self.put(item, state[1])

    def size(self, item: Any, state: Any) -> int:
        """Count a generator's usual 2.5 KB."""
        return 2500


class Exceptions(Attributes):
    """Exceptions of one class: what C code keeps of them, and what they were raised from.

    Parameters
    ----------
    kind : type
        The class.
    """

    def __init__(self, kind: type) -> None:
        slots = (types.MemberDescriptorType, types.GetSetDescriptorType)
        found = {n for c in kind.__mro__ for n, m in vars(c).items() if isinstance(m, slots)}
        super().__init__(*sorted(found - {"__dict__", "__weakref__"}))

    def children(self, objects: Sequence[Any], scope: Scope) -> Iterable[object]:
        """Return the attributes' values; never a traceback, which leads to every frame."""
        return (v for v in super().children(objects, scope) if not isinstance(v, types.TracebackType))


class Partials(Parts):
    """Partial calls of functions: function, arguments and keywords."""

    def read(self, item: Any) -> tuple[object, ...]:
        """Note them."""
        return item.func, item.args, item.keywords

    def write(self, item: Any, state: tuple[object, ...]) -> None:
        """Set them back, past what a subclass may have made of it."""
        type(item).__setstate__(item, (*state, vars(item)))


class MemoryViews(Through):
    """Views of memory: one that is released can never be used again."""

    keeps = True

    def read(self, item: Any) -> bool:
        """Note whether it can be used."""
        with suppress(ValueError):
            return bool(item.nbytes >= 0)
        return False

    def lost(self, state: Any) -> str:
        """Say that a release cannot be taken back."""
        return "a memory view that was released"


class ContextVars(Opaque):
    """Context variables: what they hold is looked at, as it is in this context."""

    def children(self, objects: Sequence[Any], scope: Scope) -> Iterable[object]:
        """Return what they hold."""
        return [*super().children(objects, scope), *(v.get(None) for v in objects)]


class Loggers(Attributes):
    """Loggers: level, filters and handlers by name; handlers themselves write elsewhere."""

    def __init__(self) -> None:
        super().__init__("level", "disabled", "propagate", "handlers", "filters")

    def write(self, item: Any, state: tuple[object, ...]) -> None:
        """Set them back, and have loggers forget what they have worked out from the levels."""
        super().write(item, state)
        item.manager._clear_cache()
