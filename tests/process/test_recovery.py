"""After a crash, a full disk, a second kernel: what is known, what is asked, what is never done twice."""

import asyncio
import os
import shutil
from datetime import datetime

import pytest
from turns import call, python, same_as_folded
from waits import until_async

import llmos_nb as llmos
from llmos_nb.errors import JournalLocked, JournalUnwritable


def kinds(process):
    return [e.k for e in process.events]


async def broken_off(script, tmp_path, tool, *turns):
    """A copy of a journal as a kill in the middle of the tool's run leaves it."""
    under_way, model = asyncio.Event(), script(call(tool.__name__), *turns)

    async def hang(**_):
        under_way.set()
        await asyncio.sleep(60)

    hang.__name__, hang.__doc__ = tool.__name__, "Hang."
    proc = llmos.start("go", model=model, tools=[hang], approve="auto")
    await under_way.wait()
    copy = tmp_path / "copy"
    shutil.copytree(proc.journal.path.parent, copy)
    (copy / "journal.lock").unlink(missing_ok=True)
    await proc.kill()
    return copy


async def test_a_once_call_under_way_waits_for_a_person_and_keeps_its_key(script, tmp_path):
    seen = []

    async def pay(idempotency_key: str = "") -> str:
        """Pay."""
        seen.append(idempotency_key)
        return "paid"

    copy = await broken_off(script, tmp_path, pay, {"text": "fine"})
    again = llmos.load(copy, tools=[pay], model=script(call("pay"), {"text": "fine"}))
    assert again.state == "paused"
    await again.resume()
    assert again.state == "waiting" and seen == [] and again.waits_for == "whether pay was done"
    key = again.run.state.calls["r1.0"].key
    await again.resolve("r1.0", done=False)
    assert again.reason == "answered" and seen == [key] and same_as_folded(again)


async def test_reconcile_settles_a_call_in_doubt(script, tmp_path):
    @llmos.tool(effect="external", repeat="once", reconcile=lambda key: True)
    async def pay() -> str:
        """Pay."""
        raise AssertionError("must not run again")

    copy = await broken_off(script, tmp_path, pay, {"text": "fine"})
    again = llmos.load(copy, tools=[pay], model=script(call("pay"), {"text": "fine"}))
    await again.resume()
    assert again.reason == "answered" and "call.in_doubt" not in kinds(again)


async def test_an_idempotent_call_simply_runs_again(script, tmp_path):
    @llmos.tool(effect="external", repeat="idempotent")
    async def put() -> str:
        """Put."""
        return "put"

    copy = await broken_off(script, tmp_path, put, {"text": "fine"})
    again = llmos.load(copy, tools=[put], model=script(call("put"), {"text": "fine"}))
    await again.resume()
    assert again.reason == "answered" and again.run.state.calls["r1.0"].result == "put"


async def test_whoever_follows_a_resume_sees_a_process_at_work_and_one_that_could_not_be_written_is_not(
    script, tmp_path, monkeypatch
):
    @llmos.tool(effect="external", repeat="idempotent")
    async def put() -> str:
        """Put."""
        return "put"

    copy = await broken_off(script, tmp_path, put, {"text": "fine"})
    again, seen, full = llmos.load(copy, tools=[put], model=script(call("put"), {"text": "fine"})), [], [True]
    again.run.listeners.append(lambda e, _: e.k == "run.resumed" and seen.append(again.cold))
    real = os.fsync

    def fsync(fd):
        if full:
            raise OSError(28, "No space left on device")
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(JournalUnwritable):
        await again.resume()
    assert again.cold and seen == [False]
    full.clear()
    await again.resume()
    assert again.reason == "answered" and seen == [False, False] and not again.cold


async def test_a_full_disk_pauses_with_the_reason_and_goes_on_when_there_is_room(script, monkeypatch):
    real, full = os.fsync, []

    def fsync(fd):
        if full:
            raise OSError(28, "No space left on device")
        return real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    names = {}
    proc = await llmos.run(
        "go", model=script(python("x = 1"), python("y = 2"), {"text": "ok"}), namespace=names, approve="step"
    )
    full.append(True)
    with pytest.raises(JournalUnwritable, match="No space left"):
        proc.approve("all")
    full.clear()
    proc.approve("all")
    await proc
    await proc.approve("all")
    assert proc.reason == "answered" and (names["x"], names["y"]) == (1, 2) and same_as_folded(proc)


async def test_disk_that_fills_up_runs_nothing_unrecorded(script, monkeypatch):
    ran = []

    @llmos.tool(effect="read")
    def look(n: int) -> int:
        """Look."""
        ran.append(n)
        if n == 1:
            monkeypatch.setattr(os, "fsync", lambda fd: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        return n

    proc = await llmos.run("go", model=script(call("look", n=1), call("look", n=2), {"text": "ok"}), tools=[look])
    assert proc.state == "paused" and "No space left" in proc.detail and ran == [1]
    monkeypatch.undo()
    await proc.resume()
    assert proc.reason == "answered" and ran[0] == 1


async def test_unwritable_folder_is_reported(script, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalUnwritable, match="cannot write"):
        await llmos.run("go", model=script({"text": "hi"}), home=tmp_path / "file")


async def test_the_second_kernel_is_told_who_has_the_journal(script):
    proc = llmos.start("go", model=script({"text": "late", "wait_s": 60}))
    await until_async(lambda: "model.requested" in kinds(proc), every=0)
    await proc.journal.flush()
    other = llmos.load(proc.journal.path, model=script({"text": "late"}))
    with pytest.raises(JournalLocked, match=f"process {os.getpid()}"):
        await other.resume()
    await proc.kill()


async def test_the_prompt_after_a_crash_has_the_same_bytes(script):
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    turns = [call("add", b=i, a=1) for i in range(40)]
    proc = await llmos.run("go", model=script(*turns, {"text": "ok"}), tools=[add], approve="auto", context="9k")
    again = llmos.load(proc.journal.path, tools=[add], model=script(*turns))
    first, second = ([m.encoded for m in p.run.state.context.messages()] for p in (proc, again))
    assert first == second and proc.run.wire()[1] == again.run.wire()[1]
    assert "context.paged" in kinds(proc)


async def test_budget_warns_at_80_percent_and_can_be_raised(script):
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    turns = [call("add", a=i, b=1) for i in range(6)]
    proc = await llmos.run("go", model=script(*turns, {"text": "ok"}), tools=[add], approve="auto", budget="5 steps")
    assert (proc.reason, proc.detail) == ("budget", "steps")
    assert any("80 %" in m.text for m in proc.run.state.context.messages())
    proc.budget("+5 steps")
    await proc.resume()
    assert proc.reason == "answered" and same_as_folded(proc)


async def test_time_spent_waiting_for_a_person_does_not_count(script):
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    proc = await llmos.run("go", model=script(call("add", a=1, b=2), {"text": "3"}), tools=[add], budget="60 s")
    await asyncio.sleep(0.3)
    await proc.approve("all")
    at = {e.k: datetime.fromisoformat(e.at).timestamp() for e in proc.events}
    waited, whole = at["call.decided"] - at["question.asked"], at["run.ended"] - at["run.started"]
    assert proc.reason == "answered" and waited >= 0.3
    assert proc.run.state.spent["s"] == pytest.approx(whole - waited, abs=0.005)  # times are recorded in ms
