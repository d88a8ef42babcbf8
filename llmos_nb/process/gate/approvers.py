"""Ask the approvers that were handed in with a process, before a person is asked."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from copy import deepcopy
from datetime import datetime
from typing import Any

from llmos_nb.policy import CONTEXT, ApprovalRequest, Decision, Effect, Seat, labels
from llmos_nb.process.findings import Findings
from llmos_nb.process.run import Run, Visit
from llmos_nb.tools import Call, Tool, awaited, unless_stopped

DEADLINE_S = 60.0
_WHAT = ("approve", "reject", "edit")
_log = logging.getLogger(__name__)


def may_decide(run: Run, tool: Tool, seen: Findings) -> bool:
    """Return whether an approver may speak for a call: not where a person is required."""
    s = run.state
    named = s.requester or s.approval.get("approvers") or s.approval.get("other")
    each_time = tool.each_time or seen.each_time
    return bool(run.approvers.seats) and not (named or each_time or tool.name in s.altered)


def request_of(
    run: Run,
    call: Call,
    arguments: Mapping[str, Any],
    seen: Findings,
    why: str,
    digest: str,
    effect: Effect | None = None,
) -> ApprovalRequest:
    """Return a call, or what one that runs is about to do, as approvers are shown it."""
    s, reads = run.state, seen.reads
    label = {CONTEXT: str(labels.context(s.labels)), **{n: str(labels.of((n,), s.labels)) for n in reads}}
    return ApprovalRequest(
        pid=s.pid, goal=s.goal, call=call.id, tool=call.name, arguments=deepcopy(dict(arguments)),
        level=seen.level, why=why, risks=tuple(sentence for _, sentence in seen.risks),
        reads=reads, writes=seen.writes, origins=seen.origins, labels=label, digest=digest,
        effect=None if effect is None else (effect.kind, effect.target),
    )  # fmt: skip


def words(decision: Decision) -> str:
    """Return why an approver decided so, and who within it."""
    return ": ".join(w for w in (decision.by, decision.why) if w)


async def consult(
    run: Run, request: ApprovalRequest, visit: Visit | None = None
) -> tuple[str, Decision | None, list[str]]:
    """Ask one approver after the other, on the user's thread unless `visit` leads elsewhere.

    Returns
    -------
    str, Decision or None, list of str
        Who decided and what; what is wrong with approvers that failed, said once of each.
    """
    trouble: list[str] = []
    for seat in run.approvers.seats:
        decision, problem = await _ask(run, seat, request, visit or run.visit)
        if problem and seat.name not in run.approvers.reported:
            run.approvers.reported.add(seat.name)
            trouble.append(f"The approver `{seat.name}` does not count: {problem}.")
            _log.warning("process %s: approver %s: %s", run.state.pid, seat.name, problem)
        if decision is not None:
            return seat.name, decision, trouble
    return "", None, trouble


async def _ask(run: Run, seat: Seat, request: ApprovalRequest, visit: Visit) -> tuple[Decision | None, str]:
    """Return what one approver decides, and what is wrong with it."""
    if not seat.intact or _touched(run, seat):
        return None, "a step has changed it"
    found = unless_stopped(await visit(lambda: awaited(_called(seat, request), DEADLINE_S)))
    if found.error is not None:
        return None, f"{type(found.error).__name__}: {found.error}"[:200]
    if found.value is None:
        return None, ""
    if not isinstance(found.value, Decision) or found.value.what not in _WHAT:
        return None, f"it returned {type(found.value).__name__}, not a Decision to {', '.join(_WHAT)}"
    return found.value, ""


def look(run: Run) -> None:
    """Remember how the approvers stand, on the user's thread: a step that begins may reach for them."""
    if run.approvers.seats:
        run.approvers.seen = _digests(run)


def same(run: Run) -> bool:
    """Return whether they stand as they were remembered."""
    return _digests(run) == run.approvers.seen


def _digests(run: Run) -> dict[str, str]:
    given = [seat.approver for seat in run.approvers.seats]
    return run.fingerprint([n for n, v in (run.namespace or {}).items() if any(v is a for a in given)])


async def _called(seat: Seat, request: ApprovalRequest) -> Decision | None:
    return await seat.decide(request)


def _touched(run: Run, seat: Seat) -> bool:
    """Return whether a step of any process has changed the variable that holds the approver, since it was handed in."""
    names = [n for n, v in list((run.namespace or {}).items()) if v is seat.approver]
    return run.sight is not None and any(run.sight.sharing.since(n, run.approvers.mark, 0) for n in names)


def looked_at(run: Run, call: Call, seen: Findings | None) -> int:
    """Return when somebody who approved a call was shown what it would do, in nanoseconds; 0 where nobody was."""
    if not (call.digest and call.by.looked):
        return 0
    if seen is not None:
        return seen.at
    asked = (e.at for e in reversed(run.journal.events) if e.d.get("question") == call.id)
    at = next(asked, "")  # by an earlier interpreter, to the millisecond
    return int(datetime.fromisoformat(at).timestamp() * 1000 + 1) * 1_000_000 if at else 0
