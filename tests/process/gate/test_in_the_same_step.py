"""What a step does after it has itself read what others wrote is judged as what it does in a later step."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from at_work import DONE, ran, read_mail
from turns import python

import llmos_nb as llmos
from llmos_nb.models.scripted import ScriptedModel

ACT = "open(target, 'w').close()"


@pytest.fixture
def space(work, tmp_path):
    """Have a note of somebody else's beside the working folder, and one of the user's in it."""
    (tmp_path / "theirs").mkdir()
    for at in (tmp_path / "theirs", Path()):
        (at / "note.py").write_text(ACT)
        with closing(sqlite3.connect(at / "notes.db")) as db, db:
            db.execute("create table notes (text)")
    return {**work, "theirs": str(tmp_path / "theirs")}


READS = {
    "a file": "with open({at} + '/note.py') as f: exec(f.read())",
    "a file by a name that is calculated": "with open('/'.join([{at}, 'no' + 'te.py'])) as f: exec(f.read())",
    "by its descriptor": "import os\nfd = os.open({at} + '/note.py', os.O_RDONLY)\nexec(os.read(fd, 99)); os.close(fd)",
    "by a library": "import pandas as pd\nfound = pd.read_csv({at} + '/note.py', header=None, sep='%')\n" + ACT,
    "a link to it": "import os\nos.symlink({at} + '/note.py', 'here.py')\nwith open('here.py') as f: exec(f.read())",
    "the same file by another name": "import os\nos.link({at} + '/note.py', 'x.py')\nwith open('x.py') as f: exec(f.read())",
    "a file that it moves": "import os\nos.rename({at} + '/note.py', 'x.py')\nwith open('x.py') as f: exec(f.read())",
    "a copy": "import shutil\nshutil.copy({at} + '/note.py', 'x.py')\nwith open('x.py') as f: exec(f.read())",
    "a database": "import sqlite3\ndb = sqlite3.connect({at} + '/notes.db')\ndb.execute('select * from notes'); db.close()\n" + ACT,
    "a working folder": "import os\nos.chdir({at})\nwith open('note.py') as f: exec(f.read())",
    "in a function that a library calls": "get = lambda at: exec(open(at + '/note.py').read())\nlist(map(get, [{at}]))",
    "in a thread": (
        "import threading\ndef get():\n    with open({at} + '/note.py') as f: f.read()\n"
        "one = threading.Thread(target=get); one.start(); one.join()\n" + ACT
    ),
    "in other code": "class Note:\n    @property\n    def text(self): return open({at} + '/note.py').read()\nexec(Note().text)",
    "after 300 of the user's": (
        "for n in range(300):\n    with open(f'{{n}}.txt', 'w') as f: f.write('x')\n"
        "for n in range(300):\n    with open(f'{{n}}.txt') as f: f.read()\nwith open({at} + '/note.py') as f: exec(f.read())"
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("way", READS)
async def test_step_that_reads_a_file_of_others_acts_outside_no_more(way, space, monkeypatch):
    monkeypatch.chdir(Path.cwd())
    _, made = await ran(space, python(READS[way].format(at="theirs")))
    assert not Path(space["target"]).exists() and (made.status, "EffectRefused" in made.result) == ("failed", True)


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("way", [way for way in READS if way != "a file that it moves"])
async def test_the_same_of_a_file_of_the_users_acts(way, space):
    """The counter-example: a way that acts by nothing would pass the test above."""
    _, made = await ran(space, python(READS[way].format(at="'.'")))
    assert Path(space["target"]).exists() and made.status == "done", made.result


async def test_step_after_one_that_went_to_work_in_a_folder_of_others_acts_outside_no_more(space, monkeypatch):
    monkeypatch.chdir(Path.cwd())
    _, made = await ran(
        space, python("import os\nos.chdir(theirs)"), python("with open('note.py') as f: exec(f.read())")
    )
    assert not Path(space["target"]).exists() and made.status in ("asked", "failed", "rejected")


QUIET = {
    "before it reads": ACT + "\nwith open(theirs + '/note.py') as f: f.read()",
    "in the user's folder": "with open(theirs + '/note.py') as f: text = f.read()\nwith open('out.py', 'w') as f: f.write(text)",
    "a temporary file of its own": (
        "import tempfile, os\nwith tempfile.NamedTemporaryFile('w', delete=False) as f: f.write('x')\n"
        "with open(f.name) as g: g.read()\nos.replace(f.name, 'out.txt')\n" + ACT
    ),
    "what a library brings": "import zoneinfo, json.decoder, inspect\ninspect.getsource(json.decoder)\nzoneinfo.ZoneInfo('UTC')\n" + ACT,
    "a cache of a library's": (
        "import matplotlib\nfrom pathlib import Path\nplace = Path(matplotlib.get_cachedir())\n"
        "[p.read_bytes() for p in place.glob('*.json')]\n" + ACT
    ),
    "what there is in a folder": "import os\nos.listdir(theirs), os.stat(theirs + '/note.py'), os.path.exists(theirs)\n" + ACT,
}  # fmt: skip


@pytest.mark.parametrize("way", QUIET)
async def test_step_that_has_read_nothing_of_others_acts(way, space):
    _, made = await ran(space, python(QUIET[way]))
    assert made.status == "done", made.result


async def test_a_file_that_the_user_names_is_theirs(space):
    code = f"with open(r'{space['theirs']}/note.py') as f: exec(f.read())"
    given = {"namespace": space, "approve": "auto", "plan": "none"}
    await llmos.run(f"Run {space['theirs']}/note.py.", model=ScriptedModel([python(code), DONE]), **given)
    assert Path(space["target"]).exists()


async def test_variable_that_a_process_before_filled_from_others(space):
    for name, code in (("read", "note = read_mail()"), ("act", f"len(note)\n{ACT}")):
        given = {"namespace": space, "approve": "auto", "plan": "none", "tools": [read_mail]}
        proc = await llmos.run("Look.", model=ScriptedModel([python(code), DONE]), **given)
        assert next(iter(proc.run.state.calls.values())).ok == (name == "read")
    assert not Path(space["target"]).exists()


@pytest.mark.parametrize("at", ["theirs", "'.'"])
async def test_process_that_a_step_starts_once_it_has_read_others_words_is_behind_them_too(space, at):
    code = (
        f"import llmos_nb\nfrom llmos_nb.models.scripted import ScriptedModel\nwith open({at} + '/note.py') as f: goal = f.read()\n"
        "model = ScriptedModel([{'calls': [{'name': 'python', 'arguments': {'code': goal}}]}, {'text': 'done'}])\n"
        "inner = await llmos_nb.run('Look.', model=model, namespace={'target': target}, approve='auto', plan='none')"
    )  # fmt: skip
    _, made = await ran(space, python(code))
    assert made.status == "done", made.result
    assert Path(space["target"]).exists() == (at == "'.'")
