"""What stands over and behind the work of each process in a notebook."""

from __future__ import annotations

from llmos_nb.export import notes
from llmos_nb.export.cells import Cell
from llmos_nb.export.gather import Draft
from llmos_nb.export.source import ExportSource
from llmos_nb.export.steps import Unit


class Heads:
    """What stands over and behind the work of a process: of several a heading each, and an answer that is no code.

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
        self.bare = [r for r in draft.wanted if r.state.answer and id(r) not in computed and not clean]

    def over(self, unit: Unit) -> list[Cell]:
        """Return the heading of a process before the first cell that is its own."""
        if unit.run is None or unit.run is self.now or not self.several or self.clean:
            return []
        self.now, known = unit.run, any(run is unit.run for run in self.told)
        self.told.append(unit.run)
        words = notes.again(unit.run) if known else notes.process(unit.run)
        return [Cell("markdown", "process", words, {"pid": unit.run.pid})]

    def behind(self, unit: Unit) -> list[Cell]:
        """Return the answer of a process behind the last cell that is its own, where no code computes it."""
        bare = [run for run in self.bare if run is unit.run and self.last[id(run)] is unit]
        return [notes.answer_cell(run, self.level) for run in bare]

    def rest(self) -> list[Cell]:
        """Return the answers of processes of which there is no cell."""
        bare = [run for run in self.bare if id(run) not in self.last]
        cells = [(self.over(Unit("answer", "", run=run)), notes.answer_cell(run, self.level)) for run in bare]
        return [cell for head, answer in cells for cell in (*head, answer)]
