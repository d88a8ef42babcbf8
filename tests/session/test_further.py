"""A further turn: words after the end let the same process go on, with all that it knows."""

import json

import pytest
from turns import python

import llmos_nb as llmos
from llmos_nb.errors import UsageError
from llmos_nb.export.cells import read as read_book
from llmos_nb.export.verify.journal import compare
from llmos_nb.journal import read
from llmos_nb.process import fold
from llmos_nb.views.loop.run import run_text
from llmos_nb.views.timeline import Timeline

FIRST = [python("x = 20\nx"), {"text": "x is 20."}]
SECOND = [python("y = x + 22\ny"), {"text": "y is 42."}]


async def answered(script, *more, **options):
    names = {}
    proc = await llmos.run(
        "Make x.", model=script(*FIRST, *more), namespace=names, approve="auto", plan="none", **options
    )
    assert (proc.reason, proc.answer) == ("answered", "x is 20.")
    return proc, names


async def test_words_after_the_answer_begin_a_further_turn_that_knows_the_first(script):
    proc, names = await answered(script, *SECOND)
    await proc.send("And what is 22 more?")
    assert (proc.state, proc.reason, proc.answer) == ("ended", "answered", "y is 42.")
    assert names["y"] == 42
    assert proc.run.state.former == [{"answer": "x is 20.", "then": "And what is 22 more?"}]
    said = [m.text for m in proc.run.state.context.messages()]
    assert "x is 20." in said and any("22 more" in text for text in said[said.index("x is 20.") :])


async def test_a_further_turn_goes_to_the_model_that_was_named_for_it(script, tmp_path):
    proc, _ = await answered(script)
    other = tmp_path / "other.json"
    other.write_text(json.dumps({"version": 1, "turns": [{"text": "Another says 42."}]}))
    proc.session.choose(proc, f"script:{other}")
    assert proc.answer == "x is 20."
    await proc.send("And what is 22 more?")
    assert proc.answer == "Another says 42."


async def test_while_it_goes_on_the_former_answer_is_not_its_answer(script):
    proc, _ = await answered(script, {"text": "late", "wait_s": 60})
    proc.send("More?")
    assert (proc.state, proc.answer, proc.run.state.former[0]["answer"]) == ("running", None, "x is 20.")
    await proc.kill()
    assert (proc.reason, proc.answer) == ("killed", None)


async def test_a_further_turn_that_is_cut_short_does_not_give_the_former_answer_again(script):
    proc, _ = await answered(script, *SECOND, budget="2 steps")
    await proc.send("More?")
    assert (proc.reason, proc.answer, proc.run.state.candidate) == ("budget", None, "")


async def test_a_check_judges_the_answer_of_each_turn(script):
    wrong = {"text": "y is 41."}
    names = {}
    model = script(*FIRST, python("y = x + 22\ny"), wrong, wrong, wrong)
    proc = await llmos.run("Make x.", model=model, namespace=names, approve="auto", plan="none", check="'0' in answer")
    await proc.send("And 22 more?")
    assert (proc.reason, proc.run.state.checks["check"]["held"]) == ("unverified", False)


async def test_a_journal_of_two_turns_folds_to_the_same_state(script):
    proc, _ = await answered(script, *SECOND)
    await proc.send("And what is 22 more?")
    events = read(proc.journal.path)
    assert [e.k for e in events].count("run.ended") == 2
    assert fold(events).digest == proc.digest


async def test_one_that_was_loaded_goes_on_with_what_it_is_told(script, tmp_path):
    proc, _ = await answered(script, home=tmp_path)
    names = {}
    session = llmos.Session(names, home=tmp_path)
    again = session.load(proc.journal.path, model=script(*FIRST, *SECOND))
    with pytest.raises(UsageError, match="ask further"):
        await again.resume()
    again.send("And what is 22 more?")
    assert again.state == "ended"
    await again.resume()
    assert (again.answer, names["y"]) == ("y is 42.", 42)


async def test_one_that_was_killed_does_not_go_on(script):
    proc = llmos.start("go", model=script({"text": "late", "wait_s": 60}))
    await proc.kill()
    with pytest.raises(UsageError, match="fork it"):
        proc.send("More?")
    assert [e.k for e in proc.events].count("run.ended") == 1


