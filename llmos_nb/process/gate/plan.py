"""Plans at the gate: read what the model proposes, and let the mode or a person decide."""

from __future__ import annotations

from typing import Literal

from llmos_nb.errors import BadArguments
from llmos_nb.journal.events import (
    CallDecided,
    PlanDecided,
    PlanEdited,
    PlanProposed,
    QuestionAsked,
    QuestionEscalated,
)
from llmos_nb.policy import approval, envelope, judge_plan
from llmos_nb.process.gate.judge import reject
from llmos_nb.process.run import Run
from llmos_nb.process.state.decide import JudgePlan, Overdue, Propose
from llmos_nb.tools import parse_arguments


def propose(run: Run, command: Propose) -> None:
    """Read a proposed plan; one that does not fit goes back to the model."""
    call, s = run.state.calls[command.call], run.state
    try:
        steps = parse_arguments(call.arguments).get("steps")
        plan = s.plan.replace_rest(steps or [])
    except BadArguments as error:
        run.append(CallDecided(call=call.id, digest="", what="reject", by="schema", why=str(error)))
        return
    kind = PlanEdited if s.plan.steps else PlanProposed
    run.append(kind(version=plan.version, steps=plan.plain(), by="model", call=call.id))


def judge_the_plan(run: Run, command: JudgePlan) -> None:
    """Let the mode decide on a plan, or ask a person."""
    s = run.state
    left = [p for p in s.plan.steps if p.open]
    replan = any(not p.open for p in s.plan.steps)
    mode = "auto" if replan and s.mode == "risky" else s.mode
    decision = judge_plan(len(left), mode) if s.plan_by == "model" else judge_plan(1, "auto")
    if decision.what == "ask":
        more = approval.bounds(s.approval)
        run.append(QuestionAsked(question=f"plan:{command.version}", about="plan", text=decision.why, **more))
    else:
        decide_plan(run, "approve", decision.by)


def decide_plan(run: Run, what: Literal["approve", "reject"], by: str, why: str = "") -> None:
    """Record a decision on the present plan with the envelope that it grants."""
    s = run.state
    granted = envelope([p.plain() for p in s.plan.steps if p.open], run.tools) if what == "approve" else {}
    run.append(PlanDecided(version=s.plan.version, what=what, envelope=granted, by=by, why=why))


WHY = "nobody decided in time"


def overdue(run: Run, command: Overdue) -> None:
    """Let others decide, once; else reject."""
    key, question = command.question, run.state.questions[command.question]
    if question.get("then") == "escalate":
        to = tuple(question["escalate"])
        run.append(QuestionEscalated(question=key, to=list(to), **approval.bounds(run.state.approval, to)))
    elif key in run.state.calls:
        reject(run, run.state.calls[key], "deadline", WHY)
    else:
        decide_plan(run, "reject", "deadline", WHY)
