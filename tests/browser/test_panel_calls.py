"""Rows of calls, where a process has no plan: their verbs by mouse and keyboard, links to them, folds; on a plain page."""

import pytest
from deeds import click, row
from states import WAITING

pytestmark = pytest.mark.browser
LOAD = {
    "n": "r1.0",
    "t": "Load it",
    "s": "done",
    "calls": ["r1.0"],
    "out": True,
    "back": True,
    "note": "made x",
}
LOOK = {"n": "r2.0", "t": "x.head()", "s": "done", "calls": ["r2.0"], "out": True, "ev": "3 rows"}
ASKS = {"n": "r3.0", "t": "Save it", "s": "waiting", "calls": ["r3.0"], "call": "r3.0", "digest": "9f3ce1"}
CARD = {**WAITING["card"], "call": "r3.0", "digest": "9f3ce1"}
CARD.pop("step")
CALLS = {**WAITING, "steps": [LOAD, LOOK, ASKS], "planhead": "Calls", "planside": "2 of 3 done", "card": CARD}
CALLS["dag"] = None
ABOUT = {"call": "r3.0", "digest": "9f3ce1"}

VERBS = {
    "undo": (click("Undo call r1.0"), row("r1.0", "u"), {"verb": "undo", "step": "r1.0"}),
    "open": (click("Open call r2.0"), row("r2.0", "o"), {"verb": "output", "step": "r2.0"}),
    "approve": (click("Approve call r3.0"), row("r3.0", "a"), {"verb": "approve", **ABOUT}),
    "skip": (click("Skip call r3.0"), row("r3.0", "s"), {"verb": "skip", **ABOUT}),
}


def sends(plain, deed, message):
    plain.show(CALLS)
    plain.at(600)
    deed(plain)
    plain.page.wait_for_function("model.sent.length > 0")
    assert [{k: v for k, v in sent.items() if k != "seq"} for sent in plain.sent] == [message]


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_of_a_call_works_by_mouse(plain, name):
    sends(plain, VERBS[name][0], VERBS[name][2])


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_of_a_call_works_by_keyboard(plain, name):
    sends(plain, VERBS[name][1], VERBS[name][2])


def test_undo_is_offered_only_of_calls_that_can_be_undone(plain):
    plain.show(CALLS)
    names = plain.page.locator(".plan button").evaluate_all("all => all.map((b) => b.getAttribute('aria-label'))")
    assert "Undo call r1.0" in names and "Undo call r2.0" not in names and "Retry call r1.0" not in names


def test_a_question_is_answered_and_not_approved_nor_edited(plain):
    plain.show({**CALLS, "steps": [LOAD, {**ASKS, "asks": True}]})
    names = plain.page.locator(".plan button").evaluate_all("all => all.map((b) => b.getAttribute('aria-label'))")
    assert "Skip call r3.0" in names and {"Approve call r3.0", "Edit call r3.0"}.isdisjoint(names)


def test_the_rows_are_called_calls(plain):
    plain.show(CALLS)
    section = plain.page.locator("section[aria-label='Calls']")
    assert section.locator("h3").inner_text().split("\n")[0] == "Calls"
    assert section.locator("li.step").count() == 3


def test_the_id_of_a_call_leads_to_its_row(plain):
    linked = {**LOOK, "ev": ["3 rows ", ["@", "r1.0", "r1.0"]]}
    plain.show({**CALLS, "steps": [LOAD, linked, ASKS]})
    plain.page.locator("a.id[data-step='r1.0']").first.click()
    assert plain.page.evaluate("document.activeElement.dataset.n") == "r1.0"


def test_many_calls_fold_by_their_place(plain):
    many = [{"n": f"r{n}.0", "t": f"call {n}", "s": "done", "calls": [f"r{n}.0"]} for n in range(1, 13)]
    plain.show(
        {
            **CALLS,
            "steps": [*many, ASKS | {"n": "r13.0"}],
            "fold": {"upto": "r12.0", "text": "Calls r1.0–r12.0 done"},
        }
    )
    assert plain.page.locator("details.fold li.step").count() == 12
    assert plain.page.locator("ol[data-key='near'] > li.step").count() == 1


def test_what_is_wrong_with_a_click_far_below_comes_into_view(plain):
    rows = [{**LOAD, "n": f"r{n}.0", "calls": [f"r{n}.0"]} for n in range(1, 60)]
    plain.show({**CALLS, "steps": [*rows, ASKS]})
    plain.page.evaluate("document.querySelector('.llm .body').scrollTop = 1e6")
    plain.page.evaluate("document.getElementById('stage').style.paddingBottom = '2000px'")
    plain.page.evaluate("window.scrollTo(0, 600)")
    plain.page.wait_for_function("document.querySelector('.llm header').getBoundingClientRect().bottom < 0")
    plain.page.evaluate("model.fire('msg:custom', { kind: 'note', text: 'sales changed since' })")
    plain.page.wait_for_function(
        "(() => { const at = document.querySelector('p.note').getBoundingClientRect();"
        "return at.top >= 0 && at.bottom <= innerHeight })()"
    )
    plain.page.evaluate("document.getElementById('stage').style.paddingBottom = ''")


@pytest.mark.parametrize("state", ["done", "failed"])
@pytest.mark.parametrize(("back", "offered"), [(True, True), (False, False)])
def test_undo_of_a_step_is_offered_where_something_can_be_taken_back(plain, state, back, offered):
    step = {"n": 1, "t": "Add", "s": state, "calls": ["r1.0"], "out": True, "back": back}
    plain.show({**CALLS, "steps": [step, ASKS]})
    assert bool(plain.page.locator(".plan button[aria-label='Undo step 1']").count()) is offered
