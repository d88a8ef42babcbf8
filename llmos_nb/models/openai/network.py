"""A model behind a URL: where that leads and by which way, how long it may be silent, and what it means then."""

from __future__ import annotations

import importlib
import os
import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from llmos_nb.errors import ConfigError, ModelError, ModelRefused, ModelUnavailable
from llmos_nb.models.base import shown_url
from llmos_nb.models.catalogue import thinks
from llmos_nb.models.openai.errors import Endpoint, one_line
from llmos_nb.policy.secrets import vault

NO_KEY = "none"
_UNREACHED = re.compile("Connector|ConnectError|ConnectTimeout|ConnectionTimeout|ConnectionRefused")
SILENCE_S, LONGEST_S, GROWS = 12.0, 300.0, 4
THINKS_S, PAUSES_S = 600.0, 60.0  # of a model that thinks: before its first word, and between two
_silent: dict[str, float] = {}  # by endpoint and model, what was not enough; a process does not begin anew


class Patience:
    """The patience with one model at one place.

    Parameters
    ----------
    by : str
        The place and the model.
    name : str
        The model.
    given_s : float, optional
        What somebody has set, in place of what is known.
    """

    def __init__(self, by: str, name: str, given_s: float | None = None) -> None:
        self._by, thinking = by, thinks(name)
        self.between_s = given_s or max(PAUSES_S if thinking else SILENCE_S, _silent.get(by, 0.0))
        self.first_s = given_s or max(THINKS_S if thinking else SILENCE_S, self.between_s)

    def after(self, begun: bool) -> float:
        """Return the seconds of silence that are borne, once an answer has begun or before."""
        return self.between_s if begun else self.first_s

    def ended(self, begun: bool) -> float:
        """Return how long was waited in vain; the next attempt is given more time."""
        waited = self.after(begun)
        self.between_s = _silent[self._by] = max(self.between_s, min(waited * GROWS, LONGEST_S))
        self.first_s = max(self.first_s, self.between_s)
        return waited


