"""The test runner: pytest over the workspace as it is committed there, with a typed result."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from llmos_nb.errors import UsageError
from llmos_nb.messages import ToolResult
from llmos_nb.tools.call import Call
from llmos_nb.tools.devices.context import Site, device_tool, risky
from llmos_nb.tools.devices.programs.run import environment, run, told
from llmos_nb.tools.devices.workspace import Workspace
from llmos_nb.tools.protocol import Tool
from llmos_nb.tools.text import safe_text

FIRST, LONGEST = 5, 1_500
_OPTIONS = ("-q", "--no-header", "--tb=short", "--color=no", "-p", "no:cacheprovider")
_RAN, _NO_TESTS = (0, 1), 5  # pytest's exit codes


def tests_tools(site: Site) -> list[Tool]:
    """Return what ``-t tests`` offers."""
    more = site.variables("tests")

    async def run_tests(path: str = "", select: str = "") -> ToolResult:
        """Run the tests of the workspace with pytest, over what is committed to the folder.

        Parameters
        ----------
        path : str
            A file or folder of tests; empty for all.
        select : str
            Only tests whose names fit this expression, as in ``pytest -k``.
        """
        return await _run(site.workspace, path, select, environment(more))

    return [
        device_tool(
            run_tests, "external", "idempotent", inspect=_look, as_code=_code,
            code=lambda arguments: f"# run_tests {dict(arguments)}",
        )
    ]  # fmt: skip


def _look(arguments: Mapping[str, Any]) -> dict[str, Any]:
    where = arguments.get("path") or "the folder"
    said = f"pytest runs the code of `{where}` with your rights, and Undo cannot take back what it does"
    return risky("run the tests", "process", said)


async def _run(workspace: Workspace, path: str, select: str, env: Mapping[str, str]) -> ToolResult:
    file, colons, test = path.partition("::")
    where = [f"{workspace.place(file)}{colons}{test}"] if file or test else []
    with tempfile.TemporaryDirectory(prefix="llmos-tests-") as folder:
        report = Path(folder) / "report.xml"
        words = [*_OPTIONS, f"--junitxml={report}", *([f"-k={select}"] if select else []), *where]
        command = [sys.executable, "-m", "pytest", *words]
        ended = await run(command, workspace.root, env)
        if ended.code == _NO_TESTS:
            raise UsageError("no test was found there; give the path of a file or folder of tests")
        if ended.code not in _RAN or not report.exists():
            return told(ended)
        found = counted(report.read_text(encoding="utf-8", errors="replace"))
    return ToolResult(True, said(found), facts={**found, "size": len(said(found)), "code": ended.code})


def counted(report: str) -> dict[str, Any]:
    """Read a report in JUnit's form.

    Returns
    -------
    dict
        ``passed``, ``failed``, ``errors``, ``skipped``, ``seconds``; ``first``, the first failures as
        ``[name, words]``.
    """
    root = ElementTree.fromstring(report)  # noqa: S314 - of the pytest that we started; expat bounds its growth
    cases, first = list(root.iter("testcase")), list[list[str]]()
    counts = {"failed": 0, "errors": 0, "skipped": 0}
    for case in cases:
        bad = next((c for c in case if c.tag in ("failure", "error", "skipped")), None)
        if bad is None:
            continue
        counts[{"failure": "failed", "error": "errors", "skipped": "skipped"}[bad.tag]] += 1
        if bad.tag != "skipped" and len(first) < FIRST:
            name = f"{case.get('classname', '').replace('.', '/')}::{case.get('name', '')}"
            first.append([name, safe_text(bad.text or bad.get("message") or "")[-LONGEST:]])
    seconds = sum(float(s.get("time", 0)) for s in root.iter("testsuite"))
    return {"passed": len(cases) - sum(counts.values()), **counts, "seconds": round(seconds, 2), "first": first}


def said(found: Mapping[str, Any]) -> str:
    """Say what came of the tests, the first failures below."""
    counts = ", ".join(f"{found[k]} {k}" for k in ("passed", "failed", "errors", "skipped") if found[k])
    shown = [f"\n{name}\n{text}" for name, text in found["first"]]
    hidden = found["failed"] + found["errors"] - len(found["first"])
    more = [f"\nand {hidden} more that did not pass"] if hidden > 0 else []
    return "\n".join([counts or "no test ran", *shown, *more])


def _code(call: Call) -> str:
    """Say a run as a comment: the exported notebook has no tests of its own to run."""
    first = call.result.partition("\n")[0]
    return f"# run_tests {call.arguments if call.arguments else ''}: {first}"
