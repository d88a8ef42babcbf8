"""The MCP server of a notebook: streamable HTTP on this machine alone, for programs that know the token.

A page in a browser reaches it by no trick: what bears an origin, or another name of the host than its own, is refused.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import re
import secrets
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Any

import uvicorn
from mcp import types
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from starlette.types import Receive, Scope, Send

from llmos_nb.errors import UsageError
from llmos_nb.messages import canonical
from llmos_nb.models.outside import Told
from llmos_nb.policy.secrets import redact
from llmos_nb.session.door.desk import Desk
from llmos_nb.session.door.files import HOST

MOST_BYTES, MOST_AGENTS, GONE_S, END_S = 1_000_000, 64, 20.0, 3.0
MOST_TAKEN = 256 << 20  # of all calls: what is called stands in the journal
RESOURCES = {
    "process": "How your process stands: its state, what it waits for, its budget, and where its journal is",
    "plan": "The steps of its plan, and how each stands",
    "evidence": "Its calls: what each changed, who decided it and why, and what is undone",
}


class McpServer:
    """Serves the desks of a notebook; it lives on the thread that drives processes.

    Parameters
    ----------
    desk : callable
        Returns the desk of an agent that is new here, by its name.
    tools : sequence of dict
        What may be called, in wire form.
    reads : collection of str
        Which of them only look.
    words : str
        What an agent is told of all of them.
    tell : callable
        Returns what stands under the name of a resource.
    """

    def __init__(
        self,
        desk: Callable[[str], Desk],
        tools: Sequence[Mapping[str, Any]],
        reads: Sequence[str],
        words: str,
        tell: Callable[[Desk, str], Any],
    ) -> None:
        self._desk, self._tell, self.port, self.token = desk, tell, 0, secrets.token_urlsafe(32)
        self._digest = sha256(self.token.encode()).digest()
        self.desks: dict[str, Desk] = {}
        self._taken = 0
        self._listed = [_tool(t["function"], t["function"]["name"] in reads) for t in tools]
        self._names = frozenset(t.name for t in self._listed)
        self._server = Server(
            "llmos",
            instructions=words,
            on_list_tools=self._list,
            on_call_tool=self._call,
            on_list_resources=self._resources,
            on_read_resource=self._read,
        )
        self._app = self._server.streamable_http_app(
            host=HOST, max_request_body_size=MOST_BYTES, max_sessions=MOST_AGENTS
        )
        how: dict[str, Any] = {"log_config": None, "access_log": False, "ws": "none", "lifespan": "on"}
        how |= {"interface": "asgi3", "proxy_headers": False, "server_header": False}
        self._http = uvicorn.Server(uvicorn.Config(self._guarded, timeout_graceful_shutdown=1, **how))
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Listen."""
        # by its protocol the loop knows that it is TCP, and sends at once: else each answer waits for 40 ms
        heard = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        heard.bind((HOST, 0))
        self.port = heard.getsockname()[1]
        self._task = asyncio.get_running_loop().create_task(self._http.serve(sockets=[heard]))
        while not self._http.started and not self._task.done():
            await asyncio.sleep(0.005)
        if not self._http.started:
            raise UsageError(f"a door cannot be opened at {HOST}: nothing listens there")

    async def end(self) -> None:
        """Listen no more; who is connected is cut off, and what they drive pauses."""
        for desk in self.desks.values():
            desk.leave("has no door any more")
        self.desks.clear()
        self._http.should_exit = self._http.force_exit = True
        if self._task is not None:
            await asyncio.wait([self._task], timeout=END_S)

    # who may come in

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through who knows the token and is no page."""
        if scope["type"] == "http":
            given = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
            if (refused := self._refused(given)) is not None:
                return await _said(send, *refused)
            self._heard_of(session := given.get("mcp-session-id", ""))
            await self._app(scope, receive, send)
            if scope["method"] == "DELETE":
                self._gone(session, "has left")
            elif scope["method"] == "GET" and (desk := self.desks.get(session)) is not None:
                # the line is cut on which it listens: one that lives soon opens another
                asyncio.get_running_loop().call_later(GONE_S, self._silent, session, desk.heard)
            return None
        return await self._app(scope, receive, send)

    def _heard_of(self, session: str) -> None:
        if (desk := self.desks.get(session)) is not None:
            desk.heard += 1

    def _refused(self, given: Mapping[str, str]) -> tuple[int, str] | None:
        if given.get("host") not in (f"{HOST}:{self.port}", f"localhost:{self.port}") or "origin" in given:
            return 403, "this is for programs of this machine, and for no page"
        scheme, _, known = given.get("authorization", "").partition(" ")
        digest = sha256(known.strip().encode()).digest()
        if scheme.lower() != "bearer" or not hmac.compare_digest(digest, self._digest):
            return 401, "the token is another: it stands in the home, under doors"
        return None

    def _silent(self, session: str, heard: int) -> None:
        """Take an agent for gone that was not heard of since its line was cut."""
        desk = self.desks.get(session)
        if desk is not None and desk.heard == heard:
            self._gone(session, "has gone away")

    def _gone(self, session: str, why: str) -> None:
        if (desk := self.desks.pop(session, None)) is not None:
            desk.leave(why)

    def _of(self, ctx: Any) -> Desk:
        """Return the desk of whoever asks: of its session; of a client that has none, by its name.

        Raises
        ------
        MCPError
            There are too many already.
        """
        given = ctx.session.client_params
        name = " ".join(re.sub(r"[^\w .-]", " ", given.client_info.name if given is not None else "").split())[:40]
        key = ctx.request.headers.get("mcp-session-id") or f"named {name}"
        if key not in self.desks:
            if len(self.desks) >= MOST_AGENTS:
                raise MCPError(
                    types.INVALID_REQUEST, f"{MOST_AGENTS} agents have been here; the door has to be opened anew"
                )
            self.desks[key] = self._desk(name or "an agent")
        return self.desks[key]

    # the protocol

    async def _list(self, ctx: Any, params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=self._listed)

    async def _call(self, ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        beats = 0

        async def beat(how: str) -> None:
            nonlocal beats
            beats += 1
            await ctx.session.report_progress(beats, message=how)

        if params.name not in self._names:
            return _result(Told(False, f"no tool is named {params.name!r:.60}"))
        self._taken += len(canonical(params.arguments))
        if self._taken > MOST_TAKEN:
            return _result(Told(False, f"Not run: more than {MOST_TAKEN:,} bytes were sent through this door"))
        return _result(await self._of(ctx).call(params.name, params.arguments or {}, beat))

    async def _resources(self, ctx: Any, params: Any) -> types.ListResourcesResult:
        found = RESOURCES.items()
        made = [
            types.Resource(uri=f"llmos://{n}", name=n, description=d, mime_type="application/json") for n, d in found
        ]
        return types.ListResourcesResult(resources=made)

    async def _read(self, ctx: Any, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        name = str(params.uri).removeprefix("llmos://")
        told = self._tell(self._of(ctx), name) if name in RESOURCES else {"error": f"there are {', '.join(RESOURCES)}"}
        text = redact(json.dumps(told, ensure_ascii=False, indent=1))
        made = types.TextResourceContents(uri=params.uri, mime_type="application/json", text=text)
        return types.ReadResourceResult(contents=[made])


def _tool(function: Mapping[str, Any], reads: bool) -> types.Tool:
    hints = types.ToolAnnotations(read_only_hint=reads)
    about, schema = function["description"], {"type": "object", **function["parameters"]}
    return types.Tool(name=function["name"], description=about, input_schema=schema, annotations=hints)


def _result(told: Told) -> types.CallToolResult:
    content: list[Any] = [types.TextContent(type="text", text=t) for t in (told.text, *told.news)]
    content += [
        types.ImageContent(type="image", mime_type=p.mime, data=base64.b64encode(p.data).decode()) for p in told.images
    ]
    return types.CallToolResult(content=content, is_error=not told.ok)


async def _said(send: Send, status: int, words: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
    with suppress(OSError):
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": words.encode()})
