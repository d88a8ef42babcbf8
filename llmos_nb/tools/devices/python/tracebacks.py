"""An error in a step, told shortly: the frames of the user's own code, the failing lines marked, the message last.

Own code is the step's, that of cells and of steps before it, and files of the user's; what lies between, of libraries,
is one line. Of the last own frame the values of the names in the failing line are told, too.
"""

from __future__ import annotations

import ast
import linecache
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from llmos_nb.errors import ToolTimeout
from llmos_nb.policy.secrets import secret_text, secret_under
from llmos_nb.tools.devices.namespace.describe import brief
from llmos_nb.tools.text import safe_text

FRAMES, AROUND, MESSAGE = 6, 2, 2000
VALUES, VALUE = 6, 120  # names of the failing line, and characters of each value
_OURS = str(Path(__file__).parents[3])
_LIBRARIES = tuple({sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")})


def explain(error: BaseException, filename: str, values: bool = True) -> str:
    """Tell an error.

    Parameters
    ----------
    error : BaseException
        What was raised.
    filename : str
        The name under which the step was compiled.
    values : bool
        Tell the values of the names in the failing line, too.

    Returns
    -------
    str
        The frames from the step's first on, outermost first, and ``Type: message``.
    """
    if isinstance(error, SyntaxError) and (error.filename == filename or own_frames(error, filename) == []):
        return safe_text(_syntax(error))
    entries = [tb for tb in _since_step(error, filename) if not tb.tb_frame.f_code.co_filename.startswith(_OURS)]
    own = [tb for tb in entries if _is_own(tb, filename)]
    first = entries.index(own[-FRAMES:][0]) if own else 0
    shown = list[str]()
    for ours, group in groupby(entries[first:], key=lambda tb: _is_own(tb, filename)):
        part = list(group)
        shown += [_frame(tb, filename) for tb in part] if ours else [_folded(part)]
    told = [_values(own[-1])] if own and values else []
    cause = [f"from {message(error.__cause__)}"] if error.__cause__ is not None else []
    return safe_text("\n".join(filter(None, [*shown, *told, message(error), *cause])))


def message(error: BaseException) -> str:
    """Return ``Type: message`` with its notes, bounded, even where the error's own text raises."""
    try:
        text = str(error)
    except Exception as broken:  # the error's own code
        text = f"its text raised {type(broken).__name__}"
    notes = [n for n in getattr(error, "__notes__", ()) if isinstance(n, str)]
    text = "\n".join([text, *notes])
    text = text if len(text) <= MESSAGE else text[:MESSAGE] + "…"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def own_frames(error: BaseException, filename: str) -> list[TracebackType]:
    """Return the entries of the traceback that are in the step's code; of a deadline, where it found the code."""
    return [tb for tb in _since_step(error, filename) if tb.tb_frame.f_code.co_filename == filename]


def _since_step(error: BaseException, filename: str) -> list[TracebackType]:
    """Return the entries of the traceback from the step's first on; of a deadline, where it found the code."""
    found, at = list[TracebackType](), error.__traceback__
    while at is not None:
        found += [at] if found or at.tb_frame.f_code.co_filename == filename else []
        at = at.tb_next
    if not found and isinstance(error, ToolTimeout) and error.__context__ is not None:
        return _since_step(error.__context__, filename)
    return found


def _is_own(tb: TracebackType, filename: str) -> bool:
    """Return whether an entry is in code of the user's or of a step, rather than in a library's."""
    name = tb.tb_frame.f_code.co_filename
    if name == filename or name.startswith(("<step ", "<ipython-input")):
        return True
    return bool(linecache.getlines(name)) and not name.startswith(("<frozen", *_LIBRARIES))


def _folded(entries: list[TracebackType]) -> str:
    """Say in one line through which library an error came, and where in it it was raised."""
    last = entries[-1].tb_frame
    home = str(last.f_globals.get("__name__", "")).partition(".")[0] or "a library"
    return f"… {len(entries)} frame{'s' if len(entries) > 1 else ''} in {home}, the last in {last.f_code.co_name}"


def _frame(tb: TracebackType, filename: str) -> str:
    code, line = tb.tb_frame.f_code, tb.tb_lineno
    lines = linecache.getlines(code.co_filename)
    first, last = max(line - AROUND, 1), min(line + 1, len(lines))
    width = len(str(last))
    where = "" if code.co_filename == filename else f" ({_place(code.co_filename)})"
    shown = [f"in {code.co_name}{where}:"] if code.co_name != "<module>" or where else []
    for n, text in enumerate(lines[first - 1 : last], first):
        shown.append(f"{'>' if n == line else ' '} {n:>{width}} {text.rstrip()}")
    return "\n".join(shown)


def _place(name: str) -> str:
    """Name the file of a frame: an earlier step, a cell of the user's, or a file from the working folder."""
    if name.startswith("<step "):
        return name[1:-1]
    path = Path(name)
    with suppress(OSError, ValueError):
        return path.relative_to(Path.cwd()).as_posix()
    return path.name if path.exists() else "an earlier cell or step"


def _values(tb: TracebackType) -> str:
    """Return the values of the names in the failing line, as far as looking at them runs no code of theirs."""
    frame, line = tb.tb_frame, linecache.getline(tb.tb_frame.f_code.co_filename, tb.tb_lineno)
    told = []
    for words, value in list(_named(frame, line))[:VALUES]:
        plain = type(value) in (int, float, bool, type(None)) or (type(value) is str and not secret_text(value))
        text = repr(value)[: VALUE + 1] if plain else _headline(words, value)
        told.append(f"{words} = {text if len(text) <= VALUE else text[:VALUE] + '…'}")
    return f"where {'; '.join(told)}" if told else ""


def _headline(name: str, value: Any) -> str:
    try:
        return brief(name, value, True)
    except Exception:  # a library that misbehaves, or an object that holds itself
        return type(value).__name__


def _named(frame: FrameType, line: str) -> Iterator[tuple[str, Any]]:
    """Yield the names of a line that stand for data, and attributes that lie in an object's own dict."""
    seen = dict[str, Any]()
    for node in ast.walk(_parsed(line)):
        if isinstance(node, ast.Name) and node.id in frame.f_locals:
            seen.setdefault(node.id, frame.f_locals[node.id])
        elif isinstance(node, ast.Name) and node.id in frame.f_globals:
            seen.setdefault(node.id, frame.f_globals[node.id])
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            with suppress(AttributeError, KeyError):
                own = object.__getattribute__(frame.f_locals[node.value.id], "__dict__")
                seen.setdefault(f"{node.value.id}.{node.attr}", own[node.attr])
    for name, value in seen.items():
        hidden = callable(value) or type(value).__name__ == "module"
        if not hidden and not secret_under(name.rpartition(".")[2], (value,)):
            yield name, value


def _parsed(line: str) -> ast.AST:
    """Parse one line, also where it begins a block, goes on in the next line, or ends one."""
    text = line.strip()
    heads = ("", "if True:\n pass\n", "try:\n pass\n")
    for code in (text, f"{text}\n pass", *(f"{h}{text}\n pass" for h in heads[1:]), text.rstrip(",([{:=+-*/")):
        with suppress(SyntaxError, ValueError):
            return ast.parse(code)
    return ast.Module([], [])


def _syntax(error: SyntaxError) -> str:
    line, offset = error.lineno or 1, max(error.offset or 1, 1)
    text = (error.text or "").rstrip("\n")
    mark = f"> {line} "
    caret = " " * (len(mark) + offset - 1) + "^" * max((error.end_offset or 0) - offset, 1)
    shown = [f"{mark}{text}", caret[: len(mark) + len(text) + 1]] if text else []
    return "\n".join([*shown, f"{type(error).__name__}: {error.msg} (line {line})"])


def failing_line(error: BaseException, filename: str) -> int | None:
    """Return the number of the step's line that failed."""
    frames = [tb for tb in own_frames(error, filename) if tb.tb_frame.f_code.co_name == "<module>"]
    if frames:
        return frames[-1].tb_lineno
    return error.lineno if isinstance(error, SyntaxError) else None


def keep_for_debug(error: BaseException, filename: str, ip: Any) -> None:
    """Let ``%debug`` and `pdb.pm` start where the step failed."""
    frames = own_frames(error, filename)
    trace = frames[0] if frames else None
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, trace
    sys.last_exc = error  # type: ignore[attr-defined, unused-ignore]  # new in 3.12, harmless before
    with suppress(AttributeError):
        ip.InteractiveTB.tb = trace
