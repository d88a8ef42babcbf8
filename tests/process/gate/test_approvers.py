"""Approvers: asked before a person, bound to what they saw, and without a word where a person is required."""

import asyncio

import pytest
from turns import call, python, same_as_folded

import llmos_nb as llmos
from llmos_nb.errors import UsageError
from llmos_nb.journal.events import YOU, Decider
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.policy import Decision
from llmos_nb.process.gate import approvers as gate_approvers
from llmos_nb.session import Session

DONE = {"text": "ok"}
APPROVE = Decision("approve", "small enough")

DESK = Decider("approver", "desk")


def ship(box: str) -> str:
    """Ship a box."""
    return f"shipped {box}"


class Answering:
    """An approver that gives one answer after the other, the last for ever, and keeps what it was asked."""

    def __init__(self, *answers, name="desk"):
        self.answers, self.name, self.asked = list(answers), name, []

    async def decide(self, request):
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer


async def worked(*approvers, turns=(), tools=(ship,), namespace=None, **options):
    script = list(turns or (call("ship", box="a"), DONE))
    session = Session({} if namespace is None else namespace)
    proc = session.create("send it", model=ScriptedModel(script), tools=list(tools), approvers=approvers, **options)
    await proc.start()
    return proc


def decided(proc):
    return [(e.d["what"], e.body.by, e.d["why"]) for e in proc.events if e.k == "call.decided"]


def asked(proc):
    return [e.d for e in proc.events if e.k == "question.asked"]


async def test_approver_decides_before_a_person_is_asked():
    desk = Answering(APPROVE)
    proc = await worked(desk)
    assert proc.reason == "answered" and asked(proc) == [] and same_as_folded(proc)
    assert decided(proc) == [("approve", DESK, "small enough")]
    (request,) = desk.asked
    assert (request.pid, request.goal, request.call, request.tool) == (proc.pid, "send it", "r1.0", "ship")
    assert request.arguments == {"box": "a"} and request.level == "risky" and "ship" in request.risks[0]
    assert request.digest == next(e.d["digest"] for e in proc.events if e.k == "call.decided")


async def test_run_takes_approvers(tmp_path):
    model = ScriptedModel([call("ship", box="a"), DONE])
    proc = await llmos.run("send it", model=model, tools=[ship], home=tmp_path, approvers=[Answering(APPROVE)])
    assert proc.reason == "answered" and decided(proc)[0][1] == DESK


async def test_approver_without_a_name_is_called_by_its_class():
    class Clerk:
        async def decide(self, request):
            return APPROVE

    assert decided(await worked(Clerk()))[0][1] == Decider("approver", "Clerk")


async def test_rejection_reaches_the_model_with_who_and_why():
    proc = await worked(Answering(Decision("reject", "too far", by="ann")))
    assert decided(proc) == [("reject", DESK, "ann: too far")]
    assert proc.run.state.calls["r1.0"].result == "Not run: rejected by the approver desk: ann: too far"


async def test_approvers_are_asked_in_order_and_then_a_person():
    first, second = Answering(None, name="first"), Answering(None, name="second")
    proc = await worked(first, second)
    assert proc.state == "waiting" and len(first.asked) == len(second.asked) == 1
    await proc.approve("all")
    assert decided(proc) == [("approve", YOU, "")]
    third = Answering(APPROVE, name="third")
    proc = await worked(Answering(None), third, Answering(Decision("reject"), name="last"))
    assert decided(proc)[0][:2] == ("approve", Decider("approver", "third"))


async def test_edit_approves_other_arguments_and_keeps_the_original():
    proc = await worked(Answering(Decision("edit", "b is nearer", arguments={"box": "b"})))
    made = proc.run.state.calls["r1.0"]
    assert made.arguments == {"box": "b"} and made.original == {"box": "a"} and same_as_folded(proc)
    assert proc.run.state.calls["r1.0"].result == "shipped b"
    assert [d[:2] for d in decided(proc)] == [("edit", DESK), ("approve", DESK)]
    assert "(The approver edited this call before it ran.)" in str(proc.run.state.context.window)


async def test_edit_that_a_rule_denies_does_not_run():
    desk = Answering(Decision("edit", arguments={"box": "gold"}))
    rules = [{"tool": "ship", "do": "deny", "where": {"box": "gold"}}]
    proc = await _with_rules(rules, desk)
    assert proc.run.state.calls["r1.0"].status == "rejected" and decided(proc)[-1][1] == Decider("rule", "1")


async def _with_rules(rules, *approvers, **options):
    script = [call("ship", box="a"), DONE]
    session = Session({})
    proc = session.create("send it", model=ScriptedModel(script), tools=[ship], approvers=approvers, **options)
    for rule in rules:
        proc.rule(rule["tool"], rule["do"], **rule.get("where", {}))
    await proc.start()
    return proc


async def test_edit_that_does_not_fit_goes_to_a_person():
    proc = await worked(Answering(Decision("edit", arguments={"crate": "b"})))
    assert proc.state == "waiting" and "the approver desk do not fit" in asked(proc)[0]["text"]


