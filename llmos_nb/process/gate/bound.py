"""What an approval rests on: the variables that a call reads, and for code where it runs and what its names lead to.

A person approves what they see; the file, the module or the folder behind a name may be another one by the time when
the code begins. Nothing is imported or run to find out.
"""

from __future__ import annotations

import ast
import builtins
import dis
import os
import re
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path, PurePath
from types import FunctionType, ModuleType
from typing import Any

from llmos_nb.heap import is_written
from llmos_nb.heap.digest import digest
from llmos_nb.policy.code import tree_of
from llmos_nb.policy.secrets import secret_name
from llmos_nb.process.findings import Findings
from llmos_nb.process.gate import conflicts
from llmos_nb.process.run import Run
from llmos_nb.tools import Tool
from llmos_nb.tools.devices.python import stands_in

MOST_FILES, MOST_BYTES = 60, 16 << 20
ALWAYS = ("PATH", "PYTHONPATH")  # what a name of a program or a module leads to
MOST_TOLD = 4
_WORDS = {
    "state": "what it would act on",
    "folder": "the working folder",
    "variable": "{} of the environment",
    "file": "the file {}",
    "place": "where {} leads",
    "function": "{}",
    "class": "the class of {}",
    "builtin": "what {} stands for",
}
_PLAIN = (str, bytes, int, float, bool, type(None))
_FILE = re.compile(r"[\w.~/+@-]*\.\w{1,8}\b|(?<=[\s'\"])[~.]?/[\w.~/+@-]+")
_VARIABLE = re.compile(r"environ\w*(?:\.get|\.pop|\.setdefault)?[\[(]\s*['\"](\w+)|getenv\(\s*['\"](\w+)|\$\{?(\w+)")
_LIBRARIES = tuple({sysconfig.get_path(k) for k in ("stdlib", "platstdlib", "purelib", "platlib")})


def versions(run: Run, tool: Tool, arguments: object, seen: Findings) -> dict[str, str]:
    """Return what an approval of a call rests on, each with a digest.

    Parameters
    ----------
    run, tool, arguments, seen
        The process, the tool that is called, with what, and what the gate found in that.

    Returns
    -------
    dict of str to str
        By kind and name: ``name x`` for a variable, ``file orders.csv``, ``function of``…; see `changed`.
    """
    if tool.elsewhere:
        found = {}
    else:
        names = sorted({*seen.reads, *conflicts.rewritten(run, seen)})
        found = {f"name {name}": value for name, value in run.fingerprint(names).items()}
    if seen.state is not None:  # of what a device would act on, such as files to be committed
        found["state"] = seen.state
    if tool.gated and not tool.elsewhere and isinstance(arguments, dict):
        return found | surroundings(str(arguments.get("code", "")), run.namespace or {})
    return found | (settings(tool.fn) if tool.runner is None and not tool.elsewhere else {})


