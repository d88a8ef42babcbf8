"""The benchmark of passes measures what it says: files of the package, on each of the three ways."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from weakref import WeakValueDictionary

import pytest

BENCH = Path(__file__).parent / "benchmarks" / "bench_passes.py"
sys.path.insert(0, str(BENCH.parent))

from bench_passes import Recorder  # noqa: E402 - the path comes first


@pytest.fixture(scope="module")
def passes(tmp_path_factory):
    out = tmp_path_factory.mktemp("passes") / "passes.json"
    kept = ("HOME", "LANG", "LLMOS_HOME", "PATH", "PYTHONPATH", "TMPDIR")
    environ = {k: v for k, v in os.environ.items() if k in kept}
    # it is looked for in all that is written, in files of its own: most people have one
    environ["SERVICE"] = "q7Rk2Vx9Lm4Tz8Wd3Hn6Bc1Yf5"
    done = subprocess.run(
        [sys.executable, str(BENCH), "--json", str(out)],
        capture_output=True,
        text=True,
        check=False,
        env=environ,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(out.read_text("utf-8"))


@pytest.mark.parametrize("way", ["request", "call", "undo"])
def test_passes_are_files_of_the_package_with_the_driver_among_them(passes, way):
    package = BENCH.parents[2] / "llmos_nb"
    files = passes[way]["first"]
    assert passes[way]["files"] == len(files) > 0
    assert [name for name in files if not (package / name).is_file()] == []
    assert ("process/run.py" if way == "undo" else "process/driver.py") in files


@pytest.mark.parametrize("way", ["request", "call", "undo"])
def test_passes_stay_within_what_is_wanted(passes, way):
    assert passes[way]["files"] <= passes[way]["ceiling"], "\n".join(passes[way]["first"])


def test_passes_begin_and_end_where_they_say(passes):
    request, call, undo = (passes[way]["first"] for way in ("request", "call", "undo"))
    assert "app/magics.py" in request and "process/gate/start.py" not in request
    assert "process/gate/start.py" in call and "app/magics.py" not in call
    assert "heap/snapshot.py" in undo and "process/ask.py" not in undo


def test_recorder_ends_at_the_first_line_of_the_awaited_code():
    from llmos_nb.messages import canonical
    from llmos_nb.policy.budget import parse

    before = sys.getprofile()
    try:
        record = Recorder()
        with record.recording(canonical.__code__):
            canonical(1)
            parse("5 steps")
        assert list(record.files) == [Path(canonical.__code__.co_filename).relative_to(record.package).as_posix()]
        with pytest.raises(RuntimeError, match="canonical never began"), record.recording(canonical.__code__):
            parse("5 steps")
        assert "policy/budget.py" in record.files
    finally:
        sys.setprofile(before)
        threading.setprofile(None)


def test_recorder_leaves_out_what_comes_with_the_clock(tmp_path):
    from llmos_nb.session.commands.watch import Watch

    before, watch = sys.getprofile(), Watch()
    watch._homes[tmp_path] = WeakValueDictionary()
    try:
        record = Recorder()
        with record.recording():
            watch._look()
    finally:
        sys.setprofile(before)
        threading.setprofile(None)
    assert (watch._homes, record.files) == ({}, {})


def test_a_cell_reaches_its_first_request_in_few_files(passes):
    assert passes["request"]["files"] <= passes["request"]["ceiling"]
