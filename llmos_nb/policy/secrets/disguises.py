"""How code may spell a key to get it past a look at the text: reversed, in pieces, in other letters, as numbers.

A text is compared by its letters and digits alone, all small: what stands between them, case, and the escapes of JSON
and of Python make no difference. Any eleven of a key are enough, where they are as no word is.
"""

from __future__ import annotations

import base64
import codecs
import re
import string
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from operator import eq
from typing import Literal, NamedTuple

from llmos_nb.messages import clean
from llmos_nb.policy.secrets.shapes import KEY, in_base64, turns

PIECE, STEP, MOST = 8, 4, 32
BEGUN = 4  # letters that may begin a key: fewer stand at many an end, and where nothing follows they would never come
PART = 10  # characters of a part in another alphabet
_TURNS = 3  # of a piece
GRAMS: tuple[tuple[int, Literal["Q", "I"]], ...] = ((8, "Q"), (4, "I"))  # letters that are read at once, as one number
_KEPT = (string.ascii_letters + string.digits).encode()
REST = bytes(b for b in range(256) if b not in _KEPT)
SMALL = bytes.maketrans(string.ascii_uppercase.encode(), string.ascii_lowercase.encode())
ESCAPES = re.compile(rb"\\+[nrtbf\"']?")
JSON_ESCAPES = re.compile(rb"\\\\+[nrtbf\"']?|\\(?:u[0-9a-f]{4}|.)")  # of JSON, and of a text in it
_LETTERS = re.compile(r"\\+[nrtbf\"']?|([0-9A-Za-z])")


class Spelling(NamedTuple):
    """One way to spell a key.

    Parameters
    ----------
    handle : str
        What stands for the key.
    whole : bytes
        All its letters and digits.
    pieces : tuple of bytes
        Parts of it by which it is found.
    """

    handle: str
    whole: bytes
    pieces: tuple[bytes, ...]


def bare(text: str) -> bytes:
    """Return the letters and digits of a text, all small."""
    raw = text.encode("ascii", "ignore")
    return _bare(ESCAPES.sub(b"", raw) if b"\\" in raw else raw)


def bare_json(encoded: bytes) -> bytes:
    """Return the same of the text that JSON holds."""
    return _bare(JSON_ESCAPES.sub(b"", encoded) if b"\\" in encoded else encoded)


def _bare(raw: bytes) -> bytes:
    return raw.translate(SMALL, REST)


def spellings(value: str, handle: str) -> Iterator[Spelling]:
    """Return how a key may be spelled; nothing of what may be a word or a name."""
    plain = bare(value)
    if len(plain) < KEY or not any(map(str.isdigit, value)) or not any(map(str.isalpha, value)):
        return
    letters = re.sub(r"[^0-9A-Za-z]", "", value)
    for way in (letters, letters[::-1]):
        yield Spelling(handle, _bare(way.encode()), tuple(_telling(way)) or (_bare(way.encode()),))
    part = max(PART, len(value) // 3)
    for first, last, all_ in zip(*map(_spelled, (value[:part], value[-part:], value)), strict=True):
        whole, parts = bare(all_), [p for p in map(bare, (first, last)) if len(p) >= KEY]
        yield Spelling(handle, whole, tuple(p for p in parts if p in whole) or (whole,))
        yield from (Spelling(handle, p, (p,)) for p in parts if p not in whole)
    yield from (Spelling(handle, p, (p,)) for p in map(bare, _spelled(value[::-1])))


def _telling(letters: str) -> Iterator[bytes]:
    """Return pieces of a key that stand in no other text: letters, digits, small and capital turn in them."""
    last = max(len(letters) - PIECE, 0)
    step = max(STEP, last // MOST + 1)
    for at in (*range(0, last, step), last):
        if turns(piece := letters[at : at + PIECE]) >= _TURNS:
            yield _bare(piece.encode())


def _spelled(value: str) -> Iterator[str]:
    """Return a text in other alphabets: numbers of its characters in several bases, base64 and 32, letters moved on."""
    raw = clean(value).encode()
    for form in ("{:d}", "{:o}", "{:02x}", "x{:02x}", "0x{:x}", "u{:04x}", "{:08b}", "0b{:b}", "0o{:o}"):
        yield "".join(map(form.format, raw))
    yield from in_base64(raw)
    yield (base64.b32encode(raw).decode().rstrip("=")[: len(raw) * 8 // 5])  # the last one depends on what follows
    yield codecs.encode(value, "rot13")


class Disguises:
    """The ways to spell some keys, and the search for them.

    A text is read once, four letters at a time, and eight: wherever a piece stands, some of its first letters are read
    together, and only where these are some piece's is that looked for.

    Parameters
    ----------
    spelled : sequence of Spelling
        The ways.
    """

    def __init__(self, spelled: Sequence[Spelling] = ()) -> None:
        self.spelled = spelled
        self._wholes = b" ".join(s.whole for s in spelled)
        self.by_gram: dict[int, list[bytes]] = {}
        for piece in dict.fromkeys(p for s in spelled for p in s.pieces):
            size = next(size for size, _ in GRAMS if len(piece) >= 2 * size - 1)
            for at in range(size):
                gram = int.from_bytes(piece[at : at + size], sys.byteorder)
                self.by_gram.setdefault(gram, []).append(piece)

    def holds(self, letters: bytes) -> bool:
        """Return whether there is a piece of a key among the letters of a text."""
        read = (memoryview(letters)[: len(letters) // size * size].cast(kind) for size, kind in GRAMS)
        near = (gram for grams in read for gram in self.by_gram.keys() & grams)
        return any(piece in letters for gram in near for piece in self.by_gram[gram])

    def taken_out(self, text: str) -> str:
        """Put handles in the place of what a text has of known keys, however it spells them."""
        if not self.holds(bare(text)):
            return text
        at, letters = _places(text)
        spans = sorted((*span, s.handle) for s in self.spelled for span in _spans(letters, s))
        parts, end = [], 0
        for first, last, handle in spans:
            if at[first] >= end:
                parts += [text[end : at[first]], handle]
            end = max(end, at[last] + 1)
        return "".join((*parts, text[end:]))

    def begun(self, text: str) -> int:
        """Count the last characters of a text that may be a part of a key, which what follows may go on with."""
        most, (at, letters) = 0, _places(text)
        while most < len(letters) and letters[-most - 1 :] in self._wholes:
            most += 1
        return len(text) - at[-most] if most >= BEGUN else 0


def _places(text: str) -> tuple[list[int], bytes]:
    """Return where the letters and digits of a text stand, and which they are."""
    at = [m.start(1) for m in _LETTERS.finditer(text) if m[1]]
    return at, "".join(map(text.__getitem__, at)).lower().encode()


def _spans(letters: bytes, spelling: Spelling) -> Iterator[tuple[int, int]]:
    """Return the first and the last letter of each part of a text that spells a part of a key."""
    for piece in spelling.pieces:
        inside, begin = spelling.whole.find(piece), letters.find(piece)
        while begin >= 0:
            end = begin + len(piece)
            before = _same(reversed(letters[:begin]), reversed(spelling.whole[:inside]))
            after = _same(letters[end:], spelling.whole[inside + len(piece) :])
            yield begin - before, end + after - 1
            begin = letters.find(piece, end + after)


def _same(one: Iterable[int], two: Iterable[int]) -> int:
    """Count what two begin with together."""
    return sum(1 for _ in takewhile(bool, map(eq, one, two)))


NONE = Disguises()
