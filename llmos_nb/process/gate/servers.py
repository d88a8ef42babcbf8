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
from llmos_nb.process import preview
from llmos_nb.process.driver import Run, carries_out
from llmos_nb.process.gate import compensate
from llmos_nb.process.gate.judge import NOBODY, altered, ask_human, digest_of, inspect, reject
from llmos_nb.process.state.decide import Connect
from llmos_nb.tools import Call, Tool

_heard: WeakKeyDictionary[Run, list[tuple[str, int]]] = WeakKeyDictionary()


@carries_out(Connect)
async def connect(run: Run, command: Connect) -> None:
    """Find the tools of the servers that a process may use; without them it does not begin."""
    try:
        await join(run)
    except LlmosError as error:
        run.append("run.ended", reason="failed", detail=str(error), answer=None)


async def hear(run: Run) -> None:
    """Look at the tools again before the model is asked, where a server has said that they are others now."""
    if run.state.servers and _heard.get(run) != run.servers.news():
        with suppress(LlmosError):  # a server that is gone is said by the call that needs it
            await join(run)


async def join(run: Run) -> None:
    """Put the tools of a process's servers beside its own.

    Raises
    ------
    LlmosError
        A server is not known, or does not start; a tool has the name of a function of yours.
    """
    found: list[Tool] = await run.servers.tools(run.state.servers, run.call_timeout_s)
    taken = next((t for t in found if t.name in run.tools and "server" not in run.tools[t.name].extra), None)
    if taken is not None:
        raise ConfigError(
            f"mcp.{taken.extra['server']}: `{taken.name}` is the name of a function of yours, too; "
            f"rename it, or leave the tool out with -t '-{taken.name}'"
        )
    _heard[run] = run.servers.news()
    _take(run, found, list(run.state.served), connected=not run.state.connected)


async def current(run: Run, call: Call) -> Tool | None:
    """Return the tool of an approved call as it is now; None where the call was refused, or is no longer to be run."""
    tool = compensate.tool_of(run, call)
    if tool is not None and "server" in tool.extra:
        server = tool.extra["server"]
        try:
            found = await run.servers.tools(run.state.servers, run.call_timeout_s, server)
        except LlmosError as error:
            reject(run, call, "tools", str(error))
            return None
        mine = [n for n in run.state.served if n in run.tools and run.tools[n].extra.get("server") == server]
        _take(run, found, mine)
        tool = run.tools.get(call.name)
    if tool is None:
        reject(run, call, "tools", f"there is no tool {call.name} any more")
    return tool if call.status == "approved" else None


def _take(run: Run, found: Iterable[Tool], before: list[str], connected: bool = False) -> None:
    """Put tools into the box, and record what is new, says something else, or is gone."""
    theirs = [t for t in found if "server" in run.tools.get(t.name, t).extra]
    s, now = run.state, {t.name: _in_preview(t) if _previews(run) else t for t in theirs}
    said = {n: str(t.extra["said"]) for n, t in now.items()}
    other = {
        n: d
        for n, d in said.items()
        if s.served.get(n, d) != d or (n not in s.served and run.servers.differs(now[n]))
    }
    new = {n: d for n, d in said.items() if n not in s.served and n not in other}
    gone = [n for n in before if n not in now]
    for name in gone:
        run.tools.pop(name, None)
    run.tools.update(now)
    if new or other or gone or connected:
        run.wired = None  # it is made anew for the next prompt
        digests = {n: now[n].digest for n in (*new, *other)}
        more: dict[str, Any] = {"connected": True} if connected else {}
        more |= {"reads": reads} if (reads := [n for n in digests if now[n].independent]) else {}
        run.append("tools.changed", added=new, altered=other, gone=gone, digests=digests, **more)


def _previews(run: Run) -> bool:
    """Return whether a process only shows what it would do."""
    return bool(run.journal.events) and run.journal.events[0].d.get("apart") == "preview"


def _in_preview(tool: Tool) -> Tool:
    return tool if tool.effect == "read" else preview.refused(tool)


def unseen(run: Run, call: Call, tool: Tool, arguments: Mapping[str, Any]) -> bool:
    """Ask a person where a tool's server says something else of it than before; one who approved this has seen it."""
    if "server" not in tool.extra:
        return False
    if call.name in run.state.altered:
        if not call.digest or call.by in ("plan", "tools") or ":" in call.by:
            seen = inspect(run, tool, arguments)
            if run.state.mode == "never":
                reject(run, call, "mode:never", f"{NOBODY}It asks because {altered(tool)}.")
            else:
                digest = digest_of(run, call, tool, arguments, seen, person=True)
                ask_human(run, call, f"It asks because {altered(tool)}.", seen, digest)
            return True
        run.append("tools.changed", accepted=[call.name])
    run.servers.accept(tool)
    return False
