"""What belongs to which scope in a syntax tree, and which name stands at the root of an expression."""

from __future__ import annotations

import ast
from collections.abc import Container

from llmos_nb.policy.code import bound_by, own, parameters

# Statements that bind what they bind whenever they run.
SURE = (ast.Assign, ast.AnnAssign, ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def root_of(node: ast.AST) -> str:
    """Return the name at the root of ``a.b[c].d``; empty where there is none."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def chain_root(node: ast.AST) -> str:
    """Return the root of a chain that also goes through calls: ``a`` of ``a.b().c``."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred | ast.Call | ast.Await):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def names_given(node: ast.Call) -> list[str]:
    """Return the names at the roots of a call's arguments."""
    return [n for a in (*node.args, *(k.value for k in node.keywords)) if (n := root_of(a))]


def methods_held(node: ast.expr, methods: Container[str]) -> list[str]:
    """Return the roots of methods of some names that an expression holds and does not call: ``d`` of ``[d.pop]``."""
    called = {id(n.func) for n in ast.walk(node) if isinstance(n, ast.Call)}
    held = (n for n in ast.walk(node) if isinstance(n, ast.Attribute) and n.attr in methods and id(n) not in called)
    return [root for n in held if (root := chain_root(n))]


def in_place(node: ast.Call) -> bool:
    """Return whether a call is told to change its object: ``inplace=True``, ``out=a``."""
    told = [k.value for k in node.keywords if k.arg in ("inplace", "out")]
    return any(not (isinstance(v, ast.Constant) and not v.value) for v in told)


def surely_bound(statement: ast.stmt) -> set[str]:
    """Return the names that a statement binds whenever it runs."""
    return stored([statement]) if isinstance(statement, SURE) else set()


def annotations_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.expr]:
    """Return all annotations."""
    found = [a.annotation for a in parameters(node.args)]
    return [a for a in (*found, node.returns) if a is not None]


def local_names(node: Function) -> set[str]:
    """Return the names that a function binds for itself."""
    return set() if isinstance(node, ast.Lambda) else stored(node.body) - declared(node.body)


def declared(body: list[ast.stmt]) -> set[str]:
    """Return the names declared global or nonlocal."""
    return {n for node in own(body) if isinstance(node, ast.Global | ast.Nonlocal) for n in node.names}


def stored(body: list[ast.stmt]) -> set[str]:
    """Return the names that statements bind in their own scope."""
    return {name for node in own(body) for name in bound_by(node)}
