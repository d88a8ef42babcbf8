"""The main job in JupyterLab and Notebook: run all, edit, approve, stop, reload, with a person's mouse."""

import nbformat
import pytest
from front_ends import (
    FRONTENDS,
    approve,
    begin,
    book,
    choose,
    journal,
    opened,
    python,
    reload,
    run_all,
    save,
    script,
    until,
)

pytestmark = pytest.mark.browser
PLAN = {
    "plan": [
        {"title": "make a list", "expect": "[1, 2]"},
        {"title": "add to it", "expect": "3", "depends_on": [1]},
    ]
}


ONE = [PLAN, python("made = [1, 2]\nmade"), python("made.append(3)\nlen(made)"), {"text": "It has 3 items."}]
TWO = [
    python("total = sum(made)\ntotal"),
    python("open('total.txt', 'w').write(str(total))"),
    {"text": "The total is 6."},
]


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
    edits = lambda: [e.k for e in journal(folder, f"one-{front_end}")].count("plan.edited") == 2  # noqa: E731
    until(edits, "both edits in the journal", page)
    approve(first)
    page.get_by_text("It has 3 items.").first.wait_for()  # the static form has taken the panel's place
    second = page.locator(".llm").last
    second.locator(".card").wait_for()
    approve(second)
    page.get_by_text("The total is 6.").first.wait_for()
    assert (folder / "total.txt").read_text() == "6"
    kinds = [e.k for e in journal(folder, f"one-{front_end}")]
    assert kinds.index("plan.edited") < kinds.index("plan.decided")
    edited = next(e for e in journal(folder, f"one-{front_end}") if e.k == "plan.edited")
    assert [s["title"] for s in edited.d["steps"]] == ["make a list", "add a third item"]
    integrated = [e.d for e in journal(folder, f"one-{front_end}") if e.k == "step.integrated"]
    assert integrated[-1]["compared"] == "len(made) == 3" and integrated[-1]["met"]
    assert any(e.k == "call.decided" and e.d["by"]["name"] == "you" for e in journal(folder, f"two-{front_end}"))
    page.close()


def test_the_panels_stop_ends_code_that_holds_the_main_thread(browser, server):
    from playwright.sync_api import expect  # without it the fixtures skip

    folder = server[2]
    script(folder, "endless.json", [python("import time\ntime.sleep(600)"), {"text": "done"}])
    book(folder, "endless", "%load_ext llmos_nb", "%%agent endless -m script:endless.json\nGo.", "print('next')")
    page = opened(browser, server, "lab", "endless")
    run_all(page)
    page.locator(".llm[data-state=running]").wait_for()
    page.get_by_role("button", name="Stop", exact=True).click()
    page.locator(".llm[data-state=paused]").wait_for()
    page.locator(".jp-OutputArea-output", has_text="is paused").wait_for()
    never_ran = page.locator(".jp-CodeCell").last.locator(".jp-InputPrompt")
    expect(never_ran).to_have_text("[ ]:")  # what was sent with the cell before has been given up
    assert page.get_by_text("next", exact=True).count() == 0
    page.close()


def test_after_a_reload_while_it_waits_its_buttons_work_and_the_notebook_is_saved_with_what_came(browser, server):
    folder = server[2]
    turns = [
        ONE[0],
        python("made = [1, 2]\nmade"),
        python("made.append(3)\nprint('there are', len(made))"),
        ONE[-1],
    ]
    script(folder, "reload.json", turns)
    book(folder, "reload", "%load_ext llmos_nb", "%%agent reload -m script:reload.json\nMake a list.")
    page = opened(browser, server, "lab", "reload")
    run_all(page)
    page.locator(".llm .card").wait_for()
    save(page)
    reload(page)
    page.locator(".llm .card").wait_for()
    approve(page)
    page.get_by_text("It has 3 items.").first.wait_for()

    def saved():
        save(page)
        (output,) = nbformat.read(folder / "reload.ipynb", as_version=4).cells[1].outputs
        return "It has 3 items." in output.data["text/html"] and output.data

    forms = until(saved, "a notebook with the answer", page)
    assert "there are 3" in forms["text/html"] and "It has 3 items." in forms["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" not in forms  # nobody could draw it without its session
    page.close()


DRAWN = python(
    "import pathlib, time\nimport matplotlib.pyplot as plt\nprint('said before the reload')\n"
    "while not pathlib.Path('reloaded').exists(): time.sleep(0.05)\n"
    "plt.plot([1, 2])\nplt.show()\nprint('said after the reload')"
)


def test_outputs_of_a_background_step_are_there_after_a_reload(browser, server):
    folder = server[2]
    script(folder, "drawn.json", [DRAWN, {"text": "Drawn."}])
    cell = "%%agent drawn -a auto --bg -m script:drawn.json\nDraw."
    book(folder, "drawn", "%load_ext llmos_nb", cell, "print('next')", "%agent show drawn")
    page = opened(browser, server, "lab", "drawn")
    first, goal = (page.locator(".jp-CodeCell").nth(n) for n in (0, 1))

    def run_above():
        goal.locator(".cm-content").click()
        page.keyboard.press("Escape")
        choose(page, "Run", "Run All Above Selected Cell")

    begin(page, first, run_above)
    first.locator(".jp-InputPrompt", has_text="[1]").wait_for()
    begin(page, goal, lambda: (goal.locator(".cm-content").click(), page.keyboard.press("Control+Enter")))
    # matplotlib is imported by then: the first import on a machine looks for its fonts
    page.get_by_text("said before the reload").first.wait_for()
    save(page)
    reload(page)
    (folder / "reloaded").touch()  # a page gets its widgets when the step lets go of the thread
    panel = page.locator(".llm").first
    panel.and_(page.locator("[data-state=finished]")).wait_for()
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
    undone = lambda: "call.undone" in [e.k for e in journal(folder, "saved")]  # noqa: E731
    until(undone, "the undone call in the journal", page)  # on disk a moment after the page shows it
    save(page)
    page.close()
    saved = nbformat.read(folder / "saved.ipynb", as_version=4)
    html = "".join(o.data.get("text/html", "") for o in saved.cells[1].outputs if "data" in o)
    assert "It has 3 items." in html and "make a list" in html and "<img src=x" not in html
    assert not any("application/vnd.jupyter.widget-view+json" in o.get("data", {}) for o in saved.cells[1].outputs)
