"""What others wrote never becomes a sink of a bound act: expressions at random, over data in which their words are marked."""

import json

import pytest
from hypothesis import HealthCheck, assume, given, settings, strategies as st
from planned import TOOLS

from llmos_nb.errors import ActError, Unreadable
from llmos_nb.policy.commitments import Fit, Misfit, Use, fits, judged, read, reply, sentence
from llmos_nb.policy.commitments.evaluate import Evaluator
from llmos_nb.policy.commitments.flows import Flows

MARK, NUMBER = "evil", 66613
WORDS = "Pay Ada and Bob 20 or 7 on 2024-05-15, as they are in general."
TRANSACTIONS = [
    {"id": "1", "sender": "Ada", "recipient": "me", "amount": 20, "date": "2024-05-01", "subject": f"{MARK} {NUMBER} {MARK}@evil.example"},
    {"id": "2", "sender": "Bob", "recipient": "me", "amount": 7, "date": "2024-05-02", "subject": f"rent {MARK}", "tags": [MARK, NUMBER]},
]  # fmt: skip
DATA = {
    "transactions": TRANSACTIONS,
    "webpage": f"{MARK} {NUMBER}\nwww.{MARK}.example: {MARK}@evil.example {MARK}",
    "contacts": [{"name": "Ada", "email": "ada@x.example"}, {"name": "Bob", "email": "bob@x.example"}],
    "get_order": {"id": "W1", "total": 20, "lines": ["Ada", "Bob"]},
}


def expressions():
    """Return expressions of the form, most of which have a value."""
    base = st.sampled_from(
        [
            "'Ada'", "'Bob'", "20", "7", "transactions(n=9)", "webpage(url='x')", "contacts()", "get_order(id='W1')", "x", "y", "x.sender",
            "x.subject", "x.amount", "x['sender']", "x['subject']", "x.tags", "x.name", "transactions(n=9)[0].subject", "transactions(n=9)[1].sender",
        ]
    )  # fmt: skip
    names = st.sampled_from(["sender", "subject", "amount", "tags", "name", "id", "lines", "total"])

    def larger(inner):
        two = st.tuples(inner, inner)
        three = st.tuples(inner, inner, inner)
        return st.one_of(
            st.tuples(inner, names).map(lambda p: f"{p[0]}.{p[1]}"),
            st.tuples(inner, names).map(lambda p: f"{p[0]}.get('{p[1]}', 'Ada')"),
            st.tuples(inner, names, inner).map(lambda p: f"{p[0]}.get('{p[1]}', {p[2]})"),
            inner.map(lambda e: f"{e}[0]"),
            inner.map(lambda e: f"{e}[:40]"),
            st.tuples(st.sampled_from(["one", "max", "min", "sorted", "set", "list", "str", "email", "emails", "number", "numbers", "lines", "len", "sum",
                                       "any", "enumerate", "reversed", "url", "round", "abs", "int"]), inner).map(lambda p: f"{p[0]}({p[1]})"),
            st.tuples(st.sampled_from(["lower", "upper", "title", "strip", "split", "items", "keys", "values"]), inner).map(lambda p: f"{p[1]}.{p[0]}()"),
            two.map(lambda p: f"[{p[0]}, {p[1]}]"),
            two.map(lambda p: f"{{'a': {p[0]}, 'b': {p[1]}}}"),
            two.map(lambda p: f"({p[0]} + {p[1]})"),
            two.map(lambda p: f"({p[0]} or {p[1]})"),
            two.map(lambda p: f"({p[0]} == {p[1]})"),
            two.map(lambda p: f"mentions({p[0]}, {p[1]})"),
            two.map(lambda p: f"max({p[0]}, key=lambda y: {p[1]})"),
            two.map(lambda p: f"[{p[0]} for x in {p[1]}]"),
            two.map(lambda p: f"[{p[0]} for x, y in enumerate({p[1]})]"),
            two.map(lambda p: f"[y for x in {p[0]} for y in {p[1]}]"),
            two.map(lambda p: f"{p[0]}.join({p[1]})"),
            three.map(lambda p: f"{p[0]}.replace({p[1]}, {p[2]})"),
            three.map(lambda p: f"[{p[0]} for x in {p[1]} if {p[2]}]"),
            three.map(lambda p: f"one({p[0]} for x in {p[1]} if {p[2]})"),
            three.map(lambda p: f"({p[0]} if {p[1]} else {p[2]})"),
            inner.map(lambda e: f"plus('2024-05-15', days={e})"),
        )  # fmt: skip

    return st.recursive(base, larger, max_leaves=6)


