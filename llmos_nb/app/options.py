"""The command lines of `%%agent` and `%agent`: words in, plain values out, what a verb's name stands for, and TAB."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pkgutil import resolve_name
from typing import Any, NoReturn

from llmos_nb.app import verbs
from llmos_nb.errors import ConfigError, JournalLocked, UsageError, nearest
from llmos_nb.policy import Plugin, budget, load_plugins, parse_mode
from llmos_nb.session import Flag, Form, Session, Setting, Verb, config
from llmos_nb.tools.devices import OFFERED
from llmos_nb.tools.devices.child import parse_untrusted

EXAMPLE = """example:
  %%agent -m openai/gpt-4o-mini -b '20 steps, $0.50'
  Which island has the heaviest birds on average? Use `df`."""


class Parser(argparse.ArgumentParser):
    """argparse with errors of one line that name the option and the nearest right one."""

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
            raise UsageError(f"{self.prog}: {what} {rest[0]!r}{nearest(rest[0], known)}")
        return found


def split(line: str) -> list[str]:
    """Split a line into words as a shell does."""
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageError(f"%agent {line.strip()[:40]!r}: {error} (a quote is not closed)") from None


# what one cell says of its process and nothing else can; the settings that stand on the line, too, declare their flags
# fmt: off
CELL = (
    Flag("name", nargs="?", default="", help="a name for the process"),
    Flag("-t", "--tools", metavar="NAMES", default="",
        help="functions it may call (globs, -minus), and devices by name: " + ", ".join(OFFERED)),
    Flag("--vars", metavar="NAMES", default="", help="variables it is shown (globs, -minus)"),
    Flag("--bind", metavar="NAMES", default="", help="names it may write (globs, -minus)"),
    Flag("-o", "--out", metavar="NAME", default="", help="variable that receives the answer; or variables to be left, "
        "with types: 'total: float, table: DataFrame'"),
    Flag("--check", metavar="EXPR", help="Python expression that must hold of the answer"),
    Flag("--bg", action="store_true", help="go on in the background; the cell returns at once"),
    Flag("-n", "--dry-run", action="store_true", help="preview each step in a forked copy; nothing is changed"),
    Flag("--isolate", action="store_true", help="run its Python in a child process"),
    Flag("-h", "--help", action="store_true", help="show this"),
)
# fmt: on


def cell_flags() -> list[Flag]:
    """Return the flags of the `%%agent` line: those of the cell alone, and those of settings."""
    found = [(s, s.flag) for s in config.SETTINGS.values() if s.flag is not None]
    return [*CELL, *(Flag(*flag.names, help=_setting_help(s), **flag.how) for s, flag in found)]


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
    settings = p.add_argument_group("settings", "%config LLMOS and llmos.toml set them for all cells")
    for flag in cell_flags():
        (p if flag in CELL else settings).add_argument(*flag.names, **flag.how)
    return p


def parse_cell(line: str) -> argparse.Namespace:
    """Read the line of a `%%agent` cell and check each value.

    Raises
    ------
    UsageError
        One line that names the option and the nearest right one.
    """
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
        return await resolve_name(find(command.verb, "agent").run)(session, command)
    except JournalLocked as error:
        raise JournalLocked(
            f"{error}: it runs in another notebook; do it there (nothing was changed)"
        ) from None


def parse_command(line: str) -> Command:
    """Read an `%agent` line."""
    words = split(line)
    if not words:
        return Command("help", [], {})
    name = words[0]
    if name == "--under":
        raise UsageError(
            f"{words[-1]} cannot stand above %%agent: put %%agent first (%agent cost shows the time it took)"
        )
    if name in ("-h", "--help", "help"):
        return Command("help", [], {})
    form = find(name, "agent")
    if words[1:] and words[1] in ("-h", "--help"):
        return Command("help", [name], {})
    if form.rest and len(words) > form.least:
        return Command(name, words[1:], {})
    found = vars(command_parser(name).read(words[1:]))
    given = found.pop("words")
    if form.words.startswith("P ") and _omits_process(given, form):
        given = ["", *given]
    if not form.least <= len(given) <= form.most:
        raise UsageError(f"%agent {name}: write %agent {name} {form.words}".rstrip())
    return Command(name, given, found)


_NO_PROCESS = re.compile(r"r\d+\.\d+(\.undo)?|all|plan|.*\.(ipynb|py)")


def _omits_process(given: list[str], form: Form) -> bool:
    """Return whether words leave the process out: one is missing and the first is no pid, or names no process."""
    if not given or given[0].isdecimal():
        return False
    return len(given) == form.least - 1 or bool(_NO_PROCESS.fullmatch(given[0]))


def command_parser(name: str) -> Parser:
    """Return the parser of one `%agent` command."""
    form = find(name, "agent")
    parser = Parser(f"%agent {name}", usage=f"%(prog)s {form.words}", description=form.help)
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)
    for flag in form.flags:
        parser.add_argument(*flag.names, **flag.how)
    return parser


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
    if verb is None and (plugin := load_plugins(verbs.GROUP, verbs.BUILT_IN).get(name)) is not None:
        verb = _loaded(plugin)
    form = getattr(verb, place, None)
    if verb is None or not isinstance(form, Form):
        say, known = {"agent": "%agent"}.get(place, place), [v.name for v in offered(place)]
        hint = " (%agent --help lists all)" if place == "agent" else ""
        raise UsageError(f"{say} {name!r}: unknown command{nearest(name, known)}{hint}")
    return replace(form, help=form.help or verb.help)


def offered(place: str) -> Iterator[Verb]:
    """Yield the verbs of a place, then those of other packages; a broken one is listed with what is wrong."""
    yield from (v for v in verbs.BUILT_IN.values() if getattr(v, place))
    for name, plugin in load_plugins(verbs.GROUP, verbs.BUILT_IN).items():
        try:
            verb = _loaded(plugin)
        except ConfigError as error:
            verb = Verb(name, f"cannot be used: {str(error).partition(': ')[2]}", Form(""), Form(""))
        if getattr(verb, place):
            yield verb


def _loaded(plugin: Plugin) -> Verb:
    """Return the verb of another package; whatever goes wrong there is one line that names the package."""
    verb = plugin.load()
    if not isinstance(verb, Verb) or verb.name != plugin.name:
        raise plugin.broken(f"it gives {verb!r:.60} where a Verb of that name is wanted")
    return verb


_LINE = re.compile(r"\s*(?:[\w.]+\s*=\s*)?(%%?)agent\s+(.*)", re.DOTALL)
Processes = Callable[[], Iterable[str]]


def candidates(text: str, processes: Processes) -> list[str] | None:
    """Return what may stand next on a line.

    Parameters
    ----------
    text : str
        The line up to the cursor.
    processes : callable
        Returns pids and names of the processes that are at hand.

    Returns
    -------
    list of str or None
        Words that begin with the unfinished one; None where the line is none of ours.
    """
    line = _LINE.match(text)
    if line is None:
        return None
    *before, word = re.split(r"\s+", line[2])
    return sorted({c for c in _next(line[1], before, word, processes) if c.startswith(word)})


def _next(percents: str, before: list[str], word: str, processes: Processes) -> Iterator[str]:
    if percents == "%%":
        yield from (f for flag in cell_flags() for f in flag.names if f.startswith("--"))
        return
    if not before:
        yield from ("--help", *(v.name for v in offered("agent")))
        return
    try:
        form = find(before[0], "agent")
    except UsageError:
        return
    if not word.startswith("-"):
        yield from _words(form, len(before) - 1, processes)
    yield from (f for flag in form.flags for f in flag.names if f not in before)


def _words(form: Form, at: int, processes: Processes) -> Iterator[str]:
    """Yield what may stand at a place, by the usage: a process where it says P or Q, or one of several acts."""
    usage = form.words.strip("[]").split(" | ")
    if at < len(usage[0].split()) and usage[0].split()[at].strip("[]") in ("P", "Q"):
        yield from processes()
    elif at == 0:
        yield from (act for act in (way.split()[0] for way in usage if way) if re.fullmatch("[a-z]+", act))
