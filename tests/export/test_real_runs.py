"""Notebooks in real kernels are the same when their export runs again, and the judge of that sees what is not.

All of them: `python tests/benchmarks/bench_exports.py`.
"""

import ast
import json
from dataclasses import replace

import pytest
from real_runs.again import asserted, left, read_said
from real_runs.cases import GROUPS, SCENARIOS
from real_runs.judge import Seen, Value, counted, judge, same_text
from real_runs.live import bound, leaves_nothing, live
from real_runs.look import look
from real_runs.run import look_at, run
from real_runs.scenario import agent, study

from llmos_nb.export.cells import read, write
from llmos_nb.export.verify.seal import seal


@pytest.fixture(autouse=True)
def own_jupyter(monkeypatch, tmp_path_factory):
    """A data folder of Jupyter's for these tests alone, and a home beside each notebook."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path_factory.getbasetemp() / "jupyter"))
    monkeypatch.delenv("LLMOS_HOME", raising=False)


REAL = (
    "sample", "told_then_grew", "told_pops", "queries_and_plain_steps", "class_of_the_notebook_with_slots_and_order",
    "undo_of_a_step_that_wrote",
)  # fmt: skip


@pytest.mark.parametrize("name", REAL)
def test_an_exported_notebook_gives_what_the_live_one_gave(name, tmp_path):
    outcome = run(SCENARIOS[name], tmp_path)
    assert (outcome.verdict.kind, outcome.verdict.why) == ("same", "")


def test_there_are_ninety_notebooks_of_ten_groups():
    assert len(SCENARIOS) == sum(map(len, GROUPS.values())) >= 90 and len(GROUPS) >= 10
    assert sum(s.starts == 2 for s in SCENARIOS.values()) >= 10
    assert sum(s.starts == 3 for s in SCENARIOS.values()) >= 2


# an export that was changed so that verify is content


TWO_STEPS = study(
    "two_steps",
    "two steps, each with a value and an output",
    "base = [3, 1, 2]",
    agent("Sort and sum", "base.sort()\nfirst = base[0] + 40\nfirst", "total = sum(base) + first\ntotal"),
    also=("base",),
)


@pytest.fixture(scope="module")
def two_steps(tmp_path_factory):
    """One live notebook and its export, for all that is done to it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_DATA_DIR", str(tmp_path_factory.getbasetemp() / "jupyter"))
        patch.delenv("LLMOS_HOME", raising=False)
        found = live(TWO_STEPS, tmp_path_factory.mktemp("two"))
    assert found.written and found.values.keys() == {"base", "first", "total"}
    assert found.shown == {(1, "r1.0"): "41", (1, "r2.0"): "47"}
    return found


def forged(change):
    """A change of the cells after which nothing asserts, nothing is noted and all hashes are made anew."""

    def forge(path):
        book = read(path)
        cells = [c for c in book["cells"] if c["cell_type"] == "code"]
        steps = [c for c in cells if c["metadata"]["llmos_nb"]["role"] == "step"]
        change({c["metadata"]["llmos_nb"]["call"]: c for c in steps}, book)
        for cell in cells:
            tree = ast.parse("".join(cell["source"]))
            checks = cell["metadata"]["llmos_nb"]["role"] == "check"
            tree.body = [n for n in tree.body if not checks and not isinstance(n, ast.Assert)] or [ast.Pass()]
            cell["source"] = ast.unparse(tree)
            cell["outputs"] = []
            cell["metadata"]["llmos_nb"].pop("values", None)
        seal(book)
        write(book, path)

    return forge


def literal_changed(cells, book):
    cells["r1.0"]["source"] = "".join(cells["r1.0"]["source"]).replace("40", "41")


def step_dropped(cells, book):
    book["cells"].remove(cells["r1.0"])
    cells["r2.0"]["source"] = "first = 41\n" + "".join(cells["r2.0"]["source"])


def output_added(cells, book):
    cells["r2.0"]["source"] = "print('held')\n" + "".join(cells["r2.0"]["source"])


@pytest.mark.parametrize(
    ("change", "name"), [(literal_changed, "`first`"), (step_dropped, "`base`"), (output_added, "held")]
)
def test_a_doctored_export_is_not_the_same(change, name, two_steps, tmp_path):
    seen = look_at(two_steps, tmp_path, forged(change))
    assert seen.failed == "" and seen.report is not None
    content = replace(seen, report={**seen.report, "ok": True, "reached": "same twice", "exit_code": 0})
    assert judge(seen).kind in ("SILENT", "thin", "differs", "refused")
    assert judge(content).kind == "SILENT" and name in judge(content).why


def test_a_doctored_export_that_does_not_run_is_silent(two_steps, tmp_path):
    def broken(cells, book):
        cells["r2.0"]["source"] = "total = nothing"

    verdict = judge(look_at(two_steps, tmp_path, forged(broken)))
    assert verdict.kind == "SILENT" and "NameError" in verdict.why


# the judge

