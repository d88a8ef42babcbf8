"""A notebook that was closed, unsaved, while an agent waits: its panel is drawn anew where it is opened, in both front ends."""

import pytest
from front_ends import FRONTENDS, approve, begin, book, opened, python, script, tab

pytestmark = pytest.mark.browser
TOOLS = (
    """() => [...document.querySelector(".jp-NotebookPanel-toolbar").children].map((each) => each.dataset.jpItemName)"""
)


def run(page, cell):
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")


@pytest.mark.parametrize("front_end", FRONTENDS)
def test_a_tab_that_was_closed_unsaved_has_its_panel_again(browser, server, front_end):
    folder, name = server[2], f"unsaved-{front_end}"
    script(folder, f"{name}.json", [python("made.append(8)\nsum(made)"), {"text": "Now the sum is 50."}])
    cell = f"%%agent {name} -a step --plan none -m script:{name}.json\nAdd 8."
    book(folder, name, "%load_ext llmos_nb\nmade = [42]", cell)
    page = opened(browser, server, front_end, name)
    page.wait_for_function(
        f"() => {{ const all = ({TOOLS})(); return all.indexOf('llmosAsk') === all.indexOf('cellType') + 1 }}"
    )
    for cell in page.locator(".jp-CodeCell").all():
        begin(page, cell, lambda cell=cell: run(page, cell))
    page.locator(".llm .card").wait_for()
    page.close()
    page = tab(browser, server, front_end, name)
    page.locator(".llm .card").wait_for()  # without a click
    approve(page.locator(".llm .card"))
    page.locator(".llm[data-state=finished]", has_text="Now the sum is 50.").wait_for()
    page.close()
