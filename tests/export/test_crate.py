"""RO-Crates: valid for the community's validator, and true about who did and approved what."""

import json
import subprocess
import sys
import zipfile
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import pytest
from corpus.kept import rechained
from process_runs import ProcessRun, process_run
from real_runs.cases import SCENARIOS

from llmos_nb.errors import UsageError
from llmos_nb.export import export
from llmos_nb.export.cells import read
from llmos_nb.export.verify import verify

VALIDATOR = Path(__file__).parents[1] / "support" / "crate_validator.py"
# Recommended of a program or a person, and not known to us of a model or the user: where it is, version, affiliation.
UNKNOWN = {"process-run-crate-0.5_3.2", "process-run-crate-0.5_4.1", "process-run-crate-0.5_5.1",
           "ro-crate-1.1_22.3", "ro-crate-1.1_30.2", "ro-crate-1.1_30.3"}  # fmt: skip


@pytest.fixture(autouse=True)
def own_jupyter(monkeypatch, tmp_path):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    monkeypatch.setenv("MPLBACKEND", "agg")


@pytest.fixture(scope="module")
def validate():
    """The issues that the validator finds, with the network off; one interpreter for all, as it takes long to start."""
    pytest.importorskip("rocrate_validator")
    where = find_spec("rocrate")
    context = Path(where.origin).parent / "data" / "ro-crate.jsonld"
    command = [sys.executable, str(VALIDATOR), str(context)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as validator:

        def run(folder):
            print(folder, file=validator.stdin, flush=True)
            found = json.loads(validator.stdout.readline())
            assert found["checked"] > 50
            return found["issues"]

        yield run
        validator.stdin.close()


def graph(folder):
    return {e["@id"]: e for e in json.loads((folder / "ro-crate-metadata.json").read_text())["@graph"]}


def approvals(folder):
    found = [e for e in graph(folder).values() if e["@type"] == "AuthorizeAction"]
    return {e["object"]["@id"].removeprefix("#process-1-"): (e["name"], e["agent"]["@id"]) for e in found}


def run(folder):
    r = ProcessRun("Add it up", folder, "sum")
    r.begin(("Add", "a number"))
    r.step("total = 3\nprint(total)", by="you")
    r.step("twice = 2 * total", by="Prof. X", edited_from="twice = 3 * total")
    r.step("never = 1", reject="not wanted")
    r.end("It is 6.")
    return r


def write_to(name):
    """Code that is asked about unless something covers it."""
    return f"import pathlib\npathlib.Path({name!r}).write_text('x')"


def planned_run(folder, approver="you"):
    """A run in which a mode, a plan, and people let calls through, and in which one was rejected."""
    r = ProcessRun("Add it up", folder, "sum", mode="plan")
    r.begin()
    r.propose_plan("Add", by=approver)
    r.call("python", code="total = 3\nprint(total)")
    r.call("python", code=write_to("planned.txt"))
    r.step(write_to("asked.txt"), by="you")
    r.step(write_to("edited.txt"), by="Prof. X", edited_from=write_to("original.txt"))
    r.step(write_to("never.txt"), reject="not wanted")
    r.end("It is 3.")
    return r


def crated(runner, folder, name="crate"):
    export(runner.source(), folder / "out" / "x.ipynb", crate=folder / name)
    return folder / name


def issues(lines):
    return [line for line in lines if not (line.startswith("RECOMMENDED") and line.split()[1].rstrip(":") in UNKNOWN)]


@pytest.mark.parametrize("name", ["pandas_merge_pivot", "plot_line", "function_as_tool"])
def test_crate_is_valid_for_the_communitys_validator(name, tmp_path, validate):
    (tmp_path / "work").mkdir()
    assert issues(validate(crated(process_run(SCENARIOS[name], tmp_path / "work"), tmp_path))) == []


def test_validator_misses_nothing_in_the_crate_that_is_then_damaged(tmp_path, validate):
    assert issues(validate(crated(run(tmp_path), tmp_path))) == []


@pytest.mark.parametrize(
    ("entity", "key"),
    [("./", "license"), ("./", "datePublished"), ("#process-1", "instrument"), ("./", "hasPart")],
)
def test_validator_finds_what_is_missing(entity, key, tmp_path, validate):
    folder = crated(run(tmp_path), tmp_path)
    file = folder / "ro-crate-metadata.json"
    plain = json.loads(file.read_text())
    del next(e for e in plain["@graph"] if e["@id"] == entity)[key]
    file.write_text(json.dumps(plain))
    assert issues(validate(folder)) != []


US, USER = "https://github.com/llmos-nb/llmos_nb", "#person-the-user"


def test_crate_says_who_approved_each_step_and_no_person_where_none_did(tmp_path):
    folder = crated(planned_run(tmp_path), tmp_path)
    assert approvals(folder) == {
        "r2.0": ("Call r2.0 was let through by the mode plan", US),
        "r3.0": ("Call r3.0 stood in the plan that was approved", USER),
        "r4.0": ("Call r4.0 was approved by the user", USER),
        "r5.0": ("Call r5.0 was approved by Prof. X", "#person-Prof--X"),
    }
    entities = graph(folder)
    assert entities["#person-Prof--X"]["name"] == "Prof. X"
    edited = {c for c in approvals(folder) if "It was edited" in entities[f"#process-1-{c}"]["description"]}
    assert edited == {"r5.0"}
    assert "#process-1-r6.0" not in entities  # it was rejected


def test_crate_names_whoever_approved_the_plan_that_a_step_stood_in(tmp_path):
    found = approvals(crated(planned_run(tmp_path, "Prof. Y"), tmp_path))
    assert found["r3.0"] == ("Call r3.0 stood in the plan that was approved", "#person-Prof--Y")


def let_through(k, d):
    return {**d, "by": {"kind": "mode", "name": "plan"}} if k == "plan.decided" else d


def test_crate_names_no_person_for_a_plan_that_a_mode_let_through(tmp_path):
    runner = planned_run(tmp_path)
    runner.events = rechained(runner.events, let_through)
    found = approvals(crated(runner, tmp_path))
    assert found["r3.0"] == ("Call r3.0 stood in the plan that the mode plan let through", US)


def test_crate_names_whoever_approved_a_step_before_it_began(tmp_path):
    r = ProcessRun("Add it up", tmp_path, "sum", mode="step")
    r.begin(("Add", "a number"), ("Double", "a number"))
    r.decisions.append(("2", "Prof. X", "", ""))
    r.step("total = 3\nprint(total)", by="you")
    r.turns[-1]["calls"][0]["arguments"]["step"] = 1
    r.call("python", code="twice = 2 * total\nprint(twice)", step=2)
    r.end("It is 6.")
    assert approvals(crated(r, tmp_path)) == {
        "r1.0": ("Call r1.0 was approved by the user", USER),
        "r2.0": ("Call r2.0 was approved by Prof. X", "#person-Prof--X"),
    }
    said = [c["source"] for c in read(tmp_path / "out" / "x.ipynb")["cells"] if c["id"].endswith("-note")]
    assert [("approved by the user" in note, "with its step by Prof. X" in note) for note in said] == [
        (True, False),
        (False, True),
    ]


def test_crate_holds_notebook_inputs_lock_and_the_journals_head(tmp_path):
    (tmp_path / "work").mkdir()
    runner = process_run(SCENARIOS["pandas_merge_pivot"], tmp_path / "work")
    folder = crated(runner, tmp_path)
    entities = graph(folder)
    parts = {p["@id"] for p in entities["./"]["hasPart"]}
    assert {"x.ipynb", "data/sales.csv", "data/people.csv", "pylock.toml"} == parts
    for part in parts:
        assert entities[part]["sha256"] == sha256((folder / part).read_bytes()).hexdigest()
    assert entities["#journal-1"]["value"] == runner.events[-1].hash
    times = [entities["#process-1"][k] for k in ("startTime", "endTime")]
    assert times == [runner.events[0].at, runner.events[-1].at]
    assert verify(folder / "x.ipynb", "unchanged").ok  # its inputs stand where it looks for them


def test_input_above_the_notebook_keeps_its_place(tmp_path):
    from pathlib import PurePosixPath

    from llmos_nb.export.crate import _joined

    assert _joined(PurePosixPath("notebook"), "../data.csv") == "data.csv"
    assert _joined(PurePosixPath("notebook"), "x.ipynb") == "notebook/x.ipynb"


def test_zip_holds_the_same_and_is_the_same_for_the_same_run(tmp_path):
    runner = run(tmp_path)
    folder = crated(runner, tmp_path)
    archives = [crated(runner, tmp_path, f"{n}.zip") for n in "ab"]
    assert archives[0].read_bytes() == archives[1].read_bytes()
    with zipfile.ZipFile(archives[0]) as archive:
        files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
        assert set(archive.namelist()) == files


def test_crate_overwrites_nothing_and_takes_no_script(tmp_path):
    (tmp_path / "crate").mkdir()
    (tmp_path / "crate" / "mine.txt").write_text("x")
    with pytest.raises(UsageError, match="something stands there already"):
        crated(run(tmp_path), tmp_path)
    assert [p.name for p in (tmp_path / "crate").iterdir()] == ["mine.txt"]
    with pytest.raises(UsageError, match="only a notebook can be a crate"):
        export(run(tmp_path).source(), tmp_path / "x.py", crate=tmp_path / "other")


def test_signed_notebook_is_signed_in_the_crate_too(tmp_path, monkeypatch):
    from corpus.forgery import allowed, new_key

    key = new_key(tmp_path, "anna")
    export(run(tmp_path).source(), tmp_path / "x.ipynb", sign=str(key), crate=tmp_path / "crate")
    signers = allowed(tmp_path / "signers", "anna@example.org", key)
    assert verify(tmp_path / "crate" / "x.ipynb", "signed", allowed_signers=signers).ok
    assert read(tmp_path / "crate" / "x.ipynb") == read(tmp_path / "x.ipynb")
