"""The frame of the panel: its height, its folded line, what streams in it, clocks, and the plan as a document."""

from datetime import UTC, datetime, timedelta

import pytest
from deeds import both, card, click, keys, row
from journeys import FINISHED, MANY, replay, survey
from opened import DANGER
from states import CARD, CODE, PLAN_DOC, PROPOSED, RUNNING, WAITING, WRITING

pytestmark = pytest.mark.browser
HEIGHT = "document.querySelector('.llm').getBoundingClientRect().height"
BOX = "(sheet) => document.querySelector(sheet).getBoundingClientRect().toJSON()"
LONG = "\n".join(f"line {n}" for n in range(400))


def height(plain):
    return plain.page.evaluate(HEIGHT)


def inside(plain, what):
    """Whether something stands within the panel's body, with nothing over it."""
    body, box = (plain.page.evaluate(BOX, each) for each in (".llm .body", what))
    return body["top"] - 1 <= box["top"] and box["bottom"] <= body["bottom"] + 1


def becomes(plain, view):
    plain.update(set={"events": [], "card": None, **view})
    return height(plain)


def test_height_is_the_same_while_a_run_goes_on_whatever_is_shown(plain):
    plain.show({**RUNNING, "steps": [], "now": []})
    before = height(plain)
    assert [becomes(plain, view) for view in (RUNNING, WRITING, RUNNING)] == [before] * 3
    asks = becomes(plain, WAITING)
    assert asks <= before and inside(plain, ".card .go")  # where it stops for a person it is as high as it needs
    assert [becomes(plain, view) for view in (RUNNING, WRITING, RUNNING)] == [asks] * 3
    short = becomes(plain, {**FINISHED, "steps": [], "now": FINISHED["now"][:1]})
    assert short < before / 2  # from its end on it is as high as what it has
    assert becomes(plain, FINISHED) > short  # also what is opened later


def test_nothing_is_half_blank_where_it_waits_and_nothing_moves_while_somebody_writes_elsewhere(plain):
    small = {**WAITING, "steps": WAITING["steps"][:1], "card": {**CARD, "code": "x = 1", "risks": []}}
    plain.show({**RUNNING, "steps": []})
    plain.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<textarea id=cell></textarea>')")
    plain.page.locator("#cell").focus()
    before = height(plain)
    assert [becomes(plain, view) for view in (small, MANY, FINISHED)] == [before] * 3
    plain.show({**RUNNING, "steps": []})
    plain.page.evaluate("document.querySelector('#cell').remove()")
    becomes(plain, small)
    body, card_box = (plain.page.evaluate(BOX, each) for each in (".llm .body", ".card"))
    assert card_box["height"] > 0.8 * body["height"]
    long = {**small, "card": {**CARD, "code": CODE, "digest": "another"}}
    assert becomes(plain, long) > becomes(plain, small)  # a longer question takes what it needs


HIDE = "(hidden) => { document.getElementById('stage').style.display = hidden ? 'none' : '' }"


@pytest.mark.parametrize("view", [WAITING, FINISHED])
def test_what_changes_in_a_tab_behind_others_has_its_height_once_the_tab_is_shown(plain, view):
    plain.show(RUNNING)
    wanted = becomes(plain, view)
    plain.show(RUNNING)
    plain.page.evaluate(HIDE, True)
    assert becomes(plain, view) == 0
    plain.page.evaluate(HIDE, False)
    plain.page.wait_for_function(f"(wanted) => Math.abs({HEIGHT} - wanted) < 1", arg=wanted)
    assert wanted > 200


