"""Kill an agent outside, the program between, or the notebook itself at random, and count what must not happen.

An agent writes numbers to a file, a call each, through a notebook's door (`llmos mcp`) or as the model of a process
(ACP); a person approves each. One of those that take part is killed, as the seed says; then another agent, at the same
notebook or at one that was begun anew, writes further numbers to its end.

Counted: numbers that came twice, or not at all though their agent was told that they were written; numbers that nobody
was told of and the record does not know; processes that do not stand as they are; programs that are left.

    python tests/benchmarks/bench_door_kills.py [--kills 100] [--seed 7] [--out FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import shlex
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import kill_series
import waits
from kill_series import journals
from outside_agent import over_stdio

from llmos_nb.journal import history, read
from llmos_nb.process.state import State
from llmos_nb.process.state.fold import fold
from llmos_nb.session import Session
from llmos_nb.session.door import http as mcp_server

SUPPORT = Path(__file__).parents[1] / "support"
PLACES = ("agent by MCP", "llmos mcp", "notebook with a door", "agent by ACP", "notebook of an agent")
STEPS, FURTHER, LATEST_S = 5, 100, 0.05
NUMBER = re.compile(r"'(\d+)\\n'")


def code(n: int) -> str:
    """Return what writes a number."""
    return f"with open('log', 'a') as log: log.write('{n}\\n')"


def written(folder: Path) -> Counter[int]:
    """Count the numbers that were written."""
    log = folder / "log"
    return Counter(map(int, log.read_text().split())) if log.exists() else Counter()


def number(call: Any) -> int:
    """Return the number that a call writes."""
    found = NUMBER.search(call.arguments.get("code", ""))
    return int(found[1]) if found else -1


# who takes part, each in a program of its own


async def notebook(folder: Path, acp: bool) -> None:
    """Be the notebook and its person, until there is enough; of an agent by ACP, until it has answered."""
    mcp_server.GONE_S = 0.3
    session = Session({}, folder / "home")
    if acp:
        spec = f"acp:{shlex.join([sys.executable, str(SUPPORT / 'acp_agent.py'), 'polite', 'script', 'told'])}"
        known = journals(folder)
        process = session.load(known[-1], model=spec) if known else session.create("Work.", model=spec)
        if process.state == "ended":  # it had answered when its notebook was killed
            process = session.create("Go on.", model=spec)
        await (session.resume(process) if process.state == "paused" else process.start())
        further = bool(known)
    else:
        await session.parts["door"].open()
        (folder / "open").touch()
    for _ in waits.turns_while(lambda: not (folder / "enough").exists(), "it is not enough", most=100_000):
        for process in list(session.processes.values()):
            for key, question in list(process.run.state.questions.items()):
                decide(folder, process, key, question["kind"])
            if acp and process.state == "paused":
                script(folder, FURTHER)  # the agent is told all, and so would not write the same again
                further = True
                await session.resume(process)
        (folder / "states.new").write_text(json.dumps([p.state for p in session.processes.values()]))
        (folder / "states.new").replace(folder / "states")
        if acp and all(p.state == "ended" for p in session.processes.values()):
            if further:
                return
            if (folder / "killed").exists():  # it had answered when its agent was killed
                script(folder, FURTHER)
                further = True
                await session.create("Go on.", model=spec).start()
        await asyncio.sleep(0.005)
    await session.parts["door"].close()


def decide(folder: Path, process: Any, key: str, kind: str) -> None:
    """Approve; of a call in doubt say whether its number was written."""
    if kind in ("doubt", "rebuild"):
        process.resolve(key, done=kind == "rebuild" or number(process.run.state.calls[key]) in written(folder))
    else:
        process.approve(key)


async def agent(folder: Path, first: int) -> None:
    """Be an agent that writes numbers through `llmos mcp`, and keeps what it is told of each."""
    os.environ["LLMOS_TRIAL"] = str(folder)
    with (folder / "told").open("a") as told:
        async with over_stdio("--home", str(folder / "home")) as client:
            for n in range(first, first + STEPS):
                ok, words = await client.python(code(n))
                told.write(json.dumps(["python", [ok, words], n]) + "\n")
                told.flush()
            await client.call("final_answer", answer="done")


def script(folder: Path, first: int) -> None:
    """Say what an agent by ACP does."""
    acts = [["call", "python", {"code": code(n)}] for n in range(first, first + STEPS)]
    (folder / "script").write_text(json.dumps([[*acts, ["say", "done"]]]))


# a trial


class Trial:
    """One kill, and what came of it.

    Parameters
    ----------
    folder : Path
        Where all of it stands.
    place : str
        Who is killed.
    """

    def __init__(self, folder: Path, place: str) -> None:
        self.folder, self.place, self.acp = folder, place, "ACP" in place or place == PLACES[4]
        self.bad: list[str] = []
        self.began: list[int] = []

    def begin(self, life: Callable[[], Any]) -> int:
        """Fork one who takes part."""
        self.began.append(kill_series.child(self.folder, life))
        return self.began[-1]

    def open(self) -> int:
        """Begin a notebook; return its number."""
        (self.folder / "open").unlink(missing_ok=True)
        pid = self.begin(lambda: notebook(self.folder, self.acp))
        if not self.acp:
            waits.until((self.folder / "open").exists, "the door", seconds=waits.START_SECONDS)
        return pid

    def run(self, rng: random.Random) -> None:
        """Have it happen."""
        script(self.folder, 0)
        place, wanted = self.open(), rng.randrange(STEPS)
        writer = None if self.acp else self.begin(lambda: agent(self.folder, 0))
        waits.until(lambda: written(self.folder).total() >= wanted and self.seen(), "its numbers", seconds=60)
        time.sleep(rng.uniform(0, LATEST_S))
        victim = {PLACES[0]: writer, PLACES[1]: self.between(), PLACES[3]: self.seen()}.get(self.place, place)
        assert victim
        if self.place != PLACES[3] or victim in self.left():  # an agent may have ended by itself
            os.kill(victim, signal.SIGKILL)
        (self.folder / "killed").touch()
        if writer is not None:
            os.waitpid(writer, 0)
        if victim == place:
            os.waitpid(place, 0)
            script(self.folder, FURTHER)
            place = self.open()
        elif not self.acp:
            self.until(self.rests, "no pause")
        if not self.acp:
            last = self.begin(lambda: agent(self.folder, FURTHER))
            self.came(last, "the next agent")
            (self.folder / "enough").touch()
        self.came(place, "the notebook")
        self.until(lambda: not self.left(), "left")
        self.count()

    def rests(self) -> bool:
        """Say whether no process goes on; there is none where the agent was killed before its first call."""
        return all(s in ("paused", "ended") for s in json.loads((self.folder / "states").read_text()))

    def until(self, holds: Callable[[], object], wrong: str) -> None:
        """Wait for what has to come."""
        try:
            waits.until(holds, wrong, seconds=60)
        except AssertionError as error:
            self.bad.append(f"{wrong}: {error}")

    def came(self, pid: int, who: str) -> None:
        """Wait for the end of one who takes part."""
        if (status := os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])) != 0:
            error = self.folder / "child-error"
            self.bad.append(f"{who} ended with {status}: {error.read_text() if error.exists() else ''}")

    def seen(self) -> int:
        """Return the number of the agent's program that is at work; 0 before it has begun."""
        if not self.acp:
            return self.between()
        lines = [json.loads(line) for line in self.lines()]
        return next((told[1] for told in reversed(lines) if told[0] == "begun"), 0)

    def between(self) -> int:
        """Return the number of `llmos mcp`; 0 before it is there."""
        return next(iter(self.left()), 0)

    def left(self) -> list[int]:
        """Return what runs of the programs that took part, but for those that this one waits for."""
        if self.acp:
            lines = [json.loads(line) for line in self.lines()]
            return [told[1] for told in lines if told[0] == "begun" and Path(f"/proc/{told[1]}/cmdline").exists()]
        mark = f"LLMOS_TRIAL={self.folder}".encode()
        found = list[int]()
        for environ in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                found += [int(environ.parent.name)] if mark in environ.read_bytes().split(b"\0") else []
        return found

    def lines(self) -> list[str]:
        """Return what agents were told, a whole line each."""
        told = self.folder / "told"
        return [x for x in told.read_text().splitlines(keepends=True) if x.endswith("\n")] if told.exists() else []

    def count(self) -> None:
        """Compare what was written with what agents were told, and with the records."""
        found, states = written(self.folder), [_folded(j) for j in journals(self.folder)]
        calls = [c for s in states for c in s.calls.values() if number(c) >= 0]
        self.bad += [f"{n} was written {times} times" for n, times in found.items() if times > 1]
        told = [json.loads(line)[1:] for line in self.lines() if not self.acp]
        self.bad += [f"{n} is not there, though told" for (ok, _), n in told if ok and not found[n]]
        done = {number(c) for c in calls if c.status == "done"}
        self.bad += [f"{n} is not there, though done" for n in done - set(found)]
        self.bad += [f"{n} is on no record" for n in set(found) - {number(c) for c in calls}]
        lacking = set(range(FURTHER, FURTHER + STEPS)) - set(found)
        self.bad += [f"{n} of the next agent is not there" for n in lacking]
        if not self.acp and states[-1].answer != "done":
            self.bad.append(f"the next agent's process came to {states[-1].phase}")


def _folded(journal: Path) -> State:
    return fold(history(read(journal), journal))


def trial(folder: Path, rng: random.Random, n: int) -> tuple[str, int, list[str]]:
    """Kill one; return who it was, how many kills, and what went wrong."""
    made = Trial(folder, PLACES[n % len(PLACES)])
    with ExitStack() as after:
        after.callback(lambda: [_killed(pid) for pid in (*made.began, *made.left())])
        made.run(rng)
    return made.place, 1, made.bad


def _killed(pid: int) -> None:
    with suppress(OSError):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def run(kills: int, seed: int) -> dict[str, Any]:
    """Kill so often; return what was found, as `kill_series.until` does."""
    return kill_series.until(kills, seed, trial)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("build/door-kills.json"))
    given = parser.parse_args()
    return kill_series.report(run(given.kills, given.seed), given.out)


if __name__ == "__main__":
    sys.exit(main())
