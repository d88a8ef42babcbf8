"""An error in a step, told shortly: the lines of the step, the failing one marked, the message last."""

from __future__ import annotations

import linecache
import sys
from contextlib import suppress
from types import TracebackType
from typing import Any

from llmos_nb.errors import ToolTimeout
from llmos_nb.tools.text import safe_text

FRAMES, AROUND, MESSAGE = 6, 2, 2000


def explain(error: BaseException, filename: str) -> str:
    """Tell an error.

    Parameters
    ----------
    error : BaseException
        What was raised.
    filename : str
        The name under which the step was compiled.

    Returns
    -------
    str
        The step's frames, outermost first, and ``Type: message``.
    """
    if isinstance(error, SyntaxError) and (error.filename == filename or own_frames(error, filename) == []):
        return safe_text(_syntax(error))
    shown = [_frame(tb, filename) for tb in own_frames(error, filename)[-FRAMES:]]
    return safe_text("\n".join([*shown, message(error)]))


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
    found, at = [], error.__traceback__
    while at is not None:
        found += [at] if at.tb_frame.f_code.co_filename == filename else []
        at = at.tb_next
    if not found and isinstance(error, ToolTimeout) and error.__context__ is not None:
        return own_frames(error.__context__, filename)
    return found


def _frame(tb: TracebackType, filename: str) -> str:
    name, line = tb.tb_frame.f_code.co_name, tb.tb_lineno
    lines = linecache.getlines(filename)
    first, last = max(line - AROUND, 1), min(line + 1, len(lines))
    width = len(str(last))
    shown = [f"in {name}:"] if name != "<module>" else []
    for n, text in enumerate(lines[first - 1 : last], first):
        shown.append(f"{'>' if n == line else ' '} {n:>{width}} {text.rstrip()}")
    return "\n".join(shown)


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
