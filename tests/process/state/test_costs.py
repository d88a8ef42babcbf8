"""What a request costs counts once, whether its answer says so or, as formerly, an event before it."""

from fixtures_writer import Writer

from llmos_nb.process.state.fold import fold
from llmos_nb.views.counts import Counts

COST = {"tokens": 900.0, "$": 0.25}


def answered(w, **more):
    return w.add(
        "model.responded",
        request=w.requests,
        text="42",
        calls=[],
        finish="stop",
        usage={"prompt": 800, "completion": 100},
        **more,
    )


def test_the_cost_of_a_request_is_the_same_in_both_forms():
    former = Writer().start().request()
    answered(former.add("budget.settled", request=former.requests, amounts=COST))
    present = answered(Writer().start().request(), settled=COST)
    for w in (former, present):
        s = fold(w.events)
        assert {unit: s.spent[unit] for unit in COST} == COST
        assert Counts.of(w.events).costs == {1: COST}


def test_a_warning_that_little_is_left_stands_before_the_answer_that_used_it_up():
    w = answered(Writer().start(budget={"tokens": 1000.0}).request(), settled=COST)
    said = [m.text for g in w.state.context.window for m in g.messages]
    assert said[0].startswith("Over 80 %") and said[-1] == "42"
