"""Who approved what: every decision as a row, of one run or of all, and the proof of their chains."""

import json

import pytest
from turns import call

import llmos_nb as llmos
from llmos_nb.app import cli
from llmos_nb.app.options import carry_out
from llmos_nb.journal import Home, history, look as look_through
from llmos_nb.policy.secrets import vault
from llmos_nb.session import Session
from llmos_nb.views import audit
from llmos_nb.views.report import words


def tell(n: int) -> int:
    """Give a number back."""
    return n


@llmos.tool(effect="read", repeat="pure")
def look(n: int) -> int:
    """Look at a number."""
    return n


TURNS = (
    call("look", n=0),
    call("tell", n=1),
    call("tell", n=2),
    call("tell", n=3),
    call("tell", m=4),
    {"text": "done"},
)


async def decided(session, script):
    """Run with a read that the mode lets through, an approval, a rejection, an edit, a wrong call, and a stale word."""
    proc = session.create("x", model=script(*TURNS), tools=[tell, look])
    await proc.start()
    await proc.approve("r2.0", by="ann")
    await proc.reject("r3.0", "not that one")
    asked = proc.run.state.calls["r4.0"].digest
    proc.approve("r4.0", digest="0" * 64)
    await proc.approve("r4.0", digest=asked, arguments={"n": 33})
    await proc.approve("all")
    return proc


def rows(found):
    return [(d.what, d.of, d.by.describe()) for d in found if not d.of.startswith("plan")]


async def test_every_decision_is_a_row(script):
    proc = await decided(Session(None), script)
    found = audit.decisions(proc.events)
    assert rows(found) == [
        ("approve", "r1.0 look", "the mode risky"),
        ("approve", "r2.0 tell", "ann"),
        ("reject", "r3.0 tell", "you"),
        ("stale", "r4.0 tell", "you"),
        ("edit", "r4.0 tell", "you"),
        ("approve", "r4.0 tell", "you"),
        ("reject", "r5.0 tell", "the check of its arguments"),
    ]
    by_call = {d.of: d for d in found}
    assert by_call["r3.0 tell"].why == "not that one" and by_call["r4.0 tell"].arguments == {"n": 33}
    full = next(e.d["digest"] for e in proc.events if e.k == "call.decided" and e.d["call"] == "r2.0")
    assert by_call["r2.0 tell"].digest == full[: audit.SHORT] != ""


async def test_rules_budgets_answers_and_doubts_are_decisions(script):
    session = Session(None)
    model = script(call("ask", question="which?"), {"text": "done"})
    session.namespace = {}
    proc = session.create("x", model=model)
    proc.rule("tell", "deny")
    proc.budget("+3 steps")
    await proc.start()
    await proc.reply("the second")
    found = rows(audit.decisions(proc.events, by="you"))
    assert found == [
        ("deny", "rule for tell", "you"),
        ("budget", "the process", "you"),
        ("answer", "r1.0 ask", "you"),
    ]


@pytest.mark.parametrize(("by", "count"), [("you", 4), ("ann", 1), ("mode", 1), ("risky", 1), ("nobody", 0)])
async def test_decisions_of_one_process_can_be_selected(by, count, script):
    proc = await decided(Session(None), script)
    found = rows(audit.decisions(proc.events, by))
    assert len(found) == count, found


async def test_events_shared_by_a_fork_are_listed_once(script, capsys):
    session = Session(None)
    proc = await decided(session, script)
    at = next(e.n for e in proc.events if e.k == "call.decided" and e.d["by"]["name"] == "ann")
    child = proc.fork(at=at)
    await child.resume()
    await child.approve("all")
    alone = audit.decisions(history(child.events, child.journal.path))
    assert {d.pid for d in alone} == {proc.pid, child.pid}
    found = audit.all_decisions(session.home)
    assert len(found) == len({(d.pid, d.n) for d in found})
    assert {(d.pid, d.n) for d in audit.decisions(proc.events)} <= {(d.pid, d.n) for d in found}
    await carry_out(session, "log --decisions --all --by ann --json")
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["of"] == "r2.0 tell"


