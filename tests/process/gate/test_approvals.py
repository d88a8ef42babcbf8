"""Approvals: for exactly one call, once, by somebody else where that is required; what does not match changes nothing."""

import pytest
from turns import call, python, same_as_folded

import llmos_nb as llmos
from llmos_nb.app.cli import main
from llmos_nb.errors import CallDenied, UsageError
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.session import Session

DONE = {"text": "ok"}


def started(*turns, namespace=None, **options):
    session = Session({} if namespace is None else namespace)
    return session.create("work", model=ScriptedModel(list(turns)), **options)


def stale(process):
    return [e.d for e in process.events if e.k == "signal.received" and e.d["signal"] == "stale_approval"]


def decided(process):
    return [(e.d["call"], e.d["what"], e.body.by.name) for e in process.events if e.k == "call.decided"]


def ship(box: str) -> str:
    """Ship a box."""
    return f"shipped {box}"


async def test_an_approval_of_something_else_changes_nothing_and_is_journaled():
    proc = started(call("ship", box="a"), DONE, tools=[ship])
    await proc.start()
    await proc.approve("r1.0", digest="f" * 64)
    assert proc.state == "waiting" and decided(proc) == []
    why = "it is not what was seen any more"
    assert stale(proc) == [
        {
            "signal": "stale_approval",
            "by": {"kind": "person", "name": "you"},
            "call": "r1.0",
            "why": why,
            "digest": "f" * 64,
        }
    ]
    assert same_as_folded(proc)
    await proc.approve("r1.0", digest=proc.run.state.calls["r1.0"].digest)
    assert proc.reason == "answered"


async def test_an_approval_counts_once():
    proc = started(call("ship", box="a"), call("ship", box="b"), DONE, tools=[ship])
    await proc.start()
    await proc.approve("r1.0")
    assert proc.state == "waiting"
    await proc.approve("r1.0")
    assert proc.state == "waiting" and "r2.0" in proc.run.state.questions and stale(proc)[0]["call"] == "r1.0"
    assert decided(proc) == [("r1.0", "approve", "you")]


async def test_arguments_that_fit_after_a_conversion_are_asked_about_once_and_handed_over_so():
    got = []

    def pack(box: str, pieces: int) -> str:
        """Pack a box."""
        got.append(pieces)
        return "packed"

    proc = started(call("pack", box="a", pieces="120"), DONE, tools=[pack])
    await proc.start()
    await proc.approve("r1.0", digest=proc.run.state.calls["r1.0"].digest)
    assert proc.reason == "answered" and got == [120] and len(decided(proc)) == 1 and same_as_folded(proc)


async def test_approval_given_before_an_edit_is_stale():
    proc = started(call("ship", box="a"), DONE, tools=[ship])
    await proc.start()
    seen = proc.run.state.calls["r1.0"].digest
    await proc.edit("r1.0", arguments={"box": "b"})
    assert proc.state == "waiting"  # an edited call passes the policy again
    await proc.approve("r1.0", digest=seen)
    assert proc.state == "waiting" and len(stale(proc)) == 1
    await proc.approve("r1.0")
    assert proc.run.state.calls["r1.0"].result == "shipped b"


async def test_an_edit_that_is_no_python_is_refused_in_one_line_and_the_call_waits_as_it_was():
    proc = started(python("kept = 1"), DONE, namespace={}, approve="step")
    await proc.start()
    before = len(proc.events)
    for code in ("kept = = 2", "def f(:\n    pass", "x = (1,\n"):
        with pytest.raises(UsageError, match=r"^r1\.0: line \d+ is no Python \(.+\); nothing was changed$"):
            proc.edit("r1.0", code)
    assert proc.state == "waiting" and len(proc.events) == before, "nobody is told, and the model least of all"
    proc.edit("r1.0", "%precision 3\nkept = await one()\n")  # magics and await are no faults
    assert proc.run.state.calls["r1.0"].arguments["code"].startswith("%precision")


async def test_code_of_a_persons_for_a_step_is_parsed_before_the_plan_has_it():
    plan = {"plan": [{"title": "Load"}, {"title": "Sum"}]}
    proc = started(plan, DONE, namespace={}, approve="plan")
    await proc.start()
    with pytest.raises(UsageError, match=r"^step 2: line 1 is no Python"):
        proc.edit(2, code="t = sum(")
    assert proc.plan.step(2).code == ""
    proc.edit(2, code="t = sum(x)")
    assert proc.plan.step(2).code == "t = sum(x)"


