"""Two notebooks and a terminal steer one process: nothing is done twice, or after its end, and all tell the same."""

from collections import Counter

import pytest
from two_books import Sequence, sequences

from llmos_nb.journal import interpreters, journal
from llmos_nb.session import abreast

STALE = [
    [("reject", "B")],  # it sees the first question, and is refused: the other one has the process
    *[[("approve", "A")]] * 2,
    [("die", "A")],
    [("approve", "B")],  # what it had seen was answered, and perhaps done, meanwhile
    [("resume", "B")],
]


@pytest.fixture(autouse=True)
def here(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("LLMOS_HOME", "PORT"):
        monkeypatch.setenv(name, "")


def wrong(found):
    """Return what went wrong in sequences."""
    return +sum((one.wrong for one in found), Counter())


def test_random_words_from_all_sides_do_nothing_twice_or_after_the_end(tmp_path):
    found = sequences(tmp_path, range(7_000, 7_004))
    assert not wrong(found), [one.said for one in found if +one.wrong]
    assert sum(one.payments for one in found) > 3


def test_who_held_a_process_takes_in_what_others_did_before_it_says_anything(tmp_path):
    (found,) = sequences(tmp_path, [1], acts=STALE, lines=0)
    assert not wrong([found]), found.said


def test_who_does_not_take_it_in_pays_twice(tmp_path, monkeypatch):
    monkeypatch.setattr(Sequence, "patience_s", 3)
    monkeypatch.setattr(abreast, "catch_up", lambda process: None)
    (found,) = sequences(tmp_path, [1], acts=STALE, lines=0)
    assert found.wrong["paid twice"], found.said


def test_where_nobody_knows_who_has_a_process_it_pays_twice(tmp_path, monkeypatch):
    monkeypatch.setattr(Sequence, "patience_s", 3)
    monkeypatch.setattr(journal, "check_holder", lambda path: None)
    monkeypatch.setattr(interpreters, "holder_of", lambda path: None)
    acts = [[("approve", "B")], [("resume", "B")], [("approve", "A")]]
    (found,) = sequences(tmp_path, [1], acts=acts, lines=0)
    assert found.wrong["paid twice"], found.said
