"""How often ordinary work is asked about, or stopped by an effect that its code did not show.

    python tests/benchmarks/bench_quiet.py [--docstrings pandas,numpy,scipy,sklearn] [--steps] [--imports] [--cost]
        [--seconds S] [--seed N] [--rows FILE] [--json FILE]

All runs in real sessions, by steps of the Python device that a scripted model proposes, with nobody there but where
said. A stop is an effect that holds a step in the middle, since the inspection of its code did not predict it; a
question before the step is counted apart.

- docstrings: the examples, each block as one step, in mode `risky`. With a bound of seconds, as many blocks run as
  fit, drawn by the seed; with a file of rows the next run goes on with those that are left;
- steps: the sixty of `quiet_steps.py`, in `risky` with a person who approves what asks before it begins, and in `auto`
  with nobody there, after a read of what others wrote;
- imports: first imports of installed libraries, each in an interpreter with a home, caches and bytecode of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import doctest
import importlib
import json
import math
import os
import pkgutil
import random
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager
from importlib.metadata import packages_distributions
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from quiet_steps import ACTS, NOTEBOOKS, lay

from llmos_nb import Session, tool
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.tools import CallContext
from llmos_nb.tools.devices.python import PythonDevice

ROOTS = "pandas,numpy,scipy,sklearn"
STEP_S = 20.0


class Row(NamedTuple):
    """What became of a step: asked about before it began, stopped by an effect, ran well, and what is said of it."""

    asked: bool
    stopped: bool
    ok: bool
    told: str


def blocks(root: str) -> Iterator[tuple[str, str]]:
    """Return the examples of a package's docstrings: where they stand, and their code."""
    finder, seen = doctest.DocTestFinder(exclude_empty=True), set[str]()
    for name in _modules(root):
        try:
            module = importlib.import_module(name)
            tests = finder.find(module, name)
        except Exception:  # an optional part that is not installed
            continue
        for test in tests:
            code = "".join(e.source for e in test.examples)
            if code and code not in seen and not any("SKIP" in e.source for e in test.examples):
                seen.add(code)
                yield test.name, code


def _modules(root: str) -> Iterator[str]:
    yield root
    package = importlib.import_module(root)
    for info in pkgutil.walk_packages(package.__path__, f"{root}.", onerror=lambda _: None):
        if not any(part in info.name for part in (".tests", ".conftest", "._testing", ".setup", "__main__", "_build")):
            yield info.name


@tool(effect="read", source="untrusted")
def mail() -> str:
    """Read the mail of today."""
    return "Hello, see you on Friday."


async def worked(
    codes: Sequence[str], namespace: dict[str, Any], home: Path, mode: str = "risky", *, read: bool = False,
    honest: bool = False,
) -> list[Row]:  # fmt: skip
    """Run steps one after the other in one process; return what became of each.

    Parameters
    ----------
    codes : sequence of str
        The steps.
    namespace : dict
        Their variables.
    home : Path
        Where the journal stands.
    mode : str
        The mode of approval.
    read : bool
        The process reads what others wrote before the first step.
    honest : bool
        A person approves what asks before it begins; else nobody is there.
    """
    turns = [{"calls": [{"name": "mail", "arguments": {}}]}] if read else []
    turns += [{"calls": [{"name": "python", "arguments": {"code": code}}]} for code in codes]
    process = Session(namespace, home).start(
        "Work on.", model=ScriptedModel([*turns, {"text": "done"}]), tools=[mail] if read else [], approve=mode,
        plan="none", call_timeout=STEP_S, budget=f"{2 * len(turns) + 5} steps",
    )  # fmt: skip
    await process.attend(patient=False)
    asked = set[str]()
    calls = process.run.state.calls
    for _ in codes:
        if process.state == "waiting":
            asked |= {c.id for c in calls.values() if c.status == "asked"}
            if honest:
                await process.approve("all")
    found = [
        Row(c.id in asked, c.error == "EffectRefused", bool(c.ok), c.why or c.result)
        for c in calls.values()
        if c.name == "python"
    ]
    if process.state != "ended":
        await process.kill()
    shutil.rmtree(process.journal.path.parent, ignore_errors=True)
    return found