async def test_approval_is_checked_again_where_a_name_it_reads_has_changed():
    names = {"rows": [1]}
    proc = started(python("kept = sum(rows)"), DONE, namespace=names, approve="step")
    await proc.start()
    seen = proc.run.state.calls["r1.0"].digest
    names["rows"] = [1, 2]
    await proc.approve("r1.0", digest=seen)
    assert proc.state == "waiting" and "has changed since" in proc.run.state.questions["r1.0"]["text"]
    assert "kept" not in names
    await proc.approve("r1.0")
    assert names["kept"] == 3


async def test_an_approval_by_somebody_else_is_checked_again_too():
    names = {"rows": [1]}
    proc = started(python("kept = sum(rows)"), DONE, namespace=names, approve="step")
    await proc.start()
    names["rows"] = [1, 2]
    await proc.approve("r1.0", by="bob")
    assert proc.state == "waiting" and "kept" not in names


async def test_an_approval_does_not_cover_a_tool_whose_code_changed(tmp_path):
    proc = started(call("ship", box="a"), DONE, tools=[ship])
    await proc.start()
    path = proc.journal.path

    def other(box: str) -> str:
        return f"burnt {box}"

    other.__name__ = "ship"
    again = Session({}).load(path, tools=[other], model=ScriptedModel([call("ship", box="a"), DONE]))
    again.approve("r1.0")
    await again.resume()
    assert again.state == "waiting" and "has changed since" in again.run.state.questions["r1.0"]["text"]


async def test_nothing_inside_a_step_can_approve():
    names = {}
    proc = started(python("proc.approve('all')\n1"), call("ship", box="a"), DONE, namespace=names, tools=[ship])
    names["proc"] = proc
    await proc.start()
    failed = proc.run.state.calls["r1.0"]
    assert failed.error == CallDenied.__name__ and proc.state == "waiting" and decided(proc)[-1][2] != "you"


async def test_an_approver_other_than_the_requester_can_be_required(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LLMOS_USER", "ann")
    (tmp_path / "llmos.toml").write_text("other_approver = true\n")
    proc = started(call("ship", box="a"), DONE, tools=[ship])
    await proc.start()
    for own in ("you", "ann"):
        await proc.approve("r1.0", by=own)
    assert proc.state == "waiting" and [s["by"]["name"] for s in stale(proc)] == ["ann", "ann"]
    with pytest.raises(UsageError, match="other than ann"):
        proc.rule("ship", "allow")
    await proc.approve("r1.0", by="bob")
    assert proc.reason == "answered" and same_as_folded(proc) and decided(proc) == [("r1.0", "approve", "bob")]


async def test_who_approved_what_is_a_query(capsys):
    proc = started(call("ship", box="a"), DONE, tools=[ship])
    await proc.start()
    await proc.approve("r1.0", by="ann")
    assert main(["log", str(proc.journal.path), "--decisions"]) == 0
    out = capsys.readouterr().out
    assert "ann" in out and "r1.0" in out and "call.started" not in out


@pytest.mark.parametrize("verb", ["approve", "reject"])
async def test_approve_all_decides_every_open_question(verb):
    both = {"calls": [{"name": "ship", "arguments": {"box": b}} for b in "ab"]}
    proc = started(both, DONE, tools=[ship])
    await proc.start()
    assert list(proc.run.state.questions) == ["r1.0", "r1.1"]
    await getattr(proc, verb)("all")
    assert [d[:2] for d in decided(proc)] == [("r1.0", verb), ("r1.1", verb)]


async def test_a_question_may_wait_for_another_day(tmp_path):
    proc = started(call("ship", box="a"), DONE, tools=[ship])
    await proc.start()
    again = Session({}).load(proc.journal.path, tools=[ship], model=ScriptedModel([call("ship", box="a"), DONE]))
    again.approve("r1.0", digest=proc.run.state.calls["r1.0"].digest)
    await again.resume()
    assert again.reason == "answered" and llmos.replay(proc.journal.path).digest == again.digest
