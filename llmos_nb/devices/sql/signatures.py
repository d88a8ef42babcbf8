"""The two tools as a model sees them; the device runs them."""

from __future__ import annotations

from typing import Any


def sql(query: str, parameters: dict[str, Any] | None = None, database: str = "", into: str = "") -> str:
    """Run SQL that only reads: over tables of the session by their names, files, or a database.

    Tables and files such as 'sales.csv' are read by DuckDB. The first rows are shown;
    the whole result becomes a variable. SHOW TABLES and DESCRIBE name tell what there is.

    Parameters
    ----------
    query : str
        A SELECT; write values as :name.
    parameters : dict, optional
        Value by name.
    database : str
        Variable that holds an engine, connection or address of a database; empty for tables and files.
    into : str
        Variable for the whole result.
    """
    raise NotImplementedError(query, parameters, database, into)


def sql_write(statement: str, database: str, parameters: dict[str, Any] | None = None) -> str:
    """Change a database: INSERT, UPDATE, DELETE, CREATE and the like, all in one transaction.

    Parameters
    ----------
    statement : str
        One statement or several with ; between them; write values as :name.
    database : str
        Variable that holds an engine, connection or address of a database.
    parameters : dict, optional
        Value by name.
    """
    raise NotImplementedError(statement, database, parameters)
