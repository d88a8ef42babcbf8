"""Literals in the user's words: whole tokens of any script, numbers and dates by what they say; live tokens."""

import pytest
from hypothesis import given, strategies as st

from llmos_nb.policy.commitments.tokens import apart, hidden, live, unsaid
from llmos_nb.policy.commitments.words import said


@pytest.mark.parametrize(
    ("value", "words", "wanted"),
    [
        ("Alice", "Write to Alice.", True),
        ("alice", "Write to ALICE's boss", True),
        ("Alice", "Write to Alicea", False),
        ("Alice", "Write to Alice-Mary", False),
        ("Alice", "Write to alice@x.example", False),
        ("x.example", "Write to alice@x.example", False),
        ("bob@x.example", "Write to not-bob@x.example", False),
        ("bob@x.example", "Write to bob@x.example.", True),
        ("bob@x.example", "Write to bob@x.example.org", False),
        ("bob@x.example", "Write to bob@х.example", False),  # a Cyrillic х
        ("Аlice", "Write to Alice", False),  # a Cyrillic А
        ("evil.example", "See www.evil.example", False),
        ("www.a.example", "See https://www.a.example.", True),
        ("https://a.example", "See https://a.example/page", False),
        ("report.pdf", "Send report.pdf!", True),
        ("report.pdf", "Send my-report.pdf", False),
        ("/data/report.pdf", "Send `/data/report.pdf`", True),
        ("W123", "Order #W123, please", True),
        ("123", "Order #W123, please", False),
        ("Bill  December", "the bill\nDecember", True),
        ("r", "with permission 'r'", True),
        ("r", "read", False),
        ("general", "channel:general", True),
        ("general", "#general", True),
        ("alice", "@alice", True),
        ("10", "10:00", False),
        # a sentence that begins right behind the full stop of another
        ("www.our-company.com", "Invite Dora, see www.our-company.com.They sent it", True),
        ("www.our-company.com.They", "Invite Dora, see www.our-company.com.They sent it", True),
        ("bob@x.example", "Write to bob@x.example.It's urgent", True),
        ("bill.txt", "Pay bill.txt.Then tell me", True),
        ("https://a.example", "See https://a.example.I wait", True),
        ("report", "Delete report.Final", False),
        ("john", "Write to john.Smith", False),
        ("docs/report", "Delete docs/report.Final", False),
        ("x.example", "See x.example.Über Nacht", True),
        ("company.com", "See company.com.evil", False),
        ("company.com", "See company.com.evil and more", False),
        ("company.com", "See company.com.Evil.org", False),
        ("company.com", "See company.com.Evil@x.org", False),
        ("company.com", "See company.com.Evil-x.org", False),
        ("company.com", "See company.com.Evil/x", False),
        ("company.com", "See company.com.Evil:80", False),
        ("company.com", "See company.com.EVIL", False),
        ("company.com", "See company.com.eviL", False),
        ("company.com", "See company.com.Evil2", False),
        ("company.com", "See company.com.Evil_x", False),
        ("www.company", "See www.Company.Com", False),
        ("bob@Company", "Write to bob@Company.Com", False),
        ("John", "Write to John.Smith", False),
        ("our-company.com", "See www.our-company.com.They sent it", False),
        ("", "", True),
        (None, "", True),
        (True, "", True),
        ([], "", True),
        (["Alice", "Bob"], "Alice and Bob", True),
        (["Alice", "Eve"], "Alice and Bob", False),
        ({"who": "Eve"}, "Alice and Bob", False),
        # German, French, Chinese, Japanese, Korean, Greek, Russian
        ("Jürgen Müller", "Schreib Jürgen Müller, dass …", True),
        ("Jürgen", "Schreib Ju\u0308rgen", True),  # in two characters
        ("Jurgen", "Schreib Jürgen", False),
        ("Müller", "Schreib Frau Müllerin", False),
        ("Straße 5", "Gehe zur STRASSE 5", True),
        ("Élodie", "Préviens Élodie", True),
        ("hôtel", "Réserve l'hôtel", True),
        ("王芳", "请给王芳发消息", True),
        ("李雷", "请给王芳发消息", False),
        ("Alice", "请给Alice发消息", True),
        ("田中さん", "田中さんにメールして", True),
        ("민수", "민수에게 메일을 보내", True),
        ("Иван", "Напиши Иван", True),
        ("Иван", "Напиши Иванову", False),
        ("Μαρία", "Γράψε στη Μαρία", True),
        # numbers by value
        (12.5, "Pay 12.50", True),
        (12.5, "Zahle 12,50 €", True),
        (1200, "Pay $1,200", True),
        (1200.5, "Zahle 1.200,50", True),
        (1200.0, "Pay 1200.", True),
        (10, "Give 10% off", True),
        (2, "for two nights", True),
        (2, "für zwei Nächte", True),
        (2, "pour deux nuits", True),
        (2, "订两晚", True),
        (-5, "Pay 5", False),
        (20, "Pay 200", False),
        (0, "Pay 100", False),
        (5, "Order W5", False),
        (12.5, "Pay 12.51", False),
        # dates and times by what they say
        ("2024-05-15", "on 2024-05-15", True),
        ("2024-05-15", "on May 15th, 2024", True),
        ("2024-05-15", "on 15 May 2024", True),
        ("2024-05-15", "on May 15", True),
        ("2024-05-15", "am 15. Mai 2024", True),
        ("2024-05-15", "am 15.05.2024", True),
        ("2024-05-15", "on 5/15/2024", True),
        ("2024-06-03", "le 3 juin 2024", True),
        ("2024-05-15", "2024年5月15日", True),
        ("2024-05-15", "on May 16th, 2024", False),
        ("2025-05-15", "on May 15th, 2024", False),
        ("2024-05-15", "on 15", False),
        ("2024-05-15 10:00", "on May 15th 2024 at 10 am", True),
        ("2024-05-15T22:30", "on May 15th 2024 at 10:30pm", True),
        ("2024-05-15 10:00", "am 15. Mai 2024 um 10 Uhr", True),
        ("2024-05-15 10:00", "le 15 mai 2024 à 10h00", True),
        ("2024-05-15 00:00", "on May 15th 2024", True),
        ("2024-05-15 11:00", "on May 15th 2024 at 10:00", False),
        ("2024-05-15 10:00", "on May 16th 2024 at 10:00", False),
        ("10:00", "at 10:00", True),
        ("10:00", "at 11:00", False),
    ],
)
def test_value_is_said_where_it_stands_as_a_whole(value, words, wanted):
    assert said(value, words) is wanted


