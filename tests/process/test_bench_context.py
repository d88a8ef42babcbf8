"""The benchmark of effective tokens: its model answers from its prompt alone, and its bill fails where it should."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import bench_context as bench


def prompt(*texts, called=("record", {"n": 2})):
    name, given = called
    wire = {"function": {"name": name, "arguments": json.dumps(given, separators=(",", ":"))}}
    goal = {"role": "user", "content": "Read the records 1 to 2. The word is heron."}
    seen = [{"role": "tool", "content": text} for text in texts]
    return {
        "messages": [
            {"role": "system", "content": ""},
            goal,
            {"role": "assistant", "tool_calls": [wire]},
            *seen,
        ]
    }


def test_model_answers_only_what_stands_in_its_prompt():
    asked, fact = "What is the code of S-1?", "At noon station S-1 reports code B-7 to the office."
    assert bench.answer(prompt(asked, fact))["text"].startswith("S-1: B-7")
    (wanted,) = bench.answer(prompt(asked))["calls"]
    assert wanted == bench.call("recall", query="station S-1 reports code")
    looked = prompt("record(n=2)", asked, "nothing fits", called=("recall", {"query": "station S-1 reports code"}))
    assert bench.answer(looked)["text"].startswith("S-1: unknown")


def test_bill_counts_a_shared_prefix_as_a_tenth_and_a_changed_one_whole():
    first, more = prompt("x" * 400), prompt("x" * 400, "y")
    bill = bench.Bill()
    whole, _ = bill.add(first)
    bill.add(more)
    assert whole * 1.1 < bill.effective < whole * 1.2 and bill.kept == 2
    bill.add(prompt("z" * 400))
    assert bill.kept == 2 and bill.effective > whole * 1.5


def test_verdicts_fail_where_something_is_lost():
    long = {
        "ended": "answered", "ratio": 0.4, "right": 20, "of": 20, "word": True, "pinned": {"goal": True}, "kept": 0.98,
        "largest": 9,
    }  # fmt: skip
    found = {"long": long, "short": {"10": {"ratio": 1.0}}}
    assert all(bench.verdicts(found).values())
    for change in (
        {"right": 19},
        {"pinned": {"goal": False}},
        {"kept": 0.95},
        {"ratio": 0.61},
        {"ended": "failed"},
    ):
        assert not all(bench.verdicts({**found, "long": {**long, **change}}).values())
    assert not all(bench.verdicts({**found, "short": {"10": {"ratio": 1.06}}}).values())


async def test_run_that_does_not_fit_answers_every_planted_fact_and_loses_nothing_pinned(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    found = await bench.long_run(seed=3, steps=60, context=20_000)
    assert (found["ended"], found["right"], found["of"]) == ("answered", 20, 20) and found["word"]
    assert found["compactions"] > 3 and all(found["pinned"].values()) and found["largest"] <= 20_000


async def test_ten_steps_cost_what_a_plain_loop_costs():
    ten = await bench.short_run(10)
    assert ten["ratio"] <= bench.MOST_SHORT < ten["to bare"], "tools that say less are cheaper: the bound can fail"
