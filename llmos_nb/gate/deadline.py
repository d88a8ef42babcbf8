"""Questions that nobody answered in time: passed on where `[approval]` says so, else rejected."""

from __future__ import annotations

from llmos_nb import approval
from llmos_nb.decide import Overdue
from llmos_nb.gate.judge import reject
from llmos_nb.gate.plan import decide_plan
from llmos_nb.scheduler import Run, carries_out

WHY = "nobody decided in time"


@carries_out(Overdue)
def overdue(run: Run, command: Overdue) -> None:
    """Let others decide, once; else reject."""
    key, question = command.question, run.state.questions[command.question]
    if question.get("then") == "escalate":
        to = tuple(question["escalate"])
        run.append("question.escalated", question=key, to=list(to), **approval.bounds(run.state.approval, to))
    elif key in run.state.calls:
        reject(run, run.state.calls[key], "deadline", WHY)
    else:
        decide_plan(run, "reject", "deadline", WHY)
