"""A key is sent to the host for which it was given, and to no other, whatever a folder or a call names."""

from __future__ import annotations

import pytest
from wire_replay import WireReplay

from llmos_nb.errors import ConfigError, ModelError, ModelRefused
from llmos_nb.messages import Message, Request
from llmos_nb.models import resolve
from llmos_nb.models.native.gemini import GeminiModel
from llmos_nb.models.native.messages import AnthropicModel
from llmos_nb.models.native.responses import ResponsesModel
from llmos_nb.models.openai.client import OpenAIModel
from llmos_nb.models.openai.quirks import PROVIDERS

ASKED = Request((Message("user", "hi"),))
SECRET = "sk-given-for-one-host"
HOSTED = [p for p in PROVIDERS if not p.serves_here and p.name not in ("openai", "azure")]
OWN = [p for p in PROVIDERS if p.serves_here]


@pytest.fixture(autouse=True)
def no_keys(monkeypatch):
    for provider in PROVIDERS:
        for name in (provider.key, f"{provider.name.upper().replace('-', '_')}_BASE_URL"):
            monkeypatch.delenv(name or "LLMOS_API_KEY", raising=False)
    for name in ("LLMOS_API_KEY", "AZURE_OPENAI_ENDPOINT", "OPENAI_API_VERSION"):
        monkeypatch.delenv(name, raising=False)


async def sent(spec: str, server: WireReplay, base_url: str | None = None) -> str:
    """Return the headers of a request."""
    model = resolve(spec, base_url=base_url)
    with pytest.raises(ModelError):  # there is no answer
        await model.respond(ASKED, lambda text: None)
    await model.aclose()
    return str(server.asked[-1].headers)


@pytest.mark.parametrize(
    ("variable", "spec"),
    [
        ("OPENAI_API_KEY", "openai/m"), ("OPENAI_API_KEY", "{url}/v1#m"), ("OPENAI_API_KEY", "ollama/m"),
        ("OPENAI_API_KEY", "mistral/m"), ("MISTRAL_API_KEY", "mistral/m"), ("MISTRAL_API_KEY", "{url}/v1#m"),
        ("GROQ_API_KEY", "openai/m"), ("VLLM_API_KEY", "vllm/m"), ("OPENAI_API_KEY", "vllm/m"),
    ],
)  # fmt: skip
async def test_a_key_does_not_go_to_another_base_url(variable, spec, monkeypatch):
    monkeypatch.setenv(variable, SECRET)
    async with WireReplay([]) as server:
        assert SECRET not in await sent(spec.format(url=server.url), server, base_url=f"{server.url}/v1")


async def test_another_base_url_gets_the_key_that_was_given_for_it(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setenv("LLMOS_API_KEY", "sk-for-other-places")
    async with WireReplay([]) as server:
        assert "sk-for-other-places" in await sent("openai/m", server, base_url=f"{server.url}/v1")
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        assert SECRET in await sent("openai/m", server)


@pytest.mark.parametrize("provider", HOSTED, ids=lambda p: p.name)
async def test_a_provider_has_its_own_place_and_key(provider, monkeypatch):
    with pytest.raises(ConfigError, match=f"{provider.key} is not set; set it to your key of {provider.name}"):
        resolve(f"{provider.name}/some-model")
    monkeypatch.setenv(provider.key, SECRET)
    model = resolve(f"{provider.name}/some-model")
    assert (model.base_url, model.traits.name) == (provider.url, f"{provider.name}/some-model")
    assert not model.traits.sees_values
    async with WireReplay([]) as server:
        monkeypatch.setenv(f"{provider.name.upper().replace('-', '_')}_BASE_URL", server.url)
        assert SECRET in await sent(f"{provider.name}/m", server)


@pytest.mark.parametrize("provider", OWN, ids=lambda p: p.name)
def test_a_server_of_ones_own_needs_no_key_and_may_see_values_here(provider):
    assert resolve(f"{provider.name}/m").traits.sees_values
    assert not resolve(f"{provider.name}/m", base_url="http://gpu.example/v1").traits.sees_values


def test_azure_says_what_it_needs(monkeypatch):
    with pytest.raises(ConfigError, match="AZURE_OPENAI_ENDPOINT is not set"):
        resolve("azure/m")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://mine.openai.azure.com/")
    with pytest.raises(ConfigError, match="AZURE_OPENAI_API_KEY is not set"):
        resolve("azure/m")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", SECRET)
    assert resolve("azure/m").base_url == "https://mine.openai.azure.com/openai/v1"
    other = resolve("azure/m", base_url="https://other.openai.azure.com/openai/v1")
    assert other._key != SECRET, "whoever has a resource there has not this one's key"


@pytest.mark.parametrize("kind", [OpenAIModel, AnthropicModel, GeminiModel, ResponsesModel])
def test_key_with_characters_that_no_key_has_is_one_error_whatever_the_protocol(kind):
    with pytest.raises(ConfigError, match="holds characters that no key has; paste it again"):
        kind("m", api_key="sk-1\nsk-2")
    assert kind("m", api_key=" sk-1\n").slots == 8


def test_key_stands_in_no_error_text():
    model = OpenAIModel("m", api_key="sk-1")
    assert str(model._without_key(ModelRefused("bad key sk-1"))) == "bad key …"
    assert str(OpenAIModel("m")._without_key(ModelRefused("no key: none"))) == "no key: none"
