"""The event of a state that was saved beside the journal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from llmos_nb.journal.events.base import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSaved(Fact):
    """The state after the event before this one was saved beside a long journal; it changes nothing.

    Parameters
    ----------
    state : dict
        The reference of the payload: ``{"blob", "salt", "size", "mime"}``.
    code : str
        Digest of the code that folded it.
    """

    kind: ClassVar[str] = "state.saved"
    state: dict[str, Any]
    code: str
