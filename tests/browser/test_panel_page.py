"""How the panel behaves on its page: in place, focus, keys kept from the notebook, words said aloud, nothing live."""

import pytest
from deeds import both, card, click, fill, keys, menu, row, type_
from journeys import FINISHED, MANY, STATES
from states import CARD, EDITED, PROPOSED, RUNNING, STEP1, STEP2, STEP3, STEP4, WAITING

pytestmark = pytest.mark.browser
FOCUS = "document.activeElement"


def focused(plain):
    return plain.page.evaluate(f"{FOCUS}.dataset.n ?? {FOCUS}.dataset.act ?? {FOCUS}.name ?? {FOCUS}.className")


def test_a_decision_takes_the_focus_from_nowhere_to_the_card(plain):
    plain.show(RUNNING)
    plain.update(set={"card": CARD})
    assert focused(plain) == "card"


def test_a_decision_takes_the_focus_from_inside_the_panel(plain):
    plain.show(RUNNING)
    keys(on="[data-act=pause]")(plain)
    plain.update(set={"card": CARD})
    assert focused(plain) == "card"


def test_a_decision_never_takes_the_focus_out_of_another_cell(plain):
    plain.show(RUNNING)
    plain.page.evaluate(
        "document.body.append(Object.assign(document.createElement('input'), {name: 'cell', id: 'cell'}))"
    )
    keys(on="#cell")(plain)
    plain.update(set={"card": CARD})
    assert focused(plain) == "cell"
    plain.page.evaluate("document.getElementById('cell').remove()")


def test_a_decision_does_not_take_the_focus_out_of_a_form_of_the_panel(plain):
    plain.show(RUNNING)
    both(row(4, "e"), type_("half a tit"))(plain)
    plain.update(set={"card": CARD})
    assert plain.page.evaluate(f"{FOCUS}.value") == "half a tit"


def test_after_a_decision_the_focus_goes_to_the_next_card(plain):
    plain.show(WAITING)
    keys(on=".card .main")(plain)
    plain.update(set={"card": {**CARD, "call": "r5.0"}})
    assert focused(plain) == "card"


def test_after_a_decision_with_no_next_card_the_focus_goes_to_the_current_step(plain):
    plain.show(WAITING)
    keys(on=".card .main")(plain)
    plain.update(set={**{key: RUNNING[key] for key in ("now", "steps")}, "card": None})
    assert focused(plain) == "2"


def test_updates_are_made_in_place(plain):
    plain.show(WAITING)
    both(row(4, "e"), type_("my title"))(plain)
    plain.page.evaluate("window.before = [...document.querySelectorAll('li.step, .loop svg')]")
    changed = [{**STEP2, "note": "seen"}, {**STEP4, "after": "1, 2"}]
    plain.update(set={"what": "something else"}, steps={"put": changed})
    same = "before.every((each, i) => each === document.querySelectorAll('li.step, .loop svg')[i])"
    assert plain.page.evaluate(same)
    assert plain.page.evaluate(f"{FOCUS}.value") == "my title"
    assert plain.page.get_by_text("0.2 s · $0.0005 · seen").is_visible()


def test_a_step_that_moves_keeps_the_focus(plain):
    plain.show(PROPOSED)
    row(3)(plain)
    plain.update(steps={"put": [], "order": [1, 3, 2, 4]})
    assert focused(plain) == "3"
    assert plain.page.locator("li.step .num").all_inner_texts() == ["1", "3", "2", "4"]


def test_steps_come_and_go(plain):
    plain.show(PROPOSED)
    plain.update(steps={"put": [{**STEP4, "n": 5, "t": "a new one"}], "order": [5, 2, 4]})
    assert plain.page.locator("li.step .num").all_inner_texts() == ["5", "2", "4"]
    assert "a new one" in plain.page.locator("li.step").first.inner_text()


def test_a_missed_patch_asks_for_the_whole_view(plain):
    plain.show(RUNNING)
    plain.page.evaluate("model.send = (message) => (window.asked = message)")
    plain.page.evaluate("model.fire('msg:custom', {kind: 'update', rev: 7, patch: {set: {state: 'Lost'}}})")
    assert plain.page.evaluate("asked") == {"verb": "sync", "rev": 0}
    plain.page.evaluate("(view) => model.fire('msg:custom', {kind: 'full', view})", {**WAITING, "rev": 7})
    assert plain.page.locator(".state").inner_text().strip() == "Waiting for you"


