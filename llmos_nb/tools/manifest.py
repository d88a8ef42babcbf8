"""What `llmos.toml` says of tools, put onto them: the decorator's keys by name, and where records are looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from llmos_nb.errors import ConfigError
from llmos_nb.policy.authority import parse_power, parse_shelf
from llmos_nb.tools.declare import POWER, checked, unknown_arguments
from llmos_nb.tools.make import as_fields, digest_of
from llmos_nb.tools.protocol import Tool


def put_on(tool: Tool, said: Mapping[str, Any]) -> Tool:
    """Return a tool that somebody else made with what the manifest says of it.

    Raises
    ------
    ConfigError
        A key or value is wrong, or an argument is named that the tool does not have.
    """
    if not said:
        return tool
    checked(said, f"tools.{tool.name}")
    plain = as_fields({k: v for k, v in said.items() if k not in ("name", *POWER)})
    if any(k in said for k in POWER):
        plain["power"] = parse_power(tool.name, said)
    made = replace(tool, **plain)
    unknown_arguments(made.name, made.schema, made.sinks, made.power)
    return replace(made, digest=digest_of(made), declared=True)


def shelved(box: Mapping[str, Tool], books: Mapping[str, Any]) -> dict[str, Tool]:
    """Tell the tools that look records up so.

    Raises
    ------
    ConfigError
        A tool that does more than read is to look records up.
    """
    made = dict(box)
    for kind, raw in books.items():
        shelf = parse_shelf(kind, raw)
        tool = made.get(shelf.lookup)
        if tool is None:
            continue
        if tool.effect != "read":
            raise ConfigError(
                f"books.{kind}: {shelf.lookup} must only read; say effect = 'read' under [tools.{shelf.lookup}]"
            )
        made[shelf.lookup] = replace(tool, shelves=(*tool.shelves, shelf))
    return made