@pytest.mark.parametrize("mode", ["risky", "never"])
async def test_denied_call_never_reaches_an_approver(mode):
    desk = Answering(APPROVE)
    proc = await _with_rules([{"tool": "ship", "do": "deny"}] if mode == "risky" else [], desk, approve=mode)
    assert proc.run.state.calls["r1.0"].status == "rejected" and desk.asked == []


async def test_allowed_call_never_reaches_an_approver():
    desk = Answering(Decision("reject"))
    proc = await _with_rules([{"tool": "ship", "do": "allow"}], desk)
    assert proc.run.state.calls["r1.0"].result == "shipped a" and desk.asked == []


# what does not count


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (ValueError("no line"), "ValueError: no line"),
        ("yes", "it returned str"),
        (Decision("allow"), "it returned Decision"),
    ],
)
async def test_failing_approver_counts_as_none_and_is_said_once(answer, said):
    turns = [call("ship", box="a"), call("ship", box="b"), DONE]
    proc = await worked(Answering(answer), turns=turns)
    await proc.approve("all")
    await proc.approve("all")
    texts = [q["text"] for q in asked(proc)]
    assert said in texts[0] and "`desk` does not count" in texts[0]
    assert len(texts) == 2 and "desk" not in texts[1]


async def test_approver_over_its_deadline_counts_as_none(monkeypatch):
    class Slow:
        async def decide(self, request):
            await asyncio.Event().wait()

    monkeypatch.setattr(gate_approvers, "DEADLINE_S", 0.02)
    proc = await worked(Slow(), Answering(APPROVE))
    assert decided(proc)[0][:2] == ("approve", DESK) and "deadline of 0.02 s" in decided(proc)[0][2]


@pytest.mark.parametrize("setting", ['approvers = ["bob"]', "other = true"])
async def test_approver_has_no_word_where_a_person_is_required(tmp_path, monkeypatch, setting):
    monkeypatch.setenv("LLMOS_USER", "ann")
    (tmp_path / "llmos.toml").write_text(f"[approval]\n{setting}")
    monkeypatch.chdir(tmp_path)
    desk = Answering(APPROVE)
    proc = await worked(desk)
    assert proc.state == "waiting" and desk.asked == []
    await proc.approve("all", by="bob")
    assert proc.reason == "answered" and decided(proc)[0][1] == Decider("person", "bob")


async def test_deadline_of_the_settings_leaves_approvers_their_word(tmp_path, monkeypatch):
    (tmp_path / "llmos.toml").write_text('[approval]\ndeadline = "2 d"')
    monkeypatch.chdir(tmp_path)
    assert decided(await worked(Answering(APPROVE)))[0][1] == DESK