async def test_one_whose_budget_was_used_up_goes_on_with_more_of_it_and_words(script):
    proc = await llmos.run("Make x.", model=script(*FIRST), namespace={}, approve="auto", budget="1 steps")
    assert proc.reason == "budget"
    proc.budget("+3 steps")
    await proc.send("Go on.")
    assert (proc.answer, proc.run.state.former) == ("x is 20.", [])


def words_of(path):
    return [c["source"] for c in read_book(path)["cells"] if c["cell_type"] == "markdown"]


def place(texts, said):
    (found,) = [n for n, text in enumerate(texts) if said in text]
    return found


@pytest.mark.out_of_process
async def test_the_export_has_the_steps_of_both_turns_and_the_conversation_between_them(script, tmp_path):
    proc, _ = await answered(script, *SECOND)
    await proc.send("And what is 22 more?")
    path = proc.export(tmp_path / "both.ipynb", run=False)
    cells = [c["source"] for c in read_book(path)["cells"]]
    order = [
        "# Make x",
        "And what is 22 more?\n\ny is 42.",
        "x = 20",
        "x is 20.",
        "**Asked further by the user",
        "y = x + 22",
    ]  # the last answer is below the title
    asked = order.pop(4)
    places = [place(cells, said) for said in order]
    again = [n for n, cell in enumerate(cells) if asked in cell]
    assert places == sorted(places) and len(again) == 2
    assert again[0] == places[1] and places[3] < again[1] < places[4] and "And what is 22 more?" in cells[again[1]]
    assert llmos.verify(path).ok
    text = proc.export(tmp_path / "both.md", run=False).read_text()
    assert text.index("x is 20.") < text.rindex("And what is 22 more?") < text.rindex("y is 42.")


async def test_a_question_that_nobody_asked_is_not_that_of_the_journal(script, tmp_path):
    proc, _ = await answered(script, *SECOND)
    await proc.send("And what is 22 more?")
    path = proc.export(tmp_path / "x.ipynb", run=False)
    journals = {proc.pid: proc.journal.path}
    assert compare(read_book(path), journals)[0] == []
    path.write_text(path.read_text().replace("And what is 22 more?", "And what is 23 more?"))
    found = compare(read_book(path), journals)[0]
    assert sorted(one.where.partition("-")[0] for one in found) == ["cell answer", "cell said"]
    assert all("not say what the journal says" in one.what for one in found)


async def test_the_export_of_a_further_turn_that_failed_has_the_answer_before_it(script, tmp_path):
    proc, _ = await answered(script, *SECOND, budget="2 steps")
    await proc.send("More?")
    assert proc.answer is None
    texts = words_of(proc.export(tmp_path / "x.ipynb", run=False))
    assert place(texts, "x is 20.") < place(texts, "More?") < place(texts, "Call r3.0")


async def test_the_export_of_one_answer_has_no_answer_before_it(script, tmp_path):
    proc, _ = await answered(script)
    texts = words_of(proc.export(tmp_path / "x.ipynb", run=False))
    assert not any("asked further" in text.lower() or "Said by" in text for text in texts)


async def test_words_during_a_further_turn_are_said_and_did_not_begin_it(script, tmp_path):
    proc, _ = await answered(script, {**python("y = x + 22\ny"), "wait_s": 0.3}, {"text": "y is 42."})
    proc.send("And what is 22 more?")
    await proc.send("Take x.")
    texts = words_of(proc.export(tmp_path / "x.ipynb", run=False))
    said = place(texts, "**Said by the user:**\n\nTake x.")
    top, began = (n for n, text in enumerate(texts) if "**Asked further by the user:**\n\nAnd what" in text)
    assert "And what is 22 more?\n\ny is 42." in texts[top] and top < began < said


async def test_the_drawing_and_the_log_have_the_question_and_the_values_of_each_answer(script):
    proc = await llmos.run(
        "Make x.",
        model=script(python("x = 20"), {"text": "It is {{x}}."}, {"text": "It is {{x + 1}}."}),
        namespace={},
        approve="auto",
        plan="none",
    )
    await proc.send("And one more?")
    lines = run_text(proc.run.state, proc.events).splitlines()
    (asked,) = [n for n, line in enumerate(lines) if "And one more?" in line]
    assert any("It is 20." in line for line in lines[:asked])
    assert any("It is 21." in line for line in lines[asked:]) and "{{" not in "".join(lines)
    assert any("And one more?" in event["t"] for event in Timeline(proc.events).events)
