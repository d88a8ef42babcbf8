"""How each number of an answer is known: computed, seen or typed; and where none of these may stand."""

import time
from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from llmos_nb.process.answers import Source, counted, marked, said

TABLE = """\
region    orders  share
Central     2264   0.35
North       -0.09  2.96
2024-03-05  1200   12.5%"""
SHOWN = (Source("r1.0", TABLE),)


def kinds(answer, sources=SHOWN, computed=()):
    spans = []
    for text, code in computed:
        at = answer.index(text)
        spans.append((at, at + len(text), code))
    return [(n.text, n.kind) for n in marked(answer, tuple(sources), tuple(spans))]


@pytest.mark.parametrize(
    "spelled", ["2,264", "2264", "2'264", "+2.96", "2.96", "−0.09", "-0.09", "12.5 %", "12.5%", "5 March 2024", "2024", "1200"]
)  # fmt: skip
def test_a_literal_in_a_common_spelling_is_seen(spelled):
    number = spelled.removesuffix("%").strip()
    assert kinds(f"So **{spelled}** it is.") == [(number, "seen")]


@pytest.mark.parametrize("spelled", ["2,265", "226", "2.264", "0.09", "35", "0.125", "4 March 2024", "2023", "96"])
def test_what_stands_in_no_result_is_typed(spelled):
    assert kinds(f"So **{spelled}** it is.") == [(spelled, "typed")]


def test_it_says_in_which_line_and_in_how_many():
    (one,) = marked("2,264 orders", (*SHOWN, Source("r2.0", "a 2264\nb 2264.0")))
    assert (one.call, one.line, one.places, said(one)) == ("r2.0", "b 2264.0", 3, "b 2264.0 and in 2 more")


def test_no_mark_stands_in_code_and_one_a_number():
    text = "`2264`, **2,264** of **2,264**\n\n| a | b |\n|--:|---|\n| 1,200 | `9` |\n\n```\n2264\n```"
    assert kinds(text) == [("2,264", "seen"), ("2,264", "seen"), ("1,200", "seen")]


def test_a_value_of_an_expression_is_computed_and_a_name_too():
    found = kinds("Gentoo has 7.5.", computed=[("Gentoo", "top"), ("7.5", "x.mean()")])
    assert found == [("Gentoo", "computed"), ("7.5", "computed")]


@pytest.mark.parametrize(
    "answer",
    ["It is 97.5 there.", "It is −7.5 there.", "It is 7.55.", "It is 1,7.5.", "It is 7.5e3.", "It is 7.5×10⁴."],
)
def test_what_stands_beside_a_value_and_makes_another_number_of_it_is_not_computed(answer):
    assert "computed" not in [kind for _, kind in kinds(answer, computed=[("7.5", "x")])]


@pytest.mark.parametrize(
    "answer",
    ["**836**5", "5**836**", "836½", "836 ½", "836²", "836^2", "&minus;836", "836<sup>2</sup>", "836e3", "8360", "836,000", "836 000", "[836](u)5", "`7`836"],
)  # fmt: skip
def test_what_is_seen_beside_a_value_is_read_as_it_is_shown(answer):
    found = kinds(f"It is {answer} there.", sources=(Source("r1.0", "836"),), computed=[("836", "x")])
    assert ("836", "seen") not in found and "computed" not in [kind for _, kind in found]


@pytest.mark.parametrize(
    "answer",
    ["**836** 5", "836<br>5", "836k", "836 %", "$836", "+836", "5/836", "12–836", "_836_", "<b>836</b>", "&gt;836", "836th", "| 5 | 836 |", "836, 5", "Q836"],
)  # fmt: skip
def test_what_stands_beside_a_value_and_leaves_it_is_nothing_against_it(answer):
    assert ("836", "computed") in kinds(f"| a | b |\n|--|--|\n{answer}\n", computed=[("836", "x")])
    assert ("836", "computed") in kinds(f"It is {answer} there.", computed=[("836", "x")])


def test_two_values_without_anything_between_are_neither():
    assert kinds("In 202403.", computed=[("2024", "y"), ("03", "m")]) == [("202403", "typed")]


def test_values_side_by_side_are_computed_and_the_sign_beside_one_is_not():
    assert kinds("On 2024-03 (5,7)", computed=[("2024", "y"), ("03", "m"), ("5", "a"), ("7", "b")]) == [
        ("2024", "computed"), ("03", "computed"), ("5", "computed"), ("7", "computed")
    ]  # fmt: skip
    assert kinds("At 5,7 here", computed=[("5", "a"), ("7", "b")]) == [("5", "computed"), ("7", "computed")]
    assert kinds("It is 2.3 million.", computed=[("2.3", "x / 1e6")]) == [("2.3", "computed")]
    assert "computed" not in [kind for _, kind in kinds("It is ‑7.5.", computed=[("7.5", "x")])]


