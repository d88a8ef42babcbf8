"""Base URLs and keys, checked before anything is sent."""

from __future__ import annotations

from urllib.parse import urlsplit

from llmos_nb.errors import ConfigError

OFFICIAL = "https://api.openai.com/v1"
OLLAMA = "http://localhost:11434/v1"
NO_KEY = "none"


def checked_url(url: str) -> str:
    """Give a base URL without its last slash, or say what is wrong with it."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise ConfigError(f"base URL {url!r} is not one; write it as http://HOST:PORT/v1")
    return url.rstrip("/")


def shown_url(url: str) -> str:
    """Give a URL without user, password and query, fit for errors and journals."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}{parts.path}"


def checked_key(key: str, key_name: str) -> str:
    """Give a key without blanks around it, or say that it cannot be one."""
    key = key.strip()
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError(f"{key_name} holds characters that no key has; paste it again")
    return key


def same_origin(one: str, other: str) -> bool:
    """Tell whether two URLs lead to the same server."""
    a, b = urlsplit(one), urlsplit(other)
    return (a.scheme, a.hostname, a.port) == (b.scheme, b.hostname, b.port)


def is_loopback(url: str) -> bool:
    """Tell whether a URL stays on this machine."""
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")
