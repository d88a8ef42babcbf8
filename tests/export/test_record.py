"""Exports from the record of the notebook, in real kernels: the user's cells and all processes' steps in true order."""

import json
import os
import subprocess
import sys
from hashlib import sha256

import pytest
from asserted import bare
from notebook_driver import Notebook
from turns import python
from waits import until

import llmos_nb as llmos
from llmos_nb.app.present.panel import CLICKS
from llmos_nb.errors import ExportDoesNotRun
from llmos_nb.export.cells import read
from llmos_nb.export.verify import verify
from llmos_nb.journal import read as journal_read
from llmos_nb.journal.events import CellRan
from llmos_nb.views import count

pytestmark = pytest.mark.out_of_process

DONE = {"text": "done"}


@pytest.fixture
def book(tmp_path):
    """A real kernel with the extension loaded, in a folder of its own."""
    with Notebook(tmp_path) as made:
        yield made


def agent(book, name, *codes, options="", answer=DONE):
    """Run a process whose steps are these pieces of code."""
    spec = book.script(*map(python, codes), answer, name=f"{name}.json")
    return book.run(f"%%agent {name} -m {spec} -a auto --plan none {options}\nDo {name}", timeout=60)


def exported(book, which, file="out.ipynb"):
    """Export, and return what was said."""
    ran = book.run(f"%agent export {which} {file}", timeout=120)
    return ran.text or ran.error


def code_of(path, *roles):
    """The code cells of a notebook, of these roles."""
    return [
        c["source"]
        for c in read(path)["cells"]
        if c["cell_type"] == "code" and c["metadata"]["llmos_nb"]["role"] in (roles or ("user", "step"))
    ]


def asserted_of(path):
    """What is asserted of what the steps made, in order."""
    lines = [
        line
        for c in read(path)["cells"]
        if c["metadata"]["llmos_nb"]["role"] == "check"
        for line in bare(c["source"]).splitlines()
    ]
    return [line for line in lines if line.startswith("assert ")]


def holds(path):
    """Whether a notebook gives the same twice, by the digests of the run."""
    report = verify(path)
    assert report.exit_code == 0, report.text()
    return report


# order


def test_a_second_process_that_reads_what_a_first_made_brings_its_steps_along(book, tmp_path):
    book.run("nums = [1, 2, 3]")
    agent(book, "one", "base = [n * 10 for n in nums]", "other = 5")
    agent(book, "two", "total = sum(base)")
    assert exported(book, 2).startswith("written:")
    assert code_of(tmp_path / "out.ipynb") == [
        "nums = [1, 2, 3]",
        "base = [n * 10 for n in nums]",
        "total = sum(base)",
    ]
    assert asserted_of(tmp_path / "out.ipynb") == [
        "assert base == [10, 20, 30]",
        "assert total == 60",
    ]
    holds(tmp_path / "out.ipynb")


def test_a_cell_between_two_processes_stands_between_their_steps(book, tmp_path):
    agent(book, "one", "base = [1]")
    book.run("base.append(100)\nunused = 3")
    agent(book, "two", "base.append(len(base))")
    book.run("base.append(7)")
    agent(book, "three", "total = sum(base)")
    assert exported(book, 3).startswith("written:")
    assert code_of(tmp_path / "out.ipynb") == [
        "base = [1]",
        "base.append(100)",
        "base.append(len(base))",
        "base.append(7)",
        "total = sum(base)",
    ]
    holds(tmp_path / "out.ipynb")


def test_cells_that_ran_again_or_out_of_order_stand_as_often_and_where_they_ran(book, tmp_path):
    book.run("x = 1")
    book.run("x = x * 3")
    book.run("x = x * 3")
    agent(book, "one", "y = x")
    book.run("x = 1000")
    agent(book, "two", "z = x + y")
    assert exported(book, 2).startswith("written:")
    assert code_of(tmp_path / "out.ipynb") == [
        "x = 1",
        "x = x * 3",
        "x = x * 3",
        "y = x",
        "x = 1000",
        "z = x + y",
    ]
    assert asserted_of(tmp_path / "out.ipynb") == [
        "assert y == 9",
        "assert z == 1009",
    ]


