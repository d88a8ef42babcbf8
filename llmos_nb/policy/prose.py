"""Whether a value is data or prose: a date, number or address is safe where a text may hold instructions. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

DATA = 64  # characters of a text that may still be data
_MOST, _DEEP = 100_000, 16
_PLAIN = (type(None), bool, int, float, complex)


def is_prose(value: object) -> bool:
    """Return whether a value holds a text longer than data is, or what cannot be looked through."""
    return any(text is None or len(text) > DATA or n > _MOST for n, text in enumerate(texts(value)))


def texts(value: Any, deep: int = 0) -> Iterable[str | None]:
    """Return every text in a value, keys too; None where there is something that cannot be looked into."""
    if isinstance(value, str):
        yield str.__str__(value)
    elif isinstance(value, _PLAIN):
        return
    elif deep > _DEEP:
        yield None
    else:
        inside = _inside(value)
        yield from ([None] if inside is None else chain.from_iterable(texts(v, deep + 1) for v in inside))


def _inside(value: Any) -> Iterable[Any] | None:
    """Return what a value is made of, as one level of plain values; None for what is unknown."""
    plain = _plain(value)
    if isinstance(plain, Mapping):
        return chain(plain.keys(), plain.values())
    if isinstance(plain, list | tuple | set | frozenset):
        return plain
    kind = type(value)
    if kind.__module__ in ("datetime", "decimal", "uuid", "fractions"):
        return ()
    if kind.__module__.partition(".")[0] in ("numpy", "pandas"):
        return _of_table(value)
    return [str(value)] if isinstance(value, bytes | BaseException) or kind.__module__ == "pathlib" else None


def _of_table(value: Any) -> Iterable[Any] | None:
    """Return the texts of an array, a series or a frame; numbers hold none."""
    if hasattr(value, "columns"):
        names = chain(value.columns.tolist(), value.index.names, [] if _numbers(value.index) else value.index)
        cells = (v for i, t in enumerate(value.dtypes) if not _number(t) for v in value.iloc[:, i])
        return chain(names, cells)
    if _numbers(value):
        return [value.name, *([] if _numbers(value.index) else value.index)] if hasattr(value, "index") else []
    if hasattr(value, "index") and hasattr(value, "dtype"):
        return chain([value.name], [] if _numbers(value.index) else value.index, value)
    if hasattr(value, "dtype"):
        return list(value.ravel().tolist()) if hasattr(value, "ravel") else [str(value)]
    return [str(value)] if type(value).__name__ in ("Timestamp", "Timedelta", "NaTType", "NAType") else None


def _numbers(value: Any) -> bool:
    return hasattr(value, "dtype") and _number(value.dtype)


def _number(dtype: Any) -> bool:
    return getattr(dtype, "kind", "O") in "biufcmM"


def _plain(value: Any) -> Any:
    """Return records of the usual kinds as mappings."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    dump = getattr(type(value), "model_dump", None)
    return dump(value) if callable(dump) else value.value if hasattr(type(value), "__members__") else value
