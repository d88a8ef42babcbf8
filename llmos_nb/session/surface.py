"""What a feature declares of itself, as data: its commands (`Verb`) and its settings (`Setting`).

The tables made of them (`app.verbs.BUILT_IN`, `config.SETTINGS`) feed parsing, help, completion, `%config`, the
environment, `llmos.toml` and the docs, so that nothing is spelled twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from llmos_nb.views import VERBS


class Flag:
    """An argument of a command line, declared as for `argparse.ArgumentParser.add_argument`."""

    def __init__(self, *names: str, **how: Any) -> None:
        self.names, self.how = names, how


@dataclass(frozen=True)
class Form:
    """How a verb is written in one place, and what it runs there.

    Parameters
    ----------
    run : str
        ``"package.module:function"``; imported when the verb is first used, so that a table costs nothing.
    words : str
        The usage, as it stands behind the verb's name.
    least, most : int
        How many words there may be, options not counted. The `llmos` command declares its words as flags.
    flags : tuple of Flag
        Its options.
    rest : bool
        Its words may begin with a dash, as a program's options do.
    help : str
        In place of the verb's own, where this place needs other words.
    example : str
        A line that parses, without the verb's name.
    instead : str
        The option that may stand in place of the last word.
    """

    run: str
    words: str = ""
    least: int = 0
    most: int = 0
    flags: tuple[Flag, ...] = ()
    rest: bool = False
    help: str = ""
    example: str = ""
    instead: str = ""


@dataclass(frozen=True)
class Verb:
    """Something a person may ask for, declared once with every place where it is offered.

    Parameters
    ----------
    name : str
        The word itself.
    help : str
        What it does, in a few words.
    agent : Form, optional
        As ``%agent NAME``; the handler is ``async (session, command)``.
    llmos : Form, optional
        As ``llmos NAME`` in the system's terminal; the handler takes the parsed arguments and returns the exit code.
    """

    name: str
    help: str
    agent: Form | None = None
    llmos: Form | None = None

    @property
    def panel(self) -> bool:
        """Whether the panel may send it; what it does there stands in `app.present.panel.CLICKS`."""
        return self.name in VERBS


@dataclass(frozen=True)
class Setting:
    """One setting, with every place where it may be set; a keyword of `llmos_nb.run` does it, too, unless files join.

    Parameters
    ----------
    name : str
        Of the field of `config.Settings`, of the keyword and of the trait.
    default : object
        What holds where nobody says anything. Its type is that of the trait.
    help : str
        What it does, in a few words.
    flag : Flag, optional
        Of the `%%agent` line.
    config : bool
        ``%config LLMOS.name = value`` sets it.
    environ : bool
        ``LLMOS_NAME`` sets it.
    toml : str
        Where it stands in `llmos.toml`, as in ``"model.base_url"``.
    unit : str
        What a number counts, for the error where it is none.
    read : callable, optional
        Makes the value of what stands in `llmos.toml`; takes that and the place, for errors.
    check : callable, optional
        Raises where the value that holds in the end is not allowed.
    join : callable, optional
        Makes one value of those of the user's file and of the organisation's; by default the user's stands before.
    hold : callable, optional
        Takes the value and the organisation's and returns one that is no looser than the latter.
    alone : callable, optional
        Takes the value of a folder that nobody has trusted and returns what of it may hold: whatever is no looser than
        the default. Without it nothing of such a value holds.
    """

    name: str
    default: Any
    help: str
    flag: Flag | None = None
    config: bool = False
    environ: bool = False
    toml: str = ""
    unit: str = ""
    read: Callable[[Any, str], Any] | None = None
    check: Callable[[Any], object] | None = None
    join: Callable[[Any, Any], Any] | None = None
    hold: Callable[[Any, Any], Any] | None = None
    alone: Callable[[Any], Any] | None = None

    @property
    def variable(self) -> str:
        """The environment's name for it."""
        return f"LLMOS_{self.name.upper()}" if self.environ else ""

    @property
    def shown(self) -> str:
        """The default as words, for a reference."""
        written = isinstance(self.default, str | int | float) and self.default != ""
        return f"default {self.default!r}" if written else "nothing by default"

    @property
    def places(self) -> list[str]:
        """Return where it may be set, the nearest first, as a person writes it."""
        line = self.flag.names[-1] if self.flag else ""
        config = f"%config LLMOS.{self.name}" if self.config else ""
        file = f"llmos.toml: {self.toml}" if self.toml else ""
        keyword = "" if self.join else f"{self.name}="
        return [p for p in (line, keyword, config, self.variable, file) if p]


def setting(default: Any, text: str, **where: Any) -> Any:
    """Return a dataclass field that declares a `Setting`; its name is that of the field."""
    metadata = {"setting": Setting("", default, text, **where)}
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def declared(fields: Mapping[str, Any]) -> dict[str, Setting]:
    """Return the settings that the fields of a dataclass declare, by name."""
    return {n: replace(f.metadata["setting"], name=n) for n, f in fields.items() if "setting" in f.metadata}
