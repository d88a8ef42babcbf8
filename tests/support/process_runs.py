"""Real processes in this interpreter, and what the exporter takes of them; the user's cells are given as data.

No kernel and no notebook: where those matter, `real_runs` has them. The model is a script; all else is the product.
"""

from __future__ import annotations

import asyncio
import contextlib
import linecache
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from real_runs.scenario import LOOK, Scenario

import llmos_nb as llmos
from llmos_nb.export import ExportSource
from llmos_nb.journal import history
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.process import fold
from llmos_nb.tools import Tool, as_tool

LONG_AGO = 1_700_000_000
# scenarios of one process and plain Python, of many kinds
PLAIN = (
    "pandas_group", "pandas_merge_pivot", "pandas_in_place", "pandas_multiindex", "pandas_missing", "polars_group", "numpy_views",
    "numpy_structured", "numpy_polynomial", "scipy_stats", "sklearn_linear", "sklearn_split_unseeded", "plot_line", "plot_over_cells",
    "plot_histogram_unseeded", "pillow_drawing", "statistics_summary", "re_log_lines", "itertools_recipes", "collections_kinds",
    "functools_tools", "dataclass_account", "enum_and_match", "cell_run_twice", "fails_then_another_way", "function_as_tool",
    "several_calls_in_a_turn", "file_written_and_read", "files_by_a_pattern", "module_beside", "sqlite_in_memory", "sqlite_file",
    "numpy_draws", "numpy_seeded", "generator_unseeded", "bootstrap", "clock_in_a_step", "order_of_a_set", "function_changes_a_global",
    "walrus_and_star", "progress_line",
)  # fmt: skip


def file(folder: Path, name: str, text: str | bytes) -> None:
    """Write a file that was there long before the run."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    os.utime(path, (LONG_AGO, LONG_AGO))


@contextlib.contextmanager
def beside(folder: Path) -> Iterator[None]:
    """Let modules of a folder be imported, as a kernel that was started there does, and forget them again."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", "") or "").startswith(f"{folder}{os.sep}"):
                del sys.modules[name]


