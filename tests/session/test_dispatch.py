"""Dispatch: a verb reaches the loop of its process from any thread, and says what was wrong where it was called."""

import asyncio
import threading

import pytest
from turns import call, python

from llmos_nb.errors import JournalUnwritable, UsageError
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.process.gate import labels
from llmos_nb.session import Session
from llmos_nb.session.threads import Visits
from llmos_nb.tools.devices.python import device


def ship(box: str) -> str:
    """Ship a box."""
    return f"shipped {box}"


@pytest.fixture
async def waiting(tmp_path):
    """A process that waits for a person's word about one call."""
    model = ScriptedModel([call("ship", box="a"), {"text": "ok"}])
    return await Session(home=tmp_path).start("ship it", model=model, tools=[ship])


async def test_a_verb_is_carried_out_on_the_thread_of_the_processes_whoever_calls_it(waiting):
    threads = []
    waiting.run.listeners.append(lambda event, state: threads.append(threading.current_thread().name))
    await asyncio.to_thread(waiting.send, "hurry")
    waiting.send("now")
    assert set(threads) == {"llmos"} and waiting.run.state.status == "running"


async def test_what_is_wrong_with_a_verb_is_raised_in_the_thread_that_called_it(waiting):
    with pytest.raises(UsageError, match="no such call"):
        await asyncio.to_thread(waiting.approve, "r9.9")
    await asyncio.to_thread(waiting.approve, "r1.0")
    assert (await waiting).reason == "answered"


def test_a_verb_needs_no_event_loop_of_the_caller(tmp_path):
    model = ScriptedModel([call("ship", box="a"), {"text": "ok"}])

    async def begun():
        return await Session(home=tmp_path).start("ship it", model=model, tools=[ship])

    waiting = asyncio.run(begun())  # the loop that it began on is closed now
    waiting.send("hurry")
    assert waiting.events[-1].d["text"] == "hurry" and waiting.state == "waiting"


async def test_what_is_said_of_a_process_before_it_is_started_does_not_start_it(tmp_path):
    model = ScriptedModel([call("ship", box="a"), {"text": "ok"}])
    made = Session(home=tmp_path).create("ship it", model=model, tools=[ship], approve="auto")
    made.rule("ship", "deny")
    made.send("hurry")
    await made.dispatch.there(made.dispatch.idle)
    assert not made.dispatch.driven and "model.requested" not in [e.k for e in made.events]
    await made.start()
    assert made.run.state.calls["r1.0"].status == "rejected" and made.reason == "answered"


@pytest.mark.parametrize("code", ["ran = 1", "import asyncio\nran = 1\nawait asyncio.sleep(0)"])
@pytest.mark.parametrize("where", [(labels, "catch_up"), (labels, "reading"), (device, "captured")])
async def test_stop_that_comes_while_a_step_is_being_prepared_lets_none_of_it_run(
    tmp_path, monkeypatch, where, code
):
    """Such a step has begun, so it cannot be withdrawn, and no code of it runs yet that could be interrupted."""
    session = Session({}, home=tmp_path)
    process = session.create(
        "go", model=ScriptedModel([python(code), {"text": "ok"}]), approve="auto", plan="none"
    )
    true = getattr(*where)

    def stopping(*args, **kwargs):
        clicking = threading.Thread(target=process.stop)
        clicking.start()
        clicking.join()
        return true(*args, **kwargs)

    monkeypatch.setattr(*where, stopping)
    await process.start()
    assert process.state == "paused" and "ran" not in session.namespace
    monkeypatch.undo()
    await process.resume()
    assert process.reason == "answered"


@pytest.mark.parametrize("form", ["expression", "function"])
async def test_stop_ends_a_check_of_the_users_that_does_not_end(tmp_path, form):
    began, again = threading.Event(), []

    def hold(answer=""):
        began.set()
        while not again:
            pass
        return True

    check = "hold()" if form == "expression" else hold
    session = Session({"hold": hold}, home=tmp_path)
    process = session.start(
        "go", model=ScriptedModel([{"text": "done"}]), check=check, approve="auto", plan="none"
    )

    def stop():
        began.wait()
        process.stop()

    stopping = threading.Thread(target=stop)
    stopping.start()
    await process
    stopping.join()
    assert process.state == "paused" and "check.finished" not in [e.k for e in process.events]
    again.append(True)
    await process.resume()
    assert process.reason == "answered"


def here() -> Visits:
    visits = Visits()
    visits.settle(asyncio.get_running_loop(), threading.get_ident())
    return visits


async def test_a_visit_that_is_cancelled_before_it_begins_never_begins():
    visits, done = Visits(), []
    waiting = asyncio.create_task(visits(lambda: done.append("begun")))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    visits.settle(asyncio.get_running_loop(), threading.get_ident())
    await visits(lambda: done.append("later"))
    assert done == ["later"]


async def test_a_visit_that_is_cancelled_after_it_began_brings_what_comes_of_it():
    begun = asyncio.Event()

    async def work():
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "kept"

    visiting = asyncio.create_task(here()(work))
    await begun.wait()
    visiting.cancel()
    assert await visiting == "kept"


async def test_a_visit_behind_a_journal_that_cannot_be_written_does_not_begin():
    class Full:
        def written(self, then):
            then(JournalUnwritable("the disk is full"))

    done = []
    with pytest.raises(JournalUnwritable):
        await here()(lambda: done.append("begun"), Full())
    assert done == []
