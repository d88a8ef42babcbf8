"""Plans at the gate: read what the model proposes, and let the mode or a person decide."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal

from llmos_nb.errors import BadArguments
from llmos_nb.journal.events import (
    DEADLINE,
    MODEL,
    SCHEMA,
    CallDecided,
    Decider,
    PlanDecided,
    PlanEdited,
    PlanProposed,
    QuestionAsked,
    QuestionEscalated,
)
from llmos_nb.policy import Ruling, approval, envelope, judge_plan
from llmos_nb.process.gate.judge import reject
from llmos_nb.process.run import Run
from llmos_nb.process.state.decide import JudgePlan, Overdue, Propose
from llmos_nb.process.state.plan import Plan
from llmos_nb.process.state.state import say
from llmos_nb.tools import Call, parse_arguments


def propose(run: Run, command: Propose) -> None:
    """Read a proposed plan; one that does not fit goes back to the model."""
    call, s = run.state.calls[command.call], run.state
    try:
        plan = run.in_words(partial(_read, run, call))
    except BadArguments as error:
        by = getattr(error, "by", SCHEMA)
        run.append(CallDecided(call=call.id, digest="", what="reject", by=by, why=str(error)))
        return
    kind = PlanEdited if s.plan.steps else PlanProposed
    run.append(kind(version=plan.version, steps=plan.plain(), by=MODEL, call=call.id))


def _read(run: Run, call: Call) -> Plan:
    """Return the plan that a call proposes, with its acts."""
    plan = run.state.plan.replace_rest(parse_arguments(call.arguments).get("steps") or [])
    if any(p.acts is not None for p in plan.steps) or run.state.acts:
        from llmos_nb.process.gate.acts import of_plan  # few processes commit to anything

        return of_plan(run, plan)
    return plan


def judge_the_plan(run: Run, command: JudgePlan) -> None:
    """Let the mode decide on a plan, or ask a person; in the mode `risky` not again once a person approved one."""
    s = run.state
    left = [p for p in s.plan.steps if p.open]
    new = sum(a.open and not a.approved for a in s.acts.values())
    known = s.plan_by != MODEL or (s.mode == "risky" and s.plan_seen and not new)
    decision = Ruling("allow", Decider("mode", s.mode)) if known else judge_plan(len(left), s.mode, new)
    if decision.what == "ask":
        more = approval.bounds(s.approval)
        run.append(QuestionAsked(question=f"plan:{command.version}", about="plan", text=decision.why, **more))
    else:
        decide_plan(run, "approve", decision.by)


def decide_plan(
    run: Run,
    what: Literal["approve", "reject"],
    by: Decider,
    why: str = "",
    without: Sequence[int] = (),
    upto: int = 0,
) -> None:
    """Record a decision on the present plan: the envelope that it grants, acts left out, the last step approved."""
    s = run.state
    order = [p.n for p in s.plan.steps]
    meant = s.plan.steps[: order.index(upto) + 1] if upto else s.plan.steps
    granted = envelope([p.plain() for p in meant if p.open], run.tools) if what == "approve" else {}
    later = {a["n"] for p in s.plan.steps[len(meant) :] for a in p.acts or ()}
    decided = PlanDecided(
        version=s.plan.version, what=what, envelope=granted, by=by, why=why,
        without=sorted({*without, *later}), upto=upto,
    )  # fmt: skip
    run.append(decided)


def overdue(run: Run, command: Overdue) -> None:
    """Let others decide, once; else reject."""
    key, question = command.question, run.state.questions[command.question]
    why = say(run.state, "undecided")
    if question.get("then") == "escalate":
        to = tuple(question["escalate"])
        run.append(QuestionEscalated(question=key, to=list(to), **approval.bounds(run.state.approval, to)))
    elif key in run.state.calls:
        reject(run, run.state.calls[key], DEADLINE, why)
    else:
        decide_plan(run, "reject", DEADLINE, why)
