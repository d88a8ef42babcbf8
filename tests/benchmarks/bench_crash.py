"""Kill a process at random instants and at every event boundary, resume it, and count what its tools did.

    python tests/benchmarks/bench_crash.py --kills 1000 --seed 7 --out results/crash.json

Effects are kept in a log of their own, written and synced by the tools. After each kill the process is loaded from
its journal in a fresh child and resumed; a call in doubt is settled by looking at that log, as a person would.
Right means: no `once` effect twice, none lost that the process counts as done, every chain valid.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import llmos_nb as llmos
from llmos_nb import errors
from llmos_nb.journal import read
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.process.state.fold import fold
from llmos_nb.session import Session

KINDS = ("pure", "idempotent", "once", "once", "once")
TURNS = 6


def turns(rng: random.Random) -> list[dict]:
    """Make a script: each turn makes one to three calls of mixed kinds."""
    made = []
    for t in range(TURNS):
        calls = [{"name": rng.choice(KINDS), "arguments": {"n": 10 * t + i}} for i in range(rng.randint(1, 3))]
        made.append({"calls": calls})
    return [*made, {"text": "The end."}]


def tools(log: Path):
    """Make the tools; each writes its effect to the log before it returns."""

    def effect(kind: str, n: int, key: str) -> str:
        with log.open("a") as out:
            out.write(json.dumps([kind, n, key]) + "\n")
            out.flush()
            os.fsync(out.fileno())
        return f"{kind} {n}"

    @llmos.tool(effect="read", repeat="pure")
    def pure(n: int, idempotency_key: str = "") -> str:
        """Look."""
        return effect("pure", n, idempotency_key)

    @llmos.tool(effect="external", repeat="idempotent")
    def idempotent(n: int, idempotency_key: str = "") -> str:
        """Set."""
        return effect("idempotent", n, idempotency_key)

    @llmos.tool(effect="external", repeat="once")
    async def once(n: int, idempotency_key: str = "") -> str:
        """Pay."""
        await asyncio.sleep(0.001)
        return effect("once", n, idempotency_key)

    return [pure, idempotent, once]


def effects(log: Path) -> list[tuple[str, int, str]]:
    """Read the log; a torn last line is an effect that did not complete."""
    lines = log.read_text().splitlines() if log.exists() else []
    return [tuple(json.loads(line)) for line in lines if line.endswith("]")]


async def live(folder: Path, script: list[dict], kill_at: int | None) -> None:
    """Start or resume the process of a folder and drive it to its end; die at event `kill_at`."""
    session = Session(None, folder / "home")
    model, log = ScriptedModel(script), folder / "effects.log"
    found = sorted((folder / "home" / "runs").glob("*/journal.jsonl")) if (folder / "home").exists() else []
    found = [f for f in found if f.stat().st_size and len(read(f)) >= 2]
    if found:
        process = session.load(found[-1], tools=tools(log), model=model)
    else:
        process = session.create("pay", model=model, tools=tools(log), approve="auto")
    if kill_at is not None:
        process.run.listeners.append(lambda e, s: _die(process, e.n, kill_at))
    if process.state == "ended":
        return
    await (process.resume() if found else process.start())
    while process.state in ("waiting", "paused"):
        done = {key for kind, _, key in effects(log) if kind == "once"}
        for call in [c for c in process.run.state.open_calls if c.status == "in_doubt"]:
            process.resolve(call.id, done=call.key in done)
        await (process.resume() if process.state == "paused" else process)


def _die(process, n: int, kill_at: int) -> None:
    if n == kill_at:
        process.journal.flush_now()
        os.kill(os.getpid(), signal.SIGKILL)


def child(folder: Path, script: list[dict], kill_at: int | None, sabotage=None) -> int:
    """Fork a child that lives the process; give its pid."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        if sabotage is not None:
            sabotage()
        asyncio.new_event_loop().run_until_complete(live(folder, script, kill_at))
        code = 0
    except BaseException as error:
        (folder / "child-error").write_text(f"{type(error).__name__}: {error}")
    finally:
        os._exit(code)


def end(pid: int, after_s: float | None) -> int:
    """Wait for a child, killing it after some seconds; give how it ended."""
    limit = time.monotonic() + (after_s if after_s is not None else 60)
    while time.monotonic() < limit:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.0005)
    os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def wrong_in(folder: Path) -> list[str]:
    """Say what is wrong with a finished folder."""
    wrong = []
    counted = Counter(key for kind, _, key in effects(folder / "effects.log") if kind == "once")
    by_number = Counter(n for kind, n, _ in effects(folder / "effects.log") if kind == "once")
    wrong += [f"once effect {key} {times} times" for key, times in counted.items() if times > 1]
    wrong += [f"once effect of number {n} {times} times" for n, times in by_number.items() if times > 1]
    for journal in (folder / "home" / "runs").glob("*/journal.jsonl"):
        try:
            events = read(journal)
        except errors.JournalTampered as error:
            wrong.append(str(error))
            continue
        state = fold(events) if events else None
        for call in state.calls.values() if state else ():
            if call.name == "once" and call.status == "done" and not counted[call.key]:
                wrong.append(f"once effect of {call.id} lost and nobody told")
    return wrong


def trial(folder: Path, rng: random.Random, boundary: int | None, sabotage=None) -> tuple[int, list[str]]:
    """Kill one process once or twice, resume it to its end; give the number of kills and what went wrong."""
    script, kills = turns(rng), 0
    for attempt in range(8):
        last = attempt >= rng.randint(1, 2)
        at = None if last or boundary is None else boundary + attempt
        after = None if last or boundary is not None else rng.uniform(0.0, 0.08)
        code = end(child(folder, script, at, sabotage), after)
        kills += code == -signal.SIGKILL
        if code == 0:
            return kills, wrong_in(folder)
        if code == 1:
            return kills, [(folder / "child-error").read_text()]
    return kills, ["it did not come to its end"]


def run(kills: int, seed: int, sabotage=None) -> dict:
    """Kill until there were so many kills; give the counts."""
    rng = random.Random(seed)
    done, trials, boundaries, wrong = 0, 0, Counter(), []
    with tempfile.TemporaryDirectory() as base:
        while done < kills:
            folder = Path(base) / str(trials)
            folder.mkdir()
            boundary = trials // 2 % 70 + 1 if trials % 2 else None
            found, bad = trial(folder, rng, boundary, sabotage)
            done, trials = done + found, trials + 1
            boundaries[boundary if boundary is not None else "random"] += found
            wrong += [f"trial {trials - 1} (boundary {boundary}): {b}" for b in bad]
    return {
        "seed": seed,
        "kills": done,
        "trials": trials,
        "wrong": wrong,
        "kills_a_boundary": {str(k): n for k, n in boundaries.items()},
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("results/crash.json"))
    given = parser.parse_args()
    found = run(given.kills, given.seed)
    print(
        f"seed {found['seed']}: {found['kills']} kills in {found['trials']} processes, {len(found['wrong'])} wrong"
    )
    print("kills a boundary:", " ".join(f"{k}:{n}" for k, n in found["kills_a_boundary"].items()))
    print("\n".join(found["wrong"][:20]))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(found, indent=1))
    return 1 if found["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