def test_a_cell_after_the_last_step_is_not_taken(book, tmp_path):
    book.run("x = 1")
    agent(book, "one", "y = x + 1")
    book.run("x = 50\nz = 1")
    assert exported(book, 1).startswith("written:")
    assert code_of(tmp_path / "out.ipynb") == ["x = 1", "y = x + 1"]


def test_failed_and_undone_steps_of_another_process_are_left_out(book, tmp_path):
    book.run("d = {'a': 1}")
    agent(book, "one", "d['b'] = 9\nraise ValueError", "d['c'] = 3", "d['e'] = 4")
    book.run("%agent undo 1")
    agent(book, "two", "found = sorted(d)")
    assert exported(book, 2).startswith("written:")
    assert code_of(tmp_path / "out.ipynb") == ["d = {'a': 1}", "d['c'] = 3", "found = sorted(d)"]
    holds(tmp_path / "out.ipynb")


def test_an_answer_stands_where_it_was_given_though_a_later_process_changes_what_it_reads(book, tmp_path):
    book.run("sales = [1, 5, 9]")
    agent(book, "one", "total = sum(sales)", answer={"text": "There are {{len(sales)}}."})
    book.run("sales = sales[1:]")
    agent(book, "two", "kept = list(sales)", answer={"text": "{{len(sales)}} are kept."})
    assert exported(book, "--of 1,2", "out.ipynb").startswith("written:")
    answers = [
        c for c in read(tmp_path / "out.ipynb")["cells"] if c["cell_type"] == "code" and "computed again" in c["source"]
    ]
    assert [c["outputs"][0]["text"] for c in answers] == ["3\n", "2\n"]
    words = "\n".join(c["source"] for c in read(tmp_path / "out.ipynb")["cells"] if c["cell_type"] == "markdown")
    assert words.count("There are 3.") == words.count("2 are kept.") == 1
    assert next(c for c in holds(tmp_path / "out.ipynb").checks if c.level == "same").counts["outputs"] == 2


def test_an_answer_without_steps_stands_where_it_was_given_though_a_later_process_has_the_same_goal(book, tmp_path):
    book.run("xs = [1, 2, 3]")
    for n, cell in enumerate(("xs.append(100)", "xs.append(1000)")):
        spec = book.script({"text": "The sum is {{sum(xs)}}."}, name=f"{n}.json")
        book.run(f"%%agent -m {spec} -a auto --plan none\nSum it", timeout=60)
        book.run(cell)
    assert exported(book, "out.ipynb --of 1,2", "").startswith("written:")
    work = [bare(code) for code in code_of(tmp_path / "out.ipynb", "user", "check") if "load_ext" not in code]
    assert work == [
        "xs = [1, 2, 3]",
        "assert answer_1_1.strip() == '6'",
        "xs.append(100)",
        "assert answer_2_1.strip() == '106'",
    ]
    assert holds(tmp_path / "out.ipynb").ok


@pytest.mark.parametrize("change", ["xs.append(100)", "df = df[df.a > 1]", "df['b'] = 2"])
def test_what_the_user_changes_after_the_steps_is_no_reason_to_fail(book, tmp_path, change):
    book.run("import pandas as pd\nxs = [1, 2, 3]\ndf = pd.DataFrame({'a': xs})")
    agent(book, "one", "y = df.a.sum() + len(xs)")
    book.run(change)
    assert exported(book, 1).startswith("written:")
    shapes = code_of(tmp_path / "out.ipynb", "shapes")
    assert [code for code in shapes if "df" in code] == (shapes if "xs" in change else [])
    assert len(shapes) == ("xs" in change)


def test_of_takes_the_results_of_several_processes(book, tmp_path):
    agent(book, "one", "a = 1")
    agent(book, "two", "b = 2")
    agent(book, "three", "c = 3")
    assert exported(book, "--of 1,3", "out.ipynb").startswith("written:")
    assert code_of(tmp_path / "out.ipynb") == ["a = 1", "c = 3"]
    assert [p["pid"] for p in read(tmp_path / "out.ipynb")["metadata"]["llmos_nb"]["processes"]] == [1, 3]


