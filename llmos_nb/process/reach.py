"""What a step may change that its text does not name: variables within reach of the user's own code that it calls."""

from __future__ import annotations

import ast
import builtins
import inspect
import re
import sys
import textwrap
from collections.abc import Mapping
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import Any

from llmos_nb.heap import can_change, is_owned, is_written, reachable_names

_MAGIC = re.compile(r"^(\s*)[%!].*", re.MULTILINE)


def may_change(code: str, seen: Mapping[str, Any], namespace: dict[str, Any]) -> list[str]:
    """Return the variables that what some code calls can change: by what it is given, or by the globals it uses.

    What libraries are given they leave as it is, unless code of the user's is among it.

    Parameters
    ----------
    code : str
        Python.
    seen : mapping
        What is known of it: the names that it ``reads`` and ``writes``, and its ``imports``. Of what it reads and is
        not there nothing is known.
    namespace : dict
        The live names, before it runs.
    """
    given, called, walked = set[str](), set[str](), set[FunctionType]()
    imports = dict(seen.get("imports", ()))
    known = {n for n in seen["writes"] if n not in imports or _is_library(imports[n])}
    due = [(_tree(_MAGIC.sub(r"\1pass", code)), set[str](), known)]
    while due:
        tree, local, known = due.pop()
        known -= _made(tree, namespace)
        for call in (n for n in ast.walk(tree) if isinstance(n, ast.Call)):
            names = _names(call) - local
            theirs = {n for n in names if _is_theirs(namespace.get(n))}
            if not theirs and not _is_unknown(call.func, namespace, known):
                continue
            given |= names
            called |= {call.func.id} if isinstance(call.func, ast.Name) else set()
            for name in theirs:
                function = namespace[name]
                if isinstance(function, FunctionType) and (inner := _tree(_source(function))).body:
                    given.discard(name)  # its text names what it changes, but for what it calls in turn
                    own = {*function.__code__.co_varnames}
                    due += [(inner, own, {*own})] if function not in walked else []
                    walked.add(function)
    there = [n for n in reachable_names(given, namespace) if not n.startswith("_") and can_change(namespace[n])]
    return sorted({*there, *(given.intersection(seen["reads"]) - namespace.keys() - called)})


def _names(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def _made(tree: ast.Module, namespace: Mapping[str, Any]) -> set[str]:
    """Return the names that code binds to code of its own, or to what code of the user's gives."""
    found = set[str]()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.Assign(targets=targets, value=value):
                if isinstance(value, ast.Lambda) or any(_is_theirs(namespace.get(n)) for n in _names(value)):
                    found.update(*map(_names, targets))
    return found


def _is_theirs(value: object) -> bool:
    """Return whether a value is code of the user's: a function, a class, a module, or an object of such a class."""
    if isinstance(value, partial | MethodType):
        return _is_theirs(value.func if isinstance(value, partial) else value.__func__)
    if isinstance(value, FunctionType):
        return is_owned(value.__module__ or "")
    if isinstance(value, ModuleType):
        return is_owned(value.__name__)
    return is_written(value if isinstance(value, type) else type(value))


def _is_unknown(called: ast.expr, namespace: Mapping[str, Any], known: set[str]) -> bool:
    """Return whether nobody knows whose code is called: nothing by that name is there, or it is looked up."""
    while isinstance(called, ast.Attribute):
        called = called.value
    if isinstance(called, ast.Name):
        return not (called.id in known or called.id in namespace or hasattr(builtins, called.id))
    return isinstance(called, ast.Subscript)


def _is_library(origin: str) -> bool:
    root = origin.partition(".")[0]
    return root in sys.stdlib_module_names or (root in sys.modules and not is_owned(root))


def _source(function: FunctionType) -> str:
    try:
        return textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        return ""


def _tree(code: str) -> ast.Module:
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError, SystemError):
        return ast.Module([], [])
