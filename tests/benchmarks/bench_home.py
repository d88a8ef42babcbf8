"""How long it takes to see what is unfinished in a home of thousands of runs.

Each time is that of an interpreter of its own, the least and the median of several: `%load_ext` without a home, with one
whose index is there, and with one whose index is missing; then a look through the journals with the index and without
it, the table of what is unfinished, and that of all. Of the runs some are unfinished; all are copies of two real ones.

Run: ``python tests/benchmarks/bench_home.py [--runs 2000] [--unfinished 10] [--times 7] [--out results/home.json]``
"""

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

CALLS = {"calls": [{"name": "python", "arguments": {"code": "x = 1"}}]}
LOAD = """
import sys, time
from IPython.core.interactiveshell import InteractiveShell
ip = InteractiveShell.instance()
began = time.perf_counter()
ip.run_line_magic("load_ext", "llmos_nb")
print("took", time.perf_counter() - began)
"""
LOOK = """
import time
from llmos_nb.journal import home_of, look
began = time.perf_counter()
look(home_of())
print("took", time.perf_counter() - began)
"""
TABLE = """
import time
from llmos_nb.app.listing import home_table
from llmos_nb.journal import home_of
began = time.perf_counter()
list(home_table(home_of(), everything={everything}))
print("took", time.perf_counter() - began)
"""


def fill(home, runs, unfinished):
    """Make a home of copies of one run that has ended and one that waits."""
    import llmos_nb as llmos
    from llmos_nb.models.scripted import ScriptedModel

    async def both():
        session = llmos.Session({}, home)
        ended = session.start("Make x.", model=ScriptedModel([CALLS, {"text": "Made."}]), approve="auto")
        waits = session.start("Make x.", model=ScriptedModel([CALLS, {"text": "Made."}]), approve="step")
        await ended
        await waits
        return ended.journal.path, waits.journal.path

    ended, waits = asyncio.run(both())
    for pid in range(3, runs + 1):
        folder = home / "runs" / f"2026-01-01-{pid}-copy"
        folder.mkdir()
        shutil.copy(waits if pid > runs - unfinished + 1 else ended, folder / "journal.jsonl")
        (home / "runs" / f".pid-{pid}").touch()


def timed(code, home, times, before=lambda: None):
    """Run code in interpreters of their own; give the least and the median time in milliseconds."""
    took = []
    for _ in range(times + 1):  # the first writes the byte code
        before()
        env = {**os.environ, "LLMOS_HOME": str(home)}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env, cwd=home.parent
        )
        took.append(float(done.stdout.rpartition("took ")[2]) * 1000)
    return {"least_ms": round(min(took[1:]), 1), "median_ms": round(statistics.median(took[1:]), 1)}


def run(runs, unfinished, times):
    """Measure all of it."""
    with tempfile.TemporaryDirectory() as base:
        home, none = Path(base) / "home", Path(base) / "none"
        fill(home, runs, unfinished)
        index = home / "index.json"
        return {
            "runs": runs,
            "unfinished": unfinished,
            "load_ext, no home": timed(LOAD, none, times),
            "load_ext, no index": timed(LOAD, home, times, lambda: index.unlink(missing_ok=True)),
            "look, no index": timed(LOOK, home, times, lambda: index.unlink(missing_ok=True)),
            "look, index": timed(LOOK, home, times),
            "load_ext, index": timed(LOAD, home, times),
            "table of what is unfinished": timed(TABLE.format(everything=False), home, times),
            "ps --all": timed(TABLE.format(everything=True), home, times),
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--unfinished", type=int, default=10)
    parser.add_argument("--times", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("results/home.json"))
    given = parser.parse_args()
    found = run(given.runs, given.unfinished, given.times)
    print(json.dumps(found, indent=1))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
