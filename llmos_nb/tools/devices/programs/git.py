"""Git as typed tools over the repository of the workspace: look, stage, branch, and a commit that is asked for.

Nothing is pushed, fetched, reset or checked out. A commit carries the call's key in a trailer, by which it is found
again after a crash, so that it is never made twice. Hooks of the repository run at a commit alone, which names them.
Where its own settings name filters, which git runs as it looks at files, every call asks.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.messages import ToolResult
from llmos_nb.tools.devices.context import Site, device_tool, risky, this_call
from llmos_nb.tools.devices.files.folder import Store
from llmos_nb.tools.devices.files.tested import tested
from llmos_nb.tools.devices.programs.run import environment, run, told
from llmos_nb.tools.protocol import Tool

TRAILER = "Llmos-Call"
_LOOK_S = 5.0
# what a repository's own settings could have run by merely looking at it
_QUIET = ("-c", "core.fsmonitor=false", "-c", "log.showSignature=false", "-c", "core.pager=cat",
          "-c", "protocol.allow=never", "--no-pager")  # fmt: skip
_NO_HOOKS = ("-c", f"core.hooksPath={os.devnull}")
_DIFF = ("diff", "--no-ext-diff", "--no-textconv", "--no-color")
_HOOKS = (
    "pre-commit",
    "prepare-commit-msg",
    "commit-msg",
    "post-commit",
    "reference-transaction",
    "post-index-change",
)
_ITS_OWN = ("local", "worktree")  # scopes of settings that came with the repository
_IDENTITY = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "XDG_CONFIG_HOME",
             "GIT_CONFIG_GLOBAL")  # fmt: skip


class GitDevice:
    """A process's use of the repository that holds the workspace.

    Parameters
    ----------
    site : Site
        Its surroundings.
    run : Run, optional
        The process, which may have run tests.
    """

    def __init__(self, site: Site, run: Any = None) -> None:
        site.section("git", ())
        if shutil.which("git") is None:
            raise UsageError("git: the program is not installed; install it, or leave git out of -t")
        self._site, self._process, self._workspace = site, run, site.workspace

    @property
    def tools(self) -> list[Tool]:
        """The six tools."""
        reading = [(f, "read", "pure") for f in (self.git_status, self.git_diff, self.git_log)]
        writing = [(f, "write", "idempotent") for f in (self.git_branch, self.git_add)]
        return [*(self._tool(*act) for act in (*reading, *writing)), self._committing]

    @property
    def _committing(self) -> Tool:
        return device_tool(
            self.git_commit, "external", "once", code=_commit_code, inspect=self._look_at_commit,
            reconcile=self._committed, in_turn=True, bind=lambda run: GitDevice(self._site, run)._committing,
        )  # fmt: skip

    def _tool(self, act: Any, effect: Any, repeat: Any) -> Tool:
        name = act.__name__
        title = name.replace("_", " ")
        would = {"level": "read" if effect == "read" else "namespace", "title": title}

        def look(_: Mapping[str, Any]) -> dict[str, Any]:
            if not (filters := self._filters()):
                return would
            said = f"the repository's own settings have git run {', '.join(filters)} as it looks at files"
            return risky(title, "process", said[:400])

        return device_tool(act, effect, repeat, code=partial(_said, name), inspect=look)

    def _filters(self) -> list[str]:
        """Return the programs that the settings of the repository itself, not the user's, have git run on files."""
        listed = self._now("config", "--show-scope", "--get-regexp", r"^filter\..*\.(clean|smudge|process)$")
        return [line.split(maxsplit=2)[-1] for line in listed.splitlines() if line.split("\t")[0] in _ITS_OWN]

    def _hooks(self) -> list[Path]:
        """Return the hooks that a commit would run."""
        folder = self._workspace.root / (self._now("rev-parse", "--git-path", "hooks") or ".git/hooks")
        return [f for n in _HOOKS if (f := folder / n).is_file() and os.access(f, os.X_OK)]

    # what a call would do

    def _look_at_commit(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        shown, message = self._now(*_DIFF, "--staged"), str(arguments.get("message", ""))
        said = f"it commits what is staged as `{message.partition(chr(10))[0][:200]}`"
        hooks = self._hooks()
        said += f", and runs the repository's {', '.join(f.name for f in hooks)}" if hooks else ""
        state = [self._now("rev-parse", "HEAD"), self._now("write-tree"), message]
        state += [sha256(f.read_bytes()).hexdigest() for f in hooks]
        shows, title, failing = f"{message}\n\n{shown or 'nothing is staged'}"[:16_000], "commit to git", ""
        if (tests := tested(self._process, self._workspace, Store(self._site.home / "files"), {})) is not None:
            title, shows, failing = f"{title}: {tests.short}", f"{tests.text}\n\n{shows}", tests.failing
        digest = sha256("\0".join(state).encode()).hexdigest()
        return risky(title, "external", said, shows=shows, state=digest, failing=failing)

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
        hooks = () if words[0] in ("commit", "rev-parse") else _NO_HOOKS
        return [shutil.which("git") or "git", *_QUIET, *hooks, *words]

    def _committed(self, key: str) -> bool | None:
        """Return whether the commit of a call was made, by its trailer; nothing where git does not answer."""
        log = self._now("log", "-n", "200", f"--format=%(trailers:key={TRAILER},valueonly)")
        return key in log.split() if log or self._now("rev-parse", "--git-dir") else None

    # running

    # nothing that a model wrote can be taken for an option

    async def git_status(self) -> ToolResult:
        """Show which files differ from the last commit, and which are staged."""
        return await self._run("status", "--short", "--branch")

    async def git_diff(self, path: str = "", staged: bool = False) -> ToolResult:
        """Show changes as a diff.

        Parameters
        ----------
        path : str
            One file; empty for all.
        staged : bool
            What a commit would hold, in place of what is not staged.
        """
        return await self._run(*_DIFF, *["--staged"] * staged, "--", *([self._path(path)] if path else []))

    async def git_log(self, count: int = 10) -> ToolResult:
        """Show the last commits.

        Parameters
        ----------
        count : int
            How many, at most 100.
        """
        most = min(max(count, 1), 100)
        return await self._run("log", f"-n{most}", "--no-color", "--date=iso", "--format=%h %ad %an: %s")

    async def git_branch(self, name: str = "") -> ToolResult:
        """List the branches, or begin a new one from here and go on it.

        Parameters
        ----------
        name : str
            Of the new one; empty to list.
        """
        if not name:
            return await self._run("branch", "--list", "--no-color")
        if name.startswith("-") or not name.isprintable() or " " in name:
            raise UsageError(f"branch {name!r}: not a name for a branch")
        return await self._run("switch", "--create", name)

    async def git_add(self, paths: list[str]) -> ToolResult:
        """Stage files for the next commit.

        Parameters
        ----------
        paths : list of str
            Relative to the workspace.
        """
        return await self._run("add", "--", *map(self._path, paths))

    async def git_commit(self, message: str) -> ToolResult:
        """Commit what is staged; the user is shown the diff and asked.

        Parameters
        ----------
        message : str
            First line, and more below an empty one if it helps.
        """
        trailer = f"--trailer={TRAILER}: {this_call().key}"
        return await self._run("commit", "--quiet", f"--message={message}", trailer)

    async def _run(self, *words: str) -> ToolResult:
        return told(await run(self._command(words), self._workspace.root, environment(_IDENTITY)))

    def _path(self, name: str) -> str:
        return f":(literal){self._workspace.name(self._workspace.place(name))}"


def _said(name: str, arguments: Mapping[str, Any]) -> str:
    return f"# {name} {dict(arguments) if arguments else ''}".rstrip()


def _commit_code(arguments: Mapping[str, Any]) -> str:
    return f"import subprocess\n\nsubprocess.run(['git', 'commit', '-m', {arguments['message']!r}], check=True)"


def git_tools(site: Site) -> list[Tool]:
    """Return what ``-t git`` offers."""
    return GitDevice(site).tools
