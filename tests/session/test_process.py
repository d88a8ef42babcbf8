"""A process from its goal to its end, through the public surface."""

import asyncio
import threading

import pytest
from slow_disk import on_disk, slow_disk
from turns import call, python, same_as_folded
from waits import until_async

import llmos_nb as llmos
from llmos_nb.errors import CallDenied, UsageError
from llmos_nb.journal.events import YOU, Decider
from llmos_nb.process import answers

PLAN = {"plan": [{"title": "make x", "expect": "1"}, {"title": "make y", "expect": "42", "depends_on": [1]}]}
TWO_STEPS = (PLAN, python("x = 1\nx"), python("y = x + 41\ny"), {"text": "y is 42"})


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def kinds(process):
    return [e.k for e in process.events]


async def test_process_calls_a_tool_and_answers(script):
    proc = await llmos.run(
        "add 40 and 2", model=script(call("add", a=40, b=2), {"text": "It is 42."}), tools=[add], approve="auto"
    )
    assert (proc.state, proc.reason, proc.answer) == ("ended", "answered", "It is 42.")
    assert same_as_folded(proc)
    assert kinds(proc).index("call.started") < kinds(proc).index("call.finished")
    assert all(e.d["call"] == "r1.0" for e in proc.events if e.k.startswith("call."))


async def test_a_plain_function_is_external_and_asks(script):
    proc = await llmos.run("add", model=script(call("add", a=40, b=2), {"text": "It is 42."}), tools=[add])
    assert proc.state == "waiting" and "call.started" not in kinds(proc)
    await proc.approve("r1.0")
    assert proc.reason == "answered" and same_as_folded(proc)
    decided = next(e for e in proc.events if e.k == "call.decided")
    assert decided.body.by == YOU and len(decided.d["digest"]) == 64


async def test_a_plan_is_shown_edited_and_approved(script):
    names = {}
    proc = await llmos.run("two steps", model=script(*TWO_STEPS), namespace=names)
    assert proc.state == "waiting" and [s.title for s in proc.plan.steps] == ["make x", "make y"]
    assert repr(proc.edit(2, title="make y from x")).startswith(f"<process {proc.pid} waiting: 'two steps'>; await")
    await proc.approve("all")
    assert proc.reason == "answered" and (names["x"], names["y"]) == (1, 42)
    assert [(s.n, s.status, s.title) for s in proc.plan.steps] == [
        (1, "done", "make x"),
        (2, "done", "make y from x"),
    ]
    assert [e.d["met"] for e in proc.events if e.k == "step.integrated"] == [True, True]
    assert same_as_folded(proc)


async def test_a_rejected_plan_is_proposed_anew(script):
    model = script(PLAN, {"plan": [{"title": "only one"}]}, python("z = 3\nz"), {"text": "z is 3"})
    proc = await llmos.run("go", model=model, namespace={})
    proc.reject("plan", "too long")
    await proc
    assert proc.reason == "answered" and [s.title for s in proc.plan.steps if s.status == "done"] == ["only one"]


async def test_a_plan_after_one_that_was_rejected_is_asked_about(script):
    proc = await llmos.run("go", model=script(PLAN, PLAN, {"text": "no"}), namespace={})
    await proc.reject("plan", "the other way round")
    assert proc.state == "waiting" and [p.status for p in proc.plan.steps if p.open] == ["pending", "pending"]
    assert [e.body.by for e in proc.events if e.k == "plan.decided"] == [YOU]


async def test_several_steps_after_a_plan_that_nobody_saw_are_asked_about(script):
    one = {"plan": [{"title": "look"}]}
    proc = await llmos.run("go", model=script(one, PLAN, {"text": "no"}), namespace={})
    assert proc.state == "waiting"
    assert [e.body.by for e in proc.events if e.k == "plan.decided"] == [Decider("mode", "risky")]


async def test_what_is_left_of_an_approved_plan_is_let_through_by_the_mode_that_stands(script):
    more = {"plan": [{"title": "another way"}, {"title": "and look"}]}
    proc = await llmos.run("go", model=script(PLAN, python("1/0"), more, {"text": "7"}), namespace={})
    await proc.approve("plan")
    assert [e.body.by for e in proc.events if e.k == "plan.decided"] == [YOU, Decider("mode", "risky")]
    told = [m.text for m in proc.run.state.context.messages()]
    assert any("3. another way\n4. and look" in text for text in told)  # by these numbers calls name their steps


async def test_a_plan_rejected_without_a_reason_ends_it(script):
    proc = await llmos.run("go", model=script(PLAN), namespace={})
    await proc.reject("plan")
    assert (proc.reason, proc.answer) == ("rejected", None)


