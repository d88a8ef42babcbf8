"""One `llmos.toml`, read."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from llmos_nb import approval
from llmos_nb.confinement import UNTRUSTED, parse_confinement
from llmos_nb.errors import ConfigError, nearest
from llmos_nb.policy import parse_rule
from llmos_nb.retention import parse_retention
from llmos_nb.slots import read_limits

_PLAIN = (
    "approve", "plan", "call_timeout", "show_values", "grounded", "tools", "books", "labels", "other_approver",
    "mcp", "trace",
)  # fmt: skip
_PARSERS: dict[str, Callable[[Any, str], Any]] = {"approval": approval.parse, "retention": parse_retention}
TABLES = (*_PLAIN, "policy", "budget", "model", "prices", "scheduler", "retention", "child", "approval")


def read_file(path: Path) -> dict[str, Any]:
    """Read one `llmos.toml`; a file that is not there says nothing."""
    if not path.exists():
        return {}
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    for key in raw:
        if key not in TABLES:
            raise ConfigError(f"{path}: unknown key {key!r}{nearest(key, TABLES)}")
    found: dict[str, Any] = {k: raw[k] for k in _PLAIN if k in raw}
    if "model" in raw:
        model = raw["model"] if isinstance(raw["model"], dict) else {"name": raw["model"]}
        found |= {k: v for k, v in (("model", model.get("name")), ("base_url", model.get("base_url"))) if v}
        found |= read_limits(model, f"{path}: [model]", ("name", "base_url"))
    if "scheduler" in raw:
        table = raw["scheduler"] if isinstance(raw["scheduler"], dict) else {"policy": raw["scheduler"]}
        found |= read_limits(table, f"{path}: [scheduler]")
    if "budget" in raw:
        found["budget"] = raw["budget"] if isinstance(raw["budget"], str) else _budget_table(raw["budget"])
    if "prices" in raw:
        found["prices"] = {k: (float(v[0]), float(v[1])) for k, v in raw["prices"].items()}
    parsed = (n for n in _PARSERS if n in raw)
    found |= {n: _PARSERS[n](raw[n], f"{path}: [{n}]") for n in parsed}
    if "child" in raw:
        found["child"] = parse_confinement(raw["child"], f"{path}: [child]")
    if "labels" in found:
        found |= _of_labels(dict(found["labels"]))
    rules = raw.get("policy", {}).get("rules", [])
    found["rules"] = tuple(parse_rule(r, f"{path}: policy.rules[{i}]") for i, r in enumerate(rules))
    return found


def _of_labels(table: dict[str, Any]) -> dict[str, Any]:
    """Part the labels of variables from two settings that stand beside them, and are no labels."""
    found: dict[str, Any] = {"labels": table}
    if isinstance(table.get("quarantine"), bool):
        found["quarantine"] = table.pop("quarantine")
    if table.get("python") in UNTRUSTED:
        found["untrusted"] = table.pop("python")
    return found


def _budget_table(table: Mapping[str, Any]) -> str:
    return ", ".join(f"${v}" if k == "$" else f"{v} {k}" for k, v in table.items())
