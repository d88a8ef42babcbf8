"""The test runner: pytest over the workspace as the process has changed it, shut in, with a typed result.

The files are copied for each run, those that the process has changed and not committed among them. The copy is run in
a jail, so that a run needs no question: it reaches no network, no other files, no other processes, and what it writes
goes with it. Where a jail does not hold, or the settings do without, a run asks.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import IO, Any
from xml.etree import ElementTree

from llmos_nb.errors import ConfigError, UsageError
from llmos_nb.messages import ToolResult
from llmos_nb.policy import FILE, UNKNOWN_FILE
from llmos_nb.tools.call import Call
from llmos_nb.tools.devices.child.sandbox import filesystem
from llmos_nb.tools.devices.context import Site, device_tool, risky, this_call
from llmos_nb.tools.devices.files.folder import Store, folded
from llmos_nb.tools.devices.files.tested import OVER, TOOL
from llmos_nb.tools.devices.files.tree import Tree, keep_versions, tree_of
from llmos_nb.tools.devices.programs import jailed
from llmos_nb.tools.devices.programs.run import Ended, environment, run, told
from llmos_nb.tools.outcome import in_thread
from llmos_nb.tools.protocol import Tool
from llmos_nb.tools.text import safe_text

FIRST, LONGEST = 5, 1_500
_OPTIONS = ("-q", "--no-header", "--tb=short", "--color=no", "-p", "no:cacheprovider")
_RAN, _NO_TESTS, _WRONG_WORDS = (0, 1), 5, 4  # pytest's exit codes
_NOTHING_RAN = (_WRONG_WORDS, _NO_TESTS, jailed.UNHELD)
_CHECK_S = 20.0


class TestRuns:
    """What ``-t tests`` offers to a process.

    Parameters
    ----------
    site : Site
        Its surroundings.
    run : Run, optional
        The process, whose surviving calls say what is changed and not committed.
    """

    __test__ = False  # its name is none of a test

    def __init__(self, site: Site, run: Any = None) -> None:
        section = site.section("tests", ("env", "jail"))
        wanted = section.get("jail", True)
        if not isinstance(wanted, bool):
            raise ConfigError(f"tools.tests: jail = {wanted!r} must be true or false")
        self._more = site.texts(section, "tests", "env", "names of variables")
        self._site, self._run, self._store = site, run, Store(site.home / "files")
        self._open = "the settings do without the jail" if not wanted else unheld()

    @property
    def tool(self) -> Tool:
        """The tool: in a jail it only reads."""
        made = device_tool(
            self.run_tests, "external" if self._open else "read", "idempotent", inspect=self._look, as_code=_code,
            code=lambda arguments: f"# {TOOL} {dict(arguments)}", bind=lambda run: TestRuns(self._site, run).tool,
        )  # fmt: skip
        # what follows is judged by what it gives, and waits for it; only a tool that needs something is waited for
        return replace(made, place="here" if self._open else "thread", needs=lambda call, arguments: None)

    def _look(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        title = "run the tests"
        if not self._open:
            return {"level": "read", "title": title, "sources": self._labelled()}
        whose = f"the code of `{arguments.get('path') or 'the folder'}` with your rights ({self._open})"
        said = f"pytest runs {whose}, and Undo cannot take back what it does"
        return {**risky(title, "process", said), "sources": self._labelled()}

    def _labelled(self) -> list[list[str]]:
        """Name the files of the workspace that somebody else may have written: a test may show what is in them."""
        root, labels = self._site.workspace.root, self._run.state.labels if self._run is not None else {}
        names = [n.removeprefix(FILE) for n in labels if n.startswith(FILE)]
        places = [str(root / "?") if FILE + n == UNKNOWN_FILE else n for n in names]
        return [["foreign file", TOOL, p] for p in places if Path(p).is_relative_to(root)]

    async def run_tests(self, path: str = "", select: str = "") -> ToolResult:
        """Run the tests of the workspace with pytest, over your changes too, committed or not.

        Parameters
        ----------
        path : str
            A file or folder of tests; empty for all.
        select : str
            Only tests whose names fit this expression, as in ``pytest -k``.
        """
        file, colons, test = path.partition("::")
        workspace = self._site.workspace
        where = [f"{workspace.name(workspace.place(file))}{colons}{test}"] if file or test else []
        words = [*_OPTIONS, *([f"-k={select}"] if select else []), *where]
        overlay = folded(c.facts for c in self._run.state.surviving) if self._run is not None else {}
        with tempfile.TemporaryFile() as given:
            gathered = await in_thread(
                partial(_gather, partial(tree_of, workspace, self._store, overlay), given),
                this_call().deadline_s,
            )
            if gathered.error is not None:
                raise gathered.error
            tree: Tree = gathered.value
            ended, report = await self._ran(words, given)
        if ended.code == _NO_TESTS:
            raise UsageError("no test was found there; give the path of a file or folder of tests")
        over = {} if ended.code in _NOTHING_RAN else {OVER: keep_versions(self._store, tree)}
        return _result(ended, report, over)

    async def _ran(self, words: list[str], given: IO[bytes]) -> tuple[Ended, str]:
        """Run pytest over a packed tree; give how it ended, and its report."""
        root = self._site.workspace.root
        with tempfile.TemporaryDirectory(prefix="llmos-tests-") as folder:
            asked = asked_of(folder, root, words, jail=not self._open)
            env = _environment(folder, environment(self._more))
            ended = await run(_command(asked), Path(folder), env, given)
        given.seek(0)
        report = given.read().decode("utf-8", "replace")
        return ended, report if report.startswith("<?xml") else ""


def _gather(tree: Any, given: IO[bytes]) -> Tree:
    found: Tree = tree()
    found.pack(given)
    given.flush()
    given.seek(0)
    return found


def asked_of(folder: str, root: Path, words: list[str], *, jail: bool) -> dict[str, Any]:
    """Return what the process is told in which tests run.

    Parameters
    ----------
    folder : str
        Its own.
    root : path
        The workspace; what Python imports from below it comes from the copy.
    words : list of str
        For pytest; empty to only see whether the jail holds.
    jail : bool
        Whether it shuts itself in.
    """
    copy = Path(folder, root.name)
    path = [Path(p).absolute() for p in sys.path if p]
    moved = [str(copy / p.relative_to(root)) if p.is_relative_to(root) else str(p) for p in path]
    return {
        "folder": folder, "root": str(root), "path": moved, "words": words, "jail": jail, "parent": os.getpid(),
    }  # fmt: skip


def _command(asked: Mapping[str, Any]) -> list[str]:
    return [sys.executable, "-P", "-m", jailed.__name__, json.dumps(asked)]


def _environment(folder: str, usual: Mapping[str, str]) -> dict[str, str]:
    return {**usual, **filesystem.environment(folder), "PYTHONPATH": filesystem.path_before()}


@cache
def unheld() -> str:
    """Return what does not hold of a jail on this machine, in words; empty where all of it does."""
    with tempfile.TemporaryDirectory(prefix="llmos-tests-") as folder:
        asked = asked_of(folder, Path(folder), [], jail=True)
        with suppress(OSError, subprocess.TimeoutExpired):
            done = subprocess.run(  # noqa: S603 - our own module, which runs nobody's code
                _command(asked), cwd=folder, env=_environment(folder, environment()), stdin=subprocess.DEVNULL,
                capture_output=True, text=True, timeout=_CHECK_S, check=False,
            )  # fmt: skip
            if done.returncode == 0:
                return ""
            if done.returncode == jailed.UNHELD:
                return done.stdout.strip() or "no jail"
    return "a jail cannot be made"


def _result(ended: Ended, report: str, over: dict[str, Any]) -> ToolResult:
    """Say what came of a run, with what is known of it."""
    if ended.code not in _RAN:
        return replace(told(ended), facts={**told(ended).facts, **over})
    if not report:
        why = "the tests ended Python before they had all run; there is no report"
        return ToolResult(False, f"{ended.text}\n{why}".strip(), "Failed", facts=over)
    found = counted(report)
    return ToolResult(True, said(found), facts={**found, "size": len(said(found)), "code": ended.code, **over})


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


def tests_tools(site: Site) -> list[Tool]:
    """Return what ``-t tests`` offers."""
    return [TestRuns(site).tool]
