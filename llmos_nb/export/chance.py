"""Recorded random states, put back before each piece of code that drew from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llmos_nb.export.dataflow.effects import NUMPY, PYTHON
from llmos_nb.export.dataflow.flow import flow_of_code
from llmos_nb.export.dataflow.slice import Piece, read
from llmos_nb.export.literals import Held
from llmos_nb.export.steps import Unit
from llmos_nb.heap.random_states import unpacked
from llmos_nb.messages import canonical

if TYPE_CHECKING:
    from llmos_nb.export.gather import Draft

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


def recorded(unit: Unit, draft: Draft) -> dict[str, Any]:
    """Return the random states that a step or a cell began with, of those that it did not set before it drew."""
    if unit.call is not None:
        known = unit.call.facts.get("random", {})
    else:
        cells = next((run.cells for run in draft.runs if run.cells), {})
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
        reads = line.flow.reads.union(*(late[n].reads for n in line.flow.reads & late.keys()))
        found[line.piece] |= {n for n in reads if n.startswith("$")} - bound[line.piece]
        bound[line.piece] |= line.flow.kills
    return found


def random_states(draft: Draft) -> None:
    """Put the recorded state before each step, and each cell of the user's, that drew.

    A generator from which something drew whose state nobody had noted is not among those that are restored.
    """
    made: list[Unit] = []
    unknown: set[str] = set()
    for unit, drawn in zip(draft.units, draws(draft.units), strict=True):
        states = recorded(unit, draft)
        if unit.role != "user" or states.keys() & {n for n, s in _NAMES.items() if s in drawn} or unit.kept:
            made += _state_unit(draft, unit, states)
        unknown |= {n for n, state in _NAMES.items() if state in drawn} - states.keys()
        made.append(unit)
    draft.units = made
    draft.restored -= unknown


def _state_unit(draft: Draft, unit: Unit, states: Mapping[str, Any]) -> list[Unit]:
    """Return what puts states back before a unit; nothing where there are none."""
    if not states:
        return []
    n = sum(held.file.startswith(f"{draft.folder}/random-state-at-") for held in draft.held) + 1
    file, plain = f"{draft.folder}/random-state-at-{n}.json", unpacked(states)
    about = {"kind": "random state", "why": "what follows drew from it"}
    code = state_code(plain, file)
    draft.held.append(Held("random state", code, file, canonical(plain).encode(), about))
    draft.restored |= plain.keys()
    return [Unit("state", code, unit.order, names=[_NAMES[name] for name in plain if name in _NAMES])]
