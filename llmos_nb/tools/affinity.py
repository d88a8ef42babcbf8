"""Telling whether code failed only because it ran on another thread than the one that its objects belong to.

Libraries say so by exceptions of their own, or by general ones, of which the words must say it, too. What wraps such
an exception (SQLAlchemy's, say) names it as its cause.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

# module and name of a type; words of which its text must have one, where others raise it for other reasons
_OF_THREADS = (
    ("sqlite3", "ProgrammingError", ("thread",)),
    ("greenlet", "error", ()),
    ("apsw", "ThreadingViolationError", ()),
    ("pywintypes", "com_error", ("thread",)),
    ("builtins", "RuntimeError", ("thread", "event loop", "different loop")),
    ("builtins", "ValueError", ("only works in main thread",)),  # signal.signal
)
_CHAIN = 8  # exceptions of one chain that are looked at


class NotAwaitable(RuntimeError):
    """What a read gave is to be awaited where the objects live that it awaits."""


def bound(error: BaseException) -> bool:
    """Return whether an error, or what it was raised from, says that an object belongs to another thread.

    Parameters
    ----------
    error : BaseException
        What was raised on the wrong thread, perhaps.
    """
    return any(_says_so(e) for e in _chain(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(_CHAIN):
        if error is None:
            return
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _says_so(error: BaseException) -> bool:
    if isinstance(error, NotAwaitable):
        return True
    if isinstance(error, AttributeError):  # a value that was set for the user's thread alone
        return isinstance(error.obj, threading.local)
    try:
        words = str(error).lower()
    except Exception:  # the error's own code
        return False
    return any(
        isinstance(error, kind) and (not needed or any(w in words for w in needed))
        for module, name, needed in _OF_THREADS
        if isinstance(kind := getattr(sys.modules.get(module), name, None), type)
    )
