"""A panel after the end, on a plain page: the answer's values, the line that asks further, and when nobody answers."""

import re
from pathlib import Path

import pytest
from deeds import keys
from journeys import FINISHED
from states import RUNNING

from llmos_nb.process.answers import marked
from llmos_nb.views.panel.answer import placed

pytestmark = pytest.mark.browser
LINKS = Path(__file__).parents[2] / "llmos_nb/app/lab/extension/static/links.js"
CORPUS = Path(__file__).parents[1] / "process/answers/corpus.txt"
# A session whose process answers on another comm than the saved one, or on none; gives what a panel is told.
FIND = """async ([source, comms]) => {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const { links } = await import(url);
  const kernel = {
    status: "idle",
    registerCommTarget() {},
    createComm: (_, id = "new") => ({ commId: id, open() {}, send() {}, dispose() {} }),
    requestCommInfo: async () => ({ content: { comms } }),
  };
  const panel = { sessionContext: { ready: Promise.resolve(), session: { kernel } } };
  const model = { run: { run: "r", comm: "saved", pid: 1 } };
  const told = [];
  const follow = (link) => (link.join(model), told.push(link.comm.commId));
  await links(null).find(panel, model, follow, (kind) => told.push(kind));
  return [...new Set(told)];
}"""


@pytest.fixture
def ended(plain):
    plain.show(FINISHED)
    return plain


def test_a_value_says_how_it_is_known_and_lights_its_row(ended):
    page = ended.page
    value = page.get_by_role("button", name="3,713", exact=True)
    value.hover()
    tip = page.get_by_role("tooltip")
    assert "seen" in tip.inner_text() and "Dream" in tip.inner_text()
    assert page.locator("tr.hit th").all_inner_texts() == ["3,713"]
    assert value.evaluate("(each) => document.getElementById(each.getAttribute('aria-describedby')).className") == "tip"
    page.mouse.move(0, 0)
    tip.wait_for(state="detached")
    assert page.locator("tr.hit").count() == 0


def drawn(plain, markdown):
    """Show an answer whose numbers, in whatever text, are marked as the process would mark them."""
    found = marked(markdown, ())
    plain.show(FINISHED | {"now": [{"kind": "answer", "markdown": markdown, "claims": placed(markdown, found, 0)}]})
    return plain.page.locator(".answer")


def test_no_mark_stands_in_code_however_the_code_is_fenced(plain):
    answer = drawn(plain, "``a ` 12`` and 13 `b` and \\`14\\`\n\n- x `15`\n\n```\n16\n```")
    assert answer.locator("button.claim").all_inner_texts() == ["13", "14"]
    assert answer.locator("code").all_inner_texts() == ["a ` 12", "b", "15"]
    assert answer.locator("code button, .code button").count() == 0


def test_each_mark_of_sixty_answers_is_one_button_outside_code(plain):
    lines = CORPUS.read_text("utf-8").partition("=== answers\n")[2].splitlines()
    for line in lines:
        text = re.sub(r"\{([^{}=]+)(?:=[^{}]+)?\}", r"\1", line.partition(": ")[2]).replace("⏎", "\n")
        answer = drawn(plain, text)
        wanted = [n.text.replace("\u202f", " ").replace("\u00a0", " ") for n in marked(text, ())]
        shown = [
            s.replace("\u202f", " ").replace("\u00a0", " ") for s in answer.locator("button.claim").all_inner_texts()
        ]
        assert shown == wanted, text
        assert answer.locator("code button, .code button, button button").count() == 0
        assert not re.search("[\ue000-\ue002]", answer.inner_text())


def test_lists_headings_quotes_and_tables_keep_their_form_around_values(plain):
    answer = drawn(
        plain,
        "# Part 2\n\n3. a 4\n   - b 5\n4. c 6\n\n> 7\n\n| a | n |\n|---|--:|\n| x \\| y | **−8** |\n| z | 9 |",
    )
    assert answer.locator("ol > li").count() == 2 and answer.locator("ol").get_attribute("start") == "3"
    assert answer.locator("ol ul > li button").all_inner_texts() == ["5"]
    assert answer.locator("blockquote button").all_inner_texts() == ["7"]
    assert answer.locator("tbody tr").first.locator("td").all_inner_texts() == ["x | y", "−8"]
    right = [box["x"] + box["width"] for box in (b.bounding_box() for b in answer.locator("td button").all())]
    assert abs(right[0] - right[1]) < 1
    head = answer.locator("h3").evaluate(
        "(h) => h.querySelector('button').getBoundingClientRect().x - h.getBoundingClientRect().x"
    )
    assert head < 80


