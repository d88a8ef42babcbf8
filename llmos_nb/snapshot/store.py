"""Which steps can be undone: the latest, within a number of steps and of bytes."""

from __future__ import annotations

from collections.abc import Iterable

from llmos_nb.snapshot.entry import Entry

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
        self._gone: dict[str, str] = {}
        self._sizes: dict[str, tuple[bool, int]] = {}

    def add(self, call: str, entry: Entry) -> list[str]:
        """Add the latest step; give those that were let go for it."""
        self.pop(call, None)
        self._sizes.pop(call, None)
        self._gone.pop(call, None)
        self[call] = entry
        self._sizes = {c: self._sized(c, e) for c, e in self.items()}
        kept = {c: size for c, (_, size) in self._sizes.items()}
        total, gone = sum(kept.values()), list[str]()
        for old, size in list(kept.items())[:-1]:
            if len(kept) - len(gone) <= self.steps and total <= self.size:
                break
            total -= size
            gone.append(old)
        self.drop(gone, f"the last {self.steps} steps and {self.size >> 20:,} MB are kept, and it is older")
        return gone

    def _sized(self, call: str, entry: Entry) -> tuple[bool, int]:
        """Measure what an entry keeps once, and again when it was undone or redone."""
        known = self._sizes.get(call)
        return known if known is not None and known[0] == entry.undone else (entry.undone, entry.kept)

    def drop(self, calls: Iterable[str], why: str) -> None:
        """Let steps go; one that is not there is passed over."""
        self._gone.update((c, why) for c in calls if self.pop(c, None) is not None)

    def why_not(self, call: str) -> str:
        """Say why a step is not there."""
        return self._gone.get(call, "there is no snapshot of it in this session")
