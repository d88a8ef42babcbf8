"""A value as assertions over it: itself where it is short, else shape and sums.

It stands alone on the standard library, so that it can also be told to a kernel that lacks this package.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

WIDE, SHORT = 12, 400


def plain(value: Any, depth: int = 0) -> bool:
    """Return whether a value is plain data of Python's own types."""
    if depth > 20:
        return False
    if type(value) in (list, tuple, set):
        return all(plain(v, depth + 1) for v in value)
    if type(value) is dict:
        return all(plain(k, depth + 1) and plain(v, depth + 1) for k, v in value.items())
    return type(value) in (type(None), bool, int, float, complex, str, bytes)


def claims(name: str, value: Any) -> list[str]:
    """Return the assertions over one value: itself where it is short, else shape and sums."""
    root = type(value).__module__.partition(".")[0]
    if root == "numpy" and hasattr(value, "item") and not getattr(value, "shape", None):
        return claims_plain(f"{name}.item()", value.item())
    if root in ("pandas", "polars") and hasattr(value, "columns"):
        return _frame(name, value)
    if root == "pandas" and hasattr(value, "to_list") and hasattr(value, "index"):
        return _series(name, value)
    if root == "numpy" and hasattr(value, "sum"):
        return _array(name, value)
    return claims_plain(name, value)


def claims_plain(name: str, value: Any) -> list[str]:
    """Return the assertion over a value of Python's own types."""
    if not plain(value):
        return []
    text = spell(value)
    if len(text) > SHORT:
        return [f"assert len({name}) == {len(value)}"] if hasattr(value, "__len__") else []
    if value is None or isinstance(value, bool):
        return [f"assert {name} is {value}"]
    if isinstance(value, float | list | tuple | dict):
        return [f"assert _near({name}, {text}), {name}"]
    return [f"assert {name} == {text}, {name}"]


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


def _frame(name: str, value: Any) -> list[str]:
    lines = [f"assert {name}.shape == {tuple(value.shape)!r}, {name}.shape"]
    columns = list(value.columns)
    if plain(columns) and len(repr(columns)) <= SHORT:
        lines.append(f"assert list({name}.columns) == {columns!r}")
    if type(value).__module__.startswith("pandas"):
        sums = _numbers(lambda: value.select_dtypes("number").iloc[:, :WIDE].sum().astype(float).to_dict())
        if sums and plain(sums):
            spelled = f'{name}.select_dtypes("number").iloc[:, :{WIDE}].sum().astype(float).to_dict()'
            lines.append(f"assert _near({spelled}, {spell(sums)})")
    return lines


def _series(name: str, value: Any) -> list[str]:
    found = _numbers(value.to_dict) if len(value) <= WIDE else None
    spoiled = found is None or any(isinstance(k, float) and math.isnan(k) for k in found)
    if not spoiled and plain(found) and len(spell(found)) <= SHORT * 2:
        return [f"assert _near({name}.to_dict(), {spell(found)}), {name}"]
    return [f"assert {name}.shape == {tuple(value.shape)!r}", *_total(name, value)]


def _array(name: str, value: Any) -> list[str]:
    return [f"assert {name}.shape == {tuple(value.shape)!r}, {name}.shape", *_total(name, value)]


def _total(name: str, value: Any) -> list[str]:
    if getattr(value.dtype, "kind", "O") not in "iuf":
        return []
    return [f"assert _near(float({name}.sum()), {spell(float(value.sum()))}), {name}.sum()"]


def _numbers(read: Callable[[], Any]) -> Any:
    """Read numbers out of a table, with numpy's scalars as Python's."""
    try:
        found = read()
    except (TypeError, ValueError, AttributeError):
        return None
    return {k: v.item() if hasattr(v, "item") else v for k, v in found.items()}
