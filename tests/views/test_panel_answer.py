"""The answer: each claim of it with how it is known, and what did not hold."""

from dataclasses import replace

import pytest
from fixtures_journals import STATES, blocks, shown
from fixtures_writer import Writer
from hypothesis import given, strategies as st
from turns import call, python

import llmos_nb as llmos
from llmos_nb.errors import UsageError
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


def test_a_doubt_stands_behind_the_word_and_not_within_it():
    one = evidence.mark("The Gentoos lead.", "", [evidence.Seen("r1.0", "x", "n = 3")])
    claim = next(m for m in one if m.claim.text.startswith("Gentoo"))
    short = replace(claim, mark="same", claim=replace(claim.claim, text="Gentoo", end=claim.claim.start + 6))
    assert doubted("The Gentoos lead.", [short]) == "The Gentoos (?) lead."


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


async def test_resume_is_offered_only_where_it_goes_on(script):
    """After other ends words go on; a Resume that is always refused is no offer."""
    said = {"text": "Done."}
    ended = {
        "unverified": await llmos.run("Make x.", model=script(*[said] * 4), namespace={}, check="x > 0"),
        "empty": await llmos.run("Make x.", model=script(*[{"text": " "}] * 4), namespace={}),
        "failed": await llmos.run("Make x.", model=script(python("x = 1")), namespace={}, approve="auto"),
    }
    for reason, proc in ended.items():
        assert proc.reason == reason
        offers = "Resume" in drawn(proc)["acts"], "'resume'" in str(drawn(proc))
        assert offers == ((reason != "unverified"),) * 2
    assert "%agent send" in str(drawn(ended["unverified"])["now"])
    with pytest.raises(UsageError, match="ask further"):
        await ended["unverified"].resume()
    await ended["empty"].resume()


def test_an_answer_of_which_a_check_does_not_hold_says_which():
    v = shown("unverified")
    assert blocks(v, "lead")[0]["text"] == "Not verified: the check check does not hold"
    assert blocks(v, "table")[0]["rows"] == [[["`", "mean < 4800"], "it is false"]]
    assert "**4,999** (not found)" in blocks(v, "answer")[0]["markdown"]
    assert "**3,713**" not in blocks(v, "answer")[0]["markdown"]


def test_an_expression_that_gave_no_value_is_named_and_no_mark_stands_inside_its_braces():
    w = Writer().planned("auto").step(1, "n = 1")
    said, failed = "In all {{by['West']}}, and 40.", "{{by['West']}}: KeyError: 'West'"
    w.request().respond(text=said).add("answer.computed", answer=said, values=[], errors=[failed])
    v = view(w.end("unverified", answer=said, detail=failed).state, w.events)
    assert blocks(v, "lead")[0]["text"] == "Not verified: an expression of the answer gave no value"
    assert blocks(v, "table")[0]["rows"] == [[["`", "{{by['West']}}"], "KeyError: 'West'"]]
    assert (
        blocks(v, "answer")[0]["markdown"] == "In all **{{by['West']}}** (not found), and **40** (not found)."
    )
    assert v["what"] == failed


def test_doubt_marks_a_whole_number_and_leaves_code_alone():
    found = [m for m in evidence.mark("a 12 and 123", "", []) if m.claim.text == "12"]
    assert doubted("a 12 and 123", found) == "a **12** (not found) and 123"


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ("There are 342, not 343, and 342.", "There are 342, not **343** (not found), and 342."),
        ("**343** are left, `343` of them.", "**343** (not found) are left, `343` (not found) of them."),
        ("It has 18 % and 18 % more.", "It has **18 %** (not found) and **18 %** (not found) more."),
        ("So:\n```python\nx = 343\n```", "So:\n```python\nx = 343\n```"),
    ],
)  # fmt: skip
def test_each_doubt_stands_at_its_own_claim(answer, shown):
    found = evidence.mark(answer, "", [evidence.Seen("r1.0", "", "n = 342")])
    assert doubted(answer, found) == shown


