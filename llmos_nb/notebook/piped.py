"""What came to a process through a pipe, as declared inputs of its notebook."""

from __future__ import annotations

from collections.abc import Iterable

from llmos_nb.notebook.held import Held, hold
from llmos_nb.notebook.source import ExportSource


def piped_in(runs: Iterable[ExportSource], folder: str) -> list[Held]:
    """Give the answers of other processes as the model was given them.

    Parameters
    ----------
    runs : iterable of ExportSource
        The processes of the notebook.
    folder : str
        Folder of the input files, relative to the notebook.
    """
    found = []
    for n, piped in enumerate((p for run in runs for p in run.state.piped), 1):
        held = hold("pipe_input" if n == 1 else f"pipe_input_{n}", piped["text"], folder)
        if held is not None:
            held.about["why"] = f"it is the answer of {piped['name']}"
            found.append(held)
    return found