def test_question_at_the_lower_edge_comes_into_view_where_its_cell_is_looked_at(plain):
    plain.show({**RUNNING, "steps": []})
    plain.page.evaluate("document.body.style.paddingTop = '700px'; document.body.style.paddingBottom = '2000px'")
    try:
        seen = "(() => { const { top, bottom } = document.querySelector('.card .go').getBoundingClientRect(); return top >= 0 && bottom <= innerHeight })()"
        plain.page.evaluate("scrollTo(0, 0)")
        becomes(plain, WAITING)
        assert plain.page.evaluate(seen) and plain.page.evaluate("scrollY") > 0
        becomes(plain, RUNNING)
        plain.page.evaluate("scrollTo(0, 1e6)")  # somebody looks at something else
        at = plain.page.evaluate("scrollY")
        becomes(plain, WAITING)
        assert plain.page.evaluate("scrollY") == at
    finally:
        plain.page.evaluate("document.body.style = ''")


@pytest.mark.parametrize("size", [(440, 900), (630, 450)])  # narrow; a window of 1260 × 900 at 200 %
def test_decision_is_in_sight_however_long_what_is_decided_on(plain, size):
    width, high = size
    plain.page.set_viewport_size({"width": width + 40, "height": high})
    plain.look("light", width)
    for view in (MANY, {**MANY, "card": {**CARD, "code": CODE * 30}}, PLAN_DOC):
        plain.show(view)
        assert height(plain) <= high
        assert inside(plain, ".card .main")
        body = plain.page.evaluate(BOX, ".llm .body")
        assert width > 480 or body["height"] >= height(plain) / 2
    plain.page.set_viewport_size({"width": 1100, "height": 900})


@pytest.mark.parametrize(("then", "head"), [(WAITING, ".card .lead"), (FINISHED, ".now .lead")])
def test_a_question_and_an_answer_are_in_sight_however_far_down_the_plan_one_was(plain, then, head):
    plain.show({**RUNNING, "steps": MANY["steps"]})
    body = plain.page.locator(".body")
    body.evaluate("(each) => { each.scrollTop = 1e6 }")
    assert body.evaluate("(each) => each.scrollTop") > 100
    plain.update(set={"steps": MANY["steps"], **{k: v for k, v in then.items() if k != "steps"}})
    assert inside(plain, head)
    body.evaluate("(each) => { each.scrollTop = 100 }")  # what comes later moves nothing
    plain.update(set={"stage": "answer"})
    assert body.evaluate("(each) => each.scrollTop") == 100


def test_what_is_typed_stays_in_sight_when_a_question_comes(plain):
    plain.show({**RUNNING, "steps": MANY["steps"]})
    plain.page.get_by_role("button", name="Add a step", exact=True).click()
    plain.page.locator(".llm .form").locator("input, textarea").first.focus()
    body = plain.page.locator(".body")
    body.evaluate("(each) => { each.scrollTop = 300 }")
    before = body.evaluate("(each) => each.scrollTop")
    plain.update(set={"card": WAITING["card"], "state": "Waiting for you"})
    assert body.evaluate("(each) => each.scrollTop") == before


def test_folded_panel_is_one_line_with_the_buttons_of_the_moment(plain):
    plain.show({**WAITING, "strip": "step 3 wants to replace a file", "time": "0:41", "cost": "$0.002"})
    click("Fold the panel")(plain)
    assert height(plain) <= 42 and plain.focused == "fold"
    line = plain.page.locator(".s1").inner_text()
    assert all(words in line for words in ("Waiting for you", "step 3 wants to replace a file", "0:41", "$0.002"))
    names = plain.page.locator(".s1 .go button").all_inner_texts()
    assert [name.split("\n")[0] for name in names] == ["Approve", "Reject", "Stop"]
    plain.at(600)
    keys("a", on=".s1 .bare")(plain)
    assert plain.sent == [{"verb": "approve", "call": "r4.0", "digest": "9f3ce1", "step": 3}]
    click("Reject")(plain)  # a reason needs room
    assert plain.page.get_by_role("textbox", name="Why not?").is_visible()