def run(code: str, home: Path) -> tuple[list[str], bool, bool]:
    """Run a block; return the effects that stopped it, whether it was asked about before, and whether it went well."""
    names = (("numpy", "np"), ("pandas", "pd"), ("matplotlib.pyplot", "plt"))
    row = asyncio.run(worked([code], {alias: importlib.import_module(name) for name, alias in names}, home))[0]
    return [row.told[-300:]] if row.stopped else [], row.asked, row.ok


def docstrings(roots: str, most: int, seconds: float, seed: int, rows: str = "") -> dict[str, Any]:
    """Run the examples of packages in a folder of their own, as many as fit into the time."""
    file = Path(rows).absolute() if rows else None
    lines = file.read_text(encoding="utf-8").splitlines() if file is not None and file.exists() else []
    known = {row[0]: row[1:] for row in map(json.loads, lines)}
    found: dict[str, Any] = {
        "there are": 0,
        "blocks": 0,
        "ran well": 0,
        "asked before": 0,
        "stopped": 0,
        "stops": [],
    }
    with laid() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        examples = [block for root in roots.split(",") for block in islice(blocks(root), most or None)]
        found["there are"] = len(examples)
        random.Random(seed).shuffle(examples)
        until = time.monotonic() + seconds if seconds else math.inf
        for name, code in examples:
            if (block := f"{name}\n{code}") not in known:
                if time.monotonic() > until:
                    continue
                known[block] = run(code, folder / ".llmos")
                if file is not None:
                    with file.open("a", encoding="utf-8") as out:
                        out.write(json.dumps([block, *known[block]]) + "\n")
            stops, asked, ok = known[block]
            found["blocks"] += 1
            found["ran well"] += ok
            found["asked before"] += asked
            if stops:
                found["stopped"] += 1
                found["stops"].append([name, stops[0]])
    return found


def imports(most: int, seconds: float, seed: int) -> dict[str, Any]:
    """Import installed libraries for the first time."""
    names = sorted(n for n in packages_distributions() if n.isidentifier() and not n.startswith("_"))
    random.Random(seed).shuffle(names)
    until = time.monotonic() + seconds if seconds else math.inf
    found: dict[str, Any] = {"libraries": 0, "asked before": 0, "stopped": 0, "stops": [], "failed": []}
    for name in names[: most or None]:
        if time.monotonic() > until:
            break
        with tempfile.TemporaryDirectory(dir=Path.home()) as home:
            environ = {k: v for k, v in os.environ.items() if k not in ("MPLCONFIGDIR", "XDG_CACHE_HOME")}
            environ |= {
                "HOME": home,
                "MPLBACKEND": "agg",
                "PYTHONDONTWRITEBYTECODE": "",
                "PYTHONPATH": os.pathsep.join(sys.path[1:]),
            }
            command = [sys.executable, str(Path(__file__).absolute()), "--one", name]
            done = subprocess.run(command, capture_output=True, text=True, env=environ, cwd=home, check=False)
        line = next((x for x in reversed(done.stdout.splitlines()) if x.startswith("[")), "")
        asked, stopped, ok, told = json.loads(line) if line else (False, False, False, done.stderr[-300:])
        found["libraries"] += bool(ok or asked or stopped)
        found["asked before"] += asked
        if stopped:
            found["stopped"] += 1
            found["stops"].append([name, told[-300:]])
        elif not ok:
            found["failed"].append([name, told[-300:]])
    return found


def one(name: str) -> None:
    """Import a library in a step, and print what became of it."""
    sys.pycache_prefix = str(Path.home() / "bytecode")  # from here on nothing is compiled yet
    row = asyncio.run(worked([f"import {name}"], {}, Path.home() / ".llmos"))[0]
    print(json.dumps(row), flush=True)
    os._exit(0)  # some libraries start what would keep the interpreter


