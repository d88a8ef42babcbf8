"""The plan as rows: status, expectation, evidence, time, cost and what became of a step; calls where there is none."""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import takewhile
from typing import cast

from llmos_nb.process.state import CONTROL, State, Step
from llmos_nb.tools import Call
from llmos_nb.views.contract import Fold, PanelView, StepRow, StepStatus, Words
from llmos_nb.views.counts import Counts
from llmos_nb.views.deciders import looked
from llmos_nb.views.loop import dot
from llmos_nb.views.outside import interrupted, taken_back
from llmos_nb.views.panel import calls
from llmos_nb.views.panel.calls import gave
from llmos_nb.views.panel.costs import cost_of, facts, say_cost, verdict_of
from llmos_nb.views.panel.danger import asked_of, waits_in
from llmos_nb.views.results import seen, verdict
from llmos_nb.views.wording import UNFINISHED, count, duration, listed, short, since, times, upper

FOLD_FROM = 8  # steps; a shorter plan is read at a glance
SAID_MOST = 300
DAG_MOST = 12  # nodes; in a wider graph they could not be told apart


def rows(s: State, counts: Counts) -> list[StepRow]:
    """Return a row a step, with one for each call that serves none: of a process without a plan these alone."""
    served: dict[int, list[Call]] = defaultdict(list)
    for call in s.calls.values():
        for n in call.serves if call.name not in CONTROL else ():
            served[n].append(call)
    steps = [_row(s, step, served[step.n], counts) for step in s.plan.steps]
    alone = calls.loose(s)
    own = calls.rows(s, alone, counts)
    first = min((c.facts.get("n", 0) for each in served.values() for c in each), default=math.inf)
    before = sum(c.facts.get("n", 0) < first for c in alone)
    return _with_words([*own[:before], *steps, *own[before:]], counts)


def _with_words(found: list[StepRow], counts: Counts) -> list[StepRow]:
    """Put what people said in mid-run into the row that had begun last, or the first one."""
    place = {call: i for i, row in enumerate(found) for call in row.get("calls", ())}
    for call, words in counts.said.items() if found else ():
        at = place.get(call, 0)
        found[at] = {**found[at], "said": [*found[at].get("said", ()), *(upper(short(w, SAID_MOST)) for w in words)]}
    return found


def row(s: State, n: int, counts: Counts) -> StepRow | None:
    """Return the row of one step, or None where the plan has none of this number."""
    if n not in s.plan:
        return None
    served = [c for c in s.calls.values() if n in c.serves and c.name not in CONTROL]
    return _row(s, s.plan.step(n), served, counts)


def _row(s: State, step: Step, served: list[Call], counts: Counts) -> StepRow:
    status = _status(s, step, served, counts)
    by = [counts.who.of_step(step.n), *(counts.who.of_call(c.id) for c in served)]
    noted = status == "rejected" and any(by)  # the reason stands in the note
    row: StepRow = {"n": step.n, "t": step.title, "s": status}
    more = {
        "x": step.expect,
        "after": ", ".join(map(str, step.depends_on)),
        "code": step.code,
        "calls": [c.id for c in served],
        "ev": None if noted else _evidence(s, step, served, status),
        "note": _note(s, step, served, counts, status),
        "out": any(map(gave, served)),
        "back": status in ("done", "failed")
        and any(c.status == "done" and (c.changes.undoable or c.facts.get("undo")) for c in served),
        "begun": status == "pending" and any(c.started for c in served),
        "acts": [a["n"] for a in step.acts or ()],
        "covered": step.open and s.plan_status == "approved" and s.mode != "step" and not s.plan.later(step.n, s.upto),
    }
    row |= cast(StepRow, {key: value for key, value in more.items() if value})
    if status in ("done", "failed"):
        found = verdict(s, step.n, [c for c in served if c.status != "failed"] or served)
        verdict_of(row, found, counts.found.get(step.n, ""))
    facts(s, row, served, counts)
    waits_in(row, s, served)
    return row


def _status(s: State, step: Step, served: list[Call], counts: Counts) -> StepStatus:
    if asked_of(s, served):
        return "waiting"
    if step.status == "replaced" and step.n in counts.failed:
        return "failed"
    if step.status == "running" and s.settled:
        return "pending"
    if step.status == "skipped" and step.n not in counts.who.steps:
        return "undone" if any(c.status == "undone" for c in served) else "skipped" if served else "left"
    return step.status  # type: ignore[return-value]  # the plan's words are the rows' words


def _evidence(s: State, step: Step, served: list[Call], status: str) -> Words | None:
    """Return what was seen, with the calls in whose results it was."""
    if step.n not in s.evidence or status in ("pending", "running", "waiting", "replaced"):
        return None
    calls = [c for c in served if c.status == ("undone" if status == "undone" else "done")]
    text, by = seen(calls, s.evidence[step.n], s.seen_in.get(step.n, ()))
    found: list[list[str | int]] = [["@", call, step.n] for call in by]
    return [f"{text} ", *found] if found else text


