"""Goals that outlive a notebook: what is wanted, when it is due, when it is done. They stand in the home's database.

A goal with no schedule is due at once and whenever the extension loads, until it is done. Whoever wakes a due goal
claims it in the database, so that two notebooks never run it both.
"""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields, replace
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.journal import Home, mac, opened, writing
from llmos_nb.messages import canonical
from llmos_nb.models import anywhere, resolve
from llmos_nb.policy import budget as budgets, rules
from llmos_nb.policy.secrets import vault
from llmos_nb.process import briefing
from llmos_nb.session.goals import calendar
from llmos_nb.session.goals.calendar import MISSED, Calendar, Turn
from llmos_nb.session.goals.when import TRIES, scheduled

_SCHEMA = """
CREATE TABLE IF NOT EXISTS goals(
  n INTEGER PRIMARY KEY AUTOINCREMENT, goal TEXT, holds TEXT, every REAL, first REAL, model TEXT, approve TEXT,
  budget TEXT, needs TEXT, signature TEXT, due REAL, claimed REAL, pid INTEGER, state TEXT, said TEXT);
"""
_LATER = {
    "form": "TEXT DEFAULT ''",
    "times": "TEXT DEFAULT ''",
    "zone": "TEXT DEFAULT ''",
    "missed": "TEXT DEFAULT 'once'",
    "tries": "INTEGER DEFAULT 5",
    "failures": "INTEGER DEFAULT 0",
    "rest": "REAL",
    "told": "REAL",
    "tools": "TEXT DEFAULT ''",
    "folder": "TEXT DEFAULT ''",
}  # columns that former homes lack
OPEN, DONE, GIVEN_UP = "open", "done", "given up"
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
    state : {"open", "done", "given up"}
        Whether it wakes again.
    said : str
        How its last process ended.
    form, times, zone : str
        Of one that is due by a calendar: ``cron`` or ``rrule``, how that is written, and on which clock it is read.
    missed : {"once", "skip", "all"}
        Whether times at which nobody woke it count as one, as none, or each.
    tries, failures : int
        After how many failures on end it is given up, and how many there were.
    rest : float, optional
        After a failure, before when it does not wake, in seconds since 1970.
    told : float, optional
        When a notebook has said that it was given up.
    tools, folder : str
        What it may call beside what every process may, with commas between; where the modules of functions stand.
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
    state: str = OPEN
    said: str = ""
    form: str = ""
    times: str = ""
    zone: str = ""
    missed: str = MISSED[0]
    tries: int = TRIES
    failures: int = 0
    rest: float | None = None
    told: float | None = None
    tools: str = ""
    folder: str = ""

    @property
    def recurs(self) -> bool:
        """Whether it is due again and again."""
        return self.every is not None or bool(self.form)

    @property
    def once(self) -> bool:
        """Whether it is done with its first answer: it does not recur, or has a check, which then held."""
        return not self.recurs or bool(self.holds)

    @property
    def signed(self) -> str:
        """What the signature is over: all that decides what would run."""
        said = [self.goal, self.holds, self.every, self.first, self.model, self.approve, self.budget]
        more = [self.form, self.times, self.zone, self.missed, self.tries]
        more += [self.tools, self.folder] if self.tools else []
        return canonical([*said, *more] if more != ["", "", "", MISSED[0], TRIES] else said)

    def after(self, now: float) -> float | None:
        """Return the first time after `now` at which it is due again; times that were missed count as one."""
        if self.form and self.first is not None:
            return Calendar(self.form, self.times, self.zone, self.first).after(now)
        if self.every is None or self.first is None:
            return None
        if now < self.first:
            return self.first
        due = self.first + (math.floor((now - self.first) / self.every) + 1) * self.every
        return due if due > now else due + self.every  # it was rounded down

    def is_due(self, now: float) -> bool:
        """Return whether it is to be woken: its time has come, or who claimed it died before anything ran."""
        return self.state == OPEN and (self._died(now) or (self.wakes is not None and self.wakes <= now))

    def _died(self, now: float) -> bool:
        return self.pid is None and self.claimed is not None and self.claimed < now - LEASE_S

    @property
    def wakes(self) -> float | None:
        """When it wakes next, in seconds since 1970."""
        return self.due if self.due is None or self.rest is None else max(self.due, self.rest)

    def turn(self, now: float) -> Turn:
        """Return what is to be done with it, now that it is due."""
        missed = self.missed if self.recurs else MISSED[0]  # of one time alone, none is left out
        if missed == "all" and self._died(now):
            return Turn(True, self.due)
        return calendar.turn(self.after, now if self.due is None else self.due, now, missed)


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
        if not self.home.remembers:
            return []
        names = ", ".join(f.name for f in fields(Goal))
        with self._opened() as db:
            return [Goal(**dict(row)) for row in db.execute(f"SELECT {names} FROM goals ORDER BY n")]  # noqa: S608 - our names

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """Open the database, with the columns that a former home lacks."""
        with opened(self.home, _SCHEMA) as db:
            there = {row["name"] for row in db.execute("PRAGMA table_info(goals)")}
            for name, kind in _LATER.items():
                if name not in there:
                    with suppress(sqlite3.OperationalError):  # another notebook was faster
                        db.execute(f"ALTER TABLE goals ADD COLUMN {name} {kind}")
            yield db

    def add(self, goal: Goal) -> Goal:
        """Write a goal down and give it with its number."""
        names = [f.name for f in fields(Goal) if f.name != "n"]
        values = [getattr(goal, n) for n in names]
        with self._opened() as db, writing(db):
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
        with self._opened() as db:
            sets = ", ".join(f"{name} = ?" for name in values)
            db.execute(f"UPDATE goals SET {sets} WHERE n = ?", (*values.values(), n))  # noqa: S608 - our names

    def remove(self, n: int) -> None:
        """Delete a goal; its runs stay."""
        self.find(n)
        with self._opened() as db:
            db.execute("DELETE FROM goals WHERE n = ?", (n,))

    def claim(self, goal: Goal, now: float) -> bool:
        """Take a due goal, unless somebody else has taken it since it was looked at; its next time is set.

        One whose missed times do not count only gets its next time.
        """
        turn = goal.turn(now)
        with self._opened() as db:
            still = "n = ? AND state = 'open' AND due IS ? AND claimed IS ? AND pid IS ?"
            taken = (turn.due, now if turn.run else goal.claimed, None if turn.run else goal.pid)
            sql = f"UPDATE goals SET due = ?, claimed = ?, pid = ? WHERE {still}"  # noqa: S608 - our own words
            changed = db.execute(sql, (*taken, goal.n, goal.due, goal.claimed, goal.pid)).rowcount
            return changed == 1 and turn.run

    def tell(self, goal: Goal, now: float) -> bool:
        """Return whether a notebook is to say that a goal was given up: the first one that asks."""
        with self._opened() as db:
            sql = "UPDATE goals SET told = ? WHERE n = ? AND state = ? AND told IS NULL"
            return db.execute(sql, (now, goal.n, GIVEN_UP)).rowcount == 1


