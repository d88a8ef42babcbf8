"""How well many processes share slots, the event loop and one machine, beside bare asyncio with the same latencies.

Model latency is simulated (scripted models that wait); the processes are real, with journals on disk. What is measured:

- makespan of 64 programs on 4 slots: the bound (all slots always busy), a bare ``asyncio.Semaphore``, and ours;
- fairness: Jain's index of the service that equal processes have had when half of the work is done;
- seven short processes beside a long one: until the last short one has ended, over an oracle that always lets the
  short ones first, and over a scheduler with a batch barrier;
- 1,000 processes in one interpreter: memory a process, and CPU of scheduling a process;
- 20 independent calls, in one turn and in a graph of four layers, over the critical path;
- failures: tools that raise, hang and are cancelled, models that break: every combination comes to an end.

Run: ``python tests/benchmarks/bench_scheduling.py [--quick] [--out results/scheduling.json]``
"""

import argparse
import asyncio
import gc
import heapq
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from waits import until_async

SEED = 11
HANG_S = 60.0


def model_of(waits, calls=("look",), final="Done."):
    """A program: a call after each answer but the last, each answer so many seconds away."""
    from llmos_nb.models.scripted import ScriptedModel

    acts = [
        {"calls": [{"name": c, "arguments": {"n": i}} for c in calls], "wait_s": w} for i, w in enumerate(waits[:-1])
    ]
    return ScriptedModel([*acts, {"text": final, "wait_s": waits[-1]}])


def session(home):
    import llmos_nb as llmos

    return llmos.Session(None, home)


def look_tool(seconds=0.0):
    import llmos_nb as llmos

    @llmos.tool(effect="read", repeat="pure")
    async def look(n: int) -> int:
        """Look."""
        await asyncio.sleep(seconds)
        return n

    return look


async def ours(home, programs, slots, policy, tool_s=0.0):
    """Run programs as processes; give when each ended, in seconds, and the processes."""
    here, tool = session(home), look_tool(tool_s)
    made = [
        here.create(
            f"program {i}", model=model_of(w), tools=[tool], approve="auto", plan="none",
            slots=slots, scheduler=policy,
        )
        for i, w in enumerate(programs)
    ]  # fmt: skip
    began, ends = time.perf_counter(), {}

    async def run(i, process):
        await process.start()
        ends[i] = time.perf_counter() - began
        assert process.reason == "answered", (process.reason, process.detail)

    await asyncio.gather(*(run(i, p) for i, p in enumerate(made)))
    return [ends[i] for i in range(len(programs))], made


class Oracle:
    """Slots of bare asyncio: first come first served, or by a rank that is known beforehand."""

    def __init__(self, slots):
        self.free, self.queue, self.n = slots, [], itertools.count()

    async def acquire(self, rank):
        if self.free and not self.queue:
            self.free -= 1
            return
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self.queue, (rank, next(self.n), future))
        await future

    def release(self):
        if self.queue:
            heapq.heappop(self.queue)[2].set_result(None)
        else:
            self.free += 1


async def bare(programs, slots, ranks=None, tool_s=0.0):
    """The same latencies with no processes at all."""
    oracle, began, ends = Oracle(slots), time.perf_counter(), {}

    async def run(i, waits):
        for w in waits:
            await oracle.acquire(ranks[i] if ranks else 0)
            await asyncio.sleep(w)
            oracle.release()
            await asyncio.sleep(tool_s)
        ends[i] = time.perf_counter() - began

    await asyncio.gather(*(run(i, w) for i, w in enumerate(programs)))
    return [ends[i] for i in range(len(programs))]


async def barrier(programs, slots):
    """A scheduler that sends a batch and waits for all of it, as some do."""
    began, ends, left = time.perf_counter(), {}, [list(w) for w in programs]
    turn = 0
    while any(left):
        batch = [i for i in [*range(turn, len(left)), *range(turn)] if left[i]][:slots]
        turn = (batch[-1] + 1) % len(left)
        await asyncio.gather(*(asyncio.sleep(left[i].pop(0)) for i in batch))
        for i in batch:
            if not left[i]:
                ends[i] = time.perf_counter() - began
    return [ends[i] for i in range(len(programs))]


def bound(programs, slots):
    return max(sum(map(sum, programs)) / slots, *map(sum, programs))


