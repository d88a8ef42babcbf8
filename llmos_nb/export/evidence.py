"""What the notebook asserts: behind the cell of each step, and in the last cell what is asserted behind none."""

from __future__ import annotations

import types
from collections.abc import Iterable

from llmos_nb.export.assertions import Expected, expected_of, helper, line
from llmos_nb.export.cells import Cell
from llmos_nb.export.dataflow.taint import holds_after_all, shows, tainted, taints
from llmos_nb.export.gather import Draft
from llmos_nb.export.latest import latest
from llmos_nb.export.source import ExportSource
from llmos_nb.heap.content import content
from llmos_nb.heap.digest import digest

# the tolerance of numbers in what cells show; a value that is further off is another value
REL, ABS = 1e-6, 1e-9
_DEFINITIONS = (type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType)
MOST = 25  # a last cell that a person can still read
CHECKS = ("check", "evidence")


def expected(draft: Draft) -> list[Expected]:
    """Return for each unit what its cell asserts, and note what is not asserted and why."""
    pieces = draft.running()
    whys, printed = taints(pieces, draft.states), shows(pieces, draft.states)
    known = zip(draft.units, whys, printed, strict=True)
    return [expected_of(unit, why, reason) for unit, why, reason in known]


def final_names(runs: Iterable[ExportSource]) -> dict[str, tuple[str, str]]:
    """Return the names that the steps left, with the digest and the words that the journal has of each."""
    found: dict[str, tuple[str, str]] = {}
    for run in runs:
        for call in map(latest, run.state.surviving):
            words = call.facts.get("content") or {}
            for name in call.changes.written:
                found.pop(name, None)
                found[name] = (call.changes.digests or {}).get(name, ""), str(words.get(name, ""))
            for name in call.changes.deleted:
                found.pop(name, None)
    return {n: d for n, d in list(found.items())[-MOST:] if not n.startswith("_")}


def evidence_code(draft: Draft) -> tuple[str, dict[str, str]]:
    """Return the assertions' code, and by name why it is not asserted."""
    why, namespace = tainted(draft.running(), draft.states), draft.namespace
    asserted = {n for e in draft.expected for n in e.names}
    left: dict[str, str] = {}
    values: dict[str, str] = {}
    for name, (recorded, words) in final_names(draft.wanted).items():
        if name in why and not (
            name in asserted and holds_after_all(why[name], words or "<", draft.runs[0].ran_in)
        ):
            left[name] = f"it rests on {why[name]}"
        elif name in asserted:
            continue
        elif words:
            values[name] = words
        elif name not in namespace:
            left[name] = "its value is not at hand"
        elif recorded and digest(namespace[name]) != recorded:
            left[name] = "it was changed after the run"
        elif not isinstance(namespace[name], _DEFINITIONS):
            values[name] = content(namespace[name])
    lines = [f"# {name} is not checked: {reason}." for name, reason in left.items()]
    lines += [line(name, said) for name, said in values.items()]
    draft.last = values
    return "\n".join(["# What the answer rests on.", *lines]) if lines else "", left


def comparing(draft: Draft, more: Iterable[str] = ()) -> str:
    """Return the code that the assertions compare with, of the words of all of them and of some more."""
    steps = (w for e in draft.expected for w in (*e.names.values(), e.value) if w)
    return helper([*steps, *draft.last.values(), *more])


def with_comparison(cells: list[Cell], draft: Draft) -> list[Cell]:
    """Put the code that compares into a cell before the first one that needs it: the work stands before it."""
    at = next((n for n, c in enumerate(cells) if c.role in CHECKS and "_content(" in c.source), None)
    return cells if at is None else [*cells[:at], Cell("code", "comparison", comparing(draft)), *cells[at:]]
