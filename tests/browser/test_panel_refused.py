"""An edit that was refused says so at its editor, on a plain page."""

import pytest
from deeds import click, fill
from states import CODE, PLAN_DOC, RUNNING, WAITING

pytestmark = pytest.mark.browser
WHY = "step 4 has begun: <b>send</b> it words"


def answer(plain, text=WHY, refused=True):
    """Answer the last verb as the process does: with its ticket where it was refused."""
    plain.page.evaluate(
        "([text, refused]) => model.fire('msg:custom', { kind: 'note', text, ...(refused && { seq: model.seq }) })",
        [text, refused],
    )


def value(plain, name):
    return plain.page.locator(f"[name={name}]").input_value()


def edited(plain, title):
    """Save the form of a row, which closes."""
    click("Edit step 4")(plain)
    fill("Title", title)(plain)
    click("Save")(plain)
    assert plain.page.locator(".form").count() == 0 and len(plain.sent) == 1


def test_form_that_was_refused_is_open_again_with_what_was_typed_and_says_why(plain):
    plain.show(WAITING)
    edited(plain, "By species")
    answer(plain)
    assert plain.page.locator("li[data-n='4'] .form .refused").inner_text().strip() == WHY
    assert (value(plain, "title"), plain.focused) == ("By species", "title")
    assert plain.page.locator("p.note").count() == 0
    plain.page.keyboard.press("Escape")
    assert plain.page.locator(".refused, .form").count() == 0


def test_what_is_said_of_an_edit_that_counts_stands_under_the_state_and_its_form_stays_closed(plain):
    plain.show(RUNNING)
    click("Say something")(plain)
    fill("To the model", "the median")(plain)
    click("Send")(plain)
    answer(plain, "it is told this before it goes on", refused=False)
    assert plain.page.locator("p.note").inner_text() == "it is told this before it goes on"
    assert plain.page.locator(".refused, .form").count() == 0


def test_form_that_somebody_opened_meanwhile_keeps_what_is_typed_there(plain):
    plain.show(WAITING)
    edited(plain, "By species")
    click("Retry step 2")(plain)
    plain.page.keyboard.type("the median")
    answer(plain)
    assert value(plain, "hint") == "the median" and plain.page.locator("p.note").inner_text() == WHY


def test_code_of_the_card_that_was_refused_stays_as_typed_and_the_words_go_with_the_question(plain):
    plain.show(WAITING)
    click("Edit")(plain)
    plain.page.locator("[name=code]").fill("1 +")
    click("Check my version")(plain)
    answer(plain, "SyntaxError: '1 +' ends too soon")
    assert plain.page.locator(".card .refused").inner_text().strip().startswith("SyntaxError")
    assert value(plain, "code") == "1 +" != CODE
    plain.update(set={"card": {**WAITING["card"], "digest": "other"}})
    assert plain.page.locator(".refused").count() == 0


def test_title_in_a_plan_that_was_refused_says_so_in_its_row(plain):
    plain.show(PLAN_DOC)
    plain.page.locator("li[data-n='2'] [name=title]").fill("Another")
    plain.page.keyboard.press("Tab")
    plain.page.wait_for_function("model.sent.length === 1")
    answer(plain)
    assert plain.page.locator("li[data-n='2'] .refused").inner_text().strip() == WHY
    assert plain.page.locator("li .refused").count() == 1
