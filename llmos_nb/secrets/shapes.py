"""What secrets look like: names that say so, values worth hiding, the shapes of keys, the forms that a value takes."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote, quote_plus

from llmos_nb.chain import canonical
from llmos_nb.messages import clean
from llmos_nb.sensitive import secret_name

GUESSED = 8
# What stands in many environments under a name that looks secret, and is none: a word, a number, a path, a socket.
_PLAIN = re.compile(r"[A-Za-z_-]+|[\d.]+|[~/][\w./@+-]*|[\w.-]+:\d+", re.ASCII)
STRONG = re.compile(r"pass(word|wd|phrase)|secret|credential|token|api_?key", re.IGNORECASE)
COLUMN = re.compile(
    r"pass(word|wd|phrase)|secret|credential|api_?key", re.IGNORECASE
)  # a token may be a word there
# Beginnings are looked for first: a search for a few fixed words is many times faster than the expression.
SIGNS = (
    "sk-", "sk_", "pk_", "rk_", "ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "xox", "hf_", "npm_", "pypi-",
    "AKIA", "ASIA", "AIza", "eyJ", "PRIVATE KEY-----", "://",
)  # fmt: skip
SIGN_BYTES = tuple(s.encode() for s in SIGNS)
PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[^-]|-(?!----END))*(?:-----END [A-Z ]*PRIVATE KEY-----)?"
)
SHAPES = re.compile(
    r"\b(?:sk|pk|rk|ghp|gho|ghs|github_pat|glpat|xox[abprs]|hf|npm|pypi)[-_](?=[A-Za-z0-9_-]*\d)[A-Za-z0-9_-]{16,}"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[0-9A-Za-z_-]{30,}"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"
    r"|(?<=://)[^/\s:@\"'<>]*:(?!\*+@)[^/\s\"'<>{}]+(?=@)"
    r"|\b(?:eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,2}|(?:sk|ghp|github_pat|glpat|AKIA|AIza)[A-Za-z0-9_-]{6,})(?=…|\.\.\.)"
    r"|(?<=://)[^/\s:@\"'<>]*:[^/\s\"'<>{}]{4,}(?=…|\.\.\.)"
)


def forms(value: str) -> Iterable[str]:
    """Give a value as it stands in a text, an address, base64, hexadecimal, escaped, and the long lines of several."""
    raw = clean(value).encode()
    quoted = quote(value, safe="")
    yield from (value, quoted, quote_plus(value), _lower(quoted), repr(value)[1:-1], canonical(value)[1:-1])
    if len(value) >= GUESSED:
        yield from _in_base64(raw)
        yield from (raw.hex(), raw.hex().upper())
    if "\n" in value.strip():
        yield from (line for line in map(str.strip, value.splitlines()) if len(line) >= 2 * GUESSED)


def _lower(quoted: str) -> str:
    """Spell percent escapes in small letters, as some libraries do."""
    return re.sub("%[0-9A-F]{2}", lambda m: m[0].lower(), quoted)


def _in_base64(raw: bytes) -> Iterable[str]:
    """Give what all base64 of a longer text has of it, at each of the three places where it may begin.

    ``Authorization: Basic`` is the base64 of ``user:password``: of the password the letters in the middle are its own.
    """
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")
        first, rest = (0, 2, 3)[shift], (shift + len(raw)) % 3
        own = whole[first : len(whole) - (1 if rest else 0)]
        yield from (own, own.replace("+", "-").replace("/", "_"))


@lru_cache(maxsize=4096)
def named_secret(name: str) -> bool:
    """Tell whether a name says that its value is a secret; asked again and again for the same environment."""
    return secret_name(name)


def worth_hiding(name: str, value: str) -> bool:
    """Tell a secret from the words, numbers and paths that stand under such names, too."""
    if STRONG.search(name):
        return len(value) >= GUESSED and not re.fullmatch(r"[~/][\w./@+-]*", value)
    return len(value) >= GUESSED and not _PLAIN.fullmatch(value)


def plain_word(value: str) -> bool:
    """Tell words, numbers, paths and sockets from what looks made to be secret."""
    return bool(_PLAIN.fullmatch(value))


def shapes_out(text: str, handle: str) -> str:
    """Put a handle in the place of what has the shape of a key; private keys first, since others may reach into one."""
    return SHAPES.sub(handle, PRIVATE_KEY.sub(handle, text))
