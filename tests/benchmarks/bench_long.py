"""How long `show`, `log` and `export` take on a run of thousands of steps.

Each time is that of an interpreter of its own, from the command to its end without the start of the interpreter: the
least and the median of several, in seconds of the clock and of the processor. The run is a real one; every step binds a
name, prints a line and shows a value.

Run: ``python tests/benchmarks/bench_long.py [--steps 2000] [--times 3] [--out results/long.json]``
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

MAGIC = """
import contextlib, io, sys, time
from IPython.core.interactiveshell import InteractiveShell
ip = InteractiveShell.instance()
ip.run_line_magic("load_ext", "llmos_nb")
began, cpu = time.perf_counter(), time.process_time()
with contextlib.redirect_stdout(io.StringIO()) as said:
    ip.run_line_magic("agent", {command!r})
assert {word!r} in said.getvalue()
print("took", time.perf_counter() - began, time.process_time() - cpu)
"""
EXPORT = """
import time
from llmos_nb.app import cli
began, cpu = time.perf_counter(), time.process_time()
assert cli.main(["export", "1", "x.ipynb", "--no-run", "--lock", "installed", "--force"]) == 0
print("took", time.perf_counter() - began, time.process_time() - cpu)
"""


def started(home: Path, steps: int) -> Any:
    """Start a run of so many steps."""
    import llmos_nb as llmos
    from llmos_nb.models.scripted import ScriptedModel

    code = "x = {}\nprint('step', x)\nx * 2"
    turns = [{"calls": [{"name": "python", "arguments": {"code": code.format(i)}}]} for i in range(steps)]
    model = ScriptedModel([*turns, {"text": "The last is {{x}}."}])
    budget = f"{steps + 9} steps, {steps + 9} calls, 9000m tokens, 9h"
    return llmos.start(
        "Count `x` up.", model=model, namespace={}, approve="auto", plan="none", home=home, budget=budget
    )


def fill(home: Path, steps: int) -> None:
    """Make a home with one run of so many steps."""

    async def once() -> None:
        await (proc := started(home, steps))
        assert proc.answer == f"The last is {steps - 1}.", proc.detail

    asyncio.run(once())


def timed(code: str, home: Path, times: int) -> dict[str, float]:
    """Run code in interpreters of their own; return the least and the median time in seconds."""
    took = []
    for _ in range(times + 1):  # the first writes the byte code
        env = {**os.environ, "LLMOS_HOME": str(home)}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env, cwd=home.parent
        )
        took.append([float(word) for word in done.stdout.rpartition("took ")[2].split()])
    wall, cpu = zip(*took[1:], strict=True)
    return {
        "least_s": round(min(wall), 2),
        "median_s": round(statistics.median(wall), 2),
        "cpu_s": round(min(cpu), 2),
    }


def run(steps: int, times: int) -> dict[str, object]:
    """Measure all of it."""
    with tempfile.TemporaryDirectory() as base:
        home = Path(base) / "home"
        fill(home, steps)
        commands = {"show 1": "Count", "log 1": "run.ended", "trace 1": "model", "cost 1": "token"}
        shown = {c: timed(MAGIC.format(command=c, word=w), home, times) for c, w in commands.items()}
        return {"steps": steps, **shown, "export 1": timed(EXPORT, home, times)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("results/long.json"))
    given = parser.parse_args()
    found = run(given.steps, given.times)
    print(json.dumps(found, indent=1))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
