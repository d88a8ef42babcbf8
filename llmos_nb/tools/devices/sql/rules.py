"""Which tables, columns and functions SQL may use, and the rewriting that makes the rest unreachable.

A table of which some columns are closed is replaced, wherever it stands, by a subquery of its open ones: so a star, an
alias, a whole row, a natural join or a subquery can only give what is open. Common table expressions get names that no
table has, so that none can stand for one. What cannot be resolved is refused.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Protocol

from sqlglot import exp

from llmos_nb.errors import ConfigError, UsageError, nearest
from llmos_nb.tools.devices.sql.classify import Statement

# known by name to do more than compute, in any database
_ACTING = """query query_table getenv nextval setval currval write_log json_execute_serialized_sql current_setting
    pg_read_file pg_sleep load_extension load_file lo_import lo_export set_config dblink xp_cmdshell"""
# known to the parser, and more than arithmetic: models, sequences, secrets, the session
_CLOSED = "AI ML SEQ NEXTVALUEFOR SECRET TOFILE GENERATETABLE CURRENTSESSION CURRENTSTATEMENT CURRENTIPADDRESS"
# not known to the parser, and only computing
_COMPUTING = """printf format datetime julianday unixepoch strftime instr hex unhex quote typeof total random char
    unicode glob likelihood soundex json json_array json_object json_type json_valid json_group_array
    json_group_object iif nullif zeroblob to_char to_date to_number to_timestamp age make_date make_timestamp
    width_bucket regexp_match regexp_matches regexp_replace split_part initcap btrim bool_and bool_or every string_agg
    array_agg jsonb_agg json_agg json_build_object jsonb_build_object date_format str_to_date datediff dateadd
    timestampdiff weekday dayofweek field elt find_in_set len isnull charindex datepart datename eomonth
    percentile_cont percentile_disc ntile cume_dist percent_rank div mod trunc scale sign ltrim rtrim reverse repeat
    replicate"""
# the same, giving rows: they may stand for a table
_ROWS = """json_each jsonb_each json_each_text jsonb_each_text json_array_elements jsonb_array_elements
    json_array_elements_text jsonb_array_elements_text json_object_keys jsonb_object_keys json_to_record
    jsonb_to_record json_to_recordset jsonb_to_recordset regexp_split_to_table string_to_table generate_subscripts"""
ROWS = frozenset(_ROWS.split())
SYSTEM = ("information_schema", "pg_catalog", "pg_toast", "sys", "mysql", "performance_schema", "guest")  # schemas
ACTING, COMPUTING = frozenset(_ACTING.split()), frozenset(_COMPUTING.split()) | ROWS
CLOSED = tuple(_CLOSED.split())


def check_functions(tree: exp.Expression, opened: Collection[str], dialect: str) -> None:
    """Refuse a function that is not known to only compute.

    DuckDB is sealed off, so what it has beside those that act may be called there; in a database anything may hide
    behind a name, so there only known ones are.

    Parameters
    ----------
    tree : sqlglot.exp.Expression
        A statement.
    opened : collection of str
        Names that the settings open.
    dialect : str
        sqlglot's name of it.

    Raises
    ------
    UsageError
        Names the function.
    """
    for node in tree.find_all(exp.Func):
        anonymous = isinstance(node, exp.Anonymous | exp.AnonymousAggFunc)
        name = str(node.name if anonymous else type(node).__name__).lower()
        unclear = name in ACTING or (dialect != "duckdb" and name not in COMPUTING)
        if name not in opened and (unclear if anonymous else name.upper().startswith(CLOSED)):
            raise _unknown(name)
    for dot in tree.find_all(exp.Dot) if dialect != "duckdb" else ():
        name = dot.sql().partition("(")[0].lower()
        if isinstance(dot.expression, exp.Func) and name not in opened:
            raise _unknown(name)


def _unknown(name: str) -> UsageError:
    opens = f"[tools.sql] functions opens it{nearest(name, COMPUTING)}"
    return UsageError(f"the function {name!r} is not known to only compute; {opens}")


@dataclass(frozen=True)
class Known:
    """A table as it is.

    Parameters
    ----------
    name : str
        Full name, with its schema where it has one.
    columns : tuple of str, optional
        Its columns in order; None where they are only known when it is read.
    view : bool
        It is a view, whose columns may be those of other tables.
    """

    name: str
    columns: tuple[str, ...] | None
    view: bool = False


class Catalogue(Protocol):
    """What there is to be read."""

    dialect: str

    def resolve(self, table: exp.Table) -> Known:
        """Find a table, or raise UsageError."""
        ...

    def function(self, table: exp.Table) -> str:
        """Check a function that stands for a table, and give the name that rules know it by."""
        ...


@dataclass(frozen=True)
class Rules:
    """What `[tools.sql]` says.

    Parameters
    ----------
    tables : tuple of str
        Names and globs, ``-`` in front to leave out; empty for all.
    columns : tuple of str
        Closed ones, as ``table.column``, globs in both.
    functions : tuple of str
        Functions of a database that may be called beside the known pure ones.
    """

    tables: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()

    def allows(self, name: str) -> bool:
        """Return whether a table may be used."""
        wanted = [t for t in self.tables if not t.startswith("-")] or ["*"]
        unwanted = [t[1:] for t in self.tables if t.startswith("-")]
        return any(_fits(name, w) for w in wanted) and not any(_fits(name, u) for u in unwanted)

    def closed(self, table: str) -> list[str]:
        """Return the patterns of the columns of a table that may not be seen."""
        pairs = (c.rpartition(".") for c in self.columns)
        return [column for of, _, column in pairs if _fits(table, of)]

    def named(self, table: str) -> bool:
        """Return whether a table is allowed by its own name, not by a glob."""
        names = (table.casefold(), table.casefold().rpartition(".")[2])
        return any(t.casefold() in names for t in self.tables)


def parse_rules(raw: dict[str, Any], where: str = "tools.sql") -> Rules:
    """Read the rules of a settings section, or say what is wrong."""
    found = {key: raw.get(key, ()) for key in ("tables", "columns", "functions")}
    for key, value in found.items():
        if isinstance(value, str) or not all(isinstance(v, str) and v for v in value):
            raise ConfigError(f"{where}: {key} = {value!r} must be a list of texts")
    columns = tuple(c.removeprefix("-") for c in found["columns"])
    for column in columns:
        if not all(column.rpartition(".")[::2]):
            how = "must be table.column, globs in both (closed columns)"
            raise ConfigError(f"{where}: columns: {column!r} {how}")
    return Rules(tuple(found["tables"]), columns, tuple(f.lower() for f in found["functions"]))


def _fits(name: str, pattern: str) -> bool:
    low, glob = name.casefold(), pattern.casefold()
    return fnmatchcase(low, glob) or fnmatchcase(low.rpartition(".")[2], glob)


def applied(statement: Statement, rules: Rules, catalogue: Catalogue) -> exp.Expression:
    """Return a statement so that it can reach only what the rules leave open.

    Raises
    ------
    UsageError
        It names a table, column or function that it may not use, or that cannot be resolved.
    """
    tree: exp.Expression = statement.tree.copy()
    check_functions(tree, rules.functions, catalogue.dialect)
    ctes = _renamed(tree)
    targets = {id(t) for t in _targets(tree)}
    for table in list(tree.find_all(exp.Table)):
        if table.name not in ctes:
            _closed(table, rules, catalogue, id(table) in targets, statement.kind)
    return tree


RENAMED = "__cte"  # ends the names that common table expressions get


def _renamed(tree: exp.Expression) -> set[str]:
    """Return common table expressions names that no table has, and everything that means them."""
    made = {n: f"{n}{RENAMED}" for n in (c.alias.casefold() for c in tree.find_all(exp.CTE))}
    for cte in tree.find_all(exp.CTE):
        cte.meta["was"] = cte.alias.casefold()
        cte.args["alias"].set("this", exp.to_identifier(made[cte.alias.casefold()], quoted=True))
    for table in tree.find_all(exp.Table):
        if table.name.casefold() in made and not table.db and not _in_own(table):
            if not table.alias:
                table.set("alias", exp.TableAlias(this=table.this.copy()))
            table.set("this", exp.to_identifier(made[table.name.casefold()], quoted=True))
    return set(made.values())


def _in_own(table: exp.Table) -> bool:
    """Return whether a name stands in the definition of the expression of that name, where it means the table."""
    if not isinstance(table.this, exp.Identifier):
        return True
    above: Any = table.find_ancestor(exp.CTE)
    while above is not None:
        if above.meta.get("was") == table.name.casefold() and not above.parent.args.get("recursive"):
            return True
        above = above.find_ancestor(exp.CTE)
    return False


def _targets(tree: exp.Expression) -> Iterable[exp.Table]:
    """Return the tables that are changed rather than read."""
    for node in tree.find_all(exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create, exp.Drop, exp.Alter):
        table = node.this.this if isinstance(node.this, exp.Schema) else node.this
        if isinstance(table, exp.Table):
            yield table
    for node in tree.find_all(exp.TruncateTable):
        yield from node.expressions


def _closed(table: exp.Table, rules: Rules, catalogue: Catalogue, target: bool, kind: str) -> None:
    if not isinstance(table.this, exp.Identifier):
        known = Known(catalogue.function(table), None)
    elif target and kind == "ddl":
        known = Known(".".join(p for p in (table.db, table.name) if p), None)
    else:
        known = catalogue.resolve(table)
    if not rules.allows(known.name):
        raise UsageError(f"the table {known.name!r} is closed to this process")
    closed = rules.closed(known.name)
    if known.view and rules.columns and not rules.named(known.name):
        hint = "list it by name under tables to open it"
        raise UsageError(f"{known.name!r} is a view, which may show closed columns; {hint}")
    if closed and target:
        raise UsageError(f"{known.name!r} has columns that are closed to this process, so it cannot change it")
    if closed:
        _project(table, known, closed)


def _project(table: exp.Table, known: Known, closed: Sequence[str]) -> None:
    """Put a subquery of the open columns in the place of a table."""
    if known.columns is None:
        columns: list[exp.Expression] = [_columns_but(closed)]
    else:
        globs = [p.casefold() for p in closed]
        names = [c for c in known.columns if not any(fnmatchcase(c.casefold(), g) for g in globs)]
        if len(names) == len(known.columns):
            return
        if not names:
            raise UsageError(f"every column of {known.name!r} is closed to this process")
        columns = [exp.column(exp.to_identifier(n, quoted=True)) for n in names]
    if isinstance(table.parent, exp.Summarize):
        table.replace(exp.Select(expressions=columns).from_(table.copy()))
        return
    around = {k: table.args.pop(k) for k in ("joins", "pivots", "laterals", "sample") if table.args.get(k)}
    file = "/" in known.name or known.name.endswith(_ENDS)
    name = known.name if file else known.name.rpartition(".")[2]
    alias = table.args.pop("alias", None) or exp.TableAlias(this=exp.to_identifier(name, quoted=True))
    table.replace(exp.Subquery(this=exp.Select(expressions=columns).from_(table.copy()), alias=alias, **around))


_ENDS = (".csv", ".tsv", ".parquet", ".json", ".jsonl", ".ndjson")


def _columns_but(closed: Sequence[str]) -> exp.Expression:
    """Return DuckDB's star without the columns that patterns name: for files, whose columns are not known before."""
    signs = {"'": "''", "*": ".*", "?": "."}
    patterns = ("".join(signs.get(c, re.escape(c)) for c in p) for p in closed)
    tests = " AND ".join(f"NOT regexp_matches(c, '^{p}$', 'i')" for p in patterns)
    return exp.maybe_parse(f"COLUMNS(c -> {tests})", dialect="duckdb")
