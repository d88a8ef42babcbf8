"""Expressions in an answer: ``{{df.mass.mean():.1f}}`` is evaluated on the live variables and takes its place.

Each is evaluated in a copy of the process that holds the variables, which is thrown away: whatever it does is lost
there, and what would act outside, or take something from outside, is refused where it happens. So looking is no act:
it is done in every mode. What gives nothing is told to the model once, and shown as the code that it is.

One that reads no variable, by itself or by what it calls, or only such as the model's own steps made of literals, or
whose value is a literal that stands in it or in these, is the model's own word: its value takes its place, but does not
count as computed.
"""

from __future__ import annotations

import ast
import copy
import math
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, NamedTuple

from llmos_nb.errors import ToolError, UsageError
from llmos_nb.journal.events import AnswerComputed, LabelChanged, RunStarted
from llmos_nb.messages import ToolResult
from llmos_nb.policy import Came, labels
from llmos_nb.policy.secrets import redact
from llmos_nb.process import literals
from llmos_nb.process.fields import (
    CLOSE,
    OPEN,
    Field,
    as_code,
    as_source,
    expressions,
    in_tables,
    inert,
    is_table,
    parsed,
)
from llmos_nb.process.gate import judge, labels as gate_labels
from llmos_nb.process.given import Filled, filled
from llmos_nb.process.preview import forked
from llmos_nb.process.provenance import Inlined, Made, Provenance, is_variable, loads
from llmos_nb.process.run import Run
from llmos_nb.process.state.decide import Compute
from llmos_nb.tools import Call, Stopped
from llmos_nb.tools.devices.child import Child

__all__ = ["as_code", "compute", "expressions", "holds", "is_table"]  # for the export, too
MOST = 60  # expressions of an answer that are evaluated
COMPUTE_S, ALL_S = 20.0, 60.0  # that one may take, and all of an answer
LONGEST, WHY = 4_000, 200  # characters of a value, and of a reason
NEW = "\n\n"  # Markdown begins a block behind it
TOO_MANY = f"an answer holds at most {MOST} expressions"
_MARKDOWN = re.compile(r"\s*(?:\||#+ |[-*>] |\d+\. )")
_BAR = re.compile(r"(?<!\\)\|")  # it would begin another cell
_NO_VALUE = re.compile(
    r"<(?:bound method|built-in|function|method|class|module|slot wrapper) |<[a-zA-Z_][^\n]* at 0x[0-9a-f]+>"
)
Look = Callable[[Sequence[Field]], Awaitable[list[ToolResult]]]


class Given(NamedTuple):
    """What an expression gave: whether it is the model's own word, and where what it read came from."""

    result: ToolResult
    own: bool = False
    came: Came = Came()


async def compute(run: Run, command: Compute) -> None:
    """Evaluate the expressions of the answer that the model gave, each once."""
    answer = inert(run.state.candidate)
    found = expressions(answer)
    there: Container[str] = () if run.namespace is None else run.namespace
    asked = [filled(x.code, run.state, there) for x in found]
    try:
        place, given = await run.visit(partial(_placed, run, asked[:MOST]))
    except Stopped as stop:
        run.halt("paused", stop.by)
        return
    given += [Given(_denied(TOO_MANY)) for _ in found[MOST:]]
    before, rows = _earlier(run), in_tables(answer)
    values: list[dict[str, Any]] = []
    errors: list[str] = []
    text, at = "", 0
    for expression, (field, code, _), (result, own, _) in zip(found, asked, given, strict=True):
        text += answer[at : expression.start]
        at = expression.end
        known = before.get(code, {}) if not result.ok else _facts(result, own)
        if not (result.ok or known):
            errors.append(f"{OPEN}{expression.code}{CLOSE}: {_why(run, result)}")
            text += as_source(expression.code)
            continue
        said = _text(result) if result.ok else known["text"]
        shown = _BAR.sub(r"\|", said) if any(a <= expression.start < b for a, b in rows) else said
        opens, closes = _fences(text, answer[at:], shown)
        text += opens + (field.before if field else "")
        if not own or (field is not None and _reads(run, field.value)):
            value = {"start": len(text), "text": said, "code": code} | ({"shown": shown} if shown != said else {})
            values.append(value | {k: known[k] for k in ("format", "changes", "own", "content") if k in known})
        text += shown + closes
    _label(run, [g.came for g in given if g.result.ok])
    run.append(AnswerComputed(answer=text + answer[at:], values=values, errors=errors, place=place))


def _facts(result: ToolResult, own: bool) -> dict[str, Any]:
    """Return by which format a value came about, what its expression changed there, and if it is the model's own.

    Of a table its content is told, too, in the words of `heap.content`.
    """
    told = {"format": result.facts["format"], "changes": result.facts.get("changes"), "own": own}
    told["content"] = redact(result.facts.get("content", ""))
    return {k: v for k, v in told.items() if v or k == "format"}


