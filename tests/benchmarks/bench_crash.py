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
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from kill_series import Death, Sabotage, die_at, journals, lived, report, until
from waits import turns_while

import llmos_nb as llmos
from llmos_nb import errors
from llmos_nb.journal import read
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.process.state.fold import fold
from llmos_nb.session import Session

KINDS = ("pure", "idempotent", "once", "once", "once")
TURNS, EVENTS = 6, 70
LIFE_S = 0.08


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
    found = journals(folder)
    if found:
        process = session.load(found[-1], tools=tools(log), model=model)
    else:
        process = session.create("pay", model=model, tools=tools(log), approve="auto")
    die_at(process, kill_at)
    if process.state == "ended":
        return
    await (process.resume() if found else process.start())
    for _ in turns_while(lambda: process.state in ("waiting", "paused"), "it does not end", 100):
        done = {key for kind, _, key in effects(log) if kind == "once"}
        for call in [c for c in process.run.state.open_calls if c.status == "in_doubt"]:
            process.resolve(call.id, done=call.key in done)
        await (process.resume() if process.state == "paused" else process)


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


def deaths(rng: random.Random, boundary: int | None) -> Iterator[Death]:
    """Return when the children of a trial are killed: one, or two."""
    for attempt in range(rng.randint(1, 2)):
        yield Death(after_s=rng.uniform(0.0, LIFE_S)) if boundary is None else Death(boundary + attempt)


def trial(sabotage: Sabotage, folder: Path, rng: random.Random, number: int) -> tuple[str, int, list[str]]:
    """Kill one process once or twice and resume it to its end; return where, how often, and what went wrong."""
    script, boundary = turns(rng), number // 2 % EVENTS + 1 if number % 2 else None
    kills, trouble = lived(
        folder, lambda event: partial(live, folder, script, event), deaths(rng, boundary), sabotage=sabotage
    )
    place = "at any instant" if boundary is None else f"at event {boundary}"
    return place, kills, [trouble] if trouble else wrong_in(folder)


def run(kills: int, seed: int, sabotage: Sabotage = None, keep: Path | None = None) -> dict[str, object]:
    """Kill until there were so many kills; return the counts."""
    return until(kills, seed, partial(trial, sabotage), keep)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("results/crash.json"))
    parser.add_argument("--keep", type=Path, help="keep the folders of processes that went wrong here")
    given = parser.parse_args()
    return report(run(given.kills, given.seed, keep=given.keep), given.out)


if __name__ == "__main__":
    sys.exit(main())
