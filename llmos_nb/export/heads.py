"""What stands over and behind the work of a process: headings, its answer, and what was said."""

from __future__ import annotations

import math

from llmos_nb.export import notes
from llmos_nb.export.cells import Cell
from llmos_nb.export.gather import Draft
from llmos_nb.export.source import ExportSource
from llmos_nb.export.steps import Unit


class Heads:
    """The headings of a notebook, in the order in which its cells are made.

    Parameters
    ----------
    draft : Draft
        The notebook's code, in the order in which it runs.
    clean : bool
        Only code, none of these.
    """

    def __init__(self, draft: Draft, clean: bool) -> None:
        self.runs, self.several, self.clean = draft.runs, len(draft.runs) > 1, clean
        self.level = 2 + self.several
        self.now: ExportSource | None = None
        self.told: list[ExportSource] = []
        self.last = {id(u.run): u for u in draft.units if u.run is not None}
        self.wanted = [] if clean else draft.wanted
        self.said = {id(r): notes.said(r, self.level) for r in self.wanted}

    def top(self) -> list[Cell]:
        """Return what stands over all: the title, and of one process its answer and how it came about."""
        if self.clean:
            return []
        head = Cell("markdown", "head", notes.head(self.runs))
        return [head, *([] if self.several else self._introduced(self.runs[0]))]

    def over(self, unit: Unit) -> list[Cell]:
        """Return what stands before a cell: of the first of a process its heading, and what was said before it."""
        if unit.run is None or self.clean:
            return []
        n = unit.call.facts.get("n", 0) if unit.call is not None else notes.ended(unit.run)
        return [*self._heading(unit.run), *self._said(unit.run, n)]

    def _heading(self, run: ExportSource) -> list[Cell]:
        if run is self.now or not self.several:
            return []
        self.now = run
        if any(one is run for one in self.told):
            return [Cell("markdown", "process", notes.again(run), {"pid": run.pid})]
        self.told.append(run)
        return [Cell("markdown", "process", notes.process(run), {"pid": run.pid}), *self._introduced(run)]

    def _introduced(self, run: ExportSource) -> list[Cell]:
        """Return the answer of a process, where it is asked for, and how it came about."""
        answered = bool(run.state.answer) and any(one is run for one in self.wanted)
        answer = [Cell("markdown", "answer", notes.answer(run, self.level), {"pid": run.pid})] if answered else []
        return [*answer, Cell("markdown", "course", notes.made(run, not self.several), {"pid": run.pid})]

    def _said(self, run: ExportSource, n: float) -> list[Cell]:
        """Return what was said before an event, and not told yet."""
        cells, waiting = list[Cell](), self.said.get(id(run), [])
        while waiting and waiting[0][0] < n:
            cells.append(Cell("markdown", "said", waiting.pop(0)[1], {"pid": run.pid}))
        return cells

    def behind(self, unit: Unit) -> list[Cell]:
        """Return what stands behind the last cell of a process: what was said further."""
        run = unit.run
        return self._said(run, math.inf) if run is not None and self.last[id(run)] is unit else []

    def rest(self) -> list[Cell]:
        """Return the headings of processes of which there is no cell, where they answered or were spoken to."""
        found = [r for r in self.wanted if id(r) not in self.last and (r.state.answer or self.said[id(r)])]
        return [cell for run in found for cell in (*self._heading(run), *self._said(run, math.inf))]
