"""Verifying: each level, each way to fail, where it says so, and that a stranger's file runs nothing."""

import base64
import io
import json
import shutil
import subprocess
import sys

import pytest
from corpus.tampering import KINDS, tampered, victim
from hypothesis import given, strategies as st
from PIL import Image, ImageDraw
from process_runs import ProcessRun, process_run
from real_runs.cases import SCENARIOS

from llmos_nb.errors import LlmosError, UsageError
from llmos_nb.export import export
from llmos_nb.export.cells import read, write
from llmos_nb.export.verify import verify
from llmos_nb.export.verify.compare import difference, picture_distance, same_text, shown
from llmos_nb.export.verify.execute import execute
from llmos_nb.export.verify.observe import volatility
from llmos_nb.export.verify.report import LEVELS
from llmos_nb.export.verify.seal import seal
from llmos_nb.export.verify.values import alone, probe_of
from llmos_nb.heap.digest import digest

TOLERANCE = {"rel": 1e-6, "abs": 1e-9, "image": 0.02}


@pytest.fixture(autouse=True)
def own_jupyter(monkeypatch, tmp_path):
    """A data folder of Jupyter's for this test alone, and no pictures on a screen."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    monkeypatch.setenv("MPLBACKEND", "agg")


def run_of(folder, *steps, answer="done", **options):
    r = ProcessRun("Do a thing", folder, **options)
    r.begin()
    for step in steps:
        r.step(step)
    r.end(answer)
    return r


def sealed_again(path, change):
    """Change a notebook and make all hashes anew, as a forger would who has no journal to put beside it."""
    book = read(path)
    for process in book["metadata"]["llmos_nb"]["processes"]:
        process["journal"].pop("path", None)
    change({c["id"]: c for c in book["cells"]}, book)
    seal(book)
    return write(book, path)


def text(value):
    return shown([{"output_type": "stream", "name": "stdout", "text": value}])


# the levels


def test_a_good_notebook_climbs_to_the_top(tmp_path):
    told = []
    path = export(process_run(SCENARIOS["pandas_group"], tmp_path).source(), tmp_path / "out" / "x.ipynb")
    report = verify(path, progress=lambda level, done, total: told.append((level, done, total)))
    assert report.ok and report.reached == "same twice" and report.exit_code == 0
    levels = ["opens", "unchanged", "signed", "journal", "runs", "same", "same twice"]
    assert [c.level for c in report.checks] == levels and set(levels) - set(LEVELS) == {"journal"}
    done, total = next((d, t) for level, d, t in reversed(told) if level == "runs")
    assert done == total == 11 + 2  # the code cells, and a look at the values after each step
    assert "holds: same twice" in report.text()
    plain = json.loads(json.dumps(report.plain()))
    assert plain["ok"] and plain["reached"] == "same twice" and len(plain["levels"]) == 7


def test_level_of_the_journal_is_left_out_where_none_is_named(tmp_path):
    path = export(run_of(tmp_path, "x = 1").source(), tmp_path / "x.ipynb")
    report = verify(sealed_again(path, lambda cells, book: None))
    assert report.ok and [c.level for c in report.checks] == list(LEVELS)
    assert "compared with nothing (--journal FILE)" in report.text()


def test_observed_outputs_are_compared_and_variation_is_marked(tmp_path):
    r = run_of(tmp_path, "import time\nprint('took', time.perf_counter())\nprint('fixed', 2.5)", "object()")
    path = export(r.source(), tmp_path / "x.ipynb", observe=True)
    cells = {c["id"]: c for c in read(path)["cells"]}
    assert cells["r1-0"]["metadata"]["llmos_nb"]["volatile"] == {"0": [0]}
    assert "volatile" not in cells["r2-0"]["metadata"]["llmos_nb"]  # addresses are never compared
    assert verify(path, "same").ok

    def change(cells, book):
        cells["r1-0"]["outputs"][0]["text"] = cells["r1-0"]["outputs"][0]["text"].replace("2.5", "2.6")

    report = verify(sealed_again(path, change))
    assert (report.exit_code, report.reached) == (1, "runs")
    assert (
        report.difference.where == "cell r1-0"
        and "-fixed 2.6" in report.difference.detail
        and "+fixed 2.5" in report.text()
    )


@pytest.mark.out_of_process
def test_seeded_draws_are_asserted_once_they_were_observed(tmp_path):
    r = run_of(tmp_path, "import random\nx = random.random()", record_random=False)
    path = export(r.source(), tmp_path / "x.ipynb", observe=True)
    assert "assert abs(x - 0.844421" in next(c["source"] for c in read(path)["cells"] if c["id"] == "evidence")
    assert read(path)["metadata"]["llmos_nb"]["unchecked"] == {}


def test_verify_locates_the_cell_that_fails(tmp_path):
    path = export(run_of(tmp_path, "x = 1", "y = x + 1").source(), tmp_path / "x.ipynb")
    report = verify(sealed_again(path, lambda cells, book: cells["r2-0"].update(source="y = x / 0")))
    assert (report.exit_code, report.reached) == (1, "unchanged")
    assert report.difference.where == "cell r2-0" and "ZeroDivisionError" in report.difference.what
    assert "y = x / 0" in report.difference.detail and "\x1b" not in report.text()


def test_a_value_that_differs_is_located(tmp_path):
    path = export(run_of(tmp_path, "x = [1, 2]", "y = x + [3]").source(), tmp_path / "x.ipynb", clean=True)

    def change(cells, book):
        cells["r2-0"]["source"] = "y = x + [4]"
        book["cells"] = [c for c in book["cells"] if "check" not in c["id"]]

    report = verify(sealed_again(path, change))
    assert (report.exit_code, report.reached) == (1, "runs")
    assert (
        report.difference.where == "cell r2-0"
        and report.difference.what == "`y` is [1, 2, 4], and was [1, 2, 3] in the run"
    )


def test_assertion_of_a_value_that_differs_is_located(tmp_path):
    path = export(run_of(tmp_path, "x = [1, 2]", "y = x + [3]").source(), tmp_path / "x.ipynb")

    def change(cells, book):
        cells["r2-0"]["source"] = cells["r2-0"]["source"].replace("[3]", "[4]", 1)

    report = verify(sealed_again(path, change))
    assert (report.exit_code, report.reached) == (1, "unchanged")
    assert [d.where for d in report.differences] == ["cell r2-0", "cell r2-0-check"]
    assert (
        "`y` is [1, 2, 4], and was [1, 2, 3] in the run" in report.text()
        and "it raised AssertionError" in report.text()
    )


_PID = "print(__import__('os').getpid())"  # that it differs each time no reading of the code tells


def test_verify_locates_output_that_is_not_that_of_the_run(tmp_path):
    path = export(run_of(tmp_path, _PID).source(), tmp_path / "x.ipynb", lock=False)
    report = verify(path)
    assert (report.exit_code, report.reached) == (1, "runs")
    assert report.difference.where == "cell r1-0"
    assert "something else than when it was exported" in report.difference.what


def test_verify_locates_values_that_differ_between_two_runs(tmp_path):
    long = f"x = 1\nprint('long ' * 20_000)\n{_PID}"  # more than a journal keeps, so nothing of the run stands there
    path = export(run_of(tmp_path, long).source(), tmp_path / "x.ipynb", lock=False)
    report = verify(path)
    assert (report.exit_code, report.reached) == (1, "same")
    assert report.difference.where == "cell r1-0" and "two runs" in report.difference.what


def test_output_that_is_known_to_differ_is_not_compared(tmp_path):
    path = export(run_of(tmp_path, "import os\nx = 1\nprint(os.getpid())").source(), tmp_path / "x.ipynb")
    report = verify(path)
    assert report.ok and [c.counts["outputs"] for c in report.checks if c.level.startswith("same")] == [0, 0]
    assert "what is shown in 1 cell may be another thing each time, and was not compared" in report.text()
    note = next(c["source"] for c in read(path)["cells"] if c["id"] == "r1-0-note")
    assert "- Not checked: its output: it rests on the machine" in note


def test_the_network_is_off_and_the_users_files_are_left_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("OTHER_API_KEY", "abcdefgh-1234")
    source = (
        "import os, socket, urllib.request\nfrom pathlib import Path\nPath('made.txt').write_text('x')\nfound = []\n"
        "for act in (lambda: socket.create_connection(('192.0.2.1', 80), 1), lambda: socket.getaddrinfo('example.org', 80),\n"
        "            lambda: urllib.request.urlopen('http://example.org', timeout=1)):\n"
        "    try:\n        act()\n    except OSError as error:\n        found.append(str(error))\n"
        "print(all('network is off' in f for f in found), len(found), os.environ.get('OTHER_API_KEY'))"
    )
    book = {
        "cells": [
            {
                "cell_type": "code",
                "id": "a",
                "metadata": {},
                "source": source,
                "outputs": [],
                "execution_count": None,
            }
        ]
    }
    result = execute({**book, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, [], tmp_path)
    assert result.failed is None
    assert [p.value for p in shown(result.outputs[0])] == ["True 3 None\n"]
    assert not (tmp_path / "made.txt").exists()


def test_inputs_above_the_notebook_have_their_place(tmp_path):
    (tmp_path / "data.txt").write_text("7")
    (tmp_path / "nb").mkdir()
    book = {
        "cells": [
            {
                "cell_type": "code",
                "id": "a",
                "metadata": {},
                "source": "open('../data.txt').read()",
                "outputs": [],
                "execution_count": None,
            }
        ]
    }
    result = execute(
        {**book, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, [{"path": "../data.txt"}], tmp_path / "nb"
    )
    assert result.outputs[0][0]["data"]["text/plain"] == "'7'"


def _book(*sources):
    cells = [
        {
            "cell_type": "code",
            "id": f"c{n}",
            "metadata": {},
            "source": s,
            "outputs": [],
            "execution_count": None,
        }
        for n, s in enumerate(sources)
    ]
    cells.insert(1, {"cell_type": "markdown", "id": "m", "metadata": {}, "source": "a note"})
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def test_a_cell_that_takes_too_long_is_named_with_its_bound(tmp_path):
    book = _book("x = 1", "import time; time.sleep(600)", "y = 2")
    result = execute(book, [], tmp_path, timeout_s=1)
    assert result.failed == (2, "CellTimeoutError", "it took longer than 1 s", "")
    assert [o is None for o in result.outputs] == [False, False, False, True]


def test_prints_that_came_in_pieces_are_one_output(tmp_path):
    cut = "print('There ar', end='', flush=True)\nprint('e 3.', flush=True)\ndisplay(7)\nprint('more')"
    result = execute(_book(cut), [], tmp_path)
    assert [o.get("text", o["output_type"]) for o in result.outputs[0]] == [
        "There are 3.\n",
        "display_data",
        "more\n",
    ]


def test_no_debugger_is_started_and_a_notebook_may_import_it_all_the_same(tmp_path):
    looked = "import sys\n[name for name in ('debugpy', 'pydevd', 'app') if name in {**globals(), **sys.modules}]"
    result = execute(_book(looked, "import debugpy\ndebugpy.__name__"), [], tmp_path)
    assert [o[0]["data"]["text/plain"] for o in (result.outputs[0], result.outputs[2])] == ["[]", "'debugpy'"]


def test_a_cell_that_ends_the_kernel_is_named(tmp_path):
    result = execute(_book("x = 1", "import os; os._exit(1)"), [], tmp_path)
    assert result.failed[:2] == (2, "DeadKernelError")


def test_an_interpreter_without_a_kernel_is_one_line(tmp_path):
    program = tmp_path / "no-python"
    for why in ("", "No module named x"):
        program.write_text(f"#!/bin/sh\necho '{why}' >&2\nexit 1\n")
        program.chmod(0o755)
        with pytest.raises(LlmosError, match=f"no kernel starts: {why or '.*died'}"):
            execute(_book("x = 1"), [], tmp_path, python=str(program))


def test_what_an_interpreter_logs_while_a_notebook_runs_steers_no_terminal(tmp_path, capfd):
    logs = "import atexit, os\natexit.register(os.write, 2, b'logged at the end')\nx = 1"
    assert execute(_book(logs), [], tmp_path).failed is None
    assert "logged" not in "".join(capfd.readouterr())


LOADED = """
import sys
from contextlib import nullcontext
from llmos_nb.export.verify.execute import grammar_later
with grammar_later() if sys.argv[1] == "later" else nullcontext():
    import nbclient
