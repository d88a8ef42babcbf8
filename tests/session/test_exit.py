"""What is at work when the interpreter ends, or the user's event loop: it pauses, and that is on disk."""

import json
import subprocess
import sys

import pytest

SCRIPT = """
import asyncio, gc
import llmos_nb as llmos
from llmos_nb.models.scripted import ScriptedModel

CODE = '''
import asyncio
x = 1
began.set()
try:
    await asyncio.sleep(600)
finally:
    print("cleaned up", file=real, flush=True)
'''
TURNS = [{"calls": [{"name": "python", "arguments": {"code": CODE}}]}]

async def begin():
    import sys
    began = asyncio.Event()
    names = {"began": began, "real": sys.__stdout__}
    proc = llmos.start("Wait.", model=ScriptedModel(TURNS), namespace=names, approve="auto", plan="none", home="home")
    await began.wait()
    return proc
"""
LOOP = "loop = asyncio.new_event_loop()\nproc = loop.run_until_complete(begin())\n"


ATTEMPT = """
def ship(box: str) -> str:
    "Ship a box."
    return "shipped"

async def asked():
    names = {}
    given = [("python", {"code": WAY}), ("ship", {"box": "a"})]
    turns = [{"calls": [{"name": name, "arguments": arguments}]} for name, arguments in given]
    proc = llmos.Session(names, home="home").create("Ship.", model=ScriptedModel(turns), tools=[ship])
    names["proc"] = proc
    proc.rule("python", "allow")
    await proc.start()
    print(proc.state)

asyncio.run(asked())
"""
EVENT = "CallDecided(call='r2.0', digest='', what='approve', by=YOU, why='')"
WAYS = {
    "a verb": "import atexit\natexit.register(proc.approve, 'all')",
    "an event": f"import atexit\nfrom llmos_nb.journal.events import YOU, CallDecided\natexit.register(proc.run.append, {EVENT})",
    "a verb among the threads": "import threading\nthreading._register_atexit(proc.approve, 'all')",
}


@pytest.mark.parametrize("way", WAYS)
def test_what_a_step_leaves_for_the_end_of_the_interpreter_decides_nothing(tmp_path, way):
    said, errors, events = ended(tmp_path, f"WAY = {WAYS[way]!r}\n{ATTEMPT}")
    assert said == "waiting\n" and "CallDenied" in errors
    assert not [e for e in events if e["k"] == "call.decided" and e["d"]["call"] == "r2.0"]


def ended(folder, how):
    """Run the script to its end; return what it printed, its errors, and the journal."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT + how],
        check=False,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    (path,) = (folder / "home" / "runs").glob("*/journal.jsonl")
    return done.stdout, done.stderr, [json.loads(line) for line in path.read_text().splitlines()]


def test_a_step_in_the_middle_of_an_await_pauses_when_the_interpreter_ends(tmp_path):
    said, errors, events = ended(tmp_path, LOOP)
    assert (said, errors) == ("cleaned up\n", "")
    assert [e["k"] for e in events[-3:]] == ["call.finished", "signal.received", "run.paused"]
    assert events[-1]["d"]["why"] == "stopped by the end of the interpreter"


@pytest.mark.parametrize("how", ["loop.close()", "loop.close(); del loop; gc.collect()"])
def test_a_step_whose_loop_was_closed_pauses_when_the_interpreter_ends(tmp_path, how):
    _, errors, events = ended(tmp_path, LOOP + how)
    assert events[-1]["k"] == "run.paused" and "hang_on" not in errors


def test_the_end_of_asyncio_run_pauses_what_is_at_work_there(tmp_path):
    said, errors, events = ended(tmp_path, "proc = asyncio.run(begin())\nprint(proc.state, proc.detail)")
    assert said.endswith("paused stopped by the notebook\n") and errors == ""
    assert events[-1]["k"] == "run.paused"
