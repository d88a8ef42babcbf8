"""A lesson in JupyterLab, as a learner has it: predict by a click, step through the run, pass a check."""

import json
import shutil
from pathlib import Path

import pytest

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
    url, token, folder = server
    shutil.copyfile(NOTEBOOK, folder / NOTEBOOK.name)
    page = browser.new_page(viewport={"width": 1200, "height": 9000})
    page.set_default_timeout(30_000)
    page.goto(f"{url}lab/tree/{NOTEBOOK.name}?token={token}")
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()  # before, "Run All" asks for a kernel
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    cell(page, len(SOURCES) - 1).get_by_text("Exercises done: 0 of 3").wait_for()
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


def test_the_timeline_moves_event_by_event(lesson):
    page, _ = lesson
    stepper = cell(page, place("step_through(run)"))
    said = stepper.locator("textarea")
    assert said.input_value().startswith("event 0 of")
    stepper.locator(".noUi-handle").focus()
    for n in (1, 2):
        page.keyboard.press("ArrowRight")
        page.wait_for_function(
            "([t, n]) => t.value.startsWith(`event ${n} of`)", arg=[said.element_handle(), n]
        )
    assert "model.requested" in said.input_value()


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
