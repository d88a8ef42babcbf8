"""Axes: round places with words, and long series in few groups."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from llmos_nb.views.wording import clock, duration

T = TypeVar("T")
_ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)
_TIMES = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400)


def ticks(top: float, say: Callable[[float], str], most: int = 4) -> list[tuple[float, str]]:
    """Return round places from 0 to the first that is not below `top`, with their words."""
    if top <= 0:
        return [(0.0, say(0))]
    raw = top / most
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(r * unit for r in _ROUND if r * unit >= raw * (1 - 1e-9))
    return [(i * step, say(i * step)) for i in range(math.ceil(top / step - 1e-9) + 1)]


def time_ticks(end: float, most: int = 6) -> list[tuple[float, str]]:
    """Return round times from 0 to `end`, with their words."""
    step = next((t for t in _TIMES if end / t <= most), 86_400 * math.ceil(end / 86_400 / most) or 1)
    say = duration if end < 60 else clock
    return [(i * step, say(i * step) if i else "0") for i in range(int(end / step + 1e-9) + 1)]


def groups(items: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    """Yield neighbours together, in at most so many groups of one size; few items stay alone."""
    size = max(math.ceil(len(items) / most), 1)
    for i in range(0, len(items), size):
        yield items[i : i + size]


def span(numbers: Sequence[int]) -> str:
    """Say which numbers a group holds: ``3``, ``4–6``."""
    return f"{numbers[0]}" if len(numbers) == 1 else f"{numbers[0]}–{numbers[-1]}"
