"""The specs of a batch: which keys they have, and errors that name the place."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from llmos_nb.errors import UsageError, check_keys
from llmos_nb.policy import budget, parse_mode
from llmos_nb.tools.devices import is_offered

KEYS = ("id", "goal", "model", "approve", "budget", "tools", "inputs", "home", "plan", "check")
_TEXTS = ("model", "approve", "budget", "home", "plan", "check")


def read_specs(path: Path) -> list[dict[str, Any]]:
    """Read a file of JSON lines; empty lines are left out.

    Raises
    ------
    UsageError
        Names file and line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    found = [(f"{path}:{n}", line) for n, line in enumerate(lines, 1) if line.strip()]
    if not found:
        hint = 'write a line a run, as in {"id": "a", "goal": "…"}'
        raise UsageError(f"{path}: there is no spec in it; {hint}")
    specs = [_object(line, place) for place, line in found]
    return check_specs(specs, [place for place, _ in found])


def _object(line: str, place: str) -> dict[str, Any]:
    try:
        raw = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{place}: not JSON ({error})") from error
    if not isinstance(raw, dict):
        raise UsageError(f"{place}: must be an object with id, goal and more, not {line.strip()[:40]!r}")
    return raw


def check_specs(
    specs: Iterable[Mapping[str, Any]], places: Iterable[str] | None = None
) -> list[dict[str, Any]]:
    """Check all specs before any is run; an id stands once."""
    listed = [dict(spec) for spec in specs]
    seen: dict[str, str] = {}
    for spec, place in zip(listed, places or (f"spec {i}" for i in count(1)), strict=False):
        check_spec(spec, place)
        if spec["id"] in seen:
            raise UsageError(f"{place}: the id {spec['id']!r} stands at {seen[spec['id']]} already")
        seen[spec["id"]] = place
    return listed


def check_spec(spec: Mapping[str, Any], place: str) -> None:
    """Check the keys and values of a spec."""
    check_keys(spec, KEYS, place)
    for key in ("id", "goal"):
        if not isinstance(spec.get(key), str) or not spec[key].strip():
            raise UsageError(f"{place}: {key} must be a text that is not empty")
    for key in _TEXTS:
        if spec.get(key) is not None and not isinstance(spec[key], str):
            raise UsageError(f"{place}: {key} must be a text, not {spec[key]!r}")
    tools, inputs = spec.get("tools") or [], spec.get("inputs") or {}
    good = isinstance(tools, list | tuple) and all(isinstance(t, str) for t in tools)
    if not good or not all(":" in t or is_offered(t) for t in tools):
        raise UsageError(f'{place}: tools must be a list such as ["module:function", "sql"], not {tools!r}')
    if not isinstance(inputs, dict) or not all(isinstance(n, str) and n.isidentifier() for n in inputs):
        raise UsageError(f"{place}: inputs must be an object of names and values")
    try:
        parse_mode(spec.get("approve") or "risky")
        budget.parse(spec.get("budget") or budget.DEFAULT)
        json.dumps(spec.get("inputs"), allow_nan=True)
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from error
    except (TypeError, ValueError) as error:
        raise UsageError(f"{place}: inputs must be plain JSON ({error})") from error
