"""The adapters of providers' own packages, with the real packages, against wire answers as the vendors document them."""

from __future__ import annotations

import asyncio
import base64
import re
from typing import Any

import pytest
from wire_replay import WireReplay

from llmos_nb.errors import ConfigError, ContextOverflow, ModelError, ModelRefused, ModelUnavailable
from llmos_nb.messages import Message, Part, Request, Response, ToolCall, Usage, compact
from llmos_nb.models import Model, resolve
from llmos_nb.models.native.gemini import GeminiModel
from llmos_nb.models.native.messages import AnthropicModel
from llmos_nb.models.native.responses import ResponsesModel

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
}
TOOL = {
    "type": "function",
    "function": {"name": "add", "description": "Add two numbers.", "parameters": SCHEMA},
}
KINDS = (AnthropicModel, ResponsesModel, GeminiModel)
NAMES = {AnthropicModel: "claude-sonnet-5", ResponsesModel: "gpt-5", GeminiModel: "gemini-3-pro"}
GOAL = (Message("system", "Be exact."), Message("user", "Add 1 and 2."))


def request(*more: Message, **options: Any) -> Request:
    return Request((*GOAL, *more), (TOOL,), compact([TOOL]), **options)


def made(kind: type, server: WireReplay, **options: Any) -> Any:
    return kind(NAMES[kind], server.url, "secret-key-1", label="house/m", **options)


# what the vendors document


def claude(*blocks: dict[str, Any], stop: str = "tool_use", usage: Any = None) -> dict[str, Any]:
    counted = usage or {"input_tokens": 20, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 5}
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "content": [],
        "model": "claude-sonnet-5",
    }
    events: list[Any] = [
        {
            "type": "message_start",
            "message": {**message, "stop_reason": None, "usage": {**counted, "output_tokens": 1}},
        }
    ]
    for i, block in enumerate(blocks):
        start, deltas = _claude_block(block)
        events.append({"type": "content_block_start", "index": i, "content_block": start})
        events += [{"type": "content_block_delta", "index": i, "delta": d} for d in deltas]
        events += [{"type": "ping"}, {"type": "content_block_stop", "index": i}]
    events.append(
        {
            "type": "message_delta",
            "delta": {"stop_reason": stop, "stop_sequence": None},
            "usage": {"output_tokens": 89},
        }
    )
    return {"events": [*events, {"type": "message_stop"}]}


def _claude_block(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    match block["type"]:
        case "thinking":
            parts = [{"type": "thinking_delta", "thinking": t} for t in (block["thinking"][:4], block["thinking"][4:])]
            return {"type": "thinking", "thinking": "", "signature": ""}, [
                *parts,
                {"type": "signature_delta", "signature": block["signature"]},
            ]
        case "text":
            return {"type": "text", "text": ""}, [
                {"type": "text_delta", "text": t} for t in (block["text"][:3], block["text"][3:])
            ]
        case "tool_use":
            return {**block, "input": {}}, [
                {"type": "input_json_delta", "partial_json": p} for p in ("", *block["input"])
            ]
    return block, []


THINKING = {
    "type": "thinking",
    "thinking": "I should add them.",
    "signature": "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pk=",
}
REDACTED = {
    "type": "redacted_thinking",
    "data": "EmwKAhgBEgy3va3pzix/LafPsn4aDFIT2Xlxh0L5L8rLVyIwxtE3rAFBa8cr3qpP",
}
USE = {
    "type": "tool_use",
    "id": "toolu_01T1x1fJ34qAmk2tNTrN7Up6",
    "name": "add",
    "input": ['{"a": 1, ', '"b": 2}'],
}
CLAUDE = claude(THINKING, REDACTED, {"type": "text", "text": "Let me add."}, USE)

REASONING = {
    "id": "rs_1",
    "type": "reasoning",
    "summary": [],
    "encrypted_content": "gAAAAABoISQ24OyVRYbkYfukdJoqdzWT-3uiErKInHDC",
}
FUNCTION = {
    "id": "fc_1",
    "type": "function_call",
    "status": "completed",
    "call_id": "call_x",
    "name": "add",
    "arguments": '{"a":1,"b":2}',
}
SAID = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "status": "completed",
    "phase": "commentary",
    "content": [{"type": "output_text", "text": "Let me add.", "annotations": []}],
}


