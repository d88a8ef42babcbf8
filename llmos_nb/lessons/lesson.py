"""A lesson as the learner holds it: predict, compare, check, hint, solution, reset."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from math import isfinite
from types import ModuleType
from typing import Any, TypeVar

from llmos_nb.errors import UsageError, nearest
from llmos_nb.lessons.core import Outline, Question, Verdict, far, judged
from llmos_nb.lessons.progress import Progress
from llmos_nb.lessons.solutions import solution_text
from llmos_nb.lessons.system.parts import FILE, System
from llmos_nb.session import Process, api

T = TypeVar("T")


NEAR = 0.1  # of what happened: a guess within it is a good one


class Said(str):
    """A text that a notebook shows as it is, without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _named(kind: str, known: Mapping[str, T], name: str) -> T:
    if name not in known:
        raise UsageError(f"{kind} {name!r}: there are {', '.join(known)}{nearest(name, known)}")
    return known[name]


class Lesson:
    """One lesson, with what its learner has done.

    Parameters
    ----------
    outline : Outline
        The lesson.
    seed : int
        Which variant; another seed gives other numbers.
    folder : path-like
        Where the progress is kept.
    """

    def __init__(self, outline: Outline, seed: int = 1, folder: str | os.PathLike[str] = ".") -> None:
        self.outline, self.seed, self.progress = outline, seed, Progress(folder)
        self.progress.of(outline.number)["seed"] = seed
        self._exercises = {e.name: e for e in outline.exercises}
        self._questions = {q.name: q for q in outline.questions}

    def __repr__(self) -> str:
        o = self.outline
        done = sum(self._kept(e.name)["passed"] for e in o.exercises)
        return (
            f"Lesson {o.number}: {o.title} ({o.minutes} minutes; before it: {o.needs})\n"
            f"Aim: {o.aim}\nMany think: {o.removes}\nWho answers: {o.model}\n"
            f"Exercises done: {done} of {len(o.exercises)} (variant {self.seed})"
        )

    def _kept(self, name: str) -> dict[str, Any]:
        return self.progress.exercise(self.outline.number, name)

    # predictions

    @property
    def predictions(self) -> dict[str, Any]:
        """What was predicted, by question."""
        kept: dict[str, Any] = self.progress.of(self.outline.number)["predictions"]
        return kept

    def predict(self, name: str, answer: object = None) -> Choice:
        """Ask a question, or store its answer.

        Parameters
        ----------
        name : str
            The question.
        answer : optional
            One of its choices, or a number; with none, it can be clicked where the notebook has widgets.
        """
        question = _named("question", self._questions, name)
        if answer is not None:
            self._store(question, answer)
        return Choice(question, self.predictions.get(name), lambda value: self._store(question, value))

    def _store(self, question: Question, answer: object) -> None:
        of_words = {words: key for key, words in question.choices.items()}
        given = of_words.get(str(answer), str(answer)) if question.choices else _number(str(answer))
        if question.choices and (isinstance(answer, bool) or given not in question.choices):
            raise UsageError(f"{question.name}: answer with {', '.join(map(repr, question.choices))}")
        if given is None:
            raise UsageError(f"{question.name}: answer with a number")
        self.predictions[question.name] = given
        self.progress.save()

    def compare(self, name: str, happened: object) -> Said:
        """Set what was predicted beside what happened.

        Parameters
        ----------
        name : str
            The question.
        happened : object
            What the run showed: one of the choices, or a number.
        """
        question = _named("question", self._questions, name)
        seen = question.choices.get(str(happened), str(happened))
        if name not in self.predictions:
            return Said(f"You predicted nothing. What happened: {seen}")
        mine = self.predictions[name]
        said = question.choices.get(str(mine), str(mine))
        if mine == happened or (question.choices and said == seen):
            return Said(f"As you predicted: {seen}")
        if isinstance(happened, int | float) and not far(mine, happened, NEAR * abs(happened)):
            return Said(f"Near: you predicted {said}, and it is {seen}")
        how = "What explains it? Look before you read on."
        return Said(f"You predicted: {said}\nWhat happened: {seen}\n{how}")

    # exercises

    def check(self, name: str, attempt: object) -> Verdict:
        """Try an attempt and keep the result.

        Parameters
        ----------
        name : str
            The exercise.
        attempt : object
            What you made; how it behaves is judged, not how it is written.
        """
        verdict = judged(_named("exercise", self._exercises, name), attempt, self.seed)
        kept = self._kept(name)
        kept["attempts"] += 1
        kept["passed"] = kept["passed"] or verdict.passed
        self.progress.save()
        return verdict

    def hint(self, name: str, step: int | None = None) -> Said:
        """Return the next hint of three, or the one asked for."""
        exercise, kept = _named("exercise", self._exercises, name), self._kept(name)
        number = min(kept["hints"] + 1, 3) if step is None else step
        if not 1 <= number <= len(exercise.hints):
            raise UsageError(f"hint {number}: there are 1 to {len(exercise.hints)}")
        kept["hints"] = max(kept["hints"], number)
        self.progress.save()
        return Said(f"Hint {number} of 3: {exercise.hints[number - 1]}")

    def solution(self, name: str) -> Said:
        """Show one way to do it; that it was seen is kept."""
        exercise = _named("exercise", self._exercises, name)
        self._kept(name)["seen"] = True
        self.progress.save()
        return Said(solution_text(self.outline.number, exercise.name))

    async def process(self, name: str | int) -> Process:
        """Return a process of this notebook, by name or pid, once it has ended, paused, or waits for you."""
        ipython = sys.modules.get("IPython")
        if not ipython or not (shown := ipython.get_ipython()):
            raise UsageError(
                "there is no notebook here, and so no process of one; llmos_nb.start gives one in a program"
            )
        return await api.session_of(shown.user_ns, None).find(name)

    def system(self) -> ModuleType:
        """Return your `mini.py`, as it stands in this folder now; a part that you have not written is as handed out."""
        return System(self.progress.path.with_name(FILE)).load()

    def reset(self) -> Said:
        """Forget what was done in this lesson."""
        self.progress.reset(self.outline.number)
        self.progress.of(self.outline.number)["seed"] = self.seed
        return Said(f"Lesson {self.outline.number} begins anew.")


