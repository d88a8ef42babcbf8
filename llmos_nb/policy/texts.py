"""What a model is told by what knows nothing of its process; a process can have other words for it, while it judges."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from string import Template

TEXTS: dict[str, str] = tomllib.loads(Path(__file__).with_name("texts.toml").read_text(encoding="utf-8"))
_own: ContextVar[Mapping[str, str] | None] = ContextVar("own", default=None)


@contextmanager
def speaking(own: Mapping[str, str]) -> Iterator[None]:
    """Have texts of a process stand in the place of ours, for whatever is said meanwhile by the same task or thread."""
    before = _own.set(own)
    try:
        yield
    finally:
        _own.reset(before)


def tell(name: str, /, **values: object) -> str:
    """Return a text by its name, in the words of the process that judges, with what is filled in."""
    return Template((_own.get() or {}).get(name) or TEXTS[name]).substitute(values)
