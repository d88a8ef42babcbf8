"""Tables in words: shape, columns, types, missing counts; ranges and categories only when values may be seen.

Nothing here imports pandas or polars: who holds such a table has imported them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import groupby
from typing import Any

from llmos_nb.heap import spelled
from llmos_nb.policy.secrets import named_secret, redact, secret_text, secret_under

CATEGORIES, _LONG, _SAMPLE, _ROWS, _COLUMNS = 6, 40, 2_000, 5_000_000, 60
HIDDEN = "not shown, it looks like a secret"
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
    if hasattr(value, "isoformat") and not isinstance(value, timedelta):
        return str(value.isoformat()).removesuffix("T00:00:00")
    kind = getattr(value, "dtype", "float" if isinstance(value, float) else "")
    if not str(kind).startswith("float"):
        return str(value)
    number = float(f"{value:.{_SIX_DIGITS}g}")
    return str(int(number)) if number.is_integer() and abs(number) < _EXACT else repr(number)


def frame(value: Any, values: bool, full: bool = False) -> list[str]:
    """Describe a DataFrame of pandas or polars: a headline, then a line a column.

    Parameters
    ----------
    value : DataFrame
        Of either library.
    values : bool
        Ranges, categories and samples may be shown.
    full : bool
        With types beside the ranges, and the first rows.
    """
    rows, width = value.shape
    library = type(value).__module__.partition(".")[0]
    whole = full or not values
    head = f"{library} DataFrame, {rows:,} rows, {width} columns" if whole else f"DataFrame, {rows:,} rows"
    lines = list(_folded(_columns(value, values, full and values), FOLDED if whole else width + 1))
    names = [quoted(n) for n in value.columns[_COLUMNS:]]
    more = [f"- and {len(names)} more: {', '.join(names)}"] if names else []
    return [head, *lines, *more, *(_first(value) if full and values and rows else [])]


FOLDED = 6  # columns in a row, such as dummies; fewer stand one a line


def _folded(columns: Iterable[tuple[Any, str]], least: int) -> Iterator[str]:
    """Return a line a column; one for as many in a row that begin alike, up to an underscore, and are the same."""
    for (begin, line), group in groupby(columns, lambda c: (_begin(c[0]), c[1])):
        names = [name for name, _ in group]
        if begin and len(names) >= least:
            yield f"- {quoted(names[0])} to {quoted(names[-1])}, {len(names)} columns {begin}*: {line}"
        else:
            yield from (f"- {quoted(name)}: {line}" for name in names)


def _begin(name: Any) -> str:
    """Return how a column's name begins, up to its first underscore; of one that has none, nothing."""
    begin, found, _ = str(name).partition("_")
    return begin + found if found else ""


FIRST, WIDE, CELL = 3, 12, 32  # rows and columns of a table's head, and characters of a cell


def quoted(name: Any) -> str:
    """Return a column's name; one that reads as another does, such as ``'Amount '``, in quotes."""
    text = str(name)
    odd = not text or text != " ".join(text.split()) or any(c in text for c in "|`\"'")
    return repr(text) if isinstance(name, str) and (odd or not text.isprintable()) else text


def markdown(columns: Iterable[Any], rows: Iterable[Iterable[Any]], cell: int) -> str:
    """Return a table as Markdown, with no blank that says nothing, each cell in so many characters."""
    lines = ["|".join(("", *map(quoted, columns), ""))]
    lines.append("|" + "---|" * (lines[0].replace("\\|", "").count("|") - 1))
    return "\n".join([*lines, *("|".join(("", *(_cell(v, cell) for v in row), "")) for row in rows)])


def _cell(value: Any, most: int) -> str:
    text = spelled(value).replace("|", "\\|")  # what is cut would not be known as a secret
    text = "" if text in ("None", "nan", "NaT", "<NA>") else text
    return cut(text, most)


