"""What it costs to import the package and to load the extension, in a fresh interpreter each time.

python tests/benchmarks/bench_load.py --runs 7 --out results/load.json

Told are the medians of the time and of the processor time: the first one grows with whatever else the machine does. The
floor imports a few modules of the standard library; the floor of loading defines one empty magic and loads it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

CLOCK = "import time; wall, cpu = time.perf_counter(), time.process_time()\n"
TOLD = "\nprint(time.perf_counter() - wall, time.process_time() - cpu)"
IP = "import sys, types, ipykernel.kernelapp; from IPython.core.interactiveshell import InteractiveShell as S\n"
EMPTY = """
from IPython.core.magic import Magics, magics_class
@magics_class
class Empty(Magics): pass
empty = sys.modules["empty"] = types.ModuleType("empty")
empty.load_ipython_extension = lambda ip: ip.register_magics(Empty)
"""
CODES = {
    "floor": CLOCK + "import json, asyncio, ast, dataclasses" + TOLD,
    "import": CLOCK + "import llmos_nb" + TOLD,
    "load floor": IP + EMPTY + "ip = S.instance()\n" + CLOCK + "ip.run_line_magic('load_ext', 'empty')" + TOLD,
    "load_ext": IP + "ip = S.instance()\n" + CLOCK + "ip.run_line_magic('load_ext', 'llmos_nb')" + TOLD,
}


def median_ms(code: str, runs: int) -> tuple[float, ...]:
    """Return the medians of the time and of the processor time, in milliseconds."""
    told = [subprocess.check_output([sys.executable, "-c", code], text=True).split()[-2:] for _ in range(runs)]
    return tuple(round(1000 * statistics.median(map(float, column)), 1) for column in zip(*told, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("results/load.json"))
    given = parser.parse_args()
    rows = {name: median_ms(code, given.runs) for name, code in CODES.items()}
    for name, (wall, cpu) in rows.items():
        print(f"{name:10} {wall:8.1f} ms, of the processor {cpu:8.1f} ms")
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
