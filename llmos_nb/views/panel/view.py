"""The panel's view of a process: a function of its state and events, and of nothing else.

`view` makes it once; a `Projector` is fed event by event and gives it again and again, or as it was earlier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import cast

from llmos_nb.journal import Event, events as ev
from llmos_nb.policy import show
from llmos_nb.process.state import State
from llmos_nb.process.state.fold import fold
from llmos_nb.tools import Call
from llmos_nb.views.contract import Block, Button, Glyph, PanelView, Sheet
from llmos_nb.views.counts import Counts
from llmos_nb.views.panel import now, output, steps
from llmos_nb.views.panel.answer import turns
from llmos_nb.views.panel.blocks import Rows, actions, code, details, lead, table, text
from llmos_nb.views.panel.card import announced, card, wants
from llmos_nb.views.panel.costs import say_cost
from llmos_nb.views.panel.danger import endangered
from llmos_nb.views.panel.past import stilled
from llmos_nb.views.timeline import Timeline
from llmos_nb.views.wording import bars, clock, names, phrase, ref, short, size, who


def view(state: State, events: Sequence[Event]) -> PanelView:
    """Return the panel's view.

    Parameters
    ----------
    state : State
        What the events fold to.
    events : sequence of Event
        The journal.

    Returns
    -------
    PanelView
        Plain data: every word that the panel shows; of what goes on, since when it does.
    """
    return Projector(events).view(state, events)


def still(state: State, events: Iterable[Event]) -> PanelView:
    """Return the view without what the slider of a finished run shows: text and HTML have none."""
    counts, children = Counts(), Children()
    for event in events:
        counts.heard(event)
        children.heard(event)
    return _live(state, counts, children)


class Projector:
    """Gives the views of one process, fed event by event.

    Parameters
    ----------
    events : iterable of Event
        Those that happened before.
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.counts, self.timeline, self.children = Counts(), Timeline(), Children()
        self._at: int | None = None
        self._sheet: MakeSheet | None = None
        for event in events:
            self.heard(event)

    def heard(self, event: Event) -> None:
        """Take one event in."""
        for part in (self.counts, self.timeline, self.children):
            part.heard(event)

    def seek(self, n: int | None) -> None:
        """Look at event `n` of a finished run; None is the end."""
        self._at = n

    def open(self, sheet: str, step: int | str = 0) -> None:
        """Lay a page over *now*: ``rules``, ``journal``, or the ``output`` of a row; an empty name closes it."""
        of_step = (lambda state, _: output.sheet(state, step, self.counts)) if sheet == "output" else None
        self._sheet = of_step or SHEETS.get(sheet)

    def preview(self, told: Event) -> None:
        """Lay what a preview showed over *now*, where the event tells of one."""
        if isinstance(body := told.body, ev.SignalReceived) and body.signal == "previewed":
            self._sheet = lambda state, timeline: previewed(body)

    def live(self, state: State) -> str | None:
        """Return which request or call the view of the process has a `live` block of; None where it has none."""
        return live_of(phase_of(state, self.counts).now) if state.status == "running" else None

    def view(self, state: State, events: Sequence[Event]) -> PanelView:
        """Return the view of the process as it stands, or at the event looked at."""
        if self._at is not None and state.status == "ended" and self._at < len(events) - 1:
            made = _replay(self.timeline, events, max(self._at, 0))
        else:
            made = _live(state, self.counts, self.children)
        if state.status == "ended" and len(events) > 1:
            made["events"] = list(self.timeline.events)
            made["stretches"] = [*self.timeline.time.found]
            made["begun"] = steps.begun(state, events[0].at)
            made["at"] = made.get("at", len(events) - 1)
        if self._sheet:
            made["sheet"] = self._sheet(state, self.timeline)
        return made


def live_of(now: Iterable[Block]) -> str | None:
    """Return what the `live` block of what goes on is about; None where there is none."""
    return next((block.get("of", "") for block in now if block["kind"] == "live"), None)


