"""Answers as learners write them who have read no judge: all of the right ones pass, none of the wrong ones does."""

import builtins
import json
import signal
import sys
from enum import StrEnum
from itertools import pairwise
from typing import Literal

import answers_evaluation
import answers_planning
import answers_walked
import pytest
from lived import LIVED as LIVED_BEFORE

from llmos_nb import tool
from llmos_nb.lessons import core, lesson
from llmos_nb.lessons.mail import ATTACKS, TEAM
from llmos_nb.lessons.models import call
from llmos_nb.lessons.solutions import module

LIVED = {**LIVED_BEFORE, ("09", "demand"): answers_planning.DEMAND}
KINDS = list(module("01").order)
RATES = {"NOK": 0.088, "USD": 0.92}
reads = tool(effect="read", repeat="pure")
GOOD = call("double", n=2)


def messages_of(goal, whole=True):
    return [{"role": "user", "text": goal}] if whole else []


def loop_like(goal_sent=True, keeps=True, catches=Exception, least=0, most_calls=99):
    """Write a loop that differs from a right one in one thing."""

    def loop(propose, tools, goal, most):
        messages = messages_of(goal, goal_sent)
        for made in range(least or most):
            turn = propose(messages)
            if "answer" in turn:
                return turn["answer"]
            if made >= most_calls:
                return None
            try:
                result = tools[turn["call"]](**turn["arguments"])
            except catches as error:
                result = repr(error)
            said = {"role": "tool", "text": str(result)}
            messages = [*messages, said] if keeps else [*messages_of(goal, goal_sent), said]
        return None

    return loop


def recursive(propose, tools, goal, most, messages=()):
    messages = messages or messages_of(goal)
    if not most:
        return None
    if "answer" in (turn := propose(messages)):
        return turn["answer"]
    try:
        result = tools[turn["call"]](**turn["arguments"])
    except Exception as error:
        result = error
    return recursive(propose, tools, goal, most - 1, [*messages, {"role": "tool", "text": str(result)}])


def pythons_int(value):
    if isinstance(value, bool) or value is None or (isinstance(value, float) and value % 1):
        raise ValueError
    return int(value)


def digits(value):
    if isinstance(value, str) and not value.strip().lstrip("-").isdigit():
        raise ValueError
    return pythons_int(value)


class Currency(StrEnum):
    NOK = "NOK"
    USD = "USD"


@reads
def by_enum(amount: float, currency: Currency) -> float:
    """Convert to euros."""
    return amount * RATES[str(currency)]


@reads
def in_words(amount: float, currency: Literal["NOK", "USD"]) -> str:
    """Convert to euros."""
    return f"{amount * RATES[currency]:.2f} euros"


@reads
def others(amount: float, currency: Literal["GBP", "CHF"]) -> float:
    """Convert to euros."""
    return amount * 1.1


@reads
def constant(amount: float, currency: Literal["NOK", "USD"]) -> float:
    """Convert to euros."""
    return 42.0


@reads
def as_it_is(amount: float, currency: Literal["NOK", "USD"]) -> float:
    """Convert to euros."""
    return amount


@reads
def whole_numbers(amount: int, currency: Literal["NOK", "USD"]) -> float:
    """Convert to euros."""
    return amount * RATES[currency]


@reads
def one_alone(amount: float, currency: Literal["NOK", "USD"]) -> float:
    """Convert to euros."""
    if currency == "NOK":
        return amount * 0.088


def busy_slots(agents, slots):
    return sum(a.turns * a.think for a in agents) / slots


def groups(context):
    return [*(g for page in context.pages for g in page), *context.window]


def everything(context, words):
    text = "".join(g.text for g in groups(context))
    return text if words in text else None


def whole_page(context, words):
    pages = (context.page(n) for n in range(1, len(context.pages) + 1))
    return next((p for p in (*pages, *(g.text for g in context.window)) if words in p), None)


def any_order(context, words):
    return next((g.text for g in groups(context) if all(w in g.text for w in words.split())), None)


def count_where(broken):
    return lambda prompts: sum(bool(broken(a, b)) for a, b in pairwise(prompts))