def test_a_first_sentence_that_is_doubted_is_no_title_and_bears_its_mark():
    _, v = ended("There are 343 of them. So it is, and 342 are shown.", "n = 342")
    assert blocks(v, "lead")[0]["text"] == "The answer"
    assert blocks(v, "answer")[0]["markdown"].startswith("There are **343** (not found) of them. So it is")
    _, v = ended("There are 342 of them. So it is, and 343 are not.", "n = 342")
    assert blocks(v, "lead")[0]["text"] == "There are 342 of them."


@pytest.mark.parametrize(
    ("answer", "sign"),
    [("There are 342.", ("ok", "done")), ("There are 343.", ("", "answered")), ("Done.", ("", "answered"))],
)
def test_only_what_is_proven_is_green(answer, sign):
    _, v = ended(answer, "n = 342")
    assert (v["tone"], v["glyph"]) == sign and all("glyph" not in b for b in blocks(v, "lead"))


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


async def test_undo_all_and_redo_keep_their_places_whichever_of_them_can_be_pressed(script):
    turns = [python("x = 1"), python("x += 1"), {"text": "Done."}]
    proc = await llmos.run("Make x.", model=script(*turns), namespace={}, approve="auto")
    places = []
    for change in (lambda: None, proc.undo, proc.undo, proc.redo):
        change()
        places.append([b["label"] for b in drawn(proc)["foot"]["buttons"]])
        assert offered(proc), places
    assert places == [["Export notebook", "Undo all", "Redo", "+20 steps"]] * 4


async def test_an_answer_of_which_a_part_was_undone_says_so_and_is_not_green(script):
    turns = [python("x = sum(xs)"), python("x += 1\ny = x"), {"text": "It is {{x}}."}]
    proc = await llmos.run("Make x.", model=script(*turns), namespace={"xs": [40, 1]}, approve="auto")
    assert (drawn(proc)["state"], drawn(proc)["tone"]) == ("Answered", "ok")
    proc.undo()
    assert (drawn(proc)["state"], drawn(proc)["tone"]) == ("Answered, then partly undone", "")
    assert "Redo puts back what r2.0 did." in drawn(proc)["foot"]["note"]
    proc.redo()
    assert (drawn(proc)["state"], drawn(proc)["tone"]) == ("Answered", "ok")


async def test_an_answer_after_calls_that_failed_says_of_how_many(script):
    model = script(python("1 / 0"), python("x = 1"), {"text": "Done."})
    proc = await llmos.run("Make x.", model=model, namespace={}, approve="auto")
    assert drawn(proc)["what"].endswith("; 1 of 2 calls")


async def test_a_further_answer_is_not_called_undone_for_what_was_undone_before_it(script):
    model = script(python("x = 1"), {"text": "Done."}, {"text": "Done again."})
    proc = await llmos.run("Make x.", model=model, namespace={}, approve="auto")
    proc.undo()
    await proc.send("And now?")
    await proc
    assert proc.answer == "Done again." and drawn(proc)["state"] == "Answered"


