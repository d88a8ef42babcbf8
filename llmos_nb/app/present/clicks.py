"""Clicks taken off the main thread, so that one is heard while a cell of the user's, or a step, holds that thread.

ipykernel reads messages on a thread of its own, asks the comm where a message belongs, and hands it on to the main
thread. We listen to that question. It is no public interface: where it is not there (ipykernel before 7.4, other
backends), clicks come by the main thread, as they do for every widget.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

ASKED = "_reply_subshell_for"
USUAL_S, SWITCH_S = 0.005, 0.001  # how long code that loops keeps other threads waiting
Take = Callable[[dict[str, Any]], object]


def restore() -> None:
    """Let code that loops keep other threads waiting as long as it did before."""
    if sys.getswitchinterval() == SWITCH_S:
        sys.setswitchinterval(USUAL_S)


def listen(comm: Any, take: Take) -> bool:
    """Have the custom messages of a widget taken as they are read.

    Parameters
    ----------
    comm : Comm
        The widget's.
    take : callable
        Gets the content of each message on the thread that reads them; it must return at once.

    Returns
    -------
    bool
        Whether that is possible here. Every message comes by the main thread, too, after it was taken.
    """
    route = getattr(comm, ASKED, None)
    if not callable(route):
        return False

    def taking(data: Any, default: Any) -> Any:
        content = data.get("content") if isinstance(data, Mapping) and data.get("method") == "custom" else None
        found = route(data, default)
        if not isinstance(content, dict):
            return found
        with suppress(Exception):  # whatever is wrong with a click, the message goes its way
            take(dict(content))
        return None  # to the main thread: a subshell would say in the midst of a cell that the session is idle

    setattr(comm, ASKED, taking)
    if sys.getswitchinterval() == USUAL_S:  # who has chosen another keeps it
        sys.setswitchinterval(SWITCH_S)  # a click and its answer pass several threads, and wait for each
    return True
