"""Lesson 04."""

from __future__ import annotations

from collections.abc import Sequence

from llmos_nb.lessons.scheduling import Agent, Ready, Span


# exercise: waits
def waits(spans: Sequence[Span]) -> dict[int, float]:
    """Return each agent's longest wait."""
    return {pid: max(s.began - s.asked for s in spans if s.pid == pid) for pid in {s.pid for s in spans}}


# exercise: ideal
def ideal(agents: Sequence[Agent], slots: int) -> float:
    """Return the time that no policy can beat."""
    answers = sum(a.turns * a.think for a in agents)
    return max([answers / slots, *(a.turns * (a.think + a.act) for a in agents)])


# exercise: policy
def policy(ready: Sequence[Ready], now: float) -> int:
    """Serve whoever waits longest; of several, the one with most left to do."""
    return min(ready, key=lambda r: (r.since, -r.left * r.think)).pid
