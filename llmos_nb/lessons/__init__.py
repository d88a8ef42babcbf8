"""The lessons: exercises with checks, predictions, and what was done, kept beside the notebooks.

::

    from llmos_nb.lessons import lesson
    here = lesson("01")
    here.predict("next")            # a question; answer it before you run
    here.check("loop", loop)        # tries your attempt
    here.hint("loop")               # three steps
    here.solution("loop")
"""

from __future__ import annotations

import os

from llmos_nb.lessons.lesson import Lesson
from llmos_nb.lessons.outlines import MODULES, outline
from llmos_nb.lessons.progress import Progress, scores, write_scores
from llmos_nb.lessons.stepper import step_through
from llmos_nb.lessons.system.parts import offer_magic

__all__ = ["MODULES", "Progress", "lesson", "outline", "scores", "step_through", "write_scores"]


def lesson(number: str | int, seed: int = 1, folder: str | os.PathLike[str] = ".") -> Lesson:
    """Open a lesson.

    Parameters
    ----------
    number : str or int
        ``"01"`` to ``"10"``, or ``1`` to ``10``.
    seed : int
        Which variant of its numbers.
    folder : path-like
        Where the progress file is kept.
    """
    offer_magic(folder)
    return Lesson(outline(str(number).zfill(2)), seed, folder)
