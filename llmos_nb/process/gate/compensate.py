"""Taking back what acted outside: the tool's own `undo=`, as a call of its own that passes the gate like any other.

It is asked for by a person, judged, started once with its intent on disk, and in doubt after a crash. Only when it is
done is the call it takes back undone; so nothing is ever compensated twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from llmos_nb.errors import ConfigError
from llmos_nb.journal.events import CallInDoubt, CallUndone, Decider, UndoProposed
from llmos_nb.process.run import Run
from llmos_nb.process.state.decide import TakenBack
from llmos_nb.tools import Call, Tool, as_tool

SUFFIX = ".undo"
RESULT = "result"


def taken_back(run: Run, command: TakenBack) -> None:
    """Record that a call is undone, once its compensation is done."""
    call = run.state.calls[command.call]
    run.append(CallUndone(call=call.undoes, compensation=call.id))


def outside(run: Run, call: Call) -> bool:
    """Return whether a call that stands acted outside the namespace."""
    tool = run.tools.get(call.name)
    acted = tool is not None and tool.effect in ("write", "external") and not tool.elsewhere
    return acted and call.status == "done" and not call.undoes


def can(run: Run, call: Call) -> bool:
    """Return whether a call that stands can be compensated, and is not being so."""
    tool = run.tools.get(call.name)
    return outside(run, call) and tool is not None and tool.undo is not None and not under_way(run, call)


def under_way(run: Run, call: Call) -> bool:
    """Return whether a call is being compensated."""
    return any(run.state.calls[i].undoes == call.id for i in run.state.undoing)


def propose(run: Run, call: Call, by: Decider) -> None:
    """Ask for the compensation of a call: it is judged with the next turn of the loop."""
    tool = tool_for(run.tools[call.name], call.id)
    given = {**(call.arguments if isinstance(call.arguments, dict) else {}), RESULT: call.result}
    taken = {k: v for k, v in given.items() if k in tool.schema["properties"]}
    tries = sum(c.undoes == call.id for c in run.state.calls.values())
    key = f"{call.id}{SUFFIX}{tries + 1 if tries else ''}"
    run.append(UndoProposed(call=key, undoes=call.id, name=f"{call.name}{SUFFIX}", arguments=taken, by=by))


def tool_of(run: Run, call: Call) -> Tool | None:
    """Return the tool of a call: by its name, or for a compensation the `undo=` of the tool behind it.

    No model can name a compensation: what it proposes is looked up among its tools alone.
    """
    if not call.undoes:
        return run.tools.get(call.name)
    tool = run.tools.get(call.name.removesuffix(SUFFIX))
    return None if tool is None or tool.undo is None else tool_for(tool, call.undoes)


def tool_for(tool: Tool, call: str) -> Tool:
    """Make a tool of what a tool declares as its `undo=`.

    It is given those arguments of the call that it takes, and ``result``, the text that the call gave.

    Raises
    ------
    ConfigError
        It needs an argument that the call does not have.
    """
    assert tool.undo is not None  # noqa: S101 - the caller has looked
    made = as_tool(tool.undo, name="undo", thread=tool.thread)
    lacking = [n for n in made.schema.get("required", ()) if n not in (*tool.schema["properties"], RESULT)]
    if lacking:
        raise ConfigError(
            f"tools.{tool.name}: undo takes {lacking[0]!r}, which is neither an argument of {tool.name} nor `result`"
        )
    inspect = partial(_inspected, tool.name, call)
    return replace(made, name=f"{tool.name}{SUFFIX}", inspect=inspect)


def _inspected(name: str, call: str, _: Mapping[str, Any]) -> dict[str, Any]:
    act = f"this takes back what `{name}` did in {call}, by an act outside the namespace that runs once"
    return {
        "level": "risky",
        "title": f"take back {call} ({name})",
        "risks": [["external", act]],
        "why": f"It asks because {act}.",
    }


def check(tool: Tool) -> None:
    """Refuse a tool whose `undo=` could never be called."""
    if tool.undo is not None:
        tool_for(tool, "")


def settle_unfinished(run: Run) -> None:
    """Leave a compensation in doubt that was under way when the process broke off."""
    for call in [run.state.calls[i] for i in run.state.undoing]:
        if call.status == "running" and not run.tasks:
            run.append(CallInDoubt(call=call.id))
