"""What a step leaves behind and that acts after it: it stays the step's, is held to what that may, and is written down."""

import asyncio
import queue
import signal
import subprocess
import sys
import threading

import pytest
from turns import call, python, same_as_folded
from waits import approve_all

import llmos_nb as llmos
from llmos_nb.errors import EffectRefused
from llmos_nb.journal.events import Decider, SignalReceived
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.session import Session

DONE = {"text": "done"}
HELPER = "def save(path):\n    with open(path, 'w') as f: f.write('x')"
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

# each leaves something behind that saves when `go` is set, or that is called below
WAYS = {
    "thread": "import threading\nt = threading.Thread(target=lambda: (go.wait(20), save(target)))\nt.start()",
    "helper in a thread": "import threading\nt = threading.Thread(target=later, args=(go, target))\nt.start()",
    "timer that starts a timer": (
        "import threading\n"
        "def again():\n    go.wait(20)\n    t2 = threading.Timer(0, save, [target])\n    t2.start()\n    t2.join()\n"
        "t = threading.Timer(0, again)\nt.start()"
    ),
    "pool of its own": (
        "from concurrent.futures import ThreadPoolExecutor\nown = ThreadPoolExecutor(1)\nt = own.submit(later, go, target)"
    ),
    "pool of the user's": "t = pool.submit(later, go, target)",
    "task": (
        "import asyncio\nasync def work():\n    while not go.is_set(): await asyncio.sleep(0)\n    save(target)\n"
        "t = asyncio.get_running_loop().create_task(work())"
    ),
    "callback of the loop": (
        "import asyncio\nloop = asyncio.get_running_loop()\n"
        "def look(): save(target) if go.is_set() else loop.call_later(0, look)\nloop.call_later(0, look)\nt = None"
    ),
    "finalizer": "class Last:\n    def __del__(self): save(target)\nbox.put(Last())\nt = None",
    "weak reference": (
        "import weakref\nclass Held: pass\nheld = Held()\nweakref.finalize(held, lambda path: save(path), target).atexit = False\n"
        "box.put(held)\ndel held\nt = None"
    ),
    "replaced function": "import colorsys\nold = colorsys.rgb_to_hsv\ncolorsys.rgb_to_hsv = lambda *a: save(target)\nt = None",
    "signal": "import signal\nsignal.signal(signal.SIGUSR1, lambda *a: save(target))\nt = None",
    "helper for a signal": "import signal, functools\nsignal.signal(signal.SIGUSR1, functools.partial(on_signal, target))\nt = None",
}