async def makespan(home, quick):
    rng = random.Random(SEED)
    count, slots, turns, scale = (12, 4, 3, 0.05) if quick else (64, 4, 3, 0.6)
    programs = [[scale * rng.uniform(0.5, 1.5) for _ in range(turns)] for _ in range(count)]
    ideal, rows = bound(programs, slots), []
    floor = max(await bare(programs, slots))
    for policy in ("fcfs",) if quick else ("fcfs", "rr", "priority", "las"):
        ends, _ = await ours(home, programs, slots, policy)
        rows.append({"policy": policy, "s": max(ends), "of ideal": ideal / max(ends), "of floor": floor / max(ends)})
    return {"programs": count, "slots": slots, "ideal s": ideal, "floor s": floor, "floor of ideal": ideal / floor,
            "rows": rows}  # fmt: skip


def jain(values):
    return sum(values) ** 2 / (len(values) * sum(v * v for v in values)) if any(values) else 0.0


async def fairness(home, quick):
    """Equal processes; their service when half of all answers have been made."""
    count, slots, turns, wait = (6, 2, 4, 0.02) if quick else (32, 4, 10, 0.25)
    rows = []
    for policy in ("fcfs", "rr", "priority", "las"):
        _, made = await ours(home, [[wait] * turns] * count, slots, policy)
        answers = sorted((e.at, p.pid) for p in made for e in p.events if e.k == "model.responded")
        half = [pid for _, pid in answers[: len(answers) // 2]]
        rows.append({"policy": policy, "jain": jain([half.count(p.pid) for p in made])})
    return {"processes": count, "slots": slots, "rows": rows}


async def short_beside_long(home, quick):
    turns, wait, long_turns, long_wait = (2, 0.03, 2, 0.2) if quick else (5, 0.3, 4, 2.0)
    programs = [[long_wait] * long_turns, *([[wait] * turns] * 7)]
    rows = []
    for slots in (4,) if quick else (1, 2, 4, 8):
        oracle = max((await bare(programs, slots, ranks=[1] + [0] * 7))[1:])
        row = {
            "slots": slots,
            "oracle s": oracle,
            "barrier": max((await barrier(programs, slots))[1:]) / oracle,
        }
        for policy in ("las",) if quick else ("fcfs", "rr", "priority", "las"):
            ends, _ = await ours(home, programs, slots, policy)
            row[policy] = max(ends[1:]) / oracle
        rows.append(row)
    return {"short": [turns, wait], "long": [long_turns, long_wait], "rows": rows}


# one thousand


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Meter:
    """CPU of the main thread in scheduling: deciding, queueing, starting tasks; not in what the commands do."""

    def __init__(self):
        self.s = self.inner = 0.0
        self.depth = 0

    def outer(self, fn):
        def timed(*args, **named):
            if self.depth:
                return fn(*args, **named)
            self.depth, began, inner = 1, time.thread_time(), self.inner
            try:
                return fn(*args, **named)
            finally:
                self.depth = 0
                self.s += time.thread_time() - began - (self.inner - inner)

        return timed

    def excluded(self, fn):
        def timed(*args, **named):
            began = time.thread_time()
            try:
                return fn(*args, **named)
            finally:
                if self.depth:
                    self.inner += time.thread_time() - began

        return timed


def metered():
    """Measure the scheduler's own functions, without the executors that they call and without the journal."""
    from llmos_nb.process import driver
    from llmos_nb.process.scheduling.resource import Queue, Resource

    meter = Meter()
    for kind, executor in list(driver.EXECUTORS.items()):
        driver.EXECUTORS[kind] = meter.excluded(executor)
    driver.step = meter.outer(driver.step)
    for name in ("_account", "_leave", "_give_up", "_serve", "set"):
        setattr(Resource, name, meter.outer(getattr(Resource, name)))
    Queue.add = meter.outer(Queue.add)
    return meter


async def many(home, count):
    """Processes that all live at once: each thinks, acts, thinks and answers, over 64 slots."""
    here, tool = session(home), look_tool()
    options = {"tools": [tool], "approve": "auto", "plan": "none", "slots": 64}
    for _ in range(20):
        await here.start("warm up", model=model_of([0.0, 0.0]), **options)
    meter = metered()
    gc.collect()
    before, cpu, began = resident(), time.process_time(), time.perf_counter()
    made = [here.create(f"process {i}", model=model_of([0.2, 0.2]), **options) for i in range(count)]
    created = time.process_time() - cpu
    for p in made:
        p.start()
    most, waiting = 0, 0

    def over():
        nonlocal most, waiting
        most, waiting = max(most, resident()), max(waiting, sum(bool(p.run.waits) for p in made))
        return all(p.state == "ended" for p in made)

    await until_async(over, "the end of all processes", seconds=600, every=0.05)
    for p in made:
        await p
        assert p.reason == "answered", p.detail
    return {
        "processes": count, "waiting at once": waiting, "wall s": time.perf_counter() - began,
        "kB each, at most": (most - before) / count / 1e3, "scheduling ms each": 1e3 * meter.s / count,
        "create ms each": 1e3 * created / count, "all CPU ms each": 1e3 * (time.process_time() - cpu) / count,
    }  # fmt: skip


# calls that wait for nothing but each other


async def graph(home, quick):
    rng, scale = random.Random(SEED), 0.05 if quick else 1.0
    think = 0.5 * scale
    rows = []
    await session(home).start("warm up", model=model_of([0.0, 0.0]), tools=[look_tool()], approve="auto")
    for layers in ([20], [8, 6, 4, 2]):
        seconds = [[scale * rng.uniform(0.3, 1.0) for _ in range(n)] for n in layers]
        ideal = think * (len(layers) + 1) + sum(map(max, seconds))
        began = time.perf_counter()
        process = session(home).start(
            "Do all.", model=layered(seconds, think), tools=[timed_tool(seconds)], approve="auto", plan="none",
        )  # fmt: skip
        await process
        took = time.perf_counter() - began
        assert process.reason == "answered", process.detail
        rows.append({"layers": layers, "critical path s": ideal, "s": took, "of ideal": ideal / took})
    return {"rows": rows}


def layered(seconds, think):
    from llmos_nb.models.scripted import ScriptedModel

    turns = [
        {
            "calls": [{"name": "work", "arguments": {"layer": i, "n": n}} for n in range(len(row))],
            "wait_s": think,
        }
        for i, row in enumerate(seconds)
    ]
    return ScriptedModel([*turns, {"text": "All done.", "wait_s": think}])


def timed_tool(seconds):
    import llmos_nb as llmos

    @llmos.tool(effect="read", repeat="pure")
    async def work(layer: int, n: int) -> int:
        """Work."""
        await asyncio.sleep(seconds[layer][n])
        return n

    return work


# failures


def broken_tools():
    """One tool a way to break; each takes ``n`` and never gives it."""

    async def raises(n: int) -> int:
        raise ValueError(n)

    async def exits(n: int) -> int:
        raise SystemExit(n)

    async def cancelled(n: int) -> int:
        raise asyncio.CancelledError

    async def hangs(n: int) -> int:
        await asyncio.Event().wait()

    async def stubborn(n: int) -> int:
        """Hang, and take no for an answer once."""
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0.01)
            raise

    def blocks(n: int) -> int:
        time.sleep(0.3)

    return [raises, exits, cancelled, hangs, stubborn, blocks]


CODES = ("1 / 0", "raise SystemExit", "while True:\n    pass", "await asyncio.Event().wait()", "for")


MODELS = ("", "drop", "server_error", "http_429", "html", "cut_call")
SIGNALS = ("", "kill", "stop", "pause")


async def failures(home, quick):
    """Every tool, alone and beside others, every repeat, every model fault, every signal: all settle."""
    import llmos_nb as llmos

    here, cases = llmos.Session({"asyncio": asyncio}, home), []
    for fn, repeat, beside, fault, signal in itertools.product(
        broken_tools(),
        ("once", "pure"),
        (0, 3),
        ("", "http_429") if quick else MODELS,
        ("",) if quick else SIGNALS,
    ):
        effect = "external" if repeat == "once" else "read"
        tool = llmos.tool(effect=effect, repeat=repeat, thread=fn.__name__ == "blocks")(fn)
        calls = [{"name": c, "arguments": {"n": i}} for i, c in enumerate([fn.__name__, *["look"] * beside])]
        broken = start_broken(here, [tool], calls, fault)
        cases.append(((fn.__name__, repeat, beside, fault, signal), broken, signal))
    for code, signal in itertools.product(CODES, ("",) if quick else SIGNALS):
        calls = [{"name": "python", "arguments": {"code": code}}]
        cases.append(((code, signal), start_broken(here, [], calls, ""), signal))
    ended = await asyncio.gather(*(settled(p, signal) for _, p, signal in cases))
    hung = [case for (case, _, _), ok in zip(cases, ended, strict=True) if not ok]
    states = [p.reason or p.state for _, p, _ in cases]
    assert not here.writes.held and not any(p.run.waits or p.run.tasks for _, p, _ in cases if not hung)
    return {"cases": len(cases), "hung": hung, "ends": {s: states.count(s) for s in sorted(set(states))}}


def start_broken(here, tools, calls, fault):
    from llmos_nb.models.scripted import ScriptedModel

    acts = {"calls": calls, "wait_s": 0.01}
    broken = [{**acts, "fault": fault}] if fault else []
    model = ScriptedModel([*broken, acts, {"text": "Done."}])
    return here.start(
        "go", model=model, tools=[*tools, look_tool(0.01)], approve="auto", plan="none",
        slots=4, call_timeout=0.1,
    )  # fmt: skip


async def settled(process, signal):
    """Send the signal while it works, wait for its end; after a pause go on, after a doubt settle it."""
    try:
        async with asyncio.timeout(HANG_S):
            if signal:
                at_work = process.run.state
                await until_async(lambda: at_work.calls or process.state != "running", every=0.001)
                getattr(process, signal)()
            await process
            while process.state in ("paused", "waiting"):
                for call in [c.id for c in process.run.state.calls.values() if c.status == "in_doubt"]:
                    process.resolve(call, done=True)
                if process.state == "paused":
                    await process.resume()
                await process
    except TimeoutError:
        return False
    return True


# the report


def one(part, quick):
    """Run one part."""
    with tempfile.TemporaryDirectory() as home:
        return asyncio.run(PARTS[part](Path(home), quick))


def apart(part):
    """Run one part in an interpreter of its own, so that memory is that of this part."""
    done = subprocess.run([sys.executable, __file__, "--part", part], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{part} failed:\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


PARTS = {
    "makespan": makespan, "fairness": fairness, "short beside long": short_beside_long,
    "thousand": lambda home, quick: many(home, 50 if quick else 1_000), "graph": graph, "failures": failures,
}  # fmt: skip


def judged(found):
    """Say of each line that must be shown whether it holds."""
    lines = {
        "makespan >= 95 % of the ideal": min(r["of ideal"] for r in found["makespan"]["rows"]) >= 0.95,
        "Jain index >= 0.95": min(r["jain"] for r in found["fairness"]["rows"]) >= 0.95,
        "short ones within 1.2 x ideal (las)": max(r["las"] for r in found["short beside long"]["rows"]) <= 1.2,
        "under 1 MB a process": found["thousand"]["kB each, at most"] < 1_000,
        "under 1 ms of scheduling a process": found["thousand"]["scheduling ms each"] < 1,
        "20 calls >= 95 % of the critical path": min(r["of ideal"] for r in found["graph"]["rows"]) >= 0.95,
        "no hang": not found["failures"]["hung"],
    }
    return {name: bool(ok) for name, ok in lines.items()}


def shown(value):
    if isinstance(value, float):
        return f"{value:.3f}"
    return ", ".join(f"{k} {shown(v)}" for k, v in value.items()) if isinstance(value, dict) else str(value)


def report(found):
    print(f"seed {SEED}; {statistics.fmean(os.getloadavg()):.1f} load on {os.cpu_count()} cores")
    for part, result in found.items():
        rows = result.pop("rows", [])
        print(f"{part}: {shown(result)}")
        for row in rows:
            print(f"    {shown(row)}")
        result["rows"] = rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small sample, to see that it works; it judges nothing")
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--only", choices=PARTS, help="one part alone")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    if given.part:
        print(json.dumps(one(given.part, given.quick)))
        return 0
    parts = [given.only] if given.only else PARTS
    found = {part: one(part, True) if given.quick else apart(part) for part in parts}
    report(found)
    held = {} if given.only or given.quick else judged(found)
    for name, ok in held.items():
        print(f"{name}: {'held' if ok else 'NOT held'}")
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps({"seed": SEED, "quick": given.quick, **found, "held": held}, indent=1))
    hung = found.get("failures", {}).get("hung")
    return 0 if all(held.values()) and not hung else 1


if __name__ == "__main__":
    sys.exit(main())
