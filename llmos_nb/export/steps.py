"""The surviving calls of a process as pieces of code, in executed order."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from llmos_nb.export.functions import harmless, without_package
from llmos_nb.export.redact import from_environment
from llmos_nb.export.source import ExportSource
from llmos_nb.process.state import CONTROL
from llmos_nb.tools import Call

_DROPPED = re.compile(
    r"matplotlib|config|(re|un)?load_ext|autoreload|pip|conda|mamba|uv|precision|pylab|reset|whos?|hist(ory)?|pdb|debug"
    r"|xmode|pinfo2?|lsmagic|autosave|agent"
)
_TIMERS = ("time", "timeit", "prun", "memit", "lprun", "mprun")
_LINE = re.compile(
    r"^(?P<indent>[ \t]*)(?:(?P<target>[\w, ]+?)[ \t]*=[ \t]*)?(?P<sign>[%!])(?P<body>[^%!].*|![^!].*)$"
)
_HELP = re.compile(r"^\s*\??[\w.*]+\?{1,2}\s*$|^\s*\?{1,2}[\w.*]+\s*$")


class NotPython(ValueError):
    """A magic that has no plain form; its text is the line."""


def plain(source: str) -> str:
    """Return code without magics.

    Raises
    ------
    NotPython
        A magic is used that cannot be said in plain Python.
    """
    first = source.lstrip().partition("\n")[0]
    if first.startswith("%%"):
        return _cell(first[2:].strip(), source.lstrip().partition("\n")[2])
    try:
        ast.parse(source)
    except SyntaxError:
        return "\n".join(_line(line) for line in source.splitlines())
    return source


def _cell(head: str, body: str) -> str:
    name, _, rest = head.partition(" ")
    if name in (*_TIMERS, "capture"):
        return plain(body)
    if name in ("bash", "sh", "script"):
        return _shell("", body, "")
    if name in ("writefile", "file"):
        mode = "a" if "-a " in f"{rest} " else "w"
        path = rest.replace("-a", "").strip()
        return f'with open({path!r}, "{mode}") as _file:\n    _file.write({body!r})'
    raise NotPython(f"%%{head}")


def _line(line: str) -> str:
    if _HELP.match(line):
        return ""
    found = _LINE.match(line)
    if found is None:
        return line
    indent, target, body = found["indent"], (found["target"] or "").strip(), found["body"].strip()
    if found["sign"] == "!":
        return _shell(indent, body.lstrip("!"), target)
    return indent + _magic(body, line)


def _magic(body: str, line: str) -> str:
    name, _, rest = body.partition(" ")
    rest = rest.strip()
    if _DROPPED.fullmatch(name):
        return f"pass  # was: %{body}"
    if name in _TIMERS:
        return re.sub(r"^(-\w+\s+\S+\s+)*", "", rest)
    if name == "cd":
        return f"import os; os.chdir(os.path.expanduser({rest!r}))"
    if name in ("env", "set_env") and rest:
        key, _, value = re.sub(r"\s*=\s*", " ", rest, count=1).partition(" ")
        return f"import os; os.environ[{key!r}] = {value.strip()!r}"
    raise NotPython(line.strip())


def _shell(indent: str, command: str, target: str) -> str:
    """Spell a shell line as a subprocess; `{name}` in it is filled in as IPython does."""
    text = f"f{command!r}" if re.search(r"\{\w+\}", command) else repr(command)
    run = f"subprocess.run({text}, shell=True, capture_output=True, text=True, check=False).stdout"
    act = f"{target} = {run}.splitlines()" if target else f'print({run}, end="")'
    return f"{indent}import subprocess; {act}"


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
        source = "\n".join(f"# {line}" for line in source.splitlines())
    elif _once(run, call):
        source, running = _guarded(source, call), ""
    return Unit("step", source, order, call, run, problem, running=running, kept=run.wanted)


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
        return call.name not in ("python", "ask", "calculator") and call.name not in run.state.reads
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
        found.append(Unit("user", code, (n, 0, 0), problem=problem, kept=whole))
    return found
