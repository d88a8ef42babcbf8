"""Two notebooks and a terminal on one home: random acts on a process from all three sides, and what must not come of it.

A side is a notebook (`Child`: a session in an interpreter of its own; `Book`: a real kernel) or `Terminal`. One of the
notebooks begins a process that pays three times, by a tool that counts at a server; then each act of a sequence is said
on a side drawn by the seed, now and then two at once on two sides. At last a side that has it lets it end.

What is counted, by the server and by the journal: payments that came twice, that came although the call was rejected,
was never decided or not finished, or that came after the end; journals whose chain or order is broken; sides that tell
another state than the journal; and processes that no side could bring to an end.
"""

import asyncio
import contextlib
import io
import multiprocessing
import os
import random
import threading
from collections import Counter

from killed import counting_server
from notebook_driver import Notebook
from programs import run_llmos
from served import rows, script
from turns import call, python
from waits import until

from llmos_nb.app.options import carry_out
from llmos_nb.errors import LlmosError
from llmos_nb.journal import home_of, read
from llmos_nb.process.state.fold import fold
from llmos_nb.session import Session

VERBS = {"approve": 10, "reject": 2, "kill": 1, "pause": 3, "resume": 5, "undo": 3, "die": 1}
"""What is said, and how often; where a side dies, its interpreter is killed and another begins."""
REQUESTS = 100_000  # of one side
_CONTEXT = multiprocessing.get_context("fork")
PAYS = """
import os, random, time, urllib.request

def pay(to: str) -> str:
    "Pay somebody."
    time.sleep(random.Random(to).random() / 5)
    urllib.request.urlopen(f"http://127.0.0.1:{os.environ['PORT']}/pay/{to}", b"")
    time.sleep(random.Random(to).random() / 5)
    return "paid"
"""
STANDS = (
    "(p.state, p.reason, sorted(p.run.state.questions), sorted((c.id, c.status) for c in p.run.state.calls.values()))"
)


def goal_turns(name):
    """Return what the model of a process says: three payments, with steps between that can be taken back."""
    pays = [call("pay", to=f"{name}-{n}") for n in range(3)]
    steps = [python(f"import time\nx{n} = [{n}]\ntime.sleep(0.2)") for n in range(2)]
    return [steps[0], pays[0], steps[1], pays[1], pays[2], {"text": "Done."}]


class Child:
    """A notebook without a kernel: a session in an interpreter of its own.

    It says `%agent` lines, or calls the methods of a process that it has held since it saw it first.

    Parameters
    ----------
    folder : Path
        Where it works.
    lines : float
        Which part of what it says are lines.
    """

    def __init__(self, folder, lines=0.8):
        self._folder, self.lock, self._random, self._lines = folder, threading.Lock(), random.Random(0), lines
        self._begin()

    def _begin(self):
        self._pipe, theirs = _CONTEXT.Pipe()
        self._child = _CONTEXT.Process(target=_live, args=(theirs, self._pipe, self._folder))
        self._child.start()
        theirs.close()

    def _ask(self, *words):
        with self.lock:
            self._pipe.send(words)
            assert self._pipe.poll(120), f"no answer to {words}"
            return self._pipe.recv()

    def start(self, name, mode):
        """Begin a process, and give its number."""
        return self._ask("start", name, mode)

    def act(self, verb, pid, *words):
        """Say a verb, and give what is said to it."""
        if verb == "die":
            with self.lock:
                self.close()
                return self._begin()
        return self._ask("line" if self._random.random() < self._lines else "act", verb, pid, *words)

    def stands(self, pid):
        """Return how a process stands, as this side tells it."""
        return self._ask("stands", pid)

    def close(self):
        """Kill it."""
        self._child.kill()
        self._child.join(30)
        self._pipe.close()


def _live(pipe, other, folder):
    other.close()
    os.chdir(folder)
    asyncio.run(_serve(pipe))


async def _serve(pipe):
    names, kept = {}, {}
    exec(PAYS, names)
    session, loop = Session(names), asyncio.get_running_loop()
    with contextlib.suppress(EOFError):
        for _ in range(REQUESTS):  # it ends before, where nobody asks any more
            what, *words = await loop.run_in_executor(None, pipe.recv)
            pipe.send(await _answer(session, kept, what, *words))
    os._exit(0)


