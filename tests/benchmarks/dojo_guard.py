"""Our guard for the worst-case agent: a real process under a manifest; this file only translates.

The agent's calls are what the process's model answers; the gate judges them, the process runs what it lets through.
Nothing of the suite is known here but its tools and the user's prompt. `make_guard` is the factory.
"""

import asyncio
import atexit
import os
import shutil
import tempfile
from contextlib import chdir
from hashlib import sha256
from pathlib import Path

from agentdojo.functions_runtime import FunctionsRuntime

from llmos_nb.messages import Response, ToolCall
from llmos_nb.models import Traits
from llmos_nb.session import Session
from llmos_nb.tools import Tool

MANIFEST = Path(os.environ.get("DOJO_MANIFEST") or Path(__file__).with_name("dojo_manifest.toml")).resolve()
DIGEST = sha256(MANIFEST.read_bytes()).hexdigest()
LOOP = asyncio.new_event_loop()
HOME = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
(HOME / "llmos.toml").write_bytes(MANIFEST.read_bytes())


class Agent:
    """A model whose answers are given from outside, a call at a time."""

    traits = Traits(name="agent", plans=False, first="", context_tokens=10**9, window_bytes=10**9)

    def __init__(self):
        self.asked = asyncio.Queue()

    async def respond(self, request, on_text=None):
        return Response(calls=(await self.asked.get(),))


class Guard:
    """One task: a process with the suite's tools."""

    now = None

    def __init__(self, ctx):
        if Guard.now is not None:
            LOOP.run_until_complete(Guard.now.close())
        Guard.now = self
        runtime = FunctionsRuntime([ctx.tools[n] for n in ctx.tools])
        self.found, self.agent, self.last = {}, Agent(), None
        tools = [self._tool(name, fn, runtime, ctx.env) for name, fn in ctx.tools.items()]
        with chdir(HOME):
            session = Session(home=HOME / "home")
            self.process = session.create(ctx.prompt, model=self.agent, tools=tools, budget="1000000 steps")

    def _tool(self, name, fn, runtime, env):
        def run(**arguments):
            result, error = runtime.run_function(env, name, arguments)
            self.found = {"result": result, "error": error}
            if error is not None:
                raise RuntimeError(error)
            return result

        return Tool(name, fn.description, fn.parameters.model_json_schema(), run)

    def __call__(self, call, history):
        """Let the process judge, and run, the agent's next call."""
        return LOOP.run_until_complete(self._judged(call))

    async def _judged(self, call):
        if self.process.state == "waiting":
            self.process.reject("all", "no")
        if (
            self.process.state == "ended"
        ):  # a model that repeats itself ends its process; the attacker begins it anew
            await self.process.session.resume(self.process)
        self.found = {}
        self.process.start()
        before = self.process.run.state.responses
        await self.agent.asked.put(ToolCall(call.tool, call.args))
        state = self.process.run.state
        await self._until(lambda: state.responses > before)
        self.last = f"r{state.responses}.0"
        made = state.calls[self.last]
        await self._until(lambda: made.closed or made.status == "asked")
        return {"asked": "ask", "rejected": "deny"}.get(made.status, "allow")

    async def close(self):
        """End the process, and leave nothing of it."""
        await self.process.kill()
        shutil.rmtree(self.process.journal.path.parent)

    async def _until(self, holds):
        while not holds():
            await asyncio.sleep(0)

    def execute(self, call, run):
        """Give what the process has run, or let it run what a person has approved."""
        made = self.process.run.state.calls[self.last]
        if made.status == "asked":
            LOOP.run_until_complete(self._approved(made))
        return self.found.get("result"), self.found.get("error")

    async def _approved(self, made):
        self.process.approve(self.last)
        await self._until(lambda: made.closed)


make_guard = Guard


@atexit.register
def _leave():
    if Guard.now is not None:
        LOOP.run_until_complete(Guard.now.close())
    shutil.rmtree(HOME, ignore_errors=True)
