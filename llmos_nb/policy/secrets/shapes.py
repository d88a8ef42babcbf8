"""What secrets look like: names that say so, values worth hiding, shapes of keys, forms of values; where they stand."""

from __future__ import annotations

import base64
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import suppress
from datetime import date, timedelta
from functools import lru_cache
from itertools import islice, pairwise
from types import FunctionType, MemberDescriptorType
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus

from llmos_nb.messages import canonical, clean

_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_WORDS = frozenset((
    "auth", "bearer", "cookie", "cookies", "creds", "dsn", "jwt", "key", "keys", "passphrase", "pat", "pin", "pw",
    "pwd",
))  # fmt: skip
_INSIDE = re.compile("(passw(or)?d|secret|credential|apikey|accesskey|privatekey|authorization|token)s?$")
_CHOSEN = frozenset(("passphrase", "pin", "pw", "pwd"))  # what stands there somebody chose: it may look like anything
_NUMBERED = frozenset(("key", "keys", "tokens"))
_HEADER = re.compile(r"(basic|bearer|digest|token)\s+\S{8}", re.IGNORECASE)  # of HTTP: a scheme and credentials
_NUMBERS = (int, float, complex, date, timedelta, type(None))
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
    """Return whether a name or key may say that its value is a secret: `api_key`, `dbPassword`, `TOKEN`.

    Words count whole, and at the end of others, as in `authtoken`: a `tokenizer` is none. `secret_under` also looks at
    the value.
    """
    parts = _parts(name)
    if _NOT.intersection(parts) and parts[-1] in ("tokens", "token", "keys"):
        return False
    return any(_says(f"{a}{b}") or _says(b) for a, b in pairwise(("", *parts)))


def _says(word: str) -> bool:
    return word in _WORDS or bool(_INSIDE.search(word))


def secret_under(name: str, values: Iterable[object]) -> bool:
    """Return whether what stands under a name is secret, as the name and the values say.

    Where the word for it only tells of what the name stands for, as in `pat_no`, a value must look like a key; and
    numbers under `key` or `tokens` tell rows apart, or count. What people choose, such as a password or the code of a
    `pin_code`, may look like anything, and so may a one-time `token`.
    """
    if not named_secret(name):
        return False
    if COLUMN.search(name) or _CHOSEN.intersection(_last(name)):
        return True
    found = list(values)
    if _names_it(name):
        return not found or _last(name)[-1] not in _NUMBERED or not all(isinstance(v, _NUMBERS) for v in found)
    return any(keyish(v) or secret_text(v) or _HEADER.match(v) for v in found if isinstance(v, str))


def _last(name: str) -> list[str]:
    """Return the last two words of a name: the very last says what it stands for, so a `pat_weight` is a weight."""
    return [p for p in _parts(name) if not p.isdecimal()][-2:]


def _names_it(name: str) -> bool:
    """Return whether the last word of a name is one for secrets: `api_key`, `apikey`, `auth_token_2`."""
    words = _last(name)
    return _says("".join(words)) or any(map(_says, words[-1:]))


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
KEY = 12  # characters of what is no word that somebody chose
_SHORT = frozenset(("pw", "pwd"))


def in_base64(raw: bytes) -> Iterable[str]:
    """Return what all base64 of a longer text has of it, at each of the three places where it may begin.

    ``Authorization: Basic`` is the base64 of ``user:password``: of the password the letters in the middle are its own.
    """
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")
        first, rest = (0, 2, 3)[shift], (shift + len(raw)) % 3
        yield whole[first : len(whole) - (1 if rest else 0)]


def turns(text: str) -> int:
    """Count where letters and digits, small and capital ones, follow each other."""
    kinds = [(c.isupper(), c.islower(), c.isdigit()) for c in text]
    return sum(a != b and any(a) and any(b) for a, b in pairwise(kinds))


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
    means = _names_it(name) or bool(COLUMN.search(name)) or keyish(text)
    strong = bool(STRONG.search(name)) and means and worth_hiding(name, text)
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


# in variables

DEEP, MANY, ROWS, HELD = 4, 1_000, 256, 32
PLACES, LETTERS = 10_000, 500_000  # that are looked at in all
_LISTS = (list, tuple, set, frozenset, deque)
_ATOMS = frozenset((int, float, complex, bool, type(None), type(Ellipsis)))
Member = tuple[str, Any]  # with an empty name where it has none


class _Place(NamedTuple):
    """Something in a namespace.

    Parameters
    ----------
    name, path : str
        Its own name, or that of what it stands in, and the way to it.
    value : Any
        What stands there.
    deep : int
        How many levels below it are looked at.
    under : str
        The nearest name on the way that says that what follows is secret.
    whole : str
        The variable, where all of it is secret.
    """

    name: str
    path: str
    value: Any
    deep: int
    under: str
    whole: str

    def inner(self, name: str, value: Any) -> _Place:
        """Return something that it holds."""
        own, path = name or self.name, f"{self.path}.{name}" if name else self.path
        return _Place(own, path, value, self.deep - 1, _under(own) or self.under, self.whole)


def _under(name: str) -> str:
    return name if STRONG.search(name) and named_secret(name) else ""


