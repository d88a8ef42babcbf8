"""From the arguments of a call to SQL that may run, or to Python that does the same; and what of it is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from sqlite3 import Connection
from typing import Any
from urllib.parse import quote

from sqlglot import exp

from llmos_nb.errors import LlmosError, UsageError, nearest
from llmos_nb.tools.devices.context import Site
from llmos_nb.tools.devices.namespace.describe import visible
from llmos_nb.tools.devices.sql.classify import Statement, statements, worst, written
from llmos_nb.tools.devices.sql.duckdb import Duck, is_frame
from llmos_nb.tools.devices.sql.readable import literal, readable
from llmos_nb.tools.devices.sql.rules import applied, parse_rules
from llmos_nb.tools.devices.sql.sqlalchemy import Database, is_database
from llmos_nb.tools.devices.sql.told import by_itself, columns, is_told, tables

_MARK = "llmos_bound_{}_parameter"
_SQLITE = b"SQLite format 3\0"
ROOM = 296  # bytes of a result kept free for a line of our own


Text = tuple[str, dict[str, Any]]


def bound(tree: exp.Expression, dialect: str, given: Mapping[str, Any], text: bool) -> Text:
    """Return SQL with its parameters in place.

    Parameters
    ----------
    tree : sqlglot.exp.Expression
        A checked statement; its own placeholders are replaced.
    dialect : str
        What to write.
    given : mapping
        Value by name.
    text : bool
        For ``sqlalchemy.text``: ``:name``, with every other colon kept from it. Else ``$name``.

    Returns
    -------
    tuple
        The SQL, and the values that it uses.

    Raises
    ------
    UsageError
        A placeholder has no name or no value.
    """
    used: dict[str, Any] = {}
    for node in list(tree.find_all(exp.Placeholder, exp.Parameter)):
        name = node.name or str(node.this or "")
        if not name.isidentifier():
            raise UsageError("write parameters with names, such as :city, and give their values in parameters")
        if name not in given:
            raise UsageError(f"the parameter :{name} has no value; give it in parameters")
        used[name] = given[name]
        node.replace(exp.column(exp.to_identifier(_MARK.format(name))))
    sql = written(tree, dialect)
    sql = sql.replace(":", "\\:") if text else sql
    for name in used:
        sql = sql.replace(_MARK.format(name), f":{name}" if text else f"${name}")
    return sql, used


@dataclass
class Seen:
    """What a call would read.

    Parameters
    ----------
    reads : list of str
        Variables.
    sources : list of list of str
        Files, as the gate takes them.
    told : bool
        The device answers it itself, and no variable is made.
    exact : bool
        It was understood: it reads these, and no other variables.
    """

    reads: list[str] = field(default_factory=list)
    sources: list[list[str]] = field(default_factory=list)
    told: bool = False
    exact: bool = False


class Query:
    """Prepares SQL by the rules of a process.

    Parameters
    ----------
    site : Site
        Its surroundings.
    section : mapping
        ``[tools.sql]``.
    """

    def __init__(self, site: Site, section: Mapping[str, Any]) -> None:
        self._site, self._rules = site, parse_rules(dict(section))

    def where(self, database: str, full: bool = True) -> Any:
        """Return what runs the SQL: DuckDB, or the database behind a variable that the process may see."""
        namespace, seen = self._site.namespace, self._seen()
        if not database:
            frames = {n: namespace[n] for n in seen if is_frame(namespace[n])}
            return Duck(frames, self._site.workspace, full)
        if database in seen:
            return Database(namespace[database], database)
        if (path := self._file(database)) is not None:
            return Database(f"sqlite:///file:{quote(str(path if full else database))}?mode=ro&uri=true", database)
        raise UsageError(
            f"database {database!r}: no such variable to be seen, nor a file of SQLite{nearest(database, seen)}"
        )

    def _file(self, name: str) -> Path | None:
        """Return where a file of SQLite stands in the workspace: it is only read."""
        if "." not in name and "/" not in name:
            return None
        path = self._site.workspace.place(name)
        with suppress(OSError), path.open("rb") as file:
            return path if file.read(len(_SQLITE)) == _SQLITE else None
        return None

    def prepare(self, where: Any, text: str, given: Mapping[str, Any] | None, kinds: Sequence[str]) -> list[Text] | str:
        """Check SQL and give the statements that may run with their values, or the answer where the device knows it.

        Of a database it asks which tables there are, so it may take a while.

        Parameters
        ----------
        where : Duck or Database
            From `where`.
        text : str
            The SQL.
        given : mapping, optional
            Value by name of a parameter.
        kinds : sequence of str
            Kinds of statements that may run.

        Raises
        ------
        UsageError
            It may not run, and why.
        """
        found = self._statements(where, text)
        bad = [s for s in found if s.kind not in kinds]
        if bad or not found:
            raise UsageError(_refusal(worst(bad), kinds))
        if len(found) == 1 and is_told(found[0].tree):
            return self._told(found[0], where)
        return [self._text(s, where, given or {}) for s in found]

    def _text(self, statement: Statement, where: Any, values: Mapping[str, Any]) -> Text:
        if is_told(statement.tree):
            raise UsageError("SHOW TABLES and DESCRIBE go in a call of their own")
        tree = applied(statement, self._rules, where)
        text, used = bound(tree, where.dialect, values, isinstance(where, Database))
        return statement.before + text, used

    def _told(self, statement: Statement, where: Any) -> str:
        """Answer SHOW TABLES and DESCRIBE within the rules."""
        if isinstance(statement.tree, exp.Show):
            found = tables(where, self._rules, self._site.shown - ROOM) or self._none()
            return statement.before + found
        kinds = columns(statement.tree.this, where, self._rules)
        return "\n".join(f"{c}: {kind}" if kind else c for c, kind in kinds.items())

    def _none(self) -> str:
        """Say that there are no tables, and which variables hold databases that may have some."""
        there = [n for n in self._seen() if is_database(self._site.namespace[n])]
        more = f"; {', '.join(there)} may hold some: name one as `database`" if there else ""
        return f"there are no tables{more}"

    def _seen(self) -> list[str]:
        """Name the variables that the process may see."""
        namespace, allow = self._site.namespace, self._site.allow
        return visible(namespace, allow) if allow else [n for n in namespace if n[:1] != "_"]

    def _statements(self, where: Any, text: str) -> list[Statement]:
        return [by_itself(s, where) for s in statements(text, where.dialect)]

    def seen(self, arguments: Mapping[str, Any], key: str) -> Seen:
        """Say what a call would read, as far as it can be understood, without asking a database."""
        database = str(arguments.get("database") or "")
        try:
            where, text = self.where(database), str(arguments[key])
            found = self._statements(where, text)
            told = len(found) == 1 and is_told(found[0].tree)
            if database or told:
                path = self._file(database) if where.from_file else None
                return Seen(sources=[["foreign file", "sql", str(path)]] if path else [], told=told)
            self.prepare(where, text, arguments.get("parameters"), ("read",))
        except (LlmosError, ImportError):
            return Seen()
        return Seen([*where.used], [["foreign file", "sql", path] for path in where.paths], exact=True)


def _refusal(bad: Statement, kinds: Sequence[str]) -> str:
    if bad.kind == "unknown":
        return f"this SQL is not understood, so it does not run: {bad.what}"
    if bad.kind in ("write", "ddl") and "write" not in kinds:
        return f"sql only reads, and {bad.what} changes something; sql_write changes a database, where it is offered"
    looks = "; SHOW TABLES tells tables and columns" if isinstance(bad.tree, exp.Pragma) else ""
    return f"{bad.what} is never run: it could reach past the tables and files of this process{looks}"


# calls as plain Python for the exported notebook, with the same rules in the text of the SQL

WRITES = ("read", "write", "ddl")
FIRST = 20  # rows that the code of a call shows


def reading_code(query: Query, arguments: Mapping[str, Any], whole: Sequence[str] = ()) -> str:
    """Return a reading call as code that needs duckdb, or pandas and sqlalchemy; some columns become whole numbers."""
    try:
        where = query.where(str(arguments.get("database") or ""), full=False)
        prepared = query.prepare(where, str(arguments["query"]), arguments.get("parameters"), ("read",))
    except LlmosError as error:
        return f"# This SQL does not run here: {' '.join(str(error).split())}"
    if isinstance(prepared, str):
        return "\n".join(f"# {line}" for line in [str(arguments["query"]), *prepared.splitlines()])
    name, database = str(arguments.get("into") or "_rows"), str(arguments.get("database") or "")
    text, values = prepared[-1]
    own = str(arguments["query"]) if len(prepared) == 1 and not values else ""
    if database:
        given = f", params={values!r}" if values else ""
        if isinstance(where.given, Connection):
            said = literal(readable(_raw(text), own, where.dialect), "")
            read = f"{name} = pd.read_sql_query({said}, {database}{given})"
            return "\n".join(["import pandas as pd", "", read, f"{name}.head({FIRST})"])
        text = text if "\\:" in text else readable(text, own, where.dialect)
        read = f"    {name} = pd.read_sql_query(sqlalchemy.text({literal(text, '    ')}), _database{given})"
        return "\n".join([*_opened(query, database, "connect"), read, f"{name}.head({FIRST})"])
    files = [f"_files = {list(where.paths)!r}  # what the SQL reads", ""] if where.paths else []
    tables = [f"    _duckdb.register({n!r}, {n})" for n in where.used]
    bound = f", {values!r}" if values else ""
    typed = f".astype({dict.fromkeys(whole, 'int64')!r})" if whole else ""
    said = literal(readable(text, own, where.dialect), "    ")
    run = f"    {name} = _duckdb.execute({said}{bound}).df(){typed}"
    head = ["import duckdb", "", *files, "with duckdb.connect() as _duckdb:"]
    return "\n".join([*head, *tables, run, f"{name}.head({FIRST})"])


def writing_code(query: Query, arguments: Mapping[str, Any]) -> str:
    """Return a writing call as code."""
    try:
        where = query.where(str(arguments["database"]))
        prepared = query.prepare(where, str(arguments["statement"]), arguments.get("parameters"), WRITES)
    except LlmosError as error:
        return f"# This SQL does not run here: {' '.join(str(error).split())}"
    texts = [] if isinstance(prepared, str) else prepared
    database = str(arguments["database"])
    if isinstance(where.given, Connection):
        lines = [f"    {database}.execute({_raw(t)!r}{f', {v!r}' if v else ''})" for t, v in texts]
        return "\n".join([f"with {database}:", *(lines or ["    pass"])])
    lines = [f"    _database.execute(sqlalchemy.text({t!r}){f', {v!r}' if v else ''})" for t, v in texts]
    return "\n".join([*_opened(query, database, "begin"), *lines])


def _raw(text: str) -> str:
    """Return a text for `sqlalchemy.text` as the database gets it."""
    return text.replace("\\:", ":")


def _opened(query: Query, database: str, how: str) -> list[str]:
    """Return the lines that open a database by the name of its variable."""
    where = query.where(database, full=False)
    kind, address = type(where.given), repr(where.given) if where.from_file else database
    engine = f"sqlalchemy.create_engine({address})" if kind is str else database
    head = ["import pandas as pd", "import sqlalchemy", ""]
    if hasattr(kind, "in_transaction"):
        return [*head, f"with {database}.begin_nested() as _nested:", f"    _database = {database}"]
    return [*head, f"with {engine}.{how}() as _database:"]
