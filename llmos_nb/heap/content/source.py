"""`content`, and the code of it."""

from __future__ import annotations

import ast
import inspect
import re
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple

from llmos_nb.heap.content import figures, kinds, models, plain, tables
from llmos_nb.policy.secrets import secret_name, secret_text

MOST = 500_000  # items; of arrays twenty count as one
_OF = r" [^{}]*?) \{.*?\}(?=: [0-9a-f]{16})"
_FRAMES = re.compile(rf"(\bDataFrame \d+ x \d+{_OF}", re.S)
_CELLS = re.compile(rf"(\b(?:DataFrame \d+ x \d+|Series \d+){_OF}", re.S)
_COLUMN = re.compile(r"'([^'\n]{1,80})': \[")
_WITHOUT = re.compile(rf"; without ((?:(?:<\w+>|{'|'.join(plain._TIMES)})(?:, )?)+)\Z")
MODEL = re.compile(r"\w+ \((\d+ fitted|a tree|its \w+)\): ")


def content(value: Any) -> str:
    """Return a value as a short text, the same for the same content; ``<Type>`` where the type alone is told.

    The cells of a table are not spelled where a column, or what stands in it, looks like a secret.

    Parameters
    ----------
    value : object
        Anything; only the code of known libraries is asked about it.
    """
    try:
        if _many(value):
            return f"<{type(value).__name__}: too large>"
        words = plain._content(value)
        return without_cells(words) if _looks_secret(words) else words
    except Exception as error:  # a library that does not answer as it should
        return f"<{type(value).__name__}: {type(error).__name__}>"


def without_cells(words: str, frames: bool = False) -> str:
    """Return the words of a value without the cells of tables, or of frames alone, which their hashes are over."""
    return (_FRAMES if frames else _CELLS).sub(r"\1", words)


class Told(NamedTuple):
    """A value in words, and what in it does not count.

    Parameters
    ----------
    words : str
        Without what follows.
    times : str
        The fields that hold how long fitting took.
    types : str
        The types of what it holds that is known by its type alone.
    """

    words: str
    times: str = ""
    types: str = ""


def told(words: str) -> Told:
    """Read the words of a value."""
    if (found := _WITHOUT.search(words)) is None:
        return Told(words)
    names = found[1].split(", ")
    types = [name for name in names if name.startswith("<")]
    return Told(words[: found.start()], ", ".join(n for n in names if n not in types), ", ".join(types))


def _looks_secret(words: str) -> bool:
    spelled = "".join(cells[0] for cells in _CELLS.finditer(words))
    return bool(spelled) and (any(map(secret_name, _COLUMN.findall(spelled))) or secret_text(spelled))


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
    """Return the code of ``_content``, which needs nothing of this package, for an interpreter without it."""
    return "\n\n".join(_alone(module) for module in (plain, kinds, tables, models, figures))


def _alone(module: ModuleType) -> str:
    """Return a module's source without what it takes of this package."""
    source = inspect.getsource(module)
    body = (n for n in ast.parse(source).body if isinstance(n, ast.ImportFrom))
    gone = [n for n in body if str(n.module).startswith(("llmos_nb", "__future__"))]
    dropped = {n for p in gone for n in range(p.lineno, (p.end_lineno or p.lineno) + 1)}
    return "\n".join(line for n, line in enumerate(source.splitlines(), 1) if n not in dropped)
