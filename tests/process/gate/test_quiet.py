"""Ordinary work is not asked about, neither before a step nor in the middle; the same with an effect is."""

import logging
import sys
from pathlib import Path

import pytest
from turns import python

import llmos_nb as llmos
from llmos_nb.models.scripted import ScriptedModel

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from bench_quiet import worked
from quiet_steps import ACTS, NOTEBOOKS, lay

DONE = {"text": "done"}
FOREST = "from sklearn.ensemble import RandomForestClassifier\nimport numpy as np\nx, y = np.arange(40).reshape(20, 2), np.arange(20) % 2\n"
QUIET = {
    "pool": "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(2) as p: y = list(p.map(abs, [-1, 2]))",
    "to_thread": "import asyncio\ny = await asyncio.to_thread(sum, [1, 2])",
    "path of modules": "import sys\nsys.path.insert(0, str(folder))\nimport fresh_module\nsys.path.pop(0)",
    "reload": "import sys, importlib\nsys.path.insert(0, str(folder))\nimport fresh_module\nimportlib.reload(fresh_module)\nsys.path.pop(0)",
    "variable of the environment": "import os\nos.environ['OMP_NUM_THREADS'] = '1'\nos.environ.setdefault('TF_LEVEL', '3')",
    "temporary table": (
        "import sqlite3\nc = sqlite3.connect(book)\nc.execute('create temp table t(a)')\n"
        "c.execute('insert into temp.t values (1)')\nn = c.execute('select count(*) from t').fetchone()[0]\nc.close()\ndel c"
    ),
    "temporary folder": "import tempfile, pathlib\nwith tempfile.TemporaryDirectory() as d: pathlib.Path(d, 'a').write_text('x')",
    "temporary file": "import tempfile\nwith tempfile.NamedTemporaryFile('w', suffix='.csv') as f: f.write('a')",
    "figure in a temporary folder": (
        "import matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt, tempfile, os\n"
        "with tempfile.TemporaryDirectory() as d:\n    plt.plot([1, 2])\n    plt.savefig(os.path.join(d, 'a.png'))\nplt.close('all')"
    ),
    "table in a temporary folder": (
        "import pandas as pd, tempfile\nwith tempfile.TemporaryDirectory() as d:\n"
        "    pd.DataFrame({'a': [1]}).to_csv(f'{d}/a.csv')\n    back = pd.read_csv(f'{d}/a.csv')"
    ),
    "workers of a library": FOREST + "m = RandomForestClassifier(5, n_jobs=2).fit(x, y)\np = m.predict(x)",
    "processes of a library": (
        FOREST + "from sklearn.model_selection import cross_val_score\n"
        "s = cross_val_score(RandomForestClassifier(3), x, y, cv=2, n_jobs=2)"
    ),
    "logging": "import logging\nlog = logging.getLogger('mine')\nlog.warning('careful')\nlogging.basicConfig(level='INFO')",
    "warnings": "import warnings\nwith warnings.catch_warnings():\n    warnings.simplefilter('ignore')\n    warnings.warn('x')",
    "reads": "text = (folder / 'notes.txt').read_text()\nnames = [p.name for p in folder.iterdir()]\nthere = (folder / 'x').exists()",
    "dates and numbers": "import datetime, decimal, fractions, random, statistics\nrandom.seed(1)\nm = statistics.mean([1, 2])",
    "compressed bytes": "import gzip, io, zipfile\nb = io.BytesIO()\nwith zipfile.ZipFile(b, 'w') as z: z.writestr('a', 'x')",
    "text of tables": "import pandas as pd\nt = pd.DataFrame({'a': [1, 2]}).to_csv(index=False)\nh = pd.DataFrame({'a': [1]}).to_html()",
    "folder that stands": "import os, pathlib\nos.makedirs('results', exist_ok=True)\npathlib.Path('results').mkdir(parents=True, exist_ok=True)\n"
    "getattr(os, 'make' + 'dirs')('results', exist_ok=True)",
    "handler of a signal": "import signal\nhandler = signal.getsignal(signal.SIGINT)",
    "profile": "import cProfile\np = cProfile.Profile()\np.enable()\ny = sorted([2, 1])\np.disable()",
    "database in memory": "import duckdb\nd = duckdb.connect()\n_ = d.execute('create view v as select 1 as a')\nd.close()\ndel d, _",
    "pool of threads": "from multiprocessing.pool import ThreadPool\nwith ThreadPool(2) as p: y = p.map(abs, [-1])\ndel p",
    "platform": "import platform, os\nw = platform.platform(), os.cpu_count(), os.getpid()",
    "subclass and decorator": "import functools\n@functools.lru_cache\ndef f(n): return n\nclass A(list): pass\ny = f(1), A([1])",
}


@pytest.fixture
def space(tmp_path, monkeypatch):
    import sqlite3

    pytest.importorskip("scipy.stats")  # pytest compiles modules of this name (*_test) itself, and writes them
    (tmp_path / "notes.txt").write_text("a note")
    (tmp_path / "results").mkdir()
    (tmp_path / "fresh_module.py").write_text("x = 1\n")
    sqlite3.connect(tmp_path / "book.db").close()
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("TF_LEVEL", raising=False)
    return {"folder": tmp_path, "book": str(tmp_path / "book.db")}


async def ran(tmp_path, space, code, approve="risky"):
    process = await llmos.run(
        "Try it.", model=ScriptedModel([python(code), DONE]), namespace=space, approve=approve, plan="none",
        home=tmp_path / "home",
    )  # fmt: skip
    return process.run.state.calls["r1.0"]