def _base(s: State, counts: Counts, phase: now.Phase) -> PanelView:
    """Return everything but *now*."""
    running = s.status == "running" and not (s.waiting or s.expecting)
    found = steps.rows(s, counts)
    budget = bars(s, running)
    head, side = steps.head(s, counts, found)
    about = {
        **vars(phase),
        "pid": s.pid,
        "name": s.name or f"process {s.pid}",
        "goal": s.goal.strip(),
        "who": who(s),
        "budget": budget,
        "strip": phase.what if phase.asks else steps.at(s, found) or phase.what,
        "time": clock(s.spent.get("s", 0.0)),
        "timing": {"since": s.at, "base": s.spent.get("s", 0.0)} if running else None,
        "cost": say_cost(s.spent),
        "steps": found,
        "stage": counts.stage,
        "counts": counts.shown(),
        "dag": None,
        "planhead": head,
        "planside": side,
        "fold": steps.fold_line(found, s, counts),
        "card": None,
    }
    made = cast(PanelView, about)
    steps.graph(s, counts, made)
    return made


def _live(s: State, counts: Counts, children: Children) -> PanelView:
    phase = phase_of(s, counts)
    if s.pause_wanted and "Pause" in phase.acts:  # Resume takes the wish back
        phase.acts, phase.what = ["Resume", "Stop"], f"{phase.what}; it pauses after this step"
    phase.now = turns(s, phase.now)
    made = _base(s, counts, phase)
    if s.status == "ended" and phase.tone != "ask" and (foot := now.foot_of(s, phase)):
        made["foot"] = foot
    if phase.asks:
        made["card"], made["stage"] = card(s), "you"
        made |= {"say": announced(made["card"])} if made["card"] else {}
        made |= {"danger": True} if phase.id == "danger" else {}
    made["now"] = [*made.get("now", ()), *children.block(s)]
    return made


def phase_of(s: State, counts: Counts) -> now.Phase:  # noqa: PLR0911 - one a phase
    """Say which of the panel's states this is."""
    if s.questions and (s.undoing or not s.settled):
        return _waiting(s)
    if s.status == "ended":
        return now.ended(s, counts)
    if s.status == "paused":
        return now.paused(s)
    if s.expecting:
        return now.expecting(s)
    if not s.requests:
        return now.starting()
    if not s.plan.steps and (s.planning == "only" or (s.planning == "auto" and not s.responses)):
        return now.planning(s, counts)
    return now.running(s, counts)


def _waiting(s: State) -> now.Phase:
    """A person is asked, though other calls may still run beside."""
    key, question = next(iter(s.questions.items()))
    known = {"plan": "proposed", "question": "question", "doubt": "doubt"}
    name = known.get(question.get("kind", "approval"), "waiting")
    call = s.calls.get(key)
    if name == "waiting" and call is not None:
        name = "edited" if call.original is not None else name if call.code else "tool"
    acts = [] if s.settled else now.RUN
    if endangered(question):
        what = f"{wants(s, key, question)} where others chose"
        return now.Phase("danger", "bad", "danger", "Waiting for you", what, acts)
    return now.Phase(name, "ask", "waiting", "Waiting for you", wants(s, key, question), acts)


# time travel


def _replay(timeline: Timeline, events: Sequence[Event], n: int) -> PanelView:
    """Return the view at an event; the grey tone says that nothing runs."""
    before = events[: n + 1]
    s, counts = fold(before), Counts.of(before)
    e, facts = events[n], timeline.facts(n)
    call = s.calls.get(facts.call)
    rows: Rows = [
        ["prompt", size(facts.prompt_bytes) if facts.prompt_bytes else "none yet"],
        ["decided by", facts.decided_by or "nobody yet"],
        ["names changed", names(facts.names) or "none yet"],
        ["spent so far", ", ".join(f"{b['used']} {b['name']}" for b in bars(s))],
    ]
    if call is not None:
        rows.insert(1, ["call", [ref(call), f" {call.name}, {_stands(call)}"]])
    shown = timeline.events[n]
    title: Block = {**lead(f"{e.k}: {shown['t']}"), "glyph": _GLYPHS[shown.get("mark", "")]}
    blocks = [title, table("At this event", rows), *([now.code_of(call, _stands(call))] if call else [])]
    if call is not None and call.result:
        blocks.append(details(f"Result of {call.id}", call.result, "Result"))
    fork: Button = {"label": "Fork here", "verb": "fork", "main": True, "data": {"at": n}}
    blocks.append(actions(fork, {"label": "Back to the end", "verb": "seek", "data": {"at": len(events) - 1}}))
    told = "Fork here starts a new process from this event. The finished run stays as it is."
    blocks.append(text(told, mute=True))
    phase = now.Phase("replaying", "", "replaced", "Replaying", "a finished run, nothing is executed", [], blocks)
    made = stilled(_base(s, counts, phase), s.at)
    made["planhead"], made["at"], made["say"], made["past"] = "Plan at this event", n, " ", True
    return made


