"""The texts with which a process speaks to its model, read from ``prompts.toml``; and others in their place."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template

from llmos_nb import policy
from llmos_nb.errors import ConfigError, nearest

_OWN = tomllib.loads(Path(__file__).with_name("prompts.toml").read_text(encoding="utf-8"))
TEXTS: dict[str, str] = {**_OWN, **policy.TEXTS}  # what a process says, and what those below it do
FOLDER, ENDING = "folder", ".txt"
OF_TOOLS = "tool."  # begins the name of a text that says what a tool does, or an argument: `tool.python.code`


def filled(text: str, /, **values: object) -> str:
    """Return a text with its placeholders filled in."""
    return Template(text).substitute(values)


def placeholders(text: str) -> set[str]:
    """Return what a text has filled in.

    Raises
    ------
    ValueError
        A ``$`` in it begins no name.
    """
    template = Template(text)
    if not template.is_valid():
        raise ValueError("a $ in it begins no name; write $$ for the sign itself")
    return set(template.get_identifiers())


def checked(own: Mapping[str, object], where: str = "prompts") -> dict[str, str]:
    """Return texts that stand in the place of ours.

    Raises
    ------
    ConfigError
        One is of no known name, no text, or has a placeholder that nothing fills in.
    """
    for name, text in own.items():
        if name not in TEXTS and not name.startswith(OF_TOOLS):
            raise ConfigError(f"{where}: there is no prompt {name!r}{nearest(name, TEXTS)}; `llmos prompt` lists them")
        if not isinstance(text, str):
            raise ConfigError(f"{where}: {name} = {text!r:.60} must be a text")
        if name in TEXTS:
            _check_filled_in(text, placeholders(TEXTS[name]), f"{where}: {name}")
    return {name: str(text) for name, text in own.items()}


def _check_filled_in(text: str, known: set[str], where: str) -> None:
    try:
        strange = sorted(placeholders(text) - known)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None
    if strange:
        there = ", ".join(f"${k}" for k in sorted(known)) or "none"
        raise ConfigError(f"{where}: ${strange[0]} is filled in by nothing (there are: {there})")


def _flat(table: Mapping[str, object], before: str = "") -> Iterator[tuple[str, object]]:
    """Yield the texts of a table by their names, as TOML reads a name with dots."""
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield before + name, value


def read(table: Mapping[str, object], where: str, root: Path) -> dict[str, str]:
    """Read ``[prompts]``: a text by name, and ``folder``, whose files ``NAME.txt`` hold texts.

    Raises
    ------
    ConfigError
        As `checked`, or a file cannot be read.
    """
    own = dict(_flat({k: v for k, v in table.items() if k != FOLDER}))
    folder = root / str(table.get(FOLDER, ""))
    if FOLDER in table and not folder.is_dir():
        raise ConfigError(f"{where}: folder = {table[FOLDER]!r}: there is no such folder")
    for file in sorted(folder.glob(f"*{ENDING}")) if FOLDER in table else ():
        try:
            own.setdefault(file.name.removesuffix(ENDING), file.read_text(encoding="utf-8").removesuffix("\n"))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{file}: cannot be read ({error})") from None
    return checked(own, where)
