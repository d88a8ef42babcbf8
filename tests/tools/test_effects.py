"""What a step does outside is noted, however its call is written; what does nothing outside is not."""

import asyncio
import http.server
import sys
import threading
from functools import partial

import pytest

from llmos_nb import views
from llmos_nb.errors import CallDenied, EffectRefused, JournalUnwritable
from llmos_nb.heap import Snapshots
from llmos_nb.tools import CallContext, as_tool, invoke
from llmos_nb.tools.devices.python import PythonDevice, capture
from llmos_nb.tools.effects import MOST, watching


@pytest.fixture
def device(tmp_path):
    yield PythonDevice({"folder": tmp_path})
    capture.uninstall()


@pytest.fixture
def server():
    """A server that counts what is posted."""

    class Handler(http.server.BaseHTTPRequestHandler):
        posts = 0

        def do_POST(self):
            type(self).posts += 1
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=served.serve_forever, args=(0.02,), daemon=True).start()
    yield served
    served.shutdown()
    served.server_close()


def effects(device, code, acting=None):
    context = CallContext("r1.0", "key", 30.0, acting=acting or (lambda words: None))
    result = asyncio.run(device.run(code, context))
    assert result.ok, result.text
    return result.facts["effects"]


def test_the_line_in_which_something_comes_over_the_network_or_from_a_file_is_noted(device, server, tmp_path):
    (tmp_path / "t.csv").write_text("7")
    code = f"""
from urllib.request import urlopen
own = int('5')
with urlopen('http://127.0.0.1:{server.server_port}/', b'x') as page:
    read = page.read()
rows = (folder / 't.csv').read_text()
(folder / 'made').write_text(rows)"""
    result = asyncio.run(device.run(code, CallContext("r1.0", "key", 30.0)))
    assert result.ok, result.text
    assert result.facts["took"] == [[6, str((tmp_path / "t.csv").resolve())], [4, "network"]]


ACTS = {
    "open": ("open(folder / 'a', 'w').close()", "write"),
    "append": ("with open(str(folder / 'a'), 'ab') as f: f.write(b'x')", "write"),
    "os.open": ("import os; os.close(os.open(folder / 'a', os.O_CREAT | os.O_WRONLY))", "write"),
    "pathlib": ("(folder / 'a').write_text('x')", "write"),
    "mkdir": ("(folder / 'd').mkdir()", "write"),
    "rename": ("import os; open(folder / 'a', 'w').close(); os.replace(folder / 'a', folder / 'b')", "write"),
    "getattr": ("import os; getattr(os, 'mk' + 'dir')(folder / 'd')", "write"),
    "exec": ("exec('open(folder / \"a\", \"w\").close()')", "write"),
    "callback": ("sorted([folder / 'a', folder / 'b'], key=lambda p: p.write_text('x'))", "write"),
    "delete": ("import shutil; (folder / 'd').mkdir(); shutil.rmtree(folder / 'd')", "write"),
    "process": ("import subprocess, sys; subprocess.run([sys.executable, '-c', ''])", "process"),
    "system": ("import os; _ = os.system('true')", "process"),
    "sqlite": (
        "import sqlite3; c = sqlite3.connect(folder / 'x.db'); _ = c.execute('create table t(x)'); c.close()",
        "database",
    ),
    "sqlite, by another way": (
        "import _sqlite3; c = _sqlite3.connect(folder / 'x.db'); c.close()",  # it cannot be told what is written
        "database",
    ),
    "ctypes": ("import ctypes; ctypes.CDLL(None)", "native"),
    "csv": ("import pandas as pd; pd.DataFrame({'a': [1]}).to_csv(folder / 'a.csv')", "write"),
    "thread": ("import threading; t = threading.Thread(target=lambda: (folder / 'a').touch()); t.start(); t.join()", "write"),
    "pool": (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(2) as pool: list(pool.map(lambda n: (folder / n).touch(), 'ab'))",
        "write",
    ),
    "left thread": (
        "import threading; gate = threading.Event(); threading.Thread(target=gate.wait, daemon=True).start()",
        "thread",
    ),
    "async": ("import asyncio\nawait asyncio.sleep(0)\n(folder / 'a').touch()", "write"),
    "to_thread": ("import asyncio\nawait asyncio.to_thread((folder / 'a').touch)", "write"),
    "temporary file that is moved out": (
        "import os, tempfile\nh, name = tempfile.mkstemp()\nos.close(h); os.rename(name, folder / 'a')",
        "write",
    ),
}  # fmt: skip


