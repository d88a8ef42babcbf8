"""Every verb of the panel, by mouse and by keyboard, on a plain page."""

from itertools import pairwise

import pytest
from deeds import both, card, click, fill, keys, menu, row, type_
from journeys import FINISHED, STORY, replay
from states import BUDGET, CODE, EDITED, FAILED, MY_CODE, PAUSED, PROPOSED, RUNNING, STEP4, TOOL, WAITING

pytestmark = pytest.mark.browser
CALL = {"call": "r4.0", "digest": "9f3ce1", "step": 3}
MAIL = {"call": "r5.0", "digest": "c07a55", "step": 4}
END = len(STORY.events) - 1
QUESTION = {
    **WAITING,
    "card": {"call": "r6.0", "title": "It asks", "why": "A choice.", "buttons": [], "question": "Which year?"},
}
BODY = {"to": "a@example.org", "subject": "Body mass by island", "body": TOOL["card"]["args"][2]["value"]}
EDIT4 = {"verb": "edit", "step": 4, "title": STEP4["t"], "expect": "p < 0.05", "code": "1 + 1"}

VERBS = {
    "approve": (WAITING, click("Approve"), card("a"), {"verb": "approve", **CALL}),
    "approve by caps lock": (WAITING, click("Approve"), card("A"), {"verb": "approve", **CALL}),
    "approve the plan": (PROPOSED, click("Approve"), card("a"), {"verb": "approve", "call": "plan:1"}),
    "ask at each step": (
        PROPOSED,
        click("Ask at each step"),
        keys("Enter", on=".card .go button:nth-child(2)"),
        {"verb": "approve", "call": "plan:1", "mode": "step"},
    ),
    "approve the rest": (
        WAITING,
        click("Approve the rest like this"),
        card("Shift+A"),
        {"verb": "approve_rest", **CALL},
    ),
    "approve the waiting row": (WAITING, click("Approve step 3"), row(3, "a"), {"verb": "approve", **CALL}),
    "approve a later row": (WAITING, click("Approve step 4"), row(4, "a"), {"verb": "approve", "step": 4}),
    "reject with a reason": (
        WAITING,
        both(click("Reject"), fill("Why not?", "no"), click("Reject with this reason")),
        both(card("r"), type_("no"), keys("Control+Enter")),
        {"verb": "reject", "why": "no", **CALL},
    ),
    "skip": (WAITING, click("Skip"), card("s"), {"verb": "skip", **CALL}),
    "skip a row": (WAITING, click("Skip step 4"), row(4, "s"), {"verb": "skip", "step": 4}),
    "undo a row": (WAITING, click("Undo step 2"), row(2, "u"), {"verb": "undo", "step": 2}),
    "undo all": (
        FINISHED,
        click("Undo all"),
        keys("u", on=".goal button"),
        {"verb": "undo_all"},
    ),
    "edit the code": (
        WAITING,
        both(click("Edit"), fill("Code of step 3", MY_CODE), click("Check my version")),
        both(card("e"), type_(MY_CODE.replace("\n", "\r")), keys("Control+Enter")),
        {"verb": "check_edit", "code": MY_CODE, **CALL},
    ),
    "back to the model's version": (
        EDITED,
        click("Model’s version"),
        keys("Enter", on=".card .go button:nth-child(2)"),
        {"verb": "check_edit", **CALL, "digest": "41d07b", "restore": True},
    ),
    "edit an argument": (
        TOOL,
        both(fill("to", "a@example.org"), click("Check my version")),
        both(keys(on=".args input"), type_("a@example.org"), keys("Control+Enter")),
        {"verb": "check_edit", "arguments": BODY, **MAIL},
    ),
    "reply": (
        QUESTION,
        both(fill("Which year?", "2007"), click("Reply")),
        both(keys(on=".card textarea"), type_("2007"), keys("Control+Enter")),
        {"verb": "reply", "call": "r6.0", "text": "2007"},
    ),
    "say something": (
        RUNNING,
        both(click("Say something"), fill("To the model", "the median"), click("Send")),
        both(keys("Enter", on="[data-act=send]"), type_("the median"), keys("Control+Enter")),
        {"verb": "send", "text": "the median"},
    ),
    "edit a row": (
        WAITING,
        both(click("Edit step 4"), fill("Expects", "p < 0.05"), fill("Code, empty", "1 + 1"), click("Save")),
        both(row(4, "e", "Tab"), type_("p < 0.05"), keys("Tab"), type_("1 + 1"), keys("Control+Enter")),
        EDIT4,
    ),
    "retry with a hint": (
        WAITING,
        both(click("Retry step 2"), fill("A hint", "the median"), click("Retry with this hint")),
        both(keys("Enter", on="[aria-label='Retry step 2']"), type_("the median"), keys("Control+Enter")),
        {"verb": "retry", "step": 2, "hint": "the median"},
    ),
    "move up": (
        PROPOSED,
        click("Move step 3 up"),
        row(3, "Alt+ArrowUp"),
        {"verb": "move", "step": 3, "to": 2},
    ),
    "move down": (
        PROPOSED,
        click("Move step 3 down"),
        row(3, "Alt+ArrowDown"),
        {"verb": "move", "step": 3, "to": 4},
    ),
    "add a step": (
        PROPOSED,
        both(click("Add a step"), fill("Title", "Plot", exact=True), fill("Expects", "a plot"), click("Save")),
        both(
            keys("Enter", on="[data-act=add]"),
            type_("Plot"),
            keys("Tab"),
            type_("a plot"),
            keys("Control+Enter"),
        ),
        {"verb": "add", "title": "Plot", "expect": "a plot", "code": ""},
    ),
    "pause": (RUNNING, click("Pause"), keys("p", on=".goal button"), {"verb": "pause"}),
    "resume": (PAUSED, click("Resume"), row(1, "p"), {"verb": "resume"}),
    "stop": (RUNNING, click("Stop"), keys("Enter", on="[data-act=stop]"), {"verb": "stop"}),
    "more budget": (
        BUDGET,
        click("Add 2 minutes"),
        keys("Enter", on="[data-act=budget]"),
        {"verb": "budget", "add": "2 min"},
    ),
    "another model": (
        FAILED,
        click("Use the local model"),
        keys("Space", on=".do tr:nth-child(2) button"),
        {"verb": "resume", "model": "local"},
    ),
    "export": (
        FINISHED,
        click("Export notebook"),
        keys("Enter", on=".foot [data-act=export]"),
        {"verb": "export"},
    ),
    "journal": (
        RUNNING,
        menu("Show journal"),
        keys("Enter", *["ArrowDown"] * 3, "Enter", on="[data-act=menu]"),
        {"verb": "journal"},
    ),
    "preview": (
        WAITING,
        menu("Preview this step"),
        keys("Enter", "Enter", on="[data-act=menu]"),
        {"verb": "preview", "call": CALL["call"]},
    ),
    "cells": (
        RUNNING,
        menu("Put steps in cells"),
        keys("Enter", *["ArrowUp"] * 3, "Enter", on="[data-act=menu]"),
        {"verb": "cells"},
    ),
    "rules": (
        RUNNING,
        menu("Rules and what they cover"),
        keys("Enter", "End", "ArrowUp", "Enter", on="[data-act=menu]"),
        {"verb": "rules"},
    ),
    "output of a step": (
        WAITING,
        click("Open step 2"),
        row(2, "o"),
        {"verb": "output", "step": 2},
    ),
    "fork here": (
        replay(21),
        click("Fork here"),
        keys("Enter", on=".now [data-act=fork]"),
        {"verb": "fork", "at": 21},
    ),
    "back to the end": (
        replay(21),
        click("Back to the end"),
        keys("Enter", on=".now [data-act=seek]"),
        {"verb": "seek", "at": END},
    ),
    "earlier": (
        FINISHED,
        click("Earlier event"),
        keys("ArrowLeft", on="[type=range]"),
        {"verb": "seek", "at": END - 1},
    ),
    "later": (
        replay(21),
        click("Later event"),
        keys("ArrowRight", on="[type=range]"),
        {"verb": "seek", "at": 22},
    ),
}