RIGHT = {
    **answers_planning.RIGHT,
    **answers_evaluation.RIGHT,
    ("01", "order"): [KINDS, tuple(KINDS)],
    ("01", "script"): [
        [call("double", n="two"), GOOD, {"text": "4"}],
        [call("double"), GOOD, {"text": "Doubled, that is 4."}],
        [{"calls": [*call("dubble", n=2)["calls"], *GOOD["calls"]]}, {"text": "It is 4."}],
    ],
    ("01", "loop"): [loop_like(), recursive],
    ("02", "breaks"): [
        [{}, {"count": 1, "size": "xl"}, {"count": "three"}],
        [{"count": None}, {"count": 1, "size": "l"}, {"count": 1, "color": "red"}],
    ],
    ("02", "convert"): [by_enum, in_words, others],
    ("03", "window"): [5_400, 5_600],
    ("04", "ideal"): [lambda agents, slots: max(busy_slots(agents, slots), *(a.alone for a in agents))],
    ("04", "policy"): [
        lambda ready, now: max(ready, key=lambda r: now - r.since).pid,
        lambda ready, now: sorted((r.since, r.pid) for r in ready)[0][1],
        lambda ready, now: max(ready, key=lambda r: (now - r.since) * r.left).pid,
    ],
    ("05", "rules"): [
        [
            {"tool": "send_mail", "do": "deny", "where": {"cc": "*"}},
            {"tool": "send_mail", "do": "allow", "where": {"to": TEAM}},
            {"tool": "send_mail", "do": "deny"},
        ]
    ],
    ("05", "acts"): [
        [f'send_mail(to="{TEAM}", body=text(200))'],
        [f'send_mail("{TEAM}", text(18))'],
        [f'send_mail(to="{TEAM}", body="Here is the table.")'],
    ],
    ("03", "find"): [lambda c, w: next((g.text for g in groups(c) if w in g.text), None)],
    ("03", "prefix_breaks"): [
        count_where(lambda a, b: list(b[: len(a)]) != list(a)),
        count_where(lambda a, b: len(b) < len(a) or any(x != y for x, y in zip(a, b, strict=False))),
    ],
}


def whatever_ran(events, untrusted, incoming):
    return "untrusted" if any(e.k == "call.finished" for e in events) else incoming


def by_look(start, first):
    """Take the answer as one's own words where it has no address in it."""
    if "@" in first.answer:
        return start("Tell the team what you were given.", source=first)
    return start(f"Tell the team: {first.answer}")


