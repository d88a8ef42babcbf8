"""Values that come back from a child: plain data, arrays and tables, as typed bytes that nothing has to be run for.

The other end may be hostile. What it sends is read as JSON, and arrays as the bytes of numbers, texts and times; every
part is checked against what it says it is. A value of any other kind stays where it is.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from typing import Any

from llmos_nb.devices import columns
from llmos_nb.errors import ToolError

MOST_BYTES = 64 << 20
_DEPTH = 50
_PLAIN = (type(None), bool, str)
Tree = Any


def encode(value: Any) -> bytes:
    """Write a value.

    Parameters
    ----------
    value : object
        None, bool, int, float, complex, str, bytes, list, tuple, set, dict; arrays of numbers, texts and times of
        numpy; Series, Index and DataFrame of pandas whose columns are such arrays, texts, categories or times.

    Raises
    ------
    TypeError
        It is, or holds, something else; the message says what.
    ValueError
        It is larger than 64 MiB.
    """
    raw = json.dumps(_tree(value, 0), ensure_ascii=True).encode()
    if len(raw) > MOST_BYTES:
        raise ValueError(f"{len(raw):,} bytes are more than come back")
    return raw


def decode(raw: bytes) -> Any:
    """Read a value that `encode` wrote, or that somebody wants to pass for one.

    Raises
    ------
    ToolError
        It is not what it says it is.
    """
    try:
        if len(raw) > MOST_BYTES:
            raise ValueError("it is too large")
        return _value(json.loads(raw), 0)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError, MemoryError) as error:
        raise ToolError(
            f"the child sent a value that is not one: {type(error).__name__}: {error}"[:200]
        ) from error


def _tree(value: Any, depth: int) -> Tree:
    if depth > _DEPTH:
        raise TypeError(f"it is nested more than {_DEPTH} deep")
    kind = type(value)
    if kind in _PLAIN or (kind is int and abs(value) < 1 << 1024):
        return value
    if kind is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if kind in (list, tuple, set, frozenset):
        return {kind.__name__: [_tree(v, depth + 1) for v in value]}
    if kind is dict:
        return {"dict": [[_tree(k, depth + 1), _tree(v, depth + 1)] for k, v in value.items()]}
    found: Tree = None
    if kind is bytes:
        found = {"bytes": base64.b64encode(value).decode()}
    elif kind is complex:
        found = {"complex": [value.real.hex(), value.imag.hex()]}
    else:
        found = columns.write(value, lambda v: _tree(v, depth + 1))
    if found is None:
        raise TypeError(f"{kind.__module__}.{kind.__qualname__} does not come back")
    return found


def _value(tree: Tree, depth: int = 0) -> Any:
    if depth > 3 * _DEPTH:
        raise ValueError("it is nested too deep")
    if not isinstance(tree, dict):
        if isinstance(tree, list):
            raise TypeError("a list that says no kind")
        return tree
    ((kind, held),) = tree.items()
    if kind in columns.READERS:
        return columns.READERS[kind](held, lambda v: _value(v, depth + 1))
    return _READERS[kind](held, depth + 1)


def _all(held: Tree, depth: int) -> list[Any]:
    return [_value(v, depth) for v in _list(held)]


def _list(held: Tree) -> list[Tree]:
    if not isinstance(held, list):
        raise TypeError("not a list")
    return held


_READERS: dict[str, Callable[[Tree, int], Any]] = {
    "list": _all,
    "tuple": lambda held, depth: tuple(_all(held, depth)),
    "set": lambda held, depth: set(_all(held, depth)),
    "frozenset": lambda held, depth: frozenset(_all(held, depth)),
    "dict": lambda held, depth: {_value(k, depth): _value(v, depth) for k, v in held},
    "bytes": lambda held, depth: base64.b64decode(held, validate=True),
    "float": lambda held, depth: float(held),
    "complex": lambda held, depth: complex(*map(float.fromhex, held)),
}