def test_text_streams_into_the_answer(plain):
    plain.show({**RUNNING, "now": [{"kind": "stream"}]})
    for tail in ("Birds on **Bis", "coe** are", " the heaviest r2.0"):
        plain.update(append={"stream": tail})
    answer = plain.page.locator(".answer")
    assert answer.inner_text() == "Birds on Biscoe are the heaviest r2.0"
    assert answer.locator("strong").inner_text() == "Biscoe"
    assert answer.locator("a").get_attribute("data-step") == "1"


LAB_KEYS = [
    "a",
    "b",
    "x",
    "d",
    "d",
    "y",
    "m",
    "r",
    "c",
    "v",
    "z",
    "j",
    "k",
    "Enter",
    "Shift+Enter",
    "0",
    "Escape",
]


@pytest.mark.parametrize(
    "on", [".card", "li.step", ".card .main", ".goal button", "a.id", ".code", "[data-act=menu]"]
)
def test_keys_do_not_leave_the_panel(plain, on):
    """Neither after the panel (JupyterLab) nor before it (Notebook, which looks for the attribute)."""
    plain.show(WAITING)
    plain.page.evaluate(
        """() => {
          window.left = [];
          const after = (event) => left.push(event.key);
          const before = (event) => event.target.hasAttribute("data-lm-suppress-shortcuts") || left.push(event.key);
          window.leaks ??= [["keydown", after], ["keydown", before, true]].map((leak) => document.addEventListener(...leak));
        }"""
    )
    for key in LAB_KEYS:
        keys(key, on=on)(plain)
    assert plain.page.evaluate("left") == []
    keys("i", "Control+s", "Control+Enter", on=".goal button")(plain)
    assert plain.page.evaluate("left") == [key for key in ("i", "Control", "s", "Control") for _ in "12"]


def test_the_list_has_one_tab_stop(plain):
    plain.show(WAITING)
    stops = (
        "[...document.querySelectorAll('li.step')].filter((li) => li.tabIndex === 0).map((li) => li.dataset.n)"
    )
    assert plain.page.evaluate(stops) == ["3"]
    row(3, "ArrowUp", "ArrowUp")(plain)
    assert (focused(plain), plain.page.evaluate(stops)) == ("1", ["1"])
    keys("ArrowUp", "ArrowDown")(plain)
    assert focused(plain) == "2"
    keys("Tab")(plain)
    assert focused(plain) != "2"
    assert plain.page.evaluate(f"{FOCUS}.closest('li').dataset.n") == "2"


def test_tab_goes_from_the_header_over_the_card_to_the_step(plain):
    plain.show(WAITING)
    keys(on=".goal button")(plain)
    seen = []
    for _ in range(14):
        keys("Tab")(plain)
        seen.append(plain.page.evaluate(f"{FOCUS}.closest('.acts, .card, .plan')?.className"))
    assert seen == sorted(seen, key=["acts", "card", "plan"].index)
    assert set(seen) == {"acts", "card", "plan"}


def test_the_menu_by_keyboard(plain):
    plain.show(RUNNING)
    keys("Enter", on="[data-act=menu]")(plain)
    assert focused(plain) == "export"
    keys("ArrowUp")(plain)
    assert focused(plain) == "keys"
    keys("Escape")(plain)
    assert focused(plain) == "menu"
    assert plain.page.get_by_role("menu").count() == 0


def test_the_menu_closes_when_the_focus_leaves(plain):
    plain.show(RUNNING)
    click("More")(plain)
    plain.page.locator(".code").click()
    assert plain.page.get_by_role("menu").count() == 0


def test_the_keys_are_shown_and_put_away(plain):
    plain.show(WAITING)
    card("?")(plain)
    assert plain.page.get_by_role("region", name="Keys").is_visible()
    keys("Escape")(plain)
    assert plain.page.get_by_role("region", name="Keys").count() == 0
    assert focused(plain) == "card"


def test_a_sheet_of_the_process_is_closed_by_escape(plain):
    plain.show(RUNNING)
    menu("Rules and what they cover")(plain)
    plain.update(set={"sheet": {"title": "Rules", "blocks": [{"kind": "text", "words": "None yet."}]}})
    assert focused(plain) == "sheet"
    plain.forget()
    keys("Escape")(plain)
    assert plain.sent == [{"verb": "close"}]


def test_a_call_id_leads_to_its_step_even_in_a_fold(plain):
    plain.show({**MANY, "card": {**CARD, "cap": ["from ", ["@", "r4.0", 3]]}})
    plain.page.locator(".card a.id").first.hover()
    assert plain.page.locator("li.hit").get_attribute("data-n") == "3"
    plain.page.locator(".card a.id").first.click()
    assert focused(plain) == "3"
    assert plain.page.locator("li[data-n='3']").is_visible()


