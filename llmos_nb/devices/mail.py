"""Messages between processes: the tools' definitions; the session's post office carries them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from llmos_nb.devices.site import Site
from llmos_nb.errors import ToolRaised
from llmos_nb.tools import Tool, as_tool


def send(to: str, message: str) -> str:
    """Send a message to another process; waits where its mailbox is full.

    Parameters
    ----------
    to : str
        Name or number of the process, or a shared mailbox such as #tasks.
    message : str
        All that it needs to know; it sees nothing else of you.
    """
    raise ToolRaised("a message goes through its process; nothing else can send it")


def receive(sender: str = "") -> str:
    """Take the next message to you, and wait until there is one.

    Parameters
    ----------
    sender : str
        Name or number of a process; empty for anybody; or a shared mailbox such as #tasks.
    """
    raise ToolRaised("a message comes through its process; nothing else can take it")


def mail_tools(_: Site) -> list[Tool]:
    """Give the two tools; a message carries its label, so that sending one is no way out and asks nobody."""
    sending = replace(as_tool(send, effect="read", repeat="idempotent"), code=_sent)
    return [sending, replace(as_tool(receive, effect="read", repeat="idempotent"), code=_received)]


def _sent(arguments: Mapping[str, object]) -> str:
    return f"# sent to {arguments.get('to')}: {' '.join(str(arguments.get('message', '')).split())[:200]}"


def _received(arguments: Mapping[str, object]) -> str:
    return f"# waited for a message from {arguments.get('sender') or 'anybody'}"
