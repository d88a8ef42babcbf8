"""The surviving calls of a process as pieces of code, in executed order."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from llmos_nb.notebook.functions import harmless, without_package
from llmos_nb.notebook.magicless import NotPython, plain
from llmos_nb.notebook.redact import from_environment
from llmos_nb.notebook.source import ExportSource
from llmos_nb.state import CONTROL, Call

LOOKING = ("describe", "names", "recall")
REPEAT = "REPEAT_EFFECTS"


@dataclass
class Unit:
    """A piece of the notebook's code with where it came from.

    Parameters
    ----------
    role : str
        ``step``, ``user``, ``function``, ``held`` (read from an input file), ``state``.
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
    """Give one unit for each surviving call that acts.

    Parameters
    ----------
    run : ExportSource
        The process.
    nth : int
        Its place among several processes of one notebook.
    """
    start = started_at(run)
    calls = [c for c in run.state.surviving if c.name not in (*CONTROL, *LOOKING)]
    return [
        _unit(run, call, (int(call.facts.get("execution_count") or start), nth + 1, i))
        for i, call in enumerate(calls)
    ]


def started_at(run: ExportSource) -> int:
    """Give the execution count of the cell that started a process; after all others where nothing tells."""
    counts = [n for n, source in run.user_cells if _starts(source, run)]
    last = max((n for n, _ in run.user_cells), default=0)
    return counts[-1] if counts else last + 1


def _starts(source: str, run: ExportSource) -> bool:
    head, _, body = source.strip().partition("\n")
    return head.startswith("%%agent") and bool(run.goal.strip()) and run.goal.strip() in (body.strip(), head)


def _unit(run: ExportSource, call: Call, order: tuple[int, int, int]) -> Unit:
    source, problem, running = call_code(run, call), "", None
    try:
        source = from_environment(plain(source))
        ast.parse(source)
    except NotPython as why:
        problem = f"{why} has no plain form"
    except SyntaxError as why:
        problem = f"not Python: {why.msg}"
    if problem:
        source = "\n".join(f"# {line}" for line in source.splitlines())
    elif _once(run, call):
        source, running = _guarded(source, call), ""
    return Unit("step", source, order, call, run, problem, running=running)


def call_code(run: ExportSource, call: Call) -> str:
    """Give a call as code."""
    if call.name == "python":
        return call.code
    if call.name == "ask":
        return _entered(call)
    tool = run.tools.get(call.name)
    arguments = call.arguments if isinstance(call.arguments, dict) else {}
    if tool is not None and "call_code" in tool.extra:
        return str(tool.extra["call_code"](call))
    if tool is None:
        return f"{call.name}({', '.join(f'{k}={v!r}' for k, v in arguments.items())})"
    return tool.to_code(arguments)


def _entered(call: Call) -> str:
    question = call.arguments.get("question", "") if isinstance(call.arguments, dict) else ""
    name = f"answer_{call.id.replace('.', '_')}"
    asked = "\n".join(f"#   {line}" for line in str(question).splitlines())
    return f"# Entered by a person, who was asked:\n{asked}\n{name} = {call.result!r}"


def _once(run: ExportSource, call: Call) -> bool:
    """Tell whether running the call again would act outside a second time."""
    tool = run.tools.get(call.name)
    if tool is None or call.name == "python" or tool.effect != "external" or tool.repeat != "once":
        return False
    changed = any(call.changes.get(k) for k in ("created", "rebound", "mutated", "deleted"))
    return not changed and (tool.runner is not None or not harmless(tool.fn))


def _guarded(source: str, call: Call) -> str:
    inner = "\n".join(f"    {line}" for line in source.splitlines())
    when = (
        f"It was done on {call.started or call.ended} with the key {call.key}." if call.key else "It was done."
    )
    return f"# This acts outside the notebook, so it is not done again. {when}\nif {REPEAT}:\n{inner}"


def user_units(runs: list[ExportSource], whole: bool = False) -> list[Unit]:
    """Give the user's own cells of the kernel, as plain code.

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
        try:
            code, problem = without_package(plain(source)), ""
            ast.parse(code)
        except (NotPython, SyntaxError) as why:  # what it made is among the names that are missing then
            problem = f"{why} has no plain form" if isinstance(why, NotPython) else f"not Python: {why.msg}"
            code = "\n".join(f"# {line}" for line in [problem, *source.splitlines()]) if whole else ""
        found.append(Unit("user", code, (n, 0, 0), problem=problem, kept=whole))
    return found
