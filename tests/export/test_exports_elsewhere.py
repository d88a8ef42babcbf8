"""An export in another folder than the run's: nothing of that folder comes along unseen, and each reason is a true one."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from hashlib import sha256
from importlib import metadata
from pathlib import Path

import pytest
from process_runs import ProcessRun

from llmos_nb.errors import ExportDoesNotRun, LlmosError
from llmos_nb.export import export, ran
from llmos_nb.export.cells import read, write
from llmos_nb.export.dataflow.slice import Piece
from llmos_nb.export.dataflow.taint import FOLDER, FOLDER_NAME, holds_after_all, tainted
from llmos_nb.export.files import files_recorded, writers
from llmos_nb.export.inputs import Input, check_code, digest_file, file_names, files_read
from llmos_nb.export.lock import needed
from llmos_nb.export.plainly import lines
from llmos_nb.export.ran import reason
from llmos_nb.export.source import ExportSource
from llmos_nb.export.steps import Unit
from llmos_nb.export.verify.execute import LIVE, hiding
from llmos_nb.journal.events import CellRan, SignalReceived
from llmos_nb.session import prune
from llmos_nb.session.exporting import Saved, save


@pytest.fixture(autouse=True)
def own_folder(monkeypatch, tmp_path):
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    monkeypatch.chdir(tmp_path / "work")


def process(*steps, before=(), answer="done"):
    run = ProcessRun("Do a thing", Path.cwd())
    for cell in before:
        run.user(cell)
    run.begin()
    for step in steps:
        run.step(step)
    run.end(answer)
    return run


def exported(tmp_path, *steps, name="x.ipynb", observe=False, **how):
    return export(process(*steps, **how).source(), tmp_path / "out" / name, lock=False, observe=observe)


def sources(path):
    return [c["source"] for c in read(path)["cells"] if c["cell_type"] == "code"]


# the folder of the run


@pytest.mark.out_of_process
def test_a_folder_that_a_cell_kept_is_taken_anew_and_not_as_a_value(tmp_path):
    (tmp_path / "work" / "sub").mkdir()
    (tmp_path / "work" / "sub" / "in.txt").write_text("one\ntwo\n")
    before = ["import os\nfrom pathlib import Path\nhere = os.getcwd()"]
    steps = ("os.chdir('sub')\nlines = Path('in.txt').read_text().split()\nos.chdir(here)\nlen(lines)", "here")
    path = exported(tmp_path, *steps, before=before)
    assert not any(str(tmp_path / "work") in source for source in sources(path))
    left = [c["metadata"]["llmos_nb"].get("left", {}) for c in read(path)["cells"]]
    assert any(FOLDER in why for one in left for why in one.values())
    shutil.rmtree(tmp_path / "work" / "sub")
    assert ran.run(path, tmp_path / "work") == ""


@pytest.mark.parametrize(
    ("words", "of_folder", "of_its_name"),
    [
        ("'hello'", True, True),
        ("[1, 'https://x.org/a']", True, True),
        ("DataFrame of 9: 0123456789abcdef", True, True),  # another folder tells
        ("'/home/ines/tides/x.csv'", False, False),
        ("['/data/x.csv']", False, False),
        ("'tides'", True, False),
        ("in tides.", True, False),
        ("'riptides'", True, True),
        ("('ines', 3)", True, False),
        ("<", False, False),
    ],
)
def test_what_rests_on_the_folder_is_compared_where_no_name_of_it_is_in_it(words, of_folder, of_its_name):
    assert holds_after_all(FOLDER, words, Path("/home/ines/tides")) is of_folder
    assert holds_after_all(FOLDER_NAME, words, Path("/home/ines/tides")) is of_its_name


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import os\nx = os.getcwd()", FOLDER),
        ("from pathlib import Path\nx = Path.cwd() / 'a'", FOLDER),
        ("from pathlib import Path\nx = Path('a').resolve()", FOLDER),
        ("import os\nx = os.path.abspath('.')", FOLDER),
        ("import os, time\nx = os.getcwd(), time.time()", "the time"),  # the graver one
        ("import os, time\nhere, t = os.getcwd(), 1\nt = time.time()\nx = here, t", "the time"),
        ("import os\nx = os.path.basename(os.getcwd())", FOLDER_NAME),
        ("from pathlib import Path\nd = Path.cwd()\nx = d.parts[-1]", FOLDER_NAME),
        ("from pathlib import Path\nx = Path.cwd().name\nx = x.upper()", FOLDER_NAME),
        ("from pathlib import Path\ndef last(p):\n    return p.name\nd = Path.cwd()\nx = last(d)", FOLDER_NAME),
        ("from pathlib import Path\nlast = lambda p: p.name\nd = Path.cwd()\nx = last(d)", FOLDER_NAME),
        (
            "import json\nfrom pathlib import Path\nd = Path.cwd()\nx = json.loads((d / 'a').read_text())",
            FOLDER,
        ),
        ("import os\nx = open(os.path.join(os.getcwd(), 'a')).read()", FOLDER),
        ("x = 'a'", ""),
    ],
)
def test_a_value_rests_on_the_folder_where_code_asks_for_it(code, why):
    assert tainted([Piece(code)]).get("x", "") == why


def test_a_value_with_the_folder_in_it_is_no_input(tmp_path):
    run = ProcessRun("Do a thing", Path.cwd())
    run.namespace["settings"] = [1, str(tmp_path / "work" / "a.csv")]
    run.namespace["rate"] = 2.5
    run.begin()
    run.step("size = len(settings) * rate")
    run.end("done")
    about = read(export(run.source(), tmp_path / "out" / "x.ipynb"))["metadata"]["llmos_nb"]
    assert "the folder of the run" in about["missing"]["settings"] and about["held"].keys() == {"rate"}


READS = "from pathlib import Path\ntext = Path({!r}).read_text()\ntext"


@pytest.mark.out_of_process
@pytest.mark.parametrize("name", ["x.ipynb", "x.py"])
def test_the_folder_of_the_run_is_not_there_when_an_export_is_tried(tmp_path, name):
    inside, beside = tmp_path / "work" / "in.txt", tmp_path / "data.txt"
    inside.write_text("one")
    beside.write_text("two")
    path = exported(tmp_path, READS.format(str(inside)), name=name)
    assert ran.run(path) == ""
    with pytest.raises(
        ExportDoesNotRun, match=r"this is the folder of the run, .* '.*in\.txt' .*named by its whole path"
    ):
        ran.run(path, tmp_path / "work")
    if name.endswith("ipynb"):
        with pytest.raises(LlmosError, match="this is the folder of the run"):
            exported(tmp_path, READS.format(str(inside)), observe=True)
    path = exported(tmp_path, READS.format(str(beside)), name=f"y{path.suffix}")
    assert ran.run(path, tmp_path / "work") == ""


@pytest.mark.parametrize(
    ("code", "there"),
    [
        ("open(WORK + '/in.txt')", False),
        ("os.listdir(WORK)", False),
        ("os.chdir(WORK)", False),
        ("sys.path.insert(0, WORK); import beside", False),
        ("open(WORK + '/kept/in.txt')", True),
        ("import pack; open(WORK + '/src/pack/rows.txt')", True),  # installed from there
        ("open(WORK + '/../out.txt')", True),
    ],
)
def test_only_what_is_installed_from_the_folder_of_the_run_is_there(tmp_path, code, there):
    work = tmp_path / "work"
    for name in (
        "in.txt",
        "kept/in.txt",
        "src/pack/__init__.py",
        "src/pack/rows.txt",
        "beside.py",
        "../out.txt",
    ):
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text("")
    begin = f"import os, sys\nsys.path[:] = [p for p in sys.path if p]\nWORK = {str(work)!r}\n"
    installed = (
        "import importlib.util as u\nspec = u.spec_from_file_location('pack', WORK + '/src/pack/__init__.py')\n"
        "sys.modules['pack'] = m = u.module_from_spec(spec)\n"
    )
    whole = f"{begin}{hiding(work, work / 'kept')}\n{installed}spec.loader.exec_module(m)\n{code}"
    done = subprocess.run([sys.executable, "-c", whole], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is there, done.stderr
    wrong = "ModuleNotFoundError" if "beside" in code else LIVE
    assert there or wrong in done.stderr


def test_a_home_is_not_hidden(monkeypatch, tmp_path):
    assert hiding(tmp_path / "work", tmp_path) and not hiding(None, tmp_path) and not hiding(tmp_path / "no", tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "work"))
    assert not hiding(tmp_path / "work", tmp_path) and not hiding(tmp_path, tmp_path)


@pytest.mark.out_of_process
def test_a_script_is_tried_with_inputs_in_folders(tmp_path):
    (tmp_path / "work" / "data").mkdir()
    (tmp_path / "work" / "data" / "in.txt").write_text("one")
    assert ran.run(exported(tmp_path, READS.format("data/in.txt"), name="x.py"), tmp_path / "work") == ""


# files that only the user's modules, or texts, name


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("duckdb.sql(\"select * from 'trips.csv'\")", "trips.csv"),
        ('duckdb.sql("""\nselect *\nfrom read_csv(\'more/*.csv\')\n""")', "more/*.csv"),
        ("subprocess.run('wc -l < data/trips.csv', shell=True)", "data/trips.csv"),
        ("open('a b.csv')", "a b.csv"),
    ],
)
def test_a_name_of_a_file_is_found_inside_a_text(code, name):
    assert name in file_names(code, {})


