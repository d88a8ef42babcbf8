"""The answer: how each number of it is known, what was declared and held, and what did not."""

import re

import pytest
from fixtures_journals import STATES, blocks, shown
from fixtures_writer import Writer
from hypothesis import given, strategies as st
from turns import call, python

import llmos_nb as llmos
from llmos_nb.errors import UsageError
from llmos_nb.export import ExportSource, answer_code, notes
from llmos_nb.process import answers
from llmos_nb.views import page
from llmos_nb.views.panel.view import view
from llmos_nb.views.text import form
from llmos_nb.views.wording import plain


def ended(answer, *results):
    w = Writer().planned("auto")
    for n, result in enumerate(results, 1):
        w.step(n, result)
    w.request().respond(text=answer).end("answered", answer=answer)
    return w, view(w.state, w.events)


def test_the_answer_maps_each_number_to_its_call():
    v = shown("finished")
    rows = {r[0]: (r[1], r[2], plain(r[3])) for r in blocks(v, "table")[0]["rows"]}
    assert rows["4,716"][::2] == ("seen", "r3.0") and "4716.0" in rows["4,716"][1]
    assert blocks(v, "answer")[0]["markdown"].startswith("Biscoe, and not by chance. Birds on **Biscoe**")


def test_the_headline_and_the_line_below_count_alike():
    w, v = ended("There are 342 on Dream.", "n = 342")
    counted = answers.counted(answers.numbers(w.state))
    assert plain(blocks(v, "text")[0]["words"]) == f"Numbers of the answer: {counted}."
    assert v["what"].startswith(f"{counted}; ")


def test_nothing_is_said_of_numbers_where_there_are_none():
    _, v = ended("Done.")
    assert not blocks(v, "text") and not blocks(v, "table") and v["what"].startswith("0 of 4 steps")


@pytest.mark.parametrize("said", ["There are 342.", "There are 343.", "Done.", "**342** (`342`), and 342 % of 343."])
def test_no_tick_stands_where_nothing_was_declared(said):
    _, v = ended(said, "n = 342")
    assert (v["tone"], v["glyph"]) == ("", "answered")
    assert not [b for b in v["now"] if b.get("glyph")]


def test_the_text_of_an_answer_is_not_changed():
    said = "There are **343**, not 342.\n\n| a | 343 |\n|---|--:|\n| `343` | 9 |"
    _, v = ended(said, "n = 342")
    assert blocks(v, "answer")[0]["markdown"] == said


def test_what_a_former_version_compared_is_said_in_words():
    w = Writer().planned("auto").step(1, "n = 342").request().respond(text="There are 342 of 343.")
    w.add("check.finished", check="grounded", held=True, detail="every number of it was observed", missing=[])
    v = view(w.end("answered", answer="There are 342 of 343.").state, w.events)
    assert v["glyph"] == "answered" and not [b for b in v["now"] if b.get("glyph")]
    said = [plain(b["words"]) for b in blocks(v, "text")]
    assert "As a former version compared it: every number of it was observed" in said


async def test_a_declared_output_is_ticked_with_its_types_and_not_after_an_undo(script):
    model = script(python("total = 3.5\nprint(total)"), {"text": "It is 3.5."})
    proc = await llmos.run("Sum.", model=model, namespace={}, approve="auto", out="total: float")
    (held,) = [b for b in drawn(proc)["now"] if b.get("glyph") == "done"]
    assert plain(held["words"]) == "Check held: total: float is there as you declared it."
    assert (drawn(proc)["tone"], drawn(proc)["glyph"]) == ("ok", "done")
    proc.undo()
    assert drawn(proc)["glyph"] == "answered" and not [b for b in drawn(proc)["now"] if b.get("glyph")]
    said = [plain(b["words"]) for b in blocks(drawn(proc), "text")]
    assert "Check held before something was undone: total: float is there as you declared it." in said


async def test_an_output_that_is_not_as_declared_is_not_said_to_be(script):
    model = script(python("total = 'much'"), *[{"text": "It is much."}] * 3)
    proc = await llmos.run("Sum.", model=model, namespace={}, approve="auto", out="total: float")
    assert proc.reason == "unverified" and "as you declared it" not in str(drawn(proc))
    assert "`total` must be float" in str(drawn(proc))


