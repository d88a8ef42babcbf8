"""Files that the code reads: found, hashed, brought beside the notebook, and checked by a cell of it."""

from __future__ import annotations

import ast
import glob
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import file_digest, sha256
from importlib.util import find_spec
from json import dumps
from pathlib import Path
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.export.dataflow.effects import dotted
from llmos_nb.export.dataflow.parsed import nodes
from llmos_nb.export.functions import local_modules
from llmos_nb.export.literals import Held, kinds
from llmos_nb.export.source import ExportSource

_LONGEST = 300  # characters; longer texts in code are prose, not names of files
_QUOTED, _WITH_SUFFIX = re.compile(r"(?<=['\"])[^'\"\n]+(?=['\"])"), re.compile(r"[^\s'\"(),;=<>|&]+\.\w+")
_PATHS = ("Path", "PurePath", "PosixPath", "str", "fspath", "open")


def named_texts(sources: Iterable[str], file: str = "") -> dict[str, str]:
    """Return the names that code binds to a text or path; `file` is the module that it is, where it is one."""
    known = {"__file__": file} if file else {}
    for source in sources:
        for node in nodes(source):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    known |= {name: text} if (text := text_of(value, known)) is not None else {}
    return known


def file_names(source: str, known: Mapping[str, str]) -> Iterator[str]:
    """Return every text in code that may be a file's name, also one inside another text, as in SQL."""
    for node in nodes(source):
        if isinstance(node, ast.expr):
            text = text_of(node, known) or ""
            for name in (text, *_QUOTED.findall(text), *_WITH_SUFFIX.findall(text)):
                if len(name) < _LONGEST and not set(name) & {"\n", "\0"} and name.strip(". /"):
                    yield name


def text_of(node: ast.AST, known: Mapping[str, str]) -> str | None:
    """Return the text or path that an expression evaluates to; None where only running it tells."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=name):
            return known.get(name)
        case ast.BinOp(left, ast.Div() | ast.Add() as op, right):
            return _joined((left, right), "/" if isinstance(op, ast.Div) else "", known)
        case ast.JoinedStr(values):
            return _joined((v.value if isinstance(v, ast.FormattedValue) else v for v in values), "", known)
        case ast.Attribute(attr="parent") | ast.Call():
            return _path_of(node, known)
    return None


def _path_of(node: ast.expr, known: Mapping[str, str]) -> str | None:
    """Return the path that a call, or ``.parent``, gives."""
    match node:
        case ast.Attribute(value) | ast.Call(ast.Attribute(_, "dirname"), [value]):
            whole = text_of(value, known)
            return os.path.dirname(whole) or "." if whole else None  # noqa: PTH120 - a text
        case ast.Call(ast.Attribute(value, "resolve" | "absolute"), []):
            return text_of(value, known)
        case ast.Call(func=func, args=args):
            name = dotted(func)
            if name.endswith("path.join") or (name.rpartition(".")[2] in _PATHS and args):
                return _joined(args if name.endswith(("join", "Path")) else args[:1], "/", known)
    return None


def _joined(parts: Iterable[ast.AST], between: str, known: Mapping[str, str]) -> str | None:
    texts = [text_of(p, known) for p in parts]
    return between.join(t for t in texts if t is not None) if None not in texts else None


_TABLES = (".csv", ".tsv", ".jsonl", ".txt")
MOST = 200  # files: a pattern may fit a whole disk
_IN_FILES = ("sqlite:", "sqlite+", "duckdb:")  # how addresses begin of databases that are a file
COPY_BYTES = 512 << 20  # a larger file is named and hashed, not copied


@dataclass
class Input:
    """A declared input file."""

    path: str  # as the code spells it; relative ones start from the notebook's folder
    sha256: str
    size: int
    kind: str = "file"  # file (the code reads it), held (a value of the live namespace) or module
    about: dict[str, Any] = field(default_factory=dict)  # rows, types, the variable

    def plain(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"path": self.path, "sha256": self.sha256, "bytes": self.size, "kind": self.kind, **self.about}


def digest_file(path: Path) -> str:
    """Hash a file."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def is_still(path: Path, sha256: str) -> bool:
    """Return whether a file is there as it was."""
    with suppress(OSError):
        return digest_file(path) == sha256
    return False


