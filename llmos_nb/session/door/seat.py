"""The place of an agent that is the model of a process: our tools for it alone, and what it does by tools of its own.

What it does by itself is no act of ours: it asks leave by the call `agent_action`, where it asks at all, and what it
says that it did stands on the record as `not_seen`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.journal import Event
from llmos_nb.journal.events import ModelRequested
from llmos_nb.messages import ToolResult
from llmos_nb.models.outside import ACTION, NOT_SEEN, AcpModel, OutsideModel, Wanted
from llmos_nb.process import Run, undo_tool
from llmos_nb.session.door import files, words
from llmos_nb.session.door.desk import WAIT, Desk
from llmos_nb.session.door.part import told
from llmos_nb.session.parts import Order, Part
from llmos_nb.session.process import Process
from llmos_nb.session.session import Session
from llmos_nb.tools import CallContext, Tool

OWN = (ACTION, NOT_SEEN, "plan")  # these it does not call: its plan, its questions and its reports come by ACP
_UNSEEN = "not seen by llmos"
_TEXT, _WHOLE = {"type": "string"}, {"type": "integer"}
_USE = {"what": _TEXT, "kind": _TEXT, "n": _WHOLE}


class Seats(Part):
    """Gives agents that are models their seats, each at one process."""

    session: Session
    hears = (ModelRequested.kind,)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._at: dict[int, AcpModel] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    def offers(self, order: Order, tools: Mapping[str, Tool]) -> list[Tool]:
        """Return what only an agent outside can call, or has called in its name."""
        return [*([undo_tool()] if self.session.namespace is not None else []), _action(), _report()]

    def heard(self, run: Run, event: Event) -> None:
        """Seat the agent that is about to be asked; one that was asked here before it is ended."""
        model, before = run.model, self._at.get(run.state.pid)
        if before is not None and before is not model:
            task = asyncio.get_running_loop().create_task(self._at.pop(run.state.pid).aclose())
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)
        if isinstance(model, AcpModel) and before is not model:  # of a fork, too: each has an agent of its own
            made = self._at[run.state.pid] = run.model = AcpModel(model.name, model.command)
            made.seat = Seat(self.session.processes[run.state.pid], made)


class Seat(Desk):
    """One agent's seat at one process.

    Parameters
    ----------
    process : Process
        Whose model it is.
    model : AcpModel
        The agent.
    """

    process: Process

    def __init__(self, process: Process, model: AcpModel) -> None:
        super().__init__(model.traits.name, _none)
        self.process, self._model = process, model
        model.done = self._done
        process.run.listeners.append(self._heard)
        self.log = process.journal.path.with_name("agent.log")
        self._server: Any = None

    async def server(self, http: bool) -> dict[str, Any]:
        """Open an MCP server for it alone; return how the agent reaches that."""
        from llmos_nb.session.door.http import McpServer  # the SDK takes a while

        tools = [t for n, t in self.process.run.tools.items() if n not in OWN]
        listed = words.wired(tools, False, self.process.run.state.prompts, answers=False)
        self._server = McpServer(lambda _: self, listed, [*_reads(tools), WAIT], words.WHOLE, told)
        await self._server.begin()
        place = files.Place(os.getpid(), self._server.port, self._server.token, str(Path.cwd()))
        if http:
            headers = [{"name": "Authorization", "value": f"Bearer {place.token}"}]
            return {"type": "http", "name": "llmos", "url": place.url, "headers": headers}
        given = {files.GIVEN: json.dumps(asdict(place)), "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
        env = [{"name": k, "value": v} for k, v in given.items() if v]
        return {"name": "llmos", "command": sys.executable, "args": ["-m", "llmos_nb.app.cli", "mcp"], "env": env}

    def offers(self, tool: str) -> bool:
        """Return whether it can call a tool here."""
        return tool == WAIT or (tool in self.process.run.tools and tool not in OWN)

    def step(self, title: str) -> int:
        """Return the number of the open step of this title; 0 for none."""
        return next((p.n for p in self.process.plan.steps if p.open and p.title == title), 0)

    def lost(self, why: str) -> None:
        """Pause the process, with all that was done."""
        super().leave(why)

    def withdraw(self, wanted: Wanted) -> None:
        """Take back a call that nobody waits for any more."""
        self._withdraw("", wanted)

    async def close(self) -> None:
        """Let nobody call by it any more."""
        server, self._server = self._server, None
        if server is not None:
            await server.end()

    def leave(self, why: str) -> None:
        """A line of MCP has ended; the agent is there as long as its program is."""

    def _refused(self) -> str | None:
        over = self.process.state == "ended"
        return "Not run: this piece of work is over" if over else super()._refused()


async def _none(model: OutsideModel, made: object) -> None:
    raise UsageError("its agent was given up")


def _reads(tools: list[Tool]) -> list[str]:
    return [t.name for t in tools if t.effect == "read"]


def _action(run: Run | None = None) -> Tool:
    """Return the tool by which an agent asks leave for what it does by a tool of its own."""

    async def runner(arguments: Mapping[str, Any], _: CallContext) -> ToolResult:
        if run is None or dict(arguments) not in getattr(run.model, "asking", ()):
            why = "the agent does not wait for this: it is gone, or it asked for something else than what was approved"
            return ToolResult(False, why, "NotAllowed")
        return ToolResult(True, f"allowed once; what it does is {_UNSEEN}")

    about = "Do something by a tool of the agent's own, outside the notebook."
    schema = _schema(_USE | {"details": _TEXT})
    return Tool(
        ACTION, about, schema, runner, "external", "once", source="untrusted", each_time=True, place="thread",
        digest="agent_action:1", inspect=_look, runner=runner, bind=_action, code=_comment,
    )  # fmt: skip


def _report(run: Run | None = None) -> Tool:
    """Return the tool under whose name stands what an agent says it did by itself."""

    async def runner(arguments: Mapping[str, Any], _: CallContext) -> ToolResult:
        return ToolResult(True, _UNSEEN)

    about = "What the agent says it did by a tool of its own."
    return Tool(
        NOT_SEEN, about, _schema(_USE), runner, "read", "once", source="own", place="thread", digest="not_seen:1",
        runner=runner, code=_comment,
    )  # fmt: skip


def _schema(fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def _look(arguments: Mapping[str, Any]) -> dict[str, Any]:
    said = (
        f"the agent does this by a tool of its own ({arguments['kind']}): it is {_UNSEEN}, and Undo cannot take it back"
    )
    risk = {
        "level": "risky",
        "title": f"use a tool of its own: {arguments['what'][:120]}",
        "risks": [["external", said]],
    }
    return {**risk, "why": f"It asks because {said}.", "shows": arguments["details"]}


def _comment(arguments: Mapping[str, Any]) -> str:
    return f"# by a tool of the agent's own, {_UNSEEN}: {' '.join(str(arguments['what']).split())}\nNone"
