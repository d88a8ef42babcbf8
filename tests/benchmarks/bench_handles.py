"""Kill a process whose steps act by what the user's cells had opened before, resume it, and count at the other end.

    python tests/benchmarks/bench_handles.py --out results/handles.json

Nothing tells what is done by a file, a connection or a queue that was open before the step began. Each kind of handle
is made by the user's cells, which run again in each new interpreter, as a person runs theirs after a restart. Each kind
is tried with a step that has ended (the process is killed when that is on disk) and with one that has not (it is killed
when the other end has the effect), in the modes that ask and in the one that does not. A person answers what is asked
by looking at the other end. Right means: the effect is there once, each variable is as the step left it or is named as
lost, to the model and, where a mode asks, to the person, and a step that was cut off is not called done.
"""

from __future__ import annotations

import argparse
import json
import queue
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from kill_series import Death, Sabotage, child, die, end, ended, journals
from waits import turns_while

from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.session import Session

MODES, PAUSE_S = ("auto", "risky", "plan", "step"), 30.0
DATABASE = "import sqlite3\nconn = sqlite3.connect('db', isolation_level=None, check_same_thread=False)\n"
INSERT = "def insert(v):\n    conn.execute('insert into t values (?)', (v,))\n    return v\n"
CRM = {"crm.py": DATABASE + INSERT}
FROM_CRM = "from crm import insert\nxs = []"
OPEN = "LOG = open('log', 'a', 1)\nxs = []\n"
NOTE = "def note(v):\n    LOG.write(v + '\\n')\n    return v\n"
JOBS = """\
import queue, threading
due = queue.Queue()
def work():
    while True:
        text = due.get()
        with open('log', 'a') as f: f.write(text + '\\n')
        due.task_done()
threading.Thread(target=work, daemon=True).start()
def put(v):
    due.put(v)
    due.join()
    return v
"""
LOGGING = (
    "import logging\nlog = logging.getLogger('shop'); log.setLevel('INFO')\nlog.handlers[:] = []\n"
    "log.addHandler(logging.FileHandler('log'))\nxs = []"
)


@dataclass(frozen=True)
class Case:
    """One kind of handle.

    Parameters
    ----------
    cells : str
        The user's code, which opens it and makes `xs`.
    step : str
        The step's code, which acts once and appends to `xs`.
    files : dict, optional
        Modules of the user's, by file name.
    """

    cells: str
    step: str
    files: dict[str, str] | None = None


