"""An agent outside, by the official client of MCP: over HTTP, or through `llmos mcp`."""

import os
import sys
from contextlib import asynccontextmanager

import httpx2
from mcp.client.session import ClientSession
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import Implementation


class Agent:
    """What an agent does, in few words."""

    def __init__(self, session):
        self.session, self.beats = session, []

    async def call(self, name, /, **arguments):
        """Call a tool; give whether it went well, and all texts."""
        done = await self.raw(name, **arguments)
        return not done.is_error, "\n".join(b.text for b in done.content if b.type == "text")

    async def raw(self, name, /, **arguments):
        """Call a tool; give the whole result."""

        async def beat(progress, total, message):
            self.beats.append(message)

        return await self.session.call_tool(name, arguments, progress_callback=beat)

    async def python(self, code):
        """Run code."""
        return await self.call("python", code=code)


@asynccontextmanager
async def _shaken(streams, name):
    async with ClientSession(*streams, client_info=Implementation(name=name, version="1")) as session:
        agent = Agent(session)
        agent.begun = await session.initialize()
        yield agent


@asynccontextmanager
async def over_http(place, name="tester", polite=True):
    """An agent at a door; one that is not polite goes without a word."""
    headers = {"Authorization": f"Bearer {place.token}"}
    async with (
        httpx2.AsyncClient(headers=headers, trust_env=False, timeout=60) as http,
        streamable_http_client(place.url, http_client=http, terminate_on_close=polite) as streams,
        _shaken(streams, name) as agent,
    ):
        yield agent


@asynccontextmanager
async def over_stdio(*words, name="tester"):
    """An agent that has started `llmos mcp` as its server."""
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "llmos_nb.app.cli", "mcp", *words], env={**os.environ}
    )
    async with stdio_client(command) as streams, _shaken(streams, name) as agent:
        yield agent
