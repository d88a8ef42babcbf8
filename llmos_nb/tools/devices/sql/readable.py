"""SQL that ran, as a person would write it into a cell: in the words of whoever asked, else in lines."""

from __future__ import annotations

import textwrap
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from llmos_nb.tools.devices.sql.rules import RENAMED

LONG = 88  # characters of a line


def readable(sql: str, own: str, dialect: str) -> str:
    """Return SQL as a text to be read, which gives the same.

    Parameters
    ----------
    sql : str
        What ran, with the rules of the process in it.
    own : str
        What was asked for: where no rule has changed it, it stands as it is, unless it is one long line.
    dialect : str
        Of both.
    """
    try:
        tree = _with_own_names(sqlglot.parse_one(sql, read=dialect))
        asked = [t for t in sqlglot.parse(own, read=dialect) if t is not None]
    except SqlglotError:
        return sql
    short = max(map(len, own.strip().splitlines()), default=0) <= LONG
    if short and len(asked) == 1 and _plain(asked[0]) == _plain(tree):
        return textwrap.dedent(own).strip().rstrip(";").rstrip()
    said = str(tree.sql(dialect))
    said = said if len(said) <= LONG else str(tree.sql(dialect, pretty=True))
    return said if _reads_back(said, tree, dialect) else sql


def _with_own_names(tree: Any) -> Any:
    """Give common table expressions their names back: a notebook has no names of others to keep them from."""
    made = {cte.alias: cte.alias.removesuffix(RENAMED) for cte in tree.find_all(exp.CTE)}
    for cte in tree.find_all(exp.CTE):
        cte.args["alias"].set("this", exp.to_identifier(made[cte.alias]))
    for table in tree.find_all(exp.Table):
        if (name := made.get(table.name)) is not None:
            table.set("this", exp.to_identifier(name))
            if table.alias.casefold() == name and not table.args["alias"].columns:
                table.set("alias", None)
    return tree


def _reads_back(said: str, tree: Any, dialect: str) -> bool:
    """Return whether SQL is read as what it was written from: a name may be a word of the language."""
    try:
        return bool(_plain(sqlglot.parse_one(said, read=dialect)) == _plain(tree))
    except SqlglotError:
        return False


def _plain(tree: Any) -> Any:
    """Return a tree in which names do not differ by case or quotes."""
    made = tree.copy()
    for name in made.find_all(exp.Identifier):
        name.set("this", name.name.casefold())
        name.set("quoted", False)
    return made


def literal(sql: str, indent: str) -> str:
    """Return SQL as a literal of Python, in lines where it has several; `indent` is that of the statement around it."""
    broken = "\\" in sql or '"""' in sql or sql.endswith('"') or any("\n" in t for t in _texts(sql))
    if broken or ("\n" not in sql and len(sql) <= LONG):
        return repr(sql)
    return f'"""\n{textwrap.indent(sql, f"{indent}    ")}\n{indent}"""'


def _texts(sql: str) -> list[str]:
    """Return what stands in quotes, where a blank more is another value."""
    try:
        return [t.text for t in sqlglot.tokenize(sql) if t.token_type.name in ("STRING", "IDENTIFIER")]
    except SqlglotError:
        return ["\n"]
