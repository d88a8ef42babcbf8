"""Stepping through a run: one event at a time, with what was true at it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llmos_nb.journal import Event, history
from llmos_nb.process.state.fold import fold
from llmos_nb.session import Process
from llmos_nb.views import Timeline


class Stepper:
    """The events of a run and a place among them.

    Parameters
    ----------
    events : iterable of Event
        A journal's events, in order.
    """

    def __init__(self, events: Iterable[Event]) -> None:
        self.events = list(events)
        self.timeline = Timeline(self.events)
        self.n = 0

    def at(self, n: int) -> str:
        """Say what happened at event `n`, and what was true then."""
        self.n = min(max(n, 0), len(self.events) - 1)
        event, facts = self.events[self.n], self.timeline.facts(self.n)
        state = fold(self.events[: self.n + 1])
        calls = ", ".join(f"{c.id} {c.name}: {c.status}" for c in state.calls.values()) or "none"
        lines = [
            f"event {self.n} of {len(self.events) - 1}: {event.k}  {self.timeline.events[self.n]['t']}",
            f"  calls     {calls}",
            f"  names     {', '.join(facts.names) or 'none changed'}",
            f"  prompt    {facts.prompt_bytes:,} bytes",
            f"  decided   {facts.decided_by or 'nothing yet'}",
            f"  process   {state.status}{', ' + state.reason if state.reason else ''}",
        ]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return "\n".join(f"{e['n']:>3}  {e['k']:<17} {e['t']}" for e in self.timeline.events)

    def widget(self) -> Any:
        """Make a slider over the events, with what was true at each below it."""
        import ipywidgets as w  # slow to import, and not needed without a notebook

        slider = w.IntSlider(value=self.n, min=0, max=max(len(self.events) - 1, 0), description="event")
        slider.layout.width = "60%"
        said = w.Textarea(value=self.at(self.n), disabled=True, rows=7, layout=w.Layout(width="98%"))
        slider.observe(lambda change: setattr(said, "value", self.at(change["new"])), "value")
        return w.VBox([slider, said])

    def _ipython_display_(self) -> None:
        from IPython.display import display  # only where IPython shows it

        display({**self.widget()._repr_mimebundle_(), "text/plain": repr(self)}, raw=True)


def step_through(run: Process | Iterable[Event]) -> Stepper:
    """Return a slider over the events of a run.

    Parameters
    ----------
    run : Process or iterable of Event
        A process, also one that has ended, or the events of a journal.
    """
    return Stepper(history(run.events, run.journal.path) if isinstance(run, Process) else run)
