"""Pages follow all processes of a notebook over one comm, by differences, and decide on them whatever the main thread does."""

import re
import subprocess
import sys
import time
from queue import Empty

import pytest
from notebook_driver import Notebook, reply_to
from turns import python
from waits import until

from llmos_nb.app.lab.processes import TARGET
from llmos_nb.journal.events import ModelRequested
from llmos_nb.session import Session

WRITES = python("open('x.txt', 'w').write('1')")


class Pages:
    """What a page is told of a notebook's processes."""

    def __init__(self, book):
        self.book, self.comm, self.view, self.rev = book, "", {}, -1
        self.told, self.heard, self.notes, self.idle = [], set(), [], set()

    def attach(self):
        """Find the comm as a page that comes later does, and ask for all."""
        found = self.offered()
        assert len(found) == 1
        self.comm = found[0]
        self.say(verb="sync", rev=-1)
        self.until(lambda: self.rev >= 0)
        return self

    def offered(self):
        client = self.book.client
        asked = client.comm_info(target_name=TARGET)
        return list(reply_to(client, asked)["content"]["comms"])

    def say(self, **content):
        session = self.book.client.session
        data = {"method": "custom", "content": content}
        self.book.client.shell_channel.send(session.msg("comm_msg", {"comm_id": self.comm, "data": data}))

    def look(self):
        try:
            message = self.book.client.get_iopub_msg(timeout=0.05)
        except Empty:
            return
        content = message["content"]
        if message["msg_type"] == "status" and content["execution_state"] == "idle":
            self.idle.add(message["parent_header"].get("msg_id"))
        if message["msg_type"] != "comm_msg" or content["comm_id"] != self.comm:
            return
        self.take(content["data"]["content"])

    def take(self, told):
        self.told.append((time.monotonic(), told))
        if told["kind"] == "heard":
            self.heard.add(told["seq"])
        elif told["kind"] == "note":
            self.notes.append(told["text"])
        elif told["kind"] == "full":
            self.view, self.rev = dict(told["view"]), told["view"]["rev"]
        elif told["kind"] != "update" or self.rev < 0:
            return
        elif told["rev"] > self.rev + 1:  # what a cell of ours has said was read with its output
            self.say(verb="sync", rev=self.rev)
        elif told["rev"] == self.rev + 1:
            self.rev = told["rev"]
            self.view |= told["patch"].get("set", {})
            for key in told["patch"].get("drop", ()):
                del self.view[key]

    def until(self, holds, seconds=60):
        return until(holds, lambda: f"{self.view} {self.notes}", seconds, self.look)

    @property
    def rows(self):
        return [row for key, row in self.view.items() if re.fullmatch(r"p\d+", key)]

    def row(self, pid):
        return self.view.get(f"p{pid}", {})

    def asks(self, pid):
        self.until(lambda: self.row(pid).get("ask"))
        return self.row(pid)["ask"]


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    with Notebook(tmp_path_factory.mktemp("pages"), stdin=True) as book:
        yield book


def start(book, name, *turns, options="--plan none --bg"):
    """Start a process in the background and return its number."""
    spec = book.script(*turns, name=f"{name}.json")
    ran = book.run(f"%%agent {name} {options} -m {spec}\nGo.")
    assert ran.status == "ok"
    return int(re.search(r"process (\d+)", ran.text)[1])


def journal(book, name):
    return "".join(p.read_text() for p in book.folder.glob(f".llmos/runs/*-{name}/journal.jsonl"))


def test_row_says_what_waits_with_its_digest_and_that_nothing_was_sent_unasked(book):
    pages = Pages(book)
    pages.comm = pages.offered()[0]
    pid = start(book, "waits", WRITES, {"text": "done"})
    assert pages.told == []
    pages.attach()
    ask = pages.asks(pid)
    assert [b["verb"] for b in ask["buttons"]] == ["approve", "reject"] and not ask["danger"]
    assert ask["call"] == "r1.0" and len(ask["digest"]) == 64
    assert pages.row(pid)["state"] == "Waiting for you" and pages.row(pid)["what"] == "it wants to write a file"
    assert pages.view[f"t{pid}"]["found"][-1]["who"] == "you" and pages.view[f"t{pid}"]["open"]


def test_decision_is_heard_and_on_record_while_a_cell_holds_the_main_thread(book):
    pid = start(book, "held", WRITES, {"text": "done"})
    pages = Pages(book).attach()
    ask = pages.asks(pid)
    cell = book.send("import pathlib, time\nwhile not pathlib.Path('go').exists(): time.sleep(0.02)")
    pages.say(verb="approve", pid=pid, call=ask["call"], digest=ask["digest"], seq="a")
    pages.until(lambda: "a" in pages.heard and not pages.row(pid)["ask"])
    assert cell not in pages.idle and '"what":"approve"' in journal(book, "held")
    (book.folder / "go").touch()
    pages.until(lambda: pages.row(pid)["ended"] and cell in pages.idle)


