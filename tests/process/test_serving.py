"""Which step of the plan a call serves: what it says, else the first open one; done, skipped and open follow from that."""

import json

import pytest
from hypothesis import given, strategies as st
from turns import call, python, same_as_folded

import llmos_nb as llmos
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.process.serving import numbers
from llmos_nb.views import page
from llmos_nb.views.panel.view import view

DONE = {"text": "Done."}
TITLES = ("Load", "Clean", "Sum", "Save")


def plan(*titles):
    return {"plan": [{"title": title} for title in titles or TITLES]}


def serving(step, code):
    return call("python", code=code, step=step)


async def planned(*turns, **options):
    given = {"namespace": {}, "approve": "auto", **options}
    return await llmos.run("Go.", model=ScriptedModel([plan(), *turns]), **given)


def statuses(proc):
    return [step.status for step in proc.plan.steps]


def rows(proc):
    return {row["n"]: row for row in view(proc.run.state, proc.events)["steps"]}


def told(proc):
    return [m.text for m in proc.run.state.context.messages()]


class Watching(ScriptedModel):
    """A script that keeps the tools of each request."""

    def __init__(self, turns):
        super().__init__(turns)
        self.seen = []

    async def respond(self, request, on_text):
        """Answer with the next turn."""
        self.seen.append({t["function"]["name"]: t["function"]["parameters"] for t in request.tools})
        return await super().respond(request, on_text)


async def test_a_call_serves_the_step_that_it_says_and_runs_without_the_argument():
    proc = await planned(serving("3", "x = 3"), serving(1, "y = 1"), DONE)
    calls = proc.run.state.calls
    assert [(c.step, c.arguments) for c in (calls["r2.0"], calls["r3.0"])] == [
        (3, {"code": "x = 3"}),
        (1, {"code": "y = 1"}),
    ]
    assert statuses(proc) == ["done", "skipped", "done", "skipped"] and same_as_folded(proc)


async def test_a_call_that_says_nothing_serves_the_first_open_step():
    proc = await planned(python("a = 1"), python("b = 2"), DONE)
    assert [proc.run.state.calls[k].step for k in ("r2.0", "r3.0")] == [1, 2]
    assert statuses(proc) == ["done", "done", "skipped", "skipped"]


@pytest.mark.parametrize("said", ["9", "no step", {"n": 1}, None, [], 0, -2, 10**9])
async def test_a_step_that_there_is_not_counts_as_none_said(said):
    proc = await planned(serving(said, "a = 1"), DONE)
    one = proc.run.state.calls["r2.0"]
    assert (one.step, one.arguments, one.status) == (1, {"code": "a = 1"}, "done")


async def test_a_step_that_is_done_together_with_another_is_done_and_never_skipped():
    proc = await planned(python("a = 1"), serving("2, 3", "b = 2"), serving([4], "c = 3"), DONE)
    assert statuses(proc) == ["done"] * 4
    assert rows(proc)[2]["ev"][-1] == ["@", "r3.0", 2] and rows(proc)[3]["ev"][-1] == ["@", "r3.0", 3]
    assert [e.d["step"] for e in proc.events if e.k == "step.integrated"] == [1, 2, 3, 4]


async def test_two_calls_of_a_turn_serve_two_steps():
    both = {"calls": [*serving("1", "a = 1")["calls"], *serving("2", "1 / 0")["calls"]]}
    proc = await planned(both, DONE)
    assert statuses(proc) == ["done", "failed", "skipped", "skipped"]
    assert "ZeroDivisionError" in rows(proc)[2]["ev"][0] and rows(proc)[1]["ev"][-1] == ["@", "r2.0", 1]


async def test_the_next_step_is_never_one_that_has_run():
    proc = await planned(serving("1", "a = 1"), serving("4", "saved = 1"), serving("2", "b = 2"), DONE)
    next_steps = [t for t in told(proc) if t.startswith("Next is")]
    assert next_steps == ["Next is step 2: Clean", "Next is step 2: Clean", "Next is step 3: Sum"]
    assert statuses(proc) == ["done", "done", "skipped", "done"]


async def test_a_call_after_the_whole_plan_serves_no_step_and_has_a_row_of_its_own():
    turns = [plan("Load"), python("a = 1"), python("a + 1"), DONE]
    proc = await llmos.run("Go.", model=ScriptedModel(turns), namespace={}, approve="auto")
    assert list(rows(proc)) == [1, "r3.0"] and rows(proc)[1]["ev"][-1] == ["@", "r2.0", 1]
    assert view(proc.run.state, proc.events)["planside"] == "1 of 1 done"


