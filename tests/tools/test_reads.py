"""What a step or a cell read and wrote: files of the user's, but nothing that libraries keep for themselves."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from llmos_nb.tools import reads as module
from llmos_nb.tools.contents import hashed
from llmos_nb.tools.reads import Reads, begin_cell, end_cell


def noted(*opened):
    reads = Reads()
    for path, mode in opened:
        reads.opened(path, mode, None)
    found = reads.plain()
    return [f["path"] for f in found.get("files", ())], found.get("written", [])


def test_files_of_the_user_are_noted(tmp_path):
    (tmp_path / "data.csv").write_text("a")
    data, made = str(tmp_path / "data.csv"), str(tmp_path / "made.txt")
    assert noted((data, "r"), (made, "w")) == ([data], [made])


def test_what_a_library_keeps_for_itself_is_neither_input_nor_effect(tmp_path, monkeypatch):
    folder = tmp_path / "fonts"
    folder.mkdir()
    (folder / "list.json").write_text("{}")
    file = str(folder / "list.json")
    assert noted((file, "r")) == ([file], []) and noted((file, "w")) == ([], [file])
    monkeypatch.setenv("MPLCONFIGDIR", str(folder))
    assert noted((file, "r")) == noted((file, "w")) == ([], [])


@pytest.fixture
def cell(tmp_path, monkeypatch):
    """What a cell of the user's reads, in a folder with two files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.txt").write_text("a\nb\n")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "v.txt").write_text("1")
    reads = begin_cell()
    yield reads
    end_cell(reads)


def test_a_folder_that_was_made_is_noted_and_one_that_was_there_is_not(cell, tmp_path):
    for name in ("made", "deep"):
        Path(name).mkdir(exist_ok=True)
    assert cell.plain()["written"] == [str(tmp_path / "made")]


def test_a_database_that_was_not_there_is_noted_as_made_once_and_one_that_was_is_not(cell, tmp_path):
    for name in ("new.db", "old.db"):
        if name == "old.db":
            end_cell(cell)
            with closing(sqlite3.connect(name)) as db:
                db.execute("create table t(n)")
            cell = begin_cell()
        with closing(sqlite3.connect(name)) as db:
            db.execute("create table u(n)")
        found = cell.plain()
        assert found.get("written", []) == ([str(tmp_path / name)] if name == "new.db" else [])
        assert [(one["path"], one["database"]) for one in found["made"]] == [(name, True)]
    end_cell(cell)


def test_a_database_that_is_not_there_and_only_to_be_read_is_not_noted_as_made(cell):
    with pytest.raises(sqlite3.OperationalError):
        sqlite3.connect("file:none.db?mode=ro", uri=True)
    found = cell.plain()
    end_cell(cell)
    assert "written" not in found and "made" not in found


WAS = sha256(b"a\nb\n").hexdigest()


@pytest.mark.parametrize(
    "act",
    [
        lambda p: p.write_text("other"),
        lambda p: p.unlink(),
        lambda p: p.rename(p.with_name("there.txt")),
        lambda p: os.truncate(p, 1),
        lambda p: p.open("a").close(),
    ],
)
def test_file_that_the_code_changes_after_reading_it_has_the_hash_that_it_had(cell, tmp_path, act):
    (tmp_path / "in.txt").read_text()
    act(tmp_path / "in.txt")
    (one,) = hashed(cell.plain())["files"]
    assert one["sha256"] == WAS and set(one) == {"path", "bytes", "sha256"}


def test_file_that_somebody_else_changes_has_no_hash_and_says_so(cell, tmp_path):
    (tmp_path / "in.txt").read_text()
    plain = cell.plain()
    end_cell(cell)
    (tmp_path / "in.txt").write_text("longer than it was")
    (one,) = hashed(plain)["files"]
    assert "sha256" not in one and one["why"] == "it was changed before its content was hashed"


def test_relative_names_are_noted_with_the_folder_that_they_start_from(cell, tmp_path, monkeypatch):
    monkeypatch.chdir("deep")
    Path("v.txt").read_text()
    (one,) = cell.plain()["files"]
    assert (one["path"], one["from"]) == ("v.txt", str(tmp_path / "deep"))


def test_openings_that_could_not_be_noted_are_counted(cell, tmp_path, monkeypatch):
    def broken(self, path, real):
        raise RuntimeError("no")

    monkeypatch.setattr(Reads, "_read", broken)
    (tmp_path / "in.txt").read_text()
    assert cell.plain() == {"missed": 1}


def test_files_beyond_the_most_are_counted(cell, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST", 1)
    for _ in range(2):
        (tmp_path / "in.txt").read_text()
    assert "missed" not in cell.plain()
    (tmp_path / "deep" / "v.txt").read_text()
    assert cell.plain()["missed"] == 1 and len(cell.plain()["files"]) == 1


def test_the_hook_says_nothing_while_the_interpreter_ends():
    code = "from llmos_nb.tools import reads; import os; reads.install(); names = vars(reads)\n"
    code += "names.update(dict.fromkeys(names))\nopen(os.devnull).close()"  # as the end of the interpreter does
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_libraries_of_an_environment_that_this_one_is_laid_over_are_no_files_of_the_user(tmp_path):
    """As `uv run --with` lays one over another: what stands there is on the path, and in no place of this interpreter."""
    there = tmp_path / "below" / "site-packages"
    there.mkdir(parents=True)
    (there / "styles.txt").write_text("grid: true")
    (there / "drawing.py").write_text("def style():\n    return open(__file__[:-10] + 'styles.txt').read()\n")
    (tmp_path / "helper.py").write_text("from drawing import style\n")
    code = (
        "import drawing, helper\nfrom llmos_nb.heap import is_owned\n"
        "from llmos_nb.tools.reads import begin_cell, end_cell\n"
        "found = begin_cell()\ndrawing.style()\nopen('helper.py').close()\nend_cell(found)\n"
        "print([f['path'] for f in found.plain()['files']], is_owned('drawing'), is_owned('helper'))"
    )
    paths = os.pathsep.join([str(tmp_path), str(there), *sys.path[1:]])
    env = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path, env=env
    )
    assert done.stdout == "['helper.py'] False True\n"
