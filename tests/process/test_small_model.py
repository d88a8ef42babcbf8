"""Of a small model the value comes first, and its sentence last; the journal says that it was one."""

from pathlib import Path

import pytest
from turns import python, same_as_folded

import llmos_nb as llmos
from llmos_nb.models import Traits
from llmos_nb.models.local import prompt
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.views.panel.view import view


def model(small: bool) -> ScriptedModel:
    turns = [python("print('n =', n)"), {"text": "There are 342."}]
    return ScriptedModel(turns, traits=Traits("one", small=small))


async def ended(small: bool, home: Path) -> llmos.Process:
    return await llmos.run("How many?", model=model(small), namespace={"n": 342}, approve="auto", home=home)


@pytest.mark.parametrize("small", [False, True])
async def test_no_answer_has_a_tick_where_nothing_was_declared(tmp_path: Path, small: bool) -> None:
    proc = await ended(small, tmp_path)
    drawn = view(proc.run.state, proc.events)
    assert drawn["glyph"] == "answered" and "done" not in [b.get("glyph") for b in drawn["now"]]


SAID = "**33.15**\n\n```python\nround(x, 2)\n```"


@pytest.mark.parametrize(
    ("comment", "stands"),
    [
        ("It is 33.15 in all.", True),
        ("It is 33.2 in all.", False),
        ("In 12 rows it is 33.15.", False),
        ("", False),
    ],
)
async def test_the_value_of_a_small_model_comes_first_and_a_sentence_with_another_number_is_left_out(
    tmp_path: Path, comment: str, stands: bool
) -> None:
    said = f"{SAID}\n\n{prompt.COMMENT}{comment}" if comment else SAID
    one = ScriptedModel([python("print(x)"), {"text": said}], traits=Traits("one", small=True))
    proc = await llmos.run("How much?", model=one, namespace={"x": 33.15}, approve="auto", home=tmp_path)
    now = view(proc.run.state, proc.events)["now"]
    assert [b["kind"] for b in now[:2]] == ["lead", "details"]
    assert now[0]["text"] == "33.15" and now[1]["code"] == "round(x, 2)"
    assert [(c["kind"], now[0]["text"][slice(*c["at"])]) for c in now[0]["claims"]] == [("seen", "33.15")]
    assert any(comment and comment in str(b.get("words")) for b in now) is stands
    assert proc.answer == said


async def test_that_a_model_is_small_stands_in_the_journal(tmp_path: Path) -> None:
    proc = await ended(True, tmp_path)
    asked = [e.d for e in proc.events if e.k == "model.requested"]
    assert [a.get("small", False) for a in asked] == [True, False] and proc.run.state.small
    assert same_as_folded(proc)
    assert llmos.replay(proc.journal.path).run.state.small
