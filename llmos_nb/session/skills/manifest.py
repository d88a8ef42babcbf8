"""A skill as a file: a notebook whose metadata say what it is, takes and may do. Opening one runs nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from llmos_nb.errors import UsageError, check_keys, nearest
from llmos_nb.export import text_of
from llmos_nb.export.verify import hash_of
from llmos_nb.messages import parsed
from llmos_nb.policy.code import KINDS, inspect_code
from llmos_nb.process import finish
from llmos_nb.tools.schema import conform, kind_of

FILE, INSTALLED, RUNS = "skill.ipynb", "installed.json", "runs"
KEYS = ("name", "version", "description", "parameters", "rights", "out", "sha256")
TEST = ("test", "evidence")
ASIDE = (*TEST, "lock", "inputs", "shapes", "comparison", "parameters")
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,40}")


@dataclass(frozen=True)
class Skill:
    """A skill, read and checked.

    Parameters
    ----------
    folder : Path
        Where its notebook is, with the files that it reads.
    book : dict
        The notebook.
    manifest : dict
        ``name, version, description, parameters, rights, out, sha256``.
    """

    folder: Path
    book: dict[str, Any]
    manifest: dict[str, Any]

    @property
    def name(self) -> str:
        """What it is called."""
        return str(self.manifest["name"])

    @property
    def parameters(self) -> dict[str, dict[str, Any]]:
        """By name, its type, its description, and its default where it has one."""
        return dict(self.manifest.get("parameters", {}))

    @property
    def rights(self) -> list[str]:
        """Kinds of risk that its cells may bear."""
        return list(self.manifest.get("rights", ()))

    @property
    def schema(self) -> dict[str, Any]:
        """JSON schema of the parameters."""
        about = {n: {"description": str(p.get("description", ""))[:200]} for n, p in self.parameters.items()}
        return {
            "type": "object",
            "properties": {n: {**type_schema(p["type"]), **about[n]} for n, p in self.parameters.items()},
            "required": [n for n, p in self.parameters.items() if "default" not in p],
            "additionalProperties": False,
        }

    def code(self, values: Mapping[str, Any], there: Container[str] = ()) -> list[str]:
        """Return the code of a run with these parameters, cell by cell; tests stand aside.

        So does a kept input whose name is `there` already: the run works on the user's own variable.
        """
        given = {n: values.get(n, p.get("default")) for n, p in self.parameters.items()}
        first = "\n".join(f"{n} = {v!r}" for n, v in given.items())
        beside = f"{self.folder.resolve().as_posix()}/skill-inputs/"
        return [*([first] if first else []), *(c.replace("skill-inputs/", beside) for c in self._cells(there))]

    def _cells(self, there: Container[str]) -> list[str]:
        code = (c for c in self.book["cells"] if c["cell_type"] == "code" and c["source"].strip())
        mine = (c for c in code if not roles(c) & {*ASIDE})
        return [c["source"] for c in mine if "held" not in roles(c) or not all(n in there for n in _names(c))]


def type_schema(kind: str) -> dict[str, Any]:
    """Return the JSON schema of a parameter's type, a Python annotation of builtins."""
    return dict(kind_of(finish.annotation(kind, "parameter type")).schema)


def _names(cell: Mapping[str, Any]) -> list[str]:
    return list(cell["metadata"]["llmos_nb"].get("names", ()))


def roles(cell: Mapping[str, Any]) -> set[str]:
    """Return what a cell is there for: its tags, and its role in an exported notebook."""
    about = cell.get("metadata", {})
    return {*about.get("tags", ()), str((about.get("llmos_nb") or {}).get("role", ""))}


