"""A lesson in JupyterLab, as a learner has it: predict by a click, step through the run, pass a check."""

import json
import shutil
from pathlib import Path

import pytest
from front_ends import opened, run_all

from llmos_nb.lessons.solutions import solution_text

pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser
NOTEBOOK = Path(__file__).parent.parent.parent / "notebooks" / "01-loop.ipynb"
SOURCES = ["".join(c["source"]) for c in json.loads(NOTEBOOK.read_text())["cells"]]


def place(words):
    """Where the cell stands that holds these words."""
    return next(n for n, source in enumerate(SOURCES) if words in source)


@pytest.fixture(scope="module")
def lesson(browser, server):
    """The lesson, open, with every cell run once; all cells stand on one tall page."""
    folder = server[2]
    shutil.copyfile(NOTEBOOK, folder / NOTEBOOK.name)
    page = opened(browser, server, "lab", NOTEBOOK.stem, size=(1200, 9000))
    run_all(page)
    cell(page, len(SOURCES) - 1).get_by_text("Exercises done: 0 of 4").wait_for()
    yield page, folder
    page.close()


def cell(page, n):
    return page.locator(".jp-Notebook .jp-Cell").nth(n)


def kept(folder):
    return json.loads((folder / "lesson-progress.json").read_text())["lessons"]["01"]


def test_a_prediction_is_clicked_and_compared(lesson):
    page, folder = lesson
    cell(page, place('here.predict("next")')).get_by_label("somebody decides whether it may run").check()
    compare = cell(page, place('here.compare("next"'))
    compare.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    compare.get_by_text("As you predicted").wait_for()
    assert kept(folder)["predictions"]["next"] == "call.decided"


def test_a_run_is_stepped_through_by_key_with_the_prompt_and_what_is_new_in_it(lesson, axe):
    page, _ = lesson
    stepper = cell(page, place("step_through(run)")).locator(".llmos-stepper")
    place_of = stepper.get_by_role("status")
    assert place_of.inner_text().startswith("event 0 of") and "not asked yet" in stepper.inner_text()
    stepper.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    place_of.filter(has_text="event 2 of").wait_for()
    assert "model.requested" in place_of.inner_text() and stepper.locator(".node.lit").inner_text() == "plan"
    stepper.get_by_role("button", name="model.requested").nth(1).click()
    assert [m.split("\n")[0] for m in stepper.locator(".message.new").all_inner_texts()] == [
        "assistant",
        "tool",
    ]
    page.add_script_tag(content=axe)
    assert page.evaluate("axe.run({ include: ['.llmos-stepper'] })")["violations"] == []


def test_a_check_is_passed(lesson):
    page, folder = lesson
    check = cell(page, place('here.check("order"'))
    assert "not yet, order" in check.inner_text()
    cell(page, place("order = None")).locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(solution_text("01", "order"))
    page.keyboard.press("Control+Enter")
    check.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    check.get_by_text("✓ order").wait_for()
    assert kept(folder)["exercises"]["order"]["passed"]
