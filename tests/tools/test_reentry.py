"""Nothing inside a step approves: not by any way to a process, at once or later, and every attempt is on the record."""

import asyncio
import json
import threading
from contextvars import Context
from functools import partial
from pathlib import Path

import pytest
from turns import call, python, same_as_folded
from waits import approve_all, until_async

import llmos_nb as llmos
from llmos_nb.errors import CallDenied
from llmos_nb.journal.events import YOU
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.process import decisions
from llmos_nb.session import Session
from llmos_nb.session.threads import runtime
from llmos_nb.tools import reentry

DONE = {"text": "ok"}
FIND = {
    "by name": "found = proc",
    "by gc": "import gc\nfound = next(o for o in gc.get_objects() if type(o).__name__ == 'Process' and hasattr(o, 'run') and o.run.state.goal == 'ship it')",
    "by sys.modules": "import sys\nfound = [s for s in sys.modules['llmos_nb.session.api']._sessions.values()][-1].processes[PID]",
    "by frames": "import sys\nf = sys._getframe()\nwhile 'run' not in f.f_locals or not hasattr(f.f_locals['run'], 'journal'): f = f.f_back\nfound = f.f_locals['run']",
}
NOW = ["found.approve('all')", "from llmos_nb.process import decisions\nfrom llmos_nb.journal.events import YOU\ndecisions.approve_one(found.run, 'r1.0', YOU)", "from llmos_nb.journal.events import YOU, CallDecided, Decider\nfound.run.append(CallDecided(call='r2.0', digest='', what='approve', by=YOU, why=''))",
       "from llmos_nb.journal.events import YOU, CallDecided, Decider\nfound.journal.append(CallDecided(call='r2.0', digest='', what='approve', by=Decider('person', 'ann'), why=''))",
       "found.rule('ship', 'allow')", "found.stop()"]  # fmt: skip
LATER = {
    "a thread": "import threading\nt = threading.Thread(target=lambda: found.approve('all'))\nt.start(); t.join()",
    "a thread of a bound method": "import threading\nt = threading.Thread(target=found.approve, args=('all',))\nt.start(); t.join()",
    "a thread that waits": "import threading\nt = threading.Thread(target=lambda: (go.wait(20), found.approve('all')))\nt.start()",
    "a raw thread": "import _thread\n_thread.start_new_thread(lambda: (go.wait(20), found.approve('all')), ())",
    "a timer": "import threading\nt = threading.Timer(0.05, found.approve, ('all',))\nt.start()",
    "a thread of a thread": "import threading\ndef later():\n    go.wait(20)\n    threading.Thread(target=lambda: found.approve('all')).start()\nthreading.Thread(target=later).start()",
    "a pool": "from concurrent.futures import ThreadPoolExecutor\np = ThreadPoolExecutor(1)\np.submit(found.approve, 'all')",
    "call_soon": "import asyncio\nasyncio.get_running_loop().call_soon(found.approve, 'all')",
    "call_later with a context of its own": "import asyncio, contextvars\nasyncio.get_running_loop().call_later(0.02, lambda: found.approve('all'), context=contextvars.Context())",
    "a task": "import asyncio\nasync def later():\n    await asyncio.sleep(0.02)\n    found.approve('all')\nt = asyncio.create_task(later())",
    "a thread that is started later": "import threading, contextvars, asyncio\nt = threading.Thread(target=found.approve, args=('all',))\nasyncio.get_running_loop().call_later(LATER_S, t.start, context=contextvars.Context())",
    "call_later of a verb with no context": "import asyncio, contextvars\nasyncio.get_running_loop().call_later(LATER_S, found.approve, 'all', context=contextvars.Context())",
    "the loop of the processes": "import contextvars, sys\nloop = sys.modules['llmos_nb.session.threads'].runtime().loop\nloop.call_soon_threadsafe(loop.call_later, LATER_S, found.approve, 'all', context=contextvars.Context())",
    "code of its own": "import asyncio, contextvars\nns = {'found': found}\nexec('def later(*_):\\n    found.approve(\"all\")', ns)\nasyncio.get_running_loop().call_later(LATER_S, ns['later'], context=contextvars.Context())",
    "code of code of its own": "import asyncio, contextvars\nlater = eval('eval(\"lambda *_: found.approve(\\'all\\')\")')\nasyncio.get_running_loop().call_later(LATER_S, later, context=contextvars.Context())",
    "a task with no context": "import asyncio, contextvars\nns = {'found': found}\nexec('async def later():\\n    import asyncio\\n    await asyncio.sleep(LATER_S)\\n    found.approve(\"all\")'.replace('LATER_S', str(LATER_S)), ns)\nt = asyncio.get_running_loop().create_task(ns['later'](), context=contextvars.Context())",
    "a signal": "import asyncio, contextvars, os, signal\nns = {'found': found}\nexec('def later(*_):\\n    found.approve(\"all\")', ns)\nsignal.signal(signal.SIGUSR1, ns['later'])\nasyncio.get_running_loop().call_later(LATER_S, os.kill, os.getpid(), signal.SIGUSR1, context=contextvars.Context())",
    "an event of IPython": "from functools import partial\nhooks.append(lambda *_: found.approve('all'))",
    "a method of a class": "class H:\n    def __call__(self, *_):\n        found.approve('all')\nhooks.append(H())",
}


