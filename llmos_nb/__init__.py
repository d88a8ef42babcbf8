"""llmos_nb: a Jupyter kernel as an operating system for language-model agents.

In a notebook, ``%load_ext llmos_nb`` and then ``%%agent``; in Python, ``await llmos_nb.run("goal", …)``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmos_nb import errors as errors
    from llmos_nb.api import load as load
    from llmos_nb.api import replay as replay
    from llmos_nb.api import run as run
    from llmos_nb.api import start as start
    from llmos_nb.api import verify as verify
    from llmos_nb.batch import run_batch as run_batch
    from llmos_nb.process import Process as Process
    from llmos_nb.session import Session as Session
    from llmos_nb.tools import tool as tool

__version__ = "0.1.0"

_HOMES = {
    "Process": "process",
    "Session": "session",
    "load": "api",
    "replay": "api",
    "run": "api",
    "run_batch": "batch",
    "start": "api",
    "tool": "tools",
    "verify": "api",
}
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
    import_module("llmos_nb.magics").load(ip)


def unload_ipython_extension(ip: Any) -> None:
    """Take the magics away again."""
    import_module("llmos_nb.magics").unload(ip)