def files_read(sources: Iterable[str], runs: Sequence[ExportSource]) -> list[Input]:
    """Find the files whose names stand in code and that were there before the run.

    A file that the run itself wrote is no input: it is written again. A database that is known by its address is one
    also where it was ``changed`` since, as by a call that acts outside and is not done again.
    """
    folder = runs[0].folder
    starts = (datetime.fromisoformat(r.events[0].at).timestamp() for r in runs if r.events)
    begun = min(starts, default=float("inf"))
    found: dict[str, Input] = {}
    known = named_texts(sources := list(sources))
    entries = list(_import_path(sources, known, folder))
    for source in sources:
        for name in file_names(source, known):
            for path in _matches(name, folder):
                whole = folder / path
                if path not in found and len(found) < MOST and whole.stat().st_mtime < begun:
                    found[path] = _described(path, whole)
        for name in local_modules(source, folder, entries):
            whole = folder / name
            found[name] = Input(name, digest_file(whole), whole.stat().st_size, "module")
            for path in _named_by(name, folder):
                if path not in found and len(found) < MOST and (folder / path).stat().st_mtime < begun:
                    found[path] = _described(path, folder / path)
        for path in _addressed(source, known):
            if path not in found and (whole := folder / path).is_file():
                found[path] = _described(path, whole)
                found[path].about |= {"changed": True} if whole.stat().st_mtime >= begun else {}
    return list(found.values())


def _addressed(source: str, known: Mapping[str, str]) -> Iterator[str]:
    """Return the files of databases whose addresses stand in code, such as ``sqlite:///x.db``."""
    texts = {text_of(node, known) or "" for node in nodes(source) if isinstance(node, ast.expr)}
    found = [t for t in texts if t.startswith(_IN_FILES) and len(t) < _LONGEST]
    if found and find_spec("sqlalchemy"):
        from sqlalchemy import exc, make_url  # only where code has such an address

        for text in found:
            with suppress(exc.ArgumentError, ValueError):
                yield make_url(text).database or ""


def _named_by(module: str, folder: Path) -> Iterator[str]:
    """Return the files whose names stand in a module of the user's, from its own folder or the notebook's."""
    with suppress(OSError, SyntaxError, ValueError):
        source = (folder / module).read_text(encoding="utf-8")
        for name in file_names(source, named_texts([source], module)):
            for base in dict.fromkeys((os.path.dirname(module), "")):  # noqa: PTH120 - a text as the code spells it
                whole = Path(os.path.normpath(os.path.join(base, name))).as_posix()  # noqa: PTH118 - as above
                yield from (path for path in _matches(whole, folder) if not path.endswith(".py"))


def _import_path(sources: Iterable[str], known: Mapping[str, str], folder: Path) -> Iterator[str]:
    """Return the folders that code puts on the import path, as far as its text tells."""
    for node in (n for source in sources for n in nodes(source)):
        changes = isinstance(node, ast.Call) and dotted(node.func).startswith(("sys.path.", "site.addsitedir"))
        added = node.op if isinstance(node, ast.AugAssign) and dotted(node.target) == "sys.path" else None
        if changes or added is not None:
            texts = (text_of(n, known) for n in ast.walk(node) if isinstance(n, ast.expr))
            yield from (t for t in texts if t and "\0" not in t and (folder / t).is_dir())


def _matches(name: str, folder: Path) -> list[str]:
    try:
        if any(c in name for c in "*?["):
            hits = glob.glob(name, root_dir=folder)  # noqa: PTH207 - Path.glob refuses absolute patterns
            return sorted(h for h in hits if (folder / h).is_file())
        return [name] if (folder / name).is_file() else []
    except OSError:  # too long, or not a name at all
        return []


