"""What libraries of native code do that no audit event tells: their functions that act say it, as files do elsewhere.

DuckDB and polars write and read by themselves. The functions by which Python reaches that are put behind ones that
raise the event first, when a step begins and when it imports such a library.
"""

from __future__ import annotations

import builtins
import glob
import importlib
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial, wraps
from types import FunctionType
from typing import Any
from urllib.parse import urlsplit

from llmos_nb.policy.code import OUT_OF_MEMORY, quoted, sources
from llmos_nb.tools import unheard

MOST = 200  # files that a pattern stands for
Event = tuple[Any, ...]
_ADDRESS = re.compile(r"\w+://")
_NAMES = ("file", "path", "target", "source", "workbook", "file_name", "path_or_buffer", "query", "database")
_VALUES = ("parameters", "params")
_KINDS = (str, bytes, os.PathLike)
_NEVER, _ALWAYS = re.compile(r"(?!)"), re.compile("")
_WITHIN = re.compile(r"(?i)\b(copy|export|attach)\b")
_SETTING = re.compile(r"(?i)path|output|directory|repository|import")
# by kind of statement: what in its text says that it leaves memory
_LEAVING = {
    **dict.fromkeys(("COPY", "EXPORT", "ATTACH", "LOAD", "EXTENSION", "COPY_DATABASE", "MULTI", "INVALID"), _ALWAYS),
    **dict.fromkeys(("EXPLAIN", "PREPARE"), _WITHIN),
    **dict.fromkeys(("SET", "PRAGMA", "CALL"), _SETTING),
    "CREATE": re.compile(r"(?i)\bpersistent\b"),
}


def _first(at: int, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    return args[at] if len(args) > at else next((kwargs[n] for n in _NAMES if n in kwargs), None)


def _written(at: int, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterator[Event]:
    """Say that a file is written, where one is named; what is given no path writes into memory."""
    if isinstance(given := _first(at, args, kwargs), _KINDS):
        yield from _place(os.fsdecode(given), "write")


def _read(at: int, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterator[Event]:
    """Say which files are read."""
    if isinstance(given := _first(at, args, kwargs), _KINDS):
        yield from _place(os.fsdecode(given), "read")


def _opened(at: int, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterator[Event]:
    """Say that a database is opened: to be read only, or to be written."""
    given = _first(at, args, kwargs)
    name = os.fsdecode(given) if isinstance(given, _KINDS) else ""
    if name and not name.startswith(":memory:"):
        only = kwargs.get("read_only", args[at + 1] if len(args) > at + 1 else False)
        yield from _place(name, "read" if only is True else "database")


def _asked(at: int, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterator[Event]:
    """Say what statements of DuckDB's do outside: the files that they name are read, some are written."""
    given = _first(at, args, kwargs)
    query = getattr(given, "query", "") if type(given).__module__ == "_duckdb" else given  # of one that was parsed
    text = query if isinstance(query, str) else ""
    if _out_of_memory(text):
        for path in quoted(text) or ["a database of DuckDB"]:
            yield from _place(path, "database")
    values = args[at + 1] if len(args) > at + 1 else next((kwargs[n] for n in _VALUES if n in kwargs), ())
    handed = values.values() if isinstance(values, Mapping) else values
    for path in sources(text, handed if isinstance(handed, Iterable) else ()):
        yield from _place(path, "read")


def _out_of_memory(text: str) -> bool:
    """Return whether statements leave a database of DuckDB's; its own parser says what each one is."""
    try:
        found = [(one.type.name, one.query) for one in sys.modules["_duckdb"].extract_statements(text)]
    except Exception:  # also of kinds that it has no name for
        return any(OUT_OF_MEMORY.match(one) for one in text.split(";"))
    return any(_LEAVING.get(kind, _NEVER).search(query) for kind, query in found)


def _place(path: str, kind: str) -> Iterator[Event]:
    if _ADDRESS.match(path) and not path.startswith("file:"):
        yield "llmos.native", "network", urlsplit(path).netloc or path
    elif kind == "read":
        yield from (("open", found, "r", 0) for found in glob.glob(path)[:MOST])  # noqa: PTH207 - as they match it
    else:
        yield "llmos.native", kind, path


_SAVED = "avro csv delta excel ipc ipc_stream json ndjson parquet"
_LOADED = "read_csv read_json read_parquet"
_STATEMENTS = "sql query execute"
# by library: its functions, where the argument stands that says what it acts on, and what that says
_ACTS: dict[str, tuple[tuple[str, int, Callable[..., Iterator[Event]]], ...]] = {
    "polars": (
        *((f"DataFrame.write_{n}", 1, _written) for n in _SAVED.split()),
        *((f"LazyFrame.sink_{n}", 1, _written) for n in _SAVED.split()),
        *((f"{how}_{n}", 0, _read) for how in ("read", "scan") for n in _SAVED.split()),
    ),
    **dict.fromkeys(
        ("duckdb", "_duckdb"),
        (
            ("connect", 0, _opened),
            *((n, 0, _asked) for n in _STATEMENTS.split()),
            *((n, 0, _read) for n in _LOADED.split()),
            *((f"DuckDBPyConnection.{n}", 1, _asked) for n in f"{_STATEMENTS} executemany from_query".split()),
            *((f"DuckDBPyConnection.{n}", 1, _read) for n in _LOADED.split()),
            *((f"DuckDBPyRelation.{n}", 1, _written) for n in ("write_csv", "to_csv", "write_parquet", "to_parquet")),
        ),
    ),
}


def follow(imported: str = "") -> None:
    """Have the libraries that are there tell what they do, and one that is about to be imported."""
    if imported in _ACTS and imported not in sys.modules:
        with suppress(Exception):  # whoever imports it meets that
            importlib.import_module(imported)
    for library, acts in _ACTS.items():
        module = sys.modules.get(library)
        for name, at, said in acts if module is not None else ():
            kind, _, last = name.rpartition(".")
            _put_before(library, getattr(module, kind, None) if kind else module, last, partial(said, at))


def _put_before(library: str, owner: Any, name: str, said: Callable[..., Iterator[Event]]) -> None:
    real = getattr(owner, name, None)
    if real is None or getattr(real, "llmos", False):
        return

    def call(*args: Any, **kwargs: Any) -> Any:
        for event in said(args, kwargs):
            sys.audit(*event)
        return real(*args, **kwargs)

    # DuckDB looks for variables in the nearest frame that is none of its own
    around = {"__name__": library.lstrip("_"), "__builtins__": builtins, "sys": sys}
    made: Any = FunctionType(call.__code__, around, name, None, call.__closure__)
    unheard.place(owner, name, wraps(real)(made))
    made.llmos = True
