"""Batches: specs that are wrong, results as they come, lost workers, one worker a run, no effect twice."""

import builtins
import io
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock
from turns import call, python

import llmos_nb as llmos
from llmos_nb.app import cli
from llmos_nb.errors import JournalLocked, UsageError
from llmos_nb.journal import read
from llmos_nb.policy.secrets import vault
from llmos_nb.session.batch import worker
from llmos_nb.session.batch.batch import processes

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import bench_batch
from batch_tools import effects, tell
from waits import START_SECONDS, until, until_async

ROOT = Path(__file__).parents[1]
TOOLS = ROOT / "benchmarks"


def spec(folder, name="a", *turns, **more):
    """Write a script and give the spec that plays it."""
    file = folder / f"{abs(hash(name))}.json"
    file.write_text(json.dumps({"version": 1, "turns": [*(turns or (call("tell", n=7),)), {"text": "it is 7"}]}))
    tools = ["batch_tools:tell", "batch_tools:crash", "batch_tools:look"]
    return {"id": name, "goal": "tell", "model": f"script:{file}", "approve": "auto", "tools": tools, **more}


def write(path, *specs):
    path.write_text("\n".join(json.dumps(s) for s in specs))
    return str(path)


def lines(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


# specs


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"id": "b", "gaol": "x"}', "specs.jsonl:3: unknown key 'gaol'; did you mean goal"),
        ('{"id": "b"}', "specs.jsonl:3: goal must be a text"),
        ('{"id": 4, "goal": "x"}', "specs.jsonl:3: id must be a text"),
        ('{"id": "b", "goal": "x"', "specs.jsonl:3: not JSON"),
        ("[1]", "specs.jsonl:3: must be an object"),
        ('{"id": "a", "goal": "x"}', "specs.jsonl:3: the id 'a' stands at"),
        ('{"id": "b", "goal": "x", "approve": "atuo"}', "specs.jsonl:3: approve 'atuo'"),
        ('{"id": "b", "goal": "x", "budget": "20 stepps"}', "specs.jsonl:3: "),
        (
            '{"id": "b", "goal": "x", "tools": "m:f"}',
            "specs.jsonl:3: tools must be a list such as",
        ),
        ('{"id": "b", "goal": "x", "inputs": [1]}', "specs.jsonl:3: inputs must be an object"),
        ('{"id": "b", "goal": "x", "acts": "f()"}', "specs.jsonl:3: acts 'f()': must be a list of expressions"),
        ('{"id": "b", "goal": "x", "model": 4}', "specs.jsonl:3: model must be a text"),
    ],
)
def test_a_bad_line_is_named_and_nothing_starts(line, said, tmp_path, capsys):
    (tmp_path / "specs.jsonl").write_text('{"id": "a", "goal": "x", "model": "script:none.json"}\n\n' + line)
    assert cli.main(["run-batch", str(tmp_path / "specs.jsonl"), "-o", "out.jsonl"]) == 2
    found = capsys.readouterr().err
    assert said in found and found.count("\n") == 1 and not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("words", [["--workers", "-1"], ["--dask", "tcp://x:1", "--processes"], ["--worker", "2"]])
def test_options_that_do_not_fit_are_refused(words, tmp_path, capsys):
    assert cli.main(["run-batch", write(tmp_path / "s.jsonl", spec(tmp_path)), *words]) == 2
    assert "run-batch: " in capsys.readouterr().err


def test_an_empty_file_says_what_a_line_looks_like(tmp_path, capsys):
    (tmp_path / "s.jsonl").write_text("\n")
    assert cli.main(["run-batch", str(tmp_path / "s.jsonl")]) == 2 and '"goal"' in capsys.readouterr().err


def test_without_dask_it_says_what_to_install(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "dask.distributed", None)
    assert cli.main(["run-batch", write(tmp_path / "s.jsonl", spec(tmp_path)), "--dask", "tcp://x:1"]) == 2
    assert 'pip install "llmos_nb[dask]"' in capsys.readouterr().err


# results