def _described(path: str, whole: Path) -> Input:
    made = Input(path, digest_file(whole), whole.stat().st_size)
    if whole.suffix.lower() in _TABLES and made.size <= 64 << 20:
        made.about["rows"] = whole.read_bytes().count(b"\n")
    return made


def from_held(held: Iterable[Held]) -> list[Input]:
    """Declare the values that come as files."""
    files = [(h, sha256(h.data).hexdigest()) for h in held if h.file]
    return [Input(h.file, digest, len(h.data), "held", {"name": h.name, **h.about}) for h, digest in files]


def bring(inputs: Iterable[Input], held: Iterable[Held], folder: Path, beside: Path) -> None:
    """Write held values, and copy files that the code names relatively, beside the notebook, over no other file."""
    for target, data in ((beside / each.file, each.data) for each in held if each.file):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    for one in inputs:
        relative = one.kind != "held" and not Path(one.path).is_absolute() and ".." not in Path(one.path).parts
        target = beside / one.path
        if one.about.get("since") and not target.exists():
            continue  # what is there now is another file; the notebook says so
        if not relative or target.absolute() == (folder / one.path).absolute() or one.size > COPY_BYTES:
            continue
        if target.exists() and digest_file(target) != one.sha256:
            raise UsageError(f"{target}: another file of this name is there; export into another folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / one.path, target)


def check_code(inputs: Sequence[Input]) -> str:
    """Return the cell that checks the input files, empty where there are none."""
    if not inputs:
        return ""
    lines = ["# The files that this notebook reads must be those that it was made with.", "from hashlib import sha256"]
    lines += ["from pathlib import Path", "", "for _name, _expected in {"]
    for one in inputs:
        said = [f"{one.about['rows']} lines"] if "rows" in one.about else []
        said += ["others may have written it"] if "others" in one.about else []
        said += (
            ["as it was when this was exported: it was changed since the run began"] if "changed" in one.about else []
        )
        about = f"  # {'; '.join(said)}" if said else ""
        lines.append(f'    {dumps(one.path, ensure_ascii=False)}: "{one.sha256}",{about}')
    lines += ["}.items():", '    assert Path(_name).is_file(), f"{_name} is not here, and this notebook reads it"']
    lines += ["    _found = sha256(Path(_name).read_bytes()).hexdigest()"]
    other = "is another file than the one that this notebook was made with (its sha256 is {_found})"
    return "\n".join([*lines, f'    assert _found == _expected, f"{{_name}} {other}"'])


def shapes_code(names: Iterable[str], namespace: Any, unknown: Mapping[str, str]) -> str:
    """Return the cell that checks rows and types of the tables that the steps start from.

    `unknown` says by name why a live value is not the one that they started from.
    """
    lines, aside = list[str](), list[str]()
    for name in sorted(names):
        value = namespace.get(name)
        if isinstance(value, type) or not isinstance(getattr(value, "shape", None), tuple):
            continue
        if name in unknown:
            aside.append(f"# Not checked: {name}: {unknown[name]}.")
        elif hasattr(value, "columns") and hasattr(value, "dtypes"):
            lines.append(f"assert {name}.shape == {tuple(value.shape)!r}, {name}.shape")
            spelled = f"dict(zip(map(str, {name}.columns), map(str, {name}.dtypes), strict=True))"
            lines.append(f"assert {spelled} == {kinds(value)!r}")
        elif hasattr(value, "dtype"):
            shape = f"{name}.shape == {tuple(value.shape)!r}"
            lines.append(f"assert {shape} and str({name}.dtype) == {str(value.dtype)!r}")
    about = "# What the steps start from has the rows and types that it had in the run."
    return "\n".join([about, *lines, *aside]) if lines else ""
