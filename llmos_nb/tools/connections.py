"""Connections: where a step connects to, and what it sends by one that may have been open before it began."""

from __future__ import annotations

import importlib
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from types import FrameType
from typing import Any, Protocol
from weakref import WeakSet

from llmos_nb.tools import unheard
from llmos_nb.tools.acting import by_library, caller, in_stdlib
from llmos_nb.tools.caching import places
from llmos_nb.tools.call import HANDLE
from llmos_nb.tools.commands import Said

MOST_HOSTS = 4096  # addresses that are kept
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_own: WeakSet[socket.socket] = WeakSet()
"""Where steps wait for others, which was judged, what has come in there, and pairs that they made for themselves."""


_placed: list[tuple[type, str, object, object]] = []


def follow() -> None:
    """Have it told what is sent by a connection, also one that was open before, until `leave`."""
    for owner, names in () if _placed else _senders():
        for name in names.split():
            made = unheard.telling(getattr(owner, name), "llmos.send", lambda args, _: args[:1])
            unheard.conceal(made)
            _placed.append((owner, name, made, vars(owner).get(name)))
            setattr(owner, name, made)


def _senders() -> Iterator[tuple[type, str]]:
    """Yield what sends, by which methods. Those of the class in C, which no Python takes the place of, tell nothing."""
    yield socket.socket, "send sendall sendfile"
    with suppress(ImportError):  # a browser has none
        yield importlib.import_module("ssl").SSLSocket, "send write"


def leave() -> None:
    """Put back what stood there: an event loop sends something at each call from another thread."""
    while _placed:
        owner, name, made, real = _placed.pop()
        if vars(owner).get(name) is not made:  # somebody else has put something in front since
            continue
        if real is None:  # it is inherited
            delattr(owner, name)
        else:
            setattr(owner, name, real)


class Made(Protocol):
    """What a step has made so far."""

    hosts: dict[str, str]


def itself(frame: FrameType) -> bool:
    """Return whether the step's own code has called this, and no library."""
    by_stdlib = frame.f_back is not None and in_stdlib(frame.f_back)
    return not by_stdlib and bool(caller(frame)) and not by_library(frame)


def connected(args: tuple[Any, ...], frame: FrameType, made: Made) -> Said | None:
    """Read where a socket is connected to, or what is sent there; with no address, where it is connected by now."""
    return _address(args[1], frame, made) if args[1] else sent(args, frame, made)


def _address(to: Any, frame: FrameType, made: Made) -> Said | None:
    if isinstance(to, tuple):
        own = to[0] in _LOOPBACK and to[1] == 0
        return None if own else ("network", f"{made.hosts.get(to[0], to[0])}:{to[1]}")
    where = os.fsdecode(to) if isinstance(to, str | bytes) else ""
    own = by_library(frame) or not caller(frame)  # of a pool of processes
    if not to or (own and os.path.realpath(where).startswith(places()[0] + os.sep)):
        return None
    return "network", f"unix:{where}"


def bound(args: tuple[Any, ...], frame: FrameType, made: Made) -> Said | None:
    """Read where a step waits for others; who comes there is answered without a further question."""
    if _peer(args[0]) is None:
        _own.add(args[0])
    return _address(args[1], frame, made)


def begun(args: tuple[Any, ...], frame: FrameType, made: Made) -> None:
    """Note a socket that a step gets where it waits for others, or as one of a pair."""
    by = frame.f_back
    if by is None or not in_stdlib(by):
        return
    waits = by.f_code.co_name == "accept" and by.f_locals.get("self") in _own
    if waits or by.f_code.co_name == "socketpair":
        _own.add(args[0])


def sent(args: tuple[Any, ...], frame: FrameType, made: Made) -> Said | None:
    """Read that something is sent by a connection, however its method was looked up."""
    to = None if args[0] in _own else _peer(args[0])
    if to == "":  # one of a pair: to a program, or within this one, as event loops have them
        return (HANDLE, "a pipe") if itself(frame) else None
    return None if to is None else _address(to, frame, made)


def _peer(connection: socket.socket) -> Any:
    """Return the address at the other end; None where there is no other end."""
    with suppress(OSError):
        return super(socket.socket, connection).getpeername()  # no code of a class of the step's
    return None


def host(args: tuple[Any, ...], frame: FrameType, made: Made) -> Said | None:
    """Read where a client of the standard library connects to."""
    return "network", ":".join(str(a) for a in args[1:3])


def said(args: tuple[Any, ...], frame: FrameType, made: Made) -> Said | None:
    """Read that a client of the standard library sends something by a connection."""
    at, port = (getattr(args[0], name, "") for name in ("host", "port"))
    at = at or getattr(args[0], "_host", "")  # of mail
    return "network", f"{at}:{port}" if port else str(at or "an open connection")


def looked_up(args: tuple[Any, ...], frame: FrameType, made: Made) -> Said | None:
    """Read a look-up of a name, which tells others by itself that somebody asked."""
    name, port = os.fsdecode(args[0]) if args[0] else "", args[1] if len(args) > 1 else None
    if name in ("", *_LOOPBACK, socket.gethostname()):
        return None
    return "network", f"{name}:{port}" if port else name


def learn(name: str | bytes, hosts: dict[str, str]) -> None:
    """Note the addresses of a host: a connection to one of them is a connection to it."""
    if len(hosts) > MOST_HOSTS:
        hosts.clear()
    with suppress(OSError, UnicodeError):
        hosts.update((str(found[4][0]), os.fsdecode(name)) for found in socket.getaddrinfo(name, None))