async def test_what_was_written_to_a_file_is_said_to_stay_when_its_step_is_undone(
    script, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    plan = [{"title": "Count"}, {"title": "Save", "depends_on": [1]}]
    make = "import pathlib, pandas\nx = pandas.DataFrame({'a': range(60)})\nx"
    save = "pathlib.Path('kept.txt').write_text('42')\nlen(x)"
    turns = [{"plan": plan}, call("python", code=make, step=1), call("python", code=save, step=2)]
    model = script(*turns, {"text": "It is {{len(x)}}."})
    proc = await llmos.run("Count.", model=model, namespace={}, approve="auto")
    stays = "It wrote kept.txt: that stays."
    assert stays in drawn(proc)["foot"]["note"]
    assert [row.get("back") for row in drawn(proc)["steps"]] == [
        True,
        None,
    ]  # of a file nothing can be taken back
    seen = drawn(proc)["steps"][0]["ev"]
    proc.undo(to=0)
    first, saved = drawn(proc)["steps"]
    assert (first["s"], first["note"], first["ev"]) == ("undone", "undone", seen)
    assert (saved["s"], saved["note"]) == ("undone", "undone, except that it wrote kept.txt")
    assert stays in drawn(proc)["foot"]["note"] and (tmp_path / "kept.txt").read_text() == "42"
    proc.redo()
    assert [row["s"] for row in drawn(proc)["steps"]] == ["done", "undone"]
    proc.redo()
    assert [row["s"] for row in drawn(proc)["steps"]] == ["done", "done"]


async def test_an_answer_whose_steps_were_all_undone_is_not_green(script):
    model = script(python("x = 41 + 1\nx"), {"text": "It is {{x}}."})
    proc = await llmos.run("Make x.", model=model, namespace={}, approve="auto")
    assert drawn(proc)["tone"] == "ok"
    proc.undo()
    assert drawn(proc)["tone"] != "ok" and drawn(proc)["glyph"] != "done"


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
    return [b["label"] for b in drawn(proc)["foot"]["buttons"] if not b.get("off")]


def test_each_value_of_an_answer_stands_where_its_claim_says_also_behind_a_doubt():
    _, v = ended("There were 777 at first. 𝔘 342 stayed, of 343 in `n = 342`.", "n = 342")
    block = blocks(v, "answer")[0]
    said = [(block["markdown"][slice(*c["at"])], c["kind"], c["row"]) for c in block["claims"]]
    assert ("342", "row", 1) in said and "**343** (not found)" in block["markdown"]
    rows = blocks(v, "table")[0]["rows"]
    assert [(rows[c["row"]][0], rows[c["row"]][1]) for c in block["claims"]] == [
        (block["markdown"][slice(*c["at"])], c["mark"]) for c in block["claims"]
    ]


def test_a_value_in_the_first_sentence_is_one_too():
    _, v = ended("There are 342 of them. More is not known.", "n = 342")
    lead = blocks(v, "lead")[0]
    assert [lead["text"][slice(*c["at"])] for c in lead["claims"]] == ["342"]


def test_no_value_in_a_block_of_code_is_a_button():
    _, v = ended("So it ran:\n\n```\n342\n```", "n = 342")
    assert blocks(v, "answer")[0]["claims"] == []


@pytest.mark.parametrize(
    ("reason", "asks"), [("answered", True), ("failed", True), ("killed", None), ("forked", None)]
)
def test_only_an_end_that_is_not_for_good_can_be_asked_further(reason, asks):
    w = Writer().start("auto").request().respond(text="Done.").end(reason, answer="Done." if asks else None)
    assert view(w.state, w.events).get("foot", {}).get("ask") is asks


def test_while_it_runs_there_is_no_foot():
    assert "foot" not in shown("running") and "foot" not in shown("paused") and "foot" in shown("finished")


def test_a_further_turn_says_what_was_asked_and_keeps_the_former_answer():
    w = (
        Writer()
        .start("auto")
        .request()
        .respond(text="It is one thing.")
        .end("answered", answer="It is one thing.")
    )
    w.add("signal.received", signal="steer", by="you", text="And now?").add("run.resumed", epoch=0)
    v = view(w.state, w.events)
    assert v["id"] in ("running", "planning") and v["now"][0]["words"] == ["Asked further: ", ["*", "And now?"]]
    assert (v["now"][-1]["summary"], v["now"][-1]["code"]) == (
        "Answered before: It is one thing.",
        "It is one thing.",
    )
    w.request().respond(text="It is another.").end("answered", answer="It is another.")
    texts = [b.get("markdown", b.get("code")) for b in view(w.state, w.events)["now"]]
    assert "It is another." in texts and "It is one thing." in texts