@pytest.mark.parametrize("of", [DANGER["card"], PROPOSED["card"], {**CARD, "question": "Which?"}])
def test_folded_line_approves_nothing_that_must_be_read(plain, of):
    plain.show({**WAITING, "card": of})
    click("Fold the panel")(plain)
    names = [name.split("\n")[0] for name in plain.page.locator(".s1 .go button").all_inner_texts()]
    assert names == ["Reject", "Open", "Stop"]
    plain.at(600)
    keys("a", "Shift+A", on=".s1 .bare")(plain)
    assert plain.sent == []
    click("Open")(plain)
    assert plain.page.locator(".card").is_visible()


def test_choice_to_fold_is_kept(browser):
    from harness import HERE, PlainPage

    page = browser.new_page()
    html = (HERE / "pages" / "plain.html").read_text("utf-8")
    page.route("http://panel.test/", lambda route: route.fulfill(body=html, content_type="text/html"))
    for folded in (True, False):
        page.goto("http://panel.test/")
        panel = PlainPage(page, load=False)
        panel.show(RUNNING)
        click("Fold the panel" if folded else "Unfold the panel")(panel)
        page.reload()
        panel.show(RUNNING)
        assert page.locator(".s1").count() == folded
        panel.show({**RUNNING, "pid": 4})  # another process
        assert page.locator(".s1").count() == 0
    page.close()


def test_live_box_follows_the_end_unless_scrolled_up(plain):
    at_end = "(() => { const box = document.querySelector('.live'); return box.scrollTop + box.clientHeight >= box.scrollHeight - 8 })()"
    plain.show({**RUNNING, "printed": LONG})
    assert plain.page.evaluate(at_end)
    box = plain.page.evaluate(BOX, ".live")
    plain.update(append={"printed": "\nand more"})
    assert plain.page.evaluate(at_end) and plain.page.evaluate(BOX, ".live") == box
    assert "401 lines so far" in plain.page.locator(".cap").inner_text()
    plain.page.evaluate("document.querySelector('.live').scrollTop = 40")
    newest = plain.page.get_by_role("button", name="↓ Newest")
    newest.wait_for()
    plain.update(append={"printed": "\nand more still"})
    assert plain.page.evaluate("document.querySelector('.live').scrollTop") == 40
    newest.click()
    assert plain.page.evaluate(at_end) and newest.is_hidden()


def test_code_comes_as_it_is_written_and_then_the_prints_of_the_call(plain):
    plain.show({**WRITING, "stream": "", "written": ""})
    for piece in ("by_island = (\n    birds.group", 'by("island")'):
        plain.update(append={"written": piece})
    lines = plain.page.locator(".live .code > span").all_inner_texts()
    assert [line.strip() for line in lines] == ["by_island = (", 'birds.groupby("island")']
    assert "being written" in plain.page.locator(".cap").inner_text()
    plain.update(set={**RUNNING, "stream": "", "written": "", "printed": ""})
    assert plain.page.locator(".live .out").count() == 0
    plain.update(append={"printed": "Biscoe\n"})
    assert plain.page.locator(".live .out").inner_text().strip() == "Biscoe"


def test_clocks_tick_on_the_page_and_write_only_what_changes(plain):
    since = (datetime.now(UTC) - timedelta(seconds=65)).isoformat()
    time = {
        "name": "time",
        "used": "0:05",
        "of": "3:00",
        "part": 0.03,
        "clock": {"since": since, "base": 5.0, "top": 180.0},
    }
    said = {"since": since, "say": "{} so far"}
    plain.show({**RUNNING, "clock": said, "budget": [time], "now": []})
    assert plain.page.locator(".meta .tick").inner_text().startswith("1 min 5")
    assert plain.page.locator(".budget .tick").inner_text() == "1:10"
    plain.page.evaluate(
        """() => {
          window.writes = [];
          new MutationObserver((list) => writes.push(...list.map((each) => each.target.textContent)))
            .observe(document.querySelector(".budget .tick"), { childList: true, characterData: true, subtree: true });
        }"""
    )
    plain.page.wait_for_function("writes.length === 2")
    assert plain.page.evaluate("writes") == ["1:11", "1:12"]  # four looks a second, one word a second
    assert 38 < float(plain.page.locator(".budget i b").evaluate("(bar) => bar.style.width").rstrip("%")) < 42


