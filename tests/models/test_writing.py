"""The code of a call is shown while its arguments arrive, however they are cut; nothing else of a call is."""

import json
from itertools import pairwise

import pytest
from hypothesis import example, given, strategies as st

from llmos_nb.models.native.messages import AnthropicModel
from llmos_nb.models.native.responses import ResponsesModel
from llmos_nb.models.openai.calls import Writing
from llmos_nb.models.openai.stream import Accumulator
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.policy.secrets import Stream

CODE = 'print("a\\tb")\n# ä 😀 "code": "x"\nx = {"code": 1}'


class Shown:
    """Keeps what it is shown, text and code apart."""

    def __init__(self):
        self.text, self.pieces = "", []

    def __call__(self, text):
        self.text += text

    def code(self, piece):
        """Take code."""
        self.pieces.append(piece)


def cut(text, places):
    """Cut a text at these places."""
    at = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[a:b] for a, b in pairwise(at)]


@given(st.text() | st.just(CODE), st.lists(st.integers(0, 999), max_size=9), st.booleans())
def test_code_that_is_shown_is_that_of_the_call_however_it_is_cut(code, places, ascii_only):
    shown = Shown()
    writing = Writing(shown)
    writing.begin("python")
    arguments = json.dumps({"step": "2", "code": code, "more": "x"}, ensure_ascii=ascii_only)
    for piece in cut(arguments, places):
        writing.take(piece)
        assert code.encode("utf-8", "replace").decode().startswith("".join(shown.pieces))
    assert "".join(shown.pieces) == code.encode("utf-8", "replace").decode()


@given(st.lists(st.text() | st.sampled_from(['{"code": "', "\\", "\\x", "\\u", "\\ud83d", '"', None, 3]), max_size=6))
@example(['{"code": "', "\\", "\\uD800"])  # a backslash that is escaped, and letters
def test_what_is_no_json_is_shown_up_to_where_it_is_and_raises_nothing(pieces):
    writing = Writing(Shown())
    writing.begin("python")
    for piece in pieces:
        writing.take(piece)


@pytest.mark.parametrize("name", ["sql", "final_answer", "", None])
def test_arguments_of_another_tool_are_not_shown(name):
    shown = Shown()
    writing = Writing(shown)
    writing.begin(name)
    writing.take(json.dumps({"code": "x = 1"}))
    assert shown.pieces == []


def test_whoever_takes_text_alone_is_shown_no_code():
    said = []
    writing = Writing(said.append)
    writing.begin("python")
    writing.take('{"code": "x = 1"}')
    assert said == []


async def test_scripted_model_shows_its_code_and_the_second_call_below_the_first():
    calls = [{"name": "python", "arguments": {"code": code}} for code in ("x = 1\nx", "y = 2")]
    turn, shown = {"text": "I count.", "calls": calls}, Shown()
    await ScriptedModel([turn]).respond(_Request(), shown)
    assert shown.text == "I count." and "".join(shown.pieces) == "x = 1\nx\n\ny = 2"


class _Request:
    messages = tools = ()


def test_pieces_without_a_name_of_their_own_belong_to_the_call_before():
    shown = Shown()
    answer = Accumulator(shown)
    for name, arguments in (("python", '{"co'), (None, 'de": "x ='), (None, ' 1"}')):
        call = {"index": 0, "function": {"name": name, "arguments": arguments}}
        item = {"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}
        answer.feed(f"data: {json.dumps(item)}\n\n".encode())
    assert shown.pieces == ["x =", " 1"]


def events_of_claude():
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "name": "python"}}
    for piece in ("", '{"code": "x', ' = 1"}'):
        yield {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "input_json_delta", "partial_json": piece},
        }


def events_of_responses():
    yield {"type": "response.output_item.added", "item": {"type": "function_call", "name": "python"}}
    for piece in ('{"code": "x', ' = 1"}'):
        yield {"type": "response.function_call_arguments.delta", "delta": piece}


@pytest.mark.parametrize(
    ("model", "events"), [(AnthropicModel, events_of_claude), (ResponsesModel, events_of_responses)]
)
def test_other_providers_show_code_as_it_comes(model, events):
    shown = Shown()
    made = model("any", api_key="k" * 20)
    answer = made.ANSWER(shown, made._at)
    for event in events():
        answer.take(event)
    assert shown.pieces == ["x", " = 1"]


def test_keys_do_not_show_in_code_that_is_written():
    key, shown, code = "sk-" + "a1B2" * 12, [], []
    stream = Stream(shown.append, code.append)
    for piece in cut(f'client(key="{key}")', range(0, 60, 7)):
        stream.code(piece)
    stream.end()
    assert "".join(code).startswith("client(key=") and key not in "".join(code) and shown == []