def test_a_date_is_seen_by_its_year_and_month_and_a_count_is_no_year():
    shown = (Source("r1.0", "on 2024-05-07 at 14:02:33+02:00"),)
    assert [kind for _, kind in kinds("2024, May 2024, May 7, 7 May 2024; 14:02:33", shown)] == ["seen"] * 5
    assert [kind for _, kind in kinds("2,024, May 2023, May 8, 8 May 2024; 14:02", shown)] == ["typed"] * 5
    assert kinds("7 May 2024", (Source("r1.0", "2024"), Source("r1.0", "May 2024"))) == [("7 May 2024", "typed")]


def test_a_value_that_code_of_the_answer_spells_does_not_decide_over_the_comma():
    assert kinds("Es sind 3,5 % (`1.5`).", (Source("r1.0", "3.5"),)) == [("3,5", "seen")]


def test_each_number_of_a_computed_table_is_computed_and_a_block_of_code_is_one_value():
    table = "| a | b |\n|---|---|\n| x | 7 |\n| y | 2,264 |"
    assert kinds(f"So:\n\n{table}\n\n5", computed=[(table, "t")]) == [
        ("7", "computed"), ("2,264", "computed"), ("5", "typed")
    ]  # fmt: skip
    assert kinds("So:\n\n```text\na 7\nb 8\n```", computed=[("a 7\nb 8", "t")]) == [("a 7\nb 8", "computed")]


@pytest.mark.parametrize(
    ("code", "table", "computed"),
    [
        ("t", "| in 2024 | top 3 |\n|---|--:|\n| x | 7 |\n| Station 12 | 8% |", ["7", "8"]),
        ("t.quantile([0.5, 0.9])", "| | a |\n|--:|--:|\n| 0.5 | 7 |\n| 0.9 | 0.25 |", ["7", "0.25"]),
        ("t.describe()", "| | a |\n|--:|--:|\n| count | 7 |\n| 25% | 8 |\n| 50% | 9 |", ["7", "8", "9"]),
        ("t.rename({'a': '2024'})", "| year | n |\n|--:|--:|\n| 2024 | 7 |", ["7"]),
        (
            "t",
            "| age | n |\n|---|--:|\n| 18-29 | 7 |\n| 50+ | 8 |\n| (5, 10] | 9 % |\n| x \\| 4 | 5 |",
            ["7", "8", "9", "5"],
        ),
        ("t", "| q1 | at |\n|--:|--:|\n| top 2 | 2024-05-01 07:30:00 |", ["2024-05-01", "07:30:00"]),
        ("'\\n'.join(f'- top 3 of {k}: {v}' for k, v in d)", "- top 3 of a: 7\n- top 3 of b: 8", ["7", "8"]),
        (
            "t.round(2)",
            "| | n |\n|--:|--:|\n| 2021 | 2 |\n| 2022-05-01 | -2.5 |",
            ["2021", "2", "2022-05-01", "-2.5"],
        ),
    ],
)
def test_what_only_labels_a_computed_table_is_not_computed(code, table, computed):
    found = kinds(f"So:\n\n{table}\n\n", sources=(), computed=[(table, code)])
    assert [text for text, kind in found if kind == "computed"] == computed
    assert len(found) > len(computed) or code == "t.round(2)"


@pytest.mark.parametrize(
    ("answer", "shown", "found"),
    [
        ("It is 35 %.", "share 0.35", [("35", "seen")]),
        ("It is 35.", "share 0.35", [("35", "typed")]),
        ("It is 0.35.", "share 35 %", [("0.35", "typed")]),
        ("At 7:30.", "[datetime.datetime(2024, 2, 29, 7, 30), 9]", [("7:30", "seen")]),
        ("At 7:05:09 on 29 February 2024.", "datetime.datetime(2024, 2, 29, 7, 5, 9)", [("7:05:09", "seen"), ("29 February 2024", "seen")]),
        ("At 7:30, not 30.", "datetime.time(7, 30)", [("7:30", "seen"), ("30", "typed")]),
        ("At 7:30.", "shape(7, 30)", [("7:30", "typed")]),
        ("10^6 of them", "n = 1000000", [("10^6", "seen")]),
        ("On June 1.", "n 1", [("1", "typed")]),
        ("On June 1.", "2024-06-01", [("June 1", "seen")]),
        ("June 1, July 4", "June   4\nJuly   1", [("1", "seen"), ("4", "seen")]),
        ("January 8", "8 01\n8 02", [("8", "seen")]),
        ("12 and 14 May", "12 days\n2024-05-14", [("12", "typed"), ("14 May", "seen")]),
        ("12–14 May 2024", "2024-05-12 2024-05-14", [("12", "seen"), ("14 May 2024", "seen")]),
        ("May 12 and 14", "12 of 14", [("12", "typed"), ("14", "typed")]),
        ("le 13 mai, 13/05/2024", "13\n2024-05-13", [("13 mai", "seen"), ("13/05/2024", "seen")]),
        ("le 13 mai", "13", [("13", "typed")]),
        ("At 7 pm.", "n 7", [("7", "typed")]),
        ("At 7 pm.", "19:00 and 19", [("7", "seen")]),
        ("42 544 rows", "42\n544", [("42 544", "typed")]),
        ("42 544 rows", "n 42544", [("42 544", "seen")]),
        ("Call +49 30 1234567 or (030) 1234567.", "30 1234567", []),
        ("In 42.csv are 42.", "42", [("42", "seen")]),
        ("On 5 March, at 5.", "2024-03-05 5", [("5 March", "seen"), ("5", "seen")]),
        ("The 4th, 22nd, 22th.", "4 22", [("4", "seen"), ("22", "seen"), ("22", "typed")]),
        ("<code>42</code>, <kbd>4 2</kbd> or 42", "42", [("42", "seen")]),
    ],
)  # fmt: skip
def test_another_spelling_of_the_same_is_seen(answer, shown, found):
    assert kinds(answer, (Source("r1.0", shown),)) == found


