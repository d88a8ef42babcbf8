"""The notebook as a list of cells, and as the JSON that nbformat 4.5 asks for.

The JSON is made here, since importing nbformat can take two seconds, which a click on "Export" should not cost. It is
checked against nbformat's own schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from llmos_nb.errors import LlmosError

# what compares, and is not the work
FOLDED = ("lock", "seeds", "state", "inputs", "environment", "shapes", "check", "evidence")
HIDDEN = "hide-input"  # for Jupyter Book and others that fold by a tag
KERNELSPEC = {"name": "python3", "display_name": "Python 3", "language": "python"}
# JavaScript holds each integer up to here, and writes whole numbers in digits up to there
_EXACT, _WHOLE = 2**53, 10**21


@dataclass
class Cell:
    """One cell of the notebook.

    Parameters
    ----------
    kind : {"code", "markdown", "raw"}
        As nbformat names it.
    role : str
        What it is there for: ``lock``, ``seeds``, ``inputs``, ``user``, ``step``, ``check``, ``evidence``, ``note`` …
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
        """Return the cell as nbformat has it."""
        metadata: dict[str, Any] = {"llmos_nb": {"role": self.role, **self.about}}
        if self.role in FOLDED:
            metadata |= {"jupyter": {"source_hidden": True}, "tags": [HIDDEN]}
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
        for output in (o for o in cell["outputs"] if "execution_count" in o):
            output["execution_count"] = count
    return {"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _id(cell: Cell, used: dict[str, int]) -> str:
    base = re.sub(r"[^a-zA-Z0-9-]+", "-", str(cell.about.get("call") or cell.role)).strip("-")[:40]
    base = f"{base}-note" if cell.kind == "markdown" and cell.about.get("call") else base
    base = f"{cell.about.get('call', 'answer').replace('.', '-')}-check" if cell.role == "check" else base
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
    except (OSError, ValueError, RecursionError) as error:
        raise LlmosError(f"{path}: cannot be opened as a notebook ({str(error).splitlines()[0]})") from error
    book["cells"] = [with_texts(c, joined) for c in book["cells"]]
    return book


def with_texts(plain: Mapping[str, Any], change: Callable[[str, Any], Any]) -> dict[str, Any]:
    """Copy a cell or an output with each of its texts as ``change(type, text)`` gives it."""
    made = {**plain, **{k: change("text/plain", plain[k]) for k in ("source", "text") if k in plain}}
    if "data" in plain:
        made["data"] = {k: change(k, v) for k, v in plain["data"].items()}
    if "outputs" in plain:
        made["outputs"] = [with_texts(o, change) for o in plain["outputs"]]
    return made


def joined(_: str, value: Any) -> Any:
    """Join the lines of a text."""
    return text_of(value) if isinstance(value, list) else value


def _lined(kind: str, value: Any) -> Any:
    """Split a text into lines, so that a diff of two notebooks can be read."""
    return text_of(value).splitlines(keepends=True) if kind.startswith("text/") else value


def write(book: dict[str, Any], path: Path) -> Path:
    """Check a notebook against nbformat's schema and write it as nbformat does.

    Raises
    ------
    LlmosError
        It is not a notebook; nothing was written.
    """
    lined = {**book, "cells": [with_texts(c, _lined) for c in book["cells"]]}
    try:
        _check()(lined)
    except ValueError as error:
        raise LlmosError(f"{path}: the notebook would not be valid ({error})") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(lined, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
    return path


def portable(value: Any) -> Any:
    """Copy plain data with each number as JavaScript writes it, so that a front end that saves it changes nothing.

    A whole float becomes an integer, NaN and infinities become None, and an integer that a double cannot hold a text.
    """
    if isinstance(value, dict):
        return {k: portable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [portable(v) for v in value]
    if isinstance(value, float):
        if value - value != 0:
            return None
        return _digits(value) if value.is_integer() and abs(value) < _WHOLE else value
    if isinstance(value, int) and abs(value) > _EXACT and (abs(value) >= _WHOLE or _digits(float(value)) != value):
        return str(value)
    return value


def _digits(whole: float) -> int:
    """Return a whole number with the digits that tell it from its neighbours, and zeros behind them."""
    return int(Decimal(repr(whole)))


@cache
def _check() -> Any:
    import fastjsonschema  # comes with nbformat

    found = find_spec("nbformat")
    assert found is not None and found.origin is not None  # noqa: S101 - nbformat is a dependency
    schema = Path(found.origin).parent / "v4" / "nbformat.v4.5.schema.json"
    return fastjsonschema.compile(json.loads(schema.read_text(encoding="utf-8")), use_default=False)


KEPT = ("image/png", "image/jpeg")
LOOSE = "nbval-ignore-output"  # for outputs that a second run need not repeat
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def tidy(text: str) -> str:
    """Return text as it stood on the screen in the end: without colours, and lines that were overwritten."""
    plain = _COLOURS.sub("", text.replace("\r\n", "\n"))
    if "\r" not in plain:
        return plain
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in plain.split("\n"))


def whole(outputs: Iterable[Any]) -> list[Any]:
    """Join the pieces of a stream that follow one another: where a kernel cut it into messages is chance."""
    made: list[Any] = []
    for output in outputs:
        if made and output["output_type"] == "stream" and output["name"] == made[-1].get("name"):
            made[-1] = {**made[-1], "text": made[-1]["text"] + output["text"]}
        else:
            made.append(output)
    return made


def plain_output(output: Any) -> dict[str, Any] | None:
    """Return an output that a kernel sent as plain text and pictures; None for what only a browser shows."""
    kind = output["output_type"]
    if kind == "stream":
        return {"output_type": kind, "name": output["name"], "text": tidy(output["text"])}
    if kind == "error":
        return {"output_type": kind, "ename": output["ename"], "evalue": output["evalue"], "traceback": []}
    data = {k: v for k, v in output["data"].items() if k == "text/plain" or k in KEPT}
    if not data:
        return None
    made = {"output_type": kind, "data": data, "metadata": {}}
    return {**made, "execution_count": output.get("execution_count")} if kind == "execute_result" else made
