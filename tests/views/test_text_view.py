"""The terminal form: what happens is printed as it happens, keys answer, nothing steers the terminal."""

import re

import pytest
from fixtures_journals import STATES, hostile
from fixtures_writer import ANSWER, CODES, GOAL, RESULTS, Writer
from hypothesis import given, settings, strategies as st
from turns import call, python

import llmos_nb as llmos
from llmos_nb.messages import GAP
from llmos_nb.process.state import State
from llmos_nb.process.state.fold.fold import apply
from llmos_nb.views.panel.view import view
from llmos_nb.views.text import form
from llmos_nb.views.text.form import render
from llmos_nb.views.text.view import SHOWN, TextView


def printed(w, stream=None):
    """Print a journal event by event; `stream` gives the text that comes before an event."""
    out, state = [], State()
    shown = TextView(out.append)
    for e in w.events:
        for piece in (stream or {}).get(e.n, ()):
            shown.on_text(piece)
        apply(state, e)
        shown(e, state)
    return "".join(out)


async def test_a_step_that_is_not_as_expected_says_what_was_expected(script):
    out = []
    model = script({"plan": [{"title": "Make it", "expect": "len(out) == 3"}]}, python("out = [1]"), {"text": "Done."})
    proc = llmos.start("Make `out`.", model=model, namespace={}, approve="auto")
    proc.run.listeners.append(TextView(out.append))
    await proc
    assert "not as expected: len(out) == 3" in "".join(out)


def test_plan_steps_evidence_and_answer_come_in_order():
    said = printed(STATES["finished"]())
    wanted = [
        "── penguins · pid 3 · gpt-4o-mini ──", "plan, 4 steps:", "· 1  Keep the birds", "expects: 344 rows",
        "plan approved by you", "▸ step 1, r2.0 python", CODES[0].splitlines()[0], f"→ {RESULTS[0]}", "● 1  Keep",
        "Step 3 wants to replace a file", "r4.0 approved by you", "x 4  Test whether", "plan, again, 1 step:",
        "── The answer", "Biscoe, and not by chance.", "4,716", "Numbers of the answer: ",
    ]  # fmt: skip
    at = [said.find(words) for words in wanted]
    assert -1 not in at and at == sorted(at)


def test_a_further_turn_is_headed_by_its_own_words():
    w = Writer().start("auto").request().add("signal.received", signal="steer", by="you", text="Be quick.")
    w.respond(text="One.").end("answered", answer="One.")
    w.add("signal.received", signal="steer", by="you", text="And now?").add("run.resumed", epoch=0)
    *_, head, words, _, _ = printed(w).split("\n")
    assert head.startswith("── penguins") and words.strip() == "And now?" and "Be quick." not in printed(w)
    w.add("run.paused", why="you paused it").add("run.resumed", epoch=0)
    assert printed(w).endswith("goes on\n")


def test_what_happened_before_is_printed_in_part_where_it_is_much():
    w = STATES["many"](50, 48)
    assert len(w.events) > SHOWN
    out, printed_all = [], []
    TextView(out.append).before(w.events, w.state)
    said = "".join(out)
    assert said.startswith("── penguins") and GOAL.split()[0] in said
    assert f"… {len(w.events) - SHOWN - 1} events: %agent log 3 --since 0\n" in said
    assert "r2.0 python" not in said
    one = TextView(printed_all.append)
    for e in w.events:
        one(e, w.state)
    assert "".join(printed_all).endswith(said[said.index("--since 0") + 12 :][-2_000:])
    few = STATES["finished"]()
    short, whole = [], []
    TextView(short.append).before(few.events, few.state)
    one = TextView(whole.append)
    for e in few.events:
        one(e, few.state)
    assert short == whole


@pytest.mark.parametrize("name", STATES)
def test_every_state_prints_within_80_columns(name):
    w = STATES[name]()
    for said in (printed(w), render(view(w.state, w.events))):
        assert max(map(len, said.splitlines())) <= 80
        assert GOAL.split()[0] in said and not re.search(r"\n{4}", said)


