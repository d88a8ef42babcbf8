"""Comparing a run of a notebook with what was exported, and with another run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from llmos_nb.notebook.compare import difference, shown
from llmos_nb.notebook.report import Difference
from llmos_nb.notebook.room import Execution
from llmos_nb.notebook.seal import KEY
from llmos_nb.notebook.values import compare_values, with_probes


def _own(book: Mapping[str, Any], result: Execution) -> Iterator[tuple[Any, Sequence[Any]]]:
    """Give the notebook's code cells with what they showed, without the looks between them."""
    for cell, outputs in zip(with_probes(book["cells"]), result.outputs, strict=True):
        if cell["cell_type"] == "code" and KEY in cell["metadata"]:
            yield cell, outputs or []


def differences(book: Mapping[str, Any], result: Execution) -> tuple[list[Difference], int, int]:
    """Compare one run with what was exported: outputs where they were observed, values everywhere."""
    found, compared = [], 0
    for cell, outputs in _own(book, result):
        mine = cell["metadata"][KEY]
        if mine.get("shown") != "observed" or "count" in mine.get("volatile", {}):
            continue
        compared += len(shown(cell["outputs"]))
        said = difference(
            shown(cell["outputs"]), shown(outputs), book["metadata"][KEY]["tolerance"], mine.get("volatile")
        )
        if said:
            found.append(_located(cell, "it shows something else than when it was exported", said))
    wrong, values = compare_values(book["cells"], result, book["metadata"][KEY])
    return found + wrong, compared, values


def between(book: Mapping[str, Any], first: Execution, second: Execution) -> Iterator[Difference]:
    """Compare two runs with each other."""
    for (cell, one), (_, other) in zip(_own(book, first), _own(book, second), strict=True):
        volatile = cell["metadata"][KEY].get("volatile", {})
        if "count" in volatile:
            continue
        said = difference(shown(one), shown(other), book["metadata"][KEY]["tolerance"], volatile)
        if said:
            yield _located(cell, "two runs of it show different things", said)


def _located(cell: Any, what: str, said: str) -> Difference:
    first, _, rest = said.partition("\n")
    return Difference(f"cell {cell['id']}", what if rest else f"{what}: {first}", said if rest else "")
