"""The `%agent` commands of the long-term memory: remember, recall, forget."""

from __future__ import annotations

import asyncio

from llmos_nb.app.options import Command
from llmos_nb.process.state import excerpt
from llmos_nb.session import Session, prune
from llmos_nb.session.memory import Remembered
from llmos_nb.tools import safe_text
from llmos_nb.views import few

SHOWN = 400


async def remember(session: Session, command: Command) -> None:
    key = command.flags["source"]
    source = session.find(key) if key else None
    name = await asyncio.to_thread(session.remember, " ".join(command.words), source)
    print(f"remembered as {name}; %agent recall finds it, %agent forget {name} deletes it")


async def recall(session: Session, command: Command) -> None:
    query = " ".join(command.words)
    if not query:
        found = await asyncio.to_thread(session.memory.latest) if session.memory.any else []
        print("\n".join(_line(r, "") for r in found) or 'nothing is remembered yet: %agent remember "…"')
        return
    found = await asyncio.to_thread(session.recall, query, command.flags["all"])
    more = "" if command.flags["all"] else " (--all also looks in former runs)"
    print("\n".join(_line(r, query) for r in found) or f"nothing fits {query!r:.60}{more}")


def _line(r: Remembered, query: str) -> str:
    return f"{r.origin}: {safe_text(excerpt(r.text, query, SHOWN))}"


async def forget(session: Session, command: Command) -> None:
    if len(command.words) == 1:
        text = await asyncio.to_thread(session.memory.forget, command.words[0])
        print(f"{command.words[0]} is forgotten: {safe_text(excerpt(text, '', 80))}")
        if found := await asyncio.to_thread(session.memory.still_in, text):
            print(f"the text still stands in {few(found)}, where it was said: what is on record is not changed")
        return
    process = session.find(command.words[0])
    size = prune.forget(process.run, command.words[1])
    gone = f"{size:,} bytes of {command.words[1]} are deleted"
    print(f"process {process.pid}: {gone}; no line of its journal is changed")
