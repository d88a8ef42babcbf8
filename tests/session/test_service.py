"""`llmos serve`: one service a home; it runs what it is handed, also over its own death, and repeats nothing."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
from killed import counting_server
from notebook_driver import Notebook
from served import LLMOS, Served, llmos, rows, script, status, wait_for
from turns import call, python

from llmos_nb.errors import CallDenied, UsageError
from llmos_nb.journal import Home, holder_of, home_of, mark_holder, read, server_of
from llmos_nb.session import Session
from llmos_nb.session.commands import Command, deliver, files, send
from llmos_nb.session.goals import Goals, goals
from llmos_nb.session.service import Service, hand_over, unit

LONG = "import os, time\nn = 0\nwhile not os.path.exists('go'):\n    n += 1\n    time.sleep(0.01)"
SLOW = {"text": "late", "wait_s": 600}
MADE = {"text": "Made."}
TOOLS = """
import os, time, urllib.request

def pay(amount: int) -> str:
    "Pay an amount."
    urllib.request.urlopen(f"http://127.0.0.1:{os.environ['PORT']}/pay/{amount}", b"")
    while os.path.exists("hold"):
        time.sleep(0.01)
    return "paid"
"""


def events(pid):
    return read(home_of().find(pid) / "journal.jsonl")


def kinds(pid):
    return [e.k for e in events(pid)]


# one a home


def test_second_service_of_a_home_says_who_serves_and_ends():
    with Served() as first:
        said = llmos("serve", code=3)
        assert f"is served by process {first.program.pid} (service)" in said and said.count("\n") == 1
        assert server_of(home_of()).pid == first.program.pid and first.program.poll() is None
        assert first.end() == 0 and server_of(home_of()) is None
    with Served() as other:
        assert server_of(home_of()).pid == other.program.pid


def test_service_is_a_program_that_begins_and_ends_by_itself():
    with subprocess.Popen([*LLMOS, "serve"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as program:
        assert "serving" in program.stdout.readline()
        assert server_of(home_of()).pid == program.pid
        program.terminate()
        said = program.stdout.read()
    assert program.returncode == 0 and "Traceback" not in said and server_of(home_of()) is None


def test_service_that_was_killed_is_followed_by_the_next():
    with Served() as first:
        first.kill()
        assert (home_of().service / "holder").exists() and server_of(home_of()) is None
        with Served() as other:
            assert server_of(home_of()).pid == other.program.pid


def test_holder_of_another_machine_keeps_the_home_until_somebody_deletes_it():
    home = home_of()
    with Served() as first:
        said = json.loads((home.service / "holder").read_text())
        first.kill()
    (home.service / "holder").write_text(json.dumps({**said, "host": "elsewhere"}))
    told = llmos("serve", code=3)
    assert "on elsewhere" in told and f"delete {home.service / 'holder'}" in told
    (home.service / "holder").unlink()
    with Served() as other:
        assert other.program.poll() is None


def test_home_that_is_copied_is_served_by_nobody(tmp_path):
    with Served():
        shutil.copytree(home_of().root, tmp_path / "copy")
        assert server_of(Home(tmp_path / "copy")) is None and server_of(home_of()) is not None


# what it is handed


def test_goal_that_is_handed_over_runs_and_answers():
    with Served():
        assert "process 1 is begun" in llmos(
            "start", "Make x.", "-m", script("a.json", python("x = 1"), MADE), "-a", "auto"
        )
        assert status(1, "ended")["state"] == "ended, answered"
        assert list(home_of().commands.iterdir()) == []


def test_question_of_a_process_of_the_service_is_answered_in_a_terminal():
    with Served() as service:
        llmos("start", "Make x.", "--name", "asks", "-m", script("a.json", python("x = 1"), MADE), "-a", "step")
        status(1, "waiting")
        row = wait_for(lambda: (r := rows()[1])["owner"] and r)
        assert row["owner"] == f"process {service.program.pid} (service)" and row["waits_for"] == "run Python code"
        assert "r1.0 is approved" in llmos("approve", "asks", "--yes")
        assert status(1, "ended")["state"] == "ended, answered"


def test_question_of_a_process_of_the_service_is_answered_in_a_notebook(tmp_path):
    with Served(), Notebook(tmp_path) as book:
        llmos("start", "Make x.", "--name", "asks", "-m", script("a.json", python("x = 1"), MADE), "-a", "step")
        status(1, "waiting")
        assert "(service)" in book.run("%agent ps --all").text
        assert "r1.0 is approved" in book.run("%agent approve asks").text
        status(1, "ended")


def test_processes_of_a_service_have_variables_of_their_own():
    with Served():
        llmos("start", "Make x.", "-m", script("a.json", python("x = 1"), MADE), "-a", "auto")
        status(1, "ended")
        llmos("start", "Look.", "-m", script("b.json", python("'x' in globals()"), MADE), "-a", "auto")
        status(2, "ended")
        assert [e.d["result"] for e in events(2) if e.k == "call.finished"] == ["False"]


def test_without_a_service_nothing_is_started_and_nothing_left_there(tmp_path):
    said = llmos("start", "Make x.", code=2)
    assert "nobody serves" in said and "nothing was started" in said
    assert not (home_of().root / "commands").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [((" ",), "the goal is empty"), (("x", "-a", "atuo"), "atuo"), (("x", "-b", "ten"), "ten"), (("x", "--check", "n >"), "not a Python")],
)  # fmt: skip
def test_what_is_not_understood_is_said_before_anything_is_handed_over(words, said):
    with Served():
        assert said in llmos("start", *words, code=2)
        assert said not in llmos("ps") and not (home_of().root / "commands").exists()


def test_what_the_service_does_not_find_is_answered():
    with Served():
        said = llmos("start", "x", "-t", "none:f", "-m", script("a.json", MADE), code=1)
        assert "module:function" in said and "is begun" not in said and rows() == {}
        said = llmos("start", "x", "-t", "filse", "-m", script("a.json", MADE), code=1)
        assert "tools 'filse': no such device or MCP server; did you mean files" in said and rows() == {}


def test_function_and_script_are_found_where_they_were_handed_over_also_after_a_kill():
    home = str(home_of().root)
    for folder, gives in (("one", 1), ("two", 2)):
        Path(folder).mkdir()
        Path(folder, f"of_{folder}.py").write_text(f"def f() -> int:\n    return {gives}")
        script(f"{folder}/a.json", python(LONG), call("f"), MADE)
        Path(folder, "both.py").write_text(f"def f() -> int:\n    return {gives}")
    with Served("--home", home):
        for folder in ("one", "two"):
            how = ("-m", "script:a.json", "-a", "auto", "--home", home)
            llmos("start", "Give it.", "-t", f"of_{folder}:f", *how, cwd=folder)
        wait_for(lambda: "call.started" in kinds(1))
    Path("go").touch()
    with Served("--home", home):
        for pid in (1, 2):
            status(pid, "ended")
            gave = [e.d["result"] for e in events(pid) if e.k == "call.finished"]
            assert gave[-1] == str(pid), gave
        both = ("start", "x", "-t", "both:f", "-m", "script:a.json", "--home", home)
        llmos(*both, cwd="one")
        said = llmos(*both, code=1, cwd="two")
        assert "there is a module both here already" in said and "/one/both.py" in said


def test_file_that_a_goal_attaches_is_found_where_it_was_handed_over_and_then_in_the_services_folder():
    Path("one").mkdir()
    Path("one/birds.csv").write_text("a\n1\n2\n")
    Path("fish.csv").write_text("a\n1\n")
    how = ("-m", script("a.json", python("len(birds) + len(fish)"), MADE), "-a", "auto")
    with Served("--home", home := str(home_of().root)):
        llmos("start", "Count !`birds.csv` and !`fish.csv`.", *how, "--home", home, cwd="one")
        status(1, "ended")
    assert [e.d["result"] for e in events(1) if e.k == "call.finished"] == ["3"]


def test_goal_that_is_handed_over_gets_the_tools_of_a_server_of_the_services_folder():
    pytest.importorskip("mcp")
    command = [
        sys.executable,
        str(Path(__file__).parents[1] / "support" / "mcp_malicious.py"),
        "x",
        "calls.txt",
    ]
    Path("llmos.toml").write_text(f"[mcp.desk]\ncommand = {json.dumps(command)}")
    with Served():
        for pid, words in enumerate(("desk", "desk_*,-desk_nothing"), 1):
            llmos("start", "Call it.", "-t", words, "-m", script("a.json", MADE), "-a", "auto")
            status(pid, "ended")
            assert "desk_" in str([e.d for e in events(pid) if e.k == "tools.changed"]), words


def test_command_that_nobody_of_this_user_wrote_begins_nothing():
    with Served() as service:
        folder = home_of().commands
        folder.mkdir(mode=0o700)
        command = Command(0, "start", ("Make x.",))
        forged = folder / f"0-{command.id}.command"
        forged.write_text(json.dumps({"pid": 0, "verb": "start", "words": ["Make x."], "mac": "0" * 64}))
        forged.chmod(0o600)
        wait_for(lambda: not forged.exists())
        assert rows() == {} and "is dropped" in service.said


@pytest.mark.parametrize("words", ["serve", "start x"])
def test_program_that_a_notebook_started_neither_serves_nor_hands_over(tmp_path, words):
    with Served() if words != "serve" else nullcontext(), Notebook(tmp_path) as book:
        spec = book.script(python("x = 1"), MADE, name="a.json")
        assert book.run(f"%%agent asks --bg -a step -m {spec}\nMake x.").status == "ok"
        status(1, "waiting")
        wait_for(lambda: rows()[1]["owner"])
        said = book.run(f"!{os.sys.executable} -m llmos_nb.app.cli {words}").text
        assert "CallDenied" in said and list(rows()) == [1]


# its end


def test_end_pauses_what_is_at_work_and_the_next_service_goes_on():
    with Served() as service:
        llmos("start", "Wait.", "-m", script("a.json", python(LONG), MADE), "-a", "auto")
        wait_for(lambda: "call.started" in kinds(1))
        assert service.end() == 0
        assert rows()[1]["status"] == "paused" and kinds(1)[-1] == "run.paused"
        assert "paused, and goes on" in service.said
    assert "call.finished" not in kinds(1)  # its step is not told to have failed: it begins anew
    Path("go").touch()
    with Served() as again:
        assert status(1, "ended")["state"] == "ended, answered"
        wait_for(lambda: "process 1 goes on" in again.said, lambda: again.said)
    done = next(e.body for e in events(1) if e.k == "call.finished")
    assert done.ok and kinds(1).count("call.started") == 2


def test_step_that_had_acted_when_the_service_ended_does_not_act_again():
    sends = python("open('sent', 'a').write('!')\n" + LONG)
    with Served() as service:
        llmos("start", "Send.", "-m", script("a.json", sends, MADE), "-a", "auto")
        wait_for(Path("sent").exists, rows)
        assert service.end() == 0
    Path("go").touch()
    with Served():
        status(1, "ended")
    assert Path("sent").read_text("utf-8") == "!" and kinds(1).count("call.started") == 1


def test_end_leaves_a_question_open_and_the_answer_counts_in_the_next_service():
    with Served() as service:
        llmos("start", "Make x.", "-m", script("a.json", python("x = 1"), MADE), "-a", "step")
        status(1, "waiting")
        assert service.end() == 0
    assert rows()[1]["status"] == "waiting" and rows()[1]["owner"] == ""
    assert "r1.0 is approved" in llmos("approve", "1", "--yes")
    with Served():
        assert status(1, "ended")["state"] == "ended, answered"
        assert kinds(1).count("call.started") == 1


def test_approval_of_code_that_names_a_library_stands_when_the_service_was_killed_before_it_began():
    code = "import tabnanny\ntabnanny.check('a.json')"
    with Served():
        llmos("start", "Have it imported.", "-m", script("b.json", python("import tabnanny"), MADE), "-a", "auto")
        status(1, "ended")
        llmos("start", "Check it.", "-m", script("a.json", python(code), MADE), "-a", "step")
        status(2, "waiting")
    assert "r1.0 is approved" in llmos("approve", "2", "--yes")
    with Served():  # where nobody has imported it
        assert status(2, "ended")["state"] == "ended, answered"
    assert kinds(2).count("question.asked") == kinds(2).count("call.started") == 1


async def test_command_that_meets_a_service_as_it_takes_its_process_up_is_carried_out_there(monkeypatch):
    with Served():
        llmos("start", "Make x.", "-m", script("a.json", python("x = 1"), MADE), "-a", "step")
        status(1, "waiting")
        before = [None]  # what was seen a moment before the service had it
        monkeypatch.setattr(send, "holder_of", lambda j: before.pop() if before else holder_of(j))
        done = await deliver(home_of(), home_of().find(1), Command(1, "reject", ("all", "not now")))
        assert done.ok, done.said
        status(1, "ended")
    assert [e.d["what"] for e in events(1) if e.k == "call.decided"] == ["reject"]


def test_what_a_person_paused_stays_paused_until_that_person_resumes_it():
    with Served() as service:
        llmos("start", "Wait.", "-m", script("a.json", SLOW), "-a", "auto")
        wait_for(lambda: rows().get(1, {}).get("owner"))
        assert "paused" in llmos("stop", "1")
        service.kill()
    Path("a.json").write_text(json.dumps({"version": 1, "turns": [MADE]}))
    with Served() as again:
        wait_for(lambda: "process 1 is paused: stopped by" in again.said, lambda: again.said)
        assert rows()[1]["status"] == "paused"
        assert "process 1" in llmos("resume", "1")
        status(1, "ended")


def test_process_of_a_killed_service_is_taken_up_where_it_broke_off():
    with Served() as service:
        turns = [python("x = 1"), python(LONG), python("x + 1"), MADE]
        llmos("start", "Make x.", "-m", script("a.json", *turns), "-a", "auto")
        wait_for(lambda: kinds(1).count("call.started") == 2)
        service.kill()
        assert rows()[1]["status"] == "interrupted" and rows()[1]["owner"] == ""
    Path("go").touch()
    with Served():
        assert status(1, "ended")["state"] == "ended, answered"
        results = {e.d["call"]: e.d["result"] for e in events(1) if e.k == "call.finished"}
        assert results["r3.0"] == "2"


def test_effect_that_was_under_way_when_the_service_was_killed_waits_for_a_person(monkeypatch):
    Path("till.py").write_text(TOOLS)
    with counting_server() as (port, paid):
        monkeypatch.setenv("PORT", str(port))
        Path("hold").touch()
        spec = script("a.json", call("pay", amount=5), call("pay", amount=7), MADE)
        with Served() as service:
            llmos("start", "Pay.", "-m", spec, "-a", "auto", "-t", "till:pay")
            wait_for(lambda: paid == ["/pay/5"], lambda: (paid, service.said, rows()))
            service.kill()
        Path("hold").unlink()
        with Served():
            status(1, "waiting")
            wait_for(lambda: rows()[1]["owner"])
            assert "llmos resolve 1 r1.0 --done" in llmos("show", "1") and paid == ["/pay/5"]
            assert "say --done" in llmos("resolve", "1", "r1.0", code=2)
            llmos("resolve", "1", "r1.0", "--done")
            assert status(1, "ended")["state"] == "ended, answered" and paid == ["/pay/5", "/pay/7"]


def test_process_with_functions_of_the_service_is_left_to_it_by_notebooks(tmp_path):
    Path("till.py").write_text(TOOLS)
    with Served() as service:
        llmos("start", "Pay.", "-m", script("a.json", python("x = 1"), MADE), "-a", "step", "-t", "till:pay")
        llmos("start", "Make x.", "-m", script("b.json", python("x = 1"), MADE), "-a", "step")
        status(2, "waiting")
        service.kill()
    with Notebook(tmp_path) as book:
        assert "process 1 calls pay: llmos serve goes on with it" in book.run("%agent resume 1 --bg").error
        assert book.run("%agent resume 2 --bg").status == "ok"
        with Served():
            wait_for(lambda: "(service)" in rows()[1]["owner"])
            assert "(service)" not in rows()[2]["owner"] != ""


# once


@pytest.fixture
def service():
    return Service(home_of(), lambda _: None)


def begun(service, path):
    """Have a service carry out one command, as it does after its start, and give the processes of the home."""

    async def carried():
        await service._carry(path)
        for session in service.sessions:
            await asyncio.gather(*session.processes.values())

    asyncio.run(carried())
    return sorted(rows())


def test_command_is_begun_once_though_the_service_was_killed_before_it_said_so(service):
    home_of().prepare()
    command = Command(0, "start", ("Make x.",), (), {"model": script("a.json", MADE), "approve": "auto"})
    path = files.post(home_of().root, command)
    kept = path.read_bytes()
    assert begun(service, path) == [1] and not path.exists()
    path.write_bytes(kept)  # as it stands where nobody came to take it away
    path.chmod(0o600)
    assert begun(Service(home_of(), lambda _: None), path) == [1]
    other = files.post(home_of().root, Command(0, "start", command.words, (), command.options))
    assert begun(Service(home_of(), lambda _: None), other) == [1, 2]


async def test_command_to_a_process_that_ended_and_was_let_go_is_answered(service):
    home_of().prepare()
    options = {"model": script("a.json", MADE), "approve": "auto"}
    await service._carry(files.post(home_of().root, Command(0, "start", ("Make x.",), (), options)))
    (session,) = service.sessions
    (process,) = session.processes.values()
    await process
    mark_holder(process.journal.path)
    service.sessions.clear()
    del session, process
    for verb, words, said in (("kill", (), "ended, answered"), ("reply", ("yes",), "asks nothing")):
        path = files.post(home_of().root, Command(1, verb, words))
        await service._look()
        assert said in files.answered(path).said and not path.exists()
    other = files.post(home_of().root, Command(2, "kill"))
    await service._look()
    assert other.exists()  # whose it is, nobody here knows


def test_process_that_ended_under_an_earlier_service_is_asked_further_and_goes_on_after_a_failure():
    with Served() as first:
        llmos(
            "start",
            "Make x.",
            "-m",
            script("a.json", python("x = 6"), MADE, {"text": "It is {{x}}."}),
            "-a",
            "auto",
        )
        llmos("start", "Make y.", "-m", script("b.json", python("y = 1")), "-a", "auto")
        assert status(1, "ended") and status(2, "ended")["state"] == "ended, failed"
        assert first.end() == 0
    script("b.json", python("y = 1"), MADE)
    with Served():
        assert llmos("send", "1", "What is it?").startswith("process 1: ")
        wait_for(lambda: kinds(1).count("run.ended") == 2)
        assert "It is 6." in llmos("show", "1")
        assert llmos("resume", "2").startswith("process 2: ")
        assert wait_for(lambda: rows()[2]["state"] == "ended, answered")


def test_words_to_a_process_that_ended_wait_where_nobody_serves_and_it_is_said():
    with Served():
        llmos("start", "Make x.", "-m", script("a.json", MADE, {"text": "More."}), "-a", "auto")
        status(1, "ended")
    assert "noted for process 1: read when it is resumed" in llmos("send", "1", "More?")
    assert status(1, "ended") and "run.resumed" not in kinds(1)


async def test_code_of_a_step_can_hand_nothing_over(service):
    from llmos_nb.tools import reentry

    home_of().prepare()
    service.claim.take(0)
    try:
        assert not (await hand_over(home_of(), "x", {}, wait_s=0)).final
        marked = reentry.inside
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(reentry, "inside", lambda: True)
            with pytest.raises(CallDenied):
                await hand_over(home_of(), "x", {}, wait_s=0)
        assert reentry.inside is marked and len(list(home_of().commands.glob("*.command"))) == 1
        assert "1 goal not begun yet" in llmos("ps")
    finally:
        service.claim.release()
    with pytest.raises(UsageError, match="nobody serves"):
        await hand_over(home_of(), "x", {}, wait_s=0)


# goals


def test_service_wakes_goals_and_finds_those_that_come_later():
    spec = script("a.json", python("x = 1"), MADE)
    goals.add(Goals(home_of()), "First.", model=spec, approve="auto")
    with Served() as service:
        status(1, "ended")
        wait_for(lambda: "goal 1: process 1 answered" in service.said, lambda: service.said)
        goals.add(Goals(home_of()), "Second.", model=spec, approve="auto")
        status(2, "ended")


def test_goal_calls_the_function_that_it_was_written_down_with_also_where_it_goes_on_after_a_kill():
    (desk := Path("desk")).mkdir()
    (desk / "till_of_goal.py").write_text('def pay(amount: int) -> str:\n    "Pay an amount."\n    return "paid"\n')
    turns = [call("pay", amount=1), call("ask", question="Again?"), call("pay", amount=2), MADE]
    add = ("goals", "add", "Pay.", "-a", "auto", "-m", script("a.json", *turns), "-t")
    assert "no such device" in llmos(*add, "pya", code=2) and "no goals yet" in llmos("goals")
    assert "is written down" in llmos(*add, "till_of_goal:pay", cwd=desk)
    with Served():
        status(1, "waiting")
    with Served():
        status(1, "waiting")
        wait_for(lambda: rows()[1]["owner"])
        llmos("reply", "1", "yes")
        assert status(1, "ended")["state"] == "ended, answered"
    assert [e.d["result"] for e in events(1) if e.k == "call.finished"] == ["paid", "paid"]


def test_goal_that_was_at_work_when_the_service_ended_goes_on_with_the_next():
    goals.add(Goals(home_of()), "Wait.", model=script("a.json", python(LONG), MADE), approve="auto")
    with Served() as service:
        wait_for(lambda: rows() and "call.started" in kinds(1))
        assert service.end() == 0 and rows()[1]["status"] == "paused"
    Path("go").touch()
    with Served() as again:
        assert status(1, "ended")["state"] == "ended, answered"
        wait_for(lambda: "goal 1: process 1 answered" in again.said, lambda: again.said)
    assert Goals(home_of()).find(1).state == "done" and list(rows()) == [1]


def test_nothing_is_imported_for_a_journal_that_was_not_made_here(monkeypatch, tmp_path):
    Path("till.py").write_text("open('imported', 'w').close()\n" + TOOLS)
    monkeypatch.syspath_prepend(tmp_path)
    home_of().prepare()

    def made(number):
        order = {"id": str(number), "tools": ["till:pay"]}
        process = Session({}).create("Pay.", model=script("a.json", MADE), ordered=order)
        with process.journal.held():
            return process.pid

    def taken_up():
        said = []
        asyncio.run(Service(home_of(), said.append)._take_up())
        return "\n".join(said)

    with monkeypatch.context() as patch:
        patch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "somebody"))
        made(1)
    said = taken_up()
    assert "process 1 cannot go on yet" in said and "was not made here" in said and not Path("imported").exists()
    made(2)
    assert "process 2 goes on" in taken_up() and Path("imported").exists()


# the unit


def test_unit_runs_this_home_with_this_interpreter_and_installs_nothing(monkeypatch, tmp_path):
    folder = tmp_path / '50% "of" $HOME'
    folder.mkdir()
    text = unit.text(Home(folder / ".llmos"), "/usr/bin/python3")
    assert 'ExecStart="/usr/bin/python3" -m llmos_nb.app.cli serve --home ' in text
    assert '50%% \\"of\\" $$HOME/.llmos"' in text and "Restart=on-failure" in text
    assert unit.name(Home(folder / ".llmos")) == "llmos-50-of-home.service"
    said = llmos("serve", "--unit")
    assert f"WorkingDirectory={tmp_path}" in said and "Nothing is installed" in said and not home_of().root.exists()


def verified(file):
    """Have systemd look at a unit; give what it says of it."""
    words = ["systemd-analyze", "--user", "verify", str(file)]
    ran = subprocess.run(words, capture_output=True, text=True, check=False)
    if "Failed to initialize manager" in ran.stderr:
        pytest.skip("systemd does not run here")
    return [line for line in ran.stderr.splitlines() if file.name in line]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not here")
def test_unit_is_taken_by_systemd(tmp_path):
    file = tmp_path / unit.name(home_of())
    file.write_text(unit.text(home_of(), os.sys.executable))
    assert verified(file) == []
    file.write_text(file.read_text().replace("ExecStart=", "ExecStrat="))
    assert verified(file) != []
