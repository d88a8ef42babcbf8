"""Which functions SQL may call: those that only compute."""

from __future__ import annotations

from collections.abc import Collection

from sqlglot import exp

from llmos_nb.errors import UsageError, nearest

# known by name to do more than compute, in any database
_ACTING = """query query_table getenv nextval setval currval write_log json_execute_serialized_sql current_setting
    pg_read_file pg_sleep load_extension load_file lo_import lo_export set_config dblink xp_cmdshell"""
# known to the parser, and more than arithmetic: models, sequences, secrets, the session
_CLOSED = (
    """AI ML SEQ NEXTVALUEFOR SECRET TOFILE GENERATETABLE CURRENTSESSION CURRENTSTATEMENT CURRENTIPADDRESS"""
)
# not known to the parser, and only computing
_COMPUTING = """printf format datetime julianday unixepoch strftime instr hex unhex quote typeof total random char
    unicode glob likelihood soundex json json_array json_object json_type json_valid json_group_array
    json_group_object iif nullif zeroblob to_char to_date to_number to_timestamp age make_date make_timestamp
    width_bucket regexp_match regexp_matches regexp_replace split_part initcap btrim bool_and bool_or every string_agg
    array_agg jsonb_agg json_agg json_build_object jsonb_build_object date_format str_to_date datediff dateadd
    timestampdiff weekday dayofweek field elt find_in_set len isnull charindex datepart datename eomonth
    percentile_cont percentile_disc ntile cume_dist percent_rank div mod trunc scale sign ltrim rtrim reverse repeat
    replicate"""
ACTING, COMPUTING = frozenset(_ACTING.split()), frozenset(_COMPUTING.split())
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
        if name not in opened and not _computes(name, anonymous, dialect):
            raise _unknown(name)
    for dot in tree.find_all(exp.Dot) if dialect != "duckdb" else ():
        name = dot.sql().partition("(")[0].lower()
        if isinstance(dot.expression, exp.Func) and name not in opened:
            raise _unknown(name)


def _computes(name: str, anonymous: bool, dialect: str) -> bool:
    if not anonymous:
        return not name.upper().startswith(CLOSED)
    return name not in ACTING and (dialect == "duckdb" or name in COMPUTING)


def _unknown(name: str) -> UsageError:
    more = nearest(name, COMPUTING)
    return UsageError(
        f"the function {name!r} is not known to only compute; [tools.sql] functions opens it{more}"
    )
