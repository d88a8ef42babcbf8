"""What the notebook asserts: behind the cell of each step, and in the last cell what is asserted behind none."""

from __future__ import annotations

import ast
import types
from collections.abc import Iterable

from llmos_nb.export.assertions import Expected, asserting, expected_of
from llmos_nb.export.dataflow.flow import flow_of, flow_of_code
from llmos_nb.export.dataflow.parsed import parsed
from llmos_nb.export.dataflow.taint import holds_after_all
from llmos_nb.export.gather import Draft
from llmos_nb.export.plainly import by_type
from llmos_nb.export.source import ExportSource, latest
from llmos_nb.heap.content import content
from llmos_nb.heap.digest import digest
from llmos_nb.policy.code import loop_variables

# the tolerance of numbers in what cells show; a value that is further off is another value
REL, ABS = 1e-6, 1e-9
_DEFINITIONS = (type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType)
_DEFINING = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
MOST = 25  # a last cell that a person can still read


def expected(draft: Draft) -> list[Expected]:
    """Return for each unit what its cell asserts, and note what is not asserted and why."""
    known = zip(draft.units, draft.fates, left_over(draft), strict=True)
    return [expected_of(unit, fate.names, fate.values, over) for unit, fate, over in known]


def left_over(draft: Draft) -> list[set[str]]:
    """Return for each unit the variables of its loops that nothing reads behind them: no results."""
    found, read = list[set[str]](), set[str]()
    for unit in reversed(draft.units):
        found.append(set(loop_variables(unit.source)) - read if unit.role == "step" else set())
        read |= flow_of_code(unit.source).reads
    return found[::-1]


def definitions(draft: Draft) -> set[str]:
    """Return the names that an import, a function or a class bound last: no results, and code makes them again."""
    found = set[str]()
    for unit in draft.units:
        for node in parsed(unit.source):
            bound = flow_of(node).binds
            found = found | bound if isinstance(node, _DEFINING) else found - bound
    return found


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
    why, namespace = draft.fates[-1].names if draft.fates else {}, draft.namespace
    asserted = {n for e in draft.expected for n in e.names}
    passed, made = set[str](), definitions(draft)
    for unit, over in zip(draft.units, left_over(draft), strict=True):
        passed = (passed - flow_of_code(unit.source).binds) | over
    left: dict[str, str] = {}
    values: dict[str, str] = {}
    for name, (recorded, words) in final_names(draft.wanted).items():
        if name in passed:
            continue
        if name in why and not (name in asserted and holds_after_all(why[name], words or "<", draft.runs[0].ran_in)):
            left[name] = f"it rests on {why[name]}"
        elif name in asserted:
            continue
        elif words:
            values[name] = words
        elif name not in namespace:
            left |= {} if name in made else {name: "its value is not at hand"}
        elif recorded and digest(namespace[name]) != recorded:
            left[name] = "it was changed after the run"
        elif not isinstance(namespace[name], _DEFINITIONS):
            values[name] = content(namespace[name])
    found = [f"# {name} is not checked: {reason}." for name, reason in left.items()]
    found += asserting(values)
    draft.last = {name: said for name, said in values.items() if not by_type(said)}
    return "\n".join(["# What the answer rests on.", *found]) if found else "", left
