"""Holders for what C code keeps but gives or drops on request: caches, random generators, text streams."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from gc import get_referents
from itertools import chain
from typing import Any

from llmos_nb.fingerprint import digest
from llmos_nb.holders.base import Holder, Scope


class Caches(Holder):
    """Functions under `functools.cache`: undo empties a cache that a step filled, so nothing stale is given."""

    def children(self, objects: Sequence[Any], scope: Scope) -> Iterable[object]:
        """Give the function inside and the cached results; never the cache itself, which C code owns."""
        for item in objects:
            yield item.__wrapped__
            found = chain.from_iterable(
                r.values() if type(r) is dict and r is not vars(item) else (r,) for r in get_referents(item)
            )
            for each in found:
                yield from get_referents(each) if type(each).__name__ == "_lru_list_elem" else (each,)

    def read(self, item: Any) -> Any:
        """Note how often it had to compute."""
        return item.cache_info()[1::2]

    def same(self, item: Any, state: Any) -> bool:
        """Tell whether anything was computed or thrown away since."""
        return bool(item.cache_info()[1::2] == state)

    def write(self, item: Any, state: Any) -> None:
        """Empty the cache."""
        item.cache_clear()


class Stateful(Holder):
    """Objects that give and take their state as plain data, such as random generators and text streams."""

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
        """Give the state back."""
        self.put(item, state[1])

    def size(self, item: Any, state: Any) -> int:
        """Count a generator's usual 2.5 KB."""
        return 2500
