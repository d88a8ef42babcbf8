"""The local model: how messages become its chat, what it hands out, and the real thing where it can run."""

from __future__ import annotations

import ast
import asyncio
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from local_weights import weights_or_skip

from llmos_nb.errors import ContextOverflow, ModelRefused, WeightsMissing
from llmos_nb.messages import Message, Request, Response, ToolCall, Usage
from llmos_nb.models import Model
from llmos_nb.models.local import LocalModel, prompt, weights
from llmos_nb.models.local.engine import Engine, Reply, load

CARD = """\
pets: DataFrame, 40 rows
- kind: text 'cat' / 'dog'
- weight: number 1.5 to 30"""
FIXED = len(prompt.prefix())


def asked(question: str, *more: Message, card: str = CARD) -> tuple[Message, ...]:
    return (*prompt.prefix(), Message("user", f"Variables:\n{card}\nQuestion: {question}"), *more)


def ran(number: int, code: str, result: str) -> tuple[Message, Message]:
    call = ToolCall("python", {"code": code}, f"r{number}.0")
    return Message("assistant", "", (call,)), Message("tool", result, call=call.id)


# rendering


def test_results_are_user_turns_and_code_is_a_block() -> None:
    talk = prompt.render(asked("How many cats?", *ran(1, "len(pets)", "40")), FIXED)
    assert talk.chat()[FIXED + 1 :] == [
        {"role": "assistant", "content": "```python\nlen(pets)\n```"},
        {"role": "user", "content": "Result:\n40"},
    ]
    assert (talk.done, talk.results, talk.question) == (["len(pets)"], ["40"], "How many cats?")


def test_failed_attempts_leave_the_chat() -> None:
    bad = ran(1, "pets.cats", "Error: AttributeError: no cats")
    talk = prompt.render(asked("How many cats?", *bad), FIXED)
    assert len(talk.turns) == FIXED + 1
    assert talk.failed == [("pets.cats", "Error: AttributeError: no cats")]
    assert prompt.render(asked("How many cats?", *bad, *ran(2, "len(pets)", "40")), FIXED).failed == []


def test_notes_and_answers_stay_in_order_and_free_their_words() -> None:
    said = Message("assistant", "There are 7.")
    talk = prompt.render(
        asked("How many?", *ran(1, "len(pets)", "40"), said, Message("user", "Not 7. Only dogs.")), FIXED
    )
    assert [t["content"] for t in talk.turns[-2:]] == ["Answer: There are 7.", "Not 7. Only dogs."]
    assert "dogs" in talk.seen.question


def test_a_refused_call_stays_but_is_no_evidence() -> None:
    talk = prompt.render(asked("How many?", *ran(1, "del pets", "Not run: rejected by the user: keep it.")), FIXED)
    assert len(talk.turns) == FIXED + 3
    assert talk.results == []


def test_the_card_gives_names_and_columns() -> None:
    card = f"{CARD}\nk: int 3\nand 2 more: sales (DataFrame), old_k (int)"
    seen = prompt.render(asked("How many?", *ran(1, "top = 3\ntop", "3"), card=card), FIXED).seen
    assert seen.names == {"pets", "k", "sales", "old_k", "top"}
    assert seen.columns == {"kind", "weight"}


def test_replies_are_parsed() -> None:
    assert prompt.read("```python\nlen(pets)\n```") == ("len(pets)", "")
    assert prompt.read("```python\nlen(pe") == ("len(pe", "")
    assert prompt.read("Answer: 40 pets.") == ("", "40 pets.")


def test_the_examples_hold_to_the_grammars_words() -> None:
    for message in prompt.prefix():
        if message.role == "assistant":
            code, answer = prompt.read(message.text)
            assert bool(code) != bool(answer)
            ast.parse(code)


# what is handed out, with an engine that says what it is told to


class Told:
    """Stands where the engine stands and records what it is asked."""

    def __init__(self, *texts: str | Reply) -> None:
        self.replies = [t if isinstance(t, Reply) else Reply(t, False, Usage(100, 10, 90)) for t in texts]
        self.asked: list[dict[str, Any]] = []

    async def chat(self, prefix: list[dict[str, str]], body: dict[str, Any], on_text: Any) -> Reply:
        assert body["messages"][: len(prefix)] == prefix
        self.asked.append(body)
        return self.replies[len(self.asked) - 1]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    own = tmp_path / "own.gguf"
    own.write_bytes(b"weights")

    def make(*texts: str | Reply) -> tuple[LocalModel, Told]:
        engine = Told(*texts)
        monkeypatch.setattr("llmos_nb.models.local.model.engine", lambda path: engine)
        return LocalModel(str(own)), engine

    return make


