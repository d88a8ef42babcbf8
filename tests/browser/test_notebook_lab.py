"""The main job in JupyterLab and Notebook: run all, edit, approve, stop, reload, with a person's mouse."""

import contextlib
import json
import re

import nbformat
import pytest

from llmos_nb.journal import read

pytestmark = pytest.mark.browser
FRONTENDS = {
    "lab": "lab/workspaces/{name}/tree/{folder}/{name}.ipynb",
    "notebook": "notebooks/{folder}/{name}.ipynb",
}
PLAN = {
    "plan": [
        {"title": "make a list", "expect": "[1, 2]"},
        {"title": "add to it", "expect": "3", "depends_on": [1]},
    ]
}


def python(code):
    return {"calls": [{"name": "python", "arguments": {"code": code}}]}


ONE = [PLAN, python("made = [1, 2]\nmade"), python("made.append(3)\nlen(made)"), {"text": "It has 3 items."}]
TWO = [
    python("total = sum(made)\ntotal"),
    python("open('total.txt', 'w').write(str(total))"),
    {"text": "The total is 6."},
]


def book(folder, name, *cells):
    """Write a notebook with these code cells."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    made.cells = [nbformat.v4.new_code_cell(c) for c in cells]
    nbformat.write(made, folder / f"{name}.ipynb")


def script(folder, name, turns):
    (folder / name).write_text(json.dumps({"version": 1, "turns": turns}))


def address(server, front_end, name):
    url, token, folder = server
    return f"{url}{FRONTENDS[front_end].format(folder=folder.name, name=name)}?token={token}"


def opened(browser, server, front_end, name, first=None):
    """Open a notebook; `first` sees its page before anything is loaded."""
    page = browser.lab_page(1400, 1200)
    if first is not None:
        first(page)
    page.set_default_timeout(20_000)
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(address(server, front_end, name))
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(state="attached")
    page.keyboard.press("Escape")
    return page


def reload(page):
    """Load the page again until its cells are there: that a front end starts has a bound of its own."""
    page.reload()
    page.locator(".jp-CodeCell .cm-content").first.wait_for()


def save(page):
    """Save, again where the page has renewed meanwhile what its notebook keeps of a process."""
    for _ in range(40):
        page.keyboard.press("Control+s")
        page.wait_for_timeout(500)
        if not page.locator(".jp-mod-dirty").count():
            return
    raise AssertionError("the notebook is never saved")


def run_all(page):
    """Run every cell through the front end's menu, once the first cell can be seen to have run."""
    from playwright.sync_api import Error, expect  # without it the fixtures skip

    first = page.locator(".jp-CodeCell .jp-InputPrompt").first
    for _ in range(3):  # a front end that is still starting can lose a click on its menu; a person clicks again
        try:
            page.get_by_role("menuitem", name="Run", exact=True).click()
            page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        except Error as error:
            dialogs = page.locator(".jp-Dialog").all_inner_texts()
            raise AssertionError(f"nobody can click on the menu; dialogs in the way: {dialogs}") from error
        with contextlib.suppress(AssertionError):
            expect(first).to_have_text(re.compile(r"\[(\*|1)\]"), timeout=7_000)
            break
    expect(first).to_have_text(re.compile(r"\[1\]"), timeout=20_000)


def journal(folder, name):
    found = sorted((folder / ".llmos" / "runs").glob(f"*-{name}/journal.jsonl"))
    return read(found[-1])


@pytest.mark.parametrize("front_end", FRONTENDS)
def test_run_all_edit_approve_and_the_next_cell_uses_the_result(browser, server, front_end):
    folder = server[2]
    name = f"two-{front_end}"
    script(folder, f"{name}-1.json", ONE)
    script(folder, f"{name}-2.json", TWO)
    book(
        folder,
        name,
        "%load_ext llmos_nb",
        f"%%agent one-{front_end} -m script:{name}-1.json\nMake a list of two, then add a third.",
        f"%%agent two-{front_end} -m script:{name}-2.json\nSum `made`, and write it down.",
    )
    page = opened(browser, server, front_end, name)
    run_all(page)
    first = page.locator(".llm").first
    title = first.get_by_role("textbox", name="Title of step 2")
    title.fill("add a third item")
    title.press("Enter")
    page.wait_for_function("document.activeElement.matches('.llm li[data-n=\"2\"]')")
    first.get_by_role("textbox", name="Expectation of step 2").fill("len(made) == 3")
    first.get_by_role("textbox", name="Expectation of step 2").press("Enter")
    for _ in range(400):  # until the panel has both edits, too: it is drawn anew by them
        if [e.k for e in journal(folder, f"one-{front_end}")].count("plan.edited") == 2:
            break
        page.wait_for_timeout(50)
    page.wait_for_timeout(600)  # Approve takes nothing for its first half second
    first.get_by_role("button", name="Approve", exact=True).click()
    page.get_by_text("It has 3 items.").first.wait_for()  # the static form has taken the panel's place
    second = page.locator(".llm").last
    second.locator(".card").wait_for()
    page.wait_for_timeout(600)
    second.get_by_role("button", name="Approve", exact=True).click()
    page.get_by_text("The total is 6.").first.wait_for()
    assert (folder / "total.txt").read_text() == "6"
    kinds = [e.k for e in journal(folder, f"one-{front_end}")]
    assert kinds.index("plan.edited") < kinds.index("plan.decided")
    edited = next(e for e in journal(folder, f"one-{front_end}") if e.k == "plan.edited")
    assert [s["title"] for s in edited.d["steps"]] == ["make a list", "add a third item"]
    integrated = [e.d for e in journal(folder, f"one-{front_end}") if e.k == "step.integrated"]
    assert integrated[-1]["compared"] == "len(made) == 3" and integrated[-1]["met"]
    assert any(e.k == "call.decided" and e.d["by"] == "you" for e in journal(folder, f"two-{front_end}"))
    page.close()


