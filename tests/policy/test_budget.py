import pytest

from llmos_nb.errors import UsageError
from llmos_nb.policy import Budget
from llmos_nb.policy.budget import parse


def test_amounts_are_read_in_every_unit():
    found = parse("20 steps, 50k tokens, $0.50, 3 min, 7 calls")
    assert found.limits == {"steps": 20, "tokens": 50_000, "$": 0.5, "s": 180, "calls": 7}
    assert parse("1.5 h").limits == {"s": 5400} and parse("2m tokens").limits == {"tokens": 2e6}
    assert parse("+10 steps").limits == {"steps": 10}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("20 stpes", r"^budget '20 stpes': unknown unit 'stpes' \(steps, calls, tokens, \$, s, min, h\)"),
        ("steps", "not an amount"),
        ("0 steps", "more than 0"),
        ("-3 steps", "not an amount"),
        ("$5 steps", "both"),
        (" , ", "no amount"),
    ],
)
def test_bad_amounts_are_named(text, message):
    with pytest.raises(UsageError, match=message):
        parse(text)


@pytest.mark.parametrize(
    ("seconds", "said"), [(3586.2, "59.8 min"), (600, "10 min"), (90, "90 s"), (180, "3 min"), (86.2, "86.2 s")]
)
def test_a_time_is_told_as_people_say_it(seconds, said):
    assert str(Budget({"s": seconds})) == said


def test_budget_reports_what_is_over_near_and_left():
    budget = Budget({"steps": 10.0, "s": 60.0})
    assert budget.over({"steps": 9}) == "" and budget.over({"steps": 10}) == "steps"
    assert budget.near({"steps": 8}) == ["steps"] and budget.left("tokens", {}) == float("inf")
    assert str(budget.plus(parse("5 steps"))) == "15 steps, 1 min"
    assert parse("3 steps").within(budget).limits == {"steps": 3, "s": 60}
