"""What a text of SQL would do, statement by statement, by a parser's tree; what the parser does not know is unknown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError

from llmos_nb.errors import UsageError
from llmos_nb.policy.code import unlogged

KINDS = ("read", "write", "ddl", "dangerous", "unknown")
DIALECTS = {
    "postgresql": "postgres", "mariadb": "mysql", "mssql": "tsql", "sqlite": "sqlite", "mysql": "mysql",
    "duckdb": "duckdb", "oracle": "oracle", "snowflake": "snowflake", "bigquery": "bigquery",
    "redshift": "redshift", "clickhouse": "clickhouse", "trino": "trino", "databricks": "databricks",
}  # fmt: skip
_READS = (exp.Select, exp.SetOperation, exp.Subquery, exp.Values, exp.Summarize, exp.Pivot)
_WRITES = (exp.Insert, exp.Update, exp.Delete, exp.Merge)
_DDL = (exp.Create, exp.Drop, exp.Alter, exp.TruncateTable, exp.Comment, exp.Into)
_DANGEROUS = (
    exp.Copy, exp.Attach, exp.Detach, exp.Install, exp.Pragma, exp.Set, exp.Use, exp.Kill, exp.Grant, exp.Revoke,
    exp.Transaction, exp.Commit, exp.Rollback, exp.LoadData, exp.Cache, exp.Uncache, exp.Analyze, exp.Refresh,
    exp.Execute, exp.Command, exp.Export, exp.Declare,
)  # fmt: skip
_EXPLAIN = re.compile(r"\s*explain\s+(?!\()(analy[sz]e\s+)?", re.IGNORECASE)
_OPTIONS = re.compile(
    r"\s*explain\s*\(((?:\s*,?\s*(?:analy[sz]e|verbose|costs|settings|buffers|wal|timing|summary|format\s+(?:text|json|xml|yaml))"
    r"(?:\s+(?:true|false|on|off))?)+)\s*\)\s*",
    re.IGNORECASE,
)  # of PostgreSQL
_SHOW = re.compile(r"\s*show\s+tables\s*;?\s*", re.IGNORECASE)
_LONGEST = 50_000


@dataclass(frozen=True)
class Statement:
    """One statement, read.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    what : str
        Its first word or words, for a person: ``INSERT``.
    tree : sqlglot.exp.Expression, optional
        What it was parsed to; None where it is unknown.
    before : str
        What stands before the tree, as in ``EXPLAIN``.
    """

    kind: str
    what: str
    tree: Any = None
    before: str = ""


_REFUSED = Statement("dangerous", "EXPLAIN of something that does not only read")


def statements(text: str, dialect: str = "duckdb") -> list[Statement]:
    """Read a text of SQL.

    Parameters
    ----------
    text : str
        One statement or several, with ``;`` between them.
    dialect : str
        sqlglot's name of it.

    Returns
    -------
    list of Statement
        In order. A text that cannot be parsed is one statement of the kind ``unknown``.
    """
    if len(text) > _LONGEST:
        return [Statement("unknown", f"a text of {len(text):,} characters (at most {_LONGEST:,} are read)")]
    if _SHOW.fullmatch(text):
        return [Statement("read", "SHOW TABLES", exp.Show(this="TABLES"))]
    optioned = _OPTIONS.match(text) if dialect == "postgres" else None
    if explained := optioned or _EXPLAIN.match(text):
        timed = dialect == "postgres" and explained[1]
        inner = statements(text[explained.end() :], dialect)
        plain = len(inner) == 1 and inner[0].kind == "read" and not inner[0].before
        before = f"EXPLAIN ({explained[1].strip()}) " if timed else "EXPLAIN "
        return [Statement("read", "EXPLAIN", inner[0].tree, before)] if plain else [_REFUSED]
    try:
        with unlogged():
            trees = sqlglot.parse(text, read=dialect, error_level=ErrorLevel.RAISE)
    except (SqlglotError, RecursionError, ValueError, TypeError, AttributeError, IndexError, KeyError) as error:
        return [Statement("unknown", str(error).partition("\n")[0][:160] or "it cannot be parsed")]
    return [_statement(t) for t in trees if t is not None and not isinstance(t, exp.Semicolon)]


def worst(found: list[Statement]) -> Statement:
    """Return the statement that a text is judged by."""
    return max(found, key=lambda s: KINDS.index(s.kind), default=Statement("unknown", "no statement"))


def _statement(tree: Any) -> Statement:
    what = str(tree.this if isinstance(tree, exp.Command) else type(tree).__name__).upper()
    if isinstance(tree, exp.Describe | exp.Show):
        # the device answers one form itself: DESCRIBE name
        looks = isinstance(tree.this, exp.Table) and isinstance(tree.this.this, exp.Identifier)
        return Statement("read" if looks else "dangerous", what, tree)
    if isinstance(tree, _DANGEROUS):
        return Statement("dangerous", what, tree)
    inside = list(tree.walk())  # with the tree itself
    if any(isinstance(n, _DDL) for n in inside):
        return Statement("ddl", what if isinstance(tree, _DDL) else "SELECT INTO", tree)
    if any(isinstance(n, _DANGEROUS) for n in inside):
        return Statement("dangerous", what, tree)
    if any(isinstance(n, (*_WRITES, exp.Lock)) for n in inside):
        return Statement("write", what, tree)
    return Statement("read", what, tree) if isinstance(tree, _READS) else Statement("unknown", what, tree)


_CHANGING = (
    exp.Rand, exp.Randn, exp.CurrentDate, exp.CurrentTime, exp.CurrentTimestamp, exp.CurrentDatetime, exp.Uuid,
    exp.TableSample, exp.Anonymous,
)  # fmt: skip


def steady(found: list[Statement], rows: int) -> bool:
    """Return whether statements give the same rows in the same order each time, over the same data.

    Parameters
    ----------
    found : list of Statement
        Statements that read; the rows are those of the last one.
    rows : int
        How many it gave.
    """
    tree = found[-1].tree
    ordered = rows <= 1 or tree.args.get("order") is not None
    return ordered and not any(s.tree.find(*_CHANGING) for s in found)


def written(tree: exp.Expression, dialect: str) -> str:
    """Return a tree as SQL, so that what was checked is what runs; nothing may be left out of it.

    Raises
    ------
    UsageError
        It cannot be written in this dialect word for word.
    """
    try:
        with unlogged():
            return str(tree.sql(dialect, comments=False, unsupported_level=ErrorLevel.RAISE))
    except SqlglotError as error:
        why = str(error).splitlines()[0]
        raise UsageError(f"this SQL is not understood well enough to run: {why}") from None
