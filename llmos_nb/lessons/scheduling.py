"""Lesson 04, scheduling: one slow agent starves seven. A small simulation, exact and without a clock."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from llmos_nb.lessons.core import Exercise, Outline, Question, Wrong, callable_or_wrong

TOLERANCE = 1.2


@dataclass(frozen=True, slots=True)
class Agent:
    """A process as the scheduler sees it.

    Parameters
    ----------
    pid : int
        Its number.
    turns : int
        How often it asks the model.
    think : float
        Seconds that one answer holds a model slot.
    act : float
        Seconds that its tool takes after each answer; it holds no slot then.
    """

    pid: int
    turns: int
    think: float
    act: float

    @property
    def alone(self) -> float:
        """Seconds that it takes with nobody else there."""
        return self.turns * (self.think + self.act)


@dataclass(frozen=True, slots=True)
class Ready:
    """An agent that waits for a slot: its pid, since when, turns left, and seconds of one answer."""

    pid: int
    since: float
    left: int
    think: float


@dataclass(frozen=True, slots=True)
class Span:
    """One answer: who, when it asked for a slot, when it got it, when it gave it back."""

    pid: int
    asked: float
    began: float
    ended: float


Policy = Callable[[Sequence[Ready], float], int]


def by_pid(ready: Sequence[Ready], now: float) -> int:
    """Give the slot to the lowest pid: a strict priority."""
    return min(r.pid for r in ready)


def shortest(ready: Sequence[Ready], now: float) -> int:
    """Give the slot to whoever has least left to do."""
    return min(ready, key=lambda r: (r.left * r.think, r.pid)).pid


def agents(seed: int) -> list[Agent]:
    """Make one slow agent and seven quick ones."""
    slow = Agent(1, 9 + seed % 3, 4.0 + seed % 2, 2.0)
    return [slow, *(Agent(pid, 5, 1.0, 1.0) for pid in range(2, 9))]


def serial(work: Iterable[Agent]) -> float:
    """Give the seconds for one agent after the other, each to its end."""
    return sum(a.alone for a in work)


def simulate(work: Iterable[Agent], policy: Policy, slots: int = 1) -> list[Span]:
    """Run agents over so many model slots and give who held one, and when.

    Parameters
    ----------
    work : iterable of Agent
        Who wants to run.
    policy : callable
        ``policy(ready, now) -> pid``: who gets the slot that is free.
    slots : int
        How many answers the endpoint makes at once.
    """
    by = {a.pid: a for a in work}
    left = {a.pid: a.turns for a in by.values()}
    coming = [(0.0, pid) for pid in sorted(by)]
    busy: list[float] = []
    ready: list[Ready] = []
    spans: list[Span] = []
    now = 0.0
    while coming or ready:
        while busy and busy[0] <= now:
            heapq.heappop(busy)
        while coming and coming[0][0] <= now:
            at, pid = heapq.heappop(coming)
            ready.append(Ready(pid, at, left[pid], by[pid].think))
        if not ready or len(busy) == slots:
            now = min([t for t, _ in coming[:1]] + busy[:1])
            continue
        chosen = _chosen(ready, policy(tuple(ready), now))
        ready.remove(chosen)
        end = now + chosen.think
        spans.append(Span(chosen.pid, chosen.since, now, end))
        heapq.heappush(busy, end)
        left[chosen.pid] -= 1
        if left[chosen.pid]:
            heapq.heappush(coming, (end + by[chosen.pid].act, chosen.pid))
    return spans


def _chosen(ready: Sequence[Ready], pid: object) -> Ready:
    found = next((r for r in ready if r.pid == pid), None)
    if found is None:
        raise Wrong(f"the policy gave {pid!r}; it must be the pid of one of those that are ready", 1)
    return found


def makespan(work: Iterable[Agent], spans: Iterable[Span]) -> float:
    """Give the second at which the last agent has ended, its last tool included."""
    act = {a.pid: a.act for a in work}
    return max(s.ended + act[s.pid] for s in spans)


def longest_waits(spans: Iterable[Span]) -> dict[int, float]:
    """Give each agent's longest wait for a slot."""
    waits: dict[int, float] = {}
    for s in spans:
        waits[s.pid] = max(waits.get(s.pid, 0.0), s.began - s.asked)
    return waits


def bound(work: Iterable[Agent], slots: int) -> float:
    """Give a time that no schedule can beat: all slots always busy, or the longest agent alone."""
    found = list(work)
    return max(sum(a.turns * a.think for a in found) / slots, max(a.alone for a in found))


