"""Lesson 09, plans: what is expected beforehand can fail."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from llmos_nb.journal.events import MODEL, YOU, ModelResponded, PlanEdited, StepIntegrated
from llmos_nb.lessons.core import Wrong, callable_or_wrong, list_or_wrong, wrong_if
from llmos_nb.lessons.models import python, settled_or_wrong
from llmos_nb.messages import Request, Response
from llmos_nb.models.scripted import ScriptedModel, model
from llmos_nb.process.state import Step

Rows = list[tuple[str, str]]
GOAL = "How many visits has a station in the mean? `rows` and `total` are the supplier's report."
CITIES = ("Oslo", "Bergen", "Hamar", "Moss", "Bodø", "Voss", "Narvik", "Molde")
UNREADABLE = "n/a"
MOST_PLANS = 40


def report(seed: int = 1) -> tuple[Rows, int]:
    """Return the supplier's table of visits by station, in which one number cannot be read, and its total."""
    rng = random.Random(seed)  # noqa: S311 - variants of an exercise, not a secret
    visits = [rng.randint(20, 60) for _ in CITIES]
    lost = rng.randrange(len(CITIES))
    visits[lost] = rng.randint(300, 400)  # the station that has most of all is the one that is lost
    told = [UNREADABLE if n == lost else str(v) for n, v in enumerate(visits)]
    return list(zip(CITIES, told, strict=True)), sum(visits)


def mean_of(seed: int) -> float:
    """Return the mean that the report gives when nothing is left out."""
    rows, total = report(seed)
    return round(total / len(rows), 1)


READ = python("numbers = [int(v) for _, v in rows if v.isdecimal()]")
MEAN = python("mean = round(sum(numbers) / len(numbers), 1)")
ANSWER = {"text": "A station has {{mean}} visits in the mean."}


def plan(*steps: tuple[str, str], first: int = 1) -> dict[str, Any]:
    """Write a turn that proposes a plan, of titles and what is expected; each step waits for the one before it."""
    return {
        "plan": [
            {"title": title, "expect": expect, "depends_on": [n - 1] if n > first else []}
            for n, (title, expect) in enumerate(steps, first)
        ]
    }


def turns(expect: str = "") -> list[dict[str, Any]]:
    """Write the script of a model that leaves out what it cannot read; `expect` is what its plan says of step 1."""
    return [plan(("Read the numbers", expect), ("Take the mean", "")), READ, MEAN, ANSWER]


REPAIR: tuple[dict[str, Any], ...] = (
    plan(("Find the lost number by the total", "sum(numbers) == total"), ("Take the mean", ""), first=3),
    python("numbers.append(total - sum(numbers))"),
)


class Planner(ScriptedModel):
    """A scripted model that plans anew, once, when it is told that what a step expected is false."""

    async def respond(self, request: Request, on_text: Callable[[str], None]) -> Response:
        """Say the next turn, or begin the repair."""
        told = any("(it is false" in m.text for m in request.messages[-2:])
        if told and len(self.turns) == len(turns()):
            repair = model.parse(REPAIR)
            self.turns = (*self.turns[: self.position], *repair, *self.turns[self.position :])
        return await super().respond(request, on_text)


def effort(steps: int, slips: float, every: bool) -> float:
    """Return how many steps are done on average until all are right, where each goes wrong unseen in that share.

    Parameters
    ----------
    steps : int
        Of the plan.
    slips : float
        In which share of its tries a step goes wrong.
    every : bool
        One looks after every step and does it again; otherwise at the end alone, and then all is done again.
    """
    return steps / (1 - slips) if every else steps / (1 - slips) ** steps


def judge_expect(attempt: Any, seed: int) -> str:
    """Hold the conditions against right outcomes and against outcomes that went wrong without an error."""
    given = list_or_wrong(attempt, "conditions, each a text")
    for text in given:
        if not isinstance(text, str):
            raise Wrong(f"{text!r:.60} is no text: a condition stands in quotes, to be evaluated later", 1)
        if not Step(1, "", text).expectation:
            told = f"{text!r:.60} is no condition: a comparison of names is wanted, as in len(numbers) > 3"
            raise Wrong(told, 1)
    wrong_if(not given, "a list of at least one condition is wanted", 1)
    for variant in range(seed, seed + 4):
        rows, total, numbers = _read_right(variant)
        for text in given:
            told = f"{text!r} refuses a right result, {numbers} of the total {total}"
            _true_or_wrong(text, told, {"rows": rows, "total": total, "numbers": numbers})
    wrong = [case for variant in range(seed, seed + 4) for case in _gone_wrong(variant)]
    for what, rows, total, numbers in wrong:
        seen = not all(_holds(text, rows, total, numbers) for text in given)
        told = f"{what}, and all your conditions hold: {numbers} of the total {total}"
        wrong_if(not seen, told, 3)
    return f"{len(wrong)} results that raised no error and were wrong, and each was noticed"


