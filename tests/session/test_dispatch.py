"""Dispatch: a verb reaches the loop of its process from any thread, and says what was wrong where it was called."""

import asyncio
import threading
from contextvars import Context

import pytest
from turns import call, python
from waits import until

from llmos_nb.errors import JournalUnwritable, UsageError
from llmos_nb.journal import Journal, read
from llmos_nb.journal.events import YOU, Decider
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.process.gate import labels
from llmos_nb.session import Session, threads
from llmos_nb.session.outcome import unanswered
from llmos_nb.session.threads import Visits
from llmos_nb.tools.devices.python import device, guard


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


@pytest.mark.parametrize(("by", "words"), [(YOU, "the user"), (Decider("process", "the notebook"), "the notebook")])
async def test_work_that_was_cut_off_says_who_cut_it_off(tmp_path, by, words):
    began = threading.Event()
    code = "began.set()\nwhile True: pass"
    session = Session({"began": began}, home=tmp_path)
    process = session.start("go", model=ScriptedModel([python(code)]), approve="auto", plan="none")
    stopping = threading.Thread(target=lambda: (began.wait(), process.dispatch.halt_soon("paused", by)))
    stopping.start()
    await process
    stopping.join()
    assert process.run.state.calls["r1.0"].result.partition(";")[0] == f"stopped by {words}"
    assert process.detail == f"stopped by {by.describe()}"


async def test_stop_of_a_process_that_is_paused_already_is_not_on_the_record(waiting):
    waiting.stop()
    await waiting
    before = len(waiting.events)
    waiting.dispatch.halt_soon("paused", Decider("process", "the end of the interpreter"))
    await waiting.dispatch.there(waiting.dispatch.idle)
    assert (waiting.state, len(waiting.events)) == ("paused", before)


async def test_what_waits_for_a_person_goes_on_waiting_where_a_service_ends_while_its_driver_writes(
    tmp_path, monkeypatch
):
    flush, asked, go = Journal.flush, threading.Event(), threading.Event()

    async def held(journal):
        await flush(journal)
        if journal.events[-1].k == "question.asked":  # all is on disk, and the driver has yet to hear of it
            asked.set()
            await asyncio.to_thread(go.wait, 30)

    monkeypatch.setattr(Journal, "flush", held)
    model = ScriptedModel([call("ship", box="a")])
    process = Session(home=tmp_path).start("ship it", model=model, tools=[ship])
    assert await asyncio.to_thread(asked.wait, 60)
    process.dispatch.rest_soon(Decider("process", "the service"))
    go.set()
    await process
    assert process.state == "waiting" and process.events[-1].k == "question.asked"


@pytest.mark.parametrize("acts", [True, False])
async def test_what_a_step_did_outside_before_stop_is_told(tmp_path, acts):
    began, path = threading.Event(), tmp_path / "sent.txt"
    code = f"with open({str(path)!r}, 'w') as f: f.write('sent')\n" * acts + "began.set()\nwhile True: pass"
    session = Session({"began": began}, home=tmp_path / "home")
    process = session.start("go", model=ScriptedModel([python(code)]), approve="auto", plan="none")
    stopping = threading.Thread(target=lambda: (began.wait(), process.stop()))
    stopping.start()
    await process
    stopping.join()
    stopped = process.run.state.calls["r1.0"]
    assert stopped.error == "Stopped"
    assert stopped.result.startswith("stopped by the user; what it had changed was taken back")
    assert ("which stands: write " in stopped.result and str(path) in stopped.result) == acts
    assert bool(stopped.facts.get("effects")) == acts


@pytest.mark.parametrize("late", ["while its value is read", "as its result has come"])
async def test_stop_once_the_code_of_a_step_has_ended_takes_nothing_back_and_pauses(tmp_path, monkeypatch, late):
    session = Session({"count": 0}, home=tmp_path / "home")
    model = ScriptedModel([python("count += 1"), {"text": "Done."}])
    process = session.start("go", model=model, approve="auto", plan="none")
    left, settle = device.left, threads._Visit._settle

    def stopped(*given):
        guard.stop_main_thread(YOU)
        return left(*given)

    def settled(visit, *came):
        settle(visit, *came)
        if session.namespace["count"] and (step := process.run.state.calls.get("r1.0")) and step.status == "running":
            process.run.halt("paused", YOU)

    if late == "while its value is read":
        monkeypatch.setattr(device, "left", stopped)
    else:
        monkeypatch.setattr(threads._Visit, "_settle", settled)
    await process
    step = process.run.state.calls["r1.0"]
    assert (process.state, step.status, step.error, session.namespace["count"]) == ("paused", "done", "", 1)
    await process.undo()
    assert session.namespace["count"] == 0


async def test_each_of_several_questions_is_named_and_the_command_answers_one(tmp_path):
    boxes = {"calls": [{"name": "ship", "arguments": {"box": box}} for box in "ab"]}
    process = await Session(home=tmp_path).start("go", model=ScriptedModel([boxes]), tools=[ship])
    said = str(unanswered(process))
    assert "call ship (r1.0), call ship (r1.1). In a notebook: %agent approve 1 r1.0, then" in said


