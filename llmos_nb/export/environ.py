"""Environment variables that the code reads: declared, and checked in a cell of their own; no value is ever kept."""

from __future__ import annotations

import ast
import os
import secrets as chance
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from llmos_nb.export.dataflow.effects import dotted
from llmos_nb.export.dataflow.parsed import nodes
from llmos_nb.policy.secrets import secret_name

LACKS = "set the environment variable "


@dataclass(frozen=True)
class Variable:
    """An environment variable that the code reads."""

    name: str
    needed: bool  # the code fails where it is not set
    salt: str = ""  # of its value, where that is no secret and it was set
    digest: str = ""


def variables(sources: Iterable[str], recorded: Iterable[Mapping[str, Any]]) -> list[Variable]:
    """Return the variables that code reads before it sets them; those `recorded` have a hash of what was read."""
    noted = {one["name"]: one for one in recorded}
    own: set[str] = set()
    found: dict[str, Variable] = {}
    for source in sources:
        for name, how in _used(source):
            if how == "set":
                own.add(name)
            elif name not in own:
                needed = how == "needed" or (name in found and found[name].needed)
                found[name] = _described(name, needed, noted.get(name))
    return list(found.values())


def _described(name: str, needed: bool, noted: Mapping[str, str] | None) -> Variable:
    if noted is not None:
        return Variable(name, needed, noted.get("salt", ""), noted.get("sha256", ""))
    value = os.environ.get(name)
    if value is None or secret_name(name):
        return Variable(name, needed)
    salt = chance.token_hex(8)
    return Variable(name, needed, salt, sha256(f"{salt}{value}".encode()).hexdigest())


def _used(source: str) -> list[tuple[str, str]]:
    """Return the variables that code names, each with whether it is set, read, or needed, in the order of the lines."""
    found: list[tuple[int, str, str]] = []
    for node in nodes(source):
        match node:
            case ast.Subscript(value=owner, slice=ast.Constant(value=str(name)), ctx=ctx) if _environ(owner):
                found.append((node.lineno, name, "needed" if isinstance(ctx, ast.Load) else "set"))
            case ast.Call(func=ast.Attribute(value=owner, attr=method), args=[ast.Constant(value=str(name)), *_]):
                if method == "getenv" or (method in ("get", "setdefault") and _environ(owner)):
                    found.append((node.lineno, name, "set" if method == "setdefault" else "read"))
            case ast.Call(func=ast.Name("getenv"), args=[ast.Constant(value=str(name)), *_]):
                found.append((node.lineno, name, "read"))
    return [(name, how) for _, name, how in sorted(found)]


def _environ(node: ast.expr) -> bool:
    return dotted(node).endswith("environ")


def environ_code(found: Sequence[Variable]) -> str:
    """Return the cell that checks environment variables, empty where there are none."""
    if not found:
        return ""
    lines = [
        "# The environment variables that this notebook reads must be as in the run. No value stands here: of those"
    ]
    lines += ["# that are no secret a salted hash.", "import os", "from hashlib import sha256", ""]
    lines.append("for _name, _needed, _salt, _expected in [")
    lines += [f"    ({v.name!r}, {v.needed}, {v.salt!r}, {v.digest!r})," for v in found]
    lines += ["]:", "    _value = os.environ.get(_name)"]
    lines.append('    assert _value is not None or not (_needed or _salt), f"' + LACKS + '{_name}"')
    check = "not _salt or sha256((_salt + _value).encode()).hexdigest() == _expected"
    lines.append(f'    assert {check}, f"the environment variable {{_name}} is not as in the run"')
    return "\n".join(lines)