def steps() -> dict[str, Any]:
    """Run the sixty steps of ordinary data science in both ways."""
    found = {}
    for mode, read in (("risky", False), ("auto", True)):
        rows: list[tuple[str, Row]] = []
        for name, codes in NOTEBOOKS.items():
            rows += [(f"{name} {k}", row) for k, row in enumerate(notebook(codes, mode, read), 1)]
        found[f"{mode}, after a read of others' words" if read else mode] = {
            "steps": len(rows),
            "asked before, and write": sum(row.asked and writes(where) for where, row in rows),
            "asked before, and do not": [(where, row.told) for where, row in rows if row.asked and not writes(where)],
            "stopped": [(where, row.told) for where, row in rows if row.stopped],
            "not ok": [(where, row.told) for where, row in rows if not row.ok],
        }
    return found


def writes(where: str) -> bool:
    """Return whether a step, told by its notebook and number, writes a file."""
    name, number = where.split()
    return NOTEBOOKS[name][int(number) - 1].startswith(ACTS)


def notebook(codes: Sequence[str], mode: str, read: bool) -> list[Row]:
    """Run the steps of a notebook in a folder of its own."""
    with laid() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lay(folder)
        code = [c.removeprefix(ACTS) for c in codes]
        return asyncio.run(worked(code, {}, folder / ".llmos", mode, read=read, honest=mode == "risky"))


@contextmanager
def laid() -> Iterator[Path]:
    """Work in a folder that is none of the temporary ones, where a step may write unasked."""
    with tempfile.TemporaryDirectory(dir=Path.home()) as folder, chdir(folder):
        yield Path(folder)


READS = "for _ in range(10_000):\n    with open('a.txt') as f: f.read()"
WORK = (
    "for _ in range(8):\n"
    "    means = table.groupby('k').v.agg(['mean', 'sum', 'std'])\n"
    "    joined = table.merge(means, left_on='k', right_index=True).sort_values('v')"
)
EVENTS = 200_000


def cost(rounds: int = 5) -> dict[str, Any]:
    """Return what being watched costs: of code in a step over the same code alone, processor time, medians of rounds."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(7)
    table = pd.DataFrame({"k": rng.integers(0, 50, 300_000), "v": rng.random(300_000)})
    found: dict[str, Any] = {}
    with laid():
        Path("a.txt").write_text("x")
        for name, code in (("10,000 reads", READS), ("pandas", WORK)):
            alone, step = [], []
            for _ in range(rounds):
                began = time.process_time()
                exec(compile(code, "alone", "exec"), {"table": table})
                alone.append(time.process_time() - began)
                context = CallContext("r1.0", "k", 600.0)
                began = time.process_time()
                asyncio.run(PythonDevice({"table": table}).run(code, context))
                step.append(time.process_time() - began)
            a, s = sorted(alone)[rounds // 2], sorted(step)[rounds // 2]
            found[name] = {"alone s": round(a, 4), "in a step s": round(s, 4), "ratio": round(s / a, 3)}
    began = time.process_time()
    for _ in range(EVENTS):
        sys.audit("open", "/tmp/x", "r", 0)
    found["idle, microseconds an event"] = round((time.process_time() - began) / EVENTS * 1e6, 3)
    return found


def main() -> None:
    """Run what is asked for, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--docstrings", default=ROOTS)
    parser.add_argument("--steps", action="store_true")
    parser.add_argument("--imports", action="store_true")
    parser.add_argument("--one", default="", help="a library to be imported in this interpreter")
    parser.add_argument("--cost", action="store_true")
    parser.add_argument("--most", type=int, default=0, help="blocks a package, or libraries; 0 for all")
    parser.add_argument("--seconds", type=float, default=0.0, help="for imports, and for docstrings; 0 for no bound")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rows", default="", help="a file of rows by docstring: what it has is not run again")
    parser.add_argument("--json", default="")
    given = parser.parse_args()
    if given.one:
        return one(given.one)
    sys.argv[1:] = []  # modules that look at it are imported
    bounds = given.most, given.seconds, given.seed
    figures: dict[str, Any] = {"seed": given.seed}
    if given.steps:
        figures["steps"] = steps()
    if given.imports:
        figures["imports"] = imports(*bounds)
    if given.docstrings:
        figures["docstrings"] = docstrings(given.docstrings, *bounds, given.rows)
    if given.cost:
        figures["cost"] = cost()
    text = json.dumps(figures, indent=1)
    print(text)
    if given.json:
        Path(given.json).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
