"""Who decided: a typed value in each event that decides, and what former versions wrote in its place."""

import json
from dataclasses import fields, replace
from types import SimpleNamespace
from typing import get_args, get_type_hints

import pytest
from hypothesis import given, strategies as st
from test_events import STARTED, written
from turns import call, python

import llmos_nb as llmos
from llmos_nb.errors import JournalTampered, UsageError
from llmos_nb.journal import read
from llmos_nb.journal.events import KINDS, MODEL, NO_ONE, PLAN, YOU, Decider, former, parse, person, typed
from llmos_nb.journal.events.decider import Kind
from llmos_nb.policy import Decision
from llmos_nb.process import fold

DECIDES = {name for name, cls in KINDS.items() if get_type_hints(cls).get("by") is Decider}
FORMER = {
    "you": YOU,
    "anna": Decider("person", "anna"),
    "Prof. X": Decider("person", "Prof. X"),
    "mode:auto": Decider("mode", "auto"),
    "rule:2": Decider("rule", "2"),
    "act:7": Decider("commitment", "7"),
    "act": Decider("commitment"),
    "words": Decider("commitment", "words"),
    "plan": PLAN,
    "approver:desk": Decider("approver", "desk"),
    "approver:a:b": Decider("approver", "a:b"),
    "schema": Decider("check", "schema"),
    "deadline": Decider("check", "deadline"),
    "the journal": Decider("check", "journal"),
    "reconcile": Decider("check", "reconcile"),
    "model": MODEL,
    "process": Decider("process"),
    "process 3": Decider("process", "3"),
    "the batch": Decider("process", "the batch"),
    "a step": Decider("process", "a step"),
    "": NO_ONE,
    # what no version wrote
    "ops:anna": Decider("unknown", "ops:anna"),
    "rule:first": Decider("unknown", "rule:first"),
    "rule:": Decider("unknown", "rule:"),
    "mode:": Decider("unknown", "mode:"),
    "you:": Decider("unknown", "you:"),
}
numbers = st.integers(0, 999).map(str)
deciders = st.one_of(
    st.builds(Decider, st.sampled_from(sorted({*get_args(Kind)} - {"rule"})), st.text()),
    st.builds(Decider, st.just("rule"), numbers),
)


def data(kind):
    """Return the least that a line of a kind must have, without who decided."""
    known = {str: "r1.0", int: 1, bool: True, list: [], dict: {}}
    hints = get_type_hints(KINDS[kind])
    needed = {f.name: hints[f.name] for f in fields(KINDS[kind]) if "MISSING" in repr(f.default)}
    return {n: known.get(getattr(h, "__origin__", h), "stop") for n, h in needed.items() if n != "by"}


@given(deciders)
def test_whoever_decided_comes_back(who):
    assert Decider.parse(json.loads(json.dumps(who.plain()))) == who
    assert who.describe() and (who.describe() == "you") == (who == YOU or (who.name == "you" and "{}" in who.name))


@given(st.text(min_size=1))
def test_a_persons_name_is_a_persons_whatever_it_looks_like(name):
    who = person(name)
    assert who.is_person and not who.in_advance and Decider.parse(who.plain()) == who


@given(st.text(), st.text())
def test_what_nobody_can_read_is_kept_as_it_stands_and_is_no_person(before, after):
    text = f"{before}:{after}"
    who = former(text)
    assert not who.is_person and (who.kind != "unknown" or who.name == text)


@pytest.mark.parametrize("text", FORMER)
def test_a_text_of_a_former_version_is_read(text):
    assert former(text) == FORMER[text]


@pytest.mark.parametrize("text", FORMER)
def test_what_is_unknown_is_shown_so_and_never_as_somebody(text):
    assert (former(text).kind == "unknown") == former(text).describe().startswith(("nobody", "somebody unknown"))


def test_each_event_that_decides_has_a_typed_value():
    assert {
        "call.decided", "call.resolved", "plan.proposed", "plan.edited", "plan.decided", "policy.changed",
        "question.answered", "effect.decided", "signal.received", "undo.proposed", "tool.called", "heap.restored",
        "call.undone",
    } == DECIDES  # fmt: skip
    others = {n for n, cls in KINDS.items() if "by" in get_type_hints(cls)} - DECIDES
    assert all(get_type_hints(KINDS[n])["by"] is int for n in others)  # a process's number


