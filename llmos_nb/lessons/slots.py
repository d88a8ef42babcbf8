"""Lesson 04, scheduling: one slow agent starves seven."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmos_nb.lessons.core import Wrong, callable_or_wrong, wrong_if
from llmos_nb.lessons.scheduling import agents, bound, by_pid, fair, longest_waits, makespan, shortest, simulate
from llmos_nb.messages import Request, Response
from llmos_nb.models.scripted import ScriptedModel

TOLERANCE = 1.2


def judge_waits(attempt: Any, seed: int) -> str:
    """Compare with the waits of real schedules."""
    waits = callable_or_wrong(attempt, "waits(spans)")
    for policy in (by_pid, shortest):
        spans = simulate(agents(seed), policy)
        mine, true = dict(waits(spans)), longest_waits(spans)
        wrong_if(set(mine) != set(true), f"it speaks of {sorted(mine)}; there are {sorted(true)}", 1)
        wrong = next((p for p in true if abs(mine[p] - true[p]) > 1e-6), None)
        if wrong is not None:
            hint = 2 if mine[wrong] < true[wrong] else 3
            raise Wrong(f"agent {wrong} waited {true[wrong]:g} s at most, and yours says {mine[wrong]:g}", hint)
    longest = max(longest_waits(simulate(agents(seed), by_pid)).values())
    return f"under by_pid the seven wait up to {longest:g} s"


def judge_ideal(attempt: Any, seed: int) -> str:
    """Compare with the bound where slots bind and where one agent does."""
    ideal = callable_or_wrong(attempt, "ideal(agents, slots)")
    for slots in (1, 2, 8):
        mine, true = ideal(agents(seed), slots), bound(agents(seed), slots)
        why = "the slots are always busy" if slots == 1 else "the slow agent alone takes that long"
        told = f"with {slots} slots no schedule beats {true:g} s ({why}); yours says {mine}"
        wrong_if(mine is None or abs(mine - true) > 1e-6, told, 1 + (slots > 1))
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
