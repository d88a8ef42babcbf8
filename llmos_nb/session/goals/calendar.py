"""When a goal is due, by a calendar: pure, with the time as an argument.

A calendar is read on the wall clock of a time zone. Of a cron form the library decides what a change of clock means,
as Debian's cron does: a time that does not exist falls on the moment of the change, one that exists twice on its first,
and forms with ``*`` in minute or hour go by real time. Of an RRULE (RFC 5545) a time that does not exist is reckoned
with the offset before the change, an hour later on the clock, and one that exists twice is its first, too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice, pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from llmos_nb.errors import UsageError

CRON, RRULE = "cron", "rrule"
LEAST_S = 60.0  # between two times
TRIED = 200  # times that are looked at for one that comes too soon
MOST_AHEAD = timedelta(36_525)  # what comes later is taken for a mistake, and no rule is searched further
MISSED = ("once", "skip", "all")
LATE_S = 600.0  # so much later a time is missed: whoever wakes looks each minute, and a step may hold that up


@dataclass(frozen=True)
class Calendar:
    """Times that come again and again.

    Parameters
    ----------
    form : {"cron", "rrule"}
        Which.
    text : str
        As in ``0 9 * * mon-fri``; as in ``FREQ=WEEKLY;BYDAY=MO,TH;BYHOUR=9``.
    zone : str
        IANA name of the time zone.
    start : float
        Seconds since 1970; an RRULE counts from there (``INTERVAL``, ``COUNT``).
    """

    form: str
    text: str
    zone: str
    start: float

    def after(self, now: float) -> float | None:
        """Return the first time after `now`; None where there is none any more."""
        return next(self.times(now), None)

    def times(self, now: float) -> Iterator[float]:
        """Yield the times after `now`, in order."""
        last = now
        for at in self._moments(now):
            if (moment := at.timestamp()) > last:  # around a change of clock the library may look back
                last = moment
                yield moment

    def _moments(self, now: float) -> Iterator[datetime]:
        here = datetime.fromtimestamp(now, zone_of(self.zone))
        if self.form == CRON:
            from cronsim import CronSim  # few goals have a calendar

            yield from CronSim(self.text, here)
            return
        before = here.replace(tzinfo=None) - timedelta(days=1)  # a time that does not exist is moved on
        for wall in self._rule(before).xafter(before, inc=True):
            yield wall.replace(tzinfo=zone_of(self.zone))

    def _rule(self, before: datetime) -> Any:
        """Return the rule, begun not long before it is looked at: the library counts from its beginning."""
        from dateutil.rrule import rrulestr  # few goals have a calendar

        zone = zone_of(self.zone)
        start = datetime.fromtimestamp(self.start, zone).replace(tzinfo=None, microsecond=0)
        unit = re.search(r"FREQ=(\w+)", self.text, re.I)
        if unit and unit[1].upper() in _UNITS and "COUNT=" not in self.text.upper():
            found = re.search(r"INTERVAL=(\d+)", self.text, re.I)
            every = _UNITS[unit[1].upper()] * max(int(found[1]) if found else 1, 1)
            start += max((before - start) // every, 0) * every
        rule = rrulestr(_UNTIL.sub(partial(_on_the_clock, zone), self.text), dtstart=start)
        # the library looks for a 30th of February up to the year 9999
        return rule if _LAST.search(self.text) else rule.replace(until=max(start, before) + MOST_AHEAD)


_UNITS = {
    "WEEKLY": timedelta(7),
    "DAILY": timedelta(1),
    "HOURLY": timedelta(hours=1),
    "MINUTELY": timedelta(minutes=1),
}  # months and years are of several lengths, and few
_UNTIL = re.compile(r"(?<=UNTIL=)(\d{8}T\d{6})Z", re.I)
_LAST = re.compile(r";?\b(COUNT|UNTIL)=[^;]*", re.I)
_NO_INTERVAL = re.compile(r"\bINTERVAL=(?!\+?0*[1-9])", re.I)


def _on_the_clock(zone: ZoneInfo, found: re.Match[str]) -> str:
    """Return a time in UTC as the clock of a zone shows it."""
    at = datetime.strptime(found[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    return f"{at.astimezone(zone):%Y%m%dT%H%M%S}"


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name.

    Raises
    ------
    UsageError
        There is none.
    """
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        raise UsageError(f"--zone {name!r}: no such time zone; write one as in Europe/Berlin") from None


