"""The `%agent mcp` command: which MCP servers there are."""

from __future__ import annotations

from llmos_nb.app.options import Command
from llmos_nb.errors import UsageError, nearest
from llmos_nb.session import Session
from llmos_nb.tools.devices.mcp import told_plainly
from llmos_nb.views.text import table

START_S, LOOK_S = 60.0, 5.0
_USAGE = "%agent mcp list, %agent mcp add NAME COMMAND… or NAME URL [HEADER…], %agent mcp remove NAME"


async def mcp(session: Session, command: Command) -> None:
    what, *words = command.words
    if what == "add" and len(words) > 1:
        await _add(session, words[0], words[1:])
    elif what == "remove" and len(words) == 1:
        await session.servers.remove(words[0])
        print(f"{words[0]} is forgotten; processes that used it have its tools no more")
    elif what == "list" and not words:
        await _list(session)
    else:
        known = ("add", "list", "remove")
        near = nearest(what, known) if what not in known else ""
        raise UsageError(f"%agent mcp {what}: write {_USAGE}{near}")


async def _add(session: Session, name: str, command: list[str]) -> None:
    """Keep a server once it has answered; one that does not start is not kept."""
    spec = session.servers.add(name, command)
    try:
        tools = await session.servers.tools(name, START_S)
    except BaseException:
        await session.servers.remove(name)
        raise
    for header in told_plainly(spec):
        hint = "write {secret:NAME} in its place, which %agent secret NAME makes known"
        print(f"{header} stands as you wrote it in {session.home.root / 'mcp.json'}; {hint}")
    print(f"{name} ({spec}) has {len(tools)} tools; -t {name} hands them to a process")
    rows = [[t.name, t.description.partition(": ")[2][:70]] for t in tools]
    print(table(rows, ["tool", "what the server says of it"]))


async def _list(session: Session) -> None:
    await session.servers.look(LOOK_S)
    rows = [[n, str(s)[:60], session.servers.state(n), s.where] for n, s in session.servers.specs().items()]
    print(table(rows, ["server", "command or address", "process", "from"]) if rows else f"no MCP servers yet: {_USAGE}")
