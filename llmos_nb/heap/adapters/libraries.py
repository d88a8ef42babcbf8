"""What is known of the objects of whole libraries, by the library's top-level name."""

from __future__ import annotations

# Libraries whose objects stay as they are, or live outside the namespace.
ATOMIC_ROOTS = frozenset((
    "logging", "typing", "abc", "_abc", "warnings", "llmos_nb", "IPython", "ipykernel", "pyarrow", "zoneinfo", "enum",
))  # fmt: skip
OPAQUE_ROOTS = {
    "matplotlib": "a figure or part of one: what is drawn stays drawn",
    "mpl_toolkits": "a figure or part of one: what is drawn stays drawn",
    "ipywidgets": "a widget, which the page shows too",
    "traitlets": "an object that tells others of its changes",
    "asyncio": "a part of the event loop",
    "torch": "a tensor or model of torch",
    "sqlite3": "a database connection",
    "duckdb": "a database connection",
    "socket": "a socket",
    "subprocess": "another process",
    "multiprocessing": "another process",
    "threading": "a lock or another tool of threads",
    "_thread": "a lock or another tool of threads",
    "_io": "an open file or stream",
}
# C code whose objects do not change once they are made.
FIXED_ROOTS = frozenset((
    "datetime", "decimal", "numpy", "pandas", "polars", "sklearn", "scipy", "_operator", "operator", "uuid", "types",
    "_contextvars", "_struct", "pydantic_core",
))  # fmt: skip
