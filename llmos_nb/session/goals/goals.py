"""Goals that outlive a notebook: what is wanted, when it is due, when it is done. They stand in the home's database.

A goal with no schedule is due at once and whenever the extension loads, until it is done. Whoever wakes a due goal
claims it in the database, so that two notebooks never run it both.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, time as clock_time, timedelta
from hmac import compare_digest
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.journal import Home, opened, writing
from llmos_nb.messages import canonical
from llmos_nb.policy import budget as budgets, rules
from llmos_nb.policy.secrets import redact
from llmos_nb.process import briefing

_SCHEMA = """
CREATE TABLE IF NOT EXISTS goals(
  n INTEGER PRIMARY KEY AUTOINCREMENT, goal TEXT, holds TEXT, every REAL, first REAL, model TEXT, approve TEXT,
  budget TEXT, needs TEXT, signature TEXT, due REAL, claimed REAL, pid INTEGER, state TEXT, said TEXT);
"""
_UNITS = {
    **dict.fromkeys(("s", "sec", "second"), 1),
    **dict.fromkeys(("min", "minute"), 60),
    **dict.fromkeys(("h", "hour"), 3_600),
    **dict.fromkeys(("d", "day"), 86_400),
    **dict.fromkeys(("w", "week"), 604_800),
}
LEASE_S = 60.0  # a claim with no process after so many seconds is of a notebook that died


@dataclass(frozen=True)
class Goal:
    """One persistent goal.

    Parameters
    ----------
    n : int
        Its number in this home.
    goal : str
        What is wanted.
    holds : str
        The done-check: a Python expression; where it holds, the goal is done and is not run.
    every, first : float, optional
        Seconds from one time to the next, and the first time, in seconds since 1970.
    model, approve, budget : str
        As for `%%agent`; empty for the default.
    needs : str
        Names that the goal spoke of and that were there when it was added, with spaces between.
    signature : str
        Of whoever added it, on this machine.
    due, claimed : float, optional
        When it is due next, and when somebody claimed it last, in seconds since 1970.
    pid : int, optional
        Its last process.
    state : {"open", "done"}
        Whether it wakes again.
    said : str
        How its last process ended.
    """

    n: int
    goal: str
    holds: str = ""
    every: float | None = None
    first: float | None = None
    model: str = ""
    approve: str = ""
    budget: str = ""
    needs: str = ""
    signature: str = ""
    due: float | None = None
    claimed: float | None = None
    pid: int | None = None
    state: str = "open"
    said: str = ""

    @property
    def once(self) -> bool:
        """Whether it is done with its first answer: it does not recur, or has a check, which then held."""
        return self.every is None or bool(self.holds)

    @property
    def signed(self) -> str:
        """What the signature is over: all that decides what would run."""
        return canonical([self.goal, self.holds, self.every, self.first, self.model, self.approve, self.budget])

    def after(self, now: float) -> float | None:
        """Return the first time after `now` at which it is due again; times that were missed count as one."""
        if self.every is None or self.first is None:
            return None
        if now < self.first:
            return self.first
        due = self.first + (math.floor((now - self.first) / self.every) + 1) * self.every
        return due if due > now else due + self.every  # it was rounded down

    def is_due(self, now: float) -> bool:
        """Return whether it is to be woken: its time has come, or who claimed it died before anything ran."""
        died = self.pid is None and self.claimed is not None and self.claimed < now - LEASE_S
        return self.state == "open" and (died or (self.due is not None and self.due <= now))


def seconds(text: str) -> float:
    """Read an interval, as in ``1 h`` or ``90 min``.

    Raises
    ------
    UsageError
        It is not a number with a unit, or shorter than a second.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)?\s*([a-z]+?)s?\s*", text.lower())
    value = float(found[1] or 1) * _UNITS.get(found[2], 0) if found else 0.0
    if value < 1:
        raise UsageError(f"--every {text!r}: write a number and a unit (s, min, h, day, week), as in '1 h'")
    return value


def moment(text: str, now: float) -> float:
    """Read a time, as in ``2026-12-01T09:00`` or ``09:00`` (the next one), in seconds since 1970; local unless it says.

    Raises
    ------
    UsageError
        It is no time.
    """
    here = datetime.fromtimestamp(now).astimezone()
    try:
        if re.fullmatch(r"\d{1,2}:\d\d", text.strip()):
            of_day = clock_time.fromisoformat(text.strip().zfill(5))
            at = here.replace(hour=of_day.hour, minute=of_day.minute, second=0, microsecond=0)
            return (at if at > here else at + timedelta(days=1)).timestamp()
        return datetime.fromisoformat(text.strip()).astimezone().timestamp()
    except ValueError:
        raise UsageError(f"--at {text!r}: write a time, as in 2026-12-01T09:00, or 09:00") from None


