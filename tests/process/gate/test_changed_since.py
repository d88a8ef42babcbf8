"""What a step reads, deletes or runs is what it was when somebody approved the step, whoever put its name together."""

import sqlite3
import time
from pathlib import Path

import pytest
from turns import python, same_as_folded
from waits import until

from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.policy import Decision
from llmos_nb.session import Session

# the steps leave what they have opened to the collector
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
DONE = {"text": "done"}
# by name: code, and what changes between approval and start
WAYS = {
    "joined path": ("import os\nos.remove(open(os.path.join(where, 'told' + end)).read())", "told.txt"),
    "path of pathlib": ("import os, pathlib\nos.remove((pathlib.Path(where) / f'told{end}').read_text())", "told.txt"),
    "function of the user's": ("import os\nos.remove(told())", "told.txt"),
    "table": ("import os, pandas as pd\nos.remove(pd.read_csv(where + '/table' + '.csv')['name'][0])", "table.csv"),
    "descriptor": ("import os\nfd = os.open(where + '/told' + end, os.O_RDONLY)\nos.remove(os.read(fd, 9))", "told.txt"),
    "file that is deleted": ("import os\nos.remove(where + '/y' + end)", "y.txt"),
    "file that is moved": ("import shutil\nshutil.move(where + '/y' + end, where + '/z')", "y.txt"),
    "script": ("import subprocess, sys\nsubprocess.run([sys.executable, where + '/run' + '.py'], check=True)", "run.py"),
    "script in a command": ("import os, sys\nos.system(f'{sys.executable} {where}/run' + '.py')", "run.py"),
    "script beside it": (
        "import subprocess, sys\nsubprocess.run([sys.executable, 'run' + '.py'], cwd=where, check=True)", "run.py"
    ),
    "database": (
        "import os, sqlite3\nc = sqlite3.connect(where + '/names' + '.db')\nfound = c.execute('select * from t').fetchone()[0]\n"
        "c.close()\nos.remove(found)", "names.db",
    ),
    "hidden refusal": ("import os\ntry: name = told()\nexcept Exception: name = ''\nif name: os.remove(name)", "told.txt"),
}  # fmt: skip
OTHERS = {
    "link": (
        "import os\nos.remove(open(where + '/link/told' + end).read())",
        lambda f: relinked(f / "link", "other"),
    ),
    "folder": ("import os\nos.remove(open(where + '/d/told' + end).read())", lambda f: moved(f)),
}


def relinked(link, to):
    """Have a link lead elsewhere."""
    link.unlink()
    link.symlink_to(to)


def moved(folder):
    """Put another folder in the place of one."""
    (folder / "d").rename(folder / "gone")
    (folder / "other").rename(folder / "d")


def changed(path):
    """Change a file so that it leads to another one."""
    if path.suffix == ".db":
        base = sqlite3.connect(path)
        base.execute("update t set name = 'y.txt'")
        base.commit()
        base.close()
    else:
        path.write_text(path.read_text().replace("x.txt", "y.txt"))


class Changing:
    """An approver that approves what it is shown, once something has changed; what has changed it does not."""

    name = "desk"

    def __init__(self, change):
        self.change, self.effects = change, []

    async def decide(self, request):
        if request.effect is None:
            self.change()
            return Decision("approve")
        self.effects.append(request.effect)
        return Decision("reject") if request.effect[0] == "changed" else Decision("approve")


@pytest.fixture
def place(tmp_path, monkeypatch):
    folder = tmp_path / "work"
    for name in ("d", "other"):
        (folder / name).mkdir(parents=True)
    for name in ("x.txt", "y.txt", "unrelated.txt"):
        (folder / name).write_text("1\n")
    for name, to in (("told.txt", "x.txt"), ("d/told.txt", "x.txt"), ("other/told.txt", "y.txt")):
        (folder / name).write_text(to)
    (folder / "table.csv").write_text("name\nx.txt\n")
    (folder / "run.py").write_text("import os\nos.remove('x.txt')\n")
    (folder / "link").symlink_to("d")
    base = sqlite3.connect(folder / "names.db")
    base.execute("create table t (name)")
    base.execute("insert into t values ('x.txt')")
    base.commit()
    base.close()
    monkeypatch.chdir(folder)
    settled(folder)
    return folder


def settled(folder):
    """Wait until what changes from now on has a later time than what is there, however coarse the clock is.

    A journal tells times to the millisecond, and what changed in that of a question counts as seen.
    """
    before, probe = time.time_ns() + 1_000_000, folder / "probe"

    def later():
        probe.write_text("x")
        return probe.stat().st_ctime_ns > before

    until(later)
    probe.unlink()


async def approved(place, code, change):
    def late():
        settled(place)  # the approver has looked
        change()
        settled(place)  # and the step begins

    space = {"where": str(place), "end": ".txt"}
    exec("def told():\n    return open('told' + end).read()", space)
    desk = Changing(late)
    session = Session(space, place.parent / "home")
    process = session.create(
        "Try it.", model=ScriptedModel([python(code), DONE]), plan="none", approvers=[desk], call_timeout=60
    )
    await process.start()
    assert same_as_folded(process)
    return desk, process.run.state.calls["r1.0"]