STEP = (1, "r1.0")
TOP = {"ok": True, "reached": "same twice", "exit_code": 0, "differences": []}
GOOD = Seen(
    "written",
    written=True,
    live={"x": Value("a")},
    again={"x": Value("a")},
    shown={STEP: "3"},
    shown_again={STEP: "3"},
    outputs={STEP: 1},
    values={STEP: 1},
    report={**TOP, "levels": [{"level": "same", "detail": "1 output and 1 value as they were"}]},
)


MOVED = {"shown_again": {STEP: "4"}, "varying": {STEP}, "outputs": {STEP: 0}}


def refuted(code, where, what):
    found = [{"where": where, "what": what}] if where else []
    return {**TOP, "ok": False, "reached": "runs", "exit_code": code, "differences": found, "levels": []}


@pytest.mark.parametrize(
    ("changes", "kind", "said"),
    [
        ({}, "same", ""),
        ({"again": {"x": Value("b")}}, "SILENT", "`x` is another"),
        ({"again": {}}, "SILENT", "`x` is not there"),
        ({"again": {"x": Value("b")}, "unchecked": {"x"}}, "thin", "no asked-for value"),
        ({"shown_again": {STEP: "4"}}, "SILENT", "r1.0 of process 1 shows '4', not '3'"),
        ({"shown_again": {STEP: "4"}, "varying": {STEP}, "outputs": {STEP: 0}}, "thin", "0 outputs, 1 values"),
        ({"shown_again": {}, "outputs": {}, "values": {}}, "thin", "0 outputs, 0 values"),
        ({"failed": "cell r1-0: NameError: x"}, "SILENT", "does not run"),
        ({"values": {STEP: 0}}, "thin", "1 outputs, 0 values"),
        ({"values": {STEP: 0}, "bare": {STEP}}, "same", ""),
        ({"shown": {STEP: None}, "shown_again": {STEP: None}, "outputs": {}}, "same", ""),
        ({**MOVED, "left": {STEP}}, "said", "r1.0 of process 1: not compared, and why"),
        ({**MOVED}, "thin", "0 outputs, 1 values"),
        ({"outputs": {}, "left": {STEP}}, "thin", "called unrepeatable, and came out the same"),
        ({**MOVED, "left": {STEP}, "varying": set()}, "SILENT", "shows '4', not '3'"),
        ({"shown": {STEP: "Wall time: 3 s\n3"}, "clock": {STEP: "a reading (Wall time: 3 s)"}}, "same", ""),
        ({"shown": {STEP: "Wall time: 3 s\n3"}}, "SILENT", "Wall time"),
        ({"shown": {STEP: "Wall time: 3 s\n4"}, "clock": {STEP: "a reading (Wall time: 3 s)"}}, "SILENT", "not 'Wall"),
        ({"report": {**refuted(4, "", ""), "left": []}, **MOVED, "left": {STEP}, "values": {}}, "said", "and why"),
        ({"answers": {1: "It is 6."}, "answers_again": {1: "It is 106."}}, "SILENT", "the answer of process 1 is 'It is 106.'"),
        ({"answers": {1: "It is 6."}, "answers_again": {1: "It is 106."}, "answers_free": {1}}, "same", ""),
        ({"answers": {1: "6"}, "answers_again": {1: "6"}, "answers_free": {1}}, "thin", "called unrepeatable"),
        ({"read": {STEP: "3\n4"}}, "SILENT", "the model read r1.0 of process 1 in other words"),
        ({"read": {STEP: "3 | 3"}}, "SILENT", "in other words"),
        ({"read": {STEP: "3\n4"}, "read_said": {STEP}}, "same", ""),
        ({"read": {STEP: "3\n4"}, "left": {STEP}}, "SILENT", "in other words"),
        ({"read": {STEP: "| 3 |"}}, "same", ""),
        ({"report": {**TOP, "levels": []}}, "thin", "verify compared 0 outputs and 0 values of 1 steps"),
        ({"report": refuted(1, "cell r1-0", "y does not hold")}, "differs", "cell r1-0: y does not hold"),
        ({"report": refuted(4, "", "")}, "thin", "nothing to compare"),
        ({"report": refuted(3, "cell r1-0", "it reads a file that is not there")}, "refused", "a file"),
        ({"report": refuted(3, "", "")}, "raised", "no place named"),
        ({"report": {**TOP, "reached": "runs", "levels": []}}, "raised", "content with 'runs'"),
        ({"report": None, "verified": "Traceback: KeyError"}, "raised", "Traceback"),
        ({"written": False, "error": "UsageError", "ours": True, "said": "cell r1.0: `x` cannot be written down"}, "refused", "cannot"),
        ({"written": False, "error": "UsageError", "ours": True, "said": "it is not possible here"}, "raised", "without the cell"),
        ({"written": False, "error": "UsageError", "ours": True, "said": "cell r1.0"}, "raised", "without the cell"),
        ({"written": False, "error": "KeyError", "said": "KeyError: cell r1.0 of the things"}, "raised", "KeyError"),
    ],
)  # fmt: skip
def test_each_verdict_has_its_reason(changes, kind, said):
    verdict = judge(replace(GOOD, **changes))
    assert verdict.kind == kind and said in verdict.why


