"""The two tools by which a process starts others and waits for them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from contextvars import copy_context
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from llmos_nb import children, labels
from llmos_nb.devices.processes import START, WAIT
from llmos_nb.errors import LlmosError, UsageError
from llmos_nb.ipc.waits import title
from llmos_nb.messages import ToolResult
from llmos_nb.scheduler import Run
from llmos_nb.tools import CallContext, current_call

if TYPE_CHECKING:
    from llmos_nb.process import Process
    from llmos_nb.session import Session

_CHANGES = ("created", "rebound", "mutated", "deleted")


def connect(session: Session, run: Run) -> None:
    """Give a process its two tools, and let parent and child hear of each other."""
    if START in run.tools and WAIT in run.tools:
        asks = {**run.tools[WAIT].extra, "asks": partial(_awaits, session, run)}
        run.tools[START] = replace(run.tools[START], runner=partial(_start, session, run))
        run.tools[WAIT] = replace(run.tools[WAIT], runner=partial(_answer, session, run), extra=asks)
    run.listeners.append(partial(children.heard, session))


def _child(session: Session, run: Run, arguments: Mapping[str, Any]) -> Process:
    """Give the child that a call names."""
    key = str(arguments["process"]).strip()
    mine = [session.processes[p] for p in run.state.children if p in session.processes]
    found = [c for c in mine if key in (str(c.pid), c.run.state.name)]
    if not found:
        names = ", ".join(title(c.run.state) for c in mine) or "none"
        raise UsageError(f"process {key!r} is none that you started (there are: {names})")
    return found[-1]


async def _start(session: Session, run: Run, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
    """Start a child as a call says; the same call starts it once."""
    made = (
        e.d["child"] for e in run.journal.events if e.k == "budget.reserved" and e.d.get("call") == context.call
    )
    if (before := next(made, None)) in session.processes:
        return _told(session.processes[before])
    goal = str(arguments["goal"]).replace("!`", "`").replace("&`", "`")  # it attaches nothing: a person may
    wanted = {k: arguments[k] for k in ("name", "tools", "budget") if arguments.get(k)}
    try:
        child = children.create(session, session.processes[run.state.pid], goal, call=context.call, **wanted)
    except LlmosError as error:
        return ToolResult(False, str(error), type(error).__name__)
    outside = copy_context()  # the child's steps are not steps of this call
    outside.run(current_call.set, None)
    outside.run(child.start)
    return _told(child)


def _told(child: Process) -> ToolResult:
    return ToolResult(
        True, f"{title(child.run.state)} is at work; {WAIT} gives its answer", facts={"child": child.pid}
    )


def _awaits(
    session: Session, run: Run, call: str, arguments: Mapping[str, Any]
) -> tuple[str, dict[str, Any]] | None:
    """Let a call wait for a child that has not ended; what is wrong with the name is said when it runs."""
    with suppress(LlmosError):
        child = _child(session, run, arguments)
        if child.state != "ended":
            named = f"{title(child.run.state)} to end"
            return "message.awaited", {"what": "process", "whom": [child.pid], "title": named}
    return None


async def _answer(session: Session, run: Run, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
    """Give what became of a child; its label comes with it, and what it changed counts as seen."""
    try:
        s = _child(session, run, arguments).run.state
    except LlmosError as error:
        return ToolResult(False, str(error), type(error).__name__)
    changed = sorted({n for c in s.surviving for kind in _CHANGES for n in c.changes.get(kind, ())})
    if run.sight is not None:
        run.sight.saw(changed)
    how = f"{title(s)} ended: {s.reason}" + (f" ({s.detail})" if s.detail and s.reason != "answered" else "")
    lines = [how, *([f"It changed {', '.join(changed)}."] if changed else []), s.answer or "It gave no answer."]
    label = labels.context(s.labels)
    facts = {"label": str(label), "why": f"{title(s)} had read {label} data"} if label != labels.TRUSTED else {}
    wrong = "" if s.reason == "answered" else "NotAnswered"
    return ToolResult(not wrong, "\n".join(lines), wrong, facts={**facts, "child": s.pid})
