"""A view of what no longer goes on: its times stand where its events end."""

from __future__ import annotations

from llmos_nb.views.contract import Bar, Clock, PanelView, StepRow
from llmos_nb.views.wording import duration, since


def stilled(view: PanelView, at: str) -> PanelView:
    """Return a view whose times have stopped at an ISO 8601 time; it is the same where none runs."""
    made: PanelView = {
        **view,
        "timing": None,
        "budget": [_bar(bar) for bar in view["budget"]],
        "steps": [_row(row, at) for row in view["steps"]],
    }
    if clock := view.get("clock"):
        made |= {"clock": None, "what": f"{view['what']}, {_said(clock, at)}"}
    return made


def _bar(bar: Bar) -> Bar:
    made = bar.copy()
    made.pop("clock", None)
    return made


def _row(row: StepRow, at: str) -> StepRow:
    if (clock := row.get("clock")) is None:
        return row
    made: StepRow = {**row, "dur": _said(clock, at)}
    del made["clock"]
    return made


def _said(clock: Clock, at: str) -> str:
    """Say the time at which a clock stands, in its own words."""
    return clock.get("say", "{}").format(duration(clock.get("base", 0.0) + since(clock["since"], at)))
