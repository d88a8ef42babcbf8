"""The user's functions as source code that stands alone."""

from __future__ import annotations

import ast
import builtins
import inspect
import os
import re
import sys
import textwrap
import types
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from llmos_nb.export.dataflow.effects import dotted
from llmos_nb.export.dataflow.flow import flow_of
from llmos_nb.export.dataflow.parsed import nodes
from llmos_nb.export.dataflow.taint import reaches
from llmos_nb.export.literals import plain

PACKAGE = "llmos_nb"
_DEEP = 10
_PURE = frozenset(("math", "cmath", "statistics", "re", "json", "datetime", "decimal", "fractions", "collections")) | {
    "itertools", "functools", "operator", "string", "textwrap", "numpy", "pandas", "polars", "typing", "dataclasses",
}  # fmt: skip
_ACTS = re.compile(
    r"(open|exec|eval|input|__import__|to_(csv|excel|parquet|feather|sql|json|html|pickle|hdf|clipboard)"
    r"|(write|send|save|dump|post|put|delete|patch|publish|upload|submit|connect|execute|commit|remove|unlink|mkdir"
    r"|rename|rmtree|system|popen|run|call|urlopen|request|get_ipython)(_\w+)?|setattr)$"
)


def source_unit(name: str, value: Any) -> str:
    """Return code that makes a module, function or class available under a name; empty where there is none."""
    if isinstance(value, types.ModuleType):
        return f"import {value.__name__}" + ("" if value.__name__ == name else f" as {name}")
    if not isinstance(value, type | types.FunctionType | types.BuiltinFunctionType):
        return ""
    module = getattr(value, "__module__", None) or "builtins"
    known = getattr(value, "__qualname__", name)
    if module not in ("__main__", "builtins") and "." not in known and hasattr(sys.modules.get(module), known):
        return f"from {module} import {known}" + ("" if known == name else f" as {name}")
    return _own_source(name, value)


def _own_source(name: str, value: Any) -> str:
    try:
        source = textwrap.dedent(inspect.getsource(value))
        tree = ast.parse(source)
    except (OSError, TypeError, SyntaxError):
        return ""
    made = [n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    if made and made[0] != name:
        source = f"{source.rstrip()}\n\n{name} = {made[0]}"
    return without_package(source) if made else ""


def without_package(source: str) -> str:
    """Take out of code the decorators and imports of this package, which the notebook does without."""
    if PACKAGE not in source and "tool" not in source:
        return source
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return source
    decorators = [d for node in body for d in getattr(node, "decorator_list", ()) if _declares_tool(d)]
    parts = [*(node for node in body if _imports_package(node)), *decorators]
    return without(source, parts)


def without(source: str, parts: Iterable[ast.stmt | ast.expr]) -> str:
    """Take the lines of some parts out of code."""
    gone = {n for part in parts for n in range(part.lineno, (part.end_lineno or part.lineno) + 1)}
    return "\n".join(line for n, line in enumerate(source.splitlines(), 1) if n not in gone)


def _declares_tool(decorator: ast.expr) -> bool:
    path = dotted(decorator.func if isinstance(decorator, ast.Call) else decorator)
    return path.partition(".")[0] in ("tool", "llmos", PACKAGE) and path.endswith("tool")


def _imports_package(node: ast.stmt) -> bool:
    if isinstance(node, ast.Import):
        return all(a.name.partition(".")[0] == PACKAGE for a in node.names)
    return isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == PACKAGE


def harmless(fn: Any, seen: tuple[Any, ...] = ()) -> bool:
    """Return whether a function surely acts on nothing outside: it uses only pure modules, plain data and its like."""
    if not isinstance(fn, types.FunctionType) or fn in seen or len(seen) > _DEEP:
        return fn in seen
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(fn)))
    except (OSError, TypeError, SyntaxError):
        return False
    if reaches(ast.unparse(tree)) or any(_acts(n) for n in ast.walk(tree)):
        return False
    free = flow_of(tree.body[0]).late.get(fn.__name__)
    values = [fn.__globals__.get(n) for n in free.reads - set(dir(builtins))] if free is not None else [None]
    return all(_pure(v, (*seen, fn)) for v in values)


def _acts(node: ast.AST) -> bool:
    name = getattr(node, "attr", getattr(node, "id", ""))
    return isinstance(node, ast.Attribute | ast.Name) and bool(_ACTS.match(name))


def _pure(value: Any, seen: tuple[Any, ...]) -> bool:
    if isinstance(value, types.ModuleType):
        return value.__name__.partition(".")[0] in _PURE
    return plain(value) or harmless(value, seen)


def modules_named(source: str) -> Iterator[str]:
    """Return the modules that code imports, by their full names."""
    for node in nodes(source):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def local_modules(source: str, folder: Path, entries: Iterable[str] = ()) -> list[str]:
    """Return the files of modules that code imports from the working folder, and of those that these import.

    `entries` are folders that code puts on the import path, as it spells them.
    """
    roots, found = ["", *entries], dict[str, None]()
    todo = [(source, "")]
    while todo:
        code, at = todo.pop()
        tried = (path for name, level in _imported(code) for path in _files_of(name, level, at, roots))
        for path in dict.fromkeys(tried):
            if path not in found and (folder / path).is_file():
                found[path] = None
                with suppress(OSError, SyntaxError, ValueError):
                    text = (folder / path).read_text(encoding="utf-8")
                    ast.parse(text)
                    todo.append((text, os.path.dirname(path)))  # noqa: PTH120 - a text as the code spells it
    return list(found)


def _imported(source: str) -> Iterator[tuple[str, int]]:
    """Return what code imports by full name, with the level of a relative import; also what may be a submodule."""
    yield from ((name, 0) for name in modules_named(source))
    for node in nodes(source):
        if isinstance(node, ast.ImportFrom):
            base = node.module or ""
            names = [".".join(filter(None, (base, a.name))) for a in node.names]
            yield from ((name, node.level) for name in filter(None, [base, *names]))


def _files_of(name: str, level: int, at: str, roots: Sequence[str]) -> Iterator[str]:
    """Return the files that a module of a name, and the packages around it, would stand in."""
    parts = name.split(".")
    for root in [os.path.join(at, *[".."] * (level - 1))] if level else roots:  # noqa: PTH118 - texts
        packages = (os.path.join(*parts[:n], "__init__.py") for n in range(1, len(parts) + 1))  # noqa: PTH118
        for file in (*packages, f"{os.path.join(*parts)}.py"):  # noqa: PTH118
            yield Path(os.path.normpath(os.path.join(root, file))).as_posix()  # noqa: PTH118