async def test_call_that_is_made_otherwise_after_its_rejection_serves_the_same_step_and_no_other():
    turns = [plan("Load", "Sum"), serving("1", "open('a.csv', 'w').close()"), serving("1", "a = 1"), DONE]
    proc = await llmos.run("Go.", model=ScriptedModel(turns), namespace={})
    await proc.approve("plan")
    await proc.reject("r2.0", "keep it in memory")
    assert [proc.run.state.calls[c].step for c in ("r2.0", "r3.0")] == [1, 1]
    assert statuses(proc)[0] == "done" and same_as_folded(proc)


async def test_call_that_names_a_step_which_was_rejected_in_the_plan_does_not_open_it():
    turns = [plan("Load", "Sum"), serving("1", "a = 1"), DONE]
    proc = await llmos.run("Go.", model=ScriptedModel(turns), namespace={})
    proc.reject(1, "not this one")
    await proc.approve("plan")
    assert proc.run.state.calls["r2.0"].step == 2 and statuses(proc)[0] == "rejected"


async def test_steps_stay_open_where_the_run_has_not_answered():
    proc = await planned(serving("1", "a = 1"), budget="1 steps")
    assert proc.reason == "budget" and statuses(proc) == ["done", "pending", "pending", "pending"]


async def test_a_step_that_nobody_skipped_is_not_said_to_be_skipped_by_anybody():
    proc = await planned(serving("1", "a = 1"), DONE)
    assert rows(proc)[2]["s"] == "left" and rows(proc)[2]["note"] == "no call served it"
    assert "skipped by" not in json.dumps(rows(proc))
    assert "skipped" not in page.html(proc.run.state, proc.events)


async def test_a_step_that_the_user_skipped_says_so():
    proc = llmos.start("Go.", model=ScriptedModel([plan(), DONE]), namespace={}, approve="plan")
    await proc
    proc.skip(2)
    proc.approve("plan")
    await proc
    assert rows(proc)[2]["note"] == "skipped by you" and rows(proc)[3]["note"] == "no call served it"


async def test_tools_take_the_argument_from_the_first_request_on_and_never_change():
    model = Watching([python("a = 1"), plan("Load"), python("b = 1"), DONE])
    await llmos.run("Go.", model=model, namespace={}, approve="auto")
    assert "step" in model.seen[0]["python"]["properties"] and model.seen == [model.seen[0]] * 4
    assert "step" not in model.seen[0]["plan"]["properties"]
    assert "step" not in model.seen[0]["python"].get("required", ())


async def test_a_process_without_a_namespace_is_told_of_the_argument_while_a_plan_stands():
    """It pays for each byte of its tools, and few of those plan."""

    def walk() -> str:
        """Walk."""
        return "walked"

    model = Watching([call("walk"), plan("Load"), call("walk", step="1"), DONE])
    proc = await llmos.run("Go.", model=model, tools=[walk], approve="auto")
    assert ["step" in tools["walk"]["properties"] for tools in model.seen] == [False, False, True, True]
    assert proc.run.state.calls["r3.0"].step == 1


async def test_where_no_plan_is_possible_the_argument_is_refused_like_any_other_that_is_not_known():
    model = Watching([serving("1", "a = 1"), DONE])
    proc = await llmos.run("Go.", model=model, namespace={}, approve="auto", plan="none")
    assert proc.run.state.calls["r1.0"].status == "rejected" and "step" in proc.run.state.calls["r1.0"].result
    assert "step" not in model.seen[0]["python"]["properties"]


async def test_a_step_that_is_named_before_there_is_a_plan_is_none_and_the_call_runs():
    model = ScriptedModel([serving("1", "a = 1"), DONE])
    proc = await llmos.run("Go.", model=model, namespace={}, approve="auto")
    one = proc.run.state.calls["r1.0"]
    assert (one.status, one.step, one.arguments) == ("done", 0, {"code": "a = 1"}) and same_as_folded(proc)


def beside(*calls, titles=TITLES):
    """A turn with a plan and calls of it."""
    steps = {"name": "plan", "arguments": {"steps": [{"title": t} for t in titles]}}
    return {"calls": [steps, *(c for turn in calls for c in turn["calls"])]}


async def test_calls_beside_their_plan_serve_its_steps():
    turns = [beside(python("a = 1"), serving("2", "b = a + 1")), serving("3", "c = 3"), DONE]
    proc = await llmos.run("Go.", model=ScriptedModel(turns), namespace={}, approve="auto")
    assert [c.serves for c in proc.run.state.calls.values()] == [[], [1], [2], [3]]
    assert statuses(proc) == ["done", "done", "done", "skipped"] and same_as_folded(proc)
    assert [t for t in told(proc) if t.startswith("Next is")] == ["Next is step 3: Sum", "Next is step 4: Save"]
    assert "The plan is approved." in told(proc), "where to begin is not said where it has begun"
    assert rows(proc)[1]["ev"][-1] == ["@", "r1.1", 1]


