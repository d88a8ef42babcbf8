"""Code that asks a running kernel for values by means of modules of this package that it does not have."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_FUTURE = "from __future__ import annotations\n"


def probe_source(module: str, expression: str, names: Sequence[str]) -> str:
    """Give one statement that prints JSON and leaves no name behind.

    Parameters
    ----------
    module : str
        Name of a module of this package; it and what it imports of ours need only the standard library.
    expression : str
        Over what the module defines, `space` (the kernel's names) and `names`.
    names : sequence of str
        What it is about.
    """
    told = f"\n\ndef _llmos_told(space, names):\n    return {expression}\n"
    inner = f"{_FUTURE}{_alone(module)}{told}"
    made = f'(lambda s: (exec({inner!r}, s), s["_llmos_told"](globals(), {list(names)!r}))[1])'
    return f'print(__import__("json").dumps({made}({{"__name__": "told"}})))'


@cache
def _alone(module: str) -> str:
    """Give a module's source with what it imports of this package in front."""
    return "\n".join(_parts(module, []))


def _parts(module: str, seen: list[str]) -> list[str]:
    if module in seen:
        return []
    seen.append(module)
    spec = find_spec(module)
    assert spec is not None and spec.origin is not None  # noqa: S101 - it is a module of ours
    source = Path(spec.origin).read_text(encoding="utf-8")
    lines, found = source.splitlines(), list[str]()
    for node in ast.parse(source).body:
        ours = isinstance(node, ast.ImportFrom) and (node.module or "").startswith("llmos_nb")
        if isinstance(node, ast.ImportFrom) and (ours or node.module == "__future__"):
            found += _parts(str(node.module), seen) if ours else []
            lines[node.lineno - 1 : node.end_lineno] = [""] * (
                (node.end_lineno or node.lineno) - node.lineno + 1
            )
    return [*found, "\n".join(lines)]
