"""Which judge tries which exercise of the learner's own system."""

from __future__ import annotations

from llmos_nb.lessons.core import Judge
from llmos_nb.lessons.system.judge_of_the_whole import ALONE, judge_whole

JUDGES: dict[str, Judge] = {**{part: judge for part, (judge, _) in ALONE.items()}, "whole": judge_whole}
