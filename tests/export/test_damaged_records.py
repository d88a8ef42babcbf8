"""Verifying a notebook whose record is damaged: one line says where, whatever stands there, and nothing is raised."""

import contextlib
import json
from copy import deepcopy

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from process_runs import ProcessRun, file

from llmos_nb.app import cli
from llmos_nb.errors import LlmosError
from llmos_nb.export import export
from llmos_nb.export.cells import read
from llmos_nb.export.verify import verify
from llmos_nb.export.verify.execute import Execution, execute
from llmos_nb.export.verify.seal import KEY, seal

GONE = object()
WRONG = (
    GONE, None, True, 7, -1, 2.5, 10**30, "", "x", "a/" * 9 + "b" * 999, [], [7], [[]], [{}], {}, {"x": 7}, {"x": {}},
    [{"pid": 1}], [{"path": "x"}], {"statement": {}}, {"format": "ssh", "namespace": "llmos_nb", "statement": {"cells": 7}},
)  # fmt: skip


class Exported:
    """A notebook that an export wrote, and what its cells gave when it ran."""

    def __init__(self, folder):
        file(folder, "sales.csv", "a,b\n1,2\n3,4\n")
        run = ProcessRun("Add up", folder, "sum")
        run.user("import pandas as pd\nsales = pd.read_csv('sales.csv')\nlimit = 20")
        run.begin(("Add", "a number"))
        run.step("total = int(sales['a'].sum()) + limit\nprint(total)\ntotal")
        run.step("import time\nnow = time.time()\nnow")
        run.end("It is {{total}}.")
        self.path = export(run.source(), folder / "out" / "x.ipynb", trace=True, params=["limit"])
        self.text, self.gave = self.path.read_text("utf-8"), {}
        self.damaged = self.path.with_name("damaged.ipynb")

    def first(self, book, inputs, beside, **options):
        """Run it, and keep what each cell gave."""
        result = execute(book, inputs, beside, **options)
        self.gave = {c["id"]: o for c, o in zip(book["cells"], result.outputs, strict=True)}
        return result

    def again(self, book, inputs, beside, **options):
        """Give what each cell gave, with no interpreter."""
        return Execution([self.gave.get(c["id"], []) for c in book["cells"]])


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("exported")
        patch.setenv("LLMOS_HOME", str(folder / "home"))
        patch.chdir(folder)
        made = Exported(folder)
        patch.setitem(verify.__globals__, "execute", made.first)
        report = verify(made.path, "same", trust=True)
        assert report.ok and "journal" in [c.level for c in report.checks], report.text()
        patch.setitem(verify.__globals__, "execute", made.again)
        assert verify(made.path, trust=True).reached == "same twice"
        yield made


def places(value, way=()):
    """Return the ways to all that stands in a value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield (*way, key)
        yield from places(inner, (*way, key))


def in_the_record(book):
    """Return the ways to what the export wrote into the metadata; what events of a kept journal hold is not read."""
    wholes = [("metadata", KEY), *(("cells", n, "metadata", KEY) for n in range(len(book["cells"])))]
    ways = (way for way in places(book) if any(way[: len(whole)] == whole for whole in wholes))
    return [way for way in ways if "d" not in way]


def put(book, way, value):
    """Put something in the place of what stands there."""
    for key in way[:-1]:
        book = book[key]
    if value is GONE:
        del book[way[-1]]
    else:
        book[way[-1]] = deepcopy(value)


@settings(max_examples=200, suppress_health_check=[*HealthCheck])
@given(data=st.data(), value=st.sampled_from(WRONG), sealed=st.booleans())
def test_whatever_stands_in_a_record_verify_says_it_and_raises_nothing(exported, data, value, sealed):
    book = json.loads(exported.text)
    put(book, data.draw(st.sampled_from(in_the_record(book))), value)
    if sealed:  # by somebody who makes all checksums anew, so that what is damaged is read
        with contextlib.suppress(Exception):
            seal(book)
    exported.damaged.write_text(json.dumps(book))
    report = verify(exported.damaged, trust=True)
    assert report.ok == (report.exit_code == 0) == (not report.differences) or report.exit_code == 4
    assert [d for d in report.differences if "\n" in d.what or not d.where] == [] and report.text()


@pytest.mark.parametrize(
    ("way", "value", "said"),
    [
        (("metadata", KEY, "inputs"), 7, "metadata.llmos_nb.inputs: the record of the run cannot be read: it must be array"),
        (("metadata", KEY, "tolerance"), GONE, "metadata.llmos_nb: the record of the run cannot be read: it must contain"),
        (("metadata", KEY, "processes", 0, "pid"), "one", "metadata.llmos_nb.processes[0].pid: the record"),
        (("cells", 1, "metadata", KEY), [], "cells[1].metadata.llmos_nb: the record of the run cannot be read: it must be object"),
    ],
)  # fmt: skip
def test_a_damaged_record_is_said_by_its_place(exported, way, value, said):
    book = json.loads(exported.text)
    put(book, way, value)
    exported.damaged.write_text(json.dumps(book))
    report = verify(exported.damaged, trust=True)
    assert (report.exit_code, report.reached) == (2, "opens") and said in report.text()


def test_code_that_does_not_parse_is_said_and_not_raised(exported):
    book = read(exported.path)
    next(c for c in book["cells"] if c["metadata"][KEY]["role"] == "parameters")["source"] = "limit = = 20"
    seal(book)
    exported.damaged.write_text(json.dumps(book))
    report = verify(exported.damaged, trust=True)
    assert (report.exit_code, report.reached) == (2, "unchanged") and "SyntaxError" in report.text()


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"nbformat":4,"metadata":' * 50_000, "7", "[]", '{"cells": 7, "nbformat": 4}', "{", "\0"],
    ids=["brackets", "braces", "a number", "a list", "no cells", "cut off", "zero"],
)
@pytest.mark.out_of_process
def test_a_file_that_is_no_notebook_is_one_line(tmp_path, text, capsys):
    path = tmp_path / "x.ipynb"
    path.write_text(text)
    assert cli.main(["verify", str(path)]) == 3
    assert "cannot be opened as a notebook" in capsys.readouterr().out
    with pytest.raises(LlmosError, match="cannot be opened as a notebook") as caught:
        read(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["inputs", "held", "unheard"])
def test_a_record_that_is_nested_too_deeply_is_said(exported, key):
    book = json.loads(exported.text)
    book["metadata"][KEY][key] = "DEEP"
    exported.damaged.write_text(json.dumps(book).replace('"DEEP"', "[" * 900 + "]" * 900))
    report = verify(exported.damaged, trust=True)
    assert report.exit_code in (2, 3) and report.differences
