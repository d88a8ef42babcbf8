"""Two notebooks and `llmos` in a terminal on one home: each sees all processes, and reaches each."""

import json
import os
import re
import signal
import sys
from pathlib import Path

import pytest
from notebook_driver import Notebook
from programs import run_llmos
from turns import call, python
from waits import until

from llmos_nb.app.listing import plain
from llmos_nb.errors import ConfigError
from llmos_nb.journal import home_of, read

SLOW = {"text": "late", "wait_s": 600}
LLMOS = [sys.executable, "-m", "llmos_nb.app.cli"]


def llmos(*words, code=0, said=""):
    """Run `llmos` as a program; give what it prints."""
    ended, out, err = run_llmos(*words, said=said)
    assert ended == code, (words, ended, out, err)
    return out + err


def rows():
    """Return every process of the home, by name, as ``llmos ps --all --json`` prints it."""
    return {r["name"]: r for r in map(json.loads, plain(home_of(), everything=True))}


def wait_for(holds):
    """Wait until something holds of the home, as a terminal sees it."""
    return until(holds, lambda: llmos("ps", "--all"))


def events(kind, key, pid=1):
    """Return what the events of a kind say, of a process of the home."""
    return [e.d[key] for e in read(home_of().find(pid) / "journal.jsonl") if e.k == kind]


def status(name, wanted):
    return wait_for(lambda: (row := rows().get(name)) and row["status"] == wanted and row)


@pytest.fixture
def book(tmp_path):
    with Notebook(tmp_path) as made:
        yield made


def begin(book, name, *turns, approve="step"):
    spec = book.script(*turns, name=f"{name}.json")
    assert book.run(f"%%agent {name} --bg -a {approve} -m {spec}\nMake x.").status == "ok"


def kill(book):
    os.kill(int(book.value("__import__('os').getpid()")), signal.SIGKILL)


def test_every_question_of_two_notebooks_is_seen_and_answered_in_a_terminal(book, tmp_path):
    with Notebook(tmp_path) as other:
        begin(book, "asks", python("x = 1"), {"text": "Made."})
        begin(other, "wonders", call("ask", question="Which year?"), {"text": "Done."}, approve="auto")
        begin(other, "slow", SLOW)
        asks, _ = status("asks", "waiting"), status("wonders", "waiting")
        status("slow", "running")
        assert asks["waits_for"] == "run Python code" and asks["since"]
        pids = [f"process {b.value('__import__(' + repr('os') + ').getpid()')}" for b in (book, other)]
        wait_for(lambda: [rows()[name]["owner"] for name in ("asks", "wonders")] == pids)  # marked in a moment
        table = llmos("ps")
        assert all(word in table for word in ("asks", "wonders", "slow", "waiting for you since", *pids))
        shown = llmos("show", "asks")
        assert "x = 1" in shown and pids[0] in shown
        command = re.search(r"llmos (approve 1 r1.0 --digest [0-9a-f]{12})", shown)[1]
        assert "r1.0 is approved" in llmos(*command.split())
        assert "you (terminal)" in llmos("log", "asks", "--decisions")
        assert 'llmos reply 2 "answer"' in llmos("show", "wonders")
        assert "process 2" in llmos("reply", "wonders", "1999")
        assert status("asks", "ended")["state"] == status("wonders", "ended")["state"] == "ended, answered"
        assert book.value("x") == "1" and "1999" in llmos("log", "2")
        printed = {r["name"]: r["status"] for r in map(json.loads, llmos("ps", "--all", "--json").splitlines())}
        assert printed == {"asks": "ended", "wonders": "ended", "slow": "running"}
        assert llmos("kill", "slow") == "process 3: killed\n" and "killed" in other.run("%agent ps").text
        assert "asks for no approval" in llmos("approve", "asks", code=1)


def test_one_notebook_sees_and_steers_what_another_has_at_hand(book, tmp_path):
    with Notebook(tmp_path) as other:
        begin(book, "asks", python("x = 1"), python("y = 2"), SLOW)
        status("asks", "waiting")
        for line in ("%agent ps --all", "%agent tree --all", "%agent top --all"):
            assert "waiting for you since" in other.run(line).text, line
        asked = other.run("%agent show asks").text  # one panel, and how to answer
        assert asked.count("Make x.") == 1 and "%agent approve 1 r1.0" in asked and "waiting for you since" in asked
        assert "resume" not in asked and "nobody goes on with it" not in asked
        assert "r1.0 is approved" in other.run("%agent approve asks").text
        assert "(terminal)" not in llmos("log", "asks", "--decisions")
        wait_for(lambda: book.value("'x' in globals()") == "True")
        wait_for(lambda: "r2.0" in events("question.asked", "question"))
        assert other.run('%agent reject asks r2.0 "not so"').status == "ok"
        assert events("call.decided", "what") == ["approve", "reject"]
        assert "UsageError" in other.run("%agent reply asks yes").error
        assert other.run("%agent kill asks").text.strip() == "process 1: killed"
        assert other.value("'x' in globals()") == "False"


def test_terminal_sends_pauses_stops_resumes_edits_and_takes_back(book):
    begin(book, "work", python("x = 1"), python("y = 2"), SLOW)
    status("work", "waiting")
    assert "process 1: " in llmos("edit", "work", "r1.0", "x = 5")
    wait_for(lambda: "x = 5" in llmos("show", "work"))  # it is judged again, and asks anew
    status("work", "waiting")
    assert "is approved" in llmos("approve", "work", "--yes")
    wait_for(lambda: "r2.0" in events("question.asked", "question"))
    assert book.value("x") == "5"
    assert "process 1" in llmos("send", "work", "use", "the", "median")
    for word in ("work", "1"):
        assert "say the words" in llmos("send", word, code=2)
    assert "process 1" in llmos("send", "median")
    assert llmos("undo", "work").startswith("r1.0 is taken back")
    assert book.value("'x' in globals()") == "False"
    assert "process 1: paused" in llmos("stop", "work")
    assert rows()["work"]["status"] == "paused"
    assert "process 1" in llmos("resume", "--all") and "nothing is paused" in llmos("resume", "--all")
    assert "process 1" in llmos("pause", "work")
    log = llmos("log", "work")
    assert "steer" in log and "command: send by you (terminal)" in log and log.count("command: send") == 2
    assert "process 1: killed" in llmos("kill", "work")
    assert "process 1: killed" in llmos("stop", "work")


