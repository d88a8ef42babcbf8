"""The event of a state that was saved beside the journal."""

from __future__ import annotations

from typing import Any

from llmos_nb.journal.events.base import Fact, event


@event("state.saved")
class StateSaved(Fact):
    """The state after the event before this one was saved beside a long journal; it changes nothing.

    Parameters
    ----------
    state : dict
        The reference of the payload: ``{"blob", "salt", "size", "mime"}``.
    code : str
        Digest of the code that folded it.
    """

    state: dict[str, Any]
    code: str