def test_the_panels_stop_ends_code_that_holds_the_main_thread(browser, server):
    folder = server[2]
    script(folder, "endless.json", [python("import time\ntime.sleep(60)"), {"text": "done"}])
    book(
        folder, "endless", "%load_ext llmos_nb", "%%agent endless -m script:endless.json\nGo.", "print('next')"
    )
    page = opened(browser, server, "lab", "endless")
    run_all(page)
    page.locator(".llm[data-state=running]").wait_for()
    page.get_by_role("button", name="Stop", exact=True).click()
    page.locator(".llm[data-state=paused]").wait_for(timeout=5_000)
    page.locator(".jp-OutputArea-output", has_text="is paused").wait_for()
    assert page.get_by_text("next", exact=True).count() == 0
    page.close()


def test_reload_while_waiting_shows_the_panel_with_working_buttons(browser, server):
    folder = server[2]
    script(folder, "reload.json", ONE)
    book(folder, "reload", "%load_ext llmos_nb", "%%agent reload -m script:reload.json\nMake a list.")
    page = opened(browser, server, "lab", "reload")
    run_all(page)
    page.locator(".llm .card").wait_for()
    page.keyboard.press("Control+s")
    page.wait_for_function("!document.querySelector('.jp-mod-dirty')")
    reload(page)
    page.locator(".llm .card").wait_for()
    page.wait_for_timeout(600)
    page.get_by_role("button", name="Approve", exact=True).click()
    page.get_by_text("It has 3 items.").first.wait_for()
    page.close()


DRAWN = python(
    "import pathlib, time\nprint('said before the reload')\n"
    "while not pathlib.Path('reloaded').exists(): time.sleep(0.05)\n"
    "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\nprint('said after the reload')"
)


def test_outputs_of_a_background_step_are_there_after_a_reload(browser, server):
    folder = server[2]
    script(folder, "drawn.json", [DRAWN, {"text": "Drawn."}])
    cell = "%%agent drawn -a auto --bg -m script:drawn.json\nDraw."
    book(folder, "drawn", "%load_ext llmos_nb", cell, "print('next')", "%agent show drawn")
    page = opened(browser, server, "lab", "drawn")
    page.locator(".jp-CodeCell .cm-content").nth(1).click()
    page.keyboard.press("Escape")
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Above Selected Cell", exact=True).click()
    page.keyboard.press("Control+Enter")
    page.get_by_text("said before the reload").first.wait_for()
    page.keyboard.press("Control+s")
    page.wait_for_function("!document.querySelector('.jp-mod-dirty')")
    reload(page)
    (folder / "reloaded").touch()  # a page gets its widgets when the step lets go of the thread
    panel = page.locator(".llm").first
    finished = panel.and_(page.locator("[data-state=finished]"))
    finished.wait_for(timeout=90_000)  # the first import of matplotlib on a machine looks for its fonts
    panel.get_by_role("button", name="Open call r1.0", exact=True).click()
    panel.get_by_text("said after the reload").last.wait_for()
    picture = panel.get_by_role("img", name="figure: 1 line")
    assert picture.evaluate("image => image.naturalWidth") > 100
    page.locator(".jp-CodeCell .cm-content").last.click()
    page.keyboard.press("Control+Enter")
    page.locator(".jp-CodeCell").last.locator(".llm[data-state=finished]").wait_for()
    save(page)
    saved = nbformat.read(folder / "drawn.ipynb", as_version=4).cells[-1].outputs
    html = "".join(o.data.get("text/html", "") for o in saved if "data" in o)
    assert "said after the reload" in html and "data:image/png;base64," in html
    page.close()


def test_saved_notebook_is_readable_and_show_brings_the_panel_back(browser, server):
    folder = server[2]
    script(folder, "saved.json", ONE)
    goal = "Make a list <img src=x onerror=alert(1)>."
    book(
        folder,
        "saved",
        "%load_ext llmos_nb",
        f"%%agent saved -a auto -m script:saved.json\n{goal}",
        "%agent show saved",
    )
    page = opened(browser, server, "lab", "saved")
    run_all(page)
    for panel in (page.locator(".llm").first, page.locator(".llm").last):  # the one of the run lives on, too
        panel.and_(page.locator("[data-state=finished]")).wait_for()
    page.get_by_role("button", name="Undo all", exact=True).first.click()
    page.locator("li.step[data-s=undone]").first.wait_for()
    assert "call.undone" in [e.k for e in journal(folder, "saved")]
    save(page)
    page.close()
    saved = nbformat.read(folder / "saved.ipynb", as_version=4)
    html = "".join(o.data.get("text/html", "") for o in saved.cells[1].outputs if "data" in o)
    assert "It has 3 items." in html and "make a list" in html and "<img src=x" not in html
    assert not any(
        "application/vnd.jupyter.widget-view+json" in o.get("data", {}) for o in saved.cells[1].outputs
    )
