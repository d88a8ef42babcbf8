"""Integrate a step, check an answer, pause and end."""

from __future__ import annotations

import ast
import contextlib
import inspect
import typing
from collections.abc import Awaitable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.journal.events import PLAN, CheckFinished, RunEnded, RunPaused, StepIntegrated
from llmos_nb.process import compute
from llmos_nb.process.run import Run
from llmos_nb.process.state import prompts
from llmos_nb.process.state.decide import Check, End, Integrate, Pause
from llmos_nb.tools import Call, CallContext, Stopped, bounded, current_call
from llmos_nb.tools.devices.python import interruptible
from llmos_nb.tools.schema import accepts, kind_of

_TYPES: dict[str, Any] = {
    t.__name__: t for t in (int, float, str, bool, bytes, complex, list, dict, tuple, set, frozenset, object)
}
_PLAIN: dict[str, Any] = {**_TYPES, "Any": Any, "Literal": typing.Literal, "Optional": typing.Optional}
_NODES = (
    ast.Name,
    ast.Attribute,
    ast.Subscript,
    ast.BinOp,
    ast.BitOr,
    ast.Tuple,
    ast.Constant,
    ast.Load,
    ast.List,
)
Outputs = list[tuple[str, str]]


def parse(text: str, option: str = "--out") -> Outputs:
    """Read ``"total: float, table: DataFrame"``.

    Raises
    ------
    UsageError
        A name is none, is there twice, or a type is not understood.
    """
    found: Outputs = []
    for part in _split(text):
        name, colon, kind = (w.strip() for w in part.partition(":"))
        if not name.isidentifier() or (colon and not kind):
            raise UsageError(
                f"{option} {part.strip()!r}: write NAME, or names with types: 'total: float, table: DataFrame'"
            )
        if name in dict(found):
            raise UsageError(f"{option} {text!r}: {name} is there twice")
        _tree(kind or "object", option)
        found.append((name, kind or "object"))
    return found


def _split(text: str) -> list[str]:
    """Cut at the commas that stand in no bracket."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "[(") - (letter in "])")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _tree(kind: str, option: str) -> ast.expr:
    try:
        tree = ast.parse(kind, mode="eval").body
    except SyntaxError:
        raise UsageError(f"{option} {kind!r}: not a type (write float, list[str], int | None, DataFrame)") from None
    wrong = next((n for n in ast.walk(tree) if not isinstance(n, _NODES)), None)
    if wrong is not None:
        raise UsageError(f"{option} {kind!r}: {ast.unparse(wrong)} has no place in a type")
    return tree


def missing_outputs(outputs: Iterable[tuple[str, str]], namespace: Mapping[str, Any]) -> list[str]:
    """Say what is not as declared, a line an output; nothing where all is."""
    return [why for name, kind in outputs if (why := _fault(name, kind, namespace))]


def _fault(name: str, kind: str, namespace: Mapping[str, Any]) -> str:
    if name not in namespace:
        return f"`{name}` is not there"
    if _fits(_tree(kind, "outputs"), namespace[name]):
        return ""
    return f"`{name}` must be {kind}, and is {_article(type(namespace[name]).__name__)}"


def _article(word: str) -> str:
    return f"an {word}" if word[:1].lower() in "aeiou" else f"a {word}"


def annotation(kind: str, option: str) -> Any:
    """Return the annotation that a text of builtins spells, such as ``list[float]``.

    Raises
    ------
    UsageError
        It is not understood, or names a class that is no builtin.
    """
    tree = _tree(kind, option)
    if not _is_plain(tree):
        raise UsageError(f"{option} {kind!r}: only {', '.join(_PLAIN)} and their unions are plain data")
    return _evaluated(tree)


def _is_plain(node: ast.expr) -> bool:
    """Whether a type consists of names that are known here."""
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return names <= _PLAIN.keys() and not any(isinstance(n, ast.Attribute) for n in ast.walk(node))


def _evaluated(node: ast.expr) -> Any:
    code = compile(ast.Expression(node), "<type>", "eval")
    return eval(code, {"__builtins__": {}}, _PLAIN)  # noqa: S307 - names and brackets only, all of them known


def _fits(node: ast.expr, value: Any) -> bool:
    if isinstance(node, ast.BinOp):
        return _fits(node.left, value) or _fits(node.right, value)
    if _is_plain(node):
        return _is_a(_evaluated(node), value)
    outer = node.value if isinstance(node, ast.Subscript) else node
    wanted = ast.unparse(outer).rpartition(".")[2]
    return any(c.__name__ == wanted for c in type(value).__mro__)


def _is_a(annotation: Any, value: Any) -> bool:
    """Whether a value is what an annotation says; a number of numpy counts as the plain one."""
    if annotation is object or annotation is Any:
        return True
    outer = typing.get_origin(annotation) or annotation
    if isinstance(outer, type) and outer not in (int, float) and not isinstance(value, outer):
        return False
    plain = value.item() if hasattr(value, "item") and getattr(value, "ndim", None) == 0 else value
    if outer is int:
        return isinstance(plain, int) and not isinstance(plain, bool)
    if isinstance(annotation, type) and outer is not float:
        return True
    return accepts(kind_of(annotation).schema, _listed(plain))


def _listed(value: Any) -> Any:
    if isinstance(value, tuple | set | frozenset | list):
        return [_listed(v) for v in value]
    return {k: _listed(v) for k, v in value.items()} if isinstance(value, dict) else value


EVIDENCE = 240


def integrate(run: Run, command: Integrate) -> Awaitable[None] | None:
    """Compare what the calls of a step showed with what the step expected."""
    plan = run.state.plan
    step = plan.step(command.step) if command.step in plan else None
    if step is not None and step.expectation:
        return _compare(run, command, step.expectation)
    _integrate(run, command)
    return None


async def _compare(run: Run, command: Integrate, expression: str) -> None:
    """Evaluate what a step expects, where its calls went well; it is the model's, so it may change nothing."""
    well = all(c.status == "done" for c in run.state.calls_for(command.step, command.response))
    async with run.writes.turn(run, command):
        found = await _unless_stopped(run, compute.holds(run, expression)) if well else (True, "")
    if found is not None:
        held, why = found
        compared = well and held is not None
        _integrate(run, command, expression if compared else "", (bool(held), why) if compared else (True, ""))


