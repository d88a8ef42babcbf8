"""A process in a child of the test that is killed in the middle of its life and taken up again in another child."""

import asyncio
import http.server
import json
import multiprocessing
import os
import signal
import threading
from contextlib import contextmanager

from kill_series import die, journals
from waits import turns_while

from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.process import restore
from llmos_nb.session import Session
from llmos_nb.views.panel import card


@contextmanager
def counting_server():
    """Serve on loopback and list the paths that were posted to, in order."""
    posted = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            posted.append(self.path)
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"[1, 2, 3]")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server.server_port, posted
    finally:
        server.shutdown()
        server.server_close()


def live(folder, turns, approve="auto", kill_when=None, namespace=None, answer=None, sabotage=None, doubt=None):
    """Start the process of a folder, or go on with it, to its end; give what it came to.

    Parameters
    ----------
    folder : Path
        Its home and working folder.
    kill_when : (str, int), optional
        Kind of an event, and which of that kind, at which the child kills itself.
    answer : bool, optional
        Of the question of a rebuild: whether it goes on without.
    sabotage : callable, optional
        Breaks a rule first.
    doubt : bool, optional
        Of a call in doubt: whether it was done.
    """
    context = multiprocessing.get_context("fork")
    given, taken = context.Pipe()
    child = context.Process(
        target=_in_child,
        args=(taken, folder, turns, approve, kill_when, namespace or {}, answer, sabotage, doubt),
    )
    child.start()
    taken.close()
    try:
        found = json.loads(given.recv())
    except EOFError:
        found = None
    child.join(60)
    assert (found is None) == (child.exitcode == -signal.SIGKILL), child.exitcode
    return found


def _in_child(pipe, folder, turns, approve, kill_when, namespace, answer, sabotage, doubt):
    os.chdir(folder)
    if sabotage is not None:
        sabotage()
    found = asyncio.run(_lived(folder, turns, approve, kill_when, namespace, answer, doubt))
    pipe.send(json.dumps(found, default=repr))


async def _lived(folder, turns, approve, kill_when, namespace, answer, doubt):
    session = Session(namespace, folder / "home")
    model = ScriptedModel(list(turns))
    known = journals(folder)
    process = session.load(known[-1], model=model) if known else session.create("go", model=model, approve=approve)
    if kill_when is not None:
        process.run.listeners.append(Killer(process, *kill_when))
    await (session.resume(process) if known else process.start())
    await process
    for _ in turns_while(lambda: process.state == "waiting", "it asks"):
        open_ = {k: q["kind"] for k, q in process.run.state.questions.items()}
        if ("doubt" in open_.values() and doubt is None) or ("rebuild" in open_ and answer is None):
            break  # the test says what is to be done
        settles = {"rebuild": answer, "doubt": doubt}
        for key, kind in open_.items():
            process.resolve(key, done=bool(settles[kind])) if kind in settles else process.approve(key)
        await process
    restored = [e.d for e in process.events if e.k == "heap.restored"]
    names = {n: v for n, v in namespace.items() if not n.startswith("__")}
    questions = {k: q["text"] for k, q in process.run.state.questions.items()}
    said = [m.text for m in process.run.state.context.messages()]
    told = [t for t in said if "started anew" in t]
    cards = {key: card(process.run.state, key) for key in process.run.state.questions}
    return {
        "state": process.state, "reason": process.reason, "names": names, "questions": questions,
        "restored": restored, "told": told, "kinds": [e.k for e in process.events], "cards": cards,
        "results": said, "statuses": {c.id: c.status for c in process.run.state.calls.values()},
    }  # fmt: skip


class Killer:
    """Kills its own interpreter at the nth event of a kind, once that is on disk."""

    def __init__(self, process, kind, nth):
        self.process, self.kind, self.left = process, kind, nth

    def __call__(self, event, state):
        self.left -= event.k == self.kind
        if self.left <= 0 and event.k == self.kind:
            die(self.process)


def rerun_all():
    """Take the rule away: every step passes for one that does nothing outside, and nothing stops it."""
    restore.harmless = lambda call: True
    restore.values.there = lambda run, ref: False
    restore._refuse = lambda words: None
