import pytest
from hypothesis import given, strategies as st

from llmos_nb.process import ungrounded

SEEN = ["Biscoe 4716.0179, Dream 3712.9, n = 167", "share 0.2564", "2024-03-01", "7.93e-35"]


@pytest.mark.parametrize(
    "answer",
    [
        "Biscoe: 4,716.02 g",
        "about 4716 g",
        "25.6 % of them",
        "It was 2024-03-01",
        "`Biscoe` leads",
        "p = 7.9e-35",
        "no number",
        "1) the 2 islands",
    ],
)
def test_observed_numbers_are_grounded(answer):
    assert ungrounded(answer, SEEN) == []


@pytest.mark.parametrize(
    ("answer", "missing"),
    [
        ("4717 g", ["4717"]),
        ("FINAL ANSWER 4242", ["4242"]),
        ("on 2024-03-02", ["2024-03-02"]),
        ("`Palmer` leads", ["Palmer"]),
        ("25.6 g", ["25.6"]),
    ],
)
def test_unobserved_numbers_are_named(answer, missing):
    assert ungrounded(answer, SEEN) == missing


@given(st.floats(3, 1e6), st.integers(0, 4))
def test_rounded_observations_are_grounded(value, digits):
    assert ungrounded(f"it is {value:.{digits}f}", [repr(value)]) == []


@given(st.text())
def test_any_text_is_accepted(text):
    assert isinstance(ungrounded(text, [text]), list)