CASES = {
    "a module's connection": Case(FROM_CRM, "xs.append(insert('x'))", CRM),
    "a module's connection, by its module": Case("import crm\nxs = []", "xs.append(crm.insert('x'))", CRM),
    "a module's connection, imported by the step": Case(
        FROM_CRM + "\ndel insert", "from crm import insert as put\nxs.append(put('x'))", CRM
    ),
    "a module's connection, imported by a function": Case(
        FROM_CRM + "\ndel insert\ndef send(v):\n    import crm\n    return crm.insert(v)", "xs.append(send('x'))", CRM
    ),
    "a module's file": Case("from book import note\nxs = []", "xs.append(note('x'))", {"book.py": OPEN + NOTE}),
    "a module's queue and thread": Case("from jobs import put\nxs = []", "xs.append(put('x'))", {"jobs.py": JOBS}),
    "map": Case(FROM_CRM, "xs += list(map(insert, ['x']))", CRM),
    "map of a table": Case(
        FROM_CRM + "\nimport pandas as pd\ndf = pd.DataFrame({'a': ['x']})", "xs += df['a'].map(insert).tolist()", CRM
    ),
    "a lambda": Case(FROM_CRM + "\nput = lambda v: insert(v)", "xs.append(put('x'))", CRM),
    "partial": Case(FROM_CRM + "\nfrom functools import partial\nput = partial(insert, 'x')", "xs.append(put())", CRM),
    "a logger": Case(LOGGING, "log.warning('x'); xs.append(1)"),
    "a logger by its name": Case(
        LOGGING + "\ndel log, logging", "import logging\nlogging.getLogger('shop').error('x')\nxs.append(1)"
    ),
    "a logger of a module": Case(
        f"import shop\nfrom shop import sell\n{LOGGING}\ndel log", "xs.append(sell())",
        {"shop.py": "import logging\nlog = logging.getLogger(__name__)\ndef sell():\n    log.warning('x')\n    return 1"},
    ),
    "os.write": Case(
        "import os\nfd = os.open('log', os.O_WRONLY | os.O_CREAT | os.O_APPEND)\nxs = []", "xs.append(os.write(fd, b'x\\n'))"
    ),
    "os.pwrite": Case(
        "import os\nfd = os.open('log', os.O_WRONLY | os.O_CREAT)\nxs = []",
        "xs.append(os.pwrite(fd, b'x\\n', os.fstat(fd).st_size))",
    ),
    "os.writev": Case(
        "import os\nfd = os.open('log', os.O_WRONLY | os.O_CREAT | os.O_APPEND)\nxs = []",
        "xs.append(os.writev(fd, [b'x', b'\\n']))",
    ),
    "os.write of a module": Case(
        "from low import put\nxs = []", "xs.append(put())",
        {"low.py": "import os\nfd = os.open('log', os.O_WRONLY | os.O_CREAT | os.O_APPEND)\ndef put(): return os.write(fd, b'x\\n')"},
    ),
    "a method": Case(
        "class Keeper:\n    def __init__(self): self.log = open('log', 'a', 1)\n"
        "    def put(self, v): return self.log.write(v + '\\n')\nput = Keeper().put\nxs = []",
        "xs.append(put('x'))",
    ),
    "a generator": Case(OPEN + NOTE + "given = (note(v) for v in ('x', 'x'))", "xs.append(next(given))"),
    "a closure": Case(
        "def made():\n    log = open('log', 'a', 1)\n    return lambda v: log.write(v + '\\n')\nput = made()\nxs = []",
        "xs.append(put('x'))",
    ),
    "a decorator": Case(
        OPEN + "import functools\ndef logged(fn):\n    @functools.wraps(fn)\n    def call(*a):\n        LOG.write('x\\n')\n"
        "        return fn(*a)\n    return call\n@logged\ndef double(n): return 2 * n",
        "xs.append(double(4))",
    ),
    "a global of a called function": Case(OPEN + NOTE + "def put(v): return note(v)", "xs.append(put('x'))"),
    "a context manager": Case(
        OPEN + "from contextlib import contextmanager\n@contextmanager\ndef within():\n    yield LOG\n",
        "with within() as f: xs.append(f.write('x\\n'))",
    ),
    "a pipe of a program": Case(
        "import subprocess\np = subprocess.Popen(['cat'], stdin=subprocess.PIPE, stdout=open('log', 'ab'))\nxs = []",
        "xs.append(p.stdin.write(b'x\\n')); p.stdin.flush()",
    ),
    "a socket": Case(
        "import socket\ns = socket.create_connection(('127.0.0.1', PORT))\nxs = []",
        "s.sendall(b'x\\n'); xs.append(s.recv(1))",
    ),
    "csv.writer": Case(OPEN + "import csv\nrows = csv.writer(LOG)", "xs.append(rows.writerow(['x']))"),
    "a zip file": Case(
        "import zipfile\nz = zipfile.ZipFile('log', 'a')\nxs = []",
        "z.writestr('a', 'marked-x'); z.fp.flush(); xs.append(1)",
    ),
    "a temporary file": Case(
        "import tempfile\nt = tempfile.NamedTemporaryFile('w', 1, dir='.', prefix='log-', delete=False)\nxs = []",
        "xs.append(t.write('x\\n'))",
    ),
    "shelve": Case(
        "import shelve\ndb = shelve.open('log-shelf')\nxs = []", "db[str(len(db))] = 'marked-x'; db.sync(); xs.append(1)"
    ),
    "memmap": Case(
        "import numpy as np\nmm = np.memmap('count', 'u1', 'r+', shape=1)\nxs = []",
        "mm[0] += 1; mm.flush(); xs.append(int(mm[0]))",
    ),
    "print": Case(OPEN, "print('x', file=LOG); xs.append(1)"),
    "a context variable": Case(
        "import contextvars\nlog = contextvars.ContextVar('log'); log.set(open('log', 'a', 1))\nxs = []",
        "xs.append(log.get().write('x\\n'))",
    ),
    "a default": Case("def put(v, to=open('log', 'a', 1)): return to.write(v)\nxs = []", "xs.append(put('x\\n'))"),
}  # fmt: skip
SAMPLE = ("a module's connection", "a logger by its name", "os.write of a module", "memmap")


