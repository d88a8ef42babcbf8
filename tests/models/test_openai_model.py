"""Models over real HTTP on loopback: what is sent, what comes back, and every fault."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import subprocess
import sys
import time
from typing import Any

import pytest
from endpoint import Endpoint
from waits import until_async

from llmos_nb.errors import (
    ConfigError,
    ContextOverflow,
    ModelError,
    ModelProtocol,
    ModelRefused,
    ModelUnavailable,
)
from llmos_nb.messages import Message, Request, Response, ToolCall, compact
from llmos_nb.models import Model
from llmos_nb.models.openai.client import OpenAIModel
from llmos_nb.models.openai.network import proxy_of
from llmos_nb.models.scripted.wire import FAILING, FAULTS

ADD = {"name": "add", "arguments": {"a": 1, "b": 2}}
PLAN_TOOL = {"type": "function", "function": {"name": "plan", "parameters": {"type": "object"}}}


def request(tools: tuple[dict[str, Any], ...] = (), **more: Any) -> Request:
    messages = (Message("system", "Be exact."), Message("user", "Add 1 and 2, café."))
    return Request(messages, tools, compact(tools), **more)


async def ask(model: OpenAIModel, asked: Request | None = None, on_text: Any = lambda text: None) -> Response:
    return await model.respond(asked or request(), on_text)


async def failure(turn: dict[str, Any], **options: Any) -> ModelError:
    async with Endpoint([turn]) as endpoint:
        model = OpenAIModel("m", endpoint.url, "sk-secret-key-1", **options)
        try:
            with pytest.raises(ModelError) as caught:
                await ask(model)
        finally:
            await model.aclose()
        assert len(endpoint.requests) == 1, "one call is one attempt"
        return caught.value


async def test_the_request_is_joined_from_encoded_parts_and_carries_the_key():
    async with Endpoint([{"text": "3"}]) as endpoint:
        model = OpenAIModel("m", endpoint.url, "sk-1", extra={"temperature": 0})
        asked = request((PLAN_TOOL,), max_tokens=50)
        assert (await ask(model, asked)).text == "3"
        await model.aclose()
    seen = endpoint.requests[0]
    assert seen.headers["Authorization"] == "Bearer sk-1"
    assert seen.headers["Content-Type"] == "application/json"
    assert seen.body == {
        "model": "m",
        "messages": [m.wire() for m in asked.messages],
        "tools": [PLAN_TOOL],
        "max_tokens": 50,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def test_no_tools_are_sent_where_there_are_none():
    async with Endpoint([{"text": "3"}]) as endpoint:
        model = OpenAIModel("m", endpoint.url)
        await ask(model, request())
        await model.aclose()
    assert endpoint.requests[0].body.keys() == {"model", "messages", "stream", "stream_options"}


def test_a_message_is_encoded_once_in_its_life(monkeypatch):
    encoded: list[str] = []
    wire = Message.wire
    monkeypatch.setattr(Message, "wire", lambda self: encoded.append(self.text) or wire(self))
    model, asked = OpenAIModel("m", "http://127.0.0.1:1/v1"), request()
    assert model.body(asked) == model.body(asked)
    assert encoded == ["Be exact.", "Add 1 and 2, café."]


def test_a_prompt_that_goes_on_from_the_last_one_is_joined_as_one_that_does_not():
    said = [Message("user", f"number {n}") for n in range(6)]
    prompts = [said[:1], said[:3], said[:3], said[:6], said[:2], said[3:], [*said[:2], said[5]], []]
    goes_on = OpenAIModel("m", "http://127.0.0.1:1/v1", "sk-1")
    for messages in prompts:
        anew = OpenAIModel("m", "http://127.0.0.1:1/v1", "sk-1")
        asked = Request(tuple(messages))
        assert goes_on.body(asked) == anew.body(asked)
        assert json.loads(anew.body(asked))["messages"] == [m.wire() for m in messages]


async def test_pieces_set_no_new_timer_each(monkeypatch):
    taken, made, loop = asyncio.Event(), [], asyncio.get_running_loop()
    at = loop.call_at
    monkeypatch.setattr(loop, "call_at", lambda *a, **k: made.append(a[1]) or at(*a, **k))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
        for _ in range(60):  # each is read by itself
            writer.write(b'data: {"choices":[{"delta":{"content":"word "}}]}\n\n')
            await taken.wait()
            taken.clear()
        writer.write(b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        model = OpenAIModel("m", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
        assert (await ask(model, on_text=lambda text: taken.set())).text == "word " * 60
        await model.aclose()
    assert sum(getattr(act, "__qualname__", "") == "Timeout._on_timeout" for act in made) < 10


def test_the_official_endpoint_gets_the_new_name_of_the_bound():
    body = json.loads(OpenAIModel("gpt", api_key="sk-1").body(request(max_tokens=9)))
    assert body["max_completion_tokens"] == 9
    assert "max_tokens" not in body


async def test_text_streams_and_connections_are_kept():
    shown: list[str] = []
    async with Endpoint([{"text": "a long answer in pieces", "split": 7}, {"calls": [ADD, ADD]}]) as endpoint:
        model = OpenAIModel("m", endpoint.url)
        assert isinstance(model, Model)
        first = await ask(model, on_text=shown.append)
        second = await ask(model)
        await model.aclose()
    assert "".join(shown) == first.text == "a long answer in pieces"
    assert len(shown) > 1
    assert second.calls == (ToolCall("add", {"a": 1, "b": 2}),) * 2
    assert len(endpoint.connections) == 1


KINDS = {
    "unreachable": ModelUnavailable,
    "drop": ModelUnavailable,
    "stall": ModelUnavailable,
    "no_finish": ModelUnavailable,
    "server_error": ModelUnavailable,
    "http_500": ModelUnavailable,
    "http_429": ModelUnavailable,
    "wait_600": ModelRefused,
    "quota": ModelRefused,
    "bad_key": ModelRefused,
    "no_model": ModelRefused,
    "no_tools": ModelProtocol,
    "overflow": ContextOverflow,
    "html": ModelProtocol,
    "error_200": ModelProtocol,
    "no_choices": ModelProtocol,
    "broken_json": ModelProtocol,
}


def test_every_failing_fault_has_its_kind():
    assert KINDS.keys() == set(FAILING)


@pytest.mark.parametrize("fault", FAILING)
async def test_a_failed_attempt_is_one_typed_line(fault: str):
    error = await failure({"fault": fault, "text": "half an answer", "calls": [ADD]}, stall_s=0.5)
    assert type(error) is KINDS[fault]
    assert len(str(error).splitlines()) == 1
    assert error.retryable == (KINDS[fault] in (ModelUnavailable, ModelProtocol) and fault != "no_tools")


ODD = {
    "empty": Response(""),
    "length": Response("hi", finish="length"),
    "refused": Response("hi", finish="refused"),
    "cut_call": Response("hi", (ToolCall("add", {"a": 1, "b": 2}),), "length", cut=True),
    "badjson": Response("", (ToolCall("add", '{"a": 1, "b": 2,,}'),) * 2),
    "list_args": Response("", (ToolCall("add", "[1, 2]"),) * 2),
    "null_args": Response("", (ToolCall("add", "null"),) * 2),
    "nan_args": Response("", (ToolCall("add", '{"a": NaN}'),) * 2),
    "object_args": Response("", (ToolCall("add", {"a": 1, "b": 2}),) * 2),
    "same_index": Response("", (ToolCall("add", {"a": 1, "b": 2}),) * 2),
    "same_ids": Response("", (ToolCall("add", {"a": 1, "b": 2}),) * 2),
}


@pytest.mark.parametrize("fault", [f for f in FAULTS if f not in FAILING])
async def test_unusual_answers_are_read_as_meant(fault: str):
    async with Endpoint([{"fault": fault, "text": "hi", "calls": [ADD, ADD]}]) as endpoint:
        model = OpenAIModel("m", endpoint.url)
        got, wanted = await ask(model), ODD[fault]
        await model.aclose()
    assert (got.text, got.calls, got.finish, got.cut) == (wanted.text, wanted.calls, wanted.finish, wanted.cut)


async def test_retry_after_reaches_the_error():
    assert (await failure({"fault": "http_429", "text": "x"})).retry_in_s == 0.1
    long = await failure({"fault": "wait_600", "text": "x"})
    assert long.retry_in_s == 600
    assert "600 s" in str(long)


async def test_a_refused_connection_asks_whether_the_server_runs():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        with pytest.raises(ModelUnavailable, match="is the server running"):
            await ask(OpenAIModel("m", f"http://127.0.0.1:{port}/v1"))


@pytest.mark.parametrize(
    ("known", "through"),
    [
        ({}, None),
        ({"HTTP_PROXY": "http://p:1"}, "http://p:1"),
        ({"ALL_PROXY": "p:1"}, "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1"}, None),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "model.example"}, None),
    ],
)
def test_proxies_are_those_of_the_environment(monkeypatch, known: dict[str, str], through: str | None):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in known.items():
        monkeypatch.setenv(name, value)
    assert proxy_of("http://model.example:8000/v1") == through
    assert proxy_of("http://127.0.0.1:8000/v1") is None, "what is on this machine is reached without a proxy"


async def test_requests_go_through_the_proxy(monkeypatch):
    async with Endpoint([{"text": "by proxy"}]) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/v1"))
        monkeypatch.setenv("no_proxy", "")
        model = OpenAIModel("m", "http://model.invalid/v1")
        assert (await ask(model)).text == "by proxy"
        await model.aclose()


async def test_a_proxy_of_another_protocol_is_named_at_once(monkeypatch):
    monkeypatch.setenv("all_proxy", "socks5://me:secret@127.0.0.1:1")
    with pytest.raises(ModelRefused, match=r"socks5://127\.0\.0\.1:1 is no HTTP proxy"):
        await ask(OpenAIModel("m", "http://model.invalid/v1"))


async def test_the_account_of_the_environment_is_named(monkeypatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    async with Endpoint([{"text": "ok"}]) as endpoint:
        model = OpenAIModel("m", endpoint.url)
        await ask(model)
        await model.aclose()
    assert endpoint.requests[0].headers["OpenAI-Organization"] == "org-1"


async def test_user_and_password_of_a_url_are_sent_and_not_shown():
    async with Endpoint([{"text": "ok"}, {"fault": "http_500"}]) as endpoint:
        model = OpenAIModel("m", endpoint.url.replace("://", "://me:pass-word@"))
        await ask(model)
        with pytest.raises(ModelUnavailable) as caught:
            await ask(model)
        await model.aclose()
    assert endpoint.requests[0].headers["Authorization"].startswith("Basic ")
    assert "pass-word" not in str(caught.value)


async def test_a_model_that_nobody_closes_closes_its_connections():
    async with Endpoint([{"text": "ok"}]) as endpoint:
        model = OpenAIModel("m", endpoint.url)
        await ask(model)
        client = model._loaded.client
        del model
        gc.collect()
        async with asyncio.timeout(5):
            await until_async(lambda: client.closed, every=0)


async def test_a_server_that_never_answers_is_a_stall():
    started = time.monotonic()
    error = await failure({"text": "late", "wait_s": 60}, stall_s=0.3)
    assert "sent nothing for 0.3 s" in str(error)
    assert time.monotonic() - started < 5


async def test_bytes_that_keep_coming_are_no_stall():
    slow = [b": thinking\n\n", b'data: {"choices":[{"delta":{"content":"ok"},"finish_reason":"stop"}]}\n\n']

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
        for part in [*slow[:1] * 4, slow[1]]:
            await asyncio.sleep(0.2)
            writer.write(part)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        model = OpenAIModel("m", f"http://127.0.0.1:{port}/v1", stall_s=0.6)
        assert (await ask(model)).text == "ok"
        await model.aclose()


async def test_answer_does_not_wait_for_the_connection_to_close():
    pieces = [b'data: {"choices":[{"delta":{"content":"ok"},"finish_reason":"stop"}]}\n\n', b"data: [DONE]\n\n"]
    async with Endpoint([{"pieces": pieces, "end": "stall"}]) as endpoint:
        model = OpenAIModel("m", endpoint.url, stall_s=30)
        async with asyncio.timeout(5):
            assert (await ask(model)).text == "ok"
        await model.aclose()


@pytest.mark.parametrize("turn", [{"text": "x", "wait_s": 60}, {"text": "a text to stall in", "fault": "stall"}])
async def test_cancelling_closes_the_connection_at_once(turn: dict[str, Any]):
    async with Endpoint([turn]) as endpoint:
        model = OpenAIModel("m", endpoint.url)
        task = asyncio.ensure_future(ask(model))
        await asyncio.wait_for(endpoint.arrived.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(endpoint.requests[0].gone.wait(), 1)
        await model.aclose()


async def test_the_key_never_stands_in_an_error():
    echo = {"error": {"message": "Incorrect key provided: sk-secret-key-1"}}
    error = await failure({"status": 401, "body": echo})
    assert "sk-secret" not in str(error)
    assert "OPENAI_API_KEY" in str(error)


async def test_rejected_parameter_is_left_out_of_the_next_request():
    no = {"status": 400, "body": {"error": {"message": "Unknown parameter: 'stream_options'"}}}
    async with Endpoint([no, {"text": "ok"}]) as endpoint:
        model = OpenAIModel("m", endpoint.url)
        with pytest.raises(ModelProtocol) as caught:
            await ask(model)
        assert caught.value.retryable
        answer = await ask(model)
        await model.aclose()
    assert answer.text == "ok"
    assert "stream_options" not in endpoint.requests[1].body


async def test_without_a_name_the_first_listed_model_is_used():
    async with Endpoint([{"text": "ok"}], models=("first", "second")) as endpoint:
        model = OpenAIModel("", endpoint.url)
        await ask(model)
        await model.aclose()
    assert endpoint.requests[0].body["model"] == "first"
    assert model.traits.name == "openai/first"


async def test_an_endpoint_that_lists_no_models_says_what_to_do():
    async with Endpoint([], models=()) as endpoint:
        model = OpenAIModel("", endpoint.url)
        with pytest.raises(ModelRefused, match="name one"):
            await ask(model)
        await model.aclose()


async def test_tokens_are_estimated_where_the_endpoint_counts_none():
    pieces = [b'data: {"choices":[{"delta":{"content":"12345678"},"finish_reason":"stop"}]}\n\n']
    async with Endpoint([{"pieces": pieces}]) as endpoint:
        model = OpenAIModel("m", endpoint.url)
        answer = await ask(model)
        await model.aclose()
    assert answer.usage.prompt == len(endpoint.requests[0].raw) // 4
    assert answer.usage.completion == 3
    assert answer.raw["usage"] == "estimated"


@pytest.mark.parametrize("tools", [(), (PLAN_TOOL,)])
async def test_a_plan_in_text_is_lifted_only_where_a_plan_is_wanted(tools: tuple[dict[str, Any], ...]):
    text = '{"plan": [{"title": "load"}]}'
    async with Endpoint([{"text": text}]) as endpoint:
        model = OpenAIModel("m", endpoint.url)
        answer = await ask(model, request(tools))
        await model.aclose()
    assert answer.calls == ((ToolCall("plan", {"steps": [{"title": "load"}]}),) if tools else ())
    assert answer.text == ("" if tools else text)


def test_one_model_serves_event_loops_one_after_the_other():
    model = OpenAIModel("m", "http://127.0.0.1:1/v1")

    async def once() -> str:
        async with Endpoint([{"text": "ok"}]) as endpoint:
            model.base_url = endpoint.url
            text = (await ask(model)).text
            await model.aclose()
            return text

    assert [asyncio.run(once()), asyncio.run(once())] == ["ok", "ok"]


@pytest.mark.parametrize("url", ["localhost:80", "ftp://x/v1", "http://", "http://[::1"])
def test_bad_base_url_is_reported_at_once(url: str):
    with pytest.raises(ConfigError, match="http://HOST:PORT/v1"):
        OpenAIModel("m", url)


@pytest.mark.parametrize("key", ["sk-…", "sk 1", "a\nb"])
def test_impossible_key_is_reported_at_once(key: str):
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        OpenAIModel("m", None, key)


def test_importing_the_models_imports_no_client():
    code = "import sys, llmos_nb.models.spec; print({'openai', 'aiohttp', 'pydantic'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
