"""The reference as text, made from the tables of verbs and settings; the docs print it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from llmos_nb.app import cli, options, verbs
from llmos_nb.session import config


def cell() -> str:
    """Return the help of `%%agent`."""
    return options.cell_parser().format_help()


def agent() -> str:
    """Return every `%agent` command."""
    return options.command_help()


def llmos() -> str:
    """Return every `llmos` command, first as a list, then with its options."""
    return "\n\n".join((cli.usage(), *(cli.parser_of(v.name).format_help() for v in verbs.offered("llmos"))))


def panel() -> str:
    """Return what can be asked for in the panel."""
    return _rows((v.name, v.help) for v in verbs.offered("panel"))


def settings() -> str:
    """Return every setting with its default and where it may be set."""
    return "\n".join(
        f"{s.name} = {_shown(s.default)}\n{_indented(s.help)}\n{_indented(', '.join(s.places))}"
        for s in config.SETTINGS.values()
    )


def _shown(default: object) -> str:
    """Return a default as it would be written; one with no plain form is what nothing at all says."""
    return repr(default) if isinstance(default, str | int | float | dict | tuple) else "none"


def _rows(rows: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"  {name:<14}{text}" for name, text in rows)


def _indented(text: str) -> str:
    return textwrap.fill(text, 100, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)
