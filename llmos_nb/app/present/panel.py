"""Showing a process as the panel."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from comm import create_comm

from llmos_nb.app.cells import offers
from llmos_nb.app.lab import panels
from llmos_nb.app.present import byhome
from llmos_nb.app.present.exported import export
from llmos_nb.app.present.front import own_id
from llmos_nb.app.present.text import Shown, publish, publish_all
from llmos_nb.app.present.widget import Feed, Panel
from llmos_nb.errors import LlmosError, UsageError
from llmos_nb.journal import Event
from llmos_nb.journal.events import YOU, SignalReceived
from llmos_nb.process import out_of_reach, preview, redo_within_reach
from llmos_nb.process.state import State
from llmos_nb.session import Process, abreast
from llmos_nb.tools import bounded
from llmos_nb.views import bundle, page
from llmos_nb.views.loop import loop
from llmos_nb.views.panel import Projector, asks_for, below, within_reach

Message = Mapping[str, Any]
Act = Callable[[Process, Message], Any]
Said = str | dict[str, Any] | Exception
Note = Callable[[Said], None]
"""Takes what came of a click: a line to be read, or a message for the page."""
WIDGET = "application/vnd.jupyter.widget-view+json"
KEPT_AT = ("question.asked", "question.answered", "run.paused", "run.resumed")
KEEP_S = 0.2
NOT_HELD = "No Undo: what the steps changed is not held by this session; they ran in one that has ended, or long ago."
_running: set[asyncio.Task[Any]] = set()


def _target(m: Message) -> str | int:
    return m.get("call") or m.get("step") or "all"


def _typed(p: Process, m: Message) -> Any:
    """Return what is approved; what goes where others chose, only where it was typed where that is.

    Raises
    ------
    UsageError
        Says what is to be typed.
    """
    what = _target(m)
    wanted = asks_for(p.run.state, str(what))
    if wanted and m.get("typed") != wanted:
        raise UsageError("it goes where others chose: to approve it, type the domain as it is sent, in the card")
    return what


def _approve(p: Process, m: Message) -> Any:
    if "code" in m or "arguments" in m:
        return _edit(p, m)
    given = {key: m[key] for key in ("without", "upto") if key in m}
    return p.approve(_typed(p, m), digest=m.get("digest", ""), **given)


def _edit(p: Process, m: Message) -> Any:
    if m.get("call"):
        code = {"code": m["code"]} if "code" in m else {}
        return p.edit(m["call"], arguments={**code, **m.get("arguments", {})})
    return p.edit(m["step"], **{k: m[k] for k in ("title", "expect", "code") if k in m})


async def _fork(p: Process, m: Message) -> None:
    """Begin a fork, with its panel below, in the cell of this one."""
    child = p.fork(m["at"])
    PanelShown(child).open()
    m["say"](f"process {child.pid} goes on from there, below")
    await child.resume()


def _budget(p: Process, m: Message) -> Any:
    p.budget(more := m.get("more") or m.get("text") or "+10 steps")
    if p.state == "paused" or p.reason in ("budget", "failed"):
        return p.resume()
    return f"it may use {more.removeprefix('+')} more" if p.state == "ended" else None


def _send(p: Process, m: Message) -> Any:
    if not (text := m.get("text", "").strip()):
        return "nothing was said"
    ended = p.state == "ended"
    p.send(text)
    if not ended:
        return "it is told this before it goes on"
    return p.resume() if p.cold else None


async def _preview(p: Process, m: Message) -> None:
    """Run a call that waits in a fork; what it showed is an event, which the panel shows."""
    call = m.get("call") or next((c.id for c in p.run.state.open_calls if c.name == "python"), "")
    result = await preview.preview(p.run, call, p.session.ip)
    seen = {"ok": result.ok, "text": bounded(result.text)[0], "would": result.facts["would"]}
    shown = SignalReceived(signal="previewed", by=YOU, call=call, **seen)
    await p.dispatch.hear(lambda: p.run.append(shown))


CLICKS: dict[str, Act] = {
    "approve": _approve,
    "approve_rest": lambda p, m: p.approve_rest(_typed(p, m), digest=m.get("digest", "")),
    "approve_same": lambda p, m: p.approve_same(_typed(p, m), digest=m.get("digest", "")),
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
    "send": _send,
    "reply": lambda p, m: p.reply(m["text"]),
    "resolve": lambda p, m: p.resolve(m["call"], bool(m["done"])),
    "revoke": lambda p, m: p.revoke(m["rule"]),
    "pause": lambda p, m: p.pause(),
    "stop": lambda p, m: p.stop(),
    "kill": lambda p, m: p.kill(),
    "resume": lambda p, m: p.resume(),
    "budget": _budget,
    "export": export,
    "fork": _fork,
    "cells": lambda p, _: {"kind": "cells", "pid": p.pid, "cells": offers(p)},
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
    """The panel: what follows the state on every page that shows it.

    Parameters
    ----------
    process : Process
        What is shown.
    page : bool
        Whether it is for pages that have opened a comm themselves: then nothing is drawn in a cell.
    """

    patient = True

    def __init__(self, process: Process, page: bool = False) -> None:
        events = process.events
        self.process, self.projector, self.seen = process, Projector(events), len(events)
        self.swapped_at_end = process.state != "ended"  # one shown after its end is there to be looked through
        first, tell = process.dispatch.ask(self.view), process.dispatch.tell  # a cell has a thread of its own
        self.panel = Feed(self.verb, first, tell) if page else Panel(self.verb, first, loop.svg(), tell)
        self.panel.kept, self.panel.on_followed = self.forms, self._keep_soon
        self.panel.on_synced = self.say_busy
        self.display_id = "" if page else f"llmos-{process.pid}-{id(self):x}"
        self.comm_id = self.line = ""
        self._keeping: asyncio.TimerHandle | None = None
        self._pieces, self._telling, self._kept = deque[tuple[str, str]](), False, (-1, False)

    def view(self) -> Any:
        """Return the view as it stands."""
        run = self.process.run
        where = abreast.whereabouts(self.process)  # there clicks are carried out
        made = self.projector.view(run.state, run.journal.events)
        if not where:
            made = within_reach(made, out_of_reach(run), redo_within_reach(run), NOT_HELD)
        elif run.state.status != "ended":
            made = {**made, "state": f"{made['state']}, {where}"}
        held = {"cell": below(run.state)} if self.holding and made["card"] else {}
        return {**made, "kernel_id": own_id(), **held}

    def open(self) -> None:
        """Show the line that is left where nothing can draw the panel, then the panel in all its forms."""
        run = self.process.run
        comm = create_comm(target_name=panels.TARGET, primary=False)
        self.comm_id = comm.comm_id
        self.panel.attach(comm)
        comm.open(data={"pid": self.process.pid})  # what a page says to that is heard
        line = f"process {self.process.pid}: {run.state.goal.strip()}"
        if not panels.Panels.drawing:
            publish(page.sibling(run.state), line, f"{self.display_id}-line")
            self.line = f"{self.display_id}-line"
        publish_all(self._drawn(), self.display_id)
        self.process.dispatch.ask(self._follow)

    def forms(self) -> dict[str, Any]:
        """Return what a notebook keeps of the process as it stands."""
        made = partial(bundle.bundle, comm=self.comm_id, kernel_id=own_id())
        return self.process.dispatch.ask(lambda: made(self.process.run.state, self.process.events))

    def _drawn(self) -> dict[str, Any]:
        """Return the same with the widget, unless it has ended: a saved widget without its state is an error."""
        if (self.swapped_at_end and self.process.state == "ended") or not isinstance(self.panel, Panel):
            return self.forms()
        return {
            WIDGET: {"version_major": 2, "version_minor": 0, "model_id": self.panel.model_id},
            **self.forms(),
        }

    def _follow(self) -> None:
        """Take in what happened meanwhile, and follow from now on."""
        run = self.process.run
        for event in run.journal.events[self.seen :]:
            self.projector.heard(event)
        run.listeners.append(self.heard)
        run.on_text, run.on_code = partial(self._stream, "stream"), partial(self._stream, "written")
        run.on_output, run.pictures = lambda call, text: self._stream("printed", text), False
        run.attended = lambda: self.panel.hears
        abreast.follow(self.process, self._went_on)
        self._show()

    def _went_on(self, fresh: Sequence[Event]) -> None:
        """Take in what others have written of a process that was only opened here."""
        for event in fresh:
            self.heard(event, self.process.run.state)
        self._show()

    def _stream(self, part: str, text: str) -> None:
        """Show what is written or printed, from any thread; what comes at once goes over in one."""
        self._pieces.append((part, text))
        if not self._telling:
            self._telling = True
            self.process.dispatch.tell(self._take)

    def _take(self) -> None:
        self._telling = False
        while self._pieces:
            part, text = self._pieces.popleft()
            self.panel.stream(text, part)

    def heard(self, event: Event, state: State) -> None:
        """Follow one event; the panel groups what it sends."""
        self.projector.heard(event)
        self.projector.preview(event)
        self._show()
        if event.k == "run.ended":
            asyncio.get_running_loop().call_soon(self._draw_last)
        elif event.k in KEPT_AT or (state.status == "ended" and event.k.startswith("call.")):
            self._keep_soon()

    def close(self) -> None:
        """Draw the last state, and put what a saved notebook holds in the place of what it held.

        Where a page draws the panel itself it stays as it is. Elsewhere the static form takes the widget's place: a
        saved notebook holds no widget state, and a widget without it is an error on the page. `%agent show` brings
        the live panel back; a page that was reloaded meanwhile keeps its own.
        """
        self.process.dispatch.ask(self._draw_last)

    def _draw_last(self) -> None:
        self._show()
        self.panel.flush()
        self._keep()

    def _keep_soon(self) -> None:
        """Renew what a saved notebook holds in a moment, once for what happens together."""
        if self.panel.followed and self._keeping is None:
            self._keeping = asyncio.get_running_loop().call_later(KEEP_S, self._keep)

    def _keep(self) -> None:
        """Renew it now: where a widget draws the panel only at the end, since it would be drawn anew."""
        if self._keeping is not None:
            self._keeping.cancel()
            self._keeping = None
        ended = self.swapped_at_end and self.process.state == "ended"
        told = (self.process.run.state.n, self.panel.followed)
        if self.display_id and (ended or self.panel.followed) and told != self._kept:
            self._kept = told
            publish_all(self._drawn(), self.display_id, update=True)
            self._take_line_away()
        if self.panel.followed:
            self.panel.send({"kind": "kept", "n": self.process.run.state.n})

    def _take_line_away(self) -> None:
        """Take the line over the panel away: all its forms say the same."""
        if self.line:
            publish("", "", self.line, update=True)
        self.line = ""

    def verb(self, message: dict[str, Any]) -> None:
        """Carry a click out, and show what came of it; from any thread."""
        if (name := message["verb"]) in LOOKS:
            self.process.dispatch.tell(LOOKS[name], self.projector, message)
        else:
            carry_out(self.process, message, partial(self._told, self.panel.ticket))
        self.process.dispatch.tell(self._show)

    def _told(self, ticket: Any, said: Said) -> None:
        if isinstance(said, dict):
            self.panel.send(said)
        else:
            self.panel.note(str(said), ticket if isinstance(said, Exception) else None)

    def _show(self) -> None:
        self.panel.show_latest(self.view, self.projector.live(self.process.run.state))


def carry_out(process: Process, message: Message, note: Note) -> None:
    """Carry a click out, on the thread where it belongs; from any thread. What came of it may be noted later."""
    if process.cold:
        process.dispatch.tell(_opened, process, message, note)
    else:
        _carry_out(process, message, note)


def _opened(process: Process, message: Message, note: Note) -> None:
    """Carry a click on a process out that was only opened here: by whoever has it at hand, or here."""
    try:
        abreast.catch_up(process)
    except LlmosError as error:
        return note(error)
    where = abreast.whereabouts(process)
    if where and message["verb"] not in byhome.HERE:
        return _noted(process, message, note, partial(_by_home, where))
    return _carry_out(process, message, note)


def _by_home(where: str, p: Process, m: Message) -> Any:
    if m["verb"].startswith("approve"):
        _typed(p, m)
    goes_on = p.state == "paused" or p.reason in ("budget", "failed")
    return byhome.send(p.journal.path.parent, where, p.pid, {**m, "resume": goes_on})


def _carry_out(process: Process, message: Message, note: Note) -> None:
    visits = process.dispatch.visits
    name = message["verb"]
    held = name == "resume" and process.run.state.pause_wanted  # the step that it waits behind may hold that thread
    if (name in AT_HOME or (name == "send" and process.cold)) and not (held or visits.here):
        visits.post(partial(_noted, process, message, note))
    else:
        _noted(process, message, note)


def _noted(process: Process, message: Message, note: Note, act: Act | None = None) -> None:
    try:
        given = {k: v for k, v in message.items() if v is not None}
        said = (act or CLICKS[message["verb"]])(process, {**given, "say": note})
    except SAID as error:
        said = error
    if isinstance(said, str | dict | Exception):
        note(said)
    elif asyncio.iscoroutine(said):
        begin(said, note)


def begin(work: Coroutine[Any, Any, object], note: Note) -> None:
    """Begin what a click lets be done, on the running loop; what came of it is noted."""
    _running.add(task := asyncio.get_running_loop().create_task(_awaited(work, note)))
    task.add_done_callback(_running.discard)


async def _awaited(work: Coroutine[Any, Any, object], note: Note) -> None:
    try:
        if isinstance(said := await work, str | dict):
            note(said)
    except SAID as error:
        note(error)


def attach(process: Process, comm: Any) -> None:
    """Let a page follow a process by the comm that it has opened, beside whatever shows it already."""
    process.dispatch.adopt(process.session.ip)  # a click may let it go on before any cell of this session does
    if (shown := next(_panels(process), None)) is None:
        shown = PanelShown(process, page=True)
        process.dispatch.ask(shown._follow)
    shown.panel.attach(comm)
    process.dispatch.tell(shown.panel.welcome, comm)


def comm_of(process: Process) -> str:
    """Return the comm of the panel that was drawn last in a cell; empty for none."""
    return next((each.comm_id for each in _panels(process) if each.comm_id), "")


def _panels(process: Process) -> Iterator[PanelShown]:
    """Return the panels of a process, the last one first."""
    found = (getattr(heard, "__self__", None) for heard in reversed(process.run.listeners))
    return (each for each in found if isinstance(each, PanelShown))
