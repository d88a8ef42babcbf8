"""What an endpoint refuses is tried another way once: kept where that helped, for others too, and dropped where not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from endpoint import Endpoint

from llmos_nb.errors import ModelProtocol
from llmos_nb.messages import Message, Part, Request, ToolCall, compact
from llmos_nb.models.openai import history, quirks
from llmos_nb.models.openai.client import OpenAIModel

ASKED = Request((Message("system", "Be exact."), Message("user", "hi")))


@pytest.fixture(autouse=True)
def nothing_learnt():
    quirks._LEARNT.clear()
    yield
    quirks._LEARNT.clear()


def no(message: str, status: int = 400) -> dict[str, Any]:
    return {"status": status, "body": {"error": {"message": message}}}


async def ask(model: OpenAIModel) -> str:
    try:
        return (await model.respond(ASKED, lambda text: None)).text
    finally:
        await model.aclose()


async def test_what_helped_is_kept_for_every_process():
    async with Endpoint([no("Unknown parameter: 'stream_options'"), {"text": "a"}, {"text": "b"}]) as endpoint:
        with pytest.raises(ModelProtocol) as caught:
            await ask(OpenAIModel("m", endpoint.url))
        assert caught.value.adapted and caught.value.retry_in_s == 0
        assert await ask(OpenAIModel("m", endpoint.url)) == "a"
        assert await ask(OpenAIModel("other", endpoint.url)) == "b"
    sent = ["stream_options" in r.body for r in endpoint.requests]
    assert sent == [True, False, True], "what is known of one model is not known of another"


async def test_what_did_not_help_is_dropped_and_its_error_is_the_reason():
    answers = [no("stream_options: unknown"), no("the moon is not full"), {"text": "a"}]
    async with Endpoint(answers) as endpoint:
        model = OpenAIModel("m", endpoint.url)
        with pytest.raises(ModelProtocol):
            await ask(model)
        with pytest.raises(ModelProtocol, match="the moon is not full") as caught:
            await ask(model)
        assert not caught.value.retryable
        assert await ask(model) == "a"
    assert ["stream_options" in r.body for r in endpoint.requests] == [True, False, True]


async def test_a_parameter_of_the_caller_is_left_out_where_it_is_refused():
    async with Endpoint([no("'temperature' does not support 0 with this model"), {"text": "a"}]) as endpoint:
        model = OpenAIModel("m", endpoint.url, extra={"temperature": 0, "seed": 7})
        with pytest.raises(ModelProtocol):
            await ask(model)
        assert await ask(model) == "a"
    assert [("temperature" in r.body, r.body["seed"]) for r in endpoint.requests] == [(True, 7), (False, 7)]


@pytest.mark.parametrize(
    "said",
    [
        "model is required",
        "Invalid value: 'foo'",
        "messages: at least one message is required",
        "the server had an internal problem",
        "this model is deprecated",
    ],
)
def test_an_error_that_names_no_way_leads_to_none(said):
    assert not quirks.Learnt().adapt(said, frozenset(), (), ())


def test_a_way_is_tried_once():
    known = quirks.Learnt()
    assert known.adapt("System role not supported", frozenset(), (), ())
    assert not known.adapt("System role not supported", frozenset(known.ways), (), ())


PICTURE = Part("image", "a dot", "image/png", b"png")
TALK = (
    Message("system", "Be exact."),
    Message("user", "one"),
    Message("user", "two", parts=(PICTURE,)),
    Message("assistant", "so", (ToolCall("f", {"a": 1}, "r1.0"), ToolCall("g", {}, "r1.1"))),
    Message("tool", "1", call="r1.0"),
    Message("tool", "2", call="r1.1"),
    Message("user", "go on"),
)


def told(*ways: str) -> list[dict[str, Any]]:
    return [json.loads(m) for m in history.encoded(TALK, frozenset(ways), "here#m")]


def test_without_ways_messages_are_sent_as_they_were_encoded():
    assert history.encoded(TALK, frozenset(), "here#m") == [m.encoded for m in TALK]


@pytest.mark.parametrize(
    ("way", "roles"),
    [
        ("system", "user assistant tool tool assistant user"),
        ("alternate", "system user assistant tool tool assistant user"),
        ("parallel", "system user user assistant tool assistant tool user"),
    ],
)
def test_ways_that_change_the_order_of_messages(way, roles):
    found = told(way)
    assert " ".join(m["role"] for m in found) == roles
    words = str(found)
    assert all(word in words for word in ("Be exact.", "one", "two", "so", "go on", "r1.0", "r1.1"))


def test_ways_that_change_a_message_leave_the_rest():
    assert told("images")[2] == {"role": "user", "content": "two\na dot"}
    assert [c["id"] for c in told("short_ids")[3]["tool_calls"]] == ["r00001x00", "r00001x01"]
    assert told("short_ids")[4]["tool_call_id"] == "r00001x00"
    assert told("tool_name")[5]["name"] == "g"
    assert told("content")[3]["content"] == "so"
    assert history.short_id("call_abc") == history.short_id("call_abc") != history.short_id("call_abd")
    assert len({history.short_id(f"r{n}.{i}") for n in (1, 10, 99_999, 100_000) for i in (0, 1, 99, 100)}) == 16


def test_each_message_is_encoded_once_for_the_same_ways(monkeypatch):
    encoded: list[str] = []
    wire = Message.wire
    monkeypatch.setattr(Message, "wire", lambda self: encoded.append(self.text) or wire(self))
    talk = tuple(Message("user", f"{i}") for i in range(3))
    for _ in range(2):
        history.encoded(talk, frozenset(("short_ids",)), "here#m")
    assert encoded == ["0", "1", "2"]


def test_a_lean_schema_keeps_what_every_endpoint_knows():
    schema = {
        "type": "object", "title": "F", "additionalProperties": False, "required": ["a"], "$defs": {},
        "properties": {"a": {"anyOf": [{"type": "null"}, {"type": "integer", "default": 3}]}, "b": {"type": ["string", "null"]}, "c": {"type": "array", "items": {"type": "number", "exclusiveMinimum": 0}}},
    }  # fmt: skip
    tool = {"type": "function", "function": {"name": "f", "description": "d", "parameters": schema}}
    lean = {
        "type": "object", "required": ["a"],
        "properties": {"a": {"type": "integer"}, "b": {"type": "string"}, "c": {"type": "array", "items": {"type": "number"}}},
    }  # fmt: skip
    sorted_as = compact([{"type": "function", "function": {**tool["function"], "parameters": lean}}], sort_keys=True)
    assert compact(json.loads(history.lean([tool])), sort_keys=True) == sorted_as
