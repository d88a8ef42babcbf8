"""Answers of servers as data: nobody can say that a server gives the same again."""

from __future__ import annotations

from llmos_nb.chain import canonical
from llmos_nb.notebook.held import Held, hold
from llmos_nb.notebook.steps import Unit


def recorded(unit: Unit, folder: str) -> Held | None:
    """Put what a server's tool gave in the place of the call; None for any other step.

    Parameters
    ----------
    unit : Unit
        The step; its source becomes what binds the recorded answer.
    folder : str
        Folder of the input files, relative to the notebook.
    """
    call = unit.call
    tool = unit.run.tools.get(call.name) if unit.run is not None and call is not None else None
    if tool is None or call is None or "server" not in tool.extra:
        return None
    held = hold(f"result_{call.id.replace('.', '_')}", call.result, folder)
    if held is None:
        unit.problem = "what the server gave is not kept as data"
        return None
    about = f"# Recorded: what `{call.name}` of the MCP server `{tool.extra['server']}` gave to"
    unit.source, unit.running = f"{about}\n#   {canonical(call.arguments)}\n{held.code}", None
    held.about["why"] = "a server gave it"
    return held
