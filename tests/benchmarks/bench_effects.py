"""Kill a process whose Python steps act outside at random instants, resume it, and count at the other end.

    python tests/benchmarks/bench_effects.py --kills 1500 --seed 7 --out results/effects.json

The steps post to an HTTP server, append to files, write to a database, start programs and compute; some hide what they
call from a reader of their text, some act by a connection or a log that the user's cells had opened, and some calls are
of a tool. Each effect bears the number of its step. The kills come, in turn, at an event, at any
instant, and within milliseconds of a call's note that it acts. After each kill the process is loaded from its journal in
a fresh child and resumed; a call in doubt is settled by looking at what the other end has, as a person would, and a
question about a rebuild is answered with "go on without". The other end is looked at once all that a dead child had
sent or started has come to its end: what is still under way would be taken for something that was never done, and
ordered again. Right means: no effect twice, none lost, none that nobody had decided on, and each variable as its step
left it, or said to be gone.
"""

from __future__ import annotations

import argparse
import http.server
import json
import random
import sqlite3
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import waits
from kill_series import Death, Sabotage, die_at, journals, lived, report, until
from killed import rerun_all

from llmos_nb.heap.digest import digest
from llmos_nb.journal import Event, history, read
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.process import recover
from llmos_nb.process.state.fold import fold
from llmos_nb.process.state.rebuild import last_digests
from llmos_nb.session import Session

CELLS = """
import logging
from till import put
logging.getLogger("till").handlers[:] = [logging.FileHandler("log", delay=True)]
kept = []
"""
TILL = """
import sqlite3
conn = sqlite3.connect("db", isolation_level=None)
def put(n):
    conn.execute("insert into t values (?)", (n,))
    return n
"""
STEPS, EVENTS = 7, 100  # of a process; there are fewer events where it need not ask
SOON_S, LIFE_S = 0.004, 0.3
PLACES = ("at an event", "as it acts", "at any instant")
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
    "connection of the user's": "kept.append(put({n})); row_{n} = len(kept)",
    "log of the user's": "import logging\nlogging.getLogger('till').warning('{n}'); kept.append({n})",
    "tool": "pay",
}  # fmt: skip


class Server:
    """Counts what is posted, by place and number.

    Parameters
    ----------
    late_s : float
        Seconds that it takes to count what came in.
    """

    def __init__(self, late_s: float = 0.0) -> None:
        posted = self.posted = Counter[str]()
        times = self.times = list[tuple[float, str]]()
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
                time.sleep(late_s)
                posted[self.path] += 1
                times.append((time.time(), self.path))
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
        waits.until(lambda: not self._active, "the end of all requests", rest=lambda: time.sleep(0.0005))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def script(rng: random.Random, place: str, port: int) -> list[dict]:
    """Make a script: a step a turn, of mixed kinds."""
    kinds = [rng.choice(list(KINDS)) for _ in range(STEPS)]
    codes = [KINDS[kind].format(n=n, port=port, place=place) for n, kind in enumerate(kinds, 1)]
    calls = [
        {"calls": [{"name": "pay", "arguments": {"n": n}}]}
        if code == "pay"
        else {"calls": [{"name": "python", "arguments": {"code": code}}]}
        for n, code in enumerate(codes, 1)
    ]
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


def till(server: Server, place: str) -> Callable[[int], str]:
    """Return a tool that acts outside once."""

    def pay(n: int) -> str:
        """Pay."""
        urllib.request.urlopen(f"http://127.0.0.1:{server.port}/{place}/{n}", b"").close()
        return "paid"

    return pay


async def live(
    server: Server, folder: Path, turns: list[dict], mode: str, posted: dict[str, int], boundary: int | None
) -> None:
    """Start or resume the process of a folder and drive it to its end; die at event `boundary`."""
    names: dict[str, object] = {"__name__": "__main__"}
    sys.path.insert(0, str(folder))
    exec(CELLS, names)
    tools = [till(server, folder.name)]
    session = Session(names, folder / "home")
    known = journals(folder)
    model = ScriptedModel(turns)
    process = (
        session.load(known[-1], model=model, tools=tools)
        if known
        else session.create("work", model=model, approve=mode, tools=tools)
    )
    if process.state == "ended":  # its former child was killed when nothing was left to do
        return
    if mode == "auto" and not process.run.state.rules:  # whatever the server has said before
        process.rule("python", "allow")
        process.rule("pay", "allow")
    process.run.attended = lambda: True  # whoever is asked in the middle of a step allows it
    process.run.ask_here = lambda key: process.dispatch.ask(lambda: process.approve(key))
    die_at(process, boundary)
    await (session.resume(process) if known else process.start())
    await process
    for _ in waits.turns_while(lambda: process.state != "ended", "it asks", 10 * STEPS):
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
    there = [n for n in wanted if n in names and n not in s.lost and ":" not in wanted[n]]
    wrong = [n for n in there if digest(names[n]) != wanted[n]]
    wrong += [f"{n} (nobody said so)" for n in wanted if n not in names and n not in s.lost]
    whole = folder / "names.new"  # a kill may come while it is written, and no life after it writes it again
    whole.write_text(json.dumps(wrong))
    whole.replace(folder / "names")


