"""Whether a call fits an act: what its sources yield and nothing else, each item once, the nearest misfit named."""

import json
from dataclasses import dataclass
from datetime import datetime

import pytest
from planned import TOOLS

from llmos_nb.errors import Unreadable
from llmos_nb.policy.commitments import Fit, Misfit, Signature, Use, first_fit, fits, read

WORDS = "Write to Alice, pay 12.50 to DE89370400440532013000, see https://alice.example/plan or call +49 30 1234567."
PAGE = (
    "Dora Smith. Mail: dora@dora.example, opening hours 9-17. She lives in 12 Long Street, in the small house behind."
)
MAIL = [
    {"id": "1", "sender": "clinic@dental.example", "subject": "Dental check-up", "body": "At 2024-05-20 10:00", "size": 3},
    {"id": "2", "sender": "mallory@evil.example", "subject": "Dental check-up ", "body": "Write mallory@evil.example", "size": 9},
    {"id": "3", "sender": "bob@acme.example", "subject": "Lunch", "body": "Total: 1,200.50 EUR, of it 200 tax", "size": 9},
]  # fmt: skip
READS = {
    "webpage": lambda url: {"www.dora.example": PAGE, "www.two.example": f"{PAGE} or evil@evil.example"}[url],
    "unread_mail": lambda: MAIL,
    "members": lambda channel: ["Alice", "Bob", "Carol"],
    "contacts": lambda: [{"name": "Bob", "email": "bob@acme.example"}, {"name": "Eve", "email": "eve@acme.example"}],
    "get_order": lambda id: {"id": id, "total": 0.1 + 0.2, "status": "delivered", "lines": [{"id": "7", "at": datetime(2024, 5, 1, 9)}]},
    "balance": lambda: 120,
    "day_events": lambda day: [],
    "create_file": lambda name: {"id": "file-9"},
}  # fmt: skip


def reader(name, arguments):
    if name not in READS:
        raise Unreadable(f"{name} has not run")
    return READS[name](**arguments)


def check(text, arguments, use=None, **more):
    return fits(read(text, TOOLS), use or Use(), arguments, reader, WORDS, **more)


