"""Models behind a URL, by the name of their provider: where it is, which key belongs there, which adapter it has.

A key goes to the host that it was given for, and to no other: whoever names another base URL gives a key for that.
"""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING
from urllib.parse import quote

from llmos_nb.errors import ConfigError
from llmos_nb.models.base import Model, Traits, shown_url
from llmos_nb.models.catalogue import SERVED, context_tokens
from llmos_nb.models.openai.client import OFFICIAL, OLLAMA, OpenAIModel
from llmos_nb.models.openai.network import checked_url, is_loopback, same_origin
from llmos_nb.models.openai.quirks import Provider, provider_of

if TYPE_CHECKING:
    from llmos_nb.models.native.base import NativeModel

ANY_KEY = "LLMOS_API_KEY"
_NO_KEY = "OPENAI_API_KEY is not set; set it, name another endpoint by OPENAI_BASE_URL, or use -m local"
_SMALL = ("lmstudio", "llamacpp")  # they serve less than the model takes, unless they are told


def _set(name: str) -> str | None:
    return os.environ.get(name) or None


def home() -> str:
    """Return the URL to which `OPENAI_API_KEY` belongs."""
    return _set("OPENAI_BASE_URL") or OFFICIAL


def place_of(provider: Provider) -> str:
    """Return the URL to which the key of a provider belongs: ``NAME_BASE_URL``, else its own."""
    variable = f"{provider.name.upper().replace('-', '_')}_BASE_URL"
    return _set("AZURE_OPENAI_ENDPOINT" if provider.name == "azure" else variable) or provider.url


def key_for(url: str) -> tuple[str | None, str]:
    """Return the key that was given for a server, and the variable that holds it, or should."""
    if same_origin(url, home()) and _set("OPENAI_API_KEY"):
        return _set("OPENAI_API_KEY"), "OPENAI_API_KEY"
    provider = provider_of(url)
    if provider.key and same_origin(url, place_of(provider)) and _set(provider.key):
        return _set(provider.key), provider.key
    return _set(ANY_KEY), "OPENAI_API_KEY" if same_origin(url, home()) else ANY_KEY


def may_ask(url: str) -> bool:
    """Return whether a URL can be asked though nobody has named it now: it is on this machine, or its key is there."""
    key, variable = key_for(url) if url else (None, "")
    return is_loopback(url) or (bool(key) and variable != ANY_KEY)


def openai(name: str, base_url: str | None) -> OpenAIModel:
    """Return a model of OpenAI, or of the endpoint that stands in its place."""
    url = base_url or home()
    key, variable = key_for(url)
    if not key and same_origin(url, OFFICIAL):
        raise ConfigError(_NO_KEY)
    return OpenAIModel(name, url, key, key_name=variable)


def ollama(name: str, base_url: str | None) -> OpenAIModel:
    """Return a model of Ollama; one that runs on this machine may see values."""
    url = base_url or OLLAMA
    here = is_loopback(url) and not name.endswith("cloud")
    traits = Traits("", sees_values=here, context_tokens=SERVED if here else context_tokens(name))
    return OpenAIModel(name, url, label=f"ollama/{name}", key_name="the key", traits=traits)


def at_url(spec: str) -> OpenAIModel:
    """Return a model at a URL, ``URL#NAME``."""
    url, _, name = spec.partition("#")
    label = f"{shown_url(checked_url(url))}#{name.strip()}"
    key, variable = key_for(url)
    key = _set(ANY_KEY) or key
    return OpenAIModel(name.strip(), url, key, label=label, key_name=ANY_KEY if _set(ANY_KEY) else variable)


def chat(provider: Provider, name: str, base_url: str | None) -> Model:
    """Return a model of a provider that speaks Chat Completions."""
    place = place_of(provider)
    url = checked_url(base_url or (_azure(place, name) if provider.name == "azure" else place))
    at_home = bool(place) and same_origin(url, place)
    variable = provider.key if at_home else ANY_KEY
    key = _set(variable) if variable else None
    if not key and at_home and not provider.serves_here:
        raise ConfigError(f"{variable} is not set; set it to your key of {provider.name}")
    here = provider.serves_here and is_loopback(url)
    size = SERVED if here and provider.name in _SMALL else context_tokens(name)
    traits = Traits("", sees_values=here, context_tokens=size)
    label = f"{provider.name}/{name}"
    return OpenAIModel(name, url, key, label=label, key_name=variable, traits=traits, provider=provider)


def _azure(place: str, name: str) -> str:
    """Return the URL of a deployment of Azure: the one without versions, unless `OPENAI_API_VERSION` names one."""
    if not place:
        raise ConfigError("AZURE_OPENAI_ENDPOINT is not set; set it to https://NAME.openai.azure.com")
    place, version = checked_url(place), _set("OPENAI_API_VERSION")
    return f"{place}/openai/deployments/{quote(name)}?api-version={version}" if version else f"{place}/openai/v1"


_NATIVE = {"openai-responses": "responses", "anthropic": "messages", "gemini": "gemini"}
"""By scheme, the module in `native` that holds the adapter."""


def native(scheme: str, name: str, base_url: str | None) -> Model:
    """Return a model that is asked in its provider's own protocol, by its own package."""
    module = importlib.import_module(f"llmos_nb.models.native.{_NATIVE[scheme]}")
    kind: type[NativeModel] = module.MODEL
    if importlib.util.find_spec(kind.PACKAGE[0].partition(".")[0]) is None:
        raise ConfigError(kind.needs())
    place = _set(kind.PLACE) or kind.URL
    url = checked_url(base_url or place)
    at_home = same_origin(url, place)
    keys = kind.KEYS if at_home else (ANY_KEY,)
    key = next((k for k in map(_set, keys) if k), None)
    if not key and at_home and same_origin(url, kind.URL):
        raise ConfigError(f"{keys[0]} is not set; set it to your key of {scheme}")
    return kind(name, url, key, label=f"{scheme}/{name}", key_name=keys[0])


NATIVE = tuple(_NATIVE)
