"""A row that is opened, and the card of what is dangerous: by mouse and by keyboard, on a plain page."""

import pytest
from deeds import card, click, fill, keys, row
from opened import CLOSED, DANGER, HELD_STEP, OPENED, WIRE

pytestmark = pytest.mark.browser
OUTPUT = {"verb": "output", "step": 1}
ABOUT = {key: DANGER["card"][key] for key in ("call", "digest", "step")}


def sent(plain):
    return [{k: v for k, v in message.items() if k != "seq"} for message in plain.sent if message["verb"] != "sync"]


def follow_the_id(p):
    p.page.locator("a.id[data-step='1']").first.click()


@pytest.mark.parametrize(
    "deed",
    [click("Open step 1"), row(1, "Enter"), row(1, "o"), follow_the_id],
    ids=["chevron", "enter", "o", "id"],
)
def test_a_row_opens_by_one_click_or_one_key(plain, deed):
    plain.show(CLOSED)
    deed(plain)
    assert sent(plain) == [OUTPUT]


def test_markdown_that_a_step_displayed_is_drawn_as_such_and_is_said_to_be_displayed(plain):
    said = "## Head\n**bold** ![x](http://example.org/x.png) <img src=y>\n\n| a |\n|---|\n| 1 |"
    block = {"kind": "markdown", "markdown": said, "label": "Displayed by r2.0"}
    plain.show({**OPENED, "sheet": {**OPENED["sheet"], "blocks": [block]}})
    shown = plain.page.get_by_role("group", name="Displayed by r2.0")
    assert shown.locator("strong").inner_text() == "bold" and shown.locator("td").inner_text() == "1"
    assert shown.locator("img").count() == 0 and shown.get_by_role("link").count() == 0


def test_a_row_that_has_run_nothing_does_not_open(plain):
    waiting = {**CLOSED, "steps": [{**CLOSED["steps"][0], "s": "pending", "calls": []}, *CLOSED["steps"][1:]]}
    plain.show(waiting)
    assert plain.page.get_by_role("button", name="Open step 1").count() == 0
    row(1, "Enter", "o")(plain)
    assert sent(plain) == []


def test_the_page_of_a_step_takes_the_place_of_now_and_closes_where_it_was_opened(plain):
    plain.show(CLOSED)
    row(1, "Enter")(plain)
    plain.update(set={"sheet": OPENED["sheet"]})
    page = plain.page
    assert plain.focused.startswith("sheet") and page.locator(".now > *").count() == 1
    assert page.locator("li[data-open]").get_attribute("data-n") == "1"
    assert page.get_by_role("button", name="Close step 1").get_attribute("aria-expanded") == "true"
    held = page.locator("li[data-n='1'] .h.held")
    assert held.inner_text().startswith("as expected: len(out) == 342") and "0.1 s" in held.text_content()
    assert page.locator("li[data-n='3'] .held").count() == 0  # nothing was compared
    plain.forget()
    page.keyboard.press("Escape")
    assert sent(plain) == [{"verb": "close"}]
    plain.update(drop=["sheet"])
    assert plain.focused == "1" and page.locator("section.sheet").count() == 0


def test_the_page_of_a_step_begins_at_its_head_however_far_down_its_row_was_pressed(plain):
    plain.show({**CLOSED, "now": CLOSED["now"] * 4})
    body, head = plain.page.locator(".body"), plain.page.locator(".of-step .head")
    for step in (1, 2):
        body.evaluate("(each) => { each.scrollTop = 1e6 }")
        assert body.evaluate("(each) => each.scrollTop") > 0
        plain.update(set={"sheet": {**OPENED["sheet"], "step": step}})
        beyond = head.bounding_box()["y"] - body.bounding_box()["y"]
        assert 0 <= beyond < 30
    plain.update(set={"stage": "answer"})  # what comes later moves nothing
    body.evaluate("(each) => { each.scrollTop = 100 }")
    plain.update(set={"sheet": {**OPENED["sheet"], "step": 2, "title": "2 Another title"}})
    assert body.evaluate("(each) => each.scrollTop") == 100


def test_where_nobody_answers_a_row_opens_a_table_turns_its_pages_and_the_panel_folds(plain):
    plain.show(OPENED)
    page = plain.page
    page.evaluate("() => model.set('offline', ['Nobody is here.'])")
    click("Next 8 rows")(plain)
    assert page.locator(".pager span").first.inner_text().startswith("9–16 of")
    plain.forget()
    click("Close step 1")(plain)
    assert sent(plain) == [{"verb": "close"}]
    click("Fold the panel")(plain)
    click("Unfold the panel")(plain)
    for name in ("Undo this step", "Undo step 1"):
        assert page.get_by_role("button", name=name, exact=True).is_disabled()


