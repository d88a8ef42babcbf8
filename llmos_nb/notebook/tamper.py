"""Comparing a notebook with the hashes that it was exported with: what was changed, and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from llmos_nb.chain import GENESIS
from llmos_nb.notebook.inputs import digest_file
from llmos_nb.notebook.report import Difference
from llmos_nb.notebook.seal import KEY, around, entry, hash_of, output_hash, source_hash, unsealed


def findings(book: Mapping[str, Any], beside: Path) -> list[Difference]:
    """Give every place that is not as it was exported, in the order of the notebook."""
    about = book["metadata"][KEY]
    found = [*_cells(book["cells"], about.get("cells", [])), *_journals(about)]
    if about.get("around") != hash_of(around(book)):
        found.append(Difference("metadata", "the notebook's own metadata (kernelspec, format) was changed"))
    if about.get("seal") != hash_of(unsealed(about)):
        found.append(Difference("metadata.llmos_nb", f"the record of the run was changed{_which(about)}"))
    return [*found, *_inputs(about.get("inputs", []), beside)]


def _which(about: Mapping[str, Any]) -> str:
    """Name the keys whose own hash does not fit."""
    parts = about.get("parts", {})
    names = [
        k
        for k in sorted({*about, *parts} - {"parts", "seal", "signature"})
        if parts.get(k) != hash_of(about.get(k))
    ]
    return f": {', '.join(names)}" if names else ""


def _cells(cells: Sequence[Any], index: Sequence[Any]) -> Iterator[Difference]:
    """Compare cells with the index, by id, so that what was moved is told from what was changed."""
    known = {line["id"]: line for line in index}
    ids = [cell.get("id", "") for cell in cells]
    for n, cell in enumerate(cells):
        name = f"cell {ids[n]} (the {_nth(n + 1)})"
        if ids[n] not in known:
            yield Difference(name, "it was added, or its id was changed", _first_line(cell))
        elif ids.index(ids[n]) != n:
            yield Difference(name, "it stands there twice", _first_line(cell))
        else:
            yield from _cell(cell, known[ids[n]], name)
    for line in index:
        if line["id"] not in ids:
            yield Difference(f"cell {line['id']}", "it was taken out")
    order = [line["id"] for line in index if line["id"] in ids]
    now = [i for n, i in enumerate(ids) if i in known and ids.index(i) == n]
    moved = next((a for a, b in zip(now, order, strict=False) if a != b), None)
    if moved is not None:
        yield Difference(
            f"cell {moved} (the {_nth(ids.index(moved) + 1)})", "the order of the cells was changed"
        )


def _cell(cell: Any, line: Mapping[str, str], name: str) -> Iterator[Difference]:
    mine = cell["metadata"].get(KEY, {})
    now = entry(cell)
    if now["source"] != line["source"]:
        yield Difference(name, "its source was changed", _first_line(cell))
    if now["outputs"] != line["outputs"]:
        yield Difference(name, "its outputs were changed")
    if now["metadata"] != line["metadata"]:
        yield Difference(name, "its metadata was changed")
    hashes = {"source": source_hash(cell), "outputs": output_hash(cell)}
    wrong = [k for k, v in hashes.items() if mine.get(k) != v and now[k] == line[k]]
    if wrong:
        yield Difference(name, f"the hash of its {' and '.join(wrong)} was changed")


def _first_line(cell: Any) -> str:
    return str(cell["source"]).strip().partition("\n")[0][:160]


def _nth(n: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(n % 10 if n % 100 not in (11, 12, 13) else 0, "th")
    return f"{n}{ending}"


def _inputs(inputs: Sequence[Mapping[str, Any]], beside: Path) -> Iterator[Difference]:
    for one in inputs:
        path = beside / one["path"]
        if not path.is_file():
            yield Difference(f"input {one['path']}", "the file is not there")
        elif digest_file(path) != one["sha256"]:
            yield Difference(
                f"input {one['path']}", "the file is not that of the run: its sha256 is another one"
            )


def _journals(about: Mapping[str, Any]) -> Iterator[Difference]:
    """Check the kept journals: numbers in a row, and the last hash that the record names."""
    last = {p["pid"]: p["journal"] for p in about.get("processes", [])}
    for journal in about.get("journals", []):
        events = journal["events"]
        name = f"journal of process {journal['pid']}"
        gap = next((n for n, e in enumerate(events) if e["n"] != n), None)
        expected = last.get(journal["pid"], {})
        if gap is not None:
            yield Difference(f"{name}, event {gap}", "an event is missing or out of order")
        elif (events[-1]["hash"] if events else GENESIS) != expected.get("hash"):
            yield Difference(name, "it does not end in the event that the record names")
