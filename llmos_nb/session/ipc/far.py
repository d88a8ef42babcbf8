"""Mail to a process of the home that this session does not have at hand: another interpreter has it, or nobody.

It goes as a file in the home, authenticated as a command is, and stands there until it is in the journal of whoever it
is for, who knows it by its id: so it is not lost, and arrives once.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from llmos_nb.errors import LlmosError, UsageError
from llmos_nb.journal import Home, holder_of, look, scan, server_of
from llmos_nb.journal.events import MessageArrived
from llmos_nb.process import saved
from llmos_nb.session import table
from llmos_nb.session.commands import WAIT_S, Command, answer_to, files
from llmos_nb.session.ipc.deadlock import title
from llmos_nb.session.protocols import ProcessLike
from llmos_nb.tools import reentry

MAIL = "mail"


class Other(NamedTuple):
    """A process of the home: who it is, how it ended if it did, its mailbox with what is on its way there."""

    pid: int
    title: str
    ended: str
    takes: bool
    mailbox: Mapping[str, Mapping[str, Any]]


def title_of(to: ProcessLike | Other) -> str:
    """Name a process in a sentence, at hand or not."""
    return to.title if isinstance(to, Other) else title(to.run.state)


def find(home: Home, key: str | int) -> Other | None:
    """Return the process of a name or number; one that lives before one that has ended."""
    folder = (home.find(int(key)) if str(key).isdecimal() else None) or table.named(home, str(key))
    if folder is None:
        return None
    try:
        stat = (journal := folder / "journal.jsonl").stat()
        found = _read(journal, stat.st_size, stat.st_mtime_ns)
        coming = {p.name: {"size": p.stat().st_size} for pid, p in files.pending(home.root) if pid == found.pid}
    except (OSError, LlmosError):
        return None
    return found._replace(mailbox={**found.mailbox, **coming})


@lru_cache(maxsize=64)
def _read(journal: Path, size: int, changed: int) -> Other:
    if not (found := scan(journal)[0]):
        raise LlmosError(f"{journal} has no event yet")
    s = saved.folded(found, journal)
    mailbox = {key: {"size": m["size"]} for key, m in s.mailbox.items()}
    return Other(s.pid, title(s), s.reason or "", "receive" in s.tools, mailbox)


class Elsewhere:
    """What is known of the processes of a home that are not at hand."""

    def __init__(self, home: Home) -> None:
        self.home = home

    def ended(self, pid: int) -> str:
        """Say how one has ended; nothing of one that lives."""
        found = find(self.home, pid)
        return f"{found.title} has ended ({found.ended})" if found is not None and found.ended else ""

    def some_may_come(self, near: Container[int]) -> bool:
        """Return whether another than those at hand lives, or a service may start one."""
        return server_of(self.home) is not None or any(g.pid not in near for g in look(self.home).unfinished)

    def under_way(self, pid: int) -> bool:
        """Return whether something that another sent to a process stands in the home still."""
        return any(to == pid for to, _ in files.pending(self.home.root))


async def deliver(home: Home, to: Other, message: MessageArrived) -> str:
    """Bring a message to a process, and say where it is.

    Raises
    ------
    UsageError
        Its receiver does not take it.
    """
    said = Command(to.pid, MAIL, options=dict(message.plain()))
    path = reentry.outside().run(files.post, home.root, said)  # by the process, not by what runs in its steps
    folder = home.find(to.pid)
    if folder is None or (holder := holder_of(folder / "journal.jsonl")) is None:
        return f"left for {to.title}: nobody has it at hand"
    holder.wake()
    done = await answer_to(path, WAIT_S, "", f"left for {to.title}: it is busy")
    if not done.ok:
        raise UsageError(done.said.removeprefix("UsageError: ") or f"{to.title} did not take it")
    return f"sent to {to.title}" if done.final else done.said
