"""Files and environment variables that cells and steps read, as they were recorded at that moment."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from llmos_nb.export.inputs import Input, file_names, is_still, named_texts
from llmos_nb.export.source import latest
from llmos_nb.export.steps import Unit
from llmos_nb.journal.events import CellRan
from llmos_nb.policy import labels
from llmos_nb.tools import Call

CHANGED, GONE = "changed after it was read", "removed after it was read"


def reads_of(unit: Unit, cells: Mapping[int, CellRan]) -> Mapping[str, Any]:
    """Return what is recorded of what a unit read outside the namespace."""
    if unit.call is not None:
        found: Mapping[str, Any] = unit.call.facts.get("outside", {})
        return found
    cell = cells.get(unit.order[0]) if unit.role == "user" else None
    return cell.reads if cell is not None else {}


def files_recorded(
    units: Sequence[Unit], cells: Mapping[int, CellRan], folder: Path, began_in: Path | None = None
) -> list[Input]:
    """Return the files that the code read, by the content that they had then.

    What the code itself writes before it reads it is no input. Relative names start from `folder`, and did from
    `began_in` in the run.
    """
    known = named_texts(u.source for u in units)
    texts = {n for u in units for n in file_names(u.source, known)}
    found: dict[str, Input] = {}
    made: set[str] = set()
    here = folder  # where names start from: a step may have gone elsewhere
    for unit in units:
        there = Path(unit.call.changes.cwd) if unit.call is not None and unit.call.changes.cwd else here
        reads = reads_of(unit, cells)
        named = {n.removeprefix("./") for n in file_names(unit.source, known)}
        whole = unit.kept or unit.call is not None
        for one in _files(reads):
            places = (_moved(one["from"], began_in, folder),) if isinstance(one.get("from"), str) else (here, there)
            spelled = one["path"] if one["path"] in texts else _within(one["path"], began_in, folder)
            path, real = _seen_from(folder, places, spelled)
            read = whole or any(f"/{p}".endswith(f"/{n}") for p in (path, one["path"]) for n in named)
            if path not in found and real not in made and read and "sha256" in one:
                about = {"others": True} if _of_others(one, unit) else {}
                given = Input(path, one["sha256"], one["bytes"], about=about)
                found[path] = _since(given, folder, where(unit, cells))
        here = there
        made |= {p for p in _written(unit, reads) if whole or any(p.endswith(n.lstrip("./")) for n in named)}
    return list(found.values())


def _of_others(file: Mapping[str, Any], unit: Unit) -> bool:
    """Return whether a step's process took a file for one that others may have written."""
    if unit.call is None or (run := unit.run) is None:
        return False
    said, start = run.state.words or run.goal, Path(file.get("from") or run.ran_in)
    path = str(labels.place(file["path"], start))
    spelled = path if file["path"] not in said else file["path"]
    return labels.file_label(spelled, said, run.state.labels, run.ran_in).untrusted


def _within(path: str, began_in: Path | None, folder: Path) -> str:
    """Return a whole path that code has put together, seen from the notebook's folder where it is in it."""
    for start in filter(None, (began_in, folder, folder.resolve())):
        if Path(path).is_absolute() and Path(path).is_relative_to(start):
            return Path(path).relative_to(start).as_posix()
    return path


def _moved(start: str, began_in: Path | None, folder: Path) -> Path:
    """Return where a relative name started from, as it is in the notebook's folder now."""
    return folder / os.path.relpath(start, began_in) if began_in is not None else Path(start)


def _seen_from(folder: Path, places: Sequence[Path], path: str) -> tuple[str, str]:
    """Return a file's name as it is from the notebook's folder, and its real one."""
    base = next((p for p in places if (p / path).is_file()), places[0])
    if Path(path).is_absolute() or os.path.normpath(base) == os.path.normpath(folder):
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
    seen = (what.rstrip(os.sep) for kind, _, what in words if kind == "write")
    return [*(str(p) for p in reads.get("written", ())), *seen]


def wrote(call: Call) -> list[Mapping[str, Any]]:
    """Return the files that a step left in the folder of the notebook, each by its name from where the step ended."""
    made = latest(call).facts.get("outside", {}).get("made", ())
    return [one for one in made if not Path(one["path"]).is_absolute() and Path(one["path"]).parts[:1] != ("..",)]


