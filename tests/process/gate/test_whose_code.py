"""Whose code acts: a step's under another file's name, on threads and loops of its own, by functions of ours."""

import asyncio
import gc
import os
import sys
from pathlib import Path

import pytest
from at_work import READ, ran
from turns import python
from waits import until_async

from llmos_nb.tools import reentry

BODY = "open(target, 'w').close()"
OURS = "import os, llmos_nb\nours = os.path.join(os.path.dirname(llmos_nb.__file__), 'journal', 'made.py')\n"
SITE = "import ipykernel\nsite = ipykernel.__file__\n"
INNER = f"made = compile('def f(): {BODY}', ours, 'exec').co_consts[0]\n".replace("'w'", "chr(119)")
OURSELVES = f"exec(compile({BODY!r}, ours, 'exec'))"
LOADER = f"""
import importlib.util, importlib.machinery
class Loader(importlib.machinery.SourceFileLoader):
    def get_data(self, path): return {BODY!r}.replace('target', repr(target)).encode()
loader = Loader('made', ours)
{{0}}
made = importlib.util.module_from_spec(importlib.util.spec_from_loader('made', loader))
loader.exec_module(made)
"""
SHADOWED = "loader = importlib.machinery.SourceFileLoader('made', ours)\nloader.get_data = Loader('a', ours).get_data"
LOOP = "import asyncio, contextvars, os\nloop = asyncio.get_running_loop()\n"
WAYS = {
    "compiled under our name": OURS + OURSELVES,
    "the same, on a thread": (
        f"{OURS}import threading\nspace = {{'target': target}}\nexec(compile('def f(): {BODY}', ours, 'exec'), space)\n"
        "t = threading.Thread(target=space['f'])\nt.start()\nt.join()"
    ).replace("'w'", "chr(119)"),
    "code put into a function": f"{OURS}{INNER}def f(): pass\nf.__code__ = made\nf()",
    "the same by a callback of C": f"{OURS}{INNER}def f(): pass\nlist(map(setattr, [f], ['__code__'], [made]))\nf()",
    "a function of such code": f"{OURS}{INNER}type(lambda: 0)(made, globals())()",
    "code by another name": f"{OURS}def f(): {BODY}\nf.__code__ = f.__code__.replace(co_filename=ours)\nf()",
    "a module that runs what it is given": f"{OURS}import code\ncode.InteractiveInterpreter(globals()).runsource({BODY!r}, ours)",
    "a loader of its own": OURS + LOADER.format(""),
    "a loader that reads something else": OURS + LOADER.format(SHADOWED),
    "the import system's own helper": (
        f"{OURS}import importlib\nrun = importlib._bootstrap._call_with_frames_removed\n"
        f"run(exec, compile({BODY!r}, ours, 'exec'), globals())"
    ),
    "a library's name, for native code": (
        f"{SITE}exec(compile('import ctypes; ctypes.CDLL(None).system(command.encode())', site, 'exec'))"
    ),
    "the helper that keeps compiled modules": (
        "import importlib\nimportlib._bootstrap_external._write_atomic(target + '.pyc', b'x')\n"
    ),
    "a function of C on a thread with no frame": (
        "import _thread, os, time\nbefore = _thread._count()\n"
        "_thread.start_new_thread.__closure__[0].cell_contents(os.system, (command,))\n"
        "while _thread._count() > before: time.sleep(0.001)"
    ),
    "a function of C in another context": f"{LOOP}loop.call_soon(os.system, command, context=contextvars.Context())",
    "the same later, in one with a variable": (
        f"{LOOP}var, own = contextvars.ContextVar('var'), contextvars.Context()\nown.run(var.set, 1)\n"
        "_ = loop.call_later(0.01, os.system, command, context=own)\nawait asyncio.sleep(0.02)"
    ),
    "a function of the standard library": (
        f"{LOOP}import shutil\nopen('here', 'w').close()\n"
        "loop.call_soon(shutil.copyfile, 'here', target, context=contextvars.Context())"
    ),
    "a temporary file that nobody made": (
        "import sys\nsys.audit('tempfile.mkdtemp', target.rpartition('/')[0])\n" + BODY
    ),
    "a path that is another at each look": (
        "import os\nclass Path:\n    looks = 0\n"
        "    def __fspath__(self):\n        Path.looks += 1\n        return target if Path.looks == 2 else 'here'\n"
        "os.mkfifo(Path())"
    ),
    "a connection to SQLite by its class": (
        "import sqlite3\nmade = sqlite3.Connection(':memory:')\nmade.execute(f\"ATTACH '{target}' AS a\")\n"
        "made.execute('create table a.b (c)')"
    ),
    "a connection of a class of its own": (
        "import sqlite3\nclass Own(sqlite3.Connection):\n    def set_authorizer(self, *_): pass\n"
        "made = sqlite3.connect(':memory:', factory=Own)\nmade.execute(f\"ATTACH '{target}' AS a\")\n"
        "made.execute('create table a.b (c)')"
    ),
    "our journal": (
        "from pathlib import Path\nfrom llmos_nb.journal.acts import Acts\n"
        "Acts(Path(target).parent).note('key', 'words')"
    ),
    "our way to call a tool": (
        "from functools import partial\nfrom llmos_nb.tools import captured, unguarded\nimport os\n"
        "captured(partial(os.system, command), 9.0, unguarded)"
    ),
    "our way to act for nobody": "import os\nfrom llmos_nb.tools import reentry\nreentry.acting_for(None, os.system, command)",
    "our way to act for somebody else": (
        "import os\nfrom llmos_nb.tools import CallContext, reentry\n"
        "reentry.acting_for(CallContext('a', 'a', 9.0), os.system, command)"
    ),
    "a thread out of our context outside": (
        "import os, threading\nfrom llmos_nb.tools import reentry\n"
        "def go():\n    t = threading.Thread(target=os.system, args=(command,))\n    t.start()\n    t.join()\n"
        "reentry.outside().run(go)"
    ),
    "a call of its own": (
        "import os\nfrom llmos_nb.tools import CallContext\nfrom llmos_nb.tools.effects import watching\n"
        "from llmos_nb.tools.protocol import current_call\nown = CallContext('a', 'a', 9.0)\n"
        "with watching(own):\n    current_call.set(own)\n    os.system(command)"
    ),
}  # fmt: skip


