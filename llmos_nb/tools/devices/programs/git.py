"""Git as typed tools over the repository of the workspace: look, stage, branch, and a commit that is asked for.

Nothing is pushed, fetched, reset or checked out. A commit carries the call's key in a trailer, by which it is found
again after a crash, so that it is never made twice. Hooks of the repository run at a commit, as they do for a person.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.messages import ToolResult
from llmos_nb.tools.devices.context import Site, risky
from llmos_nb.tools.devices.programs.run import environment, run
from llmos_nb.tools.devices.programs.terminal import told
from llmos_nb.tools.make import as_tool
from llmos_nb.tools.protocol import CallContext, Tool

TRAILER = "Llmos-Call"
_LOOK_S = 5.0
# what a repository's own settings could have run by merely looking at it
_QUIET = ("-c", "core.fsmonitor=false", "-c", "log.showSignature=false", "-c", "core.pager=cat", "--no-pager")
_DIFF = ("diff", "--no-ext-diff", "--no-textconv", "--no-color")
_IDENTITY = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "XDG_CONFIG_HOME",
             "GIT_CONFIG_GLOBAL")  # fmt: skip


def git_status() -> str:
    """Show which files differ from the last commit, and which are staged."""
    raise NotImplementedError


def git_diff(path: str = "", staged: bool = False) -> str:
    """Show changes as a diff.

    Parameters
    ----------
    path : str
        One file; empty for all.
    staged : bool
        What a commit would hold, in place of what is not staged.
    """
    raise NotImplementedError(path, staged)


def git_log(count: int = 10) -> str:
    """Show the last commits.

    Parameters
    ----------
    count : int
        How many, at most 100.
    """
    raise NotImplementedError(count)


def git_branch(name: str = "") -> str:
    """List the branches, or begin a new one from here and go on it.

    Parameters
    ----------
    name : str
        Of the new one; empty to list.
    """
    raise NotImplementedError(name)


def git_add(paths: list[str]) -> str:
    """Stage files for the next commit.

    Parameters
    ----------
    paths : list of str
        Relative to the workspace.
    """
    raise NotImplementedError(paths)


def git_commit(message: str) -> str:
    """Commit what is staged; the user is shown the diff and asked.

    Parameters
    ----------
    message : str
        First line, and more below an empty one if it helps.
    """
    raise NotImplementedError(message)


_TOOLS: dict[str, tuple[Any, Any, Any]] = {
    "git_status": (git_status, "read", "pure"), "git_diff": (git_diff, "read", "pure"),
    "git_log": (git_log, "read", "pure"), "git_branch": (git_branch, "write", "idempotent"),
    "git_add": (git_add, "write", "idempotent"), "git_commit": (git_commit, "external", "once"),
}  # fmt: skip


class GitDevice:
    """A process's use of the repository that holds the workspace.

    Parameters
    ----------
    site : Site
        Its surroundings.
    """

    def __init__(self, site: Site) -> None:
        site.section("git", ())
        if shutil.which("git") is None:
            raise UsageError("git: the program is not installed; install it, or leave git out of -t")
        self._workspace = site.workspace

    @property
    def tools(self) -> list[Tool]:
        """The six tools."""
        return [self._tool(name, *about) for name, about in _TOOLS.items()]

    def _tool(self, name: str, fn: Any, effect: Any, repeat: Any) -> Tool:
        made = as_tool(fn, effect=effect, repeat=repeat)
        code = _commit_code if name == "git_commit" else partial(_said, name)
        reconcile = self._committed if name == "git_commit" else None
        return replace(
            made, runner=partial(self._run, name), inspect=partial(self._look, name), code=code, reconcile=reconcile
        )  # fmt: skip

    # what a call would do

    def _look(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if name != "git_commit":
            level = "read" if _TOOLS[name][1] == "read" else "namespace"
            return {"level": level, "title": name.replace("_", " ")}
        shown, message = self._now(*_DIFF, "--staged"), str(arguments.get("message", ""))
        said = f"it commits what is staged as `{message.partition(chr(10))[0][:200]}`"
        state = [self._now("rev-parse", "HEAD"), self._now("write-tree"), message]
        shows = f"{message}\n\n{shown or 'nothing is staged'}"[:16_000]
        digest = sha256("\0".join(state).encode()).hexdigest()
        return risky("commit to git", "external", said, shows=shows, state=digest)

    def _now(self, *words: str) -> str:
        """Ask git at once, for what a person is shown."""
        try:
            done = subprocess.run(  # noqa: S603 - git itself, with words of our own
                self._command(words), cwd=self._workspace.root, env=environment(_IDENTITY), capture_output=True,
                timeout=_LOOK_S, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return ""
        return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else ""

    def _command(self, words: Sequence[str]) -> list[str]:
        return [shutil.which("git") or "git", *_QUIET, *words]

    def _committed(self, key: str) -> bool | None:
        """Return whether the commit of a call was made, by its trailer; nothing where git does not answer."""
        log = self._now("log", "-n", "200", f"--format=%(trailers:key={TRAILER},valueonly)")
        return key in log.split() if log or self._now("rev-parse", "--git-dir") else None

    # running

    async def _run(self, name: str, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        words = self._words(name, arguments, context.key)
        env = environment(_IDENTITY)
        ended = await run(
            self._command(words), self._workspace.root, context.deadline_s, context.on_output, env
        )
        return told(ended, context.deadline_s)

    def _words(self, name: str, arguments: Mapping[str, Any], key: str) -> list[str]:
        """Return git's words for a call; nothing that a model wrote can be taken for an option."""
        if name == "git_status":
            return ["status", "--short", "--branch"]
        if name == "git_log":
            count = min(max(int(arguments.get("count", 10)), 1), 100)
            return ["log", f"-n{count}", "--no-color", "--date=iso", "--format=%h %ad %an: %s"]
        if name == "git_diff":
            path, staged = str(arguments.get("path") or ""), ["--staged"] if arguments.get("staged") else []
            return [*_DIFF, *staged, "--", *([self._path(path)] if path else [])]
        if name == "git_branch":
            branch = str(arguments.get("name") or "")
            return ["switch", "--create", _branch(branch)] if branch else ["branch", "--list", "--no-color"]
        if name == "git_add":
            return ["add", "--", *(self._path(str(p)) for p in arguments["paths"])]
        return ["commit", "--quiet", f"--message={arguments['message']}", f"--trailer={TRAILER}: {key}"]

    def _path(self, name: str) -> str:
        return f":(literal){self._workspace.name(self._workspace.place(name))}"


def _branch(name: str) -> str:
    if name.startswith("-") or not name.isprintable() or " " in name:
        raise UsageError(f"branch {name!r}: not a name for a branch")
    return name


def _said(name: str, arguments: Mapping[str, Any]) -> str:
    return f"# {name} {dict(arguments) if arguments else ''}".rstrip()


def _commit_code(arguments: Mapping[str, Any]) -> str:
    return f"import subprocess\n\nsubprocess.run(['git', 'commit', '-m', {arguments['message']!r}], check=True)"


def git_tools(site: Site) -> list[Tool]:
    """Return what ``-t git`` offers."""
    return GitDevice(site).tools