def test_files_that_a_module_of_the_users_names_come_along(tmp_path):
    work = tmp_path / "work"
    (work / "lib" / "data").mkdir(parents=True)
    (work / "lib" / "units.py").write_text(
        "from pathlib import Path\nROWS = (Path(__file__).parent / 'data' / 'units.txt').read_text()\n"
        "OTHER = open('top.txt').read()\nNO = 'gone.txt'\n"
    )
    for name in ("lib/data/units.txt", "top.txt"):
        (work / name).write_text("x")
    found = {i.path for i in files_read(["import sys\nsys.path.insert(0, 'lib')\nimport units"], [ExportSource("g")])}
    assert found == {"lib/units.py", "top.txt", "lib/data/units.txt"}


@pytest.mark.out_of_process
@pytest.mark.parametrize("address", ["sqlite:///loans.db", "sqlite+pysqlite:///loans.db?timeout=9"])
@pytest.mark.parametrize("changed", [False, True])
def test_a_database_that_is_known_by_its_address_comes_along(tmp_path, address, changed):
    with closing(sqlite3.connect("loans.db")) as base, base:
        base.execute("create table loans as select 1 as tool union select 2")
    os.utime("loans.db", (1, 1))
    read_it = "with sqlalchemy.create_engine(db).connect() as link:\n    rows = link.execute(sqlalchemy.text('select * from loans')).all()"
    run = process(f"import sqlalchemy\n{read_it}\nlen(rows)", before=[f"db = {address!r}"])
    if changed:  # as by a call that is not done again
        with closing(sqlite3.connect("loans.db")) as base, base:
            base.execute("create table overdue as select * from loans")
    path = export(run.source(), tmp_path / "out" / "x.ipynb", lock=False)
    [check] = [s for s in sources(path) if "sha256" in s]
    assert '"loans.db": "' in check and ("changed since the run began" in check) is changed
    [said] = [c["source"] for c in read(path)["cells"] if c["metadata"]["llmos_nb"]["role"] == "reads"]
    assert ("changed since the run began" in said, "must be as in the run" in said) == (changed, not changed)
    assert ran.run(path, tmp_path / "work") == ""