def openai(*items: dict[str, Any], status: str = "completed", **more: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "gpt-5",
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }
    usage = {
        "input_tokens": 125,
        "input_tokens_details": {"cached_tokens": 100},
        "output_tokens": 89,
        "output_tokens_details": {"reasoning_tokens": 64},
        "total_tokens": 214,
    }
    events: list[dict[str, Any]] = [{"type": "response.created", "response": {**base, "status": "in_progress"}}]
    for i, item in enumerate(items):
        events.append({"type": "response.output_item.added", "output_index": i, "item": item})
        if item["type"] == "message":
            text = {"output_index": i, "content_index": 0, "item_id": item["id"], "logprobs": []}
            events += [{"type": "response.output_text.delta", "delta": d, **text} for d in ("Let ", "me add.")]
        events.append({"type": "response.output_item.done", "output_index": i, "item": item})
    last = {**base, "status": status, "output": list(items), "usage": usage, **more}
    return {
        "events": [
            {**e, "sequence_number": n}
            for n, e in enumerate([*events, {"type": f"response.{status}", "response": last}])
        ]
    }


OPENAI = openai(REASONING, SAID, FUNCTION)
SIGNATURE = base64.b64encode(b"the thought of gemini").decode()


def gemini(*parts: dict[str, Any], finish: str = "STOP", **more: Any) -> dict[str, Any]:
    usage = {
        "promptTokenCount": 125,
        "candidatesTokenCount": 25,
        "thoughtsTokenCount": 64,
        "cachedContentTokenCount": 100,
        "totalTokenCount": 214,
    }
    chunks: list[dict[str, Any]] = [
        {
            "candidates": [{"content": {"role": "model", "parts": [p]}, "index": 0}],
            "modelVersion": "gemini-3-pro",
            "responseId": "x1",
        }
        for p in parts
    ]
    end = {
        "candidates": [{"content": {"role": "model", "parts": []}, "finishReason": finish, "index": 0}],
        "usageMetadata": usage,
        **more,
    }
    return {"events": [["", c] for c in [*chunks, end]]}


GEMINI = gemini(
    {"text": "I should add them.", "thought": True}, {"text": "Let "}, {"text": "me add."},
    {"functionCall": {"name": "add", "args": {"a": 1, "b": 2}}, "thoughtSignature": SIGNATURE},
)  # fmt: skip
CALLING = {AnthropicModel: CLAUDE, ResponsesModel: OPENAI, GeminiModel: GEMINI}
ANSWERING = {
    AnthropicModel: claude({"type": "text", "text": "It is 3."}, stop="end_turn"),
    ResponsesModel: openai(
        {**SAID, "phase": None, "content": [{"type": "output_text", "text": "It is 3.", "annotations": []}]}
    ),
    GeminiModel: gemini({"text": "It is 3."}),
}


async def ask(model: Any, asked: Request | None = None, on_text: Any = lambda text: None) -> Response:
    try:
        return await model.respond(asked or request(), on_text)
    finally:
        await model.aclose()


@pytest.mark.parametrize("kind", KINDS)
async def test_an_answer_streams_with_text_calls_and_counts(kind):
    shown: list[str] = []
    async with WireReplay([CALLING[kind]]) as server:
        model = made(kind, server)
        assert isinstance(model, Model) and model.endpoint == server.url
        answer = await ask(model, on_text=shown.append)
    assert "".join(shown) == answer.text == "Let me add."
    assert answer.calls == (ToolCall("add", {"a": 1, "b": 2}),)
    assert (answer.finish, answer.usage) == ("stop", Usage(125, 89, 100))


