"""Words for arrays and tables of numpy, pandas, polars, scipy and torch; as in `plain`."""

from __future__ import annotations

from sys import modules as _modules
from typing import Any

from llmos_nb.heap.content.plain import _forms, _hashed, _timed, _words


# Arrays and tables: by type, shape, the types of the columns, and their content.
def _array(value: Any) -> bytes:
    """Return the content of an array as bytes; of floats 20 bits count, of short floats 8."""
    numpy, kind = _modules["numpy"], value.dtype.kind
    if value.dtype.names:
        return b"".join(_array(value[name]) for name in value.dtype.names)
    if kind == "c":
        return _array(value.real) + _array(value.imag)
    if kind == "f":
        bits = 20 if value.dtype.itemsize >= 8 else 8
        digits, powers = numpy.frexp(numpy.asarray(value, "f8"))
        value = numpy.ldexp(numpy.rint(digits * 2.0**bits), powers - bits) + 0.0
        value = numpy.where(numpy.isnan(value), numpy.nan, value)
    elif kind in "mM":
        value = value.view("i8")
    elif kind not in "biu":
        return _list(value.ravel().tolist())
    return bytes(numpy.ascontiguousarray(value).tobytes())


def _list(values: Any) -> bytes:
    """Return the content of a list as bytes."""
    return "\0".join(map(_words, values)).encode("utf-8", "surrogatepass")


def _column(value: Any) -> bytes:
    """Return the content of a column or index of pandas as bytes."""
    if type(value.dtype).__module__.startswith("numpy"):
        return _array(value.to_numpy())
    return _array(value.to_numpy("M8[ns]")) if str(value.dtype).startswith("datetime64") else _list(value.tolist())


def _index(value: Any) -> bytes:
    """Return the content of an index of pandas, each level, as bytes."""
    levels = [value.get_level_values(n) for n in range(value.nlevels)]
    return b"".join([_list([*value.names]), *map(_column, levels)])


def _table(value: Any, within: tuple[int, ...]) -> str:
    """Return an array or table in words; nothing for anything else."""
    root, kind = type(value).__module__.partition(".")[0], type(value).__name__
    if root == "torch" and hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if root == "scipy" and hasattr(value, "tocsr"):
        flat = value.tocsr(copy=True)
        flat.sum_duplicates()
        value, parts = flat, [_array(flat.data), _array(flat.indices), _array(flat.indptr)]
    elif root in ("numpy", "torch") and hasattr(value, "dtype") and hasattr(value, "shape"):
        mask = getattr(value, "mask", None)
        parts = [_array(value.filled(0) if mask is not None else value), repr(mask is not None).encode()]
        parts += [_array(_modules["numpy"].ma.getmaskarray(value))] if mask is not None else []
    elif root == "polars" and hasattr(value, "columns") and hasattr(value, "to_dict"):
        parts = [_list([*value.columns]), *(_list(value[c].to_list()) for c in value.columns)]
    elif root == "polars" and hasattr(value, "to_list"):
        parts = [_list(value.to_list())]
    elif root == "pandas" and hasattr(value, "columns") and hasattr(value, "iloc"):
        timed = _timed(value.columns)
        columns = [_column(value.iloc[:, n]) for n, name in enumerate(value.columns) if name not in timed]
        parts = [_index(value.columns), *columns, _index(value.index)]
    elif root == "pandas" and hasattr(value, "index") and hasattr(value, "iloc"):
        kept = value.drop([*timed]) if (timed := _timed(value.index)) else value
        parts = [_list([value.name]), _column(kept), _index(kept.index)]
    elif root == "pandas" and hasattr(value, "nlevels"):
        parts = [_index(value)]
    elif root == "pandas" and (hasattr(value, "isoformat") or hasattr(value, "ordinal") or hasattr(value, "closed")):
        return repr(value)
    else:
        return ""
    return _described(value, kind, parts, len(within) == 1)


def _described(value: Any, kind: str, parts: list[bytes], alone: bool) -> str:
    """Return type, shape, types and content of an array or table; of one that stands alone, more of it is spelled."""
    shape = " x ".join(map(str, value.shape)) or "1"
    types = getattr(value, "dtypes", None) if hasattr(value, "columns") else None
    types = [value.dtype] if types is None else [*types]
    named = ", ".join(map(str, types))
    named = named if len(named) <= 80 else f"{named[:60]}… {_hashed(named.encode())}"
    few = len(value.shape) == 1 and len(value) <= 8 and getattr(value.dtype, "itemsize", 0) >= 8 and kind != "Tensor"
    if few and type(value).__module__ == "numpy" and len(words := _words(value.tolist())) <= 120:
        return f"{kind} {shape} {named} {words}"
    words = _spelled(value, kind, few, alone) if hasattr(value, "iloc") else ""
    return f"{kind} {shape} {named}{words and f' {words}'}: {_hashed(*parts)}"


def _spelled(value: Any, kind: str, few: bool, alone: bool) -> str:
    """Return the cells of a small table of pandas, and of a frame its labels behind them; nothing for any other."""
    if alone and kind == "Series" and len(value) <= 20:
        few = value.dtype.kind not in "fc" or value.dtype.itemsize >= 8  # short floats have other digits
    if few and kind == "Series" and (value.index.is_unique or not alone):
        words = _words(value.to_dict())
        return words if len(words) <= (4_000 if alone else 120) else ""
    if kind != "DataFrame" or not (0 < len(value) <= 20 and value.columns.is_unique):
        return ""
    words = _words(value.to_dict("list")) if value.size <= (400 if alone else 60) else ""
    if alone and words:
        names = tuple(value.index.names)
        words = f"{words}, {_words({names if len(names) > 1 else names[0]: value.index.tolist()})}"
    return words if len(words) <= (4_000 if alone else 600) else ""


_forms.append(_table)
