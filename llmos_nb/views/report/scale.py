"""Axes: round places with words, long series in few groups, and time on which long waits are drawn short."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from llmos_nb.views.contract import Stretch
from llmos_nb.views.report.model import Mark
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


LEAST_S, SHARE = 20.0, 0.5  # a wait is long from here on, and where it is more than this share of all work


@dataclass(frozen=True)
class Axis:
    """Places of moments on the axis.

    Parameters
    ----------
    seconds : float
        From the first event to the last.
    waits : sequence of (float, float)
        Long stretches in which neither model nor tools worked, in order.
    most : float
        As how long each of them is drawn.
    """

    seconds: float
    waits: Sequence[tuple[float, float]] = ()
    most: float = LEAST_S

    @property
    def end(self) -> float:
        """Where the axis ends."""
        return self.at(self.seconds)

    def at(self, moment: float) -> float:
        """Return the place of a moment."""
        place = moment
        for begin, end in self.waits:
            gone = min(moment, end) - begin
            if gone > 0:
                place -= gone * (1 - self.most / (end - begin))
        return place

    def when(self, place: float) -> float:
        """Return the moment of a place."""
        moment = place
        for begin, end in self.waits:
            if (there := moment - begin) > 0:
                drawn = min(there, self.most)
                moment += drawn * ((end - begin) / self.most - 1)
        return moment

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Places with their times; round ones where nothing is drawn short."""
        even = time_ticks(self.end)
        return even if not self.waits else [(p, clock(self.when(p)) if p else "0") for p, _ in even]

    @property
    def marks(self) -> list[Mark]:
        """Words over what is drawn short."""
        return [Mark(self.at(b) + self.most / 2, "wait", f"{clock(e - b)} ≈") for b, e in self.waits]

    @property
    def says(self) -> str:
        """What a reader has to know; nothing where all is drawn as long as it was."""
        lengths = ", ".join(clock(end - begin) for begin, end in self.waits)
        return f" Long waits are drawn short: {lengths}." if lengths else ""


def axis(found: Sequence[Stretch], seconds: float) -> Axis:
    """Return the axis of a run: what of it was waiting, or nothing at all, may be drawn short.

    Parameters
    ----------
    found : sequence of Stretch
        What the process as a whole did, in order.
    seconds : float
        From the first event to the last.
    """
    worked = [(s["begin"], s["end"]) for s in found if s["who"] != "you"]
    most = max(LEAST_S, SHARE * sum(end - begin for begin, end in worked))
    edges = zip([0.0, *(end for _, end in worked)], [*(begin for begin, _ in worked), seconds], strict=True)
    return Axis(seconds, [(begin, end) for begin, end in edges if end - begin > most], most)
