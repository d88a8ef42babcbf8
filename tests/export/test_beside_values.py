"""What stands beside the values of a step and is compared, or said not to be: times of fitting, files, tables before it."""

import pandas as pd
import pytest
from process_runs import ProcessRun, file

from llmos_nb.export import export
from llmos_nb.export.cells import read, write
from llmos_nb.export.verify import verify
from llmos_nb.export.verify.seal import seal
from llmos_nb.heap.content import code_for, content


@pytest.fixture(autouse=True)
def own_jupyter(monkeypatch, tmp_path):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))


def exported(folder, *steps, before=(), **how):
    """Export a run of some steps after some cells of the user's."""
    r = ProcessRun("Do a thing", folder)
    for cell in before:
        r.user(cell)
    r.begin()
    for step in steps:
        r.step(step)
    r.end("done")
    return export(r.source(), folder / "out" / "x.ipynb", lock=False, **how)


def steps_of(path):
    """What the metadata of each step's cell says, by its name."""
    return {
        c["id"]: c["metadata"]["llmos_nb"] for c in read(path)["cells"] if c["metadata"]["llmos_nb"]["role"] == "step"
    }


def told(value):
    space = {}
    exec(code_for(), space)
    return space["_content"](value)


# how long fitting took

TIMES = {"fit_time": [0.1, 0.2], "score_time": [0.01, 0.02], "test_score": [0.5, 0.75]}


@pytest.mark.parametrize("of", [dict, pd.DataFrame, lambda r: {"ridge": r}, lambda r: pd.DataFrame(r).mean()])
def test_of_the_results_of_fitting_all_but_its_times_is_compared(of):
    said = content(of(TIMES))
    assert said.endswith("; without fit_time, score_time") and told(of(TIMES)) == said
    slower, other = TIMES | {"fit_time": [3.0, 9.0]}, TIMES | {"test_score": [0.5, 0.76]}
    assert content(of(slower)) == said != content(of(other))
    assert "without" not in content(of({"fit_time": [0.1, 0.2], "test_score": [0.5, 0.75]}))


def test_scores_are_compared_beside_the_times_of_fitting_which_are_named(tmp_path):
    pytest.importorskip("sklearn")
    before = "import numpy as np\nX, y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2"
    fit = (
        "from sklearn.linear_model import LogisticRegression\nfrom sklearn.model_selection import GridSearchCV, cross_validate\n"
        "scores = cross_validate(LogisticRegression(), X, y, cv=2)\n"
        "search = GridSearchCV(LogisticRegression(), {'C': [1, 2]}, cv=2).fit(X, y)"
    )
    path = exported(tmp_path, fit, "mean = scores['test_score'].mean()", before=[before])
    step, after = steps_of(path)["r1-0"], steps_of(path)["r2-0"]
    assert {"scores", "search"} <= step["contents"].keys() and "mean" in after["contents"] and "left" not in after
    said = "which hold how long fitting took; all else is compared"
    assert step["left"]["scores"] == f"fit_time, score_time in it, {said}"
    assert step["left"]["search"].startswith("mean_fit_time, ") and "refit_time_, " in step["left"]["search"]
    assert verify(path, "same").ok


class Job:
    __slots__ = ("name", "prio")

    def __init__(self, name, prio):
        self.name, self.prio = name, prio


Job.__module__ = "__main__"


def test_objects_with_slots_are_compared_by_what_they_hold():
    assert content(Job("a", 1)) == "Job({'name': 'a', 'prio': 1})" == told(Job("a", 1))
    assert content([Job("a", 1)]) != content([Job("a", 2)])


def test_what_is_known_by_its_type_alone_within_something_is_said(tmp_path):
    path = exported(tmp_path, "import threading\nheld = [1, threading.Lock()]\nbare = [1, len]")
    step = steps_of(path)["r1-0"]
    assert step["left"] == {"held": "what is in it of <lock>, known by the type alone; all else is compared"}
    assert verify(path, "same").ok
    book = read(path)
    book["metadata"]["llmos_nb"]["processes"][0]["journal"].pop("path")  # which would tell first
    next(c for c in book["cells"] if c["id"] == "r1-0")["source"] = (
        "import threading\nheld = [2, threading.Lock()]\nbare = [1, len]"
    )
    seal(book)
    assert "`held` is [2, <lock>]" in verify(write(book, path), "same", trust=True).text()