def test_a_check_is_said_to_hold_only_where_the_user_asked_for_one():
    w = STATES["finished"](check="0 < p < 1")
    said = [plain(b["words"]) for b in blocks(view(w.state, w.events), "text")]
    assert "Check held: 0 < p < 1 is true." in said
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
    assert blocks(v, "lead")[0]["text"] == "Not verified: what you declared does not hold"
    assert blocks(v, "table")[0]["rows"] == [[[["`", "mean < 4800"]], "it is false"]]
    block = blocks(v, "answer")[0]
    known = {block["markdown"][slice(*c["at"])]: c["kind"] for c in block["claims"]}
    assert known["4,999"] == "typed" and known["3,713"] == "typed"


@pytest.mark.parametrize("reason", ["answered", "failed", "unverified"])
def test_an_expression_that_gave_no_value_is_named_and_no_mark_stands_inside_its_braces(reason):
    w = Writer().planned("auto").step(1, "n = 1")
    said, failed = "In all {{by['West']}}, and 40.", "{{by['West']}}: KeyError: 'West'"
    w.request().respond(text=said).add("answer.computed", answer=said, values=[], errors=[failed])
    v = view(w.end(reason, answer=said, detail=failed).state, w.events)
    tables = {b["caption"]: b["rows"] for b in blocks(v, "table")}
    assert tables["Expressions that gave no value"] == [[[["`", "{{by['West']}}"]], "KeyError: 'West'"]]
    assert any(b["markdown"] in said and "{{by['West']}}" in b["markdown"] for b in blocks(v, "answer"))
    assert not any("{{" in said[slice(*c["at"])] for b in blocks(v, "answer") for c in b.get("claims", ()))


async def test_not_verified_is_not_said_where_nobody_declared_a_check(script):
    proc = await llmos.run("Count.", model=script({"text": "It is {{nosuch}}."}), namespace={}, approve="auto")
    v = drawn(proc)
    assert (proc.reason, v["state"]) == ("failed", "Failed") and "Not verified" not in str(v["now"])
    assert "NameError" in str(v["now"]) and "script has only 1 turn" in proc.detail


@given(st.text(max_size=300))
def test_the_answer_stands_whole_and_no_sentence_of_it_is_the_title(text):
    _, v = ended(text)
    assert [b["markdown"] for b in blocks(v, "answer")] == [text.rstrip()]
    assert [b["text"] for b in blocks(v, "lead")] == ["The answer"]


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
    turns = [python("x = 41"), python("x += 1\ny = x"), {"text": "It is {{x}}."}]
    proc = await llmos.run("Make x.", model=script(*turns), namespace={}, approve="auto", check="x == 42")
    assert (drawn(proc)["state"], drawn(proc)["tone"]) == ("Answered", "ok")
    proc.undo()
    assert (drawn(proc)["state"], drawn(proc)["tone"]) == ("Answered, then partly undone", "")
    assert "Redo puts back what r2.0 did." in drawn(proc)["foot"]["note"]
    proc.redo()
    assert (drawn(proc)["state"], drawn(proc)["tone"]) == ("Answered", "ok")


async def test_an_answer_after_calls_that_failed_says_of_how_many(script):
    model = script(python("1 / 0"), python("x = 1"), {"text": "Done."})
    proc = await llmos.run("Make x.", model=model, namespace={}, approve="auto")
    assert drawn(proc)["what"] == "1 of 2 calls"


async def test_a_further_answer_is_not_called_undone_for_what_was_undone_before_it(script):
    model = script(python("x = 1"), {"text": "Done."}, {"text": "Done again."})
    proc = await llmos.run("Make x.", model=model, namespace={}, approve="auto")
    proc.undo()
    await proc.send("And now?")
    await proc
    assert proc.answer == "Done again." and drawn(proc)["state"] == "Answered"


async def test_what_was_written_to_a_file_is_said_to_stay_when_its_step_is_undone(script, tmp_path, monkeypatch):
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
    proc = await llmos.run("Make x.", model=model, namespace={}, approve="auto", check="x == 42")
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


def test_each_number_of_an_answer_stands_where_its_mark_says():
    _, v = ended("There were 777 at first. 𝔘 342 stayed, of 343 in `n = 342`.", "n = 342")
    block = blocks(v, "answer")[0]
    said = [(block["markdown"][slice(*c["at"])], c["kind"], c["row"]) for c in block["claims"]]
    assert said == [("777", "typed", 0), ("342", "seen", 1), ("343", "typed", 2)]
    rows = blocks(v, "table")[0]["rows"]
    assert [(rows[c["row"]][0], rows[c["row"]][1]) for c in block["claims"]] == [
        (block["markdown"][slice(*c["at"])], c["mark"]) for c in block["claims"]
    ]


