"""The panel's view of every state that a process can have."""

import json
from typing import NotRequired, Required, get_args, get_origin, get_type_hints

import pytest
from fixtures_journals import STATES, blocks, many, shown
from fixtures_writer import Writer
from turns import python

import llmos_nb as llmos
from llmos_nb.journal.events import INTERRUPT, Decider
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.policy import budget
from llmos_nb.process.state.fold import fold
from llmos_nb.views import contract
from llmos_nb.views.counts import Counts
from llmos_nb.views.panel import Projector
from llmos_nb.views.panel.view import view
from llmos_nb.views.wording import plain

EXPECTED = {
    "starting": ("starting", "go", "Starting", "plan"),
    "planning": ("planning", "go", "Planning", "plan"),
    "proposed": ("proposed", "ask", "Waiting for you", "you"),
    "thinking": ("running", "go", "Running", "act"),
    "running": ("running", "go", "Running", "act"),
    "waiting": ("waiting", "ask", "Waiting for you", "you"),
    "edited": ("edited", "ask", "Waiting for you", "you"),
    "tool": ("tool", "ask", "Waiting for you", "you"),
    "question": ("question", "ask", "Waiting for you", "you"),
    "doubt": ("doubt", "ask", "Waiting for you", "you"),
    "paused": ("paused", "", "Paused by Stop", ""),
    "budget": ("budget", "bad", "Budget reached", ""),
    "failed": ("failed", "bad", "Failed", ""),
    "finished": ("finished", "", "Answered", "answer"),
    "unverified": ("unverified", "bad", "Not verified", ""),
    "rejected": ("ended", "", "Rejected", ""),
    "many": ("running", "go", "Running", "integrate"),
}


def view_at(events, n):
    """The view of a finished run at event `n`."""
    projector = Projector(events)
    projector.seek(n)
    return projector.view(fold(events), events)


@pytest.mark.parametrize("name", STATES)
def test_every_state_has_its_name_tone_word_and_stage(name):
    v = shown(name)
    assert (v["id"], v["tone"], v["state"], v["stage"]) == EXPECTED[name]
    assert bool(v["card"]) == (v["tone"] == "ask") and bool(v["now"]) != bool(v["card"])


def test_pause_is_offered_until_it_was_clicked():
    events = STATES["running"]().add("signal.received", signal="pause", by="you").events
    before, after = shown("running"), Projector(events).view(fold(events), events)
    assert before["acts"] == ["Pause", "Stop"] and after["acts"] == ["Resume", "Stop"]
    assert after["what"] == f"{before['what']}; it pauses after this step"


def test_a_step_that_has_ended_has_its_code_output_and_pictures_on_a_page():
    w = STATES["thinking"]()
    images = [{"mime": "image/png", "text": "figure: 1 line", "data": b"png".hex()}]
    call = w.call(code="plt.plot(x)")
    w.allow(call).add("call.started", call=call, key="k", epoch=1)
    before = view(w.state, w.events)
    w.add("call.finished", call=call, ok=True, result="344 rows", size=8, error="", images=images)
    n = w.state.calls[call].step
    row = next(r for r in view(w.state, w.events)["steps"] if r["n"] == n)
    assert row["out"] and "out" not in next(r for r in before["steps"] if r["n"] == n)
    projector = Projector(w.events)
    projector.open("output", n)
    sheet = projector.view(w.state, w.events)["sheet"]
    assert (sheet["title"], sheet["step"]) == (f"{n} {w.state.plan.step(n).title}", n)
    assert [b["kind"] for b in sheet["blocks"]] == ["text", "code", "printed", "heading", "image", "pairs"]
    assert sheet["blocks"][1]["code"] == "plt.plot(x)"
    assert (sheet["blocks"][2]["code"], sheet["blocks"][4]["data"]) == ("344 rows", "cG5n")
    projector.open("")
    assert "sheet" not in projector.view(w.state, w.events)


