"""Expressions in an answer: ``{{df.mass.mean():.1f}}`` is evaluated on the live variables and takes its place.

They run in a forked copy of this process, which is thrown away; in a child process, where the variables are copies
already, one that changes something is an error. One that reads no variable, or whose value is a literal that stands in
it, is the model's own word: its value takes its place, but does not count as computed. In code of the answer, fenced or
in backticks, nothing is evaluated. None is evaluated that the gate would not let a step run unasked, or
that takes something from outside or reads what is labelled: that is a step's business, where it is on the record.
A value of several lines, such as a table, stands in a block of its own.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from types import BuiltinFunctionType, ModuleType
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.journal.events import AnswerComputed, RunStarted
from llmos_nb.messages import ToolResult
from llmos_nb.policy import labels
from llmos_nb.policy.secrets import redact
from llmos_nb.process.gate import judge, labels as gate_labels
from llmos_nb.process.literals import folded, probes
from llmos_nb.process.preview import forked
from llmos_nb.process.run import Run
from llmos_nb.process.state.decide import Compute
from llmos_nb.tools import NAME_CHANGES, Call, CallContext

OPEN, CLOSE = "{{", "}}"
MOST, LONGEST = 60, 2_000  # expressions an answer may hold, and characters that each may give
COMPUTE_S = 20.0
NEW = "\n\n"  # Markdown begins a block behind it
_CODE = re.compile(
    r"(?ms)^[ \t]*(`{3,}|~{3,}).*?(?:^[ \t]*\1|\Z)|(?<!`)(`+)(?!`)(?:(?!\n[ \t]*\n).)+?(?<!`)\2(?!`)"
)
_MARKDOWN = re.compile(r"\s*(?:\||#+ |[-*>] |\d+\. )")
_NO_VALUE = re.compile(
    r"<(?:bound method|built-in|function|method|class|module|slot wrapper) |<[a-zA-Z_][^\n]* at 0x[0-9a-f]+>"
)


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
    """Return the expressions of an answer; what does not parse is text, and so is what stands in code."""
    found: list[Expression] = []
    code = [m.span() for m in _CODE.finditer(answer)]
    at = 0
    while len(found) < MOST and (start := answer.find(OPEN, at)) >= 0:
        at = start + len(OPEN)
        if within := next((b for a, b in code if a <= start < b), 0):
            at = within
            continue
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
    text = code.strip()
    for colon in re.finditer(":", text):  # the first one behind an expression: `t:%H:%M`
        try:
            value = ast.parse(text[: colon.start()].rstrip(), mode="eval").body
        except SyntaxError:
            continue
        return ast.FormattedValue(value, -1, ast.JoinedStr([ast.Constant(text[colon.end() :])]))
    return None


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
        place, results = await run.visit(partial(_placed, run, [as_code(x.code) for x in found]))
    except UsageError as error:  # there is no way to a copy here
        place = None
        results = [ToolResult(False, str(error), "UsageError") for _ in found]
    own = await _own_words(run, found, results)
    values: list[dict[str, Any]] = []
    errors: list[str] = []
    text, at = "", 0
    for expression, result, literal in zip(found, results, own, strict=True):
        bare = result.text.strip()
        bare = result.text.strip("\n").rstrip() if "\n" in bare else bare  # its first line has its columns, too
        shown = redact(bare[:LONGEST])
        before, behind = _fences(answer, expression, shown) if result.ok else ("", "")
        text += answer[at : expression.start] + before
        if result.ok:
            if not literal:
                values.append({"start": len(text), "text": shown, "code": expression.code})
            text += shown + behind
        else:
            errors.append(f"{OPEN}{expression.code}{CLOSE}: {_why(run, result)}")
            text += answer[expression.start : expression.end]
        at = expression.end
    text += answer[at:]
    run.append(AnswerComputed(answer=text, values=values, errors=errors, place=place))


def _fences(answer: str, expression: Expression, shown: str) -> tuple[str, str]:
    """Return what stands around a value of several lines, such as a table: its columns stay one under the other."""
    if "\n" not in shown or "```" in shown or _MARKDOWN.match(shown):
        return "", ""
    alone = not answer[: expression.start].rpartition("\n")[2].strip()
    ended = not answer[expression.end :].partition("\n")[0].strip()
    return f"{'' if alone else NEW}```text\n", f"\n```{'' if ended else NEW}"


async def _placed(run: Run, codes: Sequence[str]) -> tuple[dict[str, Any] | None, list[ToolResult]]:
    """Return where the notebook stands, on the user's thread, and what each expression gave there."""
    return run.place().get("place"), await _results(run, codes)


