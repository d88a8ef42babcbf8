"""Bound parameters: a model may write ``:name`` or ``$name``, and each database gets its own form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlglot import exp

from llmos_nb.devices.sql.classify import written
from llmos_nb.errors import UsageError

_MARK = "llmos_bound_{}_parameter"


def bound(
    tree: exp.Expression, dialect: str, given: Mapping[str, Any], text: bool
) -> tuple[str, dict[str, Any]]:
    """Give SQL with its parameters in place.

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
