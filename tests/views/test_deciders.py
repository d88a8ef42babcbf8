"""Who proposed, edited, approved and rejected: only by the event that decides, and never before it."""

import pytest
from fixtures_writer import Writer
from turns import python

import llmos_nb as llmos
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.views.panel.view import view

DONE = {"text": "Done."}
PLAN = {"plan": [{"title": "Load"}, {"title": "Save"}]}


def note(w, n=1):
    return next(r.get("note", "") for r in view(w.state, w.events)["steps"] if r["n"] == n)


def decided(w, call, what, by="you", why="", **more):
    return w.add("call.decided", call=call, digest="d", what=what, by=by, why=why, **more)


def asked():
    w = Writer().planned()
    call = w.call(code="x = 1")
    w.ask(call, why="It asks.")
    return w, call


@pytest.mark.parametrize("by", ["mode:risky", "rule:1", "plan", "words", "conflict", "schema"])
@pytest.mark.parametrize("what", ["approve", "reject"])
def test_nobody_is_named_where_the_gate_decided(by, what):
    w, call = asked()
    assert note(decided(w, call, what, by, "its reason")) == ""


@pytest.mark.parametrize(("by", "who"), [("you", "you"), ("Prof. X", "Prof. X"), ("approver:ci", "the approver ci")])
def test_whoever_decided_is_named(by, who):
    w, call = asked()
    assert note(decided(w, call, "approve", by)) == f"approved by {who}"


def test_a_rejection_says_by_whom_and_why():
    w, call = asked()
    assert note(decided(w, call, "reject", why="not this file")) == "rejected by you: not this file"


def test_an_edited_call_that_waits_is_not_approved():
    w, call = asked()
    decided(w, call, "edit", arguments={"code": "x = 2"})
    w.ask(call, why="It asks again.")
    assert note(w) == "edited by you"


def test_an_edited_call_that_was_rejected_is_not_approved():
    w, call = asked()
    decided(w, call, "edit", arguments={"code": "x = 2"})
    decided(w, call, "reject", why="no")
    assert note(w) == "edited and rejected by you: no"


def test_an_approval_does_not_stand_once_it_is_asked_again():
    w, call = asked()
    decided(w, call, "approve")
    assert note(w) == "approved by you"
    w.ask(call, why="It asks again.")
    assert note(w) == "" and "approved" not in view(w.state, w.events)["planhead"].replace("Plan, approved by you", "")


def test_an_edit_of_one_and_an_approval_of_another_are_named_apart():
    w, call = asked()
    decided(w, call, "edit", by="Ann", arguments={"code": "x = 2"})
    assert note(decided(w, call, "approve", by="Bob")) == "edited by Ann, approved by Bob"


def test_a_plan_is_not_approved_by_whom_rejected_it():
    w = Writer().start().request().propose()
    w.add("plan.decided", version=1, what="reject", envelope={}, by="you", why="too long")
    assert "approved" not in view(w.state, w.events)["planhead"]


async def test_a_plan_that_the_model_made_anew_is_not_approved_by_whom_approved_the_first():
    model = ScriptedModel([PLAN, python("1 / 0"), {"plan": [{"title": "Other"}]}, python("x = 1"), DONE])
    proc = await llmos.run("Go.", model=model, namespace={}, approve="risky")
    proc.approve("plan")
    await proc
    assert "approved by" not in view(proc.run.state, proc.events)["planhead"]


async def proposed(*turns):
    proc = await llmos.run("Go.", model=ScriptedModel([PLAN, *turns]), namespace={}, approve="plan")
    assert proc.state == "waiting"
    return proc


async def test_a_plan_says_who_proposed_and_who_edited_it():
    proc = await proposed(python("x = 1"), DONE)
    assert view(proc.run.state, proc.events)["planhead"] == "Plan, proposed by the model"
    proc.edit(2, "Save it")
    assert view(proc.run.state, proc.events)["planhead"] == "Plan, proposed by the model, edited by you"
    proc.add("Look at it")
    assert [r.get("note", "") for r in view(proc.run.state, proc.events)["steps"]] == [
        "",
        "edited by you",
        "added by you",
    ]


async def test_the_reason_of_a_rejected_step_reaches_the_model_and_the_row():
    proc = await proposed(python("x = 1"), DONE)
    proc.reject(2, "no files, please")
    proc.approve("plan")
    await proc
    rows = view(proc.run.state, proc.events)["steps"]
    assert rows[1]["s"] == "rejected" and rows[1]["note"] == "rejected by you: no files, please"
    told = "\n".join(m.text for m in proc.run.state.context.messages())
    assert "Not to be done: step 2, Save: no files, please" in told and "2. Save" not in told
    assert proc.plan.steps[1].status == "rejected"


async def test_the_reason_of_a_step_that_is_rejected_later_reaches_the_model_too():
    model = ScriptedModel([PLAN, python("x = 1"), python("y = 2"), DONE])
    proc = await llmos.run("Go.", model=model, namespace={}, approve="step")
    proc.approve("plan")
    await proc
    proc.reject(2, "no files, please")
    proc.approve("r2.0")
    await proc
    told = [m.text for m in proc.run.state.context.messages()]
    assert any("The user rejected step 2, Save: no files, please." in t for t in told)
    assert not any(t.startswith("Next is step 2") for t in told)


async def test_a_step_that_is_tried_again_is_not_rejected_any_more():
    proc = await proposed(python("x = 1"), DONE)
    proc.reject(2, "no files, please")
    proc.retry(2)
    (_, row) = view(proc.run.state, proc.events)["steps"]
    assert row["s"] == "pending" and "note" not in row and proc.plan.steps[1].why == ""


def test_a_call_that_was_rejected_is_named_where_another_one_did_its_step():
    w = Writer().two_steps()
    first = w.call(code="a()")
    decided(w.ask(first), first, "reject", why="no files")
    n = w.state.calls[first].step
    w.add("step.integrated", step=n, met=False, evidence="", status="rejected")
    assert note(w, n) == "rejected by you: no files"
    w.add(
        "plan.edited", version=2, by="you", steps=[{**p, "status": "pending"} if p["n"] == n else p for p in plain(w)]
    )
    second = w.call(code="b()")
    w.ask(second).allow(second, by="you").run(second, "ok")
    w.add("step.integrated", step=n, met=True, evidence="ok")
    assert note(w, n) == f"{first} rejected by you: no files, approved by you"


def plain(w):
    return w.state.plan.plain()
