"""What runs of tasks came to: right or not, what they cost, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

Z = 1.959964  # of a confidence of 95 %


@dataclass(frozen=True)
class Scored:
    """One run of one task.

    Parameters
    ----------
    task, model, setting : str
        What was run.
    epoch : int
        The how manieth time, from 1.
    finished, right : bool
        Whether the run has ended, and its answer is right.
    how : str
        The reason of its end, or its state.
    tokens, seconds : float
        What it used.
    dollars : float, optional
        None where nobody knows the price.
    answer, journal : str
        What it said, and where its journal is.
    """

    task: str
    model: str
    setting: str
    epoch: int
    finished: bool
    right: bool
    how: str
    tokens: float = 0.0
    seconds: float = 0.0
    dollars: float | None = None
    answer: str = ""
    journal: str = ""


@dataclass(frozen=True)
class Summary:
    """What the runs of one model with one setting came to.

    Parameters
    ----------
    model, setting : str
        Whose.
    tasks, runs, unfinished : int
        How many; what has not finished counts neither as right nor as wrong.
    share, low, high : float
        Mean over the tasks of the share of right runs, with its interval.
    tokens, seconds : float
        Mean of a run.
    dollars : float, optional
        Of all runs together; None where that is not known of each.
    """

    model: str
    setting: str
    tasks: int
    runs: int
    unfinished: int
    share: float
    low: float
    high: float
    tokens: float
    seconds: float
    dollars: float | None


def wilson(share: float, n: int) -> tuple[float, float]:
    """Return the interval of 95 % of a share of `n` (Wilson's score interval); all that is possible for none."""
    if n == 0:
        return 0.0, 1.0
    middle = share + Z * Z / (2 * n)
    reach = Z * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    whole = 1 + Z * Z / n
    return max((middle - reach) / whole, 0.0), min((middle + reach) / whole, 1.0)


def summed(scored: Iterable[Scored]) -> list[Summary]:
    """Sum runs up by model and setting.

    The interval is one over tasks: runs of the same task say much the same, and would make it look narrower than it is.
    """
    groups: dict[tuple[str, str], list[Scored]] = {}
    for one in scored:
        groups.setdefault((one.model, one.setting), []).append(one)
    return [_summary(model, setting, runs) for (model, setting), runs in groups.items()]


def _summary(model: str, setting: str, runs: list[Scored]) -> Summary:
    done = [r for r in runs if r.finished]
    by_task: dict[str, list[bool]] = {}
    for run in done:
        by_task.setdefault(run.task, []).append(run.right)
    share = _mean([_mean([float(r) for r in found]) for found in by_task.values()])
    low, high = wilson(share, len(by_task))
    known = [r.dollars for r in done if r.dollars is not None]
    return Summary(
        model, setting, len(by_task), len(done), len(runs) - len(done), share, low, high,
        _mean([r.tokens for r in done]), _mean([r.seconds for r in done]),
        sum(known) if done and len(known) == len(done) else None,
    )  # fmt: skip


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0
