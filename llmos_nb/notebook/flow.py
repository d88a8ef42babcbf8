"""What a piece of code does with global names: reads, binds, changes in place. Static, by the syntax tree alone.

Where the tree does not tell, the answer errs on the side of "it may have changed this", so that a slice holds more
than it needs rather than less.
"""

from __future__ import annotations

import ast

from llmos_nb.notebook.flow_names import CWD, Flow
from llmos_nb.notebook.flow_visit import Visitor
from llmos_nb.notebook.scopes import SURE

__all__ = ["Flow", "flow_of", "flow_of_code"]


def flow_of(statement: ast.stmt) -> Flow:
    """Read one top-level statement."""
    visitor = Visitor()
    visitor.visit(statement)
    flow = visitor.flow
    if isinstance(statement, (*SURE, ast.Expr)):
        flow.kills = flow.binds - _walrus(statement) - {CWD}
    elif isinstance(statement, ast.If | ast.With | ast.AsyncWith):
        flow.kills = flow.binds & visitor.met
    return flow


def flow_of_code(source: str) -> Flow:
    """Read a whole piece of code; names that it binds before it reads them are not among its reads."""
    total = Flow()
    bound: set[str] = set()
    for statement in ast.parse(source).body:
        one = flow_of(statement)
        one.reads -= bound
        total.add(one)
        bound |= one.kills
    total.kills = bound
    return total


def _walrus(statement: ast.stmt) -> set[str]:
    return {n.target.id for n in ast.walk(statement) if isinstance(n, ast.NamedExpr)}