def test_a_failed_step_stays_out_of_the_fold(plain):
    steps = [{**step, "s": "failed"} if step["n"] == 7 else step for step in MANY["steps"]]
    plain.show({**MANY, "steps": steps})
    seen = plain.page.locator("li.step:visible .num").all_inner_texts()
    assert seen == ["7", "23", "24", "25", "26", "27"]


def test_one_thing_a_second_is_said_and_no_counter(plain):
    plain.show(RUNNING)
    plain.page.evaluate(
        """() => {
          window.said = [];
          const line = document.querySelector("[role=status]");
          new MutationObserver(() => said.push([line.textContent, performance.now()])).observe(line, {childList: true});
        }"""
    )
    plain.page.wait_for_function("said.length === 1")
    for i in range(5):
        plain.update(set={"what": f"step 2, 0.{i} s so far"})
    plain.update(set={"say": "Step 2 is done."})
    plain.update(set={"say": WAITING["say"]})
    plain.page.wait_for_function("said.length === 2")
    (first, begin), (second, end) = plain.page.evaluate("said")
    assert (first, second) == ("Running. step 2, 0.1 s so far", WAITING["say"])
    assert end - begin >= 990


EVIL = "<img src=x onerror='window.hit=1'><script>window.hit=1</script>"


def poisoned(value):
    """The same view with markup in every text a run can write."""
    if isinstance(value, dict):
        fixed = {
            "kind",
            "verb",
            "id",
            "tone",
            "s",
            "glyph",
            "stage",
            "key",
            "schema",
            "mark",
            "acts",
            "counts",
            "dag",
            "lang",
        }
        return {key: each if key in fixed else poisoned(each) for key, each in value.items()}
    if isinstance(value, list):
        return [poisoned(each) if each not in ("`", "*", "@") else each for each in value]
    return f"{value}{EVIL}" if isinstance(value, str) else value


@pytest.mark.parametrize("name", ["waiting", "edited", "tool", "finished", "failed", "many"])
def test_nothing_from_a_run_is_live(plain, name):
    plain.show({**poisoned(STATES[name].view), "name": EVIL, "id": name})
    assert plain.page.locator("#stage img, #stage script, #stage iframe").count() == 0
    assert plain.page.evaluate("window.hit") is None
    assert "onerror" in plain.page.locator(".goal").inner_text()


MARKDOWN = """# A heading

One *two* **three** `four` [five](http://example.org) ![six](http://example.org/a.png) <b>seven</b>

- first r2.0
- second
  goes on

1. one

| a | b |
|---|---|
| 1 | **2** |

```python
x = "<i>"
```"""


def test_answers_are_markdown_without_links_images_or_html(plain):
    plain.show({**FINISHED, "now": [{"kind": "answer", "markdown": MARKDOWN}]})
    answer = plain.page.locator(".answer")
    assert answer.locator("img, b, i:not(.code i), a[href^=http]").count() == 0
    assert "five (http://example.org) six (http://example.org/a.png) <b>seven</b>" in answer.inner_text()
    assert answer.locator("ul li").all_inner_texts() == ["first r2.0", "second goes on"]
    assert answer.locator("td").all_inner_texts() == ["1", "2"]
    assert answer.locator("h4").inner_text() == "A heading"
    assert answer.locator(".code").inner_text().strip() == 'x = "<i>"'
    assert answer.locator("em").inner_text() == "two"


def test_a_picture_of_the_loop_brings_only_shapes(plain):
    evil = (
        "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9' onload='window.hit=1'><script>window.hit=1</script>"
        "<a href='javascript:1'><text>link</text></a><image href='http://example.org/a.png'/>"
        "<g id='plan' class='node' onclick='x'><text>plan</text></g></svg>"
    )
    plain.show(RUNNING)
    plain.page.evaluate("(svg) => model.set('loop_svg', svg)", evil)
    picture = plain.page.locator(".loop .picture")
    assert picture.locator("script, image, a").count() == 0
    assert "onload" not in picture.inner_html()
    assert picture.locator("text").text_content() == "plan"


def test_an_edit_is_shown_as_a_line_difference(plain):
    plain.show(EDITED)
    assert plain.page.locator(".code .del").inner_text().endswith('path = Path("results/islands.csv")')
    assert plain.page.locator(".code .add").inner_text().endswith('path = Path("results/islands_by_mass.csv")')


