"""What a person who is to approve a commit is told of tests: what ran over exactly these files, and what did not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from llmos_nb.errors import ToolError, UsageError
from llmos_nb.tools.call import Call
from llmos_nb.tools.devices.files.folder import Entry, Store
from llmos_nb.tools.devices.files.tree import Tree, differing, few, tree_of
from llmos_nb.tools.devices.workspace import Workspace

TOOL, OVER = "run_tests", "over"  # the tool, and the fact that says over which files it ran
_SETTINGS = ("conftest.py", "pytest.ini", "pytest.toml", "tox.ini", "setup.cfg", "pyproject.toml")
MOST_NAMED = 20  # failing tests that are named to the model
_COUNTED = "passed"  # a fact of every run that came to its end


@dataclass(frozen=True)
class Verdict:
    """What is known of the tests of some files.

    Parameters
    ----------
    short : str
        For a title: ``12 tests passed``, ``1 of 12 tests failed``, ``not tested``.
    said : str
        In a sentence, with the calls that it rests on.
    also : str
        Which tests the same diff changes.
    failing : str
        Which tests over these very files did not pass; empty where none is known to.
    """

    short: str
    said: str
    also: str = ""
    failing: str = ""

    @property
    def text(self) -> str:
        """All of it."""
        return self.said + self.also


def tested(run: Any, workspace: Workspace, store: Store, entries: Mapping[str, Entry]) -> Verdict | None:
    """Return what is known of tests over the files of a workspace; None where the process cannot run any.

    Parameters
    ----------
    run : Run, optional
        The process.
    workspace : Workspace
        The files.
    store : Store
        Where it is kept over what a run was made.
    entries : mapping of str to Entry
        What is to be committed, in the place of what stands there.
    """
    if run is None or TOOL not in run.tools:
        return None
    try:
        tree = tree_of(workspace, store, entries)
    except (UsageError, ToolError) as error:
        return Verdict("not tested", f"Nobody can tell what tests ran over: {error}.")
    return verdict(run.state.calls.values(), tree, store, entries)


def verdict(calls: Iterable[Call], tree: Tree, store: Store, changed: Iterable[str]) -> Verdict:
    """Say what is known of the tests of files.

    Parameters
    ----------
    calls : iterable of Call
        Of the process, in order.
    tree : Tree
        The files as they would be.
    store : Store
        Where it is kept over what a run was made.
    changed : iterable of str
        The files that are to be committed.
    """
    runs: dict[tuple[str, str], Call] = {}
    for call in calls:
        if call.name == TOOL and call.status in ("done", "failed") and OVER in call.facts:
            runs.pop(_what(call), None)
            runs[_what(call)] = call  # of runs of the same tests the last one counts
    wanted = set(changed)
    since = {c.id: differing(store, c.facts[OVER], tree) for c in runs.values()}
    same = [c for c in runs.values() if (d := since[c.id]) is not None and all(_saved(n, wanted) for n in d)]
    files = few(n for n in sorted(wanted) if concerns_tests(n))
    also = f" Tests are changed by the same diff: {', '.join(files)}." if files else ""
    if not same:
        last = next(reversed(runs.values()), None)
        return Verdict(*_untested(last, since), also)
    but = sorted({n for c in same for n in since[c.id] or ()})
    over = f"these files, but for {', '.join(few(but))}" if but else "exactly these files"
    said = "; ".join(f"{outcome(c.facts)}{_part(c)} ({c.id})" for c in same)
    return Verdict(_short(same), f"Tests over {over}: {said}.", also, _failing(same))


def _failing(same: Iterable[Call]) -> str:
    """Name the tests that did not pass, with the run that says so."""
    red = [c for c in same if _COUNTED not in c.facts or _failed(c.facts)]
    return "; ".join(f"{outcome(c.facts, MOST_NAMED)}{_part(c)} ({c.id})" for c in red)


def _saved(name: str, changed: Iterable[str]) -> bool:
    """Return whether a change is that of a notebook which is saved as it is worked in."""
    return name.endswith(".ipynb") and name not in changed


def _untested(last: Call | None, since: Mapping[str, list[str] | None]) -> tuple[str, str]:
    """Say that no test ran over the files, what came of the last run, and what changed after it."""
    found = since[last.id] if last is not None else None
    what = f"since {', '.join(few(found))} changed" if found else ""
    before = f" The last run, {last.id}, was before that: {outcome(last.facts)}." if last is not None else ""
    return f"not tested {what}".rstrip(), f"{f'No test was run over these files {what}'.rstrip()}.{before}"


def _what(call: Call) -> tuple[str, str]:
    given: Mapping[str, Any] = call.arguments if isinstance(call.arguments, dict) else {}
    return str(given.get("path") or ""), str(given.get("select") or "")


def _part(call: Call) -> str:
    """Say which tests alone were run; nothing where all were."""
    path, select = _what(call)
    chosen = [w for w in (path, f"-k {select}" if select else "") if w]
    return f" in {' '.join(chosen)} alone" if chosen else ""


def outcome(facts: Mapping[str, Any], most: int = 3) -> str:
    """Say what came of a run: ``11 passed, 1 failed: test_calc::test_mean``."""
    if _COUNTED not in facts:
        return "it did not run to its end"
    counts = ", ".join(f"{facts[k]} {k}" for k in ("passed", "failed", "errors", "skipped") if facts.get(k))
    names = ", ".join(few((str(name) for name, _ in facts.get("first", ())), most))
    return f"{counts or 'no test ran'}{': ' if names else ''}{names}"


def _short(same: list[Call]) -> str:
    """Say it in a title: what failed anywhere goes before what passed."""
    if any(_COUNTED not in c.facts for c in same):
        return "the tests did not run to their end"
    bad = max(same, key=lambda c: _failed(c.facts))
    if failed := _failed(bad.facts):
        total = failed + int(bad.facts.get("passed", 0))
        return f"{failed} of {total} tests failed"
    whole = next((c for c in same if not _part(c)), same[-1])
    passed = int(whole.facts.get("passed", 0))
    return f"{passed} {'test' if passed == 1 else 'tests'} passed{_part(whole)}" if passed else "not tested"


def _failed(facts: Mapping[str, Any]) -> int:
    return int(facts.get("failed", 0)) + int(facts.get("errors", 0))


def concerns_tests(path: str) -> bool:
    """Return whether a change of a file may change what its tests ask: tests themselves, and settings of pytest."""
    *folders, name = path.split("/")
    of_tests = name.startswith("test_") or name.endswith("_test.py") or {"test", "tests"} & set(folders)
    return bool(of_tests) or name in _SETTINGS
