"""Recorded random states, put back before each piece of code that drew from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llmos_nb.export.dataflow.effects import NUMPY, PYTHON
from llmos_nb.export.dataflow.flow import flow_of_code
from llmos_nb.export.dataflow.slice import Piece, read
from llmos_nb.export.literals import Held
from llmos_nb.export.steps import Unit
from llmos_nb.heap import random_states
from llmos_nb.journal.events import CellRan
from llmos_nb.messages import canonical

_NAMES = {"random": PYTHON, "numpy": NUMPY}


def state_code(state: Mapping[str, Any], file: str) -> str:
    """Return the code that restores recorded random states."""
    lines = ["# The random state as the run found it here.", "import json", "from pathlib import Path", ""]
    lines.append(f'_state = json.loads(Path({file!r}).read_text(encoding="utf-8"))')
    if "random" in state:
        lines += ["import random", "", '_version, _keys, _gauss = _state["random"]']
        lines.append("random.setstate((_version, tuple(_keys), _gauss))")
    if "numpy" in state:
        lines += ["import numpy", "", 'numpy.random.set_state(("MT19937", *_state["numpy"]))']
    return "\n".join(lines)


def recorded(unit: Unit, cells: Mapping[int, CellRan]) -> dict[str, Any]:
    """Return the random states that a step or a cell began with, of those that it did not set before it drew."""
    if unit.call is not None:
        known = unit.call.facts.get("random", {})
    else:
        known = cells[unit.order[0]].random if unit.role == "user" and unit.order[0] in cells else {}
    if not known or unit.problem:
        return {}
    flow = flow_of_code(unit.source)
    seeded = {n for n in flow.binds if n.startswith("$")} - flow.reads
    return {name: state for name, state in known.items() if _NAMES.get(name) not in seeded}


def draws(units: Sequence[Unit]) -> list[set[str]]:
    """Return for each unit the generators that its code draws from, as far as its text tells, unless it sets them."""
    lines, late = read([Piece(u.source, u.kept) for u in units])
    found: list[set[str]] = [set() for _ in units]
    bound: list[set[str]] = [set() for _ in units]
    for line in lines:
        found[line.piece] |= {n for n in line.reads(late) if n.startswith("$")} - bound[line.piece]
        bound[line.piece] |= line.flow.kills
    return found


def restored(
    units: Sequence[Unit], cells: Mapping[int, CellRan], folder: str
) -> tuple[list[Unit], list[Held], set[str]]:
    """Put the recorded state before each step, and each cell of the user's, that drew.

    Return all code, the states as files, and those that are restored wherever the code draws from them, as far as its
    text tells.
    """
    found, files, names, unknown = list[Unit](), list[Held](), set[str](), set[str]()
    for unit, drawn in zip(units, draws(units), strict=True):
        states, named = recorded(unit, cells), {n for n, state in _NAMES.items() if state in drawn}
        if states and (unit.role != "user" or unit.kept or states.keys() & named):
            held = _held(random_states.unpacked(states), f"{folder}/random-state-at-{len(files) + 1}.json")
            files.append(held)
            names |= states.keys()
            found.append(Unit("state", held.code, unit.order, names=[_NAMES[n] for n in states]))
        unknown |= named - states.keys()
        found.append(unit)
    return found, files, {_NAMES[n] for n in names - unknown}


def _held(plain: Mapping[str, Any], file: str) -> Held:
    about = {"kind": "random state", "why": "what follows drew from it"}
    return Held("random state", state_code(plain, file), file, canonical(dict(plain)).encode(), about)
