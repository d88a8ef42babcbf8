"""Digests of arrays and tables: numpy, pandas, polars."""

from __future__ import annotations

import sys
from typing import Any, Protocol


class Writer(Protocol):
    """What feeds the hash."""

    def data(self, tag: str, piece: Any) -> None:
        """Add raw data."""

    def items(self, tag: str, values: Any) -> None:
        """Add a sequence of values."""

    def put(self, value: Any) -> None:
        """Add one value."""


def put_ndarray(w: Writer, value: Any) -> None:
    """Add an array by type, shape and data."""
    w.data("ndarray", f"{value.dtype!s}{value.shape}".encode())
    if value.dtype.names:
        for name in value.dtype.names:  # field by field: what lies between them is anything
            put_ndarray(w, value[name])
    elif value.dtype.hasobject or value.dtype.kind == "T":  # texts of any length lie elsewhere
        w.items("objects", value.ravel().tolist())
    else:
        contiguous = sys.modules["numpy"].ascontiguousarray(value)
        w.data("data", contiguous.reshape(-1).view("u1"))
        if hasattr(value, "mask"):
            w.put(value.mask)


def put_pandas(w: Writer, value: Any) -> None:
    """Add a table, column, index or array of pandas."""
    kind = type(value).__name__
    if hasattr(value, "columns"):
        w.data(kind, str(value.shape).encode())
        _index(w, value.columns)
        for i in range(value.shape[1]):
            _column(w, value.iloc[:, i].array)
        _index(w, value.index)
    elif hasattr(value, "index"):
        w.data(kind, repr(value.name).encode())
        _column(w, value.array)
        _index(w, value.index)
    else:
        _index(w, value) if hasattr(value, "names") else _column(w, value)


def _index(w: Writer, value: Any) -> None:
    w.data(type(value).__name__, repr(list(value.names)).encode())
    if hasattr(value, "levels"):
        for level in range(value.nlevels):
            _column(w, value.get_level_values(level).array)
    elif type(value).__name__ == "RangeIndex":
        w.data("range", repr(range(value.start, value.stop, value.step)).encode())
    else:
        _column(w, value.array)


def _column(w: Writer, value: Any) -> None:
    """Add an array of pandas: numbers as they are, the rest by pandas' own hash of the values."""
    w.data("column", str(value.dtype).encode())
    if str(value.dtype) == "object":
        w.items("objects", value.tolist())
    elif type(value).__name__ == "NumpyExtensionArray":
        put_ndarray(w, value.to_numpy())
    else:
        w.data("hashes", sys.modules["pandas"].util.hash_array(value))


def put_polars(w: Writer, value: Any) -> None:
    """Add a table or column of polars."""
    frame = value if hasattr(value, "columns") else value.to_frame()
    w.data(type(value).__name__, repr(list(zip(frame.columns, map(str, frame.dtypes), strict=True))).encode())
    for name in frame.columns:
        w.items("column", frame[name].to_list())
