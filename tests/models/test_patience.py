"""How long silence is borne: by model, by setting, and not anew in each process."""

from __future__ import annotations

import pytest
from endpoint import Endpoint

import llmos_nb as llmos
from llmos_nb.messages import Message, Request
from llmos_nb.models.catalogue import thinks
from llmos_nb.models.openai import network
from llmos_nb.models.openai.client import OpenAIModel
from llmos_nb.models.openai.network import Patience


@pytest.fixture(autouse=True)
def nothing_known():
    network._silent.clear()
    yield
    network._silent.clear()


@pytest.mark.parametrize("name", ["o3", "o4-mini", "gpt-5", "gpt-5-mini", "deepseek-r1", "deepseek-reasoner", "qwen/qwq-32b", "Qwen3-8B", "magistral-medium", "gemini-3-pro", "gemini-2.5-flash", "claude-sonnet-4-5", "claude-3-7-sonnet", "grok-4", "openai/gpt-oss-120b", "kimi-k2-thinking"])  # fmt: skip
def test_a_model_that_thinks_has_ten_minutes_before_its_first_word(name):
    assert thinks(name) and Patience("there", name).first_s == 600
    assert Patience("there", name).between_s == 60


@pytest.mark.parametrize("name", ["gpt-4.1", "gpt-4o", "gpt-5-chat-latest", "claude-3-5-haiku", "qwen2.5", "Qwen3-30B-A3B-Instruct", "qwen3-coder", "mistral-large", "llama-3.3", "m", ""])  # fmt: skip
def test_another_model_has_twelve_seconds_and_more_each_time(name):
    one = Patience("there", name)
    assert (one.first_s, one.between_s) == (12, 12)
    assert [one.ended(begun=False) for _ in range(4)] == [12, 48, 192, 300]


def test_a_process_does_not_begin_anew():
    Patience("there", "m").ended(begun=False)
    assert Patience("there", "m").first_s == 48
    assert Patience("elsewhere", "m").first_s == 12


def test_what_somebody_has_set_counts():
    Patience("there", "o3").ended(begun=True)
    assert Patience("there", "o3", 5).first_s == Patience("there", "m", 5).between_s == 5


async def test_the_setting_reaches_the_model(monkeypatch, tmp_path):
    (tmp_path / "llmos.toml").write_text("[model]\npatience = 90")
    async with Endpoint([{"text": "ok"}]) as endpoint:
        process = await llmos.run("go", model=f"{endpoint.url}#m", namespace={})
    assert process.run.model.patience.first_s == 90
    monkeypatch.setenv("LLMOS_PATIENCE", "30")
    again = llmos.load(process.journal.path, model=f"{endpoint.url}#m")
    assert again.run.model.patience.first_s == 30


async def test_silence_before_the_first_word_is_borne_longer_than_amid_an_answer():
    word = b'data: {"choices":[{"delta":{"content":"It"}}]}\n\n'
    async with Endpoint([{"text": "ok", "wait_s": 0.6}, {"pieces": [word], "end": "stall"}]) as endpoint:
        model = OpenAIModel("o3", endpoint.url)
        model.patience.first_s, model.patience.between_s = 30, 0.2
        asked = Request((Message("user", "hi"),))
        assert (await model.respond(asked, lambda text: None)).text == "ok"
        with pytest.raises(llmos.errors.ModelUnavailable, match=r"sent nothing for 0\.2 s"):
            await model.respond(asked, lambda text: None)
        await model.aclose()
