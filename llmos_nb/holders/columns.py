"""Holders for arrays and index objects of pandas that stand for themselves, and for the tables of polars."""

from __future__ import annotations

from typing import Any

from llmos_nb.holders.base import Holder, alike
from llmos_nb.holders.tables import labels, put_labels, same_values


class ExtensionArrays(Holder):
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


class Indexes(Holder):
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


class Polars(Holder):
    """DataFrame and Series of polars: their columns are shared until written."""

    def read(self, item: Any) -> Any:
        """Clone, which shares the columns."""
        return item.clone()

    def same(self, item: Any, state: Any) -> bool:
        """Compare names, types and values."""
        names = ("columns", "schema") if hasattr(item, "columns") else ("name", "dtype")
        return all(getattr(item, n) == getattr(state, n) for n in names) and bool(item.equals(state))

    def write(self, item: Any, state: Any) -> None:
        """Give the same object its old columns."""
        inner = "_df" if hasattr(item, "_df") else "_s"
        setattr(item, inner, getattr(state.clone(), inner))

    def details(self, item: Any, state: Any) -> list[str]:
        """Name the columns that came, went or changed."""
        if not hasattr(item, "columns"):
            return []
        moved = [
            c
            for c in {**dict.fromkeys(state.columns), **dict.fromkeys(item.columns)}
            if (c in state) != (c in item)
        ]
        return moved or [c for c in item.columns if not item[c].equals(state[c])]
