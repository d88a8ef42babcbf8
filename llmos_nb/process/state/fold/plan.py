"""What the events of the plan do to the state."""

from __future__ import annotations

from typing import Any

from llmos_nb.journal import Event
from llmos_nb.process.state import prompts
from llmos_nb.process.state.fold.call import close
from llmos_nb.process.state.fold.registry import note, on
from llmos_nb.process.state.plan import Plan, Step, parse_steps
from llmos_nb.process.state.state import State


@on("plan.proposed", "plan.edited")
def _plan(s: State, e: Event) -> None:
    s.plan = Plan(tuple(_step(raw) for raw in e.d["steps"]), e.d["version"])
    by, call = e.d["by"], e.d.get("call", "")
    if call or e.k == "plan.proposed":
        s.plan_status, s.plan_call, s.plan_by = "proposed", call, by
    elif s.plan_status == "asked":
        asked = next(k for k in s.questions if k.startswith("plan:"))
        s.questions[f"plan:{s.plan.version}"] = s.questions.pop(asked)
    else:
        note(s, prompts.plan_edited(s.plan, by))
        s.todo = "ask" if s.todo in ("", "answer") and not s.request and not s.turn else s.todo


def _step(raw: dict[str, Any]) -> Step:
    (step,) = parse_steps([raw], raw["n"], range(1, raw["n"]))
    changes = {"status": raw.get("status", "pending"), "hint": raw.get("hint", "")}
    return Plan((step,)).put(step.n, **changes).steps[0]


@on("plan.decided")
def _plan_decided(s: State, e: Event) -> None:
    s.questions.pop(f"plan:{e.d['version']}", None)
    s.decided_at = e.n
    approved = e.d["what"] == "approve"
    s.plan_status = "approved" if approved else "rejected"
    if approved:
        s.envelope, s.plan_by = dict(e.d["envelope"]), e.d["by"]
        s.envelope_used.clear()
    elif not e.d.get("why"):
        s.ending = ("rejected", "the plan was rejected")
    text = prompts.plan_decided(s.plan, approved, e.d.get("why", ""), e.d["by"])
    if s.plan_call:
        close(s, s.calls[s.plan_call], "done" if approved else "rejected", e, result=text)
    elif not approved:
        note(s, text)
        s.todo = "ask"


@on("step.integrated")
def _integrated(s: State, e: Event) -> None:
    n, met = e.d["step"], e.d["met"]
    s.todo = "ask"
    if not n:
        return
    s.evidence[n] = e.d["evidence"]
    s.plan = s.plan.put(n, status=e.d.get("status") or ("done" if met else "failed"))
    s.step = n
    if e.d.get("detail"):
        note(s, e.d["detail"])
    elif met and len(s.plan) > 1 and (following := s.current):
        note(s, prompts.next_step(following))
