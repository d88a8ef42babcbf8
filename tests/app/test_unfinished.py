"""What is unfinished is seen, and every verb reaches it, after a crash, a restart and from another notebook."""

import contextlib
import json
import os
import signal

import pytest
from notebook_driver import Notebook
from turns import python
from waits import until, until_async

import llmos_nb as llmos
from llmos_nb.app import cli
from llmos_nb.app.options import carry_out, parse_command
from llmos_nb.errors import ApprovalNeeded, JournalLocked, NotAnswered, SnapshotConflict, UsageError

SLOW = {"text": "late", "wait_s": 600}


@pytest.fixture
def spec(tmp_path):
    """Write a script and give its spec."""

    def write(*turns, name="script.json"):
        (tmp_path / name).write_text(json.dumps({"version": 1, "turns": list(turns)}))
        return f"script:{tmp_path / name}"

    return write


@pytest.fixture
def say(capsys):
    """Carry out `%agent` lines in a session, and give what is printed."""

    async def told(session, line):
        capsys.readouterr()
        await carry_out(session, line)
        return capsys.readouterr().out

    return told


async def waiting(spec, *more, name="asks", namespace=None):
    """Start a process that waits for a person in a session that is then left behind, as a restart does."""
    session = llmos.Session({} if namespace is None else namespace)
    process = session.start(
        "Make x.", name=name, model=spec(*(more or (python("x = 1"), {"text": "Made."}))), approve="step"
    )
    await process
    assert process.state == "waiting"
    return process


# after a crash, in real notebooks


def test_ten_processes_of_a_killed_notebook_are_all_seen_and_go_on_together(tmp_path):
    with Notebook(tmp_path) as book:
        slow = book.script(SLOW, name="slow.json")
        asks = book.script(python("x = 1"), {"text": "Made."}, name="asks.json")
        done = book.script({"text": "Done."}, name="done.json")
        for n in range(5):
            assert book.run(f"%%agent slow{n} --bg -m {slow}\nWait.").status == "ok"
            assert book.run(f"%%agent asks{n} --bg -a step -m {asks}\nMake x.").status == "ok"
        assert book.run(f"%%agent done -m {done}\nAnswer.").status == "ok"
        until(lambda: book.run("%agent ps").text.count("waiting for you") >= 5)
        os.kill(int(book.value("__import__('os').getpid()")), signal.SIGKILL)
    with Notebook(tmp_path, extension=False) as other:
        loaded = other.run("%load_ext llmos_nb").text
        assert loaded.count("\n") == 1 and "10 processes are unfinished here" in loaded and "10 asks4" in loaded
        completed = other.client.complete("%agent resume asks", reply=True, timeout=30)["content"]["matches"]
        assert sorted(completed) == [f"asks{n}" for n in range(5)]
        shown = other.run("%agent ps").text
        assert (
            "no processes yet" in shown and "10 more processes are unfinished in this home (5 waiting for you)" in shown
        )
        table = other.run("%agent ps --all").text
        assert table.count("broke off at") == 5 and table.count("waiting for you since") == 5
        assert table.count("nobody") == 10 and "ended, answered" in table
        other.script({"text": "late"}, name="slow.json")
        assert other.run("%agent resume --all --bg").status == "ok"
        until(lambda: other.run("%agent ps").text.count("answered") >= 5)
        assert other.run("%agent approve asks3").status == "ok"
        until(lambda: other.run("%agent ps").text.count("answered") >= 6)
        assert other.value("x") == "1"


def test_loading_says_nothing_where_nothing_is_unfinished(tmp_path):
    with Notebook(tmp_path, extension=False) as book:
        assert book.run("%load_ext llmos_nb").text == ""
        assert book.run(f"%%agent -m {book.script({'text': 'Done.'})}\nAnswer.").status == "ok"
        assert book.run("%reload_ext llmos_nb").text == ""


def test_a_second_notebook_shows_what_the_first_drives_as_running_there(tmp_path):
    with Notebook(tmp_path) as book, Notebook(tmp_path) as other:
        assert book.run(f"%%agent slow --bg -m {book.script(SLOW)}\nWait.").status == "ok"
        until(lambda: "running" in book.run("%agent ps").text)
        until(lambda: "1 running elsewhere" in other.run("%agent ps").text)  # its journal comes to the disk meanwhile
        assert other.run("%agent plan slow").status == "ok"
        for line in ("%agent ps", "%agent ps --all", "%agent tree"):
            shown = other.run(line).text
            assert "running (elsewhere)" in shown and "paused" not in shown
        assert other.run("%agent kill slow").text.strip() == "process 1: killed"
        assert book.run("%agent kill slow").text.strip() == "process 1 is killed"
        assert "killed" in other.run("%agent ps").text, "it is looked at anew"