def _numbers(rows: Rows, total: int) -> list[int]:
    """Read a report as a careful step does: what cannot be read is what the total lacks."""
    known = sum(int(v) for _, v in rows if v != UNREADABLE)
    return [int(v) if v != UNREADABLE else total - known for _, v in rows]


def _read_right(seed: int) -> tuple[Rows, int, list[int]]:
    """Return a report and its numbers as a careful step reads them; in some, a number is 0 or written with a blank."""
    rows, total = report(seed)
    numbers = _numbers(rows, total)
    at = 0 if rows[0][1] != UNREADABLE else 1
    fresh = 0 if seed % 2 else 1200
    rows[at] = (rows[at][0], f"{fresh:,}".replace(",", " "))
    total, numbers[at] = total - numbers[at] + fresh, fresh
    more = ("Vadsø", "Alta")[: seed % 3]  # another report may have more stations
    return [*rows, *((s, "30") for s in more)], total + 30 * len(more), [*numbers, *(30 for _ in more)]


def _gone_wrong(seed: int) -> list[tuple[str, Rows, int, list[Any]]]:
    """Return results of the same step that are wrong in a way that raises nothing."""
    rows, total, numbers = _read_right(seed)
    at = 2 + seed % 4
    lost = next(n for n, (_, v) in enumerate(rows) if v == UNREADABLE)
    without, twice = numbers[:at] + numbers[at + 1 :], [*numbers[:at], numbers[at], *numbers[at:]]
    owed = [*numbers]
    owed[at], owed[at - 1] = numbers[at] + numbers[at - 1] + 7, -7
    cases: list[tuple[str, list[Any]]] = [
        ("the unreadable number was left out", numbers[:lost] + numbers[lost + 1 :]),
        ("the unreadable number was taken for 0", [*numbers[:lost], 0, *numbers[lost + 1 :]]),
        ("a row was skipped", without),
        ("a row was read twice", twice),
        ("a number was misread by one", [*numbers[:at], numbers[at] + (-1) ** seed, *numbers[at + 1 :]]),
        ("a number is ten times too large", [*numbers[:at], numbers[at] * 10, *numbers[at + 1 :]]),
        ("a station has fewer than no visits", owed),
        ("nothing was read at all", []),
        ("all of it stands in one number", [total]),
    ]
    if 0 in numbers:
        cases.append(("the station without visits was left out", [n for n in numbers if n]))
    return [(what, rows, total, found) for what, found in cases]


def _holds(text: str, rows: Rows, total: int, numbers: list[Any]) -> bool:
    """Return whether a condition holds; one that raises does not."""
    scope = {"rows": [*rows], "total": total, "numbers": [*numbers]}
    try:
        return bool(eval(text, scope))  # noqa: S307 - the learner's own condition
    except Exception:
        return False


def _true_or_wrong(text: str, told: str, scope: dict[str, Any]) -> None:
    """Evaluate a condition on a right result, which it must not refuse."""
    try:
        held = eval(text, scope)  # noqa: S307 - the learner's own condition
    except NameError as error:
        raise Wrong(f"{text!r} raises {type(error).__name__}: {error}", 1) from None
    except Exception as error:
        raise Wrong(f"{told}: it raises {type(error).__name__}: {error}", 2) from None
    wrong_if(not held, told, 2)


def judge_demand(attempt: Any, seed: int) -> str:
    """Look in the journal for an expectation that a person wrote into the plan, and for what came of it."""
    process = settled_or_wrong(attempt, "board")
    bodies = [e.body for e in process.events]
    yours = [b for b in bodies if isinstance(b, PlanEdited) and b.by == YOU]
    demanded = [s.get("expect") or s.get("check") or "" for b in yours for s in b.steps if s["n"] == 1]
    wrong_if(
        yours and not any(demanded),
        "your edit gave step 1 no expectation: edit(1, expect=…) does, a text alone is its title",
        1,
    )
    wrong_if(not any(demanded), "step 1 was given no expectation by you before it ran", 1)
    demand = next(filter(None, reversed(demanded)))
    told = f"{demand!r} is in words, which nobody evaluates; a condition is wanted, as in len(numbers) > 3"
    wrong_if(not Step(1, "", demand).expectation, told, 1)
    missed = [b for b in bodies if isinstance(b, StepIntegrated) and not b.met]
    told = f"step 1 was said to be as expected: {demand!r} is true of numbers that lack a station"
    wrong_if(not missed, told, 2)
    rows, total = report(seed)
    right_ones = {"rows": rows, "total": total, "numbers": _numbers(rows, total)}
    told = f"{demand!r} refuses the right result, too, {right_ones['numbers']} of the total {total}"
    _true_or_wrong(demand, told, {**(process.run.namespace or {}), **right_ones})
    anew = [b for b in bodies if isinstance(b, PlanEdited) and b.by == MODEL]
    wrong_if(not anew, "the model did not plan anew: hand in the process that the cell above started", 2)
    right = f"{mean_of(seed):g}"
    told = f"it answered “{process.answer}”, and a station has {right} visits in the mean"
    wrong_if(right not in (process.answer or ""), told, 3)
    asked = sum(isinstance(b, ModelResponded) for b in bodies)
    return f"one line of yours, and {asked} requests later the answer was right: {process.answer}"


