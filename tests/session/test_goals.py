"""Persistent goals: read, written down, claimed by one, due at the right times."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st

from llmos_nb.errors import UsageError
from llmos_nb.journal import Home
from llmos_nb.session.goals import Goal, Goals
from llmos_nb.session.goals.goals import LEASE_S, add, made_here
from llmos_nb.session.goals.when import moment, seconds

NOW = datetime(2026, 11, 30, 8, 0).astimezone().timestamp()


@pytest.fixture
def goals(tmp_path):
    return Goals(Home(tmp_path / "home"))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("1 h", 3600), ("90 min", 5400), ("2days", 172_800), ("1.5 hours", 5400), ("hour", 3600), ("30s", 30), ("1 W", 604_800)],
)  # fmt: skip
def test_intervals_are_read(text, wanted):
    assert seconds(text) == wanted


@pytest.mark.parametrize("text", ["", "5", "h 1", "1 parsec", "0 h", "-1 h", "1e9 h", "0.1 s"])
def test_bad_interval_is_reported(text):
    with pytest.raises(UsageError, match="write a number and a unit"):
        seconds(text)


def test_moments_are_read():
    assert moment("2026-12-01T09:00", NOW) == NOW + 25 * 3600
    assert moment("09:00", NOW) == NOW + 3600 and moment("7:30", NOW) == NOW + 23.5 * 3600
    assert moment("2026-12-01 09:00Z", NOW) == datetime(2026, 12, 1, 9, tzinfo=UTC).timestamp()
    for text in ("", "25:00", "tomorrow", "2026-13-01"):
        with pytest.raises(UsageError, match="write a time"):
            moment(text, NOW)


@given(st.floats(1, 1e6), st.floats(0, 1e7), st.floats(0, 1e7))
def test_the_next_time_is_the_first_that_was_not_missed(every, first, late):
    now = first + late
    due = Goal(1, "g", every=every, first=first).after(now)
    assert now < due <= now + every * (1 + 1e-6) + 1e-3
    assert abs((due - first) / every - round((due - first) / every)) < 1e-3


def test_future_time_is_kept():
    assert (
        Goal(1, "g", every=60, first=NOW + 999).after(NOW) == NOW + 999 and Goal(1, "g", first=NOW).after(NOW) is None
    )


def test_added_goals_are_read_back(goals):
    assert goals.all() == [] and not goals.home.root.exists()
    given = {
        "check": "n > 3",
        "every": "1 h",
        "at": "09:00",
        "model": "m",
        "approve": "auto",
        "budget": "3 steps",
    }
    made = add(goals, " Use `df`. ", {"df": 1, "dg": 2}, now=NOW, **given)
    assert goals.all() == [made] and goals.find(1) == made and made_here(made)
    assert (made.goal, made.holds, made.every, made.first, made.due) == (
        "Use `df`.",
        "n > 3",
        3600,
        NOW + 3600,
        NOW + 3600,
    )
    assert (made.needs, made.model, made.approve, made.budget, made.state) == (
        "df",
        "m",
        "auto",
        "3 steps",
        "open",
    )
    goals.remove(1)
    assert goals.all() == [] and add(goals, "x").n == 2  # a number is never given twice


def test_first_due_time_follows_from_the_schedule(goals):
    due = [
        add(goals, "x", now=NOW, **how).due - NOW
        for how in ({}, {"every": "1 h"}, {"at": "09:00"}, {"at": "2026-11-30T07:30", "every": "2 h"})
    ]
    assert due == [0, 0, 3600, 1.5 * 3600]


@pytest.mark.parametrize(
    ("text", "how", "said"),
    [
        (" ", {}, "write what you want done"),
        ("x", {"check": "n >"}, r"--check 'n >': not a Python expression"),
        ("x", {"at": "2020-01-01"}, "this is over"),
        ("x", {"approve": "atuo"}, "atuo"),
        ("x", {"budget": "ten"}, "ten"),
        ("Call &`f`.", {}, "no such function"),
        ("x", {"model": "script:nothere.json"}, "nothere.json: No such file"),
    ],
)
def test_mistakes_are_reported_before_anything_is_written(goals, text, how, said):
    with pytest.raises(UsageError, match=said):
        add(goals, text, {}, now=NOW, **how)
    assert goals.all() == []


def test_exactly_one_claimant_gets_a_due_goal(goals):
    goal = add(goals, "x", now=NOW, every="1 h")
    seed = random.randrange(10**6)
    for late in (0, 5 * 3600 + seed % 3000):
        goal = goals.find(1)
        assert goal.is_due(NOW + late)
        with ThreadPoolExecutor(8) as pool:
            taken = list(pool.map(lambda _, g=goal, at=NOW + late: goals.claim(g, at), range(8)))
        assert sum(taken) == 1 and not goals.find(1).is_due(NOW + late), seed
        goals.change(1, pid=1)


def test_a_claim_of_a_notebook_that_died_is_due_again(goals):
    goal = add(goals, "x", now=NOW)
    assert goals.claim(goal, NOW)
    assert not goals.find(1).is_due(NOW + LEASE_S / 2) and goals.find(1).is_due(NOW + LEASE_S + 1)
    goals.change(1, pid=7)
    assert not goals.find(1).is_due(NOW + LEASE_S + 1)


@pytest.mark.parametrize("missed", ["once", "skip", "all"])
def test_a_time_whose_claimant_died_runs_and_the_next_one_stays(goals, missed):
    add(goals, "x", now=NOW, every="1 h", missed=missed)
    assert goals.claim(goals.find(1), NOW) and goals.find(1).due == NOW + 3600
    late = NOW + LEASE_S + 1
    assert goals.find(1).is_due(late) and goals.claim(goals.find(1), late)
    assert goals.find(1).due == NOW + 3600 and not goals.find(1).is_due(late)
    goals.change(1, pid=1)
    assert goals.claim(goals.find(1), NOW + 3600) and goals.find(1).due == NOW + 7200


def test_goal_changed_elsewhere_is_untrusted(goals):
    goal = add(goals, "tidy up", now=NOW)
    for name, value in (
        ("goal", "send all"),
        ("holds", "send()"),
        ("approve", "auto"),
        ("model", "http://x#m"),
    ):
        goals.change(1, **{name: value})
        assert not made_here(goals.find(1)), name
        goals.change(1, **{name: getattr(goal, name)})
    assert made_here(goals.find(1))
