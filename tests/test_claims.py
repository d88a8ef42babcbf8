"""`docs/claims.md`: each word that claims something stands where it says, and has a test in which it must not appear."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FEWEST = 35


def rows(text):
    """Return word, file and test of each row."""
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:2] == "| "
    ]
    return [(c[0], c[1].strip("`"), c[3].strip("`")) for c in cells if c[0] != "word"]


def faults(word, file, test):
    """Say what a row claims wrongly."""
    source = ROOT / "llmos_nb" / file
    if not source.is_file() or word.lower() not in source.read_text("utf-8").lower():
        return f"{file} does not say {word!r}"
    module, _, name = test.partition("::")
    path = ROOT / module
    if (
        not name
        or not path.is_file()
        or not re.search(rf"^(async )?def {name}\(", path.read_text("utf-8"), re.M)
    ):
        return f"there is no test {test}"
    return ""


ROWS = rows((ROOT / "docs" / "claims.md").read_text("utf-8"))


@pytest.mark.parametrize(("word", "file", "test"), ROWS)
def test_each_word_stands_in_its_file_and_each_test_exists(word, file, test):
    assert faults(word, file, test) == ""


def test_the_page_has_the_words_of_the_interface_each_once_a_file():
    assert len(ROWS) >= FEWEST and len({row[:2] for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (("never heard", "views/audit.py", "tests/test_claims.py::test_wrong_rows_are_found"), "does not say"),
        (
            ("the chain holds", "views/none.py", "tests/test_claims.py::test_wrong_rows_are_found"),
            "does not say",
        ),
        (
            ("the chain holds", "views/audit.py", "tests/test_claims.py::test_that_nobody_wrote"),
            "there is no test",
        ),
        (("the chain holds", "views/audit.py", "tests/none.py::test_wrong_rows_are_found"), "there is no test"),
        (("the chain holds", "views/audit.py", "tests/test_claims.py"), "there is no test"),
    ],
)
def test_wrong_rows_are_found(row, said):
    assert said in faults(*row)
