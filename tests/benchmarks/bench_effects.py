"""Kill a process whose Python steps act outside at random instants, resume it, and count at the other end.

    python tests/benchmarks/bench_effects.py --kills 1500 --seed 7 --out results/effects.json

The steps post to an HTTP server, append to files, write to a database, start programs and compute; some hide what they
call from a reader of their text. Each effect bears the number of its step. After each kill the process is loaded from
its journal in a fresh child and resumed; a call in doubt is settled by looking at what the other end has, as a person
would, and a question about a rebuild is answered with "go on without". Right means: no effect twice, none lost that the
process counts as done, none that nobody had decided on, and each variable as its step left it, or said to be gone.
"""

from __future__ import annotations

import argparse
import asyncio
import http.server
import json
import os
import random
import signal
import sqlite3
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path

from llmos_nb.heap.digest import digest
from llmos_nb.journal import history, read
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.process import restore
from llmos_nb.process.state.fold import fold
from llmos_nb.process.state.rebuild import last_digests
from llmos_nb.session import Session

STEPS = 7
POST = (
    "import http.client\nlink = http.client.HTTPConnection('127.0.0.1', {port})\n"
    "link.request('POST', '/{place}/{n}', b'x'); answer_{n} = link.getresponse().read(); link.close()"
)
KINDS = {
    "post": POST,
    "hidden post": "import importlib\nlink = getattr(importlib.import_module('http' + '.client'), 'HTTPConnection')"
    "('127.0.0.1', {port})\ngetattr(link, 'req' + 'uest')('POST', '/{place}/{n}', b'x')\n"
    "answer_{n} = link.getresponse().status; link.close()",
    "file": "with open('log', 'a') as f: f.write('{n}\\n')\nwrote_{n} = [{n}]",
    "hidden file": "import builtins\nwith getattr(builtins, 'op' + 'en')('log', 'a') as f: f.write('{n}\\n')\n"
    "wrote_{n} = lambda: {n}",
    "database": "import sqlite3\nwith sqlite3.connect('db') as db: db.execute('insert into t values ({n})')\n"
    "db.close(); row_{n} = ({n}, 'row')",
    "process": "import subprocess\nran_{n} = subprocess.run('echo {n} >> log', shell=True).returncode + {n}",
    "compute": "value_{n} = [i * {n} for i in range(50)]",
    "function": "def double_{n}(x): return 2 * x + {n}",
    "grow": "shared = globals().get('shared', []) + [{n}]",
    "frame": "import numpy as np\nframe_{n} = np.arange({n}.0)",
    "random": "import random\nchance_{n} = random.random()",
}  # fmt: skip


