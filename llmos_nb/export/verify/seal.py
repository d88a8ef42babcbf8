"""Checksums that say whether an exported notebook is still what was exported, and where it is not.

Each cell carries the hash of its source and outputs, the notebook's metadata an index of all of them in order, and
over everything there is one seal. It shows accidents and edits, not somebody who makes all hashes anew: that shows a
signature alone, which is over the `statement` of all of them.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from llmos_nb.export.cells import KERNELSPEC, joined, portable, text_of, with_texts
from llmos_nb.export.inputs import digest_file
from llmos_nb.export.verify.report import NOT_THERE, Difference
from llmos_nb.journal import GENESIS, mac
from llmos_nb.messages import canonical

KEY = "llmos_nb"
_AROUND = Difference("metadata", "the notebook's own metadata (kernelspec, format) was changed")
# What Jupyter itself writes into a notebook that is opened and saved.
_EDITORS = ("language_info", "widgets", "toc", "toc-autonumbering", "vscode", "varInspector")


# Whether a cell is folded, scrolled or trusted, which a reader may change.
_UNFOLDED = ("jupyter", "collapsed", "scrolled", "trusted")


def hash_of(value: object) -> str:
    """Hash plain data."""
    return sha256(canonical(value).encode()).hexdigest()


def source_hash(cell: Any) -> str:
    """Hash what a cell says."""
    return hash_of([cell["cell_type"], text_of(cell["source"])])


def output_hash(cell: Any) -> str:
    """Hash what a cell shows; empty for a cell that shows nothing."""
    outputs = cell.get("outputs") or []
    kept = [{k: v for k, v in o.items() if k not in ("execution_count", "metadata")} for o in outputs]
    return hash_of([with_texts(o, joined) for o in kept]) if outputs else ""


def entry(cell: Any) -> dict[str, Any]:
    """Return a cell's entry in the index."""
    own = {k: v for k, v in cell["metadata"].get(KEY, {}).items() if k not in ("source", "outputs")}
    rest = {k: v for k, v in cell["metadata"].items() if k not in (KEY, *_UNFOLDED)}
    hashes = {"source": source_hash(cell), "outputs": output_hash(cell)}
    return {"id": cell["id"], **hashes, "metadata": hash_of([own, rest, cell.get("attachments") or {}])}


def seal(book: Any) -> None:
    """Write all hashes into a notebook, and sign it as made here.

    Its metadata is brought to the form that it keeps where a front end written in JavaScript saves it.
    """
    for each in (book, *book["cells"]):
        each["metadata"] = portable(each["metadata"])
    for cell in book["cells"]:
        mine = cell["metadata"].setdefault(KEY, {})
        mine["source"], mine["outputs"] = source_hash(cell), output_hash(cell)
    about = book["metadata"][KEY]
    about["cells"] = [entry(cell) for cell in book["cells"]]
    about["around"] = hash_of(around(book))
    about["parts"] = {k: hash_of(v) for k, v in about.items() if k not in ("parts", *_OVER)}
    about["seal"] = hash_of(unsealed(about))
    about["mac"] = mac(about["seal"])


_OVER = ("seal", "mac", "signature")  # what is made of everything else, in this order


def unsealed(about: Any) -> Any:
    """Return what the seal is over."""
    return {k: v for k, v in about.items() if k not in _OVER}


