"""The cells that compute the values of an answer again, and check each of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmos_nb.export.answer_code import Value, answer_check, answer_printed, values_of
from llmos_nb.export.cells import LOOSE, Cell, tidy
from llmos_nb.export.dataflow.taint import holds_after_all
from llmos_nb.export.notes import not_again
from llmos_nb.export.source import ExportSource
from llmos_nb.export.steps import Unit
from llmos_nb.export.verify.compare import all_volatile


def answer_cells(unit: Unit, run: ExportSource, why: Mapping[str, str], checked: bool) -> list[Cell]:
    """Return the cell that computes an answer again, with what it showed, and the check of that.

    Parameters
    ----------
    unit : Unit
        The code.
    run : ExportSource
        The process that answered.
    why : mapping
        By name, why what it holds behind that code may not come out the same.
    checked : bool
        Anything is asserted behind the work.
    """
    values, outputs = values_of(run), answer_printed(run)
    free = {v.name: f"it rests on {why[v.name]}" for v in values if v.name in why and not _holds(v, why, run)}
    left = not_again(run) | {v.code: said for v in values if (said := v.unknown or free.get(v.name, ""))}
    volatile = _volatile(values, free) if outputs else {}
    contents = {v.name: v.words for v in values if v.table and not v.unknown and v.name not in free}
    more = {"volatile": volatile, "contents": contents, "left": left}
    about: dict[str, Any] = {"pid": run.pid, "shown": "observed"} | {key: of for key, of in more.items() if of}
    cells = [Cell("code", "answer", unit.source, about, [LOOSE] if volatile else [], outputs)]
    if found := answer_check(run, free) if checked else []:
        cells.append(Cell("code", "check", "\n".join(found), {"pid": run.pid, "asserted": len(found)}))
    return cells


def _holds(value: Value, why: Mapping[str, str], run: ExportSource) -> bool:
    return holds_after_all(why[value.name], value.words if value.table else value.text, run.ran_in)


def _volatile(values: list[Value], free: Mapping[str, str]) -> dict[str, Any]:
    """Return which lines of what is printed may be others: those of some values, or all where these have several."""
    shown = [v for v in values if v.shown]
    if all(v.name in free for v in shown) or any(v.name in free and "\n" in v.text for v in shown):
        return all_volatile(1)
    at, found = 0, list[int]()
    for value in shown:
        found += [at] if value.name in free else []
        at += len(tidy(value.text).splitlines()) or 1
    return {"0": found} if found else {}
