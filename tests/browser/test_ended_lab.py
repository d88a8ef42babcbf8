"""A panel after its end, in JupyterLab: undo, ask further, save, reload, a session that is gone, other programs."""

import os
import re
import subprocess
import sys

import nbformat
import pytest
from front_ends import approve, book, choose, opened, python, reload, run_all, save, script, tab

pytestmark = pytest.mark.browser
RUN = "application/vnd.llmos.run+json"
DRAW = "import matplotlib.pyplot as plt\nplt.plot([1, 2, 3])\nplt.show()\nmade = [1, 2, 39]\nsum(made)"
TURNS = [
    python(DRAW),
    {"text": "The sum is 42."},
    python("made.append(8)\nsum(made)"),
    {"text": "Now the sum is 50."},
]


def shot(page, name):
    if folder := os.environ.get("LLMOS_SHOTS"):
        page.screenshot(path=f"{folder}/{name}.png")


def saved_form_is_whole(folder):
    """See that the notebook holds one output in all forms, and that another program shows answer and figure."""
    saved = nbformat.read(folder / "ended.ipynb", as_version=4)
    forms = [o.data for o in saved.cells[1].outputs if RUN in o.get("data", {})]
    assert len(forms) == 1 and "application/vnd.jupyter.widget-view+json" not in forms[0]
    assert [e["k"] for e in forms[0][RUN]["view"]["events"]][-1] == "call.redone"
    assert "data:image/png;base64," in forms[0]["text/html"]
    command = [sys.executable, "-m", "nbconvert", "--to", "html", "ended.ipynb"]
    subprocess.run(command, cwd=folder, capture_output=True, check=True)
    html = (folder / "ended.html").read_text("utf-8")
    assert "Now the sum is 50." in html and "data:image/png;base64," in html and "displaying widget" not in html


def test_the_panel_lives_on_after_the_end_through_reload_until_its_session_is_gone(browser, server):
    folder = server[2]
    script(folder, "ended.json", TURNS)
    cell = "%%agent ended -a auto --plan none -m script:ended.json\nSum `[1, 2, 39]` and draw it."
    book(folder, "ended", "%load_ext llmos_nb", cell)
    page = opened(browser, server, "lab", "ended")
    run_all(page)
    panel = page.locator(".llm")
    try:
        page.locator(".llm[data-state=finished]").wait_for()
    finally:
        shot(page, "1-ended")
    assert panel.count() == 1
    panel.get_by_role("button", name="Undo all").click()
    shot(page, "1-undone")
    panel.get_by_role("button", name="Redo").click()
    panel.locator(".foot [data-act=redo][aria-disabled=true]").wait_for()
    line = panel.get_by_role("textbox", name="Ask further")
    line.fill("And with 8 more?")
    line.press("Enter")
    panel.get_by_text("Now the sum is").wait_for()
    shot(page, "2-further")
    save(page)
    reload(page)
    page.locator(".llm[data-state=finished]").wait_for()
    panel.get_by_role("button", name="Undo all").click()
    shot(page, "3-reloaded")
    panel.get_by_role("button", name="Redo").click()
    panel.locator(".foot [data-act=undo_all]:not([aria-disabled])").wait_for()
    page.locator(".jp-mod-dirty").first.wait_for()  # the page puts what it was told into its notebook
    save(page)
    choose(page, "Kernel", re.compile("^Restart Kernel…"))
    page.locator(".jp-Dialog .jp-mod-accept").click()
    panel.get_by_text("until this session knows the process").wait_for()
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Control+Enter")
    panel.get_by_role("button", name="Export notebook").and_(page.locator(":enabled")).wait_for()
    choose(page, "Kernel", re.compile("^Shut Down Kernel$"))
    panel.get_by_text("The buttons rest: ").wait_for()  # not "until this session knows the process"
    shot(page, "4-gone")
    panel.get_by_role("button", name="Undo all").and_(page.locator(":disabled")).wait_for()
    page.close()
    saved_form_is_whole(folder)


def test_a_tab_that_was_closed_while_it_waited_is_opened_again_and_its_notebook_gets_the_answer(browser, server):
    folder = server[2]
    script(folder, "closed.json", TURNS[2:])
    book(
        folder,
        "closed",
        "%load_ext llmos_nb\nmade = [42]",
        "%%agent -a step --plan none -m script:closed.json\nAdd 8.",
    )
    page = opened(browser, server, "lab", "closed")
    run_all(page)
    page.locator(".llm .card").wait_for()
    page.wait_for_timeout(600)  # what a notebook keeps of it is renewed in a moment
    save(page)
    page.close()
    page = tab(browser, server, "lab", "closed")  # its cell still runs
    page.get_by_role("button", name="Approve", exact=True).and_(page.locator(":enabled")).wait_for()
    approve(page)
    page.locator(".llm[data-state=finished]").wait_for()
    page.locator(".jp-mod-dirty").first.wait_for()
    save(page)
    shot(page, "5-closed")
    page.close()
    saved = nbformat.read(folder / "closed.ipynb", as_version=4)
    forms = [o.data for o in saved.cells[1].outputs if RUN in o.get("data", {})]
    assert len(forms) == 1 and "Now the sum is 50." in forms[0]["text/plain"]
