"""SQL calls as plain Python for the exported notebook, with the same rules in the text of the SQL."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from llmos_nb.errors import LlmosError
from llmos_nb.messages import canonical

if TYPE_CHECKING:
    from llmos_nb.tools.devices.sql.query import Query


WRITES = ("read", "write", "ddl")


def kept_name(arguments: Mapping[str, Any]) -> str:
    """Return the variable that a result goes to: the one asked for, or one made from the call's words."""
    if arguments.get("into"):
        return str(arguments["into"])
    words = [arguments.get("query"), arguments.get("parameters") or {}, arguments.get("database") or ""]
    return f"sql_{sha256(canonical(words).encode()).hexdigest()[:6]}"


def reading(query: Query, arguments: Mapping[str, Any]) -> str:
    """Return a reading call as code that needs duckdb, or pandas and sqlalchemy."""
    try:
        where = query.where(str(arguments.get("database") or ""), full=False)
        prepared = query.prepare(where, str(arguments["query"]), arguments.get("parameters"), ("read",))
    except LlmosError as error:
        return f"# This SQL does not run here: {' '.join(str(error).split())}"
    if isinstance(prepared, str):
        return "\n".join(f"# {line}" for line in [str(arguments["query"]), *prepared.splitlines()])
    name, database = kept_name(arguments), str(arguments.get("database") or "")
    text, values = prepared[-1]
    if database:
        given = f", params={values!r}" if values else ""
        read = f"    {name} = pd.read_sql_query(sqlalchemy.text({text!r}), _database{given})"
        return "\n".join([*_opened(query, database, "connect"), read, f"{name}.head(20)"])
    files = [f"_files = {list(where.paths)!r}  # what the SQL reads", ""] if where.paths else []
    tables = [f"    _duckdb.register({n!r}, {n})" for n in where.used]
    bound = f", {values!r}" if values else ""
    run = f"    {name} = _duckdb.execute({text!r}{bound}).df()"
    head = ["import duckdb", "", *files, "with duckdb.connect() as _duckdb:"]
    return "\n".join([*head, *tables, run, f"{name}.head(20)"])


def writing(query: Query, arguments: Mapping[str, Any]) -> str:
    """Return a writing call as code."""
    try:
        where = query.where(str(arguments["database"]))
        prepared = query.prepare(where, str(arguments["statement"]), arguments.get("parameters"), WRITES)
    except LlmosError as error:
        return f"# This SQL does not run here: {' '.join(str(error).split())}"
    texts = [] if isinstance(prepared, str) else prepared
    lines = [f"    _database.execute(sqlalchemy.text({t!r}){f', {v!r}' if v else ''})" for t, v in texts]
    return "\n".join([*_opened(query, str(arguments["database"]), "begin"), *lines])


def _opened(query: Query, database: str, how: str) -> list[str]:
    """Return the lines that open a database by the name of its variable."""
    kind = type(query.where(database).given)
    engine = f"sqlalchemy.create_engine({database})" if kind is str else database
    head = ["import pandas as pd", "import sqlalchemy", ""]
    if kind.__module__ == "sqlite3":
        pool = "poolclass=sqlalchemy.pool.StaticPool, pool_reset_on_return=None"
        made = f'sqlalchemy.create_engine("sqlite://", creator=lambda: {database}, {pool})'
        return [*head, f"with {made}.{how}() as _database:"]
    if hasattr(kind, "in_transaction"):
        return [*head, f"with {database}.begin_nested() as _nested:", f"    _database = {database}"]
    return [*head, f"with {engine}.{how}() as _database:"]
