"""Clicks on a process that another interpreter has at hand: they reach it by the home, as a person's commands do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.journal import Home, who
from llmos_nb.session.commands import Command, Target, deliver

Message = Mapping[str, Any]


def _key(m: Message) -> str:
    return str(m.get("call") or (f"step:{m['step']}" if m.get("step") else "all"))


def _named(m: Message) -> str:
    return str(m.get("call") or m.get("step") or "all")


def _approve(m: Message, rule: str = "") -> dict[str, Any]:
    if "code" in m or "arguments" in m:
        return _edit(m)
    chosen = {k: m[k] for k in ("without", "upto") if k in m} | ({"rule": rule} if rule else {})
    return {"targets": (Target(_key(m), m.get("digest", "")),), "options": chosen}


def _edit(m: Message) -> dict[str, Any]:
    changes = {k: m[k] for k in ("title", "expect", "code", "arguments") if k in m}
    if m.get("call"):
        code = {"code": m["code"]} if "code" in m else {}
        changes = {"arguments": {**code, **m.get("arguments", {})}}
    return {"verb": "edit", "words": (_named(m),), "options": changes}


def _words(*names: str) -> Callable[[Message], dict[str, Any]]:
    return lambda m: {"words": tuple(str(m[n]) for n in names if m.get(n) not in (None, ""))}


def _send(m: Message) -> dict[str, Any]:
    if not m.get("text", "").strip():
        raise UsageError("nothing was said")
    return _words("text")(m)


_OF: dict[str, Callable[[Message], dict[str, Any]]] = {
    "approve": _approve,
    "approve_rest": lambda m: {"verb": "approve", **_approve(m, "rest")},
    "approve_same": lambda m: {"verb": "approve", **_approve(m, "same")},
    "check_edit": _edit,
    "edit": _edit,
    "reject": lambda m: {"words": (_named(m), *([m["why"]] if m.get("why") else ()))},
    "skip": lambda m: {"words": (_named(m),)},
    "retry": _words("step", "hint"),
    "add": lambda m: {"words": (m["title"],), "options": {"expect": m.get("expect", "")}},
    "undo": lambda m: {"options": {"to": m["step"]} if m.get("step") is not None else {}},
    "undo_all": lambda m: {"verb": "undo", "options": {"to": 0}},
    "send": _send,
    "reply": _words("text"),
    "resolve": lambda m: {"words": (m["call"],), "options": {"done": bool(m["done"])}},
    "budget": lambda m: {"words": (m.get("more") or m.get("text") or "+10 steps",)},
    **dict.fromkeys(("pause", "stop", "kill", "redo", "resume"), lambda m: {}),
}
HERE = frozenset(("export", "cells"))
"""Verbs that only read the journal."""


def command(pid: int, where: str, m: Message) -> Command:
    """Return a click as a command.

    Raises
    ------
    UsageError
        It can only be done where the process is.
    """
    if (made := _OF.get(verb := m["verb"])) is None:
        raise UsageError(f"process {pid} is {where}: {verb} is done there")
    return Command(pid, **{"verb": verb, **made(m)}, by=who())


async def send(folder: Path, where: str, pid: int, m: Message) -> str:
    """Have a click carried out by the interpreter that has the process at hand; return what became of it.

    Raises
    ------
    UsageError
        It was refused there, and says why.
    """
    home, wanted = Home(folder.parents[1]), command(pid, where, m)
    done = await deliver(home, folder, wanted, nested=True)
    if wanted.verb == "budget" and done.ok and m.get("resume"):
        done = await deliver(home, folder, Command(pid, "resume", by=who()), nested=True)
    if not done.ok:
        raise UsageError(done.said)
    return done.said