def history(answer: Response) -> tuple[Message, ...]:
    calls = tuple(ToolCall(c.name, c.arguments, f"r1.{i}") for i, c in enumerate(answer.calls))
    return (Message("assistant", answer.text, calls, extra=answer.extra), Message("tool", "3", call="r1.0"))


async def asked_again(kind: type, name: str = "") -> tuple[Any, Any]:
    """Return the first and the second request of a run that calls a tool once."""
    async with WireReplay([CALLING[kind], ANSWERING[kind]]) as server:
        first = await ask(made(kind, server))
        model = made(kind, server)
        if name:
            model = kind(name, server.url, "secret-key-1")
        assert (await ask(model, request(*history(first)))).text == "It is 3."
        return server.asked[0], server.asked[1]


async def test_claude_gets_its_thinking_and_signatures_back_untouched_with_cache_markers():
    first, second = await asked_again(AnthropicModel)
    assert "secret-key-1" in str(first.headers) and first.path == "/v1/messages"
    assert first.body["tools"] == [{"name": "add", "description": "Add two numbers.", "input_schema": SCHEMA}]
    marked = {"cache_control": {"type": "ephemeral"}}
    assert second.body["system"] == [{"type": "text", "text": "Be exact.", **marked}]
    user, assistant, result = second.body["messages"]
    assert user == {"role": "user", "content": [{"type": "text", "text": "Add 1 and 2.", **marked}]}
    assert assistant["content"] == [
        THINKING, REDACTED, {"type": "text", "text": "Let me add."},
        {"type": "tool_use", "id": "r1_0", "name": "add", "input": {"a": 1, "b": 2}},
    ]  # fmt: skip
    assert result["content"] == [{"type": "tool_result", "tool_use_id": "r1_0", "content": "3", **marked}]


async def test_openai_gets_its_reasoning_back_encrypted_and_stores_nothing():
    first, second = await asked_again(ResponsesModel)
    assert (first.path, first.headers["authorization"]) == ("/responses", "Bearer secret-key-1")
    assert (first.body["store"], first.body["include"]) == (False, ["reasoning.encrypted_content"])
    assert (
        first.body["instructions"] == "Be exact." and first.body["prompt_cache_key"] == second.body["prompt_cache_key"]
    )
    assert first.body["tools"] == [{"type": "function", "strict": False, **TOOL["function"]}]
    assert second.body["input"] == [
        {"role": "user", "content": [{"type": "input_text", "text": "Add 1 and 2."}]},
        REASONING,
        {"role": "assistant", "content": "Let me add.", "phase": "commentary"},
        {"type": "function_call", "call_id": "r1.0", "name": "add", "arguments": '{"a":1,"b":2}'},
        {"type": "function_call_output", "call_id": "r1.0", "output": "3"},
    ]


async def test_gemini_gets_its_signatures_back_in_the_parts_with_which_they_came():
    first, second = await asked_again(GeminiModel)
    assert first.path.endswith("/models/gemini-3-pro:streamGenerateContent") and first.query == {"alt": "sse"}
    assert first.headers["x-goog-api-key"] == "secret-key-1"
    assert first.body["systemInstruction"]["parts"] == [{"text": "Be exact."}]
    (declared,) = first.body["tools"][0]["functionDeclarations"]
    assert declared["name"] == "add" and SCHEMA in declared.values()
    user, mine, result = second.body["contents"]
    call = {"functionCall": {"name": "add", "args": {"a": 1, "b": 2}}, "thoughtSignature": SIGNATURE}
    assert (user["parts"], mine) == (
        [{"text": "Add 1 and 2."}],
        {"role": "model", "parts": [{"text": "Let me add."}, call]},
    )
    assert result == {
        "role": "user",
        "parts": [{"functionResponse": {"name": "add", "response": {"result": "3"}}}],
    }


