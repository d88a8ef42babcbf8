"""The panel in real front ends: JupyterLab and Notebook, with their own keys, reload, and Stop under a blocked kernel."""

import json

import nbformat
import pytest
from harness import HERE

pytestmark = pytest.mark.browser
FRONTENDS = {"lab": "lab/workspaces/panel/tree/", "notebook": "notebooks/"}
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
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    made.cells = [
        nbformat.v4.new_markdown_cell("before"),
        nbformat.v4.new_code_cell(code),
        nbformat.v4.new_code_cell("1"),
    ]
    nbformat.write(made, folder / f"{name}.ipynb")


def run_first_cell(page):
    """Run it as soon as the front end lets it: one that is still connecting drops the key, or asks for the kernel."""
    page.locator(".jp-KernelName", has_text="Python 3").wait_for()
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(state="attached")
    cell, dialog = page.locator(".jp-CodeCell").first, page.locator(".jp-Dialog .jp-mod-accept")
    for _ in range(4):
        cell.locator(".cm-content").click()
        page.keyboard.press("Control+Enter")
        started = cell.locator(".jp-InputPrompt", has_text="*")
        started.or_(dialog).wait_for()
        if started.is_visible():
            return
        dialog.click()


@pytest.fixture(scope="module", params=FRONTENDS)
def opened(request, browser, server):
    """A notebook that is open, its cell run, the panel waiting."""
    url, token, folder = server
    notebook(folder, request.param)
    page = browser.lab_page(1400, 1000)
    page.set_default_timeout(15_000)
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"{url}{FRONTENDS[request.param]}{folder.name}/{request.param}.ipynb?token={token}")
    run_first_cell(page)
    page.locator(".llm[data-state=waiting]").wait_for()
    yield page, folder / request.param
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


def test_the_front_ends_keys_change_no_cell(opened):
    page, path = opened
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


def test_the_panel_looks_at_home(opened):
    page, _ = opened
    look = "getComputedStyle(document.querySelector('.llm .card .main')).backgroundColor"
    assert page.evaluate(look) == page.evaluate("getComputedStyle(document.querySelector('.llm')).color")
    inner = page.locator(".llm").bounding_box()
    assert inner["width"] > 440
    assert page.locator(".llm .risks dd").first.evaluate("(each) => getComputedStyle(each).float") == "none"


def test_a_reload_of_the_saved_page_shows_the_same_panel(opened):
    page, path = opened
    page.locator(".llm li[data-n='1']").focus()
    if not nbformat.read(f"{path}.ipynb", 4).cells[1].outputs:  # the test before saved it
        sources(page, path)
    text = page.locator(".llm .cols").inner_text()
    page.reload()
    page.locator(".llm[data-state=waiting]").wait_for()
    assert page.locator(".llm .cols").inner_text() == text


def test_stop_reaches_busy_code_and_shows_in_a_second_window(opened, browser, server):
    page, log = opened
    url, token, folder = server
    sources(page, log)  # the second window shows what is saved
    second = browser.lab_page(1280, 720)
    second.set_default_timeout(15_000)
    second.goto(f"{url}notebooks/{folder.name}/{log.name}.ipynb?token={token}")
    second.locator(
        ".jp-CodeCell .cm-content"
    ).first.wait_for()  # the start of a front end has a bound of its own
    second.locator(".llm[data-state=waiting]").wait_for()
    page.locator(".llm .card .main").click(delay=600)
    page.locator(".llm[data-state=running]").wait_for()
    page.get_by_role("button", name="Stop", exact=True).click()
    page.locator(".llm[data-state=paused]").wait_for(timeout=5000)
    second.locator(".llm[data-state=paused]").wait_for(timeout=5000)
    second.close()
    said = [json.loads(line) for line in log.read_text().splitlines()]
    verbs = [verb for verb in said if verb["verb"] not in ("output", "close")]  # Enter on a row has opened it
    assert verbs[0] == {"verb": "approve", "call": "r4.0", "digest": "9f3ce1", "step": 3}
    assert [verb["verb"] for verb in verbs[1:]] in ([], ["stop"])
