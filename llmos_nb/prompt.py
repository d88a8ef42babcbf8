"""The head of a prompt: system message (or a small model's own examples) and the goal with its variables' card."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from llmos_nb import attached as attachments
from llmos_nb import pictures, words
from llmos_nb.devices.describe import card, visible
from llmos_nb.errors import UsageError, nearest
from llmos_nb.messages import Message, Part
from llmos_nb.models.base import Traits

_NAME = re.compile(r"(?<![&!`])`([A-Za-z_]\w*)`")
_FUNCTION = re.compile(r"&`([A-Za-z_]\w*)`")
_HIDDEN = frozenset(("In", "Out", "exit", "quit", "get_ipython", "open"))


def named(goal: str, namespace: Mapping[str, Any]) -> list[str]:
    """Give the variables that a goal names in backticks and that exist."""
    return [n for n in dict.fromkeys(_NAME.findall(goal)) if n in namespace]


def handed(goal: str, namespace: Mapping[str, Any]) -> list[str]:
    """Give the functions that a goal hands over, as in ``&`f```."""
    names = list(dict.fromkeys(_FUNCTION.findall(goal)))
    for name in names:
        if not callable(namespace.get(name)):
            known = [n for n, v in namespace.items() if callable(v) and not n.startswith("_")]
            raise UsageError(f"&`{name}`: no such function in the notebook{nearest(name, known)}")
    return names


def attached(goal: str) -> tuple[Part, ...]:
    """Read the images that a goal names, as in ``!`chart.png```."""
    return tuple(pictures.attached(n) for n in attachments.files(goal) if not attachments.is_table(n))


def user_names(namespace: Mapping[str, Any]) -> list[str]:
    """Give the names that a user would call variables: no modules, functions, classes or hidden names."""
    return [
        n
        for n, v in namespace.items()
        if not n.startswith("_") and n not in _HIDDEN and not callable(v) and type(v).__name__ != "module"
    ]


def head(
    goal: str,
    traits: Traits,
    namespace: Mapping[str, Any] | None,
    patterns: str,
    show_values: bool,
    plans: bool,
    apart: bool = False,
) -> tuple[Message, ...]:
    """Make the head.

    Parameters
    ----------
    goal : str
        What the user wrote.
    traits : Traits
        Of the model; one with its own `prefix` gets ``Variables: … Question: …``.
    namespace : mapping, optional
        The live namespace.
    patterns : str
        ``--vars``: names or globs, with ``-`` in front to leave out; empty for those that the goal names, or all.
    show_values : bool
        Values, ranges and categories may be shown.
    plans : bool
        The model may propose a plan.
    apart : bool
        Its Python runs in a process of its own.
    """
    shown = _card(goal, namespace, patterns, show_values or traits.sees_values) if namespace is not None else ""
    images = attached(goal)
    note = "Attached" if traits.images else "Attached, but you cannot see images"
    said = [f"{note}: {'; '.join(p.text for p in images)}"] if images else []
    said += [f"Attached: {'; '.join(found)}"] if (found := attachments.said(goal)) else []
    goal = "\n\n".join([goal.strip(), *said])
    if traits.prefix:
        asked = f"Variables:\n{shown}\nQuestion: {goal.strip()}" if shown else f"Question: {goal.strip()}"
        return (*traits.prefix, Message("user", asked))
    text = goal.strip() + (f"\n\nVariables:\n{shown}" if shown else "")
    system = words.system(plans, namespace is not None, apart)
    return (Message("system", system), Message("user", text, parts=images))


def shown_names(goal: str, namespace: Mapping[str, Any], patterns: str) -> list[str]:
    """Give the variables that a process is shown: those of ``--vars``, or those that its goal names, or all."""
    tables = [n for n in attachments.tables(goal) if n in namespace]
    if patterns:
        return list(dict.fromkeys([*tables, *visible(namespace, patterns)]))
    return list(dict.fromkeys([*tables, *named(goal, namespace)])) or user_names(namespace)


def _card(goal: str, namespace: Mapping[str, Any], patterns: str, values: bool) -> str:
    return str(card(shown_names(goal, namespace, patterns), namespace, values))
