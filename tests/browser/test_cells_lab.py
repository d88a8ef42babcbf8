"""Cells in JupyterLab and Notebook: goals as prose, an agent asked from a cell, steps accepted and rejected as cells."""

import json
from pathlib import Path

import nbformat
import pytest
from front_ends import FRONTENDS, book, opened, python, save, script
from journeys import FINISHED

pytestmark = pytest.mark.browser
STATIC = Path(__file__).parents[2] / "llmos_nb/app/lab/extension/static"

GOAL = """# weekly
%%agent named -m script:x.json --plan none
Which island has the heaviest birds and, in which year, from `df` and `values`, is that not so?"""
BROKEN = "values = [1, 2, 3]\ntotal = 0\nfor x in values:\n    total += x\nmean = total / len(valeus)\nmean"
FIXED = BROKEN.replace("valeus", "values")
FIX = [python("checked = 1"), python(FIXED), python("rounded = round(mean)"), {"text": "The mean is 2."}]


def run(page, cell):
    """Run a cell by keyboard."""
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")


def code(page, n):
    return page.locator(".jp-CodeCell").nth(n)


def saved(page, path):
    """Save, and read what is saved."""
    page.keyboard.press("Escape")
    save(page)
    return nbformat.read(path, as_version=4).cells


def button(where, name):
    return where.get_by_role("button", name=name, exact=True)


def test_a_goal_is_prose_an_agent_is_asked_and_its_steps_are_accepted_or_rejected(browser, server, axe):
    folder = server[2]
    script(folder, "fix.json", FIX)
    book(folder, "cells", *(given := ["y = 1 if True else 2", GOAL, BROKEN, "%agent cells"]))
    page = opened(browser, server, "lab", "cells")
    goal = code(page, 1)
    code(page, 0).locator(".cm-line span[class]").first.wait_for()  # Python's colours have come, and for it alone
    holds_only_our_colours(page, goal)
    assert [(c.source, c.metadata) for c in saved(page, folder / "cells.ipynb")] == [(s, {}) for s in given]
    goal.locator(".cm-content").click()
    page.keyboard.press("Control+Home")
    page.keyboard.type("x = 1\n")  # the magic is none any more
    goal.locator(".cm-line span:not([class^=llmos])").first.wait_for()
    assert not is_prose(goal) and goal.locator(".llmos-name").count() == 0
    page.keyboard.press("Control+z")
    holds_only_our_colours(page, goal)
    asked_where_nothing_is_loaded(page)
    corrected(page)
    decided_one_by_one(page, axe)
    cells = saved(page, folder / "cells.ipynb")
    sources = [c.source for c in cells]
    assert sources[4] == FIXED and sources[6:] == ["%agent cells", "rounded = round(mean)"]
    assert not any("llmos" in c.metadata for c in cells)
    page.close()


def is_prose(cell):
    return "cm-lineWrapping llmos-prose" in cell.locator(".cm-content").get_attribute("class")


def holds_only_our_colours(page, goal):
    page.wait_for_function(
        "node => node.querySelector('.llmos-prose') && ![...node.querySelectorAll('.cm-line span')]"
        ".some(each => !each.className.startsWith('llmos-'))",
        arg=goal.element_handle(),
    )
    assert is_prose(goal)
    assert goal.locator(".llmos-name").all_inner_texts() == ["`df`", "`values`"]
    assert goal.locator(".llmos-option").all_inner_texts() == ["-m", "--plan"]


def asked_where_nothing_is_loaded(page):
    """Ask below the first cell: one above loads us, and the goal has the cursor, and completion."""
    from playwright.sync_api import expect  # without it the fixtures skip

    run(page, code(page, 2))
    button(page, "Fix with agent").wait_for()
    code(page, 0).locator(".cm-content").click()
    button(page, "Ask agent here").click()
    code(page, 1).locator(".cm-content", has_text="%load_ext llmos_nb").wait_for()
    code(page, 1).locator(".jp-InputPrompt", has_text="[2]").wait_for()
    page.keyboard.type("Sum `tota")
    offered = page.locator(".jp-Completer-item", has_text="total")
    page.keyboard.press("Tab")
    expect(offered).to_be_visible()
    page.keyboard.press("Enter")
    code(page, 2).locator(".cm-line", has_text="Sum `total").wait_for()


