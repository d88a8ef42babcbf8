"""`mini.py`: the reference does what it says, and the judges of a learner's own find each deliberate fault."""

import ast
import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import mini_learner
import pytest
from IPython.core.interactiveshell import InteractiveShell
from mini_variants import FAULTS, REFERENCE, RIGHT, WHOLE, deadlocked, faulty, right, spinning
from traitlets.config import Config

from llmos_nb.app import cli
from llmos_nb.errors import UsageError
from llmos_nb.lessons import lesson
from llmos_nb.lessons.core import Wrong
from llmos_nb.lessons.system import PARTS, System, parts, reference, trial
from llmos_nb.lessons.system.judge_of_the_whole import judge_whole
from llmos_nb.lessons.system.judges import JUDGES

pytestmark = pytest.mark.out_of_process

PACKAGE = Path(parts.__file__).parents[2]


@pytest.fixture
def mini():
    """The reference, as a module."""
    return System(REFERENCE).load()


def call(name, /, **arguments):
    return {"calls": [{"name": name, "arguments": arguments}]}


# ---- the file


def test_reference_has_at_most_250_lines_and_needs_the_standard_library_alone():
    text = REFERENCE.read_text("utf-8")
    assert len(text.splitlines()) <= 250 and max(map(len, text.splitlines())) <= 120
    nodes = list(ast.walk(ast.parse(text)))
    named = {a.name for n in nodes if isinstance(n, ast.Import) for a in n.names}
    named |= {n.module for n in nodes if isinstance(n, ast.ImportFrom)}
    assert {n.split(".")[0] for n in named} <= sys.stdlib_module_names


def test_what_is_handed_out_begins_as_the_reference_does_and_has_its_parts():
    ours, handed = reference(), parts.stub()
    assert list(ours) == list(handed) and set(ours) == {"given", *PARTS.values()} and ours["given"] == handed["given"]
    assert [n for n in PARTS.values() if parts.body(ours[n]) == parts.body(handed[n])] == []


def test_no_part_of_the_reference_stands_in_the_package():
    lines = {
        line.strip()
        for name, text in reference().items()
        for line in set(text.splitlines()) - set(parts.stub()[name].splitlines())
    }
    own = {line for line in lines if len(line) > 45 and not line.startswith("#")}
    found = {p.name: own & {line.strip() for line in p.read_text("utf-8").splitlines()} for p in PACKAGE.rglob("*.*t*") if p.suffix in {".py", ".txt", ".toml"}}  # fmt: skip
    assert len(own) > 60 and {name: lines for name, lines in found.items() if lines} == {}


# ---- what the reference does


def test_it_drives_an_endpoint_that_speaks_chat_completions(mini):
    asked, turns = [], [call("double", n=21), {"text": "It is 42."}]

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            turn = turns[len(asked) - 1]
            calls = [
                {
                    "id": "x",
                    "type": "function",
                    "function": {"name": c["name"], "arguments": json.dumps(c["arguments"])},
                }
                for c in turn.get("calls", ())
            ]
            message = {"role": "assistant", "content": turn.get("text"), "tool_calls": calls}
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"choices": [{"message": message}]}).encode())

        def log_message(self, *args):
            pass

    def double(n: int):
        """Double a number."""
        return 2 * n

    server = HTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        model = mini.chat(f"http://127.0.0.1:{server.server_port}/v1", "any")
        p = mini.Process("Double 21.", model, [mini.tool("read", "pure")(double)])
        assert mini.run(p) == "It is 42."
    finally:
        server.shutdown()
        server.server_close()
    (path, first), (_, second) = asked
    assert path == "/v1/chat/completions" and "double(n: int)" in first["tools"][0]["function"]["description"]
    roles = [m["role"] for m in second["messages"]]
    assert roles == ["user", "assistant", "tool"] and second["messages"][2]["content"] == "42"
    assert second["messages"][1]["tool_calls"][0]["id"] == second["messages"][2]["tool_call_id"]


@pytest.mark.parametrize(
    "code",
    ["import os", "x = ().__class__", "f = lambda: 1", "open('x')", "'{0.real}'.format(1)", "while 1: pass"],
)
def test_the_small_python_reaches_nothing_but_the_names(mini, code):
    names = {"x": [1]}
    with pytest.raises(SyntaxError, match="this small Python has no"):
        mini.execute(names, code)
    assert names == {"x": [1]}


def test_a_process_with_no_person_waits_and_goes_on_when_somebody_is_there(mini, tmp_path):
    bought = []

    def buy(n: int):
        bought.append(n)

    p = mini.Process("Buy.", mini.script(call("buy", n=1), {"text": "Bought."}), [buy], journal=tmp_path / "j")
    assert mini.run(p) is None and bought == []
    p.ask = lambda question, asked: True
    assert mini.run(p) == "Bought." and bought == [1]


