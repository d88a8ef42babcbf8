"""The accumulator: whatever bytes come, a whole answer or a typed error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from endpoint import whole_body
from hypothesis import given, strategies as st

from llmos_nb.errors import ContextOverflow, ModelError, ModelProtocol, ModelRefused, ModelUnavailable
from llmos_nb.messages import Response, ToolCall, Usage
from llmos_nb.models.openai.lift import lift_plan
from llmos_nb.models.openai.stream import Accumulator
from llmos_nb.models.scripted import wire

DONE = b"data: [DONE]\n\n"
ADD = {"name": "add", "arguments": {"a": 1, "b": 2}}


def sse(item: Any) -> bytes:
    return b"data: " + json.dumps(item).encode() + b"\n\n"


def delta(finish: str | None = None, **keys: Any) -> bytes:
    return sse({"choices": [{"index": 0, "delta": keys, "finish_reason": finish}]})


def piece(index: Any = 0, id: Any = None, name: Any = None, arguments: Any = "") -> bytes:
    call = {"index": index, "id": id, "function": {"name": name, "arguments": arguments}}
    return delta(tool_calls=[call])


def read(*pieces: bytes, on_text: Any = lambda text: None) -> Response:
    answer = Accumulator(on_text)
    for p in pieces:
        answer.feed(p)
    return answer.finish()


def calls(*pieces: bytes, finish: str = "tool_calls") -> tuple[ToolCall, ...]:
    return read(*pieces, delta(finish), DONE).calls


def test_text_is_shown_as_it_comes_and_counted():
    shown: list[str] = []
    usage = sse(
        {
            "choices": [],
            "usage": {
                "prompt_tokens": 7,
                "completion_tokens": 2,
                "prompt_tokens_details": {"cached_tokens": 5},
            },
        }
    )
    answer = read(delta(content="Hal"), delta(content="lo"), delta("stop"), usage, DONE, on_text=shown.append)
    assert (answer.text, answer.finish, answer.usage) == ("Hallo", "stop", Usage(7, 2, 5))
    assert shown == ["Hal", "lo"]


@given(st.integers(1, 40), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_bytes_may_be_split_anywhere(size: int, newline: bytes):
    turn = wire.Turn("Grüße, 世界 🐧", (ADD, {"name": "add", "arguments": {"a": "é"}}), usage={"prompt": 3})
    whole = b"".join(wire.play(turn).pieces).replace(b"\n", newline)
    answer = read(*(whole[i : i + size] for i in range(0, len(whole), size)))
    assert answer.text == turn.text
    assert [c.arguments for c in answer.calls] == [{"a": 1, "b": 2}, {"a": "é"}]
    assert answer.usage.prompt == 3


@pytest.mark.parametrize(
    "pieces",
    [
        [piece(0, "x", "add", '{"a": 1}'), piece(0, "y", "add", '{"a": 2}')],
        [piece(0, None, "add", '{"a": 1}'), piece(0, None, "add", '{"a": 2}')],
        [piece(0, "same", "add", '{"a": 1}'), piece(1, "same", "add", '{"a": 2}')],
        [piece(None, "x", "add", '{"a"'), piece(None, "x", None, ": 1}"), piece(None, "y", "add", '{"a": 2}')],
        [
            piece(None, None, "add", '{"a"'),
            piece(None, None, None, ": 1}"),
            piece(None, None, "add", '{"a": 2}'),
        ],
        [
            piece(0, "x", "add"),
            piece(1, "y", "add"),
            piece(0, None, None, '{"a": 1}'),
            piece(1, None, None, '{"a": 2}'),
        ],
        [piece(0, "x", "add", '{"a":'), piece(0, "x", "add", " 1}"), piece(1, "y", "add", '{"a": 2}')],
        [piece(0, None, "add", {"a": 1}), piece(0, None, "add", {"a": 2})],
    ],
    ids=["ids", "no-ids", "same-ids", "no-index", "no-index-no-id", "interleaved", "repeated-name", "objects"],
)
def test_two_calls_stay_two_however_they_are_numbered(pieces: list[bytes]):
    assert calls(*pieces) == (ToolCall("add", {"a": 1}), ToolCall("add", {"a": 2}))


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        ('{"a": 1,,}', '{"a": 1,,}'),
        ("[1]", "[1]"),
        ([1], "[1]"),
        ("null", "null"),
        (None, "null"),
        ('{"a": NaN}', '{"a": NaN}'),
        ('{"a": 1e999}', '{"a": 1e999}'),
        ('{"a": -Infinity}', '{"a": -Infinity}'),
        ("[" * 5000, "[" * 5000),
        ("", {}),
        ({"a": 1}, {"a": 1}),
        ('{"a": "\\ud83d"}', {"a": "?"}),
    ],
)
def test_arguments_are_an_object_or_word_for_word(arguments: Any, kept: Any):
    assert calls(piece(0, "x", "add", arguments)) == (ToolCall("add", kept),)


def test_the_old_form_of_calls_is_read():
    first = delta(function_call={"name": "add", "arguments": '{"a"'})
    assert calls(first, delta(function_call={"arguments": ": 1}"}), finish="function_call") == (
        ToolCall("add", {"a": 1}),
    )


def test_a_call_cut_off_is_dropped_and_the_whole_one_before_it_kept():
    answer = read(piece(0, "x", "add", '{"a": 1}'), piece(1, "y", "add", '{"a": 2, "b'), delta("length"), DONE)
    assert (answer.calls, answer.finish, answer.cut) == ((ToolCall("add", {"a": 1}),), "length", True)


def test_a_call_cut_off_before_its_arguments_is_dropped():
    answer = read(piece(0, "x", "wipe"), delta("length"), DONE)
    assert (answer.calls, answer.cut) == ((), True)


def test_truncated_text_is_marked():
    answer = read(delta(content="Once upon"), delta("length"), DONE)
    assert (answer.text, answer.finish, answer.cut) == ("Once upon", "length", False)


@pytest.mark.parametrize("end", [(delta("content_filter"),), (delta(refusal="I will not"), delta("stop"))])
def test_a_refusal_runs_nothing(end: tuple[bytes, ...]):
    answer = read(delta(content="No. "), piece(0, "x", "add", "{}"), *end, DONE)
    assert answer.finish == "refused"
    assert answer.calls == ()
    assert answer.text.startswith("No. ")


@pytest.mark.parametrize("tail", [b"", b'data: {"choices": [{"in', b'data: {"choices": [{"in\n\n'[:-2]])
def test_a_stream_that_does_not_say_why_it_ended_is_a_failed_attempt(tail: bytes):
    with pytest.raises(ModelUnavailable, match="broke off"):
        read(delta(content="half"), piece(0, "x", "add", "{}"), tail)


def test_a_stream_that_says_it_is_done_but_not_why_has_ended():
    answer = read(delta(content="whole"), piece(0, "x", "add", "{}"), DONE)
    assert (answer.text, answer.calls, answer.finish) == ("whole", (ToolCall("add", {}),), "stop")


def test_a_stream_that_says_it_is_done_amid_a_call_is_a_failed_attempt():
    with pytest.raises(ModelUnavailable, match="broke off"):
        read(delta(content="half"), piece(0, "x", "add", '{"a": '), DONE)


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"<html><body>Sign in</body></html>", ModelProtocol, "web page.*Sign in"),
        (b'{"error": {"message": "odd"}}', ModelProtocol, "odd"),
        (b'{"object": "error", "message": "odd"}', ModelProtocol, "odd"),
        (b'{"error": {"message": "slow down", "code": 429}}', ModelUnavailable, "slow down"),
        (b'{"error": {"code": "insufficient_quota", "message": "x"}}', ModelRefused, "quota"),
        (b'{"error": {"code": "context_length_exceeded", "message": "x"}}', ContextOverflow, "longer"),
        (b'{"choices": []}', ModelProtocol, "without choices"),
        (b'{"choices": null}', ModelProtocol, "without choices"),
        (b'{"choices": [{"message', ModelProtocol, "broken JSON"),
        (b"", ModelProtocol, "empty body"),
        (b"[1, 2]", ModelProtocol, "broken JSON"),
        (b"data: {oops}\n\n", ModelProtocol, "broken JSON"),
        (b'event: error\ndata: {"message": "boom"}\n\n', ModelProtocol, "boom"),
        (sse({"choices": {"a": 1}}), ModelProtocol, "choices"),
        (sse({"choices": [{"delta": {"tool_calls": [3]}}]}), ModelProtocol, "tool call"),
        (piece(0, "x", "") + delta("stop"), ModelProtocol, "without a name"),
    ],
)
def test_response_without_an_answer_is_one_typed_error(body: bytes, kind: type[ModelError], words: str):
    with pytest.raises(kind, match=words) as caught:
        read(body)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("error", [sse({"error": {"message": "odd"}}), b'{"error": {"message": "odd"}}\n\n'])
def test_an_error_in_mid_stream_is_worth_another_attempt(error: bytes):
    with pytest.raises(ModelUnavailable, match="odd"):
        read(delta(content="half"), piece(0, "x", "add", "{}"), error)


def test_a_plain_json_answer_to_a_stream_request_is_taken():
    answer = read(whole_body(wire.Turn("hi", (ADD, ADD)), 40))
    assert (answer.text, answer.calls) == ("hi", (ToolCall("add", {"a": 1, "b": 2}),) * 2)
    assert answer.usage.prompt == 10


def test_events_without_blank_lines_and_comments_are_read():
    lines = delta(content="a").strip() + b"\n: ping\n" + delta("stop").strip() + b"\n"
    assert read(lines).text == "a"


def test_a_surrogate_pair_split_over_two_events_is_one_character():
    halves = (b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n' % h for h in (rb"\ud83d", rb"\udc27"))
    assert read(*halves, delta("stop")).text == "🐧"


def test_an_answer_without_end_is_bounded():
    answer = Accumulator()
    with pytest.raises(ModelProtocol, match="MiB"):
        for _ in range(40):
            answer.feed(b"x" * (1 << 20))


@pytest.mark.parametrize("text", ['{"plan": [{"title": "load"}]}', '```json\n{"plan": [{"title": "load"}]}\n```\n'])
def test_a_plan_in_plain_text_becomes_a_call(text: str):
    assert lift_plan(Response(text)) == Response("", (ToolCall("plan", {"steps": [{"title": "load"}]}),))


@pytest.mark.parametrize(
    "answer",
    [
        Response('Here: {"plan": [{"title": "load"}]}'),
        Response('{"plan": []}'),
        Response('{"plan": [1]}'),
        Response('{"plan": [{"title": "x"}], "other": 1}'),
        Response('{"plan": [{"title": "x"}]}', finish="length"),
        Response('{"plan": [{"title": "x"}]}', (ToolCall("add", {}),)),
        Response("```json\n" + "[" * 9000 + '"plan"\n```'),
    ],
)
def test_text_without_a_plan_is_unchanged(answer: Response):
    assert lift_plan(answer) is answer
