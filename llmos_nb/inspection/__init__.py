"""What some Python code would read, write and do, told from its text alone. Pure: nothing runs, nothing is opened.

It is a guard against mistakes and not against hostility (law 10): it resolves imports and simple aliases, and knows
the functions of its tables; code that hides what it does gets past it.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from llmos_nb.inspection.rules import Risk
from llmos_nb.inspection.tables import ASKS, KINDS
from llmos_nb.inspection.visit import Visitor

__all__ = ["ASKS", "KINDS", "Inspection", "Risk", "Surroundings", "code_names", "inspect_code"]

Level = Literal["read", "namespace", "risky"]


@dataclass(frozen=True)
class Surroundings:
    """What is known of the names that code may use.

    Parameters
    ----------
    origins : mapping
        Dotted origin by name, of modules, functions and objects: ``{"o": "os", "con": "sqlite3.Connection"}``.
    sources : mapping
        Source code of the user's own functions, by name.
    fragile : mapping
        Why what a name holds cannot be put back, by name: ``{"rows": "a generator gives each item once"}``.
    """

    origins: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    fragile: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Inspection:
    """What code would do.

    Parameters
    ----------
    reads : tuple of str
        Names that it takes from outside.
    writes : tuple of str
        Names that it binds, deletes or changes in place.
    calls : tuple of str
        Dotted names of what it calls, resolved.
    risks : tuple of Risk
        In the order of the code.
    everything : bool
        It may reach any name (`exec`, `globals`, magics).
    harmless : bool
        Everything that it calls is known to change nothing.
    """

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    risks: tuple[Risk, ...] = ()
    everything: bool = False
    harmless: bool = True

    @property
    def level(self) -> Level:
        """Whether it only reads, changes the namespace, or does what a person may want to see first."""
        if any(r.kind in ASKS for r in self.risks):
            return "risky"
        return "read" if self.harmless and not self.writes and not self.everything else "namespace"


def inspect_code(code: str, around: Surroundings | None = None) -> Inspection:
    """Look at code without running it.

    Parameters
    ----------
    code : str
        Python, also with magics and ``!commands``.
    around : Surroundings, optional
        What is known of the names it may use.

    Returns
    -------
    Inspection
        Code that cannot be parsed has the one risk ``syntax``: it cannot run either.
    """
    tree, fault = _parsed(code)
    if tree is None:
        return Inspection(risks=(fault,), everything=True)
    around = around or Surroundings()
    seen = Visitor(around.origins, around.sources, around.fragile)
    seen.visit(tree)
    risks = sorted(seen.risks, key=lambda r: r.line)
    return Inspection(
        tuple(seen.reads), tuple(seen.writes), tuple(seen.calls), tuple(risks), seen.everything, seen.harmless
    )  # fmt: skip


def code_names(code: str) -> frozenset[str] | None:
    """Give every name that code may reach by itself; None stands for all there are.

    Names that the user's own functions use are not followed here: `Snapshots` does that in the live namespace.
    """
    tree, _ = _parsed(code)
    if tree is None:
        return None
    seen = Visitor({}, {}, {})
    seen.visit(tree)
    if seen.everything or any(r.kind in ("exec", "magic") for r in seen.risks):
        return None
    inside = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    return frozenset((*inside, *seen.reads, *seen.writes))


def _parsed(code: str) -> tuple[ast.Module | None, Risk]:
    """Parse code as it is, or else as IPython would turn it into Python."""
    fault = Risk("syntax", "", 1)
    for read in (str, _as_python):
        try:
            return ast.parse(read(code)), fault
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            fault = Risk("syntax", str(getattr(error, "msg", error)), getattr(error, "lineno", None) or 1)
    return None, fault


def _as_python(code: str) -> str:
    from IPython.core.inputtransformer2 import TransformerManager  # slow, and rarely needed

    with warnings.catch_warnings():  # about line ends that nobody types
        warnings.simplefilter("ignore")
        return str(TransformerManager().transform_cell(code))
