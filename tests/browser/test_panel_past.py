"""What a panel does not say any more: times of what has left, ticks of what did not run, forms of what went on."""

import pytest
from deeds import click, keys
from journeys import FINISHED, MIXED, survey
from states import PLAN_DOC, PROPOSED, RUNNING, STEP1, STEP3, clock, pending

pytestmark = pytest.mark.browser
TIMES = "[...document.querySelectorAll('[data-clock]')].map((e) => e.textContent)"


@pytest.fixture
def later(plain):
    """Set the page's time forward, by milliseconds."""
    plain.page.evaluate("() => { window.today = Date.now }")
    yield lambda ms: plain.page.evaluate("(ms) => { Date.now = () => window.today() + ms }", ms)
    plain.page.evaluate("() => { Date.now = window.today }")


def test_times_stand_still_while_nobody_answers_and_run_again_when_somebody_does(plain, later):
    plain.show({**RUNNING, "clock": clock(3, "{} so far")})
    page = plain.page
    page.evaluate("() => model.set('offline', ['Nobody is here.'])")
    before = page.evaluate(TIMES)
    assert page.locator(".llm .state").inner_text().strip() == "Last seen: Running"
    assert page.locator(".llm .spin").first.evaluate("(e) => getComputedStyle(e).animationName") == "none"
    later(90_000)
    page.evaluate("() => model.set('offline', ['Nobody is here, still.'])")
    assert page.evaluate(TIMES) == before
    page.evaluate("() => model.set('offline', null)")
    assert any(time.startswith("1 min ") for time in page.evaluate(TIMES))
    assert page.locator(".llm .state").inner_text().strip() == "Running"


def test_what_has_ended_is_not_said_to_have_been_seen_last(plain):
    plain.show(FINISHED)
    plain.page.evaluate("() => model.set('offline', ['Nobody is here.'])")
    assert plain.page.locator(".llm .state").inner_text().strip() == "Answered"
    plain.page.evaluate("() => model.set('offline', null)")


@pytest.mark.parametrize(
    ("rows", "sign"),
    [
        ([STEP1 | {"held": True}], "done"),
        ([STEP1 | {"held": False}], "ran"),
        ([STEP3 | {"s": "rejected"}], "rejected"),
        ([STEP1 | {"held": True}, STEP3 | {"n": 2, "s": "rejected"}], "pending"),
    ],
)
def test_rows_before_a_plan_have_a_tick_only_where_each_has_one(plain, rows, sign):
    plain.show({**PROPOSED, "steps": [*rows, pending(STEP3, n=9)]})
    summary = plain.page.locator(".doc details.fold summary")
    icons = {
        "done": "m3 8.6", "ran": "M8 5.4", "rejected": "M8 2.7", "pending": "M8 3.2",
    }  # fmt: skip
    assert summary.locator("svg path").first.get_attribute("d").startswith(icons[sign])


def test_escape_and_enter_in_a_form_of_the_plan_that_is_judged_are_the_forms(plain):
    plain.show(PLAN_DOC)
    title = plain.page.locator(".pd .form [name=title]")
    click("Edit step 2")(plain)
    title.press("Escape")
    assert plain.page.locator(".pd .form").count() == 0
    click("Edit step 2")(plain)
    title.fill("Count the nests")
    title.press("Enter")
    (sent,) = [m for m in plain.sent if m["verb"] == "edit"]
    assert (sent["step"], sent["title"]) == (2, "Count the nests") and plain.page.locator(".pd .form").count() == 0


def test_a_form_goes_with_what_it_could_be_said_of_and_says_that_it_was_not_saved(plain):
    plain.show(RUNNING)
    keys("e", on="li[data-n='4']")(plain)
    plain.page.keyboard.type("half a tit")
    steps = [{**s, "s": "running"} if s["n"] == 4 else s for s in RUNNING["steps"]]
    plain.update(set={"steps": steps})
    assert plain.page.locator(".plan .form").count() == 1
    plain.update(set={"steps": [{**s, "s": "done"} if s["n"] == 4 else s for s in steps]})
    assert plain.page.locator(".plan .form").count() == 0
    assert plain.page.locator("p.note").inner_text().endswith("was not saved.")


def test_a_fold_in_which_the_row_of_the_keyboard_goes_stays_closed_and_has_the_focus(plain):
    rows = [survey(i) for i in range(22)]
    plain.show({**MIXED, "steps": rows, "fold": None})
    keys(on="li[data-n='12']")(plain)
    plain.update(set={"steps": rows, "fold": {"upto": 22, "text": "Steps 1–22 done"}})
    fold = plain.page.locator(".plan details.fold").first
    assert fold.get_attribute("open") is None
    assert plain.page.evaluate("document.activeElement.tagName") == "SUMMARY"
