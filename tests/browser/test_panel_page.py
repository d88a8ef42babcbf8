"""How the panel behaves on its page: in place, focus, keys kept from the notebook, words said aloud, nothing live."""

import pytest
from deeds import both, menu, row, type_
from journeys import FINISHED, MANY, STATES
from states import CARD, EDITED, PROPOSED, RUNNING, STEP2, STEP4, WAITING

pytestmark = pytest.mark.browser


def test_updates_are_made_in_place(plain):
    plain.show(WAITING)
    both(row(4, "e"), type_("my title"))(plain)
    plain.page.evaluate("window.before = [...document.querySelectorAll('li.step, .loop svg')]")
    changed = [{**STEP2, "note": "seen"}, {**STEP4, "after": "1, 2"}]
    plain.update(set={"what": "something else"}, steps={"put": changed})
    same = "before.every((each, i) => each === document.querySelectorAll('li.step, .loop svg')[i])"
    assert plain.page.evaluate(same)
    assert plain.page.evaluate("document.activeElement.value") == "my title"
    assert plain.page.get_by_text("0.2 s · $0.0005 · seen").is_visible()


def test_a_step_that_moves_keeps_the_focus(plain):
    plain.show(PROPOSED)
    row(3)(plain)
    plain.update(steps={"put": [], "order": [1, 3, 2, 4]})
    assert plain.focused == "3"
    assert plain.page.locator("li.step .num").all_inner_texts() == ["1", "3", "2", "4"]


def test_steps_are_added_and_removed_in_place(plain):
    plain.show(PROPOSED)
    plain.update(steps={"put": [{**STEP4, "n": 5, "t": "a new one"}], "order": [5, 2, 4]})
    assert plain.page.locator("li.step .num").all_inner_texts() == ["5", "2", "4"]
    assert plain.page.get_by_role("textbox", name="Title of step 5").input_value() == "a new one"


def test_a_missed_patch_asks_for_the_whole_view(plain):
    plain.show(RUNNING)
    plain.page.evaluate("model.send = (message) => (window.asked = message)")
    plain.page.evaluate("model.fire('msg:custom', {kind: 'update', rev: 7, patch: {set: {state: 'Lost'}}})")
    assert plain.page.evaluate("asked") == {"verb": "sync", "rev": 0}
    plain.page.evaluate("(view) => model.fire('msg:custom', {kind: 'full', view})", {**WAITING, "rev": 7})
    assert plain.page.locator(".state").inner_text().strip() == "Waiting for you"


def test_text_streams_into_the_answer(plain):
    plain.show({**RUNNING, "now": [{"kind": "live"}], "printed": ""})
    for tail in ("Birds on **Bis", "coe** are", " the heaviest r2.0"):
        plain.update(append={"stream": tail})
    answer = plain.page.locator(".live .answer")
    assert answer.inner_text() == "Birds on Biscoe are the heaviest r2.0"
    assert answer.locator("strong").inner_text() == "Biscoe"
    assert answer.locator("a").get_attribute("data-step") == "1"


def test_a_call_id_leads_to_its_step_even_in_a_fold(plain):
    plain.show({**MANY, "card": {**CARD, "cap": ["from ", ["@", "r4.0", 3]]}})
    plain.page.locator(".card a.id").first.hover()
    assert plain.page.locator("li.hit").get_attribute("data-n") == "3"
    plain.page.locator(".card a.id").first.click()
    assert plain.focused == "3"
    assert plain.page.locator("li[data-n='3']").is_visible()


def test_a_failed_step_stays_out_of_the_fold(plain):
    steps = [{**step, "s": "failed"} if step["n"] == 7 else step for step in MANY["steps"]]
    plain.show({**MANY, "steps": steps})
    seen = plain.page.locator("li.step:visible .num").all_inner_texts()
    assert seen == ["7", "23", "24", "25", "26", "27"]


