"""What the model writes and a step prints reaches the panel as it comes, on a real kernel; nothing is put beside it."""

import pytest
from notebook_driver import Notebook
from page_driver import Page
from turns import python

LIVE = """
import pathlib, time
for n in range(3):
    print("line", n)
while not pathlib.Path("seen").exists():
    time.sleep(0.01)
import matplotlib.pyplot as plt
plt.plot([1, 2])
plt.show()
print("after")
"""


AT_ONCE = 6  # the line above the panel, the panel and its static form, when they are shown and at the end


@pytest.fixture
def book(tmp_path):
    with Notebook(tmp_path, stdin=True) as made:
        yield made


def test_prints_of_a_step_that_holds_the_main_thread_are_in_the_panel_while_it_runs(book):
    page, spec = Page(book), book.script(python(LIVE), {"text": "done"})
    sent = book.send(f"%%agent -a auto --plan none -m {spec}\nPrint.")
    page.until(lambda: "line 2" in page.view.get("printed", ""))
    assert page.view["printed"] == "line 0\nline 1\nline 2\n"
    assert page.view["clock"]["say"] == "{} so far"
    (book.folder / "seen").touch()
    page.until(lambda: sent in page.idle)
    assert "line 0" not in page.text[sent] and page.displays[sent] == []  # no picture beside the panel either


def test_messages_of_a_run_of_twenty_calls_stay_within_ten_a_second(book):
    page = Page(book)
    code = "import time\nfor i in range(30):\n    print({}, i)\n    time.sleep(0.004)"
    turns = [python(code.format(n)) for n in range(20)]
    spec = book.script(*turns, {"text": "done"})
    sent = book.send(f"%%agent -a auto --plan none -b '40 steps, 50 calls' -m {spec}\nCount.")
    page.until(lambda: sent in page.idle)
    assert page.view["state"] == "Answered"
    assert len(page.messages) <= 10 * (page.messages[-1] - page.messages[0]) + AT_ONCE
    assert len(page.messages) > 15  # and it was told what happened
