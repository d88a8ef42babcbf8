"""What a provider wants back survives the journal: after a resume it goes back untouched, and to nobody else."""

from __future__ import annotations

import json

import pytest
from wire_replay import WireReplay

import llmos_nb as llmos
from llmos_nb.messages import Message, ToolCall
from llmos_nb.policy.secrets import vault

SIGNED = {"google": {"thought_signature": "c2lnbmVkIGJ5IGdlbWluaQ=="}}
CALL = {"index": 0, "id": "c", "type": "function", "function": {"name": "add", "arguments": '{"a": 1, "b": 2}'}}
SPENT = {"status": 402, "body": {"error": {"message": "Insufficient Balance"}}}


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def chunk(delta, finish=None):
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def calling(**fields):
    events = [chunk({**fields, "tool_calls": [{**CALL, "extra_content": SIGNED}]}), chunk({}, "tool_calls")]
    return {"events": events, "done": True}


DONE = {"events": [chunk({"content": "It is 3."}, "stop")], "done": True}


async def stopped_run(server):
    """Return a run that has called once and then failed for want of money."""
    process = await llmos.run("add", model=f"{server.url}/v1#m", tools=[add], namespace={}, approve="auto", plan="none")
    assert process.reason == "failed" and "Insufficient Balance" in process.run.state.detail
    return process


async def test_opaque_fields_survive_the_journal_and_a_resume():
    async with WireReplay([calling(reasoning_content="One and two."), SPENT, DONE]) as server:
        process = await stopped_run(server)
        again = llmos.Session({}).load(process.journal.path, tools=[add])
        assert again.digest == process.digest
        await again.resume()
        await again
        assert again.reason == "answered"
        before, after = (next(m for m in a.body["messages"] if m.get("tool_calls")) for a in server.asked[1:])
    assert after == before
    assert after["reasoning_content"] == "One and two."
    assert after["tool_calls"][0]["extra_content"] == SIGNED


async def test_opaque_fields_do_not_go_to_another_endpoint():
    async with WireReplay([calling(reasoning_content="One and two."), SPENT]) as server:
        process = await stopped_run(server)
    async with WireReplay([DONE]) as other:
        again = llmos.Session({}).load(process.journal.path, tools=[add])
        await again.resume(model=f"{other.url}/v1#m")
        await again
    assert again.reason == "answered"
    message = next(m for m in other.asked[0].body["messages"] if m.get("tool_calls"))
    assert message.keys() == {"role", "tool_calls"} and message["tool_calls"][0].keys() == {
        "id",
        "type",
        "function",
    }


async def test_a_replay_gives_them_again():
    async with WireReplay([calling(), DONE]) as server:
        process = await llmos.run(
            "add", model=f"{server.url}/v1#m", tools=[add], namespace={}, approve="auto", plan="none"
        )
    again = await llmos.run(
        "add", model=f"replay:{process.journal.path}", tools=[add], namespace={}, approve="auto", plan="none"
    )
    first = [next(e.d for e in p.events if e.k == "model.responded") for p in (process, again)]
    assert first[0]["extra"] == first[1]["extra"] and first[0]["extra"]["calls"] == [{"extra_content": SIGNED}]


@pytest.mark.parametrize("where", ["reasoning_content", "content"])
async def test_what_a_secret_was_taken_out_of_does_not_go_back(where, monkeypatch):
    monkeypatch.setattr(vault, "_values", {})
    secret = "hush-hush-hush-1"
    vault.add("house", secret)
    try:
        async with WireReplay([calling(**{where: f"It is {secret}."}), DONE]) as server:
            process = await llmos.run(
                "add", model=f"{server.url}/v1#m", tools=[add], namespace={}, approve="auto", plan="none"
            )
    finally:
        vault.clear()
    assert process.reason == "answered"
    message = next(m for m in server.asked[1].body["messages"] if m.get("tool_calls"))
    assert "reasoning_content" not in message and "extra_content" not in message["tool_calls"][0]
    assert secret not in process.journal.path.read_text("utf-8") + json.dumps(server.asked[1].body)


def test_a_message_carries_them_in_the_form_of_the_endpoint_and_is_bare_without():
    extra = {
        "by": "there#m",
        "message": {"reasoning_content": "hm", "role": "x"},
        "calls": [{"extra_content": SIGNED, "id": "y"}],
    }
    message = Message("assistant", "so", (ToolCall("add", {}, "r1.0"), ToolCall("add", {}, "r1.1")), extra=extra)
    body = message.wire()
    assert (body["role"], body["reasoning_content"]) == ("assistant", "hm"), "what is ours is not overwritten"
    assert body["tool_calls"][0] == {
        "id": "r1.0",
        "type": "function",
        "function": {"name": "add", "arguments": "{}"},
        "extra_content": SIGNED,
    }
    assert "extra_content" not in body["tool_calls"][1]
    assert message.bare.wire().keys() == {"role", "content", "tool_calls"} and message.bare.bare is message.bare
