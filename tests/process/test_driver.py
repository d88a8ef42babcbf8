"""Which task carries out which command; and what nobody expected still ends with a reason."""

import asyncio
import gc
import threading
from dataclasses import replace
from itertools import pairwise

from turns import call, python, same_as_folded

import llmos_nb as llmos
from llmos_nb.errors import JournalUnwritable
from llmos_nb.journal.events import YOU
from llmos_nb.messages import Response, ToolCall
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.process import driver
from llmos_nb.process.state.decide import Integrate, Start
from llmos_nb.tools import as_tool


def look() -> int:
    """Look."""
    return 3


async def test_an_inspection_that_raises_ends_the_process_with_its_reason(script):
    def broken(arguments):
        raise RecursionError("too deep")

    tool = replace(as_tool(look, effect="read"), inspect=broken)
    proc = await llmos.run("go", model=script(call("look"), {"text": "3"}), tools=[tool])
    assert proc.reason == "failed" and "too deep" in proc.detail and same_as_folded(proc)


async def test_a_view_that_raises_is_left_out_and_the_process_goes_on(script, caplog):
    proc = llmos.start("go", model=script(python("x = 3\nx"), {"text": "3"}), namespace={})

    def view(event, state):
        raise ValueError("a view is broken")

    proc.run.listeners.append(view)
    await proc
    assert proc.reason == "answered" and view not in proc.run.listeners
    assert "a view is broken" in caplog.text


async def test_code_that_cannot_be_inspected_is_told_to_the_model(script):
    for code in ("(" * 5000, "x" + "[0]" * 3000, "f" + "()" * 3000, "\x00", "-" * 100_000 + "1"):
        proc = await llmos.run("go", model=script(python(code), {"text": "ok"}), namespace={}, approve="auto")
        assert proc.state == "ended" and proc.reason == "answered", (code[:9], proc.detail)


def taken_with(proc):
    """Note by which task each command of a process is carried out, in order."""
    found = []

    async def noted(work, command):
        found.append((type(command).__name__, asyncio.current_task()))
        await work

    def executor(inner):
        def begin(run, command):
            work = inner(run, command)
            return noted(work, command) if work is not None and run is proc.run else work

        return begin

    return found, {kind: executor(inner) for kind, inner in driver.EXECUTORS.items()}


async def test_commands_that_follow_each_other_are_carried_out_by_one_task(script, monkeypatch):
    turns = [call("look") if n % 2 else python(f"x{n} = {n}") for n in range(6)]
    tools = [as_tool(look, effect="external")]
    proc = llmos.start("go", model=script(*turns, {"text": "3"}), tools=tools, namespace={}, approve="auto")
    found, executors = taken_with(proc)
    monkeypatch.setattr(driver, "EXECUTORS", executors)
    await proc
    assert proc.reason == "answered" and same_as_folded(proc)
    assert [kind for kind, _ in found].count("Start") == 6 and len({task for _, task in found}) == 1


async def test_calls_side_by_side_have_a_task_each(script, monkeypatch):
    both = {"calls": [{"name": "look", "arguments": {}}, {"name": "glance", "arguments": {}}]}
    began, go_on = threading.Barrier(2, timeout=30), []

    def beside() -> int:
        """Look."""
        go_on.append(began.wait())
        return 3

    tools = [as_tool(beside, effect="read", repeat="pure", name=name) for name in ("look", "glance")]
    proc = llmos.start("go", model=script(both, {"text": "3"}), tools=tools, approve="auto")
    found, executors = taken_with(proc)
    monkeypatch.setattr(driver, "EXECUTORS", executors)
    await proc
    starts = [task for kind, task in found if kind == "Start"]
    assert proc.reason == "answered" and sorted(go_on) == [0, 1] and len(set(starts)) == 2


async def test_an_executor_that_raises_in_a_task_that_goes_on_ends_the_process(script, monkeypatch):
    def broken(run, command):
        raise RecursionError("too deep to integrate")

    async def late(run, command):
        raise RecursionError("too deep to start")

    for kind, executor, why in ((Integrate, broken, "integrate"), (Start, late, "start")):
        monkeypatch.setattr(driver, "EXECUTORS", {**driver.EXECUTORS, kind: executor})
        model = script({"plan": [{"title": "Make x"}]}, python("x = 1"), {"text": "1"})
        proc = await llmos.run("go", model=model, namespace={}, approve="auto")
        assert proc.reason == "failed" and f"too deep to {why}" in proc.detail and same_as_folded(proc)


async def test_a_command_that_was_taken_and_not_begun_is_let_go_of_on_stop(script, monkeypatch):
    ran = []

    def stopping(run, command):
        run.halt("paused", YOU)  # in the moment in which the next command is taken

        async def never() -> None:
            ran.append(command)

        return never()

    monkeypatch.setattr(driver, "EXECUTORS", {**driver.EXECUTORS, Start: stopping})
    proc = await llmos.run("go", model=script(python("x = 1"), {"text": "1"}), namespace={}, approve="auto")
    assert proc.state == "paused" and not ran and not proc.run.tasks and same_as_folded(proc)


async def test_a_journal_that_fails_where_a_task_goes_on_pauses_the_process(script, monkeypatch, caplog):
    tried = []

    def full(run, command):
        tried.append(command)
        raise JournalUnwritable("the disk is full")

    monkeypatch.setattr(driver, "EXECUTORS", {**driver.EXECUTORS, Integrate: full})
    model = script({"plan": [{"title": "Make x"}]}, python("x = 1"), {"text": "1"})
    proc = await llmos.run("go", model=model, namespace={}, approve="auto")
    gc.collect()
    assert proc.state == "paused" and "the disk is full" in proc.run.trouble and len(tried) == 1
    assert "never retrieved" not in caplog.text


async def test_a_model_that_answers_at_once_lets_others_have_their_turn(script, monkeypatch):
    async def at_once(model, request, on_text):
        model.position += 1
        call = ToolCall("nothing", {"n": model.position})
        return Response(calls=(call,)) if model.position < 4 * driver.TURN else Response("3")

    monkeypatch.setattr(ScriptedModel, "respond", at_once)
    proc = llmos.start("go", model=script({"text": "3"}), budget="100 steps", approve="auto")
    loop, seen = proc.dispatch.ask(asyncio.get_running_loop), []

    def look_again():
        seen.append(proc.run.state.responses)
        if not proc.run.state.settled:
            loop.call_soon(look_again)

    loop.call_soon_threadsafe(look_again)
    await proc
    assert proc.reason == "answered" and seen[-1] == 4 * driver.TURN
    assert max(b - a for a, b in pairwise(seen)) <= driver.TURN


async def test_results_of_no_step_are_compared_with_nothing_and_those_of_a_step_are(script):
    step = ["model.requested", "model.responded", "call.decided", "call.started", "call.finished"]
    free = await llmos.run(
        "go", model=script(call("look"), {"text": "3"}), tools=[as_tool(look, effect="read")], namespace={}
    )
    kinds = [e.k for e in free.events]
    assert kinds[2:8] == [*step, "model.requested"] and free.reason == "answered" and same_as_folded(free)
    planned = await llmos.run(
        "go",
        model=script({"plan": [{"title": "Look"}]}, call("look"), {"text": "3"}),
        tools=[as_tool(look, effect="read")],
        approve="auto",
        namespace={},
    )
    assert [e.k for e in planned.events].count("step.integrated") == 1 and same_as_folded(planned)
