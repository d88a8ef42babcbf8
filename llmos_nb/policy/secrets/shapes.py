"""What secrets look like: names that say so, values worth hiding, the shapes of keys, the forms that a value takes."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any
from urllib.parse import quote, quote_plus

from llmos_nb.messages import canonical, clean

_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_WORDS = frozenset((
    "auth", "bearer", "cookie", "cookies", "creds", "dsn", "jwt", "key", "keys", "passphrase", "pat", "pin", "pw",
    "pwd",
))  # fmt: skip
_INSIDE = re.compile("passw(or)?d|secret|credential|apikey|accesskey|privatekey|authoriz|token")
_NOT = frozenset(("max", "min", "n", "num", "count", "total", "prompt", "completion"))  # counts of tokens
_TEXTS = re.compile(
    r"(?i)\b(?:sk|pk|rk|ghp|gho|ghs|glpat|xox[abprs]|hf|npm|pypi)[-_][A-Za-z0-9_-]{12,}"
    r"|\bAKIA[0-9A-Z]{12,}|\bAIza[0-9A-Za-z_-]{20,}|\beyJ[A-Za-z0-9_-]{8,1024}\.[A-Za-z0-9_-]{8,}\."
    r"|-----BEGIN [A-Z ]*PRIVATE KEY|://[^/\s:@]+:[^/\s@]+@"
    r"|\b(?:password|passwd|pwd|secret|token|api_?key)\s*[=:]\s*\S"
)


def _parts(name: str) -> list[str]:
    return [p.lower() for p in _PARTS.findall(name)]


def secret_name(name: str) -> bool:
    """Return whether a name or key says that its value is a secret: `api_key`, `dbPassword`, `TOKEN`."""
    parts = _parts(name)
    if _NOT.intersection(parts) and parts[-1] in ("tokens", "token", "keys"):
        return False
    return bool(_WORDS.intersection(parts)) or bool(_INSIDE.search("".join(parts)))


def secret_text(text: str) -> bool:
    """Return whether a text looks like a key, a signed token or an address with a password in it."""
    return bool(_TEXTS.search(text[:10_000]))


GUESSED = 8
# What stands in many environments under a name that looks secret, and is none: a word, a number, a path, a socket.
_PLAIN = re.compile(r"[A-Za-z_-]+|[\d.]+|[~/][\w./@+-]*|[\w.-]+:\d+", re.ASCII)
STRONG = re.compile(r"pass(word|wd|phrase)|secret|credential|token|api_?key", re.IGNORECASE)
# of a column; a token may be a word there
COLUMN = re.compile(r"pass(word|wd|phrase)|secret|credential|api_?key", re.IGNORECASE)
# Beginnings are looked for first: a search for a few fixed words is many times faster than the expression.
SIGNS = (
    "sk-", "sk_", "pk_", "rk_", "ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "xox", "hf_", "npm_", "pypi-",
    "AKIA", "ASIA", "AIza", "eyJ", "PRIVATE KEY-----", "://",
)  # fmt: skip
PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[^-]|-(?!----END))*(?:-----END [A-Z ]*PRIVATE KEY-----)?"
)
# bounded where a text may hold beginnings without end: each would be followed to the end of the text
SHAPES = re.compile(
    r"\b(?:sk|pk|rk|ghp|gho|ghs|github_pat|glpat|xox[abprs]|hf|npm|pypi)[-_](?=[A-Za-z0-9_-]{0,255}\d)[A-Za-z0-9_-]{16,}"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[0-9A-Za-z_-]{30,}"
    r"|\beyJ[A-Za-z0-9_-]{8,1024}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"
    r"|(?<=://)[^/\s:@\"'<>]*:(?!\*+@)[^/\s\"'<>{}]+(?=@)"
    r"|\b(?:eyJ[A-Za-z0-9_-]{8,1024}(?:\.[A-Za-z0-9_-]*){0,2}|(?:sk|ghp|github_pat|glpat|AKIA|AIza)[A-Za-z0-9_-]{6,512})(?=…|\.\.\.)"
    r"|(?<=://)[^/\s:@\"'<>]*:[^/\s\"'<>{}]{4,}(?=…|\.\.\.)"
)


# how files, logs, addresses and reprs spell a name with its value
_SPELLED = re.compile(
    r"""(?i)((?:pass(?:word|wd|phrase)|secret|credential|token|api_?key|bearer|pwd?)[\w-]{0,40}+)['"]?\s{0,4}[=:\s]\s{0,4}['"]?"""
    r"""([^\s'"`,;&<>(){}\[\]]{12,200}+)(?![\[(])"""
)
_TURNS, _TEXT = 6, 24_000
_SHORT = frozenset(("pw", "pwd"))
KEY = 12  # characters of what is no word that somebody chose


def forms(value: str) -> Iterable[str]:
    """Return a value as it may stand in a text: plain, in an address, base64, hexadecimal, escaped, line by line."""
    raw, quoted = clean(value).encode(), quote(value, safe="")
    small = re.sub("%[0-9A-F]{2}", lambda m: m[0].lower(), quoted)  # as some libraries spell percent escapes
    yield from (value, quoted, quote_plus(value), small, repr(value)[1:-1], canonical(value)[1:-1])
    if len(value) >= GUESSED:
        yield from _in_base64(raw)
        yield from (raw.hex(), raw.hex().upper())
    if len(value) >= KEY and any(map(str.isdigit, value)) and any(map(str.isalpha, value)):
        yield from disguises(value)
    if "\n" in value.strip():
        yield from (line for line in map(str.strip, value.splitlines()) if len(line) >= 2 * GUESSED)


