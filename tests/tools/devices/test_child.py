"""The child device: Python in a process of its own, which gets copies and gives text."""

import asyncio
import dataclasses
import gc
import io
import os
import socket
import sys
import threading
from pathlib import Path

import pytest
from notebook_driver import Notebook
from turns import python, same_as_folded
from waits import START_SECONDS, approve_all, until_async

import llmos_nb as llmos
from llmos_nb.errors import UsageError
from llmos_nb.journal import Acts
from llmos_nb.tools import CallContext
from llmos_nb.tools.devices.child import child as child_device, isolated
from llmos_nb.tools.devices.child.worker import Connection

pytestmark = pytest.mark.out_of_process

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has these limits")


def own(names):
    return {n: v for n, v in names.items() if not n.startswith("__")}


async def run(script, *codes, names, goal="go", **options):
    turns = [python(code) for code in codes]
    return await llmos.run(goal, model=script(*turns, {"text": "ok"}), namespace=names, isolate=True, **options)


def results(process):
    return [c.result for c in process.run.state.calls.values()]


async def test_child_works_on_copies_and_the_parent_is_untouched(script):
    items = [1]
    names = {"items": items, "other": 5}
    proc = await run(
        script,
        "items.append(2)\nimport os\nprint(os.getcwd(), sum(items))",
        "items",
        names=names,
        goal="Use `items`.",
    )
    first, second = results(proc)
    folder, total = first.splitlines()[-1].split()
    assert total == "3" and second == "[1, 2]"
    assert own(names) == {"items": [1], "other": 5} and names["items"] is items
    assert "copied: items]" in first and proc.reason == "answered" and same_as_folded(proc)
    assert not any(e.k == "names.changed" for e in proc.events)
    assert not Path(folder).exists()  # it ended with its process


async def test_values_that_cannot_be_copied_are_reported(script):
    class Local:
        """A class that another process cannot import."""

    names = {"lock": threading.Lock(), "thing": Local(), "api_key": "x", "os": os, "n": 3}
    proc = await run(script, "print(n, os.sep)", names=names, goal="Use `lock`, `thing`, `api_key`, `os` and `n`.")
    (said,) = results(proc)
    assert "copied: os, n" in said and "lock (lock: TypeError" in said and "thing (Local" in said
    assert "api_key (its name looks like a secret)" in said and said.endswith("3 /")


async def test_frames_are_copied_into_the_child(script):
    import pandas as pd

    frame = pd.DataFrame({"a": [3, 1, 2]})
    proc = await run(script, "df['b'] = df.a * 2\ndf.shape", names={"df": frame}, goal="Double `df`.")
    assert results(proc)[0].endswith("(3, 2)") and list(frame) == ["a"]


async def test_error_is_reported_and_the_child_continues(script):
    proc = await run(script, "x = 1", "x = 5\n1 / 0", "x + 1", names={})
    assert "ZeroDivisionError" in results(proc)[1] and results(proc)[2] == "2"


async def test_describe_and_names_look_at_the_copies(script):
    model = script(python("made = 1"), {"calls": [{"name": "names", "arguments": {}}]}, {"text": "ok"})
    proc = await llmos.run("Use `a`.", model=model, namespace={"a": 1, "b": 2}, isolate=True)
    assert results(proc)[1].splitlines() == ["a: int", "made: int"]


async def test_prompt_says_that_code_runs_in_a_child(script):
    proc = await run(script, "1", names={})
    assert "in a process of your own with copies" in proc.run.state.context.head[0].text
    assert "live session" not in proc.run.state.context.head[0].text


@pytest.mark.parametrize(
    "code", ["import time\ntime.sleep(60)", "while True: pass", "import asyncio\nawait asyncio.sleep(60)"]
)
async def test_a_deadline_ends_the_step_and_keeps_the_rest(code, monkeypatch):
    monkeypatch.setattr("llmos_nb.tools.devices.child.child.GRACE_S", 20)  # this machine may be busy
    child = isolated({}, [])
    try:
        steps = [("kept = 1", 60), (code, 1), ("kept", 60)]
        done = [await child.call("python", {"code": c}, CallContext("r1.0", "k", s)) for c, s in steps]
    finally:
        child.close()
    assert done[1].error == "ToolTimeout" and done[2].text == "1"


async def test_unresponsive_code_is_ended_with_its_child(script, monkeypatch):
    stubborn = "sum(range(10**12))"  # one long call of C code
    call = child_device.Child.call

    async def soon_over(self, tool, arguments, context):
        if arguments.get("code") == stubborn:  # its deadline begins once the child is up, on a busy machine too
            await self._started(START_SECONDS)
            context = dataclasses.replace(context, deadline_s=1)
        return await call(self, tool, arguments, context)

    monkeypatch.setattr(child_device.Child, "call", soon_over)
    proc = await run(script, stubborn, "'again'", names={}, call_timeout=START_SECONDS, approve="auto")
    first, second = results(proc)
    assert "its process was ended; the variables made there are gone" in first
    assert second.endswith("'again'") and "copied" in second  # a new one, filled anew


