"""Steps as cells: which cell of the user's one corrects, what a front end is told, and a fork begun in a panel."""

import json

import pytest
from notebook_driver import Notebook, reply_to
from page_driver import Page
from turns import call, python

from llmos_nb.app import cells

MEAN = "total = 0\nfor x in values:\n    total += x\nmean = total / len(valeus)\nmean"
FIXED = MEAN.replace("valeus", "values")


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    with Notebook(tmp_path_factory.mktemp("notebook"), stdin=True) as found:
        yield found


def put(book, key):
    """Run `%agent cells` and give what its reply holds: the one cell, and the offers."""
    sent = book.send(f"%agent cells {key}")
    reply = reply_to(book.client, sent)
    found = {each["source"]: each for each in reply["content"]["payload"]}
    return found["set_next_input"]["text"], found[cells.PAYLOAD]["cells"]


def test_steps_come_as_one_cell_for_every_front_end_and_one_by_one_for_ours(book):
    spec = book.script(
        python("first = [1, 2]"), call("names", pattern="*"), python("second = first + [3]"), {"text": "x"}
    )
    assert book.run(f"%%agent two -a auto --plan none -m {spec}\nMake lists.").status == "ok"
    text, offered = put(book, "two")
    assert text == "first = [1, 2]\n\nsecond = first + [3]"
    assert [(o["call"], o["code"]) for o in offered] == [
        ("r1.0", "first = [1, 2]"),
        ("r3.0", "second = first + [3]"),
    ]
    assert not any("replaces" in o for o in offered)


def test_a_step_that_is_a_users_cell_again_with_another_text_names_that_cell(book):
    book.run("values = [1, 2, 3]")
    book.run(MEAN)
    spec = book.script(python("other = 1"), python(FIXED), python("values = [1, 2, 3]"), {"text": "2"})
    assert book.run(f"%%agent mend -a auto --plan none -m {spec}\nCorrect the mean.").status == "ok"
    assert [o.get("replaces") for o in put(book, "mend")[1]] == [None, MEAN, None]


def test_a_goal_that_names_a_failed_cell_has_its_correction_stand_for_that_cell(book):
    broken = "print('the mean is' mean)"
    book.run(broken)
    number = int(book.value("len(In)")) - 2
    spec = book.script(python("mean = 2"), python("print('the mean is', mean)"), {"text": "done"})
    goal = f"Cell [{number}] fails with SyntaxError. Find the cause."
    assert book.run(f"%%agent fix -a auto --plan none -m {spec}\n{goal}").status == "ok"
    assert [o.get("replaces") for o in put(book, "fix")[1]] == [None, broken]


@pytest.mark.parametrize(
    ("goal", "failed"),
    [
        ("Cell [3] fails with KeyError. Find it.", "y"),
        ("Cell [3] fails with KeyError. Find it.\n\n    if x:\n\n        z\n", "if x:\n\n    z"),
        ("This cell fails with KeyError. Find it.\n\n    z = 1\n", "z = 1"),
        ("This cell fails with KeyError.", ""),
        ("Cell [9] fails with KeyError.", ""),
        ("Say why cell [3] fails with KeyError.", ""),
    ],
)
def test_the_cell_that_a_goal_asks_to_correct_is_the_code_in_it_or_that_of_its_number(goal, failed):
    assert cells._failed(goal, {3: "y"}) == failed


@pytest.mark.parametrize(
    ("code", "cell"),
    [
        ("y = 1", "x = 1"),  # much alike, and something else
        ("x = other(7, 8, 9)", "x = 1"),  # the same name, and nothing alike
        ("print(1)", "print(2)"),  # it binds nothing
        ("x = 1 +", "x = 1"),  # not parsed
        ("x = 1", "x = 1\n"),  # the same again
    ],
)
def test_a_step_that_is_no_correction_of_a_cell_names_none(code, cell):
    assert cells._edited("x = 1 + 1", ["x = 1"]) == "x = 1"
    assert cells._edited(code, [cell]) == ""


def test_fork_here_begins_the_fork_and_shows_its_panel_in_the_same_cell(tmp_path):
    with Notebook(tmp_path, stdin=True) as book:
        spec = book.script(python("x = 41"), {"text": "done"}, {"text": "done again"})
        page = Page(book)
        sent = page.send(f"%%agent one -a auto --plan none --bg -m {spec}\nCount.")
        page.until(lambda: any("run.ended" in text for text in journals(tmp_path)) and sent in page.idle)
        events = [json.loads(line) for line in journals(tmp_path)[0].splitlines()]
        first, at = page.comm, next(e["n"] for e in events if e["k"] == "call.finished")
        page.click(1, verb="fork", at=at)
        page.until(lambda: page.panels[sent] != first)
        page.until(lambda: ["run.ended" in text for text in journals(tmp_path)] == [True, True])
        page.until(lambda: set(page.notes) == {"process 2 goes on from there, below"})  # by two comms


def journals(folder):
    """Return the journals of all runs, the first one first."""
    return [path.read_text() for path in sorted(folder.glob("*/runs/*/journal.jsonl"))]
