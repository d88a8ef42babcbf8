"""Adapters for tables of pandas and polars.

pandas 3 copies on write: a shallow copy costs microseconds and keeps the old blocks alive only if something writes.
Before pandas 3 the copy is deep, within the bytes that a step may copy.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from llmos_nb.heap.adapters.arrays import mark, owner, same_bits
from llmos_nb.heap.adapters.base import Adapter, Scope, alike

_BUFFERS = (
    "_ndarray", "_data", "_mask", "_pa_array", "_codes", "_left", "_right", "_sparse_values", "_sparse_index",
)  # fmt: skip

_INNER = ("_mgr", "_item_cache", "_cacher", "_is_copy")


class TableState(NamedTuple):
    """A table's attributes, a shadow of its data, its very index objects with their names, and marks if no shadow.

    Without copy-on-write `arrays` are the arrays that the table stood on, which views of it share.
    """

    attributes: dict[str, Any]
    shadow: Any
    axes: tuple[Any, ...]
    labels: tuple[tuple[object, ...], ...]
    flags: bool
    marks: tuple[str, ...] = ()
    arrays: tuple[Any, ...] = ()


class Tables(Adapter):
    """DataFrame and Series of pandas."""

    def children(self, objects: Sequence[Any], scope: Scope) -> Iterable[object]:
        """Return index objects, attributes, and the items of object columns."""
        for table in objects:
            yield from table.axes
            yield from (v for k, v in vars(table).items() if k not in _INNER)
            for block in table._mgr.blocks:
                if block.dtype == object:
                    yield from block.values.ravel().tolist()

    def note(self, item: Any, scope: Scope) -> TableState:
        """Take a shadow; before pandas 3 this is a copy, within the bound."""
        if copies_on_write():
            return self.read(item)
        size = sum(b.values.nbytes for b in item._mgr.blocks)
        if size <= scope.room and not scope.light:
            scope.room -= size
            return self.read(item)
        if not scope.light:
            scope.opaque(item, f"table of {size >> 20} MB, more than a step may copy before pandas 3")
        return _state(item, None, marks=_marks(item))

    def read(self, item: Any) -> TableState:
        """Take one shadow."""
        arrays = () if copies_on_write() else tuple(b.values for b in item._mgr.blocks)
        return _state(item, _shadow(item), arrays=arrays)

    def same(self, item: Any, state: TableState) -> bool:
        """Compare the buffers; only where these differ, the data."""
        if _plain(vars(item)) != _plain(state.attributes) or _allows(item) != state.flags:
            return False
        axes = item._mgr.axes
        same = (a is old or bool(a.identical(old)) for a, old in zip(axes, state.axes, strict=False))
        if len(axes) != len(state.axes) or not all(same) or tuple(map(labels, axes)) != state.labels:
            return False
        if state.shadow is None:
            return state.marks == _marks(item)
        changed = _changed_columns(state.shadow, item)
        return _same_blocks(state.shadow._mgr.blocks, item._mgr.blocks) or not any(True for _ in changed)

    def write(self, item: Any, state: TableState) -> None:
        """Put the old blocks and index objects back into the same table."""
        manager = _shadow(state.shadow)._mgr
        for block, array in zip(manager.blocks, state.arrays, strict=False):
            array[...] = block.values
            block.values = array
        manager.axes = list(state.axes)
        for axis, named in zip(state.axes, state.labels, strict=True):
            put_labels(axis, named)
        item._flags._allows_duplicate_labels = state.flags
        attributes = vars(item)
        attributes.clear()
        attributes.update(state.attributes, _mgr=manager)
        if "_item_cache" in attributes:  # before pandas 3: columns that were handed out
            attributes["_item_cache"] = {}

    def lost(self, state: TableState) -> str:
        """Say that a marked table has no copy."""
        return "a table larger than a step may copy before pandas 3" if state.shadow is None else ""

    def size(self, item: Any, state: TableState) -> int:
        """Count the old blocks that only the shadow still holds."""
        if state.shadow is None:
            return 0
        now = vars(item).get("_mgr")  # gone where somebody cleared the attributes
        live = {id(_memory(b.values)) for b in now.blocks} if now is not None else set()
        old = {id(m): m for b in state.shadow._mgr.blocks if id(m := _memory(b.values)) not in live}
        return sum(int(m.nbytes) for m in old.values())

    def details(self, item: Any, state: TableState) -> list[str]:
        """Name the columns that came, went or changed."""
        if state.shadow is None or "_mgr" not in vars(item) or item.ndim == 1 or not item.columns.is_unique:
            return []
        old, new = state.shadow.columns, item.columns
        moved = [str(c) for c in [*old.difference(new, sort=False), *new.difference(old, sort=False)]]
        if moved or len(item) != len(state.shadow):
            return moved
        return [str(c) for c in _changed_columns(state.shadow, item)]


def _state(table: Any, shadow: Any, marks: tuple[str, ...] = (), arrays: tuple[Any, ...] = ()) -> TableState:
    axes = tuple(table._mgr.axes)
    return TableState(dict(vars(table)), shadow, axes, tuple(map(labels, axes)), _allows(table), marks, arrays)


def _allows(table: Any) -> bool:
    """Return whether a table may have a label twice, which is one of its flags."""
    return bool(table._flags._allows_duplicate_labels)


def labels(index: Any) -> tuple[object, ...]:
    """Return what of an index object can change: its names and its frequency."""
    return *index.names, getattr(index, "freq", None)


def put_labels(index: Any, state: tuple[object, ...]) -> None:
    """Set names and frequency of an index object back; an equal one is left alone."""
    if labels(index) == state:
        return
    index.names = state[:-1]
    if state[-1] is not getattr(index, "freq", None):
        index.freq = state[-1]


def _shadow(table: Any) -> Any:
    """Make a table over a copy of the manager alone."""
    manager = table._mgr.copy(deep=False)
    for block in () if copies_on_write() else manager.blocks:
        block.values = block.values.copy()
    return _over(table, manager)


def _over(table: Any, manager: Any) -> Any:
    """Make a table of the same class over a manager, without `attrs`, which pandas would deep-copy at every turn."""
    made = object.__new__(type(table))
    caches: dict[str, Any] = {"_item_cache": {}} if "_item_cache" in vars(table) else {}
    vars(made).update(vars(table), _mgr=manager, _attrs={}, **caches)
    return made


def copies_on_write() -> bool:
    """Return whether this pandas copies on write."""
    pandas = sys.modules["pandas"]
    return int(pandas.__version__.split(".")[0]) >= 3 or bool(pandas.options.mode.copy_on_write)


def _memory(values: Any) -> Any:
    """Return the object that owns the memory of a block; a table shares it with the tables it was cut from."""
    parts = [getattr(values, p) for p in ("_ndarray", "_data", "_pa_array", "_codes") if hasattr(values, p)]
    return owner(values) if hasattr(values, "ctypes") else _memory(parts[0]) if parts else values


def _marks(table: Any) -> tuple[str, ...]:
    return tuple(mark(b.values) for b in table._mgr.blocks if hasattr(b.values, "ctypes"))


def _plain(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return a table's own attributes by identity, without data and caches."""
    hidden = (*_INNER, "_attrs", "_name")
    return {k: id(v) for k, v in attributes.items() if k not in hidden} | {
        "_name": repr(attributes.get("_name")),
        "_attrs": id(attributes["_attrs"]) if attributes.get("_attrs") else None,
    }