@pytest.mark.out_of_process
@pytest.mark.parametrize("way", WAYS)
async def test_step_is_held_where_it_uses_what_has_changed_since_it_was_approved(place, way):
    code, name = WAYS[way]
    desk, call = await approved(place, code, lambda: changed(place / name))
    assert [kind for kind, target in desk.effects if target == str(place / name)] == ["changed"]
    assert call.status == "failed" and "has changed since this step was approved" in call.result
    assert (place / "y.txt").exists() and (place / "x.txt").exists()


@pytest.mark.parametrize("way", OTHERS)
async def test_step_is_held_where_a_name_leads_elsewhere_since_it_was_approved(place, way):
    code, change = OTHERS[way]
    desk, call = await approved(place, code, lambda: change(place))
    assert [kind for kind, _ in desk.effects] == ["changed"] and call.status == "failed"
    assert (place / "y.txt").exists()


@pytest.mark.out_of_process
@pytest.mark.parametrize("way", [*WAYS, *OTHERS])
async def test_step_goes_on_where_nothing_that_it_uses_has_changed(place, way):
    """The counter-example: the clock, a file beside it, and a folder in which one was made are no change."""
    code = (WAYS | OTHERS)[way][0]

    def beside():
        (place / "unrelated.txt").write_text("2")
        (place / "d" / "new.txt").write_text("2")

    desk, call = await approved(place, code, beside)
    assert call.status == "done", call.result
    assert "changed" not in [kind for kind, _ in desk.effects]
    gone = "y.txt" if way in ("file that is deleted", "file that is moved") else "x.txt"
    assert not (place / gone).exists()


OWN = {
    "written": "open(where + '/told' + end, 'w').write('x.txt')\nimport os\nos.remove(told())",
    "copied": "import os, shutil\nshutil.copy(where + '/d/told' + end, where + '/told' + end)\nos.remove(told())",
    "unpacked": (
        "import os, shutil\nshutil.copytree(where + '/d', where + '/e')\nos.remove(open(where + '/e/told' + end).read())"
    ),
    "of a program": (
        "import os, subprocess, sys\nsubprocess.run([sys.executable, '-c', \"open('told.txt', 'w').write('x.txt')\"])\n"
        "os.remove(told())"
    ),
}


@pytest.mark.out_of_process
@pytest.mark.parametrize("way", OWN)
async def test_what_the_step_has_made_itself_is_its_own(place, way):
    desk, call = await approved(place, OWN[way], lambda: None)
    assert call.status == "done", call.result
    assert "changed" not in [kind for kind, _ in desk.effects] and not (place / "x.txt").exists()


@pytest.mark.parametrize("change", [True, False])
async def test_approval_that_is_given_in_another_interpreter_holds_for_what_was_there_when_it_was_asked(place, change):
    """The process waits, saved; a new session goes on with what is on disk."""
    code = "import os\nos.remove(open(os.path.join(where, 'told' + end)).read())"
    space, turns = {"where": str(place), "end": ".txt"}, [python(code), DONE]
    session = Session(dict(space), place.parent / "home")
    process = session.create("Try it.", model=ScriptedModel(turns), plan="none")
    await process.start()
    assert process.state == "waiting"
    folder = process.journal.path
    settled(place)
    if change:
        changed(place / "told.txt")
    settled(place)
    again = Session(dict(space), place.parent / "home").load(folder, model=ScriptedModel(turns))
    again.approve("r1.0")
    await again.resume()
    call = again.run.state.calls["r1.0"]
    assert (call.status, (place / "y.txt").exists()) == (("failed", True) if change else ("done", True))
    assert (place / "x.txt").exists() == change and same_as_folded(again)


async def test_step_that_nobody_was_asked_about_reads_what_is_there(place):
    """In the mode that asks nobody, nothing was looked at, and nothing can have changed since."""
    session = Session({"where": str(place), "end": ".txt"}, place.parent / "home")
    code = "import os\nfound = open(os.path.join(where, 'told' + end)).read()"
    process = session.create("Try it.", model=ScriptedModel([python(code), DONE]), plan="none", approve="auto")
    changed(place / "told.txt")
    await process.start()
    assert process.run.state.calls["r1.0"].status == "done" and session.namespace["found"] == "y.txt"


async def test_person_who_is_there_is_asked_at_the_read_and_lets_it_go_on(place):
    session = Session({"where": str(place), "end": ".txt"}, place.parent / "home")
    code = "import os\nos.remove(open(os.path.join(where, 'told' + end)).read())"
    process = session.create("Try it.", model=ScriptedModel([python(code), DONE]), plan="none")
    await process.start()
    settled(place)
    changed(place / "told.txt")
    settled(place)
    asked = []

    def here(key):
        asked.append(process.run.state.questions[key])
        process.approve(key)

    process.run.attended, process.run.ask_here = (lambda: True), here
    await process.approve("r1.0")
    assert [q["effect"] for q in asked] == [["changed", str(place / "told.txt")]]
    assert asked[0]["text"] == (
        "It asks because the step wants to use told.txt, which has changed since this step was approved."
    )
    assert process.run.state.calls["r1.0"].status == "done" and not Path("y.txt").exists()
    assert Path("x.txt").exists()
