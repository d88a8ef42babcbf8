"""Amounts and sentences as all views say them."""

import numpy as np
from hypothesis import given, strategies as st

from llmos_nb.views.wording import (
    as_read,
    clock,
    duration,
    hidden,
    listed,
    marked,
    money,
    names,
    plain,
    tokens,
    visible,
)


def test_amounts_are_worded_for_people():
    assert [tokens(v) for v in (0, 812, 6_200, 50_000, 1_500_000)] == ["0", "812", "6.2k", "50k", "1.5m"]
    assert [money(v) for v in (0, 0.0021, 0.5)] == ["$0.00", "$0.002", "$0.50"] and money(0.0004, 4) == "$0.0004"
    assert [clock(v) for v in (41, 180, 3725)] == ["0:41", "3:00", "1:02:05"]
    long = {7200: "2 h", 11_405: "3 h 10 min", 86_399: "23 h 59 min", 190_800: "2 d 5 h"}
    short = {0.12: "0.1 s", 41: "41 s", 125: "2 min 5 s", 120: "2 min"}
    assert [duration(v) for v in (*short, *long)] == [*short.values(), *long.values()]
    assert [listed(range(n)) for n in (0, 1, 2, 3)] == ["", "0", "0 and 1", "0, 1 and 2"]
    assert plain(names([f"n{i}" for i in range(10)])).endswith("n7 and 2 more")


@given(st.text())
def test_marking_numbers_changes_no_word(text):
    assert plain(marked(text)).replace("`", "") == text.replace("`", "")


@given(st.text())
def test_visible_text_shows_hidden_characters(text):
    assert hidden(visible(text)) == []
    assert visible(visible(text)) == visible(text)


def test_numbers_of_numpy_are_shown_as_a_person_reads_them_and_nothing_else_is_touched():
    value = {"mean": np.float64(4201.75), "n": [np.int64(3), np.True_], "z": np.complex128(1 + 2j)}
    assert as_read(repr(value)) == "{'mean': 4201.75, 'n': [3, True], 'z': 1+2j}"
    for text in ("mynp.float64(3)", "np.float64", "np.array([1.0])", "np.mean(x)"):
        assert as_read(text) == text
