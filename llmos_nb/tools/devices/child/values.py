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

from llmos_nb.errors import ToolError

Tree = Any
Write = Callable[[Any], Tree]
Read = Callable[[Tree], Any]
_KINDS = "biufcmMSU"
_MASKED = (*(f"{sign}Int{n}" for sign in ("", "U") for n in (8, 16, 32, 64)), "Float32", "Float64", "boolean")


def _write(value: Any, tree: Write) -> dict[str, Tree] | None:
    """Write what numpy or pandas made: an array, scalar, table, series, index or time; None for anything else."""
    kind = type(value).__name__
    home = type(value).__module__.partition(".")[0]
    if home == "numpy" and hasattr(value, "dtype"):
        return {"array" if kind == "ndarray" else "scalar": _array(value)}
    if home != "pandas":
        return None
    if kind == "DataFrame":
        columns = [_column(value.iloc[:, i].array, tree) for i in range(value.shape[1])]
        return {"table": [_index(value.columns, tree), columns, _index(value.index, tree)]}
    if kind == "Series":
        return {"series": [tree(value.name), _column(value.array, tree), _index(value.index, tree)]}
    if hasattr(value, "names"):
        return {"index": _index(value, tree)}
    return {"time": [kind, value.isoformat()]} if kind in ("Timestamp", "Timedelta") else None


def _array(value: Any) -> Tree:
    """Write an array as its type, its shape and its bytes."""
    import numpy as np  # only where there is an array

    value = np.asarray(value)
    if value.dtype.kind not in _KINDS:
        raise TypeError(f"an array of {value.dtype} does not come back")
    return [value.dtype.str, list(value.shape), base64.b64encode(value.tobytes()).decode()]


def _column(values: Any, tree: Write) -> Tree:
    """Write one column: as an array, as categories, as times with a zone, or as a list of plain values."""
    dtype = values.dtype
    kind = type(dtype).__name__
    if kind == "CategoricalDtype":
        known = _column(dtype.categories.array, tree)
        return {"categories": [_array(values.codes), known, bool(dtype.ordered)]}
    if kind == "DatetimeTZDtype":
        return {"zoned": [_array(values.asi8), dtype.unit, str(dtype.tz)]}
    if kind == "StringDtype" or (kind == "NumpyEADtype" and dtype.kind == "O"):
        missing = dtype.na_value if kind == "StringDtype" else None
        return {"items": [[tree(None if v is missing else v) for v in values], str(dtype)]}
    if hasattr(values, "_mask"):
        filled = values.to_numpy(dtype=dtype.numpy_dtype, na_value=0)
        return {"masked": [_array(filled), _array(values.isna()), str(dtype)]}
    if dtype.kind not in _KINDS:
        raise TypeError(f"a column of {dtype} does not come back")
    return {"array": _array(values.to_numpy())}


def _index(index: Any, tree: Write) -> Tree:
    names = [tree(n) for n in index.names]
    if hasattr(index, "levels"):
        levels = [_column(index.get_level_values(i).array, tree) for i in range(index.nlevels)]
        return [names, {"levels": levels}]
    if type(index).__name__ == "RangeIndex":
        return [names, {"range": [index.start, index.stop, index.step]}]
    return [names, _column(index.array, tree)]


def _read_array(held: Tree, read: Read) -> Any:
    import numpy as np  # as above

    name, shape, data = held
    dtype = np.dtype(str(name))
    if dtype.kind not in _KINDS or dtype.names or not all(type(n) is int and n >= 0 for n in shape):
        raise TypeError(f"an array of {dtype}")
    raw = base64.b64decode(data, validate=True)
    if math.prod(shape) * dtype.itemsize != len(raw):
        raise ValueError("an array of another size than it says")
    return np.frombuffer(bytearray(raw), dtype).reshape(shape)


