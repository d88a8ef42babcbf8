"""Calls of a turn run in the order given; only independent reads run side by side, and an ask holds what follows."""

import asyncio
from pathlib import Path

import pytest

import llmos_nb as llmos
from llmos_nb import tool
from llmos_nb.models.scripted import ScriptedModel


def turn(*calls):
    return {"calls": [{"name": name, "arguments": arguments} for name, arguments in calls]}


def python(code):
    return ("python", {"code": code})


DONE = {"text": "Done."}


async def test_a_call_sees_what_the_call_before_it_made():
    script = [turn(python("y = 41"), ("describe", {"name": "y"}), python("z = y + 1")), DONE]
    space = {}
    p = await llmos.run("Count.", model=ScriptedModel(script), namespace=space, approve="auto")
    assert p.reason == "answered" and space["z"] == 42
    assert [c.status for c in p.run.state.calls.values()] == ["done"] * 3
    assert p.run.state.calls["r1.1"].result == "y: int 41"


async def test_calls_that_act_run_one_after_the_other():
    marks = []

    async def act(n: int) -> str:
        """Act."""
        marks.append(f"begin {n}")
        await asyncio.sleep(0)
        marks.append(f"end {n}")
        return "ok"

    script = [turn(*(("act", {"n": n}) for n in range(3))), DONE]
    await llmos.run("Act.", model=ScriptedModel(script), tools=[act], namespace={}, approve="auto")
    assert marks == [f"{what} {n}" for n in range(3) for what in ("begin", "end")]


async def test_independent_reads_run_side_by_side_and_hold_what_acts():
    inside, most, acted_at = set(), [0], []
    gate = asyncio.Event()

    @tool(effect="read", repeat="pure")
    async def look(n: int) -> int:
        """Look."""
        inside.add(n)
        most[0] = max(most[0], len(inside))
        if len(inside) == 4:
            gate.set()
        await gate.wait()
        inside.discard(n)
        return n

    async def act() -> str:
        """Act."""
        acted_at.append(len(inside))
        return "ok"

    script = [turn(*(("look", {"n": n}) for n in range(4)), ("act", {}), ("look", {"n": 9})), DONE]
    p = await llmos.run("Look.", model=ScriptedModel(script), tools=[look, act], namespace={}, approve="auto")
    assert p.reason == "answered" and most[0] == 4 and acted_at == [0]


@pytest.mark.parametrize("first", ["approve", "reject"])
async def test_an_ask_holds_what_follows_it(first):
    ran = []

    def pay(amount: int) -> str:
        """Pay."""
        ran.append(amount)
        return "paid"

    script = [turn(("pay", {"amount": 1}), python("z = 1")), DONE]
    space = {}
    p = await llmos.run("Pay.", model=ScriptedModel(script), tools=[pay], namespace=space)
    assert p.state == "waiting" and "z" not in space and ran == []
    await getattr(p, first)("r1.0")
    assert p.reason == "answered" and space["z"] == 1 and ran == ([1] if first == "approve" else [])


async def test_questions_of_a_turn_can_be_answered_together_and_run_in_order():
    ran = []

    def pay(amount: int) -> str:
        """Pay."""
        ran.append(amount)
        return "paid"

    script = [turn(*(("pay", {"amount": n}) for n in (1, 2, 3))), DONE]
    p = await llmos.run("Pay.", model=ScriptedModel(script), tools=[pay], namespace={})
    p.approve("r1.2")
    p.approve("r1.1")
    await p
    assert ran == []
    await p.approve("r1.0")
    assert ran == [1, 2, 3]


async def test_a_call_that_uses_what_is_still_to_be_made_is_asked_of_once_it_is_there(tmp_path):
    one, two, three = (f"Path({str(tmp_path / name)!r}).write_text" for name in "abc")
    script = [turn(python(f"n = 2; {one}('')"), python(f"{two}(str(n))"), python(f"{three}('!')")), DONE]
    p = await llmos.run("Write.", model=ScriptedModel(script), namespace={"Path": Path})
    assert list(p.run.state.questions) == ["r1.0"]
    await p.approve("r1.0")
    assert list(p.run.state.questions) == ["r1.1", "r1.2"]  # these rest on nothing of one another
    assert p.run.state.questions["r1.1"]["reads"] == ["Path", "n"]
    p.approve("r1.2")
    await p.approve("r1.1")
    assert [(tmp_path / name).read_text() for name in "abc"] == ["", "2", "!"]
    assert sum(e.k == "question.asked" for e in p.events) == 3


async def test_a_call_let_through_early_is_judged_anew_after_the_one_before_it():
    """What it was judged by is no longer so: the name it calls means something else now."""
    script = [
        turn(("note", {}), python("import os; f = os.remove"), python("f('x')")),
        DONE,
    ]

    def note() -> str:
        """Note."""
        return "noted"

    space = {"f": len}
    p = await llmos.run("Go.", model=ScriptedModel(script), tools=[note], namespace=space)
    assert p.state == "waiting"
    await p.approve("r1.0")
    assert p.state == "waiting" and list(p.run.state.questions) == ["r1.2"]
    await p.reject("all", "no")
    assert p.run.state.calls["r1.2"].status == "rejected"


async def test_a_counted_rule_counts_once_where_a_call_is_judged_anew(tmp_path):
    (tmp_path / "llmos.toml").write_text('[[policy.rules]]\ntool = "act"\ndo = "allow"\ncount = 2\n')
    ran = []

    async def act(n: int) -> str:
        """Act."""
        ran.append(n)
        return "ok"

    async def pay() -> str:
        """Pay."""
        return "paid"

    script = [turn(("pay", {}), *(("act", {"n": n}) for n in (1, 2, 3))), DONE]
    p = await llmos.run("Act.", model=ScriptedModel(script), tools=[act, pay], namespace={})
    assert sorted(p.run.state.questions) == ["r1.0", "r1.3"]
    await p.approve("r1.0")
    assert ran == [1, 2] and list(p.run.state.questions) == ["r1.3"]