LATER_S = 1.0  # when the process waits, or soon after it


def ship(box: str) -> str:
    """Ship a box."""
    return f"shipped {box}"


class Agent:
    """A process whose first step runs some code, and whose second asks."""

    def __init__(self, code):
        self.names = {"go": threading.Event(), "hooks": [], "LATER_S": LATER_S}
        session = Session(self.names)
        model = ScriptedModel([python(code), call("ship", box="a"), DONE])
        self.proc = session.create("ship it", model=model, tools=[ship])
        self.names["proc"] = self.proc

    async def run(self):
        await self.proc.start()
        return self

    @property
    def attempts(self):
        return [e for e in self.proc.events if e.d.get("signal") == reentry.FORGED]

    @property
    def shipped(self):
        return self.proc.run.state.calls["r2.0"].status not in ("asked", "proposed")


@pytest.mark.parametrize("found", ["by name", "by gc", "by sys.modules", "by frames"])
async def test_no_way_to_a_process_lets_a_step_approve(found, monkeypatch):
    from llmos_nb.session import api

    agent = Agent("1")
    api._sessions[(0, "test")] = agent.proc.session
    try:
        code = (
            FIND[found].replace("PID", str(agent.proc.pid)) + "\nif hasattr(found, 'approve'): found.approve('all')\n"
        )
        code += "else:\n    from llmos_nb.journal.events import YOU, CallDecided, Decider\n    found.append(CallDecided(call='r2.0', digest='', what='approve', by=YOU, why=''))"
        agent.proc.run.model = ScriptedModel([python(code), call("ship", box="a"), DONE])
        agent.proc.rule("python", "allow")
        await agent.run()
        assert agent.proc.run.state.calls["r1.0"].error == CallDenied.__name__ and not agent.shipped
    finally:
        del api._sessions[(0, "test")]


@pytest.mark.parametrize("act", NOW)
async def test_step_cannot_forge_a_verb_or_an_event_of_a_person(act):
    agent = Agent(f"found = proc\n{act}")
    agent.proc.rule("python", "allow")
    await agent.run()
    assert agent.proc.run.state.calls["r1.0"].error == CallDenied.__name__ and not agent.shipped
    assert same_as_folded(agent.proc)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("how", LATER)
async def test_objects_left_by_a_step_cannot_approve_later(how):
    agent = Agent(f"found = proc\n{LATER[how]}\nNone")
    agent.proc.rule("python", "allow")
    await agent.run()
    assert agent.proc.state == "waiting", agent.proc.run.state.calls["r1.0"].result
    assert agent.proc.run.state.calls["r1.0"].error != "SystemError"  # else nothing was left, and nothing comes
    agent.names["go"].set()
    for hook in agent.names["hooks"]:
        with pytest.raises(CallDenied):
            hook()
    await until_async(lambda: agent.attempts)
    assert agent.proc.state == "waiting" and not agent.shipped
    await agent.proc.approve("all")
    assert agent.proc.reason == "answered" and same_as_folded(agent.proc)


async def test_what_the_loop_of_the_processes_is_handed_with_no_context_writes_no_decision():
    agent, refused = await Agent("1").run(), []
    loop = runtime().loop
    loop.set_exception_handler(lambda _, told: refused.append(told["exception"]))
    try:
        act = partial(decisions.approve, agent.proc.run, "all", YOU, "", None)
        loop.call_soon_threadsafe(act, context=Context())
        await until_async(lambda: refused)
    finally:
        loop.set_exception_handler(None)
    assert isinstance(refused[0], CallDenied) and not agent.shipped


@pytest.mark.parametrize("act", ["await found.resume()", "await found.session.resume(found)", "found.fork(at=3)"])
async def test_a_step_lets_no_process_go_on_that_a_person_stopped(act):
    found = await stopped()
    names = {"found": found}
    other = await Session(names).start("other", model=ScriptedModel([python(act), DONE]), approve="auto", plan="none")
    assert other.run.state.calls["r1.0"].error == CallDenied.__name__
    assert found.state == "paused" and reentry.FORGED in [e.d.get("signal") for e in found.events]
    await found.resume()
    assert found.state == "waiting"


