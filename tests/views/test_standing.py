"""How a process stands, in words that are true."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from llmos_nb.process.state import State
from llmos_nb.views import moment, standing, wording

HERE = datetime.now().astimezone()
NOW = HERE.astimezone(UTC).isoformat()


class Still(datetime):
    """The clock as the tests began: no midnight comes between two looks."""

    @classmethod
    def now(cls, tz=None):
        return HERE.astimezone(tz) if tz else HERE.replace(tzinfo=None)


@pytest.fixture(autouse=True)
def still(monkeypatch):
    monkeypatch.setattr(wording, "datetime", Still)


@pytest.mark.parametrize(
    ("state", "where", "words"),
    [
        (State(status="running"), {}, "running"),
        (State(status="running", pause_wanted=True), {}, "running (pauses after this step)"),
        (State(status="running"), {"driven": False}, "broke off"),
        (State(status="running", at=NOW), {"driven": False}, "broke off at {now}"),
        (State(status="running"), {"elsewhere": True, "driven": False}, "running (elsewhere)"),
        (State(status="paused"), {"elsewhere": True}, "running (elsewhere)"),
        (State(status="paused"), {"driven": False}, "paused"),
        (State(status="ended", reason="killed"), {}, "killed"),
        (State(status="ended", reason="answered"), {"driven": False}, "ended, answered"),
        (State(status="ended", reason="answered"), {"elsewhere": True}, "ended, answered"),
        (State(status="ended", reason="killed"), {"elsewhere": True, "driven": False}, "killed"),
        (
            State(
                status="running",
                questions={"r2.0": {"since": NOW}, "r1.0": {"since": "2026-01-01T00:00:00+00:00"}},
            ),
            {"driven": False},
            "waiting for you since {long_ago}",
        ),
        (
            State(status="running", awaited={"r2.0": {"since": NOW, "title": "process 2 to end"}}),
            {},
            "waiting for process 2 to end since {now}",
        ),
        (
            State(status="running", awaited={"r2.0": {"title": "process 2 to end"}}),
            {"elsewhere": True},
            "waiting for process 2 to end",
        ),
        (State(status="running", questions={"r2.0": {}}), {"elsewhere": True}, "waiting for you"),
        (State(status="running", questions={"r2.0": {}}), {}, "waiting for you"),
        (
            State(status="running", awaited={"r2.0": {"since": NOW}}),
            {},
            "waiting for a message since {now}",
        ),
    ],
    ids=map(str, count()),
)
def test_standing_says_how_a_process_stands(state, where, words):
    times = {"now": moment(NOW), "long_ago": moment("2026-01-01T00:00:00+00:00")}
    assert standing(state, **where) == words.format(**times)


def test_moment_is_the_time_of_day_here_and_names_another_day():
    now = HERE
    assert moment(now.astimezone(UTC).isoformat()) == f"{now:%H:%M}"
    before = now - timedelta(days=3)
    assert moment(before.isoformat()) == f"{before:%b} {before.day} {before:%H:%M}"
