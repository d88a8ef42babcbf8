"""Lesson 01."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmos_nb.lessons.models import call

# exercise: order
order = ["model.requested", "model.responded", "call.decided", "call.started", "call.finished", "run.ended"]
# exercise: script
script = [call("dubble", n=1), call("double", n=1), {"text": "It is 2."}]


# exercise: loop
def loop(
    propose: Callable[[list[dict[str, Any]]], dict[str, Any]], tools: dict[str, Any], goal: str, most: int
) -> str | None:
    """Ask, act, feed back, until there is an answer."""
    messages: list[dict[str, Any]] = [{"role": "user", "text": goal}]
    for _ in range(most):
        turn = propose(messages)
        if "answer" in turn:
            return str(turn["answer"])
        messages.append({"role": "assistant", "text": str(turn)})
        try:
            result = tools[turn["call"]](**turn["arguments"])
        except Exception as error:
            result = f"{type(error).__name__}: {error}"
        messages.append({"role": "tool", "text": str(result)})
    return None
