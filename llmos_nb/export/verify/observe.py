"""Observing a notebook at export: two runs in fresh kernels produce its outputs and show which of them are volatile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from llmos_nb.errors import LlmosError
from llmos_nb.export.cells import LOOSE, plain_output
from llmos_nb.export.verify import compare
from llmos_nb.export.verify.execute import Execution, execute
from llmos_nb.export.verify.seal import KEY
from llmos_nb.export.verify.values import printed, probe_of, with_probes
from llmos_nb.heap.content import code_for

_LOADED = 'sorted({m.partition(".")[0] for m in sys.modules})'
_MODULES = f"import json, sys\nprint(json.dumps({_LOADED}))\ndel json, sys"


def observe(
    book: dict[str, Any], beside: Path, chance: Sequence[str], without: Path | None = None
) -> tuple[dict[str, str], set[str]]:
    """Run a notebook twice; store the outputs of the first run in it, and mark what differs in the second.

    Return what the names that rest on draws hold under the seed cell, in words, and the modules that were loaded.
    """
    about = book["metadata"]["llmos_nb"]
    probe = _cell("contents", probe_of(code_for(), "{n: _content(space[n]) for n in names if n in space}", chance))
    looks = (_cell("before", _MODULES), probe, _cell("after", _MODULES))
    probed = with_probes(book["cells"])
    first = _run({**book, "cells": [looks[0], *probed, *looks[1:]]}, about["inputs"], beside, without)
    before, *first.outputs, told, after = first.outputs
    contents, loaded = printed(told), set(printed(after)) - set(printed(before))
    second = _run({**book, "cells": probed}, about["inputs"], beside, without)
    step = book["cells"][0]
    for cell, one, other in zip(probed, first.outputs, second.outputs, strict=False):
        if cell["cell_type"] == "code" and KEY in cell["metadata"]:
            _mark(step := cell, one or [], other or [], about["tolerance"])
        elif cell["cell_type"] == "code" and one and other:
            _mark_files(step["metadata"][KEY], *((printed(o) or {}).get("files", {}) for o in (one, other)))
    about["observed"] = True
    return contents, loaded


def sign(path: Path) -> None:
    """Sign a file for Jupyter, as one that this user ran: it holds text and pictures only."""
    from nbformat import read  # slow to import; loaded already where something was observed
    from nbformat.sign import NotebookNotary  # as above

    notary = NotebookNotary()
    notary.sign(read(path, as_version=4))
    notary.store.close()


def _run(book: Mapping[str, Any], inputs: Sequence[Mapping[str, Any]], beside: Path, without: Path | None) -> Execution:
    result = execute(book, inputs, beside, without=without)
    if result.failed is not None:
        index, name, text, _ = result.failed
        where = f"cell {book['cells'][index]['id']}"
        raise LlmosError(f"{where}: {name}: {text}; the notebook does not run, so it is not observed")
    return result


def _cell(name: str, source: str) -> dict[str, Any]:
    about: dict[str, Any] = {"cell_type": "code", "id": name, "source": source, "metadata": {}}
    return {**about, "outputs": [], "execution_count": None}


def _mark(cell: dict[str, Any], one: Sequence[Any], other: Sequence[Any], tolerance: compare.Tolerance) -> None:
    """Store a cell's outputs, and mark which of them a second run does not repeat."""
    cell["outputs"] = [p for o in one if (p := plain_output(o)) is not None]
    for output in cell["outputs"]:
        if "execution_count" in output:
            output["execution_count"] = cell["execution_count"]
    mine, tags = cell["metadata"][KEY], cell["metadata"].pop("tags", [])
    mine["shown"] = "observed"
    tags = [t for t in tags if t != LOOSE]
    if volatile := volatility(compare.shown(one), compare.shown(other), tolerance):
        mine["volatile"] = volatile
        tags.append(LOOSE)
    cell["metadata"] |= {"tags": tags} if tags else {}


def _mark_files(mine: dict[str, Any], one: Mapping[str, str], other: Mapping[str, str]) -> None:
    """Say of files that a second run wrote otherwise that they are not compared."""
    for path in [path for path in one if one[path] != other.get(path)]:
        del mine["files"][path]
        mine["left"] = {**mine.get("left", {}), path: "two runs of it wrote it otherwise"}


def volatility(
    one: Sequence[compare.Shown], other: Sequence[compare.Shown], tolerance: compare.Tolerance
) -> dict[str, Any]:
    """Say by output, as lines or ``"all"``, what two runs did not show alike."""
    if not compare.difference(one, other, tolerance):
        return {}
    if len(one) != len(other) or [s.kind for s in one] != [s.kind for s in other]:
        return compare.all_volatile(max(len(one), len(other), 1))
    found: dict[str, Any] = {}
    for i, (a, b) in enumerate(zip(one, other, strict=True)):
        if a.kind != "text":
            if compare.picture_distance(a.value, b.value) > tolerance["image"]:
                found[str(i)] = compare.ALL
        elif lines := compare.differing_lines(a, b, tolerance):
            found[str(i)] = lines if len(a.lines) == len(b.lines) else compare.ALL
    return found