def cut(text: str, most: int) -> str:
    """Shorten a text; the dots say so, also to who looks for the beginning of a secret."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _first(value: Any) -> list[str]:
    """Return the first rows of a table, but of columns that look like secrets."""
    # by place: several columns may have one name, and True and False are no choice of columns
    pandas = _is_pandas(value)  # no look for a method: a column may be called as it is
    named = [(c, value.iloc[:, n] if pandas else value.to_series(n)) for n, c in enumerate(list(value.columns)[:WIDE])]
    places = [n for n, (name, column) in enumerate(named) if not _secret(name, column)]
    few = value.iloc[:FIRST, places] if pandas else value[:FIRST, places]
    rows = few.itertuples(index=False, name=None) if pandas else few.rows()
    shown = [[HIDDEN if isinstance(v, str) and secret_text(v) else v for v in row] for row in rows]
    return ["first rows:", *markdown(few.columns, shown, CELL).splitlines()]


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


def _columns(value: Any, values: bool, full: bool) -> Iterator[tuple[Any, str]]:
    width = min(value.shape[1], _COLUMNS)
    if not _is_pandas(value):
        yield from ((c.name, _polars(c, values, full)) for c in map(value.to_series, range(width)))
        return
    index = value.index
    if index.nlevels == 1 and (index.name is not None or type(index).__name__ != "RangeIndex"):
        name = "index" if index.name is None else f"index {index.name}"
        yield name, _pandas(index.to_series(), values and not _secret(name, index), full)
    yield from ((value.columns[i], _pandas(value.iloc[:, i], values, full)) for i in range(width))


def _secret(name: Any, column: Any) -> bool:
    """Return whether the values of a column are secret, as its name and those of them say that may be shown."""
    if not named_secret(str(name)):
        return False
    rows = getattr(column, "iloc", column)  # an index has none, nor has a column of polars
    shown = [*rows[:_SAMPLE].to_list(), *rows[-_SAMPLE:].to_list()]
    if len(column) <= _ROWS:
        with suppress(TypeError):  # lists are not told apart
            polars = hasattr(column, "drop_nulls")
            found = column.unique(maintain_order=True) if polars else column.unique()
            shown += (found.to_list if polars else found.tolist)()[: CATEGORIES + 1]
    return secret_under(str(name), shown)


def _typed(dtype: Any, seen: str, full: bool) -> str:
    """Put the type before what is seen of the values: ``int64 5 to 980``."""
    ranged = full and seen.startswith(("number", "date"))
    return f"{dtype}{seen.removeprefix('number').removeprefix('date')}" if ranged else seen


def _pandas(column: Any, values: bool, full: bool = False) -> str:
    few = len(column) <= _ROWS

    def distinct(n: int) -> list[Any] | None:
        if len(column) > _ROWS or column.iloc[:_SAMPLE].nunique() > n:
            return None
        return [v.item() if hasattr(v, "item") else v for v in column.dropna().unique()[: n + 1]]

    def ends() -> tuple[Any, Any]:
        return (column.min(), column.max()) if few and len(column) else (None, None)

    seen = _seen(_pandas_kind(column), ends, distinct) if values and not _secret(column.name, column) else ""
    if full and seen == "text" and few:
        seen = _samples(column.nunique(), column.dropna().unique()[:2].tolist())
    return _line(column.dtype, _typed(column.dtype, seen, full), int(column.isna().sum()) if few else -1)


def _samples(different: int, some: list[Any]) -> str:
    """Say how many texts there are, and which for example."""
    shown = [repr(cut(redact(v), _LONG)) for v in some if isinstance(v, str) and not secret_text(v)]
    return f"text, {different:,} different" + (f", such as {', '.join(shown)}" if shown else "")


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


def _polars(column: Any, values: bool, full: bool = False) -> str:
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

    seen = _seen(kind, ends, distinct) if values and not _secret(column.name, column) else ""
    if full and seen == "text":
        seen = _samples(
            column.drop_nulls().n_unique(), column.drop_nulls().unique(maintain_order=True).head(2).to_list()
        )
    return _line(dtype, _typed(dtype, seen, full), column.null_count())
