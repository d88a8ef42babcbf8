"""A question with its choices: buttons where the notebook has widgets, words everywhere else."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any

from llmos_nb.lessons.core import Question


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
            said = "a number is wanted" if value is None else "noted; go on, and compare"
            label.value = f"{self.question.text} ({said})"

        field: Any
        if self.question.choices:
            options = [(words, key) for key, words in self.question.choices.items()]
            field = w.RadioButtons(options=options, value=self.answer, layout=w.Layout(width="auto"))
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
