"""What a step prints and displays, kept apart from other steps and from the user's own cells.

A ContextVar names the sink of the running step; stdout and stderr are lasting proxies that ask it at every write.
Nothing is swapped while a step awaits: holding `capture_output` over an await breaks a kernel. Limits: a thread that
a step starts has no sink (Python gives new threads an empty context), so it prints where the user's cells print;
`os.system`, C code and ``sys.stdout.buffer`` write past Python.
"""

from __future__ import annotations

import base64
import binascii
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from llmos_nb.messages import Part
from llmos_nb.tools.devices.python.markup import as_markdown
from llmos_nb.tools.text import RECORDED, ends, safe_text


class Record:
    """Text of any length, of which head and tail are kept.

    Parameters
    ----------
    limit : int
        Most bytes of `text`.
    """

    def __init__(self, limit: int = RECORDED) -> None:
        self.limit, self.size = limit, 0
        self._head: list[str] = []
        self._tail: list[str] = []
        self._room, self._tail_chars, self._whole = limit, 0, True

    @property
    def whole(self) -> bool:
        """Whether nothing of it was left out."""
        return self._whole and self.size <= self.limit

    def add(self, text: str) -> None:
        """Take more text; its true size is counted."""
        self.size += len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
        if self._room > 0:
            self._head.append(text[: self._room])
            text = text[self._room :]
            self._room -= len(self._head[-1])
        if text:
            self._whole = self._whole and self._tail_chars + len(text) <= self.limit
            self._tail.append(text[-self.limit :])
            self._tail_chars += len(self._tail[-1])
            if self._tail_chars > 4 * self.limit:
                self._squeeze()

    def _squeeze(self) -> None:
        self._tail = ["".join(self._tail)[-self.limit :]]
        self._tail_chars = len(self._tail[0])

    @property
    def text(self) -> str:
        """The text, safe to show, within the limit."""
        self._squeeze()
        head, tail = safe_text("".join(self._head)).encode(), safe_text("".join(self._tail)).encode()
        if self._whole and len(head) + len(tail) <= self.limit:
            return (head + tail).decode()
        if self._whole:
            head = tail = head + tail
        return ends(head, tail or head, max(self.size - self.limit, 1), self.limit)


SHOWN_CHARS, IMAGES, IMAGE_BYTES, PIECES = 65_536, 8, 4 << 20, 20_000
FORMS_CHARS = 60_000  # that one step may keep of what its displays show as more than text
# the text of what has none: its Markdown, or what its HTML shows, says more
_BARE = re.compile(r"<[\w.]+ (?:object|(?:object )?at 0x[0-9a-fA-F]+)>")
Bundle = Mapping[str, Any]
P = ParamSpec("P")
R = TypeVar("R")


class Sink:
    """Where one step's output goes: shown as it comes, recorded within bounds.

    Parameters
    ----------
    on_text : callable
        Takes text as it is printed.
    on_display : callable
        Takes what is more than text, by media type; its words went to `on_text`, except those of an image.
    """

    def __init__(self, on_text: Callable[[str], None], on_display: Callable[[Bundle], None]) -> None:
        self._on_text, self._on_display = outside_steps(on_text), outside_steps(on_display)
        self.record, self.images, self.open = Record(), list[Part](), True
        self.pieces: list[tuple[str, str, str]] = []  # what it was, for the cell that shows it again, with its own text
        self.forms: list[str] = []  # as Markdown, of each ``display`` where that says more than its text
        self.describe: Callable[[str], str] = lambda plain: plain
        self._shown = 0

    def write(self, text: str, kind: str = "stdout", own: str = "") -> None:
        """Take what was printed, or what else is to be read: a ``value``, a ``display``, an ``image``'s words.

        `own` is the plain text that a cell has of it, where that is another one.
        """
        self.record.add(text)
        if len(self.pieces) < PIECES and self.record.whole:
            self.pieces.append((kind, text, own))
        room = SHOWN_CHARS - self._shown
        if kind == "image" or room <= 0:  # what a picture shows is seen
            return
        self._shown += len(text)
        more = "\n… the rest is recorded and not shown …\n" if len(text) > room else ""
        with suppress(Exception):  # a view that fails is no fault of the step
            self._on_text(safe_text(text[:room]) + more)

    def display(self, bundle: Bundle, update: bool = False, kind: str = "display") -> None:
        """Take what was displayed; the model gets its text and its images."""
        plain = str(bundle.get("text/plain", ""))
        image = next((m for m in ("image/png", "image/jpeg") if m in bundle), "")
        bare, html = _BARE.fullmatch(plain), bundle.get("text/html")
        rich = str(bundle.get("text/markdown", ""))
        if not rich and not image and (bare or "<table" in str(html)):
            rich = as_markdown(html)
        source = rich if bare else ""
        words = self.describe(plain) if image else source or plain
        data = _raw(bundle[image]) if image and len(self.images) < IMAGES else b""
        if not update and words:
            self.write(words + "\n", "image" if data else kind, plain if source and not image else "")
            if kind == "display" and not data:
                room = FORMS_CHARS - sum(map(len, self.forms))
                self.forms.append("" if bare or image or len(rich) > room else safe_text(rich))
        if data:
            self.images.append(Part("image", words or "image", image, data))
        if bundle.keys() - {"text/plain"}:
            with suppress(Exception):
                self._on_display(bundle)


