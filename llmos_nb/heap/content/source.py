"""`content`, and the code of it for a notebook."""

from __future__ import annotations

import ast
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from llmos_nb.heap.content import figures, kinds, models, plain, tables

MOST = 500_000  # items; of arrays twenty count as one
MODEL = re.compile(r"\w+ \((\d+ fitted|a tree|its \w+)\): ")


def content(value: Any) -> str:
    """Return a value as a short text, the same for the same content; ``<Type>`` where the type alone is told.

    Parameters
    ----------
    value : object
        Anything; only the code of known libraries is asked about it.
    """
    try:
        if _many(value):
            return f"<{type(value).__name__}: too large>"
        return plain._content(value)
    except Exception as error:  # a library that does not answer as it should
        return f"<{type(value).__name__}: {type(error).__name__}>"


def _many(value: Any) -> bool:
    """Return whether a value holds more than is looked at after a step."""
    todo, seen = [value], 0
    while todo and seen <= MOST:
        item = todo.pop()
        size = getattr(item, "size", 1) if isinstance(getattr(item, "shape", None), tuple) else 1
        seen += size // 20 if type(size) is int else 1  # arrays go in one piece
        if isinstance(item, list | tuple | set | frozenset | dict):
            seen += len(item)
            todo += [*item.keys(), *item.values()] if isinstance(item, dict) else item if seen <= MOST else []
    return seen > MOST


@cache
def code_for() -> str:
    """Return the code of ``_content``, which needs nothing of this package."""
    return "\n\n".join(_alone(module.__name__) for module in (plain, kinds, tables, models, figures))


def _alone(module: str) -> str:
    """Return a module's source without what only stands for a reader of this package."""
    spec = find_spec(module)
    assert spec is not None and spec.origin is not None  # noqa: S101 - it is a module of ours
    lines = Path(spec.origin).read_text(encoding="utf-8").splitlines()
    body = ast.parse("\n".join(lines)).body
    gone = [
        n
        for n in body
        if isinstance(n, ast.ImportFrom) and str(n.module).startswith(("llmos_nb", "__future__"))
    ]
    docstrings = [n.body[0] for n in body if isinstance(n, ast.FunctionDef)]
    dropped = {
        n for p in (body[0], *gone, *docstrings) for n in range(p.lineno, (p.end_lineno or p.lineno) + 1)
    }
    kept = "\n".join(line for n, line in enumerate(lines, 1) if n not in dropped)
    return re.sub(r"\n{3,}", "\n\n", kept).strip()