def reader(name, arguments):
    return DATA[name]


def acted(source, loop="transactions(n=9)"):
    try:
        return read(f"(message(to={source}, body='b') for x in {loop} for y in contacts())", TOOLS)
    except ActError:
        assume(False)


quiet = settings(
    max_examples=600, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
)


def leaks(act):
    """Return whether an act counts as bound though a value of its sink holds what others wrote."""
    evaluator, node = Evaluator(reader), act.arguments["to"].node
    try:
        values = [evaluator.value(node, item) for item in evaluator.items(act.each)] if node is not None else []
    except Unreadable:
        return False
    said = json.dumps(values).casefold()
    return (MARK in said or str(NUMBER) in said) and judged(act, TOOLS, WORDS).kind == "bound"


LOOPS = ["transactions(n=9)", "webpage(url='x').split()", "contacts()", "['Ada', 'Bob']"]


@quiet
@given(expressions(), st.sampled_from(LOOPS))
def test_bound_sink_never_holds_what_others_wrote(source, loop):
    assert not leaks(acted(source, loop))


WITNESSES = {
    "_name": "x.subject",
    "_attribute": "transactions(n=9)[0].subject",
    "_subscript": "transactions(n=9)[0]",
    "_ifexp": "x.subject if 1 else 'Ada'",
    "_binop": "'Ada' + x.subject",
    "_unaryop": "-number(webpage(url='x'))",
    "_formattedvalue": "f'{x.subject}'",
    "_dict": "{'Ada': x.subject}",
    "_listcomp": "[z.subject for z in transactions(n=9)]",
    "_generatorexp": "one(z.subject for z in transactions(n=9) if z.id == '1')",
    "_setcomp": "{z.subject for z in transactions(n=9)}",
    "_call": "webpage(url='x')",
    "_method": "webpage(url='x').lower()",
    "_union": "['Ada', x.subject]",
    "_calculated": "number(webpage(url='x')) + 0",
    "inside": "[z for z in webpage(url='x').split()]",
}


@pytest.mark.parametrize("method", WITNESSES)
def test_flow_that_is_overlooked_would_leak(method, monkeypatch):
    act = acted(WITNESSES[method])
    assert not leaks(act)
    monkeypatch.setattr(Flows, method, lambda self, *given: {} if method == "inside" else frozenset())
    assert leaks(act)


@quiet
@given(
    expressions(),
    st.sampled_from(["", "among", "some", "quote", "maybe"]),
    st.sampled_from(["Ada", 20, ["Ada", "Bob"], MARK, None, {"a": 1}]),
)
def test_any_act_that_can_be_read_is_judged_said_and_compared(source, around, given_value):
    act = acted(f"{around}({source})" if around else source)
    verdict = judged(act, TOOLS, WORDS)
    line = sentence(act, TOOLS, WORDS)
    assert verdict.kind in ("bound", "delegated", "open", "invented") and verdict == judged(act, TOOLS, WORDS)
    assert line and "\n" not in line and "\n" not in reply([act], TOOLS, WORDS)
    found = fits(act, Use(), {"to": given_value, "body": "b"}, reader, WORDS)
    assert isinstance(found, Fit | Misfit)
    if isinstance(found, Fit) and isinstance(given_value, str) and given_value == MARK:
        assert verdict.kind != "bound"
