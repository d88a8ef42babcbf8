"""Tables in words: shape, columns, types, missing counts; ranges and categories only when values may be seen.

Nothing here imports pandas or polars: who holds such a table has imported them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

from llmos_nb.policy.secrets import secret_name, secret_text

CATEGORIES, _LONG, _SAMPLE, _ROWS, _COLUMNS = 6, 40, 2_000, 5_000_000, 60
_SIX_DIGITS, _EXACT = 6, 1e15


Ends = Callable[[], tuple[Any, Any]]
Distinct = Callable[[int], list[Any] | None]


def _line(dtype: Any, seen: str, missing: int) -> str:
    """Return a column's type, or what is seen of its values, with the count of those missing; -1: not counted."""
    text = seen or str(dtype)
    if missing < 0:
        return f"{text}, missing not counted"
    return f"{text}, {missing:,} missing" if missing else text


def _seen(kind: str, ends: Ends, distinct: Distinct) -> str:
    """Return range or categories.

    Parameters
    ----------
    kind : str
        ``number``, ``date``, ``boolean``, ``text`` or the dtype.
    ends : callable
        Gives the smallest and the largest value.
    distinct : callable
        ``distinct(n)`` gives the different values, or None where a look at the first rows shows more than n.
    """
    if kind in ("number", "date"):
        low, high = ends()
        unknown = low is None or str(low) in ("nan", "NaT")
        return kind if unknown else f"{kind} {short(low)} to {short(high)}"
    found = distinct(CATEGORIES) if kind in ("text", "boolean") else None
    if found is None or not 0 < len(found) <= CATEGORIES or not all(_fit(v) for v in found):
        return kind
    return f"{kind} {' / '.join(repr(v) for v in found)}"


def _fit(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= _LONG and not secret_text(value)
    return isinstance(value, bool)


def short(value: Any) -> str:
    """Spell a number by six significant digits, a whole one exactly, and a date without its midnight."""
    if hasattr(value, "isoformat"):
        return str(value.isoformat()).removesuffix("T00:00:00")
    kind = getattr(value, "dtype", "float" if isinstance(value, float) else "")
    if not str(kind).startswith("float"):
        return str(value)
    number = float(f"{value:.{_SIX_DIGITS}g}")
    return str(int(number)) if number.is_integer() and abs(number) < _EXACT else repr(number)


def frame(value: Any, values: bool) -> list[str]:
    """Describe a DataFrame of pandas or polars: a headline, then a line a column."""
    rows, width = value.shape
    library = type(value).__module__.partition(".")[0]
    head = f"DataFrame, {rows:,} rows" if values else f"{library} DataFrame, {rows:,} rows, {width} columns"
    lines = [f"- {name}: {line}" for name, line in _columns(value, values)]
    names = [str(n) for n in value.columns[_COLUMNS:]]
    more = [f"- and {len(names)} more: {', '.join(names)}"] if names else []
    return [head, *lines, *more]


def series(value: Any, values: bool) -> list[str]:
    """Describe a Series of pandas or polars."""
    line = _pandas(value, values) if _is_pandas(value) else _polars(value, values)
    called = f" {value.name}" if isinstance(value.name, str) and value.name else ""
    return [f"Series{called}, {len(value):,} rows, {line}"]


def lazy(value: Any, values: bool) -> list[str]:
    """Describe a lazy frame, which is not computed for it."""
    return ["polars LazyFrame, not computed yet"]


def _is_pandas(value: Any) -> bool:
    return any(c.__module__.partition(".")[0] == "pandas" for c in type(value).__mro__)


def _columns(value: Any, values: bool) -> Iterator[tuple[str, str]]:
    width = min(value.shape[1], _COLUMNS)
    if not _is_pandas(value):
        yield from ((c.name, _polars(c, values)) for c in map(value.to_series, range(width)))
        return
    index = value.index
    if index.nlevels == 1 and (index.name is not None or type(index).__name__ != "RangeIndex"):
        name = "index" if index.name is None else f"index {index.name}"
        yield name, _pandas(index.to_series(), values and not secret_name(name))
    yield from ((str(value.columns[i]), _pandas(value.iloc[:, i], values)) for i in range(width))


def _pandas(column: Any, values: bool) -> str:
    few = len(column) <= _ROWS

    def distinct(n: int) -> list[Any] | None:
        if len(column) > _ROWS or column.iloc[:_SAMPLE].nunique() > n:
            return None
        return [v.item() if hasattr(v, "item") else v for v in column.dropna().unique()[: n + 1]]

    def ends() -> tuple[Any, Any]:
        return (column.min(), column.max()) if few and len(column) else (None, None)

    seen = _seen(_pandas_kind(column), ends, distinct) if values and not secret_name(str(column.name)) else ""
    return _line(column.dtype, seen, int(column.isna().sum()) if few else -1)


def _pandas_kind(column: Any) -> str:
    types, dtype = sys.modules["pandas"].api.types, column.dtype
    if types.is_bool_dtype(dtype):
        return "boolean"
    if types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype):
        return "number"
    if types.is_datetime64_any_dtype(dtype):
        return "date"
    if isinstance(dtype, sys.modules["pandas"].CategoricalDtype):
        dtype = dtype.categories.dtype
    first = column.iloc[:_SAMPLE].dropna()
    texts = types.is_string_dtype(dtype) or all(isinstance(v, str) for v in first)
    return "text" if len(first) and texts and all(isinstance(v, str) for v in first) else str(column.dtype)


def _polars(column: Any, values: bool) -> str:
    dtype = column.dtype
    word = "text" if str(dtype).partition("(")[0] in ("String", "Categorical", "Enum") else str(dtype)
    kind = "boolean" if str(dtype) == "Boolean" else "number" if dtype.is_numeric() else word
    kind = "date" if str(dtype).partition("(")[0] in ("Date", "Datetime") else kind

    def distinct(n: int) -> list[Any] | None:
        if len(column) > _ROWS or column.head(_SAMPLE).n_unique() > n + 1:
            return None
        return list(column.drop_nulls().unique(maintain_order=True).head(n + 1).to_list())

    def ends() -> tuple[Any, Any]:
        return column.min(), column.max()

    seen = _seen(kind, ends, distinct) if values and not secret_name(column.name) else ""
    return _line(dtype, seen, column.null_count())
