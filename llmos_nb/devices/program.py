"""A step's code, made ready to run: transformed, split at the values to show, compiled."""

from __future__ import annotations
import __future__

import ast
import linecache
from dataclasses import dataclass
from types import CodeType
from typing import Any

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a step that runs in one go.

    Parameters
    ----------
    code : code
        Compiled; running it gives a coroutine where it awaits.
    shows : bool
        Its value is to be shown.
    names : tuple of str
        Names that it assigns and whose values are to be shown.
    columns : tuple of (str, str)
        Table and column that it assigns and whose first values are to be shown.
    """

    code: CodeType
    shows: bool = False
    names: tuple[str, ...] = ()
    columns: tuple[tuple[str, str], ...] = ()


def filename_of(source: str, code: str, name: str, ip: Any) -> str:
    """Give the file name under which tracebacks find the lines of `source`."""
    if ip is not None:
        return str(ip.compile.cache(source, ip.execution_count, raw_code=code))
    linecache.cache[f"<step {name}>"] = (len(source), None, source.splitlines(keepends=True), f"<step {name}>")
    return f"<step {name}>"


def transformed(code: str, ip: Any) -> str:
    """Give the code with magics and ``!commands`` turned into Python, where there is IPython."""
    return str(ip.transform_cell(code)) if ip is not None else code


def compile_step(source: str, filename: str, ip: Any = None, every: bool = False) -> list[Chunk]:
    """Compile a step.

    Parameters
    ----------
    source : str
        Python code.
    filename : str
        Its name in tracebacks.
    ip : InteractiveShell, optional
        Whose compiler flags (`__future__` imports of earlier cells) count.
    every : bool
        Show each expression and each assigned name instead of the last expression only.

    Raises
    ------
    SyntaxError
        It is no Python.
    """
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | (ip.compile.flags if ip is not None else 0)
    tree = compile(source, filename, "exec", flags | ast.PyCF_ONLY_AST, dont_inherit=True)
    flags |= _futures(tree)
    quiet = source.rstrip().endswith(";")
    if every:
        return [_chunk([s], filename, flags, True, quiet and s is tree.body[-1]) for s in tree.body]
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        head = [_chunk(tree.body[:-1], filename, flags)] if len(tree.body) > 1 else []
        return [*head, _chunk(tree.body[-1:], filename, flags, quiet=quiet)]
    return [_chunk(tree.body, filename, flags)]


def _futures(tree: ast.Module) -> int:
    found = [
        a.name for s in tree.body if isinstance(s, ast.ImportFrom) and s.module == "__future__" for a in s.names
    ]
    flags = 0
    for name in found:
        flags |= getattr(__future__, name).compiler_flag
    return flags


def _chunk(
    body: list[ast.stmt], filename: str, flags: int, assigned: bool = False, quiet: bool = False
) -> Chunk:
    """Compile some statements; a single expression keeps its value."""
    if len(body) == 1 and isinstance(body[0], ast.Expr):
        code = compile(ast.Expression(body[0].value), filename, "eval", flags, dont_inherit=True)
        return Chunk(code, shows=not quiet)
    code = compile(ast.Module(body, []), filename, "exec", flags, dont_inherit=True)
    return Chunk(code, False, *_assigned(body[0])) if assigned and not quiet else Chunk(code)


def _assigned(statement: ast.stmt) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Give the names, and the columns of tables, that a statement assigns."""
    if isinstance(statement, _DEFINITIONS):
        return (), ()
    targets: list[ast.expr] = []
    for node in ast.walk(statement):
        if isinstance(node, ast.Assign):
            targets += node.targets
        elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr):
            targets.append(node.target)
    stored = [
        n for t in targets for n in ast.walk(t) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    ]
    columns = [c for t in targets if isinstance(t, ast.Subscript) and (c := _column(t))]
    return tuple(dict.fromkeys(n.id for n in stored)), tuple(dict.fromkeys(columns))


def _column(target: ast.Subscript) -> tuple[str, str] | None:
    table, key = target.value, target.slice
    if isinstance(table, ast.Name) and isinstance(key, ast.Constant) and isinstance(key.value, str):
        return table.id, key.value
    return None
