"""The first two events of a journal: what was started, and under which policy."""

from __future__ import annotations

from typing import Any

from llmos_nb import toolbox
from llmos_nb.budget import Budget
from llmos_nb.config import Settings
from llmos_nb.messages import Message
from llmos_nb.scheduler import Run


def record_start(
    run: Run,
    settings: Settings,
    goal: str,
    bounds: Budget,
    head: tuple[Message, ...],
    more: dict[str, Any],
) -> None:
    """Write the first two events: what was started, and under which policy."""
    traits, plain_head = run.model.traits, [_plain(m) for m in head]
    how = {"mode": settings.approve, "plan": settings.plan, "window_bytes": traits.window_bytes}
    run.append(
        "run.started", goal=goal, model=traits.name, budget=bounds.limits, head=plain_head, **how, **more
    )
    digests, rules = {t.name: t.digest for t in run.tools.values()}, [r.plain() for r in settings.rules]
    digest = toolbox.digest(digests, settings)
    run.append("policy.loaded", digest=digest, tools=digests, rules=rules, mode=settings.approve)


def check_name(check: Any) -> str:
    """Name a check for the record: its expression, or its function's name."""
    return check if isinstance(check, str) else getattr(check, "__name__", "check") if check is not None else ""


def _plain(message: Message) -> dict[str, Any]:
    """Give a message of the head as plain data, to be read back by `fold`."""
    found: dict[str, Any] = {"role": message.role, "text": message.text}
    if message.calls:
        found["calls"] = [{"name": c.name, "arguments": c.arguments, "id": c.id} for c in message.calls]
    if message.call:
        found["call"] = message.call
    return found