def _raw(data: Any) -> bytes:
    """Return an image's bytes; nothing where they are too many or are none."""
    with suppress(TypeError, binascii.Error):
        raw = base64.b64decode(data) if isinstance(data, str) else bytes(data)
        return raw if len(raw) <= IMAGE_BYTES else b""
    return b""


_sink: ContextVar[Sink | None] = ContextVar("sink", default=None)


def current() -> Sink | None:
    """Return the sink of the running step; None outside steps, and in what a step left running."""
    sink = _sink.get()
    return sink if sink is not None and sink.open else None


@contextmanager
def captured(on_text: Callable[[str], None], on_display: Callable[[Bundle], None], ip: Any = None) -> Iterator[Sink]:
    """Send what the code inside prints and displays to a sink of its own.

    Parameters
    ----------
    on_text, on_display : callable
        Show it to the user.
    ip : InteractiveShell, optional
        IPython's; without it only stdout and stderr are taken.
    """
    install(ip)
    streams = sys.stdout, sys.stderr
    sink = Sink(on_text, on_display)
    token = _sink.set(sink)
    try:
        yield sink
    finally:
        sink.open = False
        _sink.reset(token)
        sys.stdout, sys.stderr = streams  # a step may have bound them to something else


def outside_steps(fn: Callable[P, R]) -> Callable[P, R]:
    """Wrap a function so that what it prints is nobody's output, even when a step calls it."""

    @wraps(fn)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        token = _sink.set(None)
        try:
            return fn(*args, **kwargs)
        finally:
            _sink.reset(token)

    return call


class StreamProxy:
    """A stream that gives to the running step's sink, or else to the stream it stands before."""

    def __init__(self, stream: Any, kind: str = "stdout") -> None:
        self.stream, self.kind = stream, kind

    def write(self, text: str) -> int:
        """Write to whoever is to have it."""
        if (sink := current()) is None:
            return int(self.stream.write(text) or 0)
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        sink.write(text, self.kind)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def close(self) -> None:
        """Close the stream; a step cannot."""
        if current() is None:
            self.stream.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def install(ip: Any = None) -> None:
    """Put the proxies in place, where they are not; they stay."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, StreamProxy):
            setattr(sys, name, StreamProxy(stream, name))
    if ip is None:
        return
    publisher = ip.display_pub
    if hasattr(publisher, "register_hook"):
        publisher.unregister_hook(_on_message)
        publisher.register_hook(_on_message)
    elif not hasattr(publisher.publish, "__wrapped__"):
        publisher.publish = _publishing(publisher.publish)


def uninstall(ip: Any = None) -> None:
    """Take the proxies away again."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, StreamProxy):
            setattr(sys, name, stream.stream)
    publisher: Any = getattr(ip, "display_pub", None)
    if hasattr(publisher, "unregister_hook"):
        publisher.unregister_hook(_on_message)
    elif publisher is not None and "publish" in vars(publisher):
        del publisher.publish


def _on_message(message: dict[str, Any]) -> dict[str, Any] | None:
    """Take a kernel's display message for the running step; None ends its way."""
    if (sink := current()) is None:
        return message
    kind = message["header"]["msg_type"]
    if kind in ("display_data", "update_display_data"):
        sink.display(message["content"]["data"], update=kind != "display_data")
    return None


def _publishing(publish: Callable[..., None]) -> Callable[..., None]:
    """Wrap the publisher of an IPython that has no hooks."""

    @wraps(publish)
    def call(data: Bundle, *args: Any, **kwargs: Any) -> None:
        if (sink := current()) is None:
            publish(data, *args, **kwargs)
        else:
            sink.display(data, update=bool(kwargs.get("update")))

    return call
