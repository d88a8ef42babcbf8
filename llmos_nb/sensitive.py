"""What looks like a secret: names whose values are never shown, and texts that give themselves away."""

from __future__ import annotations

import re

_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_WORDS = frozenset(
    (
        "auth",
        "bearer",
        "cookie",
        "cookies",
        "creds",
        "dsn",
        "jwt",
        "key",
        "keys",
        "passphrase",
        "pat",
        "pin",
        "pwd",
    )
)
_INSIDE = (
    "password",
    "passwd",
    "secret",
    "credential",
    "apikey",
    "accesskey",
    "privatekey",
    "authoriz",
    "token",
)
_NOT = frozenset(("max", "min", "n", "num", "count", "total", "prompt", "completion"))  # counts of tokens
_TEXTS = re.compile(
    r"\b(?:sk|pk|rk|ghp|gho|ghs|glpat|xox[abprs]|hf|npm|pypi)[-_][A-Za-z0-9_-]{12,}"
    r"|\bAKIA[0-9A-Z]{12,}|\bAIza[0-9A-Za-z_-]{20,}|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\."
    r"|-----BEGIN [A-Z ]*PRIVATE KEY|://[^/\s:@]+:[^/\s@]+@"
    r"|\b(?:password|passwd|pwd|secret|token|api_?key)\s*[=:]\s*\S",
    re.IGNORECASE,
)


def secret_name(name: str) -> bool:
    """Tell whether a name or key says that its value is a secret: `api_key`, `dbPassword`, `TOKEN`."""
    parts = [p.lower() for p in _PARTS.findall(name)]
    if _NOT.intersection(parts) and parts[-1] in ("tokens", "token", "keys"):
        return False
    joined = "".join(parts)
    return bool(_WORDS.intersection(parts)) or any(word in joined for word in _INSIDE)


def secret_text(text: str) -> bool:
    """Tell whether a text looks like a key, a signed token or an address with a password in it."""
    return bool(_TEXTS.search(text[:10_000]))
