"""Clicks are heard on a real kernel whatever its main thread does, and come by that thread where they cannot be."""

import json

import pytest
from ipykernel.comm.comm import BaseComm
from notebook_driver import Notebook
from page_driver import Page
from turns import call, python
from waits import until

import llmos_nb as llmos
from llmos_nb.app.present import panel
from llmos_nb.app.present.clicks import ASKED, listen
from llmos_nb.models.scripted import ScriptedModel

BUSY_S = 4


@pytest.fixture
def waiting(tmp_path):
    """A process that waits for an approval in the background, its panel on a page."""
    with Notebook(tmp_path, stdin=True) as book:
        spec = book.script(python("x = 41\nprint('made', x)"), {"text": "done"})
        page = Page(book)
        sent = book.send(f"%%agent -a step --plan none --bg -m {spec}\nCount.")
        page.until(lambda: page.comm and "question.asked" in journal(tmp_path))
        yield book, page, sent


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
    book, page, _ = waiting
    sent = page.begin(code)
    page.click(7, verb="reject", call="r1.0", why="not now")
    page.until(lambda: "not now" in journal(book.folder))
    assert sent not in page.idle  # the cell still runs
    page.until(lambda: sent in page.idle)


def test_what_is_said_in_the_panel_reaches_a_process_that_holds_its_cell(tmp_path):
    with Notebook(tmp_path, stdin=True) as book:
        spec = book.script(python("import time\ntime.sleep(2)"), {"text": "done"}, {"text": "with the median"})
        page = Page(book)
        book.send(f"%%agent -a auto --plan none -m {spec}\nSleep.")
        page.until(lambda: page.comm and "call.started" in journal(tmp_path))
        page.click(1, verb="send", text=" ")
        page.click(2, verb="send", text="take the median")
        page.until(lambda: "run.ended" in journal(tmp_path))
        assert journal(tmp_path).count('"signal":"steer"') == 1 and "take the median" in journal(tmp_path)
        assert "nothing was said" in page.notes and "it is told this before it goes on" in page.notes


def test_step_approved_while_the_users_cell_runs_prints_after_it_and_into_no_cell(waiting):
    book, page, _ = waiting
    sent = page.begin(f"import time; time.sleep({BUSY_S / 4})\nprint('x' in globals())")
    page.click(1, verb="approve")
    page.until(lambda: "run.ended" in journal(book.folder) and sent in page.idle)
    assert "False" in page.text[sent] and "made 41" in journal(book.folder)
    assert not any("made 41" in text for text in page.text.values())  # the panel shows it