# files that steps write


def test_files_that_a_step_writes_are_named_in_its_note_and_compared(tmp_path):
    steps = [
        "from pathlib import Path\nPath('out').mkdir(exist_ok=True)\nn = Path('out/a.txt').write_text('abc')",
        "import time\nbegun = time.time()\nn = Path('b.txt').write_text(str(begun))\nNone",
        "took = time.time() - begun\nm = Path('d.txt').write_text('d')\nprint(took)",
        "import gzip\nwith gzip.open('c.gz', 'wb') as f:\n    f.write(b'c')",
    ]
    path = exported(tmp_path, *steps)
    first, second, beside, third = steps_of(path).values()
    assert [*first["files"]] == ["out/a.txt"] and "files" not in second and "files" not in third
    assert second["left"]["b.txt"] == "it rests on the time" and [*beside["files"]] == ["d.txt"]
    assert third["left"]["c.gz"] == "its format may hold when it was written"
    note = next(c["source"] for c in read(path)["cells"] if c["id"] == "r1-0-note")
    assert "Writes out/a.txt." in note and "Not checked" not in note
    assert verify(path, "same").ok

    book = read(path)
    book["metadata"]["llmos_nb"]["processes"][0]["journal"].pop("path")  # which would tell first
    step = next(c for c in book["cells"] if c["id"] == "r1-0")
    step["source"] = step["source"].replace("'abc'", "'abd'")
    seal(book)
    report = verify(write(book, path), "same", trust=True)
    assert "the file out/a.txt is not what it was in the run" in report.text() and not report.ok


def test_a_database_that_a_step_fills_is_named_and_one_that_it_only_reads_is_not(tmp_path):
    fill = "import sqlite3\nwith sqlite3.connect('a.db') as con:\n    con.execute('create table t (n)')\ncon.close()"
    look = "con = sqlite3.connect('a.db')\nn = con.execute('select count(*) from t').fetchall()\ncon.close()\nn"
    first, second = steps_of(exported(tmp_path, fill, look)).values()
    assert first["left"]["a.db"] == "the bytes of a database are not compared" and "files" not in first
    assert "a.db" not in second["left"]


def test_a_file_that_two_observed_runs_write_otherwise_is_not_compared(tmp_path):
    code = "from pathlib import Path\nn = Path('a.txt').write_text(repr(object()))\nm = Path('b.txt').write_text('b')"
    step = steps_of(path := exported(tmp_path, code, observe=True))["r1-0"]
    assert [*step["files"]] == ["b.txt"] and step["left"] == {"a.txt": "two runs of it wrote it otherwise"}
    assert verify(path, "same").ok


def test_a_step_that_writes_no_file_is_not_said_to_write_one(tmp_path):
    path = exported(tmp_path, "x = 1", before=["from pathlib import Path\nn = Path('mine.txt').write_text('x')"])
    assert "Writes" not in "".join(str(c["source"]) for c in read(path)["cells"])


def test_tables_that_a_step_changed_are_said_not_to_be_checked_before_it(tmp_path):
    before = ["import pandas as pd\na, b = pd.DataFrame({'x': [1]}), pd.DataFrame({'x': [2]})"]
    path = exported(tmp_path, "a['y'] = b['x']\na", before=before)
    (shapes,) = [c["source"] for c in read(path)["cells"] if c["metadata"]["llmos_nb"]["role"] == "shapes"]
    assert "# Not checked: a: a step changed it" in shapes and "assert b.shape == (1, 1)" in shapes
    (tmp_path / "again").mkdir()
    path = exported(tmp_path / "again", "n = len(a) + len(b)", before=before)
    assert "Not checked" not in "".join(str(c["source"]) for c in read(path)["cells"])


def test_an_input_file_that_is_gone_is_called_missing_and_not_changed(tmp_path):
    file(tmp_path, "in.csv", "a\n1\n")
    path = exported(tmp_path, "from pathlib import Path\ntext = Path('in.csv').read_text()")
    (path.parent / "in.csv").unlink()
    report = verify(path)
    assert "1 file missing" in report.text() and "an input file is missing; nothing" in report.text()
    assert "changed since" not in report.text() and "place" not in report.text()
    (path.parent / "in.csv").write_text("a\n2\n")
    assert "missing" not in verify(path).text() and "changed since it was exported" in verify(path).text()
