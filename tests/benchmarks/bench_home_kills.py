"""Kill the parts of a home at random, and count what must not happen.

A service, notebooks (real kernels) and terminals work on one home. Each process computes, pays by a tool that is called
once (a request to a server that counts), asks a person, and answers. Again and again one part is killed, as the seed says,
and begun anew: the service by ``llmos serve``, a notebook by a new kernel that says ``%agent resume --all``, a terminal in the
middle of ``llmos start`` or of an answer. In between a person answers whatever is asked, in a terminal or in any of the
notebooks, as the seed says; of a payment in doubt, by what the server has counted.

Counted: effects that came twice or not at all, commands that were lost or carried out twice, journals that two wrote (a
broken chain, an epoch that stands twice), processes that the table lacks or shows otherwise than their journals say, or at
hand with somebody who is gone, tables of terminals and notebooks that differ, questions that could not be answered from
where somebody tried, and processes that did not answer in the end.

Run: ``python tests/benchmarks/bench_home_kills.py [--kills 200] [--processes 50] [--notebooks 3] [--seed 7] [--out FILE]``

With ``--folder F`` a trial goes on where an earlier one of the same folder left off, all of whose parts were killed at
its end, so that it can be made in pieces: ``--kills`` and ``--processes`` say how many there are in all, and ``--minutes``
when this piece ends.
"""

import argparse
import json
import os
import random
import re
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from killed import counting_server
from notebook_driver import Notebook
from programs import Program, run_llmos
from served import Served, rows, script
from waits import turns_while

from llmos_nb.errors import LlmosError
from llmos_nb.journal import home_of, read
from llmos_nb.process.state.fold import fold

TOOLS = """
import os, urllib.request

def pay(to: str) -> str:
    "Pay somebody."
    urllib.request.urlopen(f"http://127.0.0.1:{os.environ['PORT']}/pay/{to}", b"")
    return "paid"
"""
PAUSE = "import time\nfor _ in range({n}): time.sleep(0.01)"
KEPT = ("paid", "names", "begun", "wrong", "killed", "answered", "turns", "seconds")


class Part:
    """A part of the home that is killed and begun anew; where it is `abreast`, on a thread while others go on."""

    abreast = False

    def __init__(self, begin, end):
        self._begin, self._end = begin, end
        self._start()

    def _start(self):
        self._made = []
        self._thread = threading.Thread(target=self._make)
        (self._thread.start if self.abreast else self._make)()

    def _make(self):
        self._made.append(self._begin())

    @property
    def there(self):
        """The part, once it has begun."""
        if self.abreast:
            self._thread.join()
        return self._made[0]

    def kill(self):
        """Kill it."""
        self._end(self.there)

    def again(self):
        """Kill it and begin it anew."""
        self.kill()
        self._start()


