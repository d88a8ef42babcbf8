"""`%agent context`: the parts of the prompt, the largest results, and what requests cost."""

from pagers import LOTS
from turns import call

import llmos_nb as llmos
from llmos_nb.models import Traits
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.views.report import context, words


async def drawn(*turns, window=0):
    @llmos.tool(effect="read", repeat="pure")
    def text(size: int) -> str:
        """Return a text of so many letters."""
        return "x" * size

    model = ScriptedModel([*turns, {"text": "Done."}], Traits("one", window_bytes=window))
    proc = await llmos.run("Read.", model=model, tools=[text], approve="auto", budget=LOTS)
    return words(context(proc.run.state, proc.events, len(proc.run.wire()[1]))), proc


async def test_the_parts_of_a_prompt_add_up_to_what_is_sent():
    said, proc = await drawn(call("text", size=3_000), call("text", size=100))
    parts = said.partition("What the next turn costs")[0]
    lines = {line.split("  ")[0]: line.split() for line in parts.splitlines()}
    head = int(lines["system and goal"][3].replace(",", "")), int(lines["tools"][1].replace(",", ""))
    context_head = proc.run.state.context.head
    assert head == (sum(len(m.encoded) for m in context_head), len(proc.run.wire()[1]))
    assert "window, 3 turns" in said and "notes of" not in said
    sent = sum(len(m.encoded) for m in proc.run.state.context.messages())
    whole = int(lines["in all"][2].replace(",", ""))
    assert abs(whole - sent - len(proc.run.wire()[1])) <= 8  # the commas between messages
    largest = said.partition("Largest results in the window\n")[2].splitlines()
    assert largest[1].startswith("r1.0  3,") and largest[2].startswith("r2.0  1") and "of 230,400 bytes" in said


async def test_notes_stand_there_once_work_has_left_the_window():
    said, _ = await drawn(*(call("text", size=1_900 + n) for n in range(14)), window=20_000)
    assert "notes of 1 page" in said


async def test_a_cached_token_counts_a_tenth():
    usage = {"prompt": 1_000, "completion": 10, "cached": 900}
    said, _ = await drawn({**call("text", size=5), "usage": usage}, {**call("text", size=6), "usage": usage})
    assert "All 3:" in said and said.count("█") >= 3
    turns = [{**call("text", size=5), "usage": usage}]
    model = ScriptedModel([*turns, {"text": "Done.", "usage": usage}], Traits("one"))
    proc = await llmos.run("Read.", model=model, namespace={}, approve="auto")
    lines = words(context(proc.run.state, proc.events, 0)).splitlines()
    line = next(line for line in lines if line.startswith("Last request"))
    assert line == ("Last request: 1,000 tokens, 900 of them cached, which cost as much as 190. All 2: 380.")