def _read_column(held: Tree, read: Read) -> Any:
    """Read a column as what pandas makes a Series or an index of."""
    import pandas as pd  # only where there is a table

    ((kind, parts),) = held.items()
    if kind == "categories":
        codes, categories, ordered = parts
        known = pd.Index(_read_column(categories, read))
        return pd.Categorical.from_codes(_read_array(codes, read), known, ordered=bool(ordered))
    if kind == "zoned":
        stamps, unit, zone = parts
        made = pd.DatetimeIndex(_read_array(stamps, read).view(f"M8[{unit}]"))
        return made.tz_localize("UTC").tz_convert(str(zone)).array
    if kind == "items":
        return pd.array([read(v) for v in parts[0]], dtype=_known(parts[1], ("object", "str", "string")))
    if kind == "masked":
        made = pd.array(_read_array(parts[0], read), dtype=_known(parts[2], _MASKED))
        made[_read_array(parts[1], read).astype(bool)] = pd.NA
        return made
    return _read_array(parts, read) if kind == "array" else _wrong(kind)


def _known(name: str, names: tuple[str, ...]) -> Any:
    return name if name in names else _wrong(name)


def _wrong(what: object) -> Any:
    raise TypeError(f"{what!r:.40}")


def _read_index(held: Tree, read: Read) -> Any:
    import pandas as pd  # as above

    names, parts = [read(v) for v in held[0]], held[1]
    if "range" in parts:
        return pd.RangeIndex(*map(int, parts["range"]), name=names[0])
    if "levels" in parts:
        return pd.MultiIndex.from_arrays([_read_column(c, read) for c in parts["levels"]], names=names)
    return pd.Index(_read_column(parts, read), name=names[0])


def _read_series(held: Tree, read: Read) -> Any:
    import pandas as pd  # as above

    name, column, index = held
    return pd.Series(_read_column(column, read), _read_index(index, read), name=read(name))


def _read_table(held: Tree, read: Read) -> Any:
    import pandas as pd  # as above

    columns, index = _read_index(held[0], read), _read_index(held[2], read)
    made = pd.DataFrame(dict(enumerate(_read_column(c, read) for c in held[1])), index=index)
    made.columns = columns
    return made


def _read_time(held: Tree, read: Read) -> Any:
    import pandas as pd  # as above

    kind, text = held
    return pd.Timestamp(str(text)) if kind == "Timestamp" else pd.Timedelta(str(text))


MOST_BYTES = 64 << 20
_DEPTH = 50
_PLAIN = (type(None), bool, str)


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
        why = f"the child sent a value that is not one: {type(error).__name__}: {error}"
        raise ToolError(why[:200]) from error


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
    if kind is bytes:
        return {"bytes": base64.b64encode(value).decode()}
    parts = [value.real.hex(), value.imag.hex()] if kind is complex else None
    found = {"complex": parts} if parts else _write(value, lambda v: _tree(v, depth + 1))
    if found is None:
        raise TypeError(f"{kind.__module__}.{kind.__qualname__} does not come back")
    return found


def _value(tree: Tree, depth: int = 0) -> Any:
    if depth > 3 * _DEPTH:
        raise ValueError("it is nested too deep")
    if isinstance(tree, list):
        raise TypeError("a list that says no kind")
    if not isinstance(tree, dict):
        return tree
    ((kind, held),) = tree.items()
    return _READERS[kind](held, lambda v: _value(v, depth + 1))


def _all(held: Tree, read: Read) -> list[Any]:
    if not isinstance(held, list):
        raise TypeError("not a list")
    return [read(v) for v in held]


_READERS: dict[str, Callable[[Tree, Read], Any]] = {
    "list": _all,
    "tuple": lambda held, read: tuple(_all(held, read)),
    "set": lambda held, read: set(_all(held, read)),
    "frozenset": lambda held, read: frozenset(_all(held, read)),
    "dict": lambda held, read: {read(k): read(v) for k, v in held},
    "bytes": lambda held, _: base64.b64decode(held, validate=True),
    "float": lambda held, _: float(held),
    "complex": lambda held, _: complex(*map(float.fromhex, held)),
    "array": _read_array,
    "scalar": lambda held, read: _read_array(held, read)[()],
    "series": _read_series,
    "table": _read_table,
    "index": _read_index,
    "time": _read_time,
}