class Remote:
    """A model behind a URL, whatever its protocol.

    Parameters
    ----------
    name : str
        The model's name there.
    base_url : str
        Where it is.
    api_key : str, optional
        The key; local servers need none.
    label : str
        How it is shown and recorded.
    key_name : str
        The environment variable that holds the key, for hints.
    stall_s : float, optional
        An attempt fails after so many seconds without a byte; by default ten minutes before the first word of a model
        that thinks, else what its endpoint needed so far. The next attempt is given four times as long.
    extra : dict, optional
        More parameters of the request, such as ``{"temperature": 0}``.
    """

    slots = 8

    def __init__(
        self,
        name: str,
        base_url: str,
        api_key: str | None,
        label: str,
        key_name: str,
        stall_s: float | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self.base_url, self.stall_s = checked_url(base_url), stall_s
        self._label, self._key_name, self._extra = label, key_name, dict(extra or {})
        self._key = (api_key or NO_KEY).strip()
        if not self._key.isascii() or not self._key.isprintable() or " " in self._key:
            raise ConfigError(f"{key_name} holds characters that no key has; paste it again")
        if self._key != NO_KEY:
            vault.hold(key_name, self._key)
        self._name_it(name)

    def _name_it(self, name: str) -> None:
        self.name = name
        self._at = Endpoint(name or "the model", shown_url(self.base_url), self._key_name)
        self._patience: Patience | None = None

    @property
    def endpoint(self) -> str:
        """Where its requests go: what they share with those of other models there."""
        return self._at.url

    @property
    def patience(self) -> Patience:
        """How long it may be silent."""
        if self._patience is None:
            self._patience = Patience(self._at.by, self.name, self.stall_s)
        return self._patience

    def _without_key(self, error: ModelError) -> ModelError:
        """Keep the key out of an error's text."""
        if self._key != NO_KEY and self._key in str(error):
            error.args = (str(error).replace(self._key, "…"),)
        return error


def checked_url(url: str) -> str:
    """Return a base URL without the last slash of its path, or say what is wrong with it."""
    with suppress(ValueError):
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return parts._replace(path=parts.path.rstrip("/")).geturl()
    raise ConfigError(f"base URL {url!r} is not one; write it as http://HOST:PORT/v1")


@lru_cache(maxsize=64)
def under(url: str, path: str) -> str:
    """Return the URL of a path below a base URL, which may have a query: ``…/deployments/NAME?api-version=DATE``."""
    parts = urlsplit(url)
    return parts._replace(path=parts.path.removesuffix(path) + path).geturl()


def same_origin(one: str, other: str) -> bool:
    """Return whether two URLs lead to the same server."""
    return _origin(one) == _origin(other)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def is_loopback(url: str) -> bool:
    """Return whether a URL stays on this machine."""
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1", "0.0.0.0") or host.startswith("127.") or host.endswith(".localhost")  # noqa: S104


def proxy_of(url: str) -> str | None:
    """Return the proxy through which the environment has a URL fetched; None for none, as for this machine itself."""
    parts, known = urlsplit(url), getproxies()
    found = known.get(parts.scheme) or known.get("all")
    if not found or is_loopback(url) or proxy_bypass(parts.hostname or ""):
        return None
    return found if "://" in found else f"http://{found}"


def trusted() -> ssl.SSLContext:
    """Return the certificates of this machine; where Python knows of none, those of `certifi`, if it is there."""
    context, where = ssl.create_default_context(), ssl.get_default_verify_paths()
    if os.name != "nt" and not (where.cafile or where.capath):
        with suppress(ImportError):
            context.load_verify_locations(importlib.import_module("certifi").where())
    return context


def from_exception(error: BaseException, at: Endpoint, proxy: str | None = None) -> ModelError:
    """Sort an exception of an HTTP package or of the network, known by its name: none is imported here.

    Parameters
    ----------
    error : BaseException
        As it came; what caused it says more.
    at : Endpoint
        Names for the hints.
    proxy : str, optional
        The proxy through which it went.
    """
    chain = [error]
    while len(chain) < 6 and (more := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(more)
    names = " ".join(type(e).__name__ for e in chain)
    why = one_line(str(error)) or type(error).__name__
    if "Certificate" in names or any("CERTIFICATE_VERIFY" in str(e) for e in chain):
        hint = "SSL_CERT_FILE names a file with the certificates of an authority of your own"
        return ModelRefused(f"the certificate of {at.url} is not one that this machine trusts ({why}); {hint}")
    if _UNREACHED.search(names) or "Proxy" in names:
        return _unreached(names, why, at, proxy)
    if "URL" in names.upper():
        said = f"no request could be sent to {at.url}: {why}"
        return ModelRefused(f"{said}; check the base URL and the key")
    if "Timeout" in names:
        return ModelUnavailable(f"{at.url} sent nothing in time ({type(error).__name__})")
    return ModelUnavailable(f"the connection to {at.url} broke off ({why})")


def _unreached(names: str, why: str, at: Endpoint, proxy: str | None) -> ModelError:
    """Say at what a connection failed."""
    if "SSL" in names:
        hint = "check whether it is https:// or http:// that is served there"
        return ModelRefused(f"no secure connection to {at.url} ({why}); {hint}")
    if "Proxy" in names or proxy:
        through = f"the proxy {shown_url(proxy)}" if proxy else "the proxy"
        hint = "check HTTPS_PROXY and HTTP_PROXY, or name the host in NO_PROXY"
        return ModelUnavailable(f"no connection to {at.url} through {through} ({why}); {hint}")
    here, host = is_loopback(at.url), urlsplit(at.url).hostname
    if "gaierror" in names or "DNS" in names:
        return ModelUnavailable(f"no address is known for {host}; check the base URL and the network")
    why = "connection refused" if "Refused" in names else why
    hint = "is the server running? Start it there, or name another model" if here else "is the server running?"
    return ModelUnavailable(f"no connection to {at.url} ({why}); {hint}")
