"""The notebook's own cells, as a model may search and read them: source, and what they printed and showed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from llmos_nb.errors import UsageError
from llmos_nb.policy import labels
from llmos_nb.tools import safe_text

if TYPE_CHECKING:
    from llmos_nb.journal.events import CellRan
    from llmos_nb.session.notebook.recorder import Recorder

MOST, LINE, WHOLE = 40, 160, 8_000  # cells of a list, characters of a line, and of a cell
_BEGINNING = re.compile(r"[%!#@]|import\b|from\b")  # what most cells begin with, and few are about


def found(recorder: Recorder, known: Mapping[str, str], query: str, number: int) -> str:
    """Return cells of the notebook in words.

    Parameters
    ----------
    recorder : Recorder
        Of the notebook.
    known : mapping
        Label by name: what a cell that names private data has shown is left out.
    query : str
        Words that source or output holds; a cell a line, the one cell that holds them whole. Empty for all cells.
    number : int
        The execution count of one cell, which is given whole; 0 for none.
    """
    cells = [c for c in recorder.settled() if not c.source.lstrip().startswith(("%agent", "%%agent"))]
    if number:
        one = next((c for c in reversed(cells) if c.count == number), None)
        if one is None:
            raise UsageError(f"there is no cell [{number}]; cells() lists them")
        return _whole(one, known)
    lines = [(c, _line(c, known, query)) for c in cells]
    hits = [c for c, line in lines if line]
    if query and len(hits) == 1:
        return f"[{hits[0].count}]\n{_whole(hits[0], known)}"
    fitting = [f"[{c.count}] {line}" for c, line in lines if line]
    left = [f"… {len(fitting) - MOST} earlier cells fit, too"] if len(fitting) > MOST else []
    return "\n".join([*left, *fitting[-MOST:]]) or (f"no cell holds {query!r}" if query else "no cell ran yet")


def _line(cell: CellRan, known: Mapping[str, str], query: str) -> str:
    """Return the first line in which a query stands; without one, the first that says what the cell does."""
    if not query:
        lines = [line.strip() for line in cell.source.splitlines() if line.strip()]
        said = next((line for line in lines if not _BEGINNING.match(line)), lines[0] if lines else "")
        return said[:LINE] + (f"  … of {len(lines)} lines" if len(lines) > 1 else "")
    text = f"{cell.source}\n{shown(cell, known)}"
    wanted = query.casefold()
    return next((x.strip()[:LINE] for x in text.splitlines() if wanted in x.casefold()), "")


def _whole(cell: CellRan, known: Mapping[str, str]) -> str:
    text = f"{cell.source.rstrip()}\n--- it showed:\n{shown(cell, known) or 'nothing'}"
    text += f"\n--- it ended with {cell.error}" if cell.error else ""
    return text if len(text) <= WHOLE else f"{text[: WHOLE // 2]}\n…\n{text[-WHOLE // 2 :]}"


def shown(cell: CellRan, known: Mapping[str, str]) -> str:
    """Return what a cell printed and showed as text; not of one that names private data."""
    private = [n for n in labels.spelled(cell.source, known) if labels.of((n,), known) != labels.TRUSTED]
    if private:
        return f"(not shown: it names {', '.join(sorted(private))})"
    return safe_text("\n".join(map(_text, cell.outputs))).strip()


def _text(output: Mapping[str, Any]) -> str:
    """Return the text of one output; of a picture, and of what was too long to be kept, what it is."""
    kinds = ", ".join(output.get("mimes", ())) or output["type"]
    return str(output.get("text", f"({kinds}, {output['size']:,} bytes)")).rstrip("\n")
