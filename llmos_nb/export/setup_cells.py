"""The first cells: parameters, tagged as papermill wants them, and random seeds."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.export.dataflow.effects import NUMPY, PYTHON, TORCH
from llmos_nb.export.dataflow.slice import Piece, read
from llmos_nb.export.functions import without
from llmos_nb.export.literals import plain
from llmos_nb.export.steps import REPEAT, Unit

Params = Mapping[str, Any] | Iterable[str] | None


def parameters_code(units: Iterable[Unit], params: Params) -> str:
    """Return the parameters' code: values by name, or literals, which are taken out of the code where they stood."""
    units = list(units)
    values = _values(units, params)
    for unit in units:
        if bound := [node for node in ast.parse(unit.source).body if _binds(node, values)]:
            unit.source = without(unit.source, bound)
    lines = [f"{name} = {spelled}" for name, spelled in values.items()]
    if any(REPEAT in u.source for u in units):
        lines += [f"{REPEAT} = False  # True does again what acts outside the notebook"]
    return "\n".join(["# Parameters", *lines]) if lines else ""


def _values(units: list[Unit], params: Params) -> dict[str, str]:
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


def _binds(node: ast.stmt, names: Collection[str]) -> bool:
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in names:
            with suppress(ValueError, SyntaxError):
                ast.literal_eval(value)
                return True
    return False


_CODE = {
    PYTHON: "import random\n\nrandom.seed(0)",
    NUMPY: "import numpy\n\nnumpy.random.seed(0)",
    TORCH: "import torch\n\ntorch.manual_seed(0)",
}


def drawn(sources: Iterable[str]) -> list[str]:
    """Name the global random states that code draws from."""
    lines, late = read([Piece(s, kept=True) for s in sources])
    used = {n for f in (*(line.flow for line in lines), *late.values()) for n in f.reads | f.mutates}
    return [state for state in _CODE if state in used]


def seeds_code(sources: Iterable[str], recorded: Collection[str]) -> str:
    """Return the seed cell's code, empty where nothing draws."""
    states = drawn(sources)
    fresh = ", ".join(s.strip("$") for s in states if s not in recorded)
    own = f"# The run itself drew from {fresh} without a recorded seed: its own draws were others."
    lines = ["# Seeds, so that every run draws the same.", *([own] if fresh else [])]
    return "\n".join([*lines, *map(_CODE.__getitem__, states)]) if states else ""