def test_a_fork_and_its_parent_share_their_steps_once(book, tmp_path):
    book.run("x = 1")
    agent(book, "one", "x += 1", "x += 10")
    events = [
        json.loads(line) for line in next(tmp_path.glob("home/runs/*-1-one/journal.jsonl")).read_text().splitlines()
    ]
    at = next(e["n"] for e in events if e["k"] == "call.finished")
    book.run(f"%agent fork 1 --at {at}")
    book.run("%agent resume 2", timeout=60)
    assert exported(book, 2).startswith("written:")
    assert code_of(tmp_path / "out.ipynb") == ["x = 1", "x += 1", "x += 10"]


def test_steps_that_ran_apart_are_asserted_by_what_the_child_said_of_them(book, tmp_path):
    book.run("nums = [3, 1, 2]")
    agent(
        book,
        "one",
        "best = max(nums)\nprint(best)",
        "both = [best, len(nums)]\nboth",
        options="--isolate --vars nums",
    )
    assert exported(book, 1).startswith("written:")
    assert asserted_of(tmp_path / "out.ipynb") == [
        "assert best == 3",
        "assert both == [3, 3]",
    ]
    shown = [c["outputs"][0] for c in read(tmp_path / "out.ipynb")["cells"] if c["id"] in ("r1-0", "r2-0")]
    assert shown[0]["text"] == "3\n" and shown[1]["data"] == {"text/plain": "[3, 3]"}  # our own words are not among it
    holds(tmp_path / "out.ipynb")


def test_draws_of_a_step_that_ran_apart_are_not_taken_for_none(book, tmp_path):
    book.run("import numpy as np\nn = 1")
    agent(book, "one", "import numpy as np\nx = float(np.random.rand())\ny = n + 1", options="--isolate --vars n")
    assert exported(book, 1).startswith("written:")
    assert asserted_of(tmp_path / "out.ipynb") == ["assert y == 2"]
    step = next(c for c in read(tmp_path / "out.ipynb")["cells"] if c["id"] == "r1-0")
    assert "a draw whose random state was not recorded" in step["metadata"]["llmos_nb"]["left"]["x"]


# cells that failed


def test_a_cell_that_failed_half_way_stands_as_far_as_it_came(book, tmp_path):
    book.run("d = {'n': 0}")
    assert book.run("d['n'] += 1\nfor k in ('a', 'b', 1 / 0):\n    d[k] = 1\nd['never'] = 1").status == "error"
    assert book.run("for n in (1, 2, 0):\n    d[n] = 1 / n\nd['never'] = 1").status == "error"
    agent(book, "one", "found = sorted(map(str, d))")
    assert exported(book, 1).startswith("written:")
    text = "\n".join(code_of(tmp_path / "out.ipynb"))
    assert "never" not in text and "except ZeroDivisionError:" in text
    assert asserted_of(tmp_path / "out.ipynb") == ["assert found == ['1', '2', 'n']"]
    holds(tmp_path / "out.ipynb")


def test_a_cell_that_was_interrupted_refuses_what_needs_it(book, tmp_path):
    book.run("found = []")
    ran = book.run("while True:\n    found.append(1)\n    if len(found) == 9: raise KeyboardInterrupt", timeout=60)
    assert ran.status == "error"
    agent(book, "one", "n = len(found)")
    said = exported(book, 1)
    assert "does not run" in said and "written" not in said
    assert "how far it came is not known" in json.dumps(read(tmp_path / "out.ipynb")["metadata"]["llmos_nb"])


# "written" is said after it ran


def test_an_export_that_does_not_run_says_which_cell_and_keeps_the_file(book, tmp_path):
    book.run("import threading\nlock = threading.Lock()")
    from_a_module_that_goes(book, tmp_path)
    ran = book.run("%agent export 1 out.ipynb", timeout=120)
    assert ran.status == "error" and "written" not in ran.text
    assert ran.error.startswith(
        "ExportDoesNotRun: out.ipynb is saved, and does not run: cell r1-0: ModuleNotFoundError"
    )
    assert (tmp_path / "out.ipynb").exists()


def from_a_module_that_goes(book, folder):
    """Run a process whose step imports a module of the user's, and delete the module."""
    (folder / "ghost.py").write_text("n = 4")
    agent(book, "one", "import ghost\nm = ghost.n")
    assert book.value("m") == "4"
    (folder / "ghost.py").unlink()