def changed(run: Run, seen: Findings, before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Say what has changed between an approval and the start, and who changed it where that is known.

    Parameters
    ----------
    run, seen
        The process, and what the gate finds in the call now.
    before, after : mapping
        What `versions` gave at both times; nothing where it is not known what stood there before.
    """
    by = conflicts.theirs(run, seen.names)
    if not before:
        return f"{conflicts.named(by) or 'something that it uses'} {_have(len(by) or 1)} changed"
    differ = [key for key in (*before, *(k for k in after if k not in before)) if before.get(key) != after.get(key)]
    if "folder" in differ:  # with it every file is another one
        differ = ["folder"]
    told = list(dict.fromkeys(_in_words(key, by) for key in differ)) or ["the tool itself"]
    first, more = told[:MOST_TOLD], len(told) - MOST_TOLD
    if more > 0:
        first, last = first[:-1], f"{more + 1} more"
    else:
        first, last = first[:-1], first[-1]
    return f"{', '.join(first)}{' and ' if first else ''}{last} {_have(len(told))} changed"


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def _in_words(key: str, by: Mapping[str, str]) -> str:
    """Return a key of `versions` as it is said to a person."""
    kind, _, name = key.partition(" ")
    if kind == "name":
        return conflicts.named({name: by[name]}) if name in by else f"`{name}`"
    return _WORDS[kind].format(f"`{name}`")


def surroundings(code: str, namespace: Mapping[str, Any]) -> dict[str, str]:
    """Return digests of the working folder, of files, modules and variables of the environment that code names.

    Parameters
    ----------
    code : str
        As a step would run it.
    namespace : mapping
        What its names stand for.
    """
    try:
        tree: ast.AST = tree_of(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # there are magics in it
        tree = ast.Module([], [])
    found = {"folder": str(Path.cwd())}
    found |= {f"variable {name}": _hash(str(os.environ.get(name))) for name in sorted(_variables(code))}
    files, places = _files(code, tree, namespace)
    found |= {f"file {text}": f"{path} {_content(path)}" for text, path in sorted(files.items())}
    found |= {f"place {text}": str(path) for text, path in sorted(places.items())}
    for kind, of in (
        ("function", _reached(tree, namespace)),
        ("class", _classes(tree, namespace)),
        ("builtin", _in_place(tree, namespace).items()),
    ):
        for name, value in of:
            found[f"{kind} {name}"] = _hash(found.get(f"{kind} {name}", "") + _spelled(value))
    return found


def settings(fn: object) -> dict[str, str]:
    """Return the plain values that a function takes from around it: whom, where and how much may stand there."""
    if not isinstance(fn, FunctionType):
        return {}
    around = {n: fn.__globals__[n] for n in fn.__code__.co_names if n in fn.__globals__}
    with suppress(ValueError):  # a cell that is empty yet
        around |= {n: c.cell_contents for n, c in zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True)}
    kept = {i.argval for i in dis.get_instructions(fn) if i.opname.startswith("STORE_")}  # by itself, as a count
    return {f"name {n}": _hash(repr(v)) for n, v in sorted(around.items()) if type(v) in _PLAIN and n not in kept}


def _hash(text: str) -> str:
    """Return a digest of what may be long, or nobody else's to read."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _variables(code: str) -> set[str]:
    named = {next(filter(None, groups)) for groups in _VARIABLE.findall(code)}
    return {*ALWAYS, *(name for name in named if not secret_name(name))}


def _files(code: str, tree: ast.AST, namespace: Mapping[str, Any]) -> tuple[dict[str, Path], dict[str, Path]]:
    """Return the files that are there under what code spells, also by a variable, and those of the user's modules.

    With them where the other paths lead, which is elsewhere once a link on the way is another one. Both by how they are
    spelled.
    """
    texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    values = [value for _, value in _named(tree, namespace)]
    texts += [str(value) for value in values if type(value) is str or isinstance(value, PurePath)]
    found: dict[str, Path] = {}
    places: dict[str, Path] = {}
    for text in (*texts, *_FILE.findall(code)):
        with suppress(OSError, ValueError, RuntimeError):
            path = Path(text).expanduser().resolve() if 0 < len(text) < 1000 else Path()
            if path.is_file() and len(found) < MOST_FILES:
                found[text] = path
            elif os.sep in text and path.parent.is_dir():
                places[text] = path
    modules = {name for name, _ in _imported(tree)} | {m.__name__ for m in values if isinstance(m, ModuleType)}
    for name in {m.partition(".")[0] for m in modules}:
        of_module = [file.resolve() for file in list(_of_module(name))[:MOST_FILES]]
        found |= {_from_here(path): path for path in of_module}
    return found, places


def _from_here(path: Path) -> str:
    here = Path.cwd().resolve()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _named(tree: ast.AST, namespace: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the variables that code names."""
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    return [(name, namespace[name]) for name in sorted(names & namespace.keys())]


def _classes(tree: ast.AST, namespace: Mapping[str, Any]) -> Iterator[tuple[str, type]]:
    """Return the classes, where they are the user's, of the objects that code names: there stands what they do."""
    for name, value in _named(tree, namespace):
        if is_written(type(value)):
            yield name, type(value)


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
    """Return what code names of modules, as it stands there now, but for what a package has installed there."""
    for owner, name, value in _within(tree, namespace):
        if not (_as_installed(name, value) if callable(value) else _installed(owner)):
            yield name, value


def _within(tree: ast.AST, namespace: Mapping[str, Any]) -> Iterator[tuple[ModuleType, str, Any]]:
    """Return what code names of modules: the module, the name as it is spelled, the value."""
    modules = {n: v for n, v in namespace.items() if isinstance(v, ModuleType)}
    for dotted, name in _imported(tree):
        module, _, last = dotted.rpartition(".")
        if dotted in sys.modules:
            modules[name] = sys.modules[dotted]
        elif module in sys.modules:
            yield sys.modules[module], dotted, vars(sys.modules[module]).get(last)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            parts: list[str] = []
            at: ast.expr = node
            while isinstance(at, ast.Attribute):
                parts, at = [at.attr, *parts], at.value
            value: Any = modules.get(at.id) if isinstance(at, ast.Name) else None
            owner = value
            for part in parts:
                owner = value if isinstance(value, ModuleType) else owner
                value = vars(value).get(part) if isinstance(value, ModuleType) else None
            if value is not None and not isinstance(value, ModuleType):
                yield owner, ast.unparse(node), value


def _in_place(tree: ast.AST, namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables that stand in the place of builtins that code names."""
    named = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and hasattr(builtins, n.id)}
    return {n: namespace[n] for n in named if n in namespace and not stands_in(n, namespace[n])}


def _installed(module: ModuleType) -> bool:
    """Return whether a module is Python's own, or a package's."""
    file = getattr(module, "__file__", None)
    return file.startswith(_LIBRARIES) if file else module.__name__ in sys.builtin_module_names


def _as_installed(name: str, value: object) -> bool:
    """Return whether a function is what an installed package has under this name: so it is imported or not."""
    of = getattr(value if callable(value) else type(value), "__module__", None) or ""
    maker = sys.modules.get(of)
    file = value.__code__.co_filename if isinstance(value, FunctionType) else getattr(maker, "__file__", None)
    if not (file.startswith(_LIBRARIES) if file else of in sys.builtin_module_names):
        return False
    called = getattr(value, "__qualname__", getattr(value, "__name__", ""))
    own = maker is not None and vars(maker).get(called) is value
    return own and called == name.rpartition(".")[2]


def _spelled(value: object) -> str:
    if not callable(value) or isinstance(value, FunctionType) or (isinstance(value, type) and is_written(value)):
        return digest(value)
    return f"{type(value).__qualname__} {getattr(value, '__module__', '')} {getattr(value, '__qualname__', '')}"