async def _answer(session, kept, what, *words):
    if what == "start":
        name, mode = words
        model, tools = script(f"{name}.json", *goal_turns(name)), [session.namespace["pay"]]
        made = session.start("Pay three times.", name=name, model=model, approve=mode, plan="none", tools=tools)
        await made
        return made.pid
    said = io.StringIO()
    try:
        if what == "stands":
            return eval(STANDS, {"p": session.find(words[0])})
        with contextlib.redirect_stdout(said):
            if what == "line":
                await carry_out(session, line(*words))
            else:
                verb, pid, *more = words
                process = kept[pid] if pid in kept else kept.setdefault(pid, session.find(pid))
                await asyncio.wait_for(_called(process, verb, more), 60)
    except LlmosError as error:
        return f"{said.getvalue()} {type(error).__name__}: {error}"
    return said.getvalue()


async def _called(process, verb, words):
    if verb == "resolve":
        await process.resolve(words[0], words[1] == "--done")
    else:
        await getattr(process, verb)()


def line(verb, pid, *words):
    """Return the command of a verb."""
    more = {"approve": ["all"], "reject": ["all"], "resume": ["--bg"]}.get(verb, words)
    return " ".join([verb, str(pid), *more])


class Book:
    """A notebook: a real kernel."""

    def __init__(self, folder):
        self._book, self.lock = Notebook(folder), threading.Lock()
        assert self._book.run(PAYS).status == "ok"

    def start(self, name, mode):
        """Begin a process, and give its number."""
        with self.lock:
            spec = self._book.script(*goal_turns(name), name=f"{name}.json")
            ran = self._book.run(f"%%agent {name} --bg -a {mode} --plan none -m {spec}\nPay with &`pay`.")
            assert ran.status == "ok", ran.error
        return until(lambda: next((r["pid"] for r in rows().values() if r["name"] == name), 0))

    def act(self, verb, pid, *words):
        """Say a verb, and give what is said to it."""
        with self.lock:
            ran = self._book.run(f"%agent {line(verb, pid, *words)}")
            return f"{ran.text} {ran.error}"

    def stands(self, pid):
        """Return how a process stands, as this side tells it."""
        with self.lock:
            found = "get_ipython().magics_manager.magics['cell']['agent'].__self__.session.find"
            return eval(self._book.value(f"(lambda p: {STANDS})({found}({pid}))"))

    def close(self):
        """End it."""
        self._book.__exit__()


class Terminal:
    """`llmos` in a terminal."""

    def act(self, verb, pid, *words):
        """Say a verb, and give what is said to it."""
        words = {"approve": ["all", "--yes"], "reject": ["all"]}.get(verb, words)
        _, out, err = run_llmos(verb, str(pid), *words)
        return f"{out} {err}"


