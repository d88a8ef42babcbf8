"""A plan that is approved up to a step: each step after it asks before its first call, once, whatever the mode says."""

import pytest
from turns import call, same_as_folded

import llmos_nb as llmos
from llmos_nb.errors import UsageError
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.views.panel.view import view

TITLES = ("one", "two", "three", "four")
PLAN = {"plan": [{"title": title} for title in TITLES]}
DONE = {"text": "Done."}


def step(n, code):
    return call("python", code=code, step=n)


async def waiting(*turns, mode="plan", names=None):
    """A process whose plan waits to be approved."""
    names = {} if names is None else names
    proc = llmos.start("Go.", model=ScriptedModel([PLAN, *turns, DONE]), namespace=names, approve=mode)
    await proc
    assert list(proc.run.state.questions) == ["plan:1"]
    return proc


STEPS = [step(1, "a = 1"), step(2, "b = 2"), step(3, "c = 3"), step(3, "c += 1"), step(4, "d = 4")]


@pytest.mark.parametrize("mode", ["plan", "risky"])
async def test_each_step_after_the_last_one_approved_asks_once(mode):
    names = {}
    proc = await waiting(*STEPS, mode=mode, names=names)
    await proc.approve("plan:1", upto=2)
    (asked,) = proc.run.state.questions
    assert names.keys() >= {"a", "b"} and "c" not in names
    assert proc.run.state.questions[asked]["text"] == "It asks because you approved the plan up to step 2."
    await proc.approve(asked)  # step 3, with both of its calls
    (asked,) = proc.run.state.questions
    assert names["c"] == 4 and proc.run.state.calls[asked].step == 4
    await proc.approve(asked)
    assert proc.reason == "answered" and names["d"] == 4 and same_as_folded(proc)


async def test_without_a_line_no_step_asks():
    proc = await waiting(*STEPS)
    await proc.approve("plan:1")
    assert proc.reason == "answered" and proc.run.state.upto == 0


async def test_step_that_is_approved_in_its_row_does_not_ask():
    proc = await waiting(*STEPS)
    proc.approve(3)  # while the plan waits, this is the plan's own question or the step's: the step has not begun
    await proc.approve("plan:1", upto=2)
    (asked,) = proc.run.state.questions
    assert proc.run.state.calls[asked].step == 4


async def test_new_plan_of_the_model_stays_behind_the_line():
    proc = await waiting(step(1, "a = 1"), {"plan": [{"title": "another"}]}, step(5, "e = 5"), mode="risky")
    await proc.approve("plan:1", upto=1)
    (asked,) = proc.run.state.questions
    assert (proc.run.state.calls[asked].step, proc.run.state.upto) == (5, 1)


async def test_row_of_a_step_behind_the_line_still_offers_approval():
    proc = await waiting(*STEPS)
    await proc.approve("plan:1", upto=2)
    rows = {row["n"]: row for row in view(proc.run.state, proc.events)["steps"]}
    assert "covered" not in rows[4] and rows[4]["s"] == "pending"


async def test_acts_of_steps_behind_the_line_are_not_approved_and_the_envelope_ends_there():
    proc = await waiting(*STEPS)
    await proc.approve("plan:1", upto=2)
    decided = next(e for e in proc.events if e.k == "plan.decided")
    assert decided.d["upto"] == 2 and decided.d["envelope"] == {"python": 2}


async def test_version_that_was_seen_is_what_is_approved():
    proc = await waiting(*STEPS)
    await proc.edit(2, "another title")
    with pytest.raises(UsageError, match="the plan is another one by now"):
        proc.approve("plan:1")
    assert list(proc.run.state.questions) == ["plan:2"]


async def test_line_after_a_step_that_there_is_not_is_refused():
    proc = await waiting(*STEPS)
    with pytest.raises(UsageError, match="step 9: no such step"):
        proc.approve("plan:1", upto=9)


async def test_rule_of_a_person_speaks_before_the_line():
    proc = await waiting(*STEPS)
    await proc.rule("python", "allow")
    await proc.approve("plan:1", upto=1)
    assert proc.reason == "answered"
