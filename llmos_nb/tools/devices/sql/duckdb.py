"""DuckDB over the live tables of a namespace and the files of a workspace, sealed off from everything else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from glob import has_magic
from importlib.util import find_spec
from typing import Any

from sqlglot import exp

from llmos_nb.errors import UsageError, nearest
from llmos_nb.tools.devices.sql.rules import Known
from llmos_nb.tools.devices.workspace import Workspace

FRAMES = (("pandas", "DataFrame"), ("polars", "DataFrame"), ("polars", "LazyFrame"), ("pyarrow", "Table"))
READERS = {
    "csv": "read_csv_auto", "tsv": "read_csv_auto", "parquet": "read_parquet",
    "json": "read_json_auto", "jsonl": "read_json_auto", "ndjson": "read_json_auto",
}  # fmt: skip
_NAMED = frozenset((*READERS.values(), "read_csv", "read_json", "readcsv", "readparquet"))
_SERIES = frozenset(("generateseries", "unnest", "range", "explode", "generatedatearray"))
_MEMORY = "2GB"
_EXACT = 2**53  # below it a float holds every whole number
_IN_A_DATABASE = "; for one of a database name its variable as `database`, or its file, such as 'shop.db'"


def is_frame(value: object) -> bool:
    """Tell a table that DuckDB reads in place, by its class and without importing anything."""
    return any((c.__module__.partition(".")[0], c.__name__) in FRAMES for c in type(value).__mro__)


class Duck:
    """One sealed connection a call.

    Parameters
    ----------
    frames : mapping
        The live tables that may be seen, by name.
    workspace : Workspace
        Where files may be read.
    full : bool
        Spell files with their full paths, to run; else as they were named, to be written down.
    """

    dialect = "duckdb"
    here = from_file = False

    def __init__(self, frames: Mapping[str, Any], workspace: Workspace, full: bool = True) -> None:
        self._frames, self._workspace, self._full = frames, workspace, full
        self.used: dict[str, Any] = {}
        self.paths: dict[str, str] = {}
        self.whole: list[str] = []  # columns of the result that became whole numbers
        self._connection: Any = None

    # what there is

    def tables(self) -> list[str]:
        """Name the tables."""
        return list(self._frames)

    def resolve(self, table: exp.Table) -> Known:
        """Find a live table or a file."""
        if table.db or table.catalog:
            raise UsageError(f"{table.sql()!r}: name a variable or a file here, with no schema")
        if (name := self._frame(table.name)) is not None:
            self.used[name] = self._frames[name]
            return Known(name, tuple(map(str, _columns(self._frames[name]))))
        if "." in table.name or "/" in table.name:
            return self._file(table)
        more = nearest(table.name, self._frames) or _IN_A_DATABASE
        raise UsageError(f"there is no table {table.name!r}{more}")

    def kinds(self, table: exp.Table) -> dict[str, str]:
        """Return the types of a live table's columns."""
        frame: Any = self._frames[self._frame(table.name) or ""]
        schema: Any = frame.collect_schema() if hasattr(frame, "collect_schema") else getattr(frame, "schema", None)
        if hasattr(schema, "names") and hasattr(schema, "types") and not callable(schema.types):  # arrow
            return {str(n): str(t) for n, t in zip(schema.names, schema.types, strict=True)}
        return {str(n): str(t) for n, t in (frame.dtypes if schema is None else schema).items()}

    def _frame(self, word: str) -> str | None:
        """Return the live table that a word means; SQL does not tell upper from lower case, Python does."""
        alike = [n for n in self._frames if n.casefold() == word.casefold()]
        name = word if word in alike else alike[0] if len(alike) == 1 else None
        others = [n for n in alike if n in self.used and n != name]
        if (alike and name is None) or others:
            why = "differ only in case, which SQL does not see; copy one of them"
            raise UsageError(f"{word!r}: {' and '.join(alike)} {why}")
        return name

    def _file(self, table: exp.Table) -> Known:
        name = table.name
        reader = exp.Anonymous(this=_reader(name), expressions=[self._listed([name])])
        if not table.alias:
            stem = name.rpartition("/")[2].partition(".")[0] or name
            table.set("alias", exp.TableAlias(this=exp.to_identifier(stem, quoted=True)))
        table.set("this", reader)
        return Known(name, None)

    def function(self, table: exp.Table) -> str:
        """Check a function that stands for a table: one that counts, or that reads files of the workspace."""
        made = table.this
        name = str(made.name if isinstance(made, exp.Anonymous) else type(made).__name__).lower()
        if name in _SERIES:
            return name
        if name not in _NAMED:
            there = ", ".join(sorted(set(READERS.values())))
            raise UsageError(f"{name}() may not stand for a table; there are {there}")
        first = made.this if not isinstance(made, exp.Anonymous) else next(iter(made.expressions), None)
        given: list[Any] = first.expressions if isinstance(first, exp.Array) else [first]
        if not all(isinstance(g, exp.Literal) and g.is_string for g in given):
            why = "so that it can be seen what is read"
            raise UsageError(f"{name}: write the name of the file as a text, {why}")
        listed = self._listed([g.name for g in given])
        if isinstance(made, exp.Anonymous):
            made.set("expressions", [listed, *made.expressions[1:]])
        else:
            made.set("this", listed)
        return str(given[0].name)

    def _listed(self, names: Iterable[str]) -> exp.Array:
        """Return files by their names, globs spelled out, and note them as what may be opened."""
        found: list[str] = []
        for glob in names:
            more = self._workspace.files(glob.removeprefix("./")) if has_magic(glob) else [glob]
            if not more:
                raise UsageError(f"{glob!r}: no file fits")
            for name in more:
                path = self._workspace.place(name)
                if not path.is_file():
                    raise UsageError(f"{name!r}: no such file in the workspace")
                self.paths[name] = str(path)
                found.append(str(path) if self._full else name)
        return exp.Array(expressions=list(map(exp.Literal.string, found)))

    # running

    def run(self, sql: str, values: Mapping[str, Any], most: int, identity: Mapping[str, str]) -> Any:
        """Run one statement and give its rows as a table of pandas, at most `most` of them and one more."""
        self._connection = connection = sealed(self.paths.values(), identity)
        try:
            for name, frame in self.used.items():
                connection.register(name, _readable(frame))
            result = connection.execute(sql, dict(values) or None)
            wide = [name for name, kind, *_ in result.description if str(kind) == "HUGEINT"]
            rows = _bounded(result, most)
            self.whole = [n for n in wide if list(rows.columns).count(n) == 1 and _is_whole(rows[n])]
            return rows.astype(dict.fromkeys(self.whole, "int64"))
        finally:
            self._connection = None
            connection.close()

    def interrupt(self) -> None:
        """End what is running."""
        if self._connection is not None:
            self._connection.interrupt()


