"""Retention: what goes and when, what never goes, chains that hold, and the settings that say so."""

import json
import os
import time

import pytest
from notebook_driver import Notebook
from turns import call, python, same_as_folded

import llmos_nb as llmos
from llmos_nb.app import cli
from llmos_nb.app.options import carry_out
from llmos_nb.errors import ConfigError, UsageError
from llmos_nb.journal import Journal, Retention, history, home_of, let_go, parse_retention, read
from llmos_nb.session import Session, config, prune
from llmos_nb.session.goals import waker

DAY = 86_400


def tell(n: int) -> int:
    """Give a number back."""
    return n


@pytest.fixture
def later(monkeypatch):
    """Let so many days pass."""

    def pass_days(days):
        now = time.time() + days * DAY
        monkeypatch.setattr(prune.time, "time", lambda: now)

    return pass_days


async def ran(script, name="x", **more):
    turns = (python(f"print('pri' 'vate {name} ' * 1000)"), {"text": "ok"})
    return await llmos.run(name, model=script(*turns), namespace={}, approve="auto", name=name, **more)


def there(proc):
    return proc.journal.path.exists(), (proc.journal.path.parent / "blobs").exists()


def test_a_notebooks_cells_go_when_no_run_that_stays_has_steps_among_them(tmp_path, later):
    with Notebook(tmp_path) as book:
        book.run("x = 1")
        spec = book.script(python("y = x"), {"text": "ok"})
        assert book.run(f"%%agent one -m {spec} -a auto\nDo it").status == "ok"
        book.run("%agent ps")
    home, kept = home_of(tmp_path / "home"), Retention(runs_days=30)
    cells, run = next(home.notebooks.glob("*/journal.jsonl")), next(home.runs.glob("*/journal.jsonl"))
    later(31)
    os.utime(run, (prune.time.time(), prune.time.time()))  # a run that stays holds the notebook
    assert prune.due(home, kept) == []
    os.utime(run, (0, 0))
    assert [g.what for g in prune.prune(home, kept)] == ["the run", "the notebook's cells"]
    assert not cells.exists() and not run.exists()


async def test_payloads_go_first_and_runs_after_them(script, later):
    old, kept = await ran(script, "a"), Retention(payload_days=10, runs_days=30)
    home = home_of()
    assert prune.prune(home, kept) == [] and there(old) == (True, True)
    later(11)
    (gone,) = prune.due(home, kept)
    assert (gone.what, gone.bytes) == ("payloads", 10_000) and there(old) == (True, True)
    assert len(prune.prune(home, kept)) == 1 and there(old) == (True, False)
    again = llmos.replay(old.journal.path)
    assert again.run.state.calls[
        "r1.0"
    ].result == "[payload of 10,000 bytes is missing: deleted or lost]" and same_as_folded(again)
    assert read(old.journal.path)[-1].d == {
        "signal": "forget",
        "by": {"kind": "process", "name": "retention"},
        "call": "all",
        "bytes": 10_000,
    }
    assert prune.prune(home, kept) == []
    later(31)
    assert [g.what for g in prune.prune(home, kept)] == ["the run"] and not old.journal.path.parent.exists()
    assert (await ran(script, "b")).pid == 2  # no pid is given twice


async def test_the_newest_are_kept(script, later):
    made = [await ran(script, n) for n in "abc"]
    later(99)
    assert len(prune.prune(home_of(), Retention(runs_days=1, keep=2))) == 1
    assert [there(p)[0] for p in made] == [False, True, True]


async def test_open_or_locked_runs_are_never_deleted(script, later):
    waiting = await llmos.run("x", model=script(call("tell", n=1)), tools=[tell])
    shown, held, free = [await ran(script, n) for n in "abc"]
    lock = Journal(held.journal.path)
    lock.acquire()
    later(99)
    kept = Retention(payload_days=1, runs_days=1)
    gone = prune.prune(home_of(), kept, live=[shown.pid])
    lock.release()
    assert [g.journal for g in gone] == [free.journal.path]
    assert waiting.state == "waiting" and there(waiting)[0] and there(shown) == there(held) == (True, True)


async def test_parent_of_a_fork_is_kept_as_long_as_the_fork(script, later):
    parent = await ran(script, "a")
    child = parent.fork(at=parent.events[-3].n, isolate=True)
    later(99)
    assert prune.prune(home_of(), Retention(payload_days=1, runs_days=1)) == []  # the fork waits to be resumed
    await child.kill()
    assert child.state == "ended" and history(child.events, child.journal.path)
    assert {g.what for g in prune.due(home_of(), Retention(runs_days=1))} == {"the run"}
    os.utime(child.journal.path, (prune.time.time(), prune.time.time()))
    assert prune.prune(home_of(), Retention(runs_days=1)) == [] and there(parent) == (True, True)


async def test_broken_journals_are_never_deleted(script, later):
    proc = await ran(script)
    whole = proc.journal.path.read_bytes()
    assert b"'pri' 'vate" in whole
    proc.journal.path.write_bytes(whole.replace(b"'pri' 'vate", b"'pub' 'lic '", 1))
    later(99)
    assert prune.prune(home_of(), Retention(runs_days=1)) == [] and there(proc)[0]
    proc.journal.path.write_bytes(whole)


