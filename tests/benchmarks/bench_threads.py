"""What goes on while a step holds the main thread, and what the way between the two threads costs.

    python tests/benchmarks/bench_threads.py --seconds 3 --json results/threads.json

A step of one process sleeps, loops in Python, or multiplies matrices. Meanwhile another process asks its model and a
clock of 20 ms ticks on the thread of the processes: told are the largest delay of the clock and the requests that were
made, beside the same figures with nothing on the main thread; and how long a kill from another thread takes. All of it
on the product, in one interpreter. Clicks and Stop in a real front end are in `bench_clicks.py`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import numpy as np
from waits import until

from llmos_nb import tool
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.session import Session
from llmos_nb.session.threads import runtime

CODES = {
    "nothing": "pass",
    "sleeps": "import time\ntime.sleep({s})",
    "loops": "import time\nend = time.monotonic() + {s}\nwhile time.monotonic() < end: pass",
    "multiplies": "import time\nend = time.monotonic() + {s}\nwhile time.monotonic() < end: big @ big",
}
TICK_S, REQUEST_S = 0.02, 0.05


@tool(effect="read", repeat="pure")
def look(n: int) -> str:
    """Look."""
    return f"seen {n}"


class Clock:
    """Ticks on the thread of the processes; remembers how late each tick came."""

    def __init__(self) -> None:
        self.late: list[float] = []
        self._due = 0.0

    def start(self) -> None:
        """Begin to tick."""
        runtime().ask(self._next)

    def _next(self) -> None:
        self._due = time.monotonic() + TICK_S
        self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def _tick(self) -> None:
        self.late.append(time.monotonic() - self._due)
        self._next()

    def stop(self) -> None:
        """Tick no more."""
        runtime().ask(lambda: self._timer.cancel())


def step(code: str) -> dict:
    return {"calls": [{"name": "python", "arguments": {"code": code}}]}


async def held(session: Session, code: str, seconds: float) -> dict[str, float]:
    """Hold the main thread by a step of one process; return what happened to the others meanwhile."""
    looks = [{"calls": [{"name": "look", "arguments": {"n": n}}], "wait_s": REQUEST_S} for n in range(1000)]
    other = session.start(
        "look", model=ScriptedModel(looks), tools=[look], approve="auto", plan="none", budget="1000 steps"
    )
    await asyncio.sleep(0.3)
    clock, before = Clock(), other.run.state.responses
    clock.start()
    began = time.monotonic()
    if code == "pass":
        await asyncio.sleep(seconds)
    else:
        await session.start("hold", model=ScriptedModel([step(code), {"text": "done"}]), approve="auto", plan="none")
    lasted, made = time.monotonic() - began, other.run.state.responses - before
    clock.stop()
    await other.kill()
    return {
        "held_s": round(lasted, 2),
        "latest_tick_ms": round(1000 * max(clock.late), 1),
        "requests_a_second": round(made / lasted, 1),
    }


async def killed(session: Session, code: str) -> float:
    """Return the seconds from a kill by another thread, in the middle of a step, to its end on the record."""
    process = session.start("hold", model=ScriptedModel([step(code), {"text": "done"}]), approve="auto", plan="none")
    took: list[float] = []

    def kill() -> None:
        until(lambda: any(c.status == "running" for c in process.run.state.open_calls))
        time.sleep(0.2)
        began = time.monotonic()
        process.kill()
        until(lambda: process.reason is not None, rest=lambda: time.sleep(0.0005))
        took.append(time.monotonic() - began)

    killer = threading.Thread(target=kill)
    killer.start()
    await process
    await asyncio.to_thread(killer.join)
    return took[0]


async def hop(session: Session, times: int) -> float:
    """Return the median of the way from the processes' thread to the user's and back, in microseconds."""
    process = session.create("hop", model=ScriptedModel([{"text": "x"}]))
    process.dispatch.adopt(None)

    async def there() -> list[float]:
        found = []
        for _ in range(times):
            began = time.perf_counter()
            await process.dispatch.visits(lambda: None)
            found.append(time.perf_counter() - began)
        return found

    return 1e6 * statistics.median(await process.dispatch.there(there))


async def beside() -> float:
    """Return the seconds that eight sync reads of 0.1 s take in one turn."""

    @tool(effect="read", repeat="pure")
    def nap(n: int) -> int:
        """Nap."""
        time.sleep(0.1)
        return n

    turns = [{"calls": [{"name": "nap", "arguments": {"n": n}} for n in range(8)]}, {"text": "done"}]
    with tempfile.TemporaryDirectory() as home:
        process = await Session(None, home).start("nap", model=ScriptedModel(turns), tools=[nap], approve="auto")
        at = {e.k: e for e in process.events if e.k in ("call.started", "call.finished")}
        first = next(e for e in process.events if e.k == "call.started")
        from datetime import datetime

        return (datetime.fromisoformat(at["call.finished"].at) - datetime.fromisoformat(first.at)).total_seconds()


async def many(processes: int, steps: int) -> float:
    """Return the steps a second of many processes at once, each step a call of a sync function of the user's."""
    with tempfile.TemporaryDirectory() as home:
        session = Session(None, home)
        turns = [{"calls": [{"name": "look", "arguments": {"n": n}}]} for n in range(steps)] + [{"text": "done"}]
        options = {"tools": [look], "approve": "auto", "plan": "none"}
        made = [session.create("go", model=ScriptedModel(turns), **options) for _ in range(processes)]
        began = time.monotonic()
        for process in made:
            process.start()
        for process in made:
            await process
        assert all(p.reason == "answered" for p in made), {p.reason for p in made}
        return processes * steps / (time.monotonic() - began)


async def measured(seconds: float, processes: int) -> dict:
    """Measure everything."""
    found: dict = {"held": {}, "kill_ms": {}}
    with tempfile.TemporaryDirectory() as home:
        session = Session({"big": np.ones((600, 600))}, home)
        for name, code in CODES.items():
            found["held"][name] = await held(session, code.format(s=seconds), seconds)
        for name in ("sleeps", "loops", "multiplies"):
            found["kill_ms"][name] = round(1000 * await killed(session, CODES[name].format(s=30)), 1)
        found["hop_us"] = round(await hop(session, 2000), 1)
    found["eight_reads_s"] = round(await beside(), 3)
    found["steps_a_second"] = round(await many(processes, 10))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--processes", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = asyncio.run(measured(given.seconds, given.processes))
    print(json.dumps(found, indent=1))
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
