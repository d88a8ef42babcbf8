"""The command lines of `%%agent` and `%agent`: words in, plain values out, and what a verb's name stands for."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, NoReturn

from llmos_nb.app import verbs
from llmos_nb.errors import ConfigError, JournalLocked, UsageError, nearest
from llmos_nb.session import Flag, Form, Setting, Verb

if TYPE_CHECKING:  # what looks on in a terminal drives no process
    from llmos_nb.policy import Plugin
    from llmos_nb.session import Session

NOW = "now"  # the verb of a line that names none
EXAMPLE = """example:
  %%agent -m openai/gpt-4o-mini -b '20 steps, $0.50'
  Which island has the heaviest birds on average? Use `df`."""


class Parser(argparse.ArgumentParser):
    """argparse with errors of one line that name the option and the nearest right one."""

    beyond = ""  # said where a word stands that has no place

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog, add_help=False, allow_abbrev=False, exit_on_error=False, **options)

    def error(self, message: str) -> NoReturn:
        """Raise instead of leaving the interpreter."""
        raise UsageError(f"{self.prog}: {message}")

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse words; an option that is not known is named with the nearest one."""
        try:
            parse = self.parse_known_args if "--" in words else self.parse_known_intermixed_args
            found, rest = parse(list(words))
        except argparse.ArgumentError as error:
            raise UsageError(f"{self.prog}: {error}") from None
        if rest:
            known = [o for action in self._actions for o in action.option_strings]
            what = "unknown option" if rest[0].startswith("-") else "unexpected word"
            hint = nearest(rest[0], known) or ("" if rest[0].startswith("-") else self.beyond)
            raise UsageError(f"{self.prog}: {what} {rest[0]!r}{hint}")
        return found


def split(line: str) -> list[str]:
    """Split a line into words as a shell does."""
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageError(f"%agent {line.strip()[:40]!r}: {error} (a quote is not closed)") from None


# fmt: off
def _own_flags() -> list[Flag]:
    """Return what one cell says of its process and nothing else can."""
    from llmos_nb.tools.devices import OFFERED  # slow to load, as settings are; a terminal needs neither

    return [
        Flag("name", nargs="?", default="", help="a name for the process"),
        Flag("-t", "--tools", metavar="NAMES", default="",
            help="functions it may call (globs, -minus), and devices by name: " + ", ".join(OFFERED)),
        Flag("--vars", metavar="NAMES", default="", help="variables it is shown (globs, -minus)"),
        Flag("--bind", metavar="NAMES", default="", help="names it may write (globs, -minus)"),
        Flag("-o", "--out", metavar="NAME", default="", help="variable that receives the answer; "
            "or variables to be left, with types: 'total: float, table: DataFrame'"),
        Flag("--check", metavar="EXPR", help="Python expression that must hold of the answer"),
        Flag("--bg", action="store_true", help="go on in the background; the cell returns at once"),
        Flag("-n", "--dry-run", action="store_true", help="preview each step in a forked copy; nothing is changed"),
        Flag("--isolate", action="store_true", help="run its Python in a child process"),
        Flag("-h", "--help", action="store_true", help="show this"),
    ]
# fmt: on


def _setting_flags() -> list[Flag]:
    """Return the flags of the settings that may stand on the line, too."""
    from llmos_nb.session import config  # as above

    found = [(s, s.flag) for s in config.SETTINGS.values() if s.flag is not None]
    return [Flag(*flag.names, help=_setting_help(s), **flag.how) for s, flag in found]


def cell_flags() -> list[Flag]:
    """Return the flags of the `%%agent` line: those of the cell alone, and those of settings."""
    return [*_own_flags(), *_setting_flags()]


def _setting_help(s: Setting) -> str:
    return s.help + (f" (default {s.default})" if isinstance(s.default, str) and s.default else "")


@cache
def cell_parser() -> Parser:
    """Return the parser of the `%%agent` line."""
    p = Parser(
        "%%agent",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXAMPLE,
        description="Start a process in this notebook; the goal is the cell's body. "
        "`df` names a variable, &`f` hands over a function.",
    )
    p.beyond = "; the line takes a name and options, and the goal goes below, into the cell"
    settings = p.add_argument_group("settings", "%config LLMOS and llmos.toml set them for all cells")
    for group, flags in ((p, _own_flags()), (settings, _setting_flags())):
        for flag in flags:
            group.add_argument(*flag.names, **flag.how)
    return p


def parse_cell(line: str) -> argparse.Namespace:
    """Read the line of a `%%agent` cell and check each value.

    Raises
    ------
    UsageError
        One line that names the option and the nearest right one.
    """
    from llmos_nb.policy import budget, parse_mode  # as above
    from llmos_nb.tools.devices.child import parse_untrusted

    found = cell_parser().read(split(line))
    if found.name and not re.fullmatch(r"\w[\w-]*", found.name):
        raise UsageError(
            f"%%agent {found.name!r}: a name has letters, digits, _ and -; the goal goes below, into the cell"
        )
    if found.approve is not None:
        parse_mode(found.approve, "--approve")
    if found.untrusted is not None:
        parse_untrusted(found.untrusted, "--untrusted")
    if found.budget is not None:
        budget.parse(found.budget, "--budget")
    if found.out:
        from llmos_nb.process import finish as outputs  # slow to load, and few cells declare types

        outputs.parse(found.out)
    return found


@dataclass(frozen=True)
class Command:
    """A `%agent` line, read."""

    verb: str
    words: list[str]
    flags: dict[str, Any]

    @property
    def process(self) -> str:
        """The pid or name that it begins with; empty where it names no process, which stands for the last one."""
        return self.words[0] if self.words else ""


