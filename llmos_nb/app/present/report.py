"""Showing a report where people look: in a notebook as HTML, which may follow what happens; elsewhere as text."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from llmos_nb.app.present.front import front_end
from llmos_nb.errors import LlmosError
from llmos_nb.views.report import Report, bundle, words

EVERY_S = 0.5  # at least, between two drawings in one place


class Place:
    """Where a report stands: shown once, then replaced; where there is no notebook, the next goes below.

    Parameters
    ----------
    ip : object
        The IPython session.
    """

    def __init__(self, ip: Any) -> None:
        self.notebook = getattr(ip, "kernel", None) is not None
        self._handle: Any = None
        self._shown = ""

    def put(self, report: Report) -> None:
        """Show a report, unless it says what stands there already."""
        said = words(report)
        if said == self._shown:
            return
        self._shown = said
        if not self.notebook:
            print(said)
            return
        from IPython.display import display

        if self._handle is None:
            self._handle = display(bundle(report), raw=True, display_id=True)
        else:
            self._handle.update(bundle(report), raw=True)


def show(ip: Any, report: Report) -> None:
    """Show a report once."""
    Place(ip).put(report)


_following: set[asyncio.Task[None]] = set()


def follow(ip: Any, make: Callable[[], Report], goes_on: Callable[[], bool]) -> None:
    """Show a report, and in a notebook with a page keep it up to date until nothing goes on any more.

    What is shown so next takes over: of two tables only the new one moves.
    """
    place = Place(ip)
    place.put(make())
    for task in tuple(_following):
        task.cancel()
    if front_end(ip) != "panel" or not goes_on():
        return
    with suppress(RuntimeError):  # no event loop runs
        task = asyncio.get_running_loop().create_task(_follow(place, make, goes_on))
        _following.add(task)
        task.add_done_callback(_following.discard)


async def _follow(place: Place, make: Callable[[], Report], goes_on: Callable[[], bool]) -> None:
    """Show it again and again; where that fails, what was shown last stays: nobody asked for more."""
    more = True
    with suppress(LlmosError, OSError):
        while more:
            await asyncio.sleep(EVERY_S)
            more = goes_on()
            place.put(make())