# ---- the judges


def test_the_reference_passes_the_capstone():
    assert "an attack, 3 kills" in judge_whole(REFERENCE, 1)


@pytest.mark.parametrize(("part", "name"), WHOLE)
def test_the_capstone_names_the_misconception(part, name):
    hint, said = WHOLE[part, name]
    with pytest.raises(Wrong, match=said) as raised:
        judge_whole(faulty(part, name), 1)
    assert raised.value.hint == hint


def test_a_reader_that_holds_the_slot_while_it_waits_is_found(monkeypatch):
    monkeypatch.setattr(trial, "PATIENCE_S", 1)
    with pytest.raises(Wrong, match="waits in a loop"):
        judge_whole(deadlocked(), 1)


@pytest.mark.parametrize(("part", "name"), RIGHT)
def test_what_is_right_and_written_otherwise_passes(part, name):
    assert JUDGES[part](right(part, name), 1)


@pytest.mark.parametrize("name", ["any_tool", "more_arguments", "alike", "free_anywhere"])
def test_a_leak_that_the_day_at_the_office_does_not_try_is_found_by_its_part(name):
    with pytest.raises(Wrong, match=f"part labels alone: .* left: .*{FAULTS['labels'][name][3]}"):
        judge_whole(faulty("labels", name), 1)


def test_the_capstone_names_the_part_and_the_call_that_no_act_fits():
    with pytest.raises(Wrong, match=r"part labels: pay\(to=accounts\[0\], euros=_\) .*'euros': \d+\}, 'reject'"):
        judge_whole(faulty("labels", "free_words_only"), 1)


def test_a_step_that_comes_to_no_end_is_found_with_its_line(monkeypatch):
    monkeypatch.setattr(trial, "COMPUTES_S", 0.3)
    with pytest.raises(Wrong, match=r"it waits in a loop, or for itself \(in step: "):
        JUDGES["loop"](spinning(), 1)


def test_each_part_has_at_least_three_faults_and_the_capstone_ten():
    assert set(FAULTS) == {*PARTS.values()} and all(len(f) >= 3 for f in FAULTS.values()) and len(WHOLE) >= 10


FORGED = '{"kind": "done", "facts": [{"state": {"reason": "answered", "answer": "ok"}, "names": {}}]}'
CHEATS = {
    "exit": ("import sys\nsys.exit(0)\n", "ended in the middle"),
    "exit_at_once": ("import os\nos._exit(0)\n", "ended in the middle"),
    "prints_a_verdict": (f"print({FORGED!r})\nimport os\nos._exit(0)\n", "ended in the middle"),
    "writes_to_the_judge": (f"import os\nfor fd in (1, 3, 4, 5):\n    try:\n        os.write(fd, {FORGED!r}.encode() + b'\\n')\n    except OSError:\n        pass\n", "never asked"),
    "imports_solutions": ("import llmos_nb.lessons.solutions\n", "ModuleNotFoundError"),
    "patches_the_state": ("def fold(events):\n    return {'reason': 'answered', 'answer': 'ok', 'turns': [], 'calls': {}}\n", "never asked"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHEATS)
def test_cheats_score_nothing(name, tmp_path):
    text, told = CHEATS[name]
    system = System(tmp_path / "mini.py")
    system.write("loop", f"{text}def step(p):\n    return False\n")
    verdict = lesson("01", folder=tmp_path).check("mini", system.path)
    assert not verdict and told in verdict.message, verdict


# ---- a learner's file


def test_a_part_takes_the_place_of_what_was_handed_out_and_is_not_lost_by_running_the_cell_again(tmp_path):
    system, stub = System(tmp_path / "mini.py"), parts.body(parts.stub()["loop"])
    system.write("loop", stub)
    assert system.unwritten() == [n for n in parts.stub() if n != "given"] and system.load().fold([])["turns"] == []
    system.write("loop", "def step(p):\n    return None\n")
    system.write("loop", stub)
    assert "loop" not in system.unwritten() and system.load().step(None) is None
    assert list(system.parts) == list(parts.stub()) and "# ==== loop: ask, act, feed back\n" in system.path.read_text(
        "utf-8"
    )
    with pytest.raises(UsageError, match="there are loop, gate"):
        system.write("lop", "x = 1")


def test_a_part_is_tried_with_ours_where_others_are_not_written(tmp_path):
    system = System(tmp_path / "mini.py")
    system.write("scheduler", parts.body(reference()["scheduler"]))
    assert lesson("04", folder=tmp_path).check("mini", system.path).passed


def test_with_no_reference_at_hand_the_parts_that_it_stands_on_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "_WHERE", tmp_path / "none.py")
    system = System(tmp_path / "mini.py")
    system.write("scheduler", "def schedule(processes):\n    pass\n")
    verdict = lesson("04", folder=tmp_path).check("mini", system.path)
    assert not verdict and "write these parts first" in verdict.message and "loop, gate" in verdict.message
    with pytest.raises(UsageError, match="the page “mini.py”"):
        lesson("04", folder=tmp_path).solution("mini")