def sealed(paths: Iterable[str], identity: Mapping[str, str]) -> Any:
    """Open a database in memory that reaches nothing but the files it is given."""
    import duckdb

    listed = ", ".join(exp.Literal.string(p).sql("duckdb") for p in paths)
    said = [f"SET VARIABLE llmos_{k} = {exp.Literal.string(v).sql('duckdb')}" for k, v in identity.items()]
    off = ("python_enable_replacements", "autoinstall_known_extensions", "autoload_known_extensions")
    settings = {"temp_directory": "''", "memory_limit": f"'{_MEMORY}'", **dict.fromkeys(off, "false")}
    settings |= {"allowed_paths": f"[{listed}]", "enable_external_access": "false"}
    connection = duckdb.connect(":memory:")
    for statement in (*(f"SET {k} = {v}" for k, v in settings.items()), *said, "SET lock_configuration = true"):
        connection.execute(statement)
    return connection


def _bounded(result: Any, most: int) -> Any:
    import pandas as pd

    chunks = [result.fetch_df_chunk()]
    count = len(chunks[0])
    while len(chunks[-1]) and count <= most:
        chunks.append(result.fetch_df_chunk())
        count += len(chunks[-1])
    filled = [c for c in chunks if len(c)] or chunks
    return pd.concat(filled, ignore_index=True) if len(filled) > 1 else filled[0]


def _is_whole(column: Any) -> bool:
    """Return whether floats that were wide integers are all there, and hold each exactly."""
    return bool(column.notna().all() and (column.abs() < _EXACT).all())


def _readable(frame: Any) -> Any:
    """Return a table in a form that DuckDB reads; one of polars wants pyarrow, or is copied."""
    if type(frame).__module__.partition(".")[0] != "polars":
        return frame
    import pandas as pd

    whole = frame.collect() if hasattr(frame, "collect") else frame
    return whole.to_arrow() if find_spec("pyarrow") else pd.DataFrame(whole.to_dict(as_series=False))


def _columns(frame: Any) -> Iterable[Any]:
    if hasattr(frame, "collect_schema"):
        return frame.collect_schema().names()  # type: ignore[no-any-return]  # polars, lazy or not
    return getattr(frame, "column_names", None) or frame.columns  # type: ignore[no-any-return]  # arrow; pandas


def _reader(name: str) -> str:
    end = name.lower().removesuffix(".gz").removesuffix(".zst").rpartition(".")[2]
    if end not in READERS:
        kinds = f"files of the kinds {', '.join(READERS)} can be read by SQL"
        raise UsageError(f"{name!r}: {kinds}{nearest(end, READERS)}")
    return READERS[end]
