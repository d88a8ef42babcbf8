"""Stepping through a run: one event at a time, with the prompt and what is new in it, the loop, calls and names."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape
from importlib.resources import files
from secrets import token_hex
from typing import Any

from llmos_nb.journal import Event, history
from llmos_nb.journal.events import NamesChanged
from llmos_nb.messages import Message
from llmos_nb.process.state.fold import fold
from llmos_nb.session import Process
from llmos_nb.views import LOOP, STAGES, Timeline

_HERE = files("llmos_nb.lessons")


class Stepper:
    """The events of a run, one at a time.

    Parameters
    ----------
    events : iterable of Event
        A journal's events, in order.
    """

    def __init__(self, events: Iterable[Event]) -> None:
        self.events = list(events)
        self.timeline = Timeline(self.events)

    def figure(self) -> dict[str, Any]:
        """Return what the figure draws: stages, prompts, and what happened and was true at each event."""
        prompts: list[list[dict[str, str]]] = []
        steps, state, stage = list[dict[str, Any]](), None, ""
        for event, said in zip(self.events, self.timeline.events, strict=True):
            state, stage = fold([event], state), STAGES.get(event.k, stage)
            if event.k == "model.requested":
                stage = "plan"
                prompts.append([_plain(m) for m in state.context.messages()])
            facts, changes = self.timeline.facts(len(steps)), event.body
            steps.append({
                "k": event.k, "t": said["t"], "stage": stage, "prompt": len(prompts) - 1, "names": facts.names,
                "now": list(changes.changes.names) if isinstance(changes, NamesChanged) else [],
                "calls": [[c.id, c.name, c.status] for c in state.calls.values()],
                "by": facts.decided_by, "process": ", ".join(w for w in (state.status, state.reason) if w),
            })  # fmt: skip
        return {"steps": steps, "prompts": prompts, "stages": LOOP}

    def __repr__(self) -> str:
        return "\n".join(f"{e['n']:>3}  {e['k']:<17} {e['t']}" for e in self.timeline.events)

    def _repr_html_(self) -> str:
        """Return the figure as a page's own code draws it; where none runs, the events as text."""
        data = json.dumps(self.figure()).replace("<", "\\u003c")  # a text of the run cannot end the element
        style, code = ((_HERE / f"stepper.{kind}").read_text("utf-8") for kind in ("css", "js"))
        name = f"stepper-{token_hex(6)}"
        return (
            f'<div class="llmos-stepper" id="{name}"><pre>{escape(repr(self))}</pre>'
            f'<script type="application/json">{data}</script></div><style>{style}</style>'
            f'<script type="module">{code}\nbegin("{name}");</script>'
        )


def _plain(message: Message) -> dict[str, str]:
    calls = [f"{c.name}({_words(c.arguments)})" for c in message.calls]
    return {"role": message.role, "text": "\n".join([*([message.text] if message.text else []), *calls])}


def _words(arguments: dict[str, Any] | str) -> str:
    """Return arguments as a call has them; what could not be read, as it was written."""
    if isinstance(arguments, str):
        return arguments
    return ", ".join(f"{k}={v!r}" for k, v in arguments.items())


def step_through(run: Process | Iterable[Event]) -> Stepper:
    """Return a figure of the events of a run, to be stepped through.

    Parameters
    ----------
    run : Process or iterable of Event
        A process, also one that has ended, or the events of a journal.
    """
    return Stepper(history(run.events, run.journal.path) if isinstance(run, Process) else run)
