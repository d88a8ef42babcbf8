"""A step that is held before an effect, in JupyterLab: the card says what it wants, and one click lets it go on."""

import os

import pytest
from front_ends import book, opened, python, run_all, script

pytestmark = pytest.mark.browser
UNSEEN = "import builtins\nprint('counted')\ngetattr(builtins, 'op' + 'en')('total.txt', 'w').write('6')"


@pytest.mark.parametrize(("button", "there"), [("Allow once", True), ("Refuse", False)])
def test_card_says_what_a_held_step_wants_and_a_click_decides(browser, server, button, there):
    folder = server[2]
    name = f"held-{there}"
    script(folder, f"{name}.json", [python(UNSEEN), {"text": "The total is noted."}])
    cell = f"%%agent --plan none -m script:{name}.json\nNote the total."
    book(folder, name, "%load_ext llmos_nb", cell, "print('the next cell')")
    page = opened(browser, server, "lab", name)
    try:
        run_all(page)
        card = page.locator(".llm").get_by_text("wants to write").first
        card.wait_for()
        assert "total.txt" in page.locator(".jp-OutputArea").nth(1).inner_text()
        assert not (folder / "total.txt").exists()
        if shots := os.environ.get("LLMOS_SHOTS"):
            page.screenshot(path=f"{shots}/{name}.png")
        page.wait_for_timeout(600)  # a card takes nothing for its first half second
        page.get_by_role("button", name=button).first.click()
        if button == "Refuse":
            page.get_by_role("button", name="Reject").or_(page.get_by_role("button", name="Refuse")).first.click()
        page.get_by_text("The total is noted.").first.wait_for()
        assert (folder / "total.txt").exists() is there
        if shots:
            page.screenshot(path=f"{shots}/{name}-after.png")
    finally:
        page.close()
        (folder / "total.txt").unlink(missing_ok=True)
