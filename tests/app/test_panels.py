"""Pages that draw panels themselves: they follow by comms, also of a process that has ended, and another session's."""

from contextlib import contextmanager
from queue import Empty

import pytest
from notebook_driver import Notebook
from served import wait_for
from turns import python
from waits import until

from llmos_nb.app.lab.panels import TARGET
from llmos_nb.views import plain

RUN = "application/vnd.llmos.run+json"
WIDGET = "application/vnd.jupyter.widget-view+json"
TURNS = [python("x = 20\nx"), {"text": "x is 20."}, python("y = x + 22\ny"), {"text": "y is 42."}]


class OwnPage:
    """A page with the extension, as the protocol sees it."""

    def __init__(self, book):
        self.book, self.opened, self.told, self.closed, self.shown = book, {}, [], [], []

    def look(self):
        try:
            message = self.book.client.get_iopub_msg(timeout=0.2)
        except Empty:
            return
        kind, content = message["msg_type"], message["content"]
        if kind == "comm_open" and content["target_name"] == TARGET:
            self.opened[content["comm_id"]] = content["data"]
        elif kind == "comm_close":
            self.closed.append(content["comm_id"])
        elif kind == "comm_msg" and "content" in content["data"]:
            self.told.append((content["comm_id"], content["data"]["content"]))
        elif kind in ("display_data", "update_display_data") and RUN in content["data"]:
            self.shown.append((kind, content["data"]))

    def until(self, holds):
        return until(holds, lambda: f"{self.told[-3:]} {self.closed}", rest=self.look)

    def heard(self, comm, kind):
        """Return the last message of a kind that came by a comm."""
        return next((m for c, m in reversed(self.told) if c == comm and m["kind"] == kind), None)

    def view(self, comm):
        """Return the view as the page would have it."""
        return self.until(lambda: self.heard(comm, "full"))["view"]

    def ended(self, name):
        """Return the last forms of a process that has ended, as its output holds them."""
        views = ((data[RUN]["view"], data) for _, data in reversed(self.shown))
        return next((data for view, data in views if (view["name"], view["id"]) == (name, "finished")), None)

    def say(self, comm, **content):
        self._send("comm_msg", comm, {"method": "custom", "content": content})

    def ask(self, comm, run):
        self._send("comm_open", comm, {"pid": run["pid"], "run": run["run"]}, target_name=TARGET)

    def _send(self, kind, comm, data, **more):
        client = self.book.client
        client.shell_channel.send(client.session.msg(kind, {"comm_id": comm, "data": data, **more}))


def at_home(patch, folder):
    """Have sessions that begin now keep their processes in a folder."""
    patch.setenv("LLMOS_HOME", str(folder / "home"))
    patch.setenv("LLMOS_TRUST", str(folder))


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    with notebook(tmp_path_factory.mktemp("panels")) as found:
        yield found


@contextmanager
def notebook(folder):
    """A notebook in a folder, and a page that it has greeted."""
    with pytest.MonkeyPatch.context() as patch:
        at_home(patch, folder)
        kernel = Notebook(folder, stdin=True, extension=False)
    with kernel as book:
        page = OwnPage(book)
        book.send("%load_ext llmos_nb")
        page.until(lambda: {"hello": True} in page.opened.values())
        yield book, page


def panel_of(page, cell):
    """Run a cell and return the comm of its panel."""
    before = set(page.opened)
    page.book.send(cell)
    return page.until(lambda: next((c for c, d in page.opened.items() if c not in before and "pid" in d), None))


def answered(page, spec, name):
    """Run a process to its end and return the comm of its panel, and how its output names the run."""
    page.shown.clear()
    comm = panel_of(page, f"%%agent {name} -a auto --plan none -m {spec}\nMake x.")
    return comm, page.until(lambda: page.ended(name))[RUN]


def state(page, comm):
    page.told.clear()
    page.say(comm, verb="sync", rev=None)
    return page.view(comm)


def test_a_page_follows_from_the_first_and_asks_further_after_the_end(book):
    book, page = book
    spec = book.script(*TURNS, name="first.json")
    page.shown.clear()  # what an earlier test left
    comm = panel_of(page, f"%%agent first -a auto --plan none -m {spec}\nMake x.")
    page.say(comm, verb="sync", rev=None)
    page.until(lambda: page.ended("first"))
    page.say(comm, verb="send", text="And 22 more?", seq="1")
    page.until(lambda: any("y is 42." in data["text/plain"] for _, data in page.shown))
    assert page.heard(comm, "heard") == {"kind": "heard", "seq": "1"}
    view = state(page, comm)
    assert view["now"][0]["words"] == ["Asked further: ", ["*", "And 22 more?"]]
    kind, data = page.shown[0]
    assert kind == "display_data" and data[WIDGET] and data[RUN]["comm"] == comm
    assert WIDGET not in page.shown[-1][1]
    assert len(page.shown) <= 8  # at waits, pauses and ends, not at each of the events
    page.say(comm, verb="keep")
    assert page.until(lambda: page.heard(comm, "keep"))["data"][RUN]["n"] == page.shown[-1][1][RUN]["n"]


@pytest.mark.parametrize("how", ["", "--bg"])
def test_the_foot_of_a_question_says_that_its_cell_holds_those_below_only_where_it_does(book, how):
    book, page = book
    name = f"foot{how.strip('-')}"
    spec = book.script(python("open('f.txt', 'w').close()"), {"text": "done"}, name=f"{name}.json")
    comm = panel_of(page, f"%%agent {name} {how} --plan none -m {spec}\nWrite.")
    pid = page.opened[comm]["pid"]
    page.until(lambda: state(page, comm)["card"])
    page.until(lambda: how or state(page, comm).get("cell"))
    said = plain(state(page, comm).get("cell", ""))
    assert ("--bg" in said, f"%agent approve {pid}" in said) == ((not how,) * 2)
    page.say(comm, verb="reject", call="r1.0", seq="r")
    page.until(lambda: state(page, comm)["id"] == "finished" and "cell" not in state(page, comm))