def test_no_run_says_that_it_was_only_saved(book, tmp_path):
    agent(book, "one", "a = 1")
    assert exported(book, "1", "out.ipynb --no-run").strip() == "saved, not run: out.ipynb"


def test_a_run_that_acted_outside_is_saved_and_not_run_again(book, tmp_path):
    (tmp_path / "sub").mkdir()
    log = tmp_path.parent / f"{tmp_path.name}.log"
    agent(book, "one", f"a = open({str(log)!r}, 'a').write('x')")
    said = exported(book, 1)
    assert said.startswith("saved, not run: out.ipynb (call r1.0 of process 1 acts outside (write ")
    assert log.read_text() == "x"
    log.unlink()


# other interpreters


def test_after_a_new_interpreter_the_users_own_cells_are_there(tmp_path):
    with Notebook(tmp_path) as book:
        book.run("nums = [1, 2, 3]")
        agent(book, "one", "base = [n * 10 for n in nums]")
        book.run("extra = 5")
        agent(book, "two", "total = sum(base) + extra")
    with Notebook(tmp_path) as book:
        book.run("nums = 'something else'")
        assert exported(book, 2).startswith("written:")
    wanted = ["nums = [1, 2, 3]", "base = [n * 10 for n in nums]", "extra = 5", "total = sum(base) + extra"]
    assert code_of(tmp_path / "out.ipynb") == wanted
    holds(tmp_path / "out.ipynb")


@pytest.mark.parametrize("what", ["journal", "home", "of"])
def test_the_command_has_the_users_cells_of_a_journal_and_of_a_home(what, tmp_path):
    with Notebook(tmp_path) as book:
        book.run("nums = [1, 2, 3]")
        agent(book, "one", "base = [n * 10 for n in nums]")
        agent(book, "two", "total = sum(base)")
    home = tmp_path / "home"
    journal = next(home.glob("runs/*-2-two/journal.jsonl"))
    words = {"journal": [str(journal)], "home": [str(home)], "of": [str(home), "--of", "2"]}[what]
    command = [sys.executable, "-m", "llmos_nb.app.cli", "export", words[0], "out.ipynb", *words[1:]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "written: out.ipynb"), done.stderr
    assert code_of(tmp_path / "out.ipynb") == [
        "nums = [1, 2, 3]",
        "base = [n * 10 for n in nums]",
        "total = sum(base)",
    ]