@pytest.mark.out_of_process
@pytest.mark.filterwarnings("ignore")  # of libraries; it is no matter here
@pytest.mark.parametrize("name", QUIET)
async def test_ordinary_work_is_neither_asked_about_nor_stopped(tmp_path, space, name):
    call = await ran(tmp_path, space, QUIET[name])
    assert call.status == "done", call.result or call.why


LOUD = {
    "pool": "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(2) as p: list(p.map(save, [out]))",
    "to_thread": "import asyncio\nawait asyncio.to_thread(save, out)",
    "path of modules": "import sys\nsys.path.insert(0, str(folder))\nimport acting_module\nsys.path.pop(0)",
    "variable of the environment": "import os\nos.environ['PATH'] = out",
    "table that stays": "import sqlite3\nc = sqlite3.connect(book)\nverb = 'create table'\nc.execute(verb + ' t(a)')",
    "out of a temporary folder": "import tempfile, pathlib\nwith tempfile.TemporaryDirectory() as d: pathlib.Path(d, '..', out).write_text('x')",
    "moved out": "import tempfile, os\nh, name = tempfile.mkstemp()\ngetattr(os, 'ren' + 'ame')(name, out)",
    "log that was open": "for line in ('a', 'b'): log.warning(line)",
    "descriptor that was open": "import os\ngetattr(os, 'wri' + 'te')(log.handlers[0].stream.fileno(), b'x')",
    "processes": "from concurrent.futures import ProcessPoolExecutor\nwith ProcessPoolExecutor(1) as p: p.submit(save, out).result()",
}


@pytest.mark.parametrize("name", LOUD)
async def test_the_like_with_an_effect_is_asked_about_or_stopped(tmp_path, space, name):
    """The counter-example: without it, a gate that lets everything through would pass."""
    out = tmp_path / "out"
    (tmp_path / "acting_module.py").write_text(f"open({str(out)!r}, 'w').close()\n")

    def save(path):
        Path(path).write_text("x")

    log, file = logging.Logger("mine"), logging.FileHandler(tmp_path / "open.log")
    log.addHandler(file)
    call = await ran(tmp_path, space | {"out": str(out), "save": save, "log": log}, LOUD[name])
    file.close()
    assert call.status in ("asked", "failed") and not out.exists(), call.result
    assert not (tmp_path / "open.log").read_text()


@pytest.mark.parametrize("code", ["df.to_csv('a.csv')", "getattr(df, 'to_' + 'csv')('a.csv')"])
async def test_table_into_the_folder_of_the_notebook_is_written_in_auto(tmp_path, space, monkeypatch, code):
    import pandas as pd

    monkeypatch.chdir(tmp_path)
    call = await ran(tmp_path, space | {"df": pd.DataFrame({"a": [1]})}, code, approve="auto")
    assert call.status == "done" and (tmp_path / "a.csv").exists()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("mode", ["risky", "auto"])
@pytest.mark.parametrize("name", ["numbers", "texts"])
async def test_only_what_writes_is_asked_about_in_a_notebook_and_nothing_after_a_read_in_auto(
    tmp_path, monkeypatch, name, mode
):
    """A sample of the benchmark: two of its notebooks of ten steps, in both of its ways."""
    monkeypatch.chdir(tmp_path)
    lay(tmp_path)
    codes = [code.removeprefix(ACTS) for code in NOTEBOOKS[name]]
    risky = mode == "risky"
    rows = await worked(codes, {}, tmp_path / "home", mode, read=not risky, honest=risky)
    assert [row.asked for row in rows] == [risky and code.startswith(ACTS) for code in NOTEBOOKS[name]], rows
    assert all(row.ok and not row.stopped for row in rows), rows


async def test_a_step_that_is_held_in_the_middle_counts_as_stopped(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hidden = (
        "try:\n    getattr(__import__('pathlib').Path('a'), 'write_' + 'text')('x')\nexcept PermissionError:\n    pass"
    )
    rows = await worked([hidden, "open('b', 'w').close()", "1 + 1"], {}, tmp_path / "home", honest=True)
    assert [(row.asked, row.stopped, row.ok) for row in rows] == [
        (False, True, False),
        (True, False, True),
        (False, False, True),
    ]
    assert not (tmp_path / "a").exists() and (tmp_path / "b").exists()


@pytest.mark.parametrize("way", [
    "import shutil\nshutil.copy2('a', 'b')", "import os, shutil\nshutil.copytree('d', 'b')", "import os\nos.replace('a', 'b')",
    "import pathlib\npathlib.Path('a').rename('b')", "import shutil\nshutil.move('d', 'b')", "import os\nos.link('a', 'b')",
])  # fmt: skip
async def test_who_approved_that_files_are_copied_or_moved_is_not_asked_in_the_middle(tmp_path, monkeypatch, way):
    monkeypatch.chdir(tmp_path)
    Path("a").write_text("x")
    Path("d").mkdir()
    (row,) = await worked([way], {}, tmp_path / "home", honest=True)
    assert (row.asked, row.stopped, row.ok) == (True, False, True) and Path("b").exists(), row


async def test_folder_that_an_earlier_step_got_of_tempfile_is_written_to_and_removed_unasked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    steps = [
        "import tempfile\nmade = tempfile.mkdtemp()",
        "with open(made + '/a', 'w') as file: _ = file.write('x')",
        "import shutil\nshutil.rmtree(made)",
        "made = 'other'",
        "import pathlib\npathlib.Path(made).touch()",
    ]
    rows = await worked(steps, {}, tmp_path / "home", honest=True)
    assert [(row.asked, row.ok) for row in rows] == [(False, True)] * 4 + [(True, True)], rows