_GLYPHS: dict[str, Glyph] = {"h": "waiting", "e": "failed", "": "replaced"}
_STANDS = {
    "proposed": "not decided yet", "asked": "it asks you", "approved": "not run yet",
    "waits": "waits for a message", "running": "runs here", "done": "finished",
}  # fmt: skip


def _stands(call: Call) -> str:
    return _STANDS.get(call.status, call.status.replace("_", " "))


# the processes that it started, as its own journal knows them
MOST, GOAL = 50, 160


@dataclass
class Children:
    """What was set aside for each child and what it has used; fed event by event.

    Parameters
    ----------
    calls : dict of int to str
        By pid, the call that started it; empty where the user did.
    used : dict of int to dict
        By pid, what it used by unit, once it has ended.
    """

    calls: dict[int, str] = field(default_factory=dict)
    used: dict[int, dict[str, float]] = field(default_factory=dict)

    def heard(self, e: Event) -> None:
        """Take one event in."""
        match e.body:
            case ev.BudgetReserved(child=int(pid), call=call):
                self.calls[pid] = call
            case ev.BudgetSettled(child=int(pid), amounts=amounts):
                self.used[pid] = amounts

    def block(self, s: State) -> list[Block]:
        """Return a table of them; nothing where it started none."""
        shown = list(self.calls.items())[-MOST:]
        rows: Rows = [[*_named(s, pid, call), *self._stands(pid)] for pid, call in shown]
        heads = ["process", "goal", "stands", "used"]
        return [table("Processes that it started", rows, heads)] if rows else []

    def _stands(self, pid: int) -> tuple[str, str]:
        if pid not in self.used:
            return "has not ended", ""
        return "has ended", ", ".join(show(u, round(v, 4)) for u, v in self.used[pid].items() if v)


def _named(s: State, pid: int, call: str) -> tuple[str, str]:
    """Return number and name, and the goal, as the call that started it says them."""
    given = s.calls[call].arguments if call in s.calls else {}
    said = {k: str(given.get(k, "")) for k in ("name", "goal")} if isinstance(given, dict) else {}
    return f"{pid} {said.get('name', '')}".rstrip(), phrase(said.get("goal", ""), GOAL)


# pages that are laid over *now* for a while
JOURNAL_MOST = 400


def rules(s: State, timeline: Timeline) -> Sheet:
    """List the rules that hold, in order, each with the button that takes it back."""
    title = "Rules and what they cover"
    mode = text(["Where no rule speaks, the mode ", ["`", s.mode], " decides."])
    if not s.rules:
        return {"title": title, "blocks": [text("There is no rule in this process."), mode]}
    rows: Rows = []
    for i, rule in enumerate(s.rules):
        where = ", ".join(f"{k} = {v!r}" for k, v in rule.where.items()) or "any arguments"
        left = f"{max(rule.count - s.rules_used.get(i, 0), 0)} more" if rule.count else "any number"
        revoke: Button = {"label": "Take back", "verb": "revoke", "data": {"rule": i}}
        rows.append([[["`", rule.tool]], rule.do, where, left, f"by {rule.by}", revoke])
    heads = ["tool", "does", "where", "how often", "made", "take back"]
    return {"title": title, "blocks": [table("Rules, the first that matches speaks", rows, heads), mode]}


def journal(s: State, timeline: Timeline) -> Sheet:
    """Show the last events, a line each."""
    shown = timeline.events[-JOURNAL_MOST:]
    lines = "\n".join(f"{e['n']:>4}  {e['k']:<18} {short(e['t'], 100)}" for e in shown)
    blocks = [code(lines, "Journal")]
    if len(shown) < len(timeline.events):
        blocks.insert(0, text(f"The last {len(shown)} of {len(timeline.events)} events."))
    return {"title": "Journal", "blocks": blocks}


def previewed(seen: ev.SignalReceived) -> Sheet:
    """Show what a step gave in a copy that was thrown away, from the event that tells of it."""
    title = f"Preview of {seen.call}" + ("" if seen.ok else ": it failed")
    gone = "It ran in a copy of your variables that is gone now. Nothing was changed; it still waits for you."
    shown = [code(seen.text, "What it showed")] if seen.text else []
    return {"title": title, "blocks": [text(gone), *shown, text(f"It would change: {seen.would}.")]}


MakeSheet = Callable[[State, Timeline], Sheet]
SHEETS: dict[str, MakeSheet] = {"rules": rules, "journal": journal}
