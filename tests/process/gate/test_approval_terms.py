"""Who may approve and until when: approvers, deadlines, escalation; also over a restart, with a clock of the test's own."""

from datetime import UTC, datetime, timedelta

import pytest
from notebook_driver import Notebook
from turns import call, same_as_folded
from waits import until_async

from llmos_nb.errors import ConfigError, UsageError
from llmos_nb.journal.events import DEADLINE, Decider
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.policy import approval
from llmos_nb.session import Session, config
from llmos_nb.views.panel.view import view

DONE = {"text": "ok"}
START = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)


def ship(box: str) -> str:
    """Ship a box."""
    return f"shipped {box}"


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is put forward."""

    class Clock:
        at = START

        def forward(self, **more):
            self.at += timedelta(**more)

    clock = Clock()
    monkeypatch.setattr(approval, "now", lambda: clock.at)
    return clock


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("LLMOS_USER", "ann")
    return lambda text: (tmp_path / "llmos.toml").write_text(f"[approval]\n{text}")


async def waiting(*turns, **options):
    script = list(turns or (call("ship", box="a"), DONE))
    proc = Session({}).create("work", model=ScriptedModel(script), tools=[ship], **options).start()
    await proc
    return proc


def reload(proc, *turns):
    model = ScriptedModel(list(turns or (call("ship", box="a"), DONE)))
    return Session({}).load(proc.journal.path, tools=[ship], model=model)


def signals(proc, name="stale_approval"):
    return [e.d for e in proc.events if e.d.get("signal") == name]


async def test_only_named_approvers_may_approve(settings, monkeypatch):
    settings('approvers = ["bob", "eva"]')
    proc = await waiting()
    await proc.approve("all")
    await proc.approve("all", by="carl")
    assert proc.state == "waiting" and [s["by"]["name"] for s in signals(proc)] == ["ann", "carl"]
    assert signals(proc)[0]["why"] == "bob or eva must approve it"
    with pytest.raises(UsageError, match="bob or eva"):
        proc.rule("ship", "allow")
    monkeypatch.setenv("LLMOS_USER", "bob")  # the same journal, at bob's login
    again = reload(proc)
    again.approve("all")
    await again.resume()
    assert again.reason == "answered" and same_as_folded(again)
    assert [e.body.by for e in again.events if e.k == "call.decided"] == [Decider("person", "bob")]


async def test_anybody_may_reject(settings):
    settings('approvers = ["bob"]')
    proc = await waiting()
    await proc.reject("all", "no")
    assert proc.run.state.calls["r1.0"].status == "rejected"


async def test_requester_cannot_approve_their_own_request(settings, monkeypatch):
    settings("other = true")
    proc = await waiting()
    await proc.approve("all")
    assert proc.state == "waiting" and "other than ann" in signals(proc)[0]["why"]
    monkeypatch.setenv("LLMOS_USER", "bob")
    await proc.approve("all")
    assert proc.reason == "answered"


async def test_a_question_that_nobody_answers_in_time_is_rejected(settings, clock):
    settings('deadline = "2 d"')
    proc = await waiting()
    assert proc.run.state.questions["r1.0"]["until"] == "2026-11-28T09:00:00.000+00:00"
    clock.forward(days=1, hours=23)
    proc.deadlines.ring()
    assert proc.state == "waiting"
    clock.forward(hours=1)
    proc.deadlines.ring()
    await proc
    c = proc.run.state.calls["r1.0"]
    assert (c.status, c.by, proc.reason) == ("rejected", DEADLINE, "answered") and same_as_folded(proc)
    assert "the deadline: nobody decided in time" in c.result


async def test_the_timer_of_the_loop_rings_by_itself(settings):
    settings('deadline = "0.05 s"')
    proc = await waiting()
    await until_async(lambda: proc.reason is not None)
    assert proc.run.state.calls["r1.0"].by == DEADLINE


async def test_a_deadline_survives_a_restart(settings, clock):
    settings('deadline = "2 d"')
    proc = await waiting()
    clock.forward(days=3)
    again = reload(proc)
    assert again.run.state.questions["r1.0"]["until"].startswith("2026-11-28")
    await again.resume()
    await until_async(lambda: again.reason is not None)
    assert again.run.state.calls["r1.0"].by == DEADLINE and same_as_folded(again)


async def test_an_approval_that_comes_too_late_does_not_count(settings, clock):
    settings('deadline = "2 d"')
    proc = await waiting()
    clock.forward(days=3)
    await proc.approve("all")
    await proc
    assert proc.run.state.calls["r1.0"].status == "rejected"
    assert signals(proc)[0]["why"] == "its deadline has passed"


async def test_open_question_is_escalated_then_rejected(settings, clock):
    settings('approvers = ["bob"]\ndeadline = "1 h"\nthen = "escalate"\nescalate = ["boss"]')
    proc = await waiting()
    clock.forward(hours=1)
    proc.deadlines.ring()
    await proc
    question = proc.run.state.questions["r1.0"]
    assert proc.state == "waiting" and question["approvers"] == ["boss"] and question["then"] == "reject"
    assert question["until"] == "2026-11-26T11:00:00.000+00:00"
    await proc.approve("all", by="bob")
    assert proc.state == "waiting" and signals(proc)[-1]["why"] == "boss must approve it"
    clock.forward(hours=1)
    proc.deadlines.ring()
    await proc
    assert proc.run.state.calls["r1.0"].by == DEADLINE and same_as_folded(proc)


async def test_escalation_target_may_approve(settings, clock):
    settings('deadline = "1 h"\nthen = "escalate"\nescalate = ["boss"]')
    proc = await waiting()
    clock.forward(hours=1)
    proc.deadlines.ring()
    await proc
    await proc.approve("all", by="boss")
    await proc
    assert proc.reason == "answered"


async def test_a_plan_has_a_deadline_too(settings, clock):
    settings('deadline = "1 h"')
    plan = {"plan": [{"title": "look"}, {"title": "tell"}]}
    proc = await waiting(plan, DONE)
    assert list(proc.run.state.questions) == ["plan:1"]
    clock.forward(hours=2)
    proc.deadlines.ring()
    await proc
    assert next(e.body.by for e in proc.events if e.k == "plan.decided") == DEADLINE


async def test_a_paused_process_is_not_decided_for(settings, clock):
    settings('deadline = "1 h"')
    proc = await waiting()
    await proc.stop()
    clock.forward(hours=2)
    proc.deadlines.ring()
    assert proc.state == "paused" and proc.run.state.calls["r1.0"].status == "asked"


async def test_the_card_and_the_process_table_say_until_when_and_who(settings, clock, monkeypatch):
    settings('approvers = ["bob"]\ndeadline = "2 d"\nthen = "escalate"\nescalate = ["boss"]')
    proc = await waiting()
    why = str(view(proc.run.state, proc.events)["card"]["why"])
    assert "Bob must approve it." in why and "then boss may decide" in why
    assert "until Saturday 28 November" in why and "until Saturday 28 November" in proc.waits_for


async def test_approval_without_terms_needs_nothing_more():
    proc = await waiting()
    assert "until" not in proc.run.state.questions["r1.0"] and proc.run.state.approval == {}
    assert "approval" not in next(e.d for e in proc.events if e.k == "policy.loaded")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('deadlin = "2 d"', "did you mean deadline"),
        ('deadline = "soon"', 'as in "2 d"'),
        ('deadline = "0 d"', 'as in "2 d"'),
        ('then = "wait"', "reject or escalate"),
        ('then = "escalate"', "needs a deadline"),
        ('approvers = "bob"', "list of names"),
        ("other = 1", "true or false"),
    ],
)
def test_wrong_terms_are_named(settings, text, said):
    settings(text)
    with pytest.raises(ConfigError, match=said):
        config.load()


def test_an_organisations_terms_are_only_tightened(tmp_path, monkeypatch):
    org = tmp_path / "org.toml"
    org.write_text('[approval]\nother = true\napprovers = ["bob", "eva"]\ndeadline = "1 h"')
    (tmp_path / "llmos.toml").write_text('[approval]\nother = false\napprovers = ["eva", "me"]\ndeadline = "5 d"')
    monkeypatch.setenv("LLMOS_ORG_CONFIG", str(org))
    found = config.load().approval
    assert (found.other, found.approvers, found.deadline_s) == (True, ("eva",), 3600)
    (tmp_path / "llmos.toml").write_text('[approval]\napprovers = ["me"]\ndeadline = "1 min"')
    found = config.load().approval
    assert (found.approvers, found.deadline_s) == (("bob", "eva"), 60)


def test_notebook_says_why_an_approval_does_not_count(tmp_path):
    (tmp_path / "llmos.toml").write_text('[approval]\napprovers = ["bob"]\ndeadline = "2 d"\n')
    with Notebook(tmp_path) as nb:
        nb.run("def ship(box: str):\n    'Ship.'\n    return 'shipped ' + box")
        model = nb.script(call("ship", box="a"), DONE)
        nb.run(f"%%agent -m {model} -t ship\nShip it.")
        assert "until" in nb.run("%agent ps").text
        assert "not counted, bob must approve it" in nb.run("%agent approve 1").text
        nb.run("import os; os.environ['LLMOS_USER'] = 'bob'")
        assert nb.run("%agent approve 1").status == "ok"
        nb.run("from llmos_nb.session import api\nawait api.session_of(globals(), None).processes[1]")
        assert "answered" in nb.run("%agent ps").text
