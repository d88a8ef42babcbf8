"""How settings are held to what is no looser: than an organisation's, or than the default, of a stranger's folder."""

from __future__ import annotations

import re
from typing import Any

from llmos_nb.policy import MODES, Mode, Rule, budget as budgets

STRICTEST = ("auto", "risky", "plan", "step", "never")
PLANNING = ("auto", "only", "none")
assert set(STRICTEST) == set(MODES)  # noqa: S101 - a new mode must be given its place


def stricter(mine: Mode, org: Mode) -> Mode:
    """Return the mode in which more is asked."""
    return max(mine, org, key=STRICTEST.index)


def smaller(mine: str, org: str) -> str:
    """Return a budget in which no unit is above that of either."""
    limits = budgets.parse(mine).limits
    top = budgets.parse(org).limits
    return str(budgets.Budget({**limits, **{u: min(v, limits.get(u, v)) for u, v in top.items()}}))


def either(mine: bool, org: Any) -> bool:
    """Return whether one of them says yes."""
    return mine or bool(org)


def whole(value: Any) -> Any:
    """Return what nobody can do harm with."""
    return value


def planned(how: str) -> str:
    """Return how it plans, unless a variable says that."""
    return how if how in PLANNING else "auto"


def known_model(spec: str) -> str:
    """Return a model that is named alone: no host, no file, no package, and no spec that runs anything."""
    return spec if re.fullmatch(r"local|(openai|anthropic|gemini|ollama|local)/[\w.:+-]+", spec) else ""


def bounded(amounts: str) -> str:
    """Return a budget that is nowhere above the usual one."""
    kept, usual = smaller(amounts, budgets.DEFAULT), budgets.parse(budgets.DEFAULT)
    return amounts if kept == str(budgets.parse(amounts).within(usual)) else kept


def tightening_rules(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Return the rules that let nothing through."""
    return tuple(r for r in rules if r.do != "allow")


_TIGHT = {"effect": "external", "repeat": "once", "source": "untrusted"}


def tightening_tools(tools: dict[str, Any]) -> dict[str, Any]:
    """Return what is said of tools that makes them no more trusted."""
    said = {n: t.items() for n, t in tools.items() if isinstance(t, dict)}
    kept = {n: {k: v for k, v in items if _TIGHT.get(k) == v} for n, items in said.items()}
    return {n: t for n, t in kept.items() if t}


def tightening_labels(labels: dict[str, str]) -> dict[str, str]:
    """Return the labels that call nothing trusted."""
    return {n: label for n, label in labels.items() if {*str(label).split()} <= {"untrusted", "secret"}}
