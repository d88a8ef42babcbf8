"""What left the prompt comes back word for word, with its labels; and a crash changes no byte of a prompt."""

import random

import pytest
from hypothesis import given, strategies as st
from pagers import LOTS, Counting, Recorder, crashed, look_up, read, varied
from turns import call, same_as_folded

import llmos_nb as llmos
from llmos_nb.journal.events import LabelChanged
from llmos_nb.models import Traits
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.process.recall import parts
from llmos_nb.process.state import context

FACT = "the code of station 7 is  B-4711/ö"
STEPS = 40


def add(a: int, b: int) -> int:
    """Add two integers."""
    return a + b


def results(proc, name="recall"):
    return [c.result for c in proc.run.state.calls.values() if c.name == name]


async def test_a_long_run_sends_little_and_keeps_its_prefix():
    model = Recorder(Counting(200))
    proc = await llmos.run("Add them.", model=model, tools=[add], approve="auto", budget=LOTS)
    assert proc.reason == "answered" and len(model.sizes) == 201
    assert sum(model.sizes) <= 1_000_000 and max(model.sizes) <= 9_000 and model.kept >= 0.96


@pytest.mark.parametrize("level", [0, 2, 4])
async def test_a_nested_key_is_followed_to_its_value(level, tmp_path):
    right, recalls = await look_up(1, level, tmp_path)
    assert right and recalls > 0


@pytest.fixture(scope="module")
def seed():
    return random.randrange(10**6)


async def test_a_crash_changes_no_byte_of_a_later_prompt(tmp_path, seed):
    model = Recorder(varied(STEPS))
    proc = await llmos.run("Read rows.", model=model, tools=[read], approve="auto", budget=LOTS)
    assert proc.reason == "answered" and {"context.paged", "call.finished"} <= {e.k for e in proc.events}
    last = max(e.n for e in proc.events if e.k == "model.requested")  # after it nothing is sent any more
    for n in random.Random(seed).sample(range(2, last), 12):
        again, sent = await crashed(proc.journal.path, n, STEPS, tmp_path / f"at-{n}")
        assert again.reason == "answered", (seed, n)
        assert sent == {k: p for k, p in model.sent.items() if k in sent}, (seed, n)
        assert sent and same_as_folded(again)


async def test_the_comparison_finds_a_prompt_that_depends_on_the_crash(tmp_path, monkeypatch):
    """A ledger that named events would change, since a crash adds some."""
    monkeypatch.setattr(context, "_ledger_line", lambda number, groups, label: f"page {number}: {groups[0].first}")
    model = Recorder(varied(80))
    proc = await llmos.run("Read rows.", model=model, tools=[read], approve="auto", budget=LOTS)
    _, sent = await crashed(proc.journal.path, 30, 80, tmp_path / "again")
    assert any(model.sent[k] != prompt for k, prompt in sent.items())


async def test_a_fact_of_an_early_step_is_recalled_late_with_its_label():
    @llmos.tool(effect="read", repeat="pure", source="untrusted")
    def page(n: int) -> str:
        """Read a page of the web."""
        return "y" * 5_000 + f"\n{FACT}\n" + "z" * 5_000 if n == 3 else f"page {n} says nothing " + "." * 100

    turns = [call("page", n=n) for n in range(1, 190)]
    proc = await llmos.run(
        "Read.",
        model=ScriptedModel([*turns, call("recall", query="code of station 7"), {"text": "B-4711"}]),
        context="9k",
        tools=[page],
        approve="auto",
        budget=LOTS,
    )
    (recalled,) = results(proc)
    assert f"\n{FACT}\n" in recalled and recalled.startswith("page 1: …")
    assert FACT not in "".join(results(proc, "page")[10:])  # nowhere but in the page that left
    facts = proc.run.state.calls["r190.0"].facts
    assert facts["label"] == "untrusted" and facts["why"] == "it recalled page 1"


