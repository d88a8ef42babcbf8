"""The process table over HTTP: to programs of this machine that know the token, and to no page."""

import http.client
import json
import re
import socket
import stat
from pathlib import Path

import pytest
from served import Served, llmos, rows, script, status, wait_for
from turns import python

from llmos_nb.journal import home_of
from llmos_nb.tools.keys import kept

MADE = {"text": "Made."}


@pytest.fixture
def service():
    with Served("--http", "0") as made:
        wait_for(lambda: "http://" in made.said, lambda: made.said)
        made.port = int(re.search(r"http://127\.0\.0\.1:(\d+)/processes", made.said)[1])
        made.token = (home_of().service / "http.token").read_text()
        yield made


def ask(service, method, path, body=None, raw=None, **headers):
    """Send a request; give its status and what it gives."""
    sent = {"Authorization": f"Bearer {service.token}", "Content-Type": "application/json", **headers}
    line = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    line.request(
        method,
        path,
        raw if raw is not None else json.dumps(body or {}),
        {k.replace("_", "-"): v for k, v in sent.items() if v},
    )
    answer = line.getresponse()
    found = json.loads(answer.read())
    assert "Access-Control-Allow-Origin" not in answer.headers and answer.headers["Cache-Control"] == "no-store"
    line.close()
    return answer.status, found


def test_program_lists_shows_begins_and_steers(service):
    given = {
        "goal": "Make x.",
        "name": "asks",
        "model": script("a.json", python("x = 1"), MADE),
        "approve": "step",
    }
    assert ask(service, "POST", "/start", given) == (
        200,
        {"ok": True, "said": "process 1 is begun: llmos show 1", "final": True},
    )
    status(1, "waiting")
    wait_for(lambda: rows()[1]["owner"])
    code, (row,) = ask(service, "GET", "/processes")
    assert code == 200 and row == rows()[1] and "(service)" in row["owner"]
    code, shown = ask(service, "GET", "/processes/1")
    (asked,) = shown["asks"]
    assert (code, asked["key"], asked["kind"]) == (200, "r1.0", "effect") or asked["digest"]
    assert "x = 1" in shown["shown"]
    for blind in ([], [["r1.0", ""]]):
        code, said = ask(service, "POST", "/processes/1/approve", {"targets": blind})
        assert code == 400 and "what was shown" in said["error"] and rows()[1]["status"] == "waiting"
    code, said = ask(service, "POST", "/processes/1/approve", {"targets": [["r1.0", "0" * 64]]})
    assert code == 409 and "is not approved" in said["said"]
    code, said = ask(service, "POST", "/processes/1/approve", {"targets": [["r1.0", asked["digest"]]]})
    assert code == 200 and "r1.0 is approved" in said["said"]
    assert status(1, "ended")["state"] == "ended, answered"
    assert ask(service, "GET", "/processes")[1] == [] and ask(service, "GET", "/processes?all=1")[1][0]["pid"] == 1
    assert ask(service, "GET", "/processes/1")[1]["answer"] == "Made."


@pytest.mark.parametrize(
    ("code", "headers"),
    [
        (401, {"Authorization": ""}),
        (401, {"Authorization": "Bearer x"}),
        (401, {"Authorization": "Basic x"}),
        (403, {"Host": "evil.example:80"}),
        (403, {"Host": "127.0.0.1"}),
        (403, {"Origin": "http://127.0.0.1"}),
        (403, {"Origin": "null"}),
    ],
)
def test_without_the_token_or_from_a_page_nothing_is_told_or_done(service, code, headers):
    for method, path in (("GET", "/processes"), ("POST", "/start"), ("GET", "/none")):
        found, said = ask(service, method, path, {"goal": "x"} if method == "POST" else None, **headers)
        assert found == code and set(said) == {"error"} and service.token not in said["error"]
    assert rows() == {}


@pytest.mark.parametrize(
    ("code", "path", "raw", "said", "headers"),
    [
        (400, "/start", "{}", "the goal is empty", {}),
        (400, "/start", '{"goal": "x", "more": 1}', "more", {}),
        (400, "/start", "[]", "send an object", {}),
        (400, "/start", "{" * 100_000, "no JSON", {}),
        (400, "/start", '{"goal": "x"}', "Content-Type", {"Content_Type": "text/plain"}),
        (413, "/start", '"' + "x" * 2_000_000 + '"', "", {}),
        (400, "/processes/7/kill", "{}", "no such process", {}),
        (400, "/processes/1/exec", "{}", "no such command", {}),
        (404, "/processes/../x", "{}", "", {}),
        (404, "/processes/1/x/y", "{}", "", {}),
    ],
)
def test_request_that_is_not_understood_is_answered_in_one_line(service, code, path, raw, said, headers):
    found, answer = ask(service, "POST", path, raw=raw, **headers)
    assert found == code and said in answer["error"] and "\n" not in answer["error"] and rows() == {}


