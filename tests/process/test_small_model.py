"""What a small model says gets no tick, and the journal says that it was one."""

from pathlib import Path

from turns import python, same_as_folded

import llmos_nb as llmos
from llmos_nb.models import Traits
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.process import evidence


def model(small: bool) -> ScriptedModel:
    turns = [python("print('n =', n)"), {"text": "There are 342."}]
    return ScriptedModel(turns, traits=Traits("one", small=small))


async def ended(small: bool, home: Path) -> llmos.Process:
    return await llmos.run("How many?", model=model(small), namespace={"n": 342}, approve="auto", home=home)


async def test_the_same_proven_answer_has_a_tick_unless_a_small_model_gave_it(tmp_path: Path) -> None:
    for small in (False, True):
        state = (await ended(small, tmp_path)).run.state
        found = evidence.evidence(state)
        assert evidence.proven(found) and evidence.ticked(state, found) is not small


async def test_that_a_model_is_small_stands_in_the_journal(tmp_path: Path) -> None:
    proc = await ended(True, tmp_path)
    asked = [e.d for e in proc.events if e.k == "model.requested"]
    assert [a.get("small", False) for a in asked] == [True, False] and proc.run.state.small
    assert same_as_folded(proc)
    assert llmos.replay(proc.journal.path).run.state.small
