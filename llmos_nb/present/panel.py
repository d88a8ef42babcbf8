"""Showing a process as the panel."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from ipykernel.connect import get_connection_file
from IPython.display import display

from llmos_nb.chain import Event, now
from llmos_nb.panel_verbs import VERBS
from llmos_nb.present.text import Shown, publish
from llmos_nb.process import Process
from llmos_nb.state import State
from llmos_nb.views import loop, static
from llmos_nb.views.panel import Panel
from llmos_nb.views.project import Projector


class PanelShown(Shown):
    """The panel: a widget that follows the state."""

    patient = True

    def __init__(self, process: Process) -> None:
        self.process, self.projector = process, Projector()
        self.swapped_at_end = process.state != "ended"  # one shown after its end is there to be looked through
        for event in process.run.journal.events:
            self.projector.heard(event)
        self.panel = Panel(self.verb, self.view(), loop.svg())
        self.display_id = f"llmos-{process.pid}-{id(self):x}"

    def view(self) -> Any:
        """Give the view as it stands."""
        run = self.process.run
        found = self.projector.view(run.state, run.journal.events, now())
        found["kernel_id"] = _own_id()
        return found

    def open(self) -> None:
        """Show the static sibling, then the widget."""
        run = self.process.run
        line = f"process {self.process.pid}: {run.state.goal.strip()}"
        publish(static.sibling(run.state), line, f"{self.display_id}-line")
        display(self.panel, display_id=self.display_id)
        run.listeners.append(self.heard)
        run.on_text = self.panel.stream

    def heard(self, event: Event, _: State) -> None:
        """Follow one event; the panel groups what it sends."""
        self.projector.heard(event)
        if event.d.get("signal") == "previewed":
            self.projector.preview(event)
        self.panel.show(self.view())
        if event.k == "call.started":
            self.panel.flush()  # the step may hold the main thread
        if event.k == "run.ended":
            asyncio.get_running_loop().call_soon(self.close)

    def close(self) -> None:
        """Draw the last state; of a process that has ended the static form takes the widget's place.

        A saved notebook holds no widget state, and a widget without it is an error on the page. `%agent show` brings
        the live panel back; a page that was reloaded meanwhile keeps its own.
        """
        self.panel.show(self.view())
        self.panel.flush()
        run = self.process.run
        if self.swapped_at_end and self.process.state == "ended":
            form = (static.html(run.state, run.journal.events), static.plain(run.state, run.journal.events))
            publish(*form, self.display_id, update=True)
            publish("", "", f"{self.display_id}-line", update=True)  # the static form says it, too

    def verb(self, message: dict[str, Any]) -> None:
        """Carry a click out, and show what came of it."""
        name = message["verb"]
        if name in ("rules", "journal", "close"):
            self.projector.open("" if name == "close" else name)
        elif name == "seek":
            self.projector.seek(message["at"])
        else:
            said = VERBS[name](self.process, _without_empty(message))
            if isinstance(said, str):
                self.panel.note(said)
        self.panel.show(self.view())


def _without_empty(message: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in message.items() if v is not None}


def _own_id() -> str:
    """Give the id under which the server knows this process, so that Stop can interrupt it."""
    try:
        return get_connection_file().rpartition("kernel-")[2].removesuffix(".json")
    except RuntimeError:
        return ""