async def test_error_reaches_the_model_and_the_step_is_retried(script):
    names = {}
    proc = await llmos.run("go", model=script(PLAN, python("1/0"), *TWO_STEPS[1:]), namespace=names, approve="auto")
    assert proc.reason == "answered" and names["y"] == 42
    assert [e.d["met"] for e in proc.events if e.k == "step.integrated"] == [False, True, True]


async def test_replan_replaces_the_remaining_steps(script):
    model = script(PLAN, python("1/0"), {"plan": [{"title": "another way"}]}, python("y = 7\ny"), {"text": "7"})
    proc = await llmos.run("go", model=model, namespace={}, approve="auto")
    assert [(s.n, s.status) for s in proc.plan.steps] == [(1, "replaced"), (2, "replaced"), (3, "done")]


async def test_rejecting_a_call_tells_the_model_why(script):
    proc = await llmos.run("add", model=script(call("add", a=1, b=3), {"text": "fine"}), tools=[add])
    await proc.reject("r1.0", "not now")
    assert proc.reason == "answered" and "call.started" not in kinds(proc)
    assert any("not now" in m.text for m in proc.run.state.context.messages())


async def test_an_edited_call_passes_the_policy_again(script):
    proc = await llmos.run("add", model=script(call("add", a=1, b=3), {"text": "it is 9"}), tools=[add])
    first = proc.run.state.calls["r1.0"].digest
    await proc.edit("r1.0", arguments={"a": 4, "b": 5})
    assert proc.state == "waiting" and proc.run.state.calls["r1.0"].digest != first
    await proc.approve("r1.0")
    assert proc.reason == "answered" and proc.run.state.calls["r1.0"].result == "9"


async def test_stale_and_repeated_approvals_change_nothing(script):
    proc = await llmos.run("add", model=script(call("add", a=1, b=3), {"text": "it is 4"}), tools=[add])
    await proc.approve("r1.0", digest="0" * 64)
    assert proc.state == "waiting"
    await proc.approve("r1.0")
    proc.approve("r1.0")
    assert kinds(proc).count("call.started") == 1
    assert [e.d["signal"] for e in proc.events if e.k == "signal.received"] == [
        "stale_approval",
        "stale_approval",
    ]


async def test_a_step_cannot_approve(script):
    names = {}
    proc = llmos.start("go", model=script(python("me.approve('all')"), {"text": "no"}), namespace=names)
    names["me"] = proc
    await proc
    assert "cannot steer or approve" in proc.run.state.calls["r1.0"].result
    assert issubclass(CallDenied, llmos.errors.ToolError)


async def test_step_mode_asks_and_never_mode_refuses(script):
    asked = await llmos.run("go", model=script(python("x = 1"), {"text": "ok"}), namespace={}, approve="step")
    assert asked.state == "waiting"
    refused = await llmos.run("go", model=script(call("add", a=1, b=1), {"text": "ok"}), tools=[add], approve="never")
    assert refused.reason == "answered" and refused.run.state.calls["r1.0"].status == "rejected"


async def test_a_question_waits_for_its_answer(script):
    model = script(call("ask", question="which column?"), {"text": "mass it is"})
    proc = await llmos.run("go", model=model, namespace={}, approve="auto")
    assert proc.state == "waiting"
    await proc.reply("mass")
    assert proc.reason == "answered" and proc.run.state.calls["r1.0"].result == "mass"
    with pytest.raises(UsageError, match="asks nothing"):
        proc.reply("again")


async def test_pause_after_this_step_and_resume(script):
    proc = await llmos.run("go", model=script(*TWO_STEPS), namespace={})
    proc.pause()
    await proc.approve("plan")
    assert proc.state == "paused"
    await proc.resume()
    assert proc.reason == "answered" and same_as_folded(proc)


async def test_stop_pauses_a_waiting_model_and_resume_goes_on(script):
    proc = llmos.start("go", model=script({"text": "late", "wait_s": 60}, {"text": "hello"}))
    await until_async(lambda: "model.requested" in kinds(proc), every=0)
    await proc.stop()
    assert (proc.state, proc.reason) == ("paused", None)
    proc.run.model = script({"text": "hello"})
    await proc.resume()
    assert proc.answer == "hello" and same_as_folded(proc)


