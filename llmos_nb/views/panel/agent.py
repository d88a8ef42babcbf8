"""A process as one row among all: how it stands, what waits for a person in a few words, and how its time went."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypedDict

from llmos_nb.journal import Event
from llmos_nb.process.state import State
from llmos_nb.views.activity import Stretches
from llmos_nb.views.contract import Button, Card, Stretch
from llmos_nb.views.counts import Counts
from llmos_nb.views.panel.card import card
from llmos_nb.views.panel.costs import say_cost
from llmos_nb.views.panel.now import Phase
from llmos_nb.views.panel.view import phase_of
from llmos_nb.views.wording import plain, short

GONE = ("skipped", "rejected", "replaced")
SHORT_S, MOST_STRETCHES = 0.5, 60
QUICK = ("approve", "reject", "resolve")
"""What can be decided without the whole card in view."""


class Decision(TypedDict):
    """What waits for a person: the words of its card, and what can be said without the card in view."""

    title: str
    why: str
    since: str
    call: str
    digest: str
    danger: bool
    edit: bool
    buttons: list[Button]


class AgentRow(TypedDict):
    """One process in a list; `clock` counts on from `base` seconds while there is a `since`."""

    pid: int
    run: str  # the hash of its first event
    name: str
    tone: str
    glyph: str
    state: str
    what: str
    steps: str
    cost: str
    clock: dict[str, Any]
    acts: list[str]
    ended: bool
    cell: str  # put in by whoever knows the notebook,
    comm: str  # and of its panel there the comm
    ask: Decision | None


class Times(TypedDict):
    """When it did what: stretches in seconds after `first`; the last one goes on where `open`."""

    first: str
    open: bool
    found: list[Stretch]


class Agent:
    """Gives the row of one process, fed event by event.

    Parameters
    ----------
    events : iterable of Event
        Those that happened before.
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.counts, self.stretches = Counts(), Stretches()
        self._first = self._last = self._run = ""
        for event in events:
            self.heard(event)

    def heard(self, event: Event) -> None:
        """Take one event in."""
        self._first, self._last, self._run = self._first or event.at, event.at, self._run or event.hash
        self.counts.heard(event)
        self.stretches.heard(event)

    def row(self, s: State) -> AgentRow:
        """Return the process as it stands."""
        phase = phase_of(s, self.counts)
        asked = decision(s) if phase.asks else None
        counts_on = s.status == "running" and not (s.waiting or s.expecting)
        return {
            "pid": s.pid,
            "run": self._run,
            "name": s.name or f"process {s.pid}",
            "tone": phase.tone,
            "glyph": phase.glyph,
            "state": phase.state,
            "what": short(_about(s, phase), 160),
            "steps": _steps(s),
            "cost": say_cost(s.spent),
            "clock": {"base": round(s.spent.get("s", 0.0), 1), "since": s.at if counts_on else ""},
            "acts": ["Resume", "Stop"] if s.pause_wanted and "Pause" in phase.acts else phase.acts,
            "ended": s.status == "ended",
            "cell": "",
            "comm": "",
            "ask": asked,
        }

    @property
    def last(self) -> float:
        """When its last event was, in seconds since 1970."""
        return datetime.fromisoformat(self._last).timestamp()

    def times(self, last_s: float) -> Times:
        """Return how the last seconds before the last event went."""
        after = self.stretches.at - last_s
        found: list[Stretch] = []
        for one in (x for x in self.stretches.found if x["end"] >= after):
            before = next((x for x in reversed(found) if x["who"] == one["who"]), None)
            if before is not None and one["begin"] - before["end"] < SHORT_S:
                before["end"] = one["end"]
            else:
                found.append({**one})
        return {"first": self._first, "open": bool(self.stretches.who), "found": found[-MOST_STRETCHES:]}


def _about(s: State, phase: Phase) -> str:
    """Say what it is about; of a step at work with its title."""
    at = s.current if phase.tone == "go" else None
    return f"{phase.what} · {at.title}" if at is not None and at.title else phase.what


def _steps(s: State) -> str:
    """Say how far it is: ``3 of 4``."""
    live = [p for p in s.plan.steps if p.status not in GONE]
    done = sum(p.status == "done" for p in live)
    at = done if s.status == "ended" else min(done + 1, len(live))
    return f"{at} of {len(live)}" if live else ""


def decision(s: State) -> Decision | None:
    """Return what waits first for a person, or None where nobody is asked."""
    key, question = next(iter(s.questions.items()), ("", {}))
    if (made := card(s, key)) is None:
        return None
    danger = "danger" in made or bool(question.get("danger"))
    return {
        "title": made["title"],
        "why": short(_why(s, made), 300),
        "since": str(question.get("since", "")),
        "call": made.get("call") or key,
        "digest": made.get("digest", ""),
        "danger": danger,
        "edit": any(b["verb"] == "edit" for b in made["buttons"]),
        "buttons": _quick(made, danger),
    }


def _why(s: State, made: Card) -> str:
    """Say what is to be decided: the steps of a plan, the question itself, where others chose, or why it asks."""
    if "plan" in made:
        return " · ".join(f"{p.n} {p.title}" for p in s.plan.steps if p.open)
    others = made.get("danger")
    return made.get("question") or plain(others["came"] if others else made["why"])


def _quick(made: Card, danger: bool) -> list[Button]:
    """Return the buttons that need no look at the card; of a dangerous call only the one that refuses it."""
    verbs = ("reject",) if danger else QUICK
    return [b for b in made["buttons"] if b["verb"] in verbs and "without" not in b.get("data", {})]