async def test_results_are_plain_ordered_by_spec_and_reported_as_they_come(tmp_path):
    wanted = [spec(tmp_path, "slow", {**call("tell", n=7), "wait_s": 0.3}), spec(tmp_path, "fast")]
    came = []
    found = await llmos.run_batch(wanted, on_result=came.append)
    assert [r["id"] for r in found] == ["slow", "fast"] and [r["id"] for r in came] == ["fast", "slow"]
    assert json.loads(json.dumps(found)) == found
    assert [(r["state"], r["reason"], r["answer"]) for r in found] == [("ended", "answered", "it is 7")] * 2
    assert len({r["pid"] for r in found}) == 2 and all(Path(r["journal"]).exists() for r in found)


async def test_ids_that_look_alike_are_two_runs_and_one_id_is_one(tmp_path):
    wanted = [spec(tmp_path, "a b"), spec(tmp_path, "a-b"), spec(tmp_path, "ü"), spec(tmp_path, "x" * 300)]
    first, again = await llmos.run_batch(wanted), await llmos.run_batch(wanted)
    assert first == again and len({r["journal"] for r in first}) == 4
    (other,) = await llmos.run_batch([{**wanted[0], "goal": "another"}])
    assert other["reason"] == "failed" and "was run for something else" in other["detail"]
    with pytest.raises(UsageError, match="spec 2: the id 'ü'"):
        await llmos.run_batch([wanted[2], wanted[2]])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": "script:none.json"}, "none.json"),
        ({"tools": ["no_such_module:f"]}, "no_such_module"),
        ({"tools": ["json:no_such"]}, "no_such"),
        ({"model": "nonsense"}, "nonsense"),
    ],
)
async def test_failure_of_one_run_is_its_result(change, said, tmp_path):
    bad, good = await llmos.run_batch([{**spec(tmp_path, "bad"), **change}, spec(tmp_path, "good")])
    assert (bad["state"], bad["reason"], good["reason"]) == ("ended", "failed", "answered") and said in bad["detail"]


async def test_waiting_run_continues_once_approved(tmp_path):
    wanted = [spec(tmp_path, approve="risky")]
    (found,) = await llmos.run_batch(wanted)
    assert found["state"] == "waiting" and found["reason"] is None
    assert [(w["question"], w["kind"]) for w in found["waits_for"]] == [("r1.0", "approval")]
    llmos.load(found["journal"], tools=[tell]).approve("r1.0")
    (found,) = await llmos.run_batch(wanted)
    assert found["reason"] == "answered" and "waits_for" not in found


