"""What `doctor` finds of the model and its way, the front ends, and the folder of the journals; nothing leaves here."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from llmos_nb.errors import LlmosError
from llmos_nb.journal import home_of
from llmos_nb.models import is_loopback, place_of, proxy_of, resolve, shown_url
from llmos_nb.models.local import weights as store
from llmos_nb.session import config

KEY = re.compile(
    r"(OPENAI|ANTHROPIC|GEMINI|GOOGLE|MISTRAL|DEEPSEEK|GROQ|OPENROUTER|VLLM|LLAMA|LLMOS|AZURE_OPENAI)_API_KEY"
)
LEAST_FREE = 100 << 20
SOURCE = Path(__file__).parent / "lab" / "extension"  # beside the package in a clone only


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Parameters
    ----------
    ok : bool
        Whether it is as it should be.
    found : str
        What it is.
    todo : str
        What to do where it is not.
    needed : bool
        Whether nothing goes on without it; else it is an extra.
    """

    ok: bool
    found: str
    todo: str = ""
    needed: bool = False

    def __str__(self) -> str:
        return f"ok  {self.found}" if self.ok else f"--  {self.found}: {self.todo}"


def model(configured: Mapping[str, Any] | None = None) -> Iterator[Finding]:
    """Look at the model that a cell would get which names none: where it is, by which way, and whether it is there."""
    try:
        chosen = resolve(config.load({}, configured).model)
    except LlmosError as error:
        yield Finding(False, "model", str(error).removeprefix("no model: "), needed=True)
    else:
        place = place_of(chosen)
        yield Finding(
            True, f"model configured for a cell that names none: {chosen.traits.name}{place and f' at {place}'}"
        )
        if place and is_loopback(place):
            todo = f"nothing listens there: start it, or name another model (it is {chosen.traits.name})"
            yield Finding(_listens(place), f"a server at {place}", todo, needed=True)
        elif place and (proxy := proxy_of(place)):
            yield _proxy(proxy, place)
    yield from _keys()
    yield from _certificates()


def _listens(url: str) -> bool:
    """Whether something takes connections at an address of this machine; nothing is sent."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    try:
        with socket.create_connection((parts.hostname, port), timeout=1):
            return True
    except OSError:
        return False


def _proxy(proxy: str, place: str) -> Finding:
    said = f"proxy on the way to {urlsplit(place).hostname}: {shown_url(proxy)}"
    todo = "only an HTTP proxy is understood; set HTTPS_PROXY to http://HOST:PORT, or NO_PROXY to the host"
    return Finding(urlsplit(proxy).scheme in ("http", "https"), said, todo, needed=True)


def _keys() -> Iterator[Finding]:
    """Look at how the keys of the environment are written; no value is shown."""
    keys = {name: value for name, value in sorted(os.environ.items()) if KEY.fullmatch(name) and value}
    wrong = [name for name, value in keys.items() if re.search(r"[\s\"'“”]|[^\x21-\x7e]", value)]
    if good := [name for name in keys if name not in wrong]:
        yield Finding(True, f"keys that are set (no value is shown): {', '.join(good)}")
    for name in wrong:
        todo = "it holds blanks, quotes or characters that no key has; set it again"
        yield Finding(False, name, todo, needed=True)


def _certificates() -> Iterator[Finding]:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        if given := os.environ.get(name):
            there = Path(given).is_file() if name.endswith("FILE") else Path(given).is_dir()
            yield Finding(there, f"{name}: {given}", "it is not there, so that no https answers; unset it", needed=True)


def weights() -> Iterator[Finding]:
    """Look for the local model's weights; an extra, where another model is named."""
    try:
        found = store.find()
    except LlmosError as error:
        yield Finding(False, "local model", str(error))
        return
    free = shutil.disk_usage(_existing(store.folder())).free
    todo = f"llmos model pull fetches 0.5 to 1.1 GB into {store.folder()} ({free / 1e9:.1f} GB are free there)"
    yield Finding(found is not None, f"local model: {found or 'no weights'}", todo)


def folder(configured: Mapping[str, Any] | None = None) -> Iterator[Finding]:
    """Look at the folder of the journals: without it nothing runs."""
    home = home_of(None, configured or {})
    at = _existing(home.root)
    writable = at.is_dir() and os.access(at, os.W_OK | os.X_OK)
    todo = "it cannot be written; set LLMOS_HOME to a folder of yours, or start the notebook in one"
    yield Finding(writable, f"journals: {home.root}", todo, needed=True)
    if writable:
        free = shutil.disk_usage(at).free
        todo = "make room: each event is written before it takes effect"
        yield Finding(free >= LEAST_FREE, f"room for journals: {free / 1e9:.1f} GB", todo, needed=True)
        todo = "another user or machine made it; llmos trust says what it would do"
        yield Finding(home.made_here, f"{home.root} is yours", todo)


def _existing(path: Path) -> Path:
    return next((p for p in (path, *path.parents) if p.exists()), path)


def extension() -> Iterator[Finding]:
    """Look for the extension of JupyterLab and Notebook where they look, and whether it is enabled."""
    from jupyter_core.paths import jupyter_config_path, jupyter_path  # only here

    places = [Path(p) / "llmos_nb" for p in jupyter_path("labextensions")]
    found = next((p for p in places if (p / "package.json").is_file()), None)
    if found is None:
        todo = "not where JupyterLab looks: install llmos_nb again, in the environment that runs JupyterLab"
        yield Finding(False, "extension of JupyterLab and Notebook", todo)
        return
    off = any(_disabled(Path(p) / "labconfig" / "page_config.json") for p in jupyter_config_path())
    yield Finding(not off, f"extension of JupyterLab and Notebook: {found}", "jupyter labextension enable llmos_nb")
    if (SOURCE / "package.json").is_file():
        todo = "it is not (older, as a rule): pip install -e . again, then reload the page"
        yield Finding(not _differs(SOURCE, found), "its copy is that of this source", todo)


def _disabled(file: Path) -> bool:
    """Whether a page configuration turns the extension off."""
    try:
        off = json.loads(file.read_text("utf-8")).get("disabledExtensions", {})
    except (OSError, ValueError, AttributeError):
        return False
    return bool(off.get("llmos_nb")) if isinstance(off, dict) else "llmos_nb" in off


def _differs(source: Path, installed: Path) -> bool:
    files = (p.relative_to(source) for p in source.rglob("*") if p.is_file())
    return any(
        not (installed / f).is_file() or (installed / f).read_bytes() != (source / f).read_bytes() for f in files
    )
