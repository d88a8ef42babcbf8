"""An agent that speaks the Agent Client Protocol (ACP) as a model: a child of ours, prompted, with our tools by MCP.

It calls our tools through the server that its seat names; here it says its plan, its words, and asks leave for what it
does by its own tools. A turn of it that ends is its answer; what does not stand of that is its next prompt.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from llmos_nb.messages import Message, Request, Response
from llmos_nb.models.outside.child import Child
from llmos_nb.models.outside.model import ANSWER, OutsideModel, Told, Wanted

ACTION, NOT_SEEN, SERVER = "agent_action", "not_seen", "llmos"
START_S, CANCEL_S = 60.0, 3.0
MOST_SAID, MOST_ASKED, MOST_USES, SHOWN = 1 << 20, 8, 64, 4_000
GO_ON = "Go on."
WAYS = f"""The tools of the MCP server `{SERVER}` are the way to the person's live notebook: use them for all of it.
The person sees your plan, and each of these calls. End your turn with the answer in words, in the form said above."""
# how agents write the name of a tool of a server; of one that is not known, the person is asked once more
_OURS = re.compile(rf"(?:mcp__)?{SERVER}(?:__|\.)(\w+)|(\w+) \({SERVER} MCP Server\)")


class Seat(Protocol):
    """What a process gives the agent that is its model."""

    log: Path

    async def server(self, http: bool) -> dict[str, Any]:
        """Return how the agent reaches our tools, as the protocol has it; by HTTP, or as a program."""

    def offers(self, tool: str) -> bool:
        """Return whether a tool is there."""

    def step(self, title: str) -> int:
        """Return the number of the open step of this title; 0 for none."""

    def lost(self, why: str) -> None:
        """Pause the process, since its agent `why`."""

    def withdraw(self, wanted: Wanted) -> None:
        """Take back a call that nobody waits for any more."""

    async def close(self) -> None:
        """Let nobody reach the tools by it any more."""


class AcpModel(OutsideModel):
    """Answers with what an agent by ACP calls and says.

    Parameters
    ----------
    name : str
        Who it is, as the spec says it.
    command : sequence of str
        What starts it.

    Attributes
    ----------
    seat : Seat or None
        Its place at a process; a process gives it one before it asks.
    asking : list of dict
        What it waits for leave to do by its own tools.
    """

    def __init__(self, name: str, command: Sequence[str]) -> None:
        super().__init__(f"acp:{name}")
        self.name, self.command = name, tuple(command)
        self.seat: Seat | None = None
        self.asking: list[dict[str, Any]] = []
        self._child: Child | None = None
        self._line: Any = None  # the SDK's connection
        self._session = ""
        self._work: asyncio.Task[None] | None = None  # its turns, until an answer stands
        self._ending: asyncio.Task[None] | None = None  # of the turns before a pause
        self._halted = False
        self._on_text: Callable[[str], None] = _unheard
        self._before, self._said = list[str](), list[str]()  # its words before its last call, and since
        self._known: set[str] = set()  # titles of steps that it has planned
        self._doing = ""
        self._uses: dict[str, dict[str, Any]] = {}  # by their ids, tools that it says it uses
        self._called: list[dict[str, Any]] = []  # arguments of calls that came by MCP
        self._let: set[str] = set()  # ids of uses that it asked leave for
        self._count = 0

    def __str__(self) -> str:
        return f"acp:{self.name}"

    async def respond(self, request: Request, on_text: Callable[[str], None]) -> Response:
        """Give results back, and wait for what the agent calls or says next."""
        self._on_text = on_text
        try:
            return await super().respond(request, on_text)
        finally:
            self._on_text = _unheard

    # its turns

    async def asked(self, request: Request) -> None:
        """Begin the agent, or a turn of it, where none is under way."""
        if self._work is not None and not self._work.done():
            return
        if self._ending is not None:
            await asyncio.wait([self._ending])  # it has three seconds
        self._halted = False
        news, self._news = self._news, []
        words: list[dict[str, Any]] = [_text("\n".join(news) or GO_ON)]
        if self._child is None or not self._child.alive:
            try:
                await self.aclose()
                words = [*_whole(request.messages, await self._begin()), _text(WAYS)]
            except asyncio.CancelledError:
                await self.aclose()
                raise
            except Exception as error:
                await self._gone(error)
                return
        self._work = asyncio.get_running_loop().create_task(self._turns(words))

    async def _begin(self) -> bool:
        """Start it and open a session; return whether it takes images."""
        from acp import PROTOCOL_VERSION
        from acp.connection import Connection
        from acp.schema import InitializeResponse, NewSessionResponse

        assert self.seat is not None  # noqa: S101 - a process gives it one before it asks
        self._child = await Child.begin(self.command, self.seat.log)
        self._line = Connection(self._heard, self._child)
        us = {"name": "llmos_nb", "version": "1"}
        own = {"protocolVersion": PROTOCOL_VERSION, "clientCapabilities": {}, "clientInfo": us}
        async with asyncio.timeout(START_S):
            can = InitializeResponse.model_validate(await self._line.send_request("initialize", own))
            if can.protocol_version != PROTOCOL_VERSION:
                raise ConnectionError(f"speaks version {can.protocol_version} of the protocol, not {PROTOCOL_VERSION}")
            able = can.agent_capabilities
            http = bool(able and able.mcp_capabilities and able.mcp_capabilities.http)
            place = {"cwd": str(Path.cwd()), "mcpServers": [await self.seat.server(http)]}
            made = NewSessionResponse.model_validate(await self._line.send_request("session/new", place))
        self._session = made.session_id
        return bool(able and able.prompt_capabilities and able.prompt_capabilities.image)

    async def _turns(self, words: list[dict[str, Any]]) -> None:
        """Prompt it until its answer stands, or it ends or is stopped."""
        from acp.schema import PromptResponse

        while words:
            self._before, self._said, self._called = [], [], []
            assert self._child is not None  # noqa: S101 - it was begun
            self._child.taken = 0
            asked = {"sessionId": self._session, "prompt": words}
            try:
                done = PromptResponse.model_validate(await self._line.send_request("session/prompt", asked))
            except Exception as error:  # whatever it answers, or that it does not
                await self._gone(error)
                return
            words = await self._ended(done.stop_reason)

    async def _ended(self, reason: str) -> list[dict[str, Any]]:
        """Take the end of a turn; return what it is to be told, nothing where it has done its work."""
        for key in list(self._uses):
            self._report(key)
        if self._halted or reason != "end_turn":
            if not self._halted and self.seat is not None:
                self.seat.lost(f"ended its turn early ({reason})")
            return []
        answer = Wanted(ANSWER, {"answer": "".join(self._said).strip()})
        self._said = []
        self.put(answer)
        told = await answer.told
        return [] if told.ok or self._halted else [_text("\n".join((told.text, *told.news)).strip() or GO_ON)]

    async def _gone(self, error: Exception) -> None:
        """It has ended, or is not understood: the process pauses."""
        child, seat, halted = self._child, self.seat, self._halted
        why = child.why if child is not None and child.why else f"cannot go on ({type(error).__name__}: {error})"[:300]
        await self.aclose()
        if not halted and seat is not None:
            seat.lost(f"{why}; what it complained of stands in {seat.log.name} beside the journal")

    def settle(self, told: Callable[[Wanted], Told], over: bool) -> None:
        """Tell all that wait, and end the turn that is under way; at the end of the process, the agent."""
        self._halted = True
        super().settle(told, over)
        work, self._work = self._work, None
        self._ending = asyncio.get_running_loop().create_task(self._end(work, over))

    async def _end(self, work: asyncio.Task[None] | None, over: bool) -> None:
        if work is not None and not work.done():
            told = self._line.send_notification("session/cancel", {"sessionId": self._session})
            with suppress(Exception):
                await asyncio.wait_for(told, CANCEL_S)
            await asyncio.wait([work], timeout=CANCEL_S)
            if not work.done():
                await self.aclose()
                work.cancel()
        if over:
            await self.aclose()

    async def aclose(self) -> None:
        """End the agent."""
        (child, self._child), (line, self._line) = (self._child, None), (self._line, None)
        self._uses, self._let, self.asking = {}, set(), []
        if line is not None:
            with suppress(Exception):
                await line.close()
        if child is not None:
            await child.end()
            if self.seat is not None:
                await self.seat.close()

    # what it says and asks

    async def _heard(self, method: str, params: Any, notified: bool) -> Any:
        """Take a message in; what it asks of us beside leave (files, terminals) is not there."""
        from acp import RequestError
        from acp.schema import RequestPermissionRequest, SessionNotification

        if notified:
            with suppress(ValueError):
                if method == "session/update" and not self._halted:
                    note = SessionNotification.model_validate(params)
                    if note.session_id == self._session:
                        self._updated(note.update)
            return None
        if method != "session/request_permission":
            raise RequestError.method_not_found(method)
        asked = RequestPermissionRequest.model_validate(params)
        choice = {o.kind: o.option_id for o in asked.options}
        allowed = asked.session_id == self._session and "allow_once" in choice and await self._leave(asked.tool_call)
        chosen = choice.get("allow_once" if allowed else "reject_once")
        if chosen is None or (self._halted and not allowed):
            return {"outcome": {"outcome": "cancelled"}}
        return {"outcome": {"outcome": "selected", "optionId": chosen}}

    def _updated(self, update: Any) -> None:
        match update.session_update:
            case "agent_message_chunk" if update.content.type == "text":
                if sum(map(len, self._said)) < MOST_SAID:
                    self._said.append(update.content.text)
                    self._on_text(update.content.text)
            case "plan":
                self._planned(update.entries)
            case "tool_call":
                self._spoke()
                self._use(update)
            case "tool_call_update":
                self._use(update)

    def put(self, wanted: Wanted) -> None:
        """Take a call in; what the agent has said until then belongs to it."""
        if wanted.name != ANSWER:
            self._spoke()
            wanted.doing = self._doing
            self._called = [*self._called, wanted.arguments][-MOST_USES:]
        super().put(wanted)

    def _tell(self, wanted: Wanted, shown: Message) -> None:
        if wanted.name != NOT_SEEN:  # it said so itself
            super()._tell(wanted, shown)

    def said(self) -> str:
        """Return what the agent has said before its last call, once."""
        words, self._before = "".join(self._before), []
        return words

    def placed(self, wanted: Wanted) -> dict[str, Any]:
        """Return the arguments of a call with the step that its agent was at."""
        n = self.seat.step(wanted.doing) if self.seat is not None and wanted.doing and wanted.name != "plan" else 0
        return {**wanted.arguments, "step": str(n)} if n else wanted.arguments

    def _spoke(self) -> None:
        self._before, self._said = self._before + self._said, []

    def _planned(self, entries: Collection[Any]) -> None:
        """Propose a plan where it has steps that were not proposed yet; that a step is done is never believed."""
        titles = [e.content.strip() for e in entries]
        self._doing = next((e.content.strip() for e in entries if e.status == "in_progress"), "")
        left = [{"title": e.content.strip()} for e in entries if e.status != "completed"]
        if left and not self._known.issuperset(titles):
            self._known.update(titles)
            self._tell_of("plan", {"steps": left})

    def _tell_of(self, name: str, arguments: dict[str, Any]) -> None:
        """Let the process know of something that the agent does not wait for."""
        wanted = Wanted(name, arguments)
        wanted.told.cancel()
        self.put(wanted)

    def _use(self, update: Any) -> None:
        """Note a tool that it uses; one that is not ours is told of at its end."""
        use = self._uses.setdefault(update.tool_call_id, {})
        use |= {k: v for k in ("title", "kind", "raw_input") if (v := getattr(update, k)) is not None}
        if update.status in ("completed", "failed"):
            self._report(update.tool_call_id)
        elif len(self._uses) > MOST_USES:
            self._report(next(iter(self._uses)))

    def _report(self, key: str) -> None:
        use = self._uses.pop(key)
        given = use.get("raw_input")
        inner = given.get("arguments") if isinstance(given, dict) else None
        came = next((c for c in self._called if c in (given, inner)), None)
        if came is not None:
            self._called.remove(came)
        if came is None and key not in self._let and not self._is_ours(use):
            self._tell_of(NOT_SEEN, self._described(use))

    def _is_ours(self, use: dict[str, Any]) -> bool:
        found = _OURS.fullmatch(str(use.get("title", "")))
        return found is not None and self.seat is not None and self.seat.offers(found[1] or found[2])

    def _described(self, use: dict[str, Any]) -> dict[str, Any]:
        """Return a use in words, with a number of its own: it is no repetition of another."""
        self._count += 1
        what, kind = str(use.get("title") or "something")[:300], str(use.get("kind") or "other")
        return {"what": what, "kind": kind, "n": self._count}

    async def _leave(self, call: Any) -> bool:
        """Return whether it may do something once: what our gate judges it may at once, else a person says so."""
        self._use(call)
        use = self._uses.get(call.tool_call_id, {})
        if self._is_ours(use):
            return True
        if self._halted or self.seat is None or len(self.asking) >= MOST_ASKED:
            return False
        self._let.add(call.tool_call_id)
        details = json.dumps(use.get("raw_input"), ensure_ascii=False, indent=1)[:SHOWN] if use.get("raw_input") else ""
        wanted = Wanted(ACTION, self._described(use) | {"details": details})
        self.asking.append(wanted.arguments)
        self.put(wanted)
        try:
            return (await wanted.told).ok
        except asyncio.CancelledError:
            self.seat.withdraw(wanted)
            raise
        finally:
            self.asking = [a for a in self.asking if a is not wanted.arguments]


def _unheard(text: str) -> None:
    """Nobody listens."""


def _text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def _whole(messages: Sequence[Message], images: bool) -> list[dict[str, Any]]:
    """Return all messages of a process as the first prompt of a session."""
    told: list[dict[str, Any]] = []
    for m in messages:
        before = {"assistant": "You said before: ", "tool": f"Your call {m.call} gave: "}.get(m.role, "")
        called = "".join(f"\nYou called {c.id}: {c.name}({str(c.arguments)[:SHOWN]})" for c in m.calls)
        told.append(_text(f"{before}{m.text}{called}"))
        for p in m.parts if images else ():
            if p.kind == "image" and p.data:
                told.append({"type": "image", "mimeType": p.mime, "data": base64.b64encode(p.data).decode()})
    return told
