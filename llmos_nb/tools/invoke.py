"""Run one call of a tool; whatever the tool raises becomes a result that says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from inspect import iscoroutine
from typing import Any

from llmos_nb.messages import ToolResult
from llmos_nb.tools import affinity
from llmos_nb.tools.outcome import (
    Guard,
    Outcome,
    awaited,
    captured,
    failed,
    in_thread,
    shown,
    unguarded,
    unless_stopped,
)
from llmos_nb.tools.protocol import CallContext, Tool, current_call

_SLACK_S = 1.0
_BOUND = "bound"  # the fact that a call is to be made again, on the user's thread; it is never on the record
_PLAIN = (str, int, float, bool, type(None))


async def invoke(
    tool: Tool, arguments: Mapping[str, Any], context: CallContext, guard: Guard | None = None
) -> ToolResult:
    """Run one call; whatever the tool raises becomes a result that says so.

    Parameters
    ----------
    tool : Tool
        What to run. A sync function runs on the calling thread, or beside it with ``thread=True``.
    arguments : mapping
        Validated, plain; the function gets what it annotated.
    context : CallContext
        The call's id, key and deadline; code inside finds it in `current_call`.
    guard : callable, optional
        ``guard(seconds)`` gives a context manager that raises on the main thread at the deadline, and a
        `Stopped`, which goes on up, on the user's Stop.

    Returns
    -------
    ToolResult
        `facts` may hold ``size`` (true size of a text that was bounded), ``traceback`` and ``in_doubt``.
    """
    token = current_call.set(context)
    try:
        outcome = await value_of(tool, arguments, context, guard or unguarded)
    finally:
        current_call.reset(token)
    if type(outcome.value) is ToolResult:
        return outcome.value
    if outcome.error is not None:
        result = failed(outcome)
        again = _repeatable(tool) and outcome.ended and affinity.bound(outcome.error)
        return replace(result, facts={**result.facts, _BOUND: True}) if again else result
    if type(outcome.value) in _PLAIN:  # no code of the user's stands behind these
        return shown(outcome.value, unguarded)
    if tool.beside:
        return await _shown_beside(outcome.value, context.deadline_s)
    return shown(outcome.value, guard or unguarded)


async def _shown_beside(value: object, deadline_s: float) -> ToolResult:
    """Turn a value to text beside the main thread, too: its repr may take as long as the call."""
    text = await in_thread(partial(shown, value, unguarded), deadline_s)
    if text.error is not None:
        return failed(text)
    result: ToolResult = text.value
    return result


async def value_of(tool: Tool, arguments: Mapping[str, Any], context: CallContext, guard: Guard) -> Outcome:
    """Run one call and give what it gave, as it is."""
    deadline = context.deadline_s
    if tool.runner is not None:  # a device keeps its deadline itself; this one is the last resort
        return unless_stopped(await awaited(tool.runner(arguments, context), deadline + _SLACK_S))
    work = partial(called, tool, arguments, context.key)
    outcome = await in_thread(work, deadline) if tool.beside else captured(work, deadline, guard)
    if hasattr(type(outcome.value), "__await__"):
        if tool.beside and tool.independent:  # it is called again where the objects that it awaits live
            return _dropped(outcome.value)
        outcome = await awaited(outcome.value, deadline)
    return unless_stopped(outcome)


def _dropped(value: object) -> Outcome:
    if iscoroutine(value):
        value.close()
    return Outcome(error=affinity.NotAwaitable("it gives an awaitable, which another thread cannot await"))


def bound_to_thread(tool: Tool, result: ToolResult) -> bool:
    """Return whether a call beside the main thread failed for that alone and may be made again."""
    return _repeatable(tool) and bool(result.facts.get(_BOUND))


def _repeatable(tool: Tool) -> bool:
    return tool.beside and tool.independent and not tool.thread and tool.runner is None


def called(tool: Tool, arguments: Mapping[str, Any], key: str) -> Any:
    """Return what the function behind a tool gives, as it is."""
    args, named = tool.signature.bind(arguments, key) if tool.signature else ([], dict(arguments))
    return tool.fn(*args, **named)