def test_clock_of_a_page_that_goes_wrong_does_not_count(plain):
    ahead = (datetime.now(UTC) + timedelta(hours=1)).timestamp()  # of the process, as its answer to `sync` says
    since = datetime.fromtimestamp(ahead - 30, UTC).isoformat()
    plain.show({**RUNNING, "clock": {"since": since, "say": "{} so far"}})
    assert "0.0 s so far" in plain.page.locator(".meta").inner_text()
    plain.page.evaluate("(at) => model.fire('msg:custom', { kind: 'clock', at })", ahead)
    assert plain.page.locator(".meta .tick").inner_text().startswith("30 s")


def test_panel_of_two_hundred_steps_is_drawn_with_few_nodes(plain):
    steps = [{**survey(i % 22), "n": i + 1} for i in range(200)]
    events = [{"n": i, "k": "call.finished", "t": "x" * 60, "s": i * 0.5, "mark": "h"} for i in range(1600)]
    bars = [
        {"who": who, "begin": i + at, "end": i + at + 0.4}
        for i in range(800)
        for at, who in ((0, "model"), (0.4, "tool"))
    ]
    fold = {"upto": 200, "text": "Steps 1-200 done"}
    plain.show({**FINISHED, "steps": steps, "fold": fold, "events": events, "stretches": bars, "at": 1599})
    nodes = "(sheet) => document.querySelectorAll(sheet).length"
    assert plain.page.evaluate(nodes, ".plan *") <= 200 * 25
    assert plain.page.evaluate(nodes, ".time *") <= 1500
    assert plain.page.evaluate(nodes, ".llm *") <= 6500


def test_past_rows_offer_nothing_and_their_keys_do_nothing(plain):
    plain.show(FINISHED)
    assert plain.page.get_by_role("button", name="Undo step 2").count() == 1
    plain.show(replay(21))
    assert plain.page.locator(".plan .do button").count() == 0
    row(1, "u", "e", "s")(plain)
    assert plain.sent == []


# the plan as a document


def test_plan_to_be_judged_is_the_wide_column_with_what_it_may_do_outside_beside_it(plain):
    plain.look("light", 1060)
    plain.show(PLAN_DOC)
    now, side = (plain.page.evaluate(BOX, each) for each in (".now", ".plan"))
    assert now["width"] > 1.4 * side["width"] and now["right"] <= side["left"]
    assert plain.page.locator(".now .pd > li.step").count() == 4
    beside = plain.page.get_by_role("region", name="What it may do outside").inner_text()
    assert "Delegated: others choose." in beside and "others, by what they wrote in read_page" in beside
    assert "act 1: write ./report.md" in " ".join(plain.page.locator("li[data-n='3'] .outw").inner_text().split())


TITLE = "textarea[name=title]"


def test_step_is_edited_in_place_and_what_stands_goes_back_by_escape(plain):
    plain.show(PLAN_DOC)
    title = plain.page.get_by_role("textbox", name="Title of step 2")
    title.fill("Median mass on each island")
    title.press("Escape")
    assert title.input_value() == PLAN_DOC["steps"][1]["t"] and plain.focused == "2" and plain.sent == []
    title.fill("Median mass on each island")
    title.press("Enter")
    (sent,) = plain.sent  # what stands beneath it stays, seen
    assert sent == {
        "verb": "edit",
        "step": 2,
        "title": "Median mass on each island",
        "expect": PLAN_DOC["steps"][1]["x"],
    }
    plain.forget()
    expects = plain.page.get_by_role("textbox", name="Expectation of step 2")
    expects.fill("len(out) == 4")
    plain.update(set={"card": {**PLAN_DOC["card"], "call": "plan:2"}})  # the answer to the edit before
    assert expects.input_value() == "len(out) == 4" and plain.page.evaluate("document.activeElement.name") == "expect"
    plain.page.keyboard.press("Tab")
    assert plain.sent == [{"verb": "edit", "step": 2, "expect": "len(out) == 4"}]
    plain.forget()
    title.fill(" ")
    title.press("Enter")
    assert plain.sent == [] and title.input_value() == PLAN_DOC["steps"][1]["t"]


