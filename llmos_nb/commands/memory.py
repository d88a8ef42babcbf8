"""The `%agent` commands of the long-term memory: remember, recall, forget."""

from __future__ import annotations

import asyncio

from llmos_nb import forget
from llmos_nb.commands.base import handles, say
from llmos_nb.memory import Remembered
from llmos_nb.options import Command
from llmos_nb.preview import safe_text
from llmos_nb.search import excerpt
from llmos_nb.session import Session

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
    size = forget.forget(process.run, command.words[1])
    say(
        f"process {process.pid}: {size:,} bytes of {command.words[1]} are deleted; the chain of the journal holds"
    )
