"""An axis of time on which long waits are drawn short, and say how long they were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llmos_nb.views.contract import Stretch
from llmos_nb.views.report.model import Mark
from llmos_nb.views.report.scale import time_ticks
from llmos_nb.views.wording import clock

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
