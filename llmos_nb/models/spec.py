"""How the spec that a user types (``openai/NAME``, ``script:FILE``, …) becomes a model."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from llmos_nb.errors import ConfigError, UsageError, nearest
from llmos_nb.models import providers
from llmos_nb.models.base import Model, Traits, shown_url
from llmos_nb.models.openai.client import OFFICIAL
from llmos_nb.models.openai.network import Remote, same_origin
from llmos_nb.models.openai.quirks import PROVIDERS
from llmos_nb.models.scripted.model import CellsModel, ReplayModel, ScriptedModel
from llmos_nb.policy import Plugin, load_plugins

DEFAULT_NAME = "gpt-4.1-mini"
FORMS = (
    "openai/NAME, anthropic/NAME, gemini/NAME, ollama/NAME, URL#NAME, local[/NAME], acp:COMMAND, script:FILE, "
    "replay:FILE"
)
FIRST = "first"  # the script of ours that needs no key, no weights and no network
_FIRST_FILE = Path(__file__).parent / "scripted" / "first.json"

_NO_MODEL = (
    "no model: set OPENAI_API_KEY (or OPENAI_BASE_URL for another endpoint), name one of another provider or of your "
    "own server (-m anthropic/NAME, gemini/NAME, ollama/NAME, URL#NAME), or fetch the local one with `llmos model "
    f"pull` (0.5 GB or more); the first part of 00-start.ipynb needs none (-m script:{FIRST})"
)


def resolve(spec: str | Model | None = None, base_url: str | None = None, *, stall_s: float | None = None) -> Model:
    """Return the model that a spec names.

    Parameters
    ----------
    spec : str or Model, optional
        ``PROVIDER/NAME`` (``openai/``, ``anthropic/``, ``gemini/``, ``ollama/``, …), ``URL#NAME``, ``local[/NAME]``,
        ``acp:COMMAND``, ``script:FILE`` or ``replay:FILE``, or ``SCHEME/NAME`` of an installed package; a model passes
        through; with none, the environment and the local weights decide.
    base_url : str, optional
        The endpoint, instead of the provider's own; it gets a key only where that was given for it.
    stall_s : float, optional
        Seconds without a byte after which an attempt over HTTP fails.

    Returns
    -------
    Model
        Nothing is sent or loaded yet.

    Raises
    ------
    UsageError
        When the spec is not understood; `ConfigError` when there is no model or no key.
    """
    if isinstance(spec, Model):
        return spec
    if not isinstance(spec, str | None):
        wanted = f"it needs `traits` and `respond`, or use {FORMS}"
        raise UsageError(f"model {type(spec).__name__} is no model; {wanted}")
    text = (spec or "").strip()
    model = _named(text, base_url) if text else _default(base_url)
    if stall_s and isinstance(model, Remote):
        model.stall_s = stall_s
    return model


def anywhere(spec: str) -> str:
    """Return a spec that means the same in another working folder: a file that it names stands whole."""
    scheme, colon, file = spec.strip().partition(":")
    here = Path(file).expanduser()
    if f"{scheme}:" in _SCHEMES and here.is_file():
        return f"{scheme}{colon}{here.absolute()}"
    return spec


def place_of(model: Model) -> str:
    """Return the URL at which a model is asked, without user, password and query; an empty text for none."""
    where = str(getattr(model, "endpoint", ""))
    return shown_url(where) if "://" in where else ""


def _named(spec: str, base_url: str | None) -> Model:
    """Return the model of a spec that is not empty."""
    if "://" in spec.split("#", maxsplit=1)[0]:
        return providers.at_url(spec)
    if spec == "local":
        return _local("", None)
    if scheme := _scheme(spec):
        if not (name := spec[len(scheme) :].strip()):
            raise UsageError(f"model {spec!r} lacks what comes after {scheme!r}; write {FORMS}")
        return _SCHEMES[scheme](name, base_url) if scheme in _SCHEMES else _installed(scheme, name, base_url)
    raise UsageError(f"model {spec!r} is not understood{_meant(spec)}; write {FORMS}")


def _scheme(spec: str) -> str:
    """Return how a spec begins: a scheme of ours, or one that another package brings; an empty text for neither."""
    head, slash, _ = spec.partition("/")
    ours = next((s for s in _SCHEMES if spec.startswith(s)), "")
    return ours or (head + slash if slash and head in _plugins() else "")


def _plugins() -> dict[str, Plugin]:
    return load_plugins("models", SCHEMES)


def _installed(scheme: str, name: str, base_url: str | None) -> Model:
    """Return a model of another package: its entry point is ``factory(name, base_url) -> Model``."""
    plugin = _plugins()[scheme[:-1]]
    made = plugin.call(name, base_url)
    if not isinstance(made, Model):
        what = f"not {type(made).__name__}: `traits` and `respond` are needed"
        raise plugin.broken(f"it must return a Model, {what}")
    return made


def _meant(spec: str) -> str:
    """Say which form comes near: a mistyped scheme, or a name without one."""
    head = spec.replace(":", "/").split("/")[0].lower()
    if spec.endswith(".json") and ":" not in spec:
        return f"; did you mean script:{spec}?"
    if head == spec.lower() and not nearest(head, ["local"]):
        return f"; did you mean openai/{spec}?"
    return nearest(head, [*SCHEMES, *_plugins()])


def _local(name: str, _: str | None) -> Model:
    from llmos_nb.models.local.model import LocalModel  # its runtime is an extra

    return LocalModel(name or None)


def _agent(text: str, _: str | None) -> Model:
    from llmos_nb.models.outside import agent  # few begin one

    return agent(text)


def _scripted(file: str) -> Model:
    """Return the model of a script: the file of this name, else the one of ours that is called so."""
    path = Path(file).expanduser()
    if file == FIRST and not path.exists():
        return ScriptedModel(_FIRST_FILE, Traits(f"script:{file}", images=True))
    return ScriptedModel(path)


_SCHEMES: Mapping[str, Callable[[str, str | None], Model]] = {
    "openai/": providers.openai,
    "ollama/": providers.ollama,
    "local/": _local,
    **{f"{p.name}/": partial(providers.chat, p) for p in PROVIDERS if p.name != "openai"},
    **{f"{name}/": partial(providers.native, name) for name in providers.NATIVE},
    "acp:": _agent,
    "script:": lambda file, _: _scripted(file),
    "replay:": lambda file, _: ReplayModel(Path(file).expanduser()),
    "skill:": lambda file, _: CellsModel(Path(file).expanduser()),
}
SCHEMES = tuple(s[:-1] for s in _SCHEMES)


def _default(base_url: str | None) -> Model:
    """Return the model of a user who named none: an endpoint, else the local weights."""
    typed = os.environ.get("LLMOS_MODEL", "").strip()
    if typed and ("://" in typed or typed == "local" or _scheme(typed)):
        return _named(typed, base_url)
    url = base_url or os.environ.get("OPENAI_BASE_URL")
    if url or os.environ.get("OPENAI_API_KEY"):
        name = os.environ.get("OPENAI_MODEL") or typed
        return providers.openai(name or (DEFAULT_NAME if url is None or same_origin(url, OFFICIAL) else ""), url)
    from llmos_nb.models.local import weights as store  # only where nothing else is there

    if store.find():
        return _local("", None)
    raise ConfigError(_NO_MODEL)
