"""The last cell: what the names must hold in the end, as assertions that anybody can read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmos_nb.export.claims import claims
from llmos_nb.export.dataflow.taint import tainted
from llmos_nb.export.gather import Draft
from llmos_nb.export.source import ExportSource
from llmos_nb.heap.digest import digest

# the tolerance that `_near` spells below; a value that is further off is another value
REL, ABS = 1e-6, 1e-9
MOST = 25  # a last cell that a person can still read
_NEAR = '''def _near(found, expected):
    """Compare values; numbers may differ by one part in a million."""
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(_near(found[k], v) for k, v in expected.items())
    if isinstance(expected, (list, tuple)):
        return len(found) == len(expected) and all(map(_near, found, expected))
    if isinstance(expected, float) and not isinstance(found, (str, bytes, type(None))):
        return math.isclose(found, expected, rel_tol=1e-6, abs_tol=1e-9) or (found != found and expected != expected)
    return bool(found == expected)'''


def final_names(runs: Iterable[ExportSource]) -> dict[str, str]:
    """Return the names that the steps left, with the digest that the journal has of each."""
    found: dict[str, str] = {}
    for run in runs:
        for call in run.state.surviving:
            for name in call.changes.written:
                found.pop(name, None)
                found[name] = (call.changes.digests or {}).get(name, "")
            for name in call.changes.deleted:
                found.pop(name, None)
    return {n: d for n, d in list(found.items())[-MOST:] if not n.startswith("_")}


def evidence_code(draft: Draft) -> tuple[str, dict[str, str]]:
    """Return the assertions' code, and by name why it is not asserted."""
    why, namespace = tainted(draft.running(), draft.states), draft.namespace
    left: dict[str, str] = {}
    values: dict[str, Any] = {}
    for name, recorded in final_names(draft.wanted).items():
        if name in why:
            left[name] = f"it rests on {why[name]}"
        elif name not in namespace:
            left[name] = "its value is not at hand"
        elif recorded and digest(namespace[name]) != recorded:
            left[name] = "it was changed after the run"
        else:
            values[name] = namespace[name]
    return assertions(values, left), left


def assertions(values: Mapping[str, Any], left: Mapping[str, str]) -> str:
    """Spell assertions over values; what cannot be spelled goes to `left`-like comments."""
    lines = [f"# {name} is not checked: {why}." for name, why in left.items()]
    lines += [line for name, value in values.items() for line in claims(name, value)]
    return with_helper("\n".join(["# What the answer rests on.", *lines])) if lines else ""


def with_helper(code: str) -> str:
    """Put the comparison in front of assertions that use it."""
    if "_near(" not in code or "def _near(" in code:
        return code
    head, _, rest = code.partition("\n")
    return "\n".join([head, "import math", "", "", _NEAR, "", "", rest])