async def test_what_a_person_is_asked_ends_with_one_full_stop(tmp_path):
    """A question of a fold or a doubt is a whole sentence, a call's title is none."""
    asks = [call("ask", question="May it be shipped, or not. Say it.")]
    process = await Session({}, home=tmp_path).start("go", model=ScriptedModel(asks), plan="none")
    process.run.state.questions["r1.0"]["title"] = ""
    assert "Say it. In a notebook" in str(unanswered(process))
    process.run.state.questions["r1.0"]["title"] = "a question"
    assert "a question. In a notebook" in str(unanswered(process))


async def test_what_other_processes_say_waits_for_the_section_that_is_under_way(waiting):
    dispatch, run, heard = waiting.dispatch, waiting.run, []

    async def section():
        run.enter()
        hearing = asyncio.ensure_future(dispatch.hear(lambda: heard.append("heard")))
        dispatch.post(heard.append, "posted")
        await asyncio.to_thread(dispatch.post, heard.append, "from afar")
        for _ in range(3):
            await asyncio.sleep(0)
        early = [*heard]
        run.leave()
        await hearing
        return early

    early = await dispatch.there(section)
    assert early == [] and sorted(heard) == ["from afar", "heard", "posted"]


async def test_an_act_that_fails_after_a_section_keeps_no_other_from_its_turn(waiting):
    dispatch, run, heard = waiting.dispatch, waiting.run, []

    def fail():
        raise UsageError("no such thing")

    async def section():
        run.enter()
        hearing = asyncio.ensure_future(dispatch.hear(fail))
        dispatch.post(fail)
        dispatch.post(heard.append, "posted")
        await asyncio.sleep(0)
        run.leave()
        with pytest.raises(UsageError, match="no such thing"):
            await hearing

    await dispatch.there(section)
    assert heard == ["posted"]


@pytest.mark.parametrize("code", ["ran = 1", "import asyncio\nran = 1\nawait asyncio.sleep(0)"])
@pytest.mark.parametrize("where", [(labels, "catch_up"), (labels, "reading"), (device, "captured")])
async def test_stop_that_comes_while_a_step_is_being_prepared_lets_none_of_it_run(tmp_path, monkeypatch, where, code):
    """Such a step has begun, so it cannot be withdrawn, and no code of it runs yet that could be interrupted."""
    session = Session({}, home=tmp_path)
    process = session.create("go", model=ScriptedModel([python(code), {"text": "ok"}]), approve="auto", plan="none")
    true = getattr(*where)

    def click():
        clicking = threading.Thread(target=process.stop)
        clicking.start()
        clicking.join()

    def stopping(*args, **kwargs):
        Context().run(click)  # a person's, who is in no step
        return true(*args, **kwargs)

    monkeypatch.setattr(*where, stopping)
    await process.start()
    assert process.state == "paused" and "ran" not in session.namespace
    monkeypatch.undo()
    await process.resume()
    assert process.reason == "answered"


CLEANING = """
import asyncio
awaiting.set()
try:
    await asyncio.sleep(600)
finally:
    await asyncio.sleep(0.01)
    print("closed", file=log, flush=True)
    END
"""


@pytest.mark.parametrize("end", ["pass", "while True: pass", "await asyncio.sleep(600)"])
async def test_a_step_that_is_stopped_as_it_awaits_has_a_moment_to_clean_up(tmp_path, end):
    awaiting, log = asyncio.Event(), (tmp_path / "log").open("w")
    session = Session({"awaiting": awaiting, "log": log}, home=tmp_path)
    code = CLEANING.replace("END", end)
    with log:
        process = session.start("go", model=ScriptedModel([python(code)]), approve="auto", plan="none")
        await awaiting.wait()
        process.stop()
        await asyncio.wait_for(process, 10)  # whatever it does then
    assert process.state == "paused" and process.detail == "stopped by you"
    assert (tmp_path / "log").read_text() == "closed\n"


@pytest.mark.parametrize("form", ["expression", "function"])
async def test_stop_ends_a_check_of_the_users_that_does_not_end(tmp_path, form):
    began, again = threading.Event(), []

    def hold(answer=""):
        began.set()
        until(lambda: again, rest=lambda: None)  # it spins
        return True

    check = "hold()" if form == "expression" else hold
    session = Session({"hold": hold}, home=tmp_path)
    process = session.start("go", model=ScriptedModel([{"text": "done"}]), check=check, approve="auto", plan="none")

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


class SlowToClose(ScriptedModel):
    """A model whose connections take until they are let go."""

    def __init__(self, turns):
        super().__init__(turns)
        self.closing, self.may = threading.Event(), threading.Event()

    async def aclose(self):
        self.closing.set()
        await asyncio.to_thread(self.may.wait)


async def test_what_is_done_while_the_driver_is_on_its_way_out_is_on_disk():
    model = SlowToClose([python("x = 1"), {"text": "Made."}])
    process = Session({}).create("Make x.", model=model, approve="auto")
    process.run.owns_model = True
    process.start()
    await asyncio.to_thread(model.closing.wait)
    try:
        assert process.state == "ended" and process.dispatch.driven
        process.undo()
        assert [e.k for e in read(process.journal.path)][-1] == "call.undone"
    finally:
        model.may.set()
    await process
