"""What all states have in common: no violation of accessibility rules, no overflow at any width, motion and contrast."""

import pytest
from deeds import menu
from journeys import FINISHED, STATES as DRAWN
from opened import DANGER, HELD_STEP, OPENED
from states import PLAN_DOC, RUNNING, WAITING, State

pytestmark = pytest.mark.browser
STATES = DRAWN | {
    "step-open": State(OPENED),
    "danger": State(DANGER),
    "typed": State(DANGER, [("click", "Approve anyway…")]),
    "held": State(HELD_STEP),
}
OVERFLOW = """() => {
  const box = document.querySelector(".llm").getBoundingClientRect();
  const wide = [...document.querySelectorAll(".llm *")].filter((each) => {
    const { right, width, height } = each.getBoundingClientRect();
    return width > 1 && height > 1 && right > box.right + 1 && !each.closest(".code, .grid, .sr, .menu, svg");
  });
  return wide.map((each) => `${each.tagName}.${each.className}`);
}"""
SMALL = """() => [...document.querySelectorAll(".llm button")]
  .filter((each) => each.offsetParent && (each.offsetHeight < 24 || each.offsetWidth < 24))
  .map((each) => each.textContent)"""


UNSEEN = """() => [...document.querySelectorAll(".llm button.main")]
  .filter((each) => { const { color, backgroundColor } = getComputedStyle(each); return color === backgroundColor; })
  .map((each) => each.textContent)"""  # of words in the colour of their ground axe says nothing


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", STATES)
def test_axe_finds_no_accessibility_fault_in_any_state(plain, axe, name, theme):
    if not plain.page.evaluate("Boolean(window.axe)"):
        plain.page.add_script_tag(content=axe)
    plain.look(theme, 960)
    plain.show(STATES[name].view)
    plain.do(STATES[name].do)
    found = plain.page.evaluate("axe.run('#stage', {resultTypes: ['violations']}).then((r) => r.violations)")
    assert [(each["id"], [node["target"] for node in each["nodes"]]) for each in found] == []


@pytest.mark.parametrize("name", STATES)
def test_nothing_overflows_and_buttons_are_large_enough(plain, name):
    plain.show(STATES[name].view)
    plain.do(STATES[name].do)
    for width in (440, 600, 820, 950, 1060):
        plain.look("light", width)
        assert (width, plain.page.evaluate(OVERFLOW)) == (width, [])
        assert plain.page.evaluate(SMALL) == []
    assert plain.page.evaluate(UNSEEN) == []


WIDE = [["4,716 g", "by_island.loc['Biscoe', 'mean'].round(1).astype('float64')", ["@", "r3.0", 3]]]


@pytest.mark.parametrize("width", [280, 345])
def test_narrow_panel_keeps_half_of_itself_for_what_it_shows_and_scrolls_to_no_side(plain, width):
    evidence = {"kind": "table", "evidence": True, "caption": "Evidence", "rows": WIDE}
    inner = "['.body', '.frame'].map((s) => document.querySelector(s))"
    for view in ({**FINISHED, "now": [*FINISHED["now"], evidence]}, DANGER, WAITING, PLAN_DOC):
        plain.show(view)
        plain.look("light", width)
        assert (view["id"], plain.page.evaluate(OVERFLOW)) == (view["id"], [])
        beyond = plain.page.evaluate(f"{inner}.map((e) => e.scrollWidth - e.clientWidth)")
        body, frame = plain.page.evaluate(f"{inner}.map((e) => e.clientHeight)")
        assert beyond == [0, 0] and body >= frame / 2 - 1
        assert plain.page.locator(".goal").bounding_box()["width"] > 100


def test_title_of_a_step_that_is_judged_has_the_width_of_a_narrow_panel(plain):
    plain.look("light", 280)
    plain.show(STATES["proposed"].view)
    edge = "(field) => field.closest('li').getBoundingClientRect().right - field.getBoundingClientRect().right"
    titles = plain.page.locator(".pd .ti")
    assert titles.first.bounding_box()["height"] <= 2 * 20 + 4  # "Keep the birds that have a body mass", on two lines
    assert 0 <= titles.first.evaluate(edge) < 30


def test_code_and_title_of_a_waiting_call_are_seen_whole_however_long_a_line_is(plain):
    hidden = "import os; " + " " * 300 + "os.remove('x'); typical.Harbour.plot(drawstyle='steps-post',figsize=(7,4))"
    first = {
        **WAITING["steps"][0],
        "t": "typical.Harbour.plot(drawstyle='steps-post',figsize=(7,4),kind='line')",
    }
    plain.show({**WAITING, "card": {**WAITING["card"], "code": hidden}, "steps": [first, *WAITING["steps"][1:]]})
    beyond = "(e) => e.scrollWidth - e.clientWidth"
    for width in (440, 960):
        plain.look("light", width)
        assert plain.page.evaluate(OVERFLOW) == []
        assert plain.page.locator(".card .code").first.evaluate(beyond) <= 0


def test_reduced_motion_stops_every_animation(plain):
    plain.show(RUNNING)
    running = "getComputedStyle(document.querySelector('.spin')).animationName"
    assert plain.page.evaluate(running) == "llm-spin"
    plain.page.emulate_media(reduced_motion="reduce")
    assert plain.page.evaluate(running) == "none"
    plain.page.emulate_media(reduced_motion="no-preference")


def test_forced_colours_keep_lit_stage_main_button_budget_and_bars_of_time(plain):
    style = "([sheet, key]) => getComputedStyle(document.querySelector(sheet))[key]"
    seen = {
        (".loop .lit polygon", "stroke"): WAITING,
        (".loop1 .lit", "outlineStyle"): WAITING,
        (".card .main", "backgroundColor"): WAITING,
        (".budget i", "outlineStyle"): WAITING,
        (".gantt .you", "boxShadow"): FINISHED,
    }
    for what, view in seen.items():
        plain.show(view)
        menu("Drawing of the loop")(plain)
        before = plain.page.evaluate(style, [*what])
        plain.page.emulate_media(forced_colors="active", reduced_motion="reduce")
        now = plain.page.evaluate(style, [*what])
        assert now != before, what
        if what[0] == ".card .main":  # it stands out from the ground and from its own words
            assert now not in (
                plain.page.evaluate(style, [".llm", "backgroundColor"]),
                plain.page.evaluate(style, [what[0], "color"]),
            )
        plain.page.emulate_media(forced_colors="none", reduced_motion="no-preference")
