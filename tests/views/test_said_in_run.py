"""What people say in mid-run stands in the list of steps, at the step that had begun last."""

import pytest
from fixtures_journals import running
from fixtures_writer import GOAL, Writer

from llmos_nb.views import page
from llmos_nb.views.panel.view import view
from llmos_nb.views.text import form


def say(writer, text, by="you"):
    return writer.add("signal.received", signal="steer", by=by, text=text)


def said(writer):
    return {row["n"]: row["said"] for row in view(writer.state, writer.events)["steps"] if "said" in row}


def test_words_stand_at_the_step_that_had_begun_last_in_the_order_in_which_they_were_said():
    w = say(Writer().planned(), "of all three islands")
    w.step(1, created=["birds"])
    say(w, "take the <b>median</b>")
    say(w, "and be quick")
    w.step(2, created=["by_island"])
    assert said(w) == {
        1: ["You said: of all three islands", "You said: take the <b>median</b>", "You said: and be quick"]
    }
    row = view(w.state, w.events)["steps"][0]
    assert "You said: and be quick" in "\n".join(form.step(row))
    html = page.html(w.state, w.events)
    assert "You said: take the &lt;b&gt;median" in html and "<b>median" not in html


def test_words_at_a_step_that_runs_are_there_at_once():
    assert said(say(running(), "wait with the table")) == {2: ["You said: wait with the table"]}


def test_words_of_a_run_without_a_plan_stand_at_its_call():
    w = Writer().start(planning="none")
    call = w.call(code="x = 1")
    w.allow(call).add("call.started", call=call, key="k", epoch=1)
    assert said(say(w, "now y")) == {call: ["You said: now y"]}


def test_question_after_the_end_is_no_word_in_mid_run():
    w = running()
    w.add("call.finished", call="r3.0", ok=True, result="", size=0).end("answered", answer="42")
    say(w, "And now?").add("run.resumed", epoch=0)
    assert said(w) == {}
    assert said(say(w.request(), "quick")) == {2: ["You said: quick"]}


@pytest.mark.parametrize("length", [10, 5000])
def test_long_words_are_cut_in_the_row(length):
    [words] = said(say(running(), f"{GOAL} " * length))[2]
    assert len(words) <= 300
