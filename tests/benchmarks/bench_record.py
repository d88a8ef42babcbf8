"""What the record of a notebook costs on the user's thread, a cell.

    python tests/benchmarks/bench_record.py --cells 300 --json results/record.json

Cells of several kinds run in an IPython with 5,000 variables. Told is the processor time of the calling thread that the
recorder's two hooks take a cell, beside that of the whole cell. Wanted: at most 2 ms a cell.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from llmos_nb.journal import Home
from llmos_nb.session.notebook import Recorder

CELLS = {
    "one line": "x = 1",
    "long": "\n".join(f"name_{n} = {n}  # a line of an ordinary cell" for n in range(400)),
    "draws": "import random, numpy\ny = random.random() + numpy.random.rand()",
    "reads a file": "text = open('data.txt').read()",
    "200,000 characters": "z = " + repr("a" * 200_000),
}


class Timed:
    """A hook, with the time of the calling thread that it takes."""

    def __init__(self, hook: Callable[[Any], None]) -> None:
        self.hook, self.took = hook, list[float]()

    def __call__(self, about: Any) -> None:
        began = time.thread_time()
        self.hook(about)
        self.took.append(1000 * (time.thread_time() - began))


def cost(ip: Any, home: Home, source: str, cells: int) -> tuple[float, float, float]:
    """Return ms a cell: the median and the largest of both hooks, and the median of the cell with them."""
    recorder, whole = Recorder(ip, lambda: home), list[float]()
    hooks = [Timed(recorder._begins), Timed(recorder._ended)]
    recorder._begins, recorder._ended = hooks  # type: ignore[method-assign, assignment]  # to be timed
    recorder.install()
    ip.run_cell("pass")
    for hook in hooks:
        hook.took.clear()
    for _ in range(cells):
        began = time.thread_time()
        ip.run_cell(source)
        whole.append(1000 * (time.thread_time() - began))
    recorder.close()
    both = [sum(pair) for pair in zip(*(hook.took for hook in hooks), strict=True)]
    return statistics.median(both), max(both), statistics.median(whole)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=300)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    ip, rows = InteractiveShell.instance(), dict[str, list[float]]()
    ip.user_ns.update({f"variable_{n}": [n] for n in range(5_000)})
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("data.txt").write_text("a" * 100_000, encoding="utf-8")
        ip.run_cell("import random, numpy")
        for name, source in CELLS.items():
            median, most, whole = cost(ip, Home(Path(folder, "home")), source, given.cells)
            rows[name] = [round(n, 3) for n in (median, most, whole)]
            print(f"{name:20} {median:7.3f} ms a cell, at most {most:.3f} ms; with the cell itself {whole:.3f} ms")
        os.chdir("/")
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
