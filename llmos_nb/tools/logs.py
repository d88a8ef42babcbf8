"""What is logged: a line that leaves the notebook is an effect, by a file or a connection that was open before."""

from __future__ import annotations

import io
import logging
import sys
from types import FrameType
from typing import Any, Protocol

from llmos_nb.tools.call import HANDLE

_STREAMS = ("ipykernel", "IPython", "llmos_nb", "_pytest")


class Made(Protocol):
    """What a step has made so far."""

    scratch: set[str]


def logged(args: tuple[Any, ...], frame: FrameType, made: Made) -> tuple[str, str] | None:
    """Read that a line goes to a handler of a log, unless it is shown in the notebook or stays in memory.

    No code of the handler, or of its stream, is called.
    """
    handler, kind = args[0], type(args[0])
    if issubclass(kind, logging.FileHandler):
        path = str(handler.baseFilename)
        return None if path.startswith("/dev/") or path in made.scratch else (HANDLE, path)
    stream = vars(handler).get("stream") if issubclass(kind, logging.StreamHandler) else handler
    home = str(type(stream).__module__).partition(".")[0]
    shown = any(stream is s for s in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__))
    shown = shown or home in _STREAMS or issubclass(type(stream), io.StringIO | logging.NullHandler)
    shown = shown or handler is logging.lastResort  # which looks for the stream each time
    return None if shown else (HANDLE, f"a log by {kind.__name__}")
