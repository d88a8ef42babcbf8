"""What each answer of the model took: tokens, money, and what left the prompt before it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from llmos_nb.journal import Event, events as ev
from llmos_nb.messages import CACHED, Usage


@dataclass(frozen=True)
class Turn:
    """One answer of the model.

    Parameters
    ----------
    n : int
        Its number, from 1.
    sent : int
        Bytes of the prompt.
    usage : Usage
        Tokens, as the endpoint counted them; all 0 where it did not.
    spent : dict of str to float
        By unit, what it cost.
    paged : bool
        Whether work left the prompt before it.
    """

    n: int
    sent: int
    usage: Usage
    spent: dict[str, float]
    paged: bool

    @property
    def cached(self) -> float:
        """What the cached tokens of its prompt count as."""
        return min(self.usage.cached, self.usage.prompt) * CACHED

    @property
    def new(self) -> int:
        """Tokens of its prompt that were not cached."""
        return max(self.usage.prompt - self.usage.cached, 0)

    @property
    def charged(self) -> float:
        """Tokens at full price; as they were booked, where the endpoint did not count parts."""
        return float(self.usage.charged or self.spent.get("tokens", 0.0))


@dataclass(frozen=True)
class Spending:
    """What a process spent: answer by answer, and in all from event to event.

    Parameters
    ----------
    turns : list of Turn
        The answers, in order.
    times : list of (float, dict)
        Seconds since the first event, and by unit what was booked then.
    seconds : float
        From the first event to the last.
    """

    turns: list[Turn]
    times: list[tuple[float, dict[str, float]]]
    seconds: float

    def curve(self, unit: str) -> list[tuple[float, float]]:
        """Return a unit's sum after each booking."""
        points, total = [(0.0, 0.0)], 0.0
        for at, amounts in self.times:
            if amounts.get(unit):
                total += amounts[unit]
                points.append((at, total))
        return points


def spending(events: Iterable[Event]) -> Spending:
    """Return what a process spent, found by its events alone."""
    turns, times = list[Turn](), list[tuple[float, dict[str, float]]]()
    began = at = 0.0
    sent, paged, before = 0, False, dict[str, float]()
    for n, e in enumerate(events):
        then = datetime.fromisoformat(e.at).timestamp()
        began, at = began if n else then, then - (began if n else then)
        match e.body:
            case ev.ModelRequested(bytes=size):
                sent = size
            case ev.ContextPaged():
                paged = True
            case ev.BudgetSettled() as b:
                times.append((at, b.amounts))
                before = b.amounts if b.child is None else before
            case ev.ModelResponded() as b:
                given, before = b.settled or before, {}  # formerly an event of its own before it
                times += [(at, b.settled)] if b.settled else []
                used = Usage(*(int(b.usage.get(k, 0)) for k in ("prompt", "completion", "cached")))
                turns.append(Turn(len(turns) + 1, sent, used, dict(given), paged))
                paged = False
    return Spending(turns, times, at)