def test_approval_of_something_else_than_was_seen_does_not_count(book):
    pid = start(book, "stale", WRITES, {"text": "done"})
    pages = Pages(book).attach()
    ask = pages.asks(pid)
    pages.say(verb="approve", pid=pid, call=ask["call"], digest="0" * 64, seq="b")
    pages.until(lambda: "stale_approval" in journal(book, "stale"))
    assert pages.row(pid)["ask"]["digest"] == ask["digest"]
    pages.say(verb="reject", pid=pid, call=ask["call"], seq="c")
    pages.until(lambda: pages.row(pid)["ended"])


def test_only_differences_are_sent_and_ten_a_second_at_most(book):
    pages = Pages(book).attach()
    pages.told.clear()
    turns = [python(f"x = {n}") for n in range(20)]
    began = time.monotonic()
    spec = book.script(*turns, {"text": "done"}, name="many.json")
    book.send(f"%%agent many -a auto --plan none --bg -m {spec}\nGo.")
    rows = lambda: [row for row in pages.rows if row["name"] == "many"]  # noqa: E731
    pages.until(lambda: rows() and rows()[0]["ended"])
    pid = rows()[0]["pid"]
    took = time.monotonic() - began
    sent = [told for _, told in pages.told if told["kind"] == "update"]
    assert 0 < len(sent) <= 10 * took + 2
    named = {key for told in sent for key in told["patch"].get("set", {})}
    assert named <= {f"p{pid}", f"t{pid}", "home", "root"}


def test_ended_rows_are_cleared_by_a_click_and_by_age_and_what_goes_on_comes_back(book):
    pages = Pages(book).attach()
    spec = book.script({"text": "one"}, {"text": "two"}, name="short.json")
    ran = book.run(f"%%agent short -a auto --plan none --bg -m {spec}\nGo.")
    pid = int(re.search(r"process (\d+)", ran.text)[1])
    pages.say(verb="sync", rev=-1)  # what came while a cell ran was read with its output
    pages.until(lambda: pages.row(pid).get("ended"))
    waits = start(book, "stays", WRITES, {"text": "done"})
    pages.say(verb="sync", rev=-1)
    pages.asks(waits)
    pages.say(verb="clear")
    pages.until(lambda: not pages.row(pid))
    assert pages.row(waits)["ask"] and not [row for row in pages.rows if row["ended"]]
    book.run(f'%agent send {pid} "And then?"')
    pages.say(verb="sync", rev=-1)
    pages.until(lambda: pages.row(pid).get("ended"))  # it went on, and is seen again
    book.run("from llmos_nb.app.lab import rows\nrows.ENDED_S = -1.0")
    pages.say(verb="reject", pid=waits, call=pages.row(waits)["ask"]["call"], seq="old")
    pages.until(lambda: not pages.row(waits) and not pages.row(pid))
    book.run("rows.ENDED_S = 12 * 3600.0")


def test_page_is_told_why_a_click_did_nothing(book):
    pages = Pages(book).attach()
    pages.say(verb="approve", pid=999, call="r1.0", seq="d")
    pages.say(verb="export", pid=1, seq="e")
    pages.until(lambda: {"d", "e"} <= pages.heard and len(pages.notes) == 2)
    assert "no such process" in pages.notes[0] and "export: not offered here" in pages.notes[1]


def test_row_names_the_cell_in_which_the_process_was_shown_last(book):
    session, client = book.client.session, book.client
    spec = book.script(WRITES, {"text": "done"}, name="placed.json")

    def run(cell, code):
        content = {"code": code, "silent": False, "allow_stdin": True, "store_history": True}
        client.shell_channel.send(session.msg("execute_request", content, metadata={"cellId": cell}))

    pages = Pages(book).attach()
    run("cell-a", f"%%agent placed --plan none --bg -m {spec}\nGo.")
    pages.until(lambda: any(row["cell"] == "cell-a" and row["ask"] for row in pages.rows))
    pid = next(row["pid"] for row in pages.rows if row["cell"] == "cell-a")
    pages.until(lambda: pages.row(pid)["ask"])
    pages.say(verb="pause", pid=pid, seq="f")
    pages.until(lambda: "f" in pages.heard)
    run("cell-b", f"%agent show {pid}")
    pages.until(lambda: pages.row(pid)["cell"] == "cell-b")
    pages.say(verb="stop", pid=pid, seq="g")
    pages.until(lambda: pages.row(pid)["state"].startswith("Paused"))


