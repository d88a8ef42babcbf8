"""Where the keyboard is: decisions and focus, one tab stop a list, the menu, and keys kept from the notebook."""

import pytest
from deeds import both, card, click, keys, menu, row, type_
from journeys import FINISHED
from states import CARD, RUNNING, WAITING

pytestmark = pytest.mark.browser


def test_a_decision_takes_the_focus_from_nowhere_to_the_card(plain):
    plain.show(RUNNING)
    plain.update(set={"card": CARD})
    assert plain.focused == "card"


def test_a_decision_takes_the_focus_from_inside_the_panel(plain):
    plain.show(RUNNING)
    keys(on="[data-act=pause]")(plain)
    plain.update(set={"card": CARD})
    assert plain.focused == "card"


def test_a_decision_never_takes_the_focus_out_of_another_cell(plain):
    plain.show(RUNNING)
    plain.page.evaluate(
        "document.body.append(Object.assign(document.createElement('input'), {name: 'cell', id: 'cell'}))"
    )
    keys(on="#cell")(plain)
    plain.update(set={"card": CARD})
    assert plain.focused == "cell"
    plain.page.evaluate("document.getElementById('cell').remove()")


def test_decision_leaves_the_focus_in_a_form_of_the_panel(plain):
    plain.show(RUNNING)
    both(row(4, "e"), type_("half a tit"))(plain)
    plain.update(set={"card": CARD})
    assert plain.page.evaluate("document.activeElement.value") == "half a tit"


def test_after_a_decision_the_focus_goes_to_the_next_card(plain):
    plain.show(WAITING)
    keys(on=".card .main")(plain)
    plain.update(set={"card": {**CARD, "call": "r5.0"}})
    assert plain.focused == "card"


def test_after_the_last_decision_the_focus_goes_to_the_current_step(plain):
    plain.show(WAITING)
    keys(on=".card .main")(plain)
    plain.update(set={**{key: RUNNING[key] for key in ("now", "steps")}, "card": None})
    assert plain.focused == "2"


def test_who_asks_further_is_at_the_answer_while_it_is_sought_and_then_in_the_line_again(plain):
    running = {key: RUNNING[key] for key in ("now", "steps", "acts", "state")}
    end = {key: FINISHED[key] for key in (*running, "foot")}
    plain.show(FINISHED)
    for press in ("Enter", "Tab"):  # by the line, and by the button beside it
        plain.page.get_by_role("textbox", name="Ask further").fill("And the females?")
        plain.page.keyboard.press(press)
        if press == "Tab":
            plain.page.keyboard.press("Enter")
        plain.update(set={**running, "foot": None})
        assert plain.focused == "now"
        plain.update(set={"steps": [*RUNNING["steps"][:2]]})
        assert plain.focused == "now"
        plain.update(set=end)
        assert plain.focused == "further"
    plain.update(set={"what": "something else"})
    keys(on=".goal button")(plain)
    plain.update(set=end)
    assert plain.focused == "goal"


def test_who_asks_further_and_looks_elsewhere_meanwhile_stays_there(plain):
    plain.show(FINISHED)
    plain.page.get_by_role("textbox", name="Ask further").fill("And the females?")
    plain.page.keyboard.press("Enter")
    plain.update(set={"foot": None})
    keys(on=".goal button")(plain)
    plain.update(set={"foot": FINISHED["foot"]})
    assert plain.focused == "goal"


LAB_KEYS = [
    "a",
    "b",
    "x",
    "d",
    "d",
    "y",
    "m",
    "r",
    "c",
    "v",
    "z",
    "j",
    "k",
    "Enter",
    "Shift+Enter",
    "0",
    "Escape",
]


@pytest.mark.parametrize("on", [".card", "li.step", ".card .main", ".goal button", "a.id", ".code", "[data-act=menu]"])
def test_keys_do_not_leave_the_panel(plain, on):
    """Neither after the panel (JupyterLab) nor before it (Notebook, which looks for the attribute)."""
    plain.show(WAITING)
    plain.page.evaluate(
        """() => {
          window.left = [];
          const after = (event) => left.push(event.key);
          const before = (event) => event.target.hasAttribute("data-lm-suppress-shortcuts") || left.push(event.key);
          window.leaks ??= [["keydown", after], ["keydown", before, true]].map((leak) => document.addEventListener(...leak));
        }"""
    )
    for key in LAB_KEYS:
        keys(key, on=on)(plain)
    assert plain.page.evaluate("left") == []
    keys("i", "Control+s", "Control+Enter", on=".goal button")(plain)
    assert plain.page.evaluate("left") == [key for key in ("i", "Control", "s", "Control") for _ in "12"]
    plain.page.evaluate("left.length = 0")
    keys("Alt+Shift+KeyP", on=on)(plain)  # a shortcut of the front end's
    assert plain.page.evaluate("left.filter((key) => key === 'P').length") == 2


def test_the_list_has_one_tab_stop(plain):
    plain.show(WAITING)
    stops = "[...document.querySelectorAll('li.step')].filter((li) => li.tabIndex === 0).map((li) => li.dataset.n)"
    assert plain.page.evaluate(stops) == ["3"]
    row(3, "ArrowUp", "ArrowUp")(plain)
    assert (plain.focused, plain.page.evaluate(stops)) == ("1", ["1"])
    keys("ArrowUp", "ArrowDown")(plain)
    assert plain.focused == "2"
    keys("Tab")(plain)
    assert plain.focused != "2"
    assert plain.page.evaluate("document.activeElement.closest('li').dataset.n") == "2"


def test_tab_goes_from_the_header_over_the_card_to_the_step(plain):
    plain.show(WAITING)
    keys(on=".goal button")(plain)
    seen = []
    for _ in range(14):
        keys("Tab")(plain)
        seen.append(plain.page.evaluate("document.activeElement.closest('.acts, .card, .plan')?.className"))
    assert seen == sorted(seen, key=["acts", "card", "plan"].index)
    assert set(seen) == {"acts", "card", "plan"}


def test_the_menu_by_keyboard(plain):
    plain.show(RUNNING)
    keys("Enter", on="[data-act=menu]")(plain)
    assert plain.focused == "export"
    keys("ArrowUp")(plain)
    assert plain.focused == "keys"
    keys("Escape")(plain)
    assert plain.focused == "menu"
    assert plain.page.get_by_role("menu").count() == 0


def test_the_menu_closes_when_the_focus_leaves(plain):
    plain.show(RUNNING)
    click("More")(plain)
    plain.page.locator(".code").click()
    assert plain.page.get_by_role("menu").count() == 0


def test_the_keys_are_shown_and_put_away(plain):
    plain.show(WAITING)
    card("?")(plain)
    assert plain.page.get_by_role("region", name="Keys").is_visible()
    keys("Escape")(plain)
    assert plain.page.get_by_role("region", name="Keys").count() == 0
    assert plain.focused == "card"


def test_a_sheet_of_the_process_is_closed_by_escape(plain):
    plain.show(RUNNING)
    menu("Rules and what they cover")(plain)
    plain.update(set={"sheet": {"title": "Rules", "blocks": [{"kind": "text", "words": "None yet."}]}})
    assert plain.focused == "sheet"
    plain.forget()
    keys("Escape")(plain)
    assert plain.sent == [{"verb": "close"}]
