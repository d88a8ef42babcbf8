"""The tools of the files device, and how a call of them stands in an exported notebook."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from glob import has_magic
from hashlib import sha256
from pathlib import Path
from typing import Any

from llmos_nb.errors import SnapshotConflict, ToolError, UsageError, nearest
from llmos_nb.messages import ToolResult, canonical
from llmos_nb.policy import FILE
from llmos_nb.tools.call import NAME_CHANGES, Call
from llmos_nb.tools.devices.context import Site, device_tool, risky, this_call
from llmos_nb.tools.devices.files.folder import GONE, Entry, Folder, Store, about, folded, text_of, together
from llmos_nb.tools.devices.files.tested import Verdict, tested
from llmos_nb.tools.devices.workspace import fits
from llmos_nb.tools.protocol import Tool


def said(name: str, arguments: Mapping[str, Any]) -> str:
    """Say a call that reaches nobody else."""
    path = arguments.get("path") or arguments.get("pattern") or ""
    return f"# {name} {path!r}" if path else f"# {name}"


def of_call(store: Store, call: Call) -> str:
    """Return a call as code, from what it did."""
    committed = call.facts.get("committed")
    if not committed:
        return said(call.name, call.arguments if isinstance(call.arguments, dict) else {})
    tests = [f"# {call.facts['tests']}"] if "tests" in call.facts else []
    lines = [*tests, "from pathlib import Path", ""]
    for path, wanted, _ in committed:
        lines += _written(path, store, wanted) if wanted else [f"Path({path!r}).unlink(missing_ok=True)"]
    return "\n".join(lines)


def _written(path: str, store: Store, wanted: str) -> list[str]:
    try:
        text = store.get(wanted).decode("utf-8")
    except (ToolError, UnicodeDecodeError) as error:
        return [f"# {path}: {error}"]
    folder, _, _ = path.rpartition("/")
    made = [f"Path({folder!r}).mkdir(parents=True, exist_ok=True)"] if folder else []
    return [*made, f"Path({path!r}).write_bytes({text!r}.encode())"]


LARGEST, ROOM, LISTED = 1 << 20, 296, 200  # bytes; those kept free in a result for a line of our own; files
_READING = ("read_file", "list_files", "search_files", "diff_files")
_WRITING = ("write_file", "edit_file", "delete_file", "rollback_files")


class FilesDevice:
    """A process's view of a folder. A call runs whole, in one turn of the event loop: no other sees half of it.

    Parameters
    ----------
    site : Site
        Its surroundings.
    run : Run, optional
        The process, whose surviving calls make the overlay; without one there is nothing to fold.
    """

    def __init__(self, site: Site, run: Any = None) -> None:
        site.section("files", ())
        self._site, self._run = site, run
        self._workspace, self._store = site.workspace, Store(site.home / "files")
        self._folder = Folder(self._workspace, self._store)
        self._under_way: dict[str, dict[str, Any]] = {}

    @property
    def tools(self) -> list[Tool]:
        """The nine tools."""
        return [self._tool(name) for name in (*_READING, *_WRITING, "commit_files")]

    def _tool(self, name: str) -> Tool:
        more: dict[str, Any] = {}
        if name == "commit_files":
            more = {"revert": self._take_back, "reapply": self._put_again, "in_turn": True}
        elif name in _WRITING:
            more = {"revert": lambda call: None, "reapply": lambda call: None, "own": True}
        reads = name in _READING
        return device_tool(
            getattr(self, name), "read" if reads else "write", "pure" if reads else "idempotent",
            inspect=partial(self._look, name), code=partial(said, name), as_code=partial(of_call, self._store),
            bind=lambda run: FilesDevice(self._site, run)._tool(name), **more,
        )  # fmt: skip

    # what a call would do

    def _look(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if name == "commit_files":
            return self._look_at_commit()
        reads = [["foreign file", name, str(p)] for p in self._read_by(name, str(arguments.get("path", "")))]
        reads += [["foreign file", name, p] for p in self._labelled()] if name == "search_files" else []
        if name in _READING:
            return {"level": "read", "sources": reads}
        # only it sees them: that is no more than a read, and the files themselves are written by a commit
        return {"level": "read", "title": f"change files of its own ({name})", "sources": reads}

    def _read_by(self, name: str, path: str) -> list[Path]:
        """Return the files whose text a call gives."""
        if name not in ("read_file", "edit_file"):
            return []
        with suppress(UsageError):
            several = name == "read_file" and self._is_glob(path)
            return [self._workspace.place(n) for n in (self._names(path) if several else [path])]
        return []

    def _look_at_commit(self) -> dict[str, Any]:
        entries = list(self.overlay().values())
        what = self._store.summary(entries)[:600] or "none"
        said = f"`commit_files` changes files of the folder: {what}"
        now = [[*e.plain(), e in self._folder.conflicts([e])] for e in entries]
        title, failing = f"commit {len(entries)} file{'' if len(entries) == 1 else 's'} to the folder", ""
        shows = self._store.diff(entries)[:16_000]
        if (tests := self._tested(entries)) is not None:
            title, shows, failing = f"{title}: {tests.short}", f"{tests.text}\n\n{shows}", tests.failing
        state = sha256(canonical(now).encode()).hexdigest()
        files = [str(self._workspace.place(e.path)) for e in entries]
        return risky(title, "file", said, shows=shows, state=state, files=files, failing=failing)

    def _tested(self, entries: list[Entry]) -> Verdict | None:
        """Return what is known of tests of what would be committed; None where the process cannot run any."""
        if not entries:
            return None
        return tested(self._run, self._workspace, self._store, {e.path: e for e in entries})

    def _labelled(self) -> list[str]:
        """Return the files of which a label is known: of a search that may read any, these are told."""
        known = self._run.state.labels if self._run is not None else {}
        return [n.removeprefix(FILE) for n in known if n.startswith(FILE)]

    # what it sees

    def overlay(self) -> dict[str, Entry]:
        """Return what is written and not committed, by path."""
        calls = self._run.state.calls if self._run is not None else {}
        done = [c.facts for c in self._run.state.surviving] if self._run is not None else []
        under_way = {k: f for k, f in self._under_way.items() if k in calls and calls[k].status == "running"}
        self._under_way = under_way
        return folded([*done, *under_way.values()])

    def _content(self, path: str) -> bytes | None:
        """Return a file as the process sees it, or None."""
        entry = self.overlay().get(path)
        if entry is not None:
            return self._store.get(entry.wanted) if entry.wanted else None
        place = self._workspace.place(path)
        if not place.exists():
            return None
        if not place.is_file():
            raise UsageError(f"{path!r} is no regular file")
        if (size := place.stat().st_size) > LARGEST:
            raise UsageError(f"{path!r}: {size:,} bytes; at most {LARGEST:,} are read (use sql or python)")
        return place.read_bytes()

    def _name(self, path: str) -> str:
        return self._workspace.name(self._workspace.place(path))

    def _is_glob(self, path: str) -> bool:
        """Return whether a path is a glob, and not the name of a file with such letters in it."""
        return has_magic(path) and not self._workspace.place(path).exists() and path not in self.overlay()

    def _sizes(self, pattern: str) -> dict[str, int]:
        """Return the bytes of each file that a glob fits, as the process sees it."""
        own = {p: len(self._store.get(e.wanted)) for p, e in self.overlay().items() if e.wanted}
        return {n: own[n] if n in own else (self._workspace.root / n).stat().st_size for n in self._names(pattern)}

    def _there(self, path: str) -> bytes:
        raw = self._content(path)
        if raw is None:
            raise UsageError(f"{path!r}: there is no such file{nearest(path, self._names())}")
        return raw

    def _names(self, pattern: str = "*") -> list[str]:
        overlay = self.overlay()
        new = [p for p, e in overlay.items() if e.wanted and fits(p, pattern)]
        there = [n for n in self._workspace.files(pattern) if n not in overlay or overlay[n].wanted]
        return sorted({*new, *there})

    # its tools

    def list_files(self, pattern: str = "*") -> ToolResult:
        """List the files of the workspace, with those that you changed.

        Parameters
        ----------
        pattern : str
            A glob, such as ``*.py`` or ``src/*``.
        """
        names, overlay = self._names(pattern), self.overlay()
        new = {p for p, e in overlay.items() if not e.base}
        marks = [f"{n} (new)" if n in new else f"{n} (changed)" if n in overlay else n for n in names]
        gone = [f"{p} (deleted)" for p, e in overlay.items() if not e.wanted]
        more = [f"and {len(marks) - LISTED} more"] if len(marks) > LISTED else []
        return ToolResult(True, "\n".join([*marks[:LISTED], *more, *gone]) or f"no file fits {pattern!r}")

    def search_files(self, pattern: str, files: str = "*") -> ToolResult:
        """Search the text files of the workspace, as you have changed them; gives path, line number and line.

        Parameters
        ----------
        pattern : str
            A regular expression of Python, looked for line by line.
        files : str
            Only in files that this glob fits, such as ``*.py``.
        """
        try:
            wanted = re.compile(pattern)
        except re.error:
            wanted = re.compile(re.escape(pattern))
        found, more = list[str](), 0
        for name in self._names(files):
            with suppress(UsageError):  # too large
                lines = (text_of(self._content(name) or b"") or "").splitlines()
                hits = [f"{name}:{n}: {line.strip()[:200]}" for n, line in enumerate(lines, 1) if wanted.search(line)]
                found += hits[: max(LISTED - len(found), 0)]
                more += len(hits)
        left = [f"[{more - len(found)} more lines fit; narrow the pattern or the files]"] if more > len(found) else []
        return ToolResult(True, "\n".join([*found, *left]) or f"nothing fits {pattern!r} in {files!r}")

    def read_file(self, path: str, first: int = 1) -> ToolResult:
        """Read text files of the workspace, as you have changed them.

        Parameters
        ----------
        path : str
            Relative to the workspace; a glob, such as ``logs/*.txt``, gives all files that it fits.
        first : int
            Line to begin with, of one file.
        """
        if self._is_glob(path):
            if not (sizes := self._sizes(path)):
                raise UsageError(f"{path!r}: no file fits; list_files names those that there are")
            return ToolResult(True, together(sizes, self._there, self._site.shown - ROOM))
        raw = self._there(self._name(path))
        text = text_of(raw)
        if text is None:
            return ToolResult(True, f"{path} is no text: {about(raw)}")
        lines = text.splitlines(keepends=True)
        shown, size = list[str](), 0
        for line in lines[max(first, 1) - 1 :]:
            size += len(line.encode())
            if shown and size > self._site.shown - ROOM:
                break
            shown.append(line)
        last = max(first, 1) + len(shown) - 1
        if last < len(lines):
            shown.append(f"\n[lines {first} to {last} of {len(lines)}; go on with first={last + 1}]")
        return ToolResult(True, "".join(shown))

    def write_file(self, path: str, text: str) -> ToolResult:
        """Write a whole file. Only you see it until commit_files.

        Parameters
        ----------
        path : str
            Relative to the workspace.
        text : str
            All of its content.
        """
        return self._changed(self._name(path), text.encode())

    def edit_file(self, path: str, old: str, new: str) -> ToolResult:
        """Replace a piece of a file that stands there exactly once. Only you see it until commit_files.

        Parameters
        ----------
        path : str
            Relative to the workspace.
        old : str
            The piece as it stands there, word for word, with enough around it to stand there once.
        new : str
            What stands in its place.
        """
        name = self._name(path)
        text = text_of(self._there(name))
        found = text.count(old) if text is not None and old else 0
        if text is None or found != 1:
            hint = "give one that stands there once"
            raise UsageError(f"{path}: the old text stands there {found} times; {hint}")
        return self._changed(name, text.replace(old, new).encode())

    def delete_file(self, path: str) -> ToolResult:
        """Delete a file. Only you see it until commit_files.

        Parameters
        ----------
        path : str
            Relative to the workspace.
        """
        name = self._name(path)
        self._there(name)
        return self._changed(name, None)

    def _changed(self, name: str, raw: bytes | None) -> ToolResult:
        """Put a content into the overlay; the first time, what stands in the folder is kept too."""
        if raw is not None and len(raw) > LARGEST:
            raise UsageError(f"{name}: {len(raw):,} bytes; at most {LARGEST:,} are written")
        before = self.overlay().get(name)
        was = None if before is not None else self._content(name)
        base = before.base if before is not None else self._store.put(was) if was is not None else GONE
        entry = Entry(name, GONE if raw is None else self._store.put(raw), base)
        text = self._store.summary([entry]) + ", not committed"
        return self._noted(text, [name], {"wrote": [entry.plain()]})

    def _noted(self, text: str, names: list[str], facts: dict[str, Any]) -> ToolResult:
        """Keep what a call does to the overlay until the journal has it."""
        self._under_way[this_call().call] = facts
        changes = {**{kind: [] for kind in NAME_CHANGES}, "digests": {}, "files": names}
        return ToolResult(True, text, changes=changes, facts=facts)

    def diff_files(self) -> ToolResult:
        """Show what you have changed and not committed, as a unified diff."""
        return ToolResult(True, self._store.diff(self.overlay().values()))

    def rollback_files(self, path: str = "") -> ToolResult:
        """Drop what you have changed and not committed.

        Parameters
        ----------
        path : str
            One file; empty for all.
        """
        overlay = self.overlay()
        names = [self._name(path)] if path else list(overlay)
        if missing := [n for n in names if n not in overlay]:
            raise UsageError(f"{missing[0]!r} is not changed{nearest(missing[0], overlay)}")
        text = f"dropped: {', '.join(names) or 'nothing'}"
        return self._noted(text, names, {"dropped": names})

    # committing

    def commit_files(self) -> ToolResult:
        """Write all that you have changed to the folder; the user is shown the diff and asked."""
        entries = list(self.overlay().values())
        if not entries:
            return ToolResult(True, "nothing is changed")
        if conflicts := self._folder.conflicts(entries):
            places = [self._workspace.place(e.path) for e in conflicts]
            now = [self._store.put(p.read_bytes()) if p.is_file() else GONE for p in places]
            theirs = [Entry(e.path, found, e.base) for e, found in zip(conflicts, now, strict=True)]
            paths = ", ".join(e.path for e in conflicts)
            said = f"{paths} changed in the folder meanwhile; nothing was written"
            hint = "What changed there (roll that file back, read it, and write it again):"
            return ToolResult(False, f"{said}. {hint}\n{self._store.diff(theirs)}", "Conflict")
        tests = self._tested(entries)  # of the files as they are before they are written
        self._folder.apply(entries)
        names = [e.path for e in entries]
        facts = {"committed": [e.plain() for e in entries], "dropped": names}
        text = f"committed: {self._store.summary(entries)}"
        if tests is not None:
            text, facts = f"{text}\n{tests.text}", {**facts, "tests": tests.text}
        return self._noted(text, names, facts)

    def _take_back(self, call: Call) -> None:
        self._folder.take_back([Entry(*e) for e in call.facts.get("committed", ())])

    def _put_again(self, call: Call) -> None:
        try:
            self._folder.apply([Entry(*e) for e in call.facts.get("committed", ())])
        except ToolError as error:
            raise SnapshotConflict(str(error)) from None


def files_tools(site: Site) -> list[Tool]:
    """Return what ``-t files`` offers."""
    return FilesDevice(site).tools
