"""A plan in plain text, as models write it that make no tool calls."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from llmos_nb.messages import Response, ToolCall
from llmos_nb.models.calls import parse

_FENCE = re.compile(r"```(?:json)?[ \t]*\n(.*)\n[ \t]*```", re.S)


def lift_plan(response: Response) -> Response:
    """Turn an answer whose whole text is ``{"plan": [{"title", …}]}`` into a call of `plan`.

    Parameters
    ----------
    response : Response
        Any answer.

    Returns
    -------
    Response
        The same answer where it is no plan; otherwise one call ``plan(steps=[…])`` in place of the text.
    """
    text = response.text.strip()
    if response.calls or response.finish != "stop" or '"plan"' not in text:
        return response
    fenced = _FENCE.fullmatch(text)
    steps = _steps(parse(fenced[1] if fenced else text))
    if not steps:
        return response
    return replace(response, text="", calls=(ToolCall("plan", {"steps": steps}),))


def _steps(value: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Give the steps of a plan; none for anything else."""
    if value is None or value.keys() != {"plan"} or not isinstance(value["plan"], list):
        return []
    steps = value["plan"]
    return steps if all(isinstance(s, dict) and isinstance(s.get("title"), str) for s in steps) else []