LEFT = """
from llmos_nb import Session
from llmos_nb.models.scripted import ScriptedModel
with Session({}, home=".llmos").create("Read mail.", name="left", model=ScriptedModel([])).journal.held():
    pass
"""  # an interpreter that ends, and leaves a process that is written and driven by nobody


def test_what_is_unfinished_in_the_home_and_lives_nowhere_stands_there_with_its_command(book):
    pages = Pages(book).attach()
    pages.until(lambda: "root" in pages.view)
    assert pages.view["home"] == []  # what lives here stands in its notebook
    subprocess.run([sys.executable, "-c", LEFT], cwd=book.folder, check=True)
    pages.say(verb="sync", rev=pages.rev)
    pages.until(lambda: pages.view["home"])
    row = pages.view["home"][0]
    assert (row["name"], row["command"]) == ("left", f"%agent resume {row['pid']}")
    assert row["state"].startswith("broke off") and row["goal"] == "Read mail."


def test_what_another_interpreter_has_at_hand_is_shown_and_not_resumed(book):
    pages = Pages(book).attach()
    pages.until(lambda: "root" in pages.view)

    def theirs():
        return next((row for row in pages.view["home"] if row["name"] == "theirs"), {})

    marked = "from llmos_nb.journal import Home, look, mark_holder\nhome = Home(Path('.llmos'))\n"
    marked += "folder = next(g.folder for g in look(home).runs if g.name == 'theirs')\n"
    marked += "mark_holder(home.runs / folder / 'journal.jsonl', 'other.ipynb')\n"
    left = LEFT.replace('"left"', '"theirs"')
    code = f"from pathlib import Path\n{left}{marked}print('there', flush=True)\ninput()"
    held = [sys.executable, "-c", code]
    with subprocess.Popen(held, cwd=book.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "there\n"
        pages.say(verb="sync", rev=pages.rev)
        pages.until(lambda: theirs().get("state", "").endswith(", in other.ipynb"))
        assert theirs()["command"] == f"%agent show {theirs()['pid']}"
        other.communicate("\n")


def test_process_that_was_only_opened_stands_by_its_journal_until_it_goes_on_here(book):
    book.script({"text": "hello"}, name="opened.json")
    spec = f"script:{book.folder / 'opened.json'}"
    made = Session({}, home=book.folder / ".llmos").create("Say hello.", name="opened", model=spec, plan="none")
    with made.journal.held():  # written, and its model is asked
        made.run.append(ModelRequested(request=1, head="h", ledger=0, window=[]))
    pages = Pages(book).attach()
    with made.journal.held():
        found = book.run(f"%agent log {made.pid}")  # it finds it in the home
        assert found.status == "ok", found.error
        pages.say(verb="sync", rev=-1)  # what was told while that cell was read
        pages.until(lambda: pages.row(made.pid).get("state") == "Running (elsewhere)")
        assert (pages.row(made.pid)["acts"], pages.row(made.pid)["ask"]) == ([], None)
    pages.until(lambda: pages.row(made.pid)["acts"] == ["Resume"])
    assert pages.row(made.pid)["state"].startswith("Broke off")
    times = pages.view[f"t{made.pid}"]
    assert times["found"][-1]["who"] == "model" and not times["open"]  # its time ends where its events do
    pages.say(verb="resume", pid=made.pid, seq="h")
    pages.until(lambda: pages.row(made.pid)["state"] == "Answered")


def test_loading_costs_one_message_loading_again_withdraws_it_and_unloading_all(tmp_path):
    with Notebook(tmp_path, stdin=True, extension=False, fresh=True) as book:
        lately = "sorted(m for m in __import__('sys').modules if m in ('llmos_nb.app.lab.rows', 'anywidget'))"
        assert book.run(f"%load_ext llmos_nb\nprint({lately})").text.strip() == "[]"
        before = Pages(book).offered()
        assert book.run("%reload_ext llmos_nb").status == "ok"
        after = Pages(book).offered()
        assert (len(before), len(after)) == (1, 1) and after != before
        assert book.run("%unload_ext llmos_nb").status == "ok"
        assert Pages(book).offered() == []


def test_nothing_is_offered_where_no_page_can_show_it(tmp_path):
    with Notebook(tmp_path, fresh=True) as book:
        spec = book.script({"text": "done"})
        assert book.run(f"%%agent -a auto --plan none -m {spec}\nGo.").status == "ok"
        assert Pages(book).offered() == []
        loaded = book.value("[m for m in __import__('sys').modules if m.startswith('llmos_nb.app.lab.')]")
        assert loaded == "[]"