INNER = """
import llmos_nb as llmos
from llmos_nb.models.scripted import ScriptedModel
code = "open('escaped.txt', 'w').close()"
turns = [{"calls": [{"name": "python", "arguments": {"code": code}}]}, {"text": "ok"}]
inner = await llmos.run("inner", model=ScriptedModel(turns), namespace={}, HOW)
inner.state
"""


@pytest.mark.parametrize(
    ("mode", "how", "result"),
    [
        ("risky", "approve='auto'", "cannot start a process with approve 'auto': its own has 'risky'"),
        ("step", "approve='risky'", "cannot start a process with approve 'risky': its own has 'step'"),
        ("risky", "approvers=[print]", "cannot steer or approve a process"),
        ("risky", "approve='risky'", "'waiting'"),
        ("auto", "approve='auto'", "'ended'"),
    ],
)
async def test_a_process_that_a_step_starts_is_no_freer_than_the_step(tmp_path, monkeypatch, mode, how, result):
    monkeypatch.chdir(tmp_path)
    turns = ScriptedModel([python(INNER.replace("HOW", how)), DONE])
    proc = await Session({}).start("outer", model=turns, approve=mode, plan="none")
    await approve_all(proc)
    assert result in proc.run.state.calls["r1.0"].result
    assert (tmp_path / "escaped.txt").exists() == (mode == "auto")


@pytest.mark.parametrize(("approve", "started"), [("auto", False), ("risky", True)])
async def test_a_batch_that_a_step_runs_is_no_freer_than_the_step(tmp_path, monkeypatch, approve, started):
    monkeypatch.chdir(tmp_path)
    turns = [python("open('escaped.txt', 'w').close()"), DONE]
    Path("inner.json").write_text(json.dumps({"version": 1, "turns": turns}))
    spec = {"id": "a", "goal": "go", "model": "script:inner.json", "approve": approve}
    code = f"import llmos_nb as llmos\n[r['state'] for r in await llmos.run_batch([{spec!r}])]"
    proc = await Session({}).start("outer", model=ScriptedModel([python(code), DONE]), approve="risky", plan="none")
    await approve_all(proc)
    result = proc.run.state.calls["r1.0"].result
    assert ("waiting" in result) if started else ("cannot start a process with approve 'auto'" in result)
    assert not Path("escaped.txt").exists()


class Nobody:
    """An approver that leaves all to others."""

    async def decide(self, request):
        """Decide nothing."""


async def stopped():
    """Return a process that waits, and that a person has stopped."""
    agent = await Agent("1").run()
    agent.proc.stop()
    return await agent.proc


def test_a_plain_script_may_give_our_coroutines_to_asyncio():
    """There, too, an event loop calls the package straight, and in a context with nothing in it."""
    said = []

    def script():
        run = llmos.run("go", model=ScriptedModel([DONE]), approve="auto", approvers=[Nobody()])
        said.append(asyncio.run(run).reason)
        paused = asyncio.run(stopped())
        asyncio.run(paused.resume())
        said.append(paused.state)

    thread = threading.Thread(target=script)
    thread.start()
    thread.join()
    assert said == ["answered", "waiting"]


async def test_people_can_approve_from_anywhere():
    for way in (lambda act: asyncio.sleep(0, act()), asyncio.to_thread):
        agent = await Agent("1").run()
        await way(lambda: agent.proc.approve("r2.0"))  # noqa: B023 - called at once
        await agent.proc
        assert agent.proc.reason == "answered" and not agent.attempts


async def test_cell_with_the_text_of_a_step_belongs_to_the_user():
    code = "def act(p): p.approve('r2.0')\nNone"
    agent = await Agent(code).run()
    with pytest.raises(CallDenied):
        agent.names["act"](agent.proc)
    own = {}
    exec(compile(code, "<cell>", "exec"), own)
    own["act"](agent.proc)
    await agent.proc
    assert agent.proc.reason == "answered"


async def test_check_fails_without_the_reentry_guard(monkeypatch):
    """With the guard taken out, the same code approves: so the tests above see it work."""
    agent = Agent(f"found = proc\n{LATER['an event of IPython']}\nNone")
    agent.proc.rule("python", "allow")
    await agent.run()
    monkeypatch.setattr(reentry, "inside", lambda: False)
    agent.names["hooks"][0]()
    await agent.proc
    assert agent.shipped and agent.proc.reason == "answered"