def _text(result: ToolResult) -> str:
    text = result.text.strip()
    if "\n" in text:  # its first line has its columns, too
        text = result.text.strip("\n").rstrip()
    return redact(text[:LONGEST])


def _earlier(run: Run) -> dict[str, dict[str, Any]]:
    """Return by its code what was computed in the answer before, where the model was told of what failed in it."""
    if not run.state.nudges["expression"]:
        return {}
    bodies = (e.body for e in reversed(run.journal.events))
    last = next((b for b in bodies if isinstance(b, AnswerComputed)), None)
    return {v["code"]: v for v in last.values if "format" in v} if last is not None else {}


def _label(run: Run, came: Sequence[Came]) -> None:
    """Let the answer bear the label of what it shows: it goes on to other processes as the process's own words."""
    read = gate_labels.joined(*came)
    shown = read.label._replace(private=False)  # the answer is the person's
    for name, label, why in labels.floated(run.state.labels, Came(shown, f"the answer: {read.why}"), ()):
        run.append(LabelChanged(name=name, label=label, why=why))


def _fences(before: str, behind: str, shown: str) -> tuple[str, str]:
    """Return what stands around a value of several lines: a block of its own, where a table's columns stay in line."""
    if "\n" not in shown or "```" in shown:
        return "", ""
    opens = "" if not before.strip() or before.endswith(NEW) else "\n" if before.endswith("\n") else NEW
    closes = "" if not behind.strip() or behind.startswith(NEW) else "\n" if behind.startswith("\n") else NEW
    if _MARKDOWN.match(shown):
        return opens, closes
    return f"{opens}```text\n", f"\n```{closes}"


async def _placed(run: Run, fields: Sequence[Filled]) -> tuple[dict[str, Any] | None, list[Given]]:
    """Return where the notebook stands, on the user's thread, and what each expression gave there."""
    return run.place().get("place"), await _given(run, fields)


async def _given(run: Run, fields: Sequence[Filled]) -> list[Given]:
    """Evaluate expressions, and find out whose word each is; what fails says why."""
    seen = [
        hindrance(run, f.asked["value"]) if f is not None else (why or "it is no expression", Came())
        for f, _, why in fields
    ]
    asked = [f for (f, *_), (why, _) in zip(fields, seen, strict=True) if f is not None and not why]
    if not asked:
        return [Given(_denied(why)) for why, _ in seen]
    try:
        async with _looking(run) as look:
            results = [_a_value(r) for r in await look(asked)]
            own = iter(await _own_words(run, look, asked, results))
    except (UsageError, ToolError, OSError) as error:  # there is no way to a copy here
        return [Given(_denied(why or str(error))) for why, _ in seen]
    there = iter(results)
    return [Given(_denied(why)) if why else Given(next(there), next(own), came) for why, came in seen]


def _denied(why: str) -> ToolResult:
    return ToolResult(False, why, "CallDenied")


def _a_value(result: ToolResult) -> ToolResult:
    """Refuse what names something that has no text of its own, such as a method that is not called."""
    if not result.ok or (found := _NO_VALUE.search(result.text)) is None:
        return result
    what = result.text[found.start() :].strip()[:60]
    return ToolResult(False, f"it gives {what}, which is no value: call it, or name what it holds", "TypeError")


async def _own_words(run: Run, look: Look, fields: Sequence[Field], results: Sequence[ToolResult]) -> list[bool]:
    """Return of each expression whether its value is the model's own word: no variable or only a literal gives it."""
    steps = Provenance(run.state.surviving, {} if run.namespace is None else run.namespace)
    named = [{n.id for n in ast.walk(f.value) if isinstance(n, ast.Name)} for f in fields]
    await _changed_since(look, steps, {n for names in named for n in names})
    nodes = [literals.folded(Inlined(steps.made, f.value).visit(copy.deepcopy(f.value))) for f in fields]
    shown = [(f.spec or r.facts.get("format", ""), r.text.strip()) for f, r in zip(fields, results, strict=True)]
    probes = [[*literals.probes(n, *told)] if r.ok else [] for n, told, r in zip(nodes, shown, results, strict=True)]
    follow = iter(await _true(look, [p for each in probes for p in each]))
    follows = [any([next(follow) for _ in each]) for each in probes]
    own = []
    for names, node, told, gives, r in zip(named, nodes, shown, follows, results, strict=True):
        read = loads(node) | ({*r.facts.get("read", ())} - names)
        is_literal = gives or any(literals.is_shown(v, *told) for v in steps.may_be(node))
        own.append(r.ok and (is_literal or not steps.live(read)))
    return own


async def _changed_since(look: Look, steps: Provenance, names: Container[str]) -> None:
    """Take for a live variable what holds no longer the number or text that the model's step gave it."""
    held = {n: m.code.value for n, m in steps.made.items() if n in names and type(m.code) is ast.Constant}
    asked = [f"type({n}) is not type({v!r}) or {n} != {v!r}" for n, v in held.items()]
    for name, changed in zip(held, await _true(look, asked), strict=True):
        steps.made |= {name: Made(live=True)} if changed else {}