def test_where_no_page_follows_the_output_is_drawn_once_more_at_the_end_without_the_widget(book):
    book, page = book
    page.shown.clear()
    spec = book.script(*TURNS[:2], name="second.json")
    panel_of(page, f"%%agent second -a auto --plan none -m {spec}\nMake x.")
    page.until(lambda: page.ended("second"))
    own = [data for _, data in page.shown if data[RUN]["view"]["name"] == "second"]
    assert [WIDGET in data for data in own] == [True, False]


def test_a_page_that_is_opened_later_asks_and_its_clicks_count(book):
    book, page = book
    spec = book.script(python("z = [20]\nz"), TURNS[1], name="third.json")
    first, run = answered(page, spec, "third")
    page.ask("late", run)
    assert page.view("late")["state"] == "Answered"
    page.say("late", verb="undo_all", seq="1")
    page.until(lambda: state(page, first)["state"] == "Answered, then undone")
    page.ask("wrong", {**run, "run": "0" * 64})
    assert "another than the one" in page.until(lambda: page.heard("wrong", "gone"))["why"]
    page.ask("none", {**run, "pid": 999})
    assert "no such process" in page.until(lambda: page.heard("none", "gone"))["why"]
    page.until(lambda: {"wrong", "none"} <= set(page.closed))


def test_click_that_is_refused_is_answered_with_its_ticket_and_what_else_is_said_is_not(book):
    book, page = book
    comm, _ = answered(page, book.script(*TURNS[:2], name="refused.json"), "refused")
    page.say(comm, verb="edit", step=9, title="Other", seq="e")
    said = page.until(lambda: page.heard(comm, "note"))
    assert said["seq"] == "e" and "9" in said["text"]
    page.told.clear()
    page.say(comm, verb="send", text=" ", seq="s")
    assert page.until(lambda: page.heard(comm, "note")) == {"kind": "note", "text": "nothing was said"}


def test_a_page_of_another_session_finds_the_process_in_the_home_and_asks_further(tmp_path, monkeypatch):
    at_home(monkeypatch, tmp_path)
    with notebook(tmp_path) as (book, page):
        spec = book.script(python("z = [20]\nz"), TURNS[1], name="fourth.json")
        comm, run = answered(page, spec, "fourth")
        page.say(comm, verb="undo_all", seq="1")
        page.until(lambda: state(page, comm)["state"] == "Answered, then undone")
        (journal,) = tmp_path.glob("home/runs/*-fourth/journal.jsonl")
        wait_for(lambda: "call.undone" in journal.read_text("utf-8"))  # the notebook is killed, not ended
        book.script(python("z = [20]\nz"), TURNS[1], python("y = 42\ny"), TURNS[3], name="fourth.json")
    with Notebook(tmp_path, stdin=True) as other:  # the first one has ended: else it would answer
        again = OwnPage(other)
        again.ask("p", run)
        assert again.view("p")["state"] == "Answered, then undone"
        again.say("p", verb="send", text="And 22 more?", seq="1")
        again.until(lambda: "y is 42." in str(state(again, "p")["now"]))
        view = state(again, "p")
        assert view["id"] == "finished" and view["now"][0]["words"] == [
            "Asked further: ",
            ["*", "And 22 more?"],
        ]


def undoing(view):
    """Return the verbs that can be pressed, and the rows, of a view that take something back, or put it back."""
    buttons = [b["verb"] for b in view["foot"]["buttons"] if not b.get("off")]
    return [v for v in buttons if v in ("undo_all", "redo")], [row["n"] for row in view["steps"] if row.get("back")]


def test_undo_is_offered_in_another_session_once_that_holds_what_the_steps_changed(tmp_path, monkeypatch):
    at_home(monkeypatch, tmp_path)
    with notebook(tmp_path) as (book, page):
        comm, run = answered(page, book.script(*TURNS, name="reach.json"), "reach")
        assert undoing(state(page, comm)) == (["undo_all"], ["r1.0"])
    with Notebook(tmp_path, stdin=True) as other:
        again = OwnPage(other)
        again.ask("p", run)
        view = again.view("p")
        assert undoing(view) == ([], []) and view["foot"]["note"].startswith("No Undo: what the steps changed is not")
        again.say("p", verb="send", text="And 22 more?", seq="1")  # its steps run again, and are held from then on
        again.until(lambda: "y is 42." in str(state(again, "p")["now"]))
        assert undoing(state(again, "p")) == (["undo_all"], ["r1.0", "r3.0"])


def test_a_page_of_another_session_asks_further_where_the_process_is(tmp_path, monkeypatch):
    at_home(monkeypatch, tmp_path)
    with notebook(tmp_path) as (book, page), Notebook(tmp_path, stdin=True) as other:
        _, run = answered(page, book.script(*TURNS, name="fifth.json"), "fifth")
        again = OwnPage(other)
        again.ask("p", run)
        assert again.view("p")["state"] == "Answered"
        again.say("p", verb="send", text="And 22 more?", seq="1")
        again.until(lambda: "y is 42." in str(state(again, "p")["now"]))
        assert book.value("y") == "42" and other.value("'y' in globals()") == "False"
