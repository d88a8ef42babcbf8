"""What a process needs of the user's own cells, and what a notebook in which it is taken up lacks of that."""

from __future__ import annotations

import builtins
from collections.abc import Sequence

from llmos_nb.process.briefing import named
from llmos_nb.process.run import Run
from llmos_nb.tools.devices import is_offered


def lacking(run: Run) -> list[str]:
    """Return the variables that open calls read, and that neither the namespace has nor a step before them makes."""
    names = run.namespace
    if names is None:
        return []
    have = {*names, *dir(builtins), *(n for c in run.state.surviving for n in c.changes.names)}
    found: dict[str, None] = {}
    for call in run.state.open_calls:
        tool = run.tools.get(call.name)
        if tool is None or tool.elsewhere or tool.inspect is None or not isinstance(call.arguments, dict):
            continue
        if tool.effect == "namespace":
            seen = dict(tool.inspect(call.arguments))
            found |= dict.fromkeys(n for n in seen.get("reads", ()) if n not in have)
            have |= {*seen.get("writes", ()), *call.changes.names}
    return list(found)


def spoken(run: Run) -> list[str]:
    """Return the variables of which the goal speaks, that were there when it began, and are not there now."""
    names, head = run.namespace, run.state.context.head
    if names is None or not head:
        return []
    card = head[-1].text.partition("Variables:\n")[2]
    there = {line.partition(":")[0].partition(" (")[0].strip() for line in card.splitlines()}
    made = {n for c in run.state.surviving for n in c.changes.names}
    return [n for n in named(run.state.goal, dict.fromkeys(there)) if n not in names and n not in made]


def ungiven(run: Run) -> list[str]:
    """Return the functions that a service was handed with a process, and that it does not have here."""
    handed = (run.journal.began.order or {}).get("tools", ())
    functions = (name.rpartition(":")[2] for name in handed if not is_offered(name))
    return [name for name in functions if name not in run.tools]


def needs(names: Sequence[str]) -> str:
    """Say which variables are not there, and what to do about it."""
    listed = ", ".join(f"`{n}`" for n in names)
    it = "it" if len(names) == 1 else "them"
    return f"needs {listed}, which this notebook does not have: run the cell that makes {it}"