def block(code: str) -> str:
    return f"```python\n{code}\n```"


async def respond(model: LocalModel, messages: tuple[Message, ...]) -> Response:
    return await model.respond(Request(messages), lambda _: None)


async def test_first_reply_must_be_code(told: Any) -> None:
    model, engine = told(block("len(pets)}"))
    response = await respond(model, asked("How many pets?"))
    assert response.calls == (ToolCall("python", {"code": "len(pets)"}),)
    assert engine.asked[0]["grammar"] == prompt.GRAMMARS["code"]
    assert (engine.asked[0]["seed"], engine.asked[0]["temperature"]) == (42, 0.0)
    assert response.usage == Usage(100, 10, 90)
    assert response.raw["replies"][0]["text"] == block("len(pets)}")
    assert response.raw["weights_sha256"] == weights.digest(model.path)


COMMENTED = "**40**\n\n```python\nlen(pets)\n```\n\nThe model's comment: 40."


async def test_an_answer_that_was_cut_off_is_whole_but_for_its_comment(told: Any) -> None:
    model, _ = told(Reply("Answer: There are", True, Usage(100, 160, 90)))
    response = await respond(model, asked("How many?", *ran(1, "len(pets)", "40")))
    assert response.text.startswith("**40**") and response.text.endswith("There are…")
    assert response.finish == "stop"


async def test_the_answer_tells_the_last_value_and_the_code_that_gave_it(told: Any) -> None:
    table = "kind\ndog    31\ncat     9"
    model, _ = told("Answer: dog, 40.")
    runs = [*ran(0, "len(pets)", "40"), *ran(1, "pets['kind'].value_counts()", table)]
    said = (await respond(model, asked("Which kind?", *runs))).text
    assert said.startswith(f"```text\n{table}\n```\n\n```python\npets['kind'].value_counts()\n```")
    assert "len(pets)" not in said


def test_a_value_with_a_fence_of_its_own_stays_inside_its_block() -> None:
    assert prompt.answer("a\n```\n# b", "x", "").startswith("````text\na\n```\n# b\n````\n")


async def test_of_a_former_answer_the_model_sees_its_own_sentence_alone(told: Any) -> None:
    model, engine = told("Answer: 41.")
    former = [*ran(1, "len(pets)", "40"), Message("assistant", COMMENTED), Message("user", "Count again.")]
    await respond(model, asked("How many?", *former))
    assert [t["content"] for t in engine.asked[0]["messages"][-2:]] == ["Answer: 40.", "Count again."]


async def test_an_answer_is_allowed_after_a_result(told: Any) -> None:
    model, engine = told("Answer: There are 40 pets.")
    response = await respond(model, asked("How many?", *ran(1, "len(pets)", "40")))
    assert response.text == "**40**\n\n```python\nlen(pets)\n```\n\nThe model's comment: There are 40 pets."
    assert (response.calls, response.finish) == ((), "stop")
    assert engine.asked[0]["grammar"] == prompt.GRAMMARS["either"]


async def test_repeated_code_makes_the_model_answer(told: Any) -> None:
    model, engine = told(block("len( pets )"), "Answer: 40.")
    response = await respond(model, asked("How many?", *ran(1, "len(pets)", "40")))
    assert response.text == COMMENTED
    assert engine.asked[1]["grammar"] == prompt.GRAMMARS["answer"]


async def test_model_answers_after_five_results(told: Any) -> None:
    model, _ = told("Answer: 40.")
    runs = [m for i in range(5) for m in ran(i, f"len(pets) + {i}", "40")]
    assert (await respond(model, asked("How many?", *runs))).text.endswith("The model's comment: 40.")


@pytest.mark.parametrize(("failures", "seed"), [(1, 1), (2, 2), (3, 3)])
async def test_each_failure_is_sampled_anew_with_its_seed(told: Any, failures: int, seed: int) -> None:
    model, engine = told(block("len(pets)"))
    runs = [m for i in range(failures) for m in ran(i, f"pets.x{i}", "Error: AttributeError: x")]
    response = await respond(model, asked("How many?", *runs))
    assert response.calls
    assert (engine.asked[0]["seed"], engine.asked[0]["temperature"]) == (seed, 0.7)
    assert len(engine.asked[0]["messages"]) == FIXED + 1