async def test_acts_of_a_spec_let_these_calls_out_and_no_others(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_BATCH_LOG", str(tmp_path / "paid"))
    turns = [call("pay", run="a", n=n) for n in (1, 1, 2)]
    wanted = spec(tmp_path, "a", *turns, approve="never", tools=["batch_tools:pay"], acts=["pay(run='a', n='1')"])
    (found,) = await llmos.run_batch([wanted])
    assert found["reason"] == "answered" and [e["n"] for e in effects(tmp_path / "paid")] == [1]
    (other,) = await llmos.run_batch([{**wanted, "acts": ["pay(run='a', n=2)"]}])
    assert "was run for something else" in other["detail"]
    (wrong,) = await llmos.run_batch([{**wanted, "id": "b", "acts": ["pay(run='a', n='two')"]}])
    assert wrong["reason"] == "failed" and "pay, n: expected an integer" in wrong["detail"]


async def test_no_secret_in_results(tmp_path):
    vault.clear()
    turns = (python("print(db_password)"), python("raise ValueError(db_password)"))
    wanted = [spec(tmp_path, "a", *turns, inputs={"db_password": "kq83-mmx2-0q"}), spec(tmp_path, "b")]
    wanted[1]["tools"] = ["kq83-mmx2-0q:f"]
    try:
        found = await llmos.run_batch(wanted[:1]) + await llmos.run_batch(wanted[1:])
        assert "kq83" not in json.dumps(found) and "<secret db_password>" in found[1]["detail"]
    finally:
        vault.clear()


async def test_steps_of_threads_take_turns(tmp_path):
    """Streams, `input` and the environment are one for all threads; each run must find and leave them whole."""
    code = "import os, time\nos.environ['WHO'] = {0!r}\ntime.sleep(0.02)\nprint(os.environ['WHO'], who)"
    names, kept = [f"run-{i}" for i in range(6)], builtins.input
    wanted = [spec(tmp_path, n, python(code.format(n)), inputs={"who": n}) for n in names]
    found = await llmos.run_batch(wanted)
    said = [next(e.d["result"] for e in read(r["journal"]) if e.k == "call.finished") for r in found]
    assert [s.strip() for s in said] == [f"{n} {n}" for n in names] and builtins.input is kept
    os.environ.pop("WHO")


# the file of results


def test_batch_continues_where_it_stopped(tmp_path, capsys):
    good = [spec(tmp_path, f"run-{i}") for i in range(5)]
    bad = spec(tmp_path, "bad", model="script:none.json")
    file, out = write(tmp_path / "specs.jsonl", bad, *good), tmp_path / "out.jsonl"
    out.write_text('{"id": "of-another-batch", "state": "waiting"}\n')
    assert cli.main(["run-batch", file, "-o", str(out)]) == 1
    found = lines(out)
    assert [f["id"] for f in found] == ["of-another-batch", "bad", *(g["id"] for g in good)]
    assert [f["reason"] for f in found[1:]] == ["failed"] + ["answered"] * 5
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("6 runs: 5 answered, 1 failed; ") and said[0].endswith(" tokens")
    assert said[1] == "  1 x failed: script none.json: No such file or directory" and "--retry" in said[2]
    write(tmp_path / "specs.jsonl", spec(tmp_path, "bad"), *good)
    out.write_text("".join(json.dumps(f) + "\n" for f in found[:3]) + '{"id": "run-1", "sta')
    assert cli.main(["run-batch", file, "-o", str(out)]) == 0
    again = lines(out)
    assert again[3:] == found[3:] and again[1]["reason"] == "answered"
    assert capsys.readouterr().err == ""  # all answered, and no progress where nobody looks
    assert sorted(p.name for p in tmp_path.glob("*out*")) == ["out.jsonl"]


@pytest.mark.parametrize("there", ["notes\nmore notes\n", '{"answer": 1}\n', "a torn line of something else"])
def test_a_file_of_something_else_is_not_written_over(there, tmp_path, capsys):
    (tmp_path / "out.txt").write_text(there)
    assert cli.main(["run-batch", write(tmp_path / "s.jsonl", spec(tmp_path)), "-o", "out.txt"]) == 2
    assert "out.txt:1: not a result" in capsys.readouterr().err and (tmp_path / "out.txt").read_text() == there


def test_results_go_to_the_output_where_no_file_is_named(tmp_path, capsys):
    assert cli.main(["run-batch", write(tmp_path / "s.jsonl", spec(tmp_path)), "--workers", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["answer"] == "it is 7"


def test_a_terminal_shows_how_far_it_is(tmp_path, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    file = write(tmp_path / "s.jsonl", spec(tmp_path), spec(tmp_path, "b", model="script:none.json"))
    assert cli.main(["run-batch", file, "-o", "out.jsonl"]) == 1
    last = sys.stderr.getvalue().split("\r\x1b[K")[-1]
    assert last.startswith("[" + "#" * 24 + "] 2/2") and "1 answered" in last and "1 failed" in last


@pytest.mark.parametrize("how", [[], ["--processes"]], ids=["threads", "processes"])
def test_an_interrupt_keeps_what_is_done_and_pauses_the_rest(how, tmp_path):
    slow = spec(tmp_path, "slow", {**call("tell", n=1), "wait_s": 60})
    file, out = write(tmp_path / "s.jsonl", spec(tmp_path), slow), tmp_path / "out.jsonl"
    command = [
        sys.executable,
        "-m",
        "llmos_nb.app.cli",
        "run-batch",
        file,
        "-o",
        str(out),
        "--workers",
        "2",
        *how,
    ]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TOOLS), str(ROOT.parent)])}
    with subprocess.Popen(command, env=env, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as proc:
        home = Path(os.environ["LLMOS_HOME"])

        def at_work():
            assert proc.poll() is None
            return out.exists() and out.read_text() and list(home.rglob("*slow/journal.jsonl"))

        until(at_work, "a result and the journal of the slow one", START_SECONDS)
        proc.send_signal(signal.SIGINT)
        said = proc.communicate()[1]
    assert proc.returncode == 130 and "run it again to go on" in said and "Traceback" not in said
    assert [r["id"] for r in lines(out)] == ["a"]
    last = read(next(home.rglob("*slow/journal.jsonl")))[-1]
    assert last.k == "run.paused" and last.d["why"].startswith("stopped by")


# workers


async def test_runs_active_elsewhere_are_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "PATIENCE_S", 0.2)
    wanted = [spec(tmp_path)]
    place = Path(os.environ["LLMOS_HOME"]) / "batch" / worker._folder("a")
    place.mkdir(parents=True)
    with FileLock(str(place / "lock")):
        (found,) = await llmos.run_batch(wanted)
    assert found["state"] == "running" and "at work elsewhere" in found["detail"]
    assert (await llmos.run_batch(wanted))[0]["reason"] == "answered"


