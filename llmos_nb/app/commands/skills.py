"""The `%agent skill` command: notebooks that run as steps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from llmos_nb.app.options import Command
from llmos_nb.app.present.presenter import Presenter
from llmos_nb.errors import UsageError, nearest
from llmos_nb.session import Session
from llmos_nb.session.skills import aside, manifest as skill_book, skills
from llmos_nb.views.text import table

_USAGE = "%agent skill list, add PATH [--yes], run NAME [x=value …], save P NAME [x=value …], remove NAME"


async def skill(session: Session, command: Command) -> Any:
    what, *words = command.words
    if what not in _DO:
        raise UsageError(f"%agent skill {what}: write {_USAGE}{nearest(what, _DO)}")
    return await _DO[what](session, words)


async def _list(session: Session, words: list[str]) -> None:
    rows = [_row(r) for r in skills.of(session).list()]
    heads = ["skill", "version", "parameters", "rights", "from"]
    print(table(rows, heads) if rows else f"no skills yet: {_USAGE}")


def _row(r: skills.Row) -> list[str]:
    if (skill := r.skill) is None:
        return [r.name, "", "", "", f"cannot run: {r.wrong}"]
    rights = ", ".join(skill.rights) or "none"
    return [r.name, str(skill.manifest.get("version", "")), _takes(skill), rights, r.origin]


def _takes(skill: skill_book.Skill) -> str:
    ones = skill.parameters.items()
    return ", ".join(f"{n}: {p['type']}" + (f" = {p['default']!r}" if "default" in p else "") for n, p in ones)


async def _add(session: Session, words: list[str]) -> None:
    paths = [w for w in words if w != "--yes"]
    if len(paths) != 1:
        raise UsageError("%agent skill add: write the path of a notebook, or of a folder with one")
    path = Path(paths[0]).expanduser()
    skill = skill_book.read(path)
    print(f"{skill.name}: its author says {str(skill.manifest.get('description', ''))[:200]!r}")
    print(f"it takes {_takes(skill) or 'no parameters'}; it asks for {', '.join(skill.rights) or 'no rights'}")
    added = await aside(skills.of(session).add, path, "--yes" in words)
    print(f"its test passed; added. %agent skill run {added.name} runs it, -t skill:{added.name} hands it to a process")


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
    print(
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
        print(f"{name} is removed; what it did stays in the journals")


_DO = {"list": _list, "add": _add, "run": _run, "save": _save, "remove": _remove}
