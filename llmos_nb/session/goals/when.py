"""Reading what a person says of when a goal is due."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime, time as clock_time, timedelta
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.session.goals import calendar
from llmos_nb.session.goals.calendar import CRON, LEAST_S, MISSED, MOST_AHEAD, RRULE

DAY_S, TRIES = 86_400, 5
_UNITS = {
    **dict.fromkeys(("s", "sec", "second"), 1),
    **dict.fromkeys(("min", "minute"), 60),
    **dict.fromkeys(("h", "hour"), 3_600),
    **dict.fromkeys(("d", "day"), 86_400),
    **dict.fromkeys(("w", "week"), 604_800),
}


def seconds(text: str) -> float:
    """Read an interval, as in ``1 h`` or ``90 min``.

    Raises
    ------
    UsageError
        It is not a number with a unit, shorter than a second, or longer than a hundred years.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)?\s*([a-z]+?)s?\s*", text.lower())
    value = float(found[1] or 1) * _UNITS.get(found[2], 0) if found else 0.0
    if value < 1:
        raise UsageError(f"--every {text!r}: write a number and a unit (s, min, h, day, week), as in '1 h'")
    if value > MOST_AHEAD.total_seconds():
        raise UsageError(f"--every {text!r}: at most {MOST_AHEAD.days} days")
    return value


def moment(text: str, now: float, zone: str = "") -> float:
    """Read a time, as in ``2026-12-01T09:00`` or ``09:00`` (the next one), in seconds since 1970.

    It is one of the clock of `zone`, by default of this machine's, unless it says.

    Raises
    ------
    UsageError
        It is no time, or more than a hundred years off.
    """
    clock = calendar.zone_of(zone) if zone else None
    here = datetime.fromtimestamp(now, clock)
    try:
        if re.fullmatch(r"\d{1,2}:\d\d", text.strip()):
            of_day = clock_time.fromisoformat(text.strip().zfill(5))
            at = here.replace(hour=of_day.hour, minute=of_day.minute, second=0, microsecond=0, fold=0)
            return (at if at > here else at + timedelta(days=1)).timestamp()
        given = datetime.fromisoformat(text.strip())
        if given.replace(tzinfo=None) > datetime.max - timedelta(days=2):  # in some zones it has no number of seconds
            given = (datetime.max - timedelta(days=2)).replace(tzinfo=given.tzinfo)
        at_s = (given if given.tzinfo else given.replace(tzinfo=clock)).timestamp()
    except (ValueError, OverflowError):
        raise UsageError(f"--at {text!r}: write a time, as in 2026-12-01T09:00, or 09:00") from None
    if at_s > now + MOST_AHEAD.total_seconds():
        raise UsageError(f"--at {text!r}: at most {MOST_AHEAD.days} days ahead")
    return at_s


def scheduled(
    now: float,
    every: str = "",
    at: str = "",
    cron: str = "",
    rrule: str = "",
    zone: str = "",
    missed: str = "",
    tries: int | str = "",
) -> dict[str, Any]:
    """Return what is said of when a goal is due, as fields of a goal.

    Parameters
    ----------
    now : float
        Seconds since 1970.
    every, at : str
        As in ``1 h``; as in ``2026-12-01T09:00`` or ``09:00``.
    cron, rrule, zone : str
        As in ``0 9 * * mon-fri``; as in ``FREQ=WEEKLY;BYDAY=MO``; on the clock of which time zone, by default this
        machine's.
    missed : {"once", "skip", "all"}
        Whether times at which nobody woke it count as one, as none, or each.
    tries : int
        After how many failures on end it is given up.
    """
    if bool(cron) + bool(rrule) + bool(every) > 1 or (at and (cron or rrule)):
        raise UsageError("--every (with --at), --cron and --rrule: choose one")
    if (missed or MISSED[0]) not in MISSED:
        raise UsageError(f"--missed {missed!r}: write {', '.join(MISSED)}")
    if not re.fullmatch(r"([1-9]\d{0,5})?", str(tries), re.ASCII):
        raise UsageError(f"--tries {tries!r}: write a number from 1 on")
    found: dict[str, Any] = {"missed": missed or MISSED[0], "tries": int(tries or TRIES)}
    if cron or rrule:
        made = calendar.checked(CRON if cron else RRULE, cron or rrule, zone, now)
        return {**found, "form": made.form, "times": made.text, "zone": made.zone, "first": now}
    interval = seconds(every) if every else None
    if zone and calendar.zone_of(zone) and not at and (interval is None or interval % DAY_S):
        raise UsageError(f"--zone {zone!r}: goes with --at, --cron, --rrule, or days in --every")
    first = moment(at, now, zone) if at else now if every else None
    if interval is not None and interval < LEAST_S:
        raise UsageError(f"--every {every!r}: at most once a minute")
    if first is not None and first < now and interval is None:
        raise UsageError(f"--at {at!r}: this is over; write a time to come, or --every with it")
    if interval and interval % DAY_S == 0:  # a day is one of the clock: of 23 hours or 25 where that is changed
        with suppress(UsageError):  # a machine that does not say its time zone: days of 24 hours
            rule = {"form": RRULE, "times": f"FREQ=DAILY;INTERVAL={interval // DAY_S:.0f}"}
            found |= {**rule, "zone": zone or calendar.local_zone()}
    return {**found, "every": interval, "first": first}
