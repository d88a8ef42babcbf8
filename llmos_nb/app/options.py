"""The command lines of `%%agent` and `%agent`: words in, plain values out."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from llmos_nb.errors import UsageError, nearest
from llmos_nb.policy import MODES, budget, parse_mode
from llmos_nb.session import PLANNING
from llmos_nb.tools.devices import OFFERED
from llmos_nb.tools.devices.child import parse_untrusted


@dataclass(frozen=True)
class Verb:
    """One command of `%agent`: how many words it takes, and what it does."""

    words: str
    help: str
    least: int = 0
    most: int = 9
    flags: dict[str, dict[str, Any]] = field(default_factory=dict)
    rest: bool = False  # its words may begin with a dash, as a program's options do


def _switches(*names: str) -> dict[str, dict[str, Any]]:
    """Return flags that are there or not."""
    return {f"--{name}": {"action": "store_true"} for name in names}


_LOG = {**_switches("json", "verify", "decisions", "all"), "--by": {"metavar": "WHO", "default": ""}}
_PRUNE = {
    **_switches("yes"), "--payload-days": {"type": float}, "--runs-days": {"type": float}, "--keep": {"type": int},
}  # fmt: skip
_GOALS: dict[str, dict[str, Any]] = {
    "--check": {"metavar": "EXPR"}, "--every": {"metavar": "'1 h'"}, "--at": {"metavar": "TIME"},
    "-m": {"dest": "model"}, "-a": {"dest": "approve"}, "-b": {"dest": "budget"},
}  # fmt: skip
_FROM = {"--from": {"dest": "source", "metavar": "P"}}
_ALL = {"--all": {"action": "store_true"}}
_MODEL = {"-m": {"dest": "model"}}
_RULE: dict[str, dict[str, Any]] = {
    "--where": {"action": "append", "default": []}, "--count": {"type": int, "default": 0}, "--until": {"default": ""},
}  # fmt: skip
VERBS: dict[str, Verb] = {
    "ps": Verb("", "the processes of this notebook", 0, 0),
    "top": Verb("[-n TIMES]", "what each uses now, refreshed in place", 0, 0, {"-n": {"type": int}}),
    "tree": Verb("", "processes and their children", 0, 0),
    "show": Verb("P", "draw the panel of a process here", 0, 1),
    "log": Verb("P [--decisions] [--by WHO] [--all]", "its events, or who approved what", 0, 1, _LOG),
    "trace": Verb("P [FILE]", "its spans, or into a file", 0, 2, _switches("send")),
    "loop": Verb("P", "the whole run as a graph", 0, 1),
    "cost": Verb("P", "what it has spent", 0, 1),
    "tools": Verb("P", "what it may call", 0, 1),
    "doctor": Verb("", "what works here and what does not", 0, 0),
    "plan": Verb("P", "its plan", 0, 1),
    "edit": Verb('P N "title"', "edit a step", 3),
    "add": Verb('P "title"', "add a step", 2),
    "move": Verb("P N TO", "move a step to a position", 3, 3),
    "skip": Verb("P N", "skip a step or call", 2, 2),
    "retry": Verb('P N "hint"', "do a step again", 2),
    "approve": Verb("P [N|CALL|all]", "approve what it asks", 1, 2),
    "reject": Verb('P N "why"', "reject what it asks", 1),
    "reply": Verb('P "answer"', "answer its question", 2),
    "send": Verb('P "words"', "tell it something", 2),
    "pause": Verb("P", "pause after this step", 1, 1),
    "stop": Verb("P", "stop now, to be resumed", 1, 1),
    "kill": Verb("P", "end for good", 1, 1),
    "resume": Verb("P [-m SPEC]", "go on", 1, 1, _MODEL),
    "nice": Verb("P ±N", "who goes first where several wait: -20 first, 19 last", 2, 2),
    "budget": Verb('P "+10 steps"', "raise its budget", 2),
    "resolve": Verb(
        "P CALL --done|--again",
        "settle a call in doubt",
        2,
        2,
        _switches("done", "again"),
    ),
    "undo": Verb("P [--to N]", "take its last step back", 1, 1, {"--to": {"type": int}}),
    "redo": Verb("P", "put back what was undone", 1, 1),
    "fork": Verb(
        "P --at N [--isolate]",
        "go on from an event as a new process",
        1,
        1,
        {"--at": {"type": int}, "--isolate": {"action": "store_true"}},
    ),
    "diff": Verb("P Q", "where two processes differ", 2, 2),
    "replay": Verb("FILE", "show a journal; nothing runs", 1, 1),
    "export": Verb(
        "P FILE",
        "write the plain notebook",
        2,
        2,
        _switches("clean", "trace"),
    ),
    "cells": Verb("P", "put its surviving steps as cells below", 0, 1),
    "verify": Verb("FILE", "prove an exported notebook", 1, 1),
    "allow": Verb("NAME [--where ARG=VALUE]", "let a tool through in every process", 1, 1, _RULE),
    "deny": Verb("NAME [--where ARG=VALUE]", "refuse a tool in every process", 1, 1, _RULE),
    "mcp": Verb(
        "list | add NAME COMMAND… | remove NAME",
        "MCP servers, whose tools -t NAME hands over",
        1,
        99,
        rest=True,
    ),
    "prune": Verb("[--yes]", "delete what is older than it may be kept", 0, 0, _PRUNE),
    "skill": Verb(
        "list | add PATH | run NAME x=… | save P NAME x=… | remove NAME",
        "notebooks that run as steps; -t skill:NAME hands one over",
        1,
        99,
        rest=True,
    ),
    "secret": Verb("NAME", "keep a variable's value out of all prompts, journals and exports", 1, 1),
    "forget": Verb("P CALL | mN", "delete what a call gave (its record stays), or a memory", 1, 2),
    "goals": Verb(
        '[add "goal" | done N | remove N | wake [N]]', "goals that come back until they are done", 0, 99, _GOALS
    ),
    "remember": Verb('"text" [--from P]', "keep it over runs; with --from alone, an answer", 0, 99, _FROM),
    "recall": Verb('"words" [--all]', "find what was remembered, or said in any run", 0, 99, _ALL),
}

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


def cell_parser() -> Parser:
    """Return the parser of the `%%agent` line."""
    p = Parser(
        "%%agent",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXAMPLE,
        description="Start a process in this notebook; the goal is the cell's body. "
        "`df` names a variable, &`f` hands over a function.",
    )
    p.add_argument("name", nargs="?", default="", help="a name for the process")
    p.add_argument(
        "-m",
        "--model",
        metavar="SPEC",
        help="openai/NAME, ollama/NAME, URL#NAME, local[/NAME], script:FILE, replay:FILE",
    )
    p.add_argument(
        "-a", "--approve", metavar="MODE", help="who decides: " + ", ".join(MODES) + " (default risky)"
    )
    p.add_argument(
        "-t",
        "--tools",
        metavar="NAMES",
        default="",
        help="functions it may call (globs, -minus), and devices by name: " + ", ".join(OFFERED),
    )
    p.add_argument("--vars", metavar="NAMES", default="", help="variables it is shown (globs, -minus)")
    p.add_argument("--bind", metavar="NAMES", default="", help="names it may write (globs, -minus)")
    p.add_argument("-b", "--budget", metavar="AMOUNTS", help="as in '20 steps, 50k tokens, $0.50, 3 min'")
    p.add_argument(
        "-o",
        "--out",
        metavar="NAME",
        default="",
        help="variable that receives the answer; or variables to be left, with types: 'total: float, table: DataFrame'",
    )
    p.add_argument("--plan", metavar="HOW", help=", ".join(PLANNING) + ", or the name of a variable with steps")
    p.add_argument("--check", metavar="EXPR", help="Python expression that must hold of the answer")
    p.add_argument("--bg", action="store_true", help="go on in the background; the cell returns at once")
    p.add_argument(
        "-n", "--dry-run", action="store_true", help="preview each step in a forked copy; nothing is changed"
    )
    p.add_argument("--isolate", action="store_true", help="run its Python in a child process")
    p.add_argument("--untrusted", metavar="HOW", help="its Python after it read untrusted data: ask, child")
    p.add_argument(
        "--show-values", action="store_true", help="describe variables with their values, to any model"
    )
    p.add_argument("-h", "--help", action="store_true", help="show this")
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
        parse_mode(found.approve)
    if found.untrusted is not None:
        parse_untrusted(found.untrusted, "--untrusted")
    if found.budget is not None:
        budget.parse(found.budget)
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
    if name not in VERBS:
        raise UsageError(f"%agent {name!r}: unknown command{nearest(name, VERBS)} (%agent --help lists all)")
    verb = VERBS[name]
    if verb.rest and len(words) > verb.least and words[1] not in ("-h", "--help"):
        return Command(name, words[1:], {})
    parser = Parser(f"%agent {name}")
    parser.add_argument("words", nargs="*")
    for flag, how in verb.flags.items():
        parser.add_argument(flag, **how)
    found = vars(parser.read(words[1:]))
    given = found.pop("words")
    if not verb.least <= len(given) <= verb.most:
        raise UsageError(f"%agent {name}: write %agent {name} {verb.words}".rstrip())
    return Command(name, given, found)


def command_help() -> str:
    """Return the help of `%agent`."""
    rows = [_help_row(f"  %agent {name} {verb.words}", verb.help) for name, verb in VERBS.items()]
    return "Steer processes; P is a pid or a name (default: the last one).\n" + "\n".join(rows)


def _help_row(usage: str, words: str, width: int = 44) -> str:
    """Put the words beside the usage, or below one that is too long."""
    return usage.ljust(width) + words if len(usage) < width else f"{usage}\n{' ' * width}{words}"
