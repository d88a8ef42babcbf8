"""The source of functions and classes that stand in the notebook itself: a goal about them is about their code."""

from __future__ import annotations

import ast
import inspect
import linecache
import textwrap
from types import CodeType, FunctionType
from typing import Any

from llmos_nb.policy.secrets import redact

LONGEST = 3_000  # bytes; a longer one is read in its cell


def source_of(value: Any) -> list[str]:
    """Return the lines of a function or class of the notebook's own; of a longer one, where to read it.

    Nothing of it is run: of a class, its code is found by that of its first method.
    """
    code, name = _code(value), getattr(value, "__name__", "")
    if code is None or getattr(value, "__module__", None) != "__main__":
        return []
    lines = linecache.getlines(code.co_filename)
    text = _class(lines, name, code.co_firstlineno) if isinstance(value, type) else _function(lines, code)
    if not text:
        return []
    if len(text.encode()) > LONGEST:
        return [f"- source: {len(text.splitlines())} lines in a cell"]
    return ["- source:", textwrap.indent(redact(text.rstrip()), "    ")]


def _code(value: Any) -> CodeType | None:
    if isinstance(value, FunctionType):
        return value.__code__
    own = type.__getattribute__(value, "__dict__").values() if isinstance(value, type) else ()
    return next((m.__code__ for m in own if isinstance(m, FunctionType)), None)


def _function(lines: list[str], code: CodeType) -> str:
    block = inspect.getblock(lines[code.co_firstlineno - 1 :])
    return textwrap.dedent("".join(block))


def _class(lines: list[str], name: str, line: int) -> str:
    try:
        body = ast.walk(ast.parse("".join(lines)))
    except SyntaxError:
        return ""
    found = (n for n in body if isinstance(n, ast.ClassDef) and n.name == name)
    node = next((n for n in found if n.lineno <= line <= (n.end_lineno or 0)), None)
    return textwrap.dedent("".join(lines[node.lineno - 1 : node.end_lineno])) if node is not None else ""
