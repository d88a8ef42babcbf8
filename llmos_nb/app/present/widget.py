"""The panel: a view goes in, verbs come out; by a widget, and by comms of pages that draw it themselves.

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

from llmos_nb.app.lab.panels import Panels, custom
from llmos_nb.app.present.clicks import listen
from llmos_nb.errors import LlmosError
from llmos_nb.views import VERBS, PanelView
from llmos_nb.views.panel import live_of

LIVE = ("stream", "written", "printed")
GROWING = ("events", *LIVE)


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
SCRIPTS = (
    "dom text answer clock doing live sheet sight blocks loop foot header timeline editor danger card plan plandoc "
    "verbs drag stop keys focus fold store listeners panel"
)
STYLES = "panel steps layout plan sheet danger ended"
STREAM_MOST = 32 * 1024
MOST_COMMS = 7  # beside the newest: a page that was closed may have left its own open
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


def style_sheet() -> str:
    """Join the style sheets."""
    return "\n".join((ASSETS / f"{name}.css").read_text("utf-8") for name in STYLES.split())


class Pacer:
    """Say when the next message may go: with those of the rows of all processes ten a second, and 100 KB a second.

    Parameters
    ----------
    clock : callable
        Seconds, rising.
    gap : float
        Least time between two messages.
    rate : float
        Bytes a second.
    """

    def __init__(self, clock: Clock = time.monotonic, gap: float = 0.13, rate: float = 90_000) -> None:
        self._clock, self._gap, self._rate, self._free = clock, gap, rate, float("-inf")

    def delay(self) -> float:
        """Return the seconds until a message may go."""
        return max(0.0, self._free - self._clock())

    def sent(self, size: int) -> None:
        """Note a message of `size` bytes: the larger it was, the longer the silence after it."""
        self._free = self._clock() + max(self._gap, size / self._rate)


class Feed:
    """What pages follow of one process: views go out by difference, verbs come in.

    Parameters
    ----------
    on_verb : callable
        Gets every verb as a dict, ``{"verb": "approve", "call": "r4.0", "digest": "…"}``, on the panel's thread. An
        `LlmosError` it raises is shown in the panel.
    view : PanelView, optional
        The first view.
    tell : callable, optional
        ``tell(act, *args)`` has something done on the thread where the panel lives; clicks are then taken there,
        whatever the main thread does.
    """

    view: Any

    def __init__(self, on_verb: OnVerb, view: PanelView | None = None, tell: Tell | None = None) -> None:
        self._begin(on_verb, view, tell)
        self.view = dict(self._wanted)

    def _begin(self, on_verb: OnVerb, view: PanelView | None, tell: Tell | None) -> None:
        self._on_verb, self._tell, self._pacer = on_verb, tell, Pacer()
        self._wanted: dict[str, Any] = {**cast(dict[str, Any], view or {}), "rev": 0, **dict.fromkeys(LIVE, "")}
        self._of = live_of(self._wanted.get("now", ()))
        self._make: Callable[[], PanelView] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._comms: list[Any] = []
        self.kept: Callable[[], dict[str, Any]] = dict
        """Returns all forms of what is shown, for a page to keep in its notebook."""
        self.on_followed: Callable[[], object] = dict
        """Called when the first page follows by a comm."""
        self.on_synced: Callable[[], object] = dict
        """Called when a page has asked for all."""
        self.followed = self.hears = False
        """Whether a page follows by a comm; whether clicks are heard while code holds the user's thread."""

    def attach(self, comm: Any) -> None:
        """Let pages follow by a comm of its own, beside what follows already."""
        self._comms = [*self._comms[-MOST_COMMS:], comm]
        comm.on_close(lambda _: self.detach(comm))
        if self._tell is not None and listen(comm, partial(self._tell, self._by_comm)):
            self.hears = True
        else:
            comm.on_msg(lambda message: self._by_comm(message["content"]["data"].get("content", {})))

    def _by_comm(self, content: dict[str, Any]) -> None:
        self._follows()
        self._receive(self, content)

    def welcome(self, comm: Any) -> None:
        """Send all of the view by a comm that a page has opened: what it says before it has it may be lost."""
        comm.send(custom({"kind": "full", "view": self.view}))
        self._follows()

    def _follows(self) -> None:
        first, self.followed, Panels.drawing = not self.followed, True, True
        if first:
            self.on_followed()

    def detach(self, comm: Any) -> None:
        """Send nothing by a comm any more: nobody is at its other end."""
        self._comms = [each for each in self._comms if each is not comm]

    def send(self, message: dict[str, Any]) -> None:
        """Send a message to every page."""
        for comm in self._comms:
            comm.send(custom(message))

    def show(self, view: PanelView) -> None:
        """Show a view, now or within a tenth of a second.

        Parameters
        ----------
        view : PanelView
            The whole view. The panel keeps it, so build a new one (its unchanged rows may be the same objects).
        """
        self._take(view)
        self._send_soon()

    def show_latest(self, make: Callable[[], PanelView], live: str | None) -> None:
        """Show what `make` returns when it is sent: what comes between two messages costs no view.

        Parameters
        ----------
        make : callable
            Returns the whole view, a new one each time.
        live : str or None
            What its `live` block will be about; None where it will have none.
        """
        self._live(live)
        self._make = make
        self._send_soon()

    def _take(self, view: PanelView) -> None:
        self._make = None
        self._live(live_of(view.get("now", ())))
        kept = {key: self._wanted[key] for key in ("rev", *LIVE)}
        self._wanted = {**cast(dict[str, Any], view), **kept}

    def _live(self, of: str | None) -> None:
        """Begin with empty texts where the `live` block is about something else."""
        before, self._of = self._of, of
        if before != of:
            self._wanted |= dict.fromkeys(LIVE, "")

    def stream(self, text: str, part: str = LIVE[0]) -> None:
        """Add to what the view's `live` block shows: text, code or prints; of very much the end is kept."""
        whole = self._wanted[part] + text
        self._wanted[part] = whole if len(whole) <= STREAM_MOST else whole[-STREAM_MOST // 2 :]
        self._send_soon()

    def flush(self) -> None:
        """Send what waits; for the moment before code that holds the main thread."""
        self._cancel_timer()
        if self._make is not None:
            self._take(self._make())
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
        """Follow no more."""
        self._cancel_timer()
        for comm in self._comms:
            comm.close()
        self._comms = []

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
        if verb == "keep":
            return self.send({"kind": "keep", "data": self.kept()})
        self.send({"kind": "heard", "seq": ticket})
        if verb not in VERBS:
            return self.note(f"unknown verb {verb!r}")
        try:
            self._on_verb(message)
        except LlmosError as error:
            self.note(str(error))
        return None

    def _sync(self, rev: object) -> None:
        """Return a page what time it is here, and all of the view if its revision is not the last."""
        self.send({"kind": "clock", "at": time.time()})
        if rev != self.view["rev"]:
            self.send({"kind": "full", "view": self.view})
        self.on_synced()

    def note(self, text: str) -> None:
        """Show one line under the state until the next change of state."""
        self.send({"kind": "note", "text": text})


class Panel(Feed, anywidget.AnyWidget):
    """The panel of one process as a widget; its parameters are those of `Feed`.

    Parameters
    ----------
    loop_svg : str
        The loop as drawn by Graphviz.
    """

    _esm = front_end()
    _css = style_sheet()
    view = traitlets.Dict().tag(sync=True)
    loop_svg = traitlets.Unicode().tag(sync=True)

    def __init__(
        self, on_verb: OnVerb, view: PanelView | None = None, loop_svg: str = "", tell: Tell | None = None
    ) -> None:
        self._begin(on_verb, view, tell)
        anywidget.AnyWidget.__init__(self, view=dict(self._wanted), loop_svg=loop_svg)
        self._drawn = False  # whether a page has drawn the widget
        self.hears = tell is not None and listen(self.comm, partial(tell, self._by_widget, self))
        if not self.hears:
            self.on_msg(self._by_widget)

    def _by_widget(self, widget: object, content: dict[str, Any], buffers: object = None) -> None:
        self._drawn |= content.get("verb") != "sync" or bool(content.get("drawn"))  # a page knows what it draws
        self._receive(widget, content, buffers)

    def send(self, message: dict[str, Any], buffers: Any = None) -> None:
        """Send a message to every page, the way it follows; both ways until a page has spoken."""
        if self.followed or not self._drawn:
            super().send(message)
        if self._drawn or not self.followed:
            anywidget.AnyWidget.send(self, message, buffers)

    def close(self) -> None:
        """Take the panel off every page."""
        super().close()
        anywidget.AnyWidget.close(self)