@given(st.text(), st.text())
def test_any_value_is_looked_for_in_any_words(value, words):
    assert said(value, words) in (True, False)
    assert said(value, f"{words} “{value}” {words}") or not value.strip()


@pytest.mark.parametrize(
    "text",
    [
        "Lunch at 12:30 on 2024-05-15, then 15.05.2024 and 5/15/2024", "1,200.50 EUR or 1.200,50 €", "from 2023-2024", "2023 and 2024",
        "df.groupby(x).np.mean, os.path, 3.5.1, report.pdf, a.csv, 5.on and 7.or, plan.docx", "notes.txt, main.py, e.g. this, i.e. that, U.S. and a.m.", "Version 1.2.3", "#general and @alice", "order 12345678", "1234 Elm Street",
        "commit 1b2c3d4e5f60718293a4b5c6d7e8f90123456789", "你好。再见", "end.Next sentence", "f(x) = 3.14159265358979", "2024-05-15 10:00:00", "👩\u200d💻 ❤\ufe0f", "a/b and/or", "R2D2 C3PO",
    ],
)  # fmt: skip
def test_ordinary_words_hold_nothing_live(text):
    assert live(text) == () and hidden(text) == ""


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("see http://x.test/a?b", "http://x.test/a?b"),
        ("see HTTPS://X.test", "x.test"),
        ("see ftp://x/y", "ftp://x/y"),
        ("see www.x.test.", "www.x.test"),
        ("see x.com", "x.com"),
        ("see x.com/path?q=1", "x.com/path?q=1"),
        ("see x.com:8080/p", "x.com:8080/p"),
        ("see x.qq/p", "x.qq/p"),
        ("see (x.org)", "x.org"),
        ("see evil.pl", "evil.pl"),
        ("see evil.cfd", "evil.cfd"),
        ("see evil.company", "evil.company"),
        ("see notes.md and evil.zip", "evil.zip"),
        ("see evil.рус", "evil.рус"),
        ("see evil.中国", "evil.中国"),
        ("skype:evil?call", "skype:evil?call"),
        ("bitcoin:1EviL", "bitcoin:1evil"),
        (r"open \\evil\share", r"\\evil\share"),
        ("GB33\nBUKB\n2020\n1555\n5555\n55", "gb33bukb20201555555555"),
        ("see [x](y.net)", "y.net"),
        ("see x.рф", "x.рф"),
        ("see xn--e1afmkfd.xn--p1ai", "xn--e1afmkfd.xn--p1ai"),
        ("mail a.b+c@x.test", "a.b+c@x.test"),
        ("mail mailto:a@x.test", "mailto:a@x.test"),
        ("mail a@x dot com", "a@x.com"),
        ("at 10.0.0.7:80", "10.0.0.7:80"),
        ("call +49 (30) 1234-567", "+49301234567"),
        ("call 555-1234", "5551234"),
        ("call 030 1234567", "0301234567"),
        ("call 4915123456789", "4915123456789"),
        ("to DE89 3704 0044 0532 0130 00", "de89370400440532013000"),
        ("to GB29NWBK60161331926819", "gb29nwbk60161331926819"),
        ("to DE89-3704-0044-0532-0130-00", "de89370400440532013000"),
        ("to bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"),
        ("to 0x71C7656EC7ab88b098defB751B7401B5f6d8976F", "0x71c7656ec7ab88b098defb751b7401b5f6d8976f"),
        ("to 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "1a1zp1ep5qgefi2dmptftl5slmv7divfna"),
    ],
)
def test_what_a_reader_could_click_write_to_pay_or_dial_is_found(text, token):
    assert token in live(text)
    assert unsaid(text, "nothing of it") and unsaid(text, f"it is {text}") == ""


@pytest.mark.parametrize(
    "c",
    [
        "\u200b",
        "\u2060",
        "\ufeff",
        "\u202e",
        "\u2066",
        "\u00ad",
        "\U000e0041",
        "\x00",
        "\x1b",
        "\u3164",
        "\u034f",
        "\ue000",
    ],
)
def test_hidden_character_is_named(c):
    assert hidden(f"a{c}b")


def test_link_right_before_the_next_sentence_is_said():
    words = "See www.our-company.com.They sent it"
    assert unsaid("It is on www.our-company.com.", words) == ""
    assert unsaid("It is on www.our-company.com.", words.lower()) == "www.our-company.com"
    assert unsaid("It is on our-company.com.", words) == "our-company.com"


def test_sentences_are_taken_apart_in_time_that_grows_with_the_text():
    for piece in ("a.", "a-", ".", "A", "a.B-", "a.B@", "a.BB"):
        assert len(apart(piece * 100_000)) >= 100_000 * len(piece)
