"""The panel in real front ends: JupyterLab and Notebook, with their own keys, reload, and Stop under a blocked kernel."""

import json

import nbformat
import pytest
from front_ends import FRONTENDS, begin, book, opened, tab
from harness import HERE

pytestmark = pytest.mark.browser
# Lab's command keys that are not letters of the panel, and those that are but are typed on an element without them.
LAB_KEYS = [
    "b",
    "x",
    "d",
    "d",
    "y",
    "m",
    "c",
    "v",
    "z",
    "j",
    "k",
    "1",
    "0",
    "0",
    "Shift+M",
    "Enter",
    "Control+Enter",
]
PLACES = ["li[data-n='1']", ".goal button", "[data-act=menu]", ".card", ".card .code", "a.id"]


def notebook(folder, name):
    """A notebook whose second cell shows the panel."""
    code = f"import sys\nsys.path.insert(0, {str(HERE)!r})\nimport agent_cell\nawait agent_cell.main({str(folder / name)!r})"
    book(folder, name, nbformat.v4.new_markdown_cell("before"), code, "1")


@pytest.fixture(scope="module", params=FRONTENDS)
def panel(request, browser, server):
    """A notebook that is open, its cell run, the panel waiting."""
    folder, name = server[2], request.param
    notebook(folder, name)
    page = opened(browser, server, name, name, size=(1400, 1000))
    first = page.locator(".jp-CodeCell").first

    def run():
        first.locator(".cm-content").click()
        page.keyboard.press("Control+Enter")

    begin(page, first, run)
    page.locator(".llm[data-state=waiting]").wait_for()
    yield page, folder / name
    page.close()


def cells(page):
    """The kinds of the notebook's cells, in order."""
    return page.evaluate(
        "[...document.querySelectorAll('.jp-Notebook .jp-Cell')]"
        ".map((cell) => cell.className.match(/jp-(Code|Markdown|Raw)Cell/)[1])"
    )


def sources(page, path):
    """What the cells hold, as saved by the front end."""
    with page.expect_response(lambda answer: answer.request.method == "PUT" and "/api/contents/" in answer.url):
        page.keyboard.press("Control+s")
    return [cell.source for cell in nbformat.read(f"{path}.ipynb", 4).cells]


def test_the_front_ends_keys_change_no_cell(panel):
    page, path = panel
    page.locator(".llm .goal button").focus()
    before, held = cells(page), sources(page, path)
    assert before == ["Markdown", "Code", "Code"]
    for place in PLACES:
        for key in LAB_KEYS:
            page.locator(f".llm {place}").first.focus()
            page.keyboard.press(key)
            page.keyboard.press("Escape")
        assert (place, cells(page)) == (place, before)
    page.locator(".llm .card").focus()
    page.keyboard.press("e")
    page.keyboard.type("dd bxyz")
    page.keyboard.press("Escape")
    assert (cells(page), sources(page, path)) == (before, held)


def test_the_panel_looks_at_home(panel):
    page, _ = panel
    look = "getComputedStyle(document.querySelector('.llm .card .main')).backgroundColor"
    assert page.evaluate(look) == page.evaluate("getComputedStyle(document.querySelector('.llm')).color")
    inner = page.locator(".llm").bounding_box()
    assert inner["width"] > 440
    assert page.locator(".llm .risks dd").first.evaluate("(each) => getComputedStyle(each).float") == "none"


def test_a_reload_of_the_saved_page_shows_the_same_panel(panel):
    page, path = panel
    page.locator(".llm li[data-n='1']").focus()
    if not nbformat.read(f"{path}.ipynb", 4).cells[1].outputs:  # the test before saved it
        sources(page, path)
    text = page.locator(".llm .cols").inner_text()
    page.reload()
    page.locator(".llm[data-state=waiting]").wait_for()
    assert page.locator(".llm .cols").inner_text() == text


def test_stop_reaches_busy_code_and_shows_in_a_second_window(panel, browser, server):
    page, log = panel
    sources(page, log)  # the second window shows what is saved
    second = tab(browser, server, "notebook", log.name, size=(1280, 720))
    second.locator(".llm[data-state=waiting]").wait_for()
    page.locator(".llm .card .main").click(delay=600)
    page.locator(".llm[data-state=running]").wait_for()
    page.get_by_role("button", name="Stop", exact=True).click()
    page.locator(".llm[data-state=paused]").wait_for()
    second.locator(".llm[data-state=paused]").wait_for()
    second.close()
    said = [json.loads(line) for line in log.read_text().splitlines()]
    verbs = [verb for verb in said if verb["verb"] not in ("output", "close")]  # Enter on a row has opened it
    assert verbs[0] == {"verb": "approve", "call": "r4.0", "digest": "9f3ce1", "step": 3}
    assert [verb["verb"] for verb in verbs[1:]] in ([], ["stop"])
