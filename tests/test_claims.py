"""`docs/claims.md`: each word that claims something stands where it says, and has a test in which it must not appear."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FEWEST = 35


def rows(text):
    """Return word, file and test of each row."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:2] == "| "]
    return [(c[0], c[1].strip("`"), c[3].strip("`")) for c in cells if c[0] != "word"]


def faults(word, file, test):
    """Say what a row claims wrongly."""
    source = ROOT / "llmos_nb" / file
    if not source.is_file() or word.lower() not in source.read_text("utf-8").lower():
        return f"{file} does not say {word!r}"
    module, _, name = test.partition("::")
    path = ROOT / module
    if not name or not path.is_file() or not re.search(rf"^(async )?def {name}\(", path.read_text("utf-8"), re.M):
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


# the words that the interface says

PLACES = (
    "views/**/*.py", "app/commands/*.py", "app/present/*.py", "app/present/assets/*.js", "app/lab/*.py", "app/lab/extension/static/*.js", "app/*.py", "export/cells.py",
    "export/methods.py", "export/provenance.py", "export/verify/*.py", "session/exporting.py", "session/outcome.py",
    "process/answers/numbers.py", "journal/events/decider.py",
)  # fmt: skip
SHAPED = re.compile(
    r"\b(?:[a-z]{2,}ed|done|held|holds?|kept|sent|written|lost|forgotten|never|always|exactly|same|twice|background|valid|"
    r"safe|safely|secure|securely|proof|proven|proves|isolated|complete|completely|identical|guarantees?|sure|surely)\b",
    re.IGNORECASE,
)
"""Words in the shape of a claim: what was done, how it is kept, that it is always so."""

NO_CLAIM = {
    "what failed, or is not so": """failed raised refused stopped unsigned untrusted unfinished unexpected tried verified
        checked finished started reached required forked needed""",  # "not verified", "not checked", "not started"
    "what a person or the model is asked to give": "wanted asked configured closed hold accepted corrected",
    "what code and its parts are called, or events": """named called cached compiled covered sorted
        pythonhashseed reduced resumed integrated registered installed
        executed proposed expected""",
    "what stands there, without saying that it is right": """noted showed observed opened offered planned refreshed removed exported used
        acted adopted counted decided ended pruned remembered stored""",
}
"""Words of that shape that claim nothing about what was compared, done or decided by whom, with the reason."""

NEVER = tuple(
    "safe safely secure securely isolated guarantee guarantees proven tamper-proof untampered".split()  # noqa: SIM905
)
"""What nothing here can show, and so nothing says."""

SEALS = (
    "as expected", "held", "same", "same twice", "approved by", "undone", "unchanged", "sent", "written",
    "in the background", "computed", "seen", "exactly",
)  # fmt: skip


def texts(path):
    """Return the texts that a file shows: what its code spells out, without docstrings and names of events."""
    source = path.read_text("utf-8")
    if path.suffix == ".js":
        code = re.sub(r"(?m)//.*$", "", source)
        found = [a or b for a, b in re.findall(r'"([^"\n]*)"|`([^`\n]*)`', code)]
    else:
        tree = ast.parse(source)
        told = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)}
        parts = (n for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str))
        found = [n.value for n in parts if id(n) not in told]
    return [re.sub(r"\b[a-z_]+[._][a-z_.]+", " ", x) for x in found if " " in x.strip() or x[:1].isupper()]


def claiming(found, listed):
    """Return the words in the shape of a claim that are in no list."""
    known = {w.lower() for x in listed for w in SHAPED.findall(x)} | set(" ".join(NO_CLAIM.values()).split())
    return sorted({w.lower() for x in found for w in SHAPED.findall(x)} - known)


@cache
def shown():
    """Return all texts that the interface can show."""
    return [x for place in PLACES for path in (ROOT / "llmos_nb").glob(place) for x in texts(path)]


def test_no_word_of_the_interface_claims_something_outside_the_page():
    assert claiming(shown(), [word for word, *_ in ROWS]) == []


def test_each_word_that_claims_nothing_is_still_said():
    said = {w.lower() for x in shown() for w in SHAPED.findall(x)}
    assert [w for words in NO_CLAIM.values() for w in words.split() if w not in said] == []


def test_a_word_that_claims_something_outside_the_page_is_found():
    assert claiming(["All steps were notarised", "It was certified, and always holds"], ["holds"]) == [
        "always",
        "certified",
        "notarised",
    ]


def test_the_scan_reads_what_the_interface_says():
    said = "\n".join(shown())
    for words in ("as expected", "same twice", "stands on nobody's word", "Waiting for you", "Undo all"):
        assert words in said


@pytest.mark.parametrize("word", NEVER)
def test_what_nothing_can_show_is_never_said(word):
    assert [x for x in shown() if re.search(rf"(?<!not )\b{word}\b", x, re.IGNORECASE)] == []


@pytest.mark.parametrize("seal", SEALS)
def test_each_seal_has_its_row(seal):
    assert any(seal in word.lower() for word, *_ in ROWS)
