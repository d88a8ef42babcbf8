"""What it costs to import the package and to load the extension, in a fresh interpreter each time.

python tests/benchmarks/bench_load.py --runs 7 --out results/load.json
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

IMPORT = "import time; t = time.perf_counter(); import llmos_nb; print(time.perf_counter() - t)"
LOAD = """
from IPython.core.interactiveshell import InteractiveShell
ip = InteractiveShell.instance()
import ipykernel.kernelapp, time
t = time.perf_counter()
ip.run_line_magic('load_ext', 'llmos_nb')
print(time.perf_counter() - t)
"""
FLOOR = "import time; t = time.perf_counter(); import json, asyncio, ast, dataclasses; print(time.perf_counter() - t)"


def median_ms(code: str, runs: int) -> float:
    found = [
        float(subprocess.check_output([sys.executable, "-c", code], text=True).split()[-1]) for _ in range(runs)
    ]
    return round(1000 * statistics.median(found), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("results/load.json"))
    given = parser.parse_args()
    rows = {
        name: median_ms(code, given.runs)
        for name, code in (("floor", FLOOR), ("import", IMPORT), ("load_ext", LOAD))
    }
    for name, ms in rows.items():
        print(f"{name:10} {ms:8.1f} ms")
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
