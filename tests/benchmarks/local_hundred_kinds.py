"""What questions of the hundred ask for: a share, a row, the best group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local_questions import Expected, by, number

YEAR = "year"
Asked = tuple[str, Callable[[Any], Expected]]


def share(mask: Any) -> Expected:
    return number(mask.mean())


def row(d: Any, column: str, *named: str) -> Expected:
    """The row with the largest value of a column: the name of the first, the numbers of the others."""
    best = d.loc[d[column].idxmax()]
    return Expected(tuple(float(best[n]) for n in named[1:]), str(best[named[0]]))


def of_best(d: Any, value: str, group: str, figure: Callable[[Any], Any]) -> Expected:
    """The group with the highest mean, and a figure of its rows."""
    means = by(d, value, group)
    others = tuple(str(k) for k in means.index if k != means.idxmax())
    return Expected((float(figure(d[d[group] == means.idxmax()])),), str(means.idxmax()), others)
