"""What stands on a panel is seen whole: on small pages, beside its buttons, on the timeline, and where the focus is."""

import pytest
from journeys import FINISHED, STATES as DRAWN
from opened import DANGER, HELD_STEP, OPENED, SHEET
from states import PLAN_DOC, State, pending
from test_panel_look import OVERFLOW

pytestmark = pytest.mark.browser
STATES = DRAWN | {"step-open": State(OPENED), "danger": State(DANGER), "held": State(HELD_STEP)}
SEEN = "(e) => { const { left, right, top, bottom } = e.getBoundingClientRect(); return { left, right, top, bottom } }"
ALL = f"(all) => all.map({SEEN})"
WORDS = """(step) => {
  const found = [], walker = document.createTreeWalker(step, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const range = document.createRange();
    range.selectNodeContents(walker.currentNode);
    if (!walker.currentNode.parentElement.closest(".do, .sr, .end > .mute"))
      found.push(...[...range.getClientRects()].map(({ left, right, top, bottom }) => ({ left, right, top, bottom })));
  }
  return found;
}"""


def over(a, b):
    """Whether two boxes stand on one another by more than a pixel."""
    return (
        min(a["right"], b["right"]) - max(a["left"], b["left"])
        > 1
        < min(a["bottom"], b["bottom"]) - max(a["top"], b["top"])
    )


@pytest.mark.parametrize("name", STATES)
def test_nothing_is_cut_on_the_page_of_a_telephone(plain, name):
    plain.look("light", 280)
    plain.show(STATES[name].view)
    plain.do(STATES[name].do)
    assert plain.page.evaluate(OVERFLOW) == []


@pytest.mark.parametrize("width", [440, 860, 960])
def test_verbs_of_a_row_cover_none_of_its_words_but_time_and_cost(plain, width):
    plain.look("light", width)
    short = {"ev": ["3 rows"], "verdict": "ran, nothing to compare", "dur": "0.7 s", "cost": "498 tokens"}
    steps = [FINISHED["steps"][0] | {"note": None} | short | {"ev": ["word " * n]} for n in (1, 12, 30)]
    plain.show(FINISHED | {"steps": [step | {"n": n + 1} for n, step in enumerate(steps)]})
    for n in (1, 2, 3):
        step = plain.page.locator(f"li[data-n='{n}']")
        spent = step.locator(".end > .mute")
        assert spent.is_visible() and spent.inner_text() == "0.7 s · 498 tokens"
        step.focus()
        assert not spent.is_visible()  # it is not cut: it makes room
        verbs, said = step.locator(".do button").evaluate_all(ALL), step.evaluate(WORDS)
        assert len(verbs) == 2
        assert [(v, w) for v in verbs for w in said if over(v, w)] == []


def test_the_two_words_over_a_plan_break_only_where_one_of_them_has_no_room(plain):
    for width in (440, 820, 845, 960):
        plain.look("light", width)
        plain.show(FINISHED | {"planhead": "Plan, approved by you", "planside": "13 of 13 done, 11 as expected"})
        high = plain.page.locator(".plan > *").first.locator("span").evaluate_all(ALL)
        assert [(width, round((s["bottom"] - s["top"]) / 18)) for s in high] == [(width, 1)] * 2


def test_an_error_is_never_green(plain):
    failed = {"kind": "text", "glyph": "failed", "words": ["failed."]}
    plain.show(OPENED | {"sheet": SHEET | {"glyph": "failed", "blocks": [failed]}})
    colour = "(svg) => getComputedStyle(svg).color"
    glyph = plain.page.locator(".of-step p svg").evaluate(colour)
    plain.show(FINISHED)
    assert glyph == plain.page.locator("li[data-s=failed] > svg").evaluate(colour)


def test_marks_and_names_of_the_timeline_stand_apart_and_inside(plain):
    events = [{"n": n, "k": "call.finished", "t": "", "s": s} for n, s in enumerate((0, 50, 50.3, 100))]
    events = [e | ({"mark": "e"} if 0 < n < 3 else {}) for n, e in enumerate(events)]
    begun = [("1", 0.0), ("r32.0", 84.0), ("r199.0", 98.8)]
    for width in (440, 960):
        plain.look("light", width)
        plain.show(FINISHED | {"events": events, "begun": begun, "at": 3})
        marks = plain.page.locator(".time .mark").evaluate_all(ALL)
        assert len(marks) == 1  # of two errors that would stand on one another
        names, box = (
            plain.page.locator(".nos span").evaluate_all(ALL),
            plain.page.locator(".nos").evaluate(SEEN),
        )
        assert "r199.0" in plain.page.locator(".nos").inner_text()
        assert all(n["right"] <= box["right"] + 1 and n["left"] >= box["left"] - 1 for n in names)
    assert not [(a, b) for i, a in enumerate(names) for b in names[:i] if over(a, b)]


def test_the_step_that_has_the_focus_does_not_stand_behind_the_buttons_of_its_plan(plain):
    steps = [pending(PLAN_DOC["steps"][0], n=n, t=f"A title that is long enough {n}") for n in range(1, 16)]
    plain.show(PLAN_DOC | {"steps": steps})
    plain.page.locator("li[data-n='1']").focus()
    for n in range(2, 16):
        plain.page.keyboard.press("ArrowDown")
        step, go = (plain.page.locator(s).evaluate(SEEN) for s in (f"li[data-n='{n}']", ".card > .go"))
        assert plain.focused == str(n) and step["bottom"] <= go["top"] + 1, n


def test_the_ring_around_what_has_the_focus_is_seen_on_all_sides(plain):
    plain.show(OPENED)
    plain.page.locator(".of-step").focus()
    ring = "(e) => { const s = getComputedStyle(e); return parseFloat(s.outlineWidth) + parseFloat(s.outlineOffset) }"
    plain.page.keyboard.press("Shift+Tab")
    plain.page.keyboard.press("Tab")
    for what in (".of-step", ".of-step .code", ".of-step .out"):
        each = plain.page.locator(what).first
        each.focus()
        left, body = each.evaluate(SEEN)["left"], plain.page.locator(".body").evaluate(SEEN)["left"]
        assert left - each.evaluate(ring) >= body, what


def test_headings_go_on_from_the_title_of_a_page(plain, axe):
    plain.show(FINISHED)
    if not plain.page.evaluate("Boolean(window.axe)"):
        plain.page.add_script_tag(content=axe)
    plain.page.evaluate("document.body.insertAdjacentHTML('afterbegin', '<h1 id=title>A notebook</h1>')")
    found = plain.page.evaluate("axe.run(document, { runOnly: ['heading-order'] }).then((r) => r.violations)")
    plain.page.evaluate("document.getElementById('title').remove()")
    assert [[node["target"] for node in each["nodes"]] for each in found] == []


def test_headings_stand_where_they_stood_once_a_table_of_contents_has_numbered_them(plain):
    plain.show(PLAN_DOC)
    texts = plain.page.locator(".llm h3 > span:first-of-type")
    before = texts.evaluate_all(ALL)
    assert len(before) > 1
    plain.page.locator(".llm h3").evaluate_all(
        "(all) => all.forEach((e) => e.prepend(Object.assign(document.createElement('span'), { className: 'numbering-entry' })))"
    )
    assert plain.page.locator(".llm h3 > span:not(.numbering-entry):nth-of-type(2)").evaluate_all(ALL) == before
