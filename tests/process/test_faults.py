"""The twenty-five faults that a process survives, over real HTTP on loopback.

No fault ends in a raw traceback, a hang or a silent empty answer; each ends with a reason.
"""

import asyncio
import json

import pytest
from endpoint import Endpoint
from turns import call, same_as_folded

import llmos_nb as llmos
from llmos_nb.models.openai.client import OpenAIModel

DONE = {"text": "The end."}


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def raw_call(arguments, name="add"):
    return {"calls": [{"name": name, "arguments": arguments}]}


async def run(*turns, tools=(add,), stall_s=5.0, **options):
    async with Endpoint(list(turns)) as server:
        model = OpenAIModel("m", server.url, "key", stall_s=stall_s)
        proc = await llmos.run("go", model=model, tools=tools, **{"approve": "auto", **options})
        prompts = [r.body["messages"] for r in server.requests]
        await model.aclose()
    assert same_as_folded(proc)
    assert proc.state == "ended" and proc.reason in llmos.errors.__dict__.get("REASONS", REASONS)
    return proc, prompts


REASONS = (
    "answered",
    "rejected",
    "refused",
    "empty",
    "truncated",
    "unverified",
    "budget",
    "stopped",
    "failed",
    "forked",
)


def result(proc, key="r1.0"):
    return proc.run.state.calls[key].result


def started(proc):
    return sum(e.k == "call.started" for e in proc.events)


@pytest.mark.parametrize(
    "arguments", ['{"a": 1,,}', "[1, 2]", "null", "NaN", '{"a": NaN, "b": 1}', '{"a": 1, "b"', "", '"text"']
)
async def test_1_2_malformed_arguments_go_back_and_do_not_run(arguments):
    proc, prompts = await run(raw_call(arguments), raw_call('{"a": 1, "b": 2}'), DONE)
    assert proc.reason == "answered" and started(proc) == 1 and result(proc, "r2.0") == "3"
    sent = prompts[1][-2]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(sent) == {} or isinstance(json.loads(sent), dict)
    assert prompts[1][-1]["content"].startswith("Error")


async def test_1_repeated_malformed_arguments_end_the_run():
    proc, _ = await run(*[raw_call('{"a": 1,,}')] * 6)
    assert proc.reason == "failed" and started(proc) == 0


async def test_3_arguments_as_an_object_and_no_id():
    piece = {
        "choices": [
            {
                "index": 0,
                "delta": {
                    "tool_calls": [{"index": 0, "id": None, "function": {"name": "add", "arguments": {"a": 1, "b": 2}}}]
                },
            }
        ]
    }
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
    pieces = [f"data: {json.dumps(p)}\n\n".encode() for p in (piece, end)] + [b"data: [DONE]\n\n"]
    proc, _ = await run({"pieces": pieces}, DONE)
    assert result(proc) == "3"


async def test_4_an_unknown_tool_names_the_nearest():
    proc, prompts = await run(call("ad", a=1, b=2), DONE)
    assert started(proc) == 0 and "add" in prompts[1][-1]["content"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"a": 1}, "b"),
        ({"a": "three", "b": 1}, "a"),
        ({"a": True, "b": 1}, "a"),
        ({"a": 1, "b": 2, "c": 3}, "c"),
    ],
)
async def test_5_wrong_missing_extra_arguments_are_named(arguments, message):
    proc, prompts = await run(call("add", **arguments), DONE)
    assert started(proc) == 0 and message in prompts[1][-1]["content"]


async def test_5_safe_coercions_only():
    proc, _ = await run(call("add", a="3", b=4.0), DONE)
    assert result(proc) == "7"


@pytest.mark.parametrize("error", [ValueError("bad"), SystemExit(3), asyncio.CancelledError(), KeyboardInterrupt()])
async def test_6_exception_of_a_tool_reaches_the_model(error):
    def boom() -> str:
        """Fail."""
        raise error

    proc, prompts = await run(call("boom"), DONE, tools=(boom,))
    assert proc.reason == "answered" and type(error).__name__ in prompts[1][-1]["content"]


async def test_7_a_hanging_tool_is_ended_at_its_deadline():
    async def hang() -> str:
        """Hang."""
        await asyncio.sleep(3600)

    proc, prompts = await run(call("hang"), DONE, tools=(hang,), call_timeout=0.2)
    assert proc.reason == "answered" and "ToolTimeout" in prompts[1][-1]["content"]


async def test_8_a_huge_output_is_bounded():
    def huge() -> str:
        """Give much."""
        return "x" * 100_000_000

    proc, prompts = await run(call("huge"), DONE, tools=(huge,))
    found = proc.run.state.calls["r1.0"]
    assert found.size == 100_000_000 and len(found.result) <= 32_768 and len(prompts[1][-1]["content"]) < 25_000


async def test_8_failing_repr_is_survived():
    class Odd:
        def __repr__(self):
            raise RuntimeError("no")

    def odd() -> object:
        """Give something odd."""
        return Odd()

    proc, _ = await run(call("odd"), DONE, tools=(odd,))
    assert proc.reason == "answered"


async def test_9_strange_output_is_made_safe():
    def strange() -> str:
        """Give strange text."""
        return "\ud800 \x1b[31mred\x1b[0m \x00 nan"

    proc, prompts = await run(call("strange"), DONE, tools=(strange,))
    assert proc.reason == "answered" and "\x1b" not in prompts[1][-1]["content"]