class Trial:
    """A home, its parts, and what is counted.

    Parameters
    ----------
    folder : Path
        Where it works.
    seed, notebooks : int
        Of the choices; how many kernels.
    paid : list
        The paths that the server was asked for.
    """

    def __init__(self, folder, seed, notebooks, paid):
        self.folder, self.paid = folder, paid
        self.wrong, self.killed, self.answered = Counter(), Counter(), Counter()
        self.names, self.begun, self.turns, self.seconds = [], 0, 0, 0.0
        self.load()
        self.random = random.Random(f"{seed} {self.turns}")
        (folder / "till.py").write_text(TOOLS)
        self.service = Part(lambda: Served().__enter__(), Served.kill)
        self.books = [Part(self.book, self.kill_book) for _ in range(notebooks)]

    def load(self):
        """Go on with what an earlier piece of the trial has counted."""
        with suppress(FileNotFoundError):
            for name, value in json.loads((self.folder / "trial.json").read_text()).items():
                if name == "paid":
                    self.paid[:] = value
                else:
                    setattr(self, name, Counter(value) if isinstance(value, dict) else value)

    def save(self):
        """Keep what is counted for the next piece."""
        kept = {name: getattr(self, name) for name in KEPT}
        (self.folder / "trial.json").write_text(json.dumps(kept))

    def book(self):
        """Open a notebook that goes on with what is unfinished and nobody has."""
        made = Notebook(self.folder)
        made.run("from till import pay\nimport os\npid = os.getpid()")
        made.number = int(made.value("pid"))
        made.run("%agent resume --all --bg")  # it says what others have, or cannot go on with
        return made

    def kill_book(self, book):
        os.kill(book.number, signal.SIGKILL)
        book.__exit__()

    def close(self):
        """End all parts."""
        for part in (self.service, *self.books):
            part.kill()

    # what goes on

    def model(self, name):
        """Write what a process does, and give its model."""
        turns = [
            {"calls": [{"name": "python", "arguments": {"code": PAUSE.format(n=self.random.randrange(30))}}]},
            {"calls": [{"name": "pay", "arguments": {"to": name}}]},
            {"calls": [{"name": "ask", "arguments": {"question": "Go on?"}}]},
            {"calls": [{"name": "pay", "arguments": {"to": f"{name}-again"}}]},
            {"text": "Done."},
        ]
        return script(str(self.folder / f"{name}.json"), *turns)

    def start(self, kill=False):
        """Begin a process, in the service or in a notebook; with `kill`, the terminal dies meanwhile."""
        name = f"p{self.begun}"
        self.begun += 1
        self.names.append(name)
        model = self.model(name)
        if not kill and self.books and self.random.random() < 0.7:
            book = self.random.choice(self.books).there
            ran = book.run(f"%%agent {name} --bg -a auto -m {model}\nCall &`pay`.")
            assert ran.status == "ok", ran.error
            return
        words = ["start", "Pay.", "--name", name, "-m", model, "-a", "auto", "-t", "till:pay"]
        assert self.service.there  # it has begun: else what the terminal says is that nobody serves the home
        if kill:
            if not self.die_within(words):
                self.names.remove(name)  # whoever began it does not know; it counts where it is there
            return
        code, said, wrong = run_llmos(*words)
        assert code == 0, said + wrong

    def die_within(self, words):
        """Run a command in a terminal that dies meanwhile; give what it said before."""
        said = self.folder / f"said-{time.monotonic_ns()}.txt"
        program = Program(*words, stdout=said, stderr=said)
        time.sleep(self.random.random() * 0.3)
        with suppress(ProcessLookupError):  # it has ended
            program.kill()
        program.wait(60)
        return said.exists() and said.read_text()

    def answer(self, most=1000):
        """Answer, as a person, what is asked, each question from somewhere else."""
        for row in [r for r in rows().values() if r["waiting"]][:most]:
            for key, question in self.asked(row["pid"]).items():
                self.say(*self.words(row["pid"], key, question))

    def words(self, pid, key, question):
        """Give the command that answers a question."""
        if question == "doubt":
            return "resolve", str(pid), key, "--done" if self.done(pid, key) else "--again"
        if question == "rebuild":
            return "resolve", str(pid), key, "--done"
        return ("reply", str(pid), "yes") if question == "question" else ("approve", str(pid), "--yes")

    def say(self, verb, pid, *words):
        """Say a command in a terminal or in some notebook."""
        where = self.random.randrange(1 + 2 * len(self.books))
        if where == 0 or verb == "approve":  # a notebook shows what it approves
            code, said, wrong = run_llmos(verb, pid, *words)
            self.count("terminal", code, said + wrong)
            return
        ran = self.books[where % len(self.books)].there.run(" ".join(("%agent", verb, pid, *words)))
        self.count("notebook", ran.status != "ok", ran.text + ran.error)

    def count(self, place, failed, said):
        """Count an answer; a question that was answered meanwhile, by one who was killed, is asked no more."""
        self.answered[place] += 1
        if failed and not re.search("not in doubt|no question|asks (for )?(no|nothing)|waits for no|ended", said):
            self.wrong["answers refused"] += 1
            print(f"refused in a {place}: {said}", file=sys.stderr)

    def asked(self, pid):
        from llmos_nb.app.commands.home import Seen

        return {k: q["kind"] for k, q in Seen(home_of(), str(pid)).state.questions.items()}

    def done(self, pid, key):
        """Return whether the server has counted the payment of a call."""
        calls = [e.d for e in read(home_of().find(pid) / "journal.jsonl") if e.k == "model.responded"]
        n, i = (int(x) for x in key.removeprefix("r").split("."))
        call = calls[n - 1]["calls"][i]
        return call["name"] != "pay" or f"/pay/{call['arguments']['to']}" in self.paid

    def kill(self):
        """Kill a part, and begin it anew."""
        which = self.random.choice(["service", "start", "answer", *["notebook"] * len(self.books)])
        waiting = [r["pid"] for r in rows().values() if r["waiting"]] if which == "answer" else []
        if which == "service":
            self.service.again()
        elif which == "notebook":
            self.random.choice(self.books).again()
        elif waiting:
            pid = self.random.choice(waiting)
            key, question = next(iter(self.asked(pid).items()), ("", "question"))
            self.die_within(self.words(pid, key, question))
        else:
            which = "start"
            self.start(kill=True)
        self.killed[which] += 1

    # what is counted

    def look(self):
        """Count what is wrong at this moment."""
        sizes = {p: p.stat().st_size for p in home_of().runs.glob("*/journal.jsonl")}
        found = {r["folder"]: r for r in rows().values()}
        for path, size in sizes.items():
            try:
                events = read(path)
            except LlmosError:
                self.wrong["broken chains"] += 1
                continue
            epochs = [e.d["epoch"] for e in events if e.k == "run.resumed"]
            self.wrong["epochs out of order"] += epochs != sorted(set(epochs))
            row = found.get(str(path.parent))
            if row is None:
                self.wrong["not in the table"] += size > 0
            elif size == path.stat().st_size:  # nothing happened to it meanwhile
                self.wrong["states untrue"] += not true(row, fold(events))
        self.wrong["effects twice"] = sum(n - 1 for n in Counter(self.paid).values())
        for row in found.values():
            nobody = not (row["owner"] or row["driver"])
            self.wrong["running with nobody"] += row["status"] == "running" and nobody
            self.wrong["owned by the dead"] += bool(row["owner"]) and not lives(row["owner"])

    def end(self, patience_s):
        """Answer until all have ended, and count what has not."""
        until = time.monotonic() + patience_s
        while any(not r["ended"] for r in rows().values()) and time.monotonic() < until:
            self.answer()
            for row in rows().values():
                if row["status"] in ("paused", "interrupted") and not row["owner"] and self.books:
                    self.random.choice(self.books).there.run(f"%agent resume {row['pid']} --bg")
        found = rows()
        names = Counter(r["name"] for r in found.values())
        self.wrong["commands carried out twice"] = sum(n - 1 for n in names.values())
        self.wrong["commands lost"] = len([n for n in self.names if n not in names])
        self.wrong["not answered"] = sum(r["state"] != "ended, answered" for r in found.values())
        wanted = {f"/pay/{name}{more}" for name in names for more in ("", "-again")}
        self.wrong["effects missing"] = len(wanted - set(self.paid))
        self.look()
        for part in self.books:
            self.wrong["tables that differ"] += shown(part.there.run("%agent ps --all").text) != shown(
                run_llmos("ps", "--all")[1]
            )
        return {r["name"]: r["state"] for r in found.values() if r["state"] != "ended, answered"}