async def test_model_gives_up_honestly_after_three_samples(told: Any) -> None:
    model, engine = told()
    runs = [m for i in range(4) for m in ran(i, f"pets.x{i}", f"Error: AttributeError: x{i}")]
    response = await respond(model, asked("How many?", *runs))
    assert response.finish == "refused"
    assert "I could not compute this: Error: AttributeError: x3" in response.text
    assert "pets.x3" in response.text
    assert engine.asked == []


async def test_a_note_makes_a_new_attempt_that_repeats_nothing(told: Any) -> None:
    model, engine = told(block("pets.x1"), block("len(pets)"))
    runs = [m for i in range(4) for m in ran(i, f"pets.x{i}", "Error: AttributeError: x")]
    response = await respond(model, asked("How many?", *runs, Message("user", "The user says: use len.")))
    assert response.calls[0].arguments == {"code": "len(pets)"}
    assert [a["seed"] for a in engine.asked] == [42, 1]


async def test_failures_after_a_result_end_in_the_answer(told: Any) -> None:
    model, _ = told("Answer: 40.")
    runs = [*ran(0, "len(pets)", "40"), *(m for i in range(1, 5) for m in ran(i, f"pets.x{i}", "Error: x"))]
    assert (await respond(model, asked("How many?", *runs))).text.endswith("The model's comment: 40.")


async def test_code_with_bad_habits_is_not_handed_out(told: Any) -> None:
    model, engine = told(
        block("pd.read_csv('pets.csv')"), block("len(pets[pets['kind'] == 'dog'])"), block("len(pets)")
    )
    response = await respond(model, asked("How many are there?"))
    assert response.calls[0].arguments == {"code": "len(pets)"}
    assert [a["seed"] for a in engine.asked] == [42, 1, 2]
    assert ["refused" in r for r in response.raw["replies"]] == [True, True, False]
    assert response.usage == Usage(300, 30, 270)


async def test_model_gives_up_honestly_when_every_sample_is_rejected(told: Any) -> None:
    model, engine = told(*[block(f"open('{i}')") for i in range(4)])
    response = await respond(model, asked("How many are there?"))
    assert (response.finish, response.calls, len(engine.asked)) == ("refused", (), 4)
    assert "open" in response.text


async def test_cut_code_is_asked_for_once_more_and_never_run(told: Any) -> None:
    cut = Reply("```python\nlen(pets", True, Usage(100, 200, 90))
    model, engine = told(cut, block("len(pets)"))
    response = await respond(model, asked("How many?"))
    assert response.calls[0].arguments == {"code": "len(pets)"}
    assert engine.asked[1]["messages"][-1]["content"] == prompt.SHORTER
    model, _ = told(*[cut] * 8)
    response = await respond(model, asked("How many?"))
    assert (response.finish, response.calls) == ("refused", ())


# what is missing


def test_missing_weights_name_the_ways_to_get_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LLMOS_MODELS", str(tmp_path))
    with pytest.raises(
        WeightsMissing, match=r"0\.5b are not on this machine: fetch them \(llmos model pull 0\.5b\), or name"
    ):
        LocalModel("0.5b")
    with pytest.raises(WeightsMissing, match=r"fetch them \(llmos model pull someone/Some-GGUF/some\.gguf\), or"):
        LocalModel("someone/Some-GGUF/some.gguf")
    with pytest.raises(WeightsMissing, match=r"own\.gguf: there is no such file; give the path of one, or name"):
        LocalModel(str(tmp_path / "own.gguf"))


def test_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    own = tmp_path / "own.gguf"
    own.write_bytes(b"no weights at all")
    with pytest.raises(ModelRefused, match=r"own\.gguf: the weights do not load"):
        load(own, "key")


# the real model


@pytest.fixture(scope="module")
def real() -> LocalModel:
    weights_or_skip()
    return LocalModel("0.5b")


@pytest.mark.local_model
async def test_real_model_reports_its_traits(real: LocalModel) -> None:
    assert isinstance(real, Model)
    assert (real.traits.name, real.traits.first, real.traits.plans) == (
        "local/qwen2.5-coder-0.5b",
        "python",
        False,
    )