@pytest.mark.out_of_process
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("way", WAYS)
async def test_code_of_a_step_acts_for_the_step_by_whatever_name(way, work):
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    await ran(work, READ, python(WAYS[way]))
    assert [*Path(work["target"]).parent.iterdir()] == []


QUIET = {
    "a module of the folder, and what is compiled of it": "from pathlib import Path\nPath('made_by_a_step.py').write_text('a = 1')\nimport made_by_a_step\nx = made_by_a_step.a",
    "classes whose methods are made": "from dataclasses import dataclass\n@dataclass\nclass A:\n    a: int = 1\nx = A().a",
    "tuples with names": "from collections import namedtuple\nx = namedtuple('P', 'a')(1).a",
    "code under a name of its own": "exec(compile('x = 1', 'mine.py', 'exec'))",
    "a function with other code": "def f(): return 0\ndef g(): return 1\nf.__code__ = g.__code__\nx = f()",
    "a function of C in a loop": f"{LOOP}held = []\nloop.call_soon(held.append, 1)\nawait asyncio.sleep(0)\nx = held[0]",
    "a copy of a library's code": "import textwrap\nf = type(lambda: 0)(textwrap.dedent.__code__, vars(textwrap))\nx = len(f(' a'))",
    "a module that was not imported before": "import sys\nsys.modules.pop('this', None)\nimport colorsys\nx = 1",
}  # fmt: skip


@pytest.mark.parametrize("way", QUIET)
async def test_honest_twin_runs_unasked(way, work):
    _, made = await ran(work, READ, python(QUIET[way]))
    assert made.status == "done" and work["x"] == 1, made.result


@pytest.mark.out_of_process
async def test_function_that_a_cell_hands_to_a_loop_is_the_users(work):
    await ran(work, READ, python("x = 1"))
    asyncio.get_running_loop().call_soon(os.system, work["command"])
    await until_async(Path(work["target"]).exists)


async def test_tasks_of_others_stay_theirs_where_a_step_wakes_them(work):
    """A step that sets an event does not make the task that waits for it its own."""
    work["go"], path = asyncio.Event(), Path(work["target"])

    async def waits():
        await work["go"].wait()
        path.write_text("mine")

    task = asyncio.create_task(waits())
    _, made = await ran(work, READ, python("go.set()"))
    await task
    assert made.status == "done" and path.read_text() == "mine"
    assert reentry.caller() is None
    gc.collect()


def test_what_else_runs_where_the_main_thread_begins_with_a_function_stays_the_users(work):
    """As in a browser, where each call from outside begins a stack of its own: here in a greenlet."""
    greenlet, path = pytest.importorskip("greenlet"), Path(work["target"])

    async def waits():
        await work["asked"].wait()
        path.write_text("mine")
        work["go"].set()

    async def both():
        work.update(asked=asyncio.Event(), go=asyncio.Event())
        task = asyncio.create_task(waits())
        found = await ran(work, READ, python("asked.set()\nawait go.wait()"))
        await task
        return found

    done = []
    greenlet.greenlet(lambda: done.append(asyncio.run(both()))).switch()
    assert done[0][1].status == "done" and path.read_text() == "mine", done[0][1].result


LATE = """
import os, weakref
class Held: pass
class Called:
    def __call__(self, _): os.system(command)
held = Held()
held.itself = held
again = weakref.ref(held, Called())
del held
"""


@pytest.mark.out_of_process
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_object_that_is_called_when_something_is_gone_acts_for_the_step_that_made_it(work):
    _, made = await ran(work, READ, python(LATE))
    gc.collect()
    assert made.status == "done" and not Path(work["target"]).exists()


@pytest.mark.out_of_process
async def test_object_of_a_step_that_a_cell_calls_acts_for_the_user(work):
    await ran(
        work, READ, python("import os\nclass Called:\n    def __call__(self): os.system(command)\nmade = Called()")
    )
    exec(compile("made()", "a cell", "exec"), work)
    assert Path(work["target"]).exists()


HIDDEN = """
class Large: pass
def act():
    large = Large()
    getattr(__import__('os'), 'mk' + 'dir')(target)
act()
"""


async def test_values_of_a_step_that_was_refused_are_freed_with_its_error(work):
    gc.disable()
    try:
        _, made = await ran(work, python(HIDDEN), mode="never")
        sys.last_type = sys.last_value = sys.last_traceback = sys.last_exc = None  # what IPython keeps of any error
        assert made.status == "failed" and "not allowed" in made.result
        assert not [o for o in gc.get_objects() if type(o).__name__ == "Large"]
    finally:
        gc.enable()