def test_the_form_marks_the_stage_and_the_state():
    w = STATES["waiting"]()
    said = render(view(w.state, w.events))
    assert "plan → [YOU] → act" in said and "waiting for you: step 3 wants" in said
    assert re.search(r"● 2  Average body mass on each island +after 1  0.2 s  \$0.0005\n", said)
    assert re.search(r"\n +342 of 344 rows kept, 2 had no mass +r2.0\n", said)


def test_tokens_are_printed_on_arrival_and_the_answer_only_once():
    w = STATES["finished"]()
    n = next(e.n for e in w.events if e.k == "model.responded" and e.d["text"])
    said = printed(w, {n: ["\n", *ANSWER.split(" ", 1)[0:1], " " + ANSWER.split(" ", 1)[1]]})
    assert said.count("Birds on **Biscoe**") == 1 and "── Biscoe" not in said
    assert "\n  Biscoe, and not by chance. Birds" in said and "Numbers of the answer:" in said


def test_an_answer_goes_on_behind_what_came_before_its_first_value():
    w = STATES["finished"]()
    n = next(e.n for e in w.events if e.k == "model.responded" and e.d["text"])
    said = printed(w, {n: ["Biscoe, ", "and not by chance. ", GAP, " after the value"]})
    assert said.count("Biscoe, and not") == 1 and "…" not in said and "── The answer" not in said
    assert "\n  Biscoe, and not by chance. Birds on **Biscoe**" in said and "Numbers of the answer:" in said
    other = printed(w, {n: ["Another answer was sent back: ", GAP]})
    assert "\n  Another answer was sent back: \n" in other and "── The answer" in other


def test_a_table_behind_the_first_value_stands_in_columns():
    said = "Of 3 islands:\n\n| island | g |\n|--|--|\n| Biscoe | 4,716 |"
    w = Writer().start().request().respond(text=said).end("answered", answer=said)
    n = next(e.n for e in w.events if e.k == "model.responded")
    for begun in ("Of ", "Of 3 islands:\n\n"):
        shown = re.sub(" +\n", "\n", printed(w, {n: [begun, GAP]}))
        assert "\n  Of 3 islands:\n\n  | island | g     |\n" in shown and shown.count("Biscoe") == 1


def test_code_that_was_streamed_is_not_printed_again():
    w = Writer().planned().step(1)
    n = next(e.n for e in w.events if e.k == "model.responded" and e.d["calls"][0]["name"] == "python")
    said = printed(w, {n: [f"```python\n{CODES[0]}\n```"]})
    assert said.count("len(birds)") == 1 and "  ```python\n  birds =" in said


def test_retries_are_counted_with_their_wait():
    w = Writer().start()
    for wait in (0.5, 1.0):
        w.request().add("model.failed", request=w.requests, error="503 busy", kind="ModelUnavailable", retry_in_s=wait)
    w.request().add("model.failed", request=w.requests, error="key refused", kind="ModelRefused", final=True)
    said = printed(w)
    assert "! attempt 1 failed: 503 busy; again in 0.5 s" in said
    assert "! attempt 2 failed: 503 busy; again in 1.0 s" in said
    assert "! attempt 3 failed: key refused\n" in said


def test_long_results_are_cut_with_a_count():
    w = Writer().planned().step(1, "\n".join(f"line {i}" for i in range(40)))
    said = printed(w)
    assert "line 10" in said and "line 30" not in said and "… 29 more lines" in said


def test_a_process_shown_again_tells_its_past_without_asking():
    w = STATES["finished"]()
    out = []
    shown = TextView(out.append)
    for e in w.events:
        shown(e, w.state)
    said = "".join(out)
    assert "it asked: replace a file" in said and "Step 3 wants" not in said and "Numbers of the answer" in said


