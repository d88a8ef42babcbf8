"""Lesson 04, scheduling: one slow agent starves seven, in a simulation of who gets the slot, without a clock."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from llmos_nb.lessons.core import Wrong, callable_or_wrong, far, ours, wrong_if
from llmos_nb.messages import Request, Response
from llmos_nb.models.scripted import ScriptedModel


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
    """Return the slot to the lowest pid: a strict priority."""
    return min(r.pid for r in ready)


def shortest(ready: Sequence[Ready], now: float) -> int:
    """Return the slot to whoever has least left to do."""
    return min(ready, key=lambda r: (r.left * r.think, r.pid)).pid


def agents(seed: int) -> list[Agent]:
    """Make one slow agent and seven quick ones."""
    slow = Agent(1, 9 + seed % 3, 4.0 + seed % 2, 2.0)
    return [slow, *(Agent(pid, 5, 1.0, 1.0) for pid in range(2, 9))]


def serial(work: Iterable[Agent]) -> float:
    """Return the seconds for one agent after the other, each to its end."""
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
    coming, now = [(0.0, pid) for pid in sorted(by)], 0.0
    busy, ready, spans = list[float](), list[Ready](), list[Span]()
    while coming or ready:
        while busy and busy[0] <= now:
            heapq.heappop(busy)
        while coming and coming[0][0] <= now:
            at, pid = heapq.heappop(coming)
            ready.append(Ready(pid, at, left[pid], by[pid].think))
        if not ready or len(busy) == slots:
            # nothing can begin: go on to when an agent asks again or a slot is given back
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
    """Return the second at which the last agent has ended, its last tool included."""
    act = {a.pid: a.act for a in work}
    return max(s.ended + act[s.pid] for s in spans)


@ours
def longest_waits(spans: Iterable[Span]) -> dict[int, float]:
    """Return each agent's longest wait for a slot."""
    waits: dict[int, float] = {}
    for s in spans:
        waits[s.pid] = max(waits.get(s.pid, 0.0), s.began - s.asked)
    return waits


@ours
def bound(work: Iterable[Agent], slots: int) -> float:
    """Return a time that no schedule can beat: all slots always busy, or the longest agent alone."""
    found = list(work)
    return max(sum(a.turns * a.think for a in found) / slots, *(a.alone for a in found))


def fair(work: Iterable[Agent]) -> float:
    """Return the longest wait that is still fair: twice one answer of everybody."""
    return 2 * sum(a.think for a in work)


TOLERANCE = 1.2


def judge_waits(attempt: Any, seed: int) -> str:
    """Compare with the waits of real schedules."""
    waits = callable_or_wrong(attempt, "waits(spans)")
    for policy in (by_pid, shortest):
        spans = simulate(agents(seed), policy)
        mine, true = waits(spans), longest_waits(spans)
        wrong_if(not isinstance(mine, dict), f"a dict, {{pid: seconds}}, is wanted, and it gave {mine!r:.60}", 1)
        wrong_if(set(mine) != set(true), f"it speaks of {[*mine]}; there are {sorted(true)}", 1)
        wrong = next((p for p in true if far(mine[p], true[p])), None)
        if wrong is not None:
            hint = 3 if far(mine[wrong], 0, true[wrong]) else 2
            raise Wrong(f"agent {wrong} waited {true[wrong]:g} s at most, and yours says {mine[wrong]!r:.8}", hint)
    longest = max(longest_waits(simulate(agents(seed), by_pid)).values())
    return f"under by_pid the seven wait up to {longest:g} s"


def judge_ideal(attempt: Any, seed: int) -> str:
    """Compare with the bound where slots bind and where one agent does."""
    ideal = callable_or_wrong(attempt, "ideal(agents, slots)")
    everybody, quick = agents(seed), agents(seed)[1:]
    for work, slots in ((everybody, 1), (everybody, 2), (everybody, 8), (quick, 3)):
        mine, true = ideal(work, slots), bound(work, slots)
        why = "the slow agent alone takes that long" if slots in (2, 8) else "the slots are always busy"
        told = f"{len(work)} agents, slots: {slots}; no schedule beats {true:g} s ({why}), and yours says {mine}"
        wrong_if(far(mine, true), told, 1 + (slots > 1))
    return "more slots help until the longest agent is what one waits for"


def by_number(ready: Sequence[Ready]) -> tuple[Ready, ...]:
    """Return those that are ready by their pid, and not by who came first."""
    return tuple(sorted(ready, key=lambda r: r.pid))


def judge_policy(attempt: Any, seed: int) -> str:
    """Run a policy on several variants: quick as a whole, and nobody starved."""
    policy = callable_or_wrong(attempt, "policy(ready, now)")
    worst = 0.0
    for variant in range(seed, seed + 6):
        work = agents(variant)
        spans = simulate(work, lambda ready, now: policy(by_number(ready), now))  # where one stands says nothing
        took, best, waits = makespan(work, spans), bound(work, 1), longest_waits(spans)
        worst = max(worst, took / best)
        pid, wait = max(waits.items(), key=lambda w: w[1])
        if took > TOLERANCE * best:
            raise Wrong(f"variant {variant} takes {took:g} s, {took / best:.2f} × the ideal {best:g}", 3)
        told = f"variant {variant}: agent {pid} waits {wait:g} s for one answer; {fair(work):g} is fair"
        wrong_if(wait > fair(work), told, 2)
    return f"at most {worst:.2f} × the ideal, and nobody is starved"


class Persistent(ScriptedModel):
    """A scripted model that sends its first turn again as long as it is told that nothing ran."""

    async def respond(self, request: Request, on_text: Callable[[str], None]) -> Response:
        """Say the next turn, or the first one once more."""
        if any("Nothing ran" in m.text for m in request.messages[-2:]):
            self.turns = (*self.turns[: self.position], self.turns[0], *self.turns[self.position :])
        return await super().respond(request, on_text)