@pytest.mark.out_of_process
@pytest.mark.parametrize("more", ["\nroot(4)", ""], ids=["with a value", "without"])
def test_a_function_of_a_step_that_imports_what_it_calls_is_the_same_in_a_cell(tmp_path, more):
    step = f"import math\ndef root(x):\n    return math.sqrt(x)\nfour = root(16){more}"
    assert ran.run(exported(tmp_path, step), tmp_path / "work") == ""


def test_a_database_that_the_code_fills_again_does_not_come_along(tmp_path):
    made = "import sqlalchemy as sa\nengine = sa.create_engine('sqlite:///made.db')\nwith engine.begin() as link:\n    _ = link.execute(sa.text('create table t as select 1'))"
    path = exported(
        tmp_path, made, "with engine.connect() as link:\n    n = link.scalar(sa.text('select count(*) from t'))\nn"
    )
    assert not (tmp_path / "out" / "made.db").exists() and not any("sha256" in s for s in sources(path))


def test_a_whole_path_in_the_folder_that_code_put_together_is_seen_from_the_notebook(tmp_path):
    work = tmp_path / "work"
    files = [{"path": str(work / "a" / "v.txt"), "bytes": 1, "sha256": "0"}]
    for source, path in [("f(a)", "a/v.txt"), (f"f({files[0]['path']!r})", files[0]["path"])]:
        cells = {1: CellRan(place=1, source=source, reads={"files": files})}
        found = files_recorded([Unit("user", source, (1, 0, 0))], cells, work, work)
        assert [i.path for i in found] == [path]