@pytest.fixture
def space(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    made = {"target": str(tmp_path / "touched"), "go": threading.Event(), "box": queue.SimpleQueue()}
    exec(HELPER, made)
    exec("def later(go, path):\n    go.wait(20)\n    save(path)\ndef on_signal(path, *a): save(path)", made)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()
        yield made | {"pool": pool}
        made["go"].set()
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    import colorsys
    import importlib

    importlib.reload(colorsys)


async def left(tmp_path, space, name, mode, ends):
    """Run a step that leaves something behind; its process ends after it, or waits."""
    session = Session(space, tmp_path / "home")
    turns = [python(WAYS[name]), DONE] if ends else [python(WAYS[name]), call("ask", question="What now?"), DONE]
    process = session.create("Try it.", model=ScriptedModel(turns), plan="none", approve="risky")
    await process.start()
    await approve_all(process, "approval")  # its code shows what it leaves
    assert process.run.state.calls["r1.0"].status == "done", process.run.state.calls["r1.0"].result
    if mode == "auto":
        process.run.state.mode = mode
    return process


async def fires(space, name):
    """Let it act, and wait until it has tried."""
    space["go"].set()
    if "signal" in name:
        try:
            signal.raise_signal(signal.SIGUSR1)
        except EffectRefused:
            return
    elif name == "replaced function":
        import colorsys

        try:
            colorsys.rgb_to_hsv(0, 0, 0)
        except EffectRefused:
            return
    elif name in ("finalizer", "weak reference"):
        space["box"].get()
    made = space["t"]
    if isinstance(made, threading.Thread):
        await asyncio.to_thread(made.join)
    elif name.startswith("pool"):
        await asyncio.to_thread(made.exception)
    elif name == "task":
        await asyncio.wait([made])
        made.exception()
    elif name.startswith("callback"):
        for _ in range(20):
            await asyncio.sleep(0)


async def noted(process):
    """Return what stands on the record of effects that came later, once it is there."""
    for _ in range(200):
        found = [
            e.body for e in process.events if isinstance(e.body, SignalReceived) and e.body.signal == "late_effect"
        ]
        if found:
            process.dispatch.ask(lambda: None)  # it is on disk
            return found
        await asyncio.sleep(0.01)
    return []


@pytest.mark.parametrize("ends", [True, False], ids=["ended", "waiting"])
@pytest.mark.parametrize("name", WAYS)
async def test_effect_of_what_a_step_left_behind_is_refused_and_on_the_record_of_its_process(
    tmp_path, space, name, ends
):
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    process = await left(tmp_path, space, name, "risky", ends)
    await fires(space, name)
    (found,) = await noted(process)
    assert not (tmp_path / "touched").exists()
    assert (found.call, found.by, found.ok) == (
        "r1.0",
        Decider("process", "a step"),
        False,
    ) and "touched" in found.why
    assert same_as_folded(process)


@pytest.mark.parametrize("name", WAYS)
async def test_the_same_effect_happens_in_auto_while_the_process_lives_and_is_on_the_record(tmp_path, space, name):
    """The counter-example: a gate that stops everything would pass the test above."""
    process = await left(tmp_path, space, name, "auto", ends=False)
    await fires(space, name)
    (found,) = await noted(process)
    assert (tmp_path / "touched").exists() and found.ok and found.call == "r1.0"


async def test_what_a_step_left_acts_for_that_step_in_another_one_too(tmp_path, space):
    session = Session(space, tmp_path / "home")
    code = "import threading\nt = threading.Thread(target=later, args=(go, target))\nt.start()"
    first = session.create("Leave it.", model=ScriptedModel([python(code), DONE]), plan="none", approve="risky")
    await first.start()
    await first.approve("all")
    second = session.create(
        "Wait for it.", model=ScriptedModel([python("go.set()\nt.join()"), DONE]), plan="none", approve="auto"
    )
    await second.start()
    assert second.reason == "answered" and "write" not in str(second.run.state.calls["r1.0"].facts["effects"])
    assert not (tmp_path / "touched").exists() and [f.call for f in await noted(first)] == ["r1.0"]


# what is the user's own


OWN = {
    "named function": "write(target)",
    "handed to a library": "list(map(write, [target]))\nimport functools\nfunctools.reduce(lambda a, b: write(b), [1, target])",
    "class": "Report(target).write()",
    "operator": "Report(target)[0]",
    "lambda": "short(target)",
    "thread of the user's": "import threading\nt = threading.Thread(target=write, args=(target,))\nt.start()\nt.join()",
    "pool of the user's": "pool.submit(write, target).result()",
    "by a text": "globals()['write'](target)",
}
MADE = (
    "def write(path):\n    save(path)\nshort = lambda path: save(path)\n"
    "class Report:\n    def __init__(self, path): self.path = path\n    def write(self): save(self.path)\n"
    "    def __getitem__(self, n): self.write()\n"
)


@pytest.mark.parametrize("name", OWN)
async def test_function_of_a_step_that_a_cell_calls_is_the_users_own(tmp_path, space, name):
    process = await llmos.run(
        "Make it.",
        model=ScriptedModel([python(MADE), DONE]),
        namespace=space,
        plan="none",
        home=tmp_path / "home",
    )
    assert process.reason == "answered"
    exec(compile(OWN[name], "<a cell>", "exec"), space)
    assert (tmp_path / "touched").exists()
    assert not [e for e in process.events if isinstance(e.body, SignalReceived)]


async def test_work_of_the_users_own_in_a_pool_that_a_step_has_filled_is_no_steps(tmp_path, space):
    code = (
        "from concurrent.futures import ThreadPoolExecutor\nown = ThreadPoolExecutor(1)\nx = own.submit(int).result()"
    )
    process = await llmos.run(
        "Make it.",
        model=ScriptedModel([python(code), DONE]),
        namespace=space,
        plan="none",
        home=tmp_path / "home",
    )
    assert process.reason == "answered"
    exec(compile("own.submit(save, target).result()\nown.shutdown()", "<a cell>", "exec"), space)
    assert (tmp_path / "touched").exists()


async def test_temporary_folder_of_a_step_may_be_written_to_and_goes_with_it(tmp_path, space):
    codes = "import tempfile\nd = tempfile.TemporaryDirectory()", "place = d.name + '/a'\nsave(place)", "del d"
    process = await llmos.run(
        "Try it.",
        model=ScriptedModel([*map(python, codes), DONE]),
        namespace=space,
        plan="none",
        home=tmp_path / "home",
    )
    assert process.reason == "answered"
    assert [process.run.state.calls[f"r{n}.0"].status for n in (1, 2)] == ["done"] * 2


AT_EXIT = """
import asyncio, atexit, sys
import llmos_nb as llmos
from llmos_nb.models.scripted import ScriptedModel
def save(path):
    with open(path, 'w') as f: f.write('x')
space = {"save": save, "target": sys.argv[1], "own": sys.argv[2]}
atexit.register(save, sys.argv[2])
async def main():
    code = "import atexit; atexit.register(save, target)"
    turns = [{"calls": [{"name": "python", "arguments": {"code": code}}]}, {"text": "done"}]
    p = await llmos.run("x", model=ScriptedModel(turns), namespace=space, plan="none", approve="auto", home=sys.argv[3])
    print(p.reason, p.journal.path)
asyncio.run(main())
"""


def test_what_a_step_registers_for_the_end_of_the_interpreter_is_refused_then_and_said(tmp_path):
    (tmp_path / "run.py").write_text(AT_EXIT)
    given = [str(tmp_path / name) for name in ("target", "own", "home")]
    done = subprocess.run(
        [sys.executable, str(tmp_path / "run.py"), *given],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "answered" in done.stdout and not (tmp_path / "target").exists()
    assert (tmp_path / "own").exists()  # what the user's own script registered
    assert "not allowed: what step r1.0 of process 1 has left behind wants to write" in done.stderr
    from llmos_nb.journal import read

    events = read(done.stdout.split()[-1])
    assert [e.d["why"] for e in events if e.d.get("signal") == "late_effect"]
