"""llmos_nb: a Jupyter kernel as an operating system for language-model agents.

In a notebook, ``%load_ext llmos_nb`` and then ``%%agent``; in Python, ``await llmos_nb.run("goal", …)``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmos_nb import errors as errors
    from llmos_nb.policy import ApprovalRequest as ApprovalRequest, Approver as Approver, Decision as Decision
    from llmos_nb.session import (
        Process as Process,
        Session as Session,
        load as load,
        replay as replay,
        run as run,
        start as start,
        verify as verify,
    )
    from llmos_nb.session.batch import run_batch as run_batch
    from llmos_nb.tools import tool as tool

__version__ = "0.1.0"

_DOORS = {
    "session": ("Process", "Session", "load", "replay", "run", "start", "verify"),
    "session.batch": ("run_batch",),
    "policy": ("ApprovalRequest", "Approver", "Decision"),
    "tools": ("tool",),
}
_HOMES = {name: room for room, names in _DOORS.items() for name in names}
__all__ = ["__version__", "errors", "load_ipython_extension", *_HOMES]  # noqa: PLE0604 - the names are texts


def __getattr__(name: str) -> Any:
    """Import public names where they are first used, so that importing the package costs nothing."""
    if name == "errors":
        return import_module("llmos_nb.errors")
    if name in _HOMES:
        return getattr(import_module(f"llmos_nb.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'llmos_nb' has no attribute {name!r}")


def load_ipython_extension(ip: Any) -> None:
    """Register the magics (``%load_ext llmos_nb``)."""
    import_module("llmos_nb.app.magics").load(ip)


def unload_ipython_extension(ip: Any) -> None:
    """Take the magics away again."""
    import_module("llmos_nb.app.magics").unload(ip)