@pytest.mark.parametrize(
    ("kind", "name"),
    [(AnthropicModel, "claude-opus-5"), (ResponsesModel, "gpt-5-mini"), (GeminiModel, "gemini-3-flash")],
)
async def test_what_is_opaque_does_not_go_to_another_model(kind, name):
    _, second = await asked_again(kind, name)
    text = second.raw.decode()
    assert '"r1' in text or "functionCall" in text
    assert not any(
        secret in text
        for secret in (THINKING["signature"], REDACTED["data"], REASONING["encrypted_content"], SIGNATURE)
    )


async def test_a_call_of_another_model_goes_to_gemini_with_the_signature_that_skips():
    async with WireReplay([ANSWERING[GeminiModel]]) as server:
        told = (
            Message("assistant", "", (ToolCall("add", {"a": 1, "b": 2}, "r1.0"),)),
            Message("tool", "3", call="r1.0"),
        )
        await ask(made(GeminiModel, server), request(*told))
    (part,) = server.asked[0].body["contents"][1]["parts"]
    assert base64.b64decode(part["thoughtSignature"]) == b"skip_thought_signature_validator"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_bound_of_the_answer_is_sent(kind):
    async with WireReplay([ANSWERING[kind]]) as server:
        await ask(made(kind, server), request(max_tokens=64))
    assert "64" in str(server.asked[0].body)


@pytest.mark.parametrize("kind", KINDS)
async def test_images_are_sent(kind):
    picture = Part("image", "a dot", "image/png", b"\x89PNG-data")
    async with WireReplay([ANSWERING[kind]]) as server:
        asked = Request((GOAL[0], Message("user", "What is it?", parts=(picture,))))
        await ask(made(kind, server), asked)
    assert base64.b64encode(picture.data).decode() in server.asked[0].raw.decode()


# ends that are no answer, and errors


@pytest.mark.parametrize(
    ("kind", "answer", "finish", "words"),
    [
        (AnthropicModel, claude({"type": "text", "text": "It is"}, stop="max_tokens"), "length", "It is"),
        (AnthropicModel, claude(stop="refusal"), "refused", r"content filter of http.* \(refusal\)"),
        (ResponsesModel, openai(SAID, status="incomplete", incomplete_details={"reason": "max_output_tokens"}), "length", "Let me add"),
        (ResponsesModel, openai(status="incomplete", incomplete_details={"reason": "content_filter"}), "refused", "content_filter"),
        (ResponsesModel, openai({**SAID, "content": [{"type": "refusal", "refusal": "I cannot help."}]}), "refused", "I cannot help"),
        (GeminiModel, gemini({"text": "It is"}, finish="MAX_TOKENS"), "length", "It is"),
        (GeminiModel, gemini(finish="SAFETY"), "refused", "SAFETY"),
        (GeminiModel, {"events": [["", {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}]]}, "refused", "PROHIBITED_CONTENT"),
    ],
)  # fmt: skip
async def test_an_answer_says_why_it_ended(kind, answer, finish, words):
    async with WireReplay([answer]) as server:
        found = await ask(made(kind, server))
    assert found.finish == finish and found.calls == ()
    assert re.search(words, found.text)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_that_is_cut_off_is_not_run(kind):
    cut = {
        AnthropicModel: claude({**USE, "input": ['{"a": 1, ']}, stop="max_tokens"),
        ResponsesModel: openai(
            {**FUNCTION, "arguments": '{"a":1'},
            status="incomplete",
            incomplete_details={"reason": "max_output_tokens"},
        ),
        GeminiModel: gemini(finish="MAX_TOKENS"),
    }
    async with WireReplay([cut[kind]]) as server:
        found = await ask(made(kind, server))
    assert (found.calls, found.finish, found.cut) == ((), "length", kind is not GeminiModel)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_stream_that_breaks_off_is_a_failed_attempt(kind):
    events = CALLING[kind]["events"]
    async with WireReplay([{"events": events[:-2]}, {"events": events[:2], "end": "drop"}]) as server:
        for _ in range(2):
            with pytest.raises(ModelUnavailable, match="broke off"):
                await ask(made(kind, server))