class Sequence:
    """One process, and what is said to it.

    Parameters
    ----------
    books : list
        The two notebooks.
    paid : list of str
        Paths that the server was asked for, in order; it grows.
    seed : int
        Of all choices.
    acts : list, optional
        Instead of drawn ones, what is said to a process that the first notebook began: lists of verb and side.
    """

    patience_s = 60

    def __init__(self, books, paid, seed, acts=None):
        self.books, self.paid, self.random, self.acts = books, paid, random.Random(seed), acts
        self.name, self.said, self.wrong, self.done = f"s{seed}", [], Counter(), Counter()
        self.sides = {"A": books[0], "B": books[1], "terminal": Terminal()}
        self.killed = None  # what had been paid when it was known to have ended for good

    def run(self):
        """Say it all, let the process end, and count."""
        owner = self.books[0] if self.acts else self.random.choice(self.books)
        self.pid = owner.start(self.name, self.random.choice(["risky", "step"]))
        self.path = home_of().find(self.pid) / "journal.jsonl"
        for acts in self.acts or (self._together() for _ in range(self.random.randrange(5, 11))):
            self._say(acts)
        self._finish()
        self._count()
        return self

    def _together(self):
        """Draw a verb and its side; now and then two, on two sides."""
        first, second = self._drawn(), self._drawn()
        return [first, second] if first[1] != second[1] and self.random.random() < 0.4 else [first]

    def _drawn(self):
        verb, side = self.random.choices([*VERBS], VERBS.values())[0], self.random.choice([*self.sides])
        mortal = isinstance(self.sides[side], Child)
        return (verb, side) if mortal or verb != "die" else ("approve", side)

    def _say(self, acts):
        """Say verbs on their sides, all at once."""
        threads = [threading.Thread(target=self._one, args=act) for act in acts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(300)
            assert not thread.is_alive(), (acts, self.said)
        s = self.state()
        if self.killed is None and s.status == "ended" and s.reason == "killed":
            self.killed = self._mine()

    def _one(self, verb, side, *more):
        try:
            words = self.sides[side].act(verb, self.pid, *more)
        except Exception as error:
            words = f"broke: {error!r}"
            self.wrong["sides that broke"] += 1
        self.said.append((side, verb, " ".join(str(words).split())))
        self.done[f"{side} {verb}"] += 1

    def _mine(self):
        return Counter(p for p in list(self.paid) if p.startswith(f"/pay/{self.name}-"))

    def state(self):
        """Return the state to which the journal folds."""
        return fold(read(self.path), path=str(self.path))

    def _finish(self):
        """Approve and resume until it has ended, from one side after the other."""
        for n in range(60):
            try:
                row, s = self._rest(), self.state()
            except AssertionError:
                break
            if s.status == "ended" and not s.questions:
                return
            side = ("A", "terminal", "B")[n % 3]
            doubts = [k for k, q in s.questions.items() if q["kind"] in ("doubt", "rebuild")]
            if row["status"] in ("paused", "interrupted"):
                self._say([("resume", side)])
            elif doubts:
                done = doubts[0] not in s.calls or f"/pay/{s.calls[doubts[0]].arguments['to']}" in self._mine()
                self._say([("resolve", side, doubts[0], "--done" if done else "--again")])
            else:
                self._say([("approve", side)])
        self.wrong["without an end"] += 1

    def _rest(self):
        """Wait until nothing more happens by itself."""
        return until(lambda: (row := rows()[self.pid])["status"] != "running" and row, "", self.patience_s)

    @property
    def payments(self):
        """How often it has paid."""
        return self._mine().total()

    def _count(self):
        s, mine, wrong = self.state(), self._mine(), self.wrong
        wrong["paid twice"] += sum(n - 1 for n in mine.values())
        calls = {c.id: c for c in s.calls.values() if c.name == "pay"}
        wanted = {f"/pay/{c.arguments['to']}" for c in calls.values() if c.ok}
        begun = {f"/pay/{c.arguments['to']}" for c in calls.values() if c.started}
        wrong["paid and not begun, or after a rejection"] += len(mine.keys() - begun)
        wrong["said to be paid and not"] += len(wanted - mine.keys())
        wrong["paid after the kill"] += self.killed is not None and self.killed != mine
        self._count_order()
        told = [sorted_plain(book.stands(self.pid)) for book in self.books]
        row = rows()[self.pid]
        truth = (
            s.status,
            s.reason or None,
            sorted(s.questions),
            sorted((c.id, c.status) for c in s.calls.values()),
        )
        wrong["notebooks that tell another state"] += sum(t != sorted_plain(truth) for t in told)
        wrong["the table tells another state"] += row["status"] != s.status
        if +wrong:
            print(self.name, +wrong, told, truth, row["status"], *self.said, sep="\n  ")

    def _count_order(self):
        """Count what the journal may not hold: an epoch twice, what follows an end and is no undo, redo or going on."""
        ended, epochs = False, []
        for e in read(self.path):
            if e.k == "run.resumed":
                epochs.append(e.d["epoch"])
                self.wrong["resumed after the kill"] += ended == "killed"
                ended = False
            elif e.k == "run.ended":
                self.wrong["ended twice"] += bool(ended)
                ended = e.d["reason"]
            elif ended and e.k in ("call.started", "call.decided", "model.requested", "model.responded"):
                self.wrong["went on after its end"] += 1
        self.wrong["epochs out of order"] += epochs != sorted(epochs)


def sorted_plain(stands):
    """Return how a process stands with tuples as lists, however it came."""
    state, reason, questions, calls = stands
    return [state, reason, list(questions), [list(c) for c in calls]]


def sequences(folder, seeds, real=False, acts=None, lines=0.8):
    """Run sequences on one home, all with the same two notebooks, and give them."""
    with counting_server() as (port, paid):
        os.environ["PORT"], os.environ["LLMOS_HOME"] = str(port), str(folder / "home")
        os.chdir(folder)
        books = [Book(folder) for _ in range(2)] if real else [Child(folder, lines) for _ in range(2)]
        try:
            return [Sequence(books, paid, seed, acts).run() for seed in seeds]
        finally:
            for book in books:
                book.close()
