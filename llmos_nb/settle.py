"""Integrate a step, check an answer, pause and end."""

from __future__ import annotations

import inspect
import re
from typing import Any

from llmos_nb import outputs
from llmos_nb.decide import Check, End, Integrate, Pause
from llmos_nb.devices.guard import Stopped, interruptible
from llmos_nb.grounding import ungrounded
from llmos_nb.scheduler import Run, carries_out
from llmos_nb.state import Call, State
from llmos_nb.stubs import bounded

EVIDENCE = 240


@carries_out(Integrate)
def integrate(run: Run, command: Integrate) -> None:
    """Compare what the calls of a step showed with what the step expected."""
    s = run.state
    calls = _calls_of(s, command.response)
    bad = next((c for c in calls if c.status != "done"), None)
    extra: dict[str, Any] = {}
    met = bad is None
    if (
        bad is not None
        and bad.status in ("rejected", "skipped")
        and bad.by not in ("schema", "repeat", "budget")
    ):
        extra["status"] = bad.status
    step = next((p for p in s.plan.steps if p.n == command.step), None)
    if met and step is not None and step.check:
        met, detail = _holds(run, step.check, "")
        if not met:
            extra["detail"] = (
                f"Step {step.n} did not meet its check `{step.check}` ({detail}). Try it again or plan anew."
            )
    run.append("step.integrated", step=command.step, met=met, evidence=evidence(calls), **extra)


def _calls_of(s: State, response: int) -> list[Call]:
    prefix = f"r{response}."
    found, i = [], 0
    while (call := s.calls.get(f"{prefix}{i}")) is not None:
        found.append(call)
        i += 1
    return [c for c in found if c.name not in ("plan", "final_answer")]


def evidence(calls: list[Call]) -> str:
    """Say in a line what was seen; an error by its last line."""
    seen = []
    for call in calls:
        lines = [line for line in call.result.strip().splitlines() if line.strip()]
        text = (lines[-1] if call.status == "failed" else " ".join(lines)) if lines else "no output"
        seen.append(re.sub(r"\s+", " ", text))
    return bounded("; ".join(seen), EVIDENCE)[0].replace("\n", " ")


@carries_out(Check)
async def check(run: Run, command: Check) -> None:
    """Run one check of the answer that the model gave."""
    s = run.state
    if command.name == "grounded":
        missing = ungrounded(s.candidate, sources(run))
        detail = (
            f"Not found in any observation: {', '.join(missing)}."
            if missing
            else "every number of it was observed"
        )
        run.append("check.finished", check="grounded", held=not missing, detail=detail, missing=missing)
        return
    if command.name == "outputs":
        wrong = outputs.missing([(n, k) for n, k in s.outputs], run.namespace or {})
        detail = "; ".join(wrong) or "all that it declared is there"
        run.append("check.finished", check="outputs", held=not wrong, detail=detail)
        return
    async with run.writes.turn(run, command):
        held, detail = await _check_value(run, s.candidate)
    run.append("check.finished", check=command.name, held=held, detail=detail)


async def _check_value(run: Run, answer: str) -> tuple[bool, str]:
    if isinstance(run.check, str):
        return _holds(run, run.check, answer)
    if run.check is None:
        return False, f"the check {run.state.check} is not at hand in this kernel; give it again to `load`"
    try:
        found = run.check(*_check_arguments(run, answer))
        found = await found if inspect.isawaitable(found) else found
    except (Exception, SystemExit) as error:
        return False, f"{type(error).__name__}: {error}"
    return bool(found), f"it gave {found!r}"[:200]


def _check_arguments(run: Run, answer: str) -> list[Any]:
    """Give a check function as many of (answer, namespace) as it takes."""
    assert callable(run.check)  # noqa: S101 - the caller has looked
    wanted = len(inspect.signature(run.check).parameters)
    return [answer, run.namespace if run.namespace is not None else {}][:wanted]


def _holds(run: Run, expression: str, answer: str) -> tuple[bool, str]:
    """Evaluate a Python expression over the namespace, with `answer`; an error means that it does not hold."""
    try:
        return holds(expression, {**(run.namespace or {}), "answer": answer}, run.call_timeout_s)
    except Stopped:
        run.halt("paused", "you")
        return False, "stopped"


def holds(expression: str, names: dict[str, Any], deadline_s: float) -> tuple[bool, str]:
    """Evaluate a Python expression over names; an error means that it does not hold.

    Parameters
    ----------
    expression : str
        The user's own check (law 10).
    names : dict
        What it may speak of.
    deadline_s : float
        Seconds that it may take.

    Returns
    -------
    (bool, str)
        Whether it holds, and if not, why.
    """
    try:
        with interruptible(deadline_s):
            found = bool(eval(compile(expression, "<check>", "eval"), names))  # noqa: S307 - the user's own check
            return found, "" if found else "it is false"
    except (Exception, SystemExit) as error:
        return False, f"{type(error).__name__}: {error}"


def sources(run: Run) -> list[str]:
    """Give every text that an answer may take its values from."""
    s = run.state
    seen = [s.goal, *(m.text for m in s.context.head[-1:])]  # not the worked examples of a small model
    seen += [
        c.result for c in s.calls.values() if c.status == "done" and c.name not in ("plan", "final_answer")
    ]
    seen += [text for _, text in s.told] + [str(p["text"]) for p in s.piped]
    made = {n for c in s.surviving for k in ("created", "rebound", "mutated") for n in c.changes.get(k, ())}
    return seen + [repr(v) for n in made if type(v := (run.namespace or {}).get(n)) in (int, float, str)]


@carries_out(Pause)
def pause(run: Run, command: Pause) -> None:
    """Pause at a safe point."""
    run.append("run.paused", why=command.why)


@carries_out(End)
def end(run: Run, command: End) -> None:
    """End, with the answer where there is one."""
    s = run.state
    answer = s.candidate or s.partial or None
    answer = answer if command.reason in ("answered", "unverified", "truncated") else None
    run.append("run.ended", reason=command.reason, detail=command.detail, answer=answer)