async def test_recalled_words_raise_a_label_that_somebody_lowered(script):
    @llmos.tool(effect="read", repeat="pure", source="untrusted")
    def page(n: int) -> str:
        """Read a page of the web."""
        return f"page {n}"

    turns = [*(call("page", n=n) for n in range(32)), call("ask", question="Go on?")]
    model = script(*turns, call("recall", query="page 1"), {"text": "Done."})
    proc = await llmos.run("Read.", model=model, tools=[page], approve="auto", budget=LOTS, namespace={}, context="9k")
    with proc.journal.held():
        proc.run.append(LabelChanged(name="*", label="trusted", why="you have looked at it"))
    await proc.reply("yes")
    assert proc.reason == "answered" and proc.run.state.labels["*"] == "untrusted"
    assert [e.d["why"] for e in proc.events if e.k == "label.changed"][-1] == "r34.0: it recalled page 1"


async def test_page_recalled_twice_stays_in_the_window(script):
    turns = [call("add", a=i, b=1) for i in range(31)]
    twice = [call("recall", query="r3.0"), call("add", a=100, b=1), call("recall", query="r3.0")]
    model = Recorder(script(*turns, *twice, *(call("add", a=200 + i, b=1) for i in range(60)), {"text": "Done."}))
    proc = await llmos.run("Add.", model=model, tools=[add], approve="auto", budget=LOTS, context="9k")
    paged = [e.d for e in proc.events if e.k == "context.paged"]
    assert len(paged) == 3 and "stay" not in paged[0] and paged[1]["stay"] and paged[2]["stay"]
    assert results(proc)[0] == results(proc)[1]
    last = b"".join(model.prompts[-1])
    assert last.count(b'"recall"') == 1 and b"page 1: " in last
    assert sum(b'"recall"' in b"".join(p) for p in model.prompts) == 63  # from the first on, in every prompt
    assert same_as_folded(proc)


async def test_shortened_result_is_found_before_any_compaction(script):
    def book() -> str:
        """Read the book."""
        return "a" * 3_000 + " The needle is here. " + "b" * 3_000

    model = Recorder(script(call("book"), call("recall", query="needle"), {"text": "Done."}))
    proc = await llmos.run("Read.", model=model, tools=[book], approve="auto", context="9k")
    assert "The needle is here." in results(proc)[0] and results(proc)[0].startswith("in full: …")
    tools = [tools for _, tools in model.sent.values()]
    assert b'"recall"' not in tools[0] and b'"recall"' in tools[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "recall: give a page or words to look for; there is page 1"),
        ({"query": "  "}, "recall: give a page or words to look for; there is page 1"),
        ({"page": 9}, "recall: page 9 is not there; there is page 1"),
        ({"page": -1}, "recall: page -1 is not there; there is page 1"),
        ({"page": 1, "part": 4}, "recall: page 1 has parts 1 to 1, not 4"),
        ({"query": '"* OR (NEAR'}, "nothing fits '\"* OR (NEAR'; there is page 1"),
    ],
)
async def test_failed_recall_is_reported_in_one_line(script, arguments, said):
    turns = [call("add", a=i, b=1) for i in range(31)]
    model = script(*turns, call("recall", **arguments), {"text": "Done."})
    proc = await llmos.run("Add.", model=model, tools=[add], approve="auto", budget=LOTS, context="9k")
    assert results(proc) == [said] and proc.reason == "answered"


async def test_a_large_page_comes_in_parts_and_page_0_lists_all():
    traits = Traits("small", window_bytes=4_096)

    @llmos.tool(effect="read")
    def line(n: int) -> str:
        """Read a line."""
        return f"line {n} " + "x" * 700

    turns = [call("line", n=n) for n in range(5)]
    recalls = [call("recall", page=1), call("recall", page=1, part=2), call("recall", page=0)]
    model = ScriptedModel([*turns, *recalls, {"text": "Done."}], traits)
    proc = await llmos.run("Read.", model=model, tools=[line], approve="auto", budget=LOTS)
    first, second, listed = results(proc)
    assert first.startswith("[part 1 of 2; recall(page=1, part=2) goes on]\n") and "line 0" in first
    assert first.partition("\n")[2] + second == proc.run.state.context.page(1)
    assert listed.startswith("page 1: untrusted, r1-r4, line x4\n")


@given(st.text(), st.integers(4, 40))
def test_parts_of_a_page_join_to_the_whole(text, size):
    whole = text.encode("utf-8", "replace").decode()
    found = parts(text, size)
    assert "".join(found) == whole and all(len(p.encode()) <= size for p in found)
