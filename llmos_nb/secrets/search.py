"""Looking for secrets where names say that there are some: variables, mappings within them, columns of tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from llmos_nb.secrets.shapes import COLUMN, STRONG, named_secret, plain_word, worth_hiding

DEEP, MANY, ROWS = 4, 1_000, 256


def found_in(namespace: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Give names and values of what is secret in a namespace, within bounds.

    Yields
    ------
    tuple of str
        ``("config.db.password", "…")``.
    """
    for name, value in list(namespace.items()):
        if name.startswith("_"):
            continue
        if type(value) is str:
            yield from _named(name, name, value)
        elif isinstance(value, dict):
            yield from _within(name, value, DEEP)
        elif type(value).__name__ == "DataFrame":
            yield from _columns(name, value)


def _named(name: str, path: str, value: str) -> Iterator[tuple[str, str]]:
    if STRONG.search(name) and named_secret(name) and worth_hiding(name, value):
        yield _name(path), value


def _within(path: str, value: Any, deep: int) -> Iterator[tuple[str, str]]:
    """Look into plain containers; nothing of theirs is run."""
    if deep and type(value) is dict:
        for key, inner in list(value.items())[:MANY]:
            if type(key) is str and type(inner) is str:
                yield from _named(key, f"{path}.{key}", inner)
            else:
                yield from _within(f"{path}.{key}" if type(key) is str else path, inner, deep - 1)
    elif deep and type(value) in (list, tuple):
        for inner in value[:MANY]:
            yield from _within(path, inner, deep - 1)


def _columns(name: str, frame: Any) -> Iterator[tuple[str, str]]:
    """Look into columns that say so; words and numbers in them are none."""
    for column in list(getattr(frame, "columns", ()))[:MANY]:
        if type(column) is str and COLUMN.search(column):
            values = dict.fromkeys(v for v in list(frame[column])[:ROWS] if type(v) is str)
            for n, value in enumerate(values):
                if worth_hiding(column, value) and not plain_word(value):
                    yield _name(f"{name}.{column}.{n}"), value


def _name(path: str) -> str:
    """Give a path as a handle can hold it."""
    return re.sub(r"[^\w.-]", "-", path)
