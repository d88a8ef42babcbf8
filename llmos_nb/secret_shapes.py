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
# Beginnings are looked for first: a search for a few fixed words is many times faster than the expression.
SIGNS = (
    "sk-", "sk_", "pk_", "rk_", "ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "xox", "hf_", "npm_", "pypi-",
    "AKIA", "ASIA", "AIza", "eyJ", "PRIVATE KEY-----", "://",
)  # fmt: skip
SIGN_BYTES = tuple(s.encode() for s in SIGNS)
SHAPES = re.compile(
    r"\b(?:sk|pk|rk|ghp|gho|ghs|github_pat|glpat|xox[abprs]|hf|npm|pypi)[-_](?=[A-Za-z0-9_-]*\d)[A-Za-z0-9_-]{16,}"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[0-9A-Za-z_-]{30,}"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[^-]|-(?!----END))*(?:-----END [A-Z ]*PRIVATE KEY-----)?"
    r"|(?<=://)[^/\s:@\"'<>]+:[^/\s@\"'<>{}]+(?=@)"
)


def forms(value: str) -> Iterable[str]:
    """Give a value as it stands in a text, in an address, in base64, escaped, and the long lines of several."""
    raw = clean(value).encode()
    yield from (value, quote(value, safe=""), quote_plus(value), repr(value)[1:-1], canonical(value)[1:-1])
    if len(value) >= GUESSED:
        yield from (
            base64.b64encode(raw).decode().rstrip("="),
            base64.urlsafe_b64encode(raw).decode().rstrip("="),
        )
    if "\n" in value.strip():
        yield from (line for line in map(str.strip, value.splitlines()) if len(line) >= 2 * GUESSED)


@lru_cache(maxsize=4096)
def named_secret(name: str) -> bool:
    """Tell whether a name says that its value is a secret; asked again and again for the same environment."""
    return secret_name(name)


def worth_hiding(name: str, value: str) -> bool:
    """Tell a secret from the words, numbers and paths that stand under such names, too."""
    if STRONG.search(name):
        return len(value) >= GUESSED and not re.fullmatch(r"[~/][\w./@+-]*", value)
    return len(value) >= GUESSED and not _PLAIN.fullmatch(value)