def test_no_line_begins_with_the_comma_behind_a_value_and_a_sign_stays_before_its_digits(plain):
    plain.look("light", 420)
    answer = drawn(plain, ", ".join(str(2000 + n) for n in range(60)) + "\n\nשלום −2018 הזמנות")
    tops = """(p) => [...p.querySelectorAll('.joined')].filter((each) => {
      const range = document.createRange();
      range.selectNodeContents(each.lastChild);
      return range.getBoundingClientRect().top > each.querySelector('button').getBoundingClientRect().bottom;
    }).length"""
    assert answer.locator(".joined").count() == 59 and answer.evaluate(tops) == 0
    assert answer.locator("button", has_text="−2018").evaluate("(b) => getComputedStyle(b).direction") == "ltr"
    assert answer.locator("p").last.evaluate("(p) => getComputedStyle(p).direction") == "rtl"


def test_the_words_of_a_value_at_the_lower_edge_are_not_cut_off(plain):
    answer = drawn(plain, "\n\n".join(f"Line {n}." for n in range(100, 140)))
    button = answer.locator("button.claim").nth(20)
    button.scroll_into_view_if_needed()
    button.evaluate("(b) => b.scrollIntoView({ block: 'end' })")
    button.focus()
    tip = plain.page.get_by_role("tooltip")
    there = """(t) => { const r = t.getBoundingClientRect();
      return [r.top + 4, r.bottom - 4].every((y) => t.contains(document.elementFromPoint(r.left + 8, y))); }"""
    assert tip.evaluate(there)
    assert tip.bounding_box()["y"] < button.bounding_box()["y"]


def test_a_value_is_reached_by_key_and_its_words_go_with_escape(ended):
    ended.page.get_by_role("button", name="4,716 g", exact=True).focus()
    assert "by_island" in ended.page.get_by_role("tooltip").inner_text()
    ended.page.keyboard.press("Escape")
    ended.page.get_by_role("tooltip").wait_for(state="detached")
    assert ended.focused == "claim"


def test_values_stand_in_the_answer_where_it_says_them_and_change_no_word_of_it(ended):
    words = ended.page.locator(".answer").inner_text()
    assert "4,716 g on average, against 3,713 g on Dream" in words and "weighs the same on each (p = 0.97)" in words
    marks = ended.page.locator(".claim").evaluate_all("(all) => all.map((each) => each.dataset.mark)")
    assert marks == ["computed", "seen", "seen", "typed"]


@pytest.mark.parametrize("width", [440, 960])
def test_the_words_of_a_value_stay_inside_the_panel(ended, width):
    ended.look("light", width)
    for value in ended.page.locator(".claim").all():
        value.focus()
        inner, outer = ended.page.locator(".tip").bounding_box(), ended.page.locator(".llm").bounding_box()
        assert inner["x"] >= outer["x"] and inner["x"] + inner["width"] <= outer["x"] + outer["width"]


def test_text_that_looks_like_the_marks_of_values_makes_no_button(plain):
    block = {"kind": "answer", "markdown": "a \ue0000\ue001b\ue002 and `\ue0007\ue001c` 5", "claims": []}
    plain.show({**FINISHED, "now": [block]})
    assert plain.page.locator(".claim").count() == 0
    assert plain.page.locator(".answer").inner_text() == "a �0�b� and �7�c 5"


@pytest.mark.parametrize(
    ("markdown", "value", "shown"),
    [
        ("**It is 4.5 kg** there.", "4.5 kg", "It is 4.5 kg there."),
        ("| a | b |\n|---|---|\n| x | 7.25 |", "7.25", "7.25"),
        ("𝔘 is 12 long.", "12", "𝔘 is 12 long."),
    ],
)
def test_a_value_in_bold_or_a_table_is_a_button_there(plain, markdown, value, shown):
    at = markdown.index(value)
    claim = {"row": 0, "at": [at, at + len(value)], "kind": "seen", "mark": "seen", "how": "x"}
    plain.show({**FINISHED, "now": [{"kind": "answer", "markdown": markdown, "claims": [claim]}]})
    assert plain.page.locator(".claim").all_inner_texts() == [value]
    assert shown in plain.page.locator(".answer").inner_text()


def test_a_value_that_a_former_version_placed_in_code_is_no_button(plain):
    claim = {"row": 0, "at": [17, 20], "kind": "seen", "mark": "seen", "how": "x"}
    plain.show(FINISHED | {"now": [{"kind": "answer", "markdown": "Rows: `len(df) = 342`.", "claims": [claim]}]})
    assert plain.page.locator(".claim").count() == 0
    assert plain.page.locator(".answer").inner_text() == "Rows: len(df) = 342."


