"""A question with its choices: buttons where the notebook has widgets, words everywhere else."""

from __future__ import annotations

from collections.abc import Callable
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
        """Make radio buttons that store what is clicked."""
        import ipywidgets as w  # slow to import, and not needed without a notebook

        options = [(words, key) for key, words in self.question.choices.items()]
        buttons = w.RadioButtons(options=options, value=self.answer, layout=w.Layout(width="auto"))
        buttons.observe(lambda change: self._store(change["new"]), "value")
        label = w.Label(self.question.text, style={"font_weight": "bold"})
        return w.VBox([label, buttons])

    def _ipython_display_(self) -> None:
        from IPython.display import display  # only where IPython shows it

        if not self.question.choices:
            print(self)
            return
        data = self.widget()._repr_mimebundle_()
        display({**data, "text/plain": repr(self)}, raw=True)