def test_a_call_that_nobody_has_judged_yet_is_not_said_to_wait_for_a_person():
    w = STATES["thinking"]()
    w.call(code="x = 1")
    v = view(w.state, w.events)
    assert (v["state"], v["what"]) == ("Running", "looking at the next call")


def test_a_call_that_is_decided_and_has_not_begun_is_said_to_wait_for_its_turn_and_is_shown():
    w = STATES["thinking"]()
    call = w.call(code="x = 1")
    w.allow(call, by="you")
    v = view(w.state, w.events)
    title = f"step {n}" if (n := w.state.calls[call].step) else "python"
    assert (v["state"], v["what"]) == ("Running", f"{title} waits for its turn")
    assert "Approved by you." in plain(v["now"][1]["words"]) and v["now"][2]["code"] == "x = 1"


def test_a_budget_of_one_is_said_in_the_singular():
    w = STATES["budget"]()
    w.state.budget, w.state.detail = budget.parse("1 calls"), "calls"
    v = view(w.state, w.events)
    assert v["what"] == "1 call is used up"


def test_where_the_budget_is_used_up_only_more_of_it_goes_on_and_nothing_is_offered_that_would_end_at_once():
    w = STATES["budget"]()
    v = view(w.state, w.events)
    labels = [b["label"] for b in v["foot"]["buttons"]]
    assert labels[0] == "Add 2 min" and "Resume" not in [*labels, *v["acts"]] and not v["foot"]["ask"]
    w.add("signal.received", signal="budget", by="you", amounts={"s": 120})
    v = view(w.state, w.events)
    assert v["acts"] == ["Resume"] and v["foot"]["ask"]


@pytest.mark.parametrize("by", [Decider("process", "the end of the interpreter"), INTERRUPT])
def test_nobody_is_said_to_have_pressed_stop_where_something_else_ended_the_cell(by):
    w = STATES["running"]().add("signal.received", signal="stop", by=by.plain())
    events = w.add("run.paused", why=f"stopped by {by.describe()}").events
    assert Projector(events).view(fold(events), events)["state"] == "Paused"
    assert shown("paused")["state"] == "Paused by Stop"


def fits(value, kind):
    """Whether a value has the keys of a TypedDict and no others."""
    hints = get_type_hints(kind, include_extras=True)
    marks = {k: get_origin(h) for k, h in hints.items()}
    needed = {k for k, m in marks.items() if m is Required or (kind.__total__ and m is not NotRequired)}
    return needed <= value.keys() <= hints.keys()


@pytest.mark.parametrize("name", STATES)
def test_a_view_is_plain_data_of_the_contract(name):
    v = shown(name)
    assert json.loads(json.dumps(v)) == json.loads(json.dumps(v, default=str))
    assert fits(v, contract.PanelView)
    assert all(fits(r, contract.StepRow) and r["s"] in get_args(contract.StepStatus) for r in v["steps"])
    assert all(fits(b, contract.Bar) for b in v["budget"])
    kinds = get_args(get_type_hints(contract.Block)["kind"])
    assert all(fits(b, contract.Block) and b["kind"] in kinds for b in v["now"])
    if v["card"]:
        assert fits(v["card"], contract.Card)
        assert all(fits(b, contract.Button) and b["verb"] in contract.VERBS for b in v["card"]["buttons"])


def test_view_does_not_change_the_state():
    w = STATES["finished"]()
    before = w.state.digest
    view(w.state, w.events)
    view_at(w.events, 20)
    assert w.state.digest == before == fold(w.events).digest


def test_a_budget_that_is_used_up_offers_more_in_its_own_unit():
    v = shown("budget")
    add = v["foot"]["buttons"][0]
    assert add["label"] == "Add 2 min" and budget.parse(add["data"]["text"]).limits == {"s": 120}
    assert next(b for b in v["budget"] if b["name"] == "time")["part"] >= 1
    w = STATES["budget"]().add("signal.received", signal="budget", by="you", amounts={"s": 120})
    assert view(w.state, w.events)["now"][0]["text"].startswith("The budget was raised")


