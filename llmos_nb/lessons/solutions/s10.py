"""Lesson 10."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import comb, sqrt
from typing import Any


# exercise: interval
def interval(right: int, n: int) -> tuple[float, float]:
    """Return the smallest and the largest skill that goes with what was seen."""
    if n == 0:
        return 0.0, 1.0
    skills = [p / 1000 for p in range(1001)]
    fits = [p for p in skills if abs(right / n - p) <= 1.96 * sqrt(p * (1 - p) / n) + 1e-9]
    return min(fits), max(fits)


# exercise: score
def score(runs: Iterable[Mapping[str, Any]]) -> tuple[float, int]:
    """Return the mean over tasks of the share of right runs, and the number of tasks."""
    by_task: dict[str, list[bool]] = {}
    for run in runs:
        if run["finished"]:
            by_task.setdefault(run["task"], []).append(run["right"])
    shares = [sum(found) / len(found) for found in by_task.values()]
    return (sum(shares) / len(shares) if shares else 0.0), len(shares)


# exercise: better
def better(a: Mapping[str, bool], b: Mapping[str, bool]) -> str | None:
    """Say which of two agents is better, or None where nobody knows."""
    wins = sum(a[task] and not b[task] for task in a.keys() & b.keys())
    losses = sum(b[task] and not a[task] for task in a.keys() & b.keys())
    n, k = wins + losses, max(wins, losses)
    if 2 * sum(comb(n, i) for i in range(k, n + 1)) / 2**n > 0.05:
        return None
    return "a" if wins > losses else "b"