START = {
    "goal": (5, ["a"]),
    "approve": (7,),
    "name": (5,),
    "tools": ("files", [["a"]]),
    "acts": ("a",),
    "budget": (5,),
}
ACTS = [
    *(("approve", {"targets": t}, "targets: must be") for t in (
        ["r1.0"], [["r1.0"]], "all", 5, [5], [["r1.0", 5]], [["r1.0", "a", "b"]]
    )),
    ("send", {"words": [5]}, "words: must be"),
    ("send", {"words": "yes"}, "words: must be"),
    ("send", {"words": []}, "say the words"),
    ("send", {"words": [" "]}, "say the words"),
    ("send", {"words": ["x"], "options": 5}, "options: must be an object"),
    ("send", {"words": ["x"], "options": {"y": 1}}, "unknown key"),
    ("edit", {}, "say what"),
    ("edit", {"words": ["r1.0"]}, "say the text"),
    ("reject", {}, "say what"),
    ("reply", {}, "say the answer"),
    ("resolve", {"words": ["r1.0"]}, "say whether"),
    ("resolve", {"words": ["r1.0"], "options": {"done": "no"}}, "is not understood"),
    ("undo", {"options": {"to": [1]}}, "is not understood"),
]  # fmt: skip


def test_request_of_another_form_is_refused_in_one_line_and_nothing_happens(service):
    for key, value in ((key, value) for key, values in START.items() for value in values):
        code, answer = ask(service, "POST", "/start", {"goal": "x", key: value})
        assert code == 400 and answer["error"].startswith(f"{key}: must be"), answer
    given = {"goal": "Make x.", "model": script("a.json", python("x = 1"), MADE), "approve": "step"}
    assert ask(service, "POST", "/start", given)[0] == 200
    status(1, "waiting")
    for verb, body, said in ACTS:
        code, answer = ask(service, "POST", f"/processes/1/{verb}", body)
        assert code == 400 and said in answer["error"] and "\n" not in answer["error"], (verb, body, answer)
    assert rows()[1]["status"] == "waiting" and len(rows()) == 1 and "Traceback" not in service.said


def test_what_is_no_http_is_refused_and_leaves_nothing_in_the_log(service):
    with socket.create_connection(("127.0.0.1", service.port)) as line:
        line.sendall(b"GET /processes HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n")
        assert b" 400 " in line.makefile("rb").readline()
    assert ask(service, "GET", "/processes") == (200, []) and "Traceback" not in service.said


def test_scheme_of_the_token_is_written_in_any_case_and_processes_have_names(service):
    given = {"goal": "Make x.", "name": "made", "model": script("a.json", MADE)}
    for scheme in ("bearer", "BEARER"):
        assert ask(service, "GET", "/processes", Authorization=f"{scheme} {service.token}") == (200, [])
    assert ask(service, "POST", "/start", given)[0] == 200
    status(1, "ended")
    assert ask(service, "GET", "/processes/made")[1]["pid"] == 1
    assert ask(service, "GET", "/processes/none")[0] == 400


SCAN = """
import gc
found = {s for o in gc.get_objects() for s in gc.get_referents(o) if isinstance(s, (str, bytes)) and len(s) < 99}
found = sorted(s if isinstance(s, str) else s.decode('latin-1') for s in found)
"""


def test_code_of_a_step_does_not_find_the_token_in_memory(service):
    seen = {"name": "python", "arguments": {"code": f"{SCAN}open('seen.txt', 'w').write('\\n'.join(found))"}}
    assert ask(service, "GET", "/processes")[0] == 200
    llmos("start", "Look.", "-m", script("a.json", {"calls": [seen]}, MADE), "-a", "auto")
    status(1, "ended")
    text = Path("seen.txt").read_text()
    assert "forged_approval" in text and service.token not in text


def test_only_this_machine_is_listened_to_and_only_this_user_reads_the_token(service):
    file = home_of().service / "http.token"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and len(service.token) >= 40
    assert kept(str(file)) and not kept(str(home_of().service / "holder"))  # to open it asks, in every mode
    listed = Path("/proc/net/tcp")
    lines = [line.split() for line in listed.read_text().splitlines()] if listed.exists() else []
    bound = [line[1] for line in lines if line[3] == "0A"]
    at = f"{service.port:04X}"
    assert [b for b in bound if b.endswith(f":{at}")] in ([f"0100007F:{at}"], [])
    assert service.end() == 0 and not file.exists()
    with pytest.raises(OSError):
        ask(service, "GET", "/processes")


def test_service_without_the_option_listens_to_no_connection():
    with Served() as service:
        assert "http" not in service.said and not (home_of().service / "http.token").exists()


def test_port_that_is_taken_is_said_and_the_home_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = llmos("serve", "--http", str(taken.getsockname()[1]), code=2)
        assert "--http" in said and "in use" in said and "serving" not in said
    with Served() as service:
        assert service.program.poll() is None


@pytest.mark.parametrize("port", ["99999", "-1"])
def test_port_that_is_none_is_said_in_one_line_before_anything_is_served(port):
    said = llmos("serve", "--http", port, code=2)
    assert f"--http {port}" in said and "0-65535" in said and said.count("\n") == 1
