"""The first cells: parameters, tagged as papermill wants them, and random seeds."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.export.claims import plain
from llmos_nb.export.dataflow.effects import NUMPY, PYTHON, TORCH
from llmos_nb.export.dataflow.slice import Piece, read
from llmos_nb.export.steps import REPEAT, Unit


def parameters_code(units: Iterable[Unit], params: Mapping[str, Any] | Iterable[str] | None) -> str:
    """Return the parameters' code, taking their literals out of the cells where they stood.

    Parameters
    ----------
    units : iterable of Unit
        The notebook's code; changed in place.
    params : mapping or iterable of str, optional
        Values by name, or names of literals in the user's or the steps' code.

    Raises
    ------
    UsageError
        A name has no literal, or a value is not plain data.
    """
    units = list(units)
    values = _values(units, params)
    for unit in units:
        unit.source = _without(unit.source, values)
    lines = [f"{name} = {spelled}" for name, spelled in values.items()]
    if any(REPEAT in u.source for u in units):
        lines += [f"{REPEAT} = False  # True does again what acts outside the notebook"]
    return "\n".join(["# Parameters", *lines]) if lines else ""


def _values(units: list[Unit], params: Mapping[str, Any] | Iterable[str] | None) -> dict[str, str]:
    if isinstance(params, Mapping):
        wrong = next((n for n, v in params.items() if not n.isidentifier() or not plain(v)), None)
        if wrong is not None:
            raise UsageError(f"parameter {wrong!r}: give a name and plain data (text, number, list, dict)")
        return {n: repr(v) for n, v in params.items()}
    return {name: _literal(units, name) for name in params or ()}


def _literal(units: list[Unit], name: str) -> str:
    for unit in units:
        for node in ast.parse(unit.source).body:
            if _binds(node, {name}):
                return ast.unparse(node.value)  # type: ignore[attr-defined]  # _binds has looked
    raise UsageError(f"parameter {name!r}: no cell of the export says {name} = with a plain value")


def _binds(node: ast.stmt, names: Iterable[str]) -> bool:
    if not isinstance(node, ast.Assign) or len(node.targets) != 1 or not isinstance(node.targets[0], ast.Name):
        return False
    try:
        ast.literal_eval(node.value)
    except (ValueError, SyntaxError):
        return False
    return node.targets[0].id in set(names)


def _without(source: str, values: Mapping[str, str]) -> str:
    bound = [node for node in ast.parse(source).body if _binds(node, values)]
    gone = {n for node in bound for n in range(node.lineno, (node.end_lineno or 0) + 1)}
    return "\n".join(line for n, line in enumerate(source.splitlines(), 1) if n not in gone) if gone else source


_CODE = {
    PYTHON: "import random\n\nrandom.seed({seed})",
    NUMPY: "import numpy\n\nnumpy.random.seed({seed})",
    TORCH: "import torch\n\ntorch.manual_seed({seed})",
}


def drawn(sources: Iterable[str]) -> list[str]:
    """Name the global random states that code draws from."""
    lines, late = read([Piece(s, kept=True) for s in sources])
    flows = [*(line.flow for line in lines), *late.values()]
    used = {n for f in flows for n in f.reads | f.mutates}
    return [state for state in _CODE if state in used]


def seeds_code(sources: Iterable[str], recorded: Iterable[str], seed: int = 0) -> str:
    """Return the seed cell's code, empty where nothing draws."""
    states = drawn(sources)
    if not states:
        return ""
    known = set(recorded)
    fresh = [s.strip("$") for s in states if s not in known]
    lines = ["# Seeds, so that every run draws the same."]
    if fresh:
        lines.append(
            f"# The run itself drew from {', '.join(fresh)} without a recorded seed: its own draws were others."
        )
    return "\n".join([*lines, *(_CODE[s].format(seed=seed) for s in states)])
