"""What an approval of code rests on beside the variables: where it runs, and the files and functions that it names.

A person approves what they see; the file, the module or the folder behind a name may be another one by the time when
the code begins. Nothing is imported or run to find out.
"""

from __future__ import annotations

import ast
import builtins
import os
import re
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from llmos_nb.heap.digest import digest
from llmos_nb.policy.secrets import secret_name
from llmos_nb.tools.devices.python import stands_in

MOST_FILES, MOST_BYTES = 60, 16 << 20
ALWAYS = ("PATH", "PYTHONPATH")  # what a name of a program or a module leads to
_FILE = re.compile(r"[\w.~/+@-]*\.\w{1,8}\b|(?<=[\s'\"])[~.]?/[\w.~/+@-]+")
_VARIABLE = re.compile(
    r"environ\w*(?:\.get|\.pop|\.setdefault)?[\[(]\s*['\"](\w+)|getenv\(\s*['\"](\w+)|\$\{?(\w+)"
)
_LIBRARIES = tuple({sysconfig.get_path(k) for k in ("stdlib", "platstdlib", "purelib", "platlib")})


def surroundings(code: str, namespace: Mapping[str, Any]) -> str:
    """Return a digest of the working folder, of files, modules and variables of the environment that code names.

    Parameters
    ----------
    code : str
        As a step would run it.
    namespace : mapping
        What its names stand for.
    """
    try:
        tree: ast.AST = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # there are magics in it
        tree = ast.Module([], [])
    found = [f"folder {Path.cwd()}"]
    found += (f"variable {name} {os.environ.get(name)}" for name in sorted(_variables(code)))
    found += (f"file {path} {_content(path)}" for path in sorted(_files(code, tree, namespace)))
    reached = ((name, value) for name, value in _reached(tree, namespace) if not _as_installed(name, value))
    found += sorted(f"function {name} {_spelled(value)}" for name, value in reached)
    found += sorted(
        f"in place of {name} {_spelled(value)}" for name, value in _in_place(tree, namespace).items()
    )
    return sha256("\n".join(found).encode("utf-8", "surrogatepass")).hexdigest()


def _variables(code: str) -> set[str]:
    named = {next(filter(None, groups)) for groups in _VARIABLE.findall(code)}
    return {*ALWAYS, *(name for name in named if not secret_name(name))}


def _files(code: str, tree: ast.AST, namespace: Mapping[str, Any]) -> set[Path]:
    """Return the files that are there under what code spells, and those of modules of the user's own."""
    texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    found: set[Path] = set()
    for text in (*texts, *_FILE.findall(code)):
        with suppress(OSError, ValueError, RuntimeError):
            path = Path(text).expanduser().resolve() if 0 < len(text) < 1000 else Path()
            if path.is_file() and len(found) < MOST_FILES:
                found.add(path)
    named = (namespace.get(n.id) for n in ast.walk(tree) if isinstance(n, ast.Name))
    modules = {name for name, _ in _imported(tree)} | {m.__name__ for m in named if isinstance(m, ModuleType)}
    for name in {m.partition(".")[0] for m in modules}:
        found.update(file.resolve() for file in list(_of_module(name))[:MOST_FILES])
    return found


def _of_module(name: str) -> Iterator[Path]:
    """Return the files of a module that no package installs, whether or not it was imported."""
    there = [Path(entry or ".") / name for entry in sys.path if not entry.startswith(_LIBRARIES)]
    loaded = getattr(sys.modules.get(name), "__file__", None)
    if isinstance(loaded, str) and not loaded.startswith(_LIBRARIES):
        yield Path(loaded)
    for place in there:
        if (file := place.with_suffix(".py")).is_file():
            yield file
        elif (place / "__init__.py").is_file():
            yield from sorted(place.rglob("*.py"))


def _content(path: Path) -> str:
    with suppress(OSError):
        stat = path.stat()
        large = stat.st_size > MOST_BYTES
        return f"{stat.st_size} {stat.st_mtime_ns}" if large else sha256(path.read_bytes()).hexdigest()
    return ""


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Return what code imports, and the names that it gets there."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for a in node.names:
                yield (a.name, a.asname) if a.asname else (a.name.partition(".")[0],) * 2
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((f"{node.module}.{a.name}", a.asname or a.name) for a in node.names)


def _reached(tree: ast.AST, namespace: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Return the functions of modules that code names, as they stand in the modules now."""
    modules = {n: v for n, v in namespace.items() if isinstance(v, ModuleType)}
    for dotted, name in _imported(tree):
        module, _, last = dotted.rpartition(".")
        if dotted in sys.modules:
            modules[name] = sys.modules[dotted]
        elif module in sys.modules:
            yield dotted, vars(sys.modules[module]).get(last)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            parts: list[str] = []
            at: ast.expr = node
            while isinstance(at, ast.Attribute):
                parts, at = [at.attr, *parts], at.value
            value = modules.get(at.id) if isinstance(at, ast.Name) else None
            for part in parts:
                value = vars(value).get(part) if isinstance(value, ModuleType) else None
            if value is not None and not isinstance(value, ModuleType):
                yield ast.unparse(node), value


def _in_place(tree: ast.AST, namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables that stand in the place of builtins that code names."""
    named = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and hasattr(builtins, n.id)}
    return {n: namespace[n] for n in named if n in namespace and not stands_in(n, namespace[n])}


def _as_installed(name: str, value: object) -> bool:
    """Return whether a value is what an installed package has under this name: so it is imported or not."""
    of = getattr(value if callable(value) else type(value), "__module__", None) or ""
    maker = sys.modules.get(of)
    file = value.__code__.co_filename if isinstance(value, FunctionType) else getattr(maker, "__file__", None)
    if not (file.startswith(_LIBRARIES) if file else of in sys.builtin_module_names):
        return False
    called = getattr(value, "__qualname__", getattr(value, "__name__", ""))
    own = maker is not None and vars(maker).get(called) is value
    return not callable(value) or (own and called == name.rpartition(".")[2])


def _spelled(value: object) -> str:
    if isinstance(value, FunctionType):
        return digest(value)
    return f"{type(value).__qualname__} {getattr(value, '__module__', '')} {getattr(value, '__qualname__', '')}"
