"""Spans against the published conventions for generative AI: names, values, types, what is required; a tree is one trace."""

import sys
from pathlib import Path

import pytest
from endpoint import Endpoint
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics as published
from opentelemetry.semconv.attributes import error_attributes, server_attributes
from turns import call

import llmos_nb as llmos
from llmos_nb.journal import history, home_of, read
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.session import Session
from llmos_nb.views.spans import export
from llmos_nb.views.spans.export import spans_of
from llmos_nb.views.spans.span import CLIENT, INTERNAL, Span, provider, requested

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from bench_batch_job import Server, served

NAMES = {
    value
    for module in (gen_ai, error_attributes, server_attributes)
    for name, value in vars(module).items()
    if name.isupper() and isinstance(value, str)
}
OPERATIONS = {v.value for v in gen_ai.GenAiOperationNameValues}
REQUIRED = {  # of the published model of spans; `server.port` stands with `server.address`
    "chat": {"gen_ai.provider.name", "gen_ai.request.model"},
    "execute_tool": {"gen_ai.tool.name"},
    "invoke_agent": {"gen_ai.provider.name"},
}
TEXTS = {
    "gen_ai.response.id",
    "gen_ai.response.model",
    "gen_ai.tool.call.id",
    "gen_ai.agent.name",
    "error.type",
}
NAMED = {
    "chat": "gen_ai.request.model",
    "execute_tool": "gen_ai.tool.name",
    "invoke_agent": "gen_ai.agent.name",
}


def faults(span):
    """Return what the conventions do not allow in a span."""
    told = {k: v for k, v in span.attributes.items() if not k.startswith("llmos.")}
    operation = told.get("gen_ai.operation.name")
    found = [f"{k} is none of theirs" for k in told if k not in NAMES]
    found += [f"{operation} is no operation"] * (operation not in OPERATIONS)
    found += [f"{k} is missing" for k in REQUIRED.get(operation, ()) if not told.get(k)]
    found += ["an address for a model"] * ("://" in told.get("gen_ai.request.model", ""))
    found += ["an address without a port"] * (("server.address" in told) != ("server.port" in told))
    wanted = f"{operation} {told.get(NAMED.get(operation), '')}".strip()
    found += [f"the name {span.name}"] * (span.name != wanted)
    found += ["the kind"] * (span.kind != (CLIENT if operation == "chat" else INTERNAL))
    for key, value in told.items():
        if key.endswith("_tokens") or key == "server.port":
            found += [f"{key} is no number"] * (type(value) is not int)
        elif key.endswith("finish_reasons"):
            found += [f"{key} is no list"] * (not isinstance(value, list))
        elif key in TEXTS or key in REQUIRED.get(operation, ()):
            found += [f"{key} is no text"] * (not isinstance(value, str))
    found += ["the type of the tool"] * (
        told.get("gen_ai.tool.type") not in (None, "function", "extension", "datastore")
    )
    return found


def tell(n: int) -> int:
    """Give a number back."""
    if n < 0:
        raise ValueError("no")
    return n


async def spans_over_http():
    turns = [
        {**call("tell", n=1), "usage": {"prompt": 9, "completion": 2, "cached": 4}},
        {"fault": "http_500", "text": "x"},
        call("tell", n=-1),
        {"text": "It is 1."},
    ]
    async with Endpoint(turns) as server:
        proc = await llmos.run("count", name="beans", model=f"{server.url}#model-a", tools=[tell], approve="auto")
    return spans_of(history(proc.events, proc.journal.path), content=True)


async def test_spans_are_as_the_conventions_publish_them():
    spans = await spans_over_http()
    assert {s.attributes["gen_ai.operation.name"] for s in spans} == {"chat", "execute_tool", "invoke_agent"}
    assert {s.name: faults(s) for s in spans if faults(s)} == {}
    chat = next(s for s in spans if s.name == "chat model-a")
    assert chat.attributes["server.address"] == "127.0.0.1" and chat.attributes["server.port"] > 0
    assert chat.attributes["gen_ai.usage.cache_read.input_tokens"] == 4


async def test_answer_says_which_model_gave_it_and_by_which_id():
    with served(Server()) as address:
        proc = await llmos.run("Say that item 1 is done.", model=f"{address}#alias")
    chat = spans_of(read(proc.journal.path))[0]
    assert chat.name == "chat alias" and faults(chat) == []
    assert chat.attributes["gen_ai.response.model"] == "m" and chat.attributes["gen_ai.response.id"] == "x"


