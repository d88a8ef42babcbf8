"""Which judge tries which exercise of the learner's own system, in a notebook and by ``llmos lesson check mini.py``."""

from __future__ import annotations

from typing import Any

from llmos_nb.errors import UsageError, nearest
from llmos_nb.lessons.core import Exercise, Judge, judged
from llmos_nb.lessons.system.judge_of_the_whole import ALONE, judge_whole

JUDGES: dict[str, Judge] = {**{part: judge for part, (judge, _) in ALONE.items()}, "whole": judge_whole}


def lesson(given: Any) -> int:
    """Try what was handed in, say what was seen, and return 1 where it is not right yet."""
    if given.part not in JUDGES:
        raise UsageError(f"part {given.part!r}: there are {', '.join(JUDGES)}{nearest(given.part, JUDGES)}")
    verdict = judged(Exercise(given.part, "", ("", "", ""), JUDGES[given.part]), given.file, 1)
    print(f"{'✓' if verdict else 'not yet,'} {given.part}: {verdict.message}")
    return int(not verdict)
