"""Expressions in an answer: ``{{df.mass.mean():.1f}}`` is evaluated on the live namespace, and changes nothing.

They run in a forked copy of this process, which is thrown away; what one gave stands in its place in the answer.
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
from llmos_nb.policy.secrets import redact
from llmos_nb.process.preview import forked
from llmos_nb.process.run import Run
from llmos_nb.process.state.decide import Compute
from llmos_nb.tools import CallContext

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
        results = await run.visit(partial(in_copy, run, [_printed(x.code) for x in found]))
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


def _printed(code: str) -> str:
    return f"print({as_code(code)}, end='')"


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
        return [await tool.runner({"code": c}, context(key=f"copy-{i}")) for i, c in enumerate(codes)]
    if run.namespace is None:
        raise UsageError("there is no namespace to evaluate it on")
    child = forked(run.namespace, None, run.model.traits.sees_values)
    try:
        return [await child.call("python", {"code": c}, context(key=f"copy-{i}")) for i, c in enumerate(codes)]
    finally:
        child.close()


async def holds(run: Run, expression: str) -> tuple[bool, str]:
    """Return whether an expression of the model's holds, and why it does not; it is evaluated in a copy."""
    try:
        (result,) = await run.visit(partial(in_copy, run, [f"print(bool({expression}), end='')"]))
    except UsageError as error:
        return False, str(error)
    if not result.ok:
        return False, last_line(result.text)
    return result.text.strip() == "True", "it is false"
