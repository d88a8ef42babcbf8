"""A call that asks again says what has changed since it was approved: the thing itself, and who changed it."""

import os
import sys
from pathlib import Path
from types import FunctionType

import pytest
from turns import call, python, same_as_folded

from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.session import Session

DONE = {"text": "done"}
MODULE = "asks_again_ours"


class Stamp:
    """An object of the user's, whose class says what it does."""

    def out(self):
        Path("x.txt").unlink()


Stamp.__module__ = "__main__"  # as of a cell

REMOVE = "import os\nos.remove('x.txt')"
# by what is said to have changed: code, the variables, and what happens between the approval and the start
SAID = {
    "`rows` has": ("n = len(rows)", {"rows": [1]}, lambda f, m, space: space.update(rows=[1, 2])),
    "`a` and `b` have": ("n = a + b", {"a": 1, "b": 2}, lambda f, m, space: space.update(a=2, b=3)),
    "the working folder has": (REMOVE, {}, lambda f, m, space: m.chdir(f / "other")),
    "the file `x.txt` has": (REMOVE, {}, lambda f, m, space: (f / "x.txt").write_text("2")),
    "the file `told.txt` has": (
        "import os\nos.remove(open(told).read())",
        {"told": "told.txt"},
        lambda f, m, space: (f / "told.txt").write_text("2"),
    ),
    f"the file `{MODULE}.py` has": (
        f"import {MODULE}\n{REMOVE}",
        {},
        lambda f, m, space: (f / f"{MODULE}.py").write_text("x = 2\n"),
    ),
    "where `link/new.txt` leads has": (
        "open('link/new.txt', 'w').close()",
        {},
        lambda f, m, space: ((f / "link").unlink(), (f / "link").symlink_to("other")),
    ),
    "`WHERE` of the environment has": (
        "import os\nos.remove(os.environ['WHERE'])",
        {},
        lambda f, m, space: m.setenv("WHERE", "y.txt"),
    ),
    "`shutil.rmtree` has": ("import shutil\nshutil.rmtree('d')", {}, lambda f, m, space: m.setattr("shutil.rmtree", print)),
    "the class of `stamp` has": (
        f"stamp.out()\n{REMOVE}",
        {"stamp": Stamp()},
        lambda f, m, space: m.setattr(Stamp, "out", print),
    ),
    "what `open` stands for has": (
        "open('made.txt', 'w').close()",
        {},
        lambda f, m, space: space.update(open=FunctionType((lambda *_: None).__code__, {"__name__": "__main__"})),
    ),
    "`a`, `b`, `c` and 3 more have": (
        "n = a + b + c + d + e + g",
        dict.fromkeys("abcdeg", 1),
        lambda f, m, space: space.update(dict.fromkeys("abcdeg", 2)),
    ),
    "`a`, `b`, `c` and `d` have": (
        "n = a + b + c + d + e",
        dict.fromkeys("abcde", 1),
        lambda f, m, space: space.update(dict.fromkeys("abcd", 2)),
    ),
}  # fmt: skip


@pytest.fixture
def place(tmp_path, monkeypatch):
    for name in ("work", "work/other", "work/d"):
        (tmp_path / name).mkdir()
    folder = tmp_path / "work"
    for name in ("x.txt", "y.txt", "other/x.txt"):
        (folder / name).write_text("1\n")
    (folder / "told.txt").write_text("x.txt")
    (folder / f"{MODULE}.py").write_text("x = 1\n")
    (folder / "link").symlink_to("d")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("WHERE", "x.txt")
    yield folder
    sys.modules.pop(MODULE, None)


def asked(process):
    return process.run.state.questions["r1.0"]["text"]


async def started(place, space, *turns, **options):
    """Return a process that asks about its first call."""
    session = Session(space, place.parent / "home")
    process = session.create("Try it.", model=ScriptedModel([*turns, DONE]), approve="step", plan="none", **options)
    await process.start()
    return process


@pytest.mark.parametrize("said", SAID)
async def test_what_has_changed_is_named(place, monkeypatch, said):
    code, names, change = SAID[said]
    space = dict(names)
    process = await started(place, space, python(code))
    change(place, monkeypatch, space)
    await process.approve("r1.0")
    assert asked(process) == f"It asks again because {said} changed since you approved it."
    assert same_as_folded(process)
    await process.kill()


async def test_a_change_after_the_second_question_is_compared_with_what_that_one_showed(place):
    space = {"a": 1, "b": 1}
    process = await started(place, space, python("n = a + b"))
    space["a"] = 2
    await process.approve("r1.0")
    assert "because `a` has changed" in asked(process)
    space["b"] = 2
    await process.approve("r1.0")
    assert "because `b` has changed" in asked(process), "and `a` is as it was when they looked at it last"
    await process.approve("r1.0")
    assert space["n"] == 4 and same_as_folded(process)


async def test_what_a_variable_of_the_environment_held_is_not_kept(place, monkeypatch):
    monkeypatch.setenv("WHERE", "held-4711")
    process = await started(place, {}, python("import os\nos.remove(os.environ['WHERE'])"))
    kept = process.run.rests["r1.0"][1]
    assert "variable WHERE" in kept and "held-4711" not in str(kept)
    await process.kill()


async def test_a_name_that_no_disk_can_spell_is_compared_too(place):
    name = os.fsdecode(b"\xff.txt")
    (place / name).write_text("1")
    code = "import os\nos.remove('\\udcff.txt')"
    process = await started(place, {}, python(code))
    (place / name).write_text("2")
    await process.approve("r1.0")
    assert "It asks again because the file " in asked(process) and same_as_folded(process)
    await process.kill()


async def test_after_a_restart_it_is_not_known_what_stood_there_and_nothing_is_guessed(place):
    space = {"rows": [1]}
    process = await started(place, space, python("n = len(rows)"))
    path = process.journal.path
    again = Session({"rows": [1, 2]}, place.parent / "home").load(path, model=ScriptedModel([DONE]))
    again.approve("r1.0")
    await again.resume()
    assert asked(again) == "It asks again because something that it uses has changed since you approved it."
    await again.kill()


async def test_a_tool_of_the_users_says_the_value_that_it_takes_from_around_it(place, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "TO", "ann", raising=False)

    def send() -> str:
        """Send it."""
        return f"sent to {TO}"  # noqa: F821 - set above

    process = await started(place, {}, call("send"), tools=[send])
    monkeypatch.setattr(sys.modules[__name__], "TO", "bob")
    await process.approve("r1.0")
    assert asked(process) == "It asks again because `TO` has changed since you approved it."
    await process.kill()
