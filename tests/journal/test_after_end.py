"""What may stand in a journal after the end of its process, from version 3 of the format on."""

import pytest
from test_events import STARTED, written
from turns import call, python

import llmos_nb as llmos
from llmos_nb.errors import JournalError, JournalTampered
from llmos_nb.journal import read
from llmos_nb.journal.events import YOU, CallDecided, Decider, PolicyChanged, SignalReceived
from llmos_nb.process import fold
from llmos_nb.views.audit import Wanted, of_one

ENDED = ("run.ended", {"reason": "killed", "detail": "killed by you", "answer": None})
ANSWERED = ("run.ended", {"reason": "answered", "detail": "", "answer": "Yes."})
RESUMED = ("run.resumed", {"epoch": 1})
BY = YOU.plain()
REFUSED = {
    "a call is decided": (
        "call.decided",
        {"call": "r1.0", "digest": "", "what": "approve", "by": BY, "why": ""},
    ),
    "a call begins": ("call.started", {"call": "r1.0", "key": "k", "epoch": 0}),
    "a call that never began ends": ("call.finished", {"call": "r1.0", "ok": True, "result": "", "size": 0}),
    "a plan": ("plan.proposed", {"version": 1, "steps": [], "by": BY}),
    "a decision on it": (
        "plan.decided",
        {"version": 1, "what": "approve", "envelope": {}, "by": BY, "why": ""},
    ),
    "a rule": ("policy.changed", {"rule": {"tool": "pay", "do": "allow"}, "by": BY}),
    "an answer": ("question.answered", {"question": "q", "text": "yes", "by": BY}),
    "a request": ("model.requested", {"request": 1, "head": "h", "ledger": 0, "window": []}),
    "another end": ANSWERED,
    "a pause": ("run.paused", {"why": "stopped"}),
    "a kill": ("signal.received", {"signal": "kill", "by": BY}),
    "a step is approved": ("signal.received", {"signal": "approve_step", "by": BY, "step": 1}),
    "it goes on after a kill": RESUMED,
}
FOLLOWS = {
    "words": [ANSWERED, ("signal.received", {"signal": "steer", "by": BY, "text": "More."}), RESUMED, ANSWERED],
    "a rule for what comes": [ANSWERED, REFUSED["a rule"], RESUMED, ANSWERED],
    "a plan that a person edits": [
        ANSWERED,
        ("plan.edited", {"version": 1, "steps": [], "by": BY}),
        RESUMED,
        ANSWERED,
    ],
    "a budget": [("run.ended", {**ENDED[1], "reason": "budget"}), RESUMED, ANSWERED],
    "payloads go": [ENDED, ("signal.received", {"signal": "forget", "by": BY, "call": "all", "bytes": 1})],
    "a command is noted": [ENDED, ("signal.received", {"signal": "command", "by": BY, "text": "kill"})],
    "a child settles": [ENDED, ("budget.settled", {"request": 0, "amounts": {"tokens": 1}, "child": 2})],
}


def journal(tmp_path, *events, version=3):
    return written(tmp_path / "journal.jsonl", ("run.started", {**STARTED, "version": version}), *events)


@pytest.mark.parametrize("what", REFUSED)
def test_what_decides_or_begins_anything_after_the_end_is_refused_with_its_line(tmp_path, what):
    path = journal(tmp_path, ENDED, REFUSED[what])
    with pytest.raises(JournalTampered, match=r"line 3: .*may not follow run\.ended"):
        read(path)
    with pytest.raises(JournalTampered, match=r"journal\.jsonl.* line 3: .*may not follow run\.ended"):
        list(of_one(Wanted(verify=True), path, []))
    with pytest.raises(JournalError, match=r"line 3: .*run\.ended"):
        llmos.replay(path)


@pytest.mark.parametrize("what", FOLLOWS)
def test_what_goes_on_or_begins_nothing_may_follow(tmp_path, what):
    path = journal(tmp_path, *FOLLOWS[what])
    assert fold(read(path)).status == "ended"


@pytest.mark.parametrize("version", [1, 2])
def test_former_versions_still_load(tmp_path, version):
    path = journal(tmp_path, ENDED, REFUSED["a rule"], version=version)
    assert [r.tool for r in fold(read(path)).rules] == ["pay"]


def test_after_it_has_gone_on_the_end_is_behind_it(tmp_path):
    path = journal(tmp_path, *FOLLOWS["words"][:3], REFUSED["a rule"])
    assert [r.tool for r in fold(read(path)).rules] == ["pay"]
    path = journal(tmp_path, *FOLLOWS["words"], REFUSED["a call is decided"])
    with pytest.raises(JournalTampered, match="line 6"):
        read(path)


@pytest.mark.parametrize("who", [Decider("mode", "auto"), Decider("model"), Decider("unknown", "ops:anna")])
def test_nobody_but_a_person_prepares_what_comes_after_an_end(tmp_path, who):
    rule = {"rule": {"tool": "pay", "do": "allow"}, "by": who.plain()}
    with pytest.raises(JournalTampered, match="line 3"):
        read(journal(tmp_path, ANSWERED, ("policy.changed", rule)))


async def test_nothing_is_written_after_the_end_of_a_live_process(script):
    process = await llmos.run("Say it.", model=script({"text": "It."}))
    before = process.journal.path.read_bytes()
    for body in (
        PolicyChanged(rule={"tool": "pay", "do": "allow"}, by=Decider("rule", "1")),
        CallDecided(call="r1.0", digest="", what="approve", by=Decider("mode", "auto"), why=""),
        SignalReceived(signal="approve_step", by=YOU, step=1),
    ):
        with pytest.raises(JournalError, match="has ended"):
            process.run.append(body)
    assert process.journal.path.read_bytes() == before and not process.run.state.rules


async def test_undo_redo_a_way_back_and_a_further_turn_are_read_again(script):
    left = []

    def unbook(n: int) -> str:
        """Take it back."""
        left.remove(n)
        return "gone"

    @llmos.tool(undo=unbook)
    def book(n: int) -> str:
        """Book."""
        left.append(n)
        return "booked"

    names = {}
    turns = [python("x = 1"), call("book", n=1), {"text": "Done."}, {"text": "Still done."}]
    process = llmos.start("Do it.", model=script(*turns), tools=[book], namespace=names, approve="auto", plan="none")
    await process
    await process.undo("r2.0")
    await process.approve("all")
    await process.undo("r1.0")
    await process.redo()
    assert left == [] and names["x"] == 1 and process.state == "ended"
    process.send("And now?")
    await process
    await process.journal.flush()
    assert process.answer == "Still done." and fold(read(process.journal.path)).answer == "Still done."