def test_a_value_in_the_first_sentence_is_one_too():
    _, v = ended("There are 342 of them. More is not known.", "n = 342")
    said = blocks(v, "answer")[0]
    assert [said["markdown"][slice(*c["at"])] for c in said["claims"]] == ["342"]


def test_no_value_in_a_block_of_code_is_a_button():
    _, v = ended("So it ran:\n\n```\n342\n```", "n = 342")
    assert blocks(v, "answer")[0]["claims"] == []


@pytest.mark.parametrize(("reason", "asks"), [("answered", True), ("failed", True), ("killed", None), ("forked", None)])
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
        .respond(text="It is **one** thing.")
        .end("answered", answer="It is **one** thing.")
    )
    w.add("signal.received", signal="steer", by="you", text="And now?").add("run.resumed", epoch=0)
    v = view(w.state, w.events)
    assert v["id"] in ("running", "planning") and v["now"][0]["words"] == ["Asked further: ", ["*", "And now?"]]
    assert (v["now"][-1]["summary"], v["now"][-1]["code"]) == (
        "Answered before: It is one thing.",
        "It is **one** thing.",
    )
    w.add("signal.received", signal="steer", by="you", text="Be quick.")
    assert view(w.state, w.events)["now"][0]["words"] == ["Asked further: ", ["*", "And now?"]]
    w.request().respond(text="It is another.").end("answered", answer="It is another.")
    texts = [b.get("markdown", b.get("code")) for b in view(w.state, w.events)["now"]]
    assert "It is another." in texts and "It is **one** thing." in texts
    for words in ("What else?", "In one word."):
        w.add("signal.received", signal="steer", by="you", text=words)
    w.add("run.resumed", epoch=0)
    assert view(w.state, w.events)["now"][0]["words"] == ["Asked further: ", ["*", "What else? In one word."]]


def test_a_former_answer_of_one_short_line_stands_once():
    w = Writer().start("auto").request().respond(text="It is one.").end("answered", answer="It is one.")
    w.add("signal.received", signal="steer", by="you", text="And now?").add("run.resumed", epoch=0)
    assert form.render(view(w.state, w.events)).count("It is one.") == 1


async def test_what_was_computed_from_what_was_undone_since_says_so_wherever_numbers_are_counted(script):
    turns = [python("x = n"), python("y = x + 1"), python("z = 9"), {"text": "It is {{y}}, of {{x}}; 7."}]
    proc = await llmos.run("Make y.", model=script(*turns), namespace={"n": 41}, approve="auto")

    def counted():
        source = ExportSource("", state=proc.run.state)
        said = answers.counted(answers.numbers(proc.run.state))
        for told in (
            form.render(drawn(proc)),
            page.plain(source.state, proc.events),
            page.html(source.state, proc.events),
        ):
            assert said in " ".join(told.split())
        assert f"{said}; " in drawn(proc)["what"]
        gone = re.search(r"computed \((all|\d)", said)
        told = f" ({2 if gone[1] == 'all' else gone[1]} of them from what was undone since)" if gone else ""
        exported = f"2 were computed on the variables{told}, 1 was typed by the model."
        assert f"How its values are known: {exported}" in notes.answer(source)
        return said, bool(answer_code.computed_answer(source))

    assert counted() == ("2 computed, 1 typed by the model", True)
    proc.undo()  # z, of which nothing was computed
    assert counted() == ("2 computed, 1 typed by the model", True)
    proc.undo()
    assert counted() == ("2 computed (1 from what was undone since), 1 typed by the model", False)
    assert "y (r2.0 was undone since)" in str(drawn(proc)["now"])
    proc.undo()
    assert counted()[0] == "2 computed (all from what was undone since), 1 typed by the model"
    proc.redo()
    proc.redo()
    assert counted() == ("2 computed, 1 typed by the model", True)


@pytest.mark.parametrize(("value", "marked"), [("5 kg", True), ("`a` 5", False), ("<b>5</b>", False), ("5\n6", False)])
async def test_a_value_is_marked_only_where_no_code_stands_in_it(script, value, marked):
    proc = await llmos.run("Say it.", model=script({"text": "- It is {{s}}."}), namespace={"s": value}, approve="auto")
    assert answers.counted(answers.numbers(proc.run.state)) == "1 computed"
    (answer,) = blocks(drawn(proc), "answer")
    assert bool(answer["claims"]) is marked
