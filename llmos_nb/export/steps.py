"""The surviving calls of a process as pieces of code, in executed order."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field

from llmos_nb.export.answer_code import computed_answer
from llmos_nb.export.functions import harmless, without_package
from llmos_nb.export.magics import NotPython, plain
from llmos_nb.export.redact import from_environment
from llmos_nb.export.source import ExportSource, latest
from llmos_nb.process import UNDO
from llmos_nb.process.state import CONTROL
from llmos_nb.tools import Call

LOOKING = ("describe", "names", "recall", UNDO)  # of an undo nothing is to be run again: what it took back is gone
REPEAT = "REPEAT_EFFECTS"


@dataclass
class Unit:
    """A piece of the notebook's code with where it came from.

    Parameters
    ----------
    role : str
        ``step``, ``user``, ``function``, ``held`` (read from an input file), ``state``, ``answer``.
    source : str
        Plain Python.
    order : tuple
        Sorts the units as they were executed.
    call : Call, optional
        The call behind a step.
    run : ExportSource, optional
        The process behind it.
    problem : str
        Why it could not be said in plain Python.
    names : list of str
        The variables it is there for.
    running : str, optional
        What of it runs, where a part waits for `REPEAT_EFFECTS`.
    kept : bool
        It stands in the notebook whole, whatever else needs it.
    """

    role: str
    source: str
    order: tuple[int, int, int] = (0, 0, 0)
    call: Call | None = None
    run: ExportSource | None = None
    problem: str = ""
    names: list[str] = field(default_factory=list)
    running: str | None = None
    kept: bool = True


def step_units(run: ExportSource, nth: int = 0) -> list[Unit]:
    """Return one unit for each surviving call that acts.

    Parameters
    ----------
    run : ExportSource
        The process.
    nth : int
        Its place among several processes of one notebook.
    """
    start = started_at(run)
    calls = [c for c in run.state.surviving if c.name not in (*CONTROL, *LOOKING)]
    if run.placed is not None:  # a step that two processes share stands there once
        calls = [c for c in calls if c.id in run.placed]
    counted = [(call, (run.placed or {}).get(call.id, start)) for call in calls]
    return [_unit(run, call, (n, nth + 1, i)) for i, (call, n) in enumerate(counted)]


def answer_units(run: ExportSource, nth: int = 0) -> list[Unit]:
    """Return what computes the answer of a process whose results are asked for, behind the last step before it.

    Parameters
    ----------
    run, nth
        As in `step_units`.
    """
    if not run.wanted or not (source := computed_answer(run)):
        return []
    at = run.answered if run.answered is not None else started_at(run)
    return [Unit("answer", source, (at, nth + 1, len(run.state.calls)), run=run)]


def started_at(run: ExportSource) -> int:
    """Return the execution count of the cell that started a process; after all others where nothing tells."""
    cells, goal = [(n, *source.strip().partition("\n")) for n, source in run.user_cells], run.goal.strip()
    counts = [n for n, head, _, body in cells if head.startswith("%%agent") and goal in (body.strip(), head)]
    last = max((n for n, _ in run.user_cells), default=0)
    return counts[-1] if counts and goal else last + 1


def _unit(run: ExportSource, call: Call, order: tuple[int, int, int]) -> Unit:
    source, running = call_code(run, call), None
    source, problem = _parsed(source, from_environment)
    if problem:
        source = _refused(source, call, problem)
    elif _once(run, call):
        source, running = _guarded(source, call), ""
    return Unit("step", source, order, latest(call), run, problem, running=running, kept=run.wanted)


def _refused(source: str, call: Call, problem: str) -> str:
    """Return code that cannot be said as a comment; where something rests on it, the notebook stops there."""
    lines = [f"# {line}" for line in source.splitlines()]
    if call.changes.names or call.facts.get("effects"):
        lines.append(f"raise NotImplementedError({f'call {call.id} cannot be done here: {problem}'!r})")
    return "\n".join(lines)


def _parsed(source: str, finish: Callable[[str], str]) -> tuple[str, str]:
    """Return code as plain Python, and why it cannot be: then it is left as far as it came."""
    try:
        source = finish(plain(source))
        ast.parse(source)
    except NotPython as why:
        return source, f"{why} has no plain form"
    except SyntaxError as why:
        return source, f"not Python: {why.msg}"
    return source, ""


def call_code(run: ExportSource, call: Call) -> str:
    """Return a call as code."""
    if call.name == "python":
        return call.code
    if call.name == "ask":
        return _entered(call)
    arguments = call.arguments if isinstance(call.arguments, dict) else {}
    if (tool := run.tools.get(call.name)) is None:
        if isinstance(code := call.facts.get("code"), str):  # as the device said it when it ran
            return code
        return f"{call.name}({', '.join(f'{k}={v!r}' for k, v in arguments.items())})"
    return tool.as_code(call) if tool.as_code is not None else tool.to_code(arguments)


def _entered(call: Call) -> str:
    question = call.arguments.get("question", "") if isinstance(call.arguments, dict) else ""
    name = f"answer_{call.id.replace('.', '_')}"
    asked = "\n".join(f"#   {line}" for line in str(question).splitlines())
    return f"# Entered by a person, who was asked:\n{asked}\n{name} = {call.result!r}"


def _once(run: ExportSource, call: Call) -> bool:
    """Return whether running the call again would act outside a second time."""
    tool = run.tools.get(call.name)
    if tool is None:  # of a saved process: nobody can say that it only looked
        return (
            "code" not in call.facts
            and call.name not in ("python", "ask", "calculator")
            and call.name not in run.state.reads
        )
    if call.name == "python" or tool.effect != "external" or tool.repeat != "once":
        return False
    return not call.changes.names and (tool.runner is not None or not harmless(tool.fn))


def _guarded(source: str, call: Call) -> str:
    inner = "\n".join(f"    {line}" for line in source.splitlines())
    how = f" on {call.started or call.ended} with the key {call.key}" if call.key else ""
    when = f"It was done{how}."
    return f"# This acts outside the notebook, so it is not done again. {when}\nif {REPEAT}:\n{inner}"


def user_units(runs: list[ExportSource], whole: bool = False) -> list[Unit]:
    """Return the user's own cells of the kernel, as plain code.

    Parameters
    ----------
    runs : list of ExportSource
        The processes.
    whole : bool
        Keep each cell whole; else only what is needed of it.
    """
    cells = {(n, source) for run in runs for n, source in run.user_cells}
    found = []
    for n, source in sorted(cells):
        if source.lstrip().startswith("%%agent"):
            continue
        code, problem = _parsed(source, without_package)
        if problem:  # what it made is among the names that are missing then
            code = "\n".join(f"# {line}" for line in [problem, *source.splitlines()]) if whole else ""
        elif not whole and all(isinstance(node, ast.Pass) for node in ast.parse(code).body):
            code = ""  # such as what loads this extension
        found.append(Unit("user", code, (n, 0, 0), problem=problem, kept=whole))
    return found