def _integrate(run: Run, command: Integrate, compared: str = "", found: tuple[bool, str] = (True, "")) -> None:
    calls = run.state.calls_for(command.step, command.response)
    bad = next((c for c in calls if c.status != "done"), None)
    status = detail = why = ""
    met = bad is None
    if bad is not None and bad.status in ("rejected", "skipped") and not (bad.by.to_mend or bad.by == PLAN):
        status = bad.status
    if met and compared:
        met, why = found
        if not met:
            detail = prompts.step_expected(run.state, command.step, compared, why)
    seen = evidence(calls)
    run.append(
        StepIntegrated(
            step=command.step,
            met=met,
            evidence=seen,
            status=status,
            detail=detail,
            compared=compared,
            found="" if met else why,
        )
    )


def evidence(calls: list[Call]) -> str:
    """Say in a line what was seen, where some calls gave something that alone; an error by its last line."""
    gave = [c for c in calls if not c.silent] or calls
    return bounded("; ".join(c.told for c in gave), EVIDENCE)[0].replace("\n", " ")


async def check(run: Run, command: Check) -> None:
    """Run one check of the answer that the model gave."""
    s = run.state
    if command.name == "outputs":
        declared = [(n, k) for n, k in s.outputs]
        wrong = await run.visit(lambda: missing_outputs(declared, run.namespace or {}))
        detail = "; ".join(wrong) or "all that it declared is there"
        run.append(CheckFinished(check="outputs", held=not wrong, detail=detail))
        return
    async with run.writes.turn(run, command):
        found = await _unless_stopped(run, run.visit(partial(_check_value, run, s.candidate)))
    if found is not None:
        run.append(CheckFinished(check=command.name, held=found[0], detail=found[1]))


async def _unless_stopped(run: Run, checking: Awaitable[Any]) -> Any:
    """Return what a check of the user's gives; None where the user stopped it: it is made anew when they resume."""
    try:
        return await checking
    except Stopped as stop:
        run.halt("paused", stop.by)
        return None


def check_key(run: Run) -> str:
    """Return the key by which Stop reaches a check of a process while it runs."""
    return f"{run.state.pid}-check"


@contextlib.contextmanager
def _as_check(run: Run) -> Iterator[None]:
    """Run code of the user's as a check of a process: nothing in it may decide for a person."""
    token = current_call.set(CallContext("check", check_key(run), run.call_timeout_s))
    try:
        yield
    finally:
        current_call.reset(token)


async def _check_value(run: Run, answer: str) -> tuple[bool, str]:
    if isinstance(run.check, str):
        return _holds(run, run.check, answer)
    if run.check is None:
        return False, f"the check {run.state.check} is not at hand in this kernel; give it again to `load`"
    try:
        with _as_check(run):
            with interruptible(run.call_timeout_s):
                found = run.check(*_check_arguments(run, answer))
            found = await found if inspect.isawaitable(found) else found
    except (Exception, SystemExit) as error:
        return False, f"{type(error).__name__}: {error}"
    return bool(found), f"it gave {found!r}"[:200]


def _check_arguments(run: Run, answer: str) -> list[Any]:
    """Return a check function as many of (answer, namespace) as it takes."""
    assert callable(run.check)  # noqa: S101 - the caller has looked
    wanted = len(inspect.signature(run.check).parameters)
    return [answer, run.namespace if run.namespace is not None else {}][:wanted]


def _holds(run: Run, expression: str, answer: str) -> tuple[bool, str]:
    """Evaluate a Python expression over the namespace, with `answer`; an error means that it does not hold."""
    with _as_check(run):
        return holds(expression, {**(run.namespace or {}), "answer": answer}, run.call_timeout_s)


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


def pause(run: Run, command: Pause) -> None:
    """Pause at a safe point."""
    run.append(RunPaused(why=command.why))


def end(run: Run, command: End) -> None:
    """End, with the answer where there is one."""
    s = run.state
    answer = s.candidate or s.partial or None
    answer = answer if command.reason in ("answered", "unverified", "truncated") else None
    run.append(RunEnded(reason=command.reason, detail=command.detail, answer=answer))
