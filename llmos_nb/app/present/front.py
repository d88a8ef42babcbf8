"""What front end there is, and what it can do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from llmos_nb.journal import host


def front_end(ip: Any) -> str:
    """Return what shows us: ``panel`` (a notebook with widgets), ``terminal`` or ``headless``."""
    backend = getattr(ip, "kernel", None)
    if backend is None:
        return "terminal" if type(ip).__name__ == "TerminalInteractiveShell" else "headless"
    return "panel" if getattr(backend, "_allow_stdin", False) else "headless"


def awaits_clicks(ip: Any) -> bool:
    """Return whether clicks arrive while a cell awaits: ipykernel 7.4 and later, and where there are no clicks."""
    from importlib.metadata import version  # only where a process is shown

    if getattr(ip, "kernel", None) is None:
        return True
    return tuple(map(int, version("ipykernel").split(".")[:2])) >= (7, 4) or not getattr(
        ip.kernel, "_allow_stdin", False
    )


def busy(ip: Any) -> Callable[[], object]:
    """Return what says to all pages that the cell that calls this is at work, from any thread."""
    backend = getattr(ip, "kernel", None)
    publish = getattr(backend, "_publish_status", None)  # no public interface: without it nothing is said
    return partial(publish, "busy", "shell", host.parent_of(backend)) if callable(publish) else dict


def own_id() -> str:
    """Return the id under which the server knows this process, so that Stop can interrupt it."""
    try:
        from ipykernel.connect import get_connection_file  # a browser's Jupyter has none

        return get_connection_file().rpartition("kernel-")[2].removesuffix(".json")
    except (ImportError, RuntimeError):
        return ""
