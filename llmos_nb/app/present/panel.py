"""Showing a process as the panel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ipykernel.connect import get_connection_file
from IPython.display import display

from llmos_nb.app.present.text import Shown, publish
from llmos_nb.app.present.widget import Panel
from llmos_nb.errors import LlmosError
from llmos_nb.journal import Event
from llmos_nb.journal.events import SignalReceived
from llmos_nb.messages import now
from llmos_nb.process import preview
from llmos_nb.process.state import State
from llmos_nb.session import Process, exporting
from llmos_nb.tools import bounded
from llmos_nb.views import page
from llmos_nb.views.loop import loop
from llmos_nb.views.panel import Projector

Message = Mapping[str, Any]
_running: set[asyncio.Task[Any]] = set()


def _target(m: Message) -> str | int:
    return m.get("call") or m.get("step") or "all"


def _approve(p: Process, m: Message) -> Any:
    if "code" in m or "arguments" in m:
        return _edit(p, m)
    return p.approve(_target(m), digest=m.get("digest", ""))


def _edit(p: Process, m: Message) -> Any:
    if m.get("call"):
        code = {"code": m["code"]} if "code" in m else {}
        return p.edit(m["call"], arguments={**code, **m.get("arguments", {})})
    return p.edit(m["step"], **{k: m[k] for k in ("title", "expect", "code") if k in m})


async def _export(p: Process, m: Message) -> str:
    """Write the notebook here, and run it beside both threads; the panel says how far it is."""
    named = m.get("path") or f"{p.run.state.name or 'process'}-{p.pid}.ipynb"
    saved = exporting.save(p.session, [p], Path(named))
    m["say"](f"saved: {saved.path}; it is now run in a fresh interpreter")
    return await asyncio.to_thread(saved.prove)


def _fork(p: Process, m: Message) -> str:
    child = p.fork(m["at"])
    return f"process {child.pid} stands at event {m['at']}: %agent show {child.pid}"


def _budget(p: Process, m: Message) -> Any:
    p.budget(m.get("more") or m.get("text") or "+10 steps")
    return p.resume() if p.state in ("ended", "paused") else None


async def _preview(p: Process, m: Message) -> None:
    """Run a call that waits in a fork; what it showed is an event, which the panel shows."""
    call = m.get("call") or next((c.id for c in p.run.state.open_calls if c.name == "python"), "")
    result = await preview.preview(p.run, call, p.session.ip)
    seen = {"ok": result.ok, "text": bounded(result.text)[0], "would": result.facts["would"]}
    shown = SignalReceived(signal="previewed", by="you", call=call, **seen)
    await p.dispatch.hear(lambda: p.run.append(shown))


CLICKS: dict[str, Callable[[Process, Message], Any]] = {
    "approve": _approve,
    "approve_rest": lambda p, m: p.approve_rest(m["call"], digest=m.get("digest", "")),
    "approve_same": lambda p, m: p.approve_same(m["call"], digest=m.get("digest", "")),
    "check_edit": _edit,
    "edit": _edit,
    "reject": lambda p, m: p.reject(_target(m), m.get("why", "")),
    "skip": lambda p, m: p.skip(_target(m)),
    "retry": lambda p, m: p.retry(m["step"], m.get("hint", "")),
    "add": lambda p, m: p.add(m["title"], m.get("expect", "")),
    "move": lambda p, m: p.move(m["step"], [s.n for s in p.plan.steps].index(m["to"]) + 1),
    "undo": lambda p, m: p.undo(to=m.get("step")),
    "undo_all": lambda p, m: p.undo(to=0),
    "redo": lambda p, m: p.redo(),
    "reply": lambda p, m: p.reply(m["text"]),
    "resolve": lambda p, m: p.resolve(m["call"], bool(m["done"])),
    "revoke": lambda p, m: p.revoke(m["rule"]),
    "pause": lambda p, m: p.pause(),
    "stop": lambda p, m: p.stop(),
    "kill": lambda p, m: p.kill(),
    "resume": lambda p, m: p.resume(),
    "budget": _budget,
    "export": _export,
    "fork": _fork,
    "cells": lambda p, m: f"write %agent cells {p.pid} in a cell: its surviving steps come as cells below",
    "preview": _preview,
}
AT_HOME = frozenset(("undo", "undo_all", "redo", "resolve", "resume", "budget", "export", "fork", "preview"))
"""Verbs that touch the user's objects, and so are carried out on their thread."""
SAID = (LlmosError, OSError)
"""What may be wrong with a click; it is said in the panel."""
LOOKS: dict[str, Callable[[Projector, Message], None]] = {
    "rules": lambda projector, _: projector.open("rules"),
    "journal": lambda projector, _: projector.open("journal"),
    "output": lambda projector, m: projector.open("output", m.get("step") or 0),
    "close": lambda projector, _: projector.open(""),
    "seek": lambda projector, m: projector.seek(m["at"]),
}
"""Verbs that change only what the panel shows."""