@contextmanager
def counter() -> Iterator[tuple[int, Callable[[], int]]]:
    """Serve on loopback, answer each line, and tell how many lines came."""
    lines: list[bytes] = []
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                there, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(there,), daemon=True).start()

    def talk(there: socket.socket) -> None:
        try:
            while data := there.recv(1024):
                lines.extend(data.splitlines())
                there.sendall(b"y")
        except OSError:
            pass  # it was killed

    threading.Thread(target=serve, daemon=True).start()
    with server:
        yield server.getsockname()[1], lambda: len(lines)


def happened(folder: Path, sent: Callable[[], int]) -> int:
    """Return how often the effect is there."""
    import sqlite3

    db = sqlite3.connect(folder / "db", timeout=0.01)
    try:
        rows = db.execute("select count(*) from t").fetchone()[0]
    except sqlite3.OperationalError:  # it is being written
        rows = 0
    finally:
        db.close()
    found = sent() + rows + (folder / "count").read_bytes()[0]
    for file in folder.glob("log*"):
        held = file.read_bytes()
        found += held.count(b"marked-x") or held.count(b"x\n") + held.count(b"x\r\n")
    return int(found)


def prepare(folder: Path, case: Case) -> None:
    """Lay out what the case needs."""
    import sqlite3

    folder.mkdir()
    db = sqlite3.connect(folder / "db")
    db.execute("create table t (v)")
    db.commit()
    db.close()
    (folder / "count").write_bytes(b"\0")
    for name, text in (case.files or {}).items():
        (folder / name).write_text(text)


def script(case: Case) -> list[dict[str, Any]]:
    """Return what the model says: the step, one that looks, and an answer."""
    codes = (case.step + "\nimport time; time.sleep(PAUSE_S)", "seen = len(xs)")
    return [
        *({"calls": [{"name": "python", "arguments": {"code": c}}]} for c in codes),
        {"text": "The end."},
    ]


def cells(case: Case, port: int, pause_s: float) -> dict[str, Any]:
    """Run the user's cells."""
    space: dict[str, Any] = {"__name__": "__main__", "PORT": port, "PAUSE_S": pause_s}
    sys.path.insert(0, str(Path.cwd()))
    exec(case.cells, space)
    return space


async def live(folder: Path, case: Case, mode: str, port: int, pause_s: float = 0.0, dies: bool = False) -> None:
    """Begin the process of a folder, or go on with it; its step pauses once it has acted, or it `dies` at its end."""
    space = cells(case, port, pause_s)
    session, model = Session(space, folder / "home"), ScriptedModel(script(case))
    known = journals(folder)
    made = session.load(known[-1], model=model) if known else session.create("go", model=model, approve=mode)
    attend(made)
    if dies:
        made.run.listeners.append(lambda event, state: die(made) if event.k == "call.finished" else None)
    await (session.resume(made) if known else made.start())
    await made
    asked: dict[str, str] = {}
    for _ in turns_while(lambda: made.state == "waiting", "it asks"):
        for key, question in list(made.run.state.questions.items()):
            settles = question["kind"] in ("doubt", "rebuild")
            asked[key] = str(question.get("text", "")) if settles else asked.get(key, "")
            made.resolve(key, done=True) if settles else made.approve(key)
        await made
    s = made.run.state
    told = " ".join(m.text for m in s.context.messages())
    xs = space.get("xs")
    found = {
        "state": made.state, "reason": made.reason, "xs": xs if isinstance(xs, list) and len(xs) else None,
        "status": s.calls["r1.0"].status, "told": told, "asked": asked,
    }  # fmt: skip
    (folder / f"life-{'second' if known else 'first'}.json").write_text(json.dumps(found, default=repr))