def tallied(events: Sequence[Event]) -> Counter[str]:
    """Count how what a kill had left was settled, so that it is seen what was tried."""
    found = Counter[str]()
    for e in events:
        if e.k == "call.resolved":
            found[f"{e.d['by']}: {'done' if e.d['done'] else 'again'}"] += 1
        elif e.k == "heap.restored":
            found.update({f"steps {how}": len(e.d[how]) for how in ("stored", "rerun")})
            found["names gone"] += len(e.d["missing"])
    return found


def wrong_in(folder: Path, posted: Counter[str], tally: Counter[str]) -> list[str]:
    """Say what is wrong with a finished folder, and count what was tried in it."""
    found = counted(folder, posted)
    tally["effects"] += found.total()
    wrong = [f"the effect of step {n} happened {times} times" for n, times in found.items() if times > 1]
    journal = journals(folder)[-1]
    events = history(read(journal), journal)
    state = fold(events)
    tally.update(tallied(events))
    decided = {e.d["call"] for e in events if e.k == "call.decided" and e.d["what"] == "approve"}
    began = {e.d["call"] for e in events if e.k == "call.started"}
    for n in found:
        if f"r{n}.0" not in decided & began:
            wrong.append(f"the effect of step {n} was never decided on")
    if state.reason != "answered":
        wrong.append(f"it ended {state.reason}: {state.why}")
    acts = ("POST", "'log'", "'db'", ">> log", "put(", "logging")
    for call in state.calls.values():
        n = int(call.id[1:].partition(".")[0])
        if (call.name == "pay" or any(a in call.code for a in acts)) and not found[n]:
            wrong.append(f"the effect of step {n} is lost: {call.status}")
    names = folder / "names"
    return wrong + [f"variable {n}" for n in (json.loads(names.read_text()) if names.exists() else ())]


def acting(folder: Path) -> int:
    """Return how many notes there are that a call acts, in bytes."""
    return sum(f.stat().st_size for f in (folder / "home" / "runs").glob("*/acts"))


def deaths(folder: Path, rng: random.Random, place: str, number: int) -> Iterator[Death]:
    """Return when the children of a trial are killed: one, or two."""
    for attempt in range(rng.randint(1, 2)):
        if place == "at an event":
            yield Death(event=number // len(PLACES) % EVENTS + 2 + 3 * attempt)
        elif place == "as it acts":
            before, after_s = acting(folder), rng.uniform(0, SOON_S)
            yield Death(when=lambda before=before: acting(folder) > before, after_s=after_s)
        else:
            yield Death(after_s=rng.uniform(0.02, LIFE_S))


def trial(
    server: Server, sabotage: Sabotage, tally: Counter[str], folder: Path, rng: random.Random, number: int
) -> tuple[str, int, list[str]]:
    """Kill one process once or twice and resume it to its end; return where, how often, and what went wrong."""
    turns, mode, place = (
        script(rng, folder.name, server.port),
        rng.choice(("auto", "risky")),
        PLACES[number % 3],
    )
    db = sqlite3.connect(folder / "db")
    db.execute("create table t (n)")
    db.commit()
    db.close()
    (folder / "till.py").write_text(TILL)
    kills, trouble = lived(
        folder,
        lambda event: partial(live, server, folder, turns, mode, dict(server.posted), event),
        deaths(folder, rng, place, number),
        server.settle,
        sabotage,
    )
    (folder / "counted.json").write_text(json.dumps([t for t in server.times if t[1].startswith(f"/{folder.name}/")]))
    return place, kills, [trouble] if trouble else wrong_in(folder, server.posted, tally)


def doubt_nothing() -> None:
    """Take the other rule away: whatever a step had done when its process was killed, it runs again unasked."""
    recover.only_namespace = lambda run, tool, call: True


FAULTS = {"rebuild": rerun_all, "doubt": doubt_nothing}


def run(
    kills: int, seed: int, sabotage: Sabotage = None, keep: Path | None = None, late_s: float = 0.0
) -> dict[str, object]:
    """Kill until there were so many kills; return the counts."""
    server, tally = Server(late_s), Counter[str]()
    found = until(kills, seed, partial(trial, server, sabotage, tally), keep)
    server.close()
    return {**found, "tried": dict(tally)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("results/effects.json"))
    parser.add_argument("--fault", choices=FAULTS, help="without a rule: the counters must find doubles")
    parser.add_argument("--keep", type=Path, help="keep the folders of processes that went wrong here")
    given = parser.parse_args()
    return report(run(given.kills, given.seed, FAULTS.get(given.fault), given.keep), given.out)


if __name__ == "__main__":
    sys.exit(main())
