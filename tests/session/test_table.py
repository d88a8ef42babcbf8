"""The process table of a home: what the journals say, and nothing loaded or changed."""

import json
import os
import shutil

from waits import until_async

import llmos_nb as llmos
from llmos_nb.session import table


async def begun(script, *turns, **options):
    session = llmos.Session({})
    process = session.start("Make x.", model=script(*(turns or ({"text": "Done."},))), **options)
    await process
    return session, process


async def test_table_has_what_is_unfinished_and_on_demand_all(script):
    session, one = await begun(script, name="one")
    _, two = await begun(
        script, {"calls": [{"name": "python", "arguments": {"code": "x = 1"}}]}, name="two", approve="step"
    )
    (left,) = table.entries(session.home)
    assert (left.pid, left.name, left.goal, left.waiting, left.driver) == (two.pid, "two", "Make x.", True, "")
    assert left.state.startswith("waiting for you since ") and left.at == two.events[-1].at
    ended, again = table.entries(session.home, everything=True)
    assert (ended.pid, ended.state, ended.ended, ended.goal) == (
        one.pid,
        "ended, answered",
        True,
        "Make x.",
    ) and again == left
    assert table.last(session.home) == left.folder == table.named(session.home, "two")
    assert table.named(session.home, "one") == ended.folder and table.named(session.home, "") is None


async def test_table_says_who_drives_a_process_at_this_moment_and_who_has_it_at_hand(script):
    session, two = await begun(script, {"calls": [{"name": "python", "arguments": {"code": "x = 1"}}]}, approve="step")
    with two.journal.held():
        (entry,) = table.entries(session.home)
    assert entry.driver.startswith("process ") and entry.state.startswith("waiting for you since ")
    assert entry.waiting and entry.row[4] == entry.driver.partition(" on ")[0]
    await until_async(lambda: table.entries(session.home)[0].owner)  # it is marked in a moment
    (rests,) = table.entries(session.home)
    assert (rests.driver, rests.owner, rests.status) == ("", f"process {os.getpid()}", "waiting")


async def test_running_process_that_is_driven_elsewhere_is_said_to_run_there(script):
    session = llmos.Session({})
    made = session.create("Make x.", model=script())
    with made.journal.held():
        made.journal.flush_now()
        (entry,) = table.entries(session.home)
    assert (entry.state, entry.status) == ("running (elsewhere)", "running") and not entry.waiting


async def test_process_that_ends_while_the_table_is_made_is_said_to_have_ended(script, monkeypatch):
    """The index was read before its end; whoever drove it holds its journal still."""
    session = llmos.Session({})
    made = session.create("Make x.", model=script({"text": "Done."}))
    with made.journal.held():
        made.journal.flush_now()
    before = table.look(session.home)
    await made.start()
    monkeypatch.setattr(table, "look", lambda home: before)
    with made.journal.held():
        entry = table.one(session.home, made.journal.path.parent)
        (listed,) = table.entries(session.home, everything=True)
        assert entry.driver and not table.entries(session.home), "it is none that has not ended"
    assert (entry.state, entry.status, entry.ended) == ("ended, answered", "ended", True) and listed == entry


async def test_process_whose_interpreter_has_ended_is_interrupted_and_nobodys(script):
    session, asks = await begun(script, {"calls": [{"name": "python", "arguments": {"code": "x = 1"}}]}, approve="step")
    left = session.start("Make y.", model=script({"text": "late", "wait_s": 600}))
    await until_async(lambda: left.run.state.request and all(e.owner for e in table.entries(session.home)))
    await left.journal.flush()
    assert [e.status for e in table.entries(session.home)] == ["waiting", "running"]
    left.journal.release()  # as if the interpreter had died
    (entry,) = session.home.interpreters.iterdir()
    told = json.loads(entry.read_text())
    entry.write_text(json.dumps({**told, "started": "before"}))  # the number is another program's by now
    ended, broken = table.entries(session.home)
    assert (ended.pid, ended.owner, ended.row[4], ended.status) == (asks.pid, "", "nobody", "waiting")
    assert (broken.row[4], broken.status) == ("nobody", "interrupted") and broken.state.startswith("broke off")
    left.journal.acquire()
    await left.kill()


async def test_copy_of_a_home_is_at_hand_nowhere(script, tmp_path):
    session, _ = await begun(script, {"calls": [{"name": "python", "arguments": {"code": "x = 1"}}]}, approve="step")
    await until_async(lambda: table.entries(session.home)[0].owner)
    shutil.copytree(session.home.root, tmp_path / "copy")
    (entry,) = table.entries(llmos.Session({}, tmp_path / "copy").home)
    assert (entry.owner, entry.row[4]) == ("", "nobody")


async def test_table_looks_and_changes_nothing(script):
    session, _ = await begun(script, {"calls": [{"name": "python", "arguments": {"code": "x = 1"}}]}, approve="step")
    before = {p: p.stat().st_mtime_ns for p in session.home.runs.rglob("*") if p.is_file()}
    table.entries(session.home, everything=True)
    assert {p: p.stat().st_mtime_ns for p in session.home.runs.rglob("*") if p.is_file()} == before


async def test_journal_that_cannot_be_read_is_a_row_that_says_so(script):
    session, one = await begun(script)
    _, two = await begun(script, {"calls": [{"name": "python", "arguments": {"code": "x = 1"}}]}, approve="step")
    assert two.journal.path.with_suffix(".interpreter").exists()
    for process in (one, two):
        lines = process.journal.path.read_bytes().splitlines(keepends=True)
        process.journal.path.write_bytes(b"".join([lines[0].replace(b"Make x", b"Make y"), *lines[1:]]))
    rows = table.entries(session.home, everything=True)
    assert [r.pid for r in rows] == [one.pid, two.pid] and all(r.state.startswith("cannot be read: ") for r in rows)
    shutil.rmtree(session.home.root)


async def test_table_of_an_empty_home_is_empty(tmp_path):
    home = llmos.Session({}, tmp_path / "none").home
    assert table.entries(home, everything=True) == [] and table.last(home) is None and not home.root.exists()
