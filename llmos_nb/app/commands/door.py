"""The door: `%agent door`, by which agents of this machine work on the notebook, and `llmos mcp`, their way to it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from shlex import join
from typing import Any

from llmos_nb.app.options import Command
from llmos_nb.app.present.presenter import Presenter
from llmos_nb.errors import UsageError
from llmos_nb.journal import home_of
from llmos_nb.session import Process, Session, toolbox
from llmos_nb.session.commands import check_home
from llmos_nb.session.door import Door, find, given as handed


async def door(session: Session, command: Command) -> None:
    part: Door = session.parts["door"]
    what = command.words[0] if command.words else "show"
    if what == "on":
        await _open(session, part, command.flags)
    elif what == "off":
        was_open = part.place is not None
        await part.close()
        if was_open:
            print("the door is closed; agents that were at work are paused, and %agent ps lists them")
            return
    elif what != "show":
        raise UsageError("%agent door: write %agent door, %agent door on or %agent door off")
    print(told(session, part))


async def _open(session: Session, part: Door, flags: dict[str, Any]) -> None:
    if part.place is not None and any(flags.values()):
        raise UsageError(
            "%agent door on: the door is open already, as it was opened; close it first, by %agent door off"
        )
    presenter = Presenter(session)

    def show(process: Process) -> None:
        """Show it below the cell that opened the door, and follow it there."""
        shown = presenter.show(process)
        process.watcher = asyncio.get_running_loop().create_task(presenter.attend(process, shown, bg=True))

    tools = toolbox.chosen(session.namespace or {}, flags["tools"], lambda word: False)
    given = {k: flags[k] for k in ("approve", "budget", "bind") if flags[k]}
    await part.open(tools, show, variables=flags["vars"], **given)


def told(session: Session, part: Door) -> str:
    """Say whether the door is open, who is there, and the one line by which an agent finds it."""
    if part.place is None:
        return "no door is open: %agent door on lets agents of this machine work here"
    here = [f"  {d.agent}: process {d.process.pid}, {d.process.state}" for d in part.agents if d.process is not None]
    script = Path(sys.executable).with_name("llmos")
    way = [str(script)] if script.exists() else [sys.executable, "-m", "llmos_nb.app.cli"]
    way += ["mcp", "--home", str(session.home.root)]
    asked = {"name": "llmos", "command": way[0], "args": way[1:]}
    lines = {
        "Claude Code": f"claude mcp add llmos -- {join(way)}",
        "Codex": f"codex mcp add llmos -- {join(way)}",
        "Gemini CLI": f"gemini mcp add llmos {join(way[:-2])} -- {join(way[-2:])}",
        "VS Code": f"code --add-mcp {join([json.dumps(asked)])}",
        "any other": join(way),
    }
    rows = [f"  {who:<12} {line}" for who, line in lines.items()]
    begin = "The door is open until this kernel ends, or %agent door off. Type once, in a terminal:"
    return "\n".join([begin, *rows, *(["Who is here:", *here] if here else [])])


def mcp(given: Any) -> int:
    """Pass messages between an agent and a notebook's door, until either ends."""
    if (place := handed()) is None:
        check_home(home := home_of(given.home))
        place = find(home, given.kernel)
    from llmos_nb.app import bridge  # the SDK takes a while

    return bridge.run(place)
