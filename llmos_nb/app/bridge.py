"""The way of an agent to a notebook's door: lines of JSON on stdin and stdout, passed on over HTTP.

Nothing is understood here. Where the input ends, the session at the door is ended, and the agent's process pauses.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import httpx2
from mcp.client.streamable_http import streamable_http_client
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp.types import ErrorData, JSONRPCError, JSONRPCRequest, JSONRPCResponse

from llmos_nb.session.door import Place

CONNECT_S = 10.0
MOST = 64 << 20  # bytes of one message of the door's: a result with its images


def run(place: Place) -> int:
    """Pass messages on until the agent, or the door, is gone."""
    code = asyncio.run(_run(place))
    sys.stdout.flush()
    os._exit(code)  # the thread that reads may wait for a line for ever


async def _run(place: Place) -> int:
    waits = httpx2.Timeout(CONNECT_S, read=None)
    headers = {"Authorization": f"Bearer {place.token}"}
    open_: dict[Any, None] = {}  # what the agent asked and was not told
    async with (
        httpx2.AsyncClient(headers=headers, timeout=waits, trust_env=False) as http,
        stdio_server() as (typed, told),
    ):
        try:
            async with streamable_http_client(place.url, http_client=http, max_sse_event_size=MOST) as (read, write):
                ways = [asyncio.ensure_future(_pass(a, b, open_)) for a, b in ((typed, write), (read, told))]
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                over = ways[0].done()
                for way in ways:
                    way.cancel()
        except Exception:  # whatever the client makes of it: the door does not answer
            over = False
        for key in () if over else open_:
            error = ErrorData(code=-32000, message="the notebook is gone, or its door closed: %agent door on opens one")
            await told.send(SessionMessage(JSONRPCError(jsonrpc="2.0", id=key, error=error)))
        await told.aclose()
    return 0 if over else 1


async def _pass(source: Any, target: Any, open_: dict[Any, None]) -> None:
    """Pass messages on, and note what is asked and answered."""
    async for message in source:
        if isinstance(message, Exception):
            continue
        said = message.message
        if isinstance(said, JSONRPCRequest):
            open_[said.id] = None
        elif isinstance(said, JSONRPCResponse | JSONRPCError):
            open_.pop(said.id, None)
        await target.send(message)
