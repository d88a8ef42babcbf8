"""The commands of `%agent`: which words and flags each takes, and what it does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


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
    """Give flags that are there or not."""
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