def test_the_command_says_by_its_exit_code_that_an_export_does_not_run(tmp_path):
    with Notebook(tmp_path) as book:
        from_a_module_that_goes(book, tmp_path)
    command = [sys.executable, "-m", "llmos_nb.app.cli", "export", str(tmp_path / "home"), "out.ipynb"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "does not run: cell r1-0: ModuleNotFoundError" in done.stderr
    assert done.stdout == "" and (tmp_path / "out.ipynb").exists()


def test_steps_that_ran_again_in_a_second_interpreter_stand_behind_its_cells(tmp_path):
    (tmp_path / "llmos.toml").write_text("stored_value_mb = 0")
    assert resumed(tmp_path, asks_again=True) == "12"
    assert code_of(tmp_path / "out.ipynb") == ["x = 5", "y = x + 1", "z = y * 2"]
    assert asserted_of(tmp_path / "out.ipynb") == [
        "assert y == 6",
        "assert z == 12",
    ]
    holds(tmp_path / "out.ipynb")


def test_values_that_were_stored_stand_where_they_were_made(tmp_path):
    assert resumed(tmp_path) == "4"
    assert code_of(tmp_path / "out.ipynb") == ["x = 1", "y = x + 1", "z = y * 2"]


def happened(folder, kind, times):
    """Wait until events of a kind stand in the journal of process 1 so many times."""
    journals = lambda: folder.glob("home/runs/*-1-one/journal.jsonl")  # noqa: E731 - made by a thread of its own
    found = lambda: sum(j.read_text().count(f'"k":"{kind}"') for j in journals())  # noqa: E731
    until(lambda: found() >= times, lambda: f"{found()} of {times} {kind}")


def resumed(folder, asks_again=False):
    """Resume a process in a second interpreter, whose cell makes another value; return the result that was exported."""
    with Notebook(folder) as book:
        book.run("x = 1")
        spec = book.script(python("y = x + 1"), python("z = y * 2"), DONE, name="one.json")
        book.run(f"%%agent one -m {spec} -a step --plan none --bg\nDo one", timeout=60)
        happened(folder, "question.asked", 1)
        book.run("%agent approve 1")
        happened(folder, "question.asked", 2)
    with Notebook(folder) as book:
        book.run("x = 5")
        book.run("%agent resume 1 --bg", timeout=60)
        book.run("%agent approve 1", timeout=60)
        if asks_again:  # since what it reads is other than it was
            happened(folder, "question.asked", 3)
            book.run("%agent approve 1", timeout=60)
        happened(folder, "run.ended", 1)
        said = exported(book, 1)
        assert said.startswith("written:"), said
        return book.value("z")


# what was recorded at the moment of reading


def test_draws_come_out_as_in_the_run_with_the_recorded_random_states(book, tmp_path):
    pytest.importorskip("numpy")
    book.run("import random\nimport numpy as np")
    book.run("a = random.random()\nb = random.random()")
    agent(book, "one", "c = random.random() + b", "import numpy as np\nd = float(np.random.rand())")
    book.run("e = random.random()")
    agent(book, "two", "f = e + c + d")
    assert exported(book, 2).startswith("written:")
    values = [c["metadata"]["llmos_nb"].get("values", {}) for c in read(tmp_path / "out.ipynb")["cells"]]
    assert {n for v in values for n in v} >= {"c", "f"}
    holds(tmp_path / "out.ipynb")


def test_a_file_is_declared_by_the_hash_that_it_had_when_it_was_read(book, tmp_path):
    (tmp_path / "data.txt").write_text("1\n2\n")
    agent(book, "one", "rows = open('data.txt').read().split()")
    (tmp_path / "data.txt").write_text("1\n2\n3\n")
    said = exported(book, 1)
    assert "written" not in said and "data.txt was changed after it was read" in said


async def test_the_panels_export_runs_in_the_background_and_says_how_far_it_is(tmp_path, script):
    proc = await llmos.run("x", model=script(python("a = 1"), DONE), namespace={}, approve="auto")
    said = []
    last = await CLICKS["export"](proc, {"path": "out.ipynb", "say": said.append})
    assert said == ["saved: out.ipynb; it is now run in a fresh interpreter"]
    kinds = [cell["cell_type"] for cell in read(tmp_path / "out.ipynb")["cells"]]
    holds = f"{count(kinds.count('code'), 'cell')} of code, {kinds.count('markdown')} of text"
    path = str((tmp_path / "out.ipynb").resolve())
    assert last == {
        "kind": "exported",
        "path": path,
        "place": "out.ipynb",
        "holds": holds,
        "said": "written: out.ipynb",
    }


async def test_the_panels_export_says_that_it_is_run_only_where_it_is(tmp_path, script):
    written = f"import pathlib\npathlib.Path({str(tmp_path / 'a.txt')!r}).write_text('a')"
    proc = await llmos.run("x", model=script(python(written), DONE), namespace={}, approve="auto")
    said = []
    last = await CLICKS["export"](proc, {"path": "out.ipynb", "say": said.append})
    assert said == ["saved: out.ipynb"] and last["said"].startswith("saved, not run: out.ipynb")


async def test_the_panels_export_that_does_not_run_is_there_to_be_opened_and_says_what_is_wrong(tmp_path, script):
    proc = await llmos.run("x", model=script(python("b = len(a)"), DONE), namespace={"a": iter_of()}, approve="auto")
    last = await CLICKS["export"](proc, {"path": "out.ipynb", "say": list().append})
    assert last["place"] == "out.ipynb" and "written:" not in last["said"] and "cell" in last["said"]


async def test_from_python_an_export_that_does_not_run_raises_and_one_that_is_not_run_does_not(tmp_path, script):
    proc = await llmos.run("x", model=script(python("b = len(a)"), DONE), namespace={"a": iter_of()}, approve="auto")
    with pytest.raises(ExportDoesNotRun, match="out.ipynb is saved, and does not run: cell r1-0: NameError"):
        proc.export("out.ipynb")
    assert proc.export("other.ipynb", run=False).exists()


async def test_an_export_that_gives_something_else_is_not_called_written(tmp_path, script):
    step = python("n = 1\nprint(__import__('os').getpid())")  # that it differs each time no reading of the code tells
    proc = await llmos.run("x", model=script(step, DONE), namespace={}, approve="auto")
    other = (
        r"^saved, not as in the run: \S+ \(cell r1-0: it shows something else than when it was exported; "
        r"a second run gave something else than the first one; --observe marks"
    )
    with pytest.warns(UserWarning, match=other):
        path = proc.export(tmp_path / "x.ipynb")
    assert path.exists() and "written" not in await CLICKS["export"](proc, {"path": "y.ipynb", "say": str})


async def test_an_export_that_gives_the_same_other_thing_twice_is_not_said_to_differ_each_time(tmp_path, script):
    step = python("n = 1\nprint('pytest' in __import__('sys').modules)")
    proc = await llmos.run("x", model=script(step, DONE), namespace={}, approve="auto")
    with pytest.warns(UserWarning, match=r"exported; a second run of the notebook gave the same as the first one\)"):
        proc.export(tmp_path / "x.ipynb")


def iter_of():
    """An object that cannot be written as data."""

    class Sized:
        def __len__(self):
            return 3

    return Sized()


# what is recorded


def recorded(folder):
    """What the journal of the only notebook says of its cells."""
    (path,) = folder.glob("home/notebooks/*/journal.jsonl")
    return [e.body for e in journal_read(path) if isinstance(e.body, CellRan)]


def test_a_cell_is_recorded_with_what_it_read_showed_and_bound(tmp_path):
    (tmp_path / "data.txt").write_text("abc")
    with Notebook(tmp_path) as book:
        book.run("import os\ntext = open('data.txt').read()\nprint('seen')\nos.environ.get('HOME')\ntext")
        book.run("1 / 0")
        book.run("%agent ps")
    one = next(c for c in recorded(tmp_path) if "data.txt" in c.source)
    assert one.changed == ["os", "text"] and one.ok and one.count == 2
    known = {"path": "data.txt", "bytes": 3, "sha256": sha256(b"abc").hexdigest(), "from": str(tmp_path)}
    assert one.reads["files"] == [known]
    assert [e["name"] for e in one.reads["environ"]] == ["HOME"] and os.environ["HOME"] not in str(one.reads)
    assert [(o["type"], o["text"]) for o in one.outputs] == [("stream", "seen\n"), ("execute_result", "'abc'")]
    failed = next(c for c in recorded(tmp_path) if c.source == "1 / 0")
    assert (failed.ok, failed.error, failed.line) == (False, "ZeroDivisionError", 1)


def test_no_secret_stands_in_the_record_of_a_notebook(tmp_path):
    with Notebook(tmp_path) as book:
        book.run("api_token = 'sword' 'fish-92-x'")
        book.run("print(api_token)\nt = 'swordfish-92-x'")
        book.run("%agent ps")
    text = "".join(p.read_text() for p in tmp_path.glob("home/notebooks/*/journal.jsonl"))
    assert "print(api_token)" in text and "swordfish-92-x" not in text


def test_nothing_is_recorded_where_the_setting_says_so(tmp_path):
    (tmp_path / "llmos.toml").write_text("record = false")
    with Notebook(tmp_path) as book:
        book.run("nums = [1, 2]")
        agent(book, "one", "total = sum(nums)")
        assert exported(book, 1).startswith("written:")  # by the history of this interpreter
    assert not (tmp_path / "home" / "notebooks").exists()
    assert code_of(tmp_path / "out.ipynb") == ["nums = [1, 2]", "total = sum(nums)"]


def test_a_notebook_whose_record_cannot_be_written_goes_on(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "notebooks").write_text("in the way")
    with Notebook(tmp_path) as book:
        book.run("nums = [1, 2]")
        assert book.value("sum(nums)") == "3"
        agent(book, "one", "total = sum(nums)")
        said = exported(book, 1)
    assert said.startswith("written:")
