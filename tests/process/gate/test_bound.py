"""An approval of code is bound to where it runs and to what its names lead to: a change before the start asks again."""

import sys
from importlib import import_module
from pathlib import Path
from types import FunctionType

import pytest
from turns import python, same_as_folded

from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.policy import Decision
from llmos_nb.session import Session

DONE = {"text": "done"}


def act(folder, path):
    """Do what a test is about, between approval and start."""
    (folder / path).write_text("changed\n")


CHANGES = {
    "folder": ("import os\nos.remove('x.txt')", lambda f, m: m.chdir(f / "other")),
    "file that is deleted": ("import os\nos.remove('x.txt')", lambda f, m: act(f, "x.txt")),
    "script": ("import subprocess, sys\nsubprocess.run([sys.executable, 'run.py'])", lambda f, m: act(f, "run.py")),
    "script in a command": ("import os\nos.system('python run.py --now')", lambda f, m: act(f, "run.py")),
    "script of a magic": ("%run run.py", lambda f, m: act(f, "run.py")),
    "module that is imported": ("import ours_a\nopen('made.txt', 'w').write(ours_a.x)", lambda f, m: act(f, "ours_a.py")),
    "module that was imported": ("import os\nours_b.go(print)\nos.remove('x.txt')", lambda f, m: act(f, "ours_b.py")),
    "function of a module": (
        "import os\nours_b.go(print)\nos.remove('x.txt')", lambda f, m: m.setattr(sys.modules["ours_b"], "go", lambda what: what("y.txt"))
    ),
    "function of a library": (
        "import shutil\nshutil.rmtree('d')", lambda f, m: m.setattr("shutil.rmtree", lambda path: None)
    ),
    "function that is imported by name": (
        "from shutil import rmtree\nrmtree('d')", lambda f, m: m.setattr("shutil.rmtree", lambda path: None)
    ),
    "variable of the environment": ("import os\nos.remove(os.environ['WHERE'])", lambda f, m: m.setenv("WHERE", "y.txt")),
    "path of programs": ("import subprocess\nsubprocess.run(['tool'])", lambda f, m: m.setenv("PATH", str(f))),
}  # fmt: skip


def relinked(link, to):
    """Have a link lead elsewhere."""
    link.unlink()
    link.symlink_to(to)


class Rubber:
    """An object of the user's, whose class says what it does."""

    at = "x.txt"

    def out(self):
        Path(self.at).unlink()


Rubber.__module__ = "__main__"  # as of a cell


# by name: code, the variables that it names, the change
OBJECTS = {
    "method of the class": ("import os\nrubber.out()\nos.remove('x.txt')", {"rubber": Rubber()}, lambda f, m: m.setattr(Rubber, "out", print)),
    "attribute of the class": ("import os\nos.remove(rubber.at)", {"rubber": Rubber()}, lambda f, m: m.setattr(Rubber, "at", "y.txt")),
    "value of a module": ("import os\nos.remove(ours_b.target)", {}, lambda f, m: m.setattr(sys.modules["ours_b"], "target", "y.txt")),
    "file that a variable names": ("import os\nos.remove(open(name).read())", {"name": "told.txt"}, lambda f, m: (f / "told.txt").write_text("y.txt")),
    "file that a path names": ("import os\nos.remove(path.read_text())", {"path": Path("told.txt")}, lambda f, m: (f / "told.txt").write_text("y.txt")),
    "link to a folder": ("open('link/new.txt', 'w').close()", {}, lambda f, m: relinked(f / "link", "other")),
}  # fmt: skip


class Changing:
    """An approver that approves, and something changes the first time."""

    name = "desk"

    def __init__(self, change):
        self.change, self.asked = change, 0

    async def decide(self, request):
        if request.effect is None:
            self.asked += 1
            if self.asked == 1:
                self.change()
        return Decision("approve") if self.asked < 2 else Decision("reject", "it is another one now")


