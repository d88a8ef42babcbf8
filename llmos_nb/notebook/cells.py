"""The notebook as a list of cells, and as the JSON that nbformat 4.5 asks for.

The JSON is made here, since importing nbformat can take two seconds, which a click on "Export" should not cost. It is
checked against nbformat's own schema.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from llmos_nb.errors import LlmosError


@dataclass
class Cell:
    """One cell of the notebook.

    Parameters
    ----------
    kind : {"code", "markdown", "raw"}
        As nbformat names it.
    role : str
        What it is there for: ``lock``, ``seeds``, ``inputs``, ``user``, ``step``, ``evidence``, ``note`` …
    source : str
        Its text.
    about : dict
        More for its metadata.
    tags : list of str
        Jupyter's tags.
    outputs : list of dict
        nbformat outputs.
    """

    kind: str
    role: str
    source: str
    about: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    outputs: list[dict[str, Any]] = field(default_factory=list)

    def plain(self, name: str) -> dict[str, Any]:
        """Give the cell as nbformat has it."""
        metadata: dict[str, Any] = {"llmos_nb": {"role": self.role, **self.about}}
        if self.tags:
            metadata["tags"] = self.tags
        made = {"cell_type": self.kind, "id": name, "metadata": metadata, "source": self.source.strip("\n")}
        return {**made, "execution_count": None, "outputs": self.outputs} if self.kind == "code" else made


def book_of(cells: list[Cell], metadata: dict[str, Any]) -> dict[str, Any]:
    """Make a notebook of cells; ids are plain words, the same for the same run."""
    used: dict[str, int] = {}
    made = [cell.plain(_id(cell, used)) for cell in cells]
    for count, cell in enumerate((c for c in made if c["cell_type"] == "code"), 1):
        cell["execution_count"] = count
    return {"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _id(cell: Cell, used: dict[str, int]) -> str:
    base = re.sub(r"[^a-zA-Z0-9-]+", "-", str(cell.about.get("call") or cell.role)).strip("-")[:40]
    base = f"{base}-note" if cell.kind == "markdown" and cell.about.get("call") else base
    used[base] = used.get(base, 0) + 1
    return base if used[base] == 1 else f"{base}-{used[base]}"


def text_of(value: Any) -> str:
    """Join what nbformat may store as a list of lines."""
    return "".join(value) if isinstance(value, list) else str(value)


def read(path: Path) -> dict[str, Any]:
    """Read a notebook file, and check it against nbformat's schema. Nothing of it is run.

    Raises
    ------
    LlmosError
        It is not there, not JSON, or not a notebook of nbformat 4.
    """
    try:
        book = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(book, dict) or book.get("nbformat") != 4:
            raise ValueError("it is not a notebook of nbformat 4")
        _check()(book)
    except (OSError, ValueError) as error:
        raise LlmosError(f"{path}: cannot be opened as a notebook ({str(error).splitlines()[0]})") from error
    book["cells"] = [_joined(c) for c in book["cells"]]
    return book


def _joined(cell: dict[str, Any]) -> dict[str, Any]:
    made = {**cell, "source": text_of(cell["source"])}
    for output in made.get("outputs", ()):
        if "text" in output:
            output["text"] = text_of(output["text"])
        if "data" in output:
            output["data"] = {k: text_of(v) if isinstance(v, list) else v for k, v in output["data"].items()}
    return made


def write(book: dict[str, Any], path: Path) -> Path:
    """Check a notebook against nbformat's schema and write it as nbformat does.

    Raises
    ------
    LlmosError
        It is not a notebook; nothing was written.
    """
    lined = {**book, "cells": [_lined(c) for c in book["cells"]]}
    try:
        _check()(lined)
    except ValueError as error:
        raise LlmosError(f"{path}: the notebook would not be valid ({error})") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(lined, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
    return path


@cache
def _check() -> Any:
    import fastjsonschema  # comes with nbformat

    found = find_spec("nbformat")
    assert found is not None and found.origin is not None  # noqa: S101 - nbformat is a dependency
    schema = Path(found.origin).parent / "v4" / "nbformat.v4.5.schema.json"
    return fastjsonschema.compile(json.loads(schema.read_text(encoding="utf-8")), use_default=False)


def _lined(cell: dict[str, Any]) -> dict[str, Any]:
    """Split texts into lines, so that a diff of two notebooks can be read."""
    made = {**cell, "source": _lines(cell["source"])}
    if "outputs" in cell:
        made["outputs"] = [_lined_output(o) for o in cell["outputs"]]
    return made


def _lined_output(output: dict[str, Any]) -> dict[str, Any]:
    made = dict(output)
    if "text" in made:
        made["text"] = _lines(made["text"])
    if "data" in made:
        made["data"] = {k: _lines(v) if k.startswith("text/") else v for k, v in made["data"].items()}
    return made


def _lines(text: Any) -> list[str]:
    return text_of(text).splitlines(keepends=True)
