"""What all states have in common: no violation of accessibility rules, no overflow at any width, motion and contrast."""

import pytest
from journeys import STATES
from states import RUNNING, WAITING

pytestmark = pytest.mark.browser
OVERFLOW = """() => {
  const box = document.querySelector(".llm").getBoundingClientRect();
  const wide = [...document.querySelectorAll(".llm *")].filter((each) => {
    const { right, width, height } = each.getBoundingClientRect();
    return width > 1 && height > 1 && right > box.right + 1 && !each.closest(".code, .sr, .menu, svg");
  });
  return wide.map((each) => `${each.tagName}.${each.className}`);
}"""
SMALL = """() => [...document.querySelectorAll(".llm button")]
  .filter((each) => each.offsetParent && (each.offsetHeight < 24 || each.offsetWidth < 24))
  .map((each) => each.textContent)"""


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


def test_reduced_motion_stops_every_animation(plain):
    plain.show(RUNNING)
    running = "getComputedStyle(document.querySelector('.spin')).animationName"
    assert plain.page.evaluate(running) == "llm-spin"
    plain.page.emulate_media(reduced_motion="reduce")
    assert plain.page.evaluate(running) == "none"
    plain.page.emulate_media(reduced_motion="no-preference")


def test_forced_colours_keep_the_lit_stage(plain):
    plain.show(WAITING)
    stroke = "getComputedStyle(document.querySelector('.lit polygon')).stroke"
    before = plain.page.evaluate(stroke)
    plain.page.emulate_media(forced_colors="active")
    assert plain.page.evaluate(stroke) != before
    plain.page.emulate_media(forced_colors="none")
