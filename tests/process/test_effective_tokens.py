"""What each request costs: nothing is sent before it matters, and a budget counts cached tokens by what they cost."""

import pytest
from pagers import LOTS, Recorder
from turns import call, same_as_folded

import llmos_nb as llmos
from llmos_nb.messages import Message, Usage
from llmos_nb.models import Traits
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.process.state.texts import TEXTS

LARGE = 20_000  # bytes of a window that keeps notes, yet fills soon


@llmos.tool(effect="read", repeat="pure")
def report(n: int) -> str:
    """Read report n."""
    return f"report {n}\n" + "x" * 900


async def ran(*turns, window=LARGE, **more):
    model = Recorder(ScriptedModel([*turns, {"text": "Done."}], Traits("large", window_bytes=window)))
    given = {"tools": [report], "approve": "auto", "budget": LOTS, **more}
    return await llmos.run("Work.", model=model, **given), model


def said(model):
    """Return at which prompts the model is told that work leaves its window."""
    rule = TEXTS["memory"].encode()
    return [n for n, prompt in enumerate(model.prompts) if rule in b"".join(prompt)]


async def test_rule_of_the_window_is_told_when_half_is_used_and_before_anything_leaves():
    proc, model = await ran(*(call("report", n=n) for n in range(40)))
    paged = next(e.n for e in proc.events if e.k == "context.paged")
    asked = [e.n for e in proc.events if e.k == "model.requested"]
    assert said(model)[0] > 3 and asked[said(model)[0]] < paged and same_as_folded(proc)
    first = b"".join(model.prompts[said(model)[0]])
    assert first.count(TEXTS["memory"].encode()) == 1


async def test_rule_of_the_window_is_not_told_in_a_short_run():
    _, model = await ran(*(call("report", n=n) for n in range(5)))
    assert said(model) == []


async def test_rule_of_the_window_is_told_once_a_result_was_shortened():
    @llmos.tool(effect="read", repeat="pure")
    def page(n: int) -> str:
        """Read page n."""
        return "y" * 9_000

    _, model = await ran(call("page", n=1), call("page", n=2), tools=[page], window=100_000, context="20k")
    assert said(model) == []
    _, model = await ran(call("page", n=1), call("page", n=2), tools=[page], window=33_000)
    assert said(model)[:1] == [2]


async def test_rule_of_the_window_is_not_told_to_a_model_that_has_words_of_its_own():
    prefix = (Message("system", "You compute."), Message("user", "1?"), Message("assistant", "1"))
    own = Traits("own", window_bytes=LARGE, prefix=prefix)
    model = Recorder(ScriptedModel([*(call("report", n=n) for n in range(20)), {"text": "Done."}], own))
    proc = await llmos.run("Work.", model=model, tools=[report], approve="auto", budget=LOTS)
    assert said(model) == [] and "context.paged" in {e.k for e in proc.events}


async def test_words_of_the_harness_are_not_found_by_recall():
    turns = [call("report", n=n) for n in range(40)]
    proc, _ = await ran(*turns, call("recall", query="brings back their exact words"))
    assert proc.run.state.calls["r41.0"].result.startswith("nothing fits")


async def test_what_people_said_stays_when_the_notes_of_its_page_are_gone():
    turns = [call("ask", question="Which year?"), *(call("report", n=n) for n in range(200))]
    model = Recorder(ScriptedModel([*turns, {"text": "Done."}], Traits("large", window_bytes=LARGE)))
    proc = await llmos.run("Work.", model=model, tools=[report], approve="auto", budget=LOTS, namespace={})
    proc.send("Leave 2019 out.")
    await proc.reply("2021 alone")
    notes = proc.run.state.context.messages()[2].text
    assert proc.reason == "answered" and "r5.0 report" not in notes  # its page has lost its lines
    assert "- The user says: Leave 2019 out." in notes and "ask(question='Which year?') -> " in notes
    assert "2021 alone" in notes and same_as_folded(proc)


async def test_budget_counts_a_cached_token_as_a_tenth():
    usage = {"prompt": 1_000, "completion": 10, "cached": 900}
    proc, _ = await ran({**call("report", n=1), "usage": usage}, {**call("report", n=2), "usage": usage})
    first = next(e for e in proc.events if e.k == "model.responded")
    assert first.d["settled"]["tokens"] == 200 and first.d["usage"] == usage


@pytest.mark.parametrize(
    ("usage", "charged"), [(Usage(100, 5), 105), (Usage(100, 5, 100), 15), (Usage(10, 0, 50), 1), (Usage(), 0)]
)
def test_charged_tokens_are_never_more_than_there_are(usage, charged):
    assert usage.charged == charged


def test_wire_leaves_out_what_goes_without_saying_and_keeps_what_does_not():
    def closed(a: int) -> int:
        """Take a number."""

    def open_(**more: float) -> int:
        """Take numbers."""

    shut, loose = (llmos.tool(effect="read")(f) for f in (closed, open_))
    from llmos_nb.tools import as_tool

    assert "additionalProperties" not in as_tool(shut).wire["function"]["parameters"]
    assert as_tool(shut).schema["additionalProperties"] is False
    assert as_tool(loose).wire["function"]["parameters"]["additionalProperties"]
