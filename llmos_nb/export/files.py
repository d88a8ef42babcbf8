"""Files and environment variables that cells and steps read, as they were recorded at that moment."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from llmos_nb.export.inputs import Input, digest_file, file_names, named_texts
from llmos_nb.export.steps import Unit
from llmos_nb.journal.events import CellRan

CHANGED, GONE = "changed after it was read", "gone since it was read"


def reads_of(unit: Unit, cells: Mapping[int, CellRan]) -> Mapping[str, Any]:
    """Return what is recorded of what a unit read outside the namespace."""
    if unit.call is not None:
        found: Mapping[str, Any] = unit.call.facts.get("outside", {})
        return found
    cell = cells.get(unit.order[0]) if unit.role == "user" else None
    return cell.reads if cell is not None else {}


def files_recorded(units: Sequence[Unit], cells: Mapping[int, CellRan], folder: Path) -> list[Input]:
    """Return the files that the code read, by the content that they had then.

    What the code itself writes before it reads it is no input.

    Parameters
    ----------
    units : sequence of Unit
        The code of the notebook, in order.
    cells : mapping
        What is recorded of the user's cells.
    folder : Path
        The folder that relative file names start from.
    """
    known = named_texts(u.source for u in units)
    found: dict[str, Input] = {}
    made: set[str] = set()
    here = folder  # where names start from: a step may have gone elsewhere
    for unit in units:
        there = Path(unit.call.changes.cwd) if unit.call is not None and unit.call.changes.cwd else here
        reads, named = reads_of(unit, cells), set(file_names(unit.source, known))
        whole = unit.kept or unit.call is not None
        for one in _files(reads):
            path, real = _seen_from(folder, (here, there), one["path"])
            if path not in found and real not in made and (whole or path in named) and "sha256" in one:
                found[path] = _since(Input(path, one["sha256"], one["bytes"]), folder)
        here = there
        made |= {p for p in _written(unit, reads) if whole or any(p.endswith(n.lstrip("./")) for n in named)}
    return list(found.values())


def _seen_from(folder: Path, places: Sequence[Path], path: str) -> tuple[str, str]:
    """Return a file's name as it is from the notebook's folder, and its real one."""
    base = next((p for p in places if (p / path).is_file()), places[0])
    if Path(path).is_absolute() or base == folder:
        return path, str((folder / path).resolve())
    return Path(os.path.relpath(base / path, folder)).as_posix(), str((base / path).resolve())


def _files(reads: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Return the files of a record; modules of the user's are looked for by themselves."""
    for one in reads.get("files", ()):
        if isinstance(one, dict) and isinstance(one.get("path"), str) and not one["path"].endswith(".py"):
            yield one


def _written(unit: Unit, reads: Mapping[str, Any]) -> list[str]:
    effects = unit.call.facts.get("effects", ()) if unit.call is not None else ()
    words = (str(e).partition(" ") for e in effects)
    return [*(str(p) for p in reads.get("written", ())), *(what for kind, _, what in words if kind == "write")]


def _since(one: Input, folder: Path) -> Input:
    """Say of a file that is another one now, or gone, that it is."""
    path = folder / one.path
    try:
        if digest_file(path) != one.sha256:
            one.about["since"] = CHANGED
    except OSError:
        one.about["since"] = GONE
    return one


def environ_recorded(units: Sequence[Unit], cells: Mapping[int, CellRan]) -> list[dict[str, Any]]:
    """Return the environment variables that the code names, each with the salted hash of what it was."""
    found: dict[str, dict[str, Any]] = {}
    for unit in units:
        for one in reads_of(unit, cells).get("environ", ()):
            if isinstance(one, dict) and isinstance(one.get("name"), str):
                found.setdefault(one["name"], one)
    return list(found.values())
