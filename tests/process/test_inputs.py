"""What a process needs of the user's own cells, and what a notebook lacks of it."""

import llmos_nb as llmos
from llmos_nb.process import inputs


async def asks(script, code, goal="Go.", namespace=None, first=""):
    """A process that waits with a step of this code."""
    turns = [{"calls": [{"name": "python", "arguments": {"code": c}}]} for c in (first, code) if c]
    process = await llmos.run(
        goal, model=script(*turns), namespace={} if namespace is None else namespace, approve="step"
    )
    if first:
        await process.approve("all")
    assert process.state == "waiting"
    return process.run


async def test_variable_that_a_waiting_step_reads_and_nobody_made_is_lacking(script):
    run = await asks(script, "import math\nn = len(cars) + math.pi\nprint(n)", namespace={"cars": [1]})
    assert inputs.lacking(run) == []
    del run.namespace["cars"]
    assert inputs.lacking(run) == ["cars"]


async def test_what_an_earlier_step_made_is_not_lacking(script):
    run = await asks(script, "n = rows + 1", first="rows = 3")
    del run.namespace["rows"]
    assert inputs.lacking(run) == []


async def test_variable_of_the_goal_counts_only_where_it_was_there(script):
    run = await asks(script, "y = 1", goal="Make `y` of `cars` and `bikes`.", namespace={"cars": [1], "bikes": [2]})
    assert inputs.spoken(run) == []
    del run.namespace["cars"]
    assert inputs.spoken(run) == ["cars"] and inputs.lacking(run) == []


async def test_process_without_a_namespace_lacks_nothing(script):
    process = await llmos.run("Answer.", model=script({"text": "Done."}))
    assert inputs.lacking(process.run) == inputs.spoken(process.run) == []


def test_words_say_what_to_do():
    assert inputs.needs(["a"]) == "needs `a`, which this notebook does not have: run the cell that makes it"
    assert inputs.needs(["a", "b"]).endswith(
        "needs `a`, `b`, which this notebook does not have: run the cell that makes them"
    )


async def test_what_a_call_before_it_in_the_turn_makes_is_not_lacking(script):
    codes = ("rows = 3", "n = rows + len(cars)")
    calls = [{"name": "python", "arguments": {"code": c}} for c in codes]
    process = await llmos.run("Go.", model=script({"calls": calls}), namespace={"cars": [1]}, approve="step")
    assert process.state == "waiting" and inputs.lacking(process.run) == []
    del process.run.namespace["cars"]
    assert inputs.lacking(process.run) == ["cars"]
