"""What models cost, in $ a million tokens (prompt, answer); a model that is not listed has no known price.

List prices change: a user's own table goes first, and what is not known is refused under a budget in $, never
guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from llmos_nb.messages import Usage

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
}

_FREE = ("local", "ollama", "script", "replay")
_DATED = re.compile(r"-\d{4}-\d{2}-\d{2}$")


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
    bare = name.removeprefix("openai/")
    if found := (own or {}).get(name) or (own or {}).get(bare):
        return found
    if re.split(r"[/:]", name)[0] in _FREE:
        # Ollama runs some models in its cloud, at prices of its own.
        return None if name.startswith("ollama/") and name.endswith("cloud") else (0.0, 0.0)
    if not name.startswith("openai/") and name not in TABLE:
        return None
    return TABLE.get(bare) or TABLE.get(_DATED.sub("", bare))


def cost(price: Price, usage: Usage) -> float:
    """Return what an answer costs in $, from prices a million tokens (prompt, completion)."""
    return (usage.prompt * price[0] + usage.completion * price[1]) / 1e6