def test_loading_does_not_call_unfinished_what_another_notebook_drives(tmp_path):
    with Notebook(tmp_path) as book, Notebook(tmp_path, extension=False) as other:
        assert book.run(f"%%agent slow --bg -m {book.script(SLOW)}\nWait.").status == "ok"
        until(lambda: "running" in book.run("%agent ps").text)
        assert other.run("%load_ext llmos_nb").text == ""


# names, pids and the last one


async def test_names_and_pids_work_after_a_restart(spec, say):
    first = await waiting(spec, name="one")
    await waiting(spec, name="two")
    again = llmos.Session({})
    assert again.find("one").pid == again.find("1").pid == first.pid and again.find("two").pid == 2
    assert "waiting for you since" in await say(again, "ps")
    with pytest.raises(UsageError, match=r"there are: 1 \(one\), 2 \(two\)"):
        again.find("three")


async def test_of_a_name_the_last_that_has_not_ended_is_meant(spec):
    await (await waiting(spec, name="same")).kill()
    kept = await waiting(spec, name="same")
    await (await waiting(spec, name="same")).kill()
    assert llmos.Session({}).find("same").pid == kept.pid


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("approve", "r1.0 is approved, and has not run"),
        ("approve r1.0", "r1.0 is approved, and has not run"),
        ("kill", "process 2 is killed"),
        ("stop", "it does not run; %agent resume 2 goes on"),
        ("pause", "it does not run; %agent resume 2 goes on"),
        ('send "be quick"', "goes on"),
        ('budget "+5 steps"', "goes on"),
        ("reject r1.0", "goes on"),
        ("cost", "unit"),
        ("log", "run.started"),
        ("plan", "r1.0 x = 1"),
    ],
)
async def test_verbs_without_a_process_mean_the_last_unfinished_one_after_a_restart(spec, say, line, said):
    await waiting(spec)
    last = await waiting(spec)
    await (await waiting(spec)).kill()
    session = llmos.Session({})
    assert said in await say(session, line)
    assert list(session.processes) == [last.pid]


@pytest.mark.parametrize("line", ["nice 1", "skip 1", "edit 1 title", "move 1 2"])
def test_a_lone_number_is_never_taken_for_another_word_than_the_process(line):
    with pytest.raises(UsageError, match="write %agent"):
        parse_command(line)


async def test_undo_without_a_process_says_of_the_last_one_that_an_earlier_session_made_its_steps(spec, say):
    names = {}
    process = llmos.Session(names).start("Make x.", model=spec(python("x = 1"), SLOW), approve="auto")
    await until_async(lambda: process.run.state.effects)
    await process.stop()
    session = llmos.Session(names)
    with pytest.raises(SnapshotConflict, match="there is no snapshot of it in this session; nothing was taken back"):
        await say(session, "undo")
    assert list(session.processes) == [process.pid]


# what verbs do and say


async def test_kill_after_a_restart_ends_it_and_says_so(spec, say):
    asks = await waiting(spec)
    session = llmos.Session({})
    assert await say(session, "kill asks") == f"process {asks.pid} is killed\n"
    found = session.find("asks")
    assert (found.state, found.reason, found.detail) == ("ended", "killed", "killed by you")
    assert "killed" in await say(session, "ps --all") and "ended, stopped" not in await say(session, "ps")
    assert "nothing is unfinished" in "".join(_listed(session))


def _listed(session):
    from llmos_nb.app.listing import home_table

    return home_table(session.home, everything=False)


async def test_kill_after_a_restart_ends_the_children_with_it(spec, say):
    session = llmos.Session({})
    parent = session.start("Boss.", name="boss", model=spec(SLOW, name="slow.json"), approve="auto")
    child = parent.start_child("Work.", name="helper", model=spec(SLOW, name="slow.json"))
    await until_async(lambda: parent.run.state.request and child.run.state.request, every=0)
    for process in (parent, child):  # as if the interpreter had died
        process.dispatch.task.cancel()
        await process
    again = llmos.Session({})
    assert await say(again, "kill boss") == f"process {parent.pid} is killed\n"
    assert (again.find("helper").reason, again.find("helper").detail) == (
        "killed",
        f"killed by process {parent.pid}",
    )


