"""Goals by calendar: the right times over every change of clock, and what becomes of times that were missed."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from llmos_nb.errors import UsageError
from llmos_nb.session.goals import Goal
from llmos_nb.session.goals.calendar import (
    FIRST_S,
    LATE_S,
    MOST_S,
    Calendar,
    back_off,
    checked,
    local_zone,
    set_back,
    turn,
)
from llmos_nb.session.goals.when import scheduled

BERLIN = ZoneInfo("Europe/Berlin")
DAY = 86_400.0
NINE = {"cron": "0 9 * * *", "rrule": "FREQ=DAILY;BYHOUR=9;BYMINUTE=0;BYSECOND=0"}
EARLY = {"cron": "30 2 * * *", "rrule": "FREQ=DAILY;BYHOUR=2;BYMINUTE=30;BYSECOND=0"}
instants = st.floats(datetime(2024, 1, 1).timestamp(), datetime(2034, 1, 1).timestamp())


def at(*when, fold=0):
    return datetime(*when, tzinfo=BERLIN, fold=fold).timestamp()


def calendar(form, text, start=None, zone="Europe/Berlin"):
    return Calendar(form, text, zone, at(2024, 1, 1) if start is None else start)


def on_the_clock(times, n=3, zone=BERLIN):
    return [datetime.fromtimestamp(t, zone).isoformat(timespec="minutes") for t in islice(times, n)]


# on the clock


@pytest.mark.parametrize("form", NINE)
@given(now=instants)
def test_nine_in_berlin_is_nine_on_the_clock_the_whole_year(form, now):
    due = calendar(form, NINE[form]).after(now)
    here = datetime.fromtimestamp(due, BERLIN)
    assert (here.hour, here.minute, here.second) == (9, 0, 0) and now < due <= now + 25 * 3600


def drifts(goal, now):
    """Return the hours of the clock at which a goal is due in the days after `now`."""
    found = []
    for _ in range(5):
        now = goal.after(now)
        found.append(datetime.fromtimestamp(now, BERLIN).hour)
    return set(found)


@pytest.mark.parametrize("day", [(2026, 3, 27), (2026, 10, 23)])
def test_every_day_at_nine_stays_at_nine_and_days_of_24_hours_do_not(day, monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    first = at(*day, 9)
    said = scheduled(first - 60, every="1 day", at=datetime.fromtimestamp(first, BERLIN).isoformat())
    goal = Goal(1, "g", **said)
    assert goal.first == first and drifts(goal, first) == {9} and goal.after(first - 60) == first
    assert drifts(replace(goal, form=""), first) == ({9, 10} if day[1] == 3 else {9, 8})


def test_nine_over_both_changes_of_clock():
    for form, text in NINE.items():
        spring, autumn = (calendar(form, text).times(at(*d)) for d in ((2026, 3, 28, 12), (2026, 10, 24, 12)))
        assert on_the_clock(spring, 2) == ["2026-03-29T09:00+02:00", "2026-03-30T09:00+02:00"]
        assert on_the_clock(autumn, 2) == ["2026-10-25T09:00+01:00", "2026-10-26T09:00+01:00"]


@pytest.mark.parametrize(("form", "moved"), [("cron", "03:00"), ("rrule", "03:30")])
def test_time_that_does_not_exist_comes_once_a_little_later(form, moved):
    found = on_the_clock(calendar(form, EARLY[form]).times(at(2026, 3, 28, 12)))
    assert found == [f"2026-03-29T{moved}+02:00", "2026-03-30T02:30+02:00", "2026-03-31T02:30+02:00"]


@pytest.mark.parametrize("form", EARLY)
@pytest.mark.parametrize(
    "now", [at(2026, 10, 25, 2, 30), at(2026, 10, 25, 2, 10, fold=1), at(2026, 10, 25, 2, 50, fold=1)]
)
def test_time_that_exists_twice_comes_once(form, now):
    assert on_the_clock(calendar(form, EARLY[form]).times(at(2026, 10, 24, 12)), 2) == [
        "2026-10-25T02:30+02:00",
        "2026-10-26T02:30+01:00",
    ]
    assert on_the_clock(calendar(form, EARLY[form]).times(now), 1) == ["2026-10-26T02:30+01:00"]


def test_each_half_hour_goes_on_by_real_time_where_the_clock_is_set_back():
    found = list(islice(calendar("cron", "*/30 * * * *").times(at(2026, 10, 25, 1, 10)), 8))
    assert {b - a for a, b in pairwise(found)} == {1800.0}


def test_working_days_leave_out_the_weekend_in_the_zone_of_the_goal():
    found = on_the_clock(calendar("cron", "0 9 * * mon-fri").times(at(2026, 3, 26, 12)), 3)
    assert found == ["2026-03-27T09:00+01:00", "2026-03-30T09:00+02:00", "2026-03-31T09:00+02:00"]
    tokyo = calendar("cron", "0 9 * * *", zone="Asia/Tokyo").times(at(2026, 3, 26, 12))
    assert on_the_clock(tokyo, 1) == ["2026-03-27T01:00+01:00"]


RULES = ["FREQ=WEEKLY;BYDAY=MO,TH;BYHOUR=9;BYMINUTE=0;BYSECOND=0", "FREQ=DAILY;INTERVAL=3", "FREQ=WEEKLY;INTERVAL=2",
         "FREQ=HOURLY;INTERVAL=7", "FREQ=MINUTELY;INTERVAL=45", "FREQ=MONTHLY;BYDAY=-1FR", "FREQ=YEARLY;BYMONTH=3,10;BYMONTHDAY=29"]  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
@given(start=instants, later=st.floats(0, 400 * DAY))
def test_rule_that_began_long_ago_has_the_times_that_counting_from_its_beginning_gives(rule, start, later):
    from dateutil.rrule import rrulestr

    began = datetime.fromtimestamp(start, BERLIN).replace(tzinfo=None, microsecond=0)
    now = start + later
    walls = rrulestr(rule, dtstart=began).xafter(began + timedelta(seconds=later) - timedelta(days=3), inc=True)
    wanted = (t for w in walls if (t := w.replace(tzinfo=BERLIN).timestamp()) > now)
    assert calendar("rrule", rule, start).after(now) == next(wanted)


@pytest.mark.parametrize(
    ("form", "text"), [*NINE.items(), *EARLY.items(), ("cron", "*/7 * * * *"), *(("rrule", r) for r in RULES)]
)
@given(now=instants)
def test_times_come_in_order_each_after_the_one_before(form, text, now):
    made = calendar(form, text)
    found = list(islice(made.times(now), 4))
    assert all(a < b for a, b in pairwise([now, *found])) and made.after(found[0]) == found[1]
    assert made.after(found[0] - 0.5) == found[0] or found[0] - 0.5 <= now


def test_rule_with_a_count_or_an_end_is_over():
    start = at(2026, 11, 1, 9)
    assert calendar("rrule", "FREQ=DAILY;COUNT=3", start).after(start + 2 * DAY) is None
    until = calendar("rrule", "FREQ=DAILY;UNTIL=20261103T080000Z", start)  # in UTC: 09:00 here
    assert until.after(start + DAY) == start + 2 * DAY and until.after(start + 2 * DAY) is None


# what is typed


@pytest.mark.parametrize(
    ("form", "text", "zone", "said"),
    [
        ("cron", "61 9 * * *", "", "Bad minute"),
        ("cron", "0 9 * *", "", "minute, hour, day, month and weekday"),
        ("cron", "* * * * * *", "", "minute, hour, day, month and weekday"),
        ("cron", "0 9 * * *", "Europe/Nowhere", "no such time zone"),
        ("cron", "0 9 * * *", "../../etc/passwd", "no such time zone"),
        ("rrule", "FREQ=DAILYY", "", "write it as in"),
        ("rrule", "whenever", "", "write it as in"),
        ("rrule", "FREQ=SECONDLY", "", "at most once a minute"),
        ("rrule", "FREQ=DAILY;BYHOUR=9;BYSECOND=0,30", "", "at most once a minute"),
        ("rrule", "FREQ=DAILY;UNTIL=20200101", "", "has no time to come"),
        ("rrule", "FREQ=DAILY;INTERVAL=0", "", "INTERVAL is a whole number from 1 on"),
        ("rrule", "FREQ=DAILY;INTERVAL=00;COUNT=3", "", "INTERVAL is a whole number from 1 on"),
        ("rrule", "FREQ=WEEKLY;INTERVAL=-1", "", "INTERVAL is a whole number from 1 on"),
        ("rrule", "FREQ=DAILY;INTERVAL=99999999999", "", "too large"),
        ("rrule", "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30;COUNT=3", "", "has no time to come"),
        ("rrule", "FREQ=YEARLY;INTERVAL=500", "", "has no time to come"),
        ("rrule", "DTSTART:20260101T090000\nRRULE:FREQ=DAILY", "", "leave DTSTART out"),
    ],
)
def test_calendar_that_is_not_understood_is_reported(form, text, zone, said):
    with pytest.raises(UsageError, match=said):
        checked(form, text, zone or "Europe/Berlin", at(2026, 11, 1))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"cron": "0 9 * * *", "every": "1 h"}, "choose one"),
        ({"cron": "0 9 * * *", "at": "09:00"}, "choose one"),
        ({"every": "1 s"}, "at most once a minute"),
        ({"missed": "twice"}, "once, skip, all"),
        ({"tries": "many"}, "a number from 1 on"),
        ({"tries": "0"}, "a number from 1 on"),
        ({"tries": 0}, "a number from 1 on"),
        ({"tries": "9" * 30}, "a number from 1 on"),
        ({"every": "99999999999 days"}, "at most 36525 days"),
        ({"every": "99999999999 h"}, "at most 36525 days"),
        ({"at": "9999-12-31T23:00"}, "at most 36525 days ahead"),
        ({"at": "9999-12-31T23:00", "zone": "Pacific/Auckland"}, "at most 36525 days ahead"),
        ({"at": "0001-01-01T00:00"}, "write a time"),
        ({"zone": "Asia/Tokyo"}, "goes with --at"),
        ({"zone": "Asia/Tokyo", "every": "90 min"}, "goes with --at"),
        ({"zone": "Asia/Nowhere", "every": "1 day"}, "no such time zone"),
    ],
)
def test_schedule_that_contradicts_itself_is_reported(how, said):
    with pytest.raises(UsageError, match=said):
        scheduled(at(2026, 11, 1), **how)


def test_zone_is_that_of_the_machine_and_is_kept_with_the_goal(monkeypatch):
    monkeypatch.setenv("TZ", ":Asia/Tokyo")
    assert local_zone() == "Asia/Tokyo" == scheduled(at(2026, 11, 1), cron="0 9 * * *")["zone"]
    monkeypatch.setenv("TZ", "/etc/elsewhere")
    with pytest.raises(UsageError, match="give --zone"):
        local_zone()


def test_time_of_day_is_one_of_the_clock_of_the_zone_that_is_given(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    now = at(2026, 11, 28, 9, 10)
    daily = Goal(1, "g", **scheduled(now, every="1 day", at="09:00", zone="Asia/Tokyo"))
    assert on_the_clock([daily.first, daily.after(daily.first)]) == [
        "2026-11-29T01:00+01:00",
        "2026-11-30T01:00+01:00",
    ]
    once = scheduled(now, at="2026-12-01T09:00", zone="America/New_York")["first"]
    said = scheduled(now, at="2026-12-01T09:00+05:00", zone="America/New_York")["first"]
    assert on_the_clock([once, said]) == ["2026-12-01T15:00+01:00", "2026-12-01T05:00+01:00"]
    tomorrow = scheduled(at(2026, 10, 24, 12), at="09:00", zone="Europe/Berlin")["first"]
    assert on_the_clock([tomorrow]) == ["2026-10-25T09:00+01:00"]  # behind the change of clock


# missed times


@given(late=st.floats(0, 20 * DAY), missed=st.sampled_from(["once", "skip", "all"]))
def test_missed_times_count_as_is_said(late, missed):
    nine = calendar("cron", NINE["cron"])
    due = nine.after(at(2026, 3, 20))
    found = turn(nine.after, due, due + late, missed)
    if missed == "all":
        assert found.run and found.due == nine.after(due)
    else:
        assert found.run == (missed == "once" or late <= LATE_S)
        assert found.due == nine.after(due + late) > due + late


def woken(nine, missed, clock):
    """Walk a clock and return the times of a calendar that ran: each is the one that was due then."""
    due, ran = nine.after(clock[0]), []
    for now in clock:
        while due is not None and due <= now:
            found = turn(nine.after, due, now, missed)
            ran += [due] * found.run
            due = found.due
    return ran


walks = st.lists(st.floats(-7200, 3 * DAY), min_size=1, max_size=40)


@given(steps=walks, missed=st.sampled_from(["once", "skip", "all"]))
def test_no_time_runs_twice_though_the_machine_sleeps_and_its_clock_is_set_back(steps, missed):
    clock = [at(2026, 3, 20)]
    for step in steps:
        clock.append(clock[-1] + step)
    nine = calendar("cron", NINE["cron"])
    ran = woken(nine, missed, clock)
    assert len(ran) == len(set(ran))
    if missed == "all":
        assert ran == [t for t in islice(nine.times(clock[0]), 130) if t <= max(clock)]


def test_walk_finds_a_time_that_runs_twice():
    nine, ran = at(2026, 3, 21, 9), []
    due = nine
    for now in (nine, nine - 3600, nine):
        ran += [due] * (due <= now)
        due = calendar("cron", NINE["cron"]).after(now)  # by the clock alone: what ran is forgotten
    assert len(ran) != len(set(ran))


def test_clock_that_was_set_back_by_more_than_a_day_begins_anew():
    assert not set_back(None, 0.0) and not set_back(100.0, 50.0) and not set_back(DAY, 1.0)
    assert set_back(400 * DAY, 10.0)


# failures


@given(failures=st.integers(1, 10_000), chance=st.floats(0, 1))
def test_waiting_after_failures_doubles_up_to_a_bound(failures, chance):
    wait = back_off(failures, chance)
    assert FIRST_S <= wait <= MOST_S * 1.25 and back_off(failures, 0.0) <= wait <= back_off(failures, 0.0) * 1.25
    assert back_off(failures + 1, 0.0) in (2 * back_off(failures, 0.0), MOST_S)