async def test_a_call_that_is_given_up_does_not_end_the_child_that_follows():
    child = isolated({}, [])
    awake = asyncio.Event()
    stuck = CallContext("r1.0", "r1.0", 60, lambda text: awake.set())
    first = asyncio.ensure_future(
        child.call("python", {"code": "print('awake', flush=True)\nimport time\ntime.sleep(60)"}, stuck)
    )
    await awake.wait()
    first.cancel()
    await asyncio.sleep(0)  # its clean-up has begun, and goes on beside what follows
    child.kill()
    second = await child.call("python", {"code": "x = 40"}, CallContext("r2.0", "r2.0", 30))
    await asyncio.wait({first})
    third = await child.call("python", {"code": "x + 2"}, CallContext("r3.0", "r3.0", 30))
    child.close()
    assert first.cancelled() and second.ok and third.text == "42"


async def test_a_child_that_nobody_holds_ends_its_process_before_that_is_collected(monkeypatch):
    monkeypatch.setattr(child_device, "GONE_S", 0.05)
    ended, collected = [], []

    class Process:
        """A process that closed pipes do not end."""

        code = None

        def poll(self):
            return self.code

        def kill(self):
            self.code = -9
            ended.append(self.code)

        def __del__(self):
            collected.append(self.code)

    process = Process()  # older than the child: of one cycle the collector would take it first
    links = [(Connection(io.BytesIO(), io.BytesIO(), 1), process)]
    child = child_device.Child(links.pop)
    assert await child.give([], 5) == {}
    ring = [child]
    ring.append(ring)
    del process, child, ring
    gc.collect()
    assert ended == [-9] and None not in collected


async def test_a_crash_is_an_error_for_the_model(script):
    proc = await run(script, "import os\nos.kill(os.getpid(), 9)", "1 + 1", names={}, approve="auto")
    assert "ended (signal 9)" in results(proc)[0] and results(proc)[1].endswith("2")


async def test_stop_ends_a_step_of_the_child_and_resume_continues(script):
    proc = llmos.start(
        "go",
        model=script(python("x = 1\nimport time\ntime.sleep(60)"), {"text": "ok"}),
        namespace={},
        isolate=True,
    )
    await until_async(lambda: any(e.k == "call.started" for e in proc.events))
    await proc.stop()
    assert proc.state == "paused" and proc.run.state.calls["r1.0"].error == "Stopped"
    await proc.resume()
    assert proc.reason == "answered"


@LINUX
async def test_memory_of_the_child_is_bounded(script):
    proc = await run(script, "x = bytearray(1 << 44)", names={})
    held = proc.run.state.calls["r1.0"].facts["child"]
    assert "MemoryError" in results(proc)[0] and "MiB of memory" in held and "no network" in held


async def test_child_has_no_network_and_says_why(script):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = f"import socket\nsocket.create_connection(('127.0.0.1', {port}), timeout=5)"
        proc = await run(script, code, names={}, approve="auto")
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert proc.run.state.calls["r1.0"].status == "failed" and "no network" in results(proc)[0]


async def test_child_has_no_credentials(script, monkeypatch):
    monkeypatch.setenv("MY_API_KEY", "s3cret")
    proc = await run(script, "import os\nprint(os.environ.get('MY_API_KEY'))", names={}, approve="auto")
    assert results(proc)[0].endswith("None")


async def test_risky_code_asks_in_a_child(script):
    proc = await run(script, "open('x.txt', 'w')", names={})
    assert proc.state == "waiting"


async def test_child_does_not_take_the_namespace_lock():
    child = isolated({}, [])
    context = CallContext("r1.0", "k", 10)
    try:
        results = [await child.call("python", {"code": c}, context) for c in ("a = 1", "a")]
        assert [r.ok for r in results] == [True, True] and results[1].text == "1" and child.alive
    finally:
        child.close()
    assert not child.alive


@pytest.fixture(params=[False, True])
def reaches(request, monkeypatch):
    """Children of this system, and of one that cannot keep them from the files."""
    said = child_device.held
    if request.param:
        monkeypatch.setattr(child_device, "held", lambda *given: (*said(*given)[:2], "reads and writes all files"))
    return request.param


async def test_heap_of_the_child_is_rebuilt_after_a_restart(script, reaches):
    session = llmos.Session({"items": [1]})
    turns = (python("items.append(2)\nmade = sum(items)"), python("made + len(items)"), {"text": "ok"})
    proc = session.create("Use `items`.", model=script(*turns), isolate=True, approve="step").start()
    await proc
    await proc.approve("all")
    path = proc.journal.path
    await proc.pause()
    again = llmos.Session({"items": [1]}).load(path, model=script(*turns))
    await again.resume()
    await approve_all(again)
    assert again.reason == "answered" and results(again)[1].splitlines()[-1] == "5"


async def test_a_step_in_a_child_that_might_act_outside_is_noted_before_it_begins(script, reaches):
    proc = await run(script, "x = 1", names={}, approve="auto")
    assert proc.reason == "answered"
    noted = Acts(proc.journal.path.parent).noted(proc.run.state.calls["r1.0"].key)
    assert (noted is not None) is reaches


async def test_bind_is_refused_for_a_child(script):
    with pytest.raises(UsageError, match="--bind with --isolate"):
        await run(script, "1", names={}, bind="x")


def test_isolate_works_in_a_notebook(tmp_path):
    with Notebook(tmp_path) as book:
        book.run("items = [1]\nfor_nobody = object()")
        spec = book.script(python("items.append(2)\nprint('sum', sum(items))"), {"text": "added"})
        ran = book.run(f"%%agent apart --isolate -m {spec}\nAdd to `items`.", timeout=60)
        assert ran.status == "ok", ran.error
        assert "sum 3" in book.run("%agent log apart --json").text and book.value("items") == "[1]"
