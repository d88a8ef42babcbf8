"""A process of `llmos serve` in a notebook: shown as it stands, steered where it is, and never taken from there."""

import json
import os
import signal

import pytest
from notebook_driver import Notebook
from page_driver import Page
from served import Served, llmos, rows, script, status
from test_processes import Pages, start
from turns import python

from llmos_nb.errors import JournalLocked
from llmos_nb.session import Session

WRITES = python("with open('made.txt', 'w') as file:\n    file.write('x')")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The folder in which all of them are, with its own home."""
    monkeypatch.delenv("LLMOS_HOME")
    return tmp_path


def begin(name="asks", *turns):
    """Hand a process over that waits for a person; give its number."""
    known = set(rows())
    llmos(
        "start",
        "Write made.txt.",
        "--name",
        name,
        "-m",
        script(f"{name}.json", *turns or (WRITES, {"text": "Made."})),
    )
    (pid,) = set(rows()) - known
    status(pid, "waiting")
    return pid


def text(home, pid):
    """Return the journal of a process."""
    (journal,) = home.glob(f".llmos/runs/*-{pid}-*/journal.jsonl")
    return journal.read_text("utf-8")


def kinds(home, pid):
    """Return the kinds of its events."""
    return [json.loads(line)["k"] for line in text(home, pid).splitlines()]


def shown(book, pid):
    """Return a page with the panel of a process, as `%agent show` draws it."""
    page = Page(book)
    sent = page.send(f"%agent show {pid}")
    page.until(lambda: sent in page.idle and page.comm)
    return page


def test_panel_says_where_it_waits_its_approve_runs_it_there_and_it_follows_to_the_end(home):
    with Served(), Notebook(home, stdin=True) as book:
        page = shown(book, pid := begin())
        assert page.view["state"] == "Waiting for you, at the service" and page.view["card"]["call"] == "r1.0"
        page.click(1, verb="approve", call="r1.0", digest=page.view["card"]["digest"])
        page.until(lambda: page.view["id"] == "finished")
        assert "r1.0 is approved" in " ".join(page.notes) and (home / "made.txt").exists()
        assert "run.resumed" not in kinds(home, pid)


def test_resume_in_a_panel_leaves_the_process_where_it_is_and_others_go_on(home):
    with Served(), Notebook(home, stdin=True) as book:
        page = shown(book, pid := begin())
        owner = rows()[pid]["owner"]
        page.click(1, verb="resume")
        page.until(lambda: page.notes)
        assert rows()[pid]["owner"] == owner and rows()[pid]["status"] == "waiting"
        assert kinds(home, pid)[-1] == "signal.received"  # the service noted it, and nobody resumed it
        own = book.run(f"%%agent own -a auto --plan none -m {book.script(python('n = 1'), {'text': 'Done.'})}\nGo.")
        assert own.status == "ok" and book.value("n") == "1"


CLICKS = [
    ({"verb": "reject", "call": "r1.0", "why": "not now"}, "not now"),
    ({"verb": "edit", "call": "r1.0", "code": "edited = 1"}, "edited = 1"),
    ({"verb": "approve_same", "call": "r1.0"}, '"policy.changed"'),
    ({"verb": "send", "text": "take y"}, "take y"),
    ({"verb": "budget", "more": "+3 steps"}, '"text":"budget"'),
    ({"verb": "kill"}, '"reason":"killed"'),
]


def test_every_button_of_the_panel_reaches_the_service(home):
    with Served(), Notebook(home, stdin=True) as book:
        for click, written in CLICKS:
            page = shown(book, pid := begin(click["verb"]))
            page.click(1, **click)
            page.until(lambda page=page: page.notes)
            journal = text(home, pid)
            assert written in journal and "run.resumed" not in journal, (click, page.notes)


def test_redo_of_a_process_of_the_service_puts_back_there_what_undo_took(home):
    with Served(), Notebook(home, stdin=True) as book:
        page = shown(book, pid := begin("redone", python("n = [1]"), WRITES, {"text": "Made."}))
        llmos("reject", str(pid), "no file")
        page.until(lambda: page.view["id"] == "finished")
        page.click(1, verb="undo")
        page.until(lambda: "call.undone" in kinds(home, pid))
        page.click(2, verb="redo")
        page.until(lambda: "r1.0 is put back" in " ".join(page.notes))
        assert "r1.0 is taken back" in book.run(f"%agent undo {pid}").text
        assert "r1.0 is put back" in book.run(f"%agent redo {pid}").text
        assert kinds(home, pid).count("call.redone") == 2
        assert book.run(f"%agent redo {pid}").error == f"UsageError: process {pid}: nothing was undone"


def test_what_can_only_be_done_there_is_said(home):
    with Served(), Notebook(home, stdin=True) as book:
        page = shown(book, pid := begin())
        page.click(1, verb="fork", at=1)
        page.until(lambda: page.notes)
        assert page.notes == [f"process {pid} is at the service: fork is done there"]


def test_nothing_here_writes_the_journal_of_a_process_that_another_interpreter_has(home):
    with Served():
        pid = begin()
        process = Session({}).find(pid)
        before = kinds(home, pid)
        assert process.state == "waiting"
        for act in (process.approve, process.pause, process.kill, lambda: process.rule("python", "allow")):
            with pytest.raises(JournalLocked, match=r"belongs to process \d+ \(service\)"):
                act()
        assert kinds(home, pid) == before
    assert Session({}).find(pid).approve("r1.0").process.pid == pid  # once nobody has it


async def test_resume_from_code_never_takes_a_process_from_a_living_service(home):
    with Served() as served:
        process = Session({}).find(pid := begin())
        with pytest.raises(JournalLocked, match=r"\(service\)"):
            await process.resume()
        assert "run.resumed" not in kinds(home, pid)
        served.kill()
        process.approve("r1.0")
        await process.resume()
        assert process.reason == "answered"


def test_process_that_broke_off_goes_on_by_the_panel_alone_and_holds_up_nobody(home):
    with Served() as served:
        pid = begin()
        served.kill()
    with Notebook(home, stdin=True) as book:
        page = shown(book, pid)
        assert page.view["state"] == "Paused"
        page.click(1, verb="approve", call="r1.0")
        page.click(2, verb="resume")
        page.until(lambda: page.view["id"] == "finished")  # what was approved is the same call here
        assert (home / "made.txt").exists() and kinds(home, pid).count("question.asked") == 1


def test_panel_says_that_its_service_died_and_that_another_took_it_up(home):
    with Served() as served, Notebook(home, stdin=True) as book:
        page = shown(book, begin())
        os.kill(served.program.pid, signal.SIGKILL)
        served.program.wait(60)
        page.until(lambda: page.view["state"] == "Paused")
        with Served():
            page.until(lambda: page.view["state"] == "Waiting for you, at the service")


def test_sidebar_sees_a_served_process_soon_and_decides_on_it(home):
    with Notebook(home, stdin=True) as book, Served():
        pages = Pages(book)
        pages.comm = pages.offered()[0]
        start(book, "own", {"text": "done"})
        pages.attach()
        pages.until(lambda: "root" in pages.view)
        one, two = begin("one"), begin("two")
        pages.until(lambda: {one, two} <= left(pages).keys() and left(pages)[two].get("ask"))
        row = left(pages)[one]
        assert row["state"] == "Waiting for you, at the service" and row["ask"]["call"] == "r1.0"
        bound = {"call": row["ask"]["call"], "digest": row["ask"]["digest"]}
        pages.say(verb="approve", pid=one, **bound, seq=1)
        pages.say(verb="reject", pid=two, **bound, seq=2)
        pages.until(lambda: one not in left(pages))
        assert (home / "made.txt").exists() and status(one, "ended")["state"] == "ended, answered"
        assert "call.decided" in kinds(home, two)


def test_sidebar_row_of_a_process_that_was_shown_follows_the_service(home):
    with Served(), Notebook(home, stdin=True) as book:
        pid = begin()
        page = shown(book, pid)
        pages = Pages(book).attach()
        pages.until(lambda: pages.row(pid).get("ask"))
        assert pages.row(pid)["state"] == "Waiting for you, at the service"
        pages.say(verb="approve", pid=pid, call="r1.0", seq=1)
        pages.until(lambda: pages.row(pid)["state"] == "Answered")
        assert page.comm and "Resume" not in pages.row(pid)["acts"]


def left(pages):
    """Return what the sidebar shows of the home, by pid."""
    return {row["pid"]: row for row in pages.view.get("home", ())}
