"""What a lesson is made of: exercises with a judge, questions to predict, verdicts that teach."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Judge = Callable[[Any, int], str]


class Wrong(Exception):
    """An attempt is not right yet.

    Parameters
    ----------
    why : str
        What was seen when it was tried, for the learner.
    hint : int
        The step, 1 to 3, of the exercise's hints that helps here.
    """

    def __init__(self, why: str, hint: int = 1) -> None:
        super().__init__(why)
        self.why, self.hint = why, hint


def wrong_if(seen: object, why: str, hint: int) -> None:
    """Raise `Wrong` where something was seen that must not be."""
    if seen:
        raise Wrong(why, hint)


@dataclass(frozen=True, slots=True)
class Exercise:
    """Something to make, and how it is tried.

    Parameters
    ----------
    name : str
        What the learner calls it, and the variable that holds the attempt.
    task : str
        What is wanted, one sentence.
    hints : tuple of str
        Three: where to look, what to do, nearly the code.
    judge : callable
        ``judge(attempt, seed)`` tries it, raises `Wrong`, or gives what was learned.
    """

    name: str
    task: str
    hints: tuple[str, str, str]
    judge: Judge


@dataclass(frozen=True, slots=True)
class Question:
    """Something to predict before it is run.

    Parameters
    ----------
    name : str
        What the learner calls it.
    text : str
        The question.
    choices : mapping
        The answer to its words; empty where a number is asked for.
    """

    name: str
    text: str
    choices: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outline:
    """A lesson as it is announced.

    Parameters
    ----------
    number, title, aim : str
        ``"01"``, its name, and what one can do after it.
    minutes : int
        How long it takes.
    needs : str
        What comes before.
    removes : str
        The misconception that it removes.
    model : str
        Who answers in this lesson: a scripted model or a real one.
    """

    number: str
    title: str
    aim: str
    minutes: int
    needs: str
    removes: str
    model: str
    questions: tuple[Question, ...]
    exercises: tuple[Exercise, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found.

    Parameters
    ----------
    exercise : str
        Its name.
    passed : bool
        Whether the attempt does what is wanted.
    message : str
        What was seen, for the learner.
    hint : int
        The hint that helps; 0 when it passed.
    """

    exercise: str
    passed: bool
    message: str
    hint: int = 0

    def __repr__(self) -> str:
        if self.passed:
            return f"✓ {self.exercise}: {self.message}"
        more = f"here.hint({self.exercise!r}, {self.hint}) says more"
        return f"not yet, {self.exercise}: {self.message}\n  {more}"

    def __bool__(self) -> bool:
        return self.passed


def judged(exercise: Exercise, attempt: Any, seed: int) -> Verdict:
    """Try an attempt; whatever the learner's code raises becomes a verdict."""
    if attempt is None or attempt is ...:
        return Verdict(exercise.name, False, f"there is no attempt yet. {exercise.task}", 1)
    try:
        return Verdict(exercise.name, True, exercise.judge(attempt, seed))
    except Wrong as wrong:
        return Verdict(exercise.name, False, wrong.why, wrong.hint)
    except Exception as error:
        where = f"your code raised {type(error).__name__}: {error}"
        return Verdict(exercise.name, False, where, 1)


def callable_or_wrong(attempt: Any, shape: str) -> Callable[..., Any]:
    """Return the attempt where it is a function, else say what is wanted."""
    wrong_if(not callable(attempt), f"a function {shape} is wanted, and this is {attempt!r:.60}", 1)
    made: Callable[..., Any] = attempt
    return made
