"""How the tables of an `llmos.toml` become settings, where their values have a shape of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from llmos_nb.errors import ConfigError, check_keys
from llmos_nb.policy import Rule, parse_rule
from llmos_nb.process.scheduling import read_limits
from llmos_nb.tools.devices.child import UNTRUSTED


def read_budget(value: Any, _: str) -> str:
    """Read a budget, also as a table of amounts."""
    if isinstance(value, str):
        return value
    return ", ".join(f"${v}" if k == "$" else f"{v} {k}" for k, v in value.items())


def read_rules(rules: Any, where: str) -> tuple[Rule, ...]:
    """Read rules, in order."""
    return tuple(parse_rule(r, f"{where}: policy.rules[{i}]") for i, r in enumerate(rules))


def read_prices(table: Any, _: str) -> dict[str, tuple[float, float]]:
    """Read prices of models."""
    return {k: (float(v[0]), float(v[1])) for k, v in table.items()}


def read_own_prompts(table: Any, where: str) -> dict[str, str]:
    """Read texts that stand in the place of ours."""
    if not isinstance(table, dict):
        raise ConfigError(f"{where} must be a table of texts")
    from llmos_nb.process.state import texts  # few have prompts of their own

    return dict(texts.read(table, where, Path(where.partition(": [")[0]).parent))


def _of_model(value: Any, path: str) -> dict[str, Any]:
    table = value if isinstance(value, dict) else {"name": value}
    known = ("name", "base_url", "patience")
    found = {"model" if k == "name" else k: table[k] for k in known if table.get(k)}
    if (images := table.get("images")) is not None:
        found["images"] = {True: "yes", False: "no"}.get(images, images)
    return found | read_limits(table, f"{path}: [model]", (*known, "images"))


def _of_scheduler(value: Any, path: str) -> dict[str, Any]:
    return read_limits(value if isinstance(value, dict) else {"policy": value}, f"{path}: [scheduler]")


def _of_labels(value: Any, _: str) -> dict[str, Any]:
    """Part the labels of variables from two settings that stand beside them, and are no labels."""
    table = dict(value)
    found: dict[str, Any] = {"labels": table}
    if isinstance(table.get("quarantine"), bool):
        found["quarantine"] = table.pop("quarantine")
    if table.get("python") in UNTRUSTED:
        found["untrusted"] = table.pop("python")
    return found


def _of_policy(value: Any, path: str) -> dict[str, Any]:
    return {"rules": read_rules(value.get("rules", []), path)}


def _of_commit(value: Any, path: str) -> dict[str, Any]:
    check_keys(value, ("acts", "delegate"), f"{path}: [commit]", ConfigError)
    return {k: tuple(v) if isinstance(v, list) else v for k, v in value.items()}


SHARED: dict[str, Callable[[Any, str], dict[str, Any]]] = {
    "model": _of_model, "scheduler": _of_scheduler, "labels": _of_labels, "policy": _of_policy, "commit": _of_commit,
}  # fmt: skip
"""Keys of the file under which several settings stand, or whose value has a shape of its own."""
GONE = {
    "books": "a plan commits to what it takes from a tool that reads, and the gate reads it itself: say which fields "
    "of that tool are facts, under [tools.NAME]"
}
"""Keys of former versions, and what stands in their place."""
