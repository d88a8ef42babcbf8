"""Steps in the syntax of newer Pythons run, are taken back, exported, and proven."""

import sys

import pytest
from turns import python, same_as_folded

import llmos_nb as llmos
from llmos_nb.models.scripted import ScriptedModel

pytestmark = pytest.mark.out_of_process

MATCH = "match [1, 2, 3]:\n    case [a, *more]:\n        total = a + sum(more)\ntotal"
STEPS = {
    "patterns": (["x = 6", MATCH], {"a", "more", "total"}),
    "types": (
        [
            "type Pair[T] = tuple[T, T]\n"
            "def first[T](pair: Pair[T]) -> T:\n    return pair[0]\n"
            "class Box[T]:\n"
            "    def __init__(self, item: T):\n        self.item = item\n"
            "    def get(self) -> T:\n        return self.item",
            "x = first((3, 4)) + Box(5).get()\ntotal = f'{'a' + f'{x}'}'\ntotal",
        ],
        {"x", "total"},
    ),
}


@pytest.mark.parametrize(
    "name",
    [
        "patterns",
        pytest.param("types", marks=pytest.mark.skipif(sys.version_info < (3, 12), reason="of Python 3.12")),
    ],
)
async def test_new_syntax_is_exported_proven_and_taken_back(tmp_path, name):
    steps, made = STEPS[name]
    space = {}
    process = llmos.Session(space, tmp_path / "home").create(
        "Go.",
        model=ScriptedModel([*map(python, steps), {"text": "It is {{total}}."}]),
        plan="none",
        approve="risky",
    )
    await process.start()
    assert process.reason == "answered" and same_as_folded(process)
    report = llmos.verify(process.export(tmp_path / "x.ipynb"))
    assert report.exit_code == 0 and not report.differences
    assert not [note for note in report.notes if "is not in the notebook" in note]
    before = {n for n in space if not n.startswith("_")}
    assert made <= before
    await process.undo()
    assert {n for n in space if not n.startswith("_")} == before - made
