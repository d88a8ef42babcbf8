"""Tools as the model of a process sees them: with the argument `step` where it may plan, acts of a plan, own words.

The argument says which steps of the plan a call serves. It is the process's own: the model reads it in the schema of
each tool (in a notebook from the first request on, so that the prefix of its prompts stays, else while a plan stands),
and it is taken out before the call is validated, judged and run. What the model wrote stays in the journal as it wrote
it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from llmos_nb.errors import nearest
from llmos_nb.journal.events import ProposedCall
from llmos_nb.messages import ToolCall
from llmos_nb.process.state.plan import ACT_CHARS, MAX_ACTS
from llmos_nb.process.state.state import CONTROL, SERVES, State
from llmos_nb.process.state.texts import OF_TOOLS, TEXTS
from llmos_nb.tools import Tool

MOST = 50
ACTS = {
    "type": "array", "maxItems": MAX_ACTS, "items": {"type": "string", "maxLength": ACT_CHARS},
    "description": "What the step will do outside, an expression each; [] for nothing",
}  # fmt: skip


def in_wire_form(
    tools: Sequence[Tool], planned: bool, commits: bool, own: Mapping[str, str]
) -> tuple[dict[str, Any], ...]:
    """Return tools in wire form; what the argument `step` is for is said once, by `plan`."""
    known = (t.wire if t.name in CONTROL or not planned else t.wire_with(SERVES) for t in tools)
    said = (committing(t, own) if commits and t.name == "plan" else w for t, w in zip(tools, known, strict=True))
    return tuple(reworded(w, own) for w in said) if own else tuple(said)  # few have own words


def may_commit(tools: Iterable[Tool]) -> bool:
    """Return whether there is a tool of the user's that is declared and acts outward: a plan may commit to its acts."""
    return any(t.outward and t.declared and t.handed_over for t in tools)


def committing(plan: Tool, own: Mapping[str, str]) -> dict[str, Any]:
    """Return the tool `plan` in wire form, with the acts of its steps; `own` are texts in the place of ours."""
    function = plan.wire["function"]
    steps = plan.schema["properties"]["steps"]
    known = steps["items"].get("properties", {"title": {"type": "string"}})
    step = {"type": "object", "properties": {**known, "acts": ACTS}, "required": ["title"]}
    steps = {**steps, "items": step}
    parameters = {**function["parameters"], "properties": {"steps": steps}}
    about = f"{plan.description}\n{own.get('acts_form') or TEXTS['acts_form']}"
    return {**plan.wire, "function": {**function, "description": about, "parameters": parameters}}


def reworded(wire: dict[str, Any], own: Mapping[str, str]) -> dict[str, Any]:
    """Return a tool in wire form, described by a person's own texts where there are some for it."""
    name = wire["function"]["name"]
    mine = [(path, text) for key, text in own.items() if (path := _path(key))[:1] == [name]]
    function = deepcopy(wire["function"]) if mine else wire["function"]
    for (_, *path), text in mine:
        if (said := part(function, path)) is not None:
            said["description"] = text
    return {**wire, "function": function}


def _path(key: str) -> list[str]:
    return key.removeprefix(OF_TOOLS).split(".") if key.startswith(OF_TOOLS) else []


def part(function: dict[str, Any], path: Iterable[str]) -> dict[str, Any] | None:
    """Return what describes a tool in wire form, or an argument, or a field within one; None where there is none."""
    found, inside = function, function["parameters"]
    for name in path:
        fields = inside.get("items", inside).get("properties", {})
        if name not in fields:
            return None
        found = inside = fields[name]
    return found


def missing(own: Mapping[str, str], tools: Mapping[str, Tool]) -> Iterator[tuple[str, str]]:
    """Yield the texts that describe arguments which tools do not have, each with what is wrong."""
    for key in own:
        name, *path = _path(key) or [""]
        if name in tools and part(tools[name].wire["function"], path) is None:
            fields = tools[name].schema.get("properties", {})
            yield key, f"`{name}` has no such argument{nearest(path[0], fields) or '.'}"


def _takes(tool: Tool | None) -> bool:
    return tool is not None and tool.name not in CONTROL and SERVES not in tool.schema.get("properties", {})


def proposed(s: State, tools: dict[str, Tool], call: ToolCall) -> ProposedCall:
    """Return a call for the record, with the steps that it says it serves."""
    raw: ProposedCall = {"name": call.name, "arguments": call.arguments}
    serves = (s.planned or "plan" in tools) and _takes(tools.get(call.name))
    if serves and isinstance(call.arguments, dict) and SERVES in call.arguments:
        raw["step"] = numbers(call.arguments[SERVES])
    return raw


def numbers(said: object) -> list[int]:
    """Read numbers of steps as a model gives them: ``2``, ``"2"``, ``"step 2"``, ``"2, 3"``, ``[2, 3]``."""
    texts = map(str, said) if isinstance(said, list) else [str(said)]
    found = [int(digits) for text in texts for digits in re.findall(r"(?<![\w.-])\d{1,6}(?![\w.])", text)]
    return list(dict.fromkeys(filter(None, found)))[:MOST]