early = "lark" in sys.modules
import jsonschema
valid = [jsonschema.FormatChecker().conforms(text, "iri") for text in ("http://é.example/", "no iri")]
print(early, valid, "lark" in sys.modules)
"""


@pytest.mark.parametrize(("how", "early"), [("later", False), ("at once", True)])
def test_the_grammar_of_iris_is_compiled_when_one_is_checked(how, early):
    pytest.importorskip("rfc3987_syntax")
    done = subprocess.run([sys.executable, "-c", LOADED, how], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{early} [True, False] True"


# what stops before anything runs


@pytest.fixture(scope="module")
def exported_victim(tmp_path_factory):
    folder = tmp_path_factory.mktemp("victim")
    return victim(folder)


@pytest.mark.parametrize("name", KINDS)
def test_tampering_is_found_and_located(name, exported_victim, tmp_path):
    shutil.copytree(exported_victim.parent, tmp_path / "out")
    report = verify(tampered(tmp_path / "out" / exported_victim.name, name), trust=True)
    assert (report.exit_code, report.reached) == (2, "opens")
    assert KINDS[name].where in f"{report.difference.where} "
    assert report.difference.where in report.text()


def test_corpus_has_twenty_kinds_of_tampering_and_the_original_passes(exported_victim):
    assert len(KINDS) == 20
    report = verify(exported_victim, "unchanged")
    assert report.exit_code == 0 and report.reached == "unchanged"


def test_metadata_written_by_editors_is_no_tampering(exported_victim, tmp_path):
    book = json.loads(exported_victim.read_text())
    book["metadata"]["language_info"]["version"] = "3.99"
    book["metadata"]["widgets"] = {}
    book["cells"] = [{**c, "source": "".join(c["source"])} for c in book["cells"]]
    for c in book["cells"]:
        if c["cell_type"] == "code":
            c["execution_count"] = 99
            c["metadata"].pop("jupyter", None)  # a reader has unfolded it
    shutil.copytree(exported_victim.parent, tmp_path / "out")
    path = tmp_path / "out" / "victim.ipynb"
    path.write_text(json.dumps(book))
    assert verify(path, "unchanged").ok


def test_a_strangers_file_runs_nothing_until_it_is_trusted(tmp_path, monkeypatch):
    ran = tmp_path / "ran"
    path = export(
        run_of(tmp_path, f"from pathlib import Path\nPath({str(ran)!r}).write_text('x')").source(),
        tmp_path / "x.ipynb",
    )
    ran.unlink()
    assert verify(path, "runs", trust=False).exit_code == 3 and not ran.exists()
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "another"))  # as on another machine
    report = verify(path)
    assert (report.exit_code, report.reached) == (3, "unchanged") and not ran.exists()
    assert "trust" in report.text()
    assert verify(path, "unchanged").exit_code == 0
    assert verify(path, "runs", trust=True).ok and ran.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "cannot be opened"),
        ("[]", "not a notebook"),
        ('{"nbformat": 3}', "not a notebook of nbformat 4"),
        ('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}', "not one that llmos exported"),
        (
            '{"nbformat": 4, "nbformat_minor": 5, "metadata": {"llmos_nb": {"schema": 99}}, "cells": []}',
            "schema 99",
        ),
        (
            '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "evil"}]}',
            "cannot be opened",
        ),
    ],
)
def test_verify_reports_a_file_that_cannot_be_opened(content, said, tmp_path):
    (tmp_path / "x.ipynb").write_text(content)
    report = verify(tmp_path / "x.ipynb")
    assert (report.exit_code, report.reached) == (3, "")
    assert said in report.text()


def test_verify_reports_a_missing_file_and_an_unknown_level(tmp_path):
    assert verify(tmp_path / "no.ipynb").exit_code == 3
    with pytest.raises(UsageError, match="did you mean same"):
        verify(tmp_path / "no.ipynb", "sme")


@pytest.mark.out_of_process
def test_a_notebook_that_does_not_run_is_not_observed(tmp_path):
    r = run_of(tmp_path, "x = 1")
    source = r.source()
    source.state.surviving[0].arguments["code"] = "x = 1 / 0"
    with pytest.raises(LlmosError, match=r"cell r1-0: ZeroDivisionError"):
        export(source, tmp_path / "x.ipynb", observe=True)
    assert not (tmp_path / "x.ipynb").exists()


def test_a_new_environment_needs_a_lock(tmp_path):
    path = export(run_of(tmp_path, "x = 1").source(), tmp_path / "x.ipynb", lock=False)
    report = verify(path, fresh=True)
    assert (report.exit_code, report.reached) == (1, "unchanged")
    assert "no lock" in report.difference.what and [c.level for c in report.checks][-1] == "installs"


# comparing


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a 1.0000000001 b", "a 1.0 b", True),
        ("a  b", "a b", True),
        ("a b", "a c", False),
        ("1.001", "1.0", False),
        ("100000000", "100000001", False),
        ("x1", "x2", False),
        ("1e-12", "0.0", True),
        ("nan", "nan", True),
        ("<C at 0x7f00>", "<C at 0x7f11>", True),
        ("v1.2.3", "v1.2.4", False),
        ("-1.0", "1.0", False),
    ],
)
def test_lines_are_compared_by_words_and_numbers(one, other, same):
    assert same_text(one, other, TOLERANCE) is same


@given(st.text(max_size=60))
def test_a_text_is_the_same_as_itself(value):
    assert difference(text(value), text(value), TOLERANCE) == ""
    assert volatility(text(value), text(value), TOLERANCE) == {}


@given(st.lists(st.sampled_from(["a", "b", "1.5", ""]), min_size=1, max_size=6), st.data())
def test_volatile_lines_are_those_that_differ(lines, data):
    at = data.draw(st.integers(0, len(lines) - 1))
    other = [*lines[:at], "changed", *lines[at + 1 :], "end"]
    one, two = text("\n".join([*lines, "end"])), text("\n".join(other))
    assert volatility(one, two, TOLERANCE) == {"0": [at]}
    assert difference(one, two, TOLERANCE, {"0": [at]}) == ""
    assert difference(one, two, TOLERANCE) != ""


def test_streams_are_joined_without_stderr_and_progress_bars_settle():
    parts = [
        {"output_type": "stream", "name": "stdout", "text": "a\n1%\r"},
        {"output_type": "stream", "name": "stderr", "text": "warning"},
        {"output_type": "stream", "name": "stdout", "text": "99%\n\x1b[31mred\x1b[0m\n"},
    ]
    assert [p.lines for p in shown(parts[:1] + parts[2:])] == [["a", "1%", "99%", "red"]] or shown(parts)
    assert shown([{"output_type": "stream", "name": "stdout", "text": "1%\r50%\r99%\ndone\n"}])[0].lines == [
        "99%",
        "done",
    ]
    assert shown(parts[1:2]) == []


def picture(draw=lambda d: None, size=(200, 150)):
    image = Image.new("RGB", size, "white")
    d = ImageDraw.Draw(image)
    d.line((10, 140, 190, 20), fill="navy", width=2)
    draw(d)
    data = io.BytesIO()
    image.save(data, "PNG")
    return base64.b64encode(data.getvalue()).decode()


def test_pictures_are_compared_by_visible_difference():
    assert picture_distance(picture(), picture()) == 0
    assert picture_distance(picture(), picture(lambda d: d.point((50, 50), fill="grey"))) < TOLERANCE["image"]
    assert (
        picture_distance(picture(), picture(lambda d: d.rectangle((100, 100, 130, 130), fill="navy")))
        > TOLERANCE["image"]
    )
    assert picture_distance(picture(), picture(size=(200, 100))) == 1.0


def test_the_probe_gives_the_same_digests_and_leaves_no_name():
    pytest.importorskip("pandas")
    import pandas as pd

    space = {"a": [1, 2.5, {"x"}], "df": pd.DataFrame({"v": [1, 2]})}
    before = set(space)
    out = io.StringIO()
    code = probe_of(alone("llmos_nb.heap.digest.digest"), "{n: digest(space[n]) for n in names}", ["a", "df"])
    done = compile(code, "p", "exec")
    stdout, sys.stdout = sys.stdout, out
    try:
        exec(done, space)
    finally:
        sys.stdout = stdout
    assert json.loads(out.getvalue()) == {"a": digest(space["a"]), "df": digest(space["df"])}
    assert set(space) - before <= {"__builtins__"}


# other tools


# A port that is free when these tools choose it may be taken when their kernel binds it: a socket in a folder is not.
BY_SOCKET = """
import runpy, sys
from jupyter_client.connect import ConnectionFileMixin
ConnectionFileMixin.transport.default_value = "ipc"
runpy.run_module(sys.argv.pop(1), run_name="__main__")
"""


def test_exported_file_is_accepted_by_other_tools(tmp_path):
    for module in ("papermill", "nbconvert", "nbval", "jupytext"):
        pytest.importorskip(module)
    import jupytext
    from nbconvert import HTMLExporter, PythonExporter

    r = run_of(tmp_path, "limit = 3\nsquares = [i * i for i in range(limit)]\nsquares")
    path = export(r.source(), tmp_path / "x.ipynb", params=["limit"])
    (tmp_path / "apart").mkdir()
    running = [
        subprocess.Popen(
            [sys.executable, "-c", BY_SOCKET, *command],
            cwd=tmp_path / cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for cwd, command in (
            ("apart", ["papermill", "../x.ipynb", "../pm.ipynb", "-p", "limit", "3", "--no-progress-bar"]),
            (".", ["pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", "--nbval", "x.ipynb"]),
        )
    ]
    assert "squares" in HTMLExporter().from_filename(str(path))[0]
    assert "squares" in PythonExporter().from_filename(str(path))[0]
    assert "squares" in jupytext.writes(jupytext.read(path), fmt="py:percent")
    for process in running:
        told, _ = process.communicate(timeout=120)
        said = [n for n in told.splitlines() if "warn" in n.lower() and "IPKernelApp" not in n]
        assert (process.returncode, said) == (0, []), told
    assert (tmp_path / "pm.ipynb").exists()