def test_what_is_typed_into_a_step_is_covered_by_none_of_its_verbs(plain):
    plain.show(PLAN_DOC)
    row = plain.page.locator(".pd li[data-n='2']")
    row.hover()
    verbs = row.locator(".do")
    assert verbs.evaluate("(each) => getComputedStyle(each).opacity") == "1"
    row.locator("textarea").first.click()
    look = "(each) => [getComputedStyle(each).opacity, getComputedStyle(each).pointerEvents]"
    assert verbs.evaluate(look) == ["0", "none"]
    row.get_by_role("button", name="Skip step 2").focus()  # by the keyboard they are reached all the same
    assert verbs.evaluate(look) == ["1", "auto"]


def test_arrows_lead_from_the_plan_into_its_steps(plain):
    plain.show(PLAN_DOC)
    card("ArrowUp")(plain)
    assert plain.focused.startswith("card")
    card("ArrowDown", "ArrowDown")(plain)
    assert plain.focused == "2" and plain.sent == []


def test_step_is_moved_by_its_grip_and_by_keys_on_it(plain):
    plain.show(PLAN_DOC)
    grip, third = plain.page.locator("li[data-n='1'] .grip"), plain.page.locator("li[data-n='3']")
    start, end = grip.bounding_box(), third.bounding_box()
    plain.page.mouse.move(start["x"] + 8, start["y"] + 8)
    plain.page.mouse.down()
    plain.page.mouse.move(start["x"] + 8, end["y"] + end["height"] - 4, steps=4)
    plain.page.mouse.up()
    assert plain.sent == [{"verb": "move", "step": 1, "to": 3}]
    plain.forget()
    keys("Alt+ArrowDown", on="li[data-n='2'] .grip")(plain)
    assert plain.sent == [{"verb": "move", "step": 2, "to": 3}]
    plain.update(set={"card": {**PLAN_DOC["card"], "call": "plan:2"}}, steps={"put": [], "order": [1, 3, 2, 4]})
    assert plain.page.evaluate("document.activeElement.closest('li').dataset.n") == "2"  # it is moved on from here


def test_plan_is_approved_up_to_a_step_and_the_line_can_be_taken_back(plain):
    plain.show(PLAN_DOC)
    plain.at(600)
    click("up to here, step 2")(plain)
    assert plain.page.locator(".pd .rest").evaluate_all("all => all.map((each) => each.dataset.n)") == [
        "3",
        "4",
    ]
    struck = "(all) => all.filter((each) => getComputedStyle(each).textDecorationLine !== 'none').length"
    assert plain.page.locator(".pd .ti").evaluate_all(struck) == 0  # none of them is taken out
    assert plain.page.get_by_text("You are asked again before step 3.").is_visible()
    assert "up to step 2" in plain.page.locator(".card .main").inner_text()
    assert plain.page.get_by_role("button", name="Approve all but 2").count() == 0
    card("a")(plain)
    assert plain.sent == [{"verb": "approve", "call": "plan:1", "upto": 2}]
    plain.forget()
    both(click("up to here, step 2"), card("a"))(plain)
    assert plain.sent == [{"verb": "approve", "call": "plan:1"}]


def test_all_but_an_act_is_still_offered(plain):
    plain.show(PLAN_DOC)
    plain.at(600)
    click("Approve all but 2")(plain)
    assert plain.sent == [{"verb": "approve", "call": "plan:1", "without": [2]}]
