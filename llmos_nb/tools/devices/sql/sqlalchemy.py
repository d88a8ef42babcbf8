"""A database that a variable of the namespace names: an engine, a connection or an address for SQLAlchemy."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any

from sqlglot import exp

from llmos_nb.errors import UsageError, nearest
from llmos_nb.tools.devices.sql.classify import DIALECTS
from llmos_nb.tools.devices.sql.rules import ROWS, SYSTEM, Known

_READ_ONLY = {"postgres": "SET TRANSACTION READ ONLY", "redshift": "SET TRANSACTION READ ONLY"}
_IDENTITY = {
    "postgres": "SELECT set_config('application_name', :said, true)",
    "mysql": "SET @llmos_user = :said",
    "tsql": "EXEC sp_set_session_context 'llmos_user', :said",
}
_TICKS = 10_000
_HELD = ("Engine", "Connection")


def is_database(value: object) -> bool:
    """Tell an engine or a connection, by its class and without importing anything."""
    known = (c.__module__.partition(".")[0] == "sqlalchemy" and c.__name__ in _HELD for c in type(value).__mro__)
    return isinstance(value, sqlite3.Connection) or any(known)


class Database:
    """A database behind SQLAlchemy.

    Parameters
    ----------
    value : Engine, Connection, sqlite3.Connection or str
        As it stands in the namespace.
    name : str
        Of the variable.

    Raises
    ------
    UsageError
        It is none of these, or of a dialect that the parser does not know.
    """

    def __init__(self, value: Any, name: str) -> None:
        self.given, self.name = value, name
        self._engine = _engine(value, name)
        dialect = self._engine.dialect.name
        if dialect not in DIALECTS:
            raise UsageError(f"{name}: the dialect {dialect!r} is not known, so nothing is run")
        self.dialect = DIALECTS[dialect]
        self._raw: Any = None

    @property
    def from_file(self) -> bool:
        """Whether it is a file that was named in the place of a variable."""
        return not self.name.isidentifier()

    @property
    def here(self) -> bool:
        """Whether it must run on the main thread: a connection of SQLite belongs to the thread that made it."""
        pool = type(self._engine.pool).__name__
        given = self._owned or isinstance(self.given, sqlite3.Connection)
        return self.dialect == "sqlite" and (given or pool in ("SingletonThreadPool", "StaticPool"))

    @property
    def _owned(self) -> bool:
        """Whether it is a connection of SQLAlchemy, whose transactions are the user's."""
        return not isinstance(self.given, sqlite3.Connection) and hasattr(self.given, "in_transaction")

    # what there is

    @cached_property
    def _inspector(self) -> Any:
        import sqlalchemy

        return sqlalchemy.inspect(self.given if self._owned else self._engine)

    def tables(self) -> list[str]:
        """Name its tables and views."""
        return [*self._inspector.get_table_names(), *self._views()]

    def _views(self, schema: str | None = None) -> list[str]:
        """Name its views, with those whose rows are kept where the database has such."""
        found = list(self._inspector.get_view_names(schema=schema))
        with suppress(NotImplementedError):
            found += self._inspector.get_materialized_view_names(schema=schema)
        return found

    def resolve(self, table: exp.Table) -> Known:
        """Find a table or view; the catalogues of the system are not among them."""
        schema = table.db or None
        if table.catalog or (schema or "").casefold() in SYSTEM:
            why = "catalogues of the system are closed; SHOW TABLES and DESCRIBE work"
            raise UsageError(f"{table.sql()!r}: {why}")
        views = set(self._views(schema))
        names = {n.casefold(): n for n in [*self._inspector.get_table_names(schema=schema), *views]}
        name = names.get(table.name.casefold())
        if name is None:
            more = nearest(table.name, names.values())
            raise UsageError(f"there is no table {table.name!r} in {self.name}{more}")
        columns = tuple(str(c["name"]) for c in self._inspector.get_columns(name, schema=schema))
        return Known(f"{schema}.{name}" if schema else name, columns, name in views)

    def kinds(self, table: exp.Table) -> dict[str, str]:
        """Return of each column of a table its type, whether it is a key, and to which column it refers."""
        schema, inspector = table.db or None, self._inspector
        there = [*inspector.get_table_names(schema=schema), *self._views(schema)]
        name = next(n for n in there if n.casefold() == table.name.casefold())
        found = {}
        for c in inspector.get_columns(name, schema=schema):
            found[str(c["name"])] = str(c["type"]) + ("" if c.get("nullable", True) else ", not null")
        for column in inspector.get_pk_constraint(name, schema=schema).get("constrained_columns", ()):
            found[str(column)] += ", key"
        for one in inspector.get_foreign_keys(name, schema=schema):
            pairs = zip(one["constrained_columns"], one["referred_columns"], strict=False)
            for column, other in pairs:
                found[str(column)] += f", refers to {one['referred_table']}.{other}"
        return found

    def function(self, table: exp.Table) -> str:
        """Refuse a function in the place of a table."""
        if type(table.this).__name__ in ("GenerateSeries", "ExplodingGenerateSeries", "Unnest"):
            return "series"
        if isinstance(table.this, exp.Anonymous) and table.this.name.lower() in ROWS:
            return "series"
        raise UsageError(f"{table.sql()[:60]!r}: a function may not stand for a table in a database")

    # running

    def run(self, sql: str, values: Mapping[str, Any], most: int, identity: Mapping[str, str]) -> Any:
        """Run one statement that only reads, and give at most `most` rows and one more as a table of pandas."""
        import pandas as pd
        import sqlalchemy

        with self._connected(identity, write=False) as connection:
            query = sqlalchemy.text(f"{sql} {_comment(identity)}")
            streams = not sql.startswith("EXPLAIN")  # PostgreSQL has no cursor over one
            streaming = connection.execution_options(stream_results=streams)
            with streaming.execute(query, dict(values)) as result:
                return pd.DataFrame(result.fetchmany(most + 1), columns=list(result.keys()))

    def write(self, statements: Sequence[tuple[str, dict[str, Any]]], identity: Mapping[str, str]) -> list[int]:
        """Run statements in one transaction; give the rows that each changed (-1 where nobody knows)."""
        import sqlalchemy

        with self._connected(identity, write=True) as connection:
            done = [connection.execute(sqlalchemy.text(f"{s} {_comment(identity)}"), v) for s, v in statements]
            return [int(d.rowcount) for d in done]

    @contextmanager
    def _connected(self, identity: Mapping[str, str], write: bool) -> Any:
        """Return a connection in a transaction that is committed after a write, and rolled back after a read."""
        own = self._owned
        connection = self.given if own else self._engine.connect()
        inner = connection.begin_nested() if own and connection.in_transaction() else connection.begin()
        try:
            self._raw = connection.connection.dbapi_connection
            with _of_sqlite(self._raw, not write):
                self._introduced(connection, identity, write)
                yield connection
            (inner.commit if write else inner.rollback)()
        except BaseException:
            with suppress(Exception):  # the first error is the one to tell
                inner.rollback()
            raise
        finally:
            self._raw = None
            if not own:
                connection.close()

    def _introduced(self, connection: Any, identity: Mapping[str, str], write: bool) -> None:
        """Say who calls, where the database has a place for it, and have it refuse writes where it can."""
        import sqlalchemy

        if not write and self.dialect in _READ_ONLY and not self._owned:
            connection.execute(sqlalchemy.text(_READ_ONLY[self.dialect]))
        if self.dialect in _IDENTITY:
            said = " ".join(f"{k} {v}" for k, v in identity.items())[:60]
            connection.execute(sqlalchemy.text(_IDENTITY[self.dialect]), {"said": f"llmos {said}"})

    def interrupt(self) -> None:
        """End what is running, as far as the driver can."""
        for name in ("interrupt", "cancel", "close"):
            if hasattr(self._raw, name):
                with suppress(Exception):  # it has ended by itself
                    getattr(self._raw, name)()
                return


