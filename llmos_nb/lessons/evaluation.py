"""Lesson 10, evaluation: whether an agent is better, or had luck."""

from __future__ import annotations

import json
import math
import random
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from statistics import stdev
from typing import Any

from llmos_nb.lessons.core import callable_or_wrong, far, pair_or_wrong, wrong_if
from llmos_nb.lessons.models import script_file
from llmos_nb.session.evals import Grid, Scored, evaluate, read_tasks, summed, wilson

LEVEL, NEAR, COARSE = 0.05, 0.005, 0.02
STATIONS = ("Oslo", "Bergen", "Hamar", "Moss", "Bodø", "Voss", "Narvik", "Molde", "Larvik", "Tromsø")
BUSY = 7  # of the stations; so many tasks are answered by yes


def trial(models: Mapping[str, str], seed: int = 1) -> list[Scored]:
    """Run ten tasks, each a question of yes or no, over models that always say the same, as `llmos eval` does.

    Parameters
    ----------
    models : mapping
        The one answer of each, by its name.
    seed : int
        Which stations are the busy ones.
    """
    busy = set(random.Random(seed).sample(STATIONS, BUSY))  # noqa: S311 - variants of an exercise, not a secret
    with tempfile.TemporaryDirectory(prefix="llmos-lesson-") as made:
        folder = Path(made)
        for station in STATIONS:
            right, other = ("Yes", "No") if station in busy else ("No", "Yes")
            goal = json.dumps(f"Has {station} more than 40 visits? Answer yes or no.", ensure_ascii=False)
            text = f"goal = {goal}\n[check]\ntruth = \"'{right}'\"\nunlike = ['{other}']\n"
            (folder / f"{station.lower()}.toml").write_text(text, encoding="utf-8")
        specs = {script_file(folder / f"{name}.json", [{"text": said}]): name for name, said in models.items()}
        with ThreadPoolExecutor(1, "llmos-lesson") as pool:  # a notebook's own thread runs a loop already
            grid = Grid(read_tasks(folder, "*"), tuple(specs))
            found = pool.submit(evaluate, grid, folder / "eval.jsonl", workers=2).result()
    return [replace(one, model=specs[one.model]) for one in found]


def contests(skill: float, tasks: int, times: int = 2000, seed: int = 1) -> list[tuple[int, int]]:
    """Let two agents of exactly the same skill do so many tasks, again and again: how many each got right."""
    rng = random.Random(seed)  # noqa: S311 - numbers of an exercise, not a secret
    return [(_right(rng, skill, tasks), _right(rng, skill, tasks)) for _ in range(times)]


def _right(rng: random.Random, skill: float, tasks: int) -> int:
    return sum(rng.random() < skill for _ in range(tasks))


def spread(tasks: int, epochs: int, times: int = 400, seed: int = 1) -> float:
    """Return by how much the scores of one agent differ (standard deviation), of so many tasks each run so often.

    Most tasks are ones that it nearly always gets right, or nearly never; the tasks are drawn anew each time.
    """
    rng, scores = random.Random(seed), list[float]()  # noqa: S311 - a simulation, no secret
    for _ in range(times):
        skills = [0.95 if rng.random() < 0.72 else 0.05 for _ in range(tasks)]
        scores.append(sum(_right(rng, skill, epochs) for skill in skills) / (tasks * epochs))
    return stdev(scores)


def sign_test(wins: int, losses: int) -> float:
    """Return how often a fair coin is at least so lopsided, to either side."""
    n, k = wins + losses, max(wins, losses)
    return min(1.0, sum(math.comb(n, i) for i in range(k, n + 1)) / 2.0 ** (n - 1))


def judge_interval(attempt: Any, seed: int) -> str:
    """Compare with the product's interval, from one task to a thousand."""
    interval = callable_or_wrong(attempt, "interval(right, n)")
    rng = random.Random()  # noqa: S311 - a simulation, no secret
    known = [(7, 10), (8, 10), (0, 10), (10, 10), (1, 1), (70, 100)]
    drawn = [(rng.randint(0, n), n) for n in (3, 17, rng.randint(30, 60), rng.randint(500, 900))]
    for right, n in (*known, *drawn, (0, 0)):
        low, high = wilson(right / n if n else 0.0, n)
        mine = pair_or_wrong(interval(right, n), f"(low, high), are wanted for {right} of {n}")
        told = f"{right} of {n}: from {low:.3f} to {high:.3f}, and yours says {mine[0]!r:.8} to {mine[1]!r:.8}"
        missed = far(mine[0], low, NEAR) or far(mine[1], high, NEAR)
        coarse = missed and n and not (far(mine[0], low, COARSE) or far(mine[1], high, COARSE))
        wrong_if(coarse, f"{told}: close, and not close enough; 1.96 is not 2, and skills are tried in thousandths", 1)
        wrong_if(missed, told, 3 if n == 0 else 2)
    low, high = wilson(0.8, 10)
    return f"8 of 10 is anything between {low:.0%} and {high:.0%}; 800 of 1,000 is 77 % to 82 %"


