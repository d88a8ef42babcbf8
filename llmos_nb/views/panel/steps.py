"""The plan as rows: status, expectation, evidence, duration, cost and what became of a step."""

from __future__ import annotations

from collections import defaultdict
from itertools import takewhile
from typing import cast

from llmos_nb.process.state import CONTROL, State, Step
from llmos_nb.tools import Call
from llmos_nb.views.contract import Fold, PanelView, StepRow, StepStatus, Words
from llmos_nb.views.counts import Counts
from llmos_nb.views.loop import dot
from llmos_nb.views.wording import count, duration, listed, money, since, times, tokens

FOLD_FROM = 8  # steps; a shorter plan is read at a glance
DAG_MOST = 12  # nodes; in a wider graph they could not be told apart
Costs = dict[str, float]


def rows(s: State, counts: Counts, now: str = "") -> list[StepRow]:
    """Return a row a step."""
    calls: dict[int, list[Call]] = defaultdict(list)
    for call in s.calls.values():
        if call.name not in CONTROL:
            calls[call.step].append(call)
    return [_row(s, step, calls[step.n], counts, now) for step in s.plan.steps]


def row(s: State, n: int, counts: Counts) -> StepRow | None:
    """Return the row of one step, or None where the plan has none of this number."""
    step = next((step for step in s.plan.steps if step.n == n), None)
    calls = [c for c in s.calls.values() if c.step == n and c.name not in CONTROL]
    return None if step is None else _row(s, step, calls, counts, "")


def _row(s: State, step: Step, calls: list[Call], counts: Counts, now: str) -> StepRow:
    status = _status(s, step, calls, counts)
    row: StepRow = {"n": step.n, "t": step.title, "s": status}
    more = {
        "x": step.expect,
        "after": ", ".join(map(str, step.depends_on)),
        "code": step.code,
        "calls": [c.id for c in calls],
        "ev": _evidence(s, step, calls, status),
        "note": _note(s, step, calls, counts, status),
        "out": any(map(gave, calls)),
    }
    row |= cast(StepRow, {key: value for key, value in more.items() if value})
    _facts(row, calls, counts, now)
    if waiting := next((c.id for c in calls if c.id in s.questions), ""):
        row["call"], row["digest"] = waiting, s.questions[waiting].get("digest", "")
    return row


def gave(call: Call) -> bool:
    """Return whether a call has something to show: it has ended, and was not taken back."""
    return bool(call.ended) and call.name not in CONTROL and call.status != "undone" and not call.undoes


def _status(s: State, step: Step, calls: list[Call], counts: Counts) -> StepStatus:
    if any(c.id in s.questions for c in calls):
        return "waiting"
    if step.status == "replaced" and step.n in counts.failed:
        return "failed"
    if step.status == "running" and s.settled:
        return "pending"
    return step.status  # type: ignore[return-value]  # the plan's words are the rows' words


def _facts(row: StepRow, calls: list[Call], counts: Counts, now: str) -> None:
    """Say how long the calls ran and what the answers that proposed them cost."""
    ran = sum(since(c.started, c.ended) for c in calls if c.status != "running")
    live = next((c for c in calls if c.status == "running"), None)
    if live is not None:
        row["dur"] = f"{duration(ran + since(live.started, now))} so far" if now else ""
    elif any(c.started and c.ended for c in calls):
        row["dur"] = duration(ran)
    if live is None and (cost := say_cost(cost_of(calls, counts))):
        row["cost"] = cost


def cost_of(calls: list[Call], counts: Counts) -> Costs:
    """Add up what the answers behind these calls cost, each once."""
    total: Costs = defaultdict(float)
    for response in {int(c.id[1:].partition(".")[0]) for c in calls}:  # `r3.0` is of answer 3
        for unit, amount in counts.costs.get(response, {}).items():
            total[unit] += amount
    return total


