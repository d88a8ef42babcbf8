"""What is not right at a notebook's door: raw bytes, messages and calls. None is acted on, and the door stays open."""

import asyncio
import http.client
import json

from outside_agent import over_http
from test_door import last, opened

DEEP = 200_000
CALLS = [
    ("no_such_tool", {}, "no tool is named"),
    ("Python", {"code": "got.append(1)"}, "no tool is named"),
    ("python ", {"code": "got.append(1)"}, "no tool is named"),
    ("", {}, "no tool is named"),
    ("approve", {"what": "all"}, "no tool is named"),
    ("__init__", {}, "no tool is named"),
    ("x" * 10_000, {}, "no tool is named"),
    ("python", {}, "code"),
    ("python", {"code": None}, "code"),
    ("python", {"code": 5}, "code"),
    ("python", {"code": ["got.append(1)"]}, "code"),
    ("python", {"code": {"text": "got.append(1)"}}, "code"),
    ("python", {"cod": "got.append(1)"}, "cod"),
    ("python", {"code": "got.append(1)", "approve": True}, "approve"),
    ("python", {"code": "def"}, "SyntaxError"),
    ("python", {"code": "got.append(1)\0"}, "null bytes"),
    ("python", {"code": "(" * 500 + ")" * 500 + "; got.append(1)"}, "SyntaxError"),
    ("plan", {}, "steps"),
    ("plan", {"steps": "all of them"}, "steps"),
    ("plan", {"steps": []}, "steps"),
    ("plan", {"steps": [5]}, "title must be a text"),
    ("plan", {"steps": [{}]}, "title"),
    ("plan", {"steps": [{"title": 5}]}, "title"),
    ("plan", {"steps": {"title": "a"}}, "steps"),
    ("describe", {}, "name"),
    ("describe", {"name": "nobody"}, "nobody"),
    ("describe", {"name": "got.append(1)"}, ""),
    ("describe", {"name": 5}, "name"),
    ("calculator", {"expression": "got.append(1)"}, ""),
    ("calculator", {"expression": "9**9**9**9"}, ""),
    ("calculator", {"expression": "1/0"}, "zero"),
    ("undo", {}, ""),
    ("undo", {"call": "r99.0"}, "r99.0"),
    ("wait", {"ticket": "99"}, "no call of yours waits"),
    ("wait", {"ticket": {"of": "another"}}, "no call of yours waits"),
    ("wait", {}, "no call of yours waits"),
    ("final_answer", {}, "answer"),
    ("final_answer", {"answer": 5}, "answer"),
    ("final_answer", {"answer": None}, "answer"),
]
MESSAGES = [
    b"",
    b"not JSON",
    b"\xff\xfe\x00",
    b"null",
    b"5",
    b'"a"',
    b"[]",
    b"[[]]",
    b"{}",
    b"[" * DEEP,
    b'{"a":' * DEEP,
    b'{"jsonrpc": "1.0", "id": 1, "method": "tools/list"}',
    b'{"jsonrpc": "2.0", "id": 1, "method": 5}',
    b'{"jsonrpc": "2.0", "id": [1], "method": "tools/list"}',
    b'{"jsonrpc": "2.0", "id": {}, "method": "tools/list"}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "no/such"}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call"}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": []}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": 5}}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "python", "arguments": "got.append(1)"}}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": 5}}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "prompts/get", "params": {"name": "x"}}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "completion/complete", "params": {}}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": 5}}',
    b'{"jsonrpc": "2.0", "id": 99, "result": {"decision": "approve"}}',
    b'{"jsonrpc": "2.0", "id": 99, "error": []}',
    b'{"jsonrpc": "2.0", "method": "notifications/no_such", "params": {}}',
    b'{"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 99}}',
    b'{"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": "x"}}',
    b'[{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}]',
]
REQUESTS = [
    ("POST", "/", {}),
    ("POST", "/mcp/../doors", {}),
    ("POST", "/approve", {}),
    ("PUT", "/mcp", {}),
    ("PATCH", "/mcp", {}),
    ("OPTIONS", "/mcp", {}),
    ("GET", "/mcp", {"Accept": "text/html"}),
    ("POST", "/mcp", {"Content-Type": "text/plain"}),
    ("POST", "/mcp", {"Mcp-Session-Id": "of another"}),
    ("POST", "/mcp", {"Mcp-Session-Id": "\x7f"}),
    ("DELETE", "/mcp", {"Mcp-Session-Id": "of another"}),
    ("POST", "/mcp", {"Mcp-Protocol-Version": "1066"}),
]


async def test_calls_that_are_not_right_are_told_so_and_do_nothing():
    got, wrong = [], []
    async with opened({"got": got}, budget="1000 calls, 1000 steps") as session, over_http(session.place) as agent:
        for name, arguments, said in CALLS:
            ok, words = await agent.call(name, **arguments)
            wrong += [(name, str(arguments)[:80], words)] if ok or said not in words else []
        assert wrong == [] and got == []
        assert await agent.python("x = 1") == (True, "no output; created x")
        assert len(session.processes) == 1 and last(session).state == "running"


def sent(place, session, method, path, body, headers):
    """The status that a raw request gets, and what is said."""
    given = {
        "Host": f"127.0.0.1:{place.port}",
        "Authorization": f"Bearer {place.token}",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "Mcp-Session-Id": session,
    }
    line = http.client.HTTPConnection("127.0.0.1", place.port, timeout=30)
    try:
        line.request(method, path, body, given | headers)
        answer = line.getresponse()
        return answer.status, answer.read().decode()
    finally:
        line.close()


async def begun(place):
    """The number of a session that a client by hand has begun."""
    about = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "by hand", "version": "1"}}
    hello = json.dumps({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": about})

    def greeted():
        line = http.client.HTTPConnection("127.0.0.1", place.port, timeout=30)
        given = {"Authorization": f"Bearer {place.token}", "Content-Type": "application/json"}
        line.request("POST", "/mcp", hello, given | {"Accept": "application/json, text/event-stream"})
        answer = line.getresponse()
        answer.read()
        line.close()
        return answer.headers["mcp-session-id"]

    return await asyncio.to_thread(greeted)


async def test_messages_that_are_not_right_are_refused_and_break_nothing(caplog):
    got = []
    async with opened({"got": got}) as session, over_http(session.place) as agent:
        by_hand = await begun(session.place)
        for body in MESSAGES:
            status, said = await asyncio.to_thread(sent, session.place, by_hand, "POST", "/mcp", body, {})
            assert 400 <= status < 500 or status == 202 or "error" in said.lower(), (body[:80], status, said[:200])
        for method, path, headers in REQUESTS:
            status, said = await asyncio.to_thread(sent, session.place, by_hand, method, path, b"{}", headers)
            assert 400 <= status < 500, (method, path, headers, status, said[:200])
        assert await agent.python("x = 1") == (True, "no output; created x")
        assert got == [] and len(session.processes) == 1
    assert not [r for r in caplog.records if r.exc_info], caplog.text