def _note(s: State, step: Step, served: list[Call], counts: Counts, status: str) -> str:
    """Say in a few words what is special about a step."""
    found: list[str] = []
    if served and step.status == "running" and s.settled and status != "waiting":
        ended = "the turn is open" if all(c.status == "done" for c in served) else UNFINISHED
        found.append(interrupted(s, served[-1]) if served[-1].error == "Stopped" else ended)
    found += dict.fromkeys([counts.who.of_step(step.n), *(_decided(c, counts, c is served[-1]) for c in served)])
    if by := counts.replaced.get(step.n):
        found.append(f"replaced by {listed(by)}")
    if of := counts.instead.get(step.n):
        found.append(f"instead of {listed(of)}" if status != "pending" or len(of) == 1 else "re-planned")
    found += [taken_back(s, served)] if status == "undone" else ["no call served it"] if status == "left" else []
    if any(c.facts.get("undo") and c.status == "done" for c in served):
        found.append("can be compensated")
    if any(c.undoes and c.status == "done" for c in served):
        found.append("taken back by its tool")
    if step.n in s.missed and status in ("pending", "running", "waiting"):
        found.append(f"not as expected before: {s.missed[step.n]}")
    if step.hint:
        found.append("with your hint")
    return ", ".join(filter(None, found))


def _decided(call: Call, counts: Counts, last: bool) -> str:
    """Say what people did to a call; one that did not run is named where another one came after it."""
    said = counts.who.of_call(call.id)
    return f"{call.id} {said}" if said and not last and call.status in ("rejected", "skipped") else said


def fold_line(found: list[StepRow], s: State, counts: Counts) -> Fold | None:
    """Fold the ended steps at the start of a long plan to one line."""
    if len(found) <= FOLD_FROM:
        return None
    ended = list(takewhile(lambda r: r["s"] not in ("pending", "running", "waiting"), found))
    away = [r for r in ended if r["s"] != "failed"]
    if len(away) <= 1:
        return None
    inside = {call for r in away for call in r.get("calls", ())}
    folded = [c for c in s.calls.values() if c.id in inside]
    ran = duration(sum(since(c.started, c.ended) for c in folded))
    expected = ", all as expected" if all(r["n"] in s.compared for r in away) else ""
    well = f"done{expected}" if all(r["s"] == "done" for r in away) else "ended"
    what = "Steps" if all(isinstance(r["n"], int) for r in away) else "Rows" if s.plan.steps else "Calls"
    said = (f"{what} {away[0]['n']}–{away[-1]['n']} {well}", ran, say_cost(cost_of(folded, counts)))
    return {"upto": ended[-1]["n"], "text": " · ".join(filter(None, said))}


def at(s: State, found: list[StepRow]) -> str:
    """Say where it stands: ``step 3 of 5 · Draw the revenue``; nothing where no row is being worked on."""
    row = next((r for r in found if r["s"] in ("running", "waiting")), None)
    if row is None or s.settled:
        return ""
    if isinstance(row["n"], str):
        return f"call {row['n']} · {row['t']}"
    live = [r for r in found if isinstance(r["n"], int) and r["s"] not in ("replaced", "skipped", "rejected")]
    return f"step {live.index(row) + 1} of {len(live)} · {row['t']}"


def begun(s: State, first: str) -> list[tuple[str, float]]:
    """Return each step, or call where there is no plan, with the seconds from `first` until its first call began."""
    found: dict[str, float] = {}
    for call in s.calls.values():
        if call.started and call.name not in CONTROL:
            for name in [*map(str, call.serves)] or [call.id]:
                found.setdefault(name, round(since(first, call.started), 3))
    return list(found.items())


def head(s: State, counts: Counts, found: list[StepRow]) -> tuple[str, str]:
    """Return the heading of the rows and what stands at its right."""
    steps = [r for r in found if isinstance(r["n"], int)]
    if not steps:
        return _head_of_calls(s, found)
    done, who = sum(r["s"] == "done" for r in steps), counts.who
    if s.plan_status == "asked" and not done:
        edited = f", edited by {who.plan_edited.describe()}" if who.plan_edited else ""
        return f"Plan, proposed by {who.proposed.describe()}{edited}", count(len(steps), "step")
    title = f"Plan, approved by {looked(who.plan)}" if looked(who.plan) else "Plan"
    title = f"Plan, re-planned {times(counts.replans)}" if counts.replans else title
    compared = sum(r["s"] == "done" and r["n"] in s.compared for r in steps)
    return title, f"{done} of {len(steps)} done" + (f", {compared} as expected" if compared else "")


def _head_of_calls(s: State, found: list[StepRow]) -> tuple[str, str]:
    """Return the heading where there is no plan."""
    if found:
        return "Calls", f"{sum(r['s'] == 'done' for r in found)} of {len(found)} done"
    if s.planning in ("auto", "only") and not s.responses:
        return "Plan", "being written" if s.request else "none yet"
    return "Calls", "none yet" if not s.settled else "none"


def graph(s: State, counts: Counts, view: PanelView) -> None:
    """Put the plan's graph into the view where it has few enough steps to be read."""
    live = [p for p in s.plan.steps if p.status not in ("skipped", "rejected", "replaced")]
    shown = list(s.plan.steps) if len(s.plan.steps) <= DAG_MOST else live
    if not 1 < len(shown) <= DAG_MOST:
        return
    edges = {p.n: {d for d in p.depends_on if any(q.n == d for q in shown)} for p in shown}
    for n, by in counts.replaced.items():
        if n in edges and by and by[0] in edges:
            edges[by[0]].add(n)
    if (found := dot.dag({n: tuple(sorted(d)) for n, d in edges.items()})) is None:
        return
    needs = [f"{p.n} needs {listed(p.depends_on)}" for p in shown if p.depends_on]
    view["dag"] = found
    view["dagsay"] = "Plan: " + (", ".join(needs) or "no step needs another")
    gone = [f"{n} was replaced by {listed(by)}" for n, by in counts.replaced.items() if by]
    view["dagnote"] = "; ".join(gone) or "what needs what"
