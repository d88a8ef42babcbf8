"""The answer: each claim of it with how it is known, and what did not hold."""

import pytest
from fixtures_journals import STATES, blocks, shown
from fixtures_writer import Writer
from hypothesis import given, strategies as st
from turns import python

import llmos_nb as llmos
from llmos_nb.process import evidence
from llmos_nb.views.panel.answer import doubted, split
from llmos_nb.views.panel.view import view
from llmos_nb.views.wording import plain


def ended(answer, *results):
    w = Writer().planned("auto")
    for n, result in enumerate(results, 1):
        w.step(n, result)
    w.request().respond(text=answer).end("answered", answer=answer)
    return w, view(w.state, w.events)


def test_the_answer_maps_each_claim_to_its_call():
    v = shown("finished")
    rows = {r[0]: (r[1], r[2], plain(r[3])) for r in blocks(v, "table")[0]["rows"]}
    assert rows["4,716"][::2] == ("from results", "r3.0") and "4716.0" in rows["4,716"][1]
    assert blocks(v, "lead")[0]["text"] == "Biscoe, and not by chance."
    assert blocks(v, "answer")[0]["markdown"].startswith("Birds on **Biscoe**")


def test_the_headline_and_the_line_below_count_alike():
    w, v = ended("There are 342 on Dream.", "n = 342")
    said = plain(blocks(v, "text")[0]["words"])
    assert said == f"Claims of the answer: {evidence.headline(evidence.evidence(w.state))}."
    assert said.removeprefix("Claims of the answer: ").rstrip(".") in v["what"]


def test_no_tick_stands_where_nothing_was_compared():
    _, v = ended("Done.")
    line = blocks(v, "text")[0]
    assert plain(line["words"]) == "Claims of the answer: nothing to check." and "glyph" not in line
    assert v["what"].startswith("nothing to check") and not blocks(v, "table")


def test_no_tick_stands_over_a_claim_that_nothing_shows():
    _, v = ended("There are 343.", "n = 342")
    line = blocks(v, "text")[0]
    assert "1 not found" in plain(line["words"]) and "glyph" not in line
    assert "**343** (not found)" in blocks(v, "answer")[0]["markdown"]


def test_a_tick_stands_where_all_is_proven():
    _, v = ended("There are 342.", "n = 342")
    line = blocks(v, "text")[0]
    assert (plain(line["words"]), line["glyph"]) == ("Claims of the answer: 1 from results.", "done")


def test_no_tick_stands_over_what_a_small_model_computed():
    w = Writer().planned("auto").step(1, "n = 342")
    w.request(model="local/small", small=True).respond(text="There are 342.").end(
        "answered", answer="There are 342."
    )
    line = blocks(view(w.state, w.events), "text")[0]
    assert "glyph" not in line and "1 from results" in plain(line["words"])
    assert "whether it answers the question is not checked" in plain(line["words"])


def test_a_larger_model_that_goes_on_for_a_small_one_may_have_its_tick():
    w = Writer().planned("auto").request(model="local/small", small=True).respond(text="Hm.")
    w.step(1, "n = 342")
    w.request(model="large").respond(text="There are 342.").end("answered", answer="There are 342.")
    assert blocks(view(w.state, w.events), "text")[0]["glyph"] == "done"


def test_a_check_is_said_to_hold_only_where_the_user_asked_for_one():
    w = STATES["finished"](check="0 < p < 1")
    said = [plain(b["words"]) for b in blocks(view(w.state, w.events), "text")]
    assert "Check held: your check 0 < p < 1 is true." in said
    assert not any("held" in plain(b["words"]) for b in blocks(shown("finished"), "text"))


def test_an_answer_of_which_a_check_does_not_hold_says_which():
    v = shown("unverified")
    assert blocks(v, "lead")[0]["text"] == "Not verified: the check check does not hold"
    assert blocks(v, "table")[0]["rows"] == [[["`", "mean < 4800"], "it is false"]]
    assert "**4,999** (not found)" in blocks(v, "answer")[0]["markdown"]
    assert "**3,713**" not in blocks(v, "answer")[0]["markdown"]


def test_doubt_marks_a_whole_number_and_leaves_code_alone():
    found = [m for m in evidence.mark("a 12 and 123", "", []) if m.claim.text == "12"]
    assert doubted("a 12 and 123", found) == "a **12** (not found) and 123"


@given(st.text(max_size=300))
def test_the_lead_and_the_rest_are_the_answer(text):
    lead, rest = split(text)
    assert "".join((lead + rest).split()) == "".join(text.split())


async def test_an_answer_whose_steps_were_all_undone_says_so_until_they_are_redone(script):
    model = script(python("x = 1"), {"text": "Done."})
    proc = await llmos.run("Make x.", model=model, namespace={}, approve="auto")
    assert drawn(proc)["state"] == "Answered" and "Redo" not in offered(proc)
    proc.undo()
    assert drawn(proc)["state"] == "Answered, then undone" and "Redo" in offered(proc)
    proc.redo()
    assert drawn(proc)["state"] == "Answered" and "Redo" not in offered(proc)


@pytest.mark.parametrize(
    ("what", "said"), [("reject", "edited and rejected by you"), ("approve", "edited and approved by you")]
)
def test_a_call_that_was_edited_counts_as_approved_only_by_an_approval(what, said):
    w = Writer().planned()
    call = w.call(code="x = 1")
    w.ask(call, why="It asks.")
    about = {"call": call, "digest": "d", "by": "you", "why": ""}
    w.add("call.decided", what="edit", arguments={"code": "x = 2"}, **about)
    assert next(r.get("note") for r in view(w.state, w.events)["steps"]) == "edited by you"
    w.add("call.decided", what=what, **about)
    assert next(r.get("note") for r in view(w.state, w.events)["steps"]) == said


def drawn(proc):
    return view(proc.run.state, proc.events)


def offered(proc):
    return [b["label"] for block in blocks(drawn(proc), "actions") for b in block["buttons"]]