def corrected(page):
    """Have the cell that failed corrected: a goal below it names cell and error, and is run by hand."""
    assert page.get_by_role("group", name="This cell failed").count() == 1
    button(page, "Fix with agent").click()
    fix = code(page, 5)
    fix.locator(".cm-content", has_text="Cell [1] fails with NameError").wait_for()
    assert page.locator(".cm-line", has_text="%load_ext").count() == 1
    page.keyboard.press("Control+Home")
    page.keyboard.press("End")
    page.keyboard.type(" fix -m script:fix.json -a auto --plan none")
    page.keyboard.press("Control+Enter")
    fix.get_by_text("The mean is 2.").first.wait_for()


def decided_one_by_one(page, axe):
    """Accept the correction and the last step, reject the first."""
    run(page, code(page, 6))
    change, first, last = (
        page.get_by_role("group", name=f"Offered by process 1, {what}")
        for what in ("r2.0: change of the cell above", "r1.0: new cell", "r3.0: new cell")
    )
    change.wait_for()
    offered = page.locator(".llmos-offered")
    assert offered.count() == 3
    assert offered.first.locator("del").inner_text() == "mean = total / len(valeus)"
    assert offered.first.locator(".llmos-added").inner_text() == "mean = total / len(values)"
    code(page, 4).locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("# mine")  # the change is one of the cell as it stands now
    offered.first.locator("del", has_text="mean# mine").wait_for()
    for _ in "# mine":
        page.keyboard.press("Backspace")
    offered.first.locator("del", has_text="mean# mine").wait_for(state="detached")
    page.add_script_tag(content=axe)
    found = page.evaluate("axe.run({ include: ['.llmos-row', '.llmos-prose'] })")
    assert [(v["id"], v["nodes"][0]["html"]) for v in found["violations"]] == []
    button(change, "Accept").click()
    change.wait_for(state="detached")
    button(first, "Reject").click()
    first.wait_for(state="detached")
    page.wait_for_function("document.activeElement.closest('.llmos-offer')")  # the next decision has the focus
    page.keyboard.press("Enter")
    last.wait_for(state="detached")


def test_in_notebook_a_cell_is_corrected_at_once_and_all_steps_are_accepted(browser, server):
    folder = server[2]
    script(folder, "fix.json", FIX)
    begin = "%load_ext llmos_nb\n%config LLMOS.model = 'script:fix.json'\n%config LLMOS.approve = 'auto'"
    book(folder, "short", begin, BROKEN, "%agent show")
    page = opened(browser, server, "notebook", "short")
    run(page, code(page, 0))
    code(page, 0).locator(".jp-InputPrompt", has_text="[1]").wait_for()
    run(page, code(page, 1))
    button(page, "Fix and run").click()
    page.get_by_text("The mean is 2.").first.wait_for()
    assert is_prose(code(page, 2))
    run(page, code(page, 3))
    button(code(page, 3), "More").click()
    page.get_by_role("menuitem", name="Put steps in cells").click()
    page.wait_for_function("document.activeElement.closest('.llmos-offer')")  # wherever the cells stand
    button(page, "Accept all 3").first.click()
    page.locator(".llmos-offered").first.wait_for(state="detached")
    assert code(page, 1).locator(".cm-line").all_inner_texts() == FIXED.split("\n")
    assert [code(page, n).locator(".cm-content").inner_text() for n in (4, 5)] == [
        "checked = 1",
        "rounded = round(mean)",
    ]
    page.close()


