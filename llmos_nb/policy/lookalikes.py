"""Characters that a person cannot see, or takes for others, in what a call is handed: they are named."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from llmos_nb.policy.commitments.tokens import hidden

_WORD = re.compile(r"[^\s,;<>()\[\]{}\"'`=|]+")
_JOINED = "\u200c\u200d\ufe0e\ufe0f"  # they belong to scripts and to emoji, where they stand between such
# letters of other scripts that look like Latin ones, small and capital, with these
_LIKE = dict(
    zip(
        "аеорсухіѕјԁһԛԝӏґвнкмтАВЕКМНОРСТУХІЅЈԌԜαογνικρτυχωΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
        "aeopcyxisjdhqwlrBHkMTABEKMHOPCTYXISJGWaoyvikptuxwABEZHIKMNOPTYX",
        strict=True,
    )
)
MOST = 5


def lookalikes(arguments: Mapping[str, Any]) -> list[str]:
    """Say which words of a call hold such characters, one sentence each, at most `MOST`.

    Parameters
    ----------
    arguments : mapping
        Plain data.
    """
    found: dict[str, None] = {}
    for name, text in _texts(arguments, ""):
        if text.isascii():
            continue
        for word in _WORD.findall(text):
            if not word.isascii() and (why := _why(word)):
                found[f"`{name}` holds {ascii(word)[:80]}, in which {why}"] = None
                if len(found) == MOST:
                    return list(found)
    return list(found)


def _texts(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from _texts(str(key), name or str(key)[:40])
            yield from _texts(one, name or str(key)[:40])
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one, name)


def _why(word: str) -> str:
    """Say what is odd in a word; nothing where it is written in one script that is read as such."""
    hidden = [c for i, c in enumerate(word) if unicodedata.category(c) == "Cf" and not _joins(word, i)]
    if hidden:
        return f"{_named(hidden[0])} cannot be seen"
    styled = [c for c in word if unicodedata.category(c) in ("Lu", "Ll") and _is_styled(c)]
    if styled:
        return f"{_named(styled[0])} looks like another letter"
    letters = [c for c in word if c.isalpha()]
    foreign = [c for c in letters if c in _LIKE]
    others = [c for c in letters if c not in _LIKE and not c.isascii() and _script(c) in ("CYRILLIC", "GREEK")]
    mixed = any(_script(c) == "LATIN" for c in letters)
    addressed = not others and any(c in word.strip(".:/") for c in "@.:/")
    return f"{_named(foreign[0])} looks like another letter" if foreign and (mixed or addressed) else ""


def odd(text: str) -> list[tuple[str, str, str]]:
    """Return a text in pieces, so that a person sees which characters are not what they seem.

    Returns
    -------
    list of (str, str, str)
        A piece of plain characters with two empty texts; or one character, its name ``U+043E``, and what is odd in
        it: ``invisible``, ``looks like o``, or the script that it is of.
    """
    found: list[tuple[str, str, str]] = []
    for c in text:
        if not (why := _oddity(c)):
            before = found.pop()[0] if found and not found[-1][1] else ""
            found.append((before + c, "", ""))
        else:
            found.append((c, f"U+{ord(c):04X}", why))
    return found


def _oddity(c: str) -> str:
    if c.isascii():
        return "" if c.isprintable() else "invisible"
    if unicodedata.category(c) == "Cf" or hidden(c):
        return "invisible"
    if unicodedata.category(c).startswith("M"):
        return "a mark on the letter before"
    if c in _LIKE:
        return f"looks like {_LIKE[c]}"
    if c.isalnum() and (meant := unicodedata.normalize("NFKC", c)) != c and meant.isascii():
        return f"looks like {meant}"
    script = _script(c)
    return script.lower() if c.isalpha() and script != "LATIN" else ""


def skeleton(text: str) -> str:
    """Return a text as it looks: without what cannot be seen, each letter as the Latin one that it looks like."""
    shown = "".join(c for c, _, why in odd(text) for c in ("" if why == "invisible" else c))
    return unicodedata.normalize("NFKC", "".join(_LIKE.get(c, c) for c in shown)).casefold()


def _joins(word: str, at: int) -> bool:
    return word[at] in _JOINED and at > 0 and not word[at - 1].isascii()


def _is_styled(letter: str) -> bool:
    meant = unicodedata.normalize("NFKC", letter)
    return meant != letter and meant.isascii()


def _script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]


def _named(character: str) -> str:
    return f"U+{ord(character):04X} ({unicodedata.name(character, 'no name').lower()})"
