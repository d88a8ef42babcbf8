"""Events of messages: between processes, and in the journals of mailboxes that several share."""

from __future__ import annotations

from typing import Literal

from llmos_nb.journal.events.base import Fact, event, key


@event("message.sent")
class MessageSent(Fact):
    """The sender's record, before the message arrives.

    Parameters
    ----------
    to : int or str
        The receiver's pid, or the name of a shared mailbox.
    id : str
        Unique; a message is delivered once.
    digest : str
        SHA-256 of the text.
    label : str
        Label of what the sender had read.
    size : int
        Bytes of the text.
    call : str
        The call that sent it.
    """

    to: int | str
    id: str
    digest: str
    label: str
    size: int
    call: str = ""


@event("message.arrived")
class MessageArrived(Fact):
    """A message stands in a mailbox.

    Parameters
    ----------
    id : str
        As in `MessageSent`.
    sender : int
        The sender's pid (the key is ``from``).
    name : str
        What the sender is called.
    label : str
        Label that it brings.
    text : str
        What it says; where it is large, a payload beside the journal.
    size : int
        Bytes of the text.
    pipe : str
        What waited for it, where it came through a pipe: it is told at once.
    """

    id: str
    sender: int = key("from")
    name: str
    label: str
    text: str
    size: int
    pipe: str = ""


@event("message.awaited")
class MessageAwaited(Fact):
    """A call, or the process itself, waits for another process.

    Parameters
    ----------
    wait : str
        The call, or ``input``.
    what : {"message", "room", "process", "input"}
        A message, room for one, the end of a child, or the answer at the other end of a pipe.
    whom : list of int
        Pids of whoever can end the wait; empty for anybody.
    title : str
        What it waits for, in words.
    size : int, optional
        Bytes that need room.
    box : str
        The shared mailbox.
    wrote : list of int, optional
        Pids that ever wrote to it.
    sender : str
        The name of whose message it waits for, where nobody of that name was there yet.
    """

    wait: str
    what: Literal["message", "room", "process", "input"]
    whom: list[int]
    title: str
    size: int | None = None
    box: str = ""
    wrote: list[int] | None = None
    sender: str = ""


@event("message.ready")
class MessageReady(Fact):
    """What a call waited for is there.

    Parameters
    ----------
    wait : str
        The call.
    """

    wait: str


@event("message.taken")
class MessageTaken(Fact):
    """In a shared mailbox: a process took a message and holds it until its work is done.

    Parameters
    ----------
    id : str
        The message.
    by : int
        Pid of the taker.
    call : str
        The call that took it.
    """

    id: str
    by: int
    call: str


@event("message.done")
class MessageDone(Fact):
    """In a shared mailbox: the work of a message is done.

    Parameters
    ----------
    id : str
        The message.
    by : int
        Pid of its taker.
    why : str
        How that is known, where the taker has ended.
    """

    id: str
    by: int
    why: str = ""


@event("message.returned")
class MessageReturned(Fact):
    """In a shared mailbox: a message is there again, since its taker ended before it could do anything.

    Parameters
    ----------
    id, by, why
        As in `MessageDone`.
    """

    id: str
    by: int
    why: str = ""


@event("message.in_doubt")
class MessageInDoubt(Fact):
    """In a shared mailbox: nobody knows whether the work of a message was done; its sender is told.

    Parameters
    ----------
    id, by, why
        As in `MessageDone`.
    """

    id: str
    by: int
    why: str = ""