def checked(form: str, text: str, zone: str, now: float) -> Calendar:
    """Read a calendar.

    Raises
    ------
    UsageError
        It is not understood, has no time to come, or comes more often than once a minute.
    """
    made = Calendar(form, " ".join(text.split()), zone or local_zone(), now)
    option = f"--{form} {text!r}"
    zone_of(made.zone)
    if form == CRON and len(made.text.split()) != 5:
        raise UsageError(f"{option}: write minute, hour, day, month and weekday, as in '0 9 * * mon-fri'")
    if form == RRULE and "DTSTART" in made.text.upper():
        raise UsageError(f"{option}: leave DTSTART out; --zone says on which clock it is read")
    if form == RRULE and _NO_INTERVAL.search(made.text):  # the library would count for ever
        raise UsageError(f"{option}: INTERVAL is a whole number from 1 on")
    try:
        endless = replace(made, text=_LAST.sub("", made.text).strip(";"))
        found = list(islice(made.times(now), TRIED)) if endless.after(now) else []
    except Exception as error:  # the libraries raise several kinds, and not all of them on purpose
        hint = "0 9 * * mon-fri" if form == CRON else "FREQ=WEEKLY;BYDAY=MO,TH;BYHOUR=9;BYMINUTE=0;BYSECOND=0"
        raise UsageError(f"{option}: {error}; write it as in '{hint}'") from None
    if not found:
        raise UsageError(f"{option}: has no time to come")
    if any(b - a < LEAST_S for a, b in pairwise(found)):
        raise UsageError(f"{option}: at most once a minute")
    return made


def local_zone() -> str:
    """Return the name of this machine's time zone.

    Raises
    ------
    UsageError
        It does not say.
    """
    named = os.environ.get("TZ", "").lstrip(":")
    if not named:
        try:
            named = str(Path("/etc/localtime").resolve()).rpartition("zoneinfo/")[2]
        except OSError:
            named = ""
    if not named or named.startswith("/"):
        raise UsageError("this machine does not say its time zone: give --zone, as in Europe/Berlin")
    return named.removeprefix("posix/").removeprefix("right/")


@dataclass(frozen=True)
class Turn:
    """What is to be done with a goal that is due.

    Parameters
    ----------
    run : bool
        Whether it runs now.
    due : float, optional
        When it is due next.
    """

    run: bool
    due: float | None


def turn(after: Callable[[float], float | None], due: float, now: float, missed: str) -> Turn:
    """Return what is to be done with a goal that was due at `due`.

    Parameters
    ----------
    after : callable
        Gives the first time after another.
    due, now : float
        Seconds since 1970.
    missed : {"once", "skip", "all"}
        Whether times at which nobody woke it count as one, as none, or each.
    """
    if due > now:  # what runs is a time before, whose claimant died
        return Turn(True, due)
    if missed == "all":
        return Turn(True, after(due))
    return Turn(missed != "skip" or due >= now - LATE_S, after(max(due, now)))


FIRST_S, MOST_S = 60.0, 6 * 3_600.0


def back_off(failures: int, chance: float) -> float:
    """Return how many seconds to wait after so many failures on end: twice as long each time, from a minute to 6 hours.

    Parameters
    ----------
    failures : int
        At least 1.
    chance : float
        From 0 to 1: up to a quarter more, so that what failed together does not come back together.
    """
    return min(FIRST_S * 2.0 ** min(failures - 1, 20), MOST_S) * (1.0 + chance / 4)


def set_back(claimed: float | None, now: float) -> bool:
    """Return whether the clock was set back by more than a day since a goal was woken: what was set then is not kept.

    By less, what has run does not run again, and the next time stays.
    """
    return claimed is not None and claimed - now > 86_400.0
