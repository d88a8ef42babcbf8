"""Secrets: values that processes may use and that nothing may show.

A secret is known by its handle, ``<secret NAME>``. The vault of this interpreter knows the values; whatever is written
(a journal, a prompt, an exported notebook, an error) is scanned for them first, and the handle stands in their place.
Where nothing is known, a scan costs next to nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, takewhile
from operator import eq
from typing import Any, AnyStr, NoReturn

from llmos_nb.errors import UsageError
from llmos_nb.messages import Message, Request, canonical, compact
from llmos_nb.policy.secrets import shapes
from llmos_nb.policy.secrets.shapes import SIGNS

LEAST = 6  # fewer characters of a value say too little, and are found everywhere
_GAP = re.compile(r"\n?… [\d,]+ bytes left out …\n?")
CUTS, CUT_BYTES = ("…", "..."), (b"\\u2026", b"...")
WIDE = 2_048
_NUMERIC = "0123456789, \n"
Needles = Sequence[tuple[str, str]]


def near_cuts(text: AnyStr, cuts: Sequence[AnyStr], width: int) -> AnyStr:
    """Return what stands within `width` of where a text says that something was left out; mostly nothing."""
    parts, end = [], 0
    for at in sorted(i for cut in cuts for i in _places(text, cut)):
        begin = max(at - width, end)
        end = max(at + width, end)
        parts.append(text[begin:end])
    return text[:0].join(parts)


def _places(text: AnyStr, cut: AnyStr) -> Iterator[int]:
    at = text.find(cut)
    while at >= 0:
        yield at
        at = text.find(cut, at + 1)


def mended(text: str, needles: Needles) -> str:
    """Put the handle in the place of what an ellipsis has left of each value."""
    if not (near := near_cuts(text, CUTS, WIDE)):
        return text
    for needle, handle in needles:
        if not needle[:LEAST].strip(_NUMERIC):  # a list of numbers may begin like that
            continue
        if len(needle) > LEAST and needle[:LEAST] in near:
            text = _heads(text, needle, handle, CUTS)
        # the end after an ellipsis is a beginning before one in the mirror
        if len(needle) > LEAST and needle[-LEAST:] in near:
            text = _heads(text[::-1], needle[::-1], handle[::-1], tuple(c[::-1] for c in CUTS))[::-1]
    return _middle(text, needles) if " bytes left out …" in text else text


def _heads(text: str, needle: str, handle: str, cuts: tuple[str, ...]) -> str:
    """Take the beginning of a value before an ellipsis."""
    at = text.find(needle[:LEAST])
    while at >= 0:
        size = _same(text[at : at + len(needle)], needle)
        if text.startswith(cuts, at + size):
            text = text[:at] + handle + text[at + size :]
        at = text.find(needle[:LEAST], at + 1)
    return text


def _same(one: str, two: str) -> int:
    """Count the characters that two texts begin with together."""
    return sum(1 for _ in takewhile(bool, map(eq, one, two)))


def _middle(text: str, needles: Needles) -> str:
    """Take out what is left of a value that was cut where the middle of a long text was left out."""
    if (cut := _GAP.search(text)) is None:
        return text
    head, tail = text[: cut.start()], text[cut.end() :]
    for needle, handle in needles:
        for size in range(len(needle) - 1, LEAST - 2, -1):
            head = head[:-size] + handle if head.endswith(needle[:size]) else head
            tail = handle + tail[size:] if tail.startswith(needle[-size:]) else tail
    return head + cut[0] + tail


_LETTERS = "_-xAJ/"  # each sign has one of these, and a letter is found many times faster than a word
_BY_LETTER = tuple(
    (i, tuple(s for s in SIGNS if next(filter(s.__contains__, _LETTERS)) == i)) for i in _LETTERS
)
_BY_BYTE = tuple((i.encode(), tuple(map(str.encode, signs))) for i, signs in _BY_LETTER)


def signed(text: str | bytes) -> bool:
    """Return whether anything in a text begins as a key does."""
    table: Any = _BY_BYTE if isinstance(text, bytes) else _BY_LETTER
    maybe = [signs for letter, signs in table if letter in text]
    return any(map(text.__contains__, chain.from_iterable(maybe)))


SHORTEST = 4
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
        self._needles: list[tuple[str, str]] = []
        self._handles: list[tuple[str, str]] = []
        self._ends: list[bytes] = []
        self._marks: list[bytes] = []
        self._version = object()  # another one whenever something new is known

    @property
    def names(self) -> list[str]:
        """The names of what is known."""
        return sorted(self._values)

    def values(self) -> list[str]:
        """Return every text that must not be in a file: the values, and their usual encodings."""
        return [needle for needle, _ in self._needles]

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
        if self._values.get(name) != value:
            self._values[name] = value
            self.add_texts(dict.fromkeys(shapes.forms(value), name))

    def add_texts(self, names: Mapping[str, str]) -> None:
        """Look for these very texts, too; each has the name of the handle that stands for it."""
        found = {text: name for text, name in names.items() if len(text) >= SHORTEST}
        rest = {n: h for n, h in self._needles if n not in found}
        self._needles = sorted({**rest, **found}.items(), key=lambda item: -len(item[0]))
        self._version = object()
        self._handles = [(needle, handle(known)) for needle, known in self._needles]
        self._marks = list(dict.fromkeys(_encoded(n) for n, _ in self._needles))
        cut = (n for n, _ in self._needles if len(n) > LEAST)
        self._ends = list(dict.fromkeys(_encoded(end) for n in cut for end in (n[:LEAST], n[-LEAST:])))

    def learn(self, environ: Mapping[str, str] | None = None) -> None:
        """Register the environment's variables whose names say that they are secret."""
        for name, value in (os.environ if environ is None else environ).items():
            new = self._values.get(name) != value
            if new and shapes.named_secret(name) and shapes.worth_hiding(name, value):
                self.add(name, value)

    def look(self, namespace: Mapping[str, Any]) -> None:
        """Register what names say is secret: variables, keys of mappings, columns of tables, ``db_password``."""
        known = set(self._values.values())
        for name, value in shapes.found_in(namespace):
            if value not in known:
                self.add(name, value)
                known.add(value)

    def read(self, text: str, but: str = "") -> None:
        """Register what a text spells under names that say that it is secret, and that another one does not hold."""
        for name, value in shapes.found_in_text(text):
            if value not in but and value not in self._values.values():
                self.add(f"{name}.{len(self._values)}" if name in self._values else name, value)

    def clear(self) -> None:
        """Forget everything that is known."""
        self.__init__()  # type: ignore[misc]  # a vault is empty exactly as it was made

    # scanning

    def dirty(self, encoded: bytes) -> bool:
        """Return whether JSON text may hold a secret; the fast path of every event."""
        holds = encoded.__contains__  # no Python code runs for each mark: this is done for every event
        if any(map(holds, self._marks)):
            return True
        near = near_cuts(encoded, CUT_BYTES, WIDE) if self._ends and any(map(holds, CUT_BYTES)) else b""
        if near and any(e in near for e in self._ends):
            return True
        return signed(encoded)

    def safe(self, k: str, d: dict[str, Any], encoded: bytes) -> dict[str, Any]:
        """Return the data of an event without secrets; kinds that hold only our own words are not searched."""
        if k in _OWN_WORDS or (k == "step.integrated" and "detail" not in d) or not self.dirty(encoded):
            return d
        clean: dict[str, Any] = self.plain(d)
        return d if clean == d else clean

    def redact(self, text: str) -> str:
        """Put handles in the place of every known value, and of what has the shape of a key."""
        text = self.known(text)
        if signed(text):
            text = shapes.shapes_out(text, handle("found-in-text"))
        return mended(text, self._handles) if self._handles else text

    def known(self, text: str) -> str:
        """Put handles in the place of every known value alone."""
        for needle, said in self._handles:
            if needle in text:
                text = text.replace(needle, said)
        return text

    def unfinished(self, text: str) -> int:
        """Count the last characters of a text that may be the beginning of a known value."""
        longest = 0
        for needle, _ in self._handles:
            tail = text[1 - len(needle) :]
            for at in _places(tail, needle[0]):
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
        return [self.plain(v) for v in value] if isinstance(value, list | tuple) else value

    def request(self, request: Request) -> Request:
        """Scan a prompt on its way out; what a secret was learnt of later may still hold it."""
        if not self._marks:
            return request
        messages = tuple(map(self._scanned, request.messages))
        if any(k in request.tools_encoded for k in self._marks):
            tools = tuple(self.plain(list(request.tools)))
            request = replace(request, tools=tools, tools_encoded=compact(list(tools)))
        return replace(request, messages=messages)

    def _scanned(self, m: Message) -> Message:
        """Scan a message once for all that is known; like its bytes, that is noted on the message."""
        if vars(m).get("_scanned") is not self._version:
            if any(k in m.encoded for k in self._marks):
                calls = tuple(replace(c, arguments=self.plain(c.arguments)) for c in m.calls)
                parts = tuple(replace(p, text=self.redact(p.text)) for p in m.parts)
                m = replace(m, text=self.redact(m.text), calls=calls, parts=parts, extra=None)
            vars(m)["_scanned"] = self._version
        return m

    # use

    def used(self, value: Any) -> list[str]:
        """Name the secrets whose handles stand in some arguments."""
        return sorted({n for n in _HANDLE.findall(canonical(value)) if n in self._values})

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
