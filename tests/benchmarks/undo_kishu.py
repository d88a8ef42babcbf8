"""Kishu on the heap of `bench_undo`, in an environment of its own: prints one JSON line a step.

Run by ``bench_undo.py --kishu PYTHON``, where PYTHON has kishu, pandas and scikit-learn.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from time import perf_counter

home = tempfile.mkdtemp()
os.environ |= {"ENV_KISHU_TEST_MODE": "1", "HOME": home}
os.chdir(home)
sys.path.insert(0, str(Path(__file__).parent))

from IPython.core.interactiveshell import InteractiveShell  # noqa: E402 - the environment is set first
from kishu.jupyterint import KishuForJupyter  # noqa: E402
from kishu.notebook_id import NotebookId  # noqa: E402
from undo_heap import HEAP, LOOK, STEPS  # noqa: E402


def timed(function, *args, **kwargs):
    start = perf_counter()
    result = function(*args, **kwargs)
    return result, (perf_counter() - start) * 1e3


class Session:
    """A shell with Kishu's hooks around each cell, timed."""

    def __init__(self) -> None:
        notebook = Path(home) / "nb.ipynb"
        notebook.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
        self.ip = InteractiveShell.instance()
        self.kishu = KishuForJupyter(NotebookId("key", notebook, "no-kernel"), self.ip)
        self.hooks_ms = 0.0
        for event in ("pre_run_cell", "post_run_cell"):
            self.ip.events.register(event, self.timing(getattr(self.kishu, event)))
        self.ip.user_ns["_kishu"] = self.kishu

    def timing(self, hook):
        def run(info):
            self.hooks_ms += timed(hook, info)[1]

        return run

    def cell(self, code: str) -> float:
        self.hooks_ms = 0.0
        self.ip.run_cell(code, store_history=True)
        return self.hooks_ms

    def look(self):
        return json.dumps(eval(LOOK, dict(self.ip.user_ns)))

    def stored(self) -> int:
        return sum(f.stat().st_size for f in Path(home).rglob("*") if f.is_file())

    def commits(self) -> list[str]:
        return [n.commit_id for n in self.kishu._kishu_graph.list_history()]


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rows", type=int)
    options.add_argument("--seed", type=int)
    asked = options.parse_args()
    sys.stdout, real = sys.stderr, sys.stdout
    session = Session()
    heap = HEAP.format(rows=asked.rows, seed=asked.seed)
    session.cell(heap)
    wanted = session.look()
    for title, code in STEPS.items():
        line: dict = {"step": title}
        try:
            size, base = session.stored(), session.commits()[0]
            line["before_ms"] = session.cell(code)
            line["stored"] = session.stored() - size
            _, line["undo_ms"] = timed(session.kishu.checkout, base, skip_notebook=True)
            line["right"] = session.look() == wanted
        except Exception as error:
            line |= {"right": False, "error": f"{type(error).__name__}: {error}"[:200]}
        print(json.dumps(line), file=real, flush=True)
        if not line["right"]:
            session.cell(heap)


if __name__ == "__main__":
    main()
