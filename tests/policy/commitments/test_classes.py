"""Who chooses the sinks of an act: the class that it gets from signatures and the user's words alone."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from planned import TOOLS

from llmos_nb.errors import ActError
from llmos_nb.policy.commitments import judged, read

GOALS = tomllib.loads((Path(__file__).parent / "acts.toml").read_text(encoding="utf-8"))["goal"]
CASES = [(goal["said"], text, wanted) for goal in GOALS for text, wanted in goal["acts"]]
WORDS = "Message Alice and Bob, pay 20 to Carol, put it into notes.txt."


def kind(text, words=WORDS, tools=TOOLS):
    return judged(read(text, tools), tools, words).kind


@pytest.mark.parametrize(("words", "text", "wanted"), CASES)
def test_act_of_the_corpus_gets_its_class(words, text, wanted):
    if wanted == "unread":
        with pytest.raises(ActError):
            read(text, TOOLS)
        return
    verdict = judged(read(text, TOOLS), TOOLS, words)
    assert (verdict.kind, bool(verdict.why), bool(verdict.arguments)) == (
        wanted,
        wanted != "bound",
        wanted != "bound",
    )


def test_corpus_has_every_class_often():
    classes = [wanted for _, _, wanted in CASES]
    assert len(CASES) >= 60
    assert min(classes.count(c) for c in ("delegated", "invented")) >= 12 and classes.count("open") >= 5


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        # a fact, and a field that others write
        ('one(t.sender for t in transactions(n=9) if "x" in t.subject)', "bound"),
        ('one(t.subject for t in transactions(n=9) if t.sender == "Carol")', "delegated"),
        ('one(transactions(n=9))["sender"]', "bound"),
        ('one(transactions(n=9))["subject"]', "delegated"),
        ('one(transactions(n=9)).get("sender")', "bound"),
        ('one(transactions(n=9)).get("subject")', "delegated"),
        ('one(transactions(n=9)).get("sender", one(transactions(n=9)).subject)', "delegated"),
        ("one(transactions(n=9)).sender.subject", "bound"),
        (
            "one(transactions(n=9)).subject.sender",
            "bound",
        ),  # the fact of what others wrote: a record's own field
        # all fields are facts; nobody else writes it
        ('find_contact(name="Alice").notes', "bound"),
        ('get_order(id="W1").note', "bound"),
        # what is computed of others' words is others'
        ('email(webpage(url="x"))', "delegated"),
        ('emails(webpage(url="x"))', "delegated"),
        ('webpage(url="x").split()[0]', "delegated"),
        ('webpage(url="x")[:20]', "delegated"),
        ('webpage(url="x").lower().strip()', "delegated"),
        ('"Alice" if balance() > 3 else webpage(url="x")', "delegated"),
        ('webpage(url="x") or "Alice"', "delegated"),
        ("max(webpage(url='x'), 'Alice')", "delegated"),
        ("sorted(lines(webpage(url='x')))[0]", "delegated"),
        ("str(webpage(url='x'))", "delegated"),
        ("f\"{webpage(url='x')}\"", "delegated"),
        ("[webpage(url='x')]", "delegated"),
        ("{'Alice', webpage(url='x')}", "delegated"),
        ("[p for p in [webpage(url='x')]][0]", "delegated"),
        ("[p for q in webpage(url='x').split() for p in q.split()][0]", "delegated"),
        ("[b for a, b in enumerate(lines(webpage(url='x')))][0]", "delegated"),
        ("'Alice'.replace('Alice', webpage(url='x'))", "delegated"),
        ("''.join(lines(webpage(url='x')))", "delegated"),
        ("members(channel=webpage(url='x'))[0]", "bound"),  # which list is picked; who is in it is a fact
        ("len(lines(webpage(url='x')))", "delegated"),
        ("webpage(url='x').count('a')", "delegated"),
        ("len(one(transactions(n=9)).sender)", "bound"),
        # selectors do not count
        ('"Alice" if mentions(webpage(url="x"), "y") else "Bob"', "bound"),
        ('max(["Alice", "Bob"], key=lambda n: len(messages(channel=n)))', "bound"),
        ('["Alice", "Bob"][len(webpage(url="x")) % 2]', "bound"),
        # verbatim, and any of: what others wrote, or is picked by it
        ('quote(webpage(url="x"))', "delegated"),
        ("quote(one(transactions(n=9)).sender)", "bound"),
        ("among(t.sender for t in transactions(n=9))", "delegated"),
        ("among(c.email for c in contacts() if mentions(webpage(url='x'), c.name))", "delegated"),
        ("among(o.customer for o in [get_order(id='W1')])", "bound"),
        # the model's own choice
        ('a("date")', "bound"),
        ('a("datetime")', "bound"),
        ('a("time")', "bound"),
        ('a("number")', "delegated"),
        ('a("email")', "delegated"),
        ('a("url", match="https://alice.example/*")', "delegated"),
        ('a("iban")', "delegated"),
        ('a("phone")', "delegated"),
        ('text(20, like="Alice {}")', "delegated"),
        # literals
        ('"Alice"', "bound"),
        ('maybe("Alice")', "bound"),
        ('any_of("Alice", "Bob")', "bound"),
        ('["Alice", "Bob"]', "bound"),
        ("True", "bound"),
        ("None", "bound"),
        ("20", "bound"),
        ("-20", "invented"),
        ("21", "invented"),
        ('"Mallory"', "invented"),
        ('maybe("Mallory")', "invented"),
        ('any_of("Alice", "Mallory")', "invented"),
        ('["Alice", "Mallory"]', "invented"),
        ('among(["Alice", "Mallory"])', "invented"),
        ('among(["Alice", "Bob"])', "bound"),
        ("some(t.sender for t in transactions(n=9))", "delegated"),
        ("some(t.subject for t in transactions(n=9))", "delegated"),
        ("some(c.email for c in contacts() if mentions(webpage(url='x'), c.name))", "delegated"),
        ("some(o.customer for o in [get_order(id='W1')])", "bound"),
        ('some(["Alice", "Mallory"])', "invented"),
        ('some(["Alice", "Bob"])', "bound"),
        ('quote("Mallory")', "invented"),
        ('{"who": "Mallory"}', "invented"),
        ('[balance(), "Mallory"]', "invented"),
        ('"Mallory" if balance() > 3 else "Alice"', "invented"),
        ('balance() and "Mallory"', "invented"),
        ('f"{balance()}@mallory.example"', "invented"),
        ('[x for x in ["Mallory"]][0]', "invented"),
        ('one(x for x in ["Alice", "Mallory"] if x != "Alice")', "invented"),
        ('"Mal" + "lory"', "invented"),
        ('"Ali" + "ce"', "bound"),
        ('"Alice" + "Bob"', "invented"),  # said are both, and not this
        ('"Alice" + ".example"', "invented"),
        ("20 + 20", "bound"),  # a number is said by what it is made of
        ("20 + 21", "invented"),
        ('"mallory".upper()', "invented"),
        ('"Alice".replace("Alice", "Mallory")', "invented"),
        ('str(balance()).replace("1", "Mallory")', "invented"),
        ('get_order(id="W1").get("x", "Mallory")', "invented"),
        ('{"Alice": "Mallory"}.get("Alice")', "invented"),
        ("500 if balance() > 3 else 20", "invented"),
        ("plus('2024-05-15', days=1)", "invented"),
    ],
)
def test_sink_gets_the_class_of_its_source(source, wanted):
    assert kind(f'message(to={source}, body="b")') == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('message(to="Alice", body=text(30))', "bound"),
        ('message(to="Alice", body=webpage(url="x"))', "bound"),  # lies and leaks to whom the user named
        ('message(to=webpage(url="x"), body=text(30))', "open"),
        ('message(to=webpage(url="x"), body=text(30, like="Hi {}"))', "delegated"),
        ('message(to=webpage(url="x"), body=quote(webpage(url="x")))', "delegated"),
        ('message(to=webpage(url="x"), body=maybe(text(30)))', "open"),
        ("message(to=text(30), body=\"b\")", "open"),
        ('(message(to=m.sender, body="b") for m in messages(channel="c"))', "bound"),
        ('(message(to=m.body, body="b") for m in messages(channel="c"))', "delegated"),
        ('(message(to=among(m.recipients), body="b") for m in unread_mail())', "delegated"),
        ('(message(to=among(contacts()), body="b") for m in unread_mail())', "delegated"),
        ('(message(to=some(m.recipients), body="b") for m in unread_mail())', "delegated"),
        ('(message(to=among(["Alice", "Bob"]), body="b") for m in unread_mail())', "bound"),
        ('(message(to=among([i.owner, "Bob"]), body="b") for i in [get_order(id="Alice")])', "bound"),
        ('(message(to=w, body="b") for m in messages(channel="c") for w in m.body.split())', "delegated"),
        ('(message(to=m, body="b") for m in ["Alice", "Bob"])', "bound"),
        ('(message(to=m, body="b") for m in ["Alice", "Mallory"])', "invented"),
        ('message(to="Alice", body=text(9)) if mentions(webpage(url="x"), "y") else None', "bound"),
        ('at_most(5, message(to=email(webpage(url="x")), body="b"))', "delegated"),
        # an argument that is read by its name has the flow of its source
        ('send_money(to="Carol", amount=a("number"), subject="s", date=a("date"))', "delegated"),
        ('book_hotel(hotel=webpage(url="x"), start=a("date"), end=plus(start, days=1))', "delegated"),
        ('book_hotel(hotel="Carol", start=a("date"), end=plus(start, days=number(webpage(url="x"))))', "delegated"),
        ('book_hotel(hotel="Carol", start=a("date"), end=plus(start, days=2))', "bound"),
        ('share_file(id=webpage(url="x"), email=id, permission="notes.txt")', "delegated"),
        ('run_report(name="notes.txt", text="Alice")', "bound"),
        ('run_report(name="notes.txt", text=text(9))', "open"),  # undeclared: every argument is a sink
        ('run_report(name="notes.txt", text=quote(webpage(url="x")))', "delegated"),
    ],
)  # fmt: skip
def test_act_gets_the_class_of_its_sinks_together(text, wanted):
    assert kind(text) == wanted


def test_act_that_does_not_act_outside_needs_none():
    verdict = judged(read('webpage(url="anything")', TOOLS), TOOLS, "")
    assert (verdict.kind, verdict.why) == ("bound", "webpage does not act outside and needs no act")


def test_declaring_facts_and_trust_changes_the_class():
    text = 'message(to=one(transactions(n=9)).subject, body="b")'
    said = {**TOOLS, "transactions": replace(TOOLS["transactions"], facts=frozenset({"subject"}))}
    own = {**TOOLS, "transactions": replace(TOOLS["transactions"], untrusted=False)}
    all_facts = {**TOOLS, "transactions": replace(TOOLS["transactions"], facts=None)}
    assert [kind(text, tools=t) for t in (TOOLS, said, own, all_facts)] == [
        "delegated",
        "bound",
        "bound",
        "bound",
    ]


@pytest.mark.parametrize("declared", ["id", "id_"])
@pytest.mark.parametrize("field", [".id", ".id_", '["id"]', '["id_"]', '.get("id")', '.get("id_")'])
def test_fact_is_one_by_every_spelling_that_reads_it(declared, field):
    tools = {**TOOLS, "transactions": replace(TOOLS["transactions"], facts=frozenset({declared}))}
    assert kind(f'message(to=one(t{field} for t in transactions(n=9)), body="b")', tools=tools) == "bound"
    other = field.replace("id", "idea")
    assert kind(f'message(to=one(t{other} for t in transactions(n=9)), body="b")', tools=tools) == "delegated"
    assert kind("message(to=transactions(n=9)[0], body='b')", tools=tools) == "delegated"


def test_declaring_sinks_changes_the_class():
    text = 'message(to="Alice", body=quote(webpage(url="x")))'
    both = {**TOOLS, "message": replace(TOOLS["message"], sinks=frozenset({"to", "body"}))}
    none = {**TOOLS, "message": replace(TOOLS["message"], sinks=None)}
    assert [kind(text, tools=t) for t in (TOOLS, both, none)] == ["bound", "delegated", "delegated"]


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ('message(to=one(t.sender for t in transactions(n=9) if t.id == 3), body="b")', "data picks among what transactions gives"),
        ('message(to=max(transactions(n=9), key=lambda t: t.amount).sender, body="b")', "data picks among what transactions gives"),
        ('message(to=transactions(n=9)[0].sender, body="b")', "data picks among what transactions gives"),
        ('(message(to=t.sender, body="b") for t in transactions(n=9))', "data picks among what transactions gives"),
        ('message(to="Alice", body="b") if balance() > 3 else None', "data of balance decides whether"),
        ('message(to="Alice", body="b" if balance() > 3 else "c")', "data picks among what balance gives"),
        (
            '(message(to=c, body="b") for c in ["Alice", "Bob"] if mentions(webpage(url="x"), c))',
            "data of webpage decides whether",
        ),
        (
            '(message(to=t.sender, body="b") for t in transactions(n=9) if t.id in webpage(url="x"))',
            "data picks among what transactions gives; data of webpage decides whether",
        ),
        ('message(to={"a": "Alice", "b": "Bob"}.get(webpage(url="x")), body="b")', "data picks among what webpage gives"),
        ('message(to="Alice Bob".replace(webpage(url="x"), ""), body="b")', "data picks among what webpage gives"),
        ('message(to=contacts() and "Alice", body="b")', "data picks among what contacts gives"),
        (
            'schedule(to="Carol", amount=20, subject="s", date=a("date"), recurring=mentions(webpage(url="x"), "y"))',
            "data picks among what webpage gives",
        ),
        (
            'schedule(to="Carol", amount=20, subject="s", date=a("date"), recurring=balance() > 3)',
            "data picks among what balance gives",
        ),
        (
            'schedule(to="Carol", amount=20, subject="s", date=a("date"), recurring=webpage(url="x").startswith("y"))',
            "data picks among what webpage gives",
        ),
        ('message(to=one(contacts()).name.replace("a", "b").lower(), body=", ".join(lines(webpage(url="x"))))', ""),
        # a name that stands for what was read
        (
            '(message(to=c, body="b") for p in [webpage(url="x")] for c in ["Alice", "Bob"] if c in p)',
            "data picks among what webpage gives",
        ),
        (
            'message(to=one(c for p in [webpage(url="x")] for c in ["Alice", "Bob"] if c in p), body="b")',
            "data picks among what webpage gives",
        ),
        (
            'message(to=one(max(["Alice", "Bob"], key=lambda c: p.count(c)) for p in [webpage(url="x")]), body="b")',
            "data picks among what webpage gives",
        ),
        (
            'send_money(to="Carol", amount=20, subject=webpage(url="x"), date=a("date")) if "a" in subject else None',
            "data of webpage decides whether",
        ),
        (
            'send_mail(subject=webpage(url="x"), to="Alice" if "a" in subject else "Bob", body="b")',
            "data picks among what webpage gives",
        ),
        ('message(to=one(transactions(n=9)).sender, body="b")', ""),
        ('message(to="Alice", body=text(9))', ""),
        ('message(to=one(i for i in get_order(id="Alice").lines if i), body="b")', ""),  # nobody else writes it
    ],
)  # fmt: skip
def test_choice_of_data_is_said(text, choice):
    assert judged(read(text, TOOLS), TOOLS, WORDS).choice == choice


def test_reason_names_the_arguments_and_who_chooses():
    verdict = judged(read('message(to=email(webpage(url="x")), body=text(9))', TOOLS), TOOLS, WORDS)
    assert verdict.why == "body is free text while to is chosen by what others wrote in webpage"
    assert (verdict.arguments, verdict.by, verdict.offered) == (("to",), ("webpage",), ())
    assert verdict.line() == f"OPEN: {verdict.why}"


@pytest.mark.parametrize(
    ("text", "why", "offered"),
    [
        ("message(to=text(9), body='b')", "to is free text of the model, after it has read", ()),
        ('run_report(name=text(9), text=text(9))', "name and text are free text of the model, after it has read", ()),
        ('create_file(name=text(9), content=text(99))', "content is free text while name is free text of the model, after it has read", ()),
        ('create_file(name=text(9, like="a{}"), content=text(99))', "content is free text while name is chosen by the model, after it has read", ()),
        (
            'send_mail(to=email(webpage(url="x")), cc=a("email"), bcc=text(9), subject="s", body=text(9))',
            "body is free text while to is chosen by what others wrote in webpage, and cc is chosen by the model, after it has read, "
            "and bcc is free text of the model, after it has read",
            (),
        ),
        (
            'message(to=among(t.sender for t in transactions(n=9)), body="b")',
            "to is any of several, and what others wrote in transactions decides of which",
            ("to",),
        ),
        ('message(to=among(t.subject for t in transactions(n=9)), body="b")', "to is chosen by what others wrote in transactions", ()),
        (
            'message(to=among(c.email for c in contacts() if mentions(webpage(url="x"), c.name)), body=text(9))',
            "body is free text while to is any of several, and what others wrote in contacts and webpage decides of which",
            ("to",),
        ),
    ],
)  # fmt: skip
def test_reason_says_of_each_sink_what_it_is(text, why, offered):
    verdict = judged(read(text, TOOLS), TOOLS, WORDS)
    assert (verdict.why, verdict.offered) == (why, offered)


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ('message(to="Alice", body="hello")', {"to": "you, in your words", "body": "the model, in the plan"}),
        ('message(to="Eve", body=text(9))', {"to": "the model, in the plan", "body": "the model, in its own words"}),
        (
            'message(to=email(webpage(url="x")), body=text(9, like="a{}"))',
            {"to": "others, by what they wrote in webpage", "body": "the model, in the form that is given"},
        ),
        (
            'send_mail(to=a("email"), subject="20", body=balance())',
            {
                "to": "the model, once it has read",
                "subject": "you, in your words",
                "body": "nobody: it is computed from what exists",
            },
        ),
    ],
)  # fmt: skip
def test_each_argument_says_who_chooses_it(text, chosen):
    assert judged(read(text, TOOLS), TOOLS, WORDS).chosen == chosen
