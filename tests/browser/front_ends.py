"""Notebooks in JupyterLab and Notebook, used as a person does; whatever is waited for may take as long as it takes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import nbformat
from harness import LONGEST_S

from llmos_nb.journal import read

FRONTENDS = {
    "lab": "lab/workspaces/{name}/tree/{folder}/{name}.ipynb",
    "notebook": "notebooks/{folder}/{name}.ipynb",
}
WHICH_KERNEL = ".jp-Dialog:has(select)"
# What comes of a deed, as the page itself tells after so many turns of its loop: on a busy machine these take longer too.
BEGUN = """async (cell, asks) => {
  for (let turn = 0; turn < 100; turn++) {
    if (/\\[(\\*|\\d+)\\]/.test(cell.querySelector(".jp-InputPrompt").textContent)) return "begun";
    if (document.querySelector(asks)) return "asked";
    await new Promise((done) => setTimeout(done, 50));
  }
  return "lost";
}"""
GONE = """async (button) => {
  for (let turn = 0; turn < 40 && button.isConnected && button.checkVisibility(); turn++)
    await new Promise((done) => setTimeout(done, 50));
  return !(button.isConnected && button.checkVisibility());
}"""


def python(code):
    return {"calls": [{"name": "python", "arguments": {"code": code}}]}


def book(folder, name, *cells):
    """Write a notebook with these code cells."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    made.cells = [nbformat.v4.new_code_cell(c) if isinstance(c, str) else c for c in cells]
    nbformat.write(made, folder / f"{name}.ipynb")


def script(folder, name, turns):
    (folder / name).write_text(json.dumps({"version": 1, "turns": turns}))


def address(server, front_end, name):
    url, token, folder = server
    return f"{url}{FRONTENDS[front_end].format(folder=folder.name, name=name)}?token={token}"


def journal(folder, name):
    found = sorted((folder / ".llmos" / "runs").glob(f"*-{name}/journal.jsonl"))
    return read(found[-1])


def until(holds: Callable[[], Any], what: str, page: Any = None) -> Any:
    """Wait until something holds that a page cannot tell, and return it; `page` goes on meanwhile."""
    deadline = time.monotonic() + LONGEST_S
    while not (found := holds()):
        assert time.monotonic() < deadline, f"after {LONGEST_S} s there is not yet: {what}"
        page.wait_for_timeout(50) if page else time.sleep(0.05)
    return found


def tab(browser, server, front_end, name, first=None, size=(1400, 1200)):
    """Open a notebook in a new tab, its first code cell there; `first` sees its page before anything is loaded."""
    page = browser.lab_page(*size)
    if first is not None:
        first(page)
    page.on("dialog", lambda dialog: dialog.accept())
    page.add_locator_handler(page.locator(WHICH_KERNEL), lambda dialog: which_kernel(page))
    page.goto(address(server, front_end, name))
    page.locator(".jp-CodeCell .cm-content").first.wait_for()
    return page


def opened(browser, server, front_end, name, first=None, size=(1400, 1200)):
    """Open a notebook whose kernel is there, its first code cell selected."""
    page = tab(browser, server, front_end, name, first, size)
    has_kernel(page)
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Escape")
    return page


def has_kernel(page):
    """Wait until the notebook has its kernel: before, a front end drops what is to be run, or asks which kernel it is."""
    from playwright.sync_api import expect  # without it the fixtures skip

    expect(page.locator(".jp-KernelName")).to_contain_text("Python 3")  # answers, where it is asked
    idle = page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")
    expect(idle).to_be_attached()


def which_kernel(page):
    """Answer a front end that asks which kernel it is."""
    page.locator(f"{WHICH_KERNEL} select").select_option(label="Python 3 (ipykernel)")
    page.locator(f"{WHICH_KERNEL} .jp-mod-accept").click()


def reload(page):
    """Load the page again until its cells are there: that a front end starts has a bound of its own."""
    page.reload()
    page.locator(".jp-CodeCell .cm-content").first.wait_for()


def save(page):
    """Save, again where the page has renewed meanwhile what its notebook keeps of a process."""

    def clean():
        page.keyboard.press("Control+s")
        page.wait_for_timeout(500)
        return not page.locator(".lm-TabBar .jp-mod-dirty").count()  # a cell is dirty until it runs again, too

    until(clean, "a notebook that is saved", page)


def choose(page, menu, command):
    """Choose from the front end's menu, which is opened anew until what is chosen is not grey any more."""
    from playwright.sync_api import Error  # without it the fixtures skip

    def chosen():
        page.get_by_role("menuitem", name=menu, exact=True).click()
        item = page.get_by_role("menuitem", name=command, exact=True)
        item.wait_for()
        if grey := "lm-mod-disabled" in (item.get_attribute("class") or ""):
            page.keyboard.press("Escape")
        else:
            item.click()
        return not grey

    try:
        until(chosen, f"{command} in the menu {menu}", page)
    except Error as error:
        dialogs = page.locator(".jp-Dialog").all_inner_texts()
        raise AssertionError(
            f"nobody can click on {command} in the menu {menu}; dialogs in the way: {dialogs}"
        ) from error


def begin(page, cell, deed):
    """Do what starts a cell that has not run yet, until the page shows that it has begun.

    A front end that is still connecting drops the first deed, or asks which kernel it is, and goes on once it knows.
    """
    from playwright.sync_api import expect  # without it the fixtures skip

    def begun():
        deed()
        while (found := cell.evaluate(BEGUN, WHICH_KERNEL)) == "asked":
            expect(page.locator(WHICH_KERNEL)).to_have_count(0)  # the page's handler answers
        return found == "begun"

    until(begun, "a cell that has begun", page)


def run_all(page):
    """Run every cell through the front end's menu, once the first cell can be seen to have run."""
    from playwright.sync_api import expect  # without it the fixtures skip

    first = page.locator(".jp-CodeCell").first
    begin(page, first, lambda: choose(page, "Run", "Run All Cells"))
    expect(first.locator(".jp-InputPrompt")).to_contain_text("[1]")


def approve(where):
    """Click Approve, again where it was too early: for the first half second of each question it takes nothing."""
    button = where.get_by_role("button", name="Approve", exact=True)

    def approved():
        handle = button.element_handle()
        button.click()
        return handle.evaluate(GONE) and not button.count()

    button.wait_for()
    until(approved, "a question that is approved", where.page if hasattr(where, "page") else where)
