"""How often ordinary work is stopped by an effect that its code did not show.

    python tests/benchmarks/bench_quiet.py [--docstrings pandas,numpy,scipy,sklearn] [--imports] [--cost] [--seconds S]
        [--seed N] [--rows FILE] [--json FILE]

Runs the examples of docstrings, each block as one step of the Python device, and first imports of installed libraries
with fresh caches, in interpreters of their own. A stop is an effect that the inspection of the code did not predict. A
question before the step is counted, too. With a bound of seconds, as many blocks run as fit, drawn by the seed;
with a file of rows the next run goes on with those that are left.
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
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from itertools import islice
from pathlib import Path
from typing import Any

from llmos_nb.errors import EffectRefused
from llmos_nb.policy import Effect, covered
from llmos_nb.policy.code import inspect_code, plain
from llmos_nb.tools import CallContext
from llmos_nb.tools.devices.python import PythonDevice

ROOTS = "pandas,numpy,scipy,sklearn"
BLOCK_S = 20.0
_IMPORT = """
import asyncio, json, sys
from llmos_nb.tools import CallContext
from llmos_nb.tools.devices.python import PythonDevice
stops = []
context = CallContext("r1.0", "k", 120.0, permit=lambda kind, target: stops.append([kind, target]))
result = asyncio.run(PythonDevice({{}}).run("import {name}", context))
print(json.dumps([result.ok, stops, result.text[-200:]]))
"""


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
        if not any(
            part in info.name for part in (".tests", ".conftest", "._testing", ".setup", "__main__", "_build")
        ):
            yield info.name


def run(code: str) -> tuple[list[list[str]], list[str], bool]:
    """Run a block; return the effects that were not predicted, what would be asked before, and whether it went well."""
    seen = plain(inspect_code(code))
    predicted = [(str(kind), str(target)) for kind, target in seen["predicted"]]
    stops: list[list[str]] = []

    def permit(kind: str, target: str) -> None:
        if not covered(Effect(kind, target), predicted, str(Path.cwd())):
            stops.append([kind, target])
            raise EffectRefused(f"{kind} {target}")

    namespace: dict[str, Any] = {}
    for name, alias in (("numpy", "np"), ("pandas", "pd"), ("matplotlib.pyplot", "plt")):
        namespace[alias] = importlib.import_module(name)
    context = CallContext("r1.0", "k", BLOCK_S, permit=permit)
    result = asyncio.run(PythonDevice(namespace).run(code, context))
    return stops, [kind for kind, _ in seen["risks"]] if seen["level"] == "risky" else [], result.ok


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
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.chdir(folder)
        examples = [block for root in roots.split(",") for block in islice(blocks(root), most or None)]
        found["there are"] = len(examples)
        random.Random(seed).shuffle(examples)
        until = time.monotonic() + seconds if seconds else math.inf
        for name, code in examples:
            if (block := f"{name}\n{code}") not in known:
                if time.monotonic() > until:
                    continue
                known[block] = run(code)
                if file is not None:
                    with file.open("a", encoding="utf-8") as out:
                        out.write(json.dumps([block, *known[block]]) + "\n")
            stops, asks, ok = known[block]
            found["blocks"] += 1
            found["ran well"] += ok
            found["asked before"] += bool(asks)
            if stops and not asks:
                found["stopped"] += 1
                found["stops"].append([name, stops[0]])
        os.chdir("/")
    return found


def imports(most: int, seconds: float, seed: int) -> dict[str, Any]:
    """Import installed libraries for the first time, each with a home and caches of its own."""
    names = sorted(n for n in packages_distributions() if n.isidentifier() and not n.startswith("_"))
    random.Random(seed).shuffle(names)
    until = time.monotonic() + seconds if seconds else math.inf
    found: dict[str, Any] = {"libraries": 0, "stopped": 0, "stops": []}
    for name in names[: most or None]:
        if time.monotonic() > until:
            break
        with tempfile.TemporaryDirectory() as home:
            environ = {**os.environ, "HOME": home, "MPLBACKEND": "agg", "PYTHONDONTWRITEBYTECODE": ""}
            command = [sys.executable, "-c", _IMPORT.format(name=name)]
            done = subprocess.run(command, capture_output=True, text=True, env=environ, cwd=home, check=False)
        line = next((x for x in reversed(done.stdout.splitlines()) if x.startswith("[")), "")
        if not line:
            continue
        ok, stops, _ = json.loads(line)
        found["libraries"] += ok
        if ok and stops:
            found["stopped"] += 1
            found["stops"].append([name, stops[0]])
    return found


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
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
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
        os.chdir("/")
    began = time.process_time()
    for _ in range(EVENTS):
        sys.audit("open", "/tmp/x", "r", 0)
    found["idle, microseconds an event"] = round((time.process_time() - began) / EVENTS * 1e6, 3)
    return found


def main() -> None:
    """Run what is asked for, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--docstrings", default=ROOTS)
    parser.add_argument("--imports", action="store_true")
    parser.add_argument("--cost", action="store_true")
    parser.add_argument("--most", type=int, default=0, help="blocks a package, or libraries; 0 for all")
    parser.add_argument(
        "--seconds", type=float, default=0.0, help="for imports, and for docstrings; 0 for no bound"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rows", default="", help="a file of rows by docstring: what it has is not run again")
    parser.add_argument("--json", default="")
    given = parser.parse_args()
    sys.argv[1:] = []  # modules that look at it are imported
    bounds = given.most, given.seconds, given.seed
    figures: dict[str, Any] = {"seed": given.seed}
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