def test_resume_takes_back_a_pause_while_the_step_that_it_waits_behind_holds_the_thread(tmp_path):
    held = "import pathlib, time\nwhile not pathlib.Path('go').exists(): time.sleep(0.02)"
    with Notebook(tmp_path, stdin=True) as book:
        spec = book.script(python(held), {"text": "done"})
        page = Page(book)
        book.send(f"%%agent -a auto --plan none -m {spec}\nWait.")
        page.until(lambda: page.comm and "call.started" in journal(tmp_path))
        for n, verb in enumerate(("pause", "resume", "pause", "resume")):
            page.click(n, verb=verb)
            page.until(lambda: journal(tmp_path).count(f'"signal":"{verb}"') == n // 2 + 1)  # noqa: B023 - at once
        assert "call.finished" not in journal(tmp_path)  # the step still holds the thread
        (tmp_path / "go").touch()
        page.until(lambda: "run.ended" in journal(tmp_path))
        assert "run.paused" not in journal(tmp_path) and '"reason":"answered"' in journal(tmp_path)


def test_kill_ends_a_sleeping_step_and_is_on_the_record(tmp_path):
    with Notebook(tmp_path, stdin=True) as book:
        spec = book.script(python("import time\ntime.sleep(60)"), {"text": "done"})
        page = Page(book)
        book.send(f"%%agent -a auto --plan none -m {spec}\nSleep.")
        page.until(lambda: page.comm and "call.started" in journal(tmp_path))
        page.click(3, verb="kill")
        page.until(lambda: "run.ended" in journal(tmp_path))
        last = json.loads(journal(tmp_path).splitlines()[-1])
        assert last["k"] == "run.ended" and "killed" in str(last["d"])


def test_what_is_wrong_with_a_click_is_said_in_the_panel(waiting):
    book, page, owner = waiting
    page.click(1, verb="kill")
    page.until(lambda: "run.ended" in journal(book.folder))
    page.click(2, verb="resume")
    page.until(lambda: any("fork it to go on" in note for note in page.notes))
    assert "fork it" not in page.text[owner]
    page.click(3, verb="export", path="script.json/x.ipynb")
    page.until(lambda: any("script.json" in note for note in page.notes))


def test_what_is_wrong_on_the_users_thread_is_said_in_the_panel(waiting):
    """Nothing of this kind is known to happen, so it is made to."""
    page = waiting[1]
    page.begin(
        """
from llmos_nb.errors import UsageError
from llmos_nb.process import decisions

def broken(*_):
    raise UsageError("it cannot be brought back")

decisions.check_doubt, decisions.brought_back, decisions.resolve = (lambda *_: None), (lambda *_: True), broken
"""
    )
    page.click(1, verb="resolve", call="r1.0", done=False)
    page.until(lambda: "it cannot be brought back" in page.notes)


def test_message_goes_its_way_whatever_is_wrong_with_a_click():
    class Comm:
        def _reply_subshell_for(self, data, default):
            return default

    def broken(content):
        raise RuntimeError("broken")

    comm, seen = Comm(), []
    assert listen(comm, seen.append) and listen(comm, broken)
    route = getattr(comm, ASKED)
    # to the main thread: what a subshell has done makes the page say that the session is idle
    assert route({"method": "custom", "content": {"verb": "pause"}}, "subshell") is None
    assert route({"method": "update", "state": {}}, "subshell") == "subshell" and route(None, None) is None
    assert seen == [{"verb": "pause"}]


async def test_what_a_page_says_as_soon_as_it_is_told_of_a_panel_is_heard(monkeypatch):
    class Quick(BaseComm):
        def publish_msg(self, msg_type, **_):
            if msg_type == "comm_open":
                getattr(self, ASKED)({"method": "custom", "content": {"verb": "sync", "rev": None}}, "subshell")

    heard = []
    monkeypatch.setattr(panel, "create_comm", Quick)
    shown = panel.PanelShown(llmos.Session({}).create("go", model=ScriptedModel([])))
    monkeypatch.setattr(shown.panel, "_receive", lambda _, content: heard.append(content["verb"]))
    shown.open()
    shown.process.dispatch.ask(lambda: None)
    assert heard == ["sync"]


@pytest.mark.parametrize(("chosen", "then"), [(None, 0.001), (0.02, 0.02)])
def test_code_that_loops_lets_a_click_pass_at_once_unless_the_user_has_chosen_how_soon(tmp_path, chosen, then):
    with Notebook(tmp_path, stdin=True) as book:
        assert book.run(f"import sys\nif {chosen}: sys.setswitchinterval({chosen})").status == "ok"
        page = Page(book)
        spec = book.script({"text": "done"})
        sent = book.send(f"%%agent -a auto --plan none -m {spec}\nAnswer.")
        page.until(lambda: sent in page.idle and page.comm)
        assert book.run("print(sys.getswitchinterval())").text.strip() == str(then)
        book.run("%unload_ext llmos_nb")
        assert book.run("print(sys.getswitchinterval())").text.strip() == str(chosen or 0.005)


def test_backend_without_the_question_leaves_clicks_to_the_main_thread():
    assert not listen(object(), call)


def test_question_is_asked_by_the_installed_ipykernel():
    """It is a private name: when it goes, clicks wait for the main thread again, and this says so."""
    from ipykernel.comm.comm import BaseComm

    assert callable(getattr(BaseComm, ASKED, None))


def test_a_command_behind_a_busy_step_says_why_it_waits_and_one_behind_nothing_does_not(tmp_path):
    with Notebook(tmp_path, stdin=True) as book:
        spec = book.script(python(f"open('begun', 'w').close()\nimport time; time.sleep({BUSY_S})"), {"text": "done"})
        assert "this cell waits" not in book.run("%agent ps").text
        assert book.run(f"%%agent -a auto --plan none --bg -m {spec}\nSleep.").status == "ok"
        until(lambda: (tmp_path / "begun").exists())
        said = {book.send("x = 1"): [], (ours := book.send("%agent ps")): []}
        while "idle" not in said[ours]:
            message = book.client.get_iopub_msg(timeout=60)
            content, sent = message["content"], message["parent_header"].get("msg_id")
            if sent in said:
                told = content.get("text") or content.get("data", {}).get("text/plain")
                said[sent].append(told or content.get("execution_state", ""))
        line, *table = said.pop(ours)
        assert line.startswith("this cell waits: r1.0 of process 1 runs on the notebook's thread until it ends.")
        assert "`llmos stop 1`" in line and "goal" in "".join(table)
        assert "waits" not in str(said)
        until(lambda: "answered" in book.run("%agent ps").text)
        assert "this cell waits" not in book.run("%agent ps").text
        assert book.run("%unload_ext llmos_nb").status == "ok"
