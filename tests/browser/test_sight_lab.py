"""What waits is in view and nothing dead stands on it, in JupyterLab: after Run, by links, after a reload, after an export."""

import os

import nbformat
import pytest
from front_ends import approve, book, opened, python, reload, run_all, script, until

pytestmark = pytest.mark.browser
SEEN = """(element) => {
  const { top, bottom } = element.getBoundingClientRect();
  const box = element.closest(".jp-WindowedPanel-outer").getBoundingClientRect();
  return top >= box.top - 1 && bottom <= box.bottom + 1;
}"""
SAVES = python("made = [1, 2]\nopen('made.txt', 'w').write('3')")


def shot(page, name):
    if folder := os.environ.get("LLMOS_SHOTS"):
        page.screenshot(path=f"{folder}/{name}.png")


def test_card_is_in_view_after_run_its_links_lead_on_and_an_export_is_opened(browser, server):
    folder = server[2]
    script(folder, "sight.json", [python("x = 20\nx"), SAVES, {"text": "It is {{x}}."}])
    goal = "%%agent sight --plan none -m script:sight.json\nMake x, and save."
    book(folder, "sight", "%load_ext llmos_nb\n" + "\n".join(f"# line {n}" for n in range(20)), goal)
    page = opened(browser, server, "lab", "sight", size=(1280, 800))
    run_all(page)
    panel = page.locator(".llm")
    panel.locator(".card .go").wait_for()
    until(lambda: panel.locator(".card .go").evaluate(SEEN), "a card whose buttons are in view", page)
    assert page.locator(".Toastify__toast").count() == 0
    assert "--bg" in panel.locator(".run-foot .held").inner_text()
    page.locator("#jp-main-statusbar", has_text="Busy").wait_for()  # its cell is at work, and clicks came
    shot(page, "sight-card")
    links = panel.locator(".card a.id")
    assert links.count() == 0 or "r2.0" not in links.all_inner_texts()  # no link to the card itself
    approve(page)
    page.locator(".llm[data-state=finished]").wait_for()
    page.locator("#jp-main-statusbar", has_text="Idle").wait_for()
    panel.locator(".now a.id", has_text="r1.0").first.click()
    panel.locator(".of-step", has_text="x = 20").wait_for()
    page.keyboard.press("Escape")
    panel.get_by_role("button", name="Export notebook").click()
    panel.locator(".exported", has_text="written").wait_for()
    shot(page, "sight-exported")
    panel.locator(".exported").get_by_role("button").click()
    page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)", has_text="PEP 723").or_(
        page.locator(".lm-TabBar-tab.lm-mod-current", has_text="sight-1.ipynb")
    ).first.wait_for()
    page.close()


def test_links_of_a_card_open_the_page_of_the_call_that_made_the_name(browser, server):
    folder = server[2]
    script(
        folder,
        "links.json",
        [python("x = 20\nx"), python("open('x.txt', 'w').write(str(x))"), {"text": "Saved."}],
    )
    book(folder, "links", "%load_ext llmos_nb", "%%agent links --plan none -m script:links.json\nSave x.")
    page = opened(browser, server, "lab", "links")
    run_all(page)
    link = page.locator(".llm .card a.id", has_text="r1.0")
    link.click()
    sheet = page.locator(".llm .of-step", has_text="x = 20")
    sheet.wait_for()
    until(lambda: sheet.locator(".head").evaluate(SEEN), "the page of the step in view", page)
    assert page.locator(".llm .card .main").is_visible()  # what waits is still there
    approve(page)
    page.locator(".llm[data-state=finished]").wait_for()
    page.close()


def test_reload_while_a_step_runs_shows_this_run_and_not_the_one_before(browser, server):
    folder = server[2]
    held = "import pathlib, time\nprint('at work')\nwhile not pathlib.Path('reload-go').exists(): time.sleep(0.02)"
    script(folder, "rerun.json", [python("y = 1"), {"text": "The former answer."}])
    book(folder, "rerun", "%load_ext llmos_nb", "%%agent rerun -a auto --plan none -m script:rerun.json\nGo on.")
    page = opened(browser, server, "lab", "rerun")
    run_all(page)
    page.locator(".llm[data-state=finished]").wait_for()
    page.keyboard.press("Control+s")
    until(
        lambda: "The former answer." in str(nbformat.read(folder / "rerun.ipynb", as_version=4).cells[1].outputs),
        "a notebook that was saved",
        page,
    )
    script(folder, "rerun.json", [python(held), {"text": "This answer."}])
    page.locator(".jp-CodeCell .cm-content").nth(1).click()
    page.keyboard.press("Control+Enter")
    page.locator(".llm .live .out", has_text="at work").wait_for()
    reload(page)
    page.locator(".llm .live .out", has_text="at work").wait_for()
    assert page.get_by_text("The former answer.").count() == 0 and page.locator(".llm").count() == 1
    (folder / "reload-go").touch()
    page.locator(".llm[data-state=finished]", has_text="This answer.").wait_for()
    page.close()


def test_ended_agents_are_cleared_from_the_sidebar(browser, server):
    folder = server[2]
    script(folder, "over.json", [{"text": "Done."}])
    book(folder, "over", "%load_ext llmos_nb", "%%agent over -a auto --plan none -m script:over.json\nGo.")
    page = opened(browser, server, "lab", "over")
    run_all(page)
    page.locator(".llm[data-state=finished]").wait_for()
    page.locator(".jp-SideBar [data-id=llmos-processes]").click()
    side = page.get_by_role("region", name="Agents")
    side.locator("li.pr", has_text="over").wait_for()
    shot(page, "sight-clear")
    side.get_by_role("button", name="Clear the ended agents of over.ipynb from this list").click()
    side.locator("li.pr", has_text="over").wait_for(state="detached")
    assert page.locator(".llm[data-state=finished]").count() == 1  # the notebook keeps it
    page.close()


def test_process_that_a_cell_gives_has_its_panel_with_its_buttons(browser, server):
    folder = server[2]
    script(folder, "value.json", [python("x = 20"), {"text": "It is {{x}}."}])
    run = "import llmos_nb\nproc = await llmos_nb.run('Make x.', model='script:value.json', namespace=globals(), approve='auto')"
    book(folder, "value", "%load_ext llmos_nb", run, "proc", "x")
    page = opened(browser, server, "lab", "value")
    run_all(page)
    panel = page.locator(".llm[data-state=finished]")
    panel.get_by_text("It is 20").first.wait_for()
    panel.get_by_role("button", name="Undo all").and_(page.locator(":enabled")).click()
    panel.locator(".state", has_text="undone").wait_for()
    shot(page, "sight-value")
    page.close()
