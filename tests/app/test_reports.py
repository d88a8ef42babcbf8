"""What `%agent` shows in a notebook: tables and pictures, which follow what happens and stop by themselves."""

import time
from datetime import datetime
from queue import Empty
from xml.etree import ElementTree

import pytest
from notebook_driver import LONGEST_S, Notebook
from turns import python
from waits import until

from llmos_nb.app.present import report as reports
from llmos_nb.errors import JournalError
from llmos_nb.views.report import Report

GATE = "import asyncio\ngate = asyncio.Event()"
FOLLOWED = "len(__import__('llmos_nb.app.present.report').app.present.report._following)"


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    with Notebook(tmp_path_factory.mktemp("reports"), stdin=True) as book:
        yield book


def page(ran):
    """Parse what a cell showed as HTML."""
    return ElementTree.fromstring(ran.html)


def updates(book, display_id, fits):
    """Collect the updates of a display until one fits; with the times at which they were sent."""
    found, ends = [], time.monotonic() + LONGEST_S
    while time.monotonic() < ends:
        try:
            message = book.client.get_iopub_msg(timeout=0.1)
        except Empty:
            continue
        content = message["content"]
        if content.get("transient", {}).get("display_id") != display_id:
            continue
        found.append((message["header"]["date"], content["data"]))
        if fits(content["data"]["text/plain"]):
            return found
    raise AssertionError(f"it did not come to that: {found[-1:]}")


def display_id(ran):
    (shown,) = [m for m in ran.messages if m["msg_type"] == "display_data"]
    return shown["content"]["transient"]["display_id"]


def test_ps_follows_the_processes_until_nothing_goes_on(book):
    spec = book.script(python("await gate.wait()"), {"text": "It is open."})
    book.run(GATE)
    assert book.run("%agent ps").text.strip() == "no processes yet" and book.value(FOLLOWED) == "0"
    for name in ("first", "second"):
        assert book.run(f"%%agent {name} --bg -a auto -m {spec}\nWait for it.").status == "ok"
    older = book.run("%agent ps")
    (table,) = page(older).iter("table")
    assert [h.text for h in table.iter("th") if h.get("scope") == "col"][:3] == ["pid", "name", "state"]
    assert [h.text for h in table.iter("th") if h.get("scope") == "row"] == ["1", "2"]
    newer = book.run("%agent tree")
    assert book.value(FOLLOWED) == "1", "the newest alone moves"
    book.run("gate.set()")
    seen = updates(book, display_id(newer), lambda said: said.count("answered") == 2)
    times = [at if isinstance(at, datetime) else datetime.fromisoformat(at) for at, _ in seen]
    assert len(seen) <= 2 * (times[-1] - times[0]).total_seconds() + 2, "at most two a second"
    assert all(d["text/html"].count("<table>") == 1 for _, d in seen)
    until(lambda: book.value(FOLLOWED) == "0", "it stops by itself")


SHOWN = {
    "cost 1": (1, ["Spent, of the budget"], "unit"),
    "context 1": (1, ["Parts of the prompt"], "part"),
    "trace 1": (1, ["Spans"], "model"),
    "loop 1": (1, [], "plan"),
    "log 1": (0, ["Events"], "run.started"),
    "log 1 --decisions": (0, ["Who decided what"], "the mode auto"),
    "tools 1": (0, ["What it may call"], "python"),
    "plan 1": (0, ["No plan; its calls"], "r1.0"),
    "show 1 r1.0": (0, ["Tokens and time"], "ran, nothing to compare"),
    "tree": (0, ["Processes and their children"], "1 first"),
    "ps --all": (0, ["Processes of"], "answered"),
    "top": (0, ["What processes use now"], "answered"),
}


@pytest.mark.parametrize("line", SHOWN)
def test_commands_show_tables_and_pictures_with_the_same_as_text(book, line):
    if book.run("%agent ps").text.strip() == "no processes yet":
        spec = book.script(python("1 + 1"), {"text": "2"})
        book.run(f"%%agent first -a auto -m {spec}\nAdd.")
    pictures, captions, word = SHOWN[line]
    ran = book.run(f"%agent {line}")
    assert ran.status == "ok", ran.error
    root = page(ran)
    images = list(root.iter("img"))
    assert len(images) >= pictures and all(len(i.get("alt")) > 20 for i in images)
    found = [c.text for c in root.iter("caption")]
    assert all(any(c.startswith(wanted) for c in found) for wanted in captions)
    assert word in ran.text and not list(root.iter("script")) and not list(root.iter("svg"))


def test_what_is_for_other_programs_stays_plain(book):
    for line in ("log 1 --json", "log 1 --verify"):
        ran = book.run(f"%agent {line}")
        assert ran.status == "ok" and ran.text and not ran.html


def test_without_a_page_a_table_stands_once(tmp_path):
    with Notebook(tmp_path) as headless:
        spec = headless.script(python("await gate.wait()"), {"text": "ok"})
        headless.run(GATE)
        headless.run(f"%%agent one --bg -a auto -m {spec}\nWait.")
        assert "<table>" in headless.run("%agent ps").html and headless.value(FOLLOWED) == "0"


async def test_what_can_be_shown_no_more_ends_quietly(monkeypatch):
    shown = []

    def make():
        if shown:
            raise JournalError("it is gone")
        return Report("one", [])

    monkeypatch.setattr(reports, "EVERY_S", 0)
    monkeypatch.setattr(reports, "front_end", lambda ip: "panel")
    monkeypatch.setattr(reports.Place, "put", lambda self, report: shown.append(report.title))
    reports.follow(None, make, lambda: True)
    (task,) = reports._following
    await task
    assert shown == ["one"] and task.exception() is None


def test_a_step_that_is_not_there_is_said_with_those_that_are(book):
    if book.run("%agent ps").text.strip() == "no processes yet":
        spec = book.script(python("1 + 1"), {"text": "2"})
        book.run(f"%%agent first -a auto -m {spec}\nAdd.")
    ran = book.run("%agent show 1 7")
    assert ran.status == "error" and "has no step or call 7 (there are: r1.0" in ran.error
