"""A process as one row among all: how it stands, what can be decided without its card, and how its time went."""

import pytest
from fixtures_journals import STATES
from fixtures_writer import Writer

from llmos_nb.views.panel import Agent, Projector


def agent(writer):
    return Agent(writer.events).row(writer.state)


def test_row_of_a_waiting_process_says_what_it_wants_and_what_can_be_said_to_it():
    w = Writer().two_steps()
    w.ask(w.call(code="x"), title="replace a file", since="2026-03-01T09:00:00+00:00")
    row = agent(w)
    assert (row["name"], row["tone"], row["state"]) == ("penguins", "ask", "Waiting for you")
    assert row["what"] == "step 3 wants to replace a file" and row["steps"] == "3 of 4"
    ask = row["ask"]
    assert (ask["call"], ask["digest"], ask["danger"]) == ("r4.0", "9f3ce1aa", False)
    assert [b["label"] for b in ask["buttons"]] == ["Approve", "Reject"]
    assert ask["since"] and row["clock"]["since"] == ""


def test_plan_is_decided_by_its_version_so_that_another_plan_is_not():
    w = Writer().start().propose()
    w.add("question.asked", question="plan:1", kind="plan", text="It asks because so.")
    row = agent(w)
    assert row["ask"]["call"] == "plan:1" and row["run"] == w.events[0].hash != ""
    assert row["ask"]["why"] == " · ".join(f"{step.n} {step.title}" for step in w.state.plan.steps) != ""


def test_question_of_the_model_is_said_itself():
    assert agent(STATES["question"]())["ask"]["why"] == "Which year do you mean?"


def test_dangerous_decision_can_only_be_refused_without_its_card():
    w = Writer().two_steps()
    call = w.call(code="x")
    w.allow(call).add("call.started", call=call, key="k", epoch=1)
    held = {
        "kind": "effect",
        "call": call,
        "effect": ["net", "evil.example"],
        "title": "connect",
        "text": "So.",
    }
    safe = w.add("question.asked", question=f"{call}!1", **held)
    assert [b["verb"] for b in agent(safe)["ask"]["buttons"]] == ["approve", "reject"]
    w.add(
        "effect.decided",
        question=f"{call}!1",
        call=call,
        effect=held["effect"],
        what="refuse",
        scope="once",
        by="you",
        why="",
    )
    w.add("question.asked", question=f"{call}!2", danger=True, **held)
    row = agent(w)
    assert row["ask"]["danger"] and [b["verb"] for b in row["ask"]["buttons"]] == ["reject"]


def test_address_that_others_wrote_can_only_be_refused_without_its_card():
    w = Writer().two_steps()
    foreign = [{"value": "evil@example.org", "source": "mail.csv", "argument": "to", "call": "r3.0"}]
    w.ask(w.call("send_mail", to="evil@example.org"), title="send a mail", foreign=foreign)
    row = agent(w)
    assert (row["tone"], row["glyph"], row["state"]) == ("bad", "danger", "Waiting for you")
    assert row["ask"]["danger"] and [b["verb"] for b in row["ask"]["buttons"]] == ["reject"]
    assert row["ask"]["why"] == "This address came from mail.csv, not from you."


def test_question_of_the_model_is_answered_at_its_card():
    row = agent(STATES["question"]())
    assert row["ask"]["buttons"] == []


@pytest.mark.parametrize("name", STATES)
def test_every_state_of_a_process_is_a_row(name):
    row = agent(STATES[name]())
    assert row["state"] and row["pid"] == 3
    assert row["ended"] is (STATES[name]().state.status == "ended")


def test_clock_runs_only_while_it_is_at_work():
    assert agent(STATES["running"]())["clock"]["since"] != ""
    assert agent(STATES["waiting"]())["clock"]["since"] == ""
    assert agent(STATES["paused"]())["clock"]["since"] == ""


def test_times_are_those_of_the_last_minutes_and_join_what_is_close():
    w = Writer().two_steps()
    whole, last = Agent(w.events).times(1e9), Agent(w.events).times(1.0)
    assert {one["who"] for one in whole["found"]} == {"model", "tool", "you"}
    assert 0 < len(last["found"]) < len(whole["found"]) and last["found"][-1]["end"] == whole["found"][-1]["end"]
    many = Writer().planned()
    for _ in range(200):
        many.step(1)
    assert len(Agent(many.events).times(1e9)["found"]) <= 60


@pytest.mark.parametrize(("state", "asks"), [("question", True), ("doubt", True), ("waiting", None)])
def test_row_of_a_call_says_whether_it_is_asked_something_or_may_be_approved(state, asks):
    w = STATES[state]()
    (row,) = [r for r in Projector(w.events).view(w.state, w.events)["steps"] if r["s"] == "waiting"]
    assert row.get("asks") is asks