def judge_score(attempt: Any, seed: int) -> str:
    """Compare with how the product sums runs up, also unfinished ones and tasks that were run unequally often."""
    score = callable_or_wrong(attempt, "score(runs)")
    rng = random.Random()  # noqa: S311 - a simulation, no secret
    cases: list[tuple[str, list[tuple[str, bool, bool]], int]] = [
        ("one run a task", [(s, n % 3 > 0, True) for n, s in enumerate(STATIONS)], 1),
        ("an easy task nine times, and a hard one once", [("Oslo", True, True)] * 9 + [("Moss", False, True)], 2),
        ("a task that is right in one of two runs", [("Oslo", True, True), ("Oslo", False, True)], 2),
        ("a run that has not finished", [("Oslo", True, True), ("Moss", False, False), ("Moss", True, True)], 3),
        ("a task of which no run has finished", [("Oslo", True, True), ("Moss", False, False)], 3),
        ("no runs", [], 3),
        ("runs as they come", [(rng.choice(STATIONS), rng.random() < 0.6, rng.random() < 0.8) for _ in range(60)], 2),
    ]  # fmt: skip
    for what, runs, hint in cases:
        share, tasks = _summed(runs)
        plain = [{"task": t, "right": right and done, "finished": done} for t, right, done in runs]
        mine = pair_or_wrong(score(plain), f"(share, tasks), are wanted with {what}")
        told = f"{what}: the share is {share:.3f} over {tasks} tasks, and yours says {mine[0]!r:.8} over {mine[1]!r}"
        wrong_if(far(mine[0], share) or mine[1] != tasks, told, hint)
    return "runs of one task say much the same: what counts is how many tasks there were"


def _summed(runs: Sequence[tuple[str, bool, bool]]) -> tuple[float, int]:
    scored = [Scored(t, "", "", n, done, right and done, "answered") for n, (t, right, done) in enumerate(runs)]
    found = summed(scored)
    return (found[0].share, found[0].tasks) if found else (0.0, 0)


def judge_better(attempt: Any, seed: int) -> str:
    """Let it choose between two agents: by luck, for good, over a few tasks that differ, and over unequal lists."""
    better = callable_or_wrong(attempt, "better(a, b)")
    rng = random.Random()  # noqa: S311 - a simulation, no secret
    cases: list[tuple[str, tuple[int, int, int, int], int]] = [
        ("40 tasks that only one got right, and 2 that only the other did", (40, 2, 40, 18), 1),
        ("8 of 10 against 7 of 10", (2, 1, 6, 1), 1),
        ("the same answers", (0, 0, 5, 5), 1),
        ("5 tasks that only one got right", (5, 0, 10, 5), 3),
        ("6 tasks that only one got right", (6, 0, 10, 5), 3),
        ("12 against 2, of 40 tasks", (12, 2, 18, 8), 2),
        ("30 against 20, of 400 tasks", (30, 20, 250, 100), 2),
        ("9 against 1", (9, 1, 0, 0), 2),
        ("no tasks at all", (0, 0, 0, 0), 3),
        ("what came out just now", (rng.randint(0, 15), rng.randint(0, 15), 20, 20), 2),
    ]
    for what, (wins, losses, both, none), hint in cases:
        a, b = _answers(wins, losses, both, none)
        for one, other, side in ((a, b, "a"), (b, a, "b")):
            ahead = side if wins > losses else {"a": "b", "b": "a"}[side]
            true = ahead if sign_test(wins, losses) <= LEVEL else None
            gave = better(dict(one), dict(other))
            known = f"{true!r} is better" if true else "nobody knows, None"
            told = f"{what}: {known} (a coin does so in {sign_test(wins, losses):.1%} of its tries)"
            wrong_if(gave != true, f"{told}, and yours says {gave!r}", hint)
    a, b = _answers(6, 0, 4, 4)
    told = "the same tasks in another order: a task is known by its name"
    turned = dict(sorted(b.items(), key=lambda item: item[1]))  # so that places mislead
    wrong_if(better(dict(a), turned) != "a" or better(turned, dict(a)) != "b", told, 3)
    apart = {**{f"only b did {n}": True for n in range(9)}, **b}
    told = "one of them did nine more tasks: only what both did can be compared"
    wrong_if(better(dict(a), apart) != "a" or better(apart, dict(a)) != "b", told, 3)
    return "most contests are won by nobody, and the same tasks for both show much more than two lists of shares"


def _answers(wins: int, losses: int, both: int, none: int) -> tuple[dict[str, bool], dict[str, bool]]:
    pairs = [(True, False)] * wins + [(False, True)] * losses + [(True, True)] * both + [(False, False)] * none
    return {f"task {n}": a for n, (a, _) in enumerate(pairs)}, {f"task {n}": b for n, (_, b) in enumerate(pairs)}


def draw(axes: Any, skill: float, tasks: int, interval: Callable[[int, int], Any] | None, seed: int = 2) -> int:
    """Draw twenty evaluations of one agent with their intervals, and return how many do not reach its true skill."""
    rng, missed = random.Random(seed), 0  # noqa: S311 - a simulation, no secret
    for row in range(20):
        right = _right(rng, skill, tasks)
        low, high = wilson(right / tasks, tasks)
        if interval is not None and (own := interval(right, tasks)):
            low, high = own
        out = not low <= skill <= high
        missed += out
        axes.plot([low, high], [row, row], color="tab:orange" if out else "tab:blue")
        axes.plot(right / tasks, row, "o", color="tab:orange" if out else "tab:blue", markersize=4)
    axes.axvline(skill, color="gray", linestyle="--")
    axes.set(xlim=(0, 1), xlabel="share of right answers", yticks=[], title=f"one agent, twenty times {tasks} tasks")
    return missed
