"""What the record of a notebook costs on the user's thread, a cell.

    python tests/benchmarks/bench_record.py --cells 300 --json results/record.json

Cells of several kinds run in an IPython with 5,000 variables, once with no hooks and once with the recorder's. Told is
the processor time of the calling thread that the hooks take a cell, and its ratio to that of the cell itself. Wanted: at
most 2 ms a cell. What the writer's thread does is not in it; told beside is that of the whole interpreter.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from llmos_nb.journal import Home
from llmos_nb.session.notebook import follow, leave

CELLS = {
    "one line": "x = 1",
    "long": "\n".join(f"name_{n} = {n}  # a line of an ordinary cell" for n in range(400)),
    "draws": "import random, numpy\ny = random.random() + numpy.random.rand()",
    "reads a file": "text = open('data.txt').read()",
    "200,000 characters": "z = " + repr("a" * 200_000),
}


def cost(ip: Any, source: str, cells: int) -> tuple[float, float]:
    """Return the median time of this thread, and the mean time of the processor, in ms a cell."""
    told, began = [], time.process_time()
    for _ in range(cells):
        start = time.thread_time()
        ip.run_cell(source, store_history=True)
        told.append(time.thread_time() - start)
    return 1000 * statistics.median(told), 1000 * (time.process_time() - began) / cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=300)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    ip, rows = InteractiveShell.instance(), {}
    ip.user_ns.update({f"variable_{n}": [n] for n in range(5_000)})
    with tempfile.TemporaryDirectory() as folder:
        ip.run_cell(
            f"import os, random, numpy; os.chdir({folder!r}); open('data.txt', 'w').write('a' * 100_000)"
        )
        for name, source in CELLS.items():
            bare, bare_all = cost(ip, source, given.cells)
            recorder = follow(ip, lambda: Home(Path(folder, "home")), lambda: True)
            ip.run_cell("pass")
            with_it, with_all = cost(ip, source, given.cells)
            recorder.settled()
            leave(ip)
            rows[name] = [round(with_it - bare, 3), round(with_it / bare, 2), round(with_all - bare_all, 3)]
            print(
                f"{name:20} {with_it - bare:7.3f} ms more a cell (x {with_it / bare:.2f}), of all threads {rows[name][2]} ms"
            )
        recorder.close()
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