def true(row, state):
    """Tell whether a row of the table says what the journal says."""
    if state.status == "ended" or row["status"] == "ended":
        return row["status"] == state.status == "ended"
    if state.status == "paused" or row["status"] == "paused":
        return row["status"] == state.status == "paused"
    return row["waiting"] == state.waiting and (row["status"] == "waiting") == (state.waiting or state.expecting)


def lives(owner):
    """Tell whether who has a process at hand is there."""
    number = int(re.search(r"process (\d+)", owner)[1])
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def shown(text):
    """Return what a printed table says of each process: its number, name and state."""
    return sorted(re.findall(r"^ *(\d+) +(\S+) +(ended, \w+|\w+)", text, re.MULTILINE))


def tried(folder, kills, processes, notebooks, seed, patience_s=600.0, seconds=float("inf")):
    """Run a trial in a folder, or a piece of it, and give what was counted."""
    began, left = time.monotonic(), {}
    os.chdir(folder)
    os.environ["LLMOS_HOME"] = str(folder / "home")
    with counting_server() as (port, paid):
        os.environ["PORT"] = str(port)
        trial = Trial(folder, seed, notebooks, paid)
        try:
            most = max(kills, processes)
            while trial.turns < most and time.monotonic() < began + seconds:
                trial.turns += 1
                due = {"kills": kills * trial.turns // most, "processes": processes * trial.turns // most}
                while len(trial.names) < due["processes"]:
                    trial.start()
                for _ in turns_while(lambda most=due["kills"]: trial.killed.total() < most, "nobody to kill", 1000):
                    time.sleep(trial.random.random() * 0.3)
                    trial.kill()
                trial.answer(trial.random.randrange(3))
                trial.look()
            if trial.turns >= most:
                left = trial.end(patience_s)
        finally:
            trial.close()
            trial.seconds += round(time.monotonic() - began, 1)
            trial.save()
    counts = {
        "kills": trial.killed.total(), "killed": dict(trial.killed), "processes": len(rows()), "seed": seed,
        "effects": len(paid), "answers": dict(trial.answered), "seconds": round(trial.seconds, 1),
        "whole": trial.turns >= most,
    }  # fmt: skip
    return {**counts, "wrong": dict(trial.wrong), "left": left}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--processes", type=int, default=50)
    parser.add_argument("--notebooks", type=int, default=3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    out, Part.abreast = given.out and given.out.absolute(), True
    with tempfile.TemporaryDirectory() as folder:
        at = (given.folder or Path(folder)).absolute()
        at.mkdir(parents=True, exist_ok=True)
        found = tried(at, given.kills, given.processes, given.notebooks, given.seed, seconds=given.minutes * 60)
        os.chdir("/")
    print(json.dumps(found, indent=1))
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(found, indent=1))
    return 1 if any(found["wrong"].values()) else 0


if __name__ == "__main__":
    sys.exit(main())
