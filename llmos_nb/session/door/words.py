"""What an agent is told that has never heard of this package: of the whole, and of each tool."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from llmos_nb.models.outside import ANSWER
from llmos_nb.process import serving
from llmos_nb.session.door.desk import WAIT
from llmos_nb.tools import Tool

GOAL = "What an agent outside this notebook does here, by MCP."
WHOLE = """These tools work in a person's live Jupyter notebook, on the variables that stand there; the person sees all.
What acts outside (files, network, programs) asks them first, and may take minutes: `wait` fetches the result.
What was refused was refused by them, or by a rule of theirs: do not try another way.
"""
ENDS = "End each piece of work by `final_answer`.\n"
_MORE = {
    "python": "It is the person's own live Jupyter notebook: look before you change. Of a step that fails nothing "
    "stays, and `undo` takes one back. Files, the network and programs ask the person.",
}
_INSTEAD = {  # what our own models are told of these means nothing elsewhere
    "plan": "Say what you are about to do, before work of several steps: the person sees it, and may edit or refuse "
    "it. Each later call then names the step it serves: step='2', or '2, 3'.",
    "recall": "Bring back, word for word, a result of this session that was shown in part: by words that stood in it.",
}
_ANSWER = (
    "Say the result to the person in the notebook, and end this piece of work. Figures stand as expressions over "
    "variables, which are computed there: {{total:,.0f}}."
)
_WAIT = "Wait for the result of a call of yours that the person has still to decide on, or that takes long."


def wired(tools: Iterable[Tool], commits: bool, own: Mapping[str, str], answers: bool = True) -> list[dict[str, Any]]:
    """Return tools in wire form, with those that only an agent outside has; `own` are a person's words for them.

    With `answers` it ends each piece of work by a call, else by its words.
    """
    said = [replace(t, description=_said(t)) for t in tools]
    more = [_wire(ANSWER, _ANSWER, "answer", "string", True)] if answers else []
    more += [_wire(WAIT, _WAIT, "ticket", "integer", False)]
    planned = any(t.name == "plan" for t in said)
    return [*serving.in_wire_form(said, planned, commits, own), *(serving.reworded(w, own) for w in more)]


def _said(tool: Tool) -> str:
    return _INSTEAD.get(tool.name) or f"{tool.description} {_MORE.get(tool.name, '')}".strip()


def _wire(name: str, about: str, field: str, kind: str, needed: bool) -> dict[str, Any]:
    schema = {"type": "object", "properties": {field: {"type": kind}}, "required": [field] if needed else []}
    return {"function": {"name": name, "description": about, "parameters": schema}}
