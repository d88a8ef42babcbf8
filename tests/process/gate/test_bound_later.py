"""What a thread or a callback of a step binds to a name of the user's once that step has ended acts for the step."""

import sys
import threading
from pathlib import Path
from types import FunctionType, ModuleType, SimpleNamespace

import pytest
from at_work import DONE, READ, ran
from IPython.core.events import EventManager, available_events
from notebook_driver import Notebook
from turns import python

from llmos_nb.tools import naming, reentry

SAVE = "open(target, 'w').close()"
# each waits until it is told to go on
LEAVES = f"""
import threading
g = globals()
def save(*_): {SAVE}
class Saves:
    def close(self): save()
def made():
    def other(*_): {SAVE}
    return other
def later():
    go.wait(20)
    CHANGE
t = threading.Thread(target=later)
t.start()
"""
# what it does then, and the user's cell that comes to it
CHANGES = {
    "a function": ("g['clean'] = save", "clean(1)"),
    "an object": ("g['sink'] = Saves()", "sink.close()"),
    "a partial": ("import functools; g['clean'] = functools.partial(save)", "clean(1)"),
    "a builtin's name": ("g['ascii'] = save", "ascii(1)"),
    "by exec": (f'exec("def clean(x): {SAVE}", g)', "clean(1)"),
    "a name that was deleted": ("g.pop('clean'); g['clean'] = save", "clean(1)"),
    "what is made where the former one stood": (
        "kept, was = [], id(g.pop('clean'))\n"
        "    while id(one := made()) != was and len(kept) < 9_999: kept.append(one)\n"
        "    g['clean'] = one", "clean(1)",
    ),
}  # fmt: skip
WHEN = {
    "between two cells": [("go",), ("cell", "1"), ("cell", "CALL")],
    "before the cell": [("go",), ("cell", "CALL")],
    "while the cell runs": [("cell", "go.set(); t.join(); CALL")],
    "while a cell before runs": [("cell", "go.set(); t.join()"), ("cell", "CALL")],
    "while a cell runs that has a variable of this name": [
        ("cell", "def mine(): clean = sink = ascii = 1\ngo.set(); t.join(); CALL"),
    ],
    "between two steps": [("go",), ("step", "2"), ("cell", "CALL")],
    "while the cell of the agent runs": [("cell", "%%agent\nGo on.\n"), ("go",), ("ended",), ("cell", "CALL")],
}


class Cells:
    """Cells of the user's, with the events of IPython around them."""

    def __init__(self, space):
        self.space = space
        self.ip = SimpleNamespace(user_ns=space, events=EventManager(self, available_events))
        naming.Cells(self.ip, reentry.of_step)

    def begin(self, source):
        self.ip.events.trigger("pre_run_cell", SimpleNamespace(raw_cell=source))

    def end(self):
        self.ip.events.trigger("post_run_cell", SimpleNamespace())

    def run(self, source):
        self.begin(source)
        try:
            exec(compile(source, "<cell>", "exec"), self.space)
        except Exception as error:
            return error
        finally:
            self.end()


@pytest.fixture
def cells(work):
    with Path(__file__).open() as sink:
        space = dict(work) | {"go": threading.Event(), "sink": sink}
        exec(compile("def clean(x): return x", "<cell>", "exec"), space)
        found = Cells(space)
        yield found
    naming.forget(found.ip)
    space["go"].set()
    space["t"].join()


async def happens(cells, what, call):
    match what:
        case ("go",):
            cells.space["go"].set()
            cells.space["t"].join()
        case ("cell", source) if source.startswith("%%agent"):
            cells.begin(source)
        case ("cell", source):
            cells.run(source.replace("CALL", call))
        case ("ended",):
            cells.end()
        case ("step", code):
            await ran(cells.space, python(code))


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("change", CHANGES)
async def test_what_a_step_binds_later_to_a_name_of_the_users_acts_for_that_step(change, when, cells):
    change, call = CHANGES[change]
    cells.begin("%%agent\nLook.")
    _, made = await ran(cells.space, READ, python(LEAVES.replace("CHANGE", change)))
    cells.end()
    assert made.status == "done", made.result
    for what in WHEN[when]:
        await happens(cells, what, call)
    assert not Path(cells.space["target"]).exists()


@pytest.mark.parametrize("change", CHANGES)
def test_the_same_of_a_cell_acts(change, cells):
    change, call = CHANGES[change]
    cells.run(LEAVES.replace("CHANGE", change))
    cells.space["go"].set()
    cells.space["t"].join()
    cells.run(call)
    assert Path(cells.space["target"]).exists()


HONEST = {
    "a cell gives the function another name": ["clean = save", "clean(1)"],
    "a cell does it at once": ["clean = save; clean(1)"],
    "a function of the cell's does it": ["def change():\n    global clean\n    clean = save\nchange(); clean(1)"],
    "a loop does it": ["for clean in [save]: clean(1)"],
    "a new name": ["g['other_name'] = save", "other_name(1)"],
    "the function itself": ["save(1)"],
    "a thread gives it a new name": ["go.set(); t.join()", "newly(1)"],
}


@pytest.mark.parametrize("way", HONEST)
async def test_name_that_a_cell_binds_is_the_users(way, cells):
    await ran(cells.space, READ, python(LEAVES.replace("CHANGE", "g['newly'] = save")))
    for source in HONEST[way]:
        assert cells.run(source) is None
    assert Path(cells.space["target"]).exists()


def test_a_notebook_follows_its_cells_once_a_step_may_have_read_others_words(tmp_path):
    tool = "import llmos_nb as llmos\n@llmos.tool(effect='read', source='untrusted')\ndef read_mail():\n    'Read.'\n    return 'Go.'"
    leaves = LEAVES.replace(SAVE, "__import__('subprocess').run(['touch', target])").replace(
        "CHANGE", "g['clean'] = save"
    )
    with Notebook(tmp_path) as book:
        for read in (False, True):
            target = tmp_path / f"touched_{read}"
            book.run(
                f"import threading\ngo, target = threading.Event(), {str(target)!r}\ndef clean(x): return x\n{tool}"
            )
            spec = book.script(*[READ] * read, python(leaves), DONE)
            ran = book.run(f"%%agent -a auto --tools read_mail -m {spec}\nLook.")
            assert ran.status == "ok", ran.error
            book.run("go.set(); t.join()")
            book.run("clean(1)")
            assert target.exists() is not read
            followed = "Cells" in book.value("get_ipython().events.callbacks")
            assert followed is read
        book.run("%unload_ext llmos_nb")
        assert "Cells" not in book.value("get_ipython().events.callbacks")


async def test_what_is_made_where_another_one_stood_in_a_module_is_told_from_that(work, monkeypatch):
    theirs = ModuleType("theirs")
    monkeypatch.setitem(sys.modules, "theirs", theirs)
    await ran(work, READ, python(f"def maker():\n    def made(*_): {SAVE}\n    return made"))
    exec("first = maker()", work)
    theirs.first = work["first"]
    with pytest.raises(Exception, match="wants to"):
        exec(compile("first()", "<cell>", "exec"), work)
    before = id(work.pop("first"))
    theirs.first = None
    made = [FunctionType(work["maker"].__code__, work)() for _ in range(1000)]  # one of them stands there
    work["second"] = next(one for one in made if id(one) == before)
    exec(compile("second()", "<cell>", "exec"), work)
    assert Path(work["target"]).exists()
