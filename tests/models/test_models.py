"""From what the user types to a model, and what models cost."""

from __future__ import annotations

import json

import pytest
from endpoint import Endpoint

from llmos_nb.errors import ConfigError, UsageError
from llmos_nb.messages import Message, Request
from llmos_nb.models import resolve
from llmos_nb.models.catalogue import price
from llmos_nb.models.local import weights
from llmos_nb.models.openai.client import OpenAIModel
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.models.scripted.model import ReplayModel

VARIABLES = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL", "LLMOS_MODEL", "LLMOS_API_KEY")
REQUEST = Request((Message("user", "hi"),))


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def no_weights(monkeypatch):
    monkeypatch.setattr(weights, "find", lambda name=None: None)


async def key_sent(model: OpenAIModel, endpoint: Endpoint) -> str:
    await model.respond(REQUEST, lambda text: None)
    await model.aclose()
    return endpoint.requests[-1].headers["Authorization"].removeprefix("Bearer ")


def test_model_object_is_returned_unchanged():
    model = ScriptedModel([{"text": "x"}])
    assert resolve(model) is model
    with pytest.raises(UsageError, match="int is no model"):
        resolve(3)


async def test_openai_takes_the_endpoint_and_key_of_the_environment(monkeypatch):
    async with Endpoint([{"text": "ok"}]) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-env")
        model = resolve("openai/gpt-x")
        assert await key_sent(model, endpoint) == "sk-env"
        assert endpoint.requests[0].body["model"] == "gpt-x"
    assert model.traits.name == "openai/gpt-x"
    assert not model.traits.sees_values


async def test_given_base_url_takes_precedence_over_the_environment(monkeypatch):
    async with Endpoint([{"text": "ok"}]) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
        assert await key_sent(resolve("openai/org/m", base_url=endpoint.url), endpoint) == "none"
        assert endpoint.requests[0].body["model"] == "org/m"


async def test_a_url_gets_a_key_only_where_it_belongs(monkeypatch):
    async with Endpoint([{"text": "ok"}] * 3) as endpoint:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
        assert await key_sent(resolve(f"{endpoint.url}#m"), endpoint) == "none"
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.url)
        assert await key_sent(resolve(f"{endpoint.url}#m"), endpoint) == "sk-openai"
        monkeypatch.setenv("LLMOS_API_KEY", "sk-mine")
        model = resolve(f"{endpoint.url}#org/m")
        assert await key_sent(model, endpoint) == "sk-mine"
        assert endpoint.requests[-1].body["model"] == "org/m"
        assert model.traits.name == f"{endpoint.url}#org/m"


def test_a_password_in_a_url_is_not_shown():
    assert resolve("https://me:pw@host:9/v1#m").traits.name == "https://host:9/v1#m"


def test_ollama_sees_values_only_where_it_runs_here():
    assert resolve("ollama/qwen").traits.sees_values
    assert resolve("ollama/qwen").base_url == "http://localhost:11434/v1"
    assert not resolve("ollama/gpt-oss:120b-cloud").traits.sees_values
    assert not resolve("ollama/qwen", base_url="http://gpu.example/v1").traits.sees_values


def test_a_stall_bound_reaches_the_model():
    assert resolve("ollama/x", stall_s=7).stall_s == 7


def test_script_and_replay_files_become_models(tmp_path):
    script = tmp_path / "s.json"
    script.write_text(json.dumps({"version": 1, "turns": [{"text": "x"}]}), encoding="utf-8")
    (tmp_path / "journal.jsonl").write_text("", encoding="utf-8")
    assert isinstance(resolve(f"script:{script}"), ScriptedModel)
    assert resolve(f"script:{script}").traits.name == f"script:{script}"
    assert isinstance(resolve(f"replay:{tmp_path}"), ReplayModel)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("opena/gpt", "did you mean openai"),
        ("scrpt:x.json", "did you mean script"),
        ("turns.json", "did you mean script:turns.json?"),
        ("locl", "did you mean local"),
        ("gpt-4o", "did you mean openai/gpt-4o"),
        ("openai/", "lacks what comes after 'openai/'"),
        ("script:", "lacks what comes after 'script:'"),
        ("ftp://x#m", "http://HOST:PORT/v1"),
        ("http://#m", "http://HOST:PORT/v1"),
    ],
)
def test_a_bad_spec_is_one_line_with_the_nearest(spec, words):
    with pytest.raises(UsageError, match=words) as caught:
        resolve(spec)
    assert len(str(caught.value).splitlines()) == 1


def test_openai_without_a_key_says_what_to_set():
    with pytest.raises(ConfigError, match="OPENAI_API_KEY is not set"):
        resolve("openai/gpt-x")


def test_without_key_or_weights_both_ways_to_a_model_are_named(no_weights):
    with pytest.raises(ConfigError, match=r"OPENAI_API_KEY.*llmos model pull"):
        resolve(None)


def test_with_no_spec_a_key_leads_to_openai(monkeypatch, no_weights):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    assert resolve().base_url == "https://api.openai.com/v1"
    assert resolve().name
    monkeypatch.setenv("OPENAI_MODEL", "gpt-y")
    assert resolve().name == "gpt-y"


async def test_with_no_spec_an_endpoint_names_its_own_model(monkeypatch, no_weights):
    async with Endpoint([{"text": "ok"}], models=("first",)) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.url)
        await key_sent(resolve(), endpoint)
        assert endpoint.requests[0].body["model"] == "first"


def test_llmos_model_is_a_spec_or_a_name(monkeypatch, no_weights):
    monkeypatch.setenv("LLMOS_MODEL", "ollama/qwen")
    assert resolve().traits.name == "ollama/qwen"
    monkeypatch.setenv("LLMOS_MODEL", "my-model")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    assert resolve().name == "my-model"


@pytest.mark.parametrize(
    ("name", "cost"),
    [
        ("openai/gpt-4o", (2.5, 10.0)),
        ("openai/gpt-4o-2024-08-06", (2.5, 10.0)),
        ("gpt-4o", (2.5, 10.0)),
        ("local/qwen", (0.0, 0.0)),
        ("ollama/qwen", (0.0, 0.0)),
        ("script:x.json", (0.0, 0.0)),
        ("ollama/gpt-oss:120b-cloud", None),
        ("openai/unheard-of", None),
        ("https://host/v1#gpt-4o", None),
    ],
)
def test_prices_are_found_by_model_name(name, cost):
    assert price(name) == cost


def test_user_prices_take_precedence():
    assert price("openai/gpt-4o", {"gpt-4o": (1.0, 2.0)}) == (1.0, 2.0)
    assert price("https://host/v1#m", {"https://host/v1#m": (1.0, 2.0)}) == (1.0, 2.0)
