"""What stands over and behind the work of each process in a notebook."""

from __future__ import annotations

import math

from llmos_nb.export import notes
from llmos_nb.export.cells import Cell
from llmos_nb.export.gather import Draft
from llmos_nb.export.source import ExportSource
from llmos_nb.export.steps import Unit


class Heads:
    """What stands over and behind the work of a process: headings, what was said, and an answer that is no code.

    Parameters
    ----------
    draft : Draft
        The notebook's code, in the order in which it runs.
    clean : bool
        Only code, none of these.
    """

    def __init__(self, draft: Draft, clean: bool) -> None:
        self.several, self.clean = len(draft.runs) > 1, clean
        self.level = 2 + self.several
        self.now: ExportSource | None = None
        self.told: list[ExportSource] = []
        self.last = {id(u.run): u for u in draft.units if u.run is not None}
        computed = {id(u.run) for u in draft.units if u.role == "answer"}
        wanted = [] if clean else draft.wanted
        self.bare = {id(r) for r in wanted if r.state.answer and id(r) not in computed}
        self.said = {id(r): notes.said(r, self.level) for r in wanted}
        self.without_cells = [r for r in wanted if id(r) not in self.last]

    def over(self, unit: Unit) -> list[Cell]:
        """Return what stands before a cell: of the first of a process its heading, and what was said before it."""
        if unit.run is None or self.clean:
            return []
        n = unit.call.facts.get("n", 0) if unit.call is not None else notes.ended(unit.run)
        return [*self._heading(unit.run), *self._said(unit.run, n)]

    def _heading(self, run: ExportSource) -> list[Cell]:
        if run is self.now or not self.several:
            return []
        known = any(one is run for one in self.told)
        self.now = run
        self.told.append(run)
        return [Cell("markdown", "process", (notes.again if known else notes.process)(run), {"pid": run.pid})]

    def _said(self, run: ExportSource, n: float) -> list[Cell]:
        """Return what was said before an event, and not told yet."""
        cells, waiting = list[Cell](), self.said.get(id(run), [])
        while waiting and waiting[0][0] < n:
            cells.append(Cell("markdown", "said", waiting.pop(0)[1], {"pid": run.pid}))
        return cells

    def behind(self, unit: Unit) -> list[Cell]:
        """Return what stands behind the last cell of a process: an answer that no code computes, and further words."""
        run = unit.run
        return self._closing(run) if run is not None and self.last[id(run)] is unit else []

    def _closing(self, run: ExportSource) -> list[Cell]:
        answer = [notes.answer_cell(run, self.level)] if id(run) in self.bare else []
        return [*self._said(run, notes.ended(run)), *answer, *self._said(run, math.inf)]

    def rest(self) -> list[Cell]:
        """Return the answers of processes of which there is no cell."""
        found = [run for run in self.without_cells if id(run) in self.bare or self.said[id(run)]]
        return [cell for run in found for cell in (*self._heading(run), *self._closing(run))]
