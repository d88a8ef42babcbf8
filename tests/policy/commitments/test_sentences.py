"""Acts in words: the line of a card, and what the plan's author is told at once."""

import tomllib
from pathlib import Path

import pytest
from planned import TOOLS

from llmos_nb.errors import ActError
from llmos_nb.policy.commitments import judged, read, reply, sentence

WORDS = "Message Alice, invite Dora, whose address is on www.dora.example, pay 20 to Carol on 2024-05-15."
GOALS = tomllib.loads((Path(__file__).parent / "acts.toml").read_text(encoding="utf-8"))["goal"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('message(to="Alice", body=text(300))', "message Alice (as you said): my own words, at most 300 characters, no links"),
        ('message(to="Mallory", body=text(300, links=True))', "message “Mallory”: my own words, at most 300 characters, links allowed"),
        ('message(to="Alice", body=text(99, like="At {}"))', "message Alice (as you said): my own words in the form “At {}”, at most 99 characters, no links"),
        ('message(to="Alice", body=maybe(quote(webpage(url="x"))))', "message Alice (as you said): a piece, word for word, of webpage (“x”) (or nothing)"),
        (
            'invite(user="Dora", email=email(webpage(url="www.dora.example")))',
            "invite user Dora (as you said), email the one e-mail address in webpage (“www.dora.example”)",
        ),
        (
            'send_money(to=one(t.recipient for t in transactions(n=9) if mentions(t, "Bob")), amount=20, subject="s", date=a("date", max="2024-05-15"))',
            "send money to the recipient of the one t of transactions (9) where t mentions “Bob”, amount 20 (as you said), "
            "date a date of the model's choice to “2024-05-15”: “s”",
        ),
        (
            'at_most(3, (message(to=m, body="b") for m in members(channel="c") if m.startswith("new_")))',
            "message m: “b”, for each m of members (“c”) where m begins with “new_”, at most 3 times",
        ),
        (
            'at_most(1, (message(to=m, body="b") for m in members(channel="c")))',
            "message m: “b”, for each m of members (“c”), at most once",
        ),
        ('at_most(1, message(to="Alice", body="b"))', "message Alice (as you said): “b”"),
        (
            'message(to=max(contacts(), key=lambda c: c.age).name, body="b") if balance() > 5 and not tickets() else None',
            "message the name of the one with the largest age of contacts: “b”, if balance is above 5 and not (tickets)",
        ),
        ('share_file(id=among(f.id for f in list_files()), email=any_of("a@x", "b@x"), permission="r")',
         "share file id any of the id of f for each f of list files, email one of “a@x”, “b@x”, permission “r”"),
        ('book_hotel(hotel="Alice", start="2024-05-15", end=plus(start, days=2))',
         "book hotel Alice (as you said), start 2024-05-15 (as you said), end start plus 2 days"),
        ('add_to_channel(user=contacts()[0].name, channel=contacts()[-1]["room"])',
         "add to channel user the name of the first of contacts, channel the room of the last of contacts"),
        ('refund(order="20", amount=balance() - number(webpage(url="x"), near="fee"), reason=f"Hi {balance()}")',
         "refund order 20 (as you said), amount (balance − the number behind “fee” in webpage (“x”)): “Hi [balance]”"),
        ('set_password(password=contacts()[0].name.lower() if 1 < balance() else "p")',
         "set password `contacts()[0].name.lower()` if 1 is below balance, else “p”"),
        ('message(to=some(members(channel="c")), body="b")', "message one or more of members (“c”): “b”"),
        ('message(to="Mallory (as you said)", body="b")', "message “Mallory (as you said)”: “b”"),
        ('add_participants(id="Carol", participants=["Alice", "Bob"])', "add participants id Carol (as you said), participants “Alice”, “Bob”"),
    ],
)  # fmt: skip
def test_act_is_said_in_plain_words(text, wanted):
    assert sentence(read(text, TOOLS), TOOLS, WORDS) == wanted


def test_every_act_of_the_corpus_is_one_line():
    for goal in GOALS:
        for text, wanted in goal["acts"]:
            if wanted != "unread":
                line = sentence(read(text, TOOLS), TOOLS, goal["said"])
                assert line and "\n" not in line


def test_card_shows_an_act_whole():
    name = "x" * 300
    assert name in sentence(read(f'message(to=contacts()["{name}"].lower(), body="b")', TOOLS), TOOLS, WORDS)


def test_literal_that_the_user_never_said_is_not_called_their_word():
    lines = [sentence(read(f'message(to="{name}", body="b")', TOOLS), TOOLS, WORDS) for name in ("Alice", "Malice")]
    assert lines == ["message Alice (as you said): “b”", "message “Malice”: “b”"]


def answered(*texts, **more):
    found = []
    for text in texts:
        try:
            found.append(read(text, TOOLS))
        except ActError as error:
            found.append(error)
    return reply(found, TOOLS, WORDS, **more).splitlines()


def test_author_is_told_of_each_act_how_it_stands_and_how_to_mend_it():
    lines = answered(
        'message(to="Alice", body=text(300))',
        'message(to="Alice")',
        'message(to=one(transactions(n=9)).subject, body=text(9))',
        'message(to=email(webpage(url="x")), body="b")',
        'message(to="Mallory", body="b")',
        'webpage(url="x")',
        '(message(to=t.sender, body="b") for t in transactions(n=9))',
    )  # fmt: skip
    assert lines == [
        "act 1: bound",
        "act 2: not understood, so it covers nothing. `message(to='Alice')`: message needs body",
        "act 3: OPEN: will always ask, because body is free text while to is chosen by what others wrote in transactions. "
        'Name the recipient, or give the text a form: text(200, like="… {} …"). '
        "Fields that nobody else chooses are transactions: amount, date, id, recipient, sender.",
        "act 4: DELEGATED: asks unless it is approved with the plan, because to is chosen by what others wrote in webpage",
        "act 5: INVENTED: will always ask, because 'Mallory' for to does not stand in the user's words. "
        'Take it from the user\'s words or from a read; a day such as tomorrow is a("date", min=…, max=…)',
        "act 6: webpage does not act outside and needs no act",
        "act 7: bound (data picks among what transactions gives)",
    ]


def test_author_of_a_choice_among_facts_is_told_to_say_which():
    both = "message(to=among(t.sender for t in transactions(n=9)), body=text(9))"
    lines = answered(
        'message(to=among(t.sender for t in transactions(n=9)), body="b")',
        both.replace("sender", "subject"),
        both,
    )
    which, facts = "Say which one to is: one(… if …), max(…, key=…).", "Fields that nobody else chooses are"
    assert [(which in line, facts in line) for line in lines] == [(True, False), (False, True), (True, False)]
    assert "chosen by what others wrote" not in lines[0]
    assert "OPEN" in lines[2] and lines[1].endswith("transactions: amount, date, id, recipient, sender.")


def test_author_is_told_that_delegated_acts_run_where_they_may():
    text = 'message(to=email(webpage(url="x")), body="b")'
    assert "asks unless it is approved" in answered(text)[0]
    assert answered(text, delegate="allow")[0].startswith("act 1: DELEGATED: runs, because")
    assert "will always ask" in answered('message(to=email(webpage(url="x")), body=text(9))', delegate="allow")[0]
    assert judged(read(text, TOOLS), TOOLS, WORDS).line() == "DELEGATED: to is chosen by what others wrote in webpage"