def found_in(namespace: Mapping[str, Any], whole: Set[str] = frozenset()) -> Iterator[tuple[str, str]]:
    """Return names and values of what is secret in a namespace, within bounds: the nearest things first.

    Parameters
    ----------
    namespace : mapping
        Variables; names that begin with an underscore are passed over.
    whole : set of str
        Variables of which every text is secret.

    Yields
    ------
    tuple of str
        ``("config.db.password", "…")``.
    """
    held = [(n, v) for n, v in list(namespace.items()) if type(v) not in _ATOMS]
    named = [(n, v) for n, v in held if n in whole or not n.startswith("_")]
    waiting = deque(_Place(n, n, v, DEEP, _under(n), n if n in whole else "") for n, v in named)
    seen, taken, letters = set[int](), dict.fromkeys(whole, 0), LETTERS
    for _ in range(PLACES):
        if not waiting:
            return
        at = waiting.popleft()
        if type(at.value) in (str, bytes):
            letters -= len(at.value)
            if at.whole:
                taken[at.whole] += 1
            if letters > 0 and taken.get(at.whole, 0) <= HELD:
                yield from _leaf(at)
        elif at.deep and id(at.value) not in seen:
            seen.add(id(at.value))
            waiting.extend(at.inner(*member) for member in _members(at))


def _leaf(at: _Place) -> Iterator[tuple[str, str]]:
    """Return a text, if it is secret, or what it spells."""
    text = at.value if type(at.value) is str else at.value.decode("ascii", "ignore")
    wholly = bool(at.whole) and len(text) >= (SHORTEST if at.path == at.whole else GUESSED)
    if wholly or hidden_under(at.name, text) or (at.under and keyish(text)):
        yield re.sub(r"[^\w.-]", "-", at.path), text  # as a handle can hold it
    elif len(text) >= KEY:
        yield from found_in_text(text)


def _members(at: _Place) -> list[Member]:
    """Return what something holds, by name where it has one; no method of a class of the user's is called."""
    value, kind = at.value, type(at.value)
    found: Iterable[Member]
    with suppress(Exception):  # whatever a table makes of it
        if issubclass(kind, dict):
            found = ((k if type(k) is str else "", v) for k, v in islice(dict.items(value), MANY))
        elif base := next((b for b in _LISTS if issubclass(kind, b)), None):
            inner = [*islice(base.__iter__(value), MANY)]
            names = [*getattr(kind, "_fields", ())] if base is tuple else []
            found = zip((*names, *[""] * (len(inner) - len(names))), inner, strict=False)
        elif kind.__name__ in ("DataFrame", "Series", "ndarray"):
            found = _cells(at)
        else:
            found = _attributes(value, kind)
        return [(n, v) for n, v in islice(found, MANY) if type(v) not in _ATOMS]
    return []


def _attributes(value: Any, kind: type) -> Iterator[Member]:
    """Return the attributes of an object, the defaults of a function, what stands in a class of the notebook's."""
    if kind is FunctionType:
        code, defaults = value.__code__, value.__defaults__ or ()
        yield from zip(code.co_varnames[code.co_argcount - len(defaults) :], defaults, strict=False)
        yield from (value.__kwdefaults__ or {}).items()
    elif issubclass(kind, type):
        here = type.__getattribute__(value, "__module__") == "__main__"
        yield from dict(type.__getattribute__(value, "__dict__")).items() if here else ()
    elif kind.__name__ != "module":
        with suppress(AttributeError, TypeError):
            yield from list(dict.items(object.__getattribute__(value, "__dict__")))
        for slot in (d for c in kind.__mro__ if "__slots__" in vars(c) for d in vars(c).values()):
            if type(slot) is MemberDescriptorType:
                with suppress(AttributeError):  # nothing stands there
                    yield slot.__name__, slot.__get__(value)


def _cells(at: _Place) -> Iterator[Member]:
    """Return texts of columns that say so, and of rows whose labels do; words and numbers in them are none."""
    table = at.value
    if (columns := getattr(table, "columns", None)) is not None:
        named = [c for c in list(columns)[:MANY] if type(c) is str and (at.whole or STRONG.search(c))]
        for column in named:
            yield from _column(at, column, list(table[column].head(ROWS)))
    elif not hasattr(table, "head"):  # an array
        yield from _column(at, at.name, table.ravel()[:ROWS].tolist() if table.dtype.kind in "OSU" else ())
    else:
        own, rows = getattr(table, "name", None), list(table.head(ROWS))
        yield from _column(at, own if type(own) is str else at.name, rows)
        yield from _column(at, at.name, rows)
        labels = list(getattr(table, "index", ()))[:ROWS]
        yield from ((n, v) for n, v in zip(labels, rows, strict=False) if type(n) is str)


def _column(at: _Place, name: str, values: Iterable[Any]) -> Iterator[Member]:
    """Return what a column holds of texts that are secret under its name, each once."""
    for n, value in enumerate(dict.fromkeys(v for v in values if type(v) in (str, bytes))):
        text = value if type(value) is str else value.decode("ascii", "ignore")
        if at.whole or keyish(text) or hidden_in_column(name, text):
            yield f"{name}.{n}", value