def test_approval_of_what_is_not_there_any_more_is_refused(book):
    begin(book, "asks", python("x = 1"), {"text": "Made."})
    status("asks", "waiting")
    old = re.search(r"--digest ([0-9a-f]{12})", llmos("show", "asks"))[1]
    llmos("edit", "asks", "r1.0", "x = 2")
    new = wait_for(lambda: (m := re.search(r"--digest ([0-9a-f]{12})", llmos("show", "asks"))) and m[1] != old and m[1])
    assert "is not what was shown" in llmos("approve", "asks", "r1.0", "--digest", old, code=2)
    assert "at least 8 characters" in llmos("approve", "asks", "r1.0", "--digest", new[:7], code=2)
    assert "nobody is here to say yes" in llmos("approve", "asks", code=2)
    assert rows()["asks"]["status"] == "waiting"
    assert "r1.0 is approved" in llmos("approve", "asks", "r1.0", "--digest", new)
    status("asks", "ended")
    assert book.value("x") == "2"


def test_process_whose_notebook_was_killed_is_interrupted_and_its_commands_are_not_lost(book, tmp_path):
    begin(book, "asks", python("x = 1"), python("y = x + 1"), {"text": "Made."})
    begin(book, "slow", SLOW)
    status("asks", "waiting")
    status("slow", "running")
    kill(book)
    slow = status("slow", "interrupted")
    assert slow["state"].startswith("broke off at") and slow["owner"] == ""
    assert llmos("ps").count("nobody") == 2
    assert "at hand nowhere: %agent resume 2" in llmos("resume", "slow", code=2)
    assert "r1.0 is approved" in llmos("approve", "asks", "--yes")
    assert "killed" in llmos("kill", "slow")
    assert "carried out when it is resumed" in llmos("undo", "asks", "--to", "r1.0")
    with Notebook(tmp_path, extension=False) as other:
        loaded = other.run("%load_ext llmos_nb").text
        assert "1 process is unfinished here: 1 asks" in loaded and loaded.count("\n") == 1
        other.run("%agent resume asks --bg")
        wait_for(lambda: events("call.undone", "call"))
        assert events("call.undone", "call") == ["r1.0"]


def test_program_that_the_notebook_itself_started_is_told_to_use_the_notebook(book):
    begin(book, "asks", python("x = 1"), {"text": "Made."})
    status("asks", "waiting")
    said = book.run(f"!{sys.executable} -m llmos_nb.app.cli approve asks --yes").text
    assert "CallDenied" in said and rows()["asks"]["status"] == "waiting"


def test_command_line_of_a_step_gives_no_command(book, tmp_path):
    begin(book, "asks", python("x = 1"), {"text": "Made."})
    status("asks", "waiting")
    commands = home_of().commands
    commands.mkdir(exist_ok=True)
    for n, act in enumerate(
        (f"!touch {commands}/1-x.command", f"get_ipython().system('touch {commands}/1-x.command')")
    ):
        begin(book, f"forges{n}", python(act), {"text": "ok"}, approve="auto")
        status(f"forges{n}", "ended")
        (said,) = events("call.finished", "result", n + 2)
        assert "give commands to processes in a person's place" in said and list(commands.iterdir()) == []
    assert rows()["asks"]["status"] == "waiting"


def test_person_at_a_terminal_sees_the_card_and_says_yes(book, tmp_path):
    pexpect = pytest.importorskip("pexpect")
    begin(book, "asks", python("x = 1"), {"text": "Made."})
    status("asks", "waiting")
    for said, then in (("n", "nothing is approved"), ("y", "r1.0 is approved")):
        child = pexpect.spawn(LLMOS[0], [*LLMOS[1:], "approve", "asks"], encoding="utf-8", timeout=60)
        child.expect_exact("x = 1")
        child.expect_exact("Approve? [y/N]")
        child.sendline(said)
        child.expect_exact(then)
        child.expect(pexpect.EOF)
    status("asks", "ended")


@pytest.mark.parametrize("home", ["s3://bucket/home", "gs://b", Path("s3://bucket/home")])
def test_home_that_is_no_folder_of_a_disk_is_refused(home, monkeypatch):
    with pytest.raises(ConfigError, match="a home is a folder on a disk"):
        home_of(home)
    monkeypatch.setenv("LLMOS_HOME", str(home))
    assert "a home is a folder on a disk" in llmos("ps", code=2)
    assert not list(Path().iterdir())
    assert home_of("C:/home").root.name == "home"


def test_answer_that_fits_nothing_says_what_is_asked_and_what_a_terminal_shows_names_no_button(book):
    begin(book, "asks", python("open('made.txt', 'w').write('x')"), {"text": "Made."}, approve="risky")
    status("asks", "waiting")
    assert "step 7: there is no plan (asked: r1.0)" in llmos("approve", "asks", "7", code=2)
    assert "it waits for approval of r1.0" in llmos("reply", "asks", "yes", code=1)
    shown = llmos("show", "asks")
    assert "Approve counts once, for exactly this call" in shown
    assert "The rest like this" not in shown and "More, Rules" not in shown