async def by_hand(folder):
    process, _ = await module("08").capstone(folder)
    (folder / "mine.ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    return process, folder / "mine.ipynb"


async def of_another(folder):
    process, book = await module("08").capstone(folder)
    code = {"cell_type": "code", "source": ["x = 1"], "metadata": {}, "outputs": [], "execution_count": None}
    (folder / "mine.ipynb").write_text(json.dumps({**json.loads(book.read_text()), "cells": [code], "metadata": {}}))
    return process, folder / "mine.ipynb"


LISTED = [{"tool": "send_mail", "do": "deny", "where": mail} for _, mail in ATTACKS]
WRONG = {
    ("03", "window"): [(4_096, "the window is too small"), (5_900, "the window is too large")],
    ("04", "ideal"): [
        (lambda agents, slots: max(busy_slots(agents, slots) // 1, *(a.alone for a in agents)), "always busy"),
    ],
    ("04", "policy"): [(lambda ready, now: ready[0].pid, "variant"), (lambda ready, now: ready[-1].pid, "variant")],
    ("05", "rules"): [
        ([*LISTED, {"tool": "send_mail", "do": "allow"}], "visitor"),
        (
            [{"tool": "send_mail", "do": "allow", "where": {"to": TEAM, "cc": ""}}, {"tool": "*", "do": "deny"}],
            "which rule allows that?",
        ),
    ],
    ("05", "acts"): [
        ([f'send_mail(to="{TEAM}", body=text(10))'], "`body`"),
        (["send_mail(to=text(100), body=text(100))"], "`to`"),
    ],
    ("06", "label"): [(whatever_ran, "none that is in untrusted")],
    ("06", "pipe"): [(by_look, "not how they look")],
    ("08", "capstone"): [(by_hand, "has no code"), (of_another, "no export of it")],
    ("01", "order"): [
        (3, "a list of kinds"),
        ([*KINDS[:-1], "run.end"], "'run.end' is none of"),
        (set(KINDS), "a list"),
    ],
    ("01", "script"): [
        ([call("dubble", n=2), GOOD, {"text": "It is 5."}], "double gave 4"),
        ([call("dubble", n=2), GOOD, {"text": "…"}], "double gave 4"),
        ([call("dubble", n=2), GOOD, {"text": "It is 14."}], "double gave 4"),
    ],
    ("01", "loop"): [
        (loop_like(goal_sent=False), "the goal is not among"),
        (loop_like(keeps=False), "lacks an earlier result"),
        (loop_like(catches=(KeyError, OSError)), "ValueError ended your loop"),
        (loop_like(least=5), "with most=3 it asked 5 times: 3 are the most"),
        (loop_like(most_calls=1), "two calls, one after the other"),
        (loop_like(most_calls=5), "an answer in the 8th request"),
    ],
    ("02", "breaks"): [
        (3, "a list of three dicts"),
        ([{"count": "x"}, {"count": 3.5}, {"count": True}], "a wrong type, a wrong type, a wrong type"),
        ([{}, {1: 2}, {"count": "x"}], "names of arguments"),
    ],
    ("02", "as_int"): [(pythons_int, "'1_000'"), (digits, "'٣'")],
    ("02", "convert"): [
        (constant, "four times as many"),
        (as_it_is, "nothing was converted"),
        (whole_numbers, "refuses 12.50"),
        (one_alone, "USD gave"),
    ],
    ("03", "find"): [
        (everything, "only that"),
        (whole_page, "only that"),
        (any_order, "and yours gave"),
        (lambda c, w: next((g for g in groups(c) if w in g.text), None), "give the group's .text"),
    ],
    ("03", "prefix_breaks"): [
        (count_where(lambda a, b: b[len(a) - 1 : len(a)] != a[-1:]), "whose beginning"),
        (count_where(lambda a, b: any(x != y for x, y in zip(a, b, strict=False))), "lost its last message"),
        (count_where(lambda a, b: any(x not in b for x in a)), "changed places"),
    ],
}


@pytest.mark.parametrize(("number", "name"), RIGHT)
@pytest.mark.parametrize("seed", [1, 2, 7])
def test_right_answers_pass(number, name, seed, tmp_path):
    here = lesson(number, seed, tmp_path)
    assert [repr(v) for a in RIGHT[number, name] if not (v := here.check(name, a))] == []


@pytest.mark.out_of_process
@pytest.mark.parametrize(("number", "name"), LIVED)
def test_a_process_that_was_steered_right_passes(number, name, tmp_path):
    here = lesson(number, 2, tmp_path)
    assert [repr(v) for make in LIVED[number, name]["right"] if not (v := here.check(name, make(2)))] == []


@pytest.mark.out_of_process
@pytest.mark.parametrize(("number", "name"), WRONG)
@pytest.mark.parametrize("seed", [1, 2, 7])
def test_wrong_answers_are_told_what_is_wrong(number, name, seed, tmp_path):
    here = lesson(number, seed, tmp_path)
    for attempt, told in WRONG[number, name]:
        verdict = here.check(name, attempt)
        assert not verdict and told in verdict.message, verdict


@pytest.mark.out_of_process
@pytest.mark.parametrize(("number", "name"), answers_walked.RIGHT)
@pytest.mark.parametrize("seed", [1, 2])
def test_right_answers_in_another_spelling_pass(number, name, seed, tmp_path):
    here = lesson(number, seed, tmp_path)
    assert [repr(v) for a in answers_walked.RIGHT[number, name] if not (v := here.check(name, a))] == []


@pytest.mark.out_of_process
@pytest.mark.parametrize(("number", "name"), answers_walked.WRONG)
def test_plausible_wrong_answers_are_told_what_is_wrong_and_which_hint_helps(number, name, tmp_path):
    here = lesson(number, 2, tmp_path)
    for attempt, hint, told in answers_walked.WRONG[number, name]:
        verdict = here.check(name, attempt)
        assert not verdict and told in verdict.message and verdict.hint == hint, verdict


@pytest.mark.out_of_process
@pytest.mark.parametrize(("make", "hint", "told"), answers_walked.SETTLE)
def test_accidents_that_were_not_settled_are_told_so(make, hint, told, tmp_path):
    verdict = lesson("07", folder=tmp_path).check("settle", make(1))
    assert not verdict and told in verdict.message and verdict.hint == hint, verdict


def spins(propose, tools, goal, most):
    while True:
        pass


def exits(propose, tools, goal, most):
    sys.exit()


def asks_a_person(propose, tools, goal, most):
    return input("What now?")


def generates(propose, tools, goal, most):
    yield propose([])


async def waits(propose, tools, goal, most):
    return propose([])


NEVER_COME_BACK = [(spins, "nothing bounds it"), (exits, "SystemExit"), (asks_a_person, "nobody answers input()"),
                   (generates, "a generator, of which nothing has run"), (waits, "a coroutine, of which nothing")]  # fmt: skip


@pytest.mark.parametrize(("loop", "told"), NEVER_COME_BACK)
def test_code_that_never_comes_back_is_told_so_and_the_check_does(loop, told, tmp_path, monkeypatch):
    monkeypatch.setattr(core, "COMPUTES_S", 0.2)
    asks = input
    verdict = lesson("01", folder=tmp_path).check("loop", loop)
    assert not verdict and told in verdict.message and builtins.input is asks, verdict


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL])
def test_code_that_spins_is_ended_also_in_a_program_that_ignores_interrupts(handler, tmp_path, monkeypatch):
    monkeypatch.setattr(core, "COMPUTES_S", 0.2)
    before = signal.signal(signal.SIGINT, handler)
    try:
        assert "nothing bounds it" in lesson("01", folder=tmp_path).check("loop", spins).message
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_interrupt_of_a_person_is_no_verdict(tmp_path):
    def interrupted(propose, tools, goal, most):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lesson("01", folder=tmp_path).check("loop", interrupted)


def test_what_is_wanted_stands_below_each_verdict_that_is_not_yet(tmp_path):
    here = lesson(3, folder=tmp_path)
    for attempt in (None, 20_000):
        assert "\n  wanted: Choose max_bytes so that no prompt passes 5,900 bytes" in repr(
            here.check("window", attempt)
        )
    assert "wanted" not in repr(here.check("window", 5_500))
