"""“Approve the rest like this” covers calls like the one that was seen, and no others."""

import pytest
from turns import call, python

import llmos_nb as llmos
from llmos_nb.errors import UsageError

WRITE = "from pathlib import Path\nPath({!r}).write_text('x')"


def statuses(proc):
    return [c.status for c in proc.run.state.calls.values()]


async def test_it_covers_what_bears_the_same_risk_and_nothing_that_bears_another(script, tmp_path, monkeypatch):
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


async def test_a_stale_approval_makes_no_rule(script):
    proc = await llmos.run("write", model=script(python(WRITE.format("a.txt"))), namespace={})
    await proc.approve_rest("r1.0", digest="0" * 64)
    assert proc.state == "waiting" and proc.run.state.rules == []


@pytest.mark.parametrize(
    "code", ["import subprocess\nsubprocess.run(['true'])", "import socket\nsocket.socket()", "exec('1')"]
)
async def test_what_goes_out_cannot_be_approved_in_advance(script, code):
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


async def test_a_new_rule_does_not_give_an_old_one_its_count_back(script):
    def pay(amount: int) -> str:
        """Pay."""
        return "paid"

    proc = llmos.start(
        "pay", model=script(call("pay", amount=1), call("pay", amount=2), {"text": "ok"}), tools=[pay]
    )
    rule = {"tool": "pay", "do": "allow", "count": 1}
    proc.run.append("policy.changed", rule=rule, by="you")
    await proc
    assert statuses(proc) == ["done", "asked"]
    await proc.rule("other", "deny")
    assert dict(proc.run.state.rules_used) == {1: 1}
