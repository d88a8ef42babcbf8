"""Tools of servers at the gate: found when a process begins, and looked at again before each call.

What a server says of a tool is what a decision rests on. So the digest of its words is on the record, and a tool of
which it says something else later is shown to a person before it runs again, whatever rule or mode would let it
through.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

from llmos_nb.errors import ConfigError, LlmosError
from llmos_nb.journal.events import Decider, RunEnded, RunStarted, ToolsChanged
from llmos_nb.process import preview
from llmos_nb.process.gate import compensate
from llmos_nb.process.gate.judge import altered, ask_human, digest_of, inspect, reject
from llmos_nb.process.run import Run, ToolServers
from llmos_nb.process.state.decide import Connect
from llmos_nb.process.state.state import say
from llmos_nb.tools import Call, Tool

_heard: WeakKeyDictionary[Run, list[tuple[str, int]]] = WeakKeyDictionary()


async def connect(run: Run, command: Connect) -> None:
    """Find the tools of the servers that a process may use; without them it does not begin."""
    try:
        await join(run)
    except LlmosError as error:
        run.append(RunEnded(reason="failed", detail=str(error), answer=None))


def _servers(run: Run) -> ToolServers:
    if run.servers is None:
        raise ConfigError(f"process {run.state.pid} has no servers at hand")
    return run.servers


async def hear(run: Run) -> None:
    """Look at the tools again before the model is asked, where a server has said that they are others now."""
    if _heard.get(run) != _servers(run).news():
        with suppress(LlmosError):  # a server that is gone is said by the call that needs it
            await join(run)


async def join(run: Run) -> None:
    """Put the tools of a process's servers beside its own.

    Raises
    ------
    LlmosError
        A server is not known, or does not start; a tool has the name of a function of yours.
    """
    found: list[Tool] = await _servers(run).tools(run.state.servers, run.call_timeout_s)
    taken = next((t for t in found if t.name in run.tools and not run.tools[t.name].server), None)
    if taken is not None:
        raise ConfigError(
            f"mcp.{taken.server}: `{taken.name}` is the name of a function of yours, too; "
            f"rename it, or leave the tool out with -t '-{taken.name}'"
        )
    _heard[run] = _servers(run).news()
    _take(run, found, list(run.state.served), connected=not run.state.connected)


async def current(run: Run, call: Call) -> Tool | None:
    """Return the tool of an approved call as it is now; None where the call was refused, or is no longer to be run."""
    tool = compensate.tool_of(run, call)
    if tool is not None and tool.server:
        try:
            found = await _servers(run).tools(run.state.servers, run.call_timeout_s, tool.server)
        except LlmosError as error:
            reject(run, call, Decider("check", "tools"), str(error))
            return None
        mine = [n for n in run.state.served if n in run.tools and run.tools[n].server == tool.server]
        _take(run, found, mine)
        tool = run.tools.get(call.name)
    if tool is None:
        reject(run, call, Decider("check", "tools"), f"there is no tool {call.name} any more")
    return tool if call.status == "approved" else None


def _take(run: Run, found: Iterable[Tool], before: list[str], connected: bool = False) -> None:
    """Put tools into the box, and record what is new, says something else, or is gone."""
    theirs = [t for t in found if run.tools.get(t.name, t).server]
    s, now = run.state, {t.name: _in_preview(t) if _previews(run) else t for t in theirs}
    said = {n: t.origin.said for n, t in now.items() if t.origin is not None}
    other = {
        n: d
        for n, d in said.items()
        if s.served.get(n, d) != d or (n not in s.served and _servers(run).differs(now[n]))
    }
    new = {n: d for n, d in said.items() if n not in s.served and n not in other}
    gone = [n for n in before if n not in now]
    for name in gone:
        run.tools.pop(name, None)
    run.tools.update(now)
    if new or other or gone or connected:
        run.wired = None  # it is made anew for the next prompt
        digests = {n: now[n].digest for n in (*new, *other)}
        reads = [n for n in digests if now[n].independent] or None
        told = ToolsChanged(added=new, altered=other, gone=gone, digests=digests, reads=reads, connected=connected)
        run.append(told)


def _previews(run: Run) -> bool:
    """Return whether a process only shows what it would do."""
    began = run.journal.events[0].body if run.journal.events else None
    return isinstance(began, RunStarted) and began.apart == "preview"


def _in_preview(tool: Tool) -> Tool:
    return tool if tool.effect == "read" else preview.refused(tool)


def unseen(run: Run, call: Call, tool: Tool, arguments: Mapping[str, Any]) -> bool:
    """Ask a person where a tool's server says something else of it than before; one who approved this has seen it."""
    if not tool.server:
        return False
    if call.name in run.state.altered:
        if not call.digest or not call.by.is_person:
            seen = inspect(run, tool, arguments)
            if run.state.mode == "never":
                reject(
                    run,
                    call,
                    Decider("mode", "never"),
                    say(run.state, "nobody", why=f"It asks because {altered(tool)}."),
                )
            else:
                digest = digest_of(run, call, tool, arguments, seen, person=True)
                ask_human(run, call, f"It asks because {altered(tool)}.", seen, digest)
            return True
        run.append(ToolsChanged(accepted=[call.name]))
    _servers(run).accept(tool)
    return False