def anthropic_error(status: int, kind: str, message: str, **headers: str) -> dict[str, Any]:
    return {
        "status": status,
        "headers": headers,
        "body": {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"},
    }


def openai_error(status: int, code: str, message: str, **headers: str) -> dict[str, Any]:
    return {
        "status": status,
        "headers": headers,
        "body": {"error": {"message": message, "type": "x", "param": None, "code": code}},
    }


def gemini_error(status: int, code: str, message: str, details: Any = ()) -> dict[str, Any]:
    return {
        "status": status,
        "body": {"error": {"code": status, "message": message, "status": code, "details": list(details)}},
    }


A, R, G = KINDS
WAIT = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2s"}
MINUTE = {
    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
    "violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"}],
}
DAY = {
    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
    "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}],
}
SPENT = "You exceeded your current quota, please check your plan and billing details. Please retry in 2.5s."
ERRORS = [
    (A, anthropic_error(429, "rate_limit_error", "This request would exceed your organization's rate limit", **{"retry-after": "3"}), ModelUnavailable, "limits the rate", 3),
    (A, anthropic_error(529, "overloaded_error", "Overloaded"), ModelUnavailable, "HTTP 529.*Overloaded", None),
    (A, anthropic_error(400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"), ContextOverflow, "longer than", None),
    (A, anthropic_error(413, "request_too_large", "Request exceeds the maximum size"), ContextOverflow, "longer than", None),
    (A, anthropic_error(400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API."), ModelRefused, "quota", None),
    (A, anthropic_error(401, "authentication_error", "invalid x-api-key"), ModelRefused, "refused the key.*check ANTHROPIC_API_KEY", None),
    (A, anthropic_error(404, "not_found_error", "model: claude-9"), ModelRefused, "does not know", None),
    (A, {"events": [CLAUDE["events"][0], {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}]}, ModelUnavailable, "Overloaded", None),
    (R, openai_error(429, "rate_limit_exceeded", "Rate limit reached for gpt-5 on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000. Please try again in 2s."), ModelUnavailable, "limits the rate", 2),
    (R, openai_error(429, "insufficient_quota", "You exceeded your current quota, please check your plan and billing details."), ModelRefused, "is spent", None),
    (R, openai_error(400, "context_length_exceeded", "Your input exceeds the context window of this model."), ContextOverflow, "longer than", None),
    (R, openai_error(401, "invalid_api_key", "Incorrect API key provided: secret-key-1."), ModelRefused, "refused the key.*provided: …", None),
    (R, openai_error(500, "server_error", "The server had an error"), ModelUnavailable, "HTTP 500", None),
    (R, openai(status="failed", error={"code": "server_error", "message": "The model failed"}), ModelUnavailable, "The model failed", None),
    (R, {"events": [{"type": "error", "code": "rate_limit_exceeded", "message": "Rate limit reached", "param": None, "sequence_number": 1}]}, ModelUnavailable, "Rate limit reached", None),
    (G, gemini_error(429, "RESOURCE_EXHAUSTED", SPENT, [MINUTE, WAIT]), ModelUnavailable, "limits the rate", 2.5),
    (G, gemini_error(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan.", [DAY, WAIT]), ModelRefused, "used up for now", None),
    (G, gemini_error(503, "UNAVAILABLE", "The model is overloaded. Please try again later."), ModelUnavailable, "HTTP 503", None),
    (G, gemini_error(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."), ModelRefused, "refused the key.*check GEMINI_API_KEY", None),
    (G, gemini_error(400, "INVALID_ARGUMENT", "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."), ContextOverflow, "longer than", None),
    (G, gemini_error(404, "NOT_FOUND", "models/gemini-9 is not found for API version v1beta"), ModelRefused, "does not know", None),
    (G, gemini(finish="MALFORMED_FUNCTION_CALL"), ModelUnavailable, "MALFORMED_FUNCTION_CALL", None),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "answer", "error", "words", "wait_s"), ERRORS)
async def test_errors_are_sorted_by_what_they_mean(kind, answer, error, words, wait_s):
    async with WireReplay([answer]) as server:
        with pytest.raises(ModelError, match=words) as caught:
            await ask(made(kind, server))
        assert len(server.asked) == 1, "one call is one attempt"
    assert type(caught.value) is error and "secret-key" not in str(caught.value)
    assert wait_s is None or caught.value.retry_in_s == wait_s


@pytest.mark.parametrize("kind", KINDS)
async def test_a_silent_server_is_left_and_given_more_time_the_next_time(kind):
    async with WireReplay([{"wait_s": 60, "body": {}}]) as server:
        model = made(kind, server, stall_s=0.3)
        with pytest.raises(ModelUnavailable, match=r"sent nothing for 0\.3 s"):
            await ask(model)
    assert model._patience.first_s > 0.3


@pytest.mark.parametrize("kind", KINDS)
async def test_cancelling_closes_the_connection(kind):
    async with WireReplay([{"wait_s": 60, "body": {}}]) as server:
        task = asyncio.ensure_future(ask(made(kind, server)))
        await asyncio.wait_for(server.arrived.wait(), 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.gone.wait(), 5)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_redirect_carries_neither_key_nor_prompt_along(kind):
    async with WireReplay([]) as other:
        away = {"status": 307, "headers": {"location": f"{other.url}/elsewhere"}}
        async with WireReplay([away]) as server:
            with pytest.raises(ModelRefused, match=f"sends requests on to {other.url}"):
                await ask(made(kind, server))
        assert other.asked == []


@pytest.mark.parametrize("kind", KINDS)
async def test_loopback_is_reached_without_a_proxy(kind, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    async with WireReplay([ANSWERING[kind]]) as server:
        assert (await ask(made(kind, server))).text == "It is 3."


SPECS = [
    ("anthropic/claude-sonnet-5", AnthropicModel),
    ("openai-responses/gpt-5", ResponsesModel),
    ("gemini/gemini-3-pro", GeminiModel),
]


@pytest.mark.parametrize(("spec", "kind"), SPECS)
async def test_a_spec_names_the_adapter_and_the_key_stays_at_home(spec, kind, monkeypatch):
    for name in (*kind.KEYS, kind.PLACE, "LLMOS_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match=f"{kind.KEYS[0]} is not set"):
        resolve(spec)
    monkeypatch.setenv(kind.KEYS[0], "key-of-the-vendor")
    model = resolve(spec, stall_s=33)
    assert isinstance(model, kind) and (model.traits.name, model.base_url, model.stall_s) == (
        spec,
        kind.URL,
        33,
    )
    assert model.traits.images and model.traits.context_tokens >= 200_000
    async with WireReplay([ANSWERING[kind]] * 2) as server:
        await ask(resolve(spec, base_url=server.url))
        assert "key-of-the-vendor" not in str(server.asked[0].headers), "a key goes only where it was given for"
        monkeypatch.setenv(kind.PLACE, server.url)
        await ask(resolve(spec))
        assert "key-of-the-vendor" in str(server.asked[1].headers)


@pytest.mark.parametrize(("spec", "kind"), SPECS)
async def test_a_package_that_is_missing_is_named_with_its_extra(spec, kind, monkeypatch):
    monkeypatch.setattr(kind, "PACKAGE", ("no_such_package", kind.PACKAGE[1]))
    monkeypatch.setenv(kind.KEYS[0], "key-of-the-vendor")
    how = rf"pip install \"llmos_nb\[{kind.PACKAGE[1]}\]\""
    with pytest.raises(ConfigError, match=how):
        resolve(spec)
    with pytest.raises(ModelRefused, match=how):
        await ask(kind("m", "http://127.0.0.1:9", "key"))
