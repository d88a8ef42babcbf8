"""A lesson's notebook as it is handed out, and as it is marked: student and instructor builds.

Cells carry nbgrader's metadata, so that its tools can collect and mark them; neither build needs nbgrader.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.lessons.solutions import solution_text

_HIDDEN = "### BEGIN HIDDEN TESTS\nassert {check}.passed\n### END HIDDEN TESTS"
_SOLUTION = "### BEGIN SOLUTION\n{text}\n### END SOLUTION"


def student(notebook: str | os.PathLike[str], out: str | os.PathLike[str]) -> Path:
    """Write the notebook that learners get: cells to fill in, and checks.

    Parameters
    ----------
    notebook, out : path-like
        A lesson of `notebooks/`, and where to write.
    """
    return _build(Path(notebook), Path(out), lambda number, name, cell: None)


def instructor(notebook: str | os.PathLike[str], out: str | os.PathLike[str]) -> Path:
    """Write the notebook that is marked: with solutions, and hidden checks that raise.

    Parameters
    ----------
    notebook, out : path-like
        A lesson of `notebooks/`, and where to write.
    """
    return _build(Path(notebook), Path(out), _fill)


def _build(notebook: Path, out: Path, fill: Callable[[str, str, dict[str, Any]], None]) -> Path:
    book = json.loads(notebook.read_text(encoding="utf-8"))
    number = notebook.name[:2]
    found = [c for c in book["cells"] if "llmos_nb" in c["metadata"]]
    if not found:
        raise UsageError(f"{notebook}: this notebook has no exercises")
    for cell in found:
        (role, name), *_ = cell["metadata"]["llmos_nb"].items()
        cell["metadata"]["nbgrader"] = _grading(role, f"{number}-{name}", cell["cell_type"])
        fill(number, name, cell)
    out.write_text(json.dumps(book, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return out


def _grading(role: str, grade_id: str, cell_type: str) -> dict[str, Any]:
    """Return nbgrader's metadata (schema 3): a solution to write, or a test worth one point."""
    check = role == "check"
    kind = {"grade": check, "solution": not check, "locked": check, "task": False, "points": int(check)}
    return {**kind, "grade_id": f"{grade_id}-{role}", "schema_version": 3, "cell_type": cell_type}


def _fill(number: str, name: str, cell: dict[str, Any]) -> None:
    if "exercise" in cell["metadata"]["llmos_nb"]:
        text = solution_text(number, name)
        magic, _, rest = text.partition("\n") if text.startswith("%%") else ("", "", text)
        # the magic of a cell stays its first line
        text = (f"{magic}\n" if magic else "") + _SOLUTION.format(text=rest)
    else:
        check = "".join(cell["source"])
        text = f"{check}\n{_HIDDEN.format(check=check)}"
    cell["source"] = text.splitlines(keepends=True)