def test_enter_in_the_last_line_asks_further_and_empties_it(ended):
    line = ended.page.get_by_role("textbox", name="Ask further")
    line.press("Enter")
    assert ended.sent == []
    line.fill("And the females?")
    ended.update(set={"what": "something else"})
    assert line.input_value() == "And the females?"
    line.press("Enter")
    assert ended.sent == [{"verb": "send", "text": "And the females?"}] and line.input_value() == ""


@pytest.mark.parametrize(("press", "verb"), [("u", "undo_all"), ("Shift+U", "redo")])
def test_undo_and_redo_have_their_keys_after_the_end(ended, press, verb):
    keys(press, on=".goal button")(ended)
    assert ended.sent == [{"verb": verb}]


def test_what_cannot_be_pressed_now_keeps_its_place_and_does_nothing(ended):
    foot = FINISHED["foot"]
    buttons = [{**b, "off": b["verb"] == "redo"} for b in foot["buttons"]]
    ended.update(set={"foot": {**foot, "buttons": buttons}})
    redo = ended.page.get_by_role("button", name="Redo", exact=True)
    assert redo.is_disabled()
    redo.click(force=True)
    keys("Shift+U", on=".goal button")(ended)
    assert ended.sent == []


def test_a_button_that_became_another_while_the_pointer_was_down_does_nothing(ended):
    foot = FINISHED["foot"]
    ended.page.get_by_role("button", name="Undo all", exact=True).hover()
    ended.page.mouse.down()
    ended.update(set={"foot": {**foot, "buttons": [b for b in foot["buttons"] if b["verb"] != "undo_all"]}})
    ended.page.mouse.up()
    assert ended.sent == []


def test_the_second_of_a_double_click_does_not_press_what_came_under_the_pointer(plain):
    plain.show(RUNNING)
    place = plain.page.get_by_role("button", name="Fold the panel").bounding_box()
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    plain.page.mouse.dblclick(x, y)
    under = "([x, y]) => document.elementFromPoint(x, y).closest('button').dataset.act"
    assert plain.page.evaluate(under, [x, y]) == "stop"
    assert plain.sent == [] and plain.page.locator(".llm.strip").count() == 1
    plain.page.get_by_role("button", name="Stop").click()
    assert plain.sent == [{"verb": "stop"}]


def test_a_double_click_on_a_button_selects_none_of_its_words(ended):
    ended.page.add_style_tag(content=".llm { user-select: text }")  # as JupyterLab has it for outputs
    ended.page.get_by_role("button", name="Undo all", exact=True).dblclick()
    assert ended.page.evaluate("getSelection().toString()") == ""
    look = "(all) => [...new Set(all.map((each) => getComputedStyle(each).userSelect))]"
    assert ended.page.locator(".llm button:not(.claim)").evaluate_all(look) == ["none"]


def test_letters_typed_into_the_last_line_do_nothing_else(ended):
    ended.page.get_by_role("textbox", name="Ask further").focus()
    ended.page.keyboard.type("u ae?")
    assert ended.sent == [] and ended.page.locator(".sheet").count() == 0


def test_where_nobody_answers_one_line_says_why_and_only_what_is_local_works(ended):
    page = ended.page
    page.evaluate("() => model.set('offline', ['Nobody is here. Run ', ['`', '%load_ext llmos_nb'], '.'])")
    assert page.locator("p.offline").inner_text() == "Nobody is here. Run %load_ext llmos_nb."
    for name in ("Export notebook", "Undo all", "Redo", "+20 steps", "Ask"):
        assert page.get_by_role("button", name=name, exact=True).is_disabled()
    assert page.get_by_role("textbox", name="Ask further").is_disabled()
    assert page.get_by_role("slider").is_disabled()
    keys("u", on=".goal button")(ended)
    assert ended.sent == []
    page.get_by_role("button", name="4,716 g", exact=True).hover()
    page.get_by_role("tooltip").wait_for()
    page.evaluate("() => model.set('offline', null)")
    assert page.get_by_role("button", name="Undo all", exact=True).is_enabled()
    assert page.locator("p.offline").count() == 0


@pytest.mark.parametrize(
    ("comms", "told"),
    [({"other": {}}, ["busy", "saved", "new"]), ({}, ["busy", "saved", "unloaded"])],
)
def test_no_word_that_the_buttons_rest_comes_while_another_comm_is_asked(plain, comms, told):
    assert plain.page.evaluate(FIND, [LINKS.read_text("utf-8"), comms]) == told