def read(path: Path) -> Skill:
    """Read a skill from its notebook, or from the folder with one.

    Raises
    ------
    UsageError
        What is wrong with it, and what is wanted.
    """
    file = _found(path)
    try:
        book = json.loads(file.read_text(encoding="utf-8"))
        manifest = dict(book["metadata"].get("llmos_nb", {}).get("skill") or {})
        cells = [_bare(c) for c in book["cells"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{file}: not a notebook ({type(error).__name__}: {error})") from None
    _check(file, manifest)
    skill = Skill(file.parent, {**book, "cells": cells}, manifest)
    if not any(roles(c) & {*TEST} for c in cells):
        raise UsageError(f"{file}: it has no test; tag a cell with asserts as `test`")
    if manifest.get("sha256", "") not in ("", None, notebook_hash(book)):
        why = "its content is not what its manifest's sha256 says; it was changed since it was made"
        raise UsageError(f"{file}: {why}")
    return skill


def _bare(cell: Mapping[str, Any]) -> dict[str, Any]:
    """Return a cell without its outputs, which are nobody's business here."""
    ran: dict[str, Any] = {"outputs": [], "execution_count": None} if cell["cell_type"] == "code" else {}
    return {**cell, "source": text_of(cell["source"]), **ran}


def _found(path: Path) -> Path:
    files = [path] if path.is_file() else sorted(path.glob("*.ipynb")) if path.is_dir() else []
    if len(files) != 1:
        raise UsageError(f"{path}: {'no notebook is there' if not files else 'several notebooks; name one'}")
    return files[0]


def _check(file: Path, manifest: Mapping[str, Any]) -> None:
    where = f"{file}: metadata.llmos_nb.skill"
    if not manifest:
        raise UsageError(f"{where} is missing; it wants name, version, description, parameters and rights")
    check_keys(manifest, KEYS, where)
    if not _NAME.fullmatch(str(manifest.get("name", ""))):
        raise UsageError(f"{where}: name {manifest.get('name')!r} must have small letters, digits, _ and -")
    found = manifest.get("parameters", {})
    if not isinstance(found, dict) or not all(isinstance(p, dict) and "type" in p for p in found.values()):
        raise UsageError(f"{where}: parameters must be {{name: {{type, default?, description?}}}}")
    for name, parameter in found.items():
        if not name.isidentifier():
            raise UsageError(f"{where}: parameter {name!r} is not a Python name")
        type_schema(str(parameter["type"]))
    for right in manifest.get("rights", ()):
        if right not in KINDS:
            known = ", ".join(sorted(KINDS))
            raise UsageError(f"{where}: right {right!r} is none of {known}{nearest(right, KINDS)}")
    if manifest.get("out"):
        finish.parse(str(manifest["out"]), f"{where}: out")


def notebook_hash(book: Mapping[str, Any]) -> str:
    """Hash what a skill says and does: its manifest without the hash, and its cells without their outputs."""
    manifest = dict(book["metadata"]["llmos_nb"]["skill"])
    manifest.pop("sha256", None)
    cells = [[c["cell_type"], text_of(c["source"]), sorted(roles(c))] for c in book["cells"]]
    return hash_of([manifest, cells])


def folder_hash(folder: Path) -> str:
    """Hash a skill's notebook and the files beside it."""
    files = sorted(files_of(folder))
    return hash_of([[p.relative_to(folder).as_posix(), sha256(p.read_bytes()).hexdigest()] for p in files])


def files_of(folder: Path) -> list[Path]:
    """Return the files that belong to a skill.

    Raises
    ------
    UsageError
        One of them is a link: it would bring a file of the user's into the skill.
    """
    if link := next((p for p in folder.rglob("*") if p.is_symlink()), None):
        raise UsageError(f"{folder}: {link.relative_to(folder)} is a link; put the file itself there")
    inside = (p for p in folder.rglob("*") if p.is_file() and p.name != INSTALLED)
    return [p for p in inside if p.relative_to(folder).parts[0] not in (RUNS, ".ipynb_checkpoints")]


def undeclared(skill: Skill) -> list[str]:
    """Say what its cells do that its manifest does not ask for."""
    found = []
    for n, cell in enumerate(skill.book["cells"], 1):
        if cell["cell_type"] != "code":
            continue
        for risk in inspect_code(text_of(cell["source"])).risks:
            beside = risk.kind == "foreign file" and (skill.folder / (risk.target or "?")).is_file()
            if risk.kind not in skill.rights and not beside:
                found.append(f"cell {n} wants `{risk.kind}` ({risk.what})")
    return found


def values(skill: Skill, words: Iterable[str]) -> dict[str, Any]:
    """Read ``name=value`` words as parameters, checked against their types.

    Raises
    ------
    UsageError
        A word is none, or a message a parameter that is missing, not known or of a wrong type.
    """
    given: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise UsageError(f"skill {skill.name}: {word!r} is no parameter; write name=value")
        is_text = skill.parameters.get(name.strip(), {}).get("type") == "str"
        given[name.strip()] = text if is_text else parsed(text, text)
    return checked(skill, given)


def checked(skill: Skill, given: Mapping[str, Any]) -> dict[str, Any]:
    """Check parameters against their types, with the safe coercions."""
    made, faults = conform(skill.schema, dict(given))
    if faults:
        raise UsageError(f"skill {skill.name}: {'; '.join(faults)}")
    return dict(made)
