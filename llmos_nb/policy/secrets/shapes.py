"""What secrets look like: names that say so, values worth hiding, the shapes of keys, the forms that a value takes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from urllib.parse import quote, quote_plus

from llmos_nb.messages import canonical, clean
from llmos_nb.policy.secrets.disguises import KEY, in_base64, turns

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


SHORTEST, GUESSED = 4, 8
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


# how files, logs, addresses, reprs and people spell a name with its value
_SPELLED = re.compile(
    r"""(?i)((?:pass(?:word|wd|phrase)|secret|credential|token|api[_ ]?key|bearer|pwd?)[\w-]{0,40}+)['"]?"""
    r"""(?:\s{1,4}\w{1,6}){0,2}\s{0,4}[=:\s]\s{0,4}['"]?"""
    r"""([^\s'"`,;&<>(){}\[\]]{12,200}+)(?![\[(])"""
)
_TURNS, _TEXT = 6, 24_000
_SHORT = frozenset(("pw", "pwd"))


def forms(value: str) -> Iterable[str]:
    """Return a value as it may stand in a text: plain, in an address, base64, hexadecimal, escaped, line by line.

    How code may spell it to get it past a look at the text is in `disguises`.
    """
    raw, quoted = clean(value).encode(), quote(value, safe="")
    small = re.sub("%[0-9A-F]{2}", lambda m: m[0].lower(), quoted)  # as some libraries spell percent escapes
    yield from (value, quoted, quote_plus(value), small, repr(value)[1:-1], canonical(value)[1:-1])
    if len(value) >= GUESSED:
        own = list(in_base64(raw))
        yield from (*own, *(o.replace("+", "-").replace("/", "_") for o in own), raw.hex(), raw.hex().upper())
    if "\n" in value.strip():
        yield from (line for line in map(str.strip, value.splitlines()) if len(line) >= 2 * GUESSED)


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
    return turns(value) >= _TURNS and any(map(str.isdigit, value)) and any(map(str.isalpha, value))


def found_in_text(text: str) -> Iterator[tuple[str, str]]:
    """Return names and values of what a text spells under a name that says that it is secret."""
    for name, value in _SPELLED.findall(text[:_TEXT]):
        if named_secret(name) and keyish(value := value.rstrip(".!?:")):
            yield re.sub(r"[^\w.-]", "-", name.strip("-")), value


def shapes_out(text: str, handle: str) -> str:
    """Put a handle in the place of what has the shape of a key; private keys first, since others may reach into one."""
    return SHAPES.sub(handle, PRIVATE_KEY.sub(handle, text))


def hidden_under(name: str, text: str) -> bool:
    """Return whether a text is a secret, as the name under which it stands says."""
    if not named_secret(name):
        return False
    strong = bool(STRONG.search(name)) and worth_hiding(name, text)
    return strong or (not _SHORT.isdisjoint(_parts(name)) and keyish(text))


def hidden_in_column(name: str, text: str) -> bool:
    """Return the same of a column: words in it are none, and neither is a token that is not as a key is."""
    return bool(COLUMN.search(name)) and hidden_under(name, text) and not _PLAIN.fullmatch(text)


_RUN = re.compile(r"[A-Za-z0-9+/]{12}")  # names of machines are of shorter ones, all small
_BETWEEN = r"\s:;,|&?=\"'(){}<>\[\]"


@lru_cache(maxsize=1024)
def random_texts(value: str) -> tuple[str, ...]:
    """Return the parts of a value of the environment that nobody chose: keys, also in addresses and lists.

    Letters and digits turn in them all along, as they do in no word, path, version or list of settings.
    """
    parts = re.split(f"[{_BETWEEN}/@]+" if "://" in value else f"[{_BETWEEN}]+", value[:_TEXT])
    long = [p for p in parts if len(p) >= 2 * GUESSED and (_RUN.search(p) or p.lower() != p != p.upper())]
    return tuple(p for p in long if keyish(p) and turns(p) * _TURNS >= len(p))
