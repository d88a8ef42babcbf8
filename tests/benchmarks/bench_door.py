"""Milliseconds a call of an agent outside: by HTTP and through `llmos mcp`, beside a model that is a script.

    python tests/benchmarks/bench_door.py [--calls 200]

The notebook is a process of its own; the agent is the official client of MCP. Of each way the median is given, that of
the first and of the last tenth of its calls: it stays flat where these are alike.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from outside_agent import Agent, over_http, over_stdio

from llmos_nb.journal import home_of
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.session import Session
from llmos_nb.session.door import find

BUDGET = "1m steps, 1m calls, 1000m tokens, 100 h"
CALLS: dict[str, Callable[[int], dict[str, Any]]] = {
    "calculator": lambda n: {"expression": f"{n} + 1"},
    "describe": lambda n: {"name": f"v{n % 7}"},
    "python": lambda n: {"code": f"x{n} = {n}"},
}


async def scripted(name: str, calls: int) -> float:
    turns: list[Any] = [{"calls": [{"name": name, "arguments": CALLS[name](n)}]} for n in range(calls)]
    session = Session({f"v{n}": n for n in range(7)})
    process = session.start("Work.", model=ScriptedModel([*turns, {"text": "done"}]), budget=BUDGET, plan="none")
    began = time.perf_counter()
    await process
    assert process.reason == "answered", process.detail
    return (time.perf_counter() - began) / calls * 1000


async def serve(calls: int) -> None:
    """Be the notebook: say what a script takes, open a door, and stay until the input ends."""
    base = {name: await scripted(name, calls) for name in CALLS}
    door = Session({f"v{n}": n for n in range(7)}).parts["door"]
    await door.open(budget=BUDGET)
    print(json.dumps(base), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await door.close()


async def timed(agent: Agent, name: str, calls: int) -> tuple[float, float, float]:
    took = list[float]()
    for n in range(calls):
        began = time.perf_counter()
        ok, said = await agent.call(name, **CALLS[name](n))
        took.append((time.perf_counter() - began) * 1000)
        assert ok, said
    await agent.call("final_answer", answer="done")
    tenth = max(calls // 10, 1)
    return median(took), median(took[:tenth]), median(took[-tenth:])


async def measure(calls: int, base: dict[str, float]) -> None:
    print(f"{'call':<11} {'script':>7} {'HTTP':>7} {'first':>6} {'last':>6} {'stdio':>7} {'first':>6} {'last':>6}")
    for name in CALLS:
        async with over_http(find(home_of())) as agent:
            http = await timed(agent, name, calls)
        async with over_stdio("--home", str(home_of().root)) as agent:
            stdio = await timed(agent, name, calls)
        told = [f"{x:7.1f} {first:6.1f} {last:6.1f}" for x, first, last in (http, stdio)]
        print(f"{name:<11} {base[name]:7.1f} {' '.join(told)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve(given.calls))
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LLMOS_HOME"] = str(Path(folder) / ".llmos")
        command = [sys.executable, __file__, "--serve", "--calls", str(given.calls)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as notebook:
            assert notebook.stdout is not None and notebook.stdin is not None
            base = json.loads(notebook.stdout.readline())
            asyncio.run(measure(given.calls, base))
            notebook.stdin.close()


if __name__ == "__main__":
    main()
