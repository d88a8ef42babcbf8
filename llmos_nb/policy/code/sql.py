"""Which tables, files and addresses a text of DuckDB's SQL names, told from a parser's tree. Pure."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

_QUOTED = re.compile(r"'((?:[^']|'')+)'")
_PLACE = re.compile(r"[./\\]")  # a table of which one reads from elsewhere has an ending, or a folder
_WORD = re.compile(r"\w+")
_INNER = "query"  # what it is given is SQL itself
_LONGEST = 50_000


def quoted(text: str) -> list[str]:
    """Return all that stands in quotes."""
    return [found.replace("''", "'") for found in _QUOTED.findall(text)]


def sources(text: str, values: Iterable[Any] = ()) -> list[str]:
    """Return what statements may read from: tables that are named like files, and texts that functions get for one.

    Parameters
    ----------
    text : str
        One statement or several. Of what no tree shows, all that stands in quotes counts.
    values : iterable
        What is handed over for placeholders.
    """
    found = _told(text, lambda tree: _read(tree, text, [*values]))
    return quoted(text) if found is None else found


def tables_of(text: str) -> set[str]:
    """Return the tables that a text of SQL names, without its common table expressions; of what is none, its words."""
    found = _told(text, _named)
    return set(_WORD.findall(text) if found is None else found) - {""}


def _told(text: str, of: Callable[[Any], Iterable[str]]) -> list[str] | None:
    """Return what `of` tells of the tree of each statement, each once; None where there is no tree."""
    try:
        import sqlglot  # slow to import, and not every DuckDB comes with it
        from sqlglot.errors import ErrorLevel, SqlglotError
    except ImportError:
        return None
    if len(text) > _LONGEST:
        return None
    try:
        with unlogged():
            trees = sqlglot.parse(text, read="duckdb", error_level=ErrorLevel.RAISE)
        return list(dict.fromkeys(name for tree in trees if tree is not None for name in of(tree)))
    except (SqlglotError, RecursionError, ValueError, TypeError, AttributeError, IndexError, KeyError):
        return None


def _named(tree: Any) -> Iterator[str]:
    """Yield the tables of one statement; in a query, a name is what it stands for where it stands."""
    from sqlglot import exp
    from sqlglot.optimizer.scope import traverse_scope

    if isinstance(tree, exp.Query):
        yield from (t.name for one in traverse_scope(tree) for t in one.sources.values() if isinstance(t, exp.Table))
    else:
        yield from (t.name for t in tree.find_all(exp.Table))


def _read(tree: Any, text: str, values: list[Any]) -> Iterator[str]:
    """Yield what one statement may read from."""
    from sqlglot import exp

    if not isinstance(tree, (exp.Query, exp.Insert, exp.Update, exp.Delete, exp.Create, exp.Pivot, exp.Describe)):
        yield from quoted(text)
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Func):
            yield from [table.name] if _PLACE.search(table.name) else []
            continue
        spelled = [one.name for one in table.this.find_all(exp.Literal) if one.is_string]
        handed = values if table.this.find(exp.Placeholder, exp.Parameter) is not None else []
        for name in (*spelled, *(v for v in _flat(handed) if isinstance(v, str))):
            yield name
            if table.this.name.lower() == _INNER:
                yield from sources(name, values)


def _flat(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        yield from value if isinstance(value, list | tuple) else [value]


@contextmanager
def unlogged() -> Iterator[None]:
    """Keep the parser's warnings from the user: what it falls back to is not taken for understood anyway."""
    logger = logging.getLogger("sqlglot")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
