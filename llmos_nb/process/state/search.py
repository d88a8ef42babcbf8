"""Finding texts by their words: an index that only grows, and excerpts with the exact words around a hit. Pure."""

from __future__ import annotations

import math
import re
from heapq import nlargest

_WORD = re.compile(r"\w+")
EXCERPT = 1_200
_PHRASE, _READ = 1e6, 256  # an exact hit goes before every other; so many of the best are read for one


def words_of(text: str) -> list[str]:
    """Return the different words of a text, in order, without regard to case."""
    return list(dict.fromkeys(_WORD.findall(text.casefold())))


class Index:
    """Texts and where their words stand; each text is read once, when it comes in."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._where: dict[str, list[int]] = {}

    def add(self, text: str) -> None:
        """Take the next text in."""
        for word in words_of(text):
            self._where.setdefault(word, []).append(len(self.texts))
        self.texts.append(text)

    def find(self, query: str) -> dict[int, float]:
        """Return the texts that share words with a query, with how well they fit; rare words count more.

        Parameters
        ----------
        query : str
            Words; a text that holds them exactly as they stand goes before all others. Where no whole word is
            found, texts that hold the query as a part of a word.

        Returns
        -------
        dict
            Position of the text to its score.
        """
        scores: dict[int, float] = {}
        for word in words_of(query):
            places = self._where.get(word, ())
            for place in places:
                scores[place] = scores.get(place, 0.0) + math.log(1 + len(self.texts) / len(places))
        exact = query.strip().casefold()
        if not scores and exact:
            return {i: _PHRASE for i, text in enumerate(self.texts) if exact in text.casefold()}
        for place in nlargest(_READ, scores, key=scores.__getitem__):
            scores[place] += _PHRASE if exact in self.texts[place].casefold() else 0.0
        return scores


def excerpt(text: str, query: str, size: int = EXCERPT) -> str:
    """Return a text, or where it is long the exact words around the best hit, with marks where something is left out.

    Parameters
    ----------
    text, query : str
        Where, and what was looked for.
    size : int
        Bound on the excerpt, in characters.
    """
    if len(text) <= size:
        return text
    low = text.casefold()
    low = low if len(low) == len(text) else text.lower() if len(text.lower()) == len(text) else text
    hits = [low.find(what) for what in (query.strip().casefold(), *sorted(words_of(query), key=len, reverse=True))]
    at = next((h for h in hits if h >= 0), 0)
    begin = max(min(at - size // 3, len(text) - size), 0)
    part = text[begin : begin + size]
    return ("…" if begin else "") + part + ("…" if begin + size < len(text) else "")
