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


async def test_a_number_in_the_code_of_an_answer_is_a_claim_unless_a_small_model_s_harness_put_it_there(
    tmp_path: Path,
) -> None:
    for small, found in ((False, True), (True, False)):
        said = "There are 342.\n\n```python\n# and 777 of them are old\nn\n```"
        turns = [python("print('n =', n)"), {"text": said}]
        one = ScriptedModel(turns, traits=Traits("one", small=small))
        proc = await llmos.run("How many?", model=one, namespace={"n": 342}, approve="auto", home=tmp_path)
        marks = evidence.evidence(proc.run.state)
        assert ("777" in [m.claim.text for m in marks]) is found
        assert not evidence.ticked(proc.run.state, marks)


async def test_that_a_model_is_small_stands_in_the_journal(tmp_path: Path) -> None:
    proc = await ended(True, tmp_path)
    asked = [e.d for e in proc.events if e.k == "model.requested"]
    assert [a.get("small", False) for a in asked] == [True, False] and proc.run.state.small
    assert same_as_folded(proc)
    assert llmos.replay(proc.journal.path).run.state.small
