"""One order over the cells and the steps of a notebook, whatever interpreter and process they ran in."""

from __future__ import annotations

import ast
import builtins
import textwrap
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from llmos_nb.export.dataflow.flow import flow_of_code
from llmos_nb.export.dataflow.slice import first_line
from llmos_nb.export.source import ExportSource
from llmos_nb.journal.events import AnswerComputed, CallFinished, CellRan, HeapRestored

Key = tuple[int, int, int]  # the interpreter's turn, the place in it, and what comes after the other there


@dataclass(frozen=True)
class Ran:
    """The cells that one interpreter ran.

    Parameters
    ----------
    notebook : str
        As steps name it.
    cells : sequence of CellRan
        In order.
    """

    notebook: str
    cells: Sequence[CellRan] = ()


def ordered(runs: Iterable[ExportSource], notebooks: Sequence[Ran]) -> list[ExportSource]:
    """Return the processes with the user's cells and their own steps numbered in the order in which they ran.

    A step that was run again in a later interpreter stands where that was done. A step that two processes share, since
    one was forked from the other, is that of the first of them.

    Parameters
    ----------
    runs : iterable of ExportSource
        Those whose results are wanted first.
    notebooks : sequence of Ran
        The interpreters, in the order in which they began.
    """
    turns = {one.notebook: n for n, one in enumerate(notebooks)}
    cells = {(turns[one.notebook], cell.place, 0): cell for one in notebooks for cell in one.cells}
    taken: set[tuple[str, int]] = set()
    found = [(run, *_steps(run, turns, taken)) for run in runs]
    keys = sorted({*cells, *(key for _, steps, _ in found for key in steps.values())})
    numbers = {key: n for n, key in enumerate(keys, 1)}
    ran = {numbers[key]: cell for key, cell in cells.items()}
    sources = [(n, source) for n, cell in sorted(ran.items()) if (source := code_of(cell, n))]
    return [
        replace(
            run,
            user_cells=sources,
            cells=ran,
            placed={call: numbers[key] for call, key in steps.items()},
            answered=bisect_right(keys, last) if last is not None else None,
        )
        for run, steps, last in found
    ]


ANSWER = "answer"


def places(run: ExportSource) -> dict[str, tuple[str, int]]:
    """Return by call the notebook and the place in which it ran first; calls of which nobody noted it are missing.

    Under `ANSWER` stands where the answer was computed.
    """
    found: dict[str, tuple[str, int]] = {}
    for event in run.events:
        match event.body:
            case CallFinished(call=call, facts={"place": {"notebook": str(notebook), "n": int(n)}}):
                found[call] = (notebook, n)
            case AnswerComputed(place={"notebook": str(notebook), "n": int(n)}):
                found[ANSWER] = (notebook, n)
    return found


def _steps(
    run: ExportSource, turns: Mapping[str, int], taken: set[tuple[str, int]]
) -> tuple[dict[str, Key], Key | None]:
    """Return the keys of the surviving calls, with each rebuild taken in, and of the last or the answer."""
    keys: dict[str, Key] = {}
    first: dict[str, Key] = {}
    known = places(run)
    last: Key = (0, 0, 0)
    for event in run.events:
        match event.body:
            case CallFinished(call=call):
                notebook, n = known.get(call, ("", 0))
                last = (turns[notebook], n, 0) if notebook in turns else (*last[:2], last[2] + 1)
                keys[call] = first[call] = last
            case HeapRestored(place={"notebook": str(notebook), "n": int(n)}, rerun=again, stored=stored) if (
                notebook in turns
            ):
                keys |= {call: first[call] for call in stored if call in first}  # a value of the first run
                keys |= {call: (turns[notebook], n, i) for i, call in enumerate(c for c in keys if c in again)}
                last = (turns[notebook], n, len(again))
    mine = [c.id for c in run.state.surviving if c.id in keys and known.get(c.id) not in taken]
    taken |= {known[call] for call in mine if call in known}
    given = [keys[c.id] for c in run.state.surviving if c.id in keys]
    notebook, n = known.get(ANSWER, ("", 0))
    given += [(turns[notebook], n, 0)] if notebook in turns else []
    return {call: keys[call] for call in mine}, max(given, default=None)


NOT_KNOWN = "not_known_"
"""Begins the name of a value that the notebook cannot have, since a cell broke off and nobody knows how far it came."""


def code_of(cell: CellRan, n: int = 0) -> str:
    """Return what ran of a cell: all of it, or as far as it came.

    The statement that failed stands in a form that fails quietly. Where it was interrupted, or where nobody knows which
    one it was, every name that it may have changed gets a value that is not there, so that what needs it says so.
    """
    if cell.ok or cell.source.lstrip().startswith(("%agent", "%%agent")):
        return cell.source
    if cell.error in ("SyntaxError", "IndentationError", "TabError") and not cell.line:
        return ""  # nothing of it ran
    try:
        body = ast.parse(cell.source).body
    except SyntaxError:  # magics
        return "" if not cell.line else cell.source
    failed = next((node for node in body if first_line(node) <= cell.line <= (node.end_lineno or 0)), None)
    if failed is None:
        return _not_known(body, n)
    head = cell.source.splitlines()[: first_line(failed) - 1]
    return "\n".join([*head, _quietly(failed, cell, n)])


def _quietly(node: ast.stmt, cell: CellRan, n: int) -> str:
    """Return a statement that failed in the run, and had begun, so that the notebook goes on behind it."""
    known = getattr(builtins, cell.error, Exception)
    if not (isinstance(known, type) and issubclass(known, Exception)):  # an interrupt comes at no certain place
        return _not_known([node], n)
    inner = textwrap.indent(ast.unparse(node), "    ")
    name = cell.error if hasattr(builtins, cell.error) else "Exception"
    return f"try:  # it failed here when it ran; what it had done by then stayed\n{inner}\nexcept {name}:\n    pass"


def _not_known(body: Iterable[ast.stmt], n: int) -> str:
    """Give every name that code may have changed a value that is not there."""
    flow = flow_of_code(ast.unparse(ast.Module(list(body), [])))
    names = sorted(x for x in flow.binds | flow.mutates if x.isidentifier())
    return "\n".join(f"{name} = {NOT_KNOWN}{n}" for name in names)
