"""Where the prose of Markdown stands."""

from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from llmos_nb.process.answers import literals, prose


def numbers(text):
    return [text[a + x.start : a + x.end] for a, b in prose(text) for x in literals(text[a:b])]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("**12** and *13* and ***14***", ["12", "13", "14"]),
        ("`12` and ``13 ` 14`` and 15", ["15"]),
        ("So:\n\n```python\n12\n```\n\n~~~\n13\n~~~\n\n    14\n\n15", ["15"]),
        ("```\n12 never ends", []),
        ("| a | 12 |\n|---|--:|\n| **13** | `14` |\n| 13 | 15 |", ["12", "13", "13", "15"]),
        ("> 12\n> 13\n\n1. 14\n   15\n2. 16", ["12", "13", "14", "15", "16"]),
        ("- a 12\n  - b 13\n\n        code 14\n\n    15", ["12", "13", "15"]),
        ("# 12\n\n13\n===", ["12", "13"]),
        ("[12](http://x/13) and <http://x/14> and ![15](16 '17') 18", ["12", "18"]),
        ("[12][one] 13\n\n[one]: http://x/14", ["12", "13"]),
        ("<b title='12'>13</b>\n\n<div>\n14\n</div>", ["13"]),
        ("$x^{12}$ but $13 and $14, or $$\\sum_{15}$$\n\n$$\n16\n$$", ["13", "14"]),
        ("a \\`12\\` b", ["12"]),
        ("$x^2$ is 12", ["12"]),
        ("See[^1] 12\n\n[^1]: of 13 in `14`\n\nand 15", ["12", "13", "15"]),
        ("from $13 to 14$, or $2x + 3$ and $$y_4$$ 15", ["13", "14", "15"]),
        ("12\r\n13", ["12", "13"]),
        (r"\(x = 12\) and \[13\] and 14", ["14"]),
        ("CO<sub>2</sub> 12", ["12"]),
        ("12\r```\r13\r```\r14", ["12", "14"]),
        ("", []),
    ],
)
def test_code_formulas_and_addresses_are_no_prose(text, found):
    assert numbers(text) == found


def test_a_cell_with_a_bar_in_it_is_read_where_it_stands():
    text = "| a | b |\n|---|---|\n| 12 \\| 13 | 14 |\n\n15"
    assert numbers(text) == ["12", "13", "14", "15"]
    assert prose("|a|b|\n|-|-|\n|12\\|3|2|")[2:] == ((13, 18), (19, 20))


def test_a_number_is_not_taken_for_the_mark_of_its_item():
    assert prose("1. 1\n2. 2") == ((3, 4), (8, 9))


@given(st.text(alphabet="1 a`*_|[]()<>$\\-#>\n.~!&;", max_size=80))
def test_stretches_are_in_order_and_inside_the_text(text):
    found = prose(text)
    assert all(0 <= a <= b <= len(text) for a, b in found)
    assert all(one[1] <= two[0] for one, two in pairwise(found))