async def test_a_run_with_a_line_that_cannot_be_read_is_never_deleted(script, later):
    old = await ran(script, "a")
    lines = [json.loads(line) for line in old.journal.path.read_text().splitlines()]
    whole = old.journal.path.read_bytes()
    odd = next(line for line in lines if line["k"] == "call.started")
    odd["d"] = {"call": 7}
    _rewrite(old.journal.path, lines, time.time())
    later(31)
    assert prune.due(home_of(), Retention(payload_days=10, runs_days=30)) == []
    assert waker.standing(Session({}), old.pid) == ("ended", True)  # how it stands is said by its end alone
    lines[-1]["d"] = {}
    _rewrite(old.journal.path, lines, time.time())
    assert waker.standing(Session({}), old.pid) == ("unreadable", False)  # it may have answered
    old.journal.path.write_bytes(whole)


async def test_text_of_a_deleted_run_is_no_longer_found(script, later):
    session = Session({})
    proc = await ran(script, "zebra")
    assert session.recall("zebra", everywhere=True)
    later(99)
    prune.prune(session.home, Retention(payload_days=1))
    assert all("private zebra" not in r.text for r in session.recall("private zebra", everywhere=True))
    left = b"".join(p.read_bytes() for p in session.home.root.glob("memory.db*"))
    assert b"zebra" in left and b"private zebra" not in left
    prune.prune(session.home, Retention(runs_days=1))
    assert session.recall("zebra", everywhere=True) == [] and not there(proc)[0]


async def test_batch_does_not_repeat_deleted_runs(tmp_path, later):
    (tmp_path / "s.json").write_text(json.dumps({"version": 1, "turns": [{"text": "ok"}]}))
    spec = {"id": "a", "goal": "x", "model": "script:s.json"}
    assert (await llmos.run_batch([spec]))[0]["reason"] == "answered"
    later(99)
    assert len(prune.prune(home_of(), Retention(runs_days=1))) == 1
    (found,) = await llmos.run_batch([spec])
    assert found["reason"] == "failed" and "its run deleted on" in found["detail"]


async def test_commands_are_dry_unless_told(script, later, tmp_path, capsys):
    session = Session({})
    proc = await ran(script)
    later(99)
    with pytest.raises(UsageError, match=r"\[retention\]"):
        await carry_out(session, "prune")
    (tmp_path / "llmos.toml").write_text("[retention]\npayload_days = 30\n")
    await carry_out(session, "prune")
    shown = capsys.readouterr().out
    assert "would go; --yes deletes them" in shown and "10,000" in shown and there(proc) == (True, True)
    assert cli.main(["prune", "--runs-days", "30"]) == 0
    assert "the run" in capsys.readouterr().out
    assert cli.main(["prune", "--yes"]) == 0 and "deleted; the chains" in capsys.readouterr().out
    assert there(proc) == (True, False) and cli.main(["log", "--all", "--verify"]) == 0
    assert "1 payload missing" in capsys.readouterr().out
    assert cli.main(["prune"]) == 0 and "nothing is older" in capsys.readouterr().out
    assert cli.main(["prune", "--keep", "-1"]) == 2 and "--keep: keep must be" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"payload_dayz": 3}, "unknown key 'payload_dayz'; did you mean payload_days"),
        ({"payload_days": "3"}, "payload_days must be a number of days"),
        ({"runs_days": -1}, "runs_days must be"),
        ({"keep": 1.5}, "keep must be a whole number"),
        ({"keep": True}, "keep must be"),
        ([1], "must be a table"),
    ],
)
def test_a_wrong_table_is_named(raw, said):
    with pytest.raises(ConfigError, match=said):
        parse_retention(raw)


def test_an_organisations_bounds_are_tightened_and_never_loosened(tmp_path):
    org, own = tmp_path / "org.toml", tmp_path / "own"
    own.mkdir()
    org.write_text("[retention]\npayload_days = 30\nkeep = 5\n")

    def load(text, **given):
        (own / "llmos.toml").write_text(text)
        return config.load(given, environ={"LLMOS_ORG_CONFIG": str(org)}, folder=own).retention

    assert load("") == Retention(30, None, 5)
    assert load("[retention]\npayload_days = 90\nruns_days = 365\nkeep = 99\n") == Retention(30, 365, 5)
    assert load("[retention]\npayload_days = 7\n") == Retention(7, None, 0)
    assert load("", retention=Retention(runs_days=9)) == Retention(30, 9, 0)


async def test_loading_the_extension_prunes_in_the_background(script, tmp_path):
    old, young = await ran(script, "a"), await ran(script, "b")
    past = time.time() - 99 * DAY
    lines = [json.loads(line) for line in old.journal.path.read_text().splitlines()]
    _rewrite(old.journal.path, lines, past)
    let_go(old.journal.path)  # as its interpreter would have, which lives here
    (tmp_path / "llmos.toml").write_text("[retention]\npayload_days = 30\n")
    with Notebook(tmp_path) as notebook:
        notebook.run("%load_ext llmos_nb")
        gone = "import pathlib, time\nwhile pathlib.Path({!r}).exists(): time.sleep(0.01)"
        notebook.run(gone.format(str(old.journal.path.parent / "blobs")))
    assert there(old) == (True, False) and there(young) == (True, True)


def _rewrite(path, lines, past):
    """Make a journal as it would be, had it been written long ago."""
    from llmos_nb.journal import GENESIS
    from llmos_nb.journal.events import Unknown
    from llmos_nb.journal.home import keyed
    from llmos_nb.journal.journal import chained

    prev, out = GENESIS, b""
    for line in lines:
        event, encoded = chained(
            line["n"],
            time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(past)),
            Unknown(line["k"], line["d"]),
            line["d"],
            prev,
            keyed=keyed(),
        )
        prev, out = event.hash, out + encoded
    path.write_bytes(out)
    os.utime(path, (past, past))