def sends(plain, view, deed, message):
    plain.show(view)
    plain.at(600)
    deed(plain)
    plain.page.wait_for_function("model.sent.length > 0")
    assert plain.sent == [message]


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_works_by_mouse(plain, name):
    view, mouse, _, message = VERBS[name]
    sends(plain, view, mouse, message)


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_works_by_keyboard(plain, name):
    view, _, keyboard, message = VERBS[name]
    sends(plain, view, keyboard, message)


@pytest.mark.parametrize("early", [click("Approve"), card("a"), card("Shift+A"), row(3, "a")])
def test_approve_ignores_input_for_the_first_half_second(plain, early):
    plain.show(WAITING)
    plain.at(490)
    early(plain)
    assert plain.sent == []
    plain.at(510)
    early(plain)
    assert len(plain.sent) == 1


def test_the_guard_starts_again_with_the_next_call(plain):
    plain.show(WAITING)
    plain.at(600)
    plain.update(set={"card": EDITED["card"]})
    card("a")(plain)
    assert plain.sent == []


def test_letters_do_nothing_in_fields(plain):
    plain.show(TOOL)
    plain.at(600)
    both(keys(on=".args input"), type_("aersup?"))(plain)
    assert plain.sent == []


def test_letter_unknown_to_a_step_does_not_act_on_the_card(plain):
    plain.show(WAITING)
    plain.at(600)
    row(1, "a", "s", "r", "e")(plain)
    assert plain.sent == []
    assert plain.page.locator("textarea").count() == 0