@pytest.mark.parametrize(
    ("text", "told"),
    [("def step(p):\n  return (", "this is not Python"), ("def step(p):\n    return p.nothing\n", "in step")],
)
def test_a_fault_of_the_file_itself_is_told_with_its_place(text, told, tmp_path):
    System(tmp_path / "mini.py").write("loop", text)
    verdict = lesson("01", folder=tmp_path).check("mini", tmp_path / "mini.py")
    assert not verdict and told in verdict.message, verdict


def test_a_syntax_error_is_told_by_the_line_of_its_cell(tmp_path):
    system = System(tmp_path / "mini.py")
    system.write("gate", "MEANS\ndef syscall(p, s, call)\n    return False\n")
    verdict = lesson("02", folder=tmp_path).check("mini", system.path)
    assert "expected ':', part gate, line 3: def syscall(p, s, call)" in verdict.message, verdict


def test_a_byte_order_mark_is_no_fault(tmp_path):
    path = tmp_path / "mini.py"
    path.write_text(REFERENCE.read_text("utf-8"), "utf-8-sig")
    assert lesson("04", folder=tmp_path).check("mini", path).passed


def test_a_heading_that_lost_a_sign_is_still_one_and_two_of_a_part_are_told(tmp_path):
    system = System(tmp_path / "mini.py")
    system.write("gate", "first = 1")
    heading = next(line for line in system.text.splitlines() if line.startswith("# ==== gate"))
    system.path.write_text(system.text.replace("# ==== gate", "#=== Gate"), "utf-8")
    system.write("gate", "second = 2")
    assert heading in system.text and "first = 1" not in system.text and "second = 2" in system.text
    system.path.write_text(system.text + f"{heading}\nthird = 3\n", "utf-8")
    with pytest.raises(UsageError, match=r"part 'gate' begins twice, in the lines \d+ and \d+"):
        system.write("gate", "fourth = 4")
    verdict = lesson("02", folder=tmp_path).check("mini", system.path)
    assert not verdict and "begins twice" in verdict.message


def test_the_cell_magic_says_what_is_wrong_with_its_cell_in_one_line(tmp_path, capsys, monkeypatch):
    for hook in ("displayhook", "excepthook"):
        monkeypatch.setattr(sys, hook, getattr(sys, hook))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    try:
        parts.offer_magic(tmp_path)
        shell.run_cell("%%mini lop\nx = 1")
        said = capsys.readouterr().err
        assert said.startswith("UsageError: part 'lop': there are loop") and said.count("\n") == 1
        assert said.endswith("did you mean loop?\n") and not list(tmp_path.iterdir())
        shell.run_cell("%%mini loop\ndef step(p):\n  return (")
        said = capsys.readouterr().out
        assert "this is not Python: '(' was never closed, part loop, line 3: return (" in said
        assert "still as handed out: gate" in said
    finally:
        InteractiveShell.clear_instance()


def test_the_command_tries_a_file_and_says_what_is_not_right(tmp_path, capsys):
    assert cli.main(["lesson", "check", str(REFERENCE), "--part", "scheduler"]) == 0
    assert capsys.readouterr().out.startswith("✓ scheduler: nobody is served twice")
    assert cli.main(["lesson", "check", str(faulty("scheduler", "to_the_end")), "--part", "scheduler"]) == 1
    assert "not yet, scheduler: the slow one" in capsys.readouterr().out
    assert cli.main(["lesson", "check", str(tmp_path / "none.py")]) == 1
    assert set(JUDGES) == {*PARTS.values(), "whole"}


# ---- the page beside it


def test_the_page_of_other_lines_names_rooms_that_there_are():
    text = (REFERENCE.parent / "other-lines.md").read_text("utf-8")
    named = set(re.findall(r"`([\w/]+/)`", text))
    assert len(named) > 12 and [name for name in named if not (PACKAGE / name).is_dir()] == []


# ---- a learner who writes it otherwise


def test_another_way_of_writing_it_passes_each_lesson_and_the_capstone_with_no_reference_at_hand(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "_WHERE", tmp_path / "none.py")
    system = System(tmp_path / "mini.py")
    for number, part in PARTS.items():
        system.write(part, mini_learner.PARTS[part])
        verdict = lesson(number, folder=tmp_path).check("mini", system.path)
        assert verdict.passed, verdict
    verdict = lesson("08", folder=tmp_path).check("whole", system.path)
    assert verdict.passed, verdict
