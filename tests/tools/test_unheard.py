"""Calls of which the interpreter raises no event are seen all the same; what only looks like one is not."""

import asyncio
import importlib
import inspect
import os
import sqlite3
import subprocess
import sys
from types import BuiltinFunctionType

import pytest

from llmos_nb.tools import CallContext, unheard
from llmos_nb.tools.devices.python import PythonDevice, capture


@pytest.fixture
def device(tmp_path):
    made = os.open(tmp_path / "kept", os.O_CREAT | os.O_WRONLY)
    yield PythonDevice({"folder": tmp_path, "kept": made, "target": str(tmp_path / "made")})
    capture.uninstall()
    os.close(made)


def effects(device, code):
    result = asyncio.run(device.run(code, CallContext("r1.0", "key", 60.0)))
    assert result.ok, result.text
    return result.facts["effects"]


SEEN = {
    "fifo": ("import os\nos.mkfifo(target)", "write"),
    "node": ("import os\nos.mknod(target)", "write"),
    "write": ("import os\nos.write(kept, b'x')", "write"),
    "writev": ("import os\nos.writev(kept, [b'x'])", "write"),
    "pwrite": ("import os\nos.pwrite(kept, b'x', 0)", "write"),
    "splice": ("import os\nr, w = os.pipe(); os.writev(w, [b'x']); os.splice(r, kept, 1)\nos.close(r); os.close(w)", "write"),
    "connection": (
        "import os, socket\na, b = socket.socketpair(); os.writev(a.fileno(), [b'x']); a.close(); b.close()",
        "network",
    ),
    "history": ("import readline\nreadline.write_history_file(target)", "write"),
    "attached database": (
        "import sqlite3\nc = sqlite3.connect(':memory:'); _ = c.execute(f\"attach '{target}' as x\")\n"
        "_ = c.execute('create table x.t(a)'); c.close()",
        "database",
    ),
    "vacuum into": (
        "import sqlite3\nc = sqlite3.connect(':memory:'); _ = c.execute('create table t(a)')\n"
        "_ = c.execute('vacuum into ?', (target,)); c.close()",
        "database",
    ),
    "worker of the step's own": (
        "import multiprocessing as m\np = m.get_context('spawn').Process(target=abs, args=(1,)); p.start(); p.join(); p.close()",
        "process",
    ),
}  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are told by /proc")
@pytest.mark.parametrize("name", SEEN)
def test_call_without_an_event_of_its_own_is_noted(device, name):
    code, kind = SEEN[name]
    assert kind in [words.split()[0] for words in effects(device, code)]


def test_what_is_written_to_a_file_or_program_that_was_open_is_told(device, tmp_path):
    p = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    fd = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    device.namespace.update(fd=fd, pipe=p.stdin.fileno())
    assert effects(device, "import os\n_ = os.write(fd, b'x')") == [f"write {tmp_path / 'log'}"]
    assert effects(device, "from os import write\n_ = write(pipe, b'x')") == ["handle a pipe"]
    p.communicate()
    os.close(fd)


HARMLESS = {
    "what machine this is": "import platform\n_ = platform._Processor.from_subprocess()",
    "a pipe": "import os\nr, w = os.pipe(); os.writev(w, [b'x']); os.write(w, b'x'); os.close(r); os.close(w)",
    "in memory": "import sqlite3\nc = sqlite3.connect(':memory:'); _ = c.execute(\"attach ':memory:' as m\")\n"
    "_ = c.execute('create table m.t(a)'); c.close()",
    "a database that is read by attaching it": "import sqlite3\nc = sqlite3.connect(':memory:')\n"
    "_ = c.execute('attach ? as x', (there,)); rows = c.execute('select * from x.t').fetchall(); c.close()",
}


@pytest.mark.out_of_process
@pytest.mark.parametrize("name", HARMLESS)
def test_what_only_looks_like_it_is_not_noted(device, name, tmp_path):
    with sqlite3.connect(tmp_path / "there.db") as there:
        there.execute("create table t(a)")
    there.close()
    device.namespace["there"] = str(tmp_path / "there.db")
    assert effects(device, HARMLESS[name]) == []


def test_pool_of_a_library_is_no_effect_and_one_of_the_step_is(device):
    pytest.importorskip("sklearn")
    fit = (
        "import numpy as np\nfrom sklearn.linear_model import Ridge\nfrom sklearn.model_selection import cross_val_score\n"
        "X = np.arange(30.0).reshape(-1, 1)\n_ = cross_val_score(Ridge(), X, X[:, 0], cv=3, n_jobs=2)\n"
    )
    stop = "from joblib.externals.loky import get_reusable_executor as pool\npool().shutdown(wait=True, kill_workers=True)\n"
    own = "from joblib import Parallel, delayed\n_ = Parallel(n_jobs=2)(delayed(abs)(n) for n in range(4))\n"
    assert [w for w in effects(device, fit) if not w.startswith("thread")] == []
    effects(device, stop)
    assert "process python, a worker of a pool" in effects(device, own)
    effects(device, stop)


def test_patched_calls_can_be_pickled_and_keep_their_names(device):
    import pickle

    effects(device, "x = 1")
    assert pickle.loads(pickle.dumps(os.writev)) is os.writev and os.writev.__name__ == "writev"


def test_each_module_is_looked_for_once_and_no_signature_is_read_again(monkeypatch):
    real, asked, read = importlib.import_module, [], []
    monkeypatch.setattr(importlib, "import_module", lambda name: asked.append(name) or real(name))
    unheard.restore()
    try:
        unheard.follow()
        unheard.restore()
        monkeypatch.setattr(inspect, "signature", lambda function: read.append(function))
        asked.clear()
        unheard.follow()
        assert asked.count("_interpreters") == 1  # which is not there before Python 3.13
        assert [f for f in read if isinstance(f, BuiltinFunctionType)] == []
        assert list(vars(os.writev)["__signature__"].parameters) == ["fd", "buffers"]
    finally:
        unheard.restore()
