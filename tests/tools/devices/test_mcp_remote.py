"""MCP servers behind a URL: a real one of the SDK, and one that does what it should not."""

import asyncio
import json
import os
import socket
from urllib.parse import urlsplit

import pytest
from mcp_remote import Odd, real
from notebook_driver import Notebook
from turns import call
from waits import until, until_async

from llmos_nb.app.options import carry_out
from llmos_nb.errors import ConfigError, ToolError, UsageError
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.policy.secrets import vault
from llmos_nb.session import Session
from llmos_nb.tools.devices.mcp.servers import parse
from llmos_nb.tools.protocol import CallContext

pytest.importorskip("mcp")
DONE = {"text": "ok"}


class Nothing(set):
    """A set that keeps nothing."""

    def add(self, _):
        """Forget it."""


async def run(folder, url, *turns, headers=None, reads=(), namespace=None, **options):
    """Run one process with the tools of a server, and end the connection; give the process and its calls' ends."""
    pairs = ", ".join(f"{json.dumps(k)} = {json.dumps(v)}" for k, v in (headers or {}).items())
    tables = [f"[mcp.desk]\nurl = {json.dumps(url)}\nheaders = {{ {pairs} }}"]
    tables += [f'[tools.desk_{name}]\neffect = "read"' for name in reads]
    (folder / "llmos.toml").write_text("\n".join(tables))
    session = Session(namespace or {})
    try:
        options = {"tools": ["desk"], "approve": "auto", **options}
        proc = await session.create("work", model=ScriptedModel([*turns, DONE]), **options).start()
        return proc, [e.d for e in proc.events if e.k == "call.finished"]
    finally:
        for _, server in session.servers._running.values():
            await server.close()


@pytest.fixture
def odd():
    made = []

    def make(how, **more):
        made.append(Odd(how, **more))
        return made[-1]

    yield make
    for server in made:
        server.end()


@pytest.fixture(scope="module")
def server():
    with real() as url:
        yield url


async def test_a_server_of_the_sdk_is_called_with_the_secret_of_its_header(server, tmp_path):
    vault.add("DESK", "token-4711")
    turns = (call("desk_echo", text="hällo"), call("desk_point"), call("desk_picture"))
    headers, reads = {"Authorization": "Bearer {secret:DESK}"}, ("echo", "point", "picture")
    proc, results = await run(tmp_path, server, *turns, headers=headers, reads=reads)
    assert [r["ok"] for r in results] == [True, True, True]
    assert results[0]["result"] == "hällo"
    assert json.loads(results[1]["result"]) == {"x": 3, "y": 4}
    assert "an image of 5 bytes" in json.dumps(results[2])
    assert "token-4711" not in proc.journal.path.read_text("utf-8")
    assert proc.reason == "answered"


async def test_a_server_that_wants_another_token_says_so(server, tmp_path):
    proc, _ = await run(tmp_path, server)
    assert proc.reason == "failed"
    assert "HTTP 401 Unauthorized; check its headers" in proc.run.state.detail
    assert server in proc.run.state.detail


