"""What is known of models by name: what they cost, and how much they take.

Prices are $ a million tokens (prompt, answer). List prices change: a user's own table goes first, and a price that is
not known is refused under a budget in $, never guessed. The context, prompt and answer together, follows from the
family of a name, by figures that were noted and not looked up for each model; a name that is not listed gets a cautious
one, a prompt that does not fit all the same is shortened and sent again, and ``--context`` says it better.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from llmos_nb.errors import UsageError
from llmos_nb.messages import Usage
from llmos_nb.models.base import Traits

Price = tuple[float, float]

TABLE: dict[str, Price] = {
    "gpt-5": (1.25, 10.0),
    "gpt-5-mini": (0.25, 2.0),
    "gpt-5-nano": (0.05, 0.4),
    "gpt-4.1": (2.0, 8.0),
    "gpt-4.1-mini": (0.4, 1.6),
    "gpt-4.1-nano": (0.1, 0.4),
    "gpt-4o": (2.5, 10.0),
    "gpt-4o-mini": (0.15, 0.6),
    "o3": (2.0, 8.0),
    "o4-mini": (1.1, 4.4),
    "claude-opus-4-1": (15.0, 75.0),
    "claude-sonnet-4": (3.0, 15.0),
    "claude-sonnet-4-5": (3.0, 15.0),
    "claude-haiku-4-5": (1.0, 5.0),
    "gemini-2.5-pro": (1.25, 10.0),
    "gemini-2.5-flash": (0.3, 2.5),
}

_FREE = ("local", "ollama", "vllm", "lmstudio", "llamacpp", "script", "replay")
_LISTED = re.compile(r"^(openai|openai-responses|anthropic|gemini)/")
_DATED = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{8})$")


def price(name: str, own: Mapping[str, Price] | None = None) -> Price | None:
    """Return the price of a model.

    Parameters
    ----------
    name : str
        As it is recorded: ``openai/gpt-5-mini``, ``local``, ``http://host/v1#name``.
    own : dict, optional
        The user's prices by full or bare name; they go first.

    Returns
    -------
    tuple of float, optional
        $ a million prompt tokens and $ a million answer tokens; None where it is not known.
    """
    bare = _LISTED.sub("", name)
    if found := (own or {}).get(name) or (own or {}).get(bare):
        return found
    if re.split(r"[/:]", name)[0] in _FREE:
        # Ollama runs some models in its cloud, at prices of its own.
        return None if name.startswith("ollama/") and name.endswith("cloud") else (0.0, 0.0)
    if bare == name and name not in TABLE:
        return None
    return TABLE.get(bare) or TABLE.get(_DATED.sub("", bare))


def specs() -> list[str]:
    """Return how listed models are named, and how the others begin: ``openai/gpt-5``, ``ollama/``."""
    makers = {"claude": "anthropic", "gemini": "gemini"}
    listed = [f"{makers.get(name.partition('-')[0], 'openai')}/{name}" for name in TABLE]
    return [*listed, "local", "local/0.5b", "local/1.5b", "local/7b", "ollama/", "script:", "replay:"]


def cost(price: Price, usage: Usage) -> float:
    """Return what an answer costs in $, from prices a million tokens (prompt, completion)."""
    return (usage.prompt * price[0] + usage.completion * price[1]) / 1e6


UNKNOWN, SERVED = 32_000, 8_192  # of a name that is not listed; of Ollama, which cuts prompts silently
LEAST = 4_000
LEAST_SHOWN, MOST_SHOWN = 4_096, 24_576
SHARE, BYTES_PER_TOKEN = 0.6, 3  # of the context, for the window; a cautious figure for code and numbers
K, M = 1_000, 1_000_000

FAMILIES: tuple[tuple[str, int], ...] = (
    (r"gpt-5", 272 * K),
    (r"gpt-4\.1", M),
    (r"gpt-4o|gpt-4-turbo|gpt-oss", 128 * K),
    (r"gpt-4", 8 * K),
    (r"gpt-3\.5", 16 * K),
    (r"o[134](-|$)", 200 * K),
    (r"claude", 200 * K),
    (r"gemini", M),
    (r"gemma-?3", 128 * K),
    (r"gemma", 8 * K),
    (r"qwen3-coder|qwen3-max|qwen-plus", 256 * K),
    (r"qwen3", 128 * K),
    (r"qwen|qwq", 32 * K),
    (r"mistral|mixtral|magistral|devstral|codestral|ministral", 128 * K),
    (r"deepseek", 128 * K),
    (r"llama-?(3\.[123]|4)", 128 * K),
    (r"llama", 8 * K),
    (r"kimi|grok|glm-?4\.[56]", 128 * K),
    (r"phi-?4", 16 * K),
)


def context_tokens(name: str) -> int:
    """Return how many tokens a model takes, prompt and answer together.

    Parameters
    ----------
    name : str
        As its endpoint knows it: ``gpt-5-mini``, ``meta-llama/Llama-3.3-70B-Instruct``.
    """
    bare = name.lower().rpartition("/")[2]
    return next((tokens for family, tokens in FAMILIES if re.match(family, bare)), UNKNOWN)


_SEEING = re.compile(
    r"gpt-5|gpt-4\.1|gpt-4o|gpt-4-turbo|o[134](-|$)|claude|gemini|gemma-?3|pixtral|mistral-(small|medium)|llama-?4"
    r"|llama-?3\.2.*vision|.*(-vl\b|vision|llava|-omni)"
)


def takes_images(name: str) -> bool:
    """Return whether a model takes images, by the family of its name; `images` in the settings says it better."""
    bare = name.lower().rpartition("/")[2]
    return bool(_SEEING.match(bare)) and not bare.startswith(("o1-mini", "o3-mini"))


_THINKS = re.compile(
    r"o[134](-|$)|gpt-5(?!.*chat)|gpt-oss|.*(think|reason)|deepseek-?r1|deepseek-v3\.[12]|qwq|qwen-?3(?!.*(instruct|coder))"
    r"|magistral|gemini-(2\.5|3|[4-9]|\w*-latest)|claude-(3-7|[a-z]+-[4-9]|[4-9])|grok-(3-mini|[4-9])|kimi-k2|glm-?(4\.[5-9]|5|z1)"
    r"|minimax-m|seed-oss|phi-4-r|nemotron"
)


def thinks(name: str) -> bool:
    """Return whether a model, by the family of its name, may think for minutes before its first word."""
    return _THINKS.match(name.lower().rpartition("/")[2]) is not None


def window_bytes(traits: Traits, context: int = 0) -> int:
    """Return how many bytes of work stay in the prompt before the oldest leave it.

    Parameters
    ----------
    traits : Traits
        Of the model; one that says how large its window is keeps that.
    context : int
        Tokens of context as the user gave them; 0 for those of the model.

    Returns
    -------
    int
        60 % of the context, in bytes.
    """
    return traits.window_bytes or int((context or traits.context_tokens) * SHARE) * BYTES_PER_TOKEN


def shown_bytes(window: int) -> int:
    """Return how many bytes of one result a model is shown, by those of its window: 4 KB to 24 KB."""
    return min(MOST_SHOWN, max(LEAST_SHOWN, window // 8))


def parse_context(text: str) -> int:
    """Read ``60k``, ``1m`` or ``128000`` as tokens; an empty text is 0, for the model's own.

    Raises
    ------
    UsageError
        It is no number of tokens, or too small to work in.
    """
    if not text:
        return 0
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([km]?)\s*(?:tokens?)?\s*", text.lower())
    tokens = int(float(found[1]) * {"k": K, "m": M}.get(found[2], 1)) if found else 0
    if tokens < LEAST:
        raise UsageError(f"context {text!r}: write tokens, at least {LEAST:,}, as in '60k'")
    return tokens
