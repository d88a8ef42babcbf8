"""The timeline: each event in a few words, and what was true at it."""

import pytest
from fixtures_journals import STATES
from fixtures_writer import Writer

from llmos_nb.views import Timeline
from llmos_nb.views.timeline import TEXT_MOST


@pytest.mark.parametrize("name", STATES)
def test_every_event_is_there_in_words(name):
    w = STATES[name]()
    made = Timeline(w.events).events
    assert [e["n"] for e in made] == [e.n for e in w.events]
    assert [e["k"] for e in made] == [e.k for e in w.events]
    assert all(0 < len(e["t"]) <= TEXT_MOST for e in made if e["k"] != "budget.reserved")


def test_marks_are_for_persons_and_errors():
    w = STATES["finished"]()
    marks = {e["n"]: e.get("mark") for e in Timeline(w.events).events}
    for e in w.events:
        wrong = (e.k == "call.finished" and not e.d["ok"]) or (e.k == "step.integrated" and not e.d["met"])
        human = e.k in ("plan.decided", "call.decided") and e.d["by"] == "you"
        assert marks[e.n] == ("e" if wrong else "h" if human else None)


def test_the_prompts_size_stands_at_its_request():
    made = Timeline(STATES["planning"]().events).events
    assert [e.get("kb") for e in made if e["k"] == "model.requested"] == [2.1]


def test_facts_grow_with_the_events_and_stay_true_for_earlier_ones():
    w = STATES["finished"]()
    whole = Timeline()
    for e in w.events:
        whole.heard(e)
    for n in range(len(w.events)):
        part = Timeline()
        for e in w.events[: n + 1]:
            part.heard(e)
        assert part.facts(n) == whole.facts(n)
    last = whole.facts(len(w.events) - 1)
    assert last.names == ("birds", "by_island", "path") and last.call == "r7.0"


def test_timeline_names_who_decided():
    w = Writer().two_steps()
    w.ask(call := w.call(code="x"))
    made = Timeline()
    for e in w.events:
        made.heard(e)
    assert made.facts(len(w.events) - 1).decided_by == "not yet, it asks you"
    made.heard(w.allow(call, by="rule:2").events[-1])
    assert made.facts(len(w.events) - 1).decided_by == "rule 2"


def test_unknown_event_kinds_are_accepted():
    w = Writer().start().add("something.new", call="r1.0")
    assert Timeline(w.events).events[-1]["t"] == ""