@pytest.mark.parametrize("who", [YOU, Decider("mode", "auto"), Decider("rule", "1"), PLAN, Decider("approver", "desk")])
@pytest.mark.parametrize("kind", sorted(DECIDES))
def test_each_event_that_decides_says_who(kind, who):
    found = parse(kind, {**data(kind), "by": who.plain()})
    assert found.by == who and found.plain()["by"] == who.plain()


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("kind", sorted(DECIDES))
@pytest.mark.parametrize("text", ["you", "mode:auto", "plan", "ops:anna"])
def test_former_versions_are_migrated_as_they_are_read(kind, text, version):
    assert parse(kind, {**data(kind), "by": text}, version).by == FORMER[text]


@pytest.mark.parametrize("kind", sorted(DECIDES))
def test_from_version_3_on_a_text_says_nothing(tmp_path, kind):
    path = written(tmp_path / "j.jsonl", ("run.started", STARTED), (kind, {**data(kind), "by": "you"}))
    with pytest.raises(JournalTampered, match="line 2: .*`by` cannot be 'you'"):
        read(path)


def test_a_former_journal_that_goes_on_has_both_and_its_chain_holds(tmp_path):
    """What stands on disk is what the chain is over: nothing is written anew."""
    said = {"signal": "steer", "text": "Go on."}
    lines = [("run.started", {**STARTED, "version": 2}), ("signal.received", {**said, "by": "you"})]
    lines.append(("signal.received", {**said, "by": Decider("process", "3").plain()}))
    path = written(tmp_path / "j.jsonl", *lines)
    events = read(path)
    assert [e.d["by"] for e in events[1:]] == ["you", {"kind": "process", "name": "3"}]
    assert fold(events).told == [(YOU, "Go on."), (Decider("process", "3"), "Go on.")]


def test_acts_of_former_versions_say_who_gave_them():
    act = {"n": 1, "text": "pay()", "kind": "bound"}
    steps = [{"n": 1, "title": "t", "acts": [{**act, "by": "model"}, act]}]
    made = typed({"version": 1, "by": "you", "steps": steps})
    assert made["by"] == YOU.plain() and made["steps"][0]["acts"] == [{**act, "by": MODEL.plain()}, act]
    assert typed({"acts": [{**act, "by": "anna"}]})["acts"][0]["by"] == {"kind": "person", "name": "anna"}
    assert typed({"acts": [1, 2]}) == {"acts": [1, 2]}  # those that went to another process


class Desk:
    name = "desk"

    async def decide(self, request):
        return Decision("approve", "few") if request.arguments == {"n": 1} else None


async def test_a_run_says_of_each_decision_who_made_it(script):
    """A mode, a check, an approver, a person and a rule, as they stand in the file."""

    def pay(n: int) -> str:
        """Pay."""
        return f"paid {n}"

    turns = [
        python("1 + 1"),
        call("pay", m=1),
        call("pay", n=1),
        call("pay", n=2),
        call("pay", n=3),
        call("pay", n=4),
        {"text": "Done."},
    ]
    process = llmos.start("Pay.", model=script(*turns), tools=[pay], approvers=[Desk()], namespace={}, plan="none")
    await process
    await process.approve("all", by="mode:auto")  # which is a name
    process.rule("pay", "allow")
    await process.approve("all", by="you")
    lines = [json.loads(line)["d"] for line in process.journal.path.read_text().splitlines()]
    assert [d["by"] for d in lines if d.get("what") in ("approve", "reject")] == [
        {"kind": "mode", "name": "risky"},
        {"kind": "check", "name": "schema"},
        {"kind": "approver", "name": "desk"},
        {"kind": "person", "name": "mode:auto"},
        {"kind": "person", "name": "you"},
        {"kind": "rule", "name": "1"},
    ]


async def test_nobody_but_a_person_approves_by_a_verb(script):
    def pay(n: int) -> str:
        """Pay."""
        return f"paid {n}"

    process = llmos.start("Pay.", model=script(call("pay", n=1), {"text": "Done."}), tools=[pay], plan="none")
    await process
    with pytest.raises(UsageError, match="the mode auto approves nothing here"):
        process.approve("all", by=Decider("mode", "auto"))
    assert process.state == "waiting"


@pytest.mark.parametrize("kind", sorted(DECIDES))
def test_nothing_but_a_decider_says_who_decided_and_nothing_else_is_called(kind):
    class Posing(Decider):
        def plain(self):
            raise AssertionError("it was called")

    made = parse(kind, {**data(kind), "by": YOU.plain()})
    for by in ("you", Posing("mode", "auto"), SimpleNamespace(plain=lambda: {"kind": "person", "name": "you"})):
        with pytest.raises(TypeError, match="`by` must be a Decider"):
            replace(made, by=by).plain()
