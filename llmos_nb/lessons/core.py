"""What a lesson is made of: exercises with a judge, questions to predict, verdicts that teach."""

from __future__ import annotations

import builtins
import functools
import inspect
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, ParamSpec, TypeVar

from llmos_nb.journal import host
from llmos_nb.lessons.system.child import Watch, no_input

COMPUTES_S = 10.0
Judge = Callable[[Any, int], str]
P = ParamSpec("P")
R = TypeVar("R")
_tried: ContextVar[bool] = ContextVar("llmos_lessons_tried", default=False)  # code of a learner's runs


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
    task : str
        What is wanted, where the attempt is not that.
    """

    exercise: str
    passed: bool
    message: str
    hint: int = 0
    task: str = ""

    def __repr__(self) -> str:
        if self.passed:
            return f"✓ {self.exercise}: {self.message}"
        wanted = f"\n  wanted: {self.task}" if self.task else ""
        more = f"here.hint({self.exercise!r}, {self.hint}) says more"
        return f"not yet, {self.exercise}: {self.message}{wanted}\n  {more}"

    def __bool__(self) -> bool:
        return self.passed


def judged(exercise: Exercise, attempt: Any, seed: int) -> Verdict:
    """Try an attempt; whatever the learner's code raises becomes a verdict, also that it ends Python or never ends."""
    if attempt is None or attempt is ...:
        return Verdict(exercise.name, False, "there is no attempt yet", 1, exercise.task)
    try:
        with _attended():
            return Verdict(exercise.name, True, exercise.judge(attempt, seed))
    except Wrong as wrong:
        return Verdict(exercise.name, False, wrong.why, wrong.hint, exercise.task)
    except (Exception, SystemExit) as error:
        where = f"your code raised {type(error).__name__}: {error}"
        return Verdict(exercise.name, False, where, 1, exercise.task)


@contextmanager
def _attended() -> Iterator[None]:
    """Let nobody be asked by `input`, and raise `Wrong` in code that computes and comes to no end."""
    here = threading.current_thread() is threading.main_thread()
    asks, builtins.input = builtins.input, no_input
    watch = Watch(COMPUTES_S, host.ALONE) if here else None
    try:
        yield
    except KeyboardInterrupt:
        told = f"it computed for {COMPUTES_S:.0f} s and came to no end: nothing bounds it"
        if watch and watch.found:
            raise Wrong(told, 3) from None
        raise
    finally:
        builtins.input = asks
        if watch:
            watch.end()


def callable_or_wrong(attempt: Any, shape: str) -> Callable[..., Any]:
    """Return the attempt where it is a function, else say what is wanted."""
    wrong_if(not callable(attempt), f"a function {shape} is wanted, and this is {attempt!r:.60}", 1)
    if not isinstance(attempt, FunctionType | functools.partial) or shape.startswith("async"):
        made: Callable[..., Any] = attempt
        return made

    @functools.wraps(attempt)
    def tried(*args: Any, **kwargs: Any) -> Any:
        token = _tried.set(True)
        try:
            gave = attempt(*args, **kwargs)
        finally:
            _tried.reset(token)
        return compared_by_us(_has_run(gave))

    return tried


def _has_run(gave: Any) -> Any:
    """Return what a function gave, unless that is a generator or a coroutine."""
    if inspect.isgenerator(gave) or inspect.iscoroutine(gave):
        gave.close()
        told = f"your function gave a {type(gave).__name__}, of which nothing has run"
        raise Wrong(f"{told}: write it without yield and without async", 1)
    return gave


def ours(reference: Callable[P, R]) -> Callable[P, R]:
    """Mark a function that answers are compared with: it is no part of an answer, by whatever name."""

    @functools.wraps(reference)
    def marked(*args: P.args, **kwargs: P.kwargs) -> R:
        told = f"{reference.__name__} is ours, and yours is compared with it: write what it does by yourself"
        wrong_if(_tried.get(), told, 1)
        return reference(*args, **kwargs)

    return marked


def compared_by_us(value: Any) -> Any:
    """Return a value, unless it or a part of it says by a method of its own what it equals."""
    own = getattr(type(value), "__eq__", None)
    if isinstance(own, FunctionType) and not (own.__module__ or "").startswith("llmos_nb"):
        raise Wrong(f"a plain value is wanted; a {type(value).__name__} says itself what it equals", 1)
    parts = (*value, *value.values()) if isinstance(value, dict) else value
    for part in parts if isinstance(parts, list | tuple | set) else ():
        compared_by_us(part)
    return value


def far(given: Any, true: float, by: float = 1e-6) -> bool:
    """Return whether something is no number, or one that is farther from the true one; `nan` is near to nothing."""
    try:
        return not abs(given - true) <= by
    except TypeError:
        return True


def pair_or_wrong(given: Any, of: str) -> tuple[Any, Any]:
    """Return the two numbers that were given in order, else say what is wanted."""
    found: Any = () if isinstance(given, str | dict | set) else given
    try:
        one, other = found
        return one + 0, other + 0
    except (TypeError, ValueError):
        raise Wrong(f"two numbers, {of}, and it gave {given!r:.60}", 1) from None


def list_or_wrong(attempt: Any, of: str) -> list[Any]:
    """Return the attempt as a list where it is a list or a tuple, else say what is wanted."""
    wrong_if(not isinstance(attempt, list | tuple), f"a list of {of} is wanted, and this is {attempt!r:.60}", 1)
    return list(compared_by_us(attempt))
