"""Numbers, dates and times as texts spell them."""

from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from llmos_nb.process.answers import has_decimal_comma, literals
from llmos_nb.process.answers.literals import columns


def read(text, **how):
    return [(text[x.start : x.end], str(x.value)) for x in literals(text, **how)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2,264", "2264"), ("2264", "2264"), ("2'264", "2264"), ("2_264", "2264"), ("2\u202f264", "2264"), ("+2.96", "2.96"),
        ("-0.09", "-0.09"), ("−0.09", "-0.09"), ("1,234,567.5", "1234567.5"), ("1.234,5", "1234.5"), (".5", "0.5"),
        ("1.2e-5", "0.000012"), ("1.2×10⁻⁵", "0.000012"), ("3 × 10^4", "3E+4"), ("10^6", "1.0E+6"), ("10⁶", "1.0E+6"), ("10**-3", "0.0010"), ("14:02", "14:02"), ("14:02:33", "14:02:33"),
        ("2024-03-05", "(2024, 3, 5)"), ("2024/3/5", "(2024, 3, 5)"), ("5.3.2024", "(2024, 3, 5)"), ("5 March 2024", "(2024, 3, 5)"),
        ("March 5, 2024", "(2024, 3, 5)"), ("5. März 2024", "(2024, 3, 5)"), ("March 5th", "(0, 3, 5)"), ("May 2020", "(2020, 5, 0)"),
        ("2024-03", "(2024, 3, 0)"), ("date(2024, 3, 5", "(2024, 3, 5)"), ("Dez. 2024", "(2024, 12, 0)"),
    ],
)  # fmt: skip
def test_a_literal_is_read_whole(text, value):
    closed = ")" if "(" in text else ""
    assert read(f"It is {text}{closed}.") == [(text, value)]


@pytest.mark.parametrize(
    "text", ["r2", "COVID-19", "10^2.5", "7f3a", "1.2.3", "10.0.0.1", "x_2", "Q3", "e5", "v2.0", "a1b2c3"]
)
def test_a_name_is_no_number(text):
    assert read(f"It is {text} there.") == []


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("3,5,7", ["3", "5", "7"]), ("2019-2021", ["2019", "2021"]), ("2019–2021", ["2019", "2021"]), ("5kg and 3rd", ["5", "3"]),
        ("12 % (12.5%)", ["12", "12.5"]), ("[1, -2]", ["1", "-2"]), ("may 3", ["3"]), ("Sales 2024", ["2024"]), ("n=-3", ["-3"]),
        ("2024-03-05T14:02:33", ["(2024, 3, 5)", "14:02:33"]), ("45/12/2024 and 2024-13-01", ["45", "12", "2024", "2024", "13", "01"]),
    ],
)  # fmt: skip
def test_numbers_side_by_side_are_told_apart(text, values):
    assert [v for _, v in read(text)] == values


def test_a_comma_is_decimal_only_in_a_text_that_can_be_read_in_no_other_way():
    assert has_decimal_comma("3,5 und 1.234") and has_decimal_comma("1.234.567 Zeilen")
    assert not has_decimal_comma("2,264") and not has_decimal_comma("1.234") and not has_decimal_comma("3,5 or 2.5")
    assert [value for _, value in read("1.234 und 3,5", decimal_comma=True)] == ["1234", "3.5"]


@given(st.integers(-(10**9), 10**9), st.sampled_from([",", "_", "", "'"]))
def test_whole_numbers_are_read_however_their_thousands_are_told(number, separator):
    spelled = f"{number:,}".replace(",", separator)
    assert [x.value for x in literals(f"so {spelled} of")] == [number]


@given(st.decimals(-(10**6), 10**6, places=3))
def test_decimals_are_read_exactly(number):
    assert [x.value for x in literals(f"so {number:,f} of")] == [number]


@given(st.text(max_size=200))
def test_any_text_is_read_and_no_two_literals_share_a_letter(text):
    found = literals(text)
    assert all(a.end <= b.start for a, b in pairwise(found))
    assert all(text[x.start : x.end].strip() for x in found)


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("In March 2,264 orders", "2,264"), ("In May 2.5 %", "2.5"), ("at 14:02Z", "14:02Z"), ("at 2:30pm there", "2:30pm"),
        ("on 3/5/2024", "3/5/2024"), ("is –5 °C", "–5"), ("is ‑5 °C", "‑5"), ("\u200f١٬٢٣٤ و", "١٬٢٣٤"), ("lost -$1,200", "-$1,200"), ("5\u00a0March\u00a02024", "5\u00a0March\u00a02024"),
    ],
)  # fmt: skip
def test_no_number_is_cut_in_pieces(text, literal):
    assert [spelled for spelled, _ in read(text)] == [literal]


@pytest.mark.parametrize(
    "text", ["550e8400-e29b-41d4-a716-446655440000", "ORD-2024-0017", "3️⃣", "12^2", "https://x.example/2264?n=12", "a/2024/q1", "&#8722;"]
)  # fmt: skip
def test_identifiers_and_addresses_hold_no_number(text):
    assert read(f"It is {text} there") == []


@pytest.mark.parametrize("text", ["10e999999", "1e" + "9" * 5000, "1" * 5000, "9" * 30 + "×10⁹⁹⁹"])
def test_a_number_of_any_size_is_read_or_left_and_not_rounded(text):
    assert all(x.value + 1 != x.value or x.value > 10**999 for x in literals(text))
    assert read("1" * 40 + "2") != read("1" * 40 + "3")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("9:05", "09:05:00", True), ("2:02 pm", "14:02", True), ("12 am", "12", False), ("7 pm", "7", False), ("7 pm", "19", True), ("14:02", "14:02:33", False), ("2k", "2000", True),
        ("2k", "2", False), ("2.3 million", "2,300,000", True), ("0042", "42", False), ("0042", "0042", True), ("3 × 104", "3e4", False),
    ],
)  # fmt: skip
def test_two_spellings_say_the_same_or_do_not(one, other, same):
    assert (literals(one)[0].value == literals(other)[0].value) is same


def test_commas_between_the_columns_of_csv_are_no_part_of_numbers():
    csv = 'a,b,c\n7,1,234\nx,"1,234",3.5\n\nNorth, 2,264'
    assert [value for _, value in read(columns(csv))] == ["7", "1", "234", "1234", "3.5", "2264"]
    assert [value for _, value in read('{"a":[1.5,-2.5],"b":3}')] == ["1.5", "-2.5", "3"]
    assert not has_decimal_comma('{"a":[1,2]}') and has_decimal_comma("Anteil;3,5")
