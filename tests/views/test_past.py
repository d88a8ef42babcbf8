"""What is past has no time that runs on: an earlier event, what broke off, and what a notebook keeps."""

import json

import pytest
from fixtures_journals import STATES

from llmos_nb.process.state.fold import fold
from llmos_nb.views import page, wording
from llmos_nb.views.bundle import RUN, bundle
from llmos_nb.views.panel import Projector
from llmos_nb.views.panel.view import view

RUNNING = ("planning", "thinking", "running")


def times_that_run(v):
    """Return every time of a view that a page would count on."""
    found = [v.get("clock"), v["timing"], *(x.get("clock") for x in (*v["budget"], *v["steps"]))]
    return [clock for clock in found if clock]


@pytest.mark.parametrize("name", RUNNING)
def test_times_run_while_a_process_goes_on(name):
    w = STATES[name]()
    assert times_that_run(view(w.state, w.events))


def test_at_no_event_of_a_finished_run_does_a_time_run_on():
    events = STATES["finished"]().events
    projector = Projector(events)
    for n in range(len(events)):
        projector.seek(n)
        assert times_that_run(projector.view(fold(events), events)) == []


def test_a_row_of_an_earlier_event_says_how_long_its_call_had_run_then():
    w = STATES["running"]()
    w.add("tool.called", after=3, within="r3.0", call="r3.0.1", tool="send_mail", arguments={}, by="mode:auto")
    at = len(w.events) - 1
    w.add("call.finished", call="r3.0", ok=True, result="", size=0, error="").end("answered", answer="42")
    projector = Projector(w.events)
    projector.seek(at)
    row = next(r for r in projector.view(w.state, w.events)["steps"] if r["n"] == 2)
    assert (row["s"], row["dur"]) == ("running", "3.0 s so far")


@pytest.mark.parametrize("status", ["paused", "ended"])
def test_a_call_that_broke_off_with_its_interpreter_is_not_timed(status):
    w = STATES["running"]()
    w.state.status, w.state.reason = status, "killed"  # as what only opens its journal says
    v = view(w.state, w.events)
    row = next(r for r in v["steps"] if r["n"] == 2)
    assert times_that_run(v) == [] and "dur" not in row and "not finished" in row["note"]


@pytest.mark.parametrize("name", STATES)
def test_no_time_runs_on_in_what_a_notebook_keeps(name):
    w = STATES[name]()
    kept = json.loads(json.dumps(bundle(w.state, w.events)[RUN]["view"]))
    assert times_that_run(kept) == []


@pytest.mark.parametrize("status", ["paused", "ended"])
def test_a_step_that_broke_off_is_not_said_not_to_have_started(status):
    w = STATES["running"]()
    w.state.status, w.state.reason = status, "killed"
    rows = {r["n"]: r for r in view(w.state, w.events)["steps"]}
    assert [wording.status(rows[n]) for n in (1, 2, 3)] == ["done", "not finished", "not started"]
    assert "not started" not in page.html(w.state, w.events).split(rows[2]["t"])[1].split("</li>")[0]


def test_names_that_undo_would_take_back_are_named_whole():
    w = STATES["many"]().end("answered", answer="42")
    assert (
        "unless changed since: rows_0, rows_1, rows_2, rows_3, rows_4 and 17 more."
        in view(w.state, w.events)["foot"]["note"]
    )


def test_while_a_model_is_tried_again_it_is_said_what_was_wrong_and_how_another_one_is_asked():
    w = STATES["thinking"]()
    w.add(
        "model.failed", after=12, request=w.requests, error="http://x/v1 sent nothing for 12 s", kind="ModelUnavailable"
    )
    told = wording.plain(view(w.state, w.events)["now"][1]["words"])
    assert told == (
        "Try 2. The last one failed: http://x/v1 sent nothing for 12 s. To ask another model: Stop, then "
        "%agent resume 3 -m SPEC"
    )
