"""Lesson 09."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmos_nb.lessons.solutions import Cell

# exercise: expect
expect: list[str] = ["len(numbers) == len(rows)", "sum(numbers) == total", "min(numbers) >= 0"]
# exercise: demand
demand = Cell("""\
board.edit(1, expect="len(numbers) == len(rows)")
board.approve("plan")
""")


# exercise: follow
def follow(
    plan: Callable[..., list[Any]], act: Callable[[Any], Any], met: Callable[[Any, Any], bool], most: int
) -> list[Any] | None:
    """Follow plans until one has come to its end, and give what was done."""
    done: list[Any] = []
    news = None
    for _ in range(most):
        for step in plan(done, news):
            seen = act(step)
            if not met(step, seen):
                news = seen
                break
            done.append(step)
        else:
            return done
    return None
