"""Reports of commands in a browser: accessible in both themes, within their width, and readable without their styles."""

import pytest
from fixtures_journals import STATES
from fixtures_writer import Writer

from llmos_nb.views import report
from llmos_nb.views.loop import run, run_graph
from llmos_nb.views.report import Grid, Note, Report, Told, bundle

pytestmark = pytest.mark.browser
PUT = """([html, light, width]) => {
  document.documentElement.dataset.theme = light ? "light" : "dark";
  document.body.dataset.jpThemeLight = String(light);
  document.documentElement.style.setProperty("--w", `${width}px`);
  document.querySelector("#stage").innerHTML = html;
  return Promise.all([...document.images].map((each) => each.decode()));
}"""
OVERFLOW = """() => {
  const box = document.querySelector(".llmos-report").getBoundingClientRect();
  const wide = [...document.querySelectorAll(".llmos-report *")].filter((each) =>
    each.getBoundingClientRect().right > box.right + 1 && !each.closest(".llmos-report-scroll"));
  return wide.map((each) => `${each.tagName}.${each.className}`);
}"""
OUTSIDE = """() => [...document.querySelectorAll("#stage g.node")].filter((node) => {
  const shape = node.querySelector("polygon, path, ellipse");
  if (!shape) return false;  // of words alone
  const box = shape.getBoundingClientRect();
  return [...node.querySelectorAll("text")].some((text) => {
    const { left, right, top, bottom } = text.getBoundingClientRect();
    return left < box.left || right > box.right || top < box.top - 1 || bottom > box.bottom + 1;
  });
}).map((node) => node.textContent)"""
OVER = """() => {
  const edges = [...document.querySelectorAll("#stage g.edge path")].map((each) => each.getBoundingClientRect());
  return [...document.querySelectorAll("#stage text")].filter((text) => {
    const t = text.getBoundingClientRect();
    return edges.some((e) => e.left < t.right - 1 && e.right > t.left + 1 && e.top < t.bottom && e.bottom > t.top);
  }).map((text) => text.textContent);
}"""


@pytest.fixture
def reports():
    w = STATES["finished"]()
    heads = ("pid", "name", "state", "waits for", "steps", "goal")
    rows = [
        [3, "penguins", Told("waiting for you", "ask"), "a decision on r4.0 " * 9, 4, w.state.goal],
        [4, "x", Told("running", "go"), "", 0, "y"],
    ]
    made = [
        Report("", [Grid("Processes of this notebook", heads, rows, frozenset({"pid", "steps"}))]),
        report.cost(w.state, w.events),
        report.context(w.state, w.events, 2_400, (0.15, 0.6)),
        report.trace(w.state, w.events),
        report.run(w.state, w.events),
    ]
    return {one.parts[0].__class__.__name__ + str(i): bundle(one)["text/html"] for i, one in enumerate(made)}


def test_reports_are_accessible_in_both_themes_and_fit_a_narrow_page(plain, axe, reports):
    page = plain.page
    page.add_script_tag(content=axe)
    for name, html in reports.items():
        for light in (True, False):
            page.evaluate(PUT, [html, light, 960])
            found = page.evaluate("axe.run('#stage', {resultTypes: ['violations']}).then((r) => r.violations)")
            assert (name, [(f["id"], [n["target"] for n in f["nodes"]]) for f in found]) == (name, [])
        for width in (440, 960):
            page.evaluate(PUT, [html, True, width])
            assert (name, width, page.evaluate(OVERFLOW)) == (name, width, [])


def test_a_picture_keeps_its_white_ground_where_the_page_does_not_say_what_it_is(plain, reports):
    page, look = (
        plain.page,
        "() => { const s = getComputedStyle(document.images[0]); return [s.mixBlendMode, s.filter] }",
    )
    html = next(html for html in reports.values() if "<img" in html)
    page.evaluate(PUT, [html, True, 960])
    assert page.evaluate(look) == ["multiply", "none"]
    page.evaluate(PUT, [html, False, 960])
    assert page.evaluate(look) == ["screen", "invert(1) hue-rotate(180deg)"]
    page.evaluate("delete document.body.dataset.jpThemeLight")
    assert page.evaluate(look) == ["normal", "none"]


def test_labels_of_a_run_stay_in_their_boxes_and_off_the_edges(plain, monkeypatch):
    w = (
        Writer()
        .planned()
        .step(1, "WWWW MMMM " * 9)
        .step(2, "wide_name_of_a_variable_that_goes_on = 12345678901234567890")
    )
    w.respond(*[("python", {"code": f"{i}"}) for i in range(3)])
    for i in range(3):
        w.allow(call := f"r{w.state.responses}.{i}").run(call, "ΩΩΩ 漢字漢字漢字漢字漢字漢字 mmmm", ok=i != 1)
    w.end("answered", answer="Done.")
    plain.page.evaluate(PUT, [run_graph(w.state, w.events), True, 960])
    assert plain.page.evaluate("document.querySelectorAll('#stage g.node').length") > 12
    assert plain.page.evaluate(OUTSIDE) == [] and plain.page.evaluate(OVER) == []
    box = plain.page.locator("#stage svg").bounding_box()
    assert box["width"] <= 820 and box["height"] < box["width"]
    monkeypatch.setattr(run, "_em", lambda letter: 0.3)  # as if all letters were narrow
    plain.page.evaluate(PUT, [run_graph(w.state, w.events), True, 960])
    assert plain.page.evaluate(OUTSIDE) != [], "the check finds a label that leaves its box"


def test_no_option_of_a_command_is_broken_across_lines(plain):
    note = Note("10 more processes are unfinished in this home (8 waiting for you). %agent ps --all shows all")
    html = bundle(Report("", [note]))["text/html"]
    lines = """() => {
      const walker = document.createTreeWalker(document.querySelector(".llmos-report p"), NodeFilter.SHOW_TEXT);
      while (walker.nextNode()) {
        const at = walker.currentNode.data.indexOf("--all"), range = document.createRange();
        if (at < 0) continue;
        range.setStart(walker.currentNode, at);
        range.setEnd(walker.currentNode, at + 5);
        return range.getClientRects().length;
      }
    }"""
    broken = []
    for width in range(200, 520, 4):
        plain.page.evaluate(PUT, [html, True, width])
        broken += [width] if plain.page.evaluate(lines) != 1 else []
    assert broken == []
