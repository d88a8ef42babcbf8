"""Lesson 03."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from llmos_nb.process.state import Context

# exercise: window
window = 5_500


# exercise: find
def find(context: Context, words: str) -> str | None:
    """Return the group that holds these words."""
    groups = [g for page in context.pages for g in page] + context.window
    return next((g.text for g in groups if words in g.text), None)


# exercise: prefix_breaks
def prefix_breaks(prompts: Sequence[Sequence[object]]) -> int:
    """Count the prompts that do not begin with the one before them."""
    return sum(list(b[: len(a)]) != list(a) for a, b in pairwise(prompts))