@pytest.fixture
def place(tmp_path, monkeypatch):
    for name in ("work", "work/other", "work/d"):
        (tmp_path / name).mkdir()
    folder = tmp_path / "work"
    for name in ("x.txt", "y.txt", "other/x.txt", "run.py", "unrelated.txt"):
        (folder / name).write_text("1\n")
    (folder / "ours_a.py").write_text("x = '1'\n")
    (folder / "ours_b.py").write_text("target = 'x.txt'\ndef go(what): what('x.txt')\n")
    (folder / "told.txt").write_text("x.txt")
    (folder / "link").symlink_to("d")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("WHERE", "x.txt")
    monkeypatch.setenv("OTHER", "1")
    for name in ("ours_a", "ours_b"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    __import__("ours_b")
    yield folder
    for name in ("ours_a", "ours_b"):
        sys.modules.pop(name, None)


async def approved(place, code, change, **names):
    desk = Changing(change)
    session = Session({"ours_b": sys.modules["ours_b"], **names}, place.parent / "home")
    process = session.create(
        "Try it.", model=ScriptedModel([python(code), DONE]), plan="none", approvers=[desk], call_timeout=20
    )
    await process.start()
    assert same_as_folded(process)
    return desk, process.run.state.calls["r1.0"]


@pytest.mark.parametrize("name", CHANGES)
async def test_change_between_approval_and_start_asks_again(place, monkeypatch, name):
    code, change = CHANGES[name]
    desk, call = await approved(place, code, lambda: change(place, monkeypatch))
    assert desk.asked == 2 and call.status == "rejected" and (place / "y.txt").exists()


@pytest.mark.parametrize("name", OBJECTS)
async def test_change_behind_a_variable_asks_again(place, monkeypatch, name):
    code, names, change = OBJECTS[name]
    desk, call = await approved(place, code, lambda: change(place, monkeypatch), **names)
    assert desk.asked == 2 and call.status == "rejected"
    assert (place / "y.txt").exists() and not (place / "other/new.txt").exists()


TO, COUNT = "ann", 0


@pytest.mark.parametrize(("name", "asked"), [("TO", 2), ("COUNT", 1), ("OTHER", 1)])
async def test_change_of_what_a_tool_takes_from_around_it_asks_again(place, monkeypatch, name, asked):
    monkeypatch.setattr(sys.modules[__name__], "OTHER", "1", raising=False)

    def send() -> str:
        """Send it."""
        global COUNT  # noqa: PLW0603 - what it is about
        COUNT += 1
        return f"sent to {TO}"

    desk = Changing(lambda: monkeypatch.setattr(sys.modules[__name__], name, "2" if name != "COUNT" else 2))
    model = ScriptedModel([{"calls": [{"name": "send", "arguments": {}}]}, DONE])
    process = Session({}, place.parent / "home").create(
        "Send.", model=model, plan="none", approvers=[desk], tools=[send]
    )
    await process.start()
    assert desk.asked == asked and same_as_folded(process)


async def test_variable_that_takes_the_place_of_a_builtin_after_an_early_approval_asks_again(place):
    def note() -> str:
        """Note."""
        return "noted"

    space, calls = {}, [{"name": "note", "arguments": {}}, *python("open('made.txt', 'w').write('1')")["calls"]]
    session = Session(space, place.parent / "home")
    process = session.create("Try it.", model=ScriptedModel([{"calls": calls}, DONE]), plan="none", tools=[note])
    await process.start()
    await process.approve("r1.1")
    space["open"] = FunctionType((lambda *_: None).__code__, {"__name__": "__main__"})  # as a cell defines it
    await process.approve("r1.0")
    assert list(process.run.state.questions) == ["r1.1"] and not (place / "made.txt").exists()
    await process.kill()


def unrelated(folder, monkeypatch):
    """Change what the code does not name."""
    act(folder, "unrelated.txt")
    monkeypatch.setenv("OTHER", "2")
    monkeypatch.setattr("shutil.move", lambda *_: None)


@pytest.mark.parametrize("code", ["import os\nos.remove('x.txt')", "import shutil\nshutil.rmtree('d')"])
async def test_change_of_what_the_code_does_not_name_asks_no_more(place, monkeypatch, code):
    """The counter-example: an approval that no start fits would pass the tests above."""
    desk, call = await approved(place, code, lambda: unrelated(place, monkeypatch))
    assert desk.asked == 1 and call.status == "done"


@pytest.mark.parametrize(
    "code",
    [
        "import tabnanny as t\nt.verbose",
        "from tabnanny import check\ncheck",
        "import tabnanny\ntabnanny.check",
    ],
)
async def test_import_of_a_library_by_somebody_else_between_approval_and_start_asks_no_more(place, monkeypatch, code):
    monkeypatch.delitem(sys.modules, "tabnanny", raising=False)
    desk, call = await approved(place, f"import os\nos.remove('x.txt')\n{code}", lambda: import_module("tabnanny"))
    assert desk.asked == 1 and call.status == "done"
