"""The context window: bounded, evicted in one go, nothing lost, the prefix kept."""

from hypothesis import given, strategies as st

from llmos_nb.messages import Message, ToolCall
from llmos_nb.process.state import Context
from llmos_nb.process.state.context import KEEP_STEPS, LEDGER_BYTES, LINE_BYTES, MAX_STEPS

HEAD = (Message("system", "s"), Message("user", "goal"))


def group(i, size=50):
    call = ToolCall("add", {"a": i}, f"r{i}.0")
    return (Message("assistant", "", (call,)), Message("tool", str(i) + "x" * size, call=call.id))


def grown(sizes, max_bytes=4_096):
    context = Context(HEAD, max_bytes)
    for i, size in enumerate(sizes):
        context.add(group(i, size), 2 * i, 2 * i + 1)
        if context.overfull:
            context.evict(context.leaving()[0])
    return context


@given(st.lists(st.integers(0, 3_000), max_size=60))
def test_window_is_bounded_and_loses_nothing(sizes):
    context = grown(sizes)
    kept = [g for page in context.pages for g in page] + context.window
    assert [g.first for g in kept] == [2 * i for i in range(len(sizes))]
    assert len(context.window) <= MAX_STEPS
    assert context.window_bytes <= context.max_bytes or len(context.window) == 1
    assert sum(len(line) + 1 for line in context.ledger) <= LEDGER_BYTES
    assert all(len(line.encode()) <= LINE_BYTES for line in context.ledger)


@given(st.lists(st.integers(0, 3_000), max_size=60))
def test_calls_and_results_leave_together(sizes):
    messages = grown(sizes).messages()
    for i, message in enumerate(messages):
        if message.role == "tool":
            assert messages[i - 1].calls[0].id == message.call


def test_window_is_cut_down_in_one_compaction():
    context = grown([50] * 200, 16_384)
    assert context.breaks <= 8 and len(context.window) >= KEEP_STEPS
    assert context.page(1).count("call r") == len(context.pages[0])


def test_search_finds_the_exact_words():
    context = grown([10] * 100)
    assert any("r3.0" in text for _, text in context.search("r3.0 add"))
    assert context.search("nowhere") == []


def test_the_prefix_stays_until_an_eviction():
    context = Context(HEAD)
    before = ()
    for i in range(30):
        context.add(group(i), i, i)
        assert context.messages()[: len(before)] == before
        before = context.messages()
