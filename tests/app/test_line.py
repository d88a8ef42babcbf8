"""The quiet line under a cell: it stops Run All, and goes when the process has gone on; in real kernels."""

import pytest
from notebook_driver import Notebook
from turns import python
from waits import until

SLOW = python(
    "kept = 1\nopen('begun', 'w').close()\nimport time\nwhile not __import__('pathlib').Path('go').exists(): time.sleep(0.01)"
)
DONE = {"text": "Done at last."}


@pytest.fixture
def book(tmp_path):
    with Notebook(tmp_path, stdin=True) as book:
        yield book


def lines(messages):
    """Return the lines that stand: by display id, what was shown last of those that said that it is not answered."""
    found = {}
    for m in messages:
        key = m["content"].get("transient", {}).get("display_id", "")
        if m["msg_type"] in ("display_data", "update_display_data") and key.endswith("-line"):
            found[key] = m["content"]["data"].get("text/plain", "")
    return [text for text in found.values() if "NotAnswered" in text]


def stopped(book, *turns):
    """Run a process and stop it in the middle of its step."""
    spec = book.script(SLOW, *turns, DONE)
    sent = book.send(f"%%agent slow -a auto -m {spec}\nWait.")
    next_cell = book.send("print('must not run')")
    until(lambda: (book.folder / "begun").exists())
    book.manager.interrupt_kernel()
    return book.collect(sent), book.collect(next_cell)


def test_the_line_of_a_paused_process_goes_when_it_has_answered(book):
    ran, following = stopped(book)
    assert ran.status == "error" and following.status == "aborted"
    assert len(lines(ran.messages)) == 1 and "process 1 is paused" in lines(ran.messages)[0]
    assert not [m for m in ran.messages if m["msg_type"] == "error"]
    (book.folder / "go").touch()
    again = book.run("%agent resume 1")
    assert again.status == "ok", again.error
    assert lines([*ran.messages, *again.messages]) == []


def test_the_line_stays_while_the_process_stands_as_it_says(book):
    ran, _ = stopped(book)
    other = book.run("%agent ps")
    assert len(lines([*ran.messages, *other.messages])) == 1


def test_a_process_that_pauses_again_has_one_line_under_the_cell_that_resumed_it(book):
    ran, _ = stopped(book, SLOW)
    (book.folder / "begun").unlink()
    sent = book.send("%agent resume 1")
    until(lambda: (book.folder / "begun").exists())
    book.manager.interrupt_kernel()
    again = book.collect(sent)
    assert again.status == "error"
    assert len(lines(again.messages)) == 1 and len(lines([*ran.messages, *again.messages])) == 1


def test_a_process_that_ended_without_an_answer_keeps_its_line_until_it_is_resumed(book):
    spec = book.script(python("x = 1"), DONE)
    ran = book.run(f"%%agent poor -a auto -b '1 steps' -m {spec}\nGo.")
    assert ran.status == "error" and "ended: budget" in lines(ran.messages)[0]
    raised = book.run("%agent budget 1 +5 steps")
    assert "%agent resume 1 goes on" in raised.text
    assert len(lines([*ran.messages, *raised.messages])) == 1
    again = book.run("%agent resume 1")
    assert again.status == "ok" and lines([*ran.messages, *raised.messages, *again.messages]) == []


def test_other_errors_and_handlers_of_the_users_own_are_shown_as_before(book):
    book.run(
        "class Mine(Exception): pass\nget_ipython().set_custom_exc((Mine,), lambda ip, *a, **k: print('my own handler'))"
    )
    ran, _ = stopped(book)
    assert len(lines(ran.messages)) == 1
    assert "my own handler" in book.run("raise Mine").text
    assert book.run("1 / 0").error.startswith("ZeroDivisionError")
    own = book.run("from llmos_nb.errors import NotAnswered\nraise NotAnswered('said by hand')")
    assert own.status == "error" and "said by hand" in own.error and lines(own.messages) == []


def test_without_widgets_the_line_is_the_error_of_the_cell(tmp_path):
    with Notebook(tmp_path) as book:
        ran = book.run(f"%%agent -m {book.script()}\nGo.")
        assert ran.status == "error" and "NotAnswered" in ran.error and lines(ran.messages) == []