def test_edited_arguments_keep_types_and_name_what_does_not_fit(plain):
    given = {"days": 3, "deep": False, "unit": "g", "tags": ["a"]}
    args = [{"name": name, "value": value, "origin": "the model"} for name, value in given.items()]
    plain.show({**TOOL, "card": {**TOOL["card"], "args": args}})
    fill("days", "many")(plain)
    click("Check my version")(plain)
    assert plain.sent == []
    assert plain.page.get_by_label("days").get_attribute("aria-invalid") == "true"
    fill("days", "7")(plain)
    fill("deep", "true")(plain)
    fill("unit", "kg")(plain)
    fill("tags", '["b", 2]')(plain)
    click("Check my version")(plain)
    assert plain.sent[0]["arguments"] == {"days": 7, "deep": True, "unit": "kg", "tags": ["b", 2]}


def test_cancel_takes_typed_arguments_back(plain):
    plain.show(TOOL)
    fill("to", "x")(plain)
    keys("Escape")(plain)
    assert plain.page.get_by_label("to", exact=True).input_value() == "station@example.org"
    assert plain.page.get_by_role("button", name="Approve", exact=True).is_visible()


def test_an_edit_that_changes_nothing_asks_nothing(plain):
    plain.show(WAITING)
    both(card("e"), keys("Control+Enter"))(plain)
    assert plain.sent == []
    assert plain.page.get_by_label("Code of this call").inner_text().split() == CODE.split()


def test_the_slider_asks_at_most_ten_times_a_second(plain):
    plain.show(FINISHED)
    plain.page.evaluate(
        "() => { const send = model.send; model.times = [];"
        "model.send = (message) => { model.times.push(performance.now()); send.call(model, message) } }"
    )
    keys(*["ArrowLeft"] * 20, on="[type=range]")(plain)
    plain.page.get_by_text(f"Event {END - 19} of {END + 1}").wait_for()
    plain.page.wait_for_function(f"model.sent.at(-1)?.at === {END - 20}")
    assert plain.sent[-1] == {"verb": "seek", "at": END - 20}
    times = plain.page.evaluate("model.times")
    assert all(later - one > 99 for one, later in pairwise(times))  # a clock of tenths


PRESSED = "(button) => (button.click(), [button.innerText.split('\\n')[0], button.getAttribute('aria-busy')])"
BUSY = {
    "Approve": (WAITING, "Approving…"),
    "Pause": (RUNNING, "Pausing…"),
    "Stop": (RUNNING, "Stopping…"),
    "Resume": (PAUSED, "Resuming…"),
    "Export notebook": (FINISHED, "Exporting…"),
    "Approve step 4": (WAITING, "Approving…"),
}


@pytest.mark.parametrize("name", BUSY)
def test_button_says_at_once_that_it_was_pressed_and_its_own_word_when_it_is_answered(plain, name):
    view, said = BUSY[name]
    plain.show(view)
    plain.page.evaluate("void (model.heard = false)")
    plain.at(600)
    button = (
        plain.page.locator(".llm button:visible").and_(plain.page.get_by_role("button", name=name, exact=True)).first
    )
    handle = button.element_handle()
    own = handle.evaluate("(button) => button.innerText")
    assert handle.evaluate(PRESSED) == [said, "true"]  # before any frame, and nobody has heard it
    plain.page.evaluate("model.fire('msg:custom', { kind: 'note', text: 'it cannot' })")
    assert handle.evaluate("(button) => button.innerText") == own
    assert plain.page.locator("[aria-busy]").count() == 0


def test_what_was_pressed_ends_with_a_new_state_and_an_export_with_its_own_answer(plain):
    plain.show(RUNNING)
    plain.page.get_by_role("button", name="Pause", exact=True).click()
    plain.page.locator("[data-act=pause][aria-label=Pause]", has_text="Pausing…").wait_for()
    plain.update(set={"acts": ["Resume", "Stop"], "what": "it pauses after this step"})
    plain.page.get_by_role("button", name="Resume", exact=True).wait_for()
    assert plain.page.locator("[aria-busy]").count() == 0
    plain.show(FINISHED)
    plain.page.locator(".foot").get_by_role("button", name="Export notebook").click()
    plain.update(set={"what": "13 steps"})
    plain.page.locator(".foot [data-act=export][aria-busy]").wait_for()
    done = {"kind": "exported", "path": "a/b.ipynb", "place": "b.ipynb", "holds": "3 cells", "said": "It runs."}
    plain.page.evaluate("(done) => model.fire('msg:custom', done)", done)
    plain.page.locator(".foot [data-act=export]:not([aria-busy])", has_text="Export notebook").wait_for()
