"""Secrets: values that processes may use and that nothing may show.

A secret is known by its handle, ``<secret NAME>``. The vault of this interpreter knows the values; whatever is written
(a journal, a prompt, an exported notebook, an error) is scanned for them first, and the handle stands in their place.
Where nothing is known, a scan costs next to nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any, NoReturn

from llmos_nb.errors import UsageError
from llmos_nb.messages import Message, Request, canonical, compact
from llmos_nb.policy.secrets import shapes
from llmos_nb.policy.secrets.cuts import CUT_BYTES, CUTS, LEAST, WIDE, mended, near_cuts, places
from llmos_nb.policy.secrets.disguises import (
    ESCAPES,
    GRAMS,
    JSON_ESCAPES,
    NONE,
    REST,
    SMALL,
    Disguises,
    bare_json,
    spellings,
)
from llmos_nb.policy.secrets.shapes import SHORTEST, SIGNS, found_in

_LETTERS = "_-xAJ/"  # each sign has one of these, and a letter is found many times faster than a word
_BY_LETTER = tuple((i, tuple(s for s in SIGNS if next(filter(s.__contains__, _LETTERS)) == i)) for i in _LETTERS)
_BY_BYTE = tuple((i.encode(), tuple(map(str.encode, signs))) for i, signs in _BY_LETTER)


def signed(text: str | bytes) -> bool:
    """Return whether anything in a text begins as a key does."""
    table: Any = _BY_BYTE if isinstance(text, bytes) else _BY_LETTER
    maybe = [signs for letter, signs in table if letter in text]
    return any(map(text.__contains__, chain.from_iterable(maybe)))


_HANDLE = re.compile(r"<secret ([\w.-]+)>")
_OWN_WORDS = frozenset((
    "budget.reserved", "budget.settled", "call.started", "names.changed", "context.paged", "label.changed",
    "call.undone", "call.redone", "run.resumed",
))  # fmt: skip


class SecretStr:
    """A secret text whose every printed form is its handle; `reveal` returns the text.

    Parameters
    ----------
    name : str
        Its name, as in ``<secret NAME>``.
    value : str
        The text; at least four characters.
    """

    __slots__ = ("_value", "name")

    def __init__(self, name: str, value: str) -> None:
        vault.add(name, value)
        self.name, self._value = name, value

    def reveal(self) -> str:
        """Return the text itself, for the call that needs it."""
        return self._value

    def __repr__(self) -> str:
        return handle(self.name)

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretStr) and other._value == self._value

    def __hash__(self) -> int:
        return hash((SecretStr, self.name))

    def __reduce__(self) -> NoReturn:
        raise UsageError(f"{self!r} cannot be pickled: hand its name over and look it up there")


def _encoded(text: str) -> bytes:
    return canonical(text)[1:-1].encode()


def handle(name: str) -> str:
    """Return what stands for a secret in every text."""
    return f"<secret {name}>"


class Vault:
    """The secrets that are known to this interpreter, and the scan for them."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}
        self._ever: dict[str, None] = {}  # with what stood under a name before
        self._needles: list[tuple[str, str]] = []
        self._handles: list[tuple[str, str]] = []
        self._ends: list[bytes] = []
        self._marks: list[bytes] = []
        self._disguises = NONE
        self._version = object()  # another one whenever something new is known

    @property
    def names(self) -> list[str]:
        """The names of what is known."""
        return sorted(self._values)

    def values(self) -> list[str]:
        """Return what is known; nothing of it may be in a file."""
        return [*self._ever]

    def add(self, name: str, value: str) -> None:
        """Register a secret.

        Raises
        ------
        UsageError
            The name is no name, or the value too short to be told from other text.
        """
        if not re.fullmatch(r"[\w.-]+", name):
            raise UsageError(f"secret {name!r}: a name has letters, digits, _, . and -")
        if len(value) < SHORTEST:
            short = f"a value of less than {SHORTEST} characters"
            raise UsageError(f"secret {name}: {short} cannot be told from other text")
        self.take({name: value})

    def take(self, values: Mapping[str, str]) -> None:
        """Look for more values, and for what they may be spelled as."""
        fresh = {n: v for n, v in values.items() if self._values.get(n) != v}
        if not fresh:
            return
        self._values |= fresh
        self._ever |= dict.fromkeys(fresh.values())
        found = {text: n for n, v in fresh.items() for text in shapes.forms(v) if len(text) >= SHORTEST}
        self._needles = sorted({**dict(self._needles), **found}.items(), key=lambda item: -len(item[0]))
        self._version = object()
        self._handles = [(needle, handle(known)) for needle, known in self._needles]
        cut = (n for n, _ in self._needles if len(n) > LEAST)
        self._ends = list(dict.fromkeys(_encoded(end) for n in cut for end in (n[:LEAST], n[-LEAST:])))
        spelled = [s for n, v in fresh.items() for s in spellings(v, handle(n))]
        self._disguises = Disguises([*self._disguises.spelled, *spelled])
        marks = dict.fromkeys(_encoded(n) for n, _ in self._needles)
        # most have a piece by which they are found; a first letter may be taken for the end of what is escaped there
        self._marks = [m for m in marks if not self._disguises.holds(bare_json(m[1:]))]

    def learn(self, environ: Mapping[str, str] | None = None) -> None:
        """Take in the environment: what stands under a name that says so, and what is as no word, name or path is."""
        found = {}
        for name, value in (os.environ if environ is None else environ).items():
            if shapes.named_secret(name) and shapes.worth_hiding(name, value):
                found[name] = value
            elif self._values.get(name) != value:
                found |= {f"{name}.{n}" if n else name: one for n, one in enumerate(shapes.random_texts(value))}
        self.take(found)

    def look(self, namespace: Mapping[str, Any], whole: Iterable[str] = (), but: str = "") -> None:
        """Take in what names say is secret, and all texts of some variables that another text does not hold."""
        self._take_found(((n, v) for n, v in found_in(namespace, frozenset(whole)) if v not in but), ())

    def read(self, text: str, but: str = "") -> None:
        """Take in what a text spells under names that say that it is secret, and that another one does not hold."""
        self._take_found(((n, v) for n, v in shapes.found_in_text(text) if v not in but), self._values)

    def written(self, text: str) -> str:
        """Take in what a text spells, and return it as it may be written."""
        self.read(text)
        return self.redact(text)

    def hold(self, name: str, value: str) -> None:
        """Take in a key that was handed over, beside what stands under its name by now."""
        if len(value) >= shapes.GUESSED:
            self._take_found([(name, value)], self._values)

    def _take_found(self, found: Iterable[tuple[str, str]], taken: Container[str]) -> None:
        """Take in what was found, each under a name of its own."""
        fresh: dict[str, str] = {}
        for name, value in found:
            if value not in self._ever and value not in fresh.values():
                again = name in fresh or name in taken
                fresh[f"{name}.{len(self._ever) + len(fresh)}" if again else name] = value
        self.take(fresh)

    def clear(self) -> None:
        """Forget everything that is known."""
        self.__init__()  # type: ignore[misc]  # a vault is empty exactly as it was made

    # scanning

    def dirty(self, encoded: bytes) -> bool:
        """Return whether JSON text may hold a secret; the fast path of every event."""
        if self._holds(encoded):
            return True
        cut = self._ends and any(map(encoded.__contains__, CUT_BYTES))
        near = near_cuts(encoded, CUT_BYTES, WIDE) if cut else b""
        if near and any(e in near for e in self._ends):
            return True
        return signed(encoded)

    def _holds(self, encoded: bytes) -> bool:
        """Return whether JSON text holds a known value, or a piece of a key, however it is spelled."""
        if any(map(encoded.__contains__, self._marks)):
            return True
        return self._may_spell(encoded, JSON_ESCAPES) and self._disguises.holds(bare_json(encoded))

    def _may_spell(self, raw: bytes, escapes: re.Pattern[bytes]) -> bool:
        """Return whether a text has letters together that a piece of a key has; this is done for every event."""
        if not (known := self._disguises.by_gram.keys()):
            return False
        letters = memoryview((escapes.sub(b"", raw) if b"\\" in raw else raw).translate(SMALL, REST))
        return not all(known.isdisjoint(letters[: len(letters) // size * size].cast(kind)) for size, kind in GRAMS)

    def safe(self, k: str, d: dict[str, Any], encoded: bytes) -> dict[str, Any]:
        """Return the data of an event without secrets; kinds that hold only our own words are not searched."""
        if k in _OWN_WORDS or (k == "step.integrated" and "detail" not in d) or not self.dirty(encoded):
            return d
        clean: dict[str, Any] = self.plain(d)
        return d if clean == d else clean

    def redact(self, text: str) -> str:
        """Put handles in the place of every known value, and of what has the shape of a key."""
        text = self.known(text)
        if self._may_spell(text.encode("ascii", "ignore"), ESCAPES):
            text = self._disguises.taken_out(text)
        if signed(text):
            text = shapes.shapes_out(text, handle("found-in-text"))
        return mended(text, self._handles) if self._handles and any(c in text for c in CUTS) else text

    def known(self, text: str) -> str:
        """Put handles in the place of every known value alone."""
        for needle, said in self._handles:
            if needle in text:
                text = text.replace(needle, said)
        return text

    def unfinished(self, text: str) -> int:
        """Count the last characters of a text that may be the beginning of a known value."""
        longest = self._disguises.begun(text) if self._disguises.spelled else 0
        for needle, _ in self._handles:
            tail = text[1 - len(needle) :]
            for at in places(tail, needle[0]):
                if needle.startswith(tail[at:]):
                    longest = max(longest, len(tail) - at)
                    break
        return longest

    def plain(self, value: Any) -> Any:
        """Do the same for all texts of plain data, keys too."""
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, dict):
            return {self.redact(k) if isinstance(k, str) else k: self.plain(v) for k, v in value.items()}
        return self._listed([*value]) if isinstance(value, list | tuple) else value

    def _listed(self, values: list[Any]) -> list[Any]:
        """Do the same for a list; one of letters or numbers may spell a key."""
        made = [self.plain(v) for v in values]
        if self._disguises.spelled and len(made) > 1 and all(type(v) in (str, int) for v in made):
            said = self.redact(flat := canonical(made))
            return made if said == flat else [said]
        return made

    def request(self, request: Request) -> Request:
        """Scan a prompt on its way out; what a secret was learnt of later may still hold it."""
        if not self._handles:
            return request
        messages = tuple(map(self._scanned, request.messages))
        if self._holds(request.tools_encoded):
            tools = tuple(self.plain(list(request.tools)))
            request = replace(request, tools=tools, tools_encoded=compact(list(tools)))
        return replace(request, messages=messages)

    def _scanned(self, m: Message) -> Message:
        """Scan a message once for all that is known; like its bytes, that is noted on the message."""
        if vars(m).get("_scanned") is not self._version:
            if self._holds(m.encoded):
                calls = tuple(replace(c, arguments=self.plain(c.arguments)) for c in m.calls)
                parts = tuple(replace(p, text=self.redact(p.text)) for p in m.parts)
                m = replace(m, text=self.redact(m.text), calls=calls, parts=parts, extra=None)
            vars(m)["_scanned"] = self._version
        return m

    # use

    def used(self, value: Any) -> list[str]:
        """Name the secrets that some arguments hold: by their handles, as they are, or in disguise."""
        return sorted({n for n in _HANDLE.findall(canonical(self.plain(value))) if n in self._values})

    def resolve(self, value: Any) -> Any:
        """Put the values in the place of their handles: at the edge of a device, nowhere else."""
        if isinstance(value, str):
            return _HANDLE.sub(lambda m: self._values.get(m[1], m[0]), value)
        if isinstance(value, dict):
            return {k: self.resolve(v) for k, v in value.items()}
        return [self.resolve(v) for v in value] if isinstance(value, list) else value


vault = Vault()
redact = vault.redact

HELD = 16_384
_WORD, _PART = re.compile(r"\S*"), re.compile(r"[\w-]*")
_KEY, _END = "-----BEGIN ", re.compile(r"-----END [A-Z ]*PRIVATE KEY-----")
_BEGINNINGS = sorted({sign[:n] for sign in (*SIGNS, _KEY) for n in range(1, len(sign))}, key=len, reverse=True)


class Stream:
    """Shows pieces without secrets; call `end` after the last one.

    Parameters
    ----------
    show : callable
        Takes what can be shown.
    code : callable, optional
        The same of code, of which pieces come by themselves.
    """

    def __init__(self, show: Callable[[str], object], code: Callable[[str], object] | None = None) -> None:
        self._show, self._held, self._over = show, "", False
        self.code = None if code is None else Stream(code)

    def __call__(self, piece: str) -> None:
        """Take a piece, and show what is safe by now."""
        text = vault.known(self._held + piece)
        ready = len(text) if self._over else _ready(text)
        if len(text) - ready > HELD:
            ready = len(text)
        self._held = text[ready:]
        if ready:
            self._show(vault.redact(text[:ready]))

    def end(self) -> None:
        """Show the rest."""
        self._over = True
        if self._held:
            self("")
        if self.code is not None:
            self.code.end()


def _ready(text: str) -> int:
    """Return how much of a text holds no beginning of a secret at its end."""
    cut = len(text) - vault.unfinished(text)
    key, ends = text.rfind(_KEY), [m.end() for m in _END.finditer(text)]
    if key >= 0 and not _END.search(text, key):
        cut = min(cut, key)
    # what a word begins with says whether a key may stand in it
    if begun := next((b for b in _BEGINNINGS if text[:cut].endswith(b)), ""):
        head = text[: cut - len(begun)]
        cut = len(head) - _at_end(_PART, head)
    word = text[cut - _at_end(_WORD, text[:cut]) : cut]
    if signed(word):  # what is held may go on with it
        cut -= len(word)
    return max(cut, *ends, 0)


def _at_end(run: re.Pattern[str], text: str) -> int:
    """Return the length of the run at the end of a text; a search for it would begin at every character of another."""
    found = run.match(text[::-1])
    return found.end() if found is not None else 0
