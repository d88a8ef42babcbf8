"""The answer: each value of it with the call that showed it, and what did not hold."""

from fixtures_journals import STATES, blocks, shown
from fixtures_writer import Writer
from hypothesis import given, strategies as st

from llmos_nb.views.panel.answer import evidence, mark, split, values
from llmos_nb.views.panel.view import view
from llmos_nb.views.wording import plain


def test_the_answer_maps_each_number_to_its_call():
    v = shown("finished")
    rows = {r[0]: (r[1], plain(r[2])) for r in blocks(v, "table")[0]["rows"]}
    assert rows["4,716"][1] == "r3.0" and "Biscoe 4716.0" in rows["4,716"][0]
    assert blocks(v, "lead")[0]["text"] == "Biscoe, and not by chance."
    assert blocks(v, "answer")[0]["markdown"].startswith("Birds on **Biscoe**")


def test_the_check_line_says_only_what_was_checked():
    said = plain(blocks(shown("finished"), "text")[0]["words"])
    assert said == "Check held: all 3 values of the answer stand in an observation."
    w = STATES["finished"](check="0 < p < 1")
    assert "your check 0 < p < 1 is true" in plain(blocks(view(w.state, w.events), "text")[0]["words"])
    w = Writer().start(grounded=False).request().respond(text="Done.").end("answered", answer="Done.")
    assert plain(blocks(view(w.state, w.events), "text")[0]["words"]) == "No check was asked for."


def test_an_answer_that_does_not_hold_is_marked():
    v = shown("unverified")
    assert "**4,999** (not observed)" in blocks(v, "answer")[0]["markdown"]
    assert blocks(v, "table")[0]["rows"] == [["4,999", "in no result of a call"]]
    assert "**3,713**" not in blocks(v, "answer")[0]["markdown"]


@given(st.text(max_size=300))
def test_the_lead_and_the_rest_are_the_answer(text):
    lead, rest = split(text)
    assert "".join((lead + rest).split()) == "".join(text.split())


def test_values_keep_their_percent_and_quotes():
    assert values("12.5% of 344 birds on `Dream`, r3.0, since 2009-12-01") == [
        "2009-12-01",
        "12.5%",
        "344",
        "Dream",
    ]
    assert mark("a 12 and 123", ["12"]) == "a **12** (not observed) and 123"


def test_evidence_names_the_last_call_that_showed_a_value():
    w = Writer().planned("auto").step(1, "n = 342").step(2, "share 0.125, n = 342 on Dream")
    answer = "12.5% of 342 birds are on `Dream`, as in 2,500 of the goal? No: 77."
    w.request().respond(text=answer).end("answered", answer=answer)
    found = {v: (call.id if call else "") for v, _, call in evidence(w.state)}
    assert found == {"12.5%": "r3.0", "342": "r3.0", "Dream": "r3.0", "2,500": "", "77": ""}
