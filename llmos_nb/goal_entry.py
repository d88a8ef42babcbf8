"""How a persistent goal is written down: each value checked, and signed by whoever adds it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from hmac import compare_digest
from typing import Any

from llmos_nb import budget as budgets
from llmos_nb import policy, prompt
from llmos_nb.errors import UsageError
from llmos_nb.goals import Goal, Goals, moment, seconds
from llmos_nb.secrets.box import redact


def add(
    goals: Goals,
    text: str,
    namespace: Mapping[str, Any] | None = None,
    *,
    check: str = "",
    every: str = "",
    at: str = "",
    model: str = "",
    approve: str = "",
    budget: str = "",
    now: float | None = None,
) -> Goal:
    """Write a goal down.

    Parameters
    ----------
    goals : Goals
        Of the home.
    text : str
        What is wanted; variables that it names in backticks must be there again when it wakes.
    namespace : mapping, optional
        The notebook's variables.
    check : str
        The done-check, a Python expression.
    every, at : str
        As in ``1 h``; as in ``2026-12-01T09:00`` or ``09:00``. With neither it is due at once.
    model, approve, budget : str
        As for `%%agent`.
    now : float, optional
        Seconds since 1970.

    Raises
    ------
    UsageError
        One line that names what is not understood.
    """
    if not text.strip():
        raise UsageError("%agent goals add: write what you want done, in quotes")
    _checked(check, approve, budget)
    now = time.time() if now is None else now
    interval = seconds(every) if every else None
    first = moment(at, now) if at else now if every else None
    if first is not None and first < now and interval is None:
        raise UsageError(f"--at {at!r}: this is over; write a time to come, or --every with it")
    names = namespace or {}
    needs = " ".join([*prompt.named(text, names), *prompt.handed(text, names)])
    made = Goal(0, redact(text.strip()), check.strip(), interval, first, model, approve, budget, needs)
    due = made.after(now) if first is not None and first < now else first
    return goals.add(replace(made, due=now if due is None else due, signature=signature(made)))


def _checked(check: str, approve: str, budget: str) -> None:
    """Look at what can be looked at before the goal wakes."""
    try:
        compile(check.strip() or "0", "<check>", "eval")
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"--check {check!r}: not a Python expression ({error})") from None
    if approve:
        policy.parse_mode(approve)
    if budget:
        budgets.parse(budget)


def signature(goal: Goal) -> str:
    """Sign what decides what would run, with the key of this user on this machine."""
    from llmos_nb.notebook import seal  # nbformat is slow to import

    return seal.signature(goal.signed)


def made_here(goal: Goal) -> bool:
    """Tell whether this user added a goal on this machine: a home from elsewhere runs nothing by being opened."""
    mine = signature(goal)
    return bool(mine) and compare_digest(mine, goal.signature)