@pytest.mark.parametrize("acts", [True, False])
async def test_a_step_that_is_stopped_says_that_what_it_did_outside_stays(script, acts, tmp_path):
    (tmp_path / "log").touch()
    opens = "a" if acts else "r"
    waits = f"import asyncio\nopen('log', '{opens}').close()\nbegun.append(1)\nawait asyncio.sleep(60)"
    names = {"begun": (begun := [])}
    proc = llmos.start("go", model=script(python(waits), {"text": "done"}), namespace=names, approve="auto")
    await until_async(lambda: begun, every=0)
    await proc.stop()
    stopped = proc.run.state.calls["r1.0"]
    assert stopped.error == "Stopped"
    assert ("It had begun to act outside, which stands" in stopped.result) == acts
    await proc.resume()
    assert proc.reason == "answered" and [e.k for e in proc.events].count("call.started") == 1


async def test_stop_from_another_thread_leaves_a_once_call_in_doubt(script):
    under_way = asyncio.Event()

    async def transfer() -> str:
        """Send it."""
        under_way.set()
        await asyncio.sleep(60)
        return "sent"

    proc = llmos.start("go", model=script(call("transfer"), {"text": "done"}), tools=[transfer], approve="auto")
    await under_way.wait()
    threading.Thread(target=proc.stop).start()
    await proc
    assert proc.state == "paused" and "call.in_doubt" in kinds(proc)
    proc.resolve("r1.0", done=True)
    await proc.resume()
    assert proc.reason == "answered" and kinds(proc).count("call.started") == 1


async def test_kill_ends_for_good(script):
    proc = llmos.start("go", model=script({"text": "late", "wait_s": 60}))
    await asyncio.sleep(0)
    await proc.kill()
    assert (proc.state, proc.reason) == ("ended", "killed")
    with pytest.raises(UsageError, match="fork it"):
        await proc.resume()


async def test_budget_met_during_parallel_calls_starts_nothing_more(script):
    turn = {"calls": [{"name": "add", "arguments": {"a": i, "b": 1}} for i in range(5)]}
    proc = await llmos.run("go", model=script(turn, turn), tools=[add], approve="auto", budget="3 calls")
    assert proc.reason == "budget" and kinds(proc).count("call.started") == 3


async def test_small_token_budget_shortens_the_requested_answers(script):
    model, asked = script({"calls": [{"name": "add", "arguments": {"a": 1, "b": 2}}]}, {"text": "3"}), []
    respond = model.respond
    model.respond = lambda request, on_text: asked.append(request.max_tokens) or respond(request, on_text)
    proc = await llmos.run("go", model=model, tools=[add], approve="auto", budget="1k tokens")
    assert proc.reason == "answered" and 64 < asked[1] < asked[0] < 1_000
    assert proc.run.state.spent["tokens"] <= 1_000


async def test_tokens_below_one_request_end_the_run_before_it_asks(script):
    proc = await llmos.run("go", model=script({"text": "3"}), budget="100 tokens")
    assert (proc.reason, kinds(proc).count("model.requested")) == (
        "budget",
        0,
    ) and "does not fit" in proc.detail


async def test_a_money_budget_for_a_model_of_unknown_price_is_refused(endpoint_less_model):
    with pytest.raises(UsageError, match="price of .* is not known"):
        await llmos.run("go", model=endpoint_less_model, budget="$1")


@pytest.fixture
def endpoint_less_model(script):
    from dataclasses import replace

    model = script({"text": "hi"})
    model.traits = replace(model.traits, name="somebody/unknown-model")
    return model


async def test_a_check_is_fed_back_twice_then_unverified(script):
    proc = await llmos.run("go", model=script(*[{"text": "done"}] * 3), namespace={}, check="'x' in dir() and x == 1")
    assert proc.reason == "unverified" and kinds(proc).count("check.finished") == 3
    held = await llmos.run("go", model=script(python("x = 1"), {"text": "done"}), namespace={}, check="x == 1")
    assert held.reason == "answered"


async def test_a_number_that_nothing_shows_is_marked_and_neither_refused_nor_asked_for_again(script):
    proc = await llmos.run("go", model=script({"text": "it is 4711"}))
    assert (proc.reason, proc.answer) == ("answered", "it is 4711")
    assert kinds(proc).count("model.requested") == 1
    assert [(n.text, n.kind) for n in answers.numbers(proc.run.state)] == [("4711", "typed")]


async def test_third_identical_call_is_refused_and_the_fourth_ends_the_run(script):
    proc = await llmos.run("go", model=script(*[call("add", a=1, b=1)] * 9), tools=[add], approve="auto")
    assert proc.reason == "failed" and kinds(proc).count("call.started") == 2
    assert kinds(proc).count("model.responded") == 4


async def test_the_fourth_identical_call_asks_a_person(script):
    @llmos.tool(effect="read")
    def look() -> str:
        """Look."""
        return "same"

    proc = await llmos.run("go", model=script(*[call("look")] * 4, {"text": "ok"}), tools=[look])
    assert proc.state == "waiting" and kinds(proc).count("call.started") == 2