def test_code_is_seen_as_run_and_as_the_difference_to_what_was_proposed(plain):
    plain.show(OPENED)
    box = plain.page.locator(".of-step .code").first
    assert box.locator(".del, .add").count() == 2
    click("As run")(plain)
    assert box.locator(".del, .add").count() == 0 and "body_mass_g" in box.inner_text()
    click("Diff to proposed")(plain)
    assert box.locator(".del, .add").count() == 2 and sent(plain) == []


def test_a_table_has_eight_rows_a_page_dropped_ones_struck_and_the_new_column_tinted(plain):
    plain.show(OPENED)
    body = plain.page.locator(".grid tbody tr")
    assert body.count() == 8 and plain.page.locator(".pager [role=status]").inner_text().startswith("1–8 of the 21")
    gone = plain.page.locator(".grid tr.gone")
    assert gone.inner_text().split()[:3] == ["dropped:", "99", "Gentoo"]
    assert "line-through" in gone.locator("td").first.evaluate("e => getComputedStyle(e).textDecorationLine")
    assert plain.page.locator(".grid th.new").inner_text() == "mass_kg"
    click("Next 8 rows", "Next 8 rows")(plain)
    assert body.count() == 8 and body.last.locator("th").inner_text() == "19" and sent(plain) == []
    click("Earlier 8 rows")(plain)
    assert body.first.locator("th").inner_text() == "4"  # the last page is as full as the others


def test_what_waits_is_not_hidden_by_a_page_of_a_step(plain):
    plain.show({**DANGER, "sheet": OPENED["sheet"]})
    assert plain.page.locator(".now > *").evaluate_all("all => all.map((e) => e.className.split(' ')[0])") == [
        "card",
        "sheet",
    ]


def test_reject_has_the_focus_in_danger_and_no_letter_approves(plain):
    plain.show({**DANGER, "card": None, "tone": "go", "now": []})
    plain.page.locator(".goal button").focus()
    plain.update(set={"card": DANGER["card"], "tone": "bad"})
    assert plain.focused == "reject" and plain.page.evaluate("document.activeElement.className") == "stopit"
    plain.at(600)
    for deed in (keys("a", "Shift+A", on=".card"), row(4, "a"), keys("a", on=".stopit")):
        deed(plain)
    assert sent(plain) == []
    names = plain.page.locator("li[data-n='4'] button").evaluate_all("all => all.map((b) => b.ariaLabel)")
    assert "Approve step 4" not in names and "Reject step 4" in names
    card("r")(plain)
    assert plain.page.get_by_label("Why not?").is_visible()


def test_a_danger_is_approved_by_typing_the_domain_as_it_is_sent(plain):
    plain.show(DANGER)
    plain.at(600)
    click("Approve anyway…")(plain)
    approve = plain.page.get_by_role("button", name="Approve", exact=True)
    assert plain.focused == "typed" and approve.is_disabled()
    for wrong in ("northwind-pay.example", WIRE.upper(), WIRE[:-1]):
        fill("To approve, type the domain", wrong)(plain)
        assert approve.is_disabled()
    fill("To approve, type the domain", "northwind.example")(plain)
    assert "another address" in plain.page.locator(".typed [role=status]").inner_text()
    plain.page.keyboard.press("Enter")
    plain.page.keyboard.press("Control+Enter")
    assert sent(plain) == []
    fill("To approve, type the domain", WIRE)(plain)
    approve.click()
    assert sent(plain) == [{"verb": "approve", **ABOUT, "typed": WIRE}]


def test_characters_that_are_not_what_they_seem_stand_in_boxes_with_their_names(plain):
    plain.show(DANGER)
    boxes = plain.page.locator(".look .odd")
    assert [box.split() for box in boxes.all_inner_texts()] == [
        ["\u043e", "U+043E", ",", "looks", "like", "o"],
        ["U+200B", ",", "invisible"],
    ]
    assert boxes.last.evaluate("e => getComputedStyle(e).borderStyle") == "dashed"
    assert plain.page.locator(".quote tr.hit .odd").count() == 2


def test_a_held_step_shows_what_it_has_done_and_the_line_that_stands_still(plain):
    plain.show(HELD_STEP)
    assert plain.page.locator(".sofar li").first.inner_text().split("\n")[0] == "wrote log.csv"
    assert "not foreseen" in plain.page.locator(".sofar li").last.inner_text()
    assert "report(doubtful)" in plain.page.locator(".code .here").inner_text()


def test_wide_figure_of_a_step_takes_the_whole_width_of_its_page(plain):
    plain.look("light", 960)
    plain.show(OPENED)
    width = plain.page.evaluate("document.querySelector('.of-step').clientWidth")
    wide = "(img) => (img.style.width = '4000px', img.getBoundingClientRect().width)"
    assert plain.page.locator(".of-step img").evaluate(wide) == pytest.approx(width, abs=1) and width > 480
