"""What is known of providers before they are asked, and what each endpoint taught: the ways in which it wants requests.

A way is a name. `WAYS` says by which words an endpoint refuses the usual way; the next request goes another way, which
is tried once and kept for the endpoint and model as long as the interpreter lives.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider of an endpoint that speaks Chat Completions.

    Parameters
    ----------
    name : str
        As in ``NAME/MODEL``.
    url : str
        Its base URL; empty where every account has its own.
    hosts : str
        Expression of the hosts, by which a URL is known to be its.
    key : str
        The environment variable of its key; empty for a server of one's own.
    bound : str
        The parameter that bounds an answer.
    key_header : str
        The header of the key, beside ``Authorization``.
    ways : tuple of str
        How it wants requests, as in `WAYS`.
    """

    name: str
    url: str = ""
    hosts: str = "$."
    key: str = ""
    bound: str = "max_tokens"
    key_header: str = ""
    ways: tuple[str, ...] = ()

    @property
    def serves_here(self) -> bool:
        """Whether it is a server of one's own, which needs no key."""
        return self.url.startswith("http:")


COMPLETION = "max_completion_tokens"
PLAIN = Provider("")
PROVIDERS = (
    Provider("openai", "https://api.openai.com/v1", r"api\.openai\.com$", "OPENAI_API_KEY", COMPLETION),
    Provider(
        "azure", "", r".*\.(openai|cognitiveservices|services\.ai)\.azure\.(com|us|cn)$", "AZURE_OPENAI_API_KEY",
        COMPLETION, "api-key",
    ),
    Provider(
        "mistral", "https://api.mistral.ai/v1", r".*\.mistral\.ai$", "MISTRAL_API_KEY",
        ways=("short_ids", "alternate", "stream_options"),
    ),
    Provider("deepseek", "https://api.deepseek.com/v1", r"api\.deepseek\.com$", "DEEPSEEK_API_KEY"),
    Provider("groq", "https://api.groq.com/openai/v1", r"api\.groq\.com$", "GROQ_API_KEY", COMPLETION),
    Provider("openrouter", "https://openrouter.ai/api/v1", r"openrouter\.ai$", "OPENROUTER_API_KEY"),
    Provider(
        "gemini-openai", "https://generativelanguage.googleapis.com/v1beta/openai",
        r"generativelanguage\.googleapis\.com$", "GEMINI_API_KEY",
    ),
    Provider("vllm", "http://localhost:8000/v1", key="VLLM_API_KEY"),
    Provider("lmstudio", "http://localhost:1234/v1"),
    Provider("llamacpp", "http://localhost:8080/v1", key="LLAMA_API_KEY"),
)  # fmt: skip


def provider_of(url: str) -> Provider:
    """Return the provider of a URL, by its host."""
    host = urlsplit(url).hostname or ""
    return next((p for p in PROVIDERS if re.match(p.hosts, host)), PLAIN)


_STRICT_IDS = re.compile(r"(?i)(^|[/.])(mi[sx]tral|magistral|devstral|codestral|ministral|pixtral|claude)")


def ways_of(provider: Provider, model: str) -> frozenset[str]:
    """Return how a provider and a model want requests before anything was refused."""
    ids = ("short_ids",) if _STRICT_IDS.search(model) else ()
    return frozenset((*provider.ways, *ids))


_NOT = r"(\bnot\b|n't\b|\bun|\bcannot\b|\bnever\b|\bno\b|\bonly\b)"


def _refused(what: str) -> str:
    """Return the expression of something that is said not to be taken."""
    return rf"\b({what})\b.{{0,80}}{_NOT}|{_NOT}.{{0,60}}\b({what})\b"


WAYS: dict[str, str] = {
    "stream_options": r"stream_options|include_usage",
    "parallel": r"single tool[- ]?calls?|one tool call|"
    + _refused(r"(multiple|parallel)[ _](tool|function)[ _]?calls?"),
    "tool_choice": r"tool_choice",
    "stream": _refused(r"stream(ing)?") + r"|verified to stream|'stream'",
    "short_ids": r"tool[_ ]?(call|use)[\w .\[\]]{0,30}\bid\b.{0,200}(length|pattern|a-z|charact|alphanum)|toolUseId",
    "alternate": r"must alternate|unexpected role|after role|consecutive|expected last role|roles? must",
    "system": _refused(r"system['\"]? (role|message|prompt|instruction)s?|role\W+system") + r"|developer instruction"
    rf"|{_NOT}.{{0,40}}['\"]system['\"]",
    "signature": r"thought_?signature",
    "reasoning": r"missing.{0,20}reasoning_content|reasoning_content.{0,60}(must|required|missing|pass)",
    "tool_name": r"function_response\.name|\bname\b.{0,60}(be empty|required)|tool message.{0,60}\bname\b",
    "images": _refused(r"image(_url)?s?|vision|multimodal") + r"|`image_url`",
    "schema": r"additionalProperties|\$(schema|ref|defs)\b|anyOf|oneOf|function_declarations|exclusiveM"
    r"|invalid.{0,20}schema",
    "content": r"\bcontent\b.{0,80}(required|missing|null|none|be a string|valid string)"
    r"|(missing|requires?).{0,30}\bcontent\b",
    "max_tokens": r"max_tokens|max_output_tokens",
    COMPLETION: COMPLETION,
}
_WAYS = {name: re.compile(words, re.I) for name, words in WAYS.items()}
_STRANGE = re.compile(
    r"(?i)extra_forbidden|extra inputs|additional propert|is unsupported|unknown|unrecogni[sz]ed|not permitted"
)


@dataclass
class Learnt:
    """What an endpoint has taught of one model.

    Attributes
    ----------
    ways : set of str
        Names of `WAYS`, ``extra`` for what it does not take back, and parameters of the request that it refused.
    """

    ways: set[str] = field(default_factory=set)

    def adapt(self, said: str, using: frozenset[str], sent: Iterable[str], opaque: Iterable[str]) -> bool:
        """Take another way where an error names the one that was gone; return whether there is one.

        Parameters
        ----------
        said : str
            What the endpoint said.
        using : frozenset of str
            The ways of the request.
        sent : iterable of str
            Parameters that were added to it.
        opaque : iterable of str
            Fields that it got back.
        """
        opaque = list(opaque)
        found = [n for n in sent if n not in self.ways and re.search(rf"\b{re.escape(n)}\b", said)]
        if opaque and "extra" not in self.ways and (any(o in said for o in opaque) or _STRANGE.search(said)):
            found = found or ["extra"]
        # `max_tokens` may be named as what to use in place of the other
        known = (n for n, words in _WAYS.items() if n not in using and words.search(said))
        found = found or [n for n in known if n != "max_tokens" or f"use '{n}'" not in said.lower()][:1]
        self.ways.update(found)
        return bool(found)


_LEARNT: dict[str, Learnt] = {}


def learnt(by: str) -> Learnt:
    """Return what an endpoint has taught of a model: ``URL#MODEL``."""
    return _LEARNT.setdefault(by, Learnt())