class Server:
    """Counts what is posted, by place and number."""

    def __init__(self) -> None:
        posted = self.posted = Counter[str]()
        active = self._active = set[object]()

        class Counting(http.server.ThreadingHTTPServer):
            def process_request(self, request: object, client_address: object) -> None:
                active.add(request)
                super().process_request(request, client_address)

            def shutdown_request(self, request: object) -> None:
                super().shutdown_request(request)
                active.discard(request)

            def handle_error(self, request: object, client_address: object) -> None:
                """Who asked was killed meanwhile."""

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()

            def do_POST(self) -> None:
                posted[self.path] += 1
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"taken")

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = Counting(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def settle(self) -> None:
        """Wait until all that was sent so far is counted: what comes in is accepted in order."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/") as answer:
            answer.read()
        while self._active:
            time.sleep(0.0005)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def script(rng: random.Random, place: str, port: int) -> list[dict]:
    """Make a script: a step a turn, of mixed kinds."""
    kinds = [rng.choice(list(KINDS)) for _ in range(STEPS)]
    codes = [KINDS[kind].format(n=n, port=port, place=place) for n, kind in enumerate(kinds, 1)]
    calls = [{"calls": [{"name": "python", "arguments": {"code": c}}]} for c in codes]
    return [*calls, {"text": "The end."}]


def counted(folder: Path, posted: Counter[str] | dict[str, int]) -> Counter[int]:
    """Return how often the effect of each step is there."""
    prefix = f"/{folder.name}/"
    found = Counter({int(p.removeprefix(prefix)): n for p, n in posted.items() if p.startswith(prefix)})
    log = folder / "log"
    found.update(map(int, log.read_text().split()) if log.exists() else ())
    db = sqlite3.connect(folder / "db")
    found.update(n for (n,) in db.execute("select n from t"))
    db.close()
    return found


def journals_of(folder: Path) -> list[Path]:
    """Return the journals that can be gone on with: one that was killed as it began has done nothing."""
    found = sorted((folder / "home" / "runs").glob("*/journal.jsonl")) if (folder / "home").exists() else []
    return [j for j in found if j.stat().st_size and len(read(j)) >= 2]


async def live(
    folder: Path, turns: list[dict], mode: str, posted: dict[str, int], boundary: int | None
) -> None:
    """Start or resume the process of a folder and drive it to its end; die at event `boundary`."""
    names: dict[str, object] = {}
    session = Session(names, folder / "home")
    journals = journals_of(folder)
    model = ScriptedModel(turns)
    known, new = bool(journals), {"model": model, "approve": mode}
    process = session.load(journals[-1], model=model) if known else session.create("work", **new)
    if boundary is not None:
        process.run.listeners.append(lambda e, s: _die(process, e.n, boundary))
    if process.state != "ended":
        await (session.resume(process) if journals else process.start())
        await process
    while process.state != "ended":
        there = counted(folder, posted)
        for key, question in dict(process.run.state.questions).items():
            if question["kind"] == "doubt":
                process.resolve(key, done=there[int(key[1:].partition(".")[0])] > 0)
            elif question["kind"] == "rebuild":
                process.resolve(key, done=True)
            else:
                process.approve(key)
        await (session.resume(process) if process.state == "paused" else process)
    s = process.run.state
    wanted = last_digests(s.surviving)
    wrong = [n for n, d in wanted.items() if n in names and ":" not in d and digest(names[n]) != d]
    wrong += [f"{n} (nobody said so)" for n in wanted if n not in names and n not in s.lost]
    if journals or not wrong:
        (folder / "names").write_text(json.dumps(wrong))


def _die(process, n: int, boundary: int) -> None:
    if n == boundary:
        process.journal.flush_now()
        os.kill(os.getpid(), signal.SIGKILL)


def child(folder: Path, turns, mode: str, posted: Counter[str], boundary: int | None, sabotage=None) -> int:
    """Fork a child that lives the process; give its pid."""
    seen = dict(posted)
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.setpgid(0, 0)
        os.chdir(folder)
        if sabotage is not None:
            sabotage()
        asyncio.new_event_loop().run_until_complete(live(folder, turns, mode, seen, boundary))
        code = 0
    except BaseException as error:
        (folder / "child-error").write_text(f"{type(error).__name__}: {error}")
    finally:
        os._exit(code)


def end(pid: int, after_s: float | None) -> int:
    """Wait for a child, killing it after some seconds; give how it ended."""
    limit = time.monotonic() + (after_s if after_s is not None else 120)
    while time.monotonic() < limit:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.0005)
    os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def ended(group: int) -> None:
    """Wait until the programs that a killed child had started have ended, too."""
    while True:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.0005)


def wrong_in(folder: Path, posted: Counter[str]) -> list[str]:
    """Say what is wrong with a finished folder."""
    found = counted(folder, posted)
    wrong = [f"the effect of step {n} happened {times} times" for n, times in found.items() if times > 1]
    journal = journals_of(folder)[-1]
    events = history(read(journal), journal)
    state = fold(events)
    decided = {e.d["call"] for e in events if e.k == "call.decided" and e.d["what"] == "approve"}
    began = {e.d["call"] for e in events if e.k == "call.started"}
    for n in found:
        if f"r{n}.0" not in decided & began:
            wrong.append(f"the effect of step {n} was never decided on")
    acts = ("POST", "'log'", "'db'", ">> log")
    for call in state.calls.values():
        n = int(call.id[1:].partition(".")[0])
        if call.status == "done" and any(a in call.code for a in acts) and not found[n]:
            wrong.append(f"the effect of step {n} is lost and nobody was told")
    return wrong + [f"variable {n}" for n in json.loads((folder / "names").read_text())]


def trial(
    folder: Path, rng: random.Random, boundary: int | None, server: Server, sabotage=None
) -> tuple[int, list[str]]:
    """Kill one process once or twice, resume it to its end; give the number of kills and what went wrong."""
    turns, kills = script(rng, folder.name, server.port), 0
    mode, deaths = rng.choice(("auto", "risky")), rng.randint(1, 2)
    db = sqlite3.connect(folder / "db")
    db.execute("create table t (n)")
    db.commit()
    db.close()
    for attempt in range(8):
        last = attempt >= deaths
        at = None if last or boundary is None else boundary + 3 * attempt
        after = None if last or boundary is not None else rng.uniform(0.02, 0.5)
        pid = child(folder, turns, mode, server.posted, at, sabotage)
        code = end(pid, after)
        ended(pid)
        server.settle()  # a person who looks waits until the dust has settled
        kills += code == -signal.SIGKILL
        if code == 0:
            return kills, wrong_in(folder, server.posted)
        if code == 1:
            return kills, [(folder / "child-error").read_text()]
    return kills, ["it did not come to its end"]


def rerun_all() -> None:
    """Take the rule away: every step passes for one that does nothing outside, and no value counts."""
    restore.harmless = lambda call: True
    restore.values.there = lambda run, ref: False
    restore._refuse = lambda words: None


def run(kills: int, seed: int, sabotage=None) -> dict:
    """Kill until there were so many kills; give the counts."""
    rng, server = random.Random(seed), Server()
    done, trials, wrong, places = 0, 0, [], Counter[str]()
    with tempfile.TemporaryDirectory() as base:
        while done < kills:
            folder = Path(base) / str(trials)
            folder.mkdir()
            boundary = trials // 2 % 60 + 2 if trials % 2 else None
            found, bad = trial(folder, rng, boundary, server, sabotage)
            done, trials = done + found, trials + 1
            places["at an event" if boundary is not None else "at any instant"] += found
            wrong += [f"trial {trials - 1} (boundary {boundary}): {b}" for b in bad]
    server.close()
    return {
        "seed": seed,
        "kills": done,
        "trials": trials,
        "effects": server.posted.total(),
        "places": dict(places),
        "wrong": wrong,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("results/effects.json"))
    parser.add_argument("--fault", action="store_true", help="without the rule: the counters must find doubles")
    given = parser.parse_args()
    found = run(given.kills, given.seed, rerun_all if given.fault else None)
    print(
        f"seed {found['seed']}: {found['kills']} kills in {found['trials']} processes, {found['places']}, "
        f"{len(found['wrong'])} wrong"
    )
    print("\n".join(found["wrong"][:20]))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(found, indent=1))
    return 1 if found["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