DATED = "its format may hold when it was written"


def compared(call: Call, why: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return by name the hashes of the files that a step wrote, and why those of others are not compared."""
    left = {f["path"]: said for f in wrote(call) if (said := f.get("why") or (DATED if "dated" in f else why))}
    return {f["path"]: f["sha256"] for f in wrote(call) if f["path"] not in left}, left


def made_again(units: Sequence[Unit], cells: Mapping[int, CellRan]) -> set[str]:
    """Return the real paths of what the code that stands in the notebook whole has written."""
    return {p for u in units if u.kept for p in map(str, reads_of(u, cells).get("written", ()))}


def writers(units: Sequence[Unit], cells: Mapping[int, CellRan], folder: Path, parts: Sequence[Unit]) -> list[Unit]:
    """Return the cells of the user's whose files are to be written again, of those that stand in the notebook in part.

    A file that a cell wrote comes as an input, as it was read. That cannot be in a folder that code of the notebook is
    still to make, nor where it is another one now, or gone, nor of a database that code of it makes.
    """
    written = [{str(p) for p in reads_of(u, cells).get("written", ())} for u in units]
    there = [u.kept or any(u is part for part in parts) for u in units]
    made = set[str]().union(*(paths for paths, stands in zip(written, there, strict=True) if stands))
    read = [f for u, stands in zip(units, there, strict=True) if stands for f in _files(reads_of(u, cells))]
    whole = [Path(os.path.realpath(Path(f.get("from") or folder, f["path"]))) for f in read]
    again = {str(p) for path in whole for p in path.parents} & made
    again |= {str(p) for p, f in zip(whole, read, strict=True) if "sha256" in f and not is_still(p, f["sha256"])}
    standing = [(paths, reads_of(u, cells)) for u, paths, stands in zip(units, written, there, strict=True) if stands]
    again |= {p for paths, reads in standing for p in paths if Path(p).name in _databases(reads)}
    return [
        u
        for u, paths in zip(units, written, strict=True)
        if u.role == "user" and not u.kept and any({p, os.path.dirname(p)} & again for p in paths)  # noqa: PTH120
    ]


def databases_filled(units: Sequence[Unit], cells: Mapping[int, CellRan]) -> set[str]:
    """Return the names of the databases that the code of the notebook fills."""
    return {name for unit in units for name in _databases(reads_of(unit, cells))}


def _databases(reads: Mapping[str, Any]) -> set[str]:
    """Return the names of the databases that code filled."""
    return {Path(one["path"]).name for one in reads.get("made", ()) if one.get("database")}


def missed(unit: Unit, cells: Mapping[int, CellRan]) -> str:
    """Say how many openings of files by a unit nobody could note; empty for none."""
    n = reads_of(unit, cells).get("missed", 0)
    return f"{n} opening{'s' * (n > 1)} of files could not be noted when it ran" if type(n) is int and n else ""


def where(unit: Unit, cells: Mapping[int, CellRan]) -> str:
    """Return a unit in words: its call, or the number of the user's cell."""
    if unit.call is not None:
        return f"call {unit.call.id}" + (f" of process {unit.run.pid}" if unit.run is not None and unit.run.pid else "")
    cell = cells.get(unit.order[0])
    return f"your cell [{cell.count}]" if cell is not None and cell.count else f"your cell {unit.order[0]}"


def _since(one: Input, folder: Path, reader: str) -> Input:
    """Say of a file that is another one now, or gone, that it is, and which code read it."""
    if not is_still(path := folder / one.path, one.sha256):
        one.about |= {"since": CHANGED if path.is_file() else GONE, "reader": reader}
    return one


def environ_recorded(units: Sequence[Unit], cells: Mapping[int, CellRan]) -> list[dict[str, Any]]:
    """Return the environment variables that the code names, each with the salted hash of what it was."""
    found: dict[str, dict[str, Any]] = {}
    for unit in units:
        for one in reads_of(unit, cells).get("environ", ()):
            if isinstance(one, dict) and isinstance(one.get("name"), str):
                found.setdefault(one["name"], one)
    return list(found.values())
