"""Generated answers: any bytes at all, and nearly right ones."""

from __future__ import annotations

import json

from hypothesis import given, strategies as st
from test_stream import DONE, delta, piece, read, sse

from llmos_nb.errors import ModelError
from llmos_nb.messages import ToolCall
from llmos_nb.models.scripted import wire

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
ODD = JSON | st.sampled_from(["add", "", 0, 1, "length", "stop", '{"a": 1}', '{"a'])
FUNCTION = st.fixed_dictionaries({}, optional={"name": ODD, "arguments": ODD})
CALL = st.fixed_dictionaries({}, optional={"index": ODD, "id": ODD, "function": FUNCTION | ODD})
DELTA = st.fixed_dictionaries(
    {},
    optional={
        "content": ODD,
        "refusal": ODD,
        "tool_calls": st.lists(CALL, max_size=3) | ODD,
        "function_call": FUNCTION | ODD,
    },
)
CHOICE = st.fixed_dictionaries(
    {}, optional={"index": ODD, "delta": DELTA | ODD, "message": DELTA | ODD, "finish_reason": ODD}
)
CHUNK = st.fixed_dictionaries(
    {},
    optional={
        "choices": st.lists(CHOICE, max_size=2) | ODD,
        "usage": ODD,
        "error": ODD,
        "id": ODD,
        "object": ODD,
    },
)
IDS, NAMES = st.sampled_from([None, "", "x", "y"]), st.sampled_from([None, "", "add", "wipe"])
TEXTS = st.sampled_from([None, "", "{}", '{"a": 1}', '{"a"', ": 1}", "{", "}", "[1]", {"a": 1}, [1]])
NEAR_CALL = st.builds(piece, st.sampled_from([None, 0, 1]), IDS, NAMES, TEXTS)
NEAR = st.tuples(
    st.lists(NEAR_CALL | st.text(max_size=5).map(lambda t: delta(content=t)), min_size=1, max_size=8),
    st.sampled_from(["stop", "tool_calls", "length", "content_filter", ""]),
    st.booleans(),
).map(lambda t: [*t[0], delta(t[1]), *([DONE] if t[2] else [])])
BODIES = st.one_of(
    NEAR,
    st.lists(st.binary(max_size=60)),
    st.lists(CHUNK | JSON, max_size=6).map(lambda items: [sse(i) for i in items]),
    st.lists(st.one_of(CHUNK.map(sse), st.binary(max_size=20), st.just(DONE), st.just(b"event: error\n")), max_size=6),
    CHUNK.map(lambda item: [json.dumps(item).encode()]),
)


@given(BODIES)
def test_any_bytes_give_an_answer_or_a_model_error(pieces: list[bytes]):
    try:
        answer = read(*pieces)
    except ModelError as error:
        assert len(str(error).splitlines()) == 1
        return
    assert isinstance(answer.text, str)
    json.dumps([answer.raw, [c.arguments for c in answer.calls]], allow_nan=False)
    answer.text.encode()
    assert all(c.name and isinstance(c.arguments, dict | str) for c in answer.calls)


@given(st.integers(0, 2000), st.sampled_from(["close", "length"]))
def test_incomplete_calls_never_come_out(at: int, how: str):
    """Cut a stream of two calls at any byte: what comes out is only what was sent whole."""
    sent = (
        {"name": "add", "arguments": {"a": 123456, "b": [1, 2]}},
        {"name": "wipe", "arguments": {"path": "/tmp/x"}},
    )
    whole = b"".join(wire.play(wire.Turn("hello", sent)).pieces)
    cut = whole[:at]
    if how == "length":
        cut = cut[: cut.rfind(b"\n\n") + 2] + delta("length") + DONE
    try:
        answer = read(cut)
    except ModelError:
        return
    assert all({"name": c.name, "arguments": c.arguments} in sent for c in answer.calls)
    assert answer.cut or how == "length" or len(answer.calls) == 2


ARGUMENTS = st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=9))


@given(st.lists(st.tuples(NAMES.filter(bool), ARGUMENTS)), st.data())
def test_whole_calls_survive_unchanged(sent, data):
    """However providers number and cut the pieces of a call, each comes out once, in order."""
    pieces = []
    for place, (name, arguments) in enumerate(sent):
        index = data.draw(st.sampled_from([place, 0, None]), "index")
        id_ = f"id{place}" if data.draw(st.booleans(), "with id") else None
        text = json.dumps(arguments)
        at = data.draw(st.integers(0, len(text)), "cut")
        pieces += [piece(index, id_, name, text[:at]), piece(index, id_, None, text[at:])]
    answer = read(*pieces, delta("tool_calls"), DONE)
    assert answer.calls == tuple(ToolCall(n, a) for n, a in sent)