async def _results(run: Run, codes: Sequence[str]) -> list[ToolResult]:
    """Return what each expression gave, or why it is not evaluated."""
    hindered = [hindrance(run, code) for code in codes]
    printed = [f"print({code}, end='')" for code, why in zip(codes, hindered, strict=True) if not why]
    given = map(_a_value, await in_copy(run, printed) if printed else ())
    return [ToolResult(False, why, "CallDenied") if why else next(given) for why in hindered]


def _a_value(result: ToolResult) -> ToolResult:
    """Refuse what names something that has no text of its own, such as a method that is not called."""
    if not result.ok or (found := _NO_VALUE.search(result.text)) is None:
        return result
    what = result.text[found.start() :].strip()[:60]
    return ToolResult(False, f"it gives {what}, which is no value: call it, or name what it holds", "TypeError")


async def _own_words(run: Run, found: Sequence[Expression], results: Sequence[ToolResult]) -> list[bool]:
    """Return of each expression whether its value is the model's own word: no variable or only a literal gives it."""
    asked = [[*_probes(x.code, r.text.strip())] if r.ok else [] for x, r in zip(found, results, strict=True)]
    said = iter(await run.visit(partial(_results, run, [p for ps in asked for p in ps])) if any(asked) else ())
    follows = [any([next(said).text.strip() == "True" for _ in ps]) for ps in asked]
    return [of or not reads(run, x.code) for of, x in zip(follows, found, strict=True)]


def _probes(code: str, shown: str) -> Iterator[str]:
    """Return code that is true where a value is a literal of its expression."""
    if (field := parsed(code)) is not None:
        spec = field.format_spec.values[0].value if field.format_spec is not None else ""  # type: ignore[attr-defined]
        yield from probes(folded(field.value), spec, shown)


def reads(run: Run, code: str) -> bool:
    """Return whether an expression reads a variable, rather than constants, modules and what is built in."""
    field = parsed(code)
    nodes = [*ast.walk(folded(field.value))] if field is not None else []
    names = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    names -= {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    names -= {n.arg for n in nodes if isinstance(n, ast.arg)}
    none: dict[str, Any] = {}
    here = none if run.namespace is None else run.namespace
    return any(
        not isinstance(here[n], ModuleType | type | BuiltinFunctionType)
        if n in here
        else not hasattr(builtins, n)
        for n in names
    )


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
    if came.label.private and run.state.started_by:
        return f"{came.why}; that is private, and another process would read it"
    shown = came.label._replace(private=False)  # the answer is the person's
    return f"{came.why}; compute it in a step" if context.join(shown) != context else ""


def last_line(text: str) -> str:
    """Return the last line of a text that says something, such as the error of a traceback."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it failed")


def _why(run: Run, result: ToolResult) -> str:
    """Say why an expression gave nothing; where there is private data, without what the error says of it."""
    hides = result.error != "CallDenied" and labels.private(run.state.labels)
    return result.error if hides else last_line(result.text)


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

    None stands for an expression that is not evaluated: the model's, where the gate would not let it run unasked, and
    one that reads no variable, since it holds whatever the step did.
    """
    if not reads(run, expression):
        return None, "it reads no variable"
    try:
        (result,) = await run.visit(partial(_condition, run, f"bool({expression})"))
    except UsageError as error:
        return None, str(error)
    if result.error == "CallDenied":
        return None, result.text
    if not result.ok:
        return False, _why(run, result)
    return result.text.strip() == "True", "it is false"
