"""Expressions in an answer: ``{{df.mass.mean():.1f}}`` is evaluated on the live variables and takes its place.

They run in a forked copy of this process, which is thrown away; in a child process, where the variables are copies
already, one that changes something is an error. None is evaluated that the gate would not let a step run unasked, or
that takes something from outside or reads what is labelled: that is a step's business, where it is on the record.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.journal.events import AnswerComputed, RunStarted
from llmos_nb.messages import ToolResult
from llmos_nb.policy import labels
from llmos_nb.policy.secrets import redact
from llmos_nb.process.gate import judge, labels as gate_labels
from llmos_nb.process.preview import forked
from llmos_nb.process.run import Run
from llmos_nb.process.state.decide import Compute
from llmos_nb.tools import NAME_CHANGES, Call, CallContext

OPEN, CLOSE = "{{", "}}"
MOST, LONGEST = 60, 2_000  # expressions an answer may hold, and characters that each may give
COMPUTE_S = 20.0


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression of an answer.

    Attributes
    ----------
    start, end : int
        Where it stands, with its braces.
    code : str
        The expression as it was written, with its format: ``x:.2f``.
    """

    start: int
    end: int
    code: str


def expressions(answer: str) -> list[Expression]:
    """Return the expressions of an answer; what does not parse is text."""
    found: list[Expression] = []
    at = 0
    while len(found) < MOST and (start := answer.find(OPEN, at)) >= 0:
        at = start + len(OPEN)
        end = answer.find(CLOSE, at)
        while end >= 0 and (parsed(answer[at:end]) is None or answer[end : end + 3] == CLOSE + "}"):
            end = answer.find(CLOSE, end + 1)
        if end >= 0:
            found.append(Expression(start, end + len(CLOSE), answer[at:end].strip()))
            at = end + len(CLOSE)
    return found


def parsed(code: str) -> ast.FormattedValue | None:
    """Return an expression with its format as the field of an f-string, or None where it is none."""
    try:
        return ast.FormattedValue(ast.parse(code.strip(), mode="eval").body, -1)
    except SyntaxError:
        pass
    whole, colon, spec = code.strip().rpartition(":")
    try:
        value = ast.parse(whole, mode="eval").body
    except SyntaxError:
        return None
    return ast.FormattedValue(value, -1, ast.JoinedStr([ast.Constant(spec)])) if colon else None


def as_code(code: str) -> str:
    """Return an expression of an answer as Python that gives its text, with its format where it has one.

    Without a format, a float is told by ten digits.
    """
    field = parsed(code)
    assert field is not None  # noqa: S101 - only what parses is found
    value = ast.unparse(field.value)
    if field.format_spec is not None:
        spec = field.format_spec.values[0].value  # type: ignore[attr-defined]
        return f"format({value}, {spec!r})"
    return f"(lambda value: format(value, '.10g') if isinstance(value, float) else value)({value})"


async def compute(run: Run, command: Compute) -> None:
    """Evaluate the expressions of the answer that the model gave, each once."""
    answer = run.state.candidate
    found = expressions(answer)
    try:
        results = await run.visit(partial(_results, run, [as_code(x.code) for x in found]))
    except UsageError as error:  # there is no way to a copy here
        results = [ToolResult(False, str(error), "UsageError") for _ in found]
    values: list[dict[str, Any]] = []
    errors: list[str] = []
    text, at = "", 0
    for expression, result in zip(found, results, strict=True):
        text += answer[at : expression.start]
        shown = redact(result.text.strip()[:LONGEST])
        if result.ok:
            values.append({"start": len(text), "text": shown, "code": expression.code})
            text += shown
        else:
            errors.append(f"{OPEN}{expression.code}{CLOSE}: {last_line(result.text)}")
            text += answer[expression.start : expression.end]
        at = expression.end
    run.append(AnswerComputed(answer=text + answer[at:], values=values, errors=errors))


async def _results(run: Run, codes: Sequence[str]) -> list[ToolResult]:
    """Return what each expression gave, or why it is not evaluated."""
    hindered = [hindrance(run, code) for code in codes]
    printed = [f"print({code}, end='')" for code, why in zip(codes, hindered, strict=True) if not why]
    given = iter(await in_copy(run, printed) if printed else ())
    return [ToolResult(False, why, "CallDenied") if why else next(given) for why in hindered]


def hindrance(run: Run, code: str) -> str:
    """Say why an expression is not evaluated beside the steps; nothing where it may be.

    Parameters
    ----------
    run : Run
        The process, on the user's thread.
    code : str
        A Python expression of the model's.
    """
    tool, arguments = run.tools.get("python"), {"code": code}
    if tool is None:
        return "this process runs no Python"
    seen = judge.inspect(run, tool, arguments)
    ruled = judge.ruling(run, Call("answer", "python", arguments), tool, arguments, seen)
    if ruled.what != "allow":
        return f"a step with it would not run unasked ({ruled.by}); compute it in a step"
    if seen.sources:
        return "it takes something from outside; do that in a step"
    came, context = gate_labels.reading(run, tool, arguments, seen), labels.context(run.state.labels)
    return f"{came.why}; compute it in a step" if context.join(came.label) != context else ""


def last_line(text: str) -> str:
    """Return the last line of a text that says something, such as the error of a traceback."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it failed")


async def in_copy(run: Run, codes: Sequence[str]) -> list[ToolResult]:
    """Run code that is to change nothing: in a copy, or in the child process where the variables are copies already.

    Parameters
    ----------
    run : Run
        The process, on the user's thread.
    codes : sequence of str
        Each is run on the same copy, after the one before it.

    Raises
    ------
    UsageError
        There is no namespace, or no way to a copy of it.
    """
    began = run.journal.events[0].body
    context = partial(CallContext, "copy", deadline_s=min(COMPUTE_S, run.call_timeout_s))
    tool = run.tools.get("python")
    if isinstance(began, RunStarted) and began.apart and tool is not None and tool.runner is not None:
        there = [await tool.runner({"code": c}, context(key=f"copy-{i}")) for i, c in enumerate(codes)]
        return [_unchanged(result) for result in there]
    if run.namespace is None:
        raise UsageError("there is no namespace to evaluate it on")
    child = forked(run.namespace, None, run.model.traits.sees_values)
    try:
        return [await child.call("python", {"code": c}, context(key=f"copy-{i}")) for i, c in enumerate(codes)]
    finally:
        child.close()


async def _condition(run: Run, code: str) -> list[ToolResult]:
    if run.state.plan_by != "you":  # a person has seen, or written, what the plan expects
        return await _results(run, [code])
    return await in_copy(run, [f"print({code}, end='')"])


def _unchanged(result: ToolResult) -> ToolResult:
    """Refuse what an expression gave that changed something."""
    changes = result.changes or result.facts.get("apart") or {}  # of a child, what it changed there
    names = [n for kind in NAME_CHANGES for n in changes.get(kind, ())]
    why = f"it changes {', '.join(names)}; an expression only reads"
    return ToolResult(False, why, "CallDenied") if result.ok and names else result


async def holds(run: Run, expression: str) -> tuple[bool | None, str]:
    """Return whether what a step expects holds, and why it does not; it is evaluated in a copy.

    None stands for an expression that is not evaluated: the model's, where the gate would not let it run unasked.
    """
    try:
        (result,) = await run.visit(partial(_condition, run, f"bool({expression})"))
    except UsageError as error:
        return None, str(error)
    if result.error == "CallDenied":
        return None, result.text
    if not result.ok:
        return False, last_line(result.text)
    return result.text.strip() == "True", "it is false"