class Choice:
    """A question as it is shown.

    Parameters
    ----------
    question : Question
        What is asked.
    answer : object
        What was answered, or None.
    store : callable
        Takes an answer that was clicked.
    """

    def __init__(self, question: Question, answer: object, store: Callable[[Any], None]) -> None:
        self.question, self.answer, self._store = question, answer, store

    def __repr__(self) -> str:
        lines = [self.question.text]
        lines += [f"  {key!r}: {words}" for key, words in self.question.choices.items()]
        how = "one of these" if self.question.choices else "a number"
        end = f"here.predict({self.question.name!r}, …) stores your answer, {how}"
        lines.append(f"You predicted: {self.answer!r}" if self.answer is not None else end)
        return "\n".join(lines)

    def widget(self) -> Any:
        """Make radio buttons, or a field for a number, that store what is given and say so."""
        import ipywidgets as w  # slow to import, and not needed without a notebook

        label = w.Label(self.question.text, style={"font_weight": "bold"})

        def given(change: dict[str, Any]) -> None:
            value = change["new"] if self.question.choices else _number(change["new"])
            if value is not None:
                self._store(value)
            noted = "noted" if self.question.choices else f"noted: {value}"
            said = "a number is wanted" if value is None else f"{noted}; go on, and compare"
            label.value = f"{self.question.text} ({said})"

        field: Any
        if self.question.choices:
            options = [(words, key) for key, words in self.question.choices.items()]
            known = self.answer if self.answer in self.question.choices else None  # else of an older lesson
            field = w.RadioButtons(options=options, value=known, layout=w.Layout(width="auto"))
        else:
            shown = "" if self.answer is None else f"{self.answer}"
            field = w.Text(value=shown, placeholder="a number", continuous_update=False)
        field.observe(given, "value")
        return w.VBox([label, field])

    def _ipython_display_(self) -> None:
        from IPython.display import display  # only where IPython shows it

        display({**self.widget()._repr_mimebundle_(), "text/plain": repr(self)}, raw=True)


def _number(text: str) -> int | float | None:
    """Read a number as it is typed; None where it is none."""
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return int(value) if value.is_integer() else value if isfinite(value) else None
