"""Clicks are heard on a real kernel whatever its main thread does, and come by that thread where they cannot be."""

import json
import time
from queue import Empty

import pytest
from notebook_driver import Notebook
from turns import call, python

from llmos_nb.app.present.clicks import ASKED, listen

BUSY_S = 4


class Clicks:
    """What a page sees of one panel: its comm, and what comes back on it."""

    def __init__(self, book):
        self.book, self.comm, self.heard, self.seen = book, "", {}, []

    def look(self):
        """Take one message in."""
        try:
            message = self.book.client.get_iopub_msg(timeout=0.05)
        except Empty:
            return
        self.seen.append(message)
        content = message["content"]
        if message["msg_type"] == "comm_open" and "_esm" in content["data"].get("state", {}):
            self.comm = content["comm_id"]
        told = content.get("data", {}).get("content", {}) if message["msg_type"] == "comm_msg" else {}
        if told.get("kind") == "heard":
            self.heard[told["seq"]] = time.monotonic()

    def of(self, sent, word):
        """Whether a cell has sent a message with this word."""
        return any(m["parent_header"].get("msg_id") == sent and word in str(m["content"]) for m in self.seen)

    def until(self, holds, seconds=20):
        """Take messages in until something holds."""
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, "it did not come"
            self.look()

    def begin(self, code):
        """Send a cell and wait until it has begun."""
        sent = self.book.client.execute(f"print('begun', flush=True)\n{code}")
        self.until(lambda: self.of(sent, "begun"))
        return sent

    def click(self, seq, **verb):
        """Send a click as a page does, and wait until it is acknowledged."""
        data = {"method": "custom", "content": {**verb, "seq": seq}}
        message = self.book.client.session.msg("comm_msg", {"comm_id": self.comm, "data": data})
        self.book.client.shell_channel.send(message)
        self.until(lambda: seq in self.heard)


@pytest.fixture
def waiting(tmp_path):
    """A process that waits for an approval in the background, its panel on a page."""
    with Notebook(tmp_path, stdin=True) as book:
        spec = book.script(python("x = 41\nprint('made', x)"), {"text": "done"})
        clicks = Clicks(book)
        sent = book.send(f"%%agent -a step --plan none --bg -m {spec}\nCount.")
        clicks.until(lambda: clicks.comm and "question.asked" in journal(tmp_path))
        yield book, clicks, sent


def journal(folder):
    """Return what stands in the journal of the one process."""
    return "".join(path.read_text() for path in folder.glob("*/runs/*/journal.jsonl"))


@pytest.mark.parametrize(
    "code",
    [
        f"import time; time.sleep({BUSY_S})",
        f"import time\nend = time.monotonic() + {BUSY_S}\nwhile time.monotonic() < end: pass",
    ],
)
def test_click_is_acknowledged_and_on_record_while_the_users_cell_holds_the_main_thread(waiting, code):
    book, clicks, _ = waiting
    sent = clicks.begin(code)
    clicks.click(7, verb="reject", call="r1.0", why="not now")
    clicks.until(lambda: "not now" in journal(book.folder))
    assert not clicks.of(sent, "idle")  # the cell still runs
    clicks.until(lambda: clicks.of(sent, "idle"))


def test_step_approved_while_the_users_cell_runs_prints_in_its_own_cell_after_it(waiting):
    book, clicks, owner = waiting
    sent = clicks.begin(f"import time; time.sleep({BUSY_S / 4})\nprint('x' in globals())")
    clicks.click(1, verb="approve")
    clicks.until(lambda: "run.ended" in journal(book.folder) and clicks.of(owner, "made 41"))
    assert clicks.of(sent, "False") and not clicks.of(sent, "made 41")


def test_kill_ends_a_sleeping_step_and_is_on_the_record(tmp_path):
    with Notebook(tmp_path, stdin=True) as book:
        spec = book.script(python("import time\ntime.sleep(60)"), {"text": "done"})
        clicks = Clicks(book)
        book.send(f"%%agent -a auto --plan none -m {spec}\nSleep.")
        clicks.until(lambda: clicks.comm and "call.started" in journal(tmp_path))
        clicks.click(3, verb="kill")
        clicks.until(lambda: "run.ended" in journal(tmp_path))
        last = json.loads(journal(tmp_path).splitlines()[-1])
        assert last["k"] == "run.ended" and "killed" in str(last["d"])


def test_message_goes_its_way_whatever_is_wrong_with_a_click():
    class Comm:
        def _reply_subshell_for(self, data, default):
            return default

    def broken(content):
        raise RuntimeError("broken")

    comm, seen = Comm(), []
    assert listen(comm, seen.append) and listen(comm, broken)
    route = getattr(comm, ASKED)
    assert route({"method": "custom", "content": {"verb": "pause"}}, "main") == "main"
    assert route({"method": "update", "state": {}}, "main") == "main" and route(None, None) is None
    assert seen == [{"verb": "pause"}]


def test_backend_without_the_question_leaves_clicks_to_the_main_thread():
    assert not listen(object(), call)


def test_question_is_asked_by_the_installed_ipykernel():
    """It is a private name: when it goes, clicks wait for the main thread again, and this says so."""
    from ipykernel.comm.comm import BaseComm

    assert callable(getattr(BaseComm, ASKED, None))
