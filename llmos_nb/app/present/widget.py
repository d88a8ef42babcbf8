"""The panel as a widget: a view goes in, verbs come out.

This module imports ipywidgets, so only what draws in a notebook imports it, and late.

The full view stands in the synced trait `view`, which is changed *in place*: a page that is reloaded, or a second
window, asks for the state and gets all of it, while open pages get only differences as messages. Every view has a
revision; a page that missed one notices and asks again.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from typing import Any, cast

import anywidget
import traitlets

from llmos_nb.app.present.clicks import listen
from llmos_nb.errors import LlmosError
from llmos_nb.views import VERBS, PanelView

GROWING = ("events", "stream")


def difference(old: dict[str, Any], new: dict[str, Any], most: int = 400) -> dict[str, Any]:
    """Say how `new` differs from `old`.

    Parameters
    ----------
    old, new : dict
        Two views; rows that did not change may be the same objects, which makes this cheap.
    most : int
        How many events one patch may carry; the next patch brings the rest.

    Returns
    -------
    dict
        A patch for `apply`, empty if nothing differs.
    """
    dropped = [key for key in old if key not in new]
    patch: dict[str, Any] = {"drop": dropped} if dropped else {}
    for key, value in new.items():
        before = old.get(key)
        if key in old and (before is value or before == value):
            continue
        if key == "steps" and before:
            patch["steps"] = _rows(before, value)
        elif key in GROWING and before is not None and value[: len(before)] == before:
            tail = value[len(before) :]
            patch.setdefault("append", {})[key] = tail[:most] if key == "events" else tail
        else:
            patch.setdefault("set", {})[key] = value[:most] if key == "events" else value
    return patch


def apply(view: dict[str, Any], patch: dict[str, Any]) -> None:
    """Carry a patch out on `view`, in place."""
    for key in patch.get("drop", ()):
        view.pop(key, None)
    view.update(patch.get("set", {}))
    for key, tail in patch.get("append", {}).items():
        view[key] = view[key] + tail
    if rows := patch.get("steps"):
        known = {row["n"]: row for row in [*view.get("steps", []), *rows["put"]]}
        order = rows.get("order", [row["n"] for row in view.get("steps", [])])
        view["steps"] = [known[n] for n in order]


def _rows(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> dict[str, Any]:
    known, order = {row["n"]: row for row in old}, [row["n"] for row in new]
    rows: dict[str, Any] = {"put": [row for row in new if known.get(row["n"]) != row]}
    return rows if order == list(known) else {**rows, "order": order}


ASSETS = files("llmos_nb.app.present") / "assets"
SCRIPTS = "dom text blocks header loop timeline editor card plan verbs stop keys focus store listeners panel"
STREAM_MOST = 32 * 1024
Clock = Callable[[], float]
OnVerb = Callable[[dict[str, Any]], None]
Tell = Callable[..., object]


def front_end() -> str:
    """Join the scripts into the one module that anywidget takes.

    They are plain ES modules that name everything once, so joining them in order, without the lines that import one
    from another and without `export`, gives one module with the same meaning.
    """
    text = "\n".join((ASSETS / f"{name}.js").read_text("utf-8") for name in SCRIPTS.split())
    text = re.sub(r'^import \{[^}]*\} from "\./\w+\.js";$', "", text, flags=re.MULTILINE)
    return re.sub(r"^export (?!default)", "", text, flags=re.MULTILINE)


class Pacer:
    """Say when the next message may go: ten a second at most, and 100 KB a second.

    Parameters
    ----------
    clock : callable
        Seconds, rising.
    gap : float
        Least time between two messages.
    rate : float
        Bytes a second.
    """

    def __init__(self, clock: Clock = time.monotonic, gap: float = 0.105, rate: float = 90_000) -> None:
        self._clock, self._gap, self._rate, self._free = clock, gap, rate, float("-inf")

    def delay(self) -> float:
        """Return the seconds until a message may go."""
        return max(0.0, self._free - self._clock())

    def sent(self, size: int) -> None:
        """Note a message of `size` bytes: the larger it was, the longer the silence after it."""
        self._free = self._clock() + max(self._gap, size / self._rate)


class Panel(anywidget.AnyWidget):
    """The panel of one process.

    Parameters
    ----------
    on_verb : callable
        Gets every verb as a dict, ``{"verb": "approve", "call": "r4.0", "digest": "…"}``, on the panel's thread. An
        `LlmosError` it raises is shown in the panel.
    view : PanelView, optional
        The first view.
    loop_svg : str
        The loop as drawn by Graphviz.
    tell : callable, optional
        ``tell(act, *args)`` has something done on the thread where the panel lives; clicks are then taken there,
        whatever the main thread does.
    """

    _esm = front_end()
    _css = (ASSETS / "panel.css").read_text("utf-8")
    view = traitlets.Dict().tag(sync=True)
    loop_svg = traitlets.Unicode().tag(sync=True)

    def __init__(
        self, on_verb: OnVerb, view: PanelView | None = None, loop_svg: str = "", tell: Tell | None = None
    ) -> None:
        self._on_verb, self._pacer = on_verb, Pacer()
        self._wanted: dict[str, Any] = {**cast(dict[str, Any], view or {}), "rev": 0, "stream": ""}
        self._timer: asyncio.TimerHandle | None = None
        super().__init__(view=dict(self._wanted), loop_svg=loop_svg)
        if tell is None or not listen(self.comm, partial(tell, self._receive, self)):
            self.on_msg(self._receive)

    def show(self, view: PanelView) -> None:
        """Show a view, now or within a tenth of a second.

        Parameters
        ----------
        view : PanelView
            The whole view. The panel keeps it, so build a new one (its unchanged rows may be the same objects).
        """
        streams = any(block["kind"] == "stream" for block in view.get("now", ()))
        kept = {"rev": self._wanted["rev"], "stream": self._wanted["stream"] if streams else ""}
        self._wanted = {**cast(dict[str, Any], view), **kept}
        self._send_soon()

    def stream(self, text: str) -> None:
        """Add text to the view's `stream` block; of a very long one the end is kept."""
        whole = self._wanted["stream"] + text
        self._wanted["stream"] = whole if len(whole) <= STREAM_MOST else whole[-STREAM_MOST // 2 :]
        self._send_soon()

    def flush(self) -> None:
        """Send what waits; for the moment before code that holds the main thread."""
        self._cancel_timer()
        if not (patch := difference(self.view, self._wanted)):
            return
        self._wanted["rev"] = rev = self.view["rev"] + 1
        apply(self.view, patch)
        self.view["rev"] = rev
        message = {"kind": "update", "rev": rev, "patch": patch}
        self._pacer.sent(len(json.dumps(message)))
        self.send(message)
        if difference(self.view, self._wanted):
            self._send_soon()

    def close(self) -> None:
        """Take the panel off every page."""
        self._cancel_timer()
        super().close()

    def _send_soon(self) -> None:
        """Send at once when that is allowed, else by a timer of the running loop."""
        if self._timer is not None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # no loop will ever come back to it
            return self.flush()
        if (delay := self._pacer.delay()) <= 0:
            return self.flush()
        self._timer = loop.call_later(delay, self.flush)
        return None

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _receive(self, _widget: object, content: dict[str, Any], _buffers: object = None) -> None:
        """Take a message of a page: say that it was heard, then act."""
        message = dict(content)
        verb, ticket = message.get("verb"), message.pop("seq", None)
        if verb == "sync":
            return self._sync(message.get("rev"))
        self.send({"kind": "heard", "seq": ticket})
        if verb not in VERBS:
            return self.note(f"unknown verb {verb!r}")
        try:
            self._on_verb(message)
        except LlmosError as error:
            self.note(str(error))
        return None

    def _sync(self, rev: object) -> None:
        """Return a page all of the view if its revision is not the last."""
        if rev != self.view["rev"]:
            self.send({"kind": "full", "view": self.view})

    def note(self, text: str) -> None:
        """Show one line under the state until the next change of state."""
        self.send({"kind": "note", "text": text})
