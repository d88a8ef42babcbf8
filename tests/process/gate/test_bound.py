"""An approval of code is bound to where it runs and to what its names lead to: a change before the start asks again."""

import sys
from importlib import import_module
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
    (folder / "ours_b.py").write_text("def go(what): what('x.txt')\n")
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


async def approved(place, code, change):
    desk = Changing(change)
    session = Session({"ours_b": sys.modules["ours_b"]}, place.parent / "home")
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


async def test_variable_that_takes_the_place_of_a_builtin_after_an_early_approval_asks_again(place):
    def note() -> str:
        """Note."""
        return "noted"

    space, calls = {}, [{"name": "note", "arguments": {}}, *python("open('made.txt', 'w').write('1')")["calls"]]
    session = Session(space, place.parent / "home")
    process = session.create(
        "Try it.", model=ScriptedModel([{"calls": calls}, DONE]), plan="none", tools=[note]
    )
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
async def test_import_of_a_library_by_somebody_else_between_approval_and_start_asks_no_more(
    place, monkeypatch, code
):
    monkeypatch.delitem(sys.modules, "tabnanny", raising=False)
    desk, call = await approved(
        place, f"import os\nos.remove('x.txt')\n{code}", lambda: import_module("tabnanny")
    )
    assert desk.asked == 1 and call.status == "done"