def test_failure_names_its_source_the_attempts_and_what_is_kept():
    v = shown("failed")
    assert blocks(v, "lead")[0]["text"] == "api.openai.com says: quota exceeded (429)"
    assert "Tried 3 times" in plain(blocks(v, "text")[0]["words"])
    assert "Steps 1 and 2 and their names are kept." in plain(blocks(v, "text")[0]["words"])
    assert "more about it" in blocks(v, "details")[0]["code"]


def test_rows_say_what_became_of_each_step():
    rows = {r["n"]: r for r in shown("finished")["steps"]}
    assert rows[4]["s"] == "failed" and rows[4]["note"] == "replaced by 5"
    assert rows[5]["note"] == "instead of 4" and rows[3]["note"] == "approved by you"
    assert rows[2]["after"] == "1" and rows[2]["cost"] == "$0.0005" and rows[2]["dur"] == "0.2 s"
    assert rows[4]["ev"] == ["ImportError: scipy.stats has no welch_anova ", ["@", "r5.0", 4]]
    interrupted = shown("paused")["steps"][1]
    assert interrupted["s"] == "pending" and interrupted["note"] == "interrupted, taken back"


def test_a_row_that_waits_carries_its_call():
    row = shown("waiting")["steps"][2]
    assert (row["s"], row["call"], row["digest"]) == ("waiting", "r4.0", "9f3ce1aa")


def test_undone_steps_are_marked():
    w = STATES["finished"]().add("call.undone", call="r3.0")
    w2 = Writer().two_steps().add("call.undone", call="r3.0")
    assert view(w2.state, w2.events)["steps"][1]["note"] == "undone"  # the event does not say by whom
    assert "undone" in [c.status for c in w.state.calls.values()]


def test_a_long_plan_folds_its_done_steps():
    v = shown("many")
    assert v["fold"]["upto"] == 22 and v["fold"]["text"].startswith("Steps 1–22 done · 4.4 s")
    assert v["dag"] is None and v["planside"] == "22 of 30 done"
    assert shown("waiting")["fold"] is None


def test_a_failed_step_stays_out_of_the_fold():
    w = many(12, 5)
    w.step(1, "boom", ok=False)
    fold_ = view(w.state, w.events)["fold"]
    assert fold_["upto"] == 6 and fold_["text"].startswith("Steps 1–5 done")


def test_counts_on_the_edges_are_those_of_the_run():
    assert shown("waiting")["counts"] == {"e1": "1", "e2": "2", "e3": "2", "e4": "2", "e7": "2"}
    done = shown("finished")["counts"]
    assert (done["e1"], done["e8"], done["e5"], done["e6"]) == ("2", "1", "1", "1")
    assert int(done["e2"]) == int(done["e3"]) == 5
    assert shown("unverified")["counts"]["e9"] == "3"


def test_results_are_counted_as_taken_in_once_whether_an_event_says_so_or_not():
    w = Writer().start()
    call = w.call(code="x = 1")
    w.allow(call).add("call.started", call=call, key="k", epoch=1)
    assert "e4" not in view(w.state, w.events)["counts"]
    w.add("call.finished", call=call, ok=True, result="", size=0)
    assert view(w.state, w.events)["counts"]["e4"] == "1" and view(w.state, w.events)["stage"] == "integrate"
    w.add("step.integrated", step=0, met=True, evidence="")  # as former versions wrote
    assert view(w.state, w.events)["counts"]["e4"] == "1"
    w.add("call.decided", call=w.call(code="x = 2"), digest="", what="reject", by="you", why="no")
    assert view(w.state, w.events)["counts"]["e4"] == "2"


def test_counts_fed_one_by_one_are_those_of_the_whole():
    w = STATES["finished"]()
    counts = Counts()
    for i, event in enumerate(w.events):
        counts.heard(event)
        assert counts == Counts.of(w.events[: i + 1])