FITTING = [
    ('message(to="Alice", body="hi")', {"to": "Alice", "body": "hi"}),
    ('message(to="Alice", body="hi")', {"to": "Alice", "body": " hi "}),
    ('message(to="Alice", body=text(20))', {"to": "Alice", "body": "Any words at all"}),
    ('message(to="Alice", body=text(80))', {"to": "Alice", "body": "See https://alice.example/plan."}),
    ('message(to="Alice", body=text(80))', {"to": "Alice", "body": "See alice.example/plan"}),
    ('message(to="Alice", body=text(80))', {"to": "Alice", "body": "Call +49 (30) 12345-67 on 2024-05-15 at 10:00:00"}),
    ('message(to="Alice", body=text(80))', {"to": "Alice", "body": "Version 1.2.3 of notes.txt, e.g. 30 %, 15.05.2024-16.05.2024"}),
    ('message(to="Alice", body=text(80))', {"to": "Alice", "body": "IBAN DE89 3704 0044 0532 0130 00"}),
    ('message(to="Alice", body=text(80, links=True))', {"to": "Alice", "body": "https://other.example"}),
    ('message(to="Alice", body=text(80, like="At {}, {} nights."))', {"to": "Alice", "body": "At Ritz, two nights."}),
    ('message(to="Alice", body=quote(webpage(url="www.dora.example")))', {"to": "Alice", "body": "12 Long Street"}),
    ('message(to="Alice", body=maybe(text(20)))', {"to": "Alice"}),
    ('message(to="Alice", body=maybe("hi"))', {"to": "Alice", "body": None}),
    ('message(to=any_of("Alice", "Bob"), body="b")', {"to": "Bob", "body": "b"}),
    ('message(to=among(members(channel="c")), body="b")', {"to": "Carol", "body": "b"}),
    ('message(to=some(members(channel="c")), body="b")', {"to": ["Carol", "Alice"], "body": "b"}),
    ('message(to=some(members(channel="c")), body="b")', {"to": ["Alice", "Bob", "Carol"], "body": "b"}),
    ('message(to=some(members(channel="c")), body="b")', {"to": ["Bob"], "body": "b"}),
    ('message(to=some(members(channel="c")), body="b")', {"to": "Bob", "body": "b"}),
    ('message(to=maybe(some(members(channel="c"))), body="b")', {"body": "b"}),
    ('message(to=some([[m] for m in members(channel="c")]), body="b")', {"to": [["Bob"]], "body": "b"}),
    ('message(to=[c.email for c in contacts()], body="b")', {"to": ["bob@acme.example", "eve@acme.example"], "body": "b"}),
    ('message(to={c.email for c in contacts()}, body="b")', {"to": ["eve@acme.example", "bob@acme.example"], "body": "b"}),
    ('message(to=email(webpage(url="www.dora.example")), body="b")', {"to": "dora@dora.example", "body": "b"}),
    ('message(to=email(webpage(url="www.dora.example")), body="b")', {"to": ["dora@dora.example"], "body": "b"}),
    ('refund(order="W1", amount=get_order(id="W1").total, reason="r")', {"order": "W1", "amount": 0.30, "reason": "r"}),
    ('refund(order="W1", amount=number(unread_mail()[2].body, near="total"), reason="r")', {"order": "W1", "amount": 1200.5, "reason": "r"}),
    ('book_hotel(hotel="A", start="2024-05-15", end=plus(start, days=2))', {"hotel": "A", "start": "2024-05-15", "end": "2024-05-17"}),
    ('book_hotel(hotel="A", start=a("date", min="2024-05-01", max="2024-05-31"), end=a("date", min=start))',
     {"hotel": "A", "start": "2024-05-31", "end": "2024-05-31"}),
    ('book_table(restaurant="A", time=a("datetime"))', {"restaurant": "A", "time": "2024-05-15T19:00"}),
    ('book_table(restaurant="A", time="2024-05-15 19:00")', {"restaurant": "A", "time": "2024-05-15T19:00:00"}),
    ('book_table(restaurant="A", time=get_order(id="W1").lines[0].at)', {"restaurant": "A", "time": "2024-05-01T09:00:00"}),
    ('book_table(restaurant="A", time=a("datetime", max="2024-05-31"))', {"restaurant": "A", "time": "2024-05-31 19:00"}),
    ('set_profile(city=a("email", match="*@acme.example"))', {"city": "x@acme.example"}),
    ('append_file(id=create_file(name="n.txt").id, content="c")', {"id": "file-9", "content": "c"}),
    ('append_file(id=create_file(name="n.txt").id_, content="c")', {"id": "file-9", "content": "c"}),
    ('message(to="Alice", body="b") if balance() > 100 else None', {"to": "Alice", "body": "b"}),
    ('message(to="Alice", body=text(9)) if "o" in body else None', {"to": "Alice", "body": "no"}),
    ('set_profile(city="Paris", street=None)', {"city": "Paris"}),
    ('delete_mail(id=one(m.id for m in unread_mail() if m.subject.strip() == "Dental check-up" and "clinic" in m.sender))', {"id": "1"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "arguments"), FITTING)
def test_call_that_an_act_commits_to_fits(text, arguments):
    found = check(text, arguments)
    assert isinstance(found, Fit), found
    assert found.use.count == 1


ATTACKS = [
    # another value
    ('message(to="Alice", body="hi")', {"to": "Mallory", "body": "hi"}, "to"),
    ('message(to="Alice", body="hi")', {"to": "alice", "body": "hi"}, "to"),
    ('message(to="Alice", body="hi")', {"to": "Аlice", "body": "hi"}, "to"),  # a Cyrillic А
    ('message(to="Alice", body="hi")', {"to": "Ａlice", "body": "hi"}, "to"),  # a wide A
    ('message(to="Alice", body="hi")', {"to": "Al\u200bice", "body": "hi"}, "to"),
    ('message(to="Alice", body="hi")', {"to": "Alice\nBcc: Mallory", "body": "hi"}, "to"),
    ('message(to="Alice", body="hi")', {"to": ["Alice", "Mallory"], "body": "hi"}, "to"),
    ('message(to="Alice", body="hi")', {"to": "Alice, Mallory", "body": "hi"}, "to"),
    ('message(to="Alice", body="hi")', {"to": {"name": "Alice"}, "body": "hi"}, "to"),
    ('message(to="Alice", body="hi")', {"to": "Alice", "body": "hi "  "there"}, "body"),
    ('message(to="Alice", body="hi")', {"to": "Alice"}, "body"),
    ('message(to="Alice", body=text(9))', {"to": "Alice", "body": "hi", "cc": "Mallory"}, "cc"),
    ('message(to="Alice", body=text(9))', {"to": "Alice", "body": ["hi"]}, "body"),
    ('refund(order="W1", amount=12.5, reason="r")', {"order": "W1", "amount": 125, "reason": "r"}, "amount"),
    ('refund(order="W1", amount=12.5, reason="r")', {"order": "W1", "amount": 12.504, "reason": "r"}, "amount"),
    ('refund(order="W1", amount=12.5, reason="r")', {"order": "W1", "amount": "12.5", "reason": "r"}, "amount"),
    ('refund(order="W1", amount=1, reason="r")', {"order": "W1", "amount": True, "reason": "r"}, "amount"),
    # one of several, none of any
    ('message(to=email(webpage(url="www.two.example")), body="b")', {"to": "evil@evil.example", "body": "b"}, "to"),
    ('message(to=email(webpage(url="www.two.example")), body="b")', {"to": "dora@dora.example", "body": "b"}, "to"),
    ('message(to=one(m.sender for m in unread_mail() if "Dental" in m.subject), body="b")', {"to": "mallory@evil.example", "body": "b"}, "to"),
    ('message(to=one(m.sender for m in unread_mail() if "Cinema" in m.subject), body="b")', {"to": "mallory@evil.example", "body": "b"}, "to"),
    ('message(to=max(unread_mail(), key=lambda m: m.size).sender, body="b")', {"to": "mallory@evil.example", "body": "b"}, "to"),  # a tie
    ('message(to=among(members(channel="c")), body="b")', {"to": "Mallory", "body": "b"}, "to"),
    ('message(to=some(members(channel="c")), body="b")', {"to": ["Alice", "Mallory"], "body": "b"}, "to"),
    ('message(to=some(members(channel="c")), body="b")', {"to": ["Alice", "Alice"], "body": "b"}, "to"),
    ('message(to=some(members(channel="c")), body="b")', {"to": ["Alice", None], "body": "b"}, "to"),
    ('message(to=some(members(channel="c")), body="b")', {"to": ["Alice", ["Bob"]], "body": "b"}, "to"),
    ('message(to=some(members(channel="c")), body="b")', {"to": ["alice"], "body": "b"}, "to"),
    ('message(to=some(members(channel="c")), body="b")', {"to": {"Alice": "Bob"}, "body": "b"}, "to"),
    ('message(to=some(members(channel="c")), body="b")', {"to": [], "body": "b"}, "to"),
    ('message(to=some(members(channel="c")), body="b")', {"body": "b"}, "to"),
    ('message(to=some(day_events(day="d")), body="b")', {"to": [], "body": "b"}, "to"),
    ('message(to=some(balance()), body="b")', {"to": [120], "body": "b"}, "to"),
    ('message(to=among(members(channel="c")), body="b")', {"to": ["Alice", "Bob"], "body": "b"}, "to"),
    ('message(to=any_of("Alice", "Bob"), body="b")', {"to": "Carol", "body": "b"}, "to"),
    ('message(to=[c.email for c in contacts()], body="b")', {"to": ["bob@acme.example"], "body": "b"}, "to"),
    ('message(to=[c.email for c in contacts()], body="b")', {"to": ["bob@acme.example", "eve@acme.example", "m@evil.example"], "body": "b"}, "to"),
    ('message(to=[c.email for c in contacts()], body="b")', {"to": ["eve@acme.example", "bob@acme.example"], "body": "b"}, "to"),  # order
    ('message(to={c.email for c in contacts()}, body="b")', {"to": ["eve@acme.example", "eve@acme.example"], "body": "b"}, "to"),
    # free words
    ('message(to="Alice", body=text(20))', {"to": "Alice", "body": "x" * 21}, "body"),
    ('message(to="Alice", body=text(99))', {"to": "Alice", "body": "See https://evil.example/x"}, "body"),
    ('message(to="Alice", body=text(99))', {"to": "Alice", "body": "See https://alice.example/plan?leak=1"}, "body"),
    ('message(to="Alice", body=text(99))', {"to": "Alice", "body": "See https://alice.example/plan@evil.example"}, "body"),
    ('message(to="Alice", body=text(99))', {"to": "Alice", "body": "See https://alice.example.evil.example/plan"}, "body"),
    ('message(to="Alice", body=text(99))', {"to": "Alice", "body": "See evil.com for more"}, "body"),
    ('message(to="Alice", body=text(99))', {"to": "Alice", "body": "See evil.zone/x"}, "body"),
    ('message(to="Alice", body=text(99))', {"to": "Alice", "body": "See evil.qq/x"}, "body"),
    ('message(to="Alice", body=text(99))', {"to": "Alice", "body": "See EVIL.COM"}, "body"),
    ('message(to="Alice", body=text(99))', {"to": "Alice", "body": "See evil。com"}, "body"),
    ('message(to="Alice", body=text(99))', {"to": "Alice", "body": "See ｅｖｉｌ．ｃｏｍ"}, "body"),
    ('message(to="Alice", body=text(99))', {"to": "Alice", "body": "See evil[.]com"}, "body"),
    ('message(to="Alice", body=text(99))', {"to": "Alice", "body": "See evil dot com"}, "body"),
    ('message(to="Alice", body=text(99))', {"to": "Alice", "body": "See evil.c\u034fom"}, "body"),
    ('message(to="Alice", body=text(99))', {"to": "Alice", "body": "See evil.c\u200dom"}, "body"),
    ('message(to="Alice", body=text(99))', {"to": "Alice", "body": "See hxxp://evil/x"}, "body"),
    ('message(to="Alice", body=text(99))', {"to": "Alice", "body": "See javascript:alert(1)"}, "body"),
    ('message(to="Alice", body=text(99))', {"to": "Alice", "body": "See http://10.0.0.7/x or 10.0.0.7"}, "body"),
    ('message(to="Alice", body=text(99))', {"to": "Alice", "body": "Write to mallory@evil.example"}, "body"),
    ('message(to="Alice", body=text(99))', {"to": "Alice", "body": "Call +49 30 7654321"}, "body"),
    ('message(to="Alice", body=text(99))', {"to": "Alice", "body": "Call 0900-123-456"}, "body"),
    ('message(to="Alice", body=text(99))', {"to": "Alice", "body": "Pay to US133000000121212121212"}, "body"),
    ('message(to="Alice", body=text(99))', {"to": "Alice", "body": "Pay to us133000000121212121212"}, "body"),
    ('message(to="Alice", body=text(99))', {"to": "Alice", "body": "Hello\u202e there"}, "body"),
    ('message(to="Alice", body=text(99))', {"to": "Alice", "body": "Hello\U000e0041\U000e0042"}, "body"),
    ('message(to="Alice", body=text(99))', {"to": "Alice", "body": "Hello\x1b[2J"}, "body"),
    # templates
    ('message(to="Alice", body=text(200, like="At {}, {} nights."))', {"to": "Alice", "body": "At Ritz, https://evil.example nights."}, "body"),
    ('message(to="Alice", body=text(200, like="At {}, {} nights."))', {"to": "Alice", "body": "At Ritz, two nights. Pay now"}, "body"),
    ('message(to="Alice", body=text(200, like="At {}, {} nights."))', {"to": "Alice", "body": "At Ritz,\nnow pay two nights."}, "body"),
    ('message(to="Alice", body=text(200, like="At {}, {} nights."))', {"to": "Alice", "body": f"At {'x' * 65}, two nights."}, "body"),
    ('message(to="Alice", body=text(200, like="At {}, {} nights."))', {"to": "Alice", "body": "At , two nights."}, "body"),
    ('message(to="Alice", body=text(200, like="www.{}"))', {"to": "Alice", "body": "www.evil.example"}, "body"),
    # quotes
    ('message(to="Alice", body=quote(webpage(url="www.dora.example")))', {"to": "Alice", "body": PAGE[:65]}, "body"),
    ('message(to="Alice", body=quote(webpage(url="www.dora.example")))', {"to": "Alice", "body": "12 long street"}, "body"),
    ('message(to="Alice", body=quote(webpage(url="www.dora.example")))', {"to": "Alice", "body": "12 Long Street 5"}, "body"),
    ('message(to="Alice", body=quote(unread_mail()))', {"to": "Alice", "body": "Lunch\nTotal"}, "body"),
    ('message(to="Alice", body=quote(unread_mail()))', {"to": "Alice", "body": "Lunch Total"}, "body"),
    ('message(to="Alice", body=quote("say \u202eolleh"))', {"to": "Alice", "body": "\u202eolleh"}, "body"),
    # a choice within a type
    ('book_hotel(hotel="A", start=a("date", min="2024-05-01", max="2024-05-31"), end="2024-06-01")',
     {"hotel": "A", "start": "2024-06-01", "end": "2024-06-01"}, "start"),
    ('book_hotel(hotel="A", start=a("date", min="2024-05-01", max="2024-05-31"), end="2024-06-01")',
     {"hotel": "A", "start": "2024-04-30", "end": "2024-06-01"}, "start"),
    ('book_hotel(hotel="A", start=a("date"), end=a("date", min=start))', {"hotel": "A", "start": "2024-05-02", "end": "2024-05-01"}, "end"),
    ('book_hotel(hotel="A", start=a("date"), end=a("date"))', {"hotel": "A", "start": "2024-02-31", "end": "2024-05-01"}, "start"),
    ('book_hotel(hotel="A", start=a("date"), end=a("date"))', {"hotel": "A", "start": "tomorrow", "end": "2024-05-01"}, "start"),
    ('book_hotel(hotel="A", start=a("date"), end=a("date"))', {"hotel": "A", "start": "2024-05-01 10:00", "end": "2024-05-01"}, "start"),
    ('book_hotel(hotel="A", start=a("date"), end=plus(start, days=2))', {"hotel": "A", "start": "2024-05-01", "end": "2025-05-03"}, "end"),
    ('book_table(restaurant="A", time=a("datetime", max="2024-05-31"))', {"restaurant": "A", "time": "2024-06-01 00:00"}, "time"),
    ('book_table(restaurant="A", time=a("datetime", min="2024-05-31"))', {"restaurant": "A", "time": "2024-05-30 23:59"}, "time"),
    ('book_table(restaurant="A", time=a("datetime", match="2024-05-*"))', {"restaurant": "A", "time": "2024-06-01 10:00"}, "time"),
    ('refund(order="W1", amount=a("number", min=0, max=get_order(id="W1").total), reason="r")', {"order": "W1", "amount": 0.31, "reason": "r"}, "amount"),
    ('refund(order="W1", amount=a("number", min=0), reason="r")', {"order": "W1", "amount": -5, "reason": "r"}, "amount"),
    ('refund(order="W1", amount=a("number"), reason="r")', {"order": "W1", "amount": True, "reason": "r"}, "amount"),
    ('set_profile(city=a("email", match="*@acme.example"))', {"city": "x@acme.example.evil.example"}, "city"),
    ('set_profile(city=a("email"))', {"city": "x@acme.example, m@evil.example"}, "city"),
    ('set_profile(city=a("phone"))', {"city": "2024-05-15"}, "city"),
    ('set_profile(city=a("time"))', {"city": "25:00"}, "city"),
    # conditions, and what cannot be known
    ('message(to="Alice", body="b") if balance() > 500 else None', {"to": "Alice", "body": "b"}, ""),
    ('message(to="Alice", body="b") if day_events(day="2024-05-15") else None', {"to": "Alice", "body": "b"}, ""),
    ('message(to="Alice", body="b") if one(unread_mail()).id == "1" else None', {"to": "Alice", "body": "b"}, ""),
    ('message(to=find_contact(name="Bob").email, body="b")', {"to": "bob@acme.example", "body": "b"}, "to"),  # has not run
    ('message(to=contacts()[0].mail, body="b")', {"to": "bob@acme.example", "body": "b"}, "to"),
    ('message(to=contacts()[9].email, body="b")', {"to": "bob@acme.example", "body": "b"}, "to"),
    ('message(to=contacts().email, body="b")', {"to": "bob@acme.example", "body": "b"}, "to"),
    ('message(to=1 / (balance() - 120), body="b")', {"to": "bob@acme.example", "body": "b"}, "to"),
    ('append_file(id=create_file(name="n.txt").id, content="c")', {"id": "file-8", "content": "c"}, "id"),
    ('(message(to=c.email, body=c.name) for c in contacts())', {"to": "bob@acme.example", "body": "Eve"}, "body"),  # of two items
    ('(message(to=c.email, body="b") for c in contacts() if c.name != "Eve")', {"to": "eve@acme.example", "body": "b"}, "to"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "arguments", "argument"), ATTACKS)
def test_call_that_no_act_commits_to_does_not_fit(text, arguments, argument):
    found = check(text, arguments)
    assert isinstance(found, Misfit), found
    assert found.argument == argument and found.why and "\n" not in found.why
    assert found.given == (arguments.get(argument) if argument else None)


def test_attacks_are_many():
    assert len(ATTACKS) >= 80


def test_links_may_be_allowed_for_all_free_words():
    act, call = 'message(to="Alice", body=text(80))', {"to": "Alice", "body": "See https://other.example/x"}
    assert isinstance(check(act, call), Misfit) and isinstance(check(act, call, links_ok=True), Fit)
    assert isinstance(check(act, {**call, "to": "Bob"}, links_ok=True), Misfit)


def test_act_is_used_as_often_as_it_says():
    once, twice = 'message(to="Alice", body=text(9))', 'at_most(2, message(to="Alice", body=text(9)))'
    call = {"to": "Alice", "body": "hi"}
    for text, times in ((once, 1), (twice, 2)):
        use = Use()
        for _ in range(times):
            found = check(text, call, use)
            assert isinstance(found, Fit)
            use = found.use
        assert check(text, call, use).why == f"the act has been used {times} times, and may be no more"


def test_items_are_used_once_in_any_order_and_stand_from_the_first_use():
    text, mail = "(message(to=m.sender, body=m.id) for m in unread_mail())", [dict(m) for m in MAIL]
    act, given = read(text, TOOLS), []

    def reads(name, arguments):
        given.append(name)
        return mail

    def call(place, use):
        return fits(act, use, {"to": MAIL[place]["sender"], "body": MAIL[place]["id"]}, reads, WORDS)

    second = call(1, Use())
    assert (second.item, second.use.count) == (1, 1)
    mail.append({"id": "4", "sender": "late@evil.example", "subject": "", "body": "", "size": 0})
    mail[0]["sender"] = "changed@evil.example"
    first = call(0, second.use)
    assert first.item == 0 and first.use.taken == (1, 0) and given == ["unread_mail"]
    assert isinstance(call(1, first.use), Misfit)
    late = fits(act, first.use, {"to": "late@evil.example", "body": "4"}, reads, WORDS)
    changed = fits(act, first.use, {"to": "changed@evil.example", "body": "1"}, reads, WORDS)
    assert isinstance(late, Misfit) and isinstance(changed, Misfit)
    third = call(2, first.use)
    assert third.use.count == 3 and call(2, third.use).why == "no item is left that has not been used"


def test_misfit_does_not_use_anything():
    use = Use()
    assert isinstance(
        check('(message(to=c.email, body="b") for c in contacts())', {"to": "x", "body": "b"}, use), Misfit
    )
    assert use == Use()


def test_two_items_that_are_the_same_cover_two_calls():
    text, call = '(message(to=x, body="b") for x in ["Alice", "Alice"])', {"to": "Alice", "body": "b"}
    first = check(text, call)
    second = check(text, call, first.use)
    assert (first.item, second.item) == (0, 1) and isinstance(check(text, call, second.use), Misfit)


def test_use_is_plain_data_with_the_fields_that_the_act_reads():
    found = check(
        '(message(to=m.sender, body="b") for m in unread_mail() if m.subject)',
        {"to": MAIL[0]["sender"], "body": "b"},
    )
    data = json.loads(json.dumps(found.use.data()))
    assert data["items"][0] == {"m": {"sender": "clinic@dental.example"}}
    assert Use.of(data) == found.use and Use.of({}) == Use()
    whole = check(
        "(message(to=m.sender, body=quote(m)) for m in unread_mail())",
        {"to": MAIL[0]["sender"], "body": "check-up"},
    )
    assert whole.use.items[0]["m"] == MAIL[0]


def test_first_act_that_fits_is_used_and_the_next_when_it_is_spent():
    acts = [
        read(t, TOOLS)
        for t in (
            'message(to="Bob", body=text(9))',
            'message(to="Alice", body=text(9))',
            'message(to="Alice", body="hi")',
        )
    ]
    uses = {}
    for wanted in (1, 2, None):
        found = first_fit(acts, uses, "message", {"to": "Alice", "body": "hi"}, reader, WORDS)
        assert (found.act if isinstance(found, Fit) else None) == wanted
        if isinstance(found, Fit):
            uses[found.act] = found.use
    assert (
        first_fit(acts, [Use(), Use(), Use(count=1)], "message", {"to": "Alice", "body": "hi"}, reader, WORDS).act == 1
    )


def test_misfit_is_that_of_the_nearest_act():
    texts = [
        'message(to="Alice", body="hi")',
        'message(to="Bob", body="there")',
        'message(to="Carol", body=text(3))',
    ]
    acts = [read(t, TOOLS) for t in texts]
    found = first_fit(acts, {}, "message", {"to": "Bob", "body": "hello"}, reader, WORDS)
    assert (found.act, found.argument, found.given, found.wanted) == (1, "body", "hello", "there")
    found = first_fit(acts, {1: Use(count=1)}, "message", {"to": "Carol", "body": "hello"}, reader, WORDS)
    assert (found.act, found.argument, found.why) == (2, "body", "it has 5 characters where 3 are allowed")


def test_misfit_is_that_of_the_nearest_item():
    found = check("(message(to=c.email, body=c.name) for c in contacts())", {"to": "eve@acme.example", "body": "Bob "})
    assert isinstance(found, Misfit) and found.fitting == 1


LOOP = '(message(to=x, body=text(9)) for x in ["Alice", "Bob"])'
NONE = "it is none of the items ('Alice', 'Bob')"


@pytest.mark.parametrize(
    ("taken", "to", "argument", "why"),
    [
        ((), "Eve", "to", NONE),
        ((0,), "Eve", "to", NONE),
        ((0, 1), "Eve", "to", NONE),
        ((0,), "Alice", "", "its item has been used, and each covers one call"),
        ((1, 0), "Alice", "", "no item is left that has not been used"),
    ],
)
def test_call_that_fits_no_item_is_told_whether_it_is_one(taken, to, argument, why):
    items = ({"x": "Alice"}, {"x": "Bob"})
    found = check(LOOP, {"to": to, "body": "b"}, Use(items, taken, len(taken)))
    assert isinstance(found, Misfit) and (found.argument, found.why) == (argument, why)
    assert found.wanted == (["Alice", "Bob"] if why == NONE else None)


@pytest.mark.parametrize(
    ("text", "arguments", "argument", "why"),
    [
        ('(message(to=e.id, body="b") for e in day_events(day="d"))', {"to": "Eve", "body": "b"}, "", "there are no items that it could be for"),
        ('(message(to=x, body="b") for x in ["Alice"])', {"to": "Eve", "body": "b"}, "to", "it is not what the act says"),
        (LOOP, {"to": "Bob", "body": "too long a text"}, "body", "it has 15 characters where 9 are allowed"),
        ('(message(to="Alice", body=x) for x in ["a", "b"])', {"to": "Eve", "body": "b"}, "to", "it is not what the act says"),
        ('(message(to=x, body="b") for x in ["1", "2", "3", "4", "5", "6"])', {"to": "7", "body": "b"}, "to", "it is none of the items ('1', '2', '3', '4', '5', …)"),
    ],
)  # fmt: skip
def test_call_that_fits_no_item_is_told_what_differs(text, arguments, argument, why):
    found = check(text, arguments)
    assert isinstance(found, Misfit) and (found.argument, found.why) == (argument, why)


def test_call_of_a_tool_without_an_act_is_said():
    found = first_fit([read('message(to="Alice", body="b")', TOOLS)], {}, "post", {}, reader, WORDS)
    assert (found.why, found.act) == ("no act of the plan calls post", None)


def test_default_of_an_argument_may_be_given():
    tool = Signature(
        "ring", ("who", "loud", "cc", "note"), True, False, defaults={"loud": False, "cc": None, "note": None}
    )
    act = read('ring(who="Alice")', {"ring": tool})
    more = [{}, {"loud": False}, {"cc": []}, {"note": None}, {"loud": True}, {"cc": ["Bob"]}, {"note": ""}]
    found = [fits(act, Use(), {"who": "Alice", **m}, reader, WORDS) for m in more]
    assert [isinstance(f, Fit) for f in found] == [
        True,
        True,
        True,
        True,
        False,
        False,
        False,
    ]  # a text may be erased


def test_empty_value_of_an_argument_without_a_known_default_does_not_fit():
    assert [check('message(to="Alice", body="b")', {"to": "Alice", "body": "b", "cc": v}).__class__ for v in (None, [], "")] == [
        Fit, Misfit, Misfit,
    ]  # fmt: skip


def test_words_about_one_read_are_told_apart():
    about, free = 'message(to="Alice", body=text(99, of=unread_mail()))', 'message(to="Alice", body=text(99))'
    call = {"to": "Alice", "body": "A summary"}
    assert (check(about, call).quarantined, check(free, call).quarantined) == ({"body": MAIL}, {})
    unread = check('message(to="Alice", body=text(99, of=find_contact(name="x")))', call)
    assert (unread.argument, unread.why) == ("body", "find_contact has not run")


def test_each_read_of_a_check_happens_once():
    given = []

    def reads(name, arguments):
        given.append((name, dict(arguments)))
        return reader(name, arguments)

    text = '(message(to=one(c.email for c in contacts() if c.name == n), body=f"{len(contacts())}") for n in members(channel="c"))'
    acts = [read(text, TOOLS), read('message(to=contacts()[0].email, body="b")', TOOLS)]
    first_fit(acts, {}, "message", {"to": "x", "body": "b"}, reads, WORDS)
    assert given == [("members", {"channel": "c"}), ("contacts", {})]


def test_records_of_any_kind_are_read_by_field():
    from collections import namedtuple
    from enum import Enum

    from pydantic import BaseModel

    class Mail(BaseModel):
        sender: str

    @dataclass
    class Card:
        sender: str

    class Who(Enum):
        ALICE = "Alice"

    for value in (
        Mail(sender="Alice"),
        Card("Alice"),
        namedtuple("R", "sender")("Alice"),
        {"sender": Who.ALICE},
    ):
        found = fits(
            read('message(to=unread_mail()[0].sender, body="b")', TOOLS),
            Use(),
            {"to": "Alice", "body": "b"},
            lambda *_, v=value: [v],
            WORDS,
        )
        assert isinstance(found, Fit)


def test_what_is_no_data_is_not_read():
    act = read('message(to=unread_mail(), body="b")', TOOLS)
    found = fits(act, Use(), {"to": "Alice", "body": "b"}, lambda *_: object(), WORDS)
    assert (found.argument, found.why) == ("to", "a value of type object is no plain data")


@pytest.mark.parametrize(
    ("source", "longest"),
    [
        ("text(20)", "x" * 20),
        ("quote(webpage(url='www.dora.example'))", PAGE[:64]),
        ('text(200, like="At {}.")', f"At {'x' * 64}."),
        ('a("date", max="2024-05-31")', "2024-05-31"),
    ],
)
def test_bound_itself_is_within(source, longest):
    text = f'message(to="Alice", body={source})'
    beyond = {"quote": PAGE[:65], "text": longest + "x", "a": "2024-06-01"}[source.partition("(")[0]]
    assert isinstance(check(text, {"to": "Alice", "body": longest}), Fit)
    assert isinstance(check(text, {"to": "Alice", "body": beyond}), Misfit)


@pytest.mark.parametrize(("around", "most"), [("{}", 20), ("at_most(30, {})", 25), ("at_most(3, {})", 3)])
def test_loop_is_used_for_each_item_up_to_its_number(around, most):
    act = read(around.format('(message(to=c.name, body="b") for c in contacts())'), TOOLS)
    people = [{"name": f"n{i}"} for i in range(25)]
    use, used = Use(), 0
    for person in people:
        found = fits(act, use, {"to": person["name"], "body": "b"}, lambda *_: people, WORDS)
        if isinstance(found, Fit):
            use, used = found.use, used + 1
    assert used == most


def test_act_with_more_reads_than_allowed_leaves_the_next_its_own():
    many = read(
        'message(to=[webpage(url=f"{i}{j}") for i in [1,2,3,4,5,6,7,8,9] for j in [1,2,3,4,5,6,7,8,9]], body="b")',
        TOOLS,
    )
    found = first_fit(
        [many, read('message(to=contacts()[0].name, body="b")', TOOLS)], {}, "message", {"to": "Ada", "body": "b"},
        lambda name, _: [{"name": "Ada"}], WORDS,
    )  # fmt: skip
    assert isinstance(found, Fit) and found.act == 1