def add(
    goals: Goals,
    text: str,
    namespace: Mapping[str, Any] | None = None,
    *,
    check: str = "",
    model: str = "",
    approve: str = "",
    budget: str = "",
    now: float | None = None,
    **more: Any,
) -> Goal:
    """Write a goal down.

    Parameters
    ----------
    goals : Goals
        Of the home.
    text : str
        What is wanted; variables that it names in backticks must be there again when it wakes.
    namespace : mapping, optional
        The notebook's variables; with none at hand, as in a terminal, each name in backticks is taken for one.
    check : str
        The done-check, a Python expression.
    model, approve, budget : str
        As for `%%agent`.
    now : float, optional
        Seconds since 1970.
    **more
        `tools` and `folder`, as in `Goal`, and when it is due, as in `scheduled`; with nothing said, at once.

    Raises
    ------
    UsageError
        One line that names what is not understood.
    """
    if not text.strip():
        raise UsageError("goals add: write what you want done, in quotes")
    _checked(check, approve, budget, model)
    now = time.time() if now is None else now
    names = briefing.meant(text) if namespace is None else namespace
    needs = " ".join([*briefing.named(text, names), *briefing.handed(text, names)])
    how: dict[str, Any] = {"model": anywhere(model), "approve": approve, "budget": budget, "needs": needs}
    how |= {key: more.pop(key) for key in ("tools", "folder") if key in more}
    made = Goal(0, vault.written(text.strip()), check.strip(), **how)
    made = replace(made, **scheduled(now, **more))
    first = made.first
    if first is not None and (first < now or not (more.get("at") or made.every)):
        first = made.after(now)
    return goals.add(replace(made, due=now if first is None else first, signature=signature(made)))


def _checked(check: str, approve: str, budget: str, model: str) -> None:
    """Look at what can be looked at before the goal wakes."""
    try:
        compile(check.strip() or "0", "<check>", "eval")
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"--check {check!r}: not a Python expression ({error})") from None
    rules.parse_mode(approve or rules.MODES[0])
    budgets.parse(budget or None)
    if model.startswith(("script:", "replay:")):  # of others, key or weights may be there by the time
        resolve(model)


def signature(goal: Goal) -> str:
    """Sign what decides what would run, with the key of this user on this machine."""
    return mac(goal.signed)


def take_over(home: Home) -> None:
    """Sign the goals of a home as if this user had added them."""
    goals = Goals(home)
    for goal in goals.all():
        goals.change(goal.n, signature=signature(goal))


def made_here(goal: Goal) -> bool:
    """Return whether this user added a goal on this machine: a home from elsewhere runs nothing by being opened."""
    return signature(goal) == goal.signature