async def test_approve_after_a_restart_is_noted_and_nothing_runs_before_resume(spec, say):
    asks = await waiting(spec)
    session = llmos.Session({})
    said = await say(session, "approve asks")
    assert "r1.0 is approved, and has not run" in said and f"%agent resume {asks.pid} goes on" in said
    assert "x" not in session.namespace and [e.k for e in session.find("asks").events][-1] == "call.decided"
    await say(session, "resume asks")
    assert session.namespace["x"] == 1 and session.find("asks").reason == "answered"
    assert "asks for no approval" in await say(session, "approve asks")


async def test_resume_in_the_moment_in_which_an_approval_has_led_to_the_answer_shows_it(spec, say, monkeypatch):
    asks = await waiting(spec)
    goes_on = llmos.Session.resume

    async def late(session, process, model=None):
        process.approve("all")
        await process
        await goes_on(session, process, model)

    monkeypatch.setattr(llmos.Session, "resume", late)
    assert "has answered" in await say(asks.session, "resume asks") and asks.reason == "answered"
    with pytest.raises(UsageError, match="ended"):  # what ended otherwise is refused as before
        other = await waiting(spec, name="other")
        other.approve("all")
        await other.kill()
        await carry_out(other.session, "resume other")


async def test_verbs_that_need_no_model_work_where_it_cannot_be_had(spec, say, tmp_path):
    await waiting(spec)
    (tmp_path / "script.json").unlink()
    session = llmos.Session({})
    assert "is approved" in await say(session, "approve asks")
    with pytest.raises(UsageError, match="No such file"):
        await carry_out(session, "resume asks")
    spec(python("x = 1"), {"text": "Made."})
    await say(session, "resume asks")
    assert session.find("asks").reason == "answered"


async def test_what_waits_names_the_variable_that_this_notebook_lacks_before_it_asks(spec, say):
    asks = await waiting(spec, python("n = len(cars)"), {"text": "Counted."}, namespace={"cars": [1, 2]})
    session = llmos.Session({})
    needs = f"process {asks.pid} needs `cars`, which this notebook does not have: run the cell that makes it"
    assert needs in await say(session, "approve asks")
    with pytest.raises(UsageError, match="`cars`.*then resume"):
        await carry_out(session, "resume asks")
    session.namespace["cars"] = [1, 2]
    await say(session, "resume asks")
    assert session.namespace["n"] == 2


async def test_what_the_goal_speaks_of_and_the_notebook_lacks_is_said_before_the_card(spec, say, capsys):
    session = llmos.Session({"cars": [1]})
    process = session.start(
        "Look at `cars` and make `x`.",
        name="asks",
        model=spec(python("x = 1"), {"text": "Made."}),
        approve="step",
    )
    await process
    again = llmos.Session({})
    with pytest.raises(ApprovalNeeded):
        await say(again, "resume asks")
    first, _, card = capsys.readouterr().out.partition("\n")
    assert "needs `cars`, which this notebook does not have" in first and "`x`" not in first
    assert "wants to run Python code" in card


@pytest.mark.parametrize("bg", ["", " --bg"])
async def test_resume_all_goes_on_with_all_that_can_and_says_of_each_in_one_line_how_it_stands(spec, say, capsys, bg):
    one, two = await waiting(spec, name="one"), await waiting(spec, name="two")
    lacks = await waiting(spec, python("y = cars"), {"text": "ok"}, name="three", namespace={"cars": 1})
    session = llmos.Session({})
    await say(session, "approve one")
    await say(session, "approve two")
    capsys.readouterr()
    stop = contextlib.nullcontext() if bg else pytest.raises(NotAnswered, match="1 of 3 are not answered")
    with stop:
        await carry_out(session, f"resume --all{bg}")
    said = capsys.readouterr().out
    assert "it asked" not in said and "approved by you" not in said, "what happened before is not told again"
    stands = "running" if bg else "ended, answered"
    assert said.splitlines()[-3:] == [
        f"process {one.pid} (one): {stands}",
        f"process {two.pid} (two): {stands}",
        f"process {lacks.pid} needs `cars`, which this notebook does not have: run the cell that makes it, then resume",
    ]
    for process in map(session.find, ("one", "two")):
        await (process.watcher or process)
    assert [session.find(p.pid).reason for p in (one, two, lacks)] == ["answered", "answered", None]


