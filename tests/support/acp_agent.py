"""An agent of the official SDK of ACP that does what a script says: `python acp_agent.py KIND SCRIPT LOG`.

A script is a list of turns, one a prompt (the last one again and again), each a list of acts. What it is told stands in
the log, a line of JSON each. A hostile one hears no cancellation, and goes on after its input has ended.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import httpx2
from acp import Agent, InitializeResponse, NewSessionResponse, PromptResponse, RequestError, run_agent
from acp.helpers import plan_entry, start_tool_call, text_block, update_agent_message, update_plan, update_tool_call
from acp.schema import AgentCapabilities, McpCapabilities, PermissionOption, ToolCallUpdate
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

KIND, SCRIPT, LOG = sys.argv[1], json.loads(Path(sys.argv[2]).read_text()), Path(sys.argv[3])
OPTIONS = [("y", "allow_once"), ("a", "allow_always"), ("n", "reject_once")]


def log(what, told):
    with LOG.open("a") as out:
        out.write(json.dumps([what, told]) + "\n")


@contextlib.asynccontextmanager
async def tools(server):
    """The tools of our server, by the official client of MCP."""
    if hasattr(server, "url"):
        headers = {h.name: h.value for h in server.headers}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http,
            Client(streamable_http_client(server.url, http_client=http)) as client,
        ):
            yield client
    else:
        env = {**os.environ, **{e.name: e.value for e in server.env}}
        given = StdioServerParameters(command=server.command, args=server.args, env=env)
        async with Client(stdio_client(given)) as client:
            yield client


class Scripted(Agent):
    """Does what its script says."""

    turn = 0

    def on_connect(self, conn):
        self.conn = conn

    async def initialize(self, protocol_version, client_capabilities=None, client_info=None, **_):
        log("begun", os.getpid())
        can = AgentCapabilities(mcp_capabilities=McpCapabilities(http=KIND != "stdio"))
        return InitializeResponse(protocol_version=9 if KIND == "newer" else protocol_version, agent_capabilities=can)

    async def new_session(self, cwd, mcp_servers=None, **_):
        if KIND == "locked":
            raise RequestError.auth_required()
        self.server, self.cancelled, self.session = mcp_servers[0], asyncio.Event(), uuid4().hex
        return NewSessionResponse(session_id=self.session)

    async def cancel(self, session_id, **_):
        log("cancelled", True)
        if KIND != "hostile":
            self.cancelled.set()

    async def prompt(self, prompt, session_id, **_):
        log("prompt", "\n".join(b.text for b in prompt))
        acts, self.turn = SCRIPT[min(self.turn, len(SCRIPT) - 1)], self.turn + 1
        self.cancelled.clear()
        work, stopped = asyncio.create_task(self.work(acts)), asyncio.create_task(self.cancelled.wait())
        await asyncio.wait([work, stopped], return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            work.cancel()
            await asyncio.wait([work])
            return PromptResponse(stop_reason="cancelled")
        stopped.cancel()
        return PromptResponse(stop_reason=work.result())

    async def work(self, acts):
        async with contextlib.AsyncExitStack() as stack:
            self.client = None
            for name, *given in acts:
                if name == "end":
                    return given[0]
                if name == "call" and self.client is None:
                    self.client = await stack.enter_async_context(tools(self.server))
                await getattr(self, f"do_{name}")(*given)
        return "end_turn"

    async def update(self, update):
        await self.conn.session_update(self.session, update)

    async def do_say(self, words):
        await self.update(update_agent_message(text_block(words)))

    async def do_plan(self, *steps):
        await self.update(update_plan([plan_entry(title, status=status) for title, status in steps]))

    async def do_call(self, name, arguments, title=None, raw=True):
        """Call one of our tools, and say so as agents do."""
        key = uuid4().hex
        await self.update(
            start_tool_call(key, title or f"mcp__llmos__{name}", status="pending", raw_input=arguments if raw else None)
        )
        done = await self.client.call_tool(name, arguments)
        log(name, [not done.is_error, "\n".join(b.text for b in done.content if b.type == "text")])
        await self.update(update_tool_call(key, status="failed" if done.is_error else "completed"))

    async def do_use(self, title, kind="read"):
        """Use a tool of its own, unasked."""
        key = uuid4().hex
        await self.update(start_tool_call(key, title, kind=kind, status="in_progress", raw_input={"path": title}))
        await self.update(update_tool_call(key, status="completed"))

    async def do_leave(self, title, given=None, session=None):
        """Ask leave for a tool of its own."""
        call = ToolCallUpdate(tool_call_id=uuid4().hex, title=title, kind="edit", raw_input=given)
        options = [PermissionOption(option_id=o, name=k, kind=k) for o, k in OPTIONS]
        told = await self.conn.request_permission(session or self.session, call, options)
        log("leave", getattr(told.outcome, "option_id", None))
        await self.update(update_tool_call(call.tool_call_id, status="completed"))

    async def do_sleep(self):
        log("sleeps", True)
        await asyncio.sleep(600)

    async def do_die(self, how):
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(how)

    async def do_complain(self, words):
        print(words, file=sys.stderr, flush=True)

    async def do_raw(self, line, times=1):
        """Write something beside the protocol."""
        os.set_blocking(1, True)  # the SDK has it otherwise
        sys.stdout.write((line + "\n") * times)
        sys.stdout.flush()
        os.set_blocking(1, False)

    async def do_request(self, method, params):
        """Ask for what nobody offers."""
        try:
            told = await self.conn._conn.send_request(method, params)
            log(method, told)
        except RequestError as error:
            log(method, error.code)

    async def do_fork(self):
        """Start something that holds its output, and would live on."""
        log("fork", subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid)


async def main():
    await run_agent(Scripted())
    if KIND == "hostile":
        log("outlives", True)
        await asyncio.sleep(600)


asyncio.run(main())