@pytest.mark.parametrize(
    "level",
    [
        {"detail": "2 outputs and 7 values as they were"},
        {"counts": {"outputs": 2, "values": 7}},
        {"outputs": 2, "values": 7, "detail": "as they were"},
        {"counts": {"outputs": 2, "values": 1, "assertions": 7}},
    ],
)
def test_what_verify_counted_is_read_in_words_and_numbers(level):
    assert counted({"levels": [{"level": "runs"}, {"level": "same", **level}]}) == (2, 7)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a  b\n", "a b", True),
        ("{'b', 'a'}", "{'a', 'b'}", True),
        ("[1, 2]", "[2, 1]", False),
        ("1.00000000001", "1.0", True),
        ("1.0001", "1.0", False),
        ("<C at 0x7f0000000000>", "<C at 0x7f1111111111>", True),
        ("took 3", "took 4", False),
        (None, "", True),
        (None, "0", False),
    ],
)
def test_outputs_are_compared_but_for_what_does_not_count(one, other, same):
    assert same_text(one, other) is same


@pytest.mark.parametrize(
    ("code", "nothing"),
    [("print(1)", True), ("x = 1", False), ("x", False), ("f(1)", False), ("import re", True), ("%time x = 1", False), ("", False)],
)  # fmt: skip
def test_a_step_owes_no_value_where_its_code_leaves_none(code, nothing):
    assert leaves_nothing(code) is nothing


def test_an_assertion_over_a_type_alone_is_no_value_that_is_compared():
    source = "assert type(x).__name__ == 'Box'\nassert _content(y) == '1'\nassert z == 2"
    assert [*asserted(source)] == [{"_content", "y"}, {"z"}]


def test_what_the_file_says_is_not_compared_counts_only_where_verify_says_it_too():
    about = {"call": "r1.0", "left": {"x": "it rests on the time"}}
    book = {"cells": [{"cell_type": "code", "id": "r1-0", "metadata": {"llmos_nb": about}}]}
    said = {"cell": "r1-0", "what": "x", "why": "it rests on the time"}
    assert left(book, {"left": [said]}) == {STEP}
    assert read_said(book, {"left": [said]}) == set()
    about["left"] = {"what the model read of it": "another text"}
    told = {"left": [{"cell": "r1-0", "what": "what the model read of it", "why": "another text"}]}
    assert read_said(book, told) == {STEP} and left(book, told) == read_said(book, None) == set()
    assert left(book, {"left": []}) == left(book, None) == left(book, {"left": [{**said, "why": ""}]}) == set()


# the oracle


class Box:
    def __init__(self, size):
        self.size = size


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, True),
        ("1", 1),
        ([1, 2], [2, 1]),
        ([1], (1,)),
        ({"a": 1}, {"a": 2}),
        (0.1, 0.1000001),
        (Box(1), Box(2)),
        ([[Box([1])]], [[Box([2])]]),
        (lambda: 1, lambda: 2),
        (b"a", b"b"),
    ],
)
def test_the_oracle_tells_other_values_apart(one, other):
    found = json.loads(look({"one": one, "other": other, "again": one}, ["one", "other", "again", "none"]))
    assert found["one"][0] == found["again"][0] != found["other"][0] and "none" not in found


def test_the_oracle_tells_tables_and_arrays_apart_by_their_types_and_labels():
    import numpy as np
    import pandas as pd

    frame = pd.DataFrame({"a": [1, 2]})
    others = [
        frame.astype("int8"),
        frame.rename(columns={"a": "b"}),
        frame.set_index([[1, 0]]),
        frame[::-1],
        frame + 1,
    ]
    space = {"f": frame, **{f"o{i}": o for i, o in enumerate(others)}}
    space |= {
        "x": np.arange(3),
        "y": np.arange(3.0),
        "z": np.arange(3)[None],
        "r": np.random.default_rng(1),
        "s": np.random.default_rng(2),
    }
    found = json.loads(look(space, list(space)))
    assert len({digest for digest, _, _ in found.values()}) == len(space)


def test_the_oracle_says_where_it_knows_the_type_alone():
    found = json.loads(look({"g": (i for i in "ab"), "x": [1]}, ["g", "x"]))
    assert not found["g"][1] and found["x"][1]


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("x = 1\n%time y = 2\nz: int = 3", "xz"),
        ("a, *b = c\nd['k'] = e.f\ng.h += 1", "abdg"),
        ("for i in range(3):\n    s = [t for t in u]", "is"),
        ("def f():\n    x = 1\nwith open(p) as q:\n    r = 1", "fqr"),
        ("!ls\nlines = !ls", {"lines"}),
    ],
)
def test_the_names_that_a_step_binds_are_read_from_its_code(code, names):
    assert set(bound(code)) == set(names)
