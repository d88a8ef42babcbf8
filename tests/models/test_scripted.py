"""Scripted and replayed models: the same answers and errors as real ones, with no network."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from endpoint import Endpoint

from llmos_nb.errors import JournalTampered, ModelError, ModelRefused, UsageError
from llmos_nb.journal import Journal
from llmos_nb.journal.events import parse
from llmos_nb.messages import Message, Request, Response, ToolCall, Usage
from llmos_nb.models import Model
from llmos_nb.models.openai.client import OpenAIModel
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.models.scripted.model import ReplayModel
from llmos_nb.models.scripted.wire import FAULTS

ADD = {"name": "add", "arguments": {"a": 1, "b": 2}}
REQUEST = Request((Message("system", "Be exact."), Message("user", "Add.")))


async def ask(model: Model, on_text: Any = lambda text: None) -> Response:
    return await model.respond(REQUEST, on_text)


def write(path: Path, turns: object, **more: object) -> Path:
    path.write_text(json.dumps({"version": 1, "turns": turns, **more}), encoding="utf-8")
    return path


async def test_turns_come_in_order_and_an_exhausted_script_raises(tmp_path):
    steps = [{"title": "load", "expect": "rows"}, {"title": "count", "depends_on": [1]}]
    file = write(tmp_path / "s.json", [{"plan": steps}, {"text": "I add.", "calls": [ADD, ADD]}, {"text": "3"}])
    model, shown = ScriptedModel(file), []
    assert (await ask(model)).calls == (ToolCall("plan", {"steps": steps}),)
    second = await ask(model, shown.append)
    assert (second.text, second.calls) == ("I add.", (ToolCall("add", {"a": 1, "b": 2}),) * 2)
    assert "".join(shown) == "I add."
    assert (await ask(model)).text == "3"
    with pytest.raises(ModelRefused, match="only 3 turns"):
        await ask(model)


async def test_script_that_says_what_comes_after_its_turns_answers_every_further_request_so(tmp_path):
    model = ScriptedModel(write(tmp_path / "s.json", [{"text": "3"}], after={"text": "no more"}))
    assert [(await ask(model)).text for _ in range(3)] == ["3", "no more", "no more"]
    model.seek(answers=5)
    assert (await ask(model)).text == "no more"
    with pytest.raises(UsageError, match="after says nothing"):
        ScriptedModel(write(tmp_path / "s.json", [{"text": "3"}], after={}))


async def test_usage_is_what_the_turn_says_or_estimated_from_the_bytes():
    model = ScriptedModel(
        [{"text": "12345678", "usage": {"prompt": 9, "completion": 4, "cached": 2}}, {"text": "12345678"}]
    )
    assert (await ask(model)).usage == Usage(9, 4, 2)
    assert (await ask(model)).usage == Usage(sum(len(m.encoded) for m in REQUEST.messages) // 4, 3)


async def test_scripted_turn_may_be_delayed_and_streams_its_text():
    model, shown = ScriptedModel([{"text": "a text that is longer than a piece", "wait_s": 0.2}]), []
    started = time.monotonic()
    await ask(model, shown.append)
    assert time.monotonic() - started >= 0.2
    assert len(shown) > 1


@pytest.mark.parametrize("fault", FAULTS)
async def test_scripted_fault_equals_the_same_fault_over_http(fault: str):
    """One set of faults, played once in memory and once by a real server: the same kind, or the same answer."""
    turn = {"text": "half an answer", "calls": [ADD, ADD], "fault": fault}

    async def outcome(model: Model) -> object:
        try:
            answer = await ask(model)
        except ModelError as error:
            return type(error), error.retryable, error.retry_in_s
        return answer.text, answer.calls, answer.finish, answer.cut

    async with Endpoint([turn]) as endpoint:
        real = OpenAIModel("m", endpoint.url, stall_s=0.5)
        assert await outcome(ScriptedModel([turn])) == await outcome(real)
        await real.aclose()


async def test_seek_goes_on_after_the_answers_of_an_earlier_process():
    turns = [
        {"text": "1"},
        {"fault": "http_500"},
        {"fault": "drop", "text": "x"},
        {"text": "2"},
        {"fault": "empty"},
        {"text": "3"},
    ]
    model = ScriptedModel(turns)
    for answers, failures, position in [
        (0, 0, 0),
        (1, 0, 1),
        (1, 1, 2),
        (1, 2, 3),
        (1, 9, 3),
        (2, 0, 4),
        (3, 0, 5),
        (9, 0, 6),
    ]:
        model.seek(answers, failures)
        assert model.position == position
    model.seek(3)
    assert (await ask(model)).text == "3"


@pytest.mark.parametrize(
    ("turns", "words"),
    [
        ([{"txt": "x"}], r"turn 1: key 'txt' is not known; did you mean text"),
        ([{"text": "x"}, {}], "turn 2 says nothing"),
        ([{"text": 3}], "`text` must be a text"),
        ([{"calls": []}], "`calls` must be a list that is not empty"),
        ([{"calls": [{"arguments": {}}]}], "call 1 needs a `name`"),
        ([{"calls": [{"name": "a", "arguments": [1]}]}], "`arguments` must be"),
        ([{"plan": [{"expect": "x"}]}], "needs a `title`"),
        ([{"text": "x", "fault": "htp_500"}], "no fault is named 'htp_500'; did you mean http_500"),
        ([{"text": "x", "fault": "cut_call"}], "`cut_call` needs a turn with `calls`"),
        ([{"calls": [{"name": "a", "arguments": "x"}], "fault": "object_args"}], "arguments that are objects"),
        ([{"text": "x", "wait_s": -1}], "number of seconds"),
        ([{"text": "x", "wait_s": True}], "number of seconds"),
        ([{"text": "x", "usage": {"prompt": 1.5}}], "whole tokens"),
        ([3], "turn 1 must be an object"),
    ],
)
def test_bad_script_error_names_the_place(tmp_path, turns, words):
    file = write(tmp_path / "s.json", turns)
    with pytest.raises(UsageError, match=words) as caught:
        ScriptedModel(file)
    assert str(file) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{", "not JSON"),
        ("[]", "write it as"),
        ('{"version": 2, "turns": []}', "version 2"),
        ('{"version": 1}', "write it as"),
    ],
)
def test_file_that_is_no_script_is_named(tmp_path, body, words):
    file = tmp_path / "s.json"
    file.write_text(body, encoding="utf-8")
    with pytest.raises(UsageError, match=words):
        ScriptedModel(file)
    with pytest.raises(UsageError, match="No such file"):
        ScriptedModel(tmp_path / "missing.json")


def responded(text: str, calls: list[dict[str, Any]] = (), **more: object) -> dict[str, Any]:
    usage = {"prompt": 5, "completion": 2, "cached": 1}
    return {"request": 1, "text": text, "calls": list(calls), "finish": "stop", "usage": usage, **more}


def journal(path: Path, *events: tuple[str, dict[str, Any]]) -> Path:
    book = Journal(path)
    with book.held():
        for kind, d in events:
            book.append(parse(kind, d, 1))
    return path


async def test_replay_gives_the_recorded_answers_again(tmp_path):
    path = journal(
        tmp_path / "journal.jsonl",
        ("run.started", {"goal": "g", "model": "m", "budget": {}, "parent": None}),
        (
            "model.responded",
            responded("I add.", [{"name": "add", "arguments": {"a": 1}}, {"name": "add", "arguments": "{,"}]),
        ),
        ("model.failed", {"request": 2, "error": "x"}),
        ("model.responded", responded("half", finish="length", cut=True)),
    )
    model, shown = ReplayModel(tmp_path), []
    first = await ask(model, shown.append)
    assert first == Response("I add.", (ToolCall("add", {"a": 1}), ToolCall("add", "{,")), usage=Usage(5, 2, 1))
    assert shown == ["I add."]
    second = await ask(model)
    assert (second.finish, second.cut) == ("length", True)
    with pytest.raises(ModelRefused, match="holds 2 answers"):
        await ask(model)
    model = ReplayModel(path)
    model.seek(1)
    assert (await ask(model)).text == "half"


async def test_replay_of_a_fork_begins_with_what_its_parent_had(tmp_path):
    parent = journal(
        tmp_path / "parent.jsonl",
        ("run.started", {"goal": "g", "model": "m", "budget": {}, "parent": None}),
        ("model.responded", responded("kept")),
        ("model.responded", responded("left behind")),
    )
    started = {"goal": "g", "model": "m", "budget": {}, "parent": {"pid": 1, "path": str(parent), "at": 1}}
    fork = journal(tmp_path / "fork.jsonl", ("run.started", started), ("model.responded", responded("new")))
    model = ReplayModel(fork)
    assert [(await ask(model)).text for _ in range(2)] == ["kept", "new"]


def test_replay_reports_the_fault_of_its_file(tmp_path):
    with pytest.raises(UsageError, match="no journal"):
        ReplayModel(tmp_path / "none.jsonl")
    path = journal(tmp_path / "j.jsonl", ("model.responded", responded("a")), ("model.responded", responded("b")))
    path.write_bytes(path.read_bytes().replace(b'"text":"a"', b'"text":"z"'))
    with pytest.raises(JournalTampered, match="line 1"):
        ReplayModel(path)