class PanelShown(Shown):
    """The panel: a widget that follows the state."""

    patient = True

    def __init__(self, process: Process) -> None:
        events = process.events
        self.process, self.projector, self.seen = process, Projector(events), len(events)
        self.swapped_at_end = process.state != "ended"  # one shown after its end is there to be looked through
        self.panel = Panel(self.verb, self.view(), loop.svg(), process.dispatch.tell)
        self.display_id = f"llmos-{process.pid}-{id(self):x}"

    def view(self) -> Any:
        """Return the view as it stands."""
        run = self.process.run
        return {**self.projector.view(run.state, run.journal.events, now()), "kernel_id": _own_id()}

    def open(self) -> None:
        """Show the static sibling, then the widget."""
        run = self.process.run
        line = f"process {self.process.pid}: {run.state.goal.strip()}"
        kept = "" if self.swapped_at_end else page.outputs(run.state)  # no static form will say it
        publish(page.sibling(run.state) + kept, line, f"{self.display_id}-line")
        display(self.panel, display_id=self.display_id)
        self.process.dispatch.ask(self._follow)

    def _follow(self) -> None:
        run = self.process.run
        for event in run.journal.events[self.seen :]:
            self.projector.heard(event)
        run.listeners.append(self.heard)
        run.on_text = self._stream
        self.panel.show(self.view())

    def _stream(self, text: str) -> None:
        self.process.dispatch.tell(self.panel.stream, text)

    def heard(self, event: Event, _: State) -> None:
        """Follow one event; the panel groups what it sends."""
        self.projector.heard(event)
        self.projector.preview(event)
        self.panel.show(self.view())
        if event.k == "run.ended":
            asyncio.get_running_loop().call_soon(self._draw_last)

    def close(self) -> None:
        """Draw the last state; of a process that has ended the static form takes the widget's place.

        A saved notebook holds no widget state, and a widget without it is an error on the page. `%agent show` brings
        the live panel back; a page that was reloaded meanwhile keeps its own.
        """
        self.process.dispatch.ask(self._draw_last)

    def _draw_last(self) -> None:
        self.panel.show(self.view())
        self.panel.flush()
        run = self.process.run
        if self.swapped_at_end and self.process.state == "ended":
            form = (page.html(run.state, run.journal.events), page.plain(run.state, run.journal.events))
            publish(*form, self.display_id, update=True)
            publish("", "", f"{self.display_id}-line", update=True)  # the static form says it, too

    def verb(self, message: dict[str, Any]) -> None:
        """Carry a click out, and show what came of it; from any thread."""
        name, visits = message["verb"], self.process.dispatch.visits
        if name in LOOKS:
            self.process.dispatch.tell(LOOKS[name], self.projector, message)
        elif name in AT_HOME and not visits.here:
            visits.post(partial(self._noted, message))
        else:
            self._noted(message)
        self.process.dispatch.tell(self._show)

    def _show(self) -> None:
        self.panel.show(self.view())

    def _carry_out(self, message: dict[str, Any]) -> None:
        given = {k: v for k, v in message.items() if v is not None}
        said = CLICKS[message["verb"]](self.process, {**given, "say": self.panel.note})
        if isinstance(said, str):
            self.panel.note(said)
        elif asyncio.iscoroutine(said):
            task = asyncio.get_running_loop().create_task(self._awaited(said))
            _running.add(task)
            task.add_done_callback(_running.discard)

    async def _awaited(self, work: Coroutine[Any, Any, object]) -> None:
        try:
            if isinstance(said := await work, str):
                self.panel.note(said)
        except SAID as error:
            self.panel.note(str(error))

    def _noted(self, message: dict[str, Any]) -> None:
        try:
            self._carry_out(message)
        except SAID as error:
            self.panel.note(str(error))


def _own_id() -> str:
    """Return the id under which the server knows this process, so that Stop can interrupt it."""
    try:
        return get_connection_file().rpartition("kernel-")[2].removesuffix(".json")
    except RuntimeError:
        return ""