async def test_a_plan_only_run_pauses_with_its_plan(script):
    proc = await llmos.run("go", model=script(*TWO_STEPS), namespace={}, plan="only", approve="auto")
    assert proc.state == "paused" and len(proc.plan) == 2
    await proc.resume()
    assert proc.reason == "answered"


async def test_a_fork_goes_on_from_an_event_and_ends_its_parent(script):
    model = script(call("add", a=1, b=1), call("add", a=2, b=2), {"text": "2 and 4"})
    proc = await llmos.run("go", model=model, tools=[add], approve="auto")
    at = next(e.n for e in proc.events if e.k == "call.finished")
    child = proc.fork(at=at)
    await child.resume()
    assert child.reason == "answered" and kinds(child).count("call.started") == 1
    assert child.events[0].d["parent"]["at"] == at and same_as_folded(child)


async def test_replay_folds_to_the_same_state_and_runs_nothing(script):
    proc = await llmos.run(
        "add", model=script(call("add", a=40, b=2), {"text": "It is 42."}), tools=[add], approve="auto"
    )
    again = llmos.replay(proc.journal.path)
    assert again.digest == proc.digest and again.answer == "It is 42."


async def test_steering_reaches_the_next_prompt(script):
    proc = await llmos.run("go", model=script(*TWO_STEPS), namespace={})
    proc.send("be quick")
    await proc.approve("plan")
    assert any("be quick" in m.text for m in proc.run.state.context.messages())


async def test_usage_errors_start_nothing(script, tmp_path):
    for bad, message in [
        ({"goal": "  "}, "goal is empty"),
        ({"approve": "maybe"}, "unknown mode"),
        ({"budget": "20 stpes"}, "unknown unit"),
        ({"plan": "no such"}, "^plan 'no such'"),
        ({"plan": 3}, "plan 3: must be a text"),
        ({"budget": 3}, "budget 3: must be a text"),
        ({"call_timeout": "soon"}, "call_timeout 'soon': must be a number"),
        ({"labels": 3}, "labels 3: must be a mapping"),
        ({"show_values": "x"}, "show_values 'x': must be True or False"),
        ({"tools": "sql"}, "tools 'sql': must be a list"),
        ({"namespace": 3}, "namespace 3: must be a dict"),
        ({"check": "1 +"}, "check '1 \\+': not a Python expression"),
        ({"budgt": "3 steps"}, "option 'budgt': unknown; did you mean budget"),
    ]:
        with pytest.raises(UsageError, match=message):
            await llmos.run(**{"goal": "go", "model": script({"text": "hi"}), **bad})
    assert not list(tmp_path.rglob("journal.jsonl"))


async def test_unexpected_executor_error_ends_the_process_with_its_reason(script, monkeypatch):
    model = script({"text": "x"})

    async def broken(request, on_text):
        raise RuntimeError("surprise")

    monkeypatch.setattr(model, "respond", broken)
    proc = await llmos.run("go", model=model)
    assert proc.reason == "failed" and "surprise" in proc.detail


async def test_resume_withdraws_a_pause_that_has_not_taken_effect(script):
    held, go_on = asyncio.Event(), asyncio.Event()

    @llmos.tool(effect="external")
    async def wait() -> str:
        """Wait."""
        held.set()
        await go_on.wait()
        return "waited"

    model = script(call("wait"), {"text": "done"})
    process = llmos.start("wait", model=model, tools=[wait], approve="auto", plan="none")
    await held.wait()
    process.pause()
    resumed = asyncio.ensure_future(process.resume())
    await until_async(lambda: any(e.k == "signal.received" and e.d["signal"] == "resume" for e in process.events))
    go_on.set()
    await resumed
    assert process.reason == "answered" and "run.paused" not in [e.k for e in process.events]


async def test_whoever_is_told_of_a_process_finds_it_after_a_crash(script, monkeypatch):
    slow_disk(monkeypatch, 1)
    proc = llmos.start("go", model=script({"text": "Done."}))
    assert on_disk(proc) == [e.k for e in proc.events]  # a notebook that is killed now has begun it
    await proc
    assert proc.reason == "answered"


@pytest.mark.parametrize("isolate", [False, True])
async def test_a_fork_begins_at_an_event_that_is_on_disk(script, monkeypatch, isolate):
    slow_disk(monkeypatch, 1)
    session = llmos.Session({})
    proc = session.start("go", model=script({"text": "Done."}))
    await until_async(lambda: proc.state == "ended", every=0)
    session.fork(proc, len(proc.events) - 1, isolate=isolate)
    assert on_disk(proc) == [e.k for e in proc.events]
    await proc
