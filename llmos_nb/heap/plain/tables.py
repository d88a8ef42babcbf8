"""Arrays and tables as plain data: numpy, pandas, polars; every part is checked against what it says it is."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from typing import Any

Tree = Any
Write = Callable[[Any], Tree]
Read = Callable[[Tree], Any]
_KINDS = "biufcmMSU"
_BARE = frozenset((str, bool, type(None)))
_SMALL = 256
_UNITS = ("ns", "us", "ms")
_POLARS = (
    *(f"{sign}Int{n}" for sign in ("", "U") for n in (8, 16, 32, 64)),
    *("Float32", "Float64", "Boolean", "Date", "Time", "Datetime", "Duration"),
)
_MASKED = (*(f"{sign}Int{n}" for sign in ("", "U") for n in (8, 16, 32, 64)), "Float32", "Float64", "boolean")


class Raw:
    """Bytes that stand behind the text."""

    def __init__(self, held: bytes) -> None:
        self.held = held


def write(value: Any, tree: Write) -> dict[str, Tree] | None:
    """Write what numpy, pandas or polars made; None for anything else.

    Parameters
    ----------
    value : object
        Array, scalar, DataFrame, Series, Index, Timestamp or Timedelta; DataFrame or Series of polars.
    tree : callable
        Writes a plain value.
    """
    kind = type(value).__name__
    home = type(value).__module__.partition(".")[0]
    if home == "numpy" and hasattr(value, "dtype"):
        return {"array" if kind == "ndarray" else "scalar": _array(value)}
    if home == "pandas" and kind == "DataFrame":
        head = _index(value.columns, tree)  # in the order in which they are read
        columns = [_column(value.iloc[:, i].array, tree) for i in range(value.shape[1])]
        return {"table": [head, columns, _index(value.index, tree)]}
    if home == "pandas" and kind == "Series":
        return {"series": [tree(value.name), _column(value.array, tree), _index(value.index, tree)]}
    if home == "pandas" and hasattr(value, "names"):
        return {"index": _index(value, tree)}
    if home == "polars" and kind in ("DataFrame", "Series"):
        columns = value.get_columns() if kind == "DataFrame" else [value]
        return {"polars": [kind, [[c.name, *_polars(c)] for c in columns]]}
    moment = home == "pandas" and kind in ("Timestamp", "Timedelta")
    return {"moment": [kind, value.isoformat()]} if moment else None


def _array(value: Any) -> Tree:
    """Write an array as its type, its shape and its bytes."""
    import numpy as np  # only where there is an array

    value = np.asarray(value)
    if value.dtype.kind not in _KINDS:
        raise TypeError(f"an array of {value.dtype} does not come back")
    if value.dtype.kind in "SU":
        flat = value.ravel().tolist()
        texts = flat if value.dtype.kind == "U" else [v.decode("latin-1") for v in flat]
        return [value.dtype.str, list(value.shape), {"texts": texts}]
    held = value.tobytes()
    small = len(held) <= _SMALL
    return [value.dtype.str, list(value.shape), base64.b64encode(held).decode() if small else Raw(held)]


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
        plain = values.astype(object).tolist() if kind == "StringDtype" else values.tolist()
        if kind == "StringDtype" and values.isna().any():
            plain = [v if isinstance(v, str) else None for v in plain]
        bare = _BARE.issuperset(map(type, plain))  # of such a value the plain form is itself
        return {"items": [plain if bare else [tree(v) for v in plain], str(dtype)]}
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
    freq = getattr(index, "freqstr", None)
    return [names, _column(index.array, tree), *([freq] if freq else [])]


def _polars(column: Any) -> list[Tree]:
    """Write a column of polars: its type, which of its values are missing, and the others."""
    dtype, lacking = column.dtype, _array(column.is_null().to_numpy())
    name = getattr(dtype, "__name__", type(dtype).__name__)
    more = [getattr(dtype, "time_unit", None), getattr(dtype, "time_zone", None)]
    if name == "String":
        return [name, more, lacking, column.to_list()]
    if not (dtype.is_numeric() or dtype.is_temporal() or name == "Boolean") or name in ("Decimal", "Int128"):
        raise TypeError(f"a column of {dtype} does not come back")
    physical = column.to_physical()
    filled = physical.fill_null(False if name == "Boolean" else 0)
    return [name, more, lacking, _array(filled.to_numpy())]


def _read_array(held: Tree, read: Read) -> Any:
    import numpy as np  # as above

    name, shape, data = held
    dtype = np.dtype(str(name))
    if dtype.kind not in _KINDS or dtype.names or not all(type(n) is int and n >= 0 for n in shape):
        raise TypeError(f"an array of {dtype}")
    if isinstance(data, dict) and "texts" in data:
        texts = [t if dtype.kind == "U" else str(t).encode("latin-1") for t in data["texts"]]
        return np.array(texts, dtype).reshape(shape)
    raw = read(data) if isinstance(data, dict) else base64.b64decode(data, validate=True)
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
        times = pd.DatetimeIndex(_read_array(stamps, read).view(f"M8[{unit}]"))
        return times.tz_localize("UTC").tz_convert(str(zone)).array
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

    names, parts, freq = [read(v) for v in held[0]], held[1], held[2:]
    if "range" in parts:
        return pd.RangeIndex(*map(int, parts["range"]), name=names[0])
    if "levels" in parts:
        return pd.MultiIndex.from_arrays([_read_column(c, read) for c in parts["levels"]], names=names)
    made = pd.Index(_read_column(parts, read), name=names[0])
    if freq:
        made.freq = str(freq[0])
    return made


def _read_polars(held: Tree, read: Read) -> Any:
    import polars as pl  # as above

    kind, columns = held
    made = [_read_polars_column(pl, read, *c) for c in columns]
    return pl.DataFrame(made) if kind == "DataFrame" else made[0]


def _read_polars_column(pl: Any, read: Read, name: str, kind: str, more: Tree, lacking: Tree, values: Tree) -> Any:
    if kind == "String":
        return pl.Series(name, [v if v is None else str(v) for v in values], dtype=pl.String)
    unit, zone = more
    dtype: Any = getattr(pl, _known(kind, _POLARS))
    if kind in ("Datetime", "Duration"):
        given = (_known(unit, _UNITS), *([zone and str(zone)] if kind == "Datetime" else []))
        dtype = dtype(*given)
    raw = pl.Series(name, _read_array(values, read))
    mask = pl.Series(_read_array(lacking, read))
    return raw.cast(dtype).zip_with(~mask, pl.Series(name, [None], dtype=dtype).new_from_index(0, len(raw)))


def _read_series(held: Tree, read: Read) -> Any:
    import pandas as pd  # as above

    name, column, index = read(held[0]), _read_column(held[1], read), _read_index(held[2], read)
    return pd.Series(column, index, name=name)


def _read_table(held: Tree, read: Read) -> Any:
    import pandas as pd  # as above

    head = _read_index(held[0], read)
    columns = dict(enumerate([_read_column(c, read) for c in held[1]]))
    made = pd.DataFrame(columns, index=_read_index(held[2], read))
    made.columns = head
    return made


def _read_time(held: Tree, read: Read) -> Any:
    import pandas as pd  # as above

    kind, text = held
    return pd.Timestamp(str(text)) if kind == "Timestamp" else pd.Timedelta(str(text))


READERS: dict[str, Callable[[Tree, Read], Any]] = {
    "array": _read_array,
    "scalar": lambda held, read: _read_array(held, read)[()],
    "series": _read_series,
    "table": _read_table,
    "index": _read_index,
    "moment": _read_time,
    "polars": _read_polars,
}