def test_running_activity_says_since_when_and_a_waiting_one_counts_no_time():
    w = STATES["running"]()
    v = view(w.state, w.events)
    begun = next(e.at for e in reversed(w.events) if e.k == "call.started")
    assert v["what"] == "step 2" and v["clock"] == {"since": begun, "say": "{} so far"}
    assert v["steps"][1]["clock"] == v["clock"] and "dur" not in v["steps"][1]
    counted = {"since": w.state.at, "base": w.state.spent["s"]}
    time = next(bar for bar in v["budget"] if bar["name"] == "time")
    assert time["clock"] == {**counted, "top": w.state.budget.limits["s"]} and v["timing"] == counted
    waits = shown("waiting")
    assert waits["clock"] is None and waits["timing"] is None
    assert not any("clock" in each for each in (*waits["budget"], *waits["steps"]))


def test_the_line_of_a_folded_panel_says_where_the_run_stands():
    assert shown("running")["strip"] == "step 2 of 4 · Average body mass on each island"
    assert shown("waiting")["strip"] == "step 3 wants to replace a file"
    assert (shown("waiting")["time"], shown("waiting")["cost"]) == ("0:10", "$0.0020")


def test_the_timeline_stands_on_real_time_with_who_was_at_work():
    w = STATES["finished"]()
    v = view(w.state, w.events)
    assert [e["s"] for e in v["events"]] == sorted(e["s"] for e in v["events"]) and v["events"][0]["s"] == 0
    assert {each["who"] for each in v["stretches"]} == {"model", "tool", "you"}
    ends = [0.0, *(at for each in v["stretches"] for at in (each["begin"], each["end"]))]
    assert ends == sorted(ends) and ends[-1] <= v["events"][-1]["s"]
    asked = next(e["s"] for e in v["events"] if e["k"] == "question.asked")
    assert next(each["begin"] for each in v["stretches"] if each["who"] == "you") == asked
    assert v["begun"][0] == ("1", next(e["s"] for e in v["events"] if e["k"] == "call.started"))


def test_rows_of_an_earlier_event_are_marked_as_past():
    w = STATES["finished"]()
    assert view_at(w.events, 20)["past"] and "past" not in view(w.state, w.events)


def test_rows_say_which_steps_the_approved_plan_covers():
    assert [r.get("covered", False) for r in shown("running")["steps"]] == [False, True, True, True]
    assert not any(r.get("covered") for r in shown("proposed")["steps"])
    w = STATES["running"]()
    w.state.upto = 3
    assert [r.get("covered", False) for r in view(w.state, w.events)["steps"]] == [False, True, True, False]


def test_long_plan_says_what_it_may_do_in_ranges():
    steps = [(f"part {n}", "", ()) for n in range(1, 41)]
    w = Writer().start().propose(steps)
    w.add("question.asked", question="plan:1", kind="plan", text="It asks because so.")
    made = view(w.state, w.events)["card"]
    assert made["plan"]["rest"][0] == [["`", "python"], ": at most one call a step, every step"]
    assert "1, 2, 3" not in json.dumps(made)


@pytest.mark.parametrize("name", ["finished", "unverified", "failed", "rejected"])
def test_every_event_of_a_finished_run_can_be_looked_at(name):
    w = STATES[name]()
    for n in range(len(w.events) - 1):
        v = view_at(w.events, n)
        assert v["id"] == "replaying" and v["tone"] == "" and v["at"] == n and len(v["events"]) == len(w.events)
        assert [r["t"] for r in v["steps"]] == [p.title for p in fold(w.events[: n + 1]).plan.steps]
    assert view_at(w.events, len(w.events) - 1)["id"] != "replaying"


def test_replay_shows_call_names_and_spending_of_that_event():
    w = STATES["finished"]()
    n = next(e.n for e in w.events if e.k == "call.finished" and e.d["call"] == "r3.0")
    v = view_at(w.events, n)
    rows = {r[0]: plain(r[1]) for r in blocks(v, "table")[0]["rows"]}
    assert rows["names changed"] == "birds, by_island" and "r3.0 python" in rows["call"]
    assert blocks(v, "code")[0]["code"].startswith("by_island")
    assert blocks(v, "actions")[0]["buttons"][0] == {
        "label": "Fork here",
        "verb": "fork",
        "main": True,
        "data": {"at": n},
    }