async def carry_out(session: Session, line: str) -> Any:
    """Read an `%agent` line and do what it says."""
    command = parse_command(line)
    if command.verb == "help":
        return print(command_parser(*command.words).format_help() if command.words else command_help())
    try:
        if said := await _elsewhere(session, command):
            return print(said)
        return await resolve_name(find(command.verb, "agent").run)(session, command)
    except JournalLocked as error:
        where = "it runs elsewhere; do it there, or here once nobody has it (nothing was changed)"
        raise JournalLocked(f"{error}: {where}") from None


async def _elsewhere(session: Session, command: Command) -> str:
    """Have a command carried out where its process is at hand, and say what became of it; nothing where it is here."""
    from llmos_nb.journal import held_elsewhere
    from llmos_nb.session.commands import VERBS  # they come with the first process

    if command.verb not in VERBS or command.flags.get("all") or command.flags.get("model"):
        return ""
    process = session.find(command.process)
    if not process.cold or held_elsewhere(process.journal.path) is None:
        return ""
    return str(await resolve_name("llmos_nb.app.commands.home:delivered")(session, command))


def parse_command(line: str) -> Command:
    """Read an `%agent` line."""
    words = split(line)
    name = words[0] if words else NOW
    if name == "--under":
        raise UsageError(
            f"{words[-1]} cannot stand above %%agent: put %%agent first (%agent cost shows the time it took)"
        )
    if name in ("-h", "--help", "help"):
        for word in words[1:2]:
            find(word, "agent")  # a wrong one is said, with the nearest
        return Command("help", words[1:2], {})
    form = find(name, "agent")
    if words[1:] and words[1] in ("-h", "--help"):
        return Command("help", [name], {})
    if form.rest and len(words) > form.least:
        return Command(name, words[1:], {})
    found = vars(command_parser(name).read(words[1:]))
    given = found.pop("words")
    least = form.least - (found.get(form.instead) is not None)
    if form.words.startswith("P ") and _omits_process(given, least):
        given = ["", *given]
    if not least <= len(given) <= form.most:
        raise UsageError(f"%agent {name}: write %agent {name} {form.words}".rstrip())
    return Command(name, given, found)


_NO_PROCESS = re.compile(r"r\d+\.\d+(\.undo)?|all|plan|.*\.(ipynb|py)")


def _omits_process(given: list[str], least: int) -> bool:
    """Return whether words leave the process out: one is missing and the first is no pid, or names no process."""
    if not given or given[0].isdecimal():
        return False
    return len(given) == least - 1 or bool(_NO_PROCESS.fullmatch(given[0]))


def command_parser(name: str) -> Parser:
    """Return the parser of one `%agent` command."""
    form = find(name, "agent")
    shown = {"usage": f"%(prog)s {form.words}", "epilog": example(f"%agent {name}", form)}
    parser = Parser(f"%agent {name}", description=form.help, **shown)
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)
    for flag in form.flags:
        parser.add_argument(*flag.names, **flag.how)
    return parser


def example(command: str, form: Form) -> str | None:
    """Return the last line of a command's help."""
    return f"example: {command} {form.example}" if form.example else None


def command_help() -> str:
    """Return the help of `%agent`: a row for each command."""
    rows = [_help_row(f"  %agent {v.name} {v.agent.words}", v.help) for v in offered("agent") if v.agent]
    return "Steer processes; P is a pid or a name (default: the last one).\n" + "\n".join(rows)


def _help_row(usage: str, words: str, width: int = 44) -> str:
    """Put the words beside the usage, or below one that is too long."""
    return usage.ljust(width) + words if len(usage) < width else f"{usage}\n{' ' * width}{words}"


def find(name: str, place: str) -> Form:
    """Return the form of a verb in a place: ``"agent"`` or ``"llmos"``.

    Raises
    ------
    UsageError
        There is none of that name, or the package that brings it is broken.
    """
    verb = verbs.BUILT_IN.get(name)
    if verb is None and (plugin := _plugins().get(name)) is not None:
        verb = _loaded(plugin)
    form = getattr(verb, place, None)
    if verb is None or not isinstance(form, Form):
        say, known = {"agent": "%agent"}.get(place, place), [v.name for v in offered(place)]
        hint = f" ({say} --help lists all)"
        raise UsageError(f"{say} {name!r}: unknown command{nearest(name, known)}{hint}")
    return replace(form, help=form.help or verb.help)


def offered(place: str) -> Iterator[Verb]:
    """Yield the verbs of a place, then those of other packages; a broken one is listed with what is wrong."""
    yield from (v for v in verbs.BUILT_IN.values() if getattr(v, place))
    for name, plugin in _plugins().items():
        try:
            verb = _loaded(plugin)
        except ConfigError as error:
            verb = Verb(name, f"cannot be used: {str(error).partition(': ')[2]}", Form(""), Form(""))
        if getattr(verb, place):
            yield verb


def _plugins() -> Mapping[str, Plugin]:
    """Return the verbs of other packages; who names one of ours waits for no list of what is installed."""
    from llmos_nb.policy import load_plugins

    return load_plugins(verbs.GROUP, verbs.BUILT_IN)


def _loaded(plugin: Plugin) -> Verb:
    """Return the verb of another package; whatever goes wrong there is one line that names the package."""
    verb = plugin.load()
    if not isinstance(verb, Verb) or verb.name != plugin.name:
        raise plugin.broken(f"it gives {verb!r:.60} where a Verb of that name is wanted")
    return verb


def names_something(words: Sequence[str]) -> bool:
    """Return whether the first word is a step, a call, or several, rather than a reason's beginning."""
    return bool(words) and bool(re.fullmatch(r"\d+|all|plan(:\d+)?|r\d+\.\d+\S*", words[0]))