def fair(work: Iterable[Agent]) -> float:
    """Give the longest wait that is still fair: twice one answer of everybody."""
    return 2 * sum(a.think for a in work)


def judge_waits(attempt: Any, seed: int) -> str:
    """Compare with the waits of real schedules."""
    waits = callable_or_wrong(attempt, "waits(spans)")
    for policy in (by_pid, shortest):
        spans = simulate(agents(seed), policy)
        mine, true = dict(waits(spans)), longest_waits(spans)
        if set(mine) != set(true):
            raise Wrong(f"it speaks of {sorted(mine)}; there are {sorted(true)}", 1)
        wrong = next((p for p in true if abs(mine[p] - true[p]) > 1e-6), None)
        if wrong is not None:
            hint = 2 if mine[wrong] < true[wrong] else 3
            raise Wrong(f"agent {wrong} waited {true[wrong]:g} s at most, and yours says {mine[wrong]:g}", hint)
    return f"under by_pid the seven wait up to {max(longest_waits(simulate(agents(seed), by_pid)).values()):g} s"


def judge_ideal(attempt: Any, seed: int) -> str:
    """Compare with the bound where slots bind and where one agent does."""
    ideal = callable_or_wrong(attempt, "ideal(agents, slots)")
    for slots in (1, 2, 8):
        mine, true = ideal(agents(seed), slots), bound(agents(seed), slots)
        if mine is None or abs(mine - true) > 1e-6:
            why = "the slots are always busy" if slots == 1 else "the slow agent alone takes that long"
            raise Wrong(f"with {slots} slots no schedule beats {true:g} s ({why}); yours says {mine}", 1 + (slots > 1))
    return "more slots help until the longest agent is what one waits for"


def judge_policy(attempt: Any, seed: int) -> str:
    """Run a policy on several variants: quick as a whole, and nobody starved."""
    policy = callable_or_wrong(attempt, "policy(ready, now)")
    worst = 0.0
    for variant in range(seed, seed + 6):
        work = agents(variant)
        spans = simulate(work, policy)
        took, best, waits = makespan(work, spans), bound(work, 1), longest_waits(spans)
        worst = max(worst, took / best)
        pid, wait = max(waits.items(), key=lambda w: w[1])
        if took > TOLERANCE * best:
            raise Wrong(f"variant {variant} takes {took:g} s, {took / best:.2f} × the ideal {best:g}", 3)
        if wait > fair(work):
            raise Wrong(f"variant {variant}: agent {pid} waits {wait:g} s for one answer; {fair(work):g} is fair", 2)
    return f"at most {worst:.2f} × the ideal, and nobody is starved"


OUTLINE = Outline(
    "04",
    "Scheduling: one slow agent starves seven",
    "predict how long eight agents take over one model, and write the policy that is quick and fair",
    30,
    "lesson 01",
    "“eight agents are eight times as fast”. They wait for the same model, and somebody decides who goes first.",
    "no model: a simulation that is exact; then eight scripted ones",
    (
        Question("serial", "The eight agents run one after the other. How many seconds does it take?"),
        Question(
            "starved",
            "The slot always goes to the lowest pid. Who waits longest for one answer?",
            {"1": "agent 1, the slow one", "2": "agent 2, the first of the quick ones", "8": "agent 8, the last"},
        ),
    ),
    (
        Exercise(
            "waits",
            "Write waits(spans): each agent's longest wait for a slot, as {pid: seconds}.",
            (
                "A span has pid, asked, began and ended; every pid that occurs belongs into the dict.",
                "Each agent has many spans: the longest wait counts, not the last one.",
                "One waits from asked to began; from began to ended one is served.",
            ),
            judge_waits,
        ),
        Exercise(
            "ideal",
            "Write ideal(agents, slots): the seconds that no policy can beat.",
            (
                "The slots have all answers to make: the sum of turns × think, over the number of slots.",
                "An agent's turns come one after the other: none ends before agent.alone seconds.",
                "The larger of both: max(sum(…) / slots, max(a.alone for a in agents)).",
            ),
            judge_ideal,
        ),
        Exercise(
            "policy",
            f"Write policy(ready, now) -> pid: at most {TOLERANCE} × ideal, and nobody waits over twice a round.",
            (
                "ready holds pid, since, left and think of everybody who waits; give back the pid of one of them.",
                "Whoever always comes first starves the rest. What does a queue at a counter look at?",
                "The slow agent must not come last either: it has the longest way. min(ready, key=lambda r: r.since).",
            ),
            judge_policy,
        ),
    ),
)
