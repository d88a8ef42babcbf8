"""A whole notebook of the user's, whose ``%%agent`` cells are replaced by what they did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from llmos_nb.notebook.cells import Cell, read, text_of
from llmos_nb.notebook.source import ExportSource

Texts = list[tuple[int, Cell]]


def with_notebook(runs: Sequence[ExportSource], notebook: Path) -> tuple[list[ExportSource], Texts]:
    """Take the user's cells from a saved notebook instead of the kernel's history.

    Parameters
    ----------
    runs : sequence of ExportSource
        The processes that its ``%%agent`` cells started.
    notebook : Path
        The file.

    Returns
    -------
    runs : list of ExportSource
        With the notebook's cells.
    texts : list of (int, Cell)
        Its other cells, each with its place.
    """
    code: list[tuple[int, str]] = []
    texts: Texts = []
    for n, cell in enumerate(read(notebook)["cells"], 1):
        source = text_of(cell["source"])
        if cell["cell_type"] == "code":
            ours = source.lstrip().startswith(("%load_ext llmos_nb", "%agent"))
            code += [] if ours or not source.strip() else [(n, source)]
        else:
            texts.append((n, Cell(cell["cell_type"], "text", source)))
    return [replace(run, user_cells=code) for run in runs], texts
