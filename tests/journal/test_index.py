"""The index of a home: what it says is what the journals say, however stale, torn or missing it is."""

import json
import os
import platform
import shutil
import subprocess
import sys

import pytest

from llmos_nb.journal import Home, Journal, driver_of, look
from llmos_nb.journal.events import (
    YOU,
    LabelChanged,
    RunEnded,
    RunPaused,
    RunResumed,
    RunStarted,
    SignalReceived,
)

ENDED = RunEnded(reason="answered", detail="", answer="42")


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "here")


def begin(home, *more, name=""):
    """Write a journal with a beginning and what is given."""
    folder, pid = home.new(name or "go")
    journal = Journal(folder / "journal.jsonl")
    began = RunStarted(version=2, goal="Go.", model="m", name=name, pid=pid, budget={}, parent=None)
    write(journal, began, *more)
    return journal


def write(journal, *bodies):
    with journal.held():
        for body in bodies:
            journal.append(body)


def ends(home):
    return {g.pid: g.reason for g in look(home).runs}


def index(home):
    return home.root / "index.json"


def test_look_tells_what_has_ended_from_what_has_not_in_order(home):
    begin(home, ENDED)
    begin(home, RunPaused(why="you paused it"), name="second")
    begin(home)
    found = look(home)
    assert [(g.pid, g.name, g.reason) for g in found.runs] == [
        (1, "", "answered"),
        (2, "second", ""),
        (3, "", ""),
    ]
    assert [g.pid for g in found.unfinished] == [2, 3] and found.whole


def test_what_is_taken_back_after_the_end_leaves_it_ended_and_resuming_does_not(home):
    forgot = SignalReceived(signal="forget", by=YOU, call="all", bytes=0)
    undone = begin(home, ENDED, LabelChanged(name="x", label="untrusted", why="it"), forgot)
    resumed = begin(home, RunEnded(reason="budget", detail="", answer=None), RunResumed(epoch=1))
    assert ends(home) == {1: "answered", 2: ""}
    write(resumed, ENDED)
    write(undone, RunResumed(epoch=1))
    assert ends(home) == {1: "", 2: "answered"}


def test_end_far_before_the_last_lines_is_found(home):
    long = [LabelChanged(name=f"name{i}", label="untrusted", why="w" * 200) for i in range(100)]
    begin(home, ENDED, *long)
    begin(home, *long)
    assert ends(home) == {1: "answered", 2: ""}


def test_words_in_a_payload_are_no_end(home):
    said = '"k":"run.ended","d":{"reason":"answered"}'
    begin(home, RunPaused(why=said), RunPaused(why=json.dumps({"k": "run.ended", "d": {}, "n": 1, "at": ""})))
    assert ends(home) == {1: ""}


def test_index_is_used_where_the_journal_is_as_it_was(home):
    journal = begin(home, ENDED)
    assert ends(home) == {1: "answered"}
    stat = journal.path.stat()
    raw = json.loads(index(home).read_text())
    raw["runs"][0][-1] = "told by the index"
    index(home).write_text(json.dumps(raw))
    assert ends(home) == {1: "told by the index"}
    os.utime(journal.path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert ends(home) == {1: "answered"}, "another time of the file: it was read again"


@pytest.mark.parametrize(
    "rotten", ["", "{", "[]", "null", '{"version": 0, "runs": []}', '{"version": 1, "runs": [[]]}', '{"version": 1}',
               '{"version": 1, "runs": 3}', "\x00\xff"]
)  # fmt: skip
def test_index_that_cannot_be_read_is_made_anew(home, rotten):
    begin(home, ENDED)
    look(home)
    index(home).write_text(rotten)
    assert ends(home) == {1: "answered"}
    assert json.loads(index(home).read_text())["runs"][0][-1] == "answered"


def test_index_forgets_runs_that_are_gone_and_holds_no_goal(home):
    journal, _ = begin(home, ENDED), begin(home)
    assert ends(home).keys() == {1, 2} and "Go." not in index(home).read_text()
    journal.path.unlink()
    assert ends(home).keys() == {2} and len(json.loads(index(home).read_text())["runs"]) == 1


def test_look_without_time_says_that_it_is_not_whole_and_with_it_goes_on(home):
    for _ in range(3):
        begin(home)
    assert look(home, patience_s=-1.0).whole is False
    assert look(home).whole and look(home, patience_s=-1.0).whole, "what stands in the index costs no reading"


def test_torn_odd_and_foreign_files_break_nothing_and_are_nothing_unfinished(home):
    torn = begin(home)
    with torn.path.open("ab") as file:
        file.write(b'{"n":1,"at":"2026-01-01T00:00:00+00:00","k":"run.en')
    for name, text in (("2026-01-01-7-odd", "no line of ours\n"), ("2026-01-01-8-empty", ""), ("notes", "x")):
        (home.runs / name).mkdir()
        (home.runs / name / "journal.jsonl").write_text(text)
    assert ends(home) == {1: "", 7: "unreadable"}
    shutil.rmtree(home.runs / "2026-01-01-7-odd")


def test_look_at_no_home_makes_none(home):
    assert look(home).runs == [] and not home.root.exists()


def test_home_that_cannot_be_written_is_looked_through_without_an_index(home, monkeypatch):
    begin(home, ENDED)
    monkeypatch.setattr("pathlib.Path.write_text", lambda *a, **k: (_ for _ in ()).throw(PermissionError()))
    assert ends(home) == {1: "answered"} and not index(home).exists()


# who drives


def test_driver_is_whoever_holds_the_journal_now(home):
    journal = begin(home)
    assert driver_of(journal.path) == ""
    with journal.held():
        assert driver_of(journal.path) == f"process {os.getpid()} on {platform.node()}"
    assert driver_of(journal.path) == ""


def test_mark_of_a_dead_interpreter_and_of_a_number_given_anew_drive_nothing(home):
    journal = begin(home)
    owner = journal.path.with_suffix(".owner")
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True
    )
    for pid in (dead.stdout.strip(), str(os.getpid()), "0x7", ""):
        owner.write_text(f"process {pid} on {platform.node()}")
        assert driver_of(journal.path) == ""
    owner.write_text("process 7 on elsewhere")
    assert driver_of(journal.path) == "process 7 on elsewhere"
    write(journal, ENDED)  # it could still be taken
