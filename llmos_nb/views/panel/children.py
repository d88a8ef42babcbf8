"""The processes that a process started, as its own journal knows them."""

from __future__ import annotations

from dataclasses import dataclass, field

from llmos_nb.journal import Event, events as ev
from llmos_nb.policy import show
from llmos_nb.process.state import State
from llmos_nb.views.contract import Block
from llmos_nb.views.panel.blocks import Rows, table
from llmos_nb.views.wording import phrase

MOST, GOAL = 50, 160


@dataclass
class Children:
    """What was set aside for each child and what it has used; fed event by event.

    Parameters
    ----------
    calls : dict of int to str
        By pid, the call that started it; empty where the user did.
    used : dict of int to dict
        By pid, what it used by unit, once it has ended.
    """

    calls: dict[int, str] = field(default_factory=dict)
    used: dict[int, dict[str, float]] = field(default_factory=dict)

    def heard(self, e: Event) -> None:
        """Take one event in."""
        match e.body:
            case ev.BudgetReserved(child=int(pid), call=call):
                self.calls[pid] = call
            case ev.BudgetSettled(child=int(pid), amounts=amounts):
                self.used[pid] = amounts

    def block(self, s: State) -> list[Block]:
        """Return a table of them; nothing where it started none."""
        shown = list(self.calls.items())[-MOST:]
        rows: Rows = [[*_named(s, pid, call), *self._stands(pid)] for pid, call in shown]
        heads = ["process", "goal", "stands", "used"]
        return [table("Processes that it started", rows, heads)] if rows else []

    def _stands(self, pid: int) -> tuple[str, str]:
        if pid not in self.used:
            return "has not ended", ""
        return "has ended", ", ".join(show(u, round(v, 4)) for u, v in self.used[pid].items() if v)


def _named(s: State, pid: int, call: str) -> tuple[str, str]:
    """Return number and name, and the goal, as the call that started it says them."""
    given = s.calls[call].arguments if call in s.calls else {}
    said = {k: str(given.get(k, "")) for k in ("name", "goal")} if isinstance(given, dict) else {}
    return f"{pid} {said.get('name', '')}".rstrip(), phrase(said.get("goal", ""), GOAL)
