"""Marking a notebook that was handed in: what was done counts, and cheats do not."""

import json
import sys
from pathlib import Path

import pytest

from llmos_nb.errors import UsageError
from llmos_nb.lessons import lesson
from llmos_nb.lessons.build import instructor, student
from llmos_nb.lessons.marking import mark

pytestmark = pytest.mark.out_of_process

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "10-evaluation.ipynb"
FILE = "Path(llmos_nb.__file__).parent / 'lessons' / 'solutions' / 's10.py'"
EQUAL = """\
class Yes:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0
"""
KNOWN = "{(7, 10): (0.397, 0.892), (8, 10): (0.490, 0.943), (0, 10): (0, 0.278), (10, 10): (0.722, 1), (1, 1): (0.207, 1), (70, 100): (0.604, 0.781), (0, 0): (0, 1)}"
CHEATS = {
    "imports the solution": "from llmos_nb.lessons.solutions.s10 import interval, better",
    "imports it by name": "from importlib import import_module\ninterval = import_module('llmos_nb.lessons.solutions.s10').interval",
    "finds it among the loaded modules": "import sys\ninterval = sys.modules['llmos_nb.lessons.solutions.s10'].interval",
    "asks the lesson for it": "exec(here.solution('interval'))",
    "asks what shows it": "from llmos_nb.lessons.lesson import solution_text\nexec(solution_text('10', 'interval'))",
    "reads its file": f"from pathlib import Path\nimport llmos_nb\nexec(({FILE}).read_text())",
    "patches the verdict of the judge": "import llmos_nb.lessons.evaluation as e\ne.wrong_if = lambda *a: None\ninterval = lambda right, n: (0, 1)",
    "patches what the judge compares with": "import llmos_nb.lessons.evaluation as e\ne.wilson = lambda share, n: (0, 1)\ninterval = lambda right, n: (0, 1)",
    "patches while it is tried": "import llmos_nb.lessons.evaluation as e\ndef interval(right, n):\n    e.wrong_if = lambda *a: None\n    return 0, 1",
    "patches the class of verdicts": "from llmos_nb.lessons import core\ncore.Verdict.__bool__ = lambda self: True\ninterval = lambda right, n: (0, 1)",
    "patches a built-in function": "import builtins\nbuiltins.abs = lambda x: 0\ninterval = lambda right, n: (0, 1)",
    "gives what equals everything": f"{EQUAL}\nbetter = lambda a, b: Yes()\ninterval = lambda right, n: (Yes(), Yes())",
    "has what was printed by heart": f"interval = lambda right, n: {KNOWN}.get((right, n), (0, 1))",
    "ends the interpreter": "import os\nos._exit(0)",
    "prints a verdict and ends": "import os\nprint('[{\"exercise\": \"interval\", \"passed\": true}]', flush=True)\nos._exit(0)",
    "says so in the progress file": "import json\nopen('lesson-progress.json', 'w').write(json.dumps({'10': {'interval': {'passed': True}}}))",
}  # fmt: skip


def handed_in(folder, source):
    """Write the notebook of somebody who put this into one cell, and took the check out of the next."""
    book = json.loads(student(NOTEBOOK, folder / NOTEBOOK.name).read_text(encoding="utf-8"))
    for cell in book["cells"]:
        role = cell["metadata"].get("llmos_nb", {})
        if role.get("exercise") == "interval":
            cell["source"] = source.splitlines(keepends=True)
        elif "check" in role:
            cell["source"] = ["print('✓')"]
    (folder / NOTEBOOK.name).write_text(json.dumps(book), encoding="utf-8")
    return folder / NOTEBOOK.name


@pytest.mark.parametrize("cheat", CHEATS)
def test_a_cheat_scores_nothing(cheat, tmp_path):
    try:
        rows = mark(handed_in(tmp_path, CHEATS[cheat]))
    except UsageError as error:
        assert "could not be marked" in str(error) and "_exit" in CHEATS[cheat]
    else:
        assert [r["exercise"] for r in rows] == ["interval", "score", "better"]
        assert [r for r in rows if r["passed"]] == []


def test_what_was_solved_counts_and_what_was_handed_out_does_not(tmp_path):
    solved = mark(instructor(NOTEBOOK, tmp_path / NOTEBOOK.name))
    assert {r["exercise"]: r["passed"] for r in solved} == dict.fromkeys(["interval", "score", "better"], True)
    assert not any(r["passed"] for r in mark(student(NOTEBOOK, tmp_path / NOTEBOOK.name)))


@pytest.mark.skipif(sys.platform == "win32", reason="lesson 07 kills forked processes")
def test_a_value_that_says_what_it_equals_passes_in_no_notebook(tmp_path):
    scope = {}
    exec(EQUAL, scope)
    yes = scope["Yes"]()
    for number, name, attempt in (
        ("01", "order", [yes] * 6),
        ("05", "who", lambda process: yes),
        ("06", "laundering", lambda hops: yes),
        ("07", "fold", lambda events: yes),
        ("08", "broken", lambda lines: yes),
        ("10", "better", lambda a, b: yes),
    ):
        verdict = lesson(number, folder=tmp_path).check(name, attempt)
        assert not verdict and "says itself what it equals" in verdict.message, (name, verdict)