@pytest.mark.out_of_process
@pytest.mark.parametrize("name", ACTS)
def test_an_effect_is_noted(device, name):
    code, kind = ACTS[name]
    found = effects(device, code)
    if "gate" in device.namespace:
        device.namespace["gate"].set()
    assert kind in [words.split()[0] for words in found]


def test_a_post_names_the_host_and_a_kept_connection_counts(device, server):
    device.namespace["port"] = server.server_port
    first = effects(
        device,
        "import http.client\nkept = http.client.HTTPConnection('localhost', port)\n"
        "kept.request('POST', '/', b'x'); kept.getresponse().read()",
    )
    assert first[0] == f"network localhost:{server.server_port}"
    assert effects(device, "kept.request('POST', '/', b'x'); kept.getresponse().read()")
    assert server.RequestHandlerClass.posts == 2


HARMLESS = {
    "arithmetic": "x = sum(range(10))",
    "read": "open(__import__('sys').executable, 'rb').close()",
    "list": "import os; os.listdir(folder)",
    "environment": "import os; os.environ['LLMOS_TEST_X'] = '1'; del os.environ['LLMOS_TEST_X']",
    "frames": "import pandas as pd; df = pd.DataFrame({'a': [1, 2]}).groupby('a').sum()",
    "temporary": "import tempfile\nwith tempfile.TemporaryDirectory() as d: open(d + '/x', 'w').close()",
    "temporary file": "import tempfile\nwith tempfile.TemporaryFile() as f: f.write(b'x')",
    "in memory": "import sqlite3; c = sqlite3.connect(':memory:'); c.execute('create table t (a)'); c.close()",
    "null": "open('/dev/null', 'w').close()",
    "figure": "import matplotlib; matplotlib.use('agg'); import matplotlib.pyplot as plt; plt.plot([1, 2]); plt.close()",
    "joined thread": "import threading; t = threading.Thread(target=int); t.start(); t.join()",
    "print": "print('x' * 100)",
    "import of what was never compiled": "import sys; sys.path.insert(0, str(folder)); import fresh; sys.path.pop(0)",
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_does_nothing_outside_is_not_noted(device, name, tmp_path):
    (tmp_path / "fresh.py").write_text("y = 1\n")
    sys.modules.pop("fresh", None)
    assert effects(device, HARMLESS[name]) == []


def test_each_effect_is_told_before_it_happens(device, tmp_path):
    there = []
    effects(
        device,
        "(folder / 'a').touch(); (folder / 'b').touch()",
        lambda words: there.append(list(tmp_path.iterdir())),
    )
    assert there == [[], [tmp_path / "a"]]


HANDLES = {
    "held by an object": (
        "from types import SimpleNamespace as Box\nkept = Box(log=open(folder / 'a', 'a'))",
        "kept.log",
    ),
    "bound method": ("kept = open(folder / 'a', 'a').write", "kept.__self__"),
    "connection": ("import sqlite3\nkept = sqlite3.connect(folder / 'x.db')", "kept"),
}


@pytest.mark.parametrize("name", HANDLES)
def test_a_step_that_can_reach_an_open_handle_is_told_of_before_it_begins(device, name):
    device.snapshots = Snapshots(device.namespace)
    makes, handle = HANDLES[name]
    effects(device, makes)
    told = []
    assert effects(device, "begun = kept", lambda words: told.append((words, "begun" in device.namespace)))
    assert told == [("handle kept", False)]
    effects(device, f"{handle}.close()")


KEEPS = "log = open({place!r}, 'a', 1)\ndef put(text='x'): return log.write(text)\n"
REACHED = {
    "a global of a module": ("from keeps import put as kept", "kept", "kept"),
    "a module that the step imports": ("import keeps", "from keeps import put", "keeps"),
    "a module that a function imports": (
        "import keeps\ndef kept():\n    from keeps import put\n    return put()\ndel keeps",
        "kept",
        "kept",
    ),
    "a function of a module within a map": ("from keeps import put\nkept = map(put, 'ab')", "kept", "kept"),
    "a default": ("def kept(to=open(folder / 'a', 'a')): return to.close()", "kept()", "kept"),
    "a context variable": (
        "from contextvars import ContextVar\nkept = ContextVar('kept'); _ = kept.set(open(folder / 'a', 'a'))",
        "kept.get().close()",
        "kept",
    ),
    "an array in a file": (
        "import numpy as np\nkept = np.memmap(folder / 'm', 'u1', 'w+', shape=4)[1:]",
        "kept[0]",
        "kept",
    ),
}


@pytest.mark.parametrize("name", REACHED)
def test_what_is_open_is_found_however_a_step_reaches_it(device, name, tmp_path, monkeypatch):
    (tmp_path / "keeps.py").write_text(KEEPS.format(place=str(tmp_path / "log")))
    monkeypatch.syspath_prepend(tmp_path)
    device.snapshots = Snapshots(device.namespace)
    cell, step, handle = REACHED[name]
    exec(cell, device.namespace)
    told = []
    assert f"handle {handle}" in effects(device, step, told.append)
    assert told == [f"handle {handle}"]
    if module := sys.modules.pop("keeps", None):
        module.log.close()


LOGS = {
    "a file": ("logging.FileHandler(folder / 'log')", ["write {folder}/log"]),
    "a connection": ("logging.handlers.SocketHandler('127.0.0.1', 9)", ["handle a log by SocketHandler"]),
    "what the notebook shows": ("logging.StreamHandler()", []),
    "what nobody handles": ("logging.lastResort", []),
    "what stays in memory": ("logging.StreamHandler(__import__('io').StringIO())", []),
}


@pytest.mark.parametrize("name", LOGS)
def test_a_line_that_a_step_has_logged_is_told_where_it_leaves_the_notebook(device, name, tmp_path, monkeypatch):
    handler, told = LOGS[name]
    exec(
        f"import logging.handlers\nmade = {handler}\nlogging.getLogger('shop').handlers[:] = [made]",
        device.namespace,
    )
    monkeypatch.setattr(device.namespace["made"], "emit", lambda record: None)
    device.snapshots = Snapshots(device.namespace)
    code = "import logging as l\nl.getLogger('shop').debug('x'); l.getLogger('shop.till').error('x')"
    assert effects(device, code) == [t.format(folder=tmp_path) for t in told]
    device.namespace["made"].close()
    device.namespace["logging"].getLogger("shop").handlers[:] = []


def test_what_holds_nothing_open_is_no_handle(device):
    device.snapshots = Snapshots(device.namespace)
    effects(device, "numbers = (n for n in range(3)); rows = [1]; add = rows.append")
    assert effects(device, "rows, add, numbers") == []


@pytest.mark.parametrize("error", [CallDenied("no"), JournalUnwritable("the disk is full")])
def test_what_may_not_act_may_not_act_at_a_second_try_either(device, tmp_path, error):
    def refuses(words):
        raise error

    effects(
        device,
        "for name in 'ab':\n    try:\n        (folder / name).touch()\n    except Exception:\n        pass",
        refuses,
    )
    assert list(tmp_path.iterdir()) == []


def test_what_is_noted_is_bounded(device):
    found = effects(device, "for n in range(50): (folder / ('x' * 150 + str(n))).touch()")
    assert len(found) <= MOST and all(len(words) <= 120 for words in found)


def test_module_that_is_loaded_where_values_are_looked_at_is_no_act_of_a_step_that_is_gone(
    device, tmp_path, monkeypatch
):
    effects(device, "x = 1")
    monkeypatch.setattr("llmos_nb.tools.effects._last", [lambda: None])  # nobody holds its context any more
    (tmp_path / "loaded.py").write_text("y = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    looks = partial(compile, filename=f"{views.__path__[0]}/x.py", mode="exec")
    exec(looks("import loaded"), {})
    with pytest.raises(EffectRefused, match="acts by itself"):
        exec(looks("import os; os.system('true')"), {})


def test_effects_of_others_are_not_noted(device, tmp_path):
    go, done = threading.Event(), threading.Event()

    def beside():
        with watching(CallContext("r2.0", "other", 1.0)):
            go.set()
            done.wait(10)

    threading.Thread(target=beside).start()
    go.wait(10)
    (tmp_path / "by-the-user").touch()
    assert effects(device, "y = 2") == []
    done.set()


def test_a_sync_tool_in_a_thread_of_its_own_is_seen(tmp_path):
    def save(name: str) -> str:
        """Save."""
        (tmp_path / name).touch()
        return name

    context = CallContext("r1.0", "key", 30.0)
    with watching(context) as watch:
        result = asyncio.run(invoke(as_tool(save, thread=True), {"name": "a"}, context))
    assert result.ok and watch.effects == [f"write {tmp_path / 'a'}"]


def test_a_thread_that_nobody_knows_counts(device, tmp_path):
    """An executor of the user's own: its threads are older than the step."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()
        device.namespace["pool"] = pool
        assert effects(device, "pool.submit((folder / 'a').touch).result()")