async def test_nothing_listens_there(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/mcp"
    proc, _ = await run(tmp_path, url)
    assert proc.reason == "failed" and f"no connection to {url}" in proc.run.state.detail


@pytest.mark.parametrize(("how", "said", "doubt"), [
    ("forbidden", "HTTP 403 Forbidden", False),
    ("elsewhere", "not followed", False),
    ("packed", "packed, which was not asked for", True),
    ("huge", "more than 16,777,216 bytes", True),
    ("huge_event", "SSE stream failed", True),
    ("breaks", "its answer broke off", True),
    ("breaks_for_good", "its answer broke off", True),
    ("gateway", "HTTP 504 Gateway Timeout", True),
    ("unavailable", "HTTP 503 Service Unavailable", False),
    ("flood", "bytes that nobody had asked for", True),
    ("page", "Unexpected content type: text/html", False),
    ("drops", "", True),
])  # fmt: skip
async def test_an_odd_answer_is_one_line_and_the_process_goes_on(odd, tmp_path, how, said, doubt):
    server = odd(how)
    proc, results = await run(tmp_path, server.url, call("desk_echo", text="hi"))
    assert server.calls == ["hi"]
    state = proc.run.state
    assert (state.calls["r1.0"].status == "in_doubt") is doubt
    told = state.questions["r1.0"]["text"] if doubt else results[0]["result"]
    assert said in told and "\n" not in told
    assert [r["ok"] for r in results] == ([] if doubt else [False])


async def test_a_redirect_does_not_bring_the_header_to_another_host(odd, tmp_path):
    thief = odd("plain")
    server = odd("elsewhere", elsewhere=thief.url)
    await run(tmp_path, server.url, call("desk_echo", text="hi"), headers={"X-Key": "mine"})
    assert any(h.get("X-Key") == "mine" for h in server.headers)
    assert thief.headers == []


async def test_a_call_that_gets_no_answer_is_in_doubt(odd, tmp_path):
    server = odd("hangs")
    await run(tmp_path, server.url)  # the client is imported: the deadline is the call's
    proc, _ = await run(tmp_path, server.url, call("desk_echo", text="hi"), call_timeout=1)
    assert server.calls == ["hi"] and proc.run.state.calls["r1.0"].status == "in_doubt"


@pytest.mark.parametrize("how", ["forgets", "restarts"])
async def test_a_session_that_the_server_forgot_costs_one_call_that_was_not_run(odd, tmp_path, how):
    server = odd(how)
    turns = (call("desk_echo", text="one"), call("desk_echo", text="two"))
    _, results = await run(tmp_path, server.url, *turns, reads=("echo",))
    assert [r["ok"] for r in results] == [False, True]
    assert "has forgotten this session; the call was not run" in results[0]["result"]
    assert server.sessions == 2


async def test_after_a_restart_of_the_server_its_tools_are_found_by_another_session(odd, tmp_path):
    server = odd("plain")
    (tmp_path / "llmos.toml").write_text(f'[mcp.desk]\nurl = "{server.url}"\n')
    servers = Session({}).servers
    try:
        await servers.tools("desk", 20)
        server.known.clear()
        assert [t.name for t in await servers.tools("desk", 20)] == ["desk_echo"]
        assert server.sessions == 2 and servers.state("desk") == "connected"
    finally:
        await servers._running["desk"][1].close()


async def test_a_server_that_always_forgets_is_asked_twice_and_no_more(odd, tmp_path):
    server = odd("plain")
    server.known = Nothing()
    (tmp_path / "llmos.toml").write_text(f'[mcp.desk]\nurl = "{server.url}"\n')
    with pytest.raises(ToolError, match="has forgotten this session"):
        await Session({}).servers.tools("desk", 20)
    assert server.sessions == 2


async def test_a_call_under_way_is_in_doubt_when_another_finds_its_session_forgotten(odd, tmp_path):
    server = odd("hangs")
    (tmp_path / "llmos.toml").write_text(f'[mcp.desk]\nurl = "{server.url}"\n')
    servers = Session({}).servers
    [echo] = await servers.tools("desk", 20)
    desk = servers._running["desk"][1]
    try:
        waits = asyncio.ensure_future(echo.runner({"text": "hi"}, CallContext("r1.0", "k", deadline_s=60)))
        await until_async(lambda: server.calls)
        server.known.clear()
        await servers.tools("desk", 20)
        assert (await waits).facts == {"in_doubt": True}
    finally:
        await desk.close()


async def test_a_stream_of_news_that_breaks_during_a_step_is_not_opened_again_in_its_name(odd, tmp_path):
    server = odd("listens")

    def hang_up():
        """End the stream of news, and wait until it is asked for again."""
        server.go.set()
        streams = lambda: session.servers._running["desk"][1]._link.wire.streams  # noqa: E731
        return until(lambda: (n := streams()) >= 2 and n, lambda: f"2 streams; there are {streams()}")

    told = f'[mcp.desk]\nurl = "{server.url}"\n[tools.desk_echo]\neffect = "read"'
    (tmp_path / "llmos.toml").write_text(told)
    session = Session({"hang_up": hang_up})
    model = ScriptedModel([call("desk_echo", text="hi"), call("python", code="hang_up()"), DONE])
    proc = await session.create("work", model=model, tools=["desk"], approve="auto").start()
    await session.servers._running["desk"][1].close()
    assert proc.run.state.calls["r2.0"].status == "done" and server.gets == 1


async def test_a_real_server_that_is_started_again_is_used_again(tmp_path):
    vault.add("DESK", "token-4711")
    with real() as url:
        told = f'url = "{url}"\nheaders = {{ Authorization = "Bearer {{secret:DESK}}" }}'
        (tmp_path / "llmos.toml").write_text(f"[mcp.desk]\n{told}\n")
        servers = Session({}).servers
        await servers.tools("desk", 20)
    assert servers.state("desk") == "connected"
    await servers.look(20)
    assert servers.state("desk") == "not yet"
    with real(urlsplit(url).port):
        assert len(await servers.tools("desk", 20)) == 3 and servers.state("desk") == "connected"
        await servers._running["desk"][1].close()


async def test_a_path_that_the_server_does_not_know_is_one_line_in_a_notebook(odd, tmp_path):
    server = odd("nowhere")
    with Notebook(tmp_path) as notebook:
        ran = notebook.run(f"%agent mcp add desk {server.url}")
    assert "HTTP 404 Not Found; is the path of its URL right?" in ran.error and ran.text == ""


async def test_a_server_is_called_connected_only_while_it_is(odd, tmp_path):
    server = odd("plain")
    (tmp_path / "llmos.toml").write_text(f'[mcp.desk]\nurl = "{server.url}"\n')
    servers = Session({}).servers
    assert servers.state("desk") == "not yet"
    await servers.tools("desk", 20)
    assert servers.state("desk") == "connected"
    await servers.look(20)
    assert servers.state("desk") == "connected"
    server.known.clear()
    await servers.look(20)
    assert servers.state("desk") == "not yet"
    await servers.tools("desk", 20)
    await servers._running["desk"][1].close()
    assert servers.state("desk") == "not yet"
    server.end()
    with pytest.raises(ToolError, match="no connection to"):
        await servers.tools("desk", 20)
    assert servers.state("desk") == "not yet"


async def test_what_the_server_asks_of_us_is_refused(odd, tmp_path):
    server = odd("asks")
    _, results = await run(tmp_path, server.url, call("desk_echo", text="hi"))
    assert results[0]["result"] == "hi" and "sampling/createMessage" in json.dumps(results[0])
    assert [r["error"]["message"] for r in server.replies] == ["refused: this client does nothing for a server"]


OPENS = """
from llmos_nb.tools.devices.mcp.client import Server
await Server("desk", (), url=there).call("echo", {"text": "the secret is 7"}, 20)
"""
TASK = """
import asyncio, gc
from llmos_nb.tools.devices.mcp.client import Server
live = [o for o in gc.get_objects() if type(o) is Server and o.url == there and o.runs]
await asyncio.create_task(live[0].call("echo", {"text": "the secret is 7"}, 20))
"""
USES = """
import gc
from llmos_nb.tools.devices.mcp.client import Server
live = [o for o in gc.get_objects() if type(o) is Server and o.url == there and o.runs]
await live[0].call("echo", {"text": "the secret is 7"}, 20)
"""


@pytest.mark.parametrize("code", [OPENS, USES, TASK], ids=["a new one", "ours", "ours, by a task"])
async def test_a_step_that_has_read_what_others_wrote_sends_nothing_through_a_server(odd, tmp_path, code):
    server = odd("plain")
    turns = (call("desk_echo", text="hi"), call("python", code=code))
    proc, _ = await run(tmp_path, server.url, *turns, reads=("echo",), namespace={"there": server.url})
    made = proc.run.state.calls["r2.0"]
    assert server.calls == ["hi"] and made.status == "failed" and "EffectRefused" in made.result


@pytest.mark.parametrize(("raw", "said"), [
    ({"url": "ftp://x/mcp"}, "url must be one"),
    ({"url": "https:///mcp"}, "url must be one"),
    ({"url": 5}, "url must be one"),
    ({"url": "https://x/mcp", "command": ["y"]}, "either a command, which starts it, or a url"),
    ({}, "either a command, which starts it, or a url"),
    ({"url": "https://x/mcp", "env": {"A": "b"}}, "env goes with command; write headers"),
    ({"command": ["y"], "headers": {"A": "b"}}, "headers goes with url; write env"),
    ({"url": "https://me:pw@x/mcp"}, "name and password do not stand in a url"),
    ({"url": "http://example.org/mcp", "headers": {"A": "b"}}, "for all to read; write https://"),
    ({"url": "https://x/mcp", "headers": {"A b": "c"}}, "'A b' is no header"),
    ({"url": "https://x/mcp", "headers": {"A": "b\r\nC: d"}}, "'A' is no header"),
    ({"uri": "https://x/mcp"}, "unknown key 'uri'; did you mean url?"),
])  # fmt: skip
def test_wrong_settings_are_named(raw, said):
    with pytest.raises(ConfigError) as raised:
        parse("desk", raw, "llmos.toml")
    assert said in str(raised.value)


def test_a_plain_address_of_this_machine_may_have_headers():
    assert parse("desk", {"url": "http://127.0.0.1:8000/mcp", "headers": {"A": "b"}}, "x").told == {"A": "b"}


def test_a_url_is_added_with_its_headers_and_listed(tmp_path):
    servers = Session({}).servers
    spec = servers.add("desk", ["https://desk.example/mcp?k=1", "Authorization: Bearer {secret:DESK}"])
    if os.name == "posix":
        assert (Session({}).home.root / "mcp.json").stat().st_mode & 0o777 == 0o600
    assert (spec.url, spec.told) == ("https://desk.example/mcp?k=1", {"Authorization": "Bearer {secret:DESK}"})
    assert str(spec) == "https://desk.example/mcp"
    assert servers.specs()["desk"] == spec
    with pytest.raises(UsageError, match="'nonsense' is no header"):
        servers.add("other", ["https://desk.example/mcp", "nonsense"])


@pytest.mark.parametrize(("header", "told"), [
    ("Authorization: Bearer literal-Token-99", True),
    ("X-Api-Key: plain", True),
    ("X-Desk: sk-1234567890abcdef", True),
    ("Authorization: Bearer {secret:DESK}", False),
    ("X-Desk: front", False),
])  # fmt: skip
async def test_a_secret_that_is_written_into_a_header_is_said_to_be_kept_so(
    odd, tmp_path, monkeypatch, capsys, header, told
):
    monkeypatch.setenv("DESK", "token-4711")
    session = Session({})
    await carry_out(session, f"mcp add desk {odd('plain').url} '{header}'")
    await session.servers._running["desk"][1].close()
    said, kept = capsys.readouterr().out, session.home.root / "mcp.json"
    name, _, value = header.partition(": ")
    assert (f"{name} stands as you wrote it in {kept}" in said) is told
    assert value not in said


async def test_a_url_of_another_kind_is_not_taken_for_a_program(tmp_path):
    with pytest.raises(ConfigError, match=r'url must be one of http or https, as in url = "https://HOST/mcp"'):
        await carry_out(Session({}), "mcp add desk ftp://127.0.0.1/mcp")
