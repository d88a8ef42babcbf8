"""Spans of a journal: who is whose parent, times, tokens, errors, ids; live and after the fact; a run taken up again."""

import json
import socket

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from turns import call

import llmos_nb as llmos
from llmos_nb.app import cli
from llmos_nb.app.options import carry_out
from llmos_nb.errors import ConfigError, LlmosError
from llmos_nb.journal import history, read
from llmos_nb.policy.secrets import vault
from llmos_nb.session import Session
from llmos_nb.views.spans import export
from llmos_nb.views.spans.export import spans_of
from llmos_nb.views.spans.span import CAPTURE, provider, time_of


def tell(n: int) -> int:
    """Give a number back."""
    if n < 0:
        raise ValueError("the number is -1")
    return n


TURNS = (
    {**call("tell", n=1), "usage": {"prompt": 100, "completion": 10, "cached": 40}},
    {"fault": "http_500", "text": "x"},
    {
        "calls": [{"name": "tell", "arguments": {"n": n}} for n in (-1, 2)],
        "usage": {"prompt": 200, "completion": 20},
    },
    {"text": "It is 2.", "usage": {"prompt": 300, "completion": 5}},
)


@pytest.fixture
def exporter(monkeypatch):
    monkeypatch.delenv(CAPTURE, raising=False)
    found = InMemorySpanExporter()
    export.send_to(found)
    yield found
    export.close()


async def ran(script, *turns, **options):
    options = {"approve": "auto", "tools": [tell], **options}
    return await llmos.run("count the beans", model=script(*(turns or TURNS)), name="beans", **options)


def events(proc):
    return history(proc.events, proc.journal.path)


def named(spans, name):
    return [s for s in spans if s.name.startswith(name)]


async def test_spans_stand_under_their_run_and_say_what_the_journal_says(script):
    proc = await ran(script)
    spans = spans_of(events(proc))
    (root,) = [s for s in spans if not s.parent_id]
    assert root.name == "invoke_agent beans" and spans[-1] is root
    assert {s.parent_id for s in spans if s is not root} == {root.span_id}
    assert len({s.trace_id for s in spans}) == 1 and len({s.span_id for s in spans}) == len(spans)
    assert len(named(spans, "chat ")) == 4 and len(named(spans, "execute_tool tell")) == 3
    at = {k: [time_of(e.at) for e in proc.events if e.k == k] for k in ("call.started", "call.finished")}
    tools = sorted(named(spans, "execute_tool"), key=lambda s: s.start)
    assert [s.start for s in tools] == at["call.started"] and [s.end for s in tools] == at["call.finished"]
    assert (root.start, root.end) == (time_of(proc.events[0].at), time_of(proc.events[-1].at))


async def test_tokens_are_those_of_the_journal(script):
    proc = await ran(script)
    spans = spans_of(events(proc))
    sums = [
        sum(s.attributes.get(f"gen_ai.usage.{k}_tokens", 0) for s in named(spans, "chat")) for k in ("input", "output")
    ]
    root = spans[-1].attributes
    assert sums == [600, 35] == [root["gen_ai.usage.input_tokens"], root["gen_ai.usage.output_tokens"]]
    assert sum(sums) - 0.9 * 40 == proc.run.state.spent["tokens"]  # of which 40 were cached and cost a tenth
    assert named(spans, "chat")[0].attributes["gen_ai.usage.cache_read.input_tokens"] == 40


async def test_failed_spans_say_so_and_retries_are_counted(script):
    spans = spans_of(events(await ran(script)))
    chats = named(spans, "chat")
    assert [(s.attributes["llmos.attempt"], s.error) for s in chats] == [
        (1, ""),
        (1, "ModelUnavailable"),
        (2, ""),
        (1, ""),
    ]
    tools = {s.attributes["gen_ai.tool.call.id"]: s.attributes.get("error.type") for s in named(spans, "execute_tool")}
    assert tools == {"r1.0": None, "r2.0": "ValueError", "r2.1": None}
    bad = spans_of(events(await ran(script, {"text": "", "fault": "empty"}, {"text": "", "fault": "empty"})))
    assert bad[-1].error == "empty" and bad[-1].attributes["llmos.reason"] == "empty"


