"""While another interpreter writes a shared mailbox, who uses it waits, and nobody else does."""

from contextlib import contextmanager

from turns import call
from waits import until_async

from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.process import open_journal
from llmos_nb.session import Session

DONE = {"text": "Done."}


def start(session, name, *turns):
    model = ScriptedModel(list(turns))
    return session.start(f"be {name}", name=name, model=model, tools=["mail"], approve="auto")


@contextmanager
def written(session):
    """Be another that writes the mailbox #jobs."""
    session.parts["mail"].boxes.get("#jobs").journal.path.parent.mkdir(parents=True, exist_ok=True)
    journal = open_journal(session.parts["mail"].boxes.get("#jobs").journal.path)
    journal.acquire()
    try:
        yield
    finally:
        journal.release()


async def others_go_on(session, waits):
    """Let a process live from its begin to its end while others wait for the mailbox."""
    bystander = start(session, "bystander", DONE)
    await bystander
    assert bystander.reason == "answered" and all(p.state != "ended" for p in waits)


def result(process, name):
    return next(c.result for c in process.run.state.calls.values() if c.name == name)


async def test_sender_to_a_mailbox_that_another_writes_waits_and_holds_nobody_up():
    session = Session(None)
    with written(session):
        sender = start(session, "sender", call("send", to="#jobs", message="one"), DONE)
        await until_async(lambda: any(e.k == "message.sent" for e in sender.events), every=0)
        await others_go_on(session, [sender])
    await sender
    assert result(sender, "send") == "put into #jobs"


async def test_message_in_a_mailbox_that_another_writes_is_taken_once_it_is_free():
    session = Session(None)
    await start(session, "sender", call("send", to="#jobs", message="one"), DONE)
    with written(session):
        reader = start(session, "reader", call("receive", sender="#jobs"), DONE)
        await until_async(lambda: any(e.k == "message.awaited" for e in reader.events), every=0)
        await others_go_on(session, [reader])
        assert [e.k for e in reader.events].count("message.awaited") == 1  # it does not ask again and again
    await reader
    assert result(reader, "receive").endswith("\none")


async def test_message_of_a_reader_that_ends_goes_back_though_another_writes_the_mailbox():
    session = Session(None)
    await start(session, "sender", call("send", to="#jobs", message="one"), DONE)
    reader = start(session, "reader", call("receive", sender="#jobs"), {"text": "late", "wait_s": 600})
    await until_async(lambda: any(c.status == "done" for c in list(reader.run.state.calls.values())), every=0)
    box = session.parts["mail"].boxes.get("#jobs")
    with written(session):
        await reader.kill()
        await others_go_on(session, [])
        box.fold()
        assert box.held_by(reader.pid)
    after = start(session, "after", call("receive", sender="#jobs"), DONE)
    await after
    assert result(after, "receive").endswith("\none") and not box.held_by(reader.pid)
