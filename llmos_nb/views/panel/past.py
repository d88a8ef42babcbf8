"""A view of what no longer goes on: its times stand where its events end."""

from __future__ import annotations

from llmos_nb.views.contract import Bar, PanelView, StepRow
from llmos_nb.views.wording import duration, since


def stilled(view: PanelView, at: str) -> PanelView:
    """Return a view whose times have stopped at an ISO 8601 time; it is the same where none runs."""
    return {
        **view,
        "clock": None,
        "timing": None,
        "budget": [_bar(bar) for bar in view["budget"]],
        "steps": [_row(row, at) for row in view["steps"]],
    }


def _bar(bar: Bar) -> Bar:
    made = bar.copy()
    made.pop("clock", None)
    return made


def _row(row: StepRow, at: str) -> StepRow:
    if (clock := row.get("clock")) is None:
        return row
    passed = duration(clock.get("base", 0.0) + since(clock["since"], at))
    made: StepRow = {**row, "dur": clock.get("say", "{}").format(passed)}
    del made["clock"]
    return made
