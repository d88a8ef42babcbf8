"""What stands again and again in a result is read once; the journal has all of it."""

from turns import python, same_as_folded

import llmos_nb as llmos
from llmos_nb.models.scripted import ScriptedModel

DONE = {"text": "Done."}
WARNS = """
import sys
for i in range(3):
    for _ in range(40):
        print("model.py:3: FitWarning: it did not converge\\n  fit(x)", file=sys.stderr)
    print(f"fold {i}: 0.9")
"""


async def shown(code):
    """Return what a model is shown of a step, and what is recorded of it."""
    one = await llmos.run("go", model=ScriptedModel([python(code), DONE]), namespace={}, approve="auto", plan="none")
    (text,) = [m.text for m in one.run.state.context.messages() if m.role == "tool"]
    assert same_as_folded(one)
    return text, one.run.state.calls["r1.0"].result


async def test_equal_warnings_stand_once_with_how_often_and_the_record_has_all():
    text, recorded = await shown(WARNS)
    assert text == (
        "model.py:3: FitWarning: it did not converge\n  fit(x)\n[120 times: the 2 lines above]\n"
        "fold 0: 0.9\nfold 1: 0.9\nfold 2: 0.9"
    )
    assert recorded.count("did not converge") == 120


async def test_equal_lines_before_an_error_stand_once():
    text, _ = await shown("for _ in range(30):\n    print('[Warning] no further splits with positive gain')\n1 / 0")
    assert text.count("[Warning] no further splits with positive gain\n") == 1 and "[30 times: the line above]" in text
    assert text.endswith("ZeroDivisionError: division by zero")


async def test_few_equal_lines_of_what_was_printed_stay_as_they_are():
    text, recorded = await shown("for _ in range(8):\n    print(0)\nprint('a')\nprint('a')")
    assert text == recorded == "0\n" * 8 + "a\na"
