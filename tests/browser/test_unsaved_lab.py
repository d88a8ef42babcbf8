"""A notebook that was closed, unsaved, while an agent waits: it calls again where it is opened, in both front ends."""

import pytest
from test_notebook_lab import FRONTENDS, address, book, python, script

pytestmark = pytest.mark.browser
TOOLS = """() => [...document.querySelector(".jp-NotebookPanel-toolbar").children].map((each) => each.dataset.jpItemName)"""


def tab(browser, server, front_end, name):
    """Open a notebook in a new tab of the same browser."""
    page = browser.lab_page(1400, 1000)
    page.set_default_timeout(30_000)
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(address(server, front_end, name))
    page.locator(".jp-CodeCell .cm-content").first.click()
    return page


@pytest.mark.parametrize("front_end", FRONTENDS)
def test_a_tab_that_was_closed_unsaved_calls_again_and_its_panel_is_drawn_anew(browser, server, front_end):
    folder, name = server[2], f"unsaved-{front_end}"
    script(folder, f"{name}.json", [python("made.append(8)\nsum(made)"), {"text": "Now the sum is 50."}])
    cell = f"%%agent {name} -a step --plan none -m script:{name}.json\nAdd 8."
    book(folder, name, "%load_ext llmos_nb\nmade = [42]", cell)
    page = tab(browser, server, front_end, name)
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(state="attached")
    page.wait_for_function(
        f"() => {{ const all = ({TOOLS})(); return all.indexOf('llmosAsk') === all.indexOf('cellType') + 1 }}"
    )
    for _ in range(2):
        page.keyboard.press("Shift+Enter")
    page.locator(".llm .card").wait_for()
    page.close()
    page = tab(browser, server, front_end, name)
    toast = page.locator(".Toastify__toast", has_text=f"{name} waits for you")
    toast.get_by_role("button", name="Show the cell").click()
    page.locator(".llm .card:focus").wait_for()
    page.wait_for_timeout(600)  # Approve takes nothing for its first half second
    page.locator(".llm .card").get_by_role("button", name="Approve", exact=True).click()
    page.locator(".llm[data-state=finished]", has_text="Now the sum is 50.").wait_for()
    page.close()