def test_pauses_and_ends_say_how_to_go_on():
    assert "paused: stopped by you. %agent resume 3 goes on" in printed(STATES["paused"]())
    assert "%agent budget 3 +2 min" in printed(STATES["budget"]())
    assert "quota exceeded (429)" in printed(STATES["failed"]())
    assert "The plan was rejected" in printed(STATES["rejected"]())


@given(st.text(st.characters(codec=None), max_size=40))
@settings(deadline=None, max_examples=30)
def test_no_text_of_a_run_steers_the_terminal(piece):
    for w in hostile(piece):
        said = printed(w, {3: [piece]}) + render(view(w.state, w.events))
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", said)


@pytest.mark.parametrize(
    "words", ["It is so.", "It earns most per minute, " + "just before others, " * 5 + "and they least."]
)
def test_the_first_sentence_of_an_answer_stands_whole(words):
    w = STATES["finished"](answer=f"{words} The rest follows.")
    said = " ".join(render(view(w.state, w.events)).split())
    assert words in said and "The rest follows." in said


def test_the_rows_of_a_table_in_an_answer_stay_whole():
    row = f"| {'a' * 60} | {'b' * 30} |"
    said = form.blocks([{"kind": "answer", "markdown": f"So it is:\n\n{row}\n|---|--:|\n| x | 7 |\n\n{'long ' * 30}"}])
    assert f"  {row}" in said and "  |---|--:|" in said and max(map(len, said)) == len(row) + 2
    assert said[0] == "  So it is:" and len([line for line in said if "long" in line]) == 2


def test_a_table_of_an_answer_is_aligned_and_keeps_the_blank_line_before_it():
    typed = "So it is:\n\n| island | mean |\n|---|--:|\n| a \\| b and c | 7 |\n| d | 12.5 |\n\nDone."
    assert form.blocks([{"kind": "answer", "markdown": typed}]) == [
        "  So it is:",
        "",
        "  | island       | mean |",
        "  | ------------ | ---: |",
        "  | a \\| b and c |    7 |",
        "  | d            | 12.5 |",
        "",
        "  Done.",
        "",
    ]


@pytest.mark.parametrize("name", ["proposed", "waiting"])
def test_the_table_of_a_card_has_its_heads_in_text(name):
    w = STATES[name]()
    asked = view(w.state, w.events)["card"]
    said = [" ".join(line.split()) for line in form.card(asked)]
    assert " ".join(asked["table"]["heads"]) in said


@pytest.mark.parametrize("indent", ["", " " * 90])
def test_code_breaks_between_words_and_loses_nothing(indent):
    code = indent + "total = " + " + ".join(f"amount_{i}" for i in range(30))
    shown = [line[4:] for line in form.blocks([{"kind": "code", "cap": "", "code": code}]) if line]
    assert "".join(shown) == code and max(map(len, shown)) <= 76
    assert all(line.endswith(" ") for line in shown[:-1])
    assert form.pieces("x" * 20, 8) == ["x" * 8, "x" * 8, "x" * 4]


async def test_a_step_has_a_check_mark_only_where_what_it_expected_was_compared(script):
    plan = [{"title": "Load"}, {"title": "Count", "expect": "len(xs) == 2", "depends_on": [1]}]
    turns = [{"plan": plan}, call("python", code="xs = [1, 2]", step=1), call("python", code="len(xs)", step=2)]
    model = script(*turns, {"text": "Two."})
    proc = await llmos.run("Count.", model=model, namespace={}, approve="auto")
    drawn = view(proc.run.state, proc.events)
    assert [form.step(row)[0].split()[:2] for row in drawn["steps"]] == [["●", "1"], ["✓", "2"]]
    less = {**drawn, "fold": {"upto": 2, "text": "2 steps"}}
    assert "  ● 2 steps" in render(less).splitlines()
    less["steps"] = [{**row, "s": "rejected"} for row in drawn["steps"]]
    assert "  · 2 steps" in render(less).splitlines()