def test_screen_reader_hears_at_most_one_message_a_second(plain):
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
        plain.update(set={"what": f"step 2, call {i}"})
    plain.update(set={"say": "Step 2 is done."})
    plain.update(set={"say": WAITING["say"]})
    plain.page.wait_for_function("said.length === 2")
    (first, begin), (second, end) = plain.page.evaluate("said")
    assert (first, second) == ("Running. step 2", WAITING["say"])
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
def test_text_of_a_run_never_becomes_live_html(plain, name):
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
    assert answer.locator("h3").inner_text() == "A heading"
    assert answer.locator(".code").inner_text().strip() == 'x = "<i>"'
    assert answer.locator("em").inner_text() == "two"


def test_an_address_that_is_code_stands_as_code_behind_its_words(plain):
    plain.show({**FINISHED, "now": [{"kind": "answer", "markdown": "See [chart](`url`) here."}]})
    answer = plain.page.locator(".answer")
    assert answer.locator("code").inner_text() == "url" and "See [chart](url) here." in answer.inner_text()


def test_a_picture_of_the_loop_brings_only_shapes(plain):
    evil = (
        "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9' onload='window.hit=1'><script>window.hit=1</script>"
        "<a href='javascript:1'><text>link</text></a><image href='http://example.org/a.png'/>"
        "<g id='plan' class='node' onclick='x'><text>plan</text></g></svg>"
    )
    plain.show(RUNNING)
    menu("Drawing of the loop")(plain)
    plain.page.evaluate("(svg) => model.set('loop_svg', svg)", evil)
    picture = plain.page.locator(".loop .picture")
    assert picture.locator("script, image, a").count() == 0
    assert "onload" not in picture.inner_html()
    assert picture.locator("text").text_content() == "plan"


def test_what_was_typed_in_a_card_is_there_again_when_the_same_card_comes_back(plain):
    plain.show(WAITING)
    plain.page.get_by_role("button", name="Edit", exact=True).click()
    code = plain.page.locator(".card textarea[name=code]")
    code.fill("mine = 1")
    plain.update(set={"card": None, "state": "Paused"})
    assert code.count() == 0
    plain.update(set={"card": WAITING["card"], "state": "Waiting for you"})
    assert code.input_value() == "mine = 1"
    plain.update(set={"card": None, "state": "Paused"})
    plain.update(set={"card": {**WAITING["card"], "digest": "other"}, "state": "Waiting for you"})
    assert code.count() == 0  # another call


def test_what_was_sent_from_a_card_is_not_typed_into_it_again(plain):
    plain.show(WAITING)
    plain.page.get_by_role("button", name="Edit", exact=True).click()
    plain.page.locator(".card textarea[name=code]").fill("mine = 1")
    plain.page.get_by_role("button", name="Check my version").click()
    plain.update(set={"card": EDITED["card"]})
    plain.update(set={"card": WAITING["card"]})  # the model's version is taken again
    assert plain.page.locator(".card textarea[name=code]").count() == 0


def test_an_edit_is_shown_as_a_line_difference(plain):
    plain.show(EDITED)
    assert plain.page.locator(".code .del").inner_text().endswith('path = Path("results/islands.csv")')
    assert plain.page.locator(".code .add").inner_text().endswith('path = Path("results/islands_by_mass.csv")')


def test_the_buttons_have_their_names(plain):
    plain.show(PROPOSED)
    names = [
        *("Approve", "Edit", "Reject", "Pause", "Stop", "More", "Add a step"),
        *(f"{verb} step {n}" for verb in ("Edit", "Skip") for n in (1, 2, 3, 4)),
        *(f"Move step {n}: drag, or Alt and arrows" for n in (1, 2, 3, 4)),
        *(f"up to here, step {n}" for n in (1, 2, 3)),
    ]
    for name in names:
        assert plain.page.get_by_role("button", name=name, exact=True).count() == 1, name
    for name in ("Title", "Expectation"):
        assert plain.page.get_by_role("textbox", name=f"{name} of step 2").count() == 1, name
    plain.show({**WAITING, "steps": [*WAITING["steps"][:3], {**STEP4, "covered": True}]})
    for name, offered in (("Approve step 3", 1), ("Approve step 4", 0), ("Skip step 4", 1)):
        assert plain.page.get_by_role("button", name=name, exact=True).count() == offered, name


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
