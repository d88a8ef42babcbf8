"""What each click of the panel does: a message in, a verb of the process out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from llmos_nb import dry_run
from llmos_nb.errors import LlmosError
from llmos_nb.process import Process
from llmos_nb.stubs import bounded

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


def _move(p: Process, m: Message) -> Any:
    return p.move(m["step"], [s.n for s in p.plan.steps].index(m["to"]) + 1)


def _export(p: Process, m: Message) -> str:
    name = p.run.state.name or "process"
    return f"written: {p.export(m.get('path') or f'{name}-{p.pid}.ipynb')}"


def _resume(p: Process, m: Message) -> None:
    _later(p.resume())


def _fork(p: Process, m: Message) -> str:
    child = p.fork(m["at"])
    return f"process {child.pid} stands at event {m['at']}: %agent show {child.pid}"


def _budget(p: Process, m: Message) -> None:
    p.budget(m.get("more") or m.get("text") or "+10 steps")
    if p.state in ("ended", "paused"):
        _resume(p, m)


def _cells(p: Process, m: Message) -> str:
    return f"write %agent cells {p.pid} in a cell: its surviving steps come as cells below"


def _preview(p: Process, m: Message) -> asyncio.Task[Any]:
    """Run a call that waits in a fork; what it showed is an event, which the panel shows."""
    call = m.get("call") or next((c.id for c in p.run.state.open_calls if c.name == "python"), "")
    return _later(_previewed(p, call))


async def _previewed(p: Process, call: str) -> None:
    result = await dry_run.preview(p.run, call, p.session.ip)
    seen = {"ok": result.ok, "text": bounded(result.text)[0], "would": result.facts["would"]}
    with p.run.journal.held():
        p.run.append("signal.received", signal="previewed", by="you", call=call, **seen)


def _later(work: Any) -> asyncio.Task[Any]:
    """Run a coroutine of ours; what it cannot do is said by the state."""

    async def guarded() -> None:
        try:
            await work
        except LlmosError as error:
            print(f"{type(error).__name__}: {error}")

    task = asyncio.get_running_loop().create_task(guarded())
    _running.add(task)
    task.add_done_callback(_running.discard)
    return task


VERBS: dict[str, Callable[[Process, Message], Any]] = {
    "approve": _approve,
    "approve_rest": lambda p, m: p.approve_rest(m["call"], digest=m.get("digest", "")),
    "approve_same": lambda p, m: p.approve_same(m["call"], digest=m.get("digest", "")),
    "check_edit": _edit,
    "edit": _edit,
    "reject": lambda p, m: p.reject(_target(m), m.get("why", "")),
    "skip": lambda p, m: p.skip(_target(m)),
    "retry": lambda p, m: p.retry(m["step"], m.get("hint", "")),
    "add": lambda p, m: p.add(m["title"], m.get("expect", "")),
    "move": _move,
    "undo": lambda p, m: p.undo(to=m.get("step")),
    "undo_all": lambda p, m: p.undo(to=0),
    "redo": lambda p, m: p.redo(),
    "reply": lambda p, m: p.reply(m["text"]),
    "resolve": lambda p, m: p.resolve(m["call"], bool(m["done"])),
    "revoke": lambda p, m: p.revoke(m["rule"]),
    "pause": lambda p, m: p.pause(),
    "stop": lambda p, m: p.stop(),
    "kill": lambda p, m: p.kill(),
    "resume": _resume,
    "budget": _budget,
    "export": _export,
    "fork": _fork,
    "cells": _cells,
    "preview": _preview,
}
