"""A batch as a job: tried again where it failed, held to a budget, told how it went; a cluster that is lost."""

import io
import json
import sys
import time
from pathlib import Path

import pytest
from programs import run_llmos
from turns import call

import llmos_nb as llmos
from llmos_nb.app import cli
from llmos_nb.app.listing import plain
from llmos_nb.errors import UsageError
from llmos_nb.journal import home_of
from llmos_nb.session.batch import file as batch_file
from llmos_nb.session.batch.cap import Cap

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import bench_batch_job
from bench_batch_job import TOKENS, Server, reasons, served, spent


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server that says 401 of every tenth item, and is the usual endpoint."""
    monkeypatch.chdir(tmp_path)
    found = Server()
    with served(found) as address:
        monkeypatch.setenv("OPENAI_BASE_URL", address)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        yield found


def run_batch(*words, items=0):
    if items:
        bench_batch_job.specs(Path(), items, "openai/m")
    return cli.main(["run-batch", "specs.jsonl", "-o", "out.jsonl", *words])


def test_what_failed_is_tried_again_when_it_is_asked_for(server, capsys):
    assert run_batch(items=14) == 1
    said = capsys.readouterr().err
    assert "14 runs: 12 answered, 2 failed" in said and "2 x failed: " in said and "HTTP 401" in said
    server.mended = True
    assert run_batch() == 1 and sum(server.answered.values()) == 12  # not unasked
    assert run_batch("--retry", "budget") == 1 and sum(server.answered.values()) == 12  # they ended otherwise
    capsys.readouterr()
    assert run_batch("--retry", "failed") == 0 and capsys.readouterr().err == ""
    assert set(server.answered.values()) == {1} and len(server.answered) == 14
    assert reasons(Path()) == {"answered": 14}
    assert len(list(home_of().runs.glob("*/journal.jsonl"))) == 14  # they went on, each in its journal


def test_run_that_used_up_its_budget_goes_on_with_a_larger_one(tmp_path, capsys):
    turns = [call("calculator", expression=f"{n} + 1") for n in range(4)]
    Path("s.json").write_text(json.dumps({"version": 1, "turns": [*turns, {"text": "done"}]}))

    def batch(budget, *words):
        spec = {"id": "a", "goal": "count", "model": "script:s.json", "budget": budget}
        Path("specs.jsonl").write_text(json.dumps(spec))
        return run_batch(*words)

    assert batch("2 steps") == 1 and reasons(Path()) == {"budget": 1}
    assert batch("9 steps") == 1 and reasons(Path()) == {"budget": 1}
    assert batch("9 steps", "--retry", "budget") == 0 and reasons(Path()) == {"answered": 1}


@pytest.mark.out_of_process
@pytest.mark.parametrize("how", [["--workers", "3"], ["--workers", "2", "--processes"]], ids=["threads", "processes"])
def test_budget_of_the_whole_batch_is_held_within_one_request_a_worker(server, how, capsys):
    server.mended, most = True, 5 * TOKENS
    assert run_batch("-b", f"{most} tokens", *how, items=20) == batch_file.UNFINISHED
    assert most <= spent(home_of()) <= most + 3 * TOKENS
    said = capsys.readouterr().err
    assert "the budget of the batch (500 tokens), which is used up" in said
    assert "run the same again to go on" in said
    assert run_batch("-b", f"{most} tokens", *how) == batch_file.UNFINISHED  # what was used before counts
    assert spent(home_of()) <= most + 3 * TOKENS
    assert run_batch(*how) == 0 and set(server.answered.values()) == {1}
    assert not list((home_of().root / "batch").glob(".spent*"))


@pytest.mark.out_of_process
@pytest.mark.parametrize("how", [["--workers", "3"], ["--workers", "3", "--processes"]], ids=["threads", "processes"])
def test_rate_of_the_whole_batch_is_held_by_all_workers(server, how):
    server.mended, began = True, time.monotonic()
    assert run_batch("--rate", "300", *how, items=9) == 0
    assert len(server.came) == 9
    assert all(at >= began + n * 60 / 300 for n, at in enumerate(sorted(server.came)))  # whoever else is at work
    assert [*home_of().root.glob("batch/.spent-*")] == []


def test_what_waits_is_said_with_how_it_is_answered(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("s.json").write_text(json.dumps({"version": 1, "turns": [call("ask", question="Go on?"), {"text": "done"}]}))
    Path("specs.jsonl").write_text(json.dumps({"id": "a", "goal": "ask", "model": "script:s.json"}))
    assert run_batch() == batch_file.UNFINISHED
    said = capsys.readouterr().err
    assert "llmos show P says how it is answered" in said and "run the same again to go on" in said
    (row,) = [r for r in map(json.loads, plain(home_of(), everything=True)) if r["waiting"]]
    assert f"llmos reply {row['pid']}" in run_llmos("show", str(row["pid"]))[1]


def test_results_are_not_written_to_an_address(server, capsys):
    bench_batch_job.specs(Path(), 1, "openai/m")
    assert cli.main(["run-batch", "specs.jsonl", "-o", "s3://bucket/out.jsonl"]) == 2
    assert "results are written to a disk" in capsys.readouterr().err
    assert not Path("s3:").exists() and not server.came


def test_no_budget_is_over_where_others_have_spent_nothing(tmp_path):
    cap = Cap(tmp_path, "$1", {"$": 1.0}, {"$": 0.5})
    assert not cap.over
    (tmp_path / "another.json").write_text('{"$": 0.5}')
    assert cap.over and cap.spent == {"$": 1.0}


async def test_run_that_has_ended_stays_so_where_the_budget_is_used_up(server):
    specs = [{"id": "a", "goal": "Say that item 1 is done.", "model": "openai/m"}]
    (first,) = await llmos.run_batch(specs)
    (again,) = await llmos.run_batch(specs, budget="1 tokens")
    assert first["reason"] == again["reason"] == "answered" and server.answered[1] == 1
    (other,) = await llmos.run_batch([{**specs[0], "id": "b"}], budget="1 tokens", before={"tokens": 1})
    assert other["state"] == "paused" and "not begun" in other["detail"]


async def test_options_that_mean_nothing_are_refused(server):
    with pytest.raises(UsageError, match="retry 'most': one of failed, budget, all"):
        await llmos.run_batch([{"id": "a", "goal": "x"}], retry="most")
    with pytest.raises(UsageError, match="budget 'much'"):
        await llmos.run_batch([{"id": "a", "goal": "x"}], budget="much")
    with pytest.raises(UsageError, match="rate -1: how many requests"):
        await llmos.run_batch([{"id": "a", "goal": "x"}], rate=-1)


def test_terminal_shows_what_is_left_and_what_it_cost(server, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    assert run_batch("--workers", "1", items=3) == 0
    drawn = sys.stderr.getvalue().split("\r\x1b[K")
    assert " 1/3  0:0" in drawn[2] and " left  1 answered; 100 tokens" in drawn[2]
    assert " 3/3  0:0" in drawn[4] and "left" not in drawn[4] and "3 answered; 300 tokens" in drawn[4]


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([("ended", "answered")], 0),
        ([("ended", "answered"), ("ended", "failed"), ("waiting", None)], batch_file.FAILED),
        ([("ended", "answered"), ("waiting", None)], batch_file.UNFINISHED),
    ],
)
def test_exit_code_says_whether_runs_failed_or_go_on(results, code):
    found = [{"state": state, "reason": reason, "detail": ""} for state, reason in results]
    assert batch_file.outcome(found)[0] == code and bool(batch_file.outcome(found)[1]) == (code != 0)


@pytest.mark.out_of_process
def test_cluster_that_loses_workers_and_its_scheduler_loses_no_item(tmp_path, monkeypatch):
    for name in ("LLMOS_HOME", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.setenv(name, "")  # the trial sets them, and they are put back
    found = bench_batch_job.run(items=30, workers=2, folder=tmp_path)
    assert found["budget"]["cap"] <= found["budget"]["spent"] <= found["budget"]["cap"] + 2 * TOKENS
    assert found["scheduler killed"]["code"] in (1, 3) and "is gone" in str(found["scheduler killed"]["said"])
    assert found["again"]["reasons"] == {"answered": 27, "failed": 3} and found["again"]["code"] == 1
    assert found["mended"] == {"code": 0, "reasons": {"answered": 30}, "said": []}
    assert found["answers"]["items"] == 30 and found["right ids"] and found["wrong answers"] == []