async def test_resume_in_the_background_gives_the_cell_back(spec, say):
    await waiting(spec)
    session = llmos.Session({})
    await say(session, "approve asks")
    await say(session, "resume asks --bg")
    process = session.find("asks")
    assert process.watcher is not None and process.state == "running"
    await process.watcher
    assert process.reason == "answered"


async def test_process_that_another_notebook_went_on_with_is_looked_at_anew(spec):
    asks = await waiting(spec)
    session = llmos.Session({})
    assert session.find("asks").state == "paused"
    await asks.approve("all")
    assert asks.reason == "answered" and session.find("asks").reason == "answered"


async def test_verbs_of_a_process_that_runs_elsewhere_change_nothing(spec, say):
    asks = await waiting(spec)
    with asks.journal.held():
        session = llmos.Session({})
        assert "waiting for you since" in await say(session, "ps --all")
        for verb in ("kill", "stop", "pause", "approve", "resume"):
            with pytest.raises(JournalLocked, match="runs elsewhere; do it there"):
                await carry_out(session, f"{verb} asks")
        told = await say(session, "show asks")
        assert "waiting for you since" in told and ", at hand: process " in told
    assert asks.state == "waiting"


# the terminal


async def test_llmos_ps_lists_what_is_unfinished_and_with_all_what_has_ended(spec, capsys):
    await waiting(spec, name="one")
    await (await waiting(spec, name="two")).kill()
    capsys.readouterr()
    assert cli.main(["ps"]) == 0
    shown = capsys.readouterr().out
    assert "one" in shown and "waiting for you since" in shown and "two" not in shown
    assert cli.main(["ps", "--all"]) == 0 and "killed" in capsys.readouterr().out
    assert cli.main(["ps", "--all", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(r["pid"], r["name"], r["ended"], r["waiting"]) for r in rows] == [
        (1, "one", False, True),
        (2, "two", True, False),
    ]


async def test_table_has_all_that_is_unfinished_and_of_what_has_ended_the_last_and_says_so(spec, capsys, monkeypatch):
    from llmos_nb.app import listing

    monkeypatch.setattr(listing, "LAST", 1)
    asks = await waiting(spec, name="asks")
    for name in ("old", "older", "last"):
        await (await waiting(spec, name=name)).kill()
    capsys.readouterr()
    for words in (["ps", "--all"], ["tree", "--all"]):
        assert cli.main(words) == 0
        shown = capsys.readouterr().out
        assert "asks" in shown and "last" in shown and "old" not in shown
        assert "2 that ended before are left out: llmos ps --all --json lists them" in shown
    assert cli.main(["ps", "--all", "--json"]) == 0 and len(capsys.readouterr().out.splitlines()) == 4
    assert cli.main(["ps"]) == 0 and "left out" not in capsys.readouterr().out
    await asks.kill()


async def test_top_and_tree_of_a_home_have_its_processes(spec, capsys):
    session = llmos.Session({})
    parent = session.start("Boss.", name="boss", model=spec(SLOW, name="slow.json"), approve="auto")
    child = parent.start_child("Work.", name="helper", model=spec(SLOW, name="slow.json"))
    await until_async(lambda: parent.run.state.request and child.run.state.request)
    await parent.journal.flush()
    await child.journal.flush()
    capsys.readouterr()
    assert cli.main(["tree"]) == 0
    boss, helper = capsys.readouterr().out.splitlines()
    assert boss.startswith("1 boss [running") and helper.startswith("└─ 2 helper [running")
    assert cli.main(["top"]) == 0
    heads, *rows = capsys.readouterr().out.splitlines()
    assert heads.split()[:3] == ["pid", "name", "state"] and len(rows) == 2
    await parent.kill()


def test_llmos_ps_of_an_empty_home_says_so(capsys):
    assert cli.main(["ps", "--home", "nowhere"]) == 0 and "nothing is unfinished in" in capsys.readouterr().out


async def test_reject_of_a_call_that_does_not_wait_rejects_no_other(spec, say):
    process = await waiting(spec)
    with pytest.raises(UsageError, match="'r9.0': no such call"):
        await say(llmos.Session({}), f'reject {process.pid} r9.0 "why"')
    assert process.run.state.calls["r1.0"].status == "asked"
