"""The process table of a home: what the journals say, and nothing loaded or changed."""

import shutil

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


async def test_table_says_who_drives_a_process_at_this_moment(script):
    session, two = await begun(
        script, {"calls": [{"name": "python", "arguments": {"code": "x = 1"}}]}, approve="step"
    )
    with two.journal.held():
        (entry,) = table.entries(session.home)
    assert (
        entry.driver.startswith("process ")
        and entry.state == "running (in another notebook)"
        and not entry.waiting
    )
    assert (
        entry.row[4] == entry.driver.partition(" on ")[0] and table.entries(session.home)[0].row[4] == "nobody"
    )


async def test_table_looks_and_changes_nothing(script):
    session, _ = await begun(
        script, {"calls": [{"name": "python", "arguments": {"code": "x = 1"}}]}, approve="step"
    )
    before = {p: p.stat().st_mtime_ns for p in session.home.runs.rglob("*") if p.is_file()}
    table.entries(session.home, everything=True)
    assert {p: p.stat().st_mtime_ns for p in session.home.runs.rglob("*") if p.is_file()} == before


async def test_journal_that_cannot_be_read_is_a_row_that_says_so(script):
    session, one = await begun(script)
    _, two = await begun(
        script, {"calls": [{"name": "python", "arguments": {"code": "x = 1"}}]}, approve="step"
    )
    for process in (one, two):
        lines = process.journal.path.read_bytes().splitlines(keepends=True)
        process.journal.path.write_bytes(b"".join([lines[0].replace(b"Make x", b"Make y"), *lines[1:]]))
    rows = table.entries(session.home, everything=True)
    assert [r.pid for r in rows] == [one.pid, two.pid] and all(
        r.state.startswith("cannot be read: ") for r in rows
    )
    shutil.rmtree(session.home.root)


async def test_table_of_an_empty_home_is_empty(tmp_path):
    home = llmos.Session({}, tmp_path / "none").home
    assert table.entries(home, everything=True) == [] and table.last(home) is None and not home.root.exists()