async def test_one_journal_gives_one_trace_live_and_after_the_fact(script, exporter):
    session = Session(None, configured={"trace": True})
    proc = session.create("count", model=script(*TURNS), tools=[tell], approve="auto")
    await proc.start()
    export.flush()
    live = exporter.get_finished_spans()
    after = [export.readable(s) for s in spans_of(events(proc))]
    again = [export.readable(s) for s in spans_of(read(proc.journal.path))]
    assert [s.to_json() for s in live] == [s.to_json() for s in after] == [s.to_json() for s in again]
    assert live[-1].parent is None and all(s.parent.span_id == live[-1].context.span_id for s in live[:-1])


async def test_content_is_recorded_only_on_request_and_never_a_secret(script, monkeypatch):
    monkeypatch.setenv("BEAN_TOKEN", "kq83-mmx2-0q")
    vault.clear()

    def leak(word: str) -> str:
        """Say what nobody may hear."""
        raise ValueError(f"{word} kq83-mmx2-0q")

    proc = await ran(script, call("leak", word="magic kq83-mmx2-0q"), {"text": "kq83-mmx2-0q it is"}, tools=[leak])
    said = json.dumps([vars(s) for s in spans_of(events(proc))])
    assert "magic" not in said and "beans" in said and "count" not in said and "kq83" not in said
    monkeypatch.setenv(CAPTURE, "true")
    told = json.dumps([vars(s) for s in spans_of(events(proc))])
    assert "count the beans" in told and "magic" in told and "kq83" not in told and "<secret BEAN_TOKEN>" in told
    vault.clear()


async def test_a_run_that_broke_off_is_one_trace_without_the_time_between(script):
    proc = await ran(script, call("tell", n=1), {"text": "ok"})
    lines = proc.journal.path.read_text().splitlines(keepends=True)
    cut = next(i for i, line in enumerate(lines) if '"k":"call.started"' in line) + 1
    broken_off = proc.journal.path.parent.with_name("2026-01-01-9-x") / "journal.jsonl"
    broken_off.parent.mkdir()
    broken_off.write_text("".join(lines[:cut]))
    again = llmos.load(broken_off, tools=[tell], model=script(call("tell", n=1), {"text": "ok"}))
    await again.resume()
    assert again.state == "waiting"
    await again.resolve("r1.0", done=True)
    spans = spans_of(events(again))
    assert len({s.trace_id for s in spans}) == 1 and spans[-1].attributes["llmos.reason"] == "answered"
    (broken,) = named(spans, "execute_tool")
    resumed = next(e for e in again.events if e.k == "run.resumed")
    assert broken.error == "crash" and broken.end == time_of(again.events[resumed.n - 1].at) <= time_of(resumed.at)
    noted = [name for name, _, _ in spans[-1].events]
    assert noted.index("run.resumed") < noted.index("call.in_doubt") < noted.index("call.resolved")


async def test_fork_records_its_own_spans_and_links_to_its_parent(script):
    proc = await ran(script)
    child = proc.fork(at=next(e.n for e in proc.events if e.k == "call.finished"))
    await child.resume()
    parent, own = spans_of(events(proc)), spans_of(events(child))
    assert own[-1].links == [(parent[-1].trace_id, parent[-1].span_id)]
    assert not {s.span_id for s in own} & {s.span_id for s in parent} and named(own, "execute_tool tell")


