"""What the device itself says of tables and columns, within the rules: SHOW TABLES, DESCRIBE, catalogues."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from sqlglot import exp

from llmos_nb.errors import UsageError
from llmos_nb.tools.devices.namespace.frames import quoted
from llmos_nb.tools.devices.sql.classify import Statement
from llmos_nb.tools.devices.sql.rules import SYSTEM, Rules, applied

_OF_SQLITE = ("sqlite_master", "sqlite_schema", "pragma_table_info")
_MOST = 200  # tables whose columns are looked up: each is a question to the database
_NAMES = "DESCRIBE name tells the columns of one"


def is_told(tree: Any) -> bool:
    """Return whether the device answers a statement itself."""
    return isinstance(tree, exp.Show | exp.Describe)


def by_itself(statement: Statement, where: Any) -> Statement:
    """Return a query that reads nothing but a catalogue of the system as SHOW TABLES; any other as it is."""
    tables = [] if statement.before or statement.kind != "read" else list(statement.tree.find_all(exp.Table))
    if not tables or is_told(statement.tree) or not all(_of_catalogue(t, where) for t in tables):
        return statement
    return Statement("read", statement.what, exp.Show(this="TABLES"), "The catalogue itself is closed; there are:\n")


def _of_catalogue(table: exp.Table, where: Any) -> bool:
    """Return whether a table is of the system; SQLite lets no table of a user's begin as its own do."""
    if table.db:
        return table.db.casefold() in SYSTEM
    there = where.tables() if where.dialect == "duckdb" else ()  # live tables may have any name
    name = table.name or str(table.this.name)  # of a function it has none itself
    return name.casefold() in _OF_SQLITE and name not in there


def tables(where: Any, rules: Rules, room: int) -> str:
    """Return the tables that may be seen, a line each, with their columns where they fit into `room` bytes."""
    names = [n for n in where.tables() if rules.allows(n)]
    found = {n: _columns_of(n, where, rules) for n in names[:_MOST]}
    full = "\n".join(_line(n, [f"{c}: {k}" if k else c for c, k in found.get(n, {}).items()]) for n in names)
    plain = "\n".join(_line(n, list(found.get(n, ()))) for n in names)
    bare = "\n".join([*names, _NAMES])
    fits = (text for text in (full, plain) if len(text.encode()) <= room and len(names) <= _MOST)
    return next(fits, bare) if names else ""


def _line(name: str, columns: list[str]) -> str:
    return f"{name} ({'; '.join(columns)})" if columns else name


def _columns_of(name: str, where: Any, rules: Rules) -> dict[str, str]:
    """Return type by column of a table; nothing of one that cannot be looked at, such as a view of what is gone."""
    with suppress(Exception):  # whatever a driver raises
        return columns(exp.to_table(exp.to_identifier(name, quoted=True).sql()), where, rules)
    return {}


def columns(table: exp.Table, where: Any, rules: Rules) -> dict[str, str]:
    """Return the columns of a table that are open to the process, each with its type and whether it is a key.

    Raises
    ------
    UsageError
        There is no such table, or nobody can tell its columns.
    """
    known = where.resolve(table)
    if not rules.allows(known.name) or known.columns is None:
        raise UsageError(f"{known.name!r}: its columns cannot be told; SELECT * … LIMIT 0 shows those of a file")
    probe = Statement("read", "SELECT", exp.select("*").from_(table.copy()))
    inner = applied(probe, rules, where).find(exp.Subquery)
    open_ = [c.alias_or_name for c in inner.this.expressions] if inner is not None else known.columns
    kinds = where.kinds(table)
    return {quoted(c): kinds.get(c, "") for c in open_}