def test_cells_that_fill_a_folder_which_the_notebook_makes_stand_in_it_whole(tmp_path):
    work = tmp_path / "work"
    written = ([str(work / "out")], [], [str(work / "out" / "rows.txt")], [str(work / "other.txt")])
    cells = {
        n: CellRan(place=n, source="x", reads={"written": paths} if paths else {}) for n, paths in enumerate(written, 1)
    }
    cells[5] = CellRan(place=5, source="y", reads={"files": [{"path": "out/rows.txt", "from": str(work)}]})
    units = [Unit("user", "x", (n, 0, 0), kept=n == 5) for n in cells]
    assert writers(units, cells, work, [units[0]]) == [units[0], units[2]]
    assert writers(units, cells, work, []) == []  # the file comes as it was read


def test_a_cell_of_which_a_part_makes_a_database_stands_in_it_whole(tmp_path):
    written, made = [str(tmp_path / "shop.db")], [{"path": "shop.db", "database": True}]
    for reads, again in (
        ({"written": written, "made": made}, True),
        ({"written": written}, False),
        ({"made": made}, False),
    ):
        cells = {1: CellRan(place=1, source="x", reads=reads)}
        units = [Unit("user", "x", (1, 0, 0), kept=False)]
        assert writers(units, cells, tmp_path, units) == units * again
        assert writers(units, cells, tmp_path, []) == []


def test_a_cell_that_wrote_what_is_another_file_now_stands_in_it_whole(tmp_path):
    (tmp_path / "work" / "shelf.dat").write_text("now")
    written = [str(tmp_path / "work" / "shelf.dat")]
    for text, again in (("then", True), ("now", False)):
        known = {"path": "shelf.dat", "sha256": sha256(text.encode()).hexdigest(), "bytes": 3}
        cells = {
            1: CellRan(place=1, source="x", reads={"written": written}),
            2: CellRan(place=2, source="y", reads={"files": [known]}),
        }
        units = [Unit("user", "x", (n, 0, 0), kept=n == 2) for n in cells]
        assert writers(units, cells, tmp_path / "work", []) == units[:again]


@pytest.mark.out_of_process
def test_a_folder_that_is_made_and_filled_is_made_and_filled_again(tmp_path):
    path = exported(
        tmp_path,
        "import os\nos.makedirs('sub')",
        "from pathlib import Path\nPath('sub/n.txt').write_text('41')",
        READS.format("sub/n.txt"),
    )
    assert read(path)["metadata"]["llmos_nb"]["inputs"] == [] and ran.run(path) == ""


# reasons


def test_what_was_forgotten_is_said_to_be(tmp_path):
    run = process("print('\\n'.join(map(str, range(2000))))\nn = 3\nn", "print('y' * 9)")
    for who in ("", "you"):
        if who:
            prune.forget(run.process.run, "r1.0")
        about = {
            c["id"]: c["metadata"]["llmos_nb"].get("left", {})
            for c in read(export(run.source(), tmp_path / f"x{who}.ipynb"))["cells"]
            if c["cell_type"] == "code"
        }
        assert about["r1-0"] == ({"its output": "it was forgotten, by you"} if who else {}) and not about["r2-0"]


def test_only_what_is_gone_is_said_to_be_forgotten(tmp_path):
    run = process("print('y' * 9)")
    run.process.run.append(SignalReceived(signal="forget", by=prune.RETENTION, call="all", bytes=9))
    assert "forgotten" not in "".join(str(c) for c in read(export(run.source(), tmp_path / "x.ipynb"))["cells"])


@pytest.mark.parametrize(
    ("code", "error", "said"),
    [
        ("x = len(cap)", "NameError: name 'cap' is not defined", "`cap` is not in the notebook: a lock cannot be written"),
        ("x = n", "NameError: name 'n' is not defined", "`n` is not in the notebook: no cell before this one makes it"),
        ("assert x, 0", "AssertionError: 0", "(at `assert x, 0`): it held in the run"),
        ("f(x)", "ValueError: no", "ValueError: no (at `f(x)`): it ran where the run was"),
        ("open('a')", "FileNotFoundError: [Errno 2] No such file or directory: 'a'", "or that its code names"),
        ("os.mkdir('a')", "FileExistsError: [Errno 17] File exists: 'a'", "code before it has made it"),
        ("import zzz", "ModuleNotFoundError: No module named 'zzz'", "neither installed nor beside"),
        ("raise NotImplementedError('%%R has no plain form')", "NotImplementedError: %%R has no plain form", "plain Python"),
        ("assert answer_1.split() == 'It is 3.'.split(), f\"{answer_1!r}, and was 'It is 3.' in the run\"",
         "AssertionError: 'It is 4.', and was 'It is 3.' in the run", "the answer is 'It is 4.', and was 'It is 3.' in the run"),
        (lines("x", "3")[0], "AssertionError: 4, and was 3 in the run", "`x` is 4, and was 3 in the run"),
    ],
)  # fmt: skip
def test_each_reason_says_what_where_why_and_what_to_do(code, error, said):
    held = {"cap": "a lock cannot be written as plain data"}
    told = reason(code, error, "Cell In[3], line 1", held, [], said.startswith("the answer"))
    assert said in told and "; to do: " in told
    left = "call r1.0 of process 1 was undone: it wrote a"
    assert f"; {left}; to do: " in reason(code, error, "Cell In[3], line 1", {}, [left])