class Goals:
    """The goals of a home.

    Parameters
    ----------
    home : Home
        Where the journals are; the goals stand beside them in ``memory.db``.
    """

    def __init__(self, home: Home) -> None:
        self.home = home

    def all(self) -> list[Goal]:
        """Return every goal, in the order in which they were added; looks without making anything."""
        if not self.home.database.exists():
            return []
        with opened(self.home, _SCHEMA) as db:
            return [Goal(**dict(row)) for row in db.execute("SELECT * FROM goals ORDER BY n")]

    def add(self, goal: Goal) -> Goal:
        """Write a goal down and give it with its number."""
        names = [f.name for f in fields(Goal) if f.name != "n"]
        values = [getattr(goal, n) for n in names]
        with opened(self.home, _SCHEMA) as db, writing(db):
            marks = ", ".join("?" * len(names))
            made = db.execute(f"INSERT INTO goals({', '.join(names)}) VALUES ({marks})", values)  # noqa: S608 - our names
        return self.find(made.lastrowid or 0)

    def find(self, n: int) -> Goal:
        """Return a goal by its number.

        Raises
        ------
        UsageError
            There is none.
        """
        found = {g.n: g for g in self.all()}
        if n not in found:
            raise UsageError(f"goal {n}: no such goal (there are: {', '.join(map(str, found)) or 'none'})")
        return found[n]

    def change(self, n: int, **values: Any) -> None:
        """Write down what is known anew of a goal."""
        with opened(self.home, _SCHEMA) as db:
            sets = ", ".join(f"{name} = ?" for name in values)
            db.execute(f"UPDATE goals SET {sets} WHERE n = ?", (*values.values(), n))  # noqa: S608 - our names

    def remove(self, n: int) -> None:
        """Delete a goal; its runs stay."""
        self.find(n)
        with opened(self.home, _SCHEMA) as db:
            db.execute("DELETE FROM goals WHERE n = ?", (n,))

    def claim(self, goal: Goal, now: float) -> bool:
        """Take a due goal, unless somebody else has taken it since it was looked at; its next time is set."""
        with opened(self.home, _SCHEMA) as db:
            still = "n = ? AND state = 'open' AND due IS ? AND claimed IS ? AND pid IS ?"
            taken = (goal.after(now), now, goal.n, goal.due, goal.claimed, goal.pid)
            sql = f"UPDATE goals SET due = ?, claimed = ?, pid = NULL WHERE {still}"  # noqa: S608 - our own words
            return db.execute(sql, taken).rowcount == 1


def add(
    goals: Goals,
    text: str,
    namespace: Mapping[str, Any] | None = None,
    *,
    check: str = "",
    every: str = "",
    at: str = "",
    model: str = "",
    approve: str = "",
    budget: str = "",
    now: float | None = None,
) -> Goal:
    """Write a goal down.

    Parameters
    ----------
    goals : Goals
        Of the home.
    text : str
        What is wanted; variables that it names in backticks must be there again when it wakes.
    namespace : mapping, optional
        The notebook's variables.
    check : str
        The done-check, a Python expression.
    every, at : str
        As in ``1 h``; as in ``2026-12-01T09:00`` or ``09:00``. With neither it is due at once.
    model, approve, budget : str
        As for `%%agent`.
    now : float, optional
        Seconds since 1970.

    Raises
    ------
    UsageError
        One line that names what is not understood.
    """
    if not text.strip():
        raise UsageError("%agent goals add: write what you want done, in quotes")
    _checked(check, approve, budget)
    now = time.time() if now is None else now
    interval = seconds(every) if every else None
    first = moment(at, now) if at else now if every else None
    if first is not None and first < now and interval is None:
        raise UsageError(f"--at {at!r}: this is over; write a time to come, or --every with it")
    names = namespace or {}
    needs = " ".join([*briefing.named(text, names), *briefing.handed(text, names)])
    made = Goal(0, redact(text.strip()), check.strip(), interval, first, model, approve, budget, needs)
    due = made.after(now) if first is not None and first < now else first
    return goals.add(replace(made, due=now if due is None else due, signature=signature(made)))


def _checked(check: str, approve: str, budget: str) -> None:
    """Look at what can be looked at before the goal wakes."""
    try:
        compile(check.strip() or "0", "<check>", "eval")
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"--check {check!r}: not a Python expression ({error})") from None
    rules.parse_mode(approve or rules.MODES[0])
    budgets.parse(budget or None)


def signature(goal: Goal) -> str:
    """Sign what decides what would run, with the key of this user on this machine."""
    from llmos_nb.export.verify import seal  # nbformat is slow to import

    return seal.mac(goal.signed)


def made_here(goal: Goal) -> bool:
    """Return whether this user added a goal on this machine: a home from elsewhere runs nothing by being opened."""
    mine = signature(goal)
    return bool(mine) and compare_digest(mine, goal.signature)