@pytest.mark.out_of_process
async def test_worker_that_lost_its_journal_has_no_further_effect(tmp_path, script):
    """The fence: what was taken up in a new epoch cannot be written by the epoch before, lock or no lock."""
    done = []

    async def pay() -> str:
        """Pay, slowly; meanwhile somebody takes the journal over, though it is locked."""
        done.append("pay")
        return "paid"

    proc = llmos.start("x", model=script({**call("pay"), "wait_s": 2}, {"text": "ok"}), tools=[pay], approve="auto")
    await until_async(lambda: any(e.k == "model.requested" for e in proc.events))  # the last before it waits
    await proc.journal.flush()
    proc.journal._lock.lock_file and Path(proc.journal._lock.lock_file).unlink()
    other = llmos.load(proc.journal.path, tools=[pay], model=script({"text": "mine now"}))
    await other.resume()
    await proc
    assert other.reason == "answered" and done == []
    assert proc.state == "paused" and "was written by" in proc.detail
    assert [e.d["epoch"] for e in read(proc.journal.path) if e.k == "run.resumed"] == [1]


@pytest.mark.out_of_process
async def test_fatal_spec_does_not_take_other_runs_down(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    wanted = [
        spec(tmp_path, "bad", call("crash", n=3)),
        *(spec(tmp_path, f"good-{i}", call("look", n=7)) for i in range(2)),
    ]
    bad, *good = await llmos.run_batch(wanted, lambda: processes(1))
    assert bad["state"] == "paused" and "its worker was lost 3 times" in bad["detail"]
    assert [g["reason"] for g in good] == ["answered"] * 2


@pytest.mark.out_of_process
@pytest.mark.parametrize("kind", ["given", "dask"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning:distributed", "ignore::ResourceWarning")
def test_killed_worker_loses_no_result_and_doubles_no_effect(kind):
    found = bench_batch.run(runs=6, seed=3, kind=kind)
    assert found["results"] == 6 and found["last"] == {"answered": 6} and found["in_doubt"] >= 1
    assert found["twice"] == [] and found["lost"] == 0 and found["effects"] == found["expected"]
    assert found["killed"] >= 1 and found["resumed"] >= 1


def test_the_count_finds_doubles_when_intents_are_not_written_first():
    assert bench_batch.run(runs=2, seed=3, kind="processes", workers=1, kill=False, sabotage=True)["twice"]


async def test_any_executor_is_accepted_and_left_open(tmp_path):
    with ThreadPoolExecutor(2) as pool:
        found = await llmos.run_batch([spec(tmp_path, n) for n in "abc"], pool)
        assert [f["reason"] for f in found] == ["answered"] * 3 and pool.submit(int, "3").result() == 3


def test_a_lock_names_machine_and_process(tmp_path):
    from llmos_nb.journal import Journal

    one, two = Journal(tmp_path / "j.jsonl"), Journal(tmp_path / "j.jsonl")
    one.acquire()
    with pytest.raises(JournalLocked, match=rf"process {os.getpid()} on \S+"):
        two.acquire()
    one.release()