def judge_follow(attempt: Any, seed: int) -> str:
    """Let it follow plans: what is expected, a slip that is repaired, one that is not, and a planner that gives up."""
    follow = callable_or_wrong(attempt, "follow(plan, act, met, most)")
    for world in (_World([], seed), _World(["b"], seed), _World(["a", "b1"], seed), _World(["c", "c1"], seed)):
        gave = world.run(follow, 5)
        world.compare(gave)
    for most in (2, 4):
        endless = _World(["a", "b", "c", *(f"{s}{n}" for s in "abc" for n in range(1, 60))], seed)
        gave = endless.run(follow, most)
        told = f"with most={most} and plans that all fail it asked for {len(endless.asked)} plans: {most} are the most"
        wrong_if(len(endless.asked) > most, told, 3)
        wrong_if(gave is not None, f"no plan worked, and it gave {gave!r}; None is wanted", 3)
    last = _World(["a", "a1"], seed)
    told = "with most=3 and a third plan that works"
    wrong_if(last.run(follow, 3) is None, f"{told} it gave None: {len(last.asked)} plans were asked for", 3)
    empty = _World([], seed, ())
    wrong_if(empty.run(follow, 3) != [], "a plan without steps is done at once: an empty list is wanted", 1)
    return "what was done stays done, what is not as expected ends the plan, and somebody bounds it"


class _World:
    """Steps that are named, of which some are not as expected; a new plan renames the step that failed and the rest."""

    def __init__(self, bad: Sequence[str], seed: int, steps: Sequence[str] = ("a", "b", "c")) -> None:
        self.bad, self.steps, self.offset = set(bad), steps, seed * 10
        self.asked: list[tuple[list[str], Any]] = []
        self.ran: list[str] = []
        self.good: list[str] = []

    def run(self, follow: Callable[..., Any], most: int) -> Any:
        return follow(self.plan, self.act, self.met, most)

    def plan(self, done: Sequence[Any], news: Any) -> list[str]:
        self.asked.append(([*done], news))
        if len(self.asked) > MOST_PLANS:
            raise Wrong(f"it asked for {MOST_PLANS} plans and went on: nothing bounds it", 3)
        again = len(self.asked) - 1
        rest = [s for s in self.steps if s not in [d[0] for d in self.good]]
        return [f"{s}{again}" if again else s for s in rest]

    def act(self, step: str) -> str:
        self.ran.append(step)
        return f"{step} gave {self.offset + len(self.ran)}"

    def met(self, step: str, seen: Any) -> bool:
        told = f"met({step!r}, {seen!r}): hand it what that step gave"
        wrong_if(not str(seen).startswith(f"{step} gave"), told, 1)
        if step not in self.bad and step not in self.good:
            self.good.append(step)
        return step not in self.bad

    def compare(self, gave: Any) -> None:
        """Hold what was done to what a careful loop does."""
        what = f"steps {', '.join(sorted(self.bad)) or 'none'} are not as expected"
        wrong_if(not self.asked, "plan(done, news) was never called", 1)
        told = f"the first plan is asked for with plan([], None), not {self.asked[0]}"
        wrong_if(self.asked[0] != ([], None), told, 1)
        told = f"{what}, and it did {', '.join(self.ran)}: each right step once, and none of a plan that has failed"
        expected = self._careful()
        wrong_if(self.ran != expected.ran, told, 2)
        told = f"{what}: it asked for {len(self.asked)} plans, and {len(expected.asked)} were needed"
        wrong_if(len(self.asked) != len(expected.asked), told, 2)
        for (done, news), (right, told_right) in zip(self.asked[1:], expected.asked[1:], strict=True):
            wrong_if(done != right, f"{what}: the new plan was asked for with done={done}; {right} were done", 2)
            told = f"{what}: the planner was told {news!r}; what the failed step gave is the news, {told_right!r}"
            wrong_if(news != told_right, told, 3)
        wrong_if(gave != expected.good, f"{what}: it gave {gave!r}, and {expected.good} were done", 2)

    def _careful(self) -> _World:
        own = _World([*self.bad], self.offset // 10, self.steps)
        done: list[str] = []
        news: Any = None
        failed = True
        while failed:
            failed = False
            for step in own.plan(done, news):
                seen = own.act(step)
                if not own.met(step, seen):
                    failed, news = True, seen
                    break
                done.append(step)
        return own
