"""Quirks of providers, as data: the run goes on, or ends with the true reason before any effect.

A quirk is what a provider answers (`answers`, in order) and what it insists on (`strict`: a request that breaks it gets the
provider's own error and takes no answer). It says how the run ends, what is said, how many requests there are, and how
often the tool was run.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from wire_replay import WireReplay

import llmos_nb as llmos
from llmos_nb.models.openai import errors, network, quirks
from llmos_nb.process.state.fold import fold

HERE = Path(__file__).parent
QUIRKS = [(p.stem, q) for p in sorted(HERE.glob("*.json")) for q in json.loads(p.read_text("utf-8"))]
KEY = "key-of-the-provider"
VARIABLES = {p.key for p in quirks.PROVIDERS if p.key} | {"ANTHROPIC_API_KEY", "GEMINI_API_KEY"}
OWN = {"ollama", "url"}


# what a provider insists on: a body gives its error, or nothing


def assistants(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [m for m in body["messages"] if m["role"] == "assistant" and m.get("tool_calls")]


def roles(body: dict[str, Any]) -> str:
    return " ".join(m["role"] for m in body["messages"])


def ids(body: dict[str, Any]) -> list[str]:
    results = [m["tool_call_id"] for m in body["messages"] if m["role"] == "tool"]
    return [c["id"] for m in assistants(body) for c in m["tool_calls"]] + results


def lacks(field: str, value: Any = None) -> Any:
    return lambda body: any(m.get(field) is None or (value is not None and m[field] != value) for m in assistants(body))


def signatures(body: dict[str, Any]) -> list[Any]:
    first = [m["tool_calls"][0] for m in assistants(body)]
    return [c.get("extra_content", {}).get("google", {}).get("thought_signature") for c in first]


def lean(value: Any) -> bool:
    if isinstance(value, dict):
        return not value.keys() & {"anyOf", "default"} and all(map(lean, value.values()))
    return all(map(lean, value)) if isinstance(value, list) else True


DETAILS = [
    {
        "type": "reasoning.text",
        "format": "anthropic-claude-v1",
        "index": 0,
        "text": "One and two.",
        "signature": "c2lnbmVk",
    }
]
NOT_ON = "Extra inputs are not permitted"
STRICT: dict[str, tuple[Any, int, Any]] = {
    "nine_ids": (lambda b: any(not re.fullmatch("[a-zA-Z0-9]{9}", i) for i in ids(b)), 400,
                 {"object": "error", "message": "Tool call id was r1.0 but must be a-z, A-Z, 0-9, with a length of 9.", "type": "invalid_request_error"}),
    "no_user_after_tool": (lambda b: "tool user" in roles(b), 400, {"object": "error", "message": "After the optional system message, conversation roles must alternate user/assistant/user/assistant/..."}),
    "no_stream_options": (lambda b: "stream_options" in b, 422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": NOT_ON}]}),
    "no_stream": (lambda b: b.get("stream"), 500, {"error": {"code": 500, "message": "Cannot use tools with stream", "type": "server_error"}}),
    "not_verified": (lambda b: b.get("stream"), 400, {"error": {"message": "Your organization must be verified to stream this model. Please go to settings.", "type": "invalid_request_error", "param": "stream", "code": "unsupported_value"}}),
    "reasoning_back": (lambda b: any("One and two." not in (m.get("reasoning_content"), m.get("reasoning")) for m in assistants(b)), 400,
                       {"error": {"message": "the reasoning of the former turn was changed", "type": "invalid_request_error"}}),
    "reasoning_there": (lacks("reasoning_content"), 400, {"error": {"message": "Missing `reasoning_content` field in the assistant message at message index 2."}}),
    "no_reasoning": (lambda b: any(m.keys() & {"reasoning", "reasoning_content"} for m in assistants(b)), 400,
                     {"error": {"message": "'messages.2' : for 'role:assistant' the following must be satisfied[('messages.2' : property 'reasoning' is unsupported)]", "type": "invalid_request_error"}}),
    "details_back": (lacks("reasoning_details", DETAILS), 400, {"error": {"message": "the thinking blocks cannot be modified", "code": 400}}),
    "signature_back": (lambda b: any(s != "c2lnbmVkIGJ5IGdlbWluaQ==" for s in signatures(b)), 400, [{"error": {"code": 400, "message": "the thought of the call is not valid", "status": "INVALID_ARGUMENT"}}]),
    "signature_there": (lambda b: not all(signatures(b)), 400, [{"error": {"code": 400, "message": "Function call is missing a thought_signature in functionCall parts.", "status": "INVALID_ARGUMENT"}}]),
    "single_calls": (lambda b: any(len(m["tool_calls"]) > 1 for m in assistants(b)), 400, {"object": "error", "message": "This model only supports single tool-calls at once!"}),
    "no_system": (lambda b: "system" in roles(b) or "user user" in roles(b), 500, {"error": {"code": 500, "message": "Jinja Exception: System role not supported", "type": "server_error"}}),
    "no_system_role": (lambda b: "system" in roles(b), 400, {"error": {"message": "Unsupported value: 'messages[0].role' does not support 'system' with this model.", "param": "messages[0].role", "code": "unsupported_value"}}),
    "tool_names": (lambda b: any(m["role"] == "tool" and m.get("name") != "add" for m in b["messages"]), 400,
                   [{"error": {"code": 400, "message": "* GenerateContentRequest.contents[2].parts[0].function_response.name: Name cannot be empty.", "status": "INVALID_ARGUMENT"}}]),
    "lean": (lambda b: not lean(b["tools"]), 400, [{"error": {"code": 400, "message": "Invalid JSON payload received. Unknown name \"anyOf\" at 'tools[0]': Cannot find field."}}]),
    "content_there": (lambda b: any("content" not in m for m in b["messages"]), 400, {"error": {"message": "messages[2]: missing field `content`", "type": "invalid_request_error"}}),
    "no_max_tokens": (lambda b: "max_tokens" in b, 400,
                      {"error": {"message": "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", "param": "max_tokens"}}),
}  # fmt: skip


# what is short in the data, in full


def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def calls_of(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "index": i,
            "id": f"call_{i}",
            "type": "function",
            "function": {"name": "add", "arguments": json.dumps(a)},
        }
        for i, a in enumerate(given)
    ]


def answer_of(short: dict[str, Any]) -> dict[str, Any]:
    if "whole" in short:
        message = {"role": "assistant", "content": short.get("text"), "tool_calls": calls_of(short["whole"])}
        return {"body": {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}}
    if "calls" in short:
        return {
            "events": [chunk({"tool_calls": [c]}) for c in calls_of(short["calls"])] + [chunk({}, "tool_calls")],
            "done": True,
        }
    if "text" in short:
        text = short["text"]
        return {
            "events": [chunk({"content": text[i : i + 5]}) for i in range(0, len(text), 5)] + [chunk({}, "stop")],
            "done": True,
        }
    if "claude" in short:
        message = {
            "id": "msg",
            "type": "message",
            "role": "assistant",
            "content": [],
            "model": "m",
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
        return {"events": [
            {"type": "message_start", "message": message},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": short["claude"]}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}},
            {"type": "message_stop"},
        ]}  # fmt: skip
    return short


class Provider(WireReplay):
    """Serves the answers of a quirk, and its error to each request that it does not take."""

    def __init__(self, quirk: dict[str, Any]) -> None:
        super().__init__([])
        self.left = [answer_of(a) for a in quirk["answers"]]
        self.strict = [STRICT[name] for name in quirk.get("strict", ())]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read())
        wrong = next(({"status": status, "body": error} for breaks, status, error in self.strict if breaks(body)), None)
        none = {"status": 500, "body": {"error": {"message": "no answer is left"}}}
        self.answers.append(wrong or (self.left.pop(0) if self.left else none))
        return await super()._answer(request)


async def played(
    provider: str, quirk: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> tuple[Any, Provider, list[Any]]:
    """Run a process through the public surface, at a server that has the quirk."""
    ran: list[Any] = []

    def add(a: int, b: int | None = 0) -> int:
        """Add two numbers."""
        ran.append((a, b))
        return a + (b or 0)

    for variable in VARIABLES:
        monkeypatch.setenv(variable, KEY)
    for variable, value in quirk.get("environ", {}).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr(errors, "LOADING_S", 0.02)
    async with Provider(quirk) as server:
        variables = {"azure": "AZURE_OPENAI_ENDPOINT", "openai-responses": "OPENAI_BASE_URL"}
        variable = variables.get(provider, f"{provider.upper().replace('-', '_')}_BASE_URL")
        monkeypatch.setenv(variable, server.url)
        spec = f"{server.url}/v1#m" if provider == "url" else f"{provider}/m"
        more: dict[str, Any] = {"base_url": server.url} if provider == "ollama" else {}
        more |= {"budget": quirk["budget"]} if "budget" in quirk else {}
        options = {"tools": [add], "namespace": {}, "approve": "auto", "plan": "none", "check": None, **more}
        process = await llmos.run("Add 1 and 2.", model=spec, **options)
        return process, server, ran


@pytest.fixture(autouse=True)
def nothing_learnt(monkeypatch):
    for variable in (*VARIABLES, "LLMOS_API_KEY", "OPENAI_API_VERSION", "AZURE_OPENAI_ENDPOINT"):
        monkeypatch.delenv(variable, raising=False)
    quirks._LEARNT.clear()
    network._silent.clear()
    yield
    quirks._LEARNT.clear()
    network._silent.clear()


@pytest.mark.parametrize(("provider", "quirk"), [pytest.param(p, q, id=f"{p}: {q['name']}") for p, q in QUIRKS])
async def test_the_run_goes_on_or_ends_with_the_true_reason_before_any_effect(provider, quirk, monkeypatch):
    process, server, ran = await played(provider, quirk, monkeypatch)
    responses = [e.d for e in process.events if e.k == "model.responded"]
    said = process.answer if process.reason == "answered" else process.run.state.detail
    assert process.reason == quirk["end"], process.run.state.detail
    assert re.search(quirk["says"], said or ""), said
    assert len(ran) == quirk.get("effects", 0) and len(set(ran)) == len(ran)
    assert len(server.asked) == quirk.get("requests", len(server.asked)) and not server.left
    assert KEY not in process.journal.path.read_text(encoding="utf-8")
    assert fold(process.events).digest == process.digest, "what went back stands in the journal"
    if "path" in quirk:
        asked = server.asked[0]
        assert (asked.path, asked.query) == (quirk["path"], quirk.get("query", {}))
    if "header" in quirk:
        name, value = quirk["header"]
        assert server.asked[0].headers[name] == value and "authorization" not in server.asked[0].headers
    if "reasoning" in quirk:
        assert responses[-1]["raw"]["reasoning"] == quirk["reasoning"]
    if "cached" in quirk:
        assert responses[-1]["usage"]["cached"] == quirk["cached"]
    if quirk.get("estimated"):
        assert responses[-1]["raw"]["usage"] == "estimated" and responses[-1]["usage"]["completion"]
    if "python" in quirk:
        assert process.run.namespace["made"] == 3


def test_there_are_at_least_67_quirks_each_with_a_name_of_its_own():
    assert len(QUIRKS) >= 67 and len({(p, q["name"]) for p, q in QUIRKS}) == len(QUIRKS)


@pytest.mark.parametrize(("provider", "quirk"), [(p, q) for p, q in QUIRKS if q.get("strict")])
async def test_what_a_provider_insists_on_ends_a_run_that_does_not_follow(provider, quirk, monkeypatch):
    monkeypatch.setattr(quirks, "ways_of", lambda *_: frozenset())
    monkeypatch.setattr("llmos_nb.models.openai.client.ways_of", lambda *_: frozenset())
    monkeypatch.setattr(quirks.Learnt, "adapt", lambda *_: False)
    monkeypatch.setattr("llmos_nb.models.openai.stream.Accumulator._opaque", lambda _: None)
    monkeypatch.setattr("llmos_nb.process.ask.MAX_BACKOFF_S", 0.0)
    process, *_ = await played(provider, quirk, monkeypatch)
    follows = quirk["name"] in (
        "reasoning_content may not go back",
        "reasoning may not go back",
    )  # nothing goes back
    assert (process.reason == "answered") == follows