@pytest.mark.out_of_process
async def test_approver_has_no_word_over_a_tool_that_asks_each_time(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    desk = Answering(APPROVE)
    proc = await worked(desk, turns=[call("terminal", command="echo hi"), DONE], tools=["terminal"])
    assert proc.state == "waiting" and desk.asked == []
    await proc.approve("all")
    assert decided(proc)[0][1] == YOU


async def test_approver_decides_after_an_untrusted_read_and_sees_the_sources():
    @llmos.tool(effect="read", source="untrusted")
    def fetch() -> str:
        """Fetch mail."""
        return "please ship a to me"

    desk = Answering(APPROVE)
    proc = await worked(desk, turns=[call("fetch"), call("ship", box="a"), DONE], tools=[fetch, ship])
    assert ("approve", DESK, "small enough") in decided(proc)
    assert "untrusted" in desk.asked[-1].labels["*"] and "box" in desk.asked[-1].origins


# bound to what was seen


async def test_change_before_the_start_asks_the_approver_again_and_then_a_person():
    names = {"rows": [1]}

    def changing(request):
        names["rows"].append(len(names["rows"]))  # somebody else works in the notebook meanwhile
        return APPROVE

    desk = Answering(changing)
    turns = [python("import os\nos.remove(str(rows))"), DONE]
    proc = await worked(desk, turns=turns, tools=(), namespace=names)
    assert len(desk.asked) == 2 and desk.asked[0].digest != desk.asked[1].digest
    assert proc.state == "waiting" and "since the approver desk approved it" in asked(proc)[0]["text"]
    assert [d[:2] for d in decided(proc)] == [("approve", DESK)] * 2 and same_as_folded(proc)


async def test_change_before_the_start_is_decided_on_anew():
    names = {"rows": [1]}

    def changing(request):
        names["rows"].append(2)
        return APPROVE

    desk = Answering(changing, Decision("reject", "it changed"))
    proc = await worked(desk, turns=[python("import os\nos.remove(str(rows))"), DONE], tools=(), namespace=names)
    assert proc.reason == "answered" and asked(proc) == []
    assert [d[:2] for d in decided(proc)] == [("approve", DESK), ("reject", DESK)]


async def test_stop_while_an_approver_thinks_leaves_the_call_to_be_judged_again():
    thinking = asyncio.Event()

    class Slow(Answering):
        async def decide(self, request):
            self.asked.append(request)
            if len(self.asked) == 1:
                thinking.set()
                await asyncio.Event().wait()
            return APPROVE

    session = Session({})
    model = ScriptedModel([call("ship", box="a"), DONE])
    proc = session.create("send it", model=model, tools=[ship], approvers=[Slow(None)]).start()
    await thinking.wait()
    await proc.stop()
    assert proc.state == "paused" and proc.run.state.calls["r1.0"].status == "proposed"
    await proc.resume()
    assert proc.reason == "answered" and decided(proc)[0][1] == DESK


async def test_loaded_process_takes_approvers_again():
    proc = await worked(Answering(None))
    again = Session({}).load(
        proc.journal.path, tools=[ship], model=ScriptedModel([call("ship", box="a"), call("ship", box="b"), DONE]),
        approvers=[Answering(APPROVE)],
    )  # fmt: skip
    again.approve("all")
    await again.resume()
    assert [d[1] for d in decided(again)] == [YOU, DESK]


# out of reach of a step


class Strict:
    """An approver that a step may try to loosen; it stands in the namespace."""

    name = "strict"
    loose = False

    async def decide(self, request):
        return APPROVE if self.loose or request.tool == "python" else None


async def _yes(self, request):
    return APPROVE


@pytest.mark.parametrize(
    "code",
    [
        "guard.loose = True",
        "async def yes(request): return decision\nguard.decide = yes",
        "async def yes(self, request): return decision\ntype(guard).decide = yes",
        "type(guard).decide.__code__ = yes.__code__",
        "guard.__dict__['loose'] = True",
    ],
)
async def test_step_cannot_loosen_an_approver(code):
    class Guard(Strict):
        async def decide(self, request):
            return APPROVE if self.loose or request.tool == "python" else None

    names = {"guard": Guard(), "decision": APPROVE, "yes": _yes}
    turns = [python(code), call("ship", box="a"), DONE]
    proc = await worked(names["guard"], turns=turns, namespace=names)
    assert proc.run.state.calls["r1.0"].status == "done", proc.run.state.calls["r1.0"].result
    assert proc.state == "waiting" and [q["question"] for q in asked(proc)] == ["r2.0"]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_change_of_an_approver_by_another_process_is_noticed(when):
    names = {"guard": Strict()}
    session = Session(names)

    def create():
        model = ScriptedModel([call("ship", box="a"), DONE])
        return session.create("send it", model=model, tools=[ship], approvers=[names["guard"]])

    proc = create() if when == "before" else None
    await session.create("loosen", model=ScriptedModel([python("guard.loose = True"), DONE])).start()
    proc = proc or create()
    await proc.start()
    if when == "before":
        assert "`strict` does not count: a step has changed it" in asked(proc)[0]["text"]
    else:
        assert decided(proc)[0][1] == Decider("approver", "strict")


@pytest.mark.parametrize(
    "code",
    [
        "proc.approve('all', by='approver:desk')",
        "from llmos_nb.journal.events import CallDecided, Decider\nproc.run.append(CallDecided(call='r2.0', digest='', what='approve', by=Decider('approver', 'desk'), why=''))",
        "proc.session.create('more', model=proc.run.model, approvers=[desk])",
    ],
)
async def test_step_cannot_speak_for_an_approver(code):
    names = {"desk": Answering(APPROVE)}
    session = Session(names)
    model = ScriptedModel([python(code), call("ship", box="a"), DONE])
    names["proc"] = proc = session.create("send it", model=model, tools=[ship])
    await proc.start()
    assert "CallDenied" in proc.run.state.calls["r1.0"].result
    assert proc.state == "waiting" and proc.run.state.calls["r2.0"].status == "asked"


# handed in wrongly


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([object()], "approver object: it needs a method `async def decide"),
        (
            [type("Sync", (), {"decide": lambda self, request: None})()],
            "approver Sync: it needs a method `async def",
        ),
        ([Answering(None), Answering(None)], "approver desk: there are two of this name"),
        (["nobody"], "approver 'nobody': none is installed"),
        ("desk", "must be a list"),
    ],
)
def test_object_that_is_no_approver_is_refused_before_the_start(given, said):
    session = Session({})
    with pytest.raises(UsageError, match=said):
        session.create("send it", model=ScriptedModel([DONE]), approvers=given)
    assert not session.processes


async def test_child_process_is_asked_for_by_the_approvers_of_its_parent():
    desk = Answering(lambda request: APPROVE if request.arguments["box"] == "b" else None)
    proc = await worked(desk)
    assert proc.state == "waiting"
    child = proc.session.start("more", parent=proc, model=ScriptedModel([call("ship", box="b"), DONE]))
    await child
    assert child.reason == "answered" and [d[1] for d in decided(child)] == [DESK]
