"""Tables in goals: a file that the user attaches, as in ``!`sales.csv```, becomes a variable of its name."""

from __future__ import annotations

import keyword
import re
import weakref
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from llmos_nb.errors import UsageError

LARGEST = 256 << 20
NAMED = re.compile(r"!`([^`\n]+)`")
_made: dict[str, weakref.ref[Any]] = {}


def files(goal: str) -> list[str]:
    """Name the files that a goal attaches, each once."""
    return list(dict.fromkeys(NAMED.findall(goal)))


def is_table(file: str) -> bool:
    """Tell a table from an image, by the file's name."""
    return _ending(file) in _READERS


def variable(file: str) -> str:
    """Give the variable that a table becomes: `sales` for ``data/sales.csv``, `t_2024` for ``2024.csv``."""
    name = re.sub(r"\W+", "_", Path(file).name.partition(".")[0], flags=re.ASCII).strip("_") or "table"
    return f"t_{name}" if not name.isidentifier() or keyword.iskeyword(name) else name


def tables(goal: str) -> dict[str, str]:
    """Give the tables that a goal attaches: file by variable."""
    found: dict[str, str] = {}
    for file in filter(is_table, files(goal)):
        name = variable(file)
        if name in found:
            raise UsageError(
                f"!`{file}`: !`{found[name]}` becomes the variable {name}, too; rename one of the files"
            )
        found[name] = file
    return found


def attach(goal: str, namespace: dict[str, Any] | None) -> list[dict[str, str]]:
    """Read the tables that a goal attaches into variables.

    Returns
    -------
    list of dict
        ``{"name", "file", "sha256"}`` of each, for the record.

    Raises
    ------
    UsageError
        A file cannot be read, its name is taken by a variable of the user's, or there is no namespace; nothing was
        changed.
    """
    wanted = tables(goal)
    if wanted and namespace is None:
        raise UsageError(f"!`{next(iter(wanted.values()))}`: there is no namespace that could hold it")
    for name, file in wanted.items():
        if name in (namespace or {}) and not _ours(name, namespace or {}):
            raise UsageError(
                f"!`{file}`: there is a variable {name} already; write `{name}`, or delete it first"
            )
    read = {name: _read(file) for name, file in wanted.items()}
    for name, (frame, _) in read.items():
        _bind(name, frame, namespace)
    return [{"name": n, "file": wanted[n], "sha256": digest} for n, (_, digest) in read.items()]


def restore(recorded: Iterable[Mapping[str, str]], namespace: dict[str, Any] | None) -> None:
    """Read attached tables again in a new kernel, where their files are what they were; else they stay missing."""
    for one in recorded:
        if namespace is None or one["name"] in namespace:
            continue
        try:
            frame, digest = _read(one["file"])
        except UsageError:  # the process says what it needs when it is resumed
            continue
        if digest == one["sha256"]:
            _bind(one["name"], frame, namespace)


def said(goal: str) -> list[str]:
    """Say which variable each attached table is, for the model."""
    return [f"{file} is the variable `{name}`" for name, file in tables(goal).items()]


def _ours(name: str, namespace: Mapping[str, Any]) -> bool:
    """Whether a variable is one that attaching made, so that the cell may be run again."""
    made = _made.get(name)
    return made is not None and made() is namespace[name]


def _bind(name: str, frame: Any, namespace: dict[str, Any] | None) -> None:
    if namespace is not None:
        namespace[name] = frame
        _made[name] = weakref.ref(frame)


def _read(file: str) -> tuple[Any, str]:
    """Give a table and the hash of its file."""
    path = Path(file).expanduser()
    try:
        size = path.stat().st_size
        raw = path.read_bytes() if size <= LARGEST else b""
    except OSError as error:
        raise UsageError(f"!`{file}`: cannot be read ({error.strerror or error})") from None
    if size > LARGEST:
        raise UsageError(
            f"!`{file}`: {size:,} bytes; at most {LARGEST:,} are attached: read it in a cell of your own"
        )
    library, read = _READERS[_ending(file)]
    for module in ("pandas", library):
        if find_spec(module) is None:
            raise UsageError(f'!`{file}`: {module} is not installed; pip install "llmos_nb[tables]"')
    try:
        return read(path), sha256(raw).hexdigest()
    except Exception as error:  # whatever a broken file does to a reader
        raise UsageError(f"!`{file}`: not a table ({type(error).__name__}: {str(error)[:150]})") from None


def _ending(file: str) -> str:
    name = file.lower()
    return (
        name.removesuffix(".gz").rpartition(".")[2]
        if name.endswith((".csv.gz", ".tsv.gz"))
        else name.rpartition(".")[2]
    )


def _pandas(function: str, **options: Any) -> Callable[[Path], Any]:
    return lambda path: getattr(import_module("pandas"), function)(path, **options)


def _parquet(path: Path) -> Any:
    duckdb = import_module("duckdb")
    with duckdb.connect() as connection:
        return connection.read_parquet(str(path)).df()


# by ending: the library beside pandas, and the reader
_READERS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "csv": ("pandas", _pandas("read_csv")),
    "tsv": ("pandas", _pandas("read_csv", sep="\t")),
    "parquet": ("duckdb", _parquet),
    "xlsx": ("openpyxl", _pandas("read_excel")),
}
