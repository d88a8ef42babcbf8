"""A file that a step reads again and again is looked at once, and again as soon as anything about it is another."""

import asyncio
import gc
import os
import queue
import threading
import weakref
from pathlib import Path

import pytest

from llmos_nb.tools import CallContext
from llmos_nb.tools.devices.python import PythonDevice, capture

READ = "with open('f') as f: f.read()\n"
AGAIN = f"for changes in 0, 1:\n    if changes: change()\n    {READ}"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a step in a folder; return what it took, as line and path, and which files it was said to read."""
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b", "deep/f", "deep/b", "other/f"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(name)

    def run(code, **names):
        met = []
        device = PythonDevice({"os": os, **names})
        result = asyncio.run(device.run(code, CallContext("r1.0", "key", 30.0, reads=met.append)))
        assert result.ok, result.text
        return [(line, os.path.relpath(path, tmp_path)) for line, path in result.facts["took"]], met, result.facts

    yield run
    capture.uninstall()


@pytest.fixture
def beside():
    """Do something on a thread that is there already: no event of it is the step's."""
    todo, done = queue.Queue(), queue.Queue()
    thread = threading.Thread(target=lambda: [done.put(one()) for one in iter(todo.get, None)])
    thread.start()
    yield lambda one: todo.put(one) or done.get(timeout=20)
    todo.put(None)
    thread.join()


def test_a_file_that_stays_the_same_is_looked_at_once(run, monkeypatch):
    looked = []
    monkeypatch.setattr(os.path, "realpath", lambda path, real=os.path.realpath: looked.append(path) or real(path))
    Path("a").rename("f")
    took, met, facts = run(f"for _ in range(100):\n    {READ}")
    assert took == [(2, "f")] and met == ["f"] and looked.count("f") == 1
    assert [f["path"] for f in facts["outside"]["files"]] == ["f"]


def test_a_file_that_stays_the_same_counts_in_each_line_that_reads_it(run):
    Path("a").rename("f")
    took, met, _ = run(READ + "for _ in 1, 2:\n    " + READ)
    assert took == [(1, "f"), (3, "f")] and met == ["f", "f"]


def led(name, target):
    """Have a link lead somewhere, or somewhere else."""
    Path(name).unlink(missing_ok=True)
    Path(name).symlink_to(target)


CHANGES = {
    "a link that leads elsewhere": (lambda: led("f", "a"), lambda: led("f", "b"), ["a", "b"]),
    "a working folder": (lambda: Path("a").rename("f"), lambda: os.chdir("deep"), ["f", "deep/f"]),
    "a folder on the way": (lambda: led("way", "deep"), lambda: led("way", "other"), ["deep/f", "other/f"]),
    "a file that was moved to it": (lambda: Path("a").rename("f"), lambda: Path("b").replace("f"), ["f"]),
    "a file that was filled": (lambda: Path("a").rename("f"), lambda: Path("f").write_text("more"), ["f"]),
}


@pytest.mark.parametrize("way", CHANGES)
def test_what_becomes_another_is_looked_at_again_whoever_changed_it(run, beside, way):
    first, change, paths = CHANGES[way]
    first()
    code = AGAIN.replace("'f'", "'way/f'") if way == "a folder on the way" else AGAIN
    took, met, _ = run(code, change=lambda: beside(change))
    assert took == [(3, path) for path in paths] and len(met) == 2


LINES = {
    "a generator": ("def each():\n    while True:\n        yield open('a').close()\nit = each()\nnext(it)\nnext(it)", [5, 6]),
    "a function": ("def get(): open('a').close()\nget()\nx = 1\nget()", [2, 4]),
    "a callback of a library": ("get = lambda _: open('a').close()\nmax(1, 2, key=lambda n: get(n) or n)\nsorted([1], key=get)", [2, 3]),
    "code that it compiles": ("code = 'x = 1\\nopen(\"a\").close()'\nexec(code)\nx = 2\nexec(code)", [2, 4]),
    "a coroutine": ("import asyncio\nawait asyncio.sleep(0)\nopen('a').close()\nx = 1\nopen('a').close()", [3, 5]),
    "a thread": (
        "import threading\ndef get():\n    open('a').close()\nopen('a').close()\n"
        "one = threading.Thread(target=get)\none.start(); one.join()\nopen('a').close()", [4, 3, 7],
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", LINES)
def test_the_line_of_the_step_is_found_each_time(run, way):
    code, lines = LINES[way]
    assert [line for line, _ in run(code)[0]] == lines


def test_no_variable_of_a_step_lives_longer_by_that(run):
    """The frame of a step is known while it runs; a frame that is kept keeps those that called it, and their variables."""
    code = "class Big: pass\ndef get():\n    big = Big()\n    seen.append(ref(big))\n    open('a').close()\nget()"
    seen = []
    gc.disable()
    try:
        run(f"{code}\nopen('a').close()", seen=seen, ref=weakref.ref)
        assert seen[0]() is None
    finally:
        gc.enable()