async def _true(look: Look, codes: Sequence[str]) -> list[bool]:
    found = await look([Field(ast.parse(code, mode="eval").body) for code in codes])
    return [r.ok and r.text == "True" for r in found]


def reads(run: Run, code: str) -> bool:
    """Return whether an expression reads a variable, rather than constants, modules and what is built in."""
    field = parsed(code)
    return field is not None and _reads(run, field.value)


def _reads(run: Run, value: ast.expr) -> bool:
    here: dict[str, Any] = {} if run.namespace is None else run.namespace
    return any(is_variable(n, here) for n in loads(literals.folded(value)))


def hindrance(run: Run, code: str) -> tuple[str, Came]:
    """Say why an expression is not evaluated, nothing where it is, and what it reads.

    What it would do is refused where it does it. Asked beforehand are the rules of the user, and labels: what is secret
    stays out of answers, and what is private does not reach other processes. Libraries that read files by themselves
    are known by name alone.

    Parameters
    ----------
    run : Run
        The process, on the user's thread.
    code : str
        A Python expression of the model's.
    """
    tool, arguments = run.tools.get("python"), {"code": code}
    if tool is None:
        return "this process runs no Python", Came()
    seen = judge.inspect(run, tool, arguments)
    ruled = judge.ruling(run, Call("answer", "python", arguments), tool, arguments, seen)
    if ruled.what == "deny" and ruled.by.kind == "rule":
        return f"{ruled.by.describe()} denies it", Came()
    if seen.sources:
        return "it takes something from outside; do that in a step", Came()
    came, context = gate_labels.reading(run, tool, arguments, seen), labels.context(run.state.labels)
    if came.label.private and run.state.started_by:
        return f"{came.why}; that is private, and another process would read it", came
    if came.label.secret and not context.secret:
        return f"{came.why}, which is secret", came
    return "", came


def _why(run: Run, result: ToolResult) -> str:
    """Say why an expression gave nothing; where there is private data, without what the error says of it."""
    hides = result.error != "CallDenied" and labels.private(run.state.labels)
    return result.error if hides else next(iter(result.text.splitlines()), result.error)[:WHY]


@asynccontextmanager
async def _looking(run: Run) -> AsyncIterator[Look]:
    """Give what evaluates expressions: in copies of this process, or of the child that holds the variables.

    Raises
    ------
    UsageError
        There is no namespace, or no way to a copy of it.
    """
    began, tool = run.journal.events[0].body, run.tools.get("python")
    apart = isinstance(began, RunStarted) and began.apart and tool is not None
    there = tool.worker if apart and tool is not None else None
    if there is None and run.namespace is None:
        raise UsageError("there is no namespace to evaluate it on")
    child = there if isinstance(there, Child) else forked(run.namespace or {})

    async def look(fields: Sequence[Field]) -> list[ToolResult]:
        asked = [f.asked for f in fields]
        return await child.look(asked, min(COMPUTE_S, run.call_timeout_s), ALL_S) if asked else []

    try:
        yield look
    finally:
        if child is not there:
            child.close()


async def _condition(run: Run, field: Field, looked: bool = False) -> ToolResult:
    """Evaluate it; of a condition that a person has looked at, or written, nothing is asked."""
    if why := "" if looked else hindrance(run, field.asked["value"])[0]:
        return _denied(why)
    async with _looking(run) as look:
        return (await look([field]))[0]


async def holds(run: Run, expression: str) -> tuple[bool | None, str]:
    """Return whether what a step expects holds, and why it does not; it is evaluated in a copy.

    None stands for an expression that is not evaluated: one that would act, and one that reads no variable, since it
    holds whatever the step did.
    """
    if not reads(run, expression):
        return None, "it reads no variable"
    try:
        field = Field(ast.parse(f"bool({expression})", mode="eval").body)
        result = await run.visit(partial(_condition, run, field, run.state.plan_by.is_person))
    except (UsageError, ToolError, OSError, SyntaxError) as error:
        return None, str(error)
    if result.error == "CallDenied":
        return None, result.text
    if not result.ok:
        return False, _why(run, result)
    return (True, "") if result.text == "True" else (False, f"it is false{await _was(run, expression)}")


async def _was(run: Run, expression: str) -> str:
    """Say what the first side of a comparison is, where that is a number: a text may be what others wrote."""
    tree = ast.parse(expression, mode="eval").body
    if not isinstance(tree, ast.Compare) or labels.private(run.state.labels):
        return ""
    with suppress(UsageError, ToolError, OSError, ValueError):
        result = await run.visit(partial(_condition, run, Field(tree.left)))
        if result.ok and math.isfinite(float(result.text)):
            return f": {ast.unparse(tree.left)} is {result.text}"
    return ""
