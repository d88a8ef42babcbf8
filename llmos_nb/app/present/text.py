"""Showing a process as text, and what all ways of showing share."""

from __future__ import annotations

from functools import partial
from typing import Any

from llmos_nb.app.present.keys import prompt_keys
from llmos_nb.journal import Event
from llmos_nb.journal.events import QuestionAsked
from llmos_nb.process.state import State
from llmos_nb.session import Process
from llmos_nb.tools import Stopped
from llmos_nb.tools.devices.python import interruptible
from llmos_nb.views import page
from llmos_nb.views.text import view


class Shown:
    """One way of showing a process."""

    patient = False

    def open(self) -> None:
        """Begin to show."""

    def close(self) -> None:
        """Show the last state and stop listening."""


class Several(Shown):
    """The processes of a pipe, one below the other.

    Parameters
    ----------
    parts : list of Shown
        How each is shown.
    """

    def __init__(self, parts: list[Shown]) -> None:
        self.parts, self.patient = parts, parts[-1].patient

    def close(self) -> None:
        """Show the last state of each and stop listening."""
        for part in self.parts:
            part.close()


class TextShown(Shown):
    """Text as it happens; in a terminal it also takes the keys of decisions."""

    def __init__(self, process: Process, kind: str, ip: Any) -> None:
        self.process, self.kind, self.ip = process, kind, ip
        self.view = view.TextView(write=print_raw)
        self.patient = kind == "terminal"

    def open(self) -> None:
        """Print what happens, and what happened before."""
        self.process.dispatch.ask(self._open)

    def _open(self) -> None:
        run = self.process.run
        self.view.before(run.journal.events, run.state)
        others = [x for x in run.listeners if not isinstance(getattr(x, "__self__", None), TextShown)]
        run.listeners[:] = [*others, self.heard]  # in text everything is said once, by who was shown last
        run.on_text = self.view.on_text
        if self.patient and self.process.state == "waiting":
            for key in list(run.state.questions):
                self._ask_soon(key)

    def _ask_soon(self, key: str) -> None:
        self.process.dispatch.visits.post(partial(self.ask, key))

    def heard(self, event: Event, state: State) -> None:
        """Print one event; ask where a terminal can answer."""
        self.view(event, state)
        if self.patient and isinstance(event.body, QuestionAsked):
            self._ask_soon(event.body.question)

    def ask(self, key: str) -> None:
        """Read the person's decision; a terminal has nothing else to do meanwhile, and Ctrl-C stops the process."""
        if key not in self.process.run.state.questions:
            return
        try:
            with interruptible():
                prompt_keys(self.process, key, input)
        except Stopped:
            self.process.stop()

    def close(self) -> None:
        """Stop printing; a headless notebook keeps the static form."""
        run = self.process.run
        self.process.dispatch.ask(self._leave)
        if self.kind == "headless" and self.ip is not None and getattr(self.ip, "kernel", None) is not None:
            publish(page.html(run.state, run.journal.events), page.plain(run.state, run.journal.events))

    def _leave(self) -> None:
        self.process.run.listeners[:] = [x for x in self.process.run.listeners if x != self.heard]


def print_raw(words: str) -> None:
    """Print without adding a newline."""
    print(words, end="", flush=True)


def publish(html: str, plain: str, display_id: str | None = None, update: bool = False) -> None:
    """Display a bundle of HTML and text, or put it in place of an earlier one."""
    from IPython.display import display  # only where IPython is

    where = {"display_id": display_id, "update": update} if display_id else {}
    display({"text/html": html, "text/plain": plain}, raw=True, **where)
