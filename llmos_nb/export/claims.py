"""Plain data of Python's own types: whether a value is some, and how it is spelled.

It stands alone on the standard library.
"""

from __future__ import annotations

import math
from typing import Any


def plain(value: Any, depth: int = 0) -> bool:
    """Return whether a value is plain data of Python's own types."""
    if depth > 20:
        return False
    if type(value) in (list, tuple, set):
        return all(plain(v, depth + 1) for v in value)
    if type(value) is dict:
        return all(plain(k, depth + 1) and plain(v, depth + 1) for k, v in value.items())
    return type(value) in (type(None), bool, int, float, complex, str, bytes)


def spell(value: Any) -> str:
    """Return the repr of plain data, with infinities and NaN as Python reads them."""
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{spell(k)}: {spell(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(spell, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(spell, value))}{',' if len(value) == 1 else ''})"
    return repr(value)