@pytest.mark.parametrize("front_end", FRONTENDS)
def test_a_goal_in_a_session_that_has_not_loaded_us_is_run_by_one_click(browser, server, front_end):
    folder = server[2]
    script(folder, "late.json", [python("late = 2 * 21\nlate"), {"text": "It is 42."}])
    name = f"late-{front_end}"
    book(folder, name, "print('mine')", f"%%agent {name} -a auto --plan none -m script:late.json\nCount.")
    page = opened(browser, server, front_end, name)
    run(page, code(page, 1))
    button(page, "Load llmos_nb and run").click()
    page.get_by_text("It is 42.").first.wait_for()
    assert code(page, 1).locator(".cm-content").inner_text() == "%load_ext llmos_nb"
    assert page.get_by_role("group", name="This cell failed").count() == 0
    assert page.locator(".jp-CodeCell").count() == 3
    page.close()


# the logic alone


def test_put_steps_in_cells_says_the_command_where_no_extension_takes_them(plain):
    plain.show(FINISHED)
    put = "(cells) => model.fire('msg:custom', { kind: 'cells', pid: 7, cells })"
    for cells, words in (
        ([{"call": "r1.0", "code": "x"}], "Write %agent cells 7"),
        ([], "No step would be a cell."),
    ):
        plain.page.evaluate(put, cells)
        plain.page.locator(".note", has_text=words).wait_for()


def called(shared_page, file, expression):
    """Evaluate an expression with a module of the extension at hand as `m`."""
    load = "const m = await import(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })));"
    source = (STATIC / file).read_text("utf-8")
    return shared_page.page.evaluate(f"async (source) => {{ {load} return {expression} }}", source)


@pytest.mark.parametrize(
    ("before", "after", "marks"),
    [
        ("a\nb\nc", "a\nb\nc", "   "),
        ("a\nb\nc", "a\nx\nc", " -+ "),
        ("a\nb", "a\nb\nc", "  +"),
        ("a\nb", "b", "- "),
        ("", "a", "-+"),
        ("a\nb\nc\nd", "c\nd\na\nb", "--  ++"),
    ],
)
def test_difference_of_two_texts_gives_both_back(shared_page, before, after, marks):
    found = called(shared_page, "cells_diff.js", f"m.difference({json.dumps(before)}, {json.dumps(after)})")
    assert "".join(mark for mark, _ in found) == marks
    assert "\n".join(line for mark, line in found if mark != "+") == before
    assert "\n".join(line for mark, line in found if mark != "-") == after


def test_a_goal_that_asks_to_correct_a_cell_holds_its_code_and_no_word_of_the_message(shared_page):
    goal = called(shared_page, "cells_goal.js", "m.fixGoal('x = a[1]\\n', 'KeyError', 3)")
    assert goal.startswith("Cell [3] fails with KeyError. ") and goal.endswith(
        "cells(number=3) shows it with its whole error.\n\n    x = a[1]"
    )
    unknown = called(shared_page, "cells_goal.js", "m.fixGoal('x', 'KeyError', 0)")
    assert unknown.startswith("This cell fails with KeyError. ") and "cells(" not in unknown
    for source in ("x = `a`", "(a\n  | b)", "x\n" * 61):  # each would mean something else in a goal, or is long
        assert "    x" not in called(shared_page, "cells_goal.js", f"m.fixGoal({json.dumps(source)}, 'E', 3)")


@pytest.mark.parametrize(
    ("source", "is_goal"),
    [
        ("%%agent\nGo.", True),
        ("# a\n\n%%agent -a auto", True),
        ("%%agents\n", False),
        ("x\n%%agent", False),
        ("%agent ps", False),
    ],
)
def test_a_goal_begins_with_the_magic(shared_page, source, is_goal):
    assert called(shared_page, "cells_goal.js", f"m.isGoal({json.dumps(source)})") is is_goal