def test_the_buttons_have_their_names(plain):
    plain.show(PROPOSED)
    names = [
        *("Approve", "Edit", "Reject", "Pause", "Stop", "More", "Add a step"),
        *(f"{verb} step {n}" for verb in ("Approve", "Edit", "Skip") for n in (1, 2, 3, 4)),
    ]
    for name in names:
        assert plain.page.get_by_role("button", name=name, exact=True).count() == 1, name


def test_stop_interrupts_only_when_nobody_hears_it(plain):
    plain.show(RUNNING)
    click("Stop")(plain)
    plain.page.wait_for_timeout(400)
    assert plain.page.evaluate("model.interrupts") == 0
    plain.page.evaluate("void (model.heard = false)")
    click("Stop")(plain)
    plain.page.wait_for_function("model.interrupts === 1", timeout=1000)
    plain.page.get_by_text("One long call in C ends only when it returns").wait_for()


def test_a_busy_kernel_is_said_and_taken_back(plain):
    plain.show(RUNNING)
    plain.page.evaluate("void (model.heard = false)")
    plain.page.evaluate("() => { model.send = (message) => { window.ticket = message.seq } }")
    click("Pause")(plain)
    plain.page.get_by_text("The kernel is busy").wait_for()
    plain.page.evaluate("model.fire('msg:custom', {kind: 'heard', seq: ticket})")
    assert plain.page.get_by_text("The kernel is busy").count() == 0


def test_a_note_stays_until_the_state_changes(plain):
    plain.show(RUNNING)
    plain.page.evaluate("model.fire('msg:custom', {kind: 'note', text: 'no step 9'})")
    assert plain.page.get_by_text("no step 9").is_visible()
    plain.update(set={"what": "step 3"})
    assert plain.page.get_by_text("no step 9").count() == 0


def test_two_panels_on_one_page_share_no_ids(plain):
    plain.show(WAITING)
    plain.page.evaluate("window.module.render({model, el: document.getElementById('stage')}) && 0")
    ids = plain.page.evaluate("[...document.querySelectorAll('[id]')].map((each) => each.id)")
    assert len(ids) == len(set(ids))
    assert plain.page.locator(".llm").count() == 2


def test_typing_in_a_second_panel_does_not_reach_the_first(plain):
    plain.show(WAITING)
    fill("Why not?", "x") if plain.page.get_by_label("Why not?").count() else card("r")(plain)
    plain.update(set={"steps": [STEP1, STEP2, STEP3, {**STEP4, "note": "n"}]})
    assert focused(plain) == "why"


@pytest.fixture
def site(browser):
    """A page with an address, as a Jupyter server would give it."""
    from harness import HERE, PlainPage

    page = browser.new_page()
    html = (HERE / "pages" / "plain.html").read_text("utf-8")
    config = '<script id="jupyter-config-data" type="application/json">{"baseUrl": "/user/me/", "token": "t0"}</script>'
    page.route(
        "http://panel.test/lab",
        lambda route: route.fulfill(body=html.replace("<main", f"{config}<main"), content_type="text/html"),
    )
    page.goto("http://panel.test/lab")
    yield PlainPage(page, load=False)
    page.close()


def test_stop_falls_back_to_the_server(site):
    posts = []
    site.page.route("**/api/**", lambda route: (posts.append(route.request), route.fulfill(status=204)))
    site.page.context.add_cookies([{"name": "_xsrf", "value": "x1", "url": "http://panel.test"}])
    site.show({**RUNNING, "kernel_id": "k-1"})
    site.page.evaluate("model.heard = false; model.widget_manager = null; 0")
    with site.page.expect_response("**/interrupt"):
        click("Stop")(site)
    assert posts[0].url == "http://panel.test/user/me/api/kernels/k-1/interrupt"
    headers = posts[0].headers
    assert (posts[0].method, headers["authorization"], headers["x-xsrftoken"]) == ("POST", "token t0", "x1")


@pytest.mark.parametrize(("view", "asks"), [(WAITING, True), (RUNNING, True), (FINISHED, False)])
def test_leaving_is_warned_of_while_something_waits(site, view, asks):
    asked = []
    site.page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    site.show(view)
    site.page.locator(".goal button").click()  # a page that nobody touched may not ask
    site.page.goto("about:blank")
    assert asked == (["beforeunload"] if asks else [])


def test_a_saved_notebook_may_be_left(site):
    asked = []
    site.page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    site.show(WAITING)
    site.page.evaluate("model.widget_manager.context = { model: { dirty: false } }; 0")
    site.page.locator(".goal button").click()
    site.page.goto("about:blank")
    assert asked == []