async def test_the_command_line_asks_by_pid_folder_or_file(script, capsys):
    proc = await decided(Session(None), script)
    ways = [str(proc.pid), str(proc.journal.path.parent), str(proc.journal.path)]
    said = []
    for way in ways:
        assert cli.main(["log", way, "--by", "you"]) == 0
        said.append(capsys.readouterr().out)
    assert len(set(said)) == 1 and "not that one" in said[0] and "ann" not in said[0] and '{"n": 33}' in said[0]
    assert cli.main(["log", "77"]) == 2 and "none of this number" in capsys.readouterr().err
    assert cli.main(["log", "1", "--verify", "--decisions"]) == 2 and "one of them" in capsys.readouterr().err
    assert cli.main(["log"]) == 2 and "the following arguments are required" in capsys.readouterr().err
    assert cli.main(["log", "1", "--by", "nobody"]) == 0 and "no decisions" in capsys.readouterr().out


async def test_all_chains_are_checked_and_the_broken_one_is_named(script, capsys):
    session = Session(None)
    one, two = await decided(session, script), await decided(session, script)
    assert cli.main(["log", "--all", "--verify"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2 and all("the chain holds (head " in line for line in said)
    assert one.events[-1].hash[:16] in said[0]
    whole = two.journal.path.read_bytes()
    two.journal.path.write_bytes(whole.replace(b"not that one", b"not this one", 1))
    assert cli.main(["log", "--all", "--verify"]) == 2
    out, err = capsys.readouterr()
    assert "the chain holds" in out.splitlines()[0] and "does not match its hash" in out.splitlines()[1]
    assert "1 of 2 journals do not hold" in err
    two.journal.path.write_bytes(whole)


async def test_a_journal_without_its_last_lines_is_not_said_to_be_at_its_end(script, capsys):
    session = Session(None)
    proc = await decided(session, script)
    path = proc.journal.path
    assert cli.main(["log", str(proc.pid), "--verify"]) == 0
    whole, said = path.read_bytes(), capsys.readouterr().out
    assert said.startswith(f"{len(whole.splitlines())} events, the chain holds")
    assert said.strip().endswith("run.ended (answered) is its last event")
    path.write_bytes(b"".join(whole.splitlines(keepends=True)[:-3]))
    assert cli.main(["log", str(proc.pid), "--verify"]) == 0
    said = capsys.readouterr().out
    assert "run.ended (" not in said and "or its end was cut off, which a chain alone cannot show" in said


async def test_a_journal_that_the_home_knew_longer_does_not_hold(script, capsys):
    session = Session(None)
    proc = await decided(session, script)
    path, whole = proc.journal.path, proc.journal.path.read_bytes()
    look_through(session.home)
    path.write_bytes(b"".join(whole.splitlines(keepends=True)[:-3]))
    assert cli.main(["log", str(proc.pid), "--verify"]) == 2
    out, err = capsys.readouterr()
    assert "lines are gone from its end: the home's index knows" in err and "the chain holds" not in out
    path.write_bytes(whole)
    assert cli.main(["log", str(proc.pid), "--verify"]) == 0


async def test_later_secrets_are_not_printed(script, capsys, monkeypatch):
    session = Session(None)
    proc = session.create("the word is swordfish-92", model=script(call("tell", n=1), {"text": "ok"}), tools=[tell])
    await proc.start()
    await proc.reject("all", "swordfish-92 stays here")
    monkeypatch.setenv("DOOR_TOKEN", "swordfish-92")
    for asked in (["--json"], ["--decisions"], ["--decisions", "--json"], []):
        assert cli.main(["log", "1", *asked]) == 0
        said = capsys.readouterr().out
        assert "swordfish" not in said and "<secret DOOR_TOKEN>" in said
    vault.clear()


def test_a_home_without_runs_has_no_decisions(tmp_path):
    assert audit.all_decisions(Home(tmp_path)) == [] and words(audit.shown([])) == "no decisions"


async def test_of_events_that_decide_nothing_the_data_is_not_read(script, monkeypatch):
    session = Session(None)
    proc = await decided(session, script)
    read = []
    scan = audit.scan
    monkeypatch.setattr(audit, "scan", lambda path: read.append(scan(path)) or read[-1])
    assert rows(audit.all_decisions(session.home)) == rows(audit.decisions(proc.events))
    ((events, _),) = read
    kinds = {e.k for e in events if e._unread is None}
    assert "call.decided" in kinds and not kinds & {"call.finished", "names.changed", "budget.settled"}
