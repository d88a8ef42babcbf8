"""The code cells of the pandas and scikit-learn documentation, out of the docstrings of the installed packages."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
from collections.abc import Iterator

_PARSER = doctest.DocTestParser()
# Opens files or the network, draws, waits, prints versions, or changes the interpreter for good.
_OUTSIDE = (
    "fetch_", "load_files", "to_csv", "read_", "to_excel", "to_sql", "to_hdf", "to_parquet", "to_pickle", "to_json(", "open(", "plt.",
    ".plot", "hist(", "boxplot", "sys.", "joblib", "n_jobs", "HDFStore", "ExcelWriter", "to_clipboard", "Styler", ".style",
    "set_engine", "register_", "to_feather", "to_orc", "to_stata", "to_xml", "to_latex", "show_versions", "display(", "time.sleep", "Display",
)  # fmt: skip


def cells(package: str) -> list[tuple[str, list[str]]]:
    """Each docstring of a package that holds code, as its name and its cells."""
    found: dict[str, list[str]] = {}
    for name, text in _docstrings(package):
        code = [e.source for e in _PARSER.get_examples(text)]
        if code and not any(word in source for source in code for word in _OUTSIDE):
            found.setdefault("\n".join(code), [name, *code])  # type: ignore[arg-type]
    return [(name, code) for name, *code in found.values()]


def _docstrings(package: str) -> Iterator[tuple[str, str]]:
    root = importlib.import_module(package)
    for info in pkgutil.walk_packages(root.__path__, f"{package}.", onerror=lambda _: None):
        if ".tests" in info.name or ".externals" in info.name or "._" in info.name.removeprefix(package):
            continue
        try:
            module = importlib.import_module(info.name)
        except Exception:
            continue
        yield from _of_module(module)


def _of_module(module) -> Iterator[tuple[str, str]]:
    for name, item in vars(module).items():
        if getattr(item, "__module__", None) != module.__name__:
            continue
        if isinstance(item, type):
            members = [
                (f"{name}.{n}", inspect.getattr_static(item, n)) for n in sorted(vars(item)) if not n.startswith("_")
            ]
            yield from ((f"{module.__name__}.{n}", inspect.getdoc(m)) for n, m in members if _own_doc(m))
        if inspect.getdoc(item):
            yield f"{module.__name__}.{name}", inspect.getdoc(item)


def _own_doc(member) -> bool:
    return isinstance(getattr(member, "__doc__", None), str) and ">>>" in member.__doc__


def run(name: str, code: list[str]) -> str:
    """Run a docstring's cells as steps, undo them all, redo them all, undo again; say what came out wrong, or nothing."""
    from snapshot_tools import Notebook

    book = Notebook("import numpy as np, pandas as pd, random\nrandom.seed(0); np.random.seed(0)")
    looks, calls, opaque = [book.look()], [], False
    for cell in code:
        book.step(cell)
        opaque = opaque or bool(book.opaque)
        looks.append(book.look())
        calls.append(book.call)
    for round_ in range(2):
        for call, look in zip(reversed(calls), reversed(looks[:-1]), strict=True):
            book.undo(call)
            if book.look() != look and not opaque:
                return f"{name}: undo of {call} (round {round_}) left {wrong(book.look(), look)}"
        for call, look in zip(calls if round_ == 0 else (), looks[1:], strict=False):
            book.redo(call)
            if book.look() != look and not opaque:
                return f"{name}: redo of {call} left {wrong(book.look(), look)}"
    return ""


def wrong(now: dict, then: dict) -> list[str]:
    return sorted(n for n in now.keys() | then.keys() if now.get(n) != then.get(n))
