"""Runs for the export's tests: events as a process writes them, around code that really runs in a namespace.

The journal here is made by the same chain, folded by the same `fold`, and the changes of names come from the same
snapshots as in a live process; only the model, the loop and IPython are not there.
"""

from __future__ import annotations

import ast
import contextlib
import io
import linecache
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from llmos_nb.export import ExportSource
from llmos_nb.export.source import plain_states
from llmos_nb.heap import Snapshots
from llmos_nb.heap.ambient import Ambient
from llmos_nb.journal import GENESIS, Event
from llmos_nb.journal.events import parse
from llmos_nb.journal.journal import chained
from llmos_nb.process.state.fold import fold
from llmos_nb.tools import Tool, as_tool


class Runner:
    """One namespace with its user and one process."""

    def __init__(
        self, goal: str, folder: Path, name: str = "", tools: tuple[Any, ...] = (), record_random: bool = True
    ):
        self.goal, self.folder, self.name = goal, folder, name
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self.tools: dict[str, Tool] = {t.name: t for t in map(as_tool, tools)}
        self.snapshots = Snapshots(self.namespace)
        self.events: list[Event] = []
        self.cells: list[tuple[int, str]] = []
        self.random_state: dict[str, Any] | None = None
        self.record_random = record_random
        self.responses = 0

    # the user

    def user(self, code: str) -> None:
        """Execute a cell of the user's."""
        self.cells.append((len(self.cells) + 1, code))
        self._execute(code, f"<cell-{len(self.cells)}>")

    def tool(self, name: str, **manifest: Any) -> None:
        """Hand a function of the namespace over."""
        self.tools[name] = as_tool(self.namespace[name], **manifest)

    # the process

    def _event(self, k: str, **d: Any) -> None:
        prev = self.events[-1].hash if self.events else GENESIS
        self.events.append(
            chained(
                len(self.events), datetime.now(UTC).isoformat(timespec="milliseconds"), parse(k, d, 1), d, prev
            )[0]
        )

    def begin(self, *plan: tuple[str, str]) -> None:
        """Start the process, with a plan of (title, expectation)."""
        self.cells.append((len(self.cells) + 1, f"%%agent {self.name}\n{self.goal}"))
        head = [{"role": "system", "text": "You are a process."}, {"role": "user", "text": self.goal}]
        self._event(
            "run.started",
            goal=self.goal,
            model="script",
            budget={"steps": 50},
            parent=None,
            pid=1,
            name=self.name,
            head=head,
        )
        self._event(
            "policy.loaded", digest="0", tools={t.name: t.digest for t in self.tools.values()}, mode="auto"
        )
        if plan:
            steps = [{"n": i + 1, "title": t, "expect": e} for i, (t, e) in enumerate(plan)]
            self._event("plan.proposed", version=1, steps=steps, by="model")
            self._event("plan.decided", version=1, what="approve", envelope={"python": 50}, by="you")

    def step(
        self, code: str, *, by: str = "mode", edited_from: str = "", reject: str = "", met: bool = True
    ) -> str:
        """Let the model propose code, and run it; with `reject` it is turned down."""
        return self.call("python", by=by, edited_from=edited_from, reject=reject, met=met, code=code)

    def call(
        self,
        tool: str,
        *,
        by: str = "mode",
        edited_from: str = "",
        reject: str = "",
        met: bool = True,
        **arguments: Any,
    ) -> str:
        """Let the model propose any call."""
        self.responses += 1
        key = f"r{self.responses}.0"
        proposed = {"code": edited_from} if edited_from else arguments
        self._event("model.requested", request=self.responses, head="", ledger=0, window=[0, 0])
        calls = [{"name": tool, "arguments": proposed}]
        self._event("model.responded", request=self.responses, text="", calls=calls, finish="stop", usage={})
        if reject:
            self._event("call.decided", call=key, digest="d", what="reject", by="you", why=reject)
        else:
            if edited_from:
                self._event(
                    "call.decided", call=key, digest="", what="edit", by="you", why="", arguments=arguments
                )
            self._event("call.decided", call=key, digest="d", what="approve", by=by, why="")
            self._event("call.started", call=key, key=f"1-x-{key}", epoch=1)
            self._run(key, tool, arguments)
        state = fold(self.events)
        self._event("step.integrated", step=state.step, met=met, evidence=state.calls[key].result[:200])
        return key

    def _run(self, key: str, tool: str, arguments: dict[str, Any]) -> None:
        self._remember_random()
        before = self.snapshots.begin()
        text, ok, error, images = "", True, "", []
        try:
            if tool == "python":
                text, images = self._execute(arguments["code"], f"<{key}>")
            else:
                text = repr(self.tools[tool].fn(**arguments))
        except Exception as problem:
            text, ok, error = f"{type(problem).__name__}: {problem}", False, type(problem).__name__
        if ok:
            self._event("names.changed", call=key, **self.snapshots.end(before, key))
        else:
            self.snapshots.rollback(before)
        extra = {"error": error} if error else {}
        self._event(
            "call.finished", call=key, ok=ok, result=text, size=len(text.encode()), images=images, **extra
        )

    def _remember_random(self) -> None:
        if self.random_state is None and self.record_random:
            self.random_state = plain_states(Ambient.now().random)

    def ask(self, question: str, answer: str) -> None:
        """Let the process ask its user something."""
        self.responses += 1
        key = f"r{self.responses}.0"
        calls = [{"name": "ask", "arguments": {"question": question}}]
        self._event("model.requested", request=self.responses, head="", ledger=0, window=[0, 0])
        self._event("model.responded", request=self.responses, text="", calls=calls, finish="stop", usage={})
        self._event("call.decided", call=key, digest="d", what="approve", by="mode", why="")
        self._event("question.asked", question=key, kind="question", text=question)
        self._event("question.answered", question=key, text=answer, by="you")

    def undo(self, key: str) -> None:
        """Take a step back in place."""
        self.snapshots.undo(key)
        self._event("call.undone", call=key)

    def fork(self, at: int) -> None:
        """Go on as a new process from event `at`; what came after it is not part of it."""
        self.events = self.events[: at + 1]
        parent = {"pid": 1, "at": at, "path": ""}
        self._event(
            "run.started",
            goal=self.goal,
            model="script",
            budget={"steps": 50},
            parent=parent,
            pid=2,
            name=self.name,
        )
        self.responses = sum(e.k == "model.responded" for e in self.events)

    def end(self, answer: str) -> None:
        """Let the process answer."""
        self.responses += 1
        self._event("model.requested", request=self.responses, head="", ledger=0, window=[0, 0])
        self._event("model.responded", request=self.responses, text=answer, calls=[], finish="stop", usage={})
        self._event("run.ended", reason="answered", detail="", answer=answer)

    def source(self, **changes: Any) -> ExportSource:
        """Give what the exporter takes."""
        given = {
            "goal": self.goal, "name": self.name, "pid": 1, "model": "script", "settings": {"approve": "auto"},
            "state": fold(self.events), "events": self.events, "tools": self.tools, "user_cells": self.cells,
            "namespace": self.namespace, "random_state": self.random_state, "cwd": self.folder,
        }  # fmt: skip
        return ExportSource(**{**given, **changes})

    # running

    def _execute(self, code: str, name: str) -> tuple[str, list[dict[str, Any]]]:
        linecache.cache[name] = (len(code), None, code.splitlines(True), name)
        tree = ast.parse(code)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown), contextlib.chdir(self.folder):
            exec(compile(tree, name, "exec"), self.namespace)
            if last is not None:
                value = eval(compile(ast.Expression(last.value), name, "eval"), self.namespace)
                if value is not None:
                    print(repr(value))
        return shown.getvalue(), _figures()


def _figures() -> list[dict[str, Any]]:
    pyplot = sys.modules.get("matplotlib.pyplot")
    found = []
    for number in pyplot.get_fignums() if pyplot else ():
        data = io.BytesIO()
        pyplot.figure(number).savefig(data, format="png")
        pyplot.close(number)
        found.append({"mime": "image/png", "text": "a figure", "data": data.getvalue().hex()})
    return found