def test_a_number_with_typed_digits_beside_a_value_is_one_number_that_is_typed():
    (clock,) = marked("At 07:00.", (), ((3, 5, "h:02d"),))
    assert (clock.text, clock.kind, said(clock)) == ("07:00", "typed", "digits beside h:02d")


def test_the_headline_counts_each_kind_and_says_nothing_of_an_answer_without_numbers():
    found = marked("7 of 2,264 and 31", SHOWN, ((0, 1, "n"),))
    assert counted(found) == "1 computed, 1 seen, 1 typed by the model"


def test_computed_words_are_not_counted_as_numbers():
    found = marked("The north has 7, of 31.", SHOWN, ((4, 9, "best"), (14, 15, "n")))
    assert [(n.text, n.word) for n in found] == [("north", True), ("7", False), ("31", False)]
    assert counted(found) == "1 computed, 1 typed by the model, 1 computed text"
    assert counted([replace(n, undone="r1.0") if n.code == "best" else n for n in found]).endswith(
        "1 computed text (all from what was undone since)"
    )
    assert counted(marked("None are left.", SHOWN)) == ""


@given(st.integers(10**5, 10**9))
def test_no_number_is_derived(number):
    """Of 39 of the numbers 1 to 100 a former version said that they followed from such a table."""
    assert kinds(f"{number} % in July") == [(str(number), "typed")]


@given(st.text(alphabet="12,.-% a*|`\n", max_size=60), st.text(alphabet="12,.- \n", max_size=40))
def test_what_is_said_to_be_seen_stands_in_a_result(answer, result):
    for n in marked(answer, (Source("r1.0", result),)):
        assert answer[n.start : n.end] == n.text and (n.kind == "seen") == bool(n.line)
        assert n.line in result


@pytest.mark.parametrize(
    ("answer", "literal", "result"),
    [
        ("Mit Python 3.11 sind es 2,5 %, dann mehr.", "2,5", "2.5"), ("5’000 CHF", "5’000", "5000"), ("Of 1 000 rows", "1 000", "1000"),
        ("_12_ rows", "12", "12"), ("__12__ rows", "12", "12"), ("Es sind 12 345, das sind 3,5 %", "12 345", "12345"),
    ],
)  # fmt: skip
def test_a_number_of_an_answer_is_not_cut_however_its_groups_are_told(answer, literal, result):
    assert (literal, "seen") in kinds(answer, (Source("r1.0", result),))
    assert len(kinds(answer)) == 1 + ("3.11" in answer) + ("3,5" in answer)


def test_a_redraw_reads_nothing_again():
    text = "\n".join(f"row {n}" for n in range(99))
    first, second = ((Source("r1.0", "".join(list(text))),) for _ in range(2))
    assert marked("7 rows", first) is marked("7 rows", second)


def test_a_long_run_is_marked_in_no_time():
    """A ratio to splitting the same text in words: an index a result is made once, and not once a number."""
    rows = [Source(f"r{i}.0", "\n".join(f"row {j} {j * i}" for j in range(1500))) for i in range(1, 41)]
    answer = " ".join(f"{i * 37},{i:03}" for i in range(1, 300))
    start = time.process_time()
    for source in rows:
        for _ in range(20):
            source.text.split()
    floor, start = time.process_time() - start, time.process_time()
    marked(answer, tuple(rows))
    assert time.process_time() - start < 60 * floor


def test_digits_with_letters_at_them_are_seen_only_with_these():
    shown = (Source("r1.0", "gate,n\n12B,7\n14A,12\ntook 3.5s"),)
    said = "Gate 12B has 12, gate 12A none, Q3 and v12 are names; 14A took 3.5s, which is 3.5 s or 3.5h."
    assert kinds(said, shown) == [
        ("12", "seen"), ("12", "seen"), ("12", "typed"), ("14", "seen"), ("3.5", "seen"), ("3.5", "seen"), ("3.5", "typed"),
    ]  # fmt: skip