def statement(book: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a signature is over: the checksums of all parts by name, as the notebook stands now.

    It goes with the signature, so that of a notebook whose checksums were made anew, too, the places are known.
    """
    about = book["metadata"][KEY]
    return {
        "schema": 1,
        "cells": [entry(cell) for cell in book["cells"]],
        "around": hash_of(around(book)),
        "parts": {name: hash_of(value) for name, value in _parts(about)},
        "journals": [{"pid": p["pid"], **p["journal"]} for p in about.get("processes", [])],
    }


def _parts(about: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Return the record of the run in parts that can be named, without what is a checksum of others."""
    for key, value in about.items():
        if key == "processes":
            yield from ((f"process {p['pid']}, {k}", v) for p in value for k, v in p.items())
        elif key == "inputs":
            yield from ((f"input {i['path']}", i) for i in value)
        elif key not in (*_OVER, "parts", "cells", "around"):
            yield key, value


def departures(book: Mapping[str, Any], signed: Mapping[str, Any]) -> list[Difference]:
    """Return every place that is not as a statement has it, in the order of the notebook."""
    now = statement(book)
    found = list(_cells(book["cells"], signed["cells"]))
    if now["around"] != signed["around"]:
        found.append(_AROUND)
    parts, were = now["parts"], signed["parts"]
    for name in [n for n in {**were, **parts} if parts.get(n) != were.get(n)]:
        what = "was added" if name not in were else "was taken out" if name not in parts else "was changed"
        found.append(Difference("metadata.llmos_nb", f"{name} {what}"))
    if now["journals"] != signed["journals"]:
        found.append(Difference("metadata.llmos_nb", "it names another head of the journal"))
    return found


def checksums(book: Mapping[str, Any]) -> int:
    """Return how many checksums `findings` compares: of cells, of what stands around them, of input files."""
    about = book["metadata"][KEY]
    return 3 * len(about.get("cells", [])) + len(about.get("inputs", [])) + 2


def around(book: Any) -> Any:
    """Return what stands around the cells, without what editors write there."""
    kept = {k: v for k, v in book["metadata"].items() if k != KEY and k not in _EDITORS}
    if isinstance(spec := kept.get("kernelspec"), Mapping):  # a front end writes how it is called there
        kept["kernelspec"] = {**spec, "display_name": KERNELSPEC["display_name"]}
    return [kept, book["nbformat"], book["nbformat_minor"]]


def made_here(about: Any) -> bool:
    """Return whether a notebook was exported by this user on this machine, so that its code is not foreign."""
    mine = mac(str(about.get("seal", "")))  # empty where there can be no key
    given = str(about.get("mac") or about.get("signature", "")).encode("utf-8", "replace")
    return bool(mine) and hmac.compare_digest(mine.encode(), given)


def findings(book: Mapping[str, Any], beside: Path) -> list[Difference]:
    """Return every place that is not as it was exported, in the order of the notebook."""
    about = book["metadata"][KEY]
    found = [*_cells(book["cells"], about.get("cells", [])), *_journals(about)]
    if about.get("around") != hash_of(around(book)):
        found.append(_AROUND)
    if about.get("seal") != hash_of(unsealed(about)):
        found.append(Difference("metadata.llmos_nb", f"the record of the run was changed{_which(about)}"))
    return [*found, *_inputs(about.get("inputs", []), beside)]


def _which(about: Mapping[str, Any]) -> str:
    """Name the keys whose own hash does not fit."""
    parts = about.get("parts", {})
    keys = sorted({*about, *parts} - {"parts", *_OVER})
    names = [k for k in keys if parts.get(k) != hash_of(about.get(k))]
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
    if moved := next((a for a, b in zip(now, order, strict=False) if a != b), ""):
        where = f"cell {moved} (the {_nth(ids.index(moved) + 1)})"
        yield Difference(where, "the order of the cells was changed")


def _cell(cell: Any, line: Mapping[str, str], name: str) -> Iterator[Difference]:
    mine, now = cell["metadata"].get(KEY, {}), entry(cell)
    for part, was in (("source", "was"), ("outputs", "were"), ("metadata", "was")):
        if now[part] != line[part]:
            yield Difference(name, f"its {part} {was} changed", _first_line(cell) if part == "source" else "")
    wrong = [k for k in ("source", "outputs") if mine.get(k) != now[k] and now[k] == line[k]]
    if wrong:
        yield Difference(name, f"the hash of its {' and '.join(wrong)} was changed")


def _first_line(cell: Any) -> str:
    return str(cell["source"]).strip().partition("\n")[0][:160]


def _nth(n: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(n % 10 if n % 100 not in (11, 12, 13) else 0, "th")
    return f"{n}{ending}"


def _inputs(inputs: Sequence[Mapping[str, Any]], beside: Path) -> Iterator[Difference]:
    for one in inputs:
        path, where = beside / one["path"], f"input {one['path']}"
        if not path.is_file():
            yield Difference(where, NOT_THERE)
        elif digest_file(path) != one["sha256"]:
            yield Difference(where, "the file is not that of the run: its sha256 is another one")


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


_TEXT, _WHOLE, _NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}
_TEXTS = {"type": "object", "additionalProperties": _TEXT}


def _object(required: str, **kinds: Any) -> dict[str, Any]:
    return {"type": "object", "required": required.split(), "properties": kinds}


def _list(kind: Any) -> dict[str, Any]:
    return {"type": "array", "items": kind}


_INDEX = _list(_object("id source outputs metadata", id=_TEXT))
_SAID = {"type": ["string", "null"]}
_PROCESS = _object(
    "pid journal", pid=_WHOLE, journal=_object("", events=_WHOLE, path=_TEXT),
    goal=_SAID, name=_SAID, model=_SAID, reason=_SAID, answer=_SAID,
)  # fmt: skip
_RECORD = _object(
    "inputs platform tolerance",
    inputs=_list(_object("path sha256", path=_TEXT, sha256=_TEXT)),
    platform=_object("python machine system", python=_TEXT),
    tolerance=_object("rel abs image", rel=_NUMBER, abs=_NUMBER, image=_NUMBER),
    processes=_list(_PROCESS),
    journals=_list(_object("pid events", pid=_WHOLE, events=_list(_object("n hash")))),
    cells=_INDEX,
    parts={"type": "object"},
    missing={"type": "object"},
    pylock=_TEXT,
)
_LINES = {"anyOf": [{"const": "all"}, _list(_WHOLE)]}
_CELL = _object(
    "", call=_TEXT, asserted=_WHOLE, values=_TEXTS, contents=_TEXTS, files=_TEXTS,
    volatile={"type": "object", "additionalProperties": _LINES},
)  # fmt: skip


def _with_record(kind: Any) -> dict[str, Any]:
    return {"properties": {"metadata": {"properties": {KEY: kind}}}}


@cache
def _check() -> Any:
    import fastjsonschema  # comes with nbformat

    whole = _with_record(_RECORD)
    whole["properties"]["cells"] = _list(_with_record(_CELL))
    return fastjsonschema.compile(whole, use_default=False)


def misshapen(book: Any) -> tuple[str, str]:
    """Return where the record of a notebook is not of the kind that it must be, and what it must be.

    Parameters
    ----------
    book : mapping
        A notebook that is one of nbformat.

    Returns
    -------
    where, what : str
        Two empty texts where all that is read of it can be.
    """
    from fastjsonschema import JsonSchemaValueException

    try:
        _check()(book)
    except JsonSchemaValueException as error:
        name = str(error.name)
        where, what = name.removeprefix("data."), error.message.removeprefix(name)
        return " ".join(where.split()), " ".join(what.split())
    return "", ""