def disguises(value: str) -> Iterable[str]:
    """Return what code makes of a key to get it past a look at the text: reversed, in pieces, in numbers."""
    yield from (value[::-1], value.lower(), value.upper(), value.swapcase())
    yield from (between.join(value) for between in (" ", "-", "_", ".", ",", ", ", "\n"))
    yield repr([*value])[1:-1]
    ordinals = [str(ord(c)) for c in value]
    yield from (between.join(ordinals) for between in (" ", ",", ", ", "\n"))
    half = len(value) // 2
    yield from (value[:half], value[half:]) if half >= KEY else ()


def _in_base64(raw: bytes) -> Iterable[str]:
    """Return what all base64 of a longer text has of it, at each of the three places where it may begin.

    ``Authorization: Basic`` is the base64 of ``user:password``: of the password the letters in the middle are its own.
    """
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")
        first, rest = (0, 2, 3)[shift], (shift + len(raw)) % 3
        own = whole[first : len(whole) - (1 if rest else 0)]
        yield from (own, own.replace("+", "-").replace("/", "_"))


named_secret = lru_cache(maxsize=4096)(secret_name)  # asked again and again for the same environment


def worth_hiding(name: str, value: str) -> bool:
    """Tell a secret from the words, numbers and paths that stand under such names, too."""
    if STRONG.search(name):
        return len(value) >= GUESSED and not re.fullmatch(r"[~/][\w./@+-]*", value)
    return len(value) >= GUESSED and not _PLAIN.fullmatch(value)


def keyish(value: str) -> bool:
    """Return whether a value is as no word or name is: letters and digits, small and capital, turn again and again."""
    if len(value) < KEY or not value.isascii() or _PLAIN.fullmatch(value) or any(map(str.isspace, value)):
        return False
    kinds = [(c.isupper(), c.islower(), c.isdigit()) for c in value]
    turns = sum(a != b and any(a) and any(b) for a, b in pairwise(kinds))
    return turns >= _TURNS and any(map(str.isdigit, value)) and any(map(str.isalpha, value))


def found_in_text(text: str) -> Iterator[tuple[str, str]]:
    """Return names and values of what a text spells under a name that says that it is secret."""
    for name, value in _SPELLED.findall(text[:_TEXT]):
        if named_secret(name) and keyish(value):
            yield _name(name.strip("-")), value


def shapes_out(text: str, handle: str) -> str:
    """Put a handle in the place of what has the shape of a key; private keys first, since others may reach into one."""
    return SHAPES.sub(handle, PRIVATE_KEY.sub(handle, text))


DEEP, MANY, ROWS = 4, 1_000, 256


def found_in(namespace: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Return names and values of what is secret in a namespace, within bounds.

    Yields
    ------
    tuple of str
        ``("config.db.password", "…")``.
    """
    for name, value in list(namespace.items()):
        if name.startswith("_"):
            continue
        for one in value[:MANY] if type(value) in (list, tuple) else (value,):
            if isinstance(one, bytes):
                yield from _named(name, name, one.decode("ascii", "ignore"))
            elif type(one) is str:
                yield from (*_named(name, name, one), *found_in_text(one))
        if type(value) in (list, tuple, str, bytes):
            continue
        if isinstance(value, dict):
            yield from _within(name, value, DEEP)
        elif type(value).__name__ == "DataFrame":
            yield from _columns(name, value)


def _named(name: str, path: str, value: str) -> Iterator[tuple[str, str]]:
    strong = bool(STRONG.search(name)) and worth_hiding(name, value)
    if named_secret(name) and (strong or (not _SHORT.isdisjoint(_parts(name)) and keyish(value))):
        yield _name(path), value


def _within(path: str, value: Any, deep: int) -> Iterator[tuple[str, str]]:
    """Look into plain containers; nothing of theirs is run."""
    if deep and type(value) is dict:
        for key, inner in list(value.items())[:MANY]:
            if type(key) is str and type(inner) is str:
                yield from _named(key, f"{path}.{key}", inner)
            else:
                yield from _within(f"{path}.{key}" if type(key) is str else path, inner, deep - 1)
    elif deep and type(value) in (list, tuple):
        for inner in value[:MANY]:
            yield from _within(path, inner, deep - 1)


def _columns(name: str, frame: Any) -> Iterator[tuple[str, str]]:
    """Look into columns that say so; words and numbers in them are none."""
    for column in list(getattr(frame, "columns", ()))[:MANY]:
        if type(column) is str and STRONG.search(column) and named_secret(column):
            strong = bool(COLUMN.search(column))
            for n, value in enumerate(dict.fromkeys(v for v in list(frame[column])[:ROWS] if type(v) is str)):
                if keyish(value) or (strong and worth_hiding(column, value) and not _PLAIN.fullmatch(value)):
                    yield _name(f"{name}.{column}.{n}"), value


def _name(path: str) -> str:
    """Return a path as a handle can hold it."""
    return re.sub(r"[^\w.-]", "-", path)
