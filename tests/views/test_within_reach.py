"""What could only fail rests in its place, and says why."""

import pytest
from fixtures_journals import STATES

from llmos_nb.views.panel import Projector, within_reach

WHY = "No Undo: the session has ended."


def seen(name, sheet=0):
    w = STATES[name]()
    projector = Projector(w.events)
    if sheet:
        projector.open("output", sheet)
    return projector.view(w.state, w.events)


def verbs(view):
    """Return each verb that can be pressed in *now*, on the page of a step and in the foot."""
    blocks = [*view.get("now", ()), view.get("sheet", {}).get("foot", {}), view.get("foot", {})]
    return [b["verb"] for block in blocks for b in block.get("buttons", ()) if not b.get("off")]


def backs(view):
    return [row["n"] for row in view["steps"] if row.get("back")]


@pytest.mark.parametrize(("name", "sheet"), [("finished", 2), ("paused", 2), ("finished", 0), ("paused", 0)])
def test_button_of_what_is_out_of_reach_rests_and_the_reason_stands_there(name, sheet):
    view = seen(name, sheet)
    calls = [call for row in view["steps"] for call in row.get("calls", ())]
    made = within_reach(view, calls, True, WHY)
    assert {"undo", "undo_all"} & {*verbs(view)} and backs(view)
    assert not {"undo", "undo_all"} & {*verbs(made)} and backs(made) == []
    assert {*verbs(made)} == {*verbs(view)} - {"undo", "undo_all"}
    assert [b["verb"] for b in made.get("foot", {}).get("buttons", ())] == [
        b["verb"] for b in view.get("foot", {}).get("buttons", ())
    ]
    assert WHY in str(made) and WHY not in str(view)


def test_what_is_within_reach_is_as_it_was():
    view = seen("finished")
    assert within_reach(view, [], True, WHY) is view


def test_row_after_what_is_lost_can_be_taken_back():
    view = seen("finished")
    first, *rest = backs(view)
    lost = next(row["calls"] for row in view["steps"] if row["n"] == first)
    assert rest and backs(within_reach(view, lost, True, WHY)) == rest


def test_redo_alone_may_be_out_of_reach():
    view = seen("finished")
    redo = {"label": "Redo", "verb": "redo"}
    view["foot"]["buttons"].append(redo)
    assert "redo" in verbs(within_reach(view, [], True, WHY))
    made = within_reach(view, [], False, WHY)
    assert "redo" not in verbs(made) and "undo_all" in verbs(made) and backs(made) == backs(view)
