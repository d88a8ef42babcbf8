"""“Approve the rest like this” covers calls like the one that was seen, and no others."""

import pytest
from turns import call, python

import llmos_nb as llmos
from llmos_nb.app.options import carry_out
from llmos_nb.errors import UsageError
from llmos_nb.journal.events import YOU, Decider, PolicyChanged
from llmos_nb.session import Session

WRITE = "from pathlib import Path\nPath({!r}).write_text('x')"


def statuses(proc):
    return [c.status for c in proc.run.state.calls.values()]


async def test_approving_the_rest_covers_the_same_risk_and_no_other(script, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = script(
        python(WRITE.format("a.txt")),
        python(WRITE.format("b.txt")),
        python("import subprocess\nsubprocess.run(['true'])"),
        {"text": "ok"},
    )
    proc = await llmos.run("write", model=model, namespace={})
    await proc.approve_rest("r1.0", digest=proc.run.state.calls["r1.0"].digest)
    assert (tmp_path / "a.txt").exists() and (tmp_path / "b.txt").exists()
    assert proc.state == "waiting" and statuses(proc) == ["done", "done", "asked"]


ELSEWHERE = {
    "spelled": "open({there!r}, 'w').close()",
    "by another way": "from pathlib import Path\nPath({there!r}).write_text('x')",
    "hidden in the folder": "open('.hook', 'w').close()",
    "known when it runs": "name = {there!r}\nopen(name, 'w').close()",
    "by a magic": "get_ipython().run_line_magic('writefile', {there!r})",
}


@pytest.mark.parametrize("way", ELSEWHERE)
async def test_approving_the_rest_in_the_folder_covers_nothing_elsewhere(script, tmp_path, monkeypatch, way):
    there, work = tmp_path / "there.txt", tmp_path / "work"
    work.mkdir()
    monkeypatch.setattr("llmos_nb.process.gate.effects.places", lambda: (str(tmp_path / "temporary"), ()))
    monkeypatch.chdir(work)
    model = script(python(WRITE.format("a.txt")), python(ELSEWHERE[way].format(there=str(there))), {"text": "ok"})
    proc = await llmos.run("write", model=model, namespace={})
    await proc.approve_rest("r1.0")
    made = sorted(p.name for p in tmp_path.rglob("*") if p.suffix == ".txt" or p.name == ".hook")
    assert made == ["a.txt"] and proc.run.state.calls["r2.0"].status in ("asked", "failed")


async def test_a_stale_approval_makes_no_rule(script):
    proc = await llmos.run("write", model=script(python(WRITE.format("a.txt"))), namespace={})
    await proc.approve_rest("r1.0", digest="0" * 64)
    assert proc.state == "waiting" and proc.run.state.rules == []


@pytest.mark.parametrize(
    "code",
    [
        "import subprocess\nsubprocess.run(['true'])",
        "import socket\nsocket.create_connection(('127.0.0.1', 9))",
        "import ctypes\nctypes.CDLL(None)",
        "import os\nos.remove('old.csv')",
    ],
)
async def test_outward_calls_and_deletions_cannot_be_approved_in_advance(script, code):
    proc = await llmos.run("go", model=script(python(code)), namespace={})
    with pytest.raises(UsageError, match="in advance"):
        proc.approve_rest("r1.0")
    assert proc.state == "waiting" and proc.run.state.rules == []


async def test_an_external_function_cannot_be_approved_in_advance(script):
    def pay(amount: int) -> str:
        """Pay."""
        return "paid"

    proc = await llmos.run("pay", model=script(call("pay", amount=1)), tools=[pay])
    with pytest.raises(UsageError, match="in advance"):
        proc.approve_rest("r1.0")


async def test_new_rule_does_not_reset_the_count_of_an_old_one(script):
    def pay(amount: int) -> str:
        """Pay."""
        return "paid"

    proc = llmos.start("pay", model=script(call("pay", amount=1), call("pay", amount=2), {"text": "ok"}), tools=[pay])
    rule = {"tool": "pay", "do": "allow", "count": 1}
    proc.run.append(PolicyChanged(rule=rule, by=YOU))
    await proc
    assert statuses(proc) == ["done", "asked"]
    await proc.rule("other", "deny")
    assert dict(proc.run.state.rules_used) == {1: 1}


def pay(amount: int, to: str = "ann") -> str:
    """Pay."""
    return "paid"


async def test_always_for_these_arguments_covers_exactly_these(script):
    turns = [call("pay", amount=a, **more) for a, more in ((1, {}), (1, {}), (1, {"to": "eve"}))]
    proc = await llmos.run("pay", model=script(*turns, {"text": "ok"}), tools=[pay])
    await proc.approve_same("r1.0", digest=proc.run.state.calls["r1.0"].digest)
    assert statuses(proc) == ["done", "done", "asked"] and proc.run.state.calls["r2.0"].by == Decider("rule", "1")
    await proc.revoke(0)
    assert proc.run.state.rules == []


async def test_exact_rule_needs_a_waiting_call_and_a_fresh_approval(script):
    proc = await llmos.run("pay", model=script(call("pay", amount=1)), tools=[pay])
    await proc.approve_same("r1.0", digest="0" * 64)
    assert proc.state == "waiting" and proc.run.state.rules == []
    with pytest.raises(UsageError, match="does not wait for you"):
        proc.approve_same("r9.0")


async def test_a_fork_has_the_rules_of_its_parent_and_no_count_afresh(script):
    turns = [call("pay", amount=a) for a in (1, 2, 3)]
    proc = llmos.start("pay", model=script(*turns, {"text": "ok"}), tools=[pay])
    proc.rule("pay", "allow", count=1)
    proc.rule("pay", "deny", amount=3)
    await proc
    child = proc.fork(at=len(proc.events) - 1)
    assert [r.plain() for r in child.run.state.rules] == [r.plain() for r in proc.run.state.rules]
    assert child.run.state.rules_used == proc.run.state.rules_used and child.run.state.mode == "risky"
    await child.resume()
    assert statuses(child) == ["done", "asked"]
    await child.approve("r2.0")
    assert statuses(child) == ["done", "done", "rejected"]


async def test_approve_command_takes_conditions(script):
    session = Session()
    turns = [call("pay", amount=a) for a in (50, 51)]
    proc = session.create("pay", model=script(*turns, {"text": "ok"}), tools=[pay])
    await carry_out(session, "allow pay --where amount=50 --count 2 --until 2999-01-01")
    await proc.start()
    assert statuses(proc) == ["done", "asked"] and proc.run.state.rules[0].where == {"amount": 50}
    for line, said in (
        ("allow pay --where amount", "must be ARGUMENT=VALUE"),
        ("allow pay --until never", "until = 'never' must be a time"),
        ("deny pay --where count=1", "goes under"),
    ):
        with pytest.raises(UsageError, match=said):
            await carry_out(session, line)
    assert len(proc.run.state.rules) == 1
