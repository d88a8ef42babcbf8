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


DISPLAYS = """
from IPython.display import HTML, Markdown, display
import matplotlib.pyplot as plt
import pandas as pd
print("before")
display(pd.DataFrame({"kg": [2.5], "who": ["<i>Ann"]}))
display(HTML("<h3>Sum</h3><b>5</b> <img src='http://example.org/y.png'><script>alert(2)</script>"))
display(Markdown("**bold** ![x](http://example.org/x.png) <script>alert(1)</script>"))
print("after")
plt.plot([1, 2])
plt.show()
pd.DataFrame({"city": ["Rome <b>"], "n": [2]})
"""


def shown(ran):
    """Return what a cell shows, in order: printed texts as they are, and the richest form of what is more."""
    for message in ran.messages:
        content = message["content"]
        if message["msg_type"] == "stream":
            yield content["text"]
        elif message["msg_type"] in ("display_data", "execute_result"):
            data = content["data"]
            yield next((kind for kind in data if kind.startswith("image/")), None) or data["text/html"]


def test_without_a_panel_a_step_displays_what_a_cell_would_in_its_place_and_nothing_live(tmp_path):
    with Notebook(tmp_path) as book:
        spec = book.script(python(DISPLAYS), {"text": "done"})
        found = list(shown(book.run(f"%%agent -a auto --plan none -m {spec}\nShow.")))
    at = [next(i for i, text in enumerate(found) if text.startswith("    → before"))]
    at += [next(i for i, text in enumerate(found) if "<table" in text and "2.5" in text)]
    at += [next(i for i, text in enumerate(found) if "<h4>Sum</h4>" in text and "<b>5</b>" in text)]
    at += [next(i for i, text in enumerate(found) if "<b>bold</b>" in text)]
    at += [next(i for i, text in enumerate(found) if text.startswith("    → after")), found.index("image/png")]
    at += [next(i for i, text in enumerate(found) if "<table" in text and "Rome" in text)]
    assert at == sorted(at) and found.count("image/png") == 1
    assert "figure: 1 line" not in "".join(found[: at[-1]])
    html = "".join(text for text in found if text.startswith("<"))
    assert not any(live in html for live in ("<script", '<img src="http', "Rome <b>", "<i>Ann", "href"))


def test_in_the_panel_the_page_of_a_row_shows_what_a_cell_would(book):
    page, spec = Page(book), book.script(python(DISPLAYS), {"text": "done"})
    sent = book.send(f"%%agent -a auto --plan none -m {spec}\nShow.")
    page.until(lambda: sent in page.idle and page.view["state"] == "Answered")
    page.click(1, verb="output", step="r1.0")
    page.until(lambda: page.view.get("sheet"))
    gave = [b for b in page.view["sheet"]["blocks"] if b["kind"] not in ("text", "table", "code")]
    assert [b.get("code") or b.get("markdown") or b["kind"] for b in gave] == [
        "before",
        "|  | kg | who |\n| ---: | ---: | --- |\n| 0 | 2.5 | <i>Ann |",
        "### Sum\n\n**5**",
        "**bold** ![x](http://example.org/x.png) <script>alert(1)</script>",
        "after",
        "heading",
        "image",
        "grid",
        "pairs",
    ]