async def test_10_an_empty_answer_is_nudged_once():
    proc, _ = await run({"fault": "empty"}, DONE)
    assert proc.reason == "answered"
    proc, prompts = await run({"fault": "empty"}, {"fault": "empty"}, DONE)
    assert proc.reason == "empty" and len(prompts) == 2


async def test_11_an_answer_cut_off_is_continued_and_joined():
    proc, prompts = await run({"text": "first half ", "fault": "length"}, {"text": "second half"})
    assert proc.answer == "first half second half" and len(prompts) == 2


async def test_12_a_call_that_was_cut_off_does_not_run():
    proc, _ = await run({**call("add", a=1, b=2), "fault": "cut_call"}, call("add", a=1, b=2), DONE)
    assert proc.reason == "answered" and started(proc) == 1


@pytest.mark.parametrize("fault", ["drop", "no_finish", "server_error"])
async def test_13_14_broken_stream_is_retried(fault):
    proc, prompts = await run({**call("add", a=1, b=2), "fault": fault}, call("add", a=1, b=2), DONE)
    assert proc.reason == "answered" and started(proc) == 1 and len(prompts) == 3
    assert sum(e.k == "model.failed" for e in proc.events) == 1


@pytest.mark.parametrize("fault", ["same_index", "same_ids"])
async def test_15_16_two_calls_stay_two(fault):
    turn = {
        "calls": [
            {"name": "add", "arguments": {"a": 1, "b": 2}},
            {"name": "add", "arguments": {"a": 3, "b": 4}},
        ]
    }
    proc, prompts = await run({**turn, "fault": fault}, DONE)
    assert [c.result for c in proc.run.state.calls.values()] == ["3", "7"]
    assert [m["tool_call_id"] for m in prompts[1][-2:]] == ["r1.0", "r1.1"]


async def test_17_identical_calls_are_limited():
    proc, _ = await run(*[call("add", a=1, b=1)] * 6)
    assert proc.reason == "failed" and started(proc) == 2


async def test_18_a_refusal_is_shown_and_not_retried():
    proc, prompts = await run({"text": "I will not.", "fault": "refused"})
    assert proc.reason == "refused" and len(prompts) == 1


@pytest.mark.parametrize("fault", ["http_429", "http_500", "unreachable", "stall"])
async def test_19_transient_errors_are_retried_visibly(fault):
    stall_s = 0.3 if fault == "stall" else 30.0  # a busy machine is no stall
    proc, _ = await run({"text": "x", "fault": fault}, DONE, stall_s=stall_s)
    failed = [e.d for e in proc.events if e.k == "model.failed"]
    assert proc.reason == "answered" and len(failed) == 1 and failed[0]["retry_in_s"] >= 0


async def test_19_retries_are_bounded():
    proc, prompts = await run(*[{"status": 500, "headers": {"retry-after": "0.01"}, "body": {}}] * 20)
    assert proc.reason == "failed" and len(prompts) == 6


@pytest.mark.parametrize(
    "turn",
    [
        {"fault": "quota"},
        {"status": 429, "headers": {"retry-after": "600"}, "body": {"error": {"message": "later"}}},
        {"status": 401, "body": {"error": {"message": "bad key"}}},
    ],
)
async def test_19_permanent_errors_end_at_once_with_the_reason(turn):
    proc, prompts = await run(turn, DONE)
    assert proc.reason == "failed" and len(prompts) == 1 and proc.detail


@pytest.mark.parametrize(
    "body", [b"<html>busy</html>", {"error": {"message": "no"}}, {"choices": []}, b'{"choices": [{']
)
async def test_20_a_bad_200_is_retried_once_then_failed(body):
    proc, prompts = await run({"status": 200, "body": body}, {"status": 200, "body": body}, DONE)
    assert proc.reason == "failed" and len(prompts) == 2 and proc.detail
    proc, _ = await run({"status": 200, "body": body}, DONE)
    assert proc.reason == "answered"


async def test_20_tools_unsupported_gives_a_hint():
    proc, prompts = await run({"status": 400, "body": {"error": {"message": "tools are not supported by this model"}}})
    assert proc.reason == "failed" and len(prompts) == 1 and "tools" in proc.detail


async def test_21_overflow_pages_whole_pairs_out_and_tries_once_more():
    calls = [call("add", a=i, b=1) for i in range(6)]
    full = {
        "status": 400,
        "body": {"error": {"message": "maximum context length is 10 tokens", "code": "context_length_exceeded"}},
    }
    proc, prompts = await run(*calls, full, DONE)
    assert proc.reason == "answered" and len(prompts[7]) < len(prompts[6])
    for before, after in zip(prompts[7], prompts[7][1:], strict=False):
        assert after["role"] != "tool" or before["role"] in ("assistant", "tool")
    proc, _ = await run(*calls, full, full)
    assert proc.reason == "failed"


async def test_22_a_failing_check_is_fed_back_twice():
    proc, prompts = await run(DONE, DONE, DONE, check=lambda answer: False)
    assert proc.reason == "unverified" and len(prompts) == 3


async def test_missing_model_ends_the_run_with_advice():
    model = OpenAIModel("m", "http://127.0.0.1:9/v1", "key")
    proc = await llmos.run("go", model=model, budget="2 s")
    await model.aclose()
    assert proc.reason in ("failed", "budget") and proc.detail