@pytest.mark.local_model
async def test_real_model_writes_code_then_answers(real: LocalModel) -> None:
    await real.warm_up()
    shown: list[str] = []
    messages = asked("What is the mean weight by kind?")
    response = await real.respond(Request(messages), shown.append)
    code = response.calls[0].arguments["code"]  # type: ignore[index]
    assert any(isinstance(n, ast.Name) and n.id == "pets" for n in ast.walk(ast.parse(code)))
    assert response.raw["weights_sha256"] == weights.CATALOGUE[0].sha256
    assert response.usage.completion > 0
    assert response.usage.cached > 1_000  # the prefix was warm
    await asyncio.sleep(0)
    assert response.raw["replies"][-1]["text"] in "".join(shown)
    after = Request((*messages, *ran(1, code, "kind\ndog    17.5\ncat    4.2")))
    answer = await real.respond(after, lambda _: None)
    assert answer.calls or (answer.text and not answer.text.startswith("Answer"))


@pytest.mark.local_model
async def test_real_replies_are_the_same_twice(real: LocalModel) -> None:
    request = Request(asked("How many dogs weigh over 20?"))
    one, two = [await real.respond(request, lambda _: None) for _ in range(2)]
    assert [r["text"] for r in one.raw["replies"]] == [r["text"] for r in two.raw["replies"]]


class Counted:
    """The engine's server, with a note of each piece that it gives: a batch of the prompt, or a token of the text."""

    def __init__(self, server: Any) -> None:
        self.server, self.computed = server, list[float]()

    def handle_chat_completions(self, body: dict[str, Any], take: Callable[[dict[str, Any]], bool]) -> None:
        def counted(chunk: dict[str, Any]) -> bool:
            self.computed.append(time.process_time())
            return take(chunk)

        self.server.handle_chat_completions(body, counted)


LONG_S = 300.0  # so long is waited for what must come, on whatever machine


@pytest.mark.local_model
@pytest.mark.parametrize("where", ["prompt", "text"])
async def test_real_cancel_stops_at_the_next_batch_and_the_loop_stays_alive(
    real: LocalModel, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch is under a second on one core; what it takes here is measured in the same run."""
    await real.warm_up()
    server = Counted(real._engine._server)
    monkeypatch.setattr(real._engine, "_server", server)
    # a long card is many batches; a short one comes to its text at once
    card = "\n".join([CARD, *(f"- column_{i}: number 0 to {i * 7}" for i in range(60))]) if where == "prompt" else CARD
    began = asyncio.Event()
    task = asyncio.ensure_future(real.respond(Request(asked("Describe all.", card=card)), lambda _: began.set()))
    ticks, until = 0, time.monotonic() + LONG_S
    while len(server.computed) < 4 or (where == "text" and not began.is_set()):
        assert time.monotonic() < until and not task.done(), f"{len(server.computed)} pieces after {LONG_S} s"
        await asyncio.sleep(0.01)
        ticks += 1
    assert ticks > 5
    assert began.is_set() == (where == "text")
    before, computed = len(server.computed), time.process_time()
    one = max(b - a for a, b in pairwise(server.computed[:before]))
    task.cancel()
    for _ in range(5):  # turns of the loop: nobody waits for the engine
        await asyncio.sleep(0)
    assert task.cancelled()
    # the engine's one thread is free again: its work has ended, too (in its own time, whatever else runs here)
    await asyncio.get_running_loop().run_in_executor(real._engine._pool, lambda: None)
    assert len(server.computed) - before <= 2, "of the batch that was under way, and of the stop"
    assert time.process_time() - computed < 2 * one + 0.1


@pytest.mark.local_model
async def test_real_prompt_over_the_context_is_a_typed_error(real: LocalModel) -> None:
    with pytest.raises(ContextOverflow, match="4096"):
        await respond(real, asked("word " * 5_000))


@pytest.mark.local_model
async def test_real_prefix_is_read_from_the_disk(real: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    await real.warm_up()
    fresh = Engine(real.path)
    evaluated = list[Any]()
    ask = fresh._ask
    monkeypatch.setattr(fresh, "_ask", lambda *given: evaluated.append(given) or ask(*given))
    await fresh.warm(real._fixed)
    assert not evaluated, "the prefix was evaluated, and not read"
    body = {"messages": [*real._fixed, {"role": "user", "content": "Hello"}], "max_tokens": 1}
    reply = await fresh.chat(real._fixed, body, lambda _: None)
    assert reply.usage.cached > 1_000 and len(evaluated) == 1
