"""The `%agent` commands of the long-term memory: remember, recall, forget."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from llmos_nb.app.commands.base import handles, say
from llmos_nb.app.options import Command
from llmos_nb.app.present.presenter import Presenter, front_end
from llmos_nb.errors import LlmosError, UsageError, nearest
from llmos_nb.journal import home_of
from llmos_nb.process.state import excerpt
from llmos_nb.session import Session, config, prune
from llmos_nb.session.goals import Goal, Waker, goals
from llmos_nb.session.memory import Remembered
from llmos_nb.session.skills import aside, skills
from llmos_nb.session.skills import manifest as skill_book
from llmos_nb.tools import safe_text
from llmos_nb.views.text import table

ACTS = ("add", "done", "remove", "wake", "trust")


@handles("goals")
async def _goals(session: Session, command: Command) -> None:
    waker, (act, *words) = session.parts["goals"], command.words or ["list"]
    if act not in (*ACTS, "list"):
        raise UsageError(
            f"%agent goals {act!r}: unknown{nearest(act, ACTS)}; write {', '.join(ACTS)}, or nothing"
        )
    if act == "add":
        given = {k: v or "" for k, v in command.flags.items()}
        goal = goals.add(waker.goals, " ".join(words), session.namespace, now=waker.clock(), **given)
        idle = front_end(session.ip) == "terminal"  # nothing goes on there between two commands
        hint = "; %agent goals wake runs it" if idle and goal.is_due(waker.clock()) else ""
        say(f"goal {goal.n} is written down: {_when(goal, waker)}{hint}")
        waker.begin()
    elif act == "wake":
        await _wake(waker, words)
    elif act == "list":
        await waker.look_back()
        rows = [_row(g, waker) for g in waker.goals.all()]
        say(table(rows, ["goal", "state", "done when", "last", "what"]) if rows else _NONE)
    else:
        _settle(waker, act, words)


_NONE = "no goals yet: %agent goals add \"…\" [--check EXPR] [--every '1 h' | --at 2026-12-01T09:00]"


def _settle(waker: Waker, act: str, words: list[str]) -> None:
    goal = _named(waker, act, words)
    if act == "remove":
        waker.goals.remove(goal.n)
    elif act == "trust":
        waker.goals.change(goal.n, signature=goals.signature(goal))
        waker.begin()
    else:
        waker.goals.change(goal.n, state="done", due=None, said="you said so")
    said = {"remove": "is removed; its runs stay", "trust": "wakes from now on", "done": "is done"}
    say(f"goal {goal.n} {said[act]}")


async def _wake(waker: Waker, words: list[str]) -> None:
    """Wake a goal now, or all that is due, and wait until they have settled or wait for somebody."""
    if words:
        goal = _named(waker, "wake", words)
        waker.goals.change(goal.n, due=waker.clock(), state="open")
    await waker.look_back()
    await waker.tick()
    await asyncio.gather(*(p.attend(patient=False) for p in waker.at_work))


def _named(waker: Waker, act: str, words: list[str]) -> Goal:
    if len(words) != 1 or not words[0].isdecimal():
        raise UsageError(f"%agent goals {act}: write the number of a goal (%agent goals lists them)")
    return waker.goals.find(int(words[0]))


def _row(goal: Goal, waker: Waker) -> list[str]:
    what = " ".join(goal.goal.split())[:60]
    return [str(goal.n), _when(goal, waker), goal.holds[:40] or "answered" * goal.once, goal.said[:60], what]


def _when(goal: Goal, waker: Waker) -> str:
    """Say when a goal wakes next."""
    if goal.state == "done":
        return "done"
    if goal.n in waker.blocked:
        return waker.blocked[goal.n][:60]
    if goal.due is None:
        return (
            f"process {goal.pid}"
            if goal.first is not None
            else f"process {goal.pid}, then when the notebook opens"
        )
    if goal.due <= waker.clock():
        return "due now"
    return f"due {datetime.fromtimestamp(goal.due).astimezone().strftime('%Y-%m-%d %H:%M')}"


START_S = 60.0
_USAGE = "%agent mcp list, %agent mcp add NAME COMMAND…, %agent mcp remove NAME"


@handles("mcp")
async def _mcp(session: Session, command: Command) -> None:
    what, *words = command.words
    if what == "add" and len(words) > 1:
        await _add(session, words[0], words[1:])
    elif what == "remove" and len(words) == 1:
        await session.servers.remove(words[0])
        say(f"{words[0]} is forgotten; processes that used it have its tools no more")
    elif what == "list" and not words:
        await _list(session)
    else:
        known = ("add", "list", "remove")
        raise UsageError(
            f"%agent mcp {what}: write {_USAGE}" + (nearest(what, known) if what not in known else "")
        )


async def _add(session: Session, name: str, command: list[str]) -> None:
    """Keep a server once it has answered; one that does not start is not kept."""
    spec = session.servers.add(name, command)
    try:
        tools = await session.servers.tools(name, START_S)
    except BaseException:
        await session.servers.remove(name)
        raise
    say(f"{name} ({' '.join(spec.command)}) has {len(tools)} tools; -t {name} hands them to a process")
    say(
        table(
            [[t.name, t.description.partition(": ")[2][:70]] for t in tools],
            ["tool", "what the server says of it"],
        )
    )


async def _list(session: Session) -> None:
    rows = [
        [n, " ".join(s.command)[:60], str(session.servers.running(n) or "not yet"), s.where]
        for n, s in session.servers.specs().items()
    ]
    say(table(rows, ["server", "command", "process", "from"]) if rows else f"no MCP servers yet: {_USAGE}")


SHOWN = 400


@handles("remember")
async def _remember(session: Session, command: Command) -> None:
    key = command.flags["source"]
    source = session.find(key) if key else None
    name = await asyncio.to_thread(session.remember, " ".join(command.words), source)
    say(f"remembered as {name}; %agent recall finds it, %agent forget {name} deletes it")


@handles("recall")
async def _recall(session: Session, command: Command) -> None:
    query = " ".join(command.words)
    if not query:
        found = await asyncio.to_thread(session.memory.latest) if session.memory.any else []
        say("\n".join(_line(r, "") for r in found) or 'nothing is remembered yet: %agent remember "…"')
        return
    found = await asyncio.to_thread(session.recall, query, command.flags["all"])
    more = "" if command.flags["all"] else " (--all also looks in former runs)"
    say("\n".join(_line(r, query) for r in found) or f"nothing fits {query!r:.60}{more}")


def _line(r: Remembered, query: str) -> str:
    return f"{r.origin}: {safe_text(excerpt(r.text, query, SHOWN))}"


@handles("forget")
async def _forget(session: Session, command: Command) -> None:
    if len(command.words) == 1:
        text = await asyncio.to_thread(session.memory.forget, command.words[0])
        say(f"{command.words[0]} is forgotten: {safe_text(excerpt(text, '', 80))}")
        return
    process = session.find(command.words[0])
    size = prune.forget(process.run, command.words[1])
    say(
        f"process {process.pid}: {size:,} bytes of {command.words[1]} are deleted; the chain of the journal holds"
    )


_log = logging.getLogger(__name__)


@handles("prune")
async def _prune(session: Session, command: Command) -> None:
    say(prune.asked(session.home, command.flags, command.flags["yes"], session.processes, session.configured))


def keep_house(configured: Mapping[str, Any], live: Callable[[], Collection[int]]) -> None:
    """Delete what is due; what is wrong with the settings is said by the first command, not here."""
    try:
        kept = config.load({}, configured).retention
        if kept.ends:
            prune.prune(home_of(None, configured), kept, live())
    except LlmosError as error:
        _log.info("nothing was pruned: %s", error)


_USAGE_skill = "%agent skill list, add PATH [--yes], run NAME [x=value …], save P NAME [x=value …], remove NAME"


@handles("skill")
async def _skill(session: Session, command: Command) -> Any:
    what, *words = command.words
    if what not in _DO:
        raise UsageError(f"%agent skill {what}: write {_USAGE_skill}{nearest(what, _DO)}")
    return await _DO[what](session, words)


async def _list_skill(session: Session, words: list[str]) -> None:
    rows = [
        [
            r.name,
            str(r.skill.manifest.get("version", "")),
            _takes(r.skill),
            ", ".join(r.skill.rights) or "none",
            r.origin,
        ]
        if r.skill is not None
        else [r.name, "", "", "", f"cannot run: {r.wrong}"]
        for r in skills.of(session).list()
    ]
    say(
        table(rows, ["skill", "version", "parameters", "rights", "from"])
        if rows
        else f"no skills yet: {_USAGE_skill}"
    )


def _takes(skill: skill_book.Skill) -> str:
    ones = skill.parameters.items()
    return ", ".join(f"{n}: {p['type']}" + (f" = {p['default']!r}" if "default" in p else "") for n, p in ones)


async def _add_skill(session: Session, words: list[str]) -> None:
    paths = [w for w in words if w != "--yes"]
    if len(paths) != 1:
        raise UsageError("%agent skill add: write the path of a notebook, or of a folder with one")
    path = Path(paths[0]).expanduser()
    skill = skill_book.read(path)
    say(f"{skill.name}: its author says {str(skill.manifest.get('description', ''))[:200]!r}")
    say(f"it takes {_takes(skill) or 'no parameters'}; it asks for {', '.join(skill.rights) or 'no rights'}")
    added = await aside(skills.of(session).add, path, "--yes" in words)
    say(
        f"its test passed; added. %agent skill run {added.name} runs it, -t skill:{added.name} hands it to a process"
    )


async def _run(session: Session, words: list[str]) -> Any:
    if not words:
        raise UsageError("%agent skill run: write the name of a skill")
    store = skills.of(session)
    values = skill_book.values(store.get(words[0]), words[1:])
    process = skills.start(session, words[0], values)
    presenter = Presenter(session)
    return await presenter.follow(process, presenter.show(process))


async def _save(session: Session, words: list[str]) -> None:
    if len(words) < 2:
        raise UsageError("%agent skill save: write a process, a name for the skill, and parameters as x=value")
    process = session.find(words[0])
    values = dict(_pair(w) for w in words[2:])
    skill = await skills.of(session).save(process, words[1], values)
    say(
        f"saved as the skill {skill.name} ({_takes(skill) or 'no parameters'}); %agent skill run {skill.name} runs it"
    )


def _pair(word: str) -> tuple[str, Any]:
    name, equals, said = word.partition("=")
    if not equals or not name.isidentifier():
        raise UsageError(f"%agent skill save: {word!r} is no parameter; write x=value, with its default")
    try:
        return name, json.loads(said)
    except ValueError:
        return name, said


async def _remove(session: Session, words: list[str]) -> None:
    for name in words:
        skills.of(session).remove(name)
        say(f"{name} is removed; what it did stays in the journals")


_DO = {"list": _list_skill, "add": _add_skill, "run": _run, "save": _save, "remove": _remove}