def _engine(value: Any, name: str) -> Any:
    import sqlalchemy
    from sqlalchemy.pool import NullPool, StaticPool

    if isinstance(value, sqlite3.Connection):
        if value.in_transaction:
            raise UsageError(f"{name} has a transaction open: commit it or roll it back first")
        own = {"creator": lambda: value, "poolclass": StaticPool, "pool_reset_on_return": None}
        return sqlalchemy.create_engine("sqlite://", **own)
    if isinstance(value, str):
        try:
            return sqlalchemy.create_engine(value, poolclass=NullPool)
        except Exception as error:  # a driver that is missing, an address that is none
            raise UsageError(f"{name}: not an address of a database ({type(error).__name__})") from None
    engine = getattr(value, "engine", None)
    if engine is None or not hasattr(engine, "dialect"):
        hint = "give an engine, a connection or an address of SQLAlchemy"
        raise UsageError(f"{name} is a {type(value).__name__}: {hint}")
    return engine


@contextmanager
def _of_sqlite(raw: Any, only_reads: bool) -> Any:
    """Have SQLite refuse writes itself where only reading was asked for, and let Python look up from a long statement.

    So Stop and deadlines are heard. A connection of any other database is left as it is.
    """
    if not isinstance(raw, sqlite3.Connection):
        yield
        return
    before = raw.execute("PRAGMA query_only").fetchone()[0]
    raw.set_progress_handler(lambda: 0, _TICKS)
    try:
        if only_reads:
            raw.execute("PRAGMA query_only = ON")
        yield
    finally:
        with suppress(sqlite3.Error):
            raw.set_progress_handler(None, _TICKS)
            raw.execute(f"PRAGMA query_only = {int(before)}")


def _comment(identity: Mapping[str, str]) -> str:
    said = ", ".join(f"{k}={''.join(c for c in v if c.isalnum() or c in '._@-')}" for k, v in identity.items())
    return f"/* llmos {said} */"