@pytest.mark.out_of_process
def test_an_undone_step_whose_effect_stays_is_named(tmp_path):
    run = process("from pathlib import Path\nrows = [1]\nPath('rows.txt').write_text('1')")
    run.undo()
    after = ProcessRun("Look", Path.cwd(), after=run)
    after.begin()
    after.step("import os\nfound = os.path.exists('rows.txt')\nfound")
    after.end("done")
    session = run.process.session
    saved = save(session, [run.process, after.process], tmp_path / "out" / "x.ipynb")
    with pytest.raises(
        ExportDoesNotRun, match=r"`found` is False, .*call r1\.0 of process \d+ was undone: .*rows\.txt"
    ):
        saved.prove()


def test_an_undone_step_is_not_named_after_it_was_redone(tmp_path):
    run = process("rows = [1]")
    for done, named in (("undo", True), ("redo", False)):
        asyncio.run(_awaited(getattr(run.process, done)))
        found = save(run.process.session, [run.process], tmp_path / "out" / "x.ipynb").undone
        assert bool(found) is named, found


async def _awaited(verb):
    await verb()


@pytest.mark.out_of_process
def test_a_path_in_the_folder_of_the_trial_is_one_beside_the_notebook(tmp_path):
    path = exported(tmp_path, "x = 1")
    book = read(path)
    (cell,) = [c for c in book["cells"] if c["id"] == "r1-0"]
    cell["source"] = "import os\nopen(os.path.join(os.getcwd(), 'units.txt'))"
    write(book, path)
    with pytest.raises(ExportDoesNotRun, match=r"No such file or directory: 'units\.txt'"):
        ran.run(path)


def test_what_was_not_run_says_what_to_do(tmp_path):
    for about in ({"acts": "call r1.0 of process 1 acts outside (process bash)"}, {"foreign": True}):
        assert "; to do: " in Saved(tmp_path / "x.ipynb", **about).prove()


@pytest.mark.out_of_process
def test_the_environment_of_a_trial_does_not_name_the_folder_of_the_run(tmp_path, monkeypatch):
    monkeypatch.setenv("PWD", str(tmp_path / "work"))
    path = exported(tmp_path, "import os\nassert os.environ['PWD'] == os.getcwd(), os.environ['PWD']", before=["x = 1"])
    assert ran.run(with_no_check(path, "environment")) == ""


def with_no_check(path, role):
    book = read(path)
    book["cells"] = [c for c in book["cells"] if c["metadata"]["llmos_nb"]["role"] != role]
    return write(book, path)


# the lock


def test_what_a_distribution_requires_is_read_once_for_an_export(tmp_path, monkeypatch):
    asked, real = [], metadata.requires
    monkeypatch.setattr(metadata, "requires", lambda name: asked.append(name) or real(name))
    run = process("import pandas\nn = 3")
    export(run.source(), tmp_path / "x.ipynb")
    assert "pandas" in asked and len(asked) == len(set(asked))
    assert {"pandas", "numpy"} <= {*needed(["import pandas"])}


@pytest.mark.out_of_process
def test_a_script_is_tried_with_the_files_that_it_names_alone(tmp_path):
    (tmp_path / "beside.txt").write_text("1", encoding="utf-8")
    script, reads = tmp_path / "run.py", "print(open('beside.txt').read())\n"
    script.write_text(reads, encoding="utf-8")
    with pytest.raises(ExportDoesNotRun, match="beside.txt"):
        ran.run(script)
    named = [Input("beside.txt", digest_file(tmp_path / "beside.txt"), 1)]
    script.write_text(f"{check_code(named)}\n{reads}", encoding="utf-8")
    assert ran.run(script) == ""