@pytest.mark.parametrize(
    ("known", "name"),
    [
        ("https://models.example.org/v1#org/m", "org/m"),
        ("ollama/qwen:4b", "qwen:4b"),
        ("openrouter/anthropic/claude", "anthropic/claude"),
        ("openai/gpt-oss-20b", "openai/gpt-oss-20b"),
        ("gpt-4.1-mini", "gpt-4.1-mini"),
        ("script:a.json", "script:a.json"),
    ],
)
def test_model_is_named_as_it_is_asked_for(known, name):
    assert requested(known) == name


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"gen_ai.system": 4, "gen_ai.what": "x"}, "gen_ai.what is none of theirs"),
        ({"gen_ai.operation.name": "talk"}, "talk is no operation"),
        ({"gen_ai.provider.name": ""}, "gen_ai.provider.name is missing"),
        ({"gen_ai.request.model": "n"}, "the name chat m"),
        ({"gen_ai.request.model": "http://127.0.0.1/v1#m"}, "an address for a model"),
        ({"server.address": "x"}, "an address without a port"),
        ({"gen_ai.usage.input_tokens": "9"}, "gen_ai.usage.input_tokens is no number"),
    ],
)
def test_what_the_conventions_do_not_allow_is_found(change, fault):
    good = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "m"}
    span = Span("chat m", "0" * 32, "0" * 16, "", 0, kind=CLIENT, attributes=good)
    assert faults(span) == []
    span.attributes |= change
    assert fault in faults(span)


@pytest.mark.parametrize("value", [v.value for v in gen_ai.GenAiProviderNameValues])
def test_providers_have_the_names_of_the_convention(value):
    hosts = {
        "openai": "https://api.openai.com/v1",
        "anthropic": "https://api.anthropic.com",
        "gcp.gemini": "https://generativelanguage.googleapis.com/v1beta/openai",
        "mistral_ai": "https://api.mistral.ai/v1",
        "deepseek": "https://api.deepseek.com",
        "groq": "https://api.groq.com/openai/v1",
        "x_ai": "https://api.x.ai/v1",
        "perplexity": "https://api.perplexity.ai",
        "cohere": "https://api.cohere.com/compatibility/v1",
        "azure.ai.openai": "https://mine.openai.azure.com/openai/v1",
        "azure.ai.inference": "https://mine.services.ai.azure.com/models",
    }
    if value in hosts:
        assert provider(f"{hosts[value]}#m", "m") == value
    assert provider("https://notapi.openai.com.example.org/v1#m", "m") == "notapi.openai.com.example.org"


async def test_metrics_are_those_of_the_conventions():
    reader = InMemoryMetricReader()
    export.send_to(InMemorySpanExporter(), reader)
    turns = [{**call("tell", n=1), "usage": {"prompt": 9, "completion": 2}}, {"fault": "http_500", "text": "x"}]
    turns.append({"text": "It is 1.", "usage": {"prompt": 20, "completion": 3}})
    model = ScriptedModel(turns)
    await Session(None, configured={"trace": True}).start("count", model=model, tools=[tell], approve="auto")
    (scope,) = reader.get_metrics_data().resource_metrics[0].scope_metrics
    found = {m.name: m for m in scope.metrics}
    export.close()
    assert set(found) == {published.GEN_AI_CLIENT_TOKEN_USAGE, published.GEN_AI_CLIENT_OPERATION_DURATION}
    assert found[published.GEN_AI_CLIENT_TOKEN_USAGE].unit == "{token}"
    points = found[published.GEN_AI_CLIENT_TOKEN_USAGE].data.data_points
    assert {p.attributes["gen_ai.token.type"]: (p.sum, p.count) for p in points} == {
        "input": (29, 2),
        "output": (5, 2),
    }
    assert {v.value for v in gen_ai.GenAiTokenTypeValues} >= {"input", "output"}
    seconds = found[published.GEN_AI_CLIENT_OPERATION_DURATION].data.data_points
    assert {p.attributes.get("error.type"): p.count for p in seconds} == {None: 2, "ModelUnavailable": 1}
    assert {k for p in (*points, *seconds) for k in p.attributes} <= NAMES


async def test_tree_of_processes_is_one_trace():
    start = [
        {"calls": [{"name": "start_process", "arguments": {"goal": f"count {n}", "name": f"child-{n}"}}]}
        for n in (1, 2)
    ]
    waits = [call("wait_process", process=f"child-{n}") for n in (1, 2)]
    inner = [call("tell", n=1), {"text": "one"}]
    proc = await llmos.run(
        "have it counted",
        name="boss",
        model=ScriptedModel([*start, *waits, {"text": "two"}], children=[inner, inner]),
        tools=["process", tell],
        approve="auto",
        plan="none",
    )
    assert proc.reason == "answered", proc.detail
    found = [spans_of(read(j)) for j in sorted(home_of().runs.glob("*/journal.jsonl"))]
    boss, *children = found
    root = boss[-1]
    assert len(children) == 2 and {s.trace_id for spans in found for s in spans} == {root.trace_id}
    starts = [s.span_id for s in boss if s.name == "execute_tool start_process"]
    assert sorted(c[-1].parent_id for c in children) == sorted(starts)
    assert all(c[-1].attributes["gen_ai.conversation.id"] != root.trace_id for c in children)
    assert len({s.span_id for spans in found for s in spans}) == sum(map(len, found))
    assert export.tree(children[0])[0][0].startswith("invoke_agent child")


async def test_child_of_a_former_journal_is_a_trace_of_its_own(script):
    proc = await llmos.run("count", model=script({"text": "one"}))
    (root,) = [s for s in spans_of(read(proc.journal.path)) if not s.parent_id]
    assert root.trace_id == proc.events[0].hash[:32]