def say_cost(cost: Costs) -> str:
    """Say money where it costs some, else tokens."""
    if cost.get("$"):
        return money(cost["$"], 4)
    return f"{tokens(cost['tokens'])} tokens" if cost.get("tokens") else ""


def _evidence(s: State, step: Step, calls: list[Call], status: str) -> Words | None:
    if step.n not in s.evidence or status in ("pending", "running", "waiting", "replaced"):
        return None
    last = next((c for c in reversed(calls) if c.ended), None)
    text = s.evidence[step.n]
    return [f"{text} ", ["@", last.id, step.n]] if last is not None else text


def _note(s: State, step: Step, calls: list[Call], counts: Counts, status: str) -> str:
    """Say in a few words what is special about a step."""
    found: list[str] = []
    if calls and step.status == "running" and s.settled and status != "waiting":
        found.append("interrupted, taken back" if calls[-1].error == "Stopped" else "not finished")
    found.append(_deciders(calls, counts))
    if status == "done" and step.n in s.compared:
        found.append(f"as expected: {s.compared[step.n]}")
    if by := counts.replaced.get(step.n):
        found.append(f"replaced by {listed(by)}")
    if of := counts.instead.get(step.n):
        found.append(f"instead of {listed(of)}" if status != "pending" or len(of) == 1 else "re-planned")
    if status == "skipped":
        found.append("undone by you" if any(c.status == "undone" for c in calls) else "skipped by you")
    if any(c.facts.get("undo") and c.status == "done" for c in calls):
        found.append("can be compensated")
    if any(c.undoes and c.status == "done" for c in calls):
        found.append("taken back by its tool")
    if step.hint:
        found.append("with your hint")
    return ", ".join(filter(None, found))


def _deciders(calls: list[Call], counts: Counts) -> str:
    """Say what a person did to the calls of a step, by the event that decided last on each."""
    edited = [c for c in calls if c.original is not None and counts.by.get(f"edit {c.id}") == "you"]
    approved = [
        c for c in calls if c.by == "you" and c.status not in ("rejected", "skipped", "asked", "proposed")
    ]
    said = ["edited"] if edited else []
    said += ["approved"] if approved else []
    return f"{' and '.join(said)} by you" if said else ""


def fold_line(found: list[StepRow], s: State, counts: Counts) -> Fold | None:
    """Fold the ended steps at the start of a long plan to one line."""
    if len(found) <= FOLD_FROM:
        return None
    ended = list(takewhile(lambda r: r["s"] not in ("pending", "running", "waiting"), found))
    away = [r for r in ended if r["s"] != "failed"]
    if len(away) <= 1:
        return None
    calls = [c for c in s.calls.values() if c.step in {r["n"] for r in away}]
    ran = duration(sum(since(c.started, c.ended) for c in calls))
    expected = ", all as expected" if all(r["n"] in s.compared for r in away) else ""
    well = f"done{expected}" if all(r["s"] == "done" for r in away) else "ended"
    facts = (f"Steps {away[0]['n']}–{away[-1]['n']} {well}", ran, say_cost(cost_of(calls, counts)))
    return {"upto": ended[-1]["n"], "text": " · ".join(filter(None, facts))}


def head(s: State, counts: Counts, found: list[StepRow]) -> tuple[str, str]:
    """Return the heading of the plan and what stands at its right."""
    done = sum(r["s"] == "done" for r in found)
    if not found:
        return "Plan", "being written" if s.request else "none yet"
    if s.plan_status == "asked" and not done:
        return "Plan, proposed by the model", count(len(found), "step")
    title = "Plan, approved by you" if counts.by.get("plan") == "you" else "Plan"
    title = f"Plan, re-planned {times(counts.replans)}" if counts.replans else title
    compared = sum(r["s"] == "done" and r["n"] in s.compared for r in found)
    return title, f"{done} of {len(found)} done" + (f", {compared} as expected" if compared else "")


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