def same_buffer(one: Any, other: Any) -> bool:
    """Return whether two arrays, of numpy or of pandas, lie in the same memory in the same way."""
    if one is other:
        return True
    if type(one) is not type(other) or getattr(one, "dtype", 0) != getattr(other, "dtype", 0):
        return False
    if hasattr(one, "__array_interface__"):
        return bool(one.__array_interface__ == other.__array_interface__)
    parts = [p for p in _BUFFERS if hasattr(one, p)]
    return bool(parts) and all(same_buffer(getattr(one, p), getattr(other, p)) for p in parts)


def _same_blocks(one: Any, other: Any) -> bool:
    """Return whether two sequences of blocks are the same, at the same places."""
    pairs = list(zip(one, other, strict=False))
    if len(one) != len(other) or not all(same_buffer(a.values, b.values) for a, b in pairs):
        return False
    places = ((a.mgr_locs, b.mgr_locs) for a, b in pairs)
    return all(a is b or a.as_array.tolist() == b.as_array.tolist() for a, b in places)


def _changed_columns(one: Any, other: Any) -> Iterator[Any]:
    """Return the labels of the columns whose data differ, in two tables with the same columns."""
    other = _over(other, other._mgr)
    if one.ndim == 1:
        one, other = one.to_frame(), other.to_frame()
    for i, label in enumerate(one.columns):
        old, new = one.iloc[:, i].array, other.iloc[:, i].array
        if not same_buffer(old, new) and not same_values(old, new):
            yield label


def same_values(old: Any, new: Any) -> bool:
    """Compare two columns: numbers bit for bit, the rest by pandas."""
    if old.dtype != new.dtype or len(old) != len(new):
        return False
    if type(old).__name__ == "NumpyExtensionArray":
        return same_bits(old.to_numpy(), new.to_numpy())
    return bool(old.equals(new))


class ExtensionArrays(Adapter):
    """Arrays of pandas that stand for themselves."""

    def read(self, item: Any) -> Any:
        """Copy the array."""
        return item.copy()

    def same(self, item: Any, state: Any) -> bool:
        """Compare the values."""
        return same_values(item, state)

    def write(self, item: Any, state: Any) -> None:
        """Put the values back in place."""
        item[:] = state

    def size(self, item: Any, state: Any) -> int:
        """Count the bytes of the copy."""
        return int(state.nbytes)


class Indexes(Adapter):
    """Index objects of pandas, of which only names and frequency can change."""

    def read(self, item: Any) -> tuple[object, ...]:
        """Note names and frequency."""
        return labels(item)

    def same(self, item: Any, state: tuple[object, ...]) -> bool:
        """Compare them."""
        return alike(state, labels(item))

    def write(self, item: Any, state: tuple[object, ...]) -> None:
        """Set them back."""
        put_labels(item, state)


class Polars(Adapter):
    """DataFrame and Series of polars: their columns are shared until written."""

    def read(self, item: Any) -> Any:
        """Clone, which shares the columns."""
        return item.clone()

    def same(self, item: Any, state: Any) -> bool:
        """Compare names, types and values."""
        names = ("columns", "schema") if hasattr(item, "columns") else ("name", "dtype")
        return all(getattr(item, n) == getattr(state, n) for n in names) and bool(item.equals(state))

    def write(self, item: Any, state: Any) -> None:
        """Put the old columns back into the same object."""
        inner = "_df" if hasattr(item, "_df") else "_s"
        setattr(item, inner, getattr(state.clone(), inner))

    def details(self, item: Any, state: Any) -> list[str]:
        """Name the columns that came, went or changed."""
        if not hasattr(item, "columns"):
            return []
        moved = [c for c in dict.fromkeys([*state.columns, *item.columns]) if (c in state) != (c in item)]
        return moved or [c for c in item.columns if not item[c].equals(state[c])]