async def test_calls_beside_their_plan_wait_for_it_and_serve_it_as_the_person_left_it():
    model = ScriptedModel([beside(serving("1", "a = 1"), serving("2", "b = 2")), DONE])
    proc = await llmos.run("Go.", model=model, namespace={})
    assert not {"a", "b"} & proc.run.namespace.keys()
    proc.edit(1, "Load it")
    proc.skip(2)
    await proc.approve("plan")
    assert statuses(proc)[:2] == ["done", "skipped"] and same_as_folded(proc)
    assert proc.run.namespace["a"] == 1 and "b" not in proc.run.namespace, "its step is not to be done"
    said = next(t for t in told(proc) if t.startswith("The plan is approved."))
    assert "It was edited, and now reads:\n1. Load it" in said
    assert "Not run: what it was to serve is not to be done" in told(proc)


async def test_calls_beside_a_plan_that_is_rejected_do_not_run_and_may_be_made_again():
    act = python("a = a + 1")
    model = ScriptedModel([beside(act), beside(act), beside(act), DONE])
    proc = await llmos.run("Go.", model=model, namespace={"a": 0})
    await proc.reject("plan", "smaller steps")
    await proc.reject("plan", "smaller still")
    await proc.approve("plan")
    assert proc.run.namespace["a"] == 1 and same_as_folded(proc)
    assert [t for t in told(proc) if t.startswith("Not run")] == ["Not run: what it was to serve is not to be done"] * 2


async def test_a_plan_that_nobody_edited_is_not_said_to_be_edited_nor_told_again():
    proc = await llmos.run("Go.", model=ScriptedModel([plan(), DONE]), namespace={})
    await proc.approve("plan")
    said = next(t for t in told(proc) if t.startswith("The plan is approved."))
    assert said == "The plan is approved. Name the step in each call: step='1'. Begin with step 1: Load"


async def test_a_tool_with_an_argument_of_that_name_keeps_it():
    taken = []

    @llmos.tool(effect="read", repeat="pure")
    def walk(step: int) -> str:
        """Walk."""
        taken.append(step)
        return "walked"

    model = Watching([plan(), call("walk", step=3), DONE])
    proc = await llmos.run("Go.", model=model, namespace={}, tools=[walk], approve="auto")
    assert taken == [3] and proc.run.state.calls["r2.0"].step == 1
    assert model.seen[-1]["walk"]["properties"]["step"]["type"] == "integer"


async def test_the_model_sees_its_call_as_it_wrote_it_and_the_journal_keeps_it():
    proc = await planned(serving("2", "a = 1"), DONE)
    (seen,) = [
        m.calls[0].arguments for m in proc.run.state.context.messages() if m.calls and m.calls[0].name == "python"
    ]
    assert seen == {"code": "a = 1", "step": "2"}
    (raw,) = [
        e.d["calls"][0]
        for e in proc.events
        if e.k == "model.responded" and e.d["calls"] and e.d["calls"][0]["name"] == "python"
    ]
    assert raw == {"name": "python", "arguments": {"code": "a = 1", "step": "2"}, "step": [2]}


async def test_a_replayed_model_serves_the_same_steps(tmp_path):
    first = await planned(serving("3", "x = 3"), serving("2, 4", "y = 1"), DONE)
    again = await llmos.run("Go.", model=f"replay:{first.journal.path}", namespace={}, approve="auto")
    assert statuses(again) == statuses(first) == ["skipped", "done", "done", "done"]


async def test_undo_of_a_call_that_served_two_steps_takes_both_back():
    proc = await planned(python("a = 1"), serving("2, 3", "b = 2"), DONE)
    proc.undo()
    assert statuses(proc) == ["done", "skipped", "skipped", "skipped"]
    assert [rows(proc)[n]["note"] for n in (2, 3, 4)] == ["undone", "undone", "no call served it"]
    proc.redo()
    assert statuses(proc) == ["done", "done", "done", "skipped"]


@given(st.lists(st.integers(1, 99), max_size=6))
def test_numbers_are_read_in_all_the_ways_in_which_a_model_writes_them(given):
    wanted = list(dict.fromkeys(given))
    assert numbers(given) == numbers(", ".join(map(str, given))) == wanted
    assert numbers([f"step {n}" for n in given]) == wanted


@given(st.one_of(st.text(), st.none(), st.floats(), st.dictionaries(st.text(), st.integers()), st.booleans()))
def test_whatever_stands_there_gives_numbers_or_none(said):
    assert all(isinstance(n, int) and n > 0 for n in numbers(said))
