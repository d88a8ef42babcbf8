"""What stands in an exported cell, of runs in real kernels: outputs, bound values, assertions, code forms, notes."""

import json
import re
from pathlib import Path

import pytest
from asserted import bare
from notebook_driver import Notebook
from turns import python
from waits import until_async

import llmos_nb as llmos
from llmos_nb.export.cells import read, text_of
from llmos_nb.export.verify.seal import seal

# by name: the user's cells, the code of the steps, what must stand in the cells of the steps, what must not
SAME = {
    "text, a sorted list and its value": (["x = [3, 1]"], ["print('a')\nx.sort()\nx"], ["assert x == [1, 3]"], []),
    "a value that is no name": (["x = 2"], ["x * 21"], ["x * 21\n_given = Out[max(Out)]", "assert _given == 42"], []),
    "a set, whose order does not count": (["s = {'a', 'b'}"], ["s | {'c'}"], ["_given == {'a', 'b', 'c'}"], []),
    "a list made of a set": (
        ["s = {'a', 'b', 'c'}"],
        ["kinds = s | {'d'}\norder = list(s)\norder"],
        ["assert kinds == {'a', 'b', 'c', 'd'}"],
        ["assert order", "len(order)"],
    ),
    "a closure that keeps what it was given": (
        [
            "def make():\n    seen = []\n    def add(x):\n        seen.append(x)\n        return len(seen)\n    return add",
            "add = make()",
            "add(1)",
        ],
        ["n = add(2)\nn"],
        ["assert n == 2"],
        [],
    ),
    "changes by methods handed over and by name": (
        ["d = {}", "d.__setitem__('a', 1)", "done = list(map(d.setdefault, 'bc'))"],
        ["size = len(d)\nprint(d)"],
        ["assert size == 3"],
        [],
    ),
    "a method of the user's class": (
        [
            "class Account:\n    def __init__(self):\n        self.n = 0\n"
            "    def pay_in(self, x):\n        self.n += x\n        return x",
            "a = Account()",
            "got = a.pay_in(5)",
        ],
        ["a.n"],
        ["assert _given == 5"],
        [],
    ),
    "a module patched under another name": (["import math", "import math as m\nm.pi = 3"], ["math.pi * 4"], ["assert _given == 12"], []),
    "an iterator used in part": (
        ["h = iter([1, 2, 3, 4])", "t = sorted(x for x, _ in zip(h, 'ab'))"], ["list(h)"], ["assert _given == [4]"], [],
    ),
    "the environment, set by the user": (
        ["import os", "os.environ['MODE'] = 'fast'"], ["import os\nos.environ['MODE']"], ["assert _given == 'fast'"], [],
    ),
    "shell lines": (["x = 1"], ["!echo hello {x}\nlines = !printf 'a\\nb'\nlines[1]"], ["subprocess.run(", "assert lines == ['a', 'b']"], []),
    "timeit binds nothing": (
        ["def f():\n    return 1, 2", "a, b = 5, 6"],
        ["%timeit -n1 -r1 a, b = f()\na + b"],
        ["# was: %timeit", "assert _given == 11"],
        ["\na, b = f()"],
    ),
    "capture and time": (["x = 2"], ["%%capture\nprint('hidden')\ny = x * 2", "%time z = y + 1"], ["assert y == 4", "assert z == 5"], []),
    "another folder": (
        ["import os", "os.makedirs('sub', exist_ok=True)\nopen('sub/n.txt', 'w').write('7')"],
        ["%cd sub\nn = int(open('n.txt').read())\nn", "%cd .."],
        ["os.chdir", "assert n == 7"],
        [],
    ),
    "pip is not run again": (["x = 2"], ["%pip --version\nx + 1"], ["# was: %pip --version", "assert _given == 3"], []),
    "the time": (
        ["import time", "from datetime import datetime as dt"],
        ["stamp = time.strftime('%H:%M:%S')\nnow = dt.now()\nprint(stamp)\nk = 3\nk"],
        ["assert k == 3"],
        ["assert stamp", "len(stamp)", "assert now"],
    ),
    "random draws": (
        ["import random", "import numpy as np", "x = random.random()"],
        ["y = random.random()\ny", "z = np.random.rand(2)\nz"],
        ["assert abs(y - 0.", "for a, b in zip(z, [0."],
        [],
    ),
    "a figure, and no word of its title": (
        ["import matplotlib.pyplot as plt"], ["fig, ax = plt.subplots()\nax.plot([1, 3, 2])\nax.set_title('t')"], [], ["_given"],
    ),
    "a table with an index of two levels": (
        ["import pandas as pd", "df = pd.DataFrame({'a': list('xxyy'), 'b': [1, 2, 1, 2], 'v': [1.0, 2, 3, 4]})"],
        ["df.set_index(['a', 'b']).unstack()"],
        ["its value is DataFrame 2 x 2 float64, float64 {('v', 1): [1.0, 3.0], ('v', 2): [2.0, 4.0]}, {'a': ['x', 'y']}: "],
        [],
    ),
    "a fitted model": (
        ["import numpy as np", "X = np.arange(20.0).reshape(10, 2)\ny = X @ [1, 2]"],
        ["from sklearn.linear_model import LinearRegression\nm = LinearRegression().fit(X, y)\nm"],
        ["m is LinearRegression (5 fitted): "],
        [],
    ),
    "a file deleted": (
        ["from pathlib import Path", "Path('tmp.txt').write_text('1')"],
        ["Path('tmp.txt').unlink()\nPath('tmp.txt').exists()"],
        ["assert _given == False"],
        [],
    ),
    "an awaited value": (
        ["import asyncio", "async def two():\n    await asyncio.sleep(0)\n    return 2"],
        ["r = await two()\nawait two() + r"],
        ["await two() + r\n_given", "assert _given == 4"],
        [],
    ),
    "a warning beside a value": ([], ["import warnings\nwarnings.warn('careful')\n{'k': {2, 1}}"], ["_given == {'k': {1, 2}}"], []),
}  # fmt: skip
# Cases that share a notebook: the files of one are its alone, and no library is imported behind a changed `math`.
ALONE = "another folder"
SHARED = [case for case in reversed(SAME) if case != ALONE]
GROUPS = [*(SHARED[n::4] for n in range(4)), [ALONE]]
REFUSED = {
    "the value of the cell before": (["6 * 7", "y = _ + 1"], ["print(y)"], "cell 3 uses _: it is what IPython keeps"),
    "the list of outputs": (["6 * 7", "z = Out[2]"], ["print(z)"], "uses Out: it is what IPython keeps"),
    "names made by a magic": (
        ["open('more.py', 'w').write('k = 3')"], ["%run more.py\nk"], "call r1.0 cannot be done here: %run more.py has no",
    ),
}  # fmt: skip


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """A kernel of its own."""
    monkeypatch.setenv("LLMOS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    with Notebook(tmp_path) as nb:
        yield nb


def ran(nb, user, steps, *more, options="-a auto", goal="Do it", pid=1):
    """Run the user's cells, and a process of these steps; return the path of its export, and what was said of it."""
    for cell in user:
        assert nb.run(cell).status == "ok"
    spec = nb.script(*map(python, steps), *more, {"text": "It is done."})
    done = nb.run(f"%%agent -m {spec} {options}\n{goal}", timeout=60)
    assert done.status == "ok", done.error
    said = nb.run(f"%agent export {pid} out/x.ipynb --no-run", timeout=60)
    assert said.status == "ok", said.error
    return nb.folder / "out" / "x.ipynb", said.text


def of_steps(path, *roles):
    return [c for c in read(path)["cells"] if c["metadata"]["llmos_nb"]["role"] in ("step", *roles)]


@pytest.mark.parametrize("cases", GROUPS, ids=lambda cases: cases[0])
def test_steps_are_the_same_twice_with_their_outputs_and_assertions(cases, fresh):
    """Each case is a process with an export of its own; that of all of them runs twice, which takes longest."""
    cells = 0
    for pid, case in enumerate(cases, 1):
        user, steps, there, absent = SAME[case]
        path, _ = ran(fresh, user, steps, pid=pid)
        code = "\n".join(c["source"] for c in of_steps(path, "check"))
        known = (c["metadata"]["llmos_nb"].get("contents", {}) for c in of_steps(path))
        code += "".join(f"\n{name or 'its value'} is {words}" for one in known for name, words in one.items())
        assert [words for words in there if words not in code] == [], f"{case}: {code}"
        assert [words for words in absent if words in code] == [], f"{case}: {code}"
        assert "llmos" not in code and "get_ipython" not in code, case
        cells += len(of_steps(path))
    pids = ",".join(str(pid) for pid, _ in enumerate(cases, 1))
    assert fresh.run(f"%agent export --of {pids} out/all.ipynb --no-run", timeout=60).status == "ok"
    path = fresh.folder / "out" / "all.ipynb"
    report = llmos.verify(path)
    assert report.exit_code == 0, report.text()
    assert len(of_steps(path)) == cells


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_plain_form_stops_the_notebook_with_cell_and_reason(case, fresh):
    user, steps, why = REFUSED[case]
    path, _ = ran(fresh, user, steps)
    report = llmos.verify(path)
    assert report.exit_code != 0 and why in report.text(), report.text()


def test_outputs_stand_as_a_notebook_shows_them(fresh):
    steps = [
        "print('one')\nprint('two', end='')",
        "{'a': list(range(40))}",
        "import sys\nprint('loud', file=sys.stderr)\ndisplay('shown')\n'last'",
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.title('t')",
        "x = 1",
    ]
    path, _ = ran(fresh, [], steps)
    cells = of_steps(path)
    shown = [[(o["output_type"], o.get("name", "")) for o in c["outputs"]] for c in cells]
    assert shown == [
        [("stream", "stdout")],
        [("execute_result", "")],
        [("stream", "stderr"), ("display_data", ""), ("execute_result", "")],
        [("display_data", "")],
        [],
    ]
    assert text_of(cells[0]["outputs"][0]["text"]).rstrip() == "one\ntwo"
    value = text_of(cells[1]["outputs"][0]["data"]["text/plain"])
    assert (
        value.startswith("{'a': [0,\n  1,\n")
        and cells[1]["outputs"][0]["execution_count"] == cells[1]["execution_count"]
    )
    assert "image/png" in cells[3]["outputs"][0]["data"] and cells[3]["source"].endswith("plt.title('t');")
    assert {c["metadata"]["llmos_nb"]["shown"] for c in cells} == {"observed"}


@pytest.mark.parametrize(("interactivity", "values"), [("last_expr", ["2"]), ("all", ["5", "2"])])
def test_values_of_a_step_stand_as_the_notebook_is_set_to_show_them(fresh, interactivity, values):
    sets = (
        f"from IPython.core.interactiveshell import InteractiveShell as S\nS.ast_node_interactivity = {interactivity!r}"
    )
    path, _ = ran(fresh, [sets, "xs = [0, 1, 5]"], ["xs.pop()\nlen(xs)"])
    [step] = of_steps(path)
    assert step["source"] == "xs.pop()\nlen(xs)"
    assert [text_of(o["data"]["text/plain"]) for o in step["outputs"]] == values
    report = llmos.verify(path)
    assert report.exit_code == 0, report.text()


def test_an_output_that_was_altered_is_found_though_all_hashes_were_made_anew(fresh):
    path, _ = ran(fresh, [], ["print('five')"])
    book = read(path)
    cell = next(c for c in book["cells"] if c["metadata"]["llmos_nb"]["role"] == "step")
    cell["outputs"][0]["text"] = "six\n"
    seal(book)
    path.write_text(json.dumps(book))
    report = llmos.verify(path)  # its journal is at hand
    assert report.exit_code == 2 and "its outputs are not those that the journal has" in report.text()
    for process in book["metadata"]["llmos_nb"]["processes"]:
        process["journal"].pop("path")
    seal(book)
    path.write_text(json.dumps(book))
    report = llmos.verify(path)
    assert report.exit_code == 1 and "it shows something else" in report.text()


def test_a_step_of_which_nothing_comes_out_the_same_is_not_verified(fresh):
    path, _ = ran(fresh, ["s = {'a', 'b', 'c'}"], ["order = list(s)\norder"])
    report = llmos.verify(path)
    assert report.exit_code == 4 and "nothing to compare" in report.text(), report.text()


def test_the_user_cells_outputs_stand_where_the_whole_cell_does(fresh):
    path, _ = ran(fresh, ["def told(x):\n    print('given', x)\n    return x", "x = told(2)"], ["y = x + 1\ny"])
    user = [c for c in read(path)["cells"] if c["metadata"]["llmos_nb"]["role"] == "user"]
    assert [text_of(o["text"]) for c in user for o in c["outputs"]] == ["given 2\n"]
    assert llmos.verify(path).exit_code == 0


def test_a_value_of_its_own_kind_is_asserted_by_type_and_the_note_says_so(fresh):
    path, _ = ran(fresh, ["import threading"], ["lock = threading.Lock()\nlock"])
    [_, cell] = of_steps(path, "check")
    assert "assert type(lock).__name__ == 'lock'" in cell["source"]
    notes = "\n".join(c["source"] for c in read(path)["cells"] if c["metadata"]["llmos_nb"]["role"] == "note")
    assert "Not checked: lock: its type alone is asserted" in notes


def test_data_that_differ_fail_in_the_cell_of_the_first_step(fresh):
    """The counter-example: with another table each assertion that says something must say no."""
    path, _ = ran(fresh, ["values = [1.0, 2.5]"], ["sum(values)", "top = max(values)\ntop"])
    book = read(path)
    for cell in book["cells"]:
        if cell["metadata"]["llmos_nb"]["role"] == "user":
            cell["source"] = "values = [2.0, 5.0]"
    seal(book)
    path.write_text(json.dumps(book))
    report = llmos.verify(path)
    assert report.exit_code == 1 and "cell r1-0: its value is 7.0, and was 3.5 in the run" in report.text()


def test_environment_variables_are_declared_and_no_value_stands_in_the_notebook(fresh, monkeypatch):
    nb = fresh
    assert nb.run("import os\nos.environ.update(REGION='north-west', API_TOKEN='s3cr3t-s3cr3t')").status == "ok"
    path, _ = ran(nb, [], ["import os\nlen(os.environ['REGION'] + os.environ['API_TOKEN'])"])
    [cell] = [c["source"] for c in read(path)["cells"] if c["metadata"]["llmos_nb"]["role"] == "environment"]
    assert "'REGION', True" in cell and "('API_TOKEN', True, '', '')" in cell
    assert "north-west" not in path.read_text() and "s3cr3t" not in path.read_text()
    report = llmos.verify(path)
    assert "set the environment variable API_TOKEN" in report.text()


def test_no_code_that_compares_stands_in_the_notebook(fresh):
    steps = ["import pandas as pd\ntable = pd.DataFrame({'n': range(100)})\ntable", "table.n.sum()"]
    path, _ = ran(fresh, ["x = 2"], steps)
    code = [c for c in read(path)["cells"] if c["cell_type"] == "code"]
    assert [bare(c["source"]) for c in code if c["metadata"]["llmos_nb"]["role"] not in ("lock", "user", "step")] == [
        "assert table.shape == (100, 1)",
        "_given = Out[max(Out)]\nassert _given == 4950",
    ]
    book = read(path)
    for cell in book["cells"]:  # another table of that size, which no assertion in the notebook tells from it
        cell["source"] = cell["source"].replace("range(100)", "[*range(1, 100), 0]")
    seal(book)
    path.write_text(json.dumps(book))
    report = llmos.verify(path)
    assert report.exit_code == 2 and "its code is not that of the journal" in report.text()
    for process in book["metadata"]["llmos_nb"]["processes"]:
        process["journal"].pop("path")
    seal(book)
    path.write_text(json.dumps(book))
    report = llmos.verify(path)
    assert report.exit_code == 1 and "`table` is DataFrame 100 x 1 int64: " in report.text(), report.text()


# notes


async def steered(script, tmp_path, monkeypatch):
    """A run with an edit, a rejection, an undo, and a refusal."""
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text("k,v\na,1\nb,2\n")
    turns = [
        {
            "text": "First I load the table, since the sum needs it.",
            **python("from pathlib import Path\nrows = Path('a.csv').read_text().split()"),
        },
        {"text": "The total.", **python("total = 4")},
        {"text": "Clean up.", **python("import os\nos.remove('a.csv')")},
        {"text": "One more.", **python("extra = 1\nextra")},
        {"text": "The total is 3; 99 others."},
    ]
    proc = llmos.start("Sum the column", model=script(*turns), namespace={"__name__": "__main__"}, approve="step")

    async def asked(call):
        await until_async(lambda: call in proc.run.state.questions)

    await asked("r1.0")
    proc.approve("r1.0")
    await asked("r2.0")
    await proc.edit("r2.0", "total = 3")
    await until_async(lambda: {"r2.0", "r3.0"} & proc.run.state.questions.keys())
    if "r2.0" in proc.run.state.questions:
        proc.approve("r2.0")
    await asked("r3.0")
    proc.reject("r3.0", "keep the data")
    await asked("r4.0")
    proc.approve("r4.0")
    await proc
    await proc.undo()
    return proc


async def test_notes_say_why_and_who_and_when_from_the_deciding_event(script, tmp_path, monkeypatch):
    proc = await steered(script, tmp_path, monkeypatch)
    path = proc.export(tmp_path / "out" / "x.ipynb", run=False)
    notes = [c["source"] for c in read(path)["cells"] if c["metadata"]["llmos_nb"]["role"] == "note"]
    at = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    assert "## First I load the table, since the sum needs it\n" in notes[0]
    assert re.search(rf"proposed by the model(, {at})?; approved by the user, {at}</small>", notes[0])
    assert re.search(
        rf"proposed by the model(, {at})?; edited by the user(, {at})?; (approved by the user|let through)",
        notes[1],
    )
    assert "edited" not in notes[0] and len(notes) == 2


async def test_a_plan_that_a_person_approved_is_named_with_them(script, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = {"plan": [{"title": "one"}, {"title": "two"}]}
    model = script(
        plan,
        python("from pathlib import Path\nPath('o.txt').write_text('x')"),
        python("y = 2"),
        {"text": "Done."},
    )
    proc = llmos.start("Go", model=model, namespace={}, approve="plan")
    await until_async(lambda: any(q.startswith("plan:") for q in proc.run.state.questions))
    proc.approve("all")
    await until_async(lambda: proc.run.state.settled or "r2.0" in proc.run.state.questions)
    if "r2.0" in proc.run.state.questions:
        proc.approve("r2.0")
    await proc
    path = proc.export(tmp_path / "out" / "x.ipynb", run=False)
    notes = "\n".join(c["source"] for c in read(path)["cells"] if c["cell_type"] == "markdown")
    assert len(re.findall(r"^\*\*Plan\*\* \(approved by the user, 2\d", notes, re.M)) == 1
    assert notes.count("approved by the user") == 1 + notes.count("; approved by the user")
    assert notes.count("## ") == 3 and "## one\n" in notes and "## two\n" in notes
    [decided] = [e for e in proc.events if e.k == "plan.decided"]
    assert decided.d["by"] == {"kind": "person", "name": "you"}


async def test_a_plan_that_only_the_mode_let_through_is_approved_by_nobody(script, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = {"plan": [{"title": "one"}, {"title": "two"}]}
    proc = await llmos.run("Go", model=script(plan, python("y = 2"), {"text": "Done."}), namespace={}, approve="auto")
    path = proc.export(tmp_path / "out" / "x.ipynb", run=False)
    notes = "\n".join(c["source"] for c in read(path)["cells"] if c["cell_type"] == "markdown")
    assert "**Plan** (let through by the mode auto, 2" in notes and "approved by" not in notes


# the methods supplement


async def test_the_methods_supplement_says_all_that_was_decided(script, tmp_path, monkeypatch):
    proc = await steered(script, tmp_path, monkeypatch)
    text = proc.export(tmp_path / "out" / "methods.md").read_text()
    done, rest = text.split("## What was undone, refused or failed")
    assert "- Goal: Sum the column" in done and "Model: script, 5 answers" in done and "approve: step" in done
    assert re.search(r"\| a.csv \| file \| 12 \| 3? ?\| `[0-9a-f]{64}` \|", done)
    assert "Why, in the model's words: First I load the table" in done
    assert "As the model had proposed it:\n\n```python\ntotal = 4\n```" in done and "edited by the user" in done
    assert "(`python`): rejected" in rest and "rejected by the user" in rest and "keep the data" in rest
    assert "(`python`): taken back" in rest and "undone, 2" in rest
    assert "The answer says 99, which the model typed: it stands in no result" in rest
    assert "extra" not in done and "os.remove" not in done


async def test_text_of_a_run_is_no_markup_of_the_supplement(script, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bad = "<img src=x> ![a](http://x) # head\n## What was done"
    turns = [{"text": bad, **python("print('```\\n# not a heading')")}, {"text": bad}]
    proc = await llmos.run(bad, model=script(*turns), namespace={}, approve="auto")
    text = proc.export(tmp_path / "m.md").read_text()
    assert text.count("\n## What was done") == 1 and "<img" not in re.sub(r"(`{3,}).*?\n\1", "", text, flags=re.DOTALL)
    assert "````" in text
