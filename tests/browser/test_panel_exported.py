"""What a panel says of a notebook that it has exported, and of the cell that waits with it, on a plain page."""

import pytest
from journeys import FINISHED
from states import RUNNING, WAITING

pytestmark = pytest.mark.browser
MADE = {
    "kind": "exported",
    "path": "/home/ada/birds-3.ipynb",
    "place": "birds-3.ipynb",
    "holds": "7 cells of code, 5 of text",
    "said": "written: birds-3.ipynb",
}
WATCH = """() => {
  window.opened = [];
  const takes = (event) => { window.opened.push(event.detail); if (window.takes) event.preventDefault(); };
  document.addEventListener("llmos:open", takes, { once: true });
}"""


@pytest.mark.parametrize("view", [FINISHED, RUNNING], ids=["ended", "running"])
@pytest.mark.parametrize("takes", [True, False])
def test_exported_notebook_is_named_with_what_it_holds_and_opens_by_a_button(plain, view, takes):
    plain.show(view)
    plain.page.evaluate(WATCH)
    plain.page.evaluate("(takes) => { window.takes = takes }", takes)
    plain.page.evaluate("(message) => model.fire('msg:custom', message)", MADE)
    box = plain.page.locator(".llm .exported")
    assert all(words in box.inner_text() for words in ("birds-3.ipynb", MADE["holds"], MADE["said"]))
    box.get_by_role("button", name="Open birds-3.ipynb").click()
    assert plain.page.evaluate("opened") == [{"path": MADE["path"], "place": MADE["place"]}]
    told = plain.page.get_by_text(f"It is at {MADE['path']}")  # where no front end opens it
    assert told.count() == (not takes)
    plain.update(set={"state": "Running", "what": "anew"})
    assert box.count() == 0


def test_export_stands_beside_the_button_that_made_it(plain):
    plain.show(FINISHED)
    plain.page.evaluate("(message) => model.fire('msg:custom', message)", MADE)
    assert plain.page.locator(".foot .exported").is_visible()


@pytest.mark.parametrize("width", [440, 960])
def test_foot_of_a_question_says_that_its_cell_holds_those_below(plain, width):
    plain.look("light", width)
    held = ["Cells below run when this one has ended. ", ["`", "--bg"], " lets them run."]
    plain.show({**WAITING, "cell": held})
    line = plain.page.locator(".run-foot .held")
    assert line.is_visible() and line.locator("code").inner_text() == "--bg"
    plain.update(set={"card": None, "state": "Running"}, drop=["cell"])
    assert plain.page.locator(".run-foot .held").count() == 0