def attend(process: Any) -> None:
    """Have a person by who allows what is asked in the middle of a step, on a thread that no step has begun."""
    asked: queue.SimpleQueue[str] = queue.SimpleQueue()

    def allow() -> None:
        while True:
            process.approve(asked.get())

    def hear(event: Any, state: Any) -> None:
        if event.k == "question.asked" and event.d.get("kind") == "effect":
            asked.put(event.d["question"])

    threading.Thread(target=allow, daemon=True).start()
    process.run.attended = lambda: True
    process.run.listeners.append(hear)


def tried(base: Path, name: str, mode: str, unfinished: bool, sabotage: Sabotage = None) -> list[str]:
    """Try one case; return what went wrong."""
    case, folder = CASES[name], base / f"{list(CASES).index(name)}-{mode}-{int(unfinished)}"
    prepare(folder, case)
    with counter() as (port, sent):
        pid = child(folder, lambda: live(folder, case, mode, port, PAUSE_S * unfinished, not unfinished), sabotage)
        code = end(pid, Death(when=(lambda: happened(folder, sent) > 0) if unfinished else None))
        ended(pid)
        if code != -9:
            error = folder / "child-error"
            return [f"it was not killed: {code} {error.read_text() if error.exists() else ''}"]
        first = happened(folder, sent)
        pid = child(folder, lambda: live(folder, case, mode, port), sabotage)
        code = end(pid, Death(after_s=60.0))
        ended(pid)
        return judged(folder, first, happened(folder, sent), code, mode, unfinished)


def judged(folder: Path, first: int, times: int, code: int, mode: str, unfinished: bool) -> list[str]:
    """Return what is wrong with how it came out."""
    if code != 0:
        error = folder / "child-error"
        return [f"it did not come to its end: {code} {error.read_text() if error.exists() else ''}"]
    found = json.loads((folder / "life-second.json").read_text())
    wrong = [f"the effect is there {times} times"] if times != 1 or first != 1 else []
    wrong += [f"it ended {found['state']}"] if found["state"] != "ended" else []
    asked = " ".join(found["asked"].values())
    if unfinished:
        wrong += [] if "r1.0" in found["asked"] else ["nobody was asked about the step that was cut off"]
        wrong += [] if "`xs`" in asked else ["the person was not told that xs is lost"]
        wrong += ["a step whose names are lost is called done"] if found["status"] == "done" else []
        wrong += [] if "lost" in found["told"] and "xs" in found["told"] else ["the model was not told"]
    elif found["xs"] is None:
        wrong += ["xs is lost, and nobody was told"] if "xs" not in found["told"] else []
        wrong += ["xs is lost, and nobody was asked"] if mode != "auto" and "xs" not in asked else []
    return [f"{folder.name}: {w}" for w in wrong]


def run(names: Sequence[str] = tuple(CASES), modes: Sequence[str] = MODES[:2]) -> dict[str, Any]:
    """Try cases; return how many, and what went wrong."""
    wrong, began, tries = [], time.monotonic(), 0
    with tempfile.TemporaryDirectory() as base:
        for mode in modes:
            for name in names:
                for unfinished in (False, True):
                    how = "unfinished" if unfinished else "finished"
                    wrong += [f"{name} ({how}, {mode}): {w}" for w in tried(Path(base), name, mode, unfinished)]
                    tries += 1
    return {
        "tries": tries,
        "handles": len(names),
        "wrong": wrong,
        "seconds": round(time.monotonic() - began, 1),
    }


def main() -> int:
    """Run all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/handles.json"))
    parser.add_argument("--modes", nargs="*", default=MODES[:2])
    parser.add_argument("--only", nargs="*", default=list(CASES))
    given = parser.parse_args()
    found = run(given.only, given.modes)
    print(f"{found['tries']} tries of {found['handles']} handles in {found['seconds']} s: {len(found['wrong'])} wrong")
    print("\n".join(found["wrong"]))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(found, indent=1))
    return 1 if found["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