def test_seeking_goes_back_to_the_end():
    w = STATES["finished"]()
    p = Projector()
    for e in w.events:
        p.heard(e)
    p.seek(3)
    assert p.view(w.state, w.events)["id"] == "replaying"
    p.seek(None)
    assert p.view(w.state, w.events)["id"] == "finished"


def test_a_living_process_has_no_timeline():
    assert "events" not in shown("waiting") and len(shown("finished")["events"]) > 50


def test_opened_sheet_stands_over_the_live_view():
    rule = {"tool": "python", "do": "allow", "where": {}, "until": "", "count": 3, "by": "you"}
    w = STATES["waiting"]().add("policy.changed", rule=rule, by="you")
    p = Projector()
    for e in w.events:
        p.heard(e)
    p.open("rules")
    (row,) = p.view(w.state, w.events)["sheet"]["blocks"][0]["rows"]
    assert [plain(c) for c in row[:5]] == ["python", "allow", "any arguments", "3 more", "by you"]
    assert row[5]["data"] == {"rule": 0}
    p.open("journal")
    assert "policy.changed" in p.view(w.state, w.events)["sheet"]["blocks"][0]["code"]
    p.open("")
    assert "sheet" not in p.view(w.state, w.events)


def test_a_unit_without_bound_has_no_bar():
    w = Writer().add("run.started", goal="g", model="m", budget={"tokens": 100}, pid=1)
    assert [b["name"] for b in view(w.state, w.events)["budget"]] == ["tokens"]


@pytest.mark.parametrize(("mode", "runs"), [("risky", True), ("plan", True), ("step", False), ("auto", True)])
async def test_words_while_a_plan_is_written_say_what_runs_before_it(mode, runs):
    model = ScriptedModel([python("x = 1"), {"text": "Done."}])
    process = await llmos.run("go", model=model, namespace={}, approve=mode)
    events = process.events
    asked = next(i for i, e in enumerate(events) if e.k == "model.requested")
    said = "\n".join(plain(b.get("words", "")) for b in view(fold(events[: asked + 1]), events[: asked + 1])["now"])
    assert runs == (process.reason == "answered") == ("Each of its steps asks" not in said)
    assert ("ask you first" in said) == (mode in ("risky", "plan"))


async def planned_turn():
    """Give a process whose turn did its first step and asks about its second."""
    turns = [
        {"plan": [{"title": "load"}, {"title": "write"}]},
        {
            "calls": [
                {"name": "python", "arguments": {"code": "x = 1", "step": "1"}},
                {"name": "python", "arguments": {"code": "open('w.csv', 'w').close()", "step": "2"}},
            ]
        },
        {"text": "Done."},
    ]
    process = await llmos.run("go", model=ScriptedModel(turns), namespace={})
    await process.approve("all")
    return process


def row(process, n):
    events = process.events
    return next(r for r in view(process.run.state, events)["steps"] if r["n"] == n)


async def test_step_whose_call_has_ended_is_not_said_to_be_unfinished_in_a_pause():
    process = await planned_turn()
    assert process.state == "waiting"
    await process.stop()
    assert row(process, 1)["note"] == "the turn is open"


async def test_reason_of_a_rejected_step_stands_once_and_no_answer_is_foretold():
    process = await planned_turn()
    await process.reject(2, "semicolons, please")
    events = process.events
    asked = [i for i, e in enumerate(events) if e.k == "model.requested"][-1]
    now = view(fold(events[: asked + 1]), events[: asked + 1])
    assert "the model works" in now["what"] and "answer" not in now["what"]
    found = row(process, 2)
    assert "rejected by you: semicolons, please" in found["note"] and "ev" not in found