async def test_lines_are_the_protocols_own(script, tmp_path, capsys):
    proc = await ran(script)
    assert cli.main(["log", str(proc.journal.path), "--spans", "spans.jsonl"]) == 0
    lines = (tmp_path / "spans.jsonl").read_text().splitlines()
    assert f"written: {len(lines)} spans" in capsys.readouterr().out
    ids = []
    for line in lines:
        ParseDict(_hex_as_bytes(json.loads(line)), TracesData())  # raises where a key or a type is not the protocol's
        ids.append(json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["spanId"])
    assert ids == [s.span_id for s in spans_of(events(proc))]
    assert cli.main(["log", "--all", "--spans", "all.jsonl"]) == 0
    assert sorted((tmp_path / "all.jsonl").read_text().splitlines()) == sorted(lines)


def _hex_as_bytes(raw):
    """Give ids as protobuf's own JSON has them; OTLP writes them in hexadecimal."""
    import base64

    if isinstance(raw, dict):
        ids = ("traceId", "spanId", "parentSpanId")
        return {
            k: base64.b64encode(bytes.fromhex(v)).decode() if k in ids else _hex_as_bytes(v) for k, v in raw.items()
        }
    return [_hex_as_bytes(v) for v in raw] if isinstance(raw, list) else raw


async def test_the_command_draws_writes_and_sends(script, tmp_path, capsys, exporter):
    session = Session(None)
    proc = session.create("count", model=script(*TURNS), tools=[tell], approve="auto")
    await proc.start()
    await carry_out(session, "trace 1")
    shown = capsys.readouterr().out
    assert "invoke_agent" in shown and "└ execute_tool tell" in shown and "ValueError" in shown and "635" in shown
    await carry_out(session, "trace 1 t.jsonl")
    assert len((tmp_path / "t.jsonl").read_text().splitlines()) == 8
    await carry_out(session, "trace 1 --send")
    assert len(exporter.get_finished_spans()) == 8


class Refusing(InMemorySpanExporter):
    """Delivers nothing."""

    def export(self, spans):
        return SpanExportResult.FAILURE


async def test_what_is_not_delivered_is_said(script, capsys, caplog):
    session = Session(None, configured={"trace": True})
    export.send_to(Refusing())
    proc = session.create("count", model=script(*TURNS), tools=[tell], approve="auto")
    await proc.start()
    export.flush()
    assert "the collector does not take spans" in caplog.text
    with pytest.raises(LlmosError, match="the collector did not take 8 of 8 spans"):
        await carry_out(session, "trace 1 --send")
    assert "sent" not in capsys.readouterr().out
    export.close()
    assert "the collector did not take 16 spans" in caplog.text
    export.send_to(taking := InMemorySpanExporter())
    await carry_out(session, "trace 1 --send")
    assert capsys.readouterr().out == "sent: 8 spans\n" and len(taking.get_finished_spans()) == 8
    export.close()


async def test_collector_that_is_gone_is_said(script, monkeypatch):
    export.close()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens there
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{taken.getsockname()[1]}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
        proc = await ran(script)
        with pytest.raises(LlmosError, match=r"http://127.0.0.1:\d+/? did not take 8 of 8 spans"):
            export.send(spans_of(events(proc)))
    export.close()


async def test_export_without_an_endpoint_says_so_and_starts_nothing(script, monkeypatch):
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    session = Session(None, configured={"trace": True})
    with pytest.raises(ConfigError, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
        session.create("count", model=script(*TURNS))
    assert session.processes == {} and not list(session.home.runs.rglob("journal.jsonl"))


@pytest.mark.parametrize(
    ("spec", "model", "who"),
    [
        ("openai/gpt-4.1-mini", "gpt-4.1-mini", "openai"),
        ("", "gpt-4.1-mini", "openai"),
        ("https://user:pw@models.example.org/v1#m", "m", "models.example.org"),
        ("script:/some/where.json", "script:/some/where.json", "script"),
        ("ollama/qwen", "ollama/qwen", "ollama"),
    ],
)
def test_providers_are_named_without_addresses_and_keys(spec, model, who):
    assert provider(spec, model) == who
