"""Compare values by digests: those that the journal has of each step, and those of the running notebook."""

from __future__ import annotations

import ast
import json
import platform
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

from llmos_nb.export.cells import text_of
from llmos_nb.export.dataflow.flow import flow_of_code
from llmos_nb.export.dataflow.taint import holds_after_all, taints
from llmos_nb.export.functions import without
from llmos_nb.export.steps import Unit
from llmos_nb.export.verify.execute import Execution
from llmos_nb.export.verify.report import Difference
from llmos_nb.export.verify.seal import KEY
from llmos_nb.heap import hidden
from llmos_nb.heap.content import MODEL

_FUTURE = "from __future__ import annotations\n"


def probe_source(module: str, expression: str, names: Sequence[str]) -> str:
    """Return one statement that prints JSON and leaves no name behind.

    Parameters
    ----------
    module : str
        Name of a module of this package; it and what it imports of ours need only the standard library.
    expression : str
        Over what the module defines, `space` (the kernel's names) and `names`.
    names : sequence of str
        What it is about.
    """
    return probe_of(_alone(module), expression, names)


def probe_of(code: str, expression: str, names: Sequence[str]) -> str:
    """Return the statement of `probe_source` over what some code defines."""
    told = f"\n\ndef _llmos_told(space, names):\n    return {expression}\n"
    inner = f"{_FUTURE}{code}{told}"
    made = f'(lambda s: (exec({inner!r}, s), s["_llmos_told"](globals(), {list(names)!r}))[1])'
    return f'print(__import__("json").dumps({made}({{"__name__": "told"}})))'


@cache
def _alone(module: str) -> str:
    """Return a module's source with what it imports of this package in front."""
    return "\n".join(_parts(module, []))


def _parts(module: str, seen: list[str]) -> list[str]:
    if module in seen:
        return []
    seen.append(module)
    spec = find_spec(module)
    assert spec is not None and spec.origin is not None  # noqa: S101 - it is a module of ours
    source = Path(spec.origin).read_text(encoding="utf-8")
    imports = [n for n in ast.parse(source).body if isinstance(n, ast.ImportFrom)]
    ours = [n for n in imports if str(n.module).startswith("llmos_nb")]
    bare = without(source, [*ours, *(n for n in imports if n.module == "__future__")])
    return [*(part for n in ours for part in _parts(str(n.module), seen)), bare]


def printed(outputs: Sequence[Mapping[str, Any]] | None) -> Any:
    """Return what a probe printed; None where it printed nothing."""
    streams = (o for o in outputs or () if o["output_type"] == "stream")
    return json.loads("".join(text_of(o.get("text", "")) for o in streams) or "null")


_HEX = re.compile(r"[0-9a-f]{64}")


def step_values(units: Sequence[Unit], pieces: Sequence[Any], recorded: Sequence[str]) -> list[dict[str, str]]:
    """Return for each unit the digests of the names it left, of those only that can come out the same again."""
    whys = taints(pieces, recorded)
    found = []
    for unit, why in zip(units, whys, strict=True):
        call = unit.call if not unit.problem else None
        digests = (call.changes.digests or {}) if call is not None else {}
        words = {n: str(w) for n, w in (call.facts.get("content") or {}).items()} if call is not None else {}
        folder = unit.run.ran_in if unit.run is not None else Path()
        free = {n for n, reason in why.items() if not holds_after_all(reason, words.get(n, "<"), folder)}
        found.append(
            {n: d for n, d in digests.items() if n not in free and _HEX.fullmatch(d) and _told(n, words, unit)}
        )
    return found


def _told(name: str, words: Mapping[str, str], unit: Unit) -> bool:
    """Return whether the digest of a name is one that the notebook's own code gives.

    It is not of IPython's own names and lists of lines, of modules and classes, and of what is known by its type alone
    or by the words of a fitted model: such objects keep times, folders and identities.
    """
    said = words.get(name, "")
    if hidden(name) or said.startswith(("SList(", "<")) or MODEL.match(said):
        return False
    return bool(said) or name not in flow_of_code(unit.source).imports | _classes(unit.source)


def _classes(source: str) -> set[str]:
    return {n.name for n in ast.walk(ast.parse(source)) if isinstance(n, ast.ClassDef)}


def with_probes(cells: Sequence[Any]) -> list[Any]:
    """Put behind each step whose values are known a cell that asks for their digests."""
    wanted = '{n: digest(space[n]) if n in space else "" for n in names}'
    made: list[Any] = []
    for cell in cells:
        made.append(cell)
        known = cell["metadata"].get(KEY, {}).get("values", {}) if cell["cell_type"] == "code" else {}
        if names := sorted(known):
            source = probe_source("llmos_nb.heap.digest.digest", wanted, names)
            made.append({**cell, "id": f"{cell['id']}-values", "metadata": {}, "source": source, "outputs": []})
    return made


Found = tuple[list[Difference], int, set[str]]


def compare_values(cells: Sequence[Any], result: Execution, about: Mapping[str, Any]) -> Found:
    """Compare what the names held after each step with the digests of the run; return how many, and of which cells.

    Only where the same Python and machine run it: digests are exact to the last bit, and elsewhere the assertions in
    the notebook, which have a tolerance, are the measure.
    """
    here = [platform.python_version_tuple()[:2], platform.machine(), platform.system()]
    there = about["platform"]
    if here != [tuple(there["python"].split(".")[:2]), there["machine"], there["system"]]:
        return [], 0, set()
    found, compared = [], 0
    of: set[str] = set()
    probed = with_probes(cells)
    for (step, cell), outputs in zip(pairwise(probed), result.outputs[1:], strict=True):
        if KEY in cell["metadata"] or cell["cell_type"] != "code":
            continue
        got = printed(outputs) or {}
        expected = step["metadata"][KEY]["values"]
        compared += len(expected)
        of.add(step["id"])
        if wrong := sorted(name for name, digest in expected.items() if got.get(name) != digest):
            what = f"{', '.join(wrong)} does not hold what it held in the run"
            found.append(Difference(f"cell {step['id']}", what))
    return found, compared, of