class ProcessRun:
    """A namespace with its user and one process, which runs when its end is known.

    Parameters
    ----------
    goal, name : str
        Of the process.
    folder : Path
        Where it and the user's cells run.
    tools : sequence
        Functions handed over.
    record_random : bool
        Whether the exporter gets the random states that the steps found.
    after : ProcessRun, optional
        One that ended in the same namespace.
    mode : str
        Of approvals; where none is given: step where a person decides on a call, else auto.
    """

    def __init__(
        self,
        goal: str,
        folder: Path,
        name: str = "",
        tools: tuple[Any, ...] = (),
        record_random: bool = True,
        after: ProcessRun | None = None,
        mode: str = "",
    ):
        self.goal, self.folder, self.name, self.mode = goal, folder, name, mode
        self.namespace: dict[str, Any] = after.namespace if after else {"__name__": "__main__"}
        self.cells: list[tuple[int, str]] = after.cells if after else []
        self.tools: dict[str, Tool] = {t.name: t for t in map(as_tool, tools)}
        self.record_random = record_random
        self.turns: list[dict[str, Any]] = []
        self.decisions: list[tuple[str, str, str, str]] = []
        self.plan: list[dict[str, str]] = []
        self.process: Any = None
        self._events: list[Any] = []

    def user(self, code: str) -> None:
        """Execute a cell of the user's."""
        self._cell(code)
        name = f"<cell-{len(self.cells)}>"
        linecache.cache[name] = (len(code), None, code.splitlines(True), name)
        with contextlib.chdir(self.folder), beside(self.folder):
            exec(compile(code, name, "exec"), self.namespace)

    def tool(self, name: str, **manifest: Any) -> None:
        """Hand a function of the namespace over."""
        self.tools[name] = as_tool(self.namespace[name], **manifest)

    def begin(self, *plan: tuple[str, str]) -> None:
        """Put the process's cell after those of the user so far; with a plan of the user's: (title, expectation)."""
        self._cell(f"%%agent {self.name}\n{self.goal}")
        self.plan = [{"title": title, "expect": expect} for title, expect in plan]

    def step(self, code: str, *, by: str = "", edited_from: str = "", reject: str = "") -> str:
        """Let the model propose code, which a person then edits, approves or rejects; where none does, the mode is auto."""
        key = self.call("python", code=edited_from or code)
        if by or edited_from or reject:
            self.decisions.append((key, by or "you", code if edited_from else "", reject))
        return key

    def call(self, tool: str, **arguments: Any) -> str:
        """Let the model propose any call; return its id."""
        self.turns.append({"calls": [{"name": tool, "arguments": arguments}]})
        return f"r{len(self.turns)}.0"

    def propose_plan(self, *steps: str, by: str = "you") -> str:
        """Let the model propose a plan, which a person approves."""
        self.decisions.append(("plan", by, "", ""))
        return self.call("plan", steps=[{"title": title, "expect": "a number"} for title in steps])

    def end(self, answer: str, replies: tuple[str, ...] = ()) -> None:
        """Run the process to its answer, which a person helps to by `replies` where it asks."""
        self.turns.append({"text": answer})
        with contextlib.chdir(self.folder):
            asyncio.run(self._run(replies))
        assert self.process.reason == "answered", self.process.state

    async def _run(self, replies: tuple[str, ...]) -> None:
        named = {"given_plan": self.plan} if self.plan else {}
        self.namespace |= named
        self.process = await llmos.run(
            self.goal,
            name=self.name,
            model=ScriptedModel(self.turns),
            namespace=self.namespace,
            tools=list(self.tools.values()),
            approve=self.mode or ("step" if self.decisions else "auto"),
            budget="200 steps",
            home=self.folder / "home",
            **({"plan": "given_plan"} if named else {}),
        )
        for name in named:
            del self.namespace[name]
        for key, by, edited, why in self.decisions:
            if why:
                await self.process.reject(key, why, by=by)
            else:
                if edited:
                    await self.process.edit(key, edited, by=by)
                await self.process.approve(key, by=by)
            await self.process
        for reply in replies:
            self.process.reply(reply)
            await self.process

    def undo(self, to: int | None = None) -> None:
        """Take the last step back, or all from a step of the plan on."""

        async def back() -> None:
            await self.process.undo(to)

        asyncio.run(back())

    @property
    def events(self) -> list[Any]:
        """The process's journal, or what a test puts in its place."""
        return self._events or history(self.process.journal.events, self.process.journal.path)

    @events.setter
    def events(self, events: list[Any]) -> None:
        self._events = events

    def source(self, **changes: Any) -> ExportSource:
        """Return what the exporter takes."""
        run = self.process.run
        state = fold(self._events) if self._events else run.state
        for call in state.calls.values() if not self.record_random else ():
            call.facts.pop("random", None)
        given = {
            "goal": run.state.goal, "name": run.state.name, "pid": self.process.pid, "model": run.state.model,
            "settings": {"approve": run.state.mode}, "state": state, "events": self.events, "tools": run.tools,
            "user_cells": list(self.cells), "namespace": self.namespace,
            "blobs": self.process.journal.path.parent / "blobs", "cwd": self.folder,
        }  # fmt: skip
        return ExportSource(**{**given, **changes})

    def _cell(self, code: str) -> None:
        self.cells.append((len(self.cells) + 1, code))


def process_run(
    scenario: Scenario,
    folder: Path,
    change: Callable[[ProcessRun], object] | None = None,
    record_random: bool = True,
) -> ProcessRun:
    """Run a scenario of plain Python and one process in this interpreter.

    Parameters
    ----------
    scenario : Scenario
        Without magics, verbs and errors that it waits for.
    folder : Path
        Where it runs.
    change : callable, optional
        Takes the run before the process begins.
    record_random : bool
        Whether the exporter gets the random states that the steps found.
    """
    for name, text in scenario.files.items():
        file(folder, name, text)
    begun = next(c for c in scenario.cells if c.turns)
    made = ProcessRun(begun.code.partition("\n")[2], folder, scenario.name, record_random=record_random)
    for cell in scenario.cells:
        if cell.code == LOOK:
            break
        if cell is not begun:
            made.user(cell.code)
            continue
        if change is not None:
            change(made)
        made.begin()
        made.turns += begun.turns[:-1]
        made.end(begun.turns[-1]["text"])
    return made
